"""Very many committed offsets. A day's commits replayed at speed leave small internal topics; 100,000 offsets are loaded in less
than a second; when the memory for offsets is full, what is new is refused, what is there goes on, and everything loads again.
usage: offsets.py BINARY DIR [MILLIONS] [SLACK]      SLACK: by how much a busy machine may miss a goal of time"""
import glob, os, re, signal, socket, struct, subprocess, sys, time, urllib.request

binary, directory = sys.argv[1], sys.argv[2]
millions, slack = float(sys.argv[3] if len(sys.argv) > 3 else 2), float(sys.argv[4] if len(sys.argv) > 4 else 3)
PARTITIONS, COORDINATOR_NOT_AVAILABLE, LOADING, NOT_COORDINATOR = 1000, 15, 14, 16
passed = failed = 0

def check(what, good, detail=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("FAILED offsets: %s %s" % (what, detail))

def string(text):
    return struct.pack(">h", len(text)) + text.encode()

def frame(key, version, body):
    data = struct.pack(">hhi", key, version, 1) + string("x") + body
    return struct.pack(">i", len(data)) + data

def receive(s):
    data = b""
    while len(data) < 4 or len(data) < 4 + struct.unpack(">i", data[:4])[0]:
        piece = s.recv(1 << 20)
        if not piece:
            raise EOFError
        data += piece
    return data[8:] # without size and correlation id

class Node:
    def __init__(self, name, *settings):
        self.dir, self.settings = os.path.join(directory, name), settings
        os.makedirs(self.dir)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.start()

    def start(self):
        overrides = ["listeners=PLAINTEXT://127.0.0.1:%d" % self.port, "log.dirs=%s/data" % self.dir, "ringmain.shards=1",
                     "ringmain.metrics.port=0", "offsets.topic.num.partitions=4", *self.settings]
        self.log = open(self.dir + "/log", "w")
        self.process = subprocess.Popen([binary, "start"] + [w for o in overrides for w in ("--override", o)],
                                        stdout=self.log, stderr=subprocess.STDOUT)
        for _ in range(1000):
            try:
                self.s = socket.create_connection(("127.0.0.1", self.port), 60)
                self.ask(18, 0, b"")
                return
            except (OSError, EOFError):
                time.sleep(0.01)
        sys.exit("the broker did not start, see %s/log" % self.dir)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(60)

    def said(self):
        return open(self.dir + "/log").read()

    def ask(self, key, version, body):
        self.s.sendall(frame(key, version, body))
        return receive(self.s)

    def create(self, topic, partitions):
        answer = self.ask(19, 2, struct.pack(">i", 1) + string(topic) + struct.pack(">ihiiib", partitions, 1, 0, 0, 60000, 0))
        assert struct.unpack(">h", answer[8 + 2 + len(topic):][:2])[0] == 0, answer

    def fetch(self, group, topic, partition):
        """The committed offset, or its error below -1."""
        answer = self.ask(9, 2, string(group) + struct.pack(">i", 1) + string(topic) + struct.pack(">ii", 1, partition))
        if answer[:4] == b"\0\0\0\0": # no topics, only an error for all
            return -100 - struct.unpack(">h", answer[-2:])[0]
        at = 4 + 2 + len(topic) + 4
        _, offset, length = struct.unpack(">iqh", answer[at:at + 14])
        error = struct.unpack(">h", answer[at + 14 + max(length, 0):][:2])[0]
        return -100 - error if error else offset

    def join(self, group):
        """JoinGroup 2 of somebody new: the error."""
        return struct.unpack(">h", self.ask(11, 2, string(group) + struct.pack(">ii", 10000, 10000) + string("") +
                                            string("consumer") + struct.pack(">i", 1) + string("range") + struct.pack(">i", 0))[4:6])[0]

    def produces(self, topic):
        done = subprocess.run([binary, "produce", topic, "--bootstrap", "127.0.0.1:%d" % self.port], input=b"x\n", timeout=60)
        return done.returncode == 0

    def loaded(self, groups):
        """All of them have an offset for the first partition."""
        end = time.monotonic() + 30
        for group in groups:
            while self.fetch(group, "day", 0) < 0 and time.monotonic() < end:
                time.sleep(0.01)
        return time.monotonic() < end

    def metric(self, name):
        url = re.search(r'msg="metrics are served" url=(\S+)', self.said()).group(1)
        text = urllib.request.urlopen(url, timeout=10).read().decode()
        return float(re.search(r"^%s(?:\{[^}]*\})? (\S+)" % name, text, re.M).group(1))

def commit(group, topic, first, count, offset):
    """OffsetCommit 2 of a simple consumer, of partitions first, first + 1, ..."""
    one = lambda p: struct.pack(">iq", p, offset) + b"\0\0"
    return frame(8, 2, string(group) + struct.pack(">i", -1) + string("") + struct.pack(">q", -1) + struct.pack(">i", 1) +
                 string(topic) + struct.pack(">i", count) + b"".join(one(p) for p in range(first, first + count)))

def errors(answer, topic):
    at = 4 + 2 + len(topic) + 4
    return {struct.unpack(">h", answer[i + 4:i + 6])[0] for i in range(at, len(answer), 6)}

def commit_until_known(node, group):
    """The first commit makes the topic and waits until it is loaded."""
    node.ask(10, 1, string(group) + b"\0")
    for _ in range(1000):
        node.s.sendall(commit(group, "day", 0, 1, 0))
        if errors(receive(node.s), "day") == {0}:
            return
        time.sleep(0.01)
    sys.exit("no coordinator, see %s/log" % node.dir)

def stored(node):
    bytes = 0
    for path in glob.glob(node.dir + "/data/__consumer_offsets-*/*.log"):
        try:
            bytes += os.path.getsize(path)
        except FileNotFoundError:
            pass # compacted away just now
    return bytes

def commit_as(made, group):
    """The same commit of another group; the names are equally long."""
    at = 4 + 8 + 3 + 2
    return made[:at] + group.encode() + made[at + len(group):]

def a_days_commits():
    """100 groups commit 1,000 partitions each, again and again: two million offsets by default."""
    node = Node("day", "offsets.topic.segment.bytes=4194304", "log.cleaner.backoff.ms=100")
    node.create("day", PARTITIONS)
    groups = ["group-%02d" % i for i in range(100)]
    commit_until_known(node, groups[0])
    rounds = int(millions * 1e6 / PARTITIONS / len(groups))
    pipe = [socket.create_connection(("127.0.0.1", node.port), 60) for _ in range(4)]
    bad = most = 0
    began = time.monotonic()
    for n in range(rounds):
        made = commit(groups[0], "day", 0, PARTITIONS, n + 1)
        for i in range(0, len(groups), len(pipe)): # one commit on each connection, then their answers
            for k, s in enumerate(pipe):
                s.sendall(commit_as(made, groups[i + k]))
            for s in pipe:
                bad += errors(receive(s), "day") != {0}
        most = max(most, stored(node))
    took = time.monotonic() - began
    check("commits of a day are taken", bad == 0, bad)
    # 100,000 offsets are 9 MB; then what is not dirty enough to be cleaned, and the growing segments.
    bound, until = 40 << 20, time.monotonic() + 5 * slack
    while stored(node) > bound and time.monotonic() < until:
        time.sleep(0.1)
    left, total = stored(node), rounds * len(groups) * PARTITIONS
    print("%d offsets committed in %.1f s (%d a second): __consumer_offsets has %.1f MB, had at most %.1f MB" %
          (total, took, total / took, left / 1e6, most / 1e6))
    check("the internal topic is small after a day's commits", left <= bound, left)
    there = lambda: all(node.fetch(g, "day", p) == rounds for g in groups for p in (0, PARTITIONS - 1))
    check("the last commits are there", there())
    node.stop(signal.SIGKILL)
    node.start()
    check("they are there after a kill", node.loaded(groups) and there())
    longest = node.metric("ringmain_group_load_longest_seconds")
    print("%d offsets loaded; a partition took at most %.3f s" % (len(groups) * PARTITIONS, longest))
    check("100,000 offsets load in less than a second", longest < slack, longest)
    node.stop()
    check("a clean stop", "clean=true" in node.said(), node.said()[-300:])

# ---- memory --------------------------------------------------------------------------------------------------------------

def memory_is_full():
    node = Node("full", "ringmain.memory.bytes=50331648", "group.initial.rebalance.delay.ms=0")
    node.create("day", PARTITIONS)
    commit_until_known(node, "first")
    def commits(group, first=0, count=PARTITIONS, offset=1):
        node.s.sendall(commit(group, "day", first, count, offset))
        return errors(receive(node.s), "day")
    refused = None
    for n in range(1000):
        if commits("group-%03d" % n) != {0}:
            refused = n
            break
    print("memory of 24 MiB: %s groups of 1,000 offsets" % refused)
    check("at the budget new offsets are refused", refused is not None and 5 < refused)
    tries = range(5000) # a little room comes back when the requests in work are done
    def in_order(what):
        check(what + ": a new group is refused", any(commits("new-%d" % n, count=1) == {COORDINATOR_NOT_AVAILABLE} for n in tries))
        check(what + ": a new member is refused", any(node.join("new-%d" % n) == COORDINATOR_NOT_AVAILABLE for n in tries))
        said = commits("group-000", offset=2)
        check(what + ": what is there goes on", said == {0}, said)
        check(what + ": what is there is found", node.fetch("group-000", "day", 999) == 2 and node.fetch("group-001", "day", 5) == 1)
        check(what + ": nothing else suffers", node.produces("day"))
    in_order("full")
    check("it is said once", node.said().count("no memory for more groups") >= 1)
    for how in (signal.SIGTERM, signal.SIGKILL):
        node.stop(how)
        node.start()
        check("everything loads again after signal %d" % how, node.loaded(["group-%03d" % n for n in range(refused)]))
        in_order("after signal %d" % how)
    for n in range(refused // 2):
        node.ask(42, 0, struct.pack(">i", 1) + string("group-%03d" % n))
    check("room that is given back is used", commits("last") == {0} and node.join("last-members") != COORDINATOR_NOT_AVAILABLE)
    node.stop()
    check("a clean stop of a full node", "clean=true" in node.said(), node.said()[-300:])

os.makedirs(directory, exist_ok=True)
a_days_commits()
memory_is_full()
print("offsets: %d passed, %d failed" % (passed, failed))
sys.exit(failed > 0)
