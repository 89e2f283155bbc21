#!/bin/bash
# kill -9 at random moments under transactional load: a librdkafka client consumes, transforms, produces and commits its
# offsets in one transaction, aborting every third. Then: every record is in the output once for who reads committed ones
# (all or nothing, no loss, no duplicate), committed offsets never went back, no transaction is left open.
# usage: transactions.sh BINARY [KILLS]
set -u
cd "$(dirname "$0")/../.."
binary=$(realpath "$1") kills=${2:-20} partitions=3
. tests/support/broker.sh
command -v kcat >/dev/null || { echo "SKIP crash: no kcat on this machine"; exit 0; }
mkdir -p build/crash
gcc -O2 -o build/crash/transact tests/interop/clients/c/transact.c -lrdkafka || { echo "SKIP crash: no librdkafka on this machine"; exit 0; }
work=$(mktemp -d)
trap 'kill "$client" 2>/dev/null; kill -9 "$broker_pid" 2>/dev/null; rm -rf "$work"' EXIT
settings=("group.initial.rebalance.delay.ms=0" "num.partitions=$partitions")
broker_start "$binary" "$work/node" "${settings[@]}" || exit 1
port=$broker_port
count=$((kills * 250))
"$binary" topic create in --partitions $partitions --bootstrap "$broker_address" >/dev/null || exit 1
"$binary" topic create out --partitions $partitions --bootstrap "$broker_address" >/dev/null || exit 1
for p in $(seq 0 $((partitions - 1))); do
    seq "$p" $partitions $((count - 1)) | kcat -q -b "$broker_address" -t in -P -p "$p" || exit 1
done
TRANSACT_COUNTS_OFFSETS=1 build/crash/transact transact "$broker_address" in out group id "$count" >"$work/said" 2>"$work/errors" &
client=$!
done_kills=0
for i in $(seq "$kills"); do
    sleep "$(awk -v r=$RANDOM 'BEGIN { print 0.2 + r / 32768 * 1.3 }')"
    kill -0 $client 2>/dev/null || break
    kill -9 "$broker_pid"
    wait "$broker_pid" 2>/dev/null
    sleep 0.1 # its sockets go a little later than itself
    broker_launch "$binary" "$work/node" "$port" "${settings[@]}" || { echo "crash: 0 passed, 1 failed"; exit 1; }
    done_kills=$i
done
wait $client
rc=$?
cat "$work/said" "$work/errors"
timeout 60 kcat -q -b "$broker_address" -t out -C -e -X isolation.level=read_committed >"$work/committed" 2>"$work/kcat.log"
timeout 60 kcat -q -b "$broker_address" -t out -C -e -X isolation.level=read_uncommitted >"$work/all" 2>>"$work/kcat.log"
broker_stop
distinct=$(sort -un "$work/committed" | wc -l) read=$(wc -l <"$work/committed") written=$(wc -l <"$work/all")
echo "crash: $done_kills kills, $distinct of $count records, $read read, $written written"
if [ $rc -eq 0 ] && [ "$done_kills" -gt 0 ] && [ "$distinct" -eq "$count" ] && [ "$read" -eq "$count" ] && [ "$written" -gt "$count" ]; then
    echo "crash: 1 passed, 0 failed"
else
    echo "crash: 0 passed, 1 failed (client exit $rc)"
    exit 1
fi
