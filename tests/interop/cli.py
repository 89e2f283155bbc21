"""The command line as somebody uses it who comes from kcat and Kafka's scripts: usage: cli.py RINGMAIN

The examples that --help prints run as they stand; --json is JSON whatever happened; exit codes tell wrong words (2) from what
did not work (1); errors name the cause; readers that go away and full disks; `dump --verify` finds single flipped bits."""
import glob, json, os, random, re, subprocess, sys, tempfile
from common import Broker, check, report, wait

ringmain = os.path.abspath(sys.argv[1])
broker = Broker(ringmain, "auto.create.topics.enable=true", "ringmain.metrics.port=0", "group.initial.rebalance.delay.ms=0")
place = tempfile.mkdtemp(prefix="ringmain-cli-")

def sh(line, **more):
    """A line of shell; `ringmain` in it finds our broker."""
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, cwd=place,
                          env={**os.environ, "PATH": place + ":" + os.environ["PATH"]}, **more)

def run(*words, input=""):
    return subprocess.run([ringmain, *words, "--bootstrap", broker.address], input=input, capture_output=True, text=True, timeout=60)

# ---- examples ----------------------------------------------------------------------------------------------------------

def wrapper():
    with open(place + "/ringmain", "w") as f:
        f.write('#!/bin/bash\ncase $1 in dump|version) exec %s "$@";; esac\nargs=()\nwhile [ $# -gt 0 ]; do\n'
                'if [ "$1" = --bootstrap ]; then shift; else args+=("$1"); fi\nshift\ndone\n'
                'exec %s "${args[@]}" --bootstrap %s\n' % (ringmain, ringmain, broker.address))
    os.chmod(place + "/ringmain", 0o755)
    with open(place + "/today.txt", "w") as f:
        f.write("one\ntwo\n")
    os.symlink(broker.dir + "/data", place + "/ringmain-data")

def examples():
    wrapper()
    for name, partitions in (("greetings", 1), ("words", 1), ("orders", 4), ("payments", 1)):
        run("topic", "create", name, "--partitions", str(partitions))
    run("produce", "orders", "--partition", "0", input="line\n" * 110)
    subprocess.run([ringmain, "consume", "orders", "--group", "billing", "--count", "1", "--bootstrap", broker.address],
                   capture_output=True, timeout=60)
    run("produce", "payments", "--transactional-id", "billing-1", input="x\n")
    # What cannot end by itself or needs what is not there: it is run in another story, or ends with Ctrl-C.
    unlike = re.compile(r"^ringmain (start|top|bench)|--group billing|orders --json .*a line|broker1:9404|topic create orders")
    for command in ("topic", "config", "produce", "consume", "group", "txn", "cluster", "dump"):
        said = subprocess.run([ringmain, command, "--help"], capture_output=True, text=True).stdout
        lines = [line.strip() for line in said.split("examples:\n")[1].splitlines()]
        for line in lines:
            if unlike.search(line) or not os.path.exists("/usr/share/dict/words") and "dict/words" in line:
                continue
            done = sh(line)
            hung = "abort-hanging" in line # there is none: said so, and no success
            check("example: " + line, done.returncode == (1 if hung else 0) or hung, "%d %s" % (done.returncode, done.stderr[-300:]))
    done = sh("timeout -s INT 5 ringmain consume orders --json | head -1")
    check("example: consume --json", json.loads(done.stdout)["topic"] == "orders", done.stdout + done.stderr)

# ---- JSON, exit codes, errors ------------------------------------------------------------------------------------------

def documents():
    run("topic", "create", "j")
    run("consume", "orders", "--group", "billing", "--count", "1")
    for words, code in (
            ("topic create j1 --partitions 2", 0), ("topic create j1", 1), ("topic create j2 --validate", 0), ("topic list", 0),
            ("topic describe j", 0), ("topic describe nowhere", 1), ("topic alter j1 --partitions 3 --validate", 0),
            ("topic alter j1 --partitions 3", 0), ("topic delete j1", 0), ("topic delete nowhere", 1),
            ("config describe topic j --all", 0), ("config alter topic j --set retention.ms=100000", 0),
            ("config alter topic j --delete retention.ms", 0), ("config describe broker 1", 0), ("cluster describe", 0),
            ("produce j", 0), ("group list", 0), ("group describe billing", 0), ("group describe nobody", 1),
            ("group reset-offsets billing --to-earliest --dry-run", 0), ("group delete-offsets billing --topic orders --partition 1", 0),
            ("group delete nobody", 1), ("txn list", 0), ("txn describe billing-1", 0), ("txn describe nobody", 1),
            ("txn find-hanging orders", 0)):
        done = run(*words.split(), "--json", input="1\n")
        try:
            json.loads(done.stdout)
            said = True
        except ValueError:
            said = done.returncode != 0 and done.stdout == "" and words.startswith("topic alter")
        check("--json: %s" % words, said and done.returncode == code and (code == 0 or done.stderr),
              "%d %r %s" % (done.returncode, done.stdout[-200:], done.stderr[-200:]))
    said = subprocess.run([ringmain, "version", "--json"], capture_output=True, text=True)
    check("--json: version", "version" in json.loads(said.stdout))

