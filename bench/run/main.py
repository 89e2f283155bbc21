#!/usr/bin/env python3
"""`make bench`: the limits of the machine, Ringmain and a peer, interleaved; one table, JSON and HTML beside it.

usage: main.py [--rounds N] [--seconds S] [--minutes M] [--only KEY,KEY...] [--smoke] [--out DIR]
               [--peer kafka|HOST:PORT:PID|none]

Within a round every line is measured on one target after the other, so that what the machine does meanwhile meets
all of them; ratios are taken within a round. As root everything runs in a network namespace of its own with reno, since bbr
paces on loopback; a peer that was started elsewhere is measured where it is."""
import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import html_report
import lines as lines_of
import special
import table
from servers import Cores, Kafka, Limit, Ringmain, Stranger, load, remove, rss_bytes


class Bench:
    def __init__(self, options):
        self.options, self.cores = options, Cores()
        self.directory = tempfile.mkdtemp(prefix="ringmain-bench-", dir=options.directory)
        self.count = 0
        self.filled = set()
        self.rounds = {}    # (line key, metric index) -> [{target: value}]
        self.raw = []       # every report, for the JSON
        self.failures = []
        self.special_brokers = {}   # settings -> Ringmain
        self.once_s = 0     # for lines of one round only

    def say(self, text):
        print(text, file=sys.stderr, flush=True)

    def topic(self, stem):
        self.count += 1
        return f"{stem}-{self.count}"

    # ---- targets ----

    def start(self):
        self.ringmain = Ringmain(self.cores, f"{self.directory}/ringmain")
        self.ringmain.start()
        self.peer = None
        if self.options.peer == "kafka":
            self.peer = Kafka(self.cores, f"{self.directory}/kafka")
        elif self.options.peer != "none":
            self.peer = Stranger(self.options.peer)
        if self.peer:
            self.peer.start()
            time.sleep(self.options.pause)
            self.peer.idle_rss = rss_bytes(self.peer.pid)
        self.peer_name = self.peer.name if self.peer else "peer"

    def ringmain_with(self, settings):
        """The broker, or one of its own for lines with settings."""
        if not settings:
            return self.ringmain
        key = ",".join(settings)
        if key not in self.special_brokers:
            broker = Ringmain(self.cores, f"{self.directory}/ringmain-{len(self.special_brokers)}", settings)
            broker.name = f"ringmain {key}"
            broker.start()
            self.special_brokers[key] = broker
        return self.special_brokers[key]

    def stop(self):
        for broker in self.special_brokers.values():
            broker.stop(signal.SIGKILL)
        self.ringmain.stop(signal.SIGKILL)  # its data goes, too
        if self.peer:
            self.peer.stop()
        remove(self.directory)

    def run(self, server, workload, options, seconds=None, warm_up=0.4):
        report = load(self.cores, server, workload, options, seconds or self.options.seconds, warm_up)
        self.raw.append({"target": server.name, "workload": workload, "options": list(map(str, options)),
                         "report": report})
        return report

    def targets(self):
        """The brokers that are measured."""
        return [self.ringmain] + ([self.peer] if self.peer else [])

    def run_on_limit(self, arguments, workload, options, seconds=None, warm_up=0.4, threads=1):
        """Raw loops for one run; "append" gets a directory."""
        directory = f"{self.directory}/limit"
        remove(directory)
        os.makedirs(directory)
        limit = Limit(self.cores, arguments + ([directory] if arguments[-1] == "append" else []), threads)
        try:
            return self.run(limit, workload, options, seconds, warm_up)
        finally:
            limit.stop()
            remove(directory)

    def fill(self, server, topic, batch_bytes):
        self.run(server, "produce", ["--topic", topic, "--batch-bytes", batch_bytes, "--record-bytes",
                                     min(1000, batch_bytes // 2), "--connections", 2, "--in-flight", 5, "--rate",
                                     int(self.options.fill / batch_bytes)], 1.0, 0)

    def filled_topic(self, server, batch_bytes):
        """A topic to read: one partition per connection would be nicer to it; one for all is what replays do."""
        topic = f"fill-{batch_bytes}"
        if (server.name, topic) not in self.filled:
            self.filled.add((server.name, topic))
            self.fill(server, topic, batch_bytes)
        return topic

    def limit_segment(self, batch_bytes):
        """What the limit reads was written as a log is, append by append: that decides the sizes of its folios."""
        directory = f"{self.directory}/limit-{batch_bytes}"
        if not os.path.exists(directory):
            os.makedirs(directory)
            limit = Limit(self.cores, ["append", directory])
            self.fill(limit, "fill", batch_bytes)
            limit.stop()
        return f"{directory}/0.log"

    # ---- one line ----

    def measure(self, server, line, seconds=None, warm_up=0.4):
        options = list(line.options)
        if line.workload == "produce":
            options += ["--topic", self.topic(line.key), "--delete"]
        elif line.workload == "fetch":
            options += ["--topic", self.filled_topic(server, line.fill)]
        return self.run(server, line.workload, options, seconds, warm_up)

    def measure_limit(self, line):
        kind, _, size = line.limit.partition(":")
        if kind == "echo":  # of the request: a produce of one record has about the size of two pings
            ping = lines_of.BY_KEY["ping"]
            return self.run_on_limit(["echo"], ping.workload, ping.options)
        if kind == "read":
            return self.run_on_limit(["read", self.limit_segment(line.fill), size], line.workload, line.options)
        return self.run_on_limit(["append"], line.workload, line.options)

    def warm(self, chosen):
        """The peer's compiler has to have seen the work, on one core that takes a minute: until a whole pass over the
        lines is hardly better than the best before."""
        best = 0
        for number in range(8):
            total = 1.0
            for line in chosen:
                report = self.measure(self.peer, line, 1.0, 0.2)
                total *= report["groups"][0]["requests_per_cpu_s"] ** (1 / len(chosen))
            self.say(f"warming {self.peer.name}, pass {number + 1}: {total:.0f} requests per CPU-second")
            if number >= 2 and total < 1.1 * best:
                return
            best = max(best, total)

    def one_round(self, line, number):
        targets = ["limit", "ringmain"] + ([self.peer_name] if self.peer and not line.config else [])
        turn = number % len(targets)
        found = [{} for _ in line.metrics]
        for name in targets[turn:] + targets[:turn]:
            try:
                if name == "limit":
                    report = self.measure_limit(line)
                else:
                    report = self.measure(self.ringmain_with(line.config) if name == "ringmain" else self.peer, line)
            except RuntimeError as error:
                self.failures.append(str(error))
                continue
            for i, metric in enumerate(line.metrics):
                found[i][name] = lines_of.value_of(report, metric)
            time.sleep(self.options.pause)
        for i, values in enumerate(found):
            self.rounds.setdefault((line.key, i), []).append(values)
        self.say(f"  {line.key}: " + ", ".join(f"{k} {table.short(v)}" for k, v in found[0].items()))

    def keep_pace(self, done, took, left_s):
        """Where the rounds that are left would take longer than the time, runs become shorter, down to 0.6 s, and rounds
        fewer, down to three."""
        options, each = self.options, took - self.once_s
        self.once_s = 0
        while options.rounds > max(3, done + 1) and (options.rounds - done) * each * 0.7 > left_s:
            options.rounds -= 1
        expected = (options.rounds - done) * each
        if expected > max(left_s, 0):
            options.seconds = max(0.6, options.seconds * max(left_s, 0) / expected)
            self.say(f"  late: {left_s:.0f} s for what would take {expected:.0f}; runs of {options.seconds:.1f} s from here")

    def rows(self):
        rows = []
        for line in lines_of.LINES:
            for i, metric in enumerate(line.metrics):
                if (line.key, i) in self.rounds:
                    rows.append(table.summarize(line.title, metric.name, metric.suffix, self.rounds[line.key, i],
                                                self.peer_name, metric.limit_goal, metric.peer_goal))
        return rows


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--minutes", type=float, default=14, help="runs are shortened where it would take longer")
    parser.add_argument("--only", default="")
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--out", default="build/bench")
    parser.add_argument("--peer", default=os.environ.get("PEER", "kafka"))
    parser.add_argument("--restart-gib", type=float, default=10.0)
    parser.add_argument("--directory", default="/var/tmp")
    options = parser.parse_args()
    options.fill, options.pause = 256e6, 0.3
    options.restart_bytes = options.restart_gib * 2**30
    if options.smoke:
        options.rounds, options.seconds, options.fill, options.pause = 1, 0.4, 32e6, 0
    if options.peer == "kafka" and not shutil.which("java"):
        print("no java on this machine: no peer", file=sys.stderr)
        options.peer = "none"
    return options


def own_share():
    """As root: a scheduling group of its own with the highest weight, so that other work on the machine counts less."""
    if os.geteuid() != 0:
        return
    try:
        if os.getpid() != os.getsid(0):
            os.setsid()
        with open("/proc/self/autogroup", "w") as f:
            f.write("-20")
    except OSError:
        pass


def own_network(options):
    """Starts again in a namespace of its own (root, and no peer from outside)."""
    if os.geteuid() != 0 or options.peer not in ("kafka", "none") or os.environ.get("RINGMAIN_BENCH_NETNS"):
        return
    if os.system("unshare -n true 2>/dev/null") != 0 or not shutil.which("ip"):
        return
    script = ("ip link set lo up; sysctl -qw net.ipv4.tcp_congestion_control=reno 2>/dev/null; exec \"$@\"")
    os.environ["RINGMAIN_BENCH_NETNS"] = "1"
    os.execvp("unshare", ["unshare", "-n", "sh", "-c", script, "sh", sys.executable] + sys.argv)


def show(bench, options, rows, seconds):
    print(table.text(rows, bench.peer_name))
    for failure in bench.failures:
        print(f"FAILED: {failure}")
    document = {"cores": vars(bench.cores), "rounds": options.rounds, "seconds": options.seconds,
                "peer": bench.peer_name, "rows": rows, "curves": special.plots(bench), "runs": bench.raw}
    with open(f"{options.out}/bench.json", "w") as f:
        json.dump(document, f, indent=1)
    with open(f"{options.out}/bench.html", "w") as f:
        f.write(html_report.page(document))
    print(f"{options.out}/bench.json, {options.out}/bench.html; {seconds:.0f} s")
    if options.smoke:
        print(f"bench: {len(rows)} passed, {len(bench.failures)} failed")
    sys.stdout.flush()


def main():
    options = parse()
    own_network(options)
    own_share()
    os.makedirs(options.out, exist_ok=True)
    bench = Bench(options)
    wanted = [key for key in options.only.split(",") if key]
    began = time.monotonic()
    try:
        bench.start()
        chosen = [line for line in lines_of.LINES if not wanted or line.key in wanted]
        with_peer = [line for line in chosen if not line.config]
        if bench.peer and with_peer and not options.smoke:
            bench.warm(with_peer)
        number = 0
        while number < options.rounds:
            before = time.monotonic()
            bench.say(f"round {number + 1} of {options.rounds}, {before - began:.0f} s")
            for line in chosen:
                bench.one_round(line, number)
            special.one_round(bench, number, wanted)
            number, now = number + 1, time.monotonic()
            left_s = began + 60 * options.minutes - special.last_s(bench, wanted) - now
            bench.keep_pace(number, now - before, left_s)
        show(bench, options, bench.rows() + special.rows(bench), time.monotonic() - began)
    finally:
        bench.say("stopping the brokers and removing their data")
        bench.stop()
    return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
