"""Transactions with real clients: usage: transactions.py RINGMAIN CLIENT...

Each client consumes, transforms, produces and commits offsets in transactions, every third of which it aborts: a reader of
committed records finds each record once, another one more of them. A second producer with the same id fences the first.
Kafka's own tools list and describe. The same while the broker is killed, and Kafka Streams while it and the broker are killed,
each on a broker of its own, all at once. Every check can fail."""
import collections, os, random, re, subprocess, sys, time
from common import JAVA, TRANSACT, Broker, check, in_parallel, report, wait

ringmain = sys.argv[1]
clients = sys.argv[2:]
COUNTS = {**os.environ, "TRANSACT_COUNTS_OFFSETS": "1"}

def topic(broker, name):
    broker.command("topic", "create", name, "--partitions", "3")

def kcat(broker, topic, *arguments, input=None):
    return subprocess.run(["kcat", "-q", "-b", broker.address, "-t", topic, *arguments], input=input, capture_output=True,
                          text=True, timeout=120, check=True).stdout

def fill(broker, name, count):
    for partition in range(3):
        lines = "".join("%d\n" % i for i in range(count) if i % 3 == partition)
        kcat(broker, name, "-P", "-p", str(partition), input=lines)

def read(broker, name, isolation, *format):
    return kcat(broker, name, "-C", "-e", *format, "-X", "isolation.level=" + isolation).split("\n")[:-1]

def run_client(broker, client, word, *arguments):
    done = subprocess.run([*TRANSACT[client], word, broker.address, *arguments], capture_output=True, text=True, timeout=170,
                          env=COUNTS)
    return done.stdout.strip(), done.stderr[-600:]

def exactly_once(what, broker, name, count):
    seen = collections.Counter(read(broker, name, "read_committed"))
    twice = sum(1 for n in seen.values() if n > 1)
    check(what + ": each record once", len(seen) == count and twice == 0,
          "%d of %d, %d more than once" % (len(seen), count, twice))

def with_client(broker, client):
    source, sink, fence, count = "in-" + client, "out-" + client, "fence-" + client, 600
    for name in (source, sink, fence):
        topic(broker, name)
    fill(broker, source, count)
    said, errors = run_client(broker, client, "transact", source, sink, "group-" + client, "id-" + client, str(count))
    check(client + " transacts", said == "transacted=%d" % count, said + errors)
    exactly_once(client, broker, sink, count)
    check(client + ": what was aborted is there for who wants it", len(read(broker, sink, "read_uncommitted")) > count)
    said, errors = run_client(broker, client, "fence", fence, fence)
    check(client + " is fenced by its successor", said == "first=fenced second=committed", said + errors)

def with_kills(client):
    broker, count, kills = Broker(ringmain, "group.initial.rebalance.delay.ms=0"), 1500, 0
    topic(broker, "in")
    topic(broker, "out")
    fill(broker, "in", count)
    runner = subprocess.Popen([*TRANSACT[client], "transact", broker.address, "in", "out", "group", "id", str(count)],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=COUNTS)
    while runner.poll() is None and kills < 6:
        time.sleep(random.uniform(0.4, 1.6))
        if runner.poll() is None:
            broker.kill()
            broker.start()
            kills += 1
    try:
        said, errors = runner.communicate(timeout=170)
    except subprocess.TimeoutExpired:
        runner.kill()
        said, errors = runner.communicate()
    check(client + " transacts while the broker is killed", said.strip() == "transacted=%d" % count, said + errors[-600:])
    check(client + ": the broker was killed in between", kills > 0)
    exactly_once(client + ", killed broker", broker, "out", count)
    broker.end()

