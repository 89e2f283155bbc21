"""Scrapes a running broker. usage: metrics.py URL HOST PORT PID
Prints what failed and "metrics: N passed, N failed"."""
import http.client, os, re, socket, struct, sys, threading, time, urllib.parse

url, host, port, pid = urllib.parse.urlparse(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
passed = failed = 0

def check(name, ok, detail=""):
    global passed, failed
    if ok:
        passed += 1
    else:
        failed += 1
        print("FAILED metrics:", name, detail)

def ask(method="GET", path="/metrics", body=None):
    c = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
    c.request(method, path, body)
    answer = c.getresponse()
    text = answer.read().decode()
    c.close()
    return answer.status, answer.getheader("Content-Type"), text

def values(text):
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, number = line.rsplit(" ", 1)
            found[name] = float(number)
    return found

def total(found, name):
    return sum(v for k, v in found.items() if k == name or k.startswith(name + "{"))

def api_versions(rounds):
    s = socket.create_connection((host, port), timeout=10)
    for n in range(rounds):
        s.sendall(struct.pack(">ihhih", 11, 18, 0, n, 1) + b"x")
        size = struct.unpack(">i", s.recv(4, socket.MSG_WAITALL))[0]
        s.recv(size, socket.MSG_WAITALL)
    s.close()

def parse_all(text):
    """As Prometheus reads it, where its own parser is on this machine."""
    try:
        from prometheus_client.parser import text_string_to_metric_families
    except ImportError:
        print("metrics: no prometheus_client on this machine")
        check("Prometheus's parser is here", not os.environ.get("INTEROP_REQUIRE_ALL"))
        return
    parsed = {family.name: family for family in text_string_to_metric_families(text)}
    check("its parser finds every family", {f[:-6] if f.endswith("_total") else f for f in families} == set(parsed),
          {f[:-6] if f.endswith("_total") else f for f in families} ^ set(parsed))
    kinds = {family.type for family in parsed.values()}
    check("of each kind", kinds == {"counter", "gauge", "histogram", "summary"}, kinds)
    samples = sum(len(family.samples) for family in parsed.values())
    lines = sum(1 for line in text.splitlines() if line and not line.startswith("#"))
    check("and every sample", samples == lines, (samples, lines))
    values_wrong = [s for family in parsed.values() for s in family.samples if s.value != s.value]
    check("that is a number", not values_wrong, values_wrong[:3])

status, kind, text = ask()
check("a scrape is answered as Prometheus wants it", status == 200 and kind.startswith("text/plain; version=0.0.4"), kind)
sample = re.compile(r'^[a-zA-Z_:][a-zA-Z0-9_:]*(\{([a-z]+="[^"\\]*",?)+\})? -?[0-9.e+-]+$')
wrong = [l for l in text.splitlines() if not l.startswith("# ") and not sample.match(l)]
check("every line is a sample", not wrong, wrong[:3])
families = [l.split()[2] for l in text.splitlines() if l.startswith("# TYPE ")]
check("every family stands once", len(families) == len(set(families)))
page = open(os.path.join(os.path.dirname(__file__), "../../docs/metrics-kafka.md")).read()
known = {name for name in re.findall(r"`((?:kafka|ringmain)_[a-z_]+)[`{]", page) if not name.startswith("kafka_consumergroup")}
topical = {name for name in known if name.startswith("kafka_log_log_")}  # there are no partitions yet
check("the page names the metrics that people alert on", len(known) > 50, len(known))
check("and all of them are there", known - topical <= set(families), known - topical - set(families))
parse_all(text)

before = values(text)
api_versions(500)
after = values(ask()[2])
name = 'kafka_network_requestmetrics_requests_total{request="ApiVersions",version="0"}'
check("requests are counted exactly", after[name] - before.get(name, 0) == 500, after[name] - before.get(name, 0))
count = 'kafka_network_requestmetrics_totaltimems_count{request="ApiVersions"}'
check("and timed", after[count] - before.get(count, 0) >= 500)
median = after['kafka_network_requestmetrics_totaltimems{request="ApiVersions",quantile="0.5"}']
check("their times are of this world", 0.001 < median < 100, median)
check("loops turn", total(after, "ringmain_loop_turns_total") > total(before, "ringmain_loop_turns_total"))
bound = [after['ringmain_request_seconds_bucket{api="ApiVersions",stage="total",le="%s"}' % le] for le in ("0.0001", "0.01", "10", "+Inf")]
check("buckets add up", bound == sorted(bound) and bound[-1] == after[count], bound)

check("health", ask(path="/health")[0] == 200)
check("no other page", ask(path="/metricsx")[0] == 404)
check("no other method", ask("POST", "/metrics", "x" * 100000)[0] == 405)
check("HEAD has no body", ask("HEAD")[0] == 200 and ask("HEAD")[2] == "")

results = []
def scrape_often():
    for _ in range(10):
        try:
            results.append(ask()[0])
        except OSError:
            results.append(0)
threads = [threading.Thread(target=scrape_often) for _ in range(16)]
for t in threads:
    t.start()
for t in threads:
    t.join()
check("160 scrapes at once are all answered", results.count(200) == 160, results.count(200))

for junk in (b"\0" * 5000, b"GET " + b"/" * 60000, b"GET /metrics HTTP/1.1\r\n" + b"a: b\r\n" * 20000, os.urandom(3000)):
    s = socket.create_connection((url.hostname, url.port), timeout=10)
    try:
        s.sendall(junk)
    except OSError:
        pass
    s.close()
slow = [socket.create_connection((url.hostname, url.port), timeout=10) for _ in range(60)]  # above the limit
for s in slow[:20]:
    s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
api_versions(100)
check("Kafka's clients are served beside 60 slow readers", True)
for s in slow:
    s.close()
time.sleep(0.3)
check("garbage and slow readers leave nothing behind", ask()[0] == 200)

def wakeups():
    return total(values(ask()[2]), "ringmain_loop_sleeps_total")
first = wakeups()
time.sleep(3)
check("an idle broker sleeps", wakeups() - first < 40, wakeups() - first)
print("metrics: %d passed, %d failed" % (passed, failed))
sys.exit(1 if failed else 0)
