#!/bin/bash
# Runs every unit test program of a build folder, a few at a time, and adds up what cmocka reports.
# usage: run_unit.sh BUILD-FOLDER [NAME-FILTER]; RINGMAIN_TEST_PATIENCE: so many times slower may the machine be
set -u
build=$1 filter=${2:-}
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
mapfile -t programs < <(find "$build/tests/unit" -type f -name '*_test' | sort | grep -- "$filter")
seconds=$((300 * ${RINGMAIN_TEST_PATIENCE:-1}))
at_once() { # HOW MANY
    xargs -P "$1" -I{} sh -c 'log="$1/$(echo "$2" | tr / _)"; timeout "$3" "$2" >"$log" 2>&1; echo $? >"$log.rc"' _ "$logs" {} $seconds
}
# The machine's own program is alone: it tries to start with little locked memory, and the kernel counts that of all of a
# user's rings together.
printf '%s\n' "${programs[@]}" | grep 'io/reactor/machine_test$' | at_once 1
printf '%s\n' "${programs[@]}" | grep -v 'io/reactor/machine_test$' | at_once "$(nproc)"
passed=0 failed=0
for p in "${programs[@]}"; do
    log="$logs/$(echo "$p" | tr / _)"; rc=$(cat "$log.rc")
    ok=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$log" | awk '{s+=$1} END {print s+0}')
    bad=$(sed -n 's/^\[  FAILED  \] \([0-9]*\) test.*/\1/p' "$log" | awk '{s+=$1} END {print s+0}')
    if [ "$rc" -ne 0 ] && [ "$bad" -eq 0 ]; then bad=1; fi
    if [ "$bad" -ne 0 ]; then echo "--- $p (exit $rc)"; grep -v -E '^\[ (RUN|      OK) ' "$log" | tail -40; fi
    passed=$((passed + ok)) failed=$((failed + bad))
done
echo "unit: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
