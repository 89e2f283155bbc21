#!/bin/bash
# What `make check` runs after the build: unit tests, simulation seeds and walks, interop with the clients on this machine,
# kill -9, limits. What waits and what computes goes on side by side: the simulation takes the time that others leave (nice).
# Restarts are measured last, alone. Ends with the totals. usage: run_check.sh BUILD-FOLDER
set -u
cd "$(dirname "$0")/../.."
build=$1
. tests/support/totals.sh

computing() {
    run simulation 600 nice -n 19 "$build/tests/sim/sim" --seeds "${SIM_SEEDS:-500}"
    for walk in cuts io allocations; do
        run "walk-$walk" 600 nice -n 19 "$build/tests/sim/sim" --walk "$walk"
        run "walk-$walk-transactions" 600 nice -n 19 "$build/tests/sim/sim" --walk "$walk" --workers 2 --every 10
        run "walk-$walk-compaction" 600 nice -n 19 "$build/tests/sim/sim" --walk "$walk" --workers 1 --compacts --every 10
    done
}
killing() {
    run crash 300 tests/crash/run.sh "$build/ringmain" "${CRASH_KILLS:-20}"
    run compaction 300 tests/crash/compaction.sh "$build/ringmain" 5
    run transactions 300 tests/crash/transactions.sh "$build/ringmain" "${CRASH_KILLS:-20}"
}

bounds() {
    run tuning 120 tests/tuning/run.sh "$build/ringmain"
    run limits 400 tests/limits/run.sh "$build/ringmain"
    run kernel 300 tests/limits/kernel.sh "$build"
}

# Alone: the kernel counts the locked memory of all of a user's rings together, and a test has little of it.
run unit 600 tests/support/run_unit.sh "$build"
computing &
tests/interop/setup.sh >/dev/null # what the clients need, and Kafka's tools for all of them
killing &
bounds &
run interop 900 tests/interop/run.sh "$build/ringmain" &
wait
run restart 400 tests/limits/restart.sh "$build/ringmain"
run stop 400 python3 tests/limits/stop.py "$build/ringmain"
collect
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
