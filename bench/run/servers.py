"""Who is measured: the machine's limit, Ringmain, a peer. All have the same cores; the load has the others."""
import json
import os
import shutil
import signal
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RINGMAIN = os.path.join(ROOT, "build", "ringmain")
LIMIT = os.path.join(ROOT, "build", "bench", "limits", "limit")


class Cores:
    """Half of the cores for the broker, the other half for the load."""

    def __init__(self):
        cpus = sorted(os.sched_getaffinity(0))
        half = max(1, len(cpus) // 2)
        self.broker = cpus[:half]
        self.load = cpus[half:] or cpus

    @staticmethod
    def pin(cpus):
        return ["taskset", "-c", ",".join(map(str, cpus))]


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_bytes(pid):
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return 0


def waits(pid):
    """Voluntary context switches of all threads: how often it slept and was woken."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/status") as f:
                for line in f:
                    if line.startswith("voluntary_ctxt_switches:"):
                        total += int(line.split()[1])
        except OSError:
            pass
    return total


def wait_for_port(port, process, what):
    import socket
    for _ in range(1200):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.01)
    raise SystemExit(f"{what} did not start")


class Ringmain:
    name = "ringmain"

    def __init__(self, cores, directory, settings=(), cpus=None, binary=RINGMAIN):
        self.directory, self.settings, self.cpus = directory, list(settings), cpus or cores.broker
        self.binary = binary
        self.process = None

    def start(self):
        """Seconds until the port answers."""
        os.makedirs(self.directory, exist_ok=True)
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        command = Cores.pin(self.cpus) + [self.binary, "start"]
        for setting in [f"listeners=PLAINTEXT://{self.address}", f"log.dirs={self.directory}/data",
                        "log.segment.delete.delay.ms=500"] + self.settings:
            command += ["--override", setting]
        began = time.monotonic()
        with open(f"{self.directory}/broker.log", "a") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for_port(port, self.process, "ringmain")
        self.pid = self.process.pid
        return time.monotonic() - began

    def stop(self, how=signal.SIGTERM):
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None

    def data(self, topic):
        """The directory of a topic's partition 0."""
        return f"{self.directory}/data/{topic}-0"


class Kafka:
    """Apache Kafka, by bench/peer-kafka."""
    name = "kafka"

    def __init__(self, cores, directory, settings=()):
        self.cores, self.directory, self.settings = cores, directory, settings
        self.pid = None

    def start(self):
        env = dict(os.environ, CPUS=",".join(map(str, self.cores.broker)), SETTINGS=" ".join(self.settings))
        began = time.monotonic()
        done = subprocess.run([os.path.join(ROOT, "bench", "peer-kafka", "start.sh"), self.directory], env=env,
                              stdout=subprocess.PIPE, text=True, check=True)
        host, port, pid = done.stdout.strip().rsplit(":", 2)
        self.address, self.pid = f"{host}:{port}", int(pid)
        return time.monotonic() - began

    def stop(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)  # its data goes, too
            while os.path.exists(f"/proc/{self.pid}"):
                time.sleep(0.05)
            self.pid = None

    def data(self, topic):
        return f"{self.directory}/data/{topic}-0"


class Stranger:
    """A broker that somebody else started: HOST:PORT:PID."""
    name = "peer"

    def __init__(self, text):
        host, port, pid = text.rsplit(":", 2)
        self.address, self.pid = f"{host}:{port}", int(pid)

    def start(self):
        return None

    def stop(self):
        pass

    def data(self, topic):
        return None


class Limit:
    """Raw loops, one on each of so many cores; `arguments` as bench/limits/limit.h says."""
    name = "limit"

    def __init__(self, cores, arguments, threads=1):
        command = Cores.pin(cores.broker[:threads]) + [LIMIT, "--threads", str(threads)] + arguments
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline().strip()
        if not line:
            raise SystemExit("the limit's loop did not start")
        self.address, self.pid = f"127.0.0.1:{line}", self.process.pid

    def stop(self):
        self.process.kill()
        self.process.wait()


def load(cores, server, workload, options, seconds, warm_up=0.7):
    """One run of the load generator; its JSON report."""
    command = Cores.pin(cores.load) + [RINGMAIN, "bench", workload, "--json", "--bootstrap", server.address, "--pid",
                                       str(server.pid), "--seconds", str(seconds), "--warm-up", str(warm_up),
                                       "--threads", str(len(cores.load)), "--spin"]
    if server.name == "limit":
        command.append("--raw")
    done = subprocess.run(command + [str(o) for o in options], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{server.name}: {workload} {' '.join(map(str, options))} failed")
    return json.loads(done.stdout)


def drop_cache(path):
    """A topic's files leave the page cache."""
    for name in os.listdir(path) if path and os.path.isdir(path) else []:
        fd = os.open(os.path.join(path, name), os.O_RDONLY)
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)


def remove(path):
    shutil.rmtree(path, ignore_errors=True)


def give_back_space(path):
    """The large files are emptied; names and small files stay until the end of all. An ext4 without a journal takes 0.3
    ms for each new file while thousands that were just deleted are remembered, for minutes."""
    for directory, _, names in os.walk(path):
        for name in names:
            file = os.path.join(directory, name)
            if os.stat(file).st_blocks * 512 > 1 << 20:
                os.truncate(file, 0)
