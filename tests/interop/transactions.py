"""Transactions with real clients: usage: transactions.py RINGMAIN OUT CLIENT...

Each client consumes, transforms, produces and commits offsets in transactions, every third of which it aborts: a reader of
committed records finds each record once, another one more of them. A second producer with the same id fences the first.
Then again while the broker is killed. Kafka's own tools list, describe and end transactions. Prints "passed N failed M"
last; every check can fail."""
import collections, json, os, random, re, signal, socket, subprocess, sys, tempfile, time

ringmain, out = sys.argv[1:3]
clients = sys.argv[3:]
here = os.path.dirname(os.path.abspath(__file__))
top = os.path.join(here, "..", "..")
results = collections.Counter()
JAVA = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-cp",
        out + "/java:" + top + "/build/kafka/libs/*"]
COMMANDS = {"c": [out + "/c_transact"], "go": [out + "/go"], "java": JAVA + ["Transact"]}

def check(what, good, detail=""):
    results["passed" if good else "failed"] += 1
    if not good:
        print("FAILED transactions: %s %s" % (what, detail), flush=True)
    return good

class Broker:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="ringmain-txn-")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.address = "127.0.0.1:%d" % self.port
        self.start()

    def start(self):
        self.log = open(self.dir + "/log", "a")
        self.process = subprocess.Popen(
            [ringmain, "start", "--override", "listeners=PLAINTEXT://" + self.address, "--override",
             "log.dirs=%s/data" % self.dir, "--override", "group.initial.rebalance.delay.ms=0"],
            stdout=self.log, stderr=self.log)
        time.sleep(0.2) # the sockets of a killed one go a little later than itself, with its ring
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise SystemExit("the broker did not start")

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(30)

    def run(self, *command, timeout=60):
        return subprocess.run([ringmain, *command, "--bootstrap", self.address], capture_output=True, text=True,
                              timeout=timeout)

broker = Broker()

def topic(name, partitions=3):
    broker.run("topic", "create", name, "--partitions", str(partitions))

def fill(name, count):
    for partition in range(3):
        lines = "".join("%d\n" % i for i in range(count) if i % 3 == partition)
        subprocess.run(["kcat", "-q", "-b", broker.address, "-t", name, "-P", "-p", str(partition)], input=lines, text=True,
                       check=True, timeout=60)

def read(name, isolation):
    got = subprocess.run(["kcat", "-q", "-b", broker.address, "-t", name, "-C", "-e", "-X", "isolation.level=" + isolation],
                         capture_output=True, text=True, timeout=120)
    return got.stdout.split()

def run_client(client, *args, timeout=170):
    got = subprocess.run([*COMMANDS[client], args[0], broker.address, *args[1:]], capture_output=True, text=True,
                         timeout=timeout, env={**os.environ, "TRANSACT_COUNTS_OFFSETS": "1"})
    return got.stdout.strip(), got.stderr[-600:]

def exactly_once(what, name, count):
    seen = collections.Counter(read(name, "read_committed"))
    twice = sum(1 for n in seen.values() if n > 1)
    check(what + ": each record once", len(seen) == count and twice == 0,
          "%d of %d, %d more than once" % (len(seen), count, twice))

def with_client(client):
    source, sink, group = "in-" + client, "out-" + client, "group-" + client
    count = 600
    topic(source)
    topic(sink)
    fill(source, count)
    said, errors = run_client(client, "transact", source, sink, group, "id-" + client, str(count))
    check(client + " transacts", said == "transacted=%d" % count, said + errors)
    exactly_once(client, sink, count)
    check(client + ": what was aborted is there for who wants it", len(read(sink, "read_uncommitted")) > count)
    said, errors = run_client(client, "fence", sink + "-fence", "fence-" + client) if not topic(sink + "-fence") else None
    check(client + " is fenced by its successor", said == "first=fenced second=committed", said + errors)

def with_kills(client):
    source, sink, group = "kin-" + client, "kout-" + client, "kgroup-" + client
    count = 1500
    topic(source)
    topic(sink)
    fill(source, count)
    runner = subprocess.Popen([*COMMANDS[client], "transact", broker.address, source, sink, group, "kid-" + client, str(count)],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env={**os.environ, "TRANSACT_COUNTS_OFFSETS": "1"})
    kills = 0
    while runner.poll() is None and kills < 6:
        time.sleep(random.uniform(0.4, 1.6))
        if runner.poll() is None:
            broker.stop(signal.SIGKILL)
            broker.start()
            kills += 1
    try:
        said, errors = runner.communicate(timeout=170)
    except subprocess.TimeoutExpired:
        runner.kill()
        said, errors = runner.communicate()
    check(client + " transacts while the broker is killed", said.strip() == "transacted=%d" % count, said + errors[-600:])
    check(client + ": the broker was killed in between", kills > 0)
    exactly_once(client + ", killed broker", sink, count)

