"""Every client produces real files with every codec and acks level, another one consumes them: usage: rounds.py BOOTSTRAP DATA
FILE SMALL CLIENT...

SMALL goes with each codec and acks level, FILE (tens of megabytes) twice. Each producer has a thread of its own; consumers take
turns. At the end Kafka's own tool reads segments and indexes of DATA, the broker's log directory."""
import glob, hashlib, queue, re, struct, subprocess, sys, threading
from common import COMMANDS, JAVA, check, in_parallel, report

bootstrap, data, real, small = sys.argv[1:5]
clients = sys.argv[5:]
UNSUPPORTED = 77 # what a client exits with that does not know the codec

def expected(path):
    """What a consumer of the file prints; README.md says how it is produced."""
    with open(path, "rb") as file:
        content = file.read()
    h, n = hashlib.sha256(), 0
    for pos in range(0, len(content), 1000):
        for field in (b"k%d" % n, content[pos:pos + 1000], b"%d" % n):
            h.update(struct.pack(">I", len(field)) + field)
        h.update(struct.pack(">q", 1700000000000 + n))
        n += 1
    return n, "count=%d sha256=%s" % (n, h.hexdigest())

class Started:
    """A client that starts in no time: a process for each command."""
    def __init__(self, client):
        self.start = COMMANDS[client]

    def do(self, *command):
        done = subprocess.run([*self.start, *command], capture_output=True, text=True, timeout=120)
        return done.returncode, (done.stdout.split("\n")[:-1] or [""])[-1], done.stderr[-600:]

    def end(self):
        pass

class Kept:
    """One process for all commands of a client that takes long to start."""
    def __init__(self, client):
        self.process = subprocess.Popen([*COMMANDS[client], "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        self.lock = threading.Lock()

    def do(self, *command):
        with self.lock:
            late = threading.Timer(120, self.process.kill)
            late.start()
            said = [""]
            try:
                self.process.stdin.write(" ".join(command) + "\n")
                self.process.stdin.flush()
                while not said[-1].startswith("done "):
                    line = self.process.stdout.readline()
                    if not line:
                        return 1, "", "the client's process has ended: " + " ".join(said)[-600:]
                    said.append(line.rstrip("\n"))
            except BrokenPipeError:
                return 1, "", "the client's process has ended"
            finally:
                late.cancel()
            return int(said[-1].split()[1]), said[-2], "\n".join(said)[-600:]

    def end(self):
        self.process.stdin.close()
        self.process.wait(30)

make = lambda client: (Started if client in ("c", "go") else Kept)(client)
files = {"small": (small, *expected(small)), "real": (real, *expected(real))}
consumers = {client: make(client) for client in clients if client != "js"}

def rounds(turn, client):
    producer = make(client)
    others = [c for c in consumers if c != client] or list(consumers)
    matrix = [("small", codec, acks) for codec in ("none", "gzip", "snappy", "lz4", "zstd") for acks in ("all", "1", "0")]
    for file, codec, acks in matrix + [("real", "none", "all"), ("real", "gzip", "1")]:
        path, count, digest = files[file]
        topic = "t-%s-%s-%s-%s" % (client, codec, acks, file)
        code, _, errors = producer.do("produce", bootstrap, topic, path, codec, acks)
        if code == UNSUPPORTED:
            continue
        if not check("%s produces %s, acks=%s, %s" % (client, codec, acks, file), code == 0, "exit %d %s" % (code, errors)):
            continue
        turn += 1
        consumer = others[turn % len(others)]
        code, got, errors = consumers[consumer].do("consume", bootstrap, topic, str(count))
        check("%s -> %s, %s, acks=%s, %s" % (client, consumer, codec, acks, file), code == 0 and got == digest,
              "%s instead of %s %s" % (got, digest, errors))
    producer.end()

def kafka_reads_our_files():
    """DumpLogSegments over everything that two of the clients have produced with acks=all, in one go."""
    names = [f for client in ("c", "java") for end in ("log", "index", "timeindex")
             for f in sorted(glob.glob("%s/t-%s-*-all-small-0/*.%s" % (data, client, end)))]
    done = subprocess.run(JAVA + ["org.apache.kafka.tools.DumpLogSegments", "--deep-iteration", "--files", ",".join(names)],
                          capture_output=True, text=True, timeout=120)
    sections = dict(section.split("\n", 1) for section in ("\n" + done.stdout).split("\nDumping ")[1:])
    wrong = re.compile("mismatch|not valid|exception|isvalid: false|corrupt", re.I)
    check("DumpLogSegments is content", names and done.returncode == 0 and not wrong.search(done.stdout + done.stderr), done.stderr[-600:])
    for file in names:
        text = sections.get(file, "it was not read")
        check("DumpLogSegments reads " + file, file in sections and not wrong.search(text), text[-300:])

in_parallel([(rounds, turn, client) for turn, client in enumerate(clients)])
for consumer in consumers.values():
    consumer.end()
if "java" in clients:
    in_parallel([(kafka_reads_our_files,)])
report()
