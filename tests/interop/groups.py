"""Consumer groups with real clients: usage: groups.py RINGMAIN BOOTSTRAP OUT CLIENT...

Each client: two consumers share a topic, a third joins, one is killed, all stop, offsets resume. Then static members,
cooperative ones, and one group of different clients. Prints "passed N failed M" last; every check can fail."""
import collections, json, os, signal, subprocess, sys, tempfile, threading, time

ringmain, bootstrap, out = sys.argv[1:4]
clients = sys.argv[4:]
here = os.path.dirname(os.path.abspath(__file__))
top = os.path.join(here, "..", "..")
results, lock = collections.Counter(), threading.Lock()

COMMANDS = {
    "c": [out + "/c"],
    "go": [out + "/go"],
    "python": [out + "/venv/bin/python", here + "/clients/python/client.py"],
    "js": ["node", out + "/js/client.js"],
    "java": ["java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-cp",
             out + "/java:" + top + "/build/kafka/libs/*", "Client"],
}

def check(what, good, detail=""):
    with lock:
        results["passed" if good else "failed"] += 1
        if not good:
            print("FAILED groups: %s %s" % (what, detail), flush=True)
    return good

class Member:
    """One consumer process; what it has said so far."""
    def __init__(self, client, topic, group, assignor, instance=None):
        self.assigned, self.assignments, self.records = 0, 0, []
        self.errors = tempfile.TemporaryFile()
        if client == "ringmain": # says what it reads, not what it is assigned
            command = [ringmain, "consume", topic, "--group", group, "--bootstrap", bootstrap, "--format", "R %p %o %v\\n"]
        else:
            command = COMMANDS[client] + ["group", bootstrap, topic, group, assignor] + ([instance] if instance else [])
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            word, *rest = line.split()
            if word == "A":
                self.assigned = int(rest[0])
                self.assignments += 1
            elif word == "R":
                self.records.append((int(rest[0]), int(rest[1]), rest[2]))

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def said(self):
        self.errors.seek(0)
        return self.errors.read()[-600:].decode(errors="replace")

def wait(condition, seconds=45):
    end = time.time() + seconds
    while time.time() < end:
        if condition():
            return True
        time.sleep(0.05)
    return condition()

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
    return wait(lambda: sorted(m.assigned for m in members) == sorted(counts))

def life_of_a_group(client):
    topic = Topic("group-" + client)
    group, assignor = "life-" + client, "range"
    topic.produce(200)
    a, b = Member(client, topic.name, group, assignor), Member(client, topic.name, group, assignor)
    check(client + ": two share four partitions", spread([a, b], [2, 2]), "%d %d %s" % (a.assigned, b.assigned, a.said()))
    topic.expect(client + ": two read all", [a, b], 0, 200)
    c = Member(client, topic.name, group, assignor)
    check(client + ": a third joins", spread([a, b, c], [1, 1, 2]), c.said())
    topic.produce(200)
    topic.expect(client + ": three read all", [a, b, c], 200, 400)
    b.stop(signal.SIGKILL)
    check(client + ": one is killed", spread([a, c], [2, 2]), a.said())
    topic.produce(200)
    topic.expect(client + ": the others read all", [a, c], 400, 600)
    a.stop()
    check(client + ": one leaves", spread([c], [4]), c.said())
    c.stop()
    topic.produce(100)
    d = Member(client, topic.name, group, assignor)
    topic.expect(client + ": offsets resume", [d], 600, 700)
    check(client + ": nothing twice after all", len(d.records) == 100, len(d.records))
    d.stop()

