#!/bin/bash
# Apache Kafka writes, stops (cleanly, then by kill -9); Ringmain starts on its data directory as it is and serves the same
# bytes, takes more, compacts, stops and starts again. usage: adopt.sh BINARY
set -u
cd "$(dirname "$0")/../.."
binary=$(realpath "$1") failed=0 passed=0
for tool in java kcat; do command -v $tool >/dev/null || { echo "SKIP adopt: no $tool on this machine"; exit 0; }; done
[ -e build/kafka/libs/.complete ] || { echo "SKIP adopt: Kafka's jars are not here"; exit 0; }
. tests/support/broker.sh
. tests/support/kafka_node.sh
work=$(mktemp -d)
trap 'kill -9 "${kafka_pid:-0}" "${broker_pid:-0}" 2>/dev/null; rm -rf "$work"' EXIT

check() { # NAME EXPECTED GOT
    if [ "$2" = "$3" ]; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAILED adopt: $1: expected $2, got $3"
    fi
}
read_all() { kcat -q -C -b "$1" -t "$2" -o beginning -e -f '%p %o %k %s\n' 2>>"$work/kcat.log"; }

for end in TERM KILL; do
    dir=$work/$end
    kafka_start "$dir" log.segment.bytes=1048576 num.partitions=3 || exit 1
    seq 60000 | sed 's/.*/key-&|value & of a line that is long enough to fill some segments/' |
        kcat -q -P -b "$kafka_address" -t plain -K '|' -X acks=all -X enable.idempotence=true
    seq 20000 | awk '{ print "k" $1 % 50 "|" $1 }' | kcat -q -P -b "$kafka_address" -t packed -K '|' -z lz4
    plain=$(read_all "$kafka_address" plain | sort | sha256sum) packed=$(read_all "$kafka_address" packed | sort | sha256sum)
    kill "-$end" "$kafka_pid"
    wait "$kafka_pid" 2>/dev/null
    port=$(free_port)
    for round in 1 2; do
        "$binary" start "$dir/server.properties" --override "listeners=PLAINTEXT://127.0.0.1:$port" --override ringmain.metrics.port=0 \
            --override "advertised.listeners=PLAINTEXT://127.0.0.1:$port" >>"$dir/broker.log" 2>&1 &
        broker_pid=$! broker_address=127.0.0.1:$port
        for _ in $(seq 300); do
            (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
            sleep 0.02
        done
        check "plain after $end, start $round" "$plain" "$(read_all "$broker_address" plain | grep -v ' added ' | sort | sha256sum)"
        check "packed after $end, start $round" "$packed" "$(read_all "$broker_address" packed | sort | sha256sum)"
        echo "more|added $round" | kcat -q -P -b "$broker_address" -t plain -K '|' -X acks=all
        check "records added after $end, start $round" "$round" "$(read_all "$broker_address" plain | grep -c ' added ')"
        kill -TERM "$broker_pid"
        wait "$broker_pid"
    done
done
echo "adopt: $passed passed, $failed failed"
[ $failed -eq 0 ]
