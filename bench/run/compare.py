#!/usr/bin/env python3
"""Two builds of Ringmain against each other, in alternating runs: what a change is worth.

usage: compare.py BEFORE AFTER [--only KEY,KEY...] [--rounds N] [--seconds S]

Both brokers run all the time on the same cores, and are loaded one after the other in turning order; printed is the
median of the ratios within each round, AFTER to BEFORE, and their quartiles."""
import argparse
import os
import shutil
import signal
import statistics
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import lines as lines_of
from main import Bench, own_network, own_share
from servers import Ringmain


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--only", default="produce-100b,produce-16k,produce-one,ping,fetch-1m,fetch-4k")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--directory", default="/var/tmp")
    options = parser.parse_args()
    options.fill, options.pause, options.peer = 128e6, 0, "none"
    return options


class Pair(Bench):
    """Two brokers in the place of one and its peer."""

    def __init__(self, options):
        super().__init__(options)
        self.brokers = []
        for name, binary in (("before", options.before), ("after", options.after)):
            broker = Ringmain(self.cores, f"{self.directory}/{name}", binary=os.path.abspath(binary))
            broker.name = name
            self.brokers.append(broker)

    def close(self):
        for broker in self.brokers:
            broker.stop(signal.SIGKILL)
        shutil.rmtree(self.directory, ignore_errors=True)

    def compare(self, line):
        ratios = [[] for _ in line.metrics]
        for number in range(self.options.rounds):
            found = {}
            for broker in self.brokers[:: -1 if number % 2 else 1]:
                report = self.measure(broker, line, warm_up=0.2)
                found[broker.name] = [lines_of.value_of(report, metric) for metric in line.metrics]
            for i, (before, after) in enumerate(zip(found["before"], found["after"])):
                if before and after:
                    ratios[i].append(after / before)
        for metric, values in zip(line.metrics, ratios):
            low, middle, high = statistics.quantiles(values, n=4)
            print(f"{line.key:14} {metric.name:26} {middle:6.3f}  ({low:.3f} .. {high:.3f})", flush=True)


def main():
    options = parse()
    own_network(options)
    own_share()
    pair = Pair(options)
    try:
        for broker in pair.brokers:
            broker.start()
        for key in options.only.split(","):
            pair.compare(lines_of.BY_KEY[key])
    finally:
        pair.close()


if __name__ == "__main__":
    main()