def mistakes():
    for words, code, names in (
            ("topic", 2, "usage"), ("nonsense", 2, "usage"), ("topic list --timeout soon", 2, "whole number"),
            ("topic list --nonsense", 2, "unknown option"), ("consume nowhere --partition x", 2, "whole number"),
            ("produce j --compression best", 2, "zstd"), ("produce j --acks 5", 2, "all"),
            ("consume j --format %q", 2, "%"), (r"consume j --format \xz1", 2, "hexadecimal"),
            ("consume j --beginning --end", 2, "one of"), ("consume nowhere --exit", 1, "ringmain topic list"),
            ("consume orders --offset 100", 1, "--partition"), ("consume j --partition 7 --exit", 1, "partition"), ("produce j --partition 7", 1, "partition"),
            ("produce j /nonexistent", 1, "/nonexistent"), ("config alter topic j --set no.such=1", 1, "no.such"),
            ("config describe topic nowhere", 1, "ringmain topic list"), ("dump /nonexistent", 1, "/nonexistent"),
            ("dump x --bootstrap y", 2, "unknown option")):
        arguments = words.split() if words.startswith("dump") else words.split() + ["--bootstrap", broker.address]
        done = subprocess.run([ringmain, *arguments], input="x\n", capture_output=True, text=True, timeout=60)
        check("mistake: " + words, done.returncode == code and names in done.stderr, "%d %s" % (done.returncode, done.stderr[-300:]))
    for address, names in (("127.0.0.1:1", "refused"), ("nowhere.invalid:9092", "nowhere.invalid"), ("x", "HOST:PORT")):
        done = subprocess.run([ringmain, "topic", "list", "--bootstrap", address], capture_output=True, text=True, timeout=60)
        check("mistake: no broker at " + address, done.returncode == 1 and names in done.stderr, done.stderr)

def pipes():
    run("produce", "big", input="some line\n" * 300000)
    done = sh("set -o pipefail; ringmain consume big --exit | head -1")
    check("pipe: who reads no further ends it quietly", done.stdout == "some line\n" and done.stderr == "" and done.returncode != 0,
          "%d %s" % (done.returncode, done.stderr))
    for words in ("consume big --exit", "topic list"):
        done = sh("ringmain %s >/dev/full" % words)
        check("full disk: " + words, done.returncode == 1 and "No space left" in done.stderr, "%d %s" % (done.returncode, done.stderr))

def formats():
    run("topic", "create", "formats")
    run("produce", "formats", "--key-separator", ":", "--null", "-", "--header", "h=1", input="k:v\nk:-\n-:w\n")
    done = run("consume", "formats", "--exit", "--format", r"%t %p %o %k %K %s %S %h%%\t\x41\x0a")
    check("format", done.stdout == "formats 0 0 k 1 v 1 h=1%\tA\nformats 0 1 k 1  -1 h=1%\tA\nformats 0 2  -1 w 1 h=1%\tA\n", done.stdout)
    kcat = sh("kcat -q -b %s -t formats -p 0 -C -e -f '%%t %%p %%o %%k %%K %%s %%S %%h%%%%\\t\\x41\\n'" % broker.address)
    check("format: as kcat", done.stdout == kcat.stdout, kcat.stdout)

# ---- completion ----------------------------------------------------------------------------------------------------------

