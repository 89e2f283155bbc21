"""Consumer groups with real clients: usage: groups.py RINGMAIN BOOTSTRAP CLIENT...

Each client: two consumers share a topic, a third joins, one is killed, all stop, offsets resume. Then static members,
cooperative ones, and one group of different clients. Several at a time, on one broker; every check can fail."""
import collections, json, signal, subprocess, sys
from common import COMMANDS, JAVA, Process, check, in_parallel, report, wait

ringmain, bootstrap = sys.argv[1:3]
clients = sys.argv[3:]

class Member(Process):
    """One consumer process; what it has been assigned and has read so far."""
    def __init__(self, client, topic, group, assignor, instance=None, session_ms=None):
        self.assigned, self.assignments, self.records = 0, 0, []
        if client == "ringmain": # says what it reads, not what it is assigned
            command = [ringmain, "consume", topic, "--group", group, "--bootstrap", bootstrap, "--format", "R %p %o %v\\n"]
        else:
            command = COMMANDS[client] + ["group", bootstrap, topic, group, assignor] + ([instance] if instance else [])
        # However busy the machine is, no session ends unasked. But librdkafka 2.0 says nothing when it leaves a cooperative group.
        session_ms = session_ms or (10000 if (client, assignor) == ("c", "cooperative") else 45000)
        self.command, self.environment, self.again = command, {"SESSION_MS": str(session_ms)}, False
        super().__init__(command, **self.environment)

    def settled(self):
        """How many partitions are its own. One that ended before it said a word is started again, once."""
        if not self.lines and self.process.poll() is not None and not self.again:
            print("note: a client ended before its first poll did: %s" % self.said(), flush=True)
            self.again = True
            super().__init__(self.command, **self.environment)
        return self.assigned

    def heard(self, line):
        word, *rest = line.split()
        if word == "A":
            self.assigned = int(rest[0])
            self.assignments += 1
        elif word == "R":
            self.records.append((int(rest[0]), int(rest[1]), rest[2]))

def make_topic(name, partitions):
    subprocess.run([ringmain, "topic", "create", name, "--partitions", str(partitions), "--bootstrap", bootstrap], check=True,
                   stdout=subprocess.DEVNULL)

class Topic:
    """Numbered values, spread over the partitions; who has seen which."""
    def __init__(self, name, partitions=4):
        self.name, self.partitions, self.next = name, partitions, 0
        make_topic(name, partitions)

    def produce(self, count):
        for partition in range(self.partitions):
            values = range(self.next + partition, self.next + count, self.partitions)
            subprocess.run([ringmain, "produce", self.name, "--partition", str(partition), "--bootstrap", bootstrap], check=True,
                           input="".join("v%d\n" % v for v in values), text=True, stdout=subprocess.DEVNULL)
        self.next += count

    def expect(self, what, members, first, last, most=1):
        """Values first..last-1 have come to the members, each once, or at most so many times."""
        def seen():
            counts = collections.Counter(value for m in members for _, _, value in list(m.records))
            return {v: counts["v%d" % v] for v in range(first, last)}
        arrived = wait(lambda: all(seen().values()))
        wrong = [(v, n) for v, n in seen().items() if not 1 <= n <= most][:5]
        return check(what, arrived and not wrong, "%s %s" % (wrong, "" if arrived else members[0].said()))

def spread(members, counts):
    return wait(lambda: sorted(m.settled() for m in members) == sorted(counts))

def life_of_a_group(client):
    topic = Topic("group-" + client)
    group, assignor = "life-" + client, "range"
    make = lambda: Member(client, topic.name, group, assignor, session_ms=10000)
    topic.produce(200)
    a, b = make(), make()
    check(client + ": two share four partitions", spread([a, b], [2, 2]), "%d %d %s" % (a.assigned, b.assigned, a.said()))
    topic.expect(client + ": two read all", [a, b], 0, 200)
    c = make()
    check(client + ": a third joins", spread([a, b, c], [1, 1, 2]), c.said())
    topic.produce(200)
    topic.expect(client + ": three read all", [a, b, c], 200, 400)
    b.end(signal.SIGKILL)
    check(client + ": one is killed", spread([a, c], [2, 2]), a.said())
    topic.produce(200)
    topic.expect(client + ": the others read all", [a, c], 400, 600)
    a.end()
    check(client + ": one leaves", spread([c], [4]), c.said())
    c.end()
    topic.produce(100)
    d = make()
    wait(lambda: len(d.records) >= 100)
    # A rebalance in its middle, as a busy machine brings it, lets a client read again what it has not committed yet.
    topic.expect(client + ": offsets resume", [d], 600, 700, most=max(d.assignments, 1))
    check(client + ": nothing twice after all", len(d.records) == 100 or d.assignments > 1, (len(d.records), d.assignments))
    d.end()

