#!/bin/bash
# Bad input, limits, start and stop of the real binary. usage: run.sh BINARY
set -u
cd "$(dirname "$0")/../.."
binary=$(realpath "$1")
. tests/support/broker.sh
ulimit -n "$(ulimit -H -n)"
[ "$(ulimit -n)" -ge 8000 ] || { echo "SKIP limits: at most $(ulimit -n) descriptors on this machine"; exit 0; }
work=$(mktemp -d)
python=build/interop/venv/bin/python # has Prometheus's parser
[ -x "$python" ] || python=python3
trap 'kill -9 "$broker_pid" 2>/dev/null; rm -rf "$work"' EXIT
broker_start "$binary" "$work/node" || exit 1
echo "idle: $(grep VmRSS "/proc/$broker_pid/status" | tr -s ' \t' ' '), $(ls "/proc/$broker_pid/fd" | wc -l) descriptors"
timeout 200 python3 tests/limits/limits.py 127.0.0.1 "$broker_port" "$broker_pid" | tee "$work/log"
"$python" tests/limits/metrics.py "$(sed -n 's/.*msg="metrics are served" url=//p' "$work/node/broker.log")" 127.0.0.1 "$broker_port" "$broker_pid" | tee "$work/metrics"
line=$(tail -1 "$work/log")
passed=$(echo "$line" | sed -n 's/limits: \([0-9]*\) passed.*/\1/p') failed=$(echo "$line" | sed -n 's/.* \([0-9]*\) failed/\1/p')
passed=${passed:-0} failed=${failed:-1}
place=$(sed -n 's|.*msg="metrics are served" url=http://\(.*\)/metrics|\1|p' "$work/node/broker.log")
long_name=$(printf 'long%.0s' {1..15}) # what is shown stays within 80 columns
"$binary" bench produce --bootstrap "127.0.0.1:$broker_port" --seconds 3 --rate 50 --topic "$long_name" >/dev/null &
load=$!
sleep 1.5
if "$binary" top --metrics "$place" --count 2 --interval 300 >"$work/top" && grep -q '^longlong' "$work/top" &&
    [ "$(awk 'length > 80' "$work/top" | wc -l)" -eq 0 ] && [ "$(grep -c '^SHARD' "$work/top")" -eq 2 ] &&
    "$binary" top --metrics "$place" --count 1 --interval 50 --json | python3 -c 'import json, sys; assert json.load(sys.stdin)["values"]'; then
    passed=$((passed + 1))
else
    failed=$((failed + 1))
    echo "FAILED limits: ringmain top"
    cat "$work/top"
fi
wait "$load"
more=$(tail -1 "$work/metrics")
scraped=$(echo "$more" | sed -n 's/metrics: \([0-9]*\) passed.*/\1/p') broken=$(echo "$more" | sed -n 's/metrics: .* \([0-9]*\) failed/\1/p')
passed=$((passed + ${scraped:-0})) failed=$((failed + ${broken:-1}))
begin=$(date +%s%N)
broker_stop
took=$((($(date +%s%N) - begin) / 1000000))
if [ "$took" -lt 5500 ] && grep -q 'clean=true' "$work/node/broker.log"; then passed=$((passed + 1)); else
    failed=$((failed + 1))
    echo "FAILED limits: a clean stop within 5 s (took $took ms)"
fi
if "$binary" start --override no.such=1 --override num.partitions=x >"$work/bad" 2>&1; then
    failed=$((failed + 1))
    echo "FAILED limits: a wrong setting does not stop the start"
else
    passed=$((passed + 1))
fi
timeout 300 python3 tests/limits/offsets.py "$binary" "$work/offsets" | tee "$work/log"
line=$(tail -1 "$work/log")
more=$(echo "$line" | sed -n 's/offsets: \([0-9]*\) passed.*/\1/p') broken=$(echo "$line" | sed -n 's/offsets: .* \([0-9]*\) failed/\1/p')
passed=$((passed + ${more:-0})) failed=$((failed + ${broken:-1}))
echo "limits: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
