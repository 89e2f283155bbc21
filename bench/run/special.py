"""Lines that are more than one run of the load generator per target: latency at a rate, durable writes, many
partitions, a tail beside a backfill, two shards against one. Each adds its rows from what its rounds found."""
import json
import os
import signal
import subprocess
import time

import curves
import resting
import table
from servers import LIMIT, Cores, Ringmain, drop_cache, remove


class Found:
    """Values of each round by row and target."""

    def __init__(self):
        self.rounds = {}
        self.order = []
        self.curves = {}
        self.notes = {}  # row -> what its title says besides

    def add(self, number, row, target, value):
        if row not in self.rounds:
            self.rounds[row] = []
            self.order.append(row)
        while len(self.rounds[row]) <= number:
            self.rounds[row].append({})
        self.rounds[row][number][target] = value


def latency(report, group=0):
    return report["groups"][group]["latency"]


OPEN = ["--connections", 8, "--in-flight", 64, "--batch-bytes", 16384, "--record-bytes", 100, "--partitions", 4]


def open_loop(bench, found, number):
    """Half of what the peer can do (a fixed rate without one), latencies from the intended time of sending."""
    if not hasattr(bench, "open_rate"):
        rate = 5000
        if bench.peer:
            closed = bench.run(bench.peer, "produce", ["--connections", 8, "--in-flight", 5, "--batch-bytes", 16384,
                                                       "--record-bytes", 100, "--partitions", 4, "--topic",
                                                       bench.topic("rate"), "--delete"])
            rate = int(closed["groups"][0]["requests_per_s"] / 2)
        bench.open_rate = max(rate, 100)
    options = OPEN + ["--rate", bench.open_rate]
    results = {"limit": bench.run_on_limit(["append"], "produce", options)}
    for server in bench.targets():
        results[server.name] = bench.run(server, "produce", options + ["--topic", bench.topic("open"), "--delete"])
        time.sleep(bench.options.pause)
    for name, report in results.items():
        found.add(number, "open-p99", name, latency(report)["p99_us"])
        found.add(number, "open-p999", name, latency(report)["p999_us"])


def durable(bench, found, number):
    """acks=all at level flushed, 64 KiB, 100 MB/s; the limit writes with O_DIRECT and DSYNC at the same rate."""
    rate = int(100e6 / 65536)
    os.makedirs(f"{bench.directory}/sync", exist_ok=True)
    done = subprocess.run(Cores.pin(bench.cores.broker[:1]) + [LIMIT, "sync", f"{bench.directory}/sync", "65536",
                                                               str(rate), str(bench.options.seconds)],
                          stdout=subprocess.PIPE, text=True, check=True)
    results = {"limit": json.loads(done.stdout)}
    for server in bench.targets():
        config = ["--config", "flush.messages=1"] if server.name != "ringmain" else []
        report = bench.run(server, "produce", ["--connections", 4, "--in-flight", 16, "--batch-bytes", 65536,
                                               "--record-bytes", 1000, "--acks", "all", "--rate", rate, "--topic",
                                               bench.topic("durable"), "--delete"] + config)
        results[server.name] = latency(report)
        time.sleep(bench.options.pause)
    for name, numbers in results.items():
        found.add(number, "durable-p50", name, numbers["p50_us"])
        found.add(number, "durable-p99", name, numbers["p99_us"])


def partitions(bench, found, number):
    """The same rate in 16 KiB batches into 16 and into 5,000 partitions."""
    many = 100 if bench.options.smoke else 5000
    if number == 0:
        began = time.monotonic()
        for server in bench.targets():
            bench.run(server, "produce", ["--rate", 10, "--partitions", many, "--topic", f"parts-{many}"], 0.2, 0)
        bench.once_s += time.monotonic() - began
    for server in bench.targets():
        for count in (16, many):
            topic = f"parts-{count}"
            report = bench.run(server, "produce", ["--connections", 8, "--in-flight", 64, "--batch-bytes", 16384,
                                                   "--record-bytes", 100, "--rate", bench.open_rate, "--partitions",
                                                   count, "--topic", topic])
            kind = "few" if count == 16 else "many"
            found.add(number, f"parts-{kind}-rate", server.name, report["groups"][0]["bytes_per_s"] / 1e6)
            found.add(number, f"parts-{kind}-p99", server.name, latency(report)["p99_us"])


