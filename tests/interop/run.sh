#!/bin/bash
# Every client on this machine produces a real file with every codec and acks level; another one consumes and compares.
# usage: run.sh BINARY        INTEROP_REQUIRE_ALL=1: a client that is missing is a failure
set -u
cd "$(dirname "$0")/../.."
binary=$(realpath "$1")
. tests/support/broker.sh
out=$PWD/build/interop
work=$(mktemp -d)
passed=0 failed=0 skipped=0
trap 'broker_stop; rm -rf "$work"' EXIT

clients=()
while read -r word name rest; do
    if [ "$word" = ready ]; then
        clients+=("$name")
    else
        echo "$word $name $rest"
        skipped=$((skipped + 1))
        [ -n "${INTEROP_REQUIRE_ALL:-}" ] && failed=$((failed + 1))
    fi
done < <(tests/interop/setup.sh)

client() { # NAME ARGS...
    local name=$1
    shift
    case $name in
    c) timeout 120 "$out/c" "$@" ;;
    go) timeout 120 "$out/go" "$@" ;;
    python) timeout 120 "$out/venv/bin/python" tests/interop/clients/python/client.py "$@" ;;
    js) timeout 120 node "$out/js/client.js" "$@" ;;
    java) timeout 120 java -XX:TieredStopAtLevel=1 -Xshare:auto -cp "$out/java:$PWD/build/kafka/libs/*" Client "$@" ;;
    esac
}

check() { # WHAT EXPECTED GOT
    if [ "$2" = "$3" ]; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAILED $1: expected '$2', got '$3'"
    fi
}

# The real file: Debian's package index where apt has one, else what the machine's text files make; tens of megabytes.
real=$work/real
{ cat /usr/share/dict/words; apt-cache dumpavail; } 2>/dev/null | head -c 24000000 >"$real"
[ "$(wc -c <"$real")" -ge 8000000 ] || find /usr/share /usr/lib -type f -size -2000k 2>/dev/null | sort | xargs cat 2>/dev/null | head -c 24000000 >"$real"
small=$work/small
head -c 1500000 "$real" >"$small"

broker_start "$binary" "$work/node" auto.create.topics.enable=true group.initial.rebalance.delay.ms=1000 || exit 1
has() { [[ " ${clients[*]} " == *" $1 "* ]]; }
consumers=()
for c in c go java python; do has "$c" && consumers+=("$c"); done

