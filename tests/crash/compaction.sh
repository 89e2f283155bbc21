#!/bin/bash
# kill -9 at random moments while a compacted topic is written and compacted without a pause, then: the newest value of
# every key is there, little else is, and Apache Kafka's DumpLogSegments (where Java and its jars are) reads the result.
# usage: compaction.sh BINARY [KILLS]
set -u
cd "$(dirname "$0")/../.."
binary=$(realpath "$1") kills=${2:-12} keys=3000
. tests/support/broker.sh
command -v kcat >/dev/null || { echo "SKIP compaction: no kcat on this machine"; exit 0; }
work=$(mktemp -d)
trap 'kill -9 "$broker_pid" 2>/dev/null; rm -rf "$work"' EXIT
settings="log.cleaner.backoff.ms=20 log.segment.delete.delay.ms=200 log.flush.offset.checkpoint.interval.ms=1000"
# shellcheck disable=SC2086
broker_start "$binary" "$work/node" $settings || exit 1
port=$broker_port
for codec in none lz4; do
    "$binary" topic create "squeezed-$codec" --bootstrap "$broker_address" --partitions 2 --config cleanup.policy=compact \
        --config segment.bytes=1048576 --config segment.ms=1000 --config min.cleanable.dirty.ratio=0.05 >/dev/null || exit 1
done
cat >"$work/feed.py" <<'PY'
import os, random, sys, time
keys, seconds, newest_file = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
random.seed(1)
newest, number, end = {}, 0, time.time() + seconds
while time.time() < end:
    noise = os.urandom(500).hex() # else a codec leaves too little to compact
    for _ in range(400):
        filler = noise[random.randrange(800):][:150]
        key = "key-%d" % random.randrange(keys)
        number += 1
        newest[key] = number
        print("%s|%d %s" % (key, number, filler))
    sys.stdout.flush()
    time.sleep(0.02)
with open(newest_file, "w") as out:
    for key, value in newest.items():
        print(key, value, file=out)
PY
producers=()
for codec in none lz4; do
    python3 "$work/feed.py" "$keys" "$((kills + 2))" "$work/newest-$codec" |
        kcat -E -q -P -b "$broker_address" -t "squeezed-$codec" -K '|' -z "$codec" -X acks=all -X enable.idempotence=true \
            -X message.timeout.ms=120000 -X reconnect.backoff.max.ms=200 2>"$work/kcat-$codec.log" &
    producers+=($!)
done
sleep 2
for i in $(seq "$kills"); do
    sleep "0.$((RANDOM % 9))$((RANDOM % 10))"
    kill -9 "$broker_pid"
    wait "$broker_pid" 2>/dev/null
    # shellcheck disable=SC2086
    broker_launch "$binary" "$work/node" "$port" $settings || { echo "compaction: 0 passed, 1 failed"; exit 1; }
done
failed=0
for pid in "${producers[@]}"; do wait "$pid" || { echo "FAILED compaction: a producer gave up"; failed=1; }; done
# The cleaner may be late on a busy machine: it has a minute to leave less than half of what was written.
written=$(cat "$work"/newest-* | cut -d' ' -f2 | sort -n | tail -1)
for codec in none lz4; do
    for _ in $(seq 60); do
        count=$(timeout 60 kcat -q -b "$broker_address" -t "squeezed-$codec" -C -o beginning -e -f '%o\n' 2>>"$work/read.log" | wc -l)
        [ "$count" -lt $((written / 2)) ] && break
        sleep 1
    done
done
for codec in none lz4; do
    timeout 60 kcat -q -b "$broker_address" -t "squeezed-$codec" -C -o beginning -e -f '%p %o %k %s\n' 2>"$work/read.log" |
        cut -d' ' -f1-4 >"$work/read-$codec"
    python3 - "$work/newest-$codec" "$work/read-$codec" "$codec" <<'PY' || failed=1
import sys
newest = dict((k, int(v)) for k, v in (line.split() for line in open(sys.argv[1])))
seen, last, count, problems = {}, {}, 0, []
for line in open(sys.argv[2]):
    partition, offset, key, value = line.split()
    count += 1
    if int(offset) <= last.get(partition, -1): problems.append("order: partition %s offset %s" % (partition, offset))
    last[partition] = int(offset)
    if int(value) < seen.get(key, 0): problems.append("older after newer: %s" % key)
    seen[key] = int(value)
for key, value in newest.items():
    if seen.get(key) != value: problems.append("%s is %s, was %d" % (key, seen.get(key), value))
written = max(newest.values())
if count > 0.5 * written:
    problems.append("%d of %d records are left" % (count, written))
for p in problems[:10]: print("FAILED compaction (%s):" % sys.argv[3], p)
print("compaction (%s): %d written, %d keys, %d records left, %d problems" % (sys.argv[3], written, len(newest), count, len(problems)))
sys.exit(1 if problems else 0)
PY
done
broker_stop
ls "$work"/node/data/squeezed-*/ | grep -E '\.(cleaned|swap)$' && failed=1
if command -v java >/dev/null && [ -f build/kafka/libs/.complete ]; then
    files=$(ls "$work"/node/data/squeezed-*/*.log "$work"/node/data/squeezed-*/*.index "$work"/node/data/squeezed-*/*.timeindex | paste -sd,)
    java -cp "build/kafka/libs/*" org.apache.kafka.tools.DumpLogSegments --deep-iteration --files "$files" >"$work/dump" 2>&1 &&
        ! grep -m5 -iE "mismatch|not valid|exception|isvalid: false|corrupt|non-monotonic" "$work/dump" ||
        { echo "FAILED compaction: DumpLogSegments"; failed=1; }
fi
[ $failed -eq 0 ] && echo "compaction: 1 passed, 0 failed" || echo "compaction: 0 passed, 1 failed"
exit $failed