def tail(bench, found, number):
    """A live tail alone, beside a hot and beside a cold backfill of five times its rate."""
    options = ["--record-bytes", 100, "--records", 100, "--rate", 2000, "--connections", 2, "--in-flight", 16]
    for server in bench.targets():
        filled = bench.filled_topic(server, 262144)
        for kind in ("alone", "hot", "cold"):
            more = [] if kind == "alone" else ["--backfill", filled, "--backfill-rate", 120]
            if kind == "cold":
                drop_cache(server.data(filled))
            report = bench.run(server, "tail", options + more + ["--topic", bench.topic("tail"), "--delete"],
                               2 * bench.options.seconds)
            found.add(number, f"tail-{kind}", server.name, latency(report, 1)["p999_us"])


# Each connection has a partition of its own: bytes that two of them read are in the core's cache the second time, of one
# shard more often than of two.
SHARDS = ["--connections", 32, "--partitions", 32]
SHARDS_WORK = {"produce": (SHARDS + ["--in-flight", 5, "--batch-bytes", 16384], "bytes_per_s", 1e6),
               "fetch": (SHARDS + ["--read-bytes", 16384], "requests_per_s", 1)}


def on_shards(bench, target, broker, work, options, count):
    """One run. Short: what two shards write in two seconds is more than the kernel lets wait for a slow device."""
    if target == "ringmain":
        own = ["--topic", bench.topic("shards"), "--delete"] if work == "produce" else ["--topic", "filled"]
        return bench.run(broker, work, options + own, 0.5, 0.2)
    arguments = ["append"] if work == "produce" else ["read", bench.limit_segment(16384), "16384"]
    return bench.run_on_limit(arguments, work, options, 0.5, 0.2, count)


def shards(bench, found, number):
    """The same work for one shard on one core and for two on two; for the loops of the limit, too."""
    if len(bench.cores.broker) < 2 or bench.options.smoke:
        return
    brokers = {count: Ringmain(bench.cores, f"{bench.directory}/shards-{count}", [f"ringmain.shards={count}"],
                               bench.cores.broker[:count]) for count in (1, 2)}
    values = {}
    try:
        for broker in brokers.values():
            broker.start()
            bench.run(broker, "produce", SHARDS + ["--topic", "filled", "--batch-bytes", 16384, "--rate",
                                                   int(bench.options.fill / 16384)], 1.0, 0)
        for turn in (1, -1, 1):
            for work, (options, key, unit) in SHARDS_WORK.items():
                for target in ("limit", "ringmain")[::turn]:
                    for count in (1, 2)[::turn]:
                        report = on_shards(bench, target, brokers[count], work, options, count)
                        values.setdefault((count, work, target), []).append(report["groups"][0][key] / unit)
    finally:
        for broker in brokers.values():
            broker.stop(signal.SIGKILL)  # their data goes, too
            remove(broker.directory)
    for (count, work, target), samples in values.items():
        found.add(number, f"shards-{count}-{work}", target, table.median(samples))


LINES = {"open": open_loop, "durable": durable, "partitions": partitions, "tail": tail, "shards": shards,
         "idle": resting.idle, "curves": curves.run, "restart": resting.restart}
# The last round only: after so many bytes a shared disk is slow for minutes. Seconds that they take.
LAST = {"curves": 80, "restart": 60}

