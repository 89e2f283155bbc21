"""What rests and what starts: connections, partitions and the process while nobody asks for anything, and how long a
start takes with data. On brokers of their own, since memory that was used stays."""
import os
import signal
import time

from servers import Ringmain, cpu_seconds, give_back_space, rss_bytes, waits

CONNECTIONS, PARTITIONS, RESTART_PARTITIONS = 10000, 2000, 1000


def started(bench, found, number):
    """A fresh broker, and what it costs alone."""
    for round_number in range(3):
        if round_number > 0:
            stop(fresh)
        fresh = Ringmain(bench.cores, f"{bench.directory}/idle-{round_number}")
        found.add(round_number, "start-empty", "ringmain", fresh.start() * 1e3)
    time.sleep(1)
    found.add(number, "idle-rss", "ringmain", rss_bytes(fresh.pid) / 1e6)
    cpu, slept, began = cpu_seconds(fresh.pid), waits(fresh.pid), time.monotonic()
    time.sleep(5)
    took = time.monotonic() - began
    found.add(number, "idle-wakeups", "ringmain", (waits(fresh.pid) - slept) / took)
    found.add(number, "idle-cores", "ringmain", (cpu_seconds(fresh.pid) - cpu) / took)
    return fresh


def stop(broker):
    broker.stop(signal.SIGKILL)
    give_back_space(broker.directory)


def idle(bench, found, number):
    if number > 0 or bench.options.smoke:
        return
    broker = started(bench, found, number)
    report = bench.run(broker, "idle", ["--connections", CONNECTIONS], 2.0, 1.0)
    grown = report["broker"]["rss_bytes"] - report["broker"]["rss_before_bytes"]
    found.add(number, "idle-connection", "ringmain", grown / CONNECTIONS)
    stop(broker)
    broker = Ringmain(bench.cores, f"{bench.directory}/idle-partitions")
    broker.start()
    time.sleep(0.5)
    before = rss_bytes(broker.pid)
    one = ["--topic", "idle", "--partitions", PARTITIONS, "--records", 1, "--connections", 1]
    bench.run(broker, "produce", one + ["--rate", 10], 0.2, 0)
    time.sleep(0.5)
    found.add(number, "idle-partition", "ringmain", (rss_bytes(broker.pid) - before) / PARTITIONS)
    bench.run(broker, "produce", one + ["--rate", 2 * PARTITIONS], 3.0, 0)
    time.sleep(0.5)
    found.add(number, "idle-used-partition", "ringmain", (rss_bytes(broker.pid) - before) / PARTITIONS)
    stop(broker)
    if bench.peer and hasattr(bench.peer, "idle_rss"):
        found.add(number, "idle-rss", bench.peer.name, bench.peer.idle_rss / 1e6)


def log_bytes(path):
    """Of records: segments are allocated ahead of their ends."""
    total = 0
    for directory, _, names in os.walk(path):
        total += sum(os.stat(os.path.join(directory, name)).st_size for name in names if name.endswith(".log"))
    return total


def restart(bench, found, number):
    """Three starts each after a clean stop and after a SIGKILL in the midst of writing to every partition."""
    if bench.options.smoke:
        return
    broker = Ringmain(bench.cores, f"{bench.directory}/restart")
    broker.start()
    options = ["--topic", "restart", "--partitions", RESTART_PARTITIONS, "--connections", 4, "--in-flight", 16,
               "--batch-bytes", 262144, "--record-bytes", 1000]
    most = time.monotonic() + 90  # a slow disk: less than was asked for, and the row says so
    while log_bytes(f"{broker.directory}/data") < bench.options.restart_bytes and time.monotonic() < most:
        bench.run(broker, "produce", options, 3.0, 0)
    gigabytes = log_bytes(f"{broker.directory}/data") / 2**30
    for row in ("start-clean", "start-killed"):
        found.notes[row] = f", {gigabytes:.1f} GiB"
    for round_number in range(3):
        broker.stop()
        found.add(round_number, "start-clean", "ringmain", broker.start() * 1e3)
    for round_number in range(3):
        bench.run(broker, "produce", options[:-4] + ["--batch-bytes", 16384, "--rate", 4000], 1.0, 0)
        broker.stop(signal.SIGKILL)
        found.add(round_number, "start-killed", "ringmain", broker.start() * 1e3)
    stop(broker)
