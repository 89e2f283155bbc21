#!/bin/bash
# 20 x kill -9 at random moments under the load of an idempotent producer with retries, then: nothing acknowledged is lost,
# nothing is there twice, each partition is in order, acknowledged offsets are where they were acknowledged.
# usage: run.sh BINARY [KILLS]
set -u
cd "$(dirname "$0")/../.."
binary=$(realpath "$1") kills=${2:-20} partitions=4
. tests/support/broker.sh
command -v kcat >/dev/null || { echo "SKIP crash: no kcat on this machine"; exit 0; }
mkdir -p build/crash
gcc -O2 -o build/crash/producer tests/crash/producer.c -lrdkafka || { echo "SKIP crash: no librdkafka on this machine"; exit 0; }
work=$(mktemp -d)
trap 'kill -9 "$broker_pid" "${producer:-}" 2>/dev/null; rm -rf "$work"' EXIT
broker_start "$binary" "$work/node" "num.partitions=$partitions" || exit 1
port=$broker_port
kcat -q -b "$broker_address" -L >/dev/null 2>&1
build/crash/producer "$broker_address" crash $partitions "$work/acked" >"$work/producer.log" 2>&1 &
producer=$!
sleep 1
for i in $(seq "$kills"); do
    sleep "0.$((RANDOM % 9))$((RANDOM % 10))"
    kill -9 "$broker_pid"
    wait "$broker_pid" 2>/dev/null
    broker_launch "$binary" "$work/node" "$port" "num.partitions=$partitions" || { echo "crash: 0 passed, 1 failed"; exit 1; }
done
sleep 0.5
kill -TERM $producer
wait $producer
rc=$?
cat "$work/producer.log"
for p in $(seq 0 $((partitions - 1))); do
    timeout 120 kcat -q -b "$broker_address" -t crash -p "$p" -C -o beginning -e -f '%p %k %o\n'
done >"$work/read" 2>"$work/kcat.log"
broker_stop
python3 - "$work/acked" "$work/read" "$rc" <<'PY'
import sys
problems, seen, last = [], {}, {}
for line in open(sys.argv[2]):
    p, i, o = map(int, line.split())
    if (p, i) in seen: problems.append("twice: partition %d id %d at %d and %d" % (p, i, seen[p, i], o))
    if i != last.get(p, -1) + 1: problems.append("order: partition %d id %d after %d" % (p, i, last.get(p, -1)))
    seen[p, i], last[p] = o, i
acked = 0
for line in open(sys.argv[1]):
    p, i, o = map(int, line.split())
    acked += 1
    if (p, i) not in seen: problems.append("lost: partition %d id %d acknowledged at %d" % (p, i, o))
    elif o >= 0 and seen[p, i] != o: problems.append("moved: partition %d id %d acknowledged at %d, read at %d" % (p, i, o, seen[p, i]))
if sys.argv[3] != "0": problems.append("the producer reported a failure")
for p in problems[:20]: print("FAILED crash:", p)
print("crash: %d acknowledged, %d read, %d problems" % (acked, len(seen), len(problems)))
sys.exit(1 if problems or not acked else 0)
PY
rc=$?
[ $rc -eq 0 ] && echo "crash: 1 passed, 0 failed" || echo "crash: 0 passed, 1 failed"
exit $rc