def static_members(client):
    topic = Topic("static-" + client)
    make = lambda instance: Member(client, topic.name, "static-" + client, "range", instance)
    a, b = make("one"), make("two")
    check(client + ": two static members", spread([a, b], [2, 2]), a.said())
    topic.produce(100)
    topic.expect(client + ": static members read all", [a, b], 0, 100)
    before = a.assignments
    b.end(signal.SIGKILL)
    again = make("two")
    check(client + ": a static member comes back", spread([again], [2]), again.said())
    topic.produce(100)
    topic.expect(client + ": static members go on", [a, again], 100, 200)
    check(client + ": nobody else noticed", a.assignments == before, a.assignments)
    a.end()
    again.end()

def cooperative_members(client):
    topic = Topic("cooperative-" + client)
    make = lambda: Member(client, topic.name, "cooperative-" + client, "cooperative")
    topic.produce(100)
    a = make()
    check(client + ": one cooperative member", spread([a], [4]), a.said())
    topic.expect(client + ": one cooperative member reads all", [a], 0, 100) # a commit may not fall into the rebalance
    b = make()
    check(client + ": a second cooperative member", spread([a, b], [2, 2]), b.said())
    topic.produce(100)
    # librdkafka reads some records again after a cooperative rebalance; it does so with Apache Kafka, too.
    topic.expect(client + ": cooperative members read all", [a, b], 0, 200, most=2 if client == "c" else 1)
    a.end()
    check(client + ": the second takes over", spread([b], [4]), "%s, first: exit %s %s" % (b.said(), a.process.returncode, a.said()))
    b.end()

def mixed(assignor, names):
    topic = Topic("mixed-" + assignor, 2 * len(names))
    members = [Member(name, topic.name, "mixed-" + assignor, assignor) for name in names]
    check("mixed %s: all have two" % assignor, spread(members, [2] * len(names)),
          [(n, m.assigned) for n, m in zip(names, members)])
    topic.produce(200)
    topic.expect("mixed %s: all read" % assignor, members, 0, 200)
    for member in members:
        member.end()

def our_own_member(client):
    """`ringmain consume --group` beside another client, as follower and as leader."""
    topic = Topic("own-" + client)
    make = lambda who: Member(who, topic.name, "own-" + client, "cooperative")
    def both_read(a, b):
        return wait(lambda: len({p for p, _, _ in a.records[-50:]}) == 2 and len({p for p, _, _ in b.records[-50:]}) == 2)
    def settled(*partitions):
        done = subprocess.run([ringmain, "group", "describe", "own-" + client, "--json", "--bootstrap", bootstrap],
                              capture_output=True, text=True)
        group = json.loads(done.stdout)[0] if done.returncode == 0 else {"state": "", "members": []}
        return group["state"] == "Stable" and [m["partitions"] for m in group["members"]] == list(partitions)
    a = make(client)
    spread([a], [4])
    b = make("ringmain")
    check(client + ": leads us", wait(lambda: settled(2, 2)), a.said())
    topic.produce(100)
    topic.expect(client + ": all is read with us", [a, b], 0, 100, most=2 if client == "c" else 1)
    check(client + ": both read two partitions", both_read(a, b))
    a.end()
    check(client + ": we take over", wait(lambda: settled(4)))
    topic.produce(100)
    topic.expect(client + ": we go on alone", [b], 100, 200)
    c = make(client)
    check(client + ": we lead", wait(lambda: settled(2, 2)), c.said())
    topic.produce(100)
    topic.expect(client + ": all is read, led by us", [b, c], 200, 300, most=2 if client == "c" else 1)
    c.end()
    b.end(signal.SIGINT)
    check(client + ": we leave in good order", b.process.returncode == 0, b.process.returncode)

