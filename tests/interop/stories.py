"""Stories of groups and transactions that one client tells alone: usage: stories.py RINGMAIN CLIENT...

Each client: a member too many is idle, partitions that are added are seen by the running group, those of a killed member move
when its session is over; where a consumer without offsets begins; committed offsets that nobody keeps alive go. Then `ringmain produce` and Ctrl-C, and a transaction that
hangs, made by hand. Everything at once, on one broker. Every check can fail."""
import signal, socket, struct, subprocess, sys, tempfile, threading, time
from common import COMMANDS, Broker, Process, check, in_parallel, report, wait

ringmain = sys.argv[1]
clients = sys.argv[2:]
SESSION_MS = 6000

class Client(Process):
    def __init__(self, client, *arguments):
        super().__init__(COMMANDS[client] + list(arguments), SESSION_MS=str(SESSION_MS), METADATA_MS="500")

    def assigned(self):
        said = [int(line.split()[1]) for line in list(self.lines) if line.startswith("A ")]
        return said[-1] if said else 0

# ---- groups ------------------------------------------------------------------------------------------------------------

def crowd(client):
    topic = group = "crowd-" + client
    broker.command("topic", "create", topic, "--partitions", "2")
    members = [Client(client, "group", broker.address, topic, group, "range") for _ in range(3)]
    spread = lambda who: sorted(m.assigned() for m in who)
    # Kafkajs says what it got when it joins: an idle member says 0, as the others do.
    heard = lambda: all(any(line.startswith("A ") for line in m.lines) for m in members)
    check(client + ": a member too many is idle", wait(lambda: spread(members) == [0, 1, 1] and heard()),
          [m.said() for m in members])
    state = lambda: [(g["state"], sorted(m["partitions"] for m in g["members"])) for g in broker.json("group", "describe", group)]
    check(client + ": the idle one is a member", wait(lambda: state() == [("Stable", [0, 1, 1])], 30), state())
    broker.command("topic", "alter", topic, "--partitions", "6")
    check(client + ": partitions that are added are seen", wait(lambda: spread(members) == [2, 2, 2]), members[0].said())
    began = time.time()
    members[0].end(signal.SIGKILL)
    check(client + ": a killed member's partitions move", wait(lambda: spread(members[1:]) == [3, 3]), members[1].said())
    took = time.time() - began
    # Its last heartbeat was 500 ms before, or more on a busy machine; the others hear of the rebalance with their next one.
    check(client + ": when its session is over, not before", took > SESSION_MS / 1000 / 2, took)
    for member in members[1:]:
        member.end()

def resets(client):
    """What a consumer without offsets begins with. Records 0-19 are of 2023, 20-29 of now; more come all the time."""
    policies = {"earliest": "0", "latest": ">", "none": "refused", "by_duration:PT1H": "20"}
    if client == "js": # knows two
        del policies["none"], policies["by_duration:PT1H"]
    if client in ("c", "python"): # no such policy there
        del policies["by_duration:PT1H"]
    reader = Client(client, "resets", broker.address, "reset", "reset-" + client, *policies)
    wait(lambda: reader.process.poll() is not None, 60)
    said = dict(line.split() for line in reader.lines)
    for policy, expected in policies.items():
        got = said.get(policy, "")
        good = got.isdigit() and int(got) >= 30 if expected == ">" else got == expected
        check("%s: auto.offset.reset=%s" % (client, policy), good, got + " " + reader.said())
    reader.end(signal.SIGKILL)

def all_resets():
    broker.command("topic", "create", "reset", "--partitions", "1", "--config", "retention.ms=-1")
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"x" * 20000)
        file.flush()
        old = subprocess.run(COMMANDS[clients[0]] + ["produce", broker.address, "reset", file.name, "none", "all"],
                             capture_output=True, timeout=60) # its records are of 2023
    broker.command("produce", "reset", input="now\n" * 10)
    if not check("records to begin with", old.returncode == 0, old.stderr):
        return
    stop = threading.Event()
    def trickle():
        while not stop.wait(0.3):
            broker.command("produce", "reset", input="later\n")
    trickler = threading.Thread(target=trickle)
    trickler.start()
    in_parallel([(resets, client) for client in clients])
    stop.set()
    trickler.join()

# ---- retention ---------------------------------------------------------------------------------------------------------

RETENTION_S, LONGER_S = 60, 10

