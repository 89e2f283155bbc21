#!/bin/bash
# Bad input, limits, metrics, start and stop of the real binary; beside it very many committed offsets. usage: run.sh BINARY
set -u
cd "$(dirname "$0")/../.."
binary=$(realpath "$1")
. tests/support/broker.sh
. tests/support/totals.sh
ulimit -n "$(ulimit -H -n)"
[ "$(ulimit -n)" -ge 8000 ] || { echo "SKIP limits: at most $(ulimit -n) descriptors on this machine"; exit 0; }
work=$(mktemp -d)
python=build/interop/venv/bin/python # has Prometheus's parser
[ -x "$python" ] || python=python3
trap 'kill -9 "$broker_pid" 2>/dev/null; rm -rf "$work"' EXIT

check() { # NAME COMMAND...
    local name=$1
    shift
    if "$@"; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAILED limits: $name"
    fi
}
top_shows_it() {
    local name load
    name=$(printf 'long%.0s' {1..15}) # what is shown stays within 80 columns
    "$binary" bench produce --bootstrap "$broker_address" --seconds 3 --rate 50 --topic "$name" >/dev/null &
    load=$!
    sleep 1.5
    "$binary" top --metrics "$1" --count 2 --interval 300 >"$work/top" && grep -q '^longlong' "$work/top" &&
        [ "$(awk 'length > 80' "$work/top" | wc -l)" -eq 0 ] && [ "$(grep -c '^SHARD' "$work/top")" -eq 2 ] &&
        "$binary" top --metrics "$1" --count 1 --interval 50 --json |
        python3 -c 'import json, sys; assert json.load(sys.stdin)["values"]' || { cat "$work/top"; return 1; }
    wait "$load"
}
stops_in_time() {
    local begin took
    begin=$(date +%s%N)
    broker_stop
    took=$((($(date +%s%N) - begin) / 1000000))
    [ "$took" -lt 5500 ] && grep -q 'clean=true' "$work/node/broker.log" || { echo "it took $took ms"; return 1; }
}
wrong_settings_do_not_start() { ! "$binary" start --override no.such=1 --override num.partitions=x >"$work/bad" 2>&1; }

run offsets 300 python3 tests/limits/offsets.py "$binary" "$work/offsets" &
offsets=$!
broker_start "$binary" "$work/node" || exit 1
echo "idle: $(grep VmRSS "/proc/$broker_pid/status" | tr -s ' \t' ' '), $(ls "/proc/$broker_pid/fd" | wc -l) descriptors"
run input 200 python3 tests/limits/limits.py 127.0.0.1 "$broker_port" "$broker_pid"
place=$(sed -n 's|.*msg="metrics are served" url=http://\(.*\)/metrics|\1|p' "$work/node/broker.log")
run metrics 100 "$python" tests/limits/metrics.py "http://$place/metrics" 127.0.0.1 "$broker_port" "$broker_pid"
check "ringmain top" top_shows_it "$place"
wait $offsets
check "a clean stop within 5 s" stops_in_time
check "a wrong setting does not stop the start" wrong_settings_do_not_start
collect
echo "limits: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