def with_streams():
    """Counts words; the program and the broker are killed meanwhile. Without a cache every count of every word is written
    once: with exactly-once each number from 1 to its count is there once."""
    words, lines = ["w%d" % i for i in range(25)], []
    expected = collections.Counter()
    for i in range(4000):
        line = [random.choice(words) for _ in range(3)]
        expected.update(line)
        lines.append(" ".join(line))
    topic("text")
    topic("counts")
    command = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", "%s/streams:%s/build/kafka/streams/*" % (out, top),
               "WordCount", broker.address, "text", "counts", "wordcount", broker.dir + "/streams"]
    start = lambda: subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=open(broker.dir + "/streams.log", "a"))
    streams = start()
    for i in range(0, len(lines), 200):
        for partition in range(3):
            text = "".join(line + "\n" for line in lines[i:i + 200][partition::3])
            subprocess.run(["kcat", "-q", "-b", broker.address, "-t", "text", "-P", "-p", str(partition)], input=text, text=True,
                           check=True, timeout=60)
        time.sleep(0.5)
        if i == 1600:
            streams.kill()
            streams.wait()
            streams = start()
        if i == 2800:
            broker.stop(signal.SIGKILL)
            broker.start()
    def counted():
        got = subprocess.run(["kcat", "-q", "-b", broker.address, "-t", "counts", "-C", "-e", "-f", "%k %s\n", "-X",
                              "isolation.level=read_committed"], capture_output=True, text=True, timeout=60)
        return collections.Counter(got.stdout.split("\n")[:-1])
    end, seen = time.time() + 90, collections.Counter()
    while time.time() < end and len(seen) < sum(expected.values()):
        time.sleep(1)
        seen = counted()
    streams.terminate()
    streams.wait(60)
    wanted = {"%s %d" % (word, n) for word, count in expected.items() for n in range(1, count + 1)}
    said = open(broker.dir + "/streams.log").read()[-600:]
    check("streams: each count of each word", set(seen) == wanted, "%d of %d %s" % (len(seen), len(wanted), said))
    check("streams: none twice", all(n == 1 for n in seen.values()), said)

def tool(name, *args):
    got = subprocess.run(JAVA + ["org.apache.kafka.tools." + name, "--bootstrap-server", broker.address, *args],
                         capture_output=True, text=True, timeout=60)
    return got.stdout + got.stderr

def with_tools():
    said = tool("TransactionsCommand", "list")
    check("kafka-transactions list", "id-java" in said and "CompleteCommit" in said, said[-400:])
    said = tool("TransactionsCommand", "describe", "--transactional-id", "id-java")
    check("kafka-transactions describe", "CompleteCommit" in said, said[-400:])
    said = tool("FeatureCommand", "describe")
    check("kafka-features describe", re.search(r"transaction.version\s+SupportedMinVersion: 0\s+SupportedMaxVersion: 2\s+"
                                               r"FinalizedVersionLevel: 2", said), said[-600:])

def with_command():
    """ringmain produce --transactional-id, and ringmain txn on what a killed one leaves open."""
    topic("typed")
    words = "".join("word%d\n" % i for i in range(5000))
    subprocess.run([ringmain, "produce", "typed", "--transactional-id", "typist", "--bootstrap", broker.address], input=words,
                   text=True, check=True, timeout=60)
    exactly_once("ringmain produce", "typed", 5000)
    left = subprocess.Popen([ringmain, "produce", "typed", "--transactional-id", "gone", "--bootstrap", broker.address],
                            stdin=subprocess.PIPE, text=True)
    left.stdin.write("never\n")
    left.stdin.flush()
    for _ in range(100):
        if "Ongoing" in broker.run("txn", "list").stdout:
            break
        time.sleep(0.1)
    left.kill()
    left.wait()
    said = json.loads(broker.run("txn", "describe", "gone", "--json").stdout)[0]
    check("ringmain txn describe", said["state"] == "Ongoing", str(said))
    subprocess.run([ringmain, "produce", "typed", "--transactional-id", "gone", "--bootstrap", broker.address],
                   input="again\n", text=True, check=True, timeout=60)
    seen = collections.Counter(read("typed", "read_committed"))
    check("ringmain produce takes over", seen["again"] == 1 and seen["never"] == 0, str(seen.most_common(3)))
    said = broker.run("txn", "find-hanging", "typed")
    check("ringmain txn find-hanging: none", said.returncode == 0, said.stdout + said.stderr)

with_command()
for client in clients:
    with_client(client)
for client in clients:
    if client == "c":
        with_kills(client)
if "java" in clients:
    with_tools()
if os.path.exists(out + "/streams/WordCount.class"):
    with_streams()
broker.stop()
said = open(broker.dir + "/log").read()
check("the broker stops cleanly", "clean=true" in said and "level=fatal" not in said, said[-400:])
subprocess.run(["rm", "-rf", broker.dir])
print("passed %d failed %d" % (results["passed"], results["failed"]))