class Watch:
    """When committed offsets were first seen missing; what each counts from is a time before it began to count."""
    def __init__(self, broker):
        self.broker, self.since, self.gone = broker, {}, {}

    def offsets(self, group):
        described = self.broker.json("group", "describe", group)
        return {(o["topic"], o["partition"]) for g in described or [] for o in g["offsets"] if o["committed"] is not None}

    def look(self):
        for group in {group for group, _, _ in self.since}:
            there = self.offsets(group)
            for offset in self.since:
                if offset[0] == group and offset[1:] not in there:
                    self.gone.setdefault(offset, time.time())
        return len(self.gone) == len(self.since)

    def after(self, *offset):
        return self.gone[offset] - self.since[offset] if offset in self.gone else -1

def retention():
    """offsets.retention.minutes is one: what goes when it is over, what stays."""
    broker = Broker(ringmain, "offsets.retention.minutes=1", "offsets.retention.check.interval.ms=500", "group.initial.rebalance.delay.ms=0")
    watch = Watch(broker)
    for topic in ("read", "dropped", "deleted"):
        broker.command("topic", "create", topic, "--partitions", "2")
        broker.command("produce", topic, "--partition", "0", input="1\n2\n3\n")
    def commit(group, topic, partition):
        """Without a membership: the retention counts from here."""
        watch.since[group, topic, partition] = time.time()
        done = subprocess.run(COMMANDS["c"] + ["commit", broker.address, topic, group, str(partition), "2"], capture_output=True)
        check("retention: a simple consumer commits", done.returncode == 0, done.stderr)
    def member(client, group):
        return Client(client, "group", broker.address, "read", group, "range")
    commit("simple", "read", 0)
    commit("simple", "deleted", 0)
    commit("living", "dropped", 0) # its members will read another topic
    left = {client: member(client, "left-" + client) for client in clients}
    living = member("c", "living")
    committed = lambda group: ("read", 0) in watch.offsets(group)
    check("retention: members commit", wait(lambda: all(committed(g) for g in ["living"] + ["left-" + c for c in clients])))
    living_since = time.time()
    broker.command("topic", "delete", "deleted")
    check("retention: offsets of a deleted topic are gone at once", wait(lambda: ("deleted", 0) not in watch.offsets("simple"), 20) and
          time.time() - watch.since["simple", "deleted", 0] < RETENTION_S)
    watch.look()
    time.sleep(LONGER_S)
    commit("simple", "read", 1)
    for client, process in left.items():
        watch.since["left-" + client, "read", 0] = time.time()
        process.end()
    wait(watch.look, RETENTION_S + 60)
    for offset in watch.since:
        took = watch.after(*offset)
        if offset != ("simple", "deleted", 0):
            check("retention: %s of %s-%d goes when its time is over, not before" % offset, took >= RETENTION_S, took)
    check("retention: the simple consumer's later commit goes later",
          watch.gone.get(("simple", "read", 0), 0) < watch.gone.get(("simple", "read", 1), 0), watch.gone)
    check("retention: what a living member reads stays", committed("living") and time.time() - living_since > RETENTION_S + 5)
    check("retention: and none of the others' groups", wait(lambda: [g["group"] for g in broker.json("group", "list")] == ["living"], 20),
          broker.json("group", "list"))
    living.end()
    broker.end()

# ---- transactions ------------------------------------------------------------------------------------------------------

def state_of(id):
    described = broker.json("txn", "describe", id)
    return described[0]["state"] if described else ""

def interrupted():
    """Ctrl-C in the middle of `ringmain produce --transactional-id`, while it waits for input and while it is busy."""
    broker.command("topic", "create", "typed")
    for name, busy in (("waits", False), ("works", True)):
        feeder = subprocess.Popen(["sh", "-c", "echo one; %s" % ("yes two" if busy else "exec sleep 60")], stdout=subprocess.PIPE)
        typist = subprocess.Popen([ringmain, "produce", "typed", "--transactional-id", name, "--bootstrap", broker.address],
                                  stdin=feeder.stdout, stderr=subprocess.PIPE, text=True)
        feeder.stdout.close()
        check("Ctrl-C while it %s: the transaction is open" % name, wait(lambda: state_of(name) == "Ongoing", 20), state_of(name))
        began = time.time()
        typist.send_signal(signal.SIGINT)
        said = typist.communicate(timeout=30)[1]
        took = time.time() - began
        feeder.kill()
        feeder.wait()
        check("Ctrl-C while it %s: ends at once" % name, took < 10 and typist.returncode == 1, "%s %s" % (took, typist.returncode))
        check("Ctrl-C while it %s: says that it has aborted" % name, "was aborted" in said, said)
        check("Ctrl-C while it %s: is aborted" % name, wait(lambda: state_of(name) == "CompleteAbort", 10), state_of(name))
    check("Ctrl-C: nothing hangs", broker.json("txn", "find-hanging", "typed") == [])

