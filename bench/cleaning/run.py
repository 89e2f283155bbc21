"""Produce and fetch with and without a compaction on the same data shard, in turns, in one run.

usage: run.py BINARY [ROUNDS [SECONDS [CLEANER-MB/S]]]; TMPDIR says where the data lies

A broker with one data shard has a compacted topic full of superseded records, which min.compaction.lag.ms keeps as they
are, and a topic that a steady load is written to and read from. In each round the load is measured twice, once with the
compacted topic left alone and once while it is compacted (the lag is taken away); which goes first alternates. Then the
dirt is renewed. Printed: p50, p99 and p99.9 of produce requests and of the time from produce to fetch, medians of the
rounds, and whether the compaction outlasted the measurement."""
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "run"))
import servers  # noqa: E402

DIRTY, LOADED = "dirty", "loaded"
KEYS, RECORDS, VALUE_BYTES = 20000, 100000, 1000
WHATS = {"produce": "produce", "tail": "produce to fetch"}  # as `ringmain bench tail` calls them


def tool(broker, *args, stdin=None):
    done = subprocess.run([servers.RINGMAIN, *args, "--bootstrap", broker.address], stdin=stdin, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(" ".join(args) + ": " + done.stderr)
    return done.stdout


def set_lag(broker, milliseconds):
    tool(broker, "config", "alter", "topic", DIRTY, "--set", f"min.compaction.lag.ms={milliseconds}")


def cleaned_offset(broker):
    try:
        with open(f"{broker.directory}/data/cleaner-offset-checkpoint") as f:
            return max([int(line.split()[2]) for line in f if line.startswith(DIRTY + " ")], default=0)
    except FileNotFoundError:
        return 0


def growing_segment(broker):
    """Its base offset: up to there everything may be compacted."""
    return max(int(name[:20]) for name in os.listdir(broker.data(DIRTY)) if name.endswith(".log"))


def await_cleaned(broker, end):
    """Seconds until the compaction is over; it must come to an end."""
    began = time.monotonic()
    while cleaned_offset(broker) < end:
        if time.monotonic() - began > 120:
            raise SystemExit("it is not compacted to its end")
        time.sleep(0.02)
    return time.monotonic() - began


def measure(broker, load_cpus, seconds):
    command = servers.Cores.pin(load_cpus) + [
        servers.RINGMAIN, "bench", "tail", "--rate", "1000", "--records", "10", "--record-bytes", "1000", "--topic", LOADED,
        "--seconds", str(seconds), "--warm-up", "0.3", "--json", "--bootstrap", broker.address]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit("ringmain bench: " + done.stderr)
    answer = json.loads(done.stdout)
    return {group["name"]: group["latency"] for group in answer["groups"]}


def fill(broker, path):
    """The records are on the device when the command ends: what is measured afterwards does not wait for them."""
    with open(path) as records:
        tool(broker, "produce", DIRTY, "--key-separator", "|", "--acks", "all", stdin=records)


def main():
    rounds, seconds, rate = (int(value) for value in (sys.argv[2:5] + ["5", "3", "100"][len(sys.argv) - 2:]))
    servers.RINGMAIN = os.path.abspath(sys.argv[1])
    directory = tempfile.mkdtemp(prefix="ringmain-cleaning-")
    cores = servers.Cores()
    broker = servers.Ringmain(cores, directory, ["ringmain.shards=1", "log.cleaner.backoff.ms=20",
                                                 "log.flush.offset.checkpoint.interval.ms=500",
                                                 f"log.cleaner.io.max.bytes.per.second={rate}000000"])
    results = {state: {what: [] for what in WHATS} for state in ("left alone", "compacted")}
    try:
        records = f"{directory}/records"
        chance = random.Random(1)
        with open(records, "w") as f:
            for i in range(RECORDS):
                f.write(f"key-{chance.randrange(KEYS)}|{i} {chance.randbytes(VALUE_BYTES // 2).hex()}\n")
        broker.start()
        tool(broker, "topic", "create", DIRTY, "--partitions", "1", "--config", "cleanup.policy=compact", "--config",
             "segment.bytes=16777216", "--config", "min.cleanable.dirty.ratio=0", "--config", "min.compaction.lag.ms=86400000")
        tool(broker, "topic", "create", LOADED, "--partitions", "1", "--config", "retention.bytes=100000000", "--config",
             "segment.bytes=16777216")
        for number in range(rounds):
            for state in sorted(results, reverse=number % 2 == 0):
                set_lag(broker, 86400000)
                fill(broker, records)
                end = growing_segment(broker)
                if state == "compacted":
                    set_lag(broker, 0)
                began = time.monotonic()
                for what, latency in measure(broker, cores.load, seconds).items():
                    results[state][what].append(latency)
                window = time.monotonic() - began
                if state == "compacted":
                    rest = await_cleaned(broker, end)
                    print(f"round {number + 1}: measured for {window:.1f} s, the compaction went on for {rest:.1f} s more", flush=True)
    finally:
        broker.stop()
        shutil.rmtree(directory, ignore_errors=True)
    report(results, rate)


def report(results, rate):
    print(f"the cleaner reads and writes {rate} MB/s")
    for what, text in WHATS.items():
        for name in ("p50", "p99", "p999"):
            alone, beside = (statistics.median(run[name + "_us"] for run in results[state][what])
                             for state in ("left alone", "compacted"))
            print(f"{text:18} {name:6} {alone:10.0f} us alone {beside:10.0f} us beside a compaction  {beside / max(alone, 1):.2f} x")


main()