turn=0
round() { # PRODUCER CODEC ACKS FILE
    local topic="t-$1-$2-$3-$(basename "$4")" expected consumer got rc
    expected=$(python3 tests/interop/expect.py "$4")
    client "$1" produce "$broker_address" "$topic" "$4" "$2" "$3" >"$work/log" 2>&1
    rc=$?
    [ $rc -eq 77 ] && return
    if [ $rc -ne 0 ]; then
        failed=$((failed + 1))
        echo "FAILED $1 produces $2 acks=$3 (exit $rc):"
        tail -5 "$work/log"
        kill -0 "$broker_pid" 2>/dev/null || { tail -2 "$work/node/broker.log"; echo "interop: $passed passed, $failed failed, $skipped skipped"; exit 1; }
        return
    fi
    consumer=${consumers[$((turn % ${#consumers[@]}))]}
    [ "$consumer" = "$1" ] && [ ${#consumers[@]} -gt 1 ] && turn=$((turn + 1)) && consumer=${consumers[$((turn % ${#consumers[@]}))]}
    turn=$((turn + 1))
    got=$(client "$consumer" consume "$broker_address" "$topic" "$(echo "$expected" | sed 's/count=\([0-9]*\).*/\1/')" 2>"$work/log" | tail -1)
    check "$1 -> $consumer, $2, acks=$3, $(basename "$4")" "$expected" "$got"
}

if [ ${#consumers[@]} -gt 0 ]; then
    for producer in c go java python js; do
        has "$producer" || continue
        for codec in none gzip snappy lz4 zstd; do
            for acks in all 1 0; do
                # acks=0 may lose records by definition when a topic is not there yet: the other levels go first.
                round "$producer" "$codec" "$acks" "$small"
            done
        done
        round "$producer" none all "$real"
        round "$producer" gzip 1 "$real"
    done
fi

if has kcat; then # line mode: keys and values as text, offsets by time, headers, both ends
    head -100000 "$real" | awk 'length($0) > 0 {print NR "\t" $0}' >"$work/lines"
    for codec in none gzip snappy lz4 zstd; do
        kcat -q -b "$broker_address" -t "kcat-$codec" -p 0 -P -K "$(printf '\t')" -z "$codec" -X acks=all -H n=1 -l "$work/lines" >"$work/log" 2>&1
        got=$(timeout 60 kcat -q -b "$broker_address" -t "kcat-$codec" -p 0 -C -e -f '%k\t%s\n' 2>>"$work/log" | sha256sum)
        check "kcat -> kcat, $codec" "$(sha256sum <"$work/lines")" "$got"
    done
    for codec in none gzip snappy lz4 zstd; do # our own command line, idempotent and pipelined, into another client
        "$binary" produce "own-$codec" "$work/lines" --compression "$codec" --key-separator "$(printf '\t')" --header n=1 \
            --bootstrap "$broker_address" >"$work/log" 2>&1
        got=$(timeout 60 kcat -q -b "$broker_address" -t "own-$codec" -p 0 -C -e -f '%k\t%s\n' 2>>"$work/log" | sha256sum)
        check "ringmain produce -> kcat, $codec" "$(sha256sum <"$work/lines")" "$got"
    done
    got=$(kcat -q -b "$broker_address" -t kcat-none -p 0 -C -o 41 -c 1 -f '%o %h' 2>&1)
    check "kcat reads headers at an offset" "41 n=1" "$got"
    got=$(kcat -q -b "$broker_address" -Q -t kcat-none:0:-2 2>&1 | tr -d '\n')
    check "kcat asks for the earliest offset" "kcat-none [0] offset 0" "$got"
fi

group_clients=()
for c in c go python js java; do has "$c" && group_clients+=("$c"); done
if [ ${#group_clients[@]} -gt 0 ]; then
    read -r _ good _ bad < <(timeout 600 python3 tests/interop/groups.py "$binary" "$broker_address" "$out" "${group_clients[@]}" | tee >(cat >&2) | tail -1)
    passed=$((passed + ${good:-0})) failed=$((failed + ${bad:-1}))
fi

if [ ${#group_clients[@]} -gt 0 ] && has kcat; then
    read -r _ good _ bad < <(timeout 300 python3 tests/interop/stories.py "$binary" "$out" "${group_clients[@]}" | tee >(cat >&2) | tail -1)
    passed=$((passed + ${good:-0})) failed=$((failed + ${bad:-1}))
fi

txn_clients=()
for c in c go java; do has "$c" && txn_clients+=("$c"); done
if [ ${#txn_clients[@]} -gt 0 ] && has kcat; then
    read -r _ good _ bad < <(timeout 900 python3 tests/interop/transactions.py "$binary" "$out" "${txn_clients[@]}" | tee >(cat >&2) | tail -1)
    passed=$((passed + ${good:-0})) failed=$((failed + ${bad:-1}))
fi

if has java; then # Kafka's own tool reads our files
    for dir in "$work"/node/data/t-c-*-all-small-0 "$work"/node/data/t-java-*-all-small-0; do
        [ -d "$dir" ] || continue
        for file in "$dir"/*.log "$dir"/*.index "$dir"/*.timeindex; do
            [ -s "$file" ] || continue
            java -cp "build/kafka/libs/*" org.apache.kafka.tools.DumpLogSegments --deep-iteration --files "$file" >"$work/dump" 2>&1
            bad=$(grep -c -i -E 'mismatch|not valid|exception|isvalid: false|corrupt' "$work/dump")
            check "DumpLogSegments reads $(basename "$dir")/$(basename "$file")" "0" "$bad"
        done
    done
fi

if has java; then # a data directory that Kafka has written
    read -r _ good _ bad _ < <(timeout 300 tests/interop/adopt.sh "$binary" | tee /dev/stderr | tail -1)
    passed=$((passed + ${good:-0})) failed=$((failed + ${bad:-1}))
fi

[ "$failed" -eq 0 ] || grep -E "level=(error|fatal)" "$work/node/broker.log" | tail -5
echo "interop: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
