"""The lines of the table: what is done, which number counts, what must be reached against the limit and the peer.

A goal is (least or most, ratio): ">=" on throughput per CPU-second, "<=" on latencies and sizes."""
from dataclasses import dataclass, field


@dataclass
class Metric:
    name: str               # in the table
    key: str                # in a group of the load's report, or latency.X
    unit: float             # divides
    suffix: str
    limit_goal: tuple = None
    peer_goal: tuple = None


@dataclass
class Line:
    key: str
    title: str
    workload: str
    options: list
    metrics: list
    limit: str = None       # echo, append, read:BYTES, or none
    fill: int = 0           # fetches: bytes of the batches that a topic is filled with before
    config: list = field(default_factory=list)  # settings of a Ringmain of its own; no peer


def cpu_bytes(limit, peer):
    return Metric("MB per CPU-second", "bytes_per_cpu_s", 1e6, "MB", limit and (">=", limit), peer and (">=", peer))


def cpu_requests(limit, peer):
    return Metric("requests per CPU-second", "requests_per_cpu_s", 1, "", limit and (">=", limit),
                  peer and (">=", peer))


LINES = [
    Line("produce-100b", "produce, 100 B records, 1,000 per batch, acks=1", "produce",
         ["--connections", 8, "--in-flight", 5, "--records", 1000, "--record-bytes", 100, "--partitions", 4],
         [cpu_bytes(0.80, 5)], "append"),
    Line("produce-1k", "produce, 1 KiB records, 256 KiB batches", "produce",
         ["--connections", 8, "--in-flight", 5, "--batch-bytes", 262144, "--record-bytes", 1024, "--partitions", 4],
         [cpu_bytes(0.85, 4), Metric("MB/s", "bytes_per_s", 1e6, "MB/s", (">=", 0.85))], "append"),
    Line("produce-16k", "produce, 16 KiB batches, 8 connections x 5 in flight", "produce",
         ["--connections", 8, "--in-flight", 5, "--batch-bytes", 16384, "--record-bytes", 100, "--partitions", 4],
         [cpu_bytes(0.70, 5), Metric("MB/s", "bytes_per_s", 1e6, "MB/s")], "append"),
    Line("produce-one", "produce of one 100 B record, 256 connections", "produce",
         ["--connections", 256, "--records", 1, "--record-bytes", 100, "--partitions", 4],
         [cpu_requests(0.70, 2.7)], "echo"),
    Line("ping", "request road alone (ApiVersions), 256 connections", "ping", ["--connections", 256],
         [cpu_requests(0.90, 3)], "echo"),
    Line("fetch-1m", "fetch replay, hot, 1 MiB reads", "fetch", ["--connections", 4, "--read-bytes", 1 << 20],
         [cpu_bytes(0.90, 1.6)], "read:1048576", 262144),
    Line("fetch-64k", "fetch of 64 KiB reads", "fetch", ["--connections", 8, "--read-bytes", 65536],
         [cpu_bytes(None, 2)], "read:65536", 16384),
    Line("fetch-4k", "fetch of 4 KiB reads", "fetch", ["--connections", 16, "--read-bytes", 4096],
         [cpu_bytes(None, 2)], "read:4096", 4096),
    Line("fetch-1m-sendfile", "fetch replay, hot, 1 MiB reads, ringmain.transport=sendfile", "fetch",
         ["--connections", 4, "--read-bytes", 1 << 20], [cpu_bytes(None, None)], "read:1048576", 262144,
         ["ringmain.transport=sendfile"]),
    Line("fetch-1m-zerocopy", "fetch replay, hot, 1 MiB reads, ringmain.transport=zerocopy", "fetch",
         ["--connections", 4, "--read-bytes", 1 << 20], [cpu_bytes(None, None)], "read:1048576", 262144,
         ["ringmain.transport=zerocopy"]),
    Line("produce-zstd", "produce, zstd, 256 KiB batches before packing", "produce",
         ["--connections", 8, "--in-flight", 5, "--batch-bytes", 262144, "--record-bytes", 1024, "--partitions", 4,
          "--compression", "zstd"],
         [cpu_bytes(0.80, None), Metric("M records per CPU-second", "records_per_cpu_s", 1e6, "M")], "append"),
    Line("produce-lz4", "produce, lz4, 256 KiB batches before packing", "produce",
         ["--connections", 8, "--in-flight", 5, "--batch-bytes", 262144, "--record-bytes", 1024, "--partitions", 4,
          "--compression", "lz4"],
         [cpu_bytes(0.80, None), Metric("M records per CPU-second", "records_per_cpu_s", 1e6, "M")], "append"),
]
BY_KEY = {line.key: line for line in LINES}


def value_of(report, metric, group=0):
    numbers = report["groups"][group]
    for part in metric.key.split("."):
        if part not in numbers:
            return None
        numbers = numbers[part]
    return numbers / metric.unit
