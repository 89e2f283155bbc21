"""What the stories share: how each client is started, a broker of one's own, processes and what they say, checks that are
counted. Every story ends with report(), whose last line run.sh reads."""
import collections, concurrent.futures, json, os, shutil, signal, socket, subprocess, sys, tempfile, threading, time

here = os.path.dirname(os.path.abspath(__file__))
top = os.path.normpath(os.path.join(here, "..", ".."))
out = top + "/build/interop"
KAFKA = top + "/build/kafka/libs/*"
# The archive holds what Kafka's client loads: a JVM starts in half the time. One that does not fit is passed over in silence.
JAVA = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:SharedArchiveFile=%s/java.jsa" % out,
        "-Xlog:disable", "-Xlog:all=error:stderr", "-cp", out + "/java.jar:" + KAFKA]
COMMANDS = {
    "c": [out + "/c"],
    "go": [out + "/go"],
    "python": [out + "/venv/bin/python", here + "/clients/python/client.py"],
    "js": ["node", out + "/js/client.js"],
    "java": JAVA + ["Client"],
}
TRANSACT = {"c": [out + "/c_transact"], "go": [out + "/go"], "java": JAVA + ["Transact"]}

# ---- checks ------------------------------------------------------------------------------------------------------------

results, lock = collections.Counter(), threading.Lock()
name = os.path.basename(sys.argv[0]).split(".")[0]

def check(what, good, detail=""):
    with lock:
        results["passed" if good else "failed"] += 1
        if not good:
            print("FAILED %s: %s %s" % (name, what, detail), flush=True)
    return good

def report():
    print("%s: %d passed, %d failed" % (name, results["passed"], results["failed"]))
    sys.exit(1 if results["failed"] or not results["passed"] else 0)

def wait(condition, seconds=45):
    end = time.time() + seconds
    while time.time() < end and not condition():
        time.sleep(0.05)
    return condition()

def in_parallel(stories, most=100):
    """(function, arguments...) each; one that breaks off is a failed check."""
    def tell(function, *arguments):
        try:
            function(*arguments)
        except Exception as e:
            check("%s%s" % (function.__name__, arguments), False, repr(e))
    with concurrent.futures.ThreadPoolExecutor(most) as pool:
        for story in stories:
            pool.submit(tell, *story)

# ---- processes ---------------------------------------------------------------------------------------------------------

class Process:
    """A client's process and the lines that it has said so far."""
    def __init__(self, command, **environment):
        self.lines, self.errors = [], tempfile.TemporaryFile()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.errors, text=True,
                                        env={**os.environ, **environment})
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.heard(line)

    def heard(self, line):
        self.lines.append(line)

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def said(self):
        self.errors.seek(0)
        return "".join(self.lines[-5:]) + self.errors.read()[-600:].decode(errors="replace")

class Broker:
    def __init__(self, ringmain, *settings):
        self.ringmain, self.settings = ringmain, settings
        self.dir = tempfile.mkdtemp(prefix="ringmain-%s-" % name)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.address = "127.0.0.1:%d" % self.port
        self.start()

    def start(self):
        # How long a clean stop takes is a matter of tests/limits: a busy disk takes none of a story's meaning.
        overrides = ["listeners=PLAINTEXT://" + self.address, "log.dirs=%s/data" % self.dir, "ringmain.metrics.port=0",
                     "ringmain.stop.timeout.ms=60000", *self.settings]
        with open(self.dir + "/log", "a") as log:
            self.process = subprocess.Popen([self.ringmain, "start"] + [w for s in overrides for w in ("--override", s)],
                                            stdout=log, stderr=log)
        if not wait(lambda: self.answers() or self.process.poll() is not None, 30) or self.process.poll() is not None:
            raise SystemExit("the broker did not start: " + self.said())

    def answers(self):
        """To an ApiVersions request: a connection alone may still be one of a killed predecessor, whose sockets go a little later."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as s:
                s.settimeout(5)
                s.sendall(bytes([0, 0, 0, 11, 0, 18, 0, 0, 0, 0, 0, 1, 0, 1, 120]))
                return len(s.recv(4)) > 0
        except OSError:
            return False

    def kill(self):
        self.process.kill()
        self.process.wait(30)

    def said(self):
        with open(self.dir + "/log") as log:
            return log.read()[-400:]

    def end(self):
        """In good order; its data goes."""
        self.process.terminate()
        self.process.wait(90)
        with open(self.dir + "/log") as log:
            said = log.read()
        check("the broker stops cleanly", "clean=true" in said and "level=fatal" not in said, said[-400:])
        shutil.rmtree(self.dir)

    def command(self, *words, input=None):
        return subprocess.run([self.ringmain, *words, "--bootstrap", self.address], input=input, capture_output=True, text=True,
                              timeout=60)

    def json(self, *words):
        done = self.command(*words, "--json")
        return json.loads(done.stdout) if done.stdout.strip() else None