def administration():
    """Kafka's own tool on a group that has been left."""
    topic = Topic("administered", 2)
    topic.produce(40)
    member = Member("java", topic.name, "administered", "range")
    topic.expect("administration: read all", [member], 0, 40)
    member.end()
    def tool(*arguments):
        command = JAVA + ["org.apache.kafka.tools.consumer.group.ConsumerGroupCommand", "--bootstrap-server", bootstrap]
        done = subprocess.run(command + list(arguments), capture_output=True, text=True)
        return done.stdout + done.stderr
    def rows(said):
        return sorted(line.split()[2:6] for line in said.splitlines() if line.startswith("administered "))
    group = ["--group", "administered"]
    check("administration: listed", "administered" in tool("--list").split())
    said = tool("--describe", *group)
    check("administration: described", rows(said) == [["0", "20", "20", "0"], ["1", "20", "20", "0"]], said)
    tool("--reset-offsets", *group, "--topic", topic.name, "--to-earliest", "--execute")
    tool("--delete-offsets", *group, "--topic", topic.name + ":1")
    said = tool("--describe", *group)
    check("administration: reset and deleted offsets", rows(said) == [["0", "0", "20", "20"]], said)
    said = tool("--delete", *group)
    check("administration: deleted", "was successful" in said, said)
    check("administration: gone", "administered" not in tool("--list").split())

def command_line(client):
    """`ringmain group` on a group while it lives and after."""
    topic, group = Topic("commanded", 2), "commanded"
    topic.produce(40)
    def tool(*arguments):
        done = subprocess.run([ringmain, "group", *arguments, "--json", "--bootstrap", bootstrap], capture_output=True, text=True)
        return done.returncode, json.loads(done.stdout) if done.stdout.strip() else None
    def offsets():
        described = tool("describe", group)[1]
        return {p["partition"]: (p["committed"], p["end"], p["lag"]) for p in described[0]["offsets"]} if described else None
    member = Member(client, topic.name, group, "range")
    topic.expect("command line: read all", [member], 0, 40)
    described = tool("describe", group)[1][0]
    check("command line: described", described["state"] == "Stable" and [m["partitions"] for m in described["members"]] == [2],
          described)
    check("command line: a living group is not deleted", tool("delete", group)[0] == 1)
    check("command line: nor reset", tool("reset-offsets", group, "--to-earliest")[0] == 1)
    member.end()
    check("command line: all is read", wait(lambda: offsets() == {0: (20, 20, 0), 1: (20, 20, 0)}, 10), offsets())
    tool("reset-offsets", group, "--to-earliest", "--dry-run")
    check("command line: a dry run changes nothing", offsets() == {0: (20, 20, 0), 1: (20, 20, 0)}, offsets())
    tool("reset-offsets", group, "--to-offset", "7", "--topic", topic.name, "--partition", "1")
    check("command line: reset to an offset", offsets() == {0: (20, 20, 0), 1: (7, 20, 13)}, offsets())
    tool("reset-offsets", group, "--by-duration", "3600000")
    check("command line: reset by duration", offsets() == {0: (0, 20, 20), 1: (0, 20, 20)}, offsets())
    tool("reset-offsets", group, "--to-latest")
    tool("delete-offsets", group, "--topic", topic.name, "--partition", "0")
    check("command line: reset to the end and deleted", offsets() == {1: (20, 20, 0)}, offsets())
    check("command line: listed", group in [g["group"] for g in tool("list", "--state", "Empty")[1]])
    check("command line: deleted", tool("delete", group)[1] == [group] and tool("describe", group)[0] == 1)

like_java = [c for c in clients if c in ("c", "go", "java")]
stories = [(life_of_a_group, c) for c in clients]
stories += [(static_members, c) for c in clients if c != "js"]
stories += [(cooperative_members, c) for c in like_java]
same = [c for c in clients if c != "js"]
if len(same) > 1:
    stories += [(mixed, "range", same), (mixed, "roundrobin", same)]
stories += [(command_line, clients[0])] + [(our_own_member, c) for c in like_java]
if "java" in clients:
    stories += [(administration,)]
in_parallel(stories, most=6)
report()
