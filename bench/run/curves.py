"""The plots of the HTML page, one run for each point: latency by rate, throughput by size, cost by partitions."""
import time

RATE = "latency by rate: produce of 16 KiB, acks=1"
SIZE = "throughput by size: produce, acks=1"
READ = "throughput by size: fetch, hot"
COST = "cost by partitions: produce of 16 KiB"


class Plot:
    """Lines of points (x, y) by name."""

    def __init__(self, found, title, x, y):
        self.found, self.title, self.x, self.y = found, title, x, y

    def add(self, name, x, y):
        plot = self.found.curves.setdefault(self.title, {"x": self.x, "y": self.y, "lines": {}})
        plot["lines"].setdefault(name, []).append((x, y))


def by_rate(bench, found, seconds):
    p99 = Plot(found, f"p99, {RATE}", "requests per second", "us")
    p999 = Plot(found, f"p99.9, {RATE}", "requests per second", "us")
    options = ["--connections", 8, "--in-flight", 64, "--batch-bytes", 16384, "--record-bytes", 100, "--partitions", 4]
    full = 2 * getattr(bench, "open_rate", 5000)
    for share in (0.25, 0.5, 1.0, 1.5, 2.5):
        for server in bench.targets():
            rate = int(full * share)
            report = bench.run(server, "produce", options + ["--rate", rate, "--topic", bench.topic("rate"),
                                                             "--delete"], seconds, 0.3)
            p99.add(server.name, rate, report["groups"][0]["latency"]["p99_us"])
            p999.add(server.name, rate, report["groups"][0]["latency"]["p999_us"])
            time.sleep(bench.options.pause / 2)


def by_size(bench, found, seconds):
    written = Plot(found, SIZE, "bytes of a batch", "MB per CPU-second of the broker")
    read = Plot(found, READ, "bytes of a read", "MB per CPU-second of the broker")
    for size in (1024, 8192, 65536, 262144, 1000000):
        options = ["--connections", 8, "--in-flight", 5, "--batch-bytes", size, "--record-bytes", 100,
                   "--partitions", 4]
        report = bench.run_on_limit(["append"], "produce", options, seconds, 0.3)
        written.add("limit", size, report["groups"][0]["bytes_per_cpu_s"] / 1e6)
        for server in bench.targets():
            report = bench.run(server, "produce", options + ["--topic", bench.topic("size"), "--delete"], seconds, 0.3)
            written.add(server.name, size, report["groups"][0]["bytes_per_cpu_s"] / 1e6)
    for size in (4096, 32768, 262144, 1048576):
        for server in bench.targets():
            topic = bench.filled_topic(server, min(size, 262144))
            report = bench.run(server, "fetch", ["--connections", 8, "--read-bytes", size, "--topic", topic], seconds,
                               0.3)
            read.add(server.name, size, report["groups"][0]["bytes_per_cpu_s"] / 1e6)


def by_partitions(bench, found, seconds):
    cost = Plot(found, COST, "partitions", "CPU-seconds of the broker per GB")
    for count in (1, 16, 128, 1024):
        for server in bench.targets():
            report = bench.run(server, "produce", ["--connections", 8, "--in-flight", 5, "--batch-bytes", 16384,
                                                   "--record-bytes", 100, "--partitions", count, "--topic",
                                                   bench.topic("cost")], seconds, 0.3)
            cost.add(server.name, count, 1e9 / report["groups"][0]["bytes_per_cpu_s"])


def run(bench, found, number):
    if bench.options.smoke:
        return
    seconds = min(bench.options.seconds, 0.6)
    by_rate(bench, found, seconds)
    by_size(bench, found, seconds)
    by_partitions(bench, found, seconds)