def with_streams():
    """Counts words; the program and the broker are killed meanwhile. Without a cache every count of every word is written
    once: with exactly-once each number from 1 to its count is there once."""
    broker = Broker(ringmain, "group.initial.rebalance.delay.ms=0")
    words, lines, expected = ["w%d" % i for i in range(25)], [], collections.Counter()
    for i in range(4000):
        line = [random.choice(words) for _ in range(3)]
        expected.update(line)
        lines.append(" ".join(line))
    wanted = {"%s %d" % (word, n) for word, count in expected.items() for n in range(1, count + 1)}
    topic(broker, "text")
    topic(broker, "counts")
    errors = open(broker.dir + "/streams.log", "a")
    command = JAVA + ["WordCount", broker.address, "text", "counts", "wordcount", broker.dir + "/streams"]
    start = lambda: subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
    counted = lambda: collections.Counter(read(broker, "counts", "read_committed", "-f", "%k %s\\n"))
    streams = start()
    for i in range(0, len(lines), 200):
        for partition in range(3):
            kcat(broker, "text", "-P", "-p", str(partition), input="".join(l + "\n" for l in lines[i:i + 200][partition::3]))
        time.sleep(0.5)
        if i == 1600:
            wait(lambda: len(counted()) > 0) # it is at work
            streams.kill()
            streams.wait()
            streams = start()
        if i == 2800:
            broker.kill()
            broker.start()
    wait(lambda: len(counted()) >= len(wanted), 90)
    seen = counted()
    streams.terminate()
    streams.wait(60)
    errors.close()
    with open(broker.dir + "/streams.log") as log:
        said = log.read()[-600:]
    check("streams: each count of each word", set(seen) == wanted, "%d of %d %s" % (len(seen), len(wanted), said))
    check("streams: none twice", all(n == 1 for n in seen.values()), said)
    broker.end()

def with_tools(broker):
    def tool(name, *arguments):
        done = subprocess.run(JAVA + ["org.apache.kafka.tools." + name, "--bootstrap-server", broker.address, *arguments],
                              capture_output=True, text=True, timeout=60)
        return done.stdout + done.stderr
    said = tool("TransactionsCommand", "list")
    check("kafka-transactions list", "id-java" in said and "CompleteCommit" in said, said[-400:])
    said = tool("TransactionsCommand", "describe", "--transactional-id", "id-java")
    check("kafka-transactions describe", "CompleteCommit" in said, said[-400:])
    said = tool("FeatureCommand", "describe")
    check("kafka-features describe", re.search(r"transaction.version\s+SupportedMinVersion: 0\s+SupportedMaxVersion: 2\s+"
                                               r"FinalizedVersionLevel: 2", said), said[-600:])

def with_command(broker):
    """ringmain produce --transactional-id, and ringmain txn on what a killed one leaves open."""
    topic(broker, "typed")
    type_in = lambda id, text: check("ringmain produce as " + id,
                                     broker.command("produce", "typed", "--transactional-id", id, input=text).returncode == 0)
    type_in("typist", "".join("word%d\n" % i for i in range(5000)))
    exactly_once("ringmain produce", broker, "typed", 5000)
    left = subprocess.Popen([ringmain, "produce", "typed", "--transactional-id", "gone", "--bootstrap", broker.address],
                            stdin=subprocess.PIPE, text=True)
    left.stdin.write("never\n")
    left.stdin.flush()
    wait(lambda: "Ongoing" in broker.command("txn", "list").stdout)
    left.kill()
    left.wait()
    said = broker.json("txn", "describe", "gone")[0]
    check("ringmain txn describe", said["state"] == "Ongoing", str(said))
    type_in("gone", "again\n")
    seen = collections.Counter(read(broker, "typed", "read_committed"))
    check("ringmain produce takes over", seen["again"] == 1 and seen["never"] == 0, str(seen.most_common(3)))
    said = broker.command("txn", "find-hanging", "typed")
    check("ringmain txn find-hanging: none", said.returncode == 0, said.stdout + said.stderr)

def undisturbed():
    broker = Broker(ringmain, "group.initial.rebalance.delay.ms=0")
    in_parallel([(with_command, broker)] + [(with_client, broker, client) for client in clients])
    if "java" in clients:
        in_parallel([(with_tools, broker)])
    broker.end()

stories = [(undisturbed,)]
if "c" in clients:
    stories += [(with_kills, "c")]
if "java" in clients:
    stories += [(with_streams,)]
in_parallel(stories)
report()