def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff

def produce_unasked(broker, topic, producer_id, epoch, value):
    """Produce 9 of a transactional batch of which no coordinator has heard."""
    record = b"\x00\x00\x00\x01" + bytes([2 * len(value)]) + value + b"\x00"
    now = int(time.time() * 1000)
    body = struct.pack(">hiqqqhii", 0x10, 0, now, now, producer_id, epoch, 0, 1) + bytes([2 * len(record)]) + record
    batch = struct.pack(">qiibI", 0, len(body) + 9, -1, 2, crc32c(body)) + body
    name = lambda text: bytes([len(text) + 1]) + text.encode()
    request = (struct.pack(">hhih", 0, 9, 1, 4) + b"hand\x00" + name("nobody") + struct.pack(">hi", -1, 10000) + b"\x02" +
               name(topic) + b"\x02" + struct.pack(">i", 0) + bytes([len(batch) + 1]) + batch + b"\x00\x00\x00")
    assert len(batch) < 127
    with socket.create_connection(("127.0.0.1", broker.port), 10) as s:
        s.sendall(struct.pack(">i", len(request)) + request)
        answer = s.recv(4096)
    at = 4 + 4 + 1 + 1 + 1 + len(topic) + 1 + 4 # size, id, tags, topics, name, partitions, index
    return struct.unpack(">h", answer[at:at + 2])[0]

NOT_ENOUGH_REPLICAS, INVALID_PRODUCER_ID_MAPPING = 19, 49

def hanging():
    """A transaction that no coordinator knows of: read_committed stops in front of it until an administrator aborts it."""
    broker.command("topic", "create", "hung")
    broker.command("produce", "hung", "--transactional-id", "someone", input="") # there is a coordinator from now on
    refused = lambda: produce_unasked(broker, "hung", 4711, 3, b"left")
    check("hanging: a verified partition takes no such batch", wait(lambda: refused() != NOT_ENOUGH_REPLICAS, 10) and
          refused() == INVALID_PRODUCER_ID_MAPPING, refused())
    open_to_all = Broker(ringmain, "transaction.partition.verification.enable=false")
    run = open_to_all.command
    try:
        run("topic", "create", "hung")
        run("produce", "hung", input="before\n")
        code = produce_unasked(open_to_all, "hung", 4711, 3, b"left")
        check("hanging: a partition that does not verify takes it", code == 0, code)
        run("produce", "hung", input="behind\n")
        committed = lambda: subprocess.run(["kcat", "-q", "-b", open_to_all.address, "-t", "hung", "-C", "-e", "-X",
                                            "isolation.level=read_committed"], capture_output=True, text=True, timeout=60).stdout.split()
        check("hanging: read_committed stops in front of it", committed() == ["before"], committed())
        found = open_to_all.json("txn", "find-hanging", "hung")
        check("hanging: found", [(t["producer_id"], t["producer_epoch"], t["start_offset"], t["hangs"]) for t in found] ==
              [(4711, 3, 1, True)], found)
        run("txn", "abort-hanging", "hung", "--dry-run")
        check("hanging: a dry run changes nothing", open_to_all.json("txn", "find-hanging", "hung") == found)
        run("txn", "abort-hanging", "hung", "--partition", "0", "--start-offset", "0")
        check("hanging: another start offset changes nothing", open_to_all.json("txn", "find-hanging", "hung") == found)
        done = run("txn", "abort-hanging", "hung", "--partition", "0", "--start-offset", "1")
        check("hanging: aborted", done.returncode == 0 and "aborted hung-0" in done.stdout, done.stdout + done.stderr)
        check("hanging: none is left", open_to_all.json("txn", "find-hanging", "hung") == [])
        check("hanging: read_committed goes on", committed() == ["before", "behind"], committed())
    finally:
        open_to_all.end()

# ------------------------------------------------------------------------------------------------------------------------

broker = Broker(ringmain, "auto.create.topics.enable=true", "group.initial.rebalance.delay.ms=0", "group.min.session.timeout.ms=1000")
in_parallel([(crowd, client) for client in clients] + [(all_resets,), (interrupted,), (hanging,)] +
            [(retention,)] * ("c" in clients))
broker.end()
report()