def static_members(client):
    topic = Topic("static-" + client)
    make = lambda instance: Member(client, topic.name, "static-" + client, "range", instance)
    a, b = make("one"), make("two")
    check(client + ": two static members", spread([a, b], [2, 2]), a.said())
    topic.produce(100)
    topic.expect(client + ": static members read all", [a, b], 0, 100)
    before = a.assignments
    b.stop(signal.SIGKILL)
    again = make("two")
    check(client + ": a static member comes back", spread([again], [2]), again.said())
    topic.produce(100)
    topic.expect(client + ": static members go on", [a, again], 100, 200)
    check(client + ": nobody else noticed", a.assignments == before, a.assignments)
    a.stop()
    again.stop()

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
    a.stop()
    check(client + ": the second takes over", spread([b], [4]), b.said())
    b.stop()

def mixed(assignor, names):
    topic = Topic("mixed-" + assignor, 2 * len(names))
    members = [Member(name, topic.name, "mixed-" + assignor, assignor) for name in names]
    check("mixed %s: all have two" % assignor, spread(members, [2] * len(names)),
          [(n, m.assigned) for n, m in zip(names, members)])
    topic.produce(200)
    topic.expect("mixed %s: all read" % assignor, members, 0, 200)
    for member in members:
        member.stop()

def our_own_member(client):
    """`ringmain consume --group` beside another client, as follower and as leader."""
    topic = Topic("own-" + client)
    make = lambda who: Member(who, topic.name, "own-" + client, "cooperative")
    def both_read(a, b):
        return wait(lambda: len({p for p, _, _ in a.records[-50:]}) == 2 and len({p for p, _, _ in b.records[-50:]}) == 2)
    def settled():
        done = subprocess.run([ringmain, "group", "describe", "own-" + client, "--json", "--bootstrap", bootstrap],
                              capture_output=True, text=True)
        group = json.loads(done.stdout)[0] if done.returncode == 0 else {"state": "", "members": []}
        return group["state"] == "Stable" and [m["partitions"] for m in group["members"]] == [2, 2]
    a = make(client)
    spread([a], [4])
    b = make("ringmain")
    check(client + ": leads us", wait(settled), a.said())
    topic.produce(100)
    topic.expect(client + ": all is read with us", [a, b], 0, 100, most=2 if client == "c" else 1)
    check(client + ": both read two partitions", both_read(a, b))
    a.stop()
    wait(lambda: False, 2) # the other one takes over
    topic.produce(100)
    topic.expect(client + ": we go on alone", [b], 100, 200)
    c = make(client)
    check(client + ": we lead", wait(settled), c.said())
    topic.produce(100)
    topic.expect(client + ": all is read, led by us", [b, c], 200, 300, most=2 if client == "c" else 1)
    c.stop()
    b.stop(signal.SIGINT)
    check(client + ": we leave in good order", b.process.returncode == 0, b.process.returncode)

def administration():
    """Kafka's own tool on a group that has been left."""
    topic = Topic("administered", 2)
    topic.produce(40)
    member = Member("java", topic.name, "administered", "range")
    topic.expect("administration: read all", [member], 0, 40)
    member.stop()
    def tool(*arguments):
        command = COMMANDS["java"][:-2] + [top + "/build/kafka/libs/*", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
                                          "--bootstrap-server", bootstrap]
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
    member.stop()
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

def story(function, *arguments):
    try:
        function(*arguments)
    except Exception as e:
        check("%s%s" % (function.__name__, arguments), False, repr(e))

def in_parallel(stories):
    threads = [threading.Thread(target=story, args=s) for s in stories]
    for t in threads:
        t.start()
    for t in threads:
        t.join()

in_parallel([(life_of_a_group, c) for c in clients])
in_parallel([(static_members, c) for c in clients if c in ("c", "go", "java", "python")])
in_parallel([(cooperative_members, c) for c in clients if c in ("c", "go", "java")])
same = [c for c in clients if c in ("c", "go", "java", "python")]
if len(same) > 1:
    in_parallel([(mixed, "range", same), (mixed, "roundrobin", same)])
in_parallel([(command_line, clients[0])] + [(our_own_member, c) for c in clients if c in ("c", "go", "java")])
if "java" in clients:
    in_parallel([(administration,)])
print("passed %d failed %d" % (results["passed"], results["failed"]))
