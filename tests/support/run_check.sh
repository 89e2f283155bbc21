#!/bin/bash
# What `make check` runs after the build: unit tests, simulation seeds and walks, interop with the clients on this machine,
# the kill -9 test. Ends with the totals. usage: run_check.sh BUILD-FOLDER
set -u
cd "$(dirname "$0")/../.."
build=$1 passed=0 failed=0 skipped=0
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

stage() { # NAME COMMAND...: adds up the last "N passed, N failed[, N skipped]" line
    local name=$1 log=$logs/$1 line rc start=$SECONDS
    shift
    "$@" 2>&1 | tee "$log"
    rc=${PIPESTATUS[0]}
    line=$(grep -E '[0-9]+ passed, [0-9]+ failed' "$log" | tail -1)
    local p f s
    p=$(echo "$line" | sed -n 's/.*[^0-9]\([0-9]*\) passed.*/\1/p') f=$(echo "$line" | sed -n 's/.* \([0-9]*\) failed.*/\1/p')
    s=$(echo "$line" | sed -n 's/.* \([0-9]*\) skipped.*/\1/p')
    [ "$rc" -ne 0 ] && [ "${f:-0}" -eq 0 ] && f=1
    passed=$((passed + ${p:-0})) failed=$((failed + ${f:-0})) skipped=$((skipped + ${s:-0}))
    echo "== $name: exit $rc after $((SECONDS - start)) s"
}

stage unit tests/support/run_unit.sh "$build"
if [ -x "$build/tests/sim/sim" ]; then
    stage simulation "$build/tests/sim/sim" --seeds "${SIM_SEEDS:-500}"
    for walk in cuts io allocations; do
        stage "walk-$walk" "$build/tests/sim/sim" --walk "$walk"
        stage "walk-$walk-transactions" "$build/tests/sim/sim" --walk "$walk" --workers 2 --every 10
        stage "walk-$walk-compaction" "$build/tests/sim/sim" --walk "$walk" --workers 1 --compacts --every 10
    done
fi
if [ -x "$build/ringmain" ]; then
    stage interop tests/interop/run.sh "$build/ringmain"
    stage tuning tests/tuning/run.sh "$build/ringmain"
    stage limits tests/limits/run.sh "$build/ringmain"
    stage crash tests/crash/run.sh "$build/ringmain" "${CRASH_KILLS:-20}"
    stage compaction tests/crash/compaction.sh "$build/ringmain" 5
    stage restart tests/limits/restart.sh "$build/ringmain"
    stage transactions timeout 300 tests/crash/transactions.sh "$build/ringmain" "${CRASH_KILLS:-20}"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