def completion():
    """What the shell offers is what --help lists, of every command."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../net/cli/completion.bash")
    def offered(*words):
        line = "COMP_WORDS=(ringmain %s); COMP_CWORD=%d; _ringmain; printf '%%s\\n' \"${COMPREPLY[@]}\"" % (" ".join(words), len(words))
        return set(sh("source %s; %s" % (script, line)).stdout.split())
    def told(*words):
        return subprocess.run([ringmain, *words, "--help"], capture_output=True, text=True).stdout
    commands = set(re.findall(r"^  (\w+)  ", told(), re.M))
    check("completion: commands", len(commands) > 10 and offered("''") == commands, offered("''") ^ commands)
    for command in sorted(commands - {"version"}):
        options = set(re.findall(r"^  (--[\w-]+)", told(command), re.M)) | {"--help"}
        if command == "start":
            options.add("--override")
        check("completion: options of " + command, offered(command, "--") == options, offered(command, "--") ^ options)
    check("completion: of a word begun", offered("topic", "cr") == {"create"}, offered("topic", "cr"))
    check("completion: files", "today.txt" in offered("produce", "to"), offered("produce", "to"))

# ---- what the shell cannot show otherwise --------------------------------------------------------------------------------

def blocks_are_allocated_at_once():
    """`preallocate`, changed while the broker runs, takes hold of a segment that is still small."""
    run("topic", "create", "blocks", "--config", "segment.bytes=4194304")
    run("produce", "blocks", input="one\n")
    [path] = glob.glob(broker.dir + "/data/blocks-0/*.log")
    before = os.stat(path)
    run("config", "alter", "topic", "blocks", "--set", "preallocate=true")
    run("produce", "blocks", input="two\n")
    check("preallocate", before.st_blocks * 512 < 1 << 20 and wait(lambda: os.stat(path).st_blocks * 512 >= 4 << 20), os.stat(path))

# ---- dump ----------------------------------------------------------------------------------------------------------------

def flips():
    """One bit at a time in each kind of file; what the format leaves without a check is left out."""
    run("topic", "create", "rotten", "--config", "index.interval.bytes=100")
    with open(place + "/large.txt", "w") as f:
        f.write("aborted\n" * 30000)
    for i in range(4):
        run("produce", "rotten", input="".join("%d %s\n" % (k, "x" * 200) for k in range(20)))
        done = run("produce", "rotten", place + "/large.txt", "/nonexistent", "--transactional-id", "aborts")
        check("a transaction whose second file is not there is aborted", "was aborted" in done.stderr, done.stderr)
    broker.process.terminate()
    broker.process.wait(90)
    at = broker.dir + "/data/"
    verify = lambda path: subprocess.run([ringmain, "dump", "--verify", path], capture_output=True, text=True, timeout=60)
    for path in sorted(glob.glob(at + "*/*") + glob.glob(at + "*")):
        if os.path.isfile(path) and not verify(path).returncode == 0:
            check("dump: whole files are whole: " + path, False, verify(path).stderr)
    check("dump: whole files are whole", True)
    chance = random.Random(7)
    # Of a batch: its offset (the last batch's is checked by nothing else) and leader epoch lie outside of the CRC.
    outside = lambda size: [8 * byte + bit for byte in range(16, size) for bit in range(8)]
    # Many batches may have the largest timestamp that an entry of .timeindex gives.
    times = lambda size: [8 * byte + bit for byte in range(size) if byte % 12 < 8 for bit in range(8)]
    # Of an entry of .txnindex the last stable offset can only be checked against what is possible.
    stable = lambda size: [8 * byte + bit for byte in range(size) if byte % 34 < 26 for bit in range(8)]
    for kind, bits in ((".log", lambda size: outside(61)), (".index", None), (".timeindex", times), (".txnindex", stable),
                       (".snapshot", None), ("ringmain-manifest", None)):
        found = [p for p in glob.glob(at + ("rotten-0/*" + kind if kind[0] == "." else kind)) if os.path.getsize(p) > 0]
        if not check("dump: there is a file of kind " + kind, found, os.listdir(at + "rotten-0")):
            continue
        whole = open(found[0], "rb").read()
        all_bits = bits(len(whole)) if bits else range(8 * len(whole))
        missed = []
        for bit in chance.sample(list(all_bits), min(60, len(all_bits))):
            flipped = bytearray(whole)
            flipped[bit // 8] ^= 1 << bit % 8
            open(found[0], "wb").write(flipped)
            if verify(found[0]).returncode != 1:
                missed.append((bit // 8, bit % 8))
        open(found[0], "wb").write(whole)
        check("dump: finds flipped bits in %s" % kind, not missed, missed)

examples()
documents()
mistakes()
pipes()
formats()
completion()
blocks_are_allocated_at_once()
flips()
broker.start()
broker.end()
subprocess.run(["rm", "-rf", place])
report()