# row: title, number, suffix, goal against the limit, goal against the peer
ROWS = {
    "open-p99": ("open loop at half of the peer's maximum, 16 KiB", "p99, us", ("<=", 2), ("<=", 0.125)),
    "open-p999": ("open loop at half of the peer's maximum, 16 KiB", "p99.9, us", ("<=", 2), ("<=", 0.2)),
    "durable-p50": ("acks=all, flushed, 64 KiB, 100 MB/s", "p50, us", ("<=", 2), ("<=", 0.25)),
    "durable-p99": ("acks=all, flushed, 64 KiB, 100 MB/s", "p99, us", ("<=", 3), ("<=", 0.1)),
    "parts-few-rate": ("16 partitions, 16 KiB", "MB/s", None, None),
    "parts-many-rate": ("5,000 partitions, 16 KiB, same rate", "MB/s", None, None),
    "parts-few-p99": ("16 partitions, 16 KiB", "p99, us", None, None),
    "parts-many-p99": ("5,000 partitions, 16 KiB, same rate", "p99, us", None, ("<=", 1 / 15)),
    "tail-alone": ("live tail alone", "p99.9, us", None, None),
    "tail-hot": ("live tail, hot backfill of 5 x", "p99.9, us", None, None),
    "tail-cold": ("live tail, cold backfill of 5 x", "p99.9, us", None, None),
    "shards-1-produce": ("one shard, produce of 16 KiB", "MB/s", None, None),
    "shards-2-produce": ("two shards, produce of 16 KiB", "MB/s", None, None),
    "shards-1-fetch": ("one shard, fetch of one 16 KiB batch", "requests per second", None, None),
    "shards-2-fetch": ("two shards, fetch of one 16 KiB batch", "requests per second", None, None),
    "idle-connection": ("10,000 idle connections", "bytes each", None, None),
    "idle-partition": ("2,000 fresh partitions", "bytes each", None, None),
    "idle-used-partition": ("2,000 idle partitions that were written to", "bytes each", None, None),
    "idle-rss": ("idle process", "MB resident", None, ("<=", 1 / 15)),
    "idle-wakeups": ("idle broker", "wake-ups per second", None, None),
    "idle-cores": ("idle broker", "cores", None, None),
    "start-empty": ("start, empty directory", "ms to the open port", None, None),
    "start-clean": ("start, 1,000 partitions, after a clean stop", "ms to the open port", None, None),
    "start-killed": ("start, 1,000 partitions, SIGKILL while written to", "ms to the open port", None, None),
}
# Goals of ours alone: (row, most) and (row, other row, most ratio, or that much more is allowed)
ABSOLUTE = {"idle-connection": 4096, "idle-partition": 4096, "idle-used-partition": 4096, "idle-rss": 33.6,
            "idle-wakeups": 5, "idle-cores": 0.0005,
            "start-empty": 50, "start-clean": 100, "start-killed": 1000}
RELATIVE = {"parts-many-rate": ("parts-few-rate", ">=", 0.9, 0), "parts-many-p99": ("parts-few-p99", "<=", 1.5, 0),
            "shards-2-produce": ("shards-1-produce", ">=", 1.8, 0), "shards-2-fetch": ("shards-1-fetch", ">=", 1.8, 0),
            "tail-hot": ("tail-alone", "<=", 1.1, 200), "tail-cold": ("tail-alone", "<=", 1.1, 200)}


def last_s(bench, wanted):
    """What the lines of the last round will take."""
    return 0 if bench.options.smoke else sum(s for key, s in LAST.items() if not wanted or key in wanted)


def one_round(bench, number, wanted):
    if not hasattr(bench, "found"):
        bench.found = Found()
    for key, run in LINES.items():
        if (wanted and key not in wanted) or (key in LAST and number < bench.options.rounds - 1):
            continue
        began = time.monotonic()
        try:
            run(bench, bench.found, number)
            took = time.monotonic() - began
            bench.say(f"  {key}: done in {took:.0f} s")
            bench.once_s += took if key == "idle" else 0
        except (RuntimeError, subprocess.CalledProcessError) as error:
            bench.failures.append(f"{key}: {error}")


def own_goal(found, row, summary):
    """Text and verdict of a goal that needs neither limit nor peer."""
    ours = summary["ringmain"]
    if ours is None:
        return None
    if row in ABSOLUTE:
        return f"<= {ABSOLUTE[row]:g}", ours <= ABSOLUTE[row]
    if row in RELATIVE:
        other, sign, ratio, more = RELATIVE[row]
        pairs = [(r["ringmain"], base["ringmain"]) for r, base in zip(found.rounds[row], found.rounds[other])
                 if r.get("ringmain") and base.get("ringmain")]
        if not pairs:
            return None
        reached = table.median([mine / base for mine, base in pairs])
        apart = table.median([mine - base for mine, base in pairs])
        good = reached >= ratio if sign == ">=" else reached <= ratio or apart <= more
        limits = [r["limit"] / base["limit"] for r, base in zip(found.rounds[row], found.rounds[other])
                  if r.get("limit") and base.get("limit")]
        beside = f", the limit {table.median(limits):.2f} x" if limits else ""
        return f"{reached:.2f} x own{beside} ({sign} {ratio:g})", good
    return None


def rows(bench):
    if not hasattr(bench, "found"):
        return []
    out = []
    for row in bench.found.order:
        title, number, limit_goal, peer_goal = ROWS[row]
        title += bench.found.notes.get(row, "")
        summary = table.summarize(title, number, "", bench.found.rounds[row], bench.peer_name, limit_goal, peer_goal)
        summary["own"] = own_goal(bench.found, row, summary)
        out.append(summary)
    return out


def plots(bench):
    return bench.found.curves if hasattr(bench, "found") else {}
