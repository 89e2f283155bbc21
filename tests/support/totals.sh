# Sourced by scripts that run several tests and add up their totals: the last line "N passed, N failed[, N skipped]" of each.
#   run NAME SECONDS COMMAND...     what it says appears when it ends, in one piece; several may run at once (with &)
#   collect                         after all: adds up passed, failed and skipped; a test without an end is a failure
passed=0 failed=0 skipped=0
logs=$(mktemp -d)

run() { # NAME SECONDS COMMAND...
    local name=$1 seconds=$2 begin=$SECONDS rc
    shift 2
    echo 1 >"$logs/$name.rc"
    timeout "$seconds" "$@" >"$logs/$name" 2>&1 </dev/null
    rc=$?
    echo $rc >"$logs/$name.rc"
    { flock 8; cat "$logs/$name"; echo "== $name: exit $rc after $((SECONDS - begin)) s"; } 8>"$logs/.lock"
    return $rc
}

collect() {
    local rc line ok bad none
    number() { sed -n "s/.*[^0-9]\([0-9][0-9]*\) $1.*/\1/p" <<<" $line"; }
    for rc in "$logs"/*.rc; do
        line=$(grep -E '[0-9]+ passed, [0-9]+ failed' "${rc%.rc}" | tail -1)
        ok=$(number passed) bad=$(number failed) none=$(number skipped)
        [ "$(cat "$rc")" -ne 0 ] && [ "${bad:-0}" -eq 0 ] && bad=1
        passed=$((passed + ${ok:-0})) failed=$((failed + ${bad:-0})) skipped=$((skipped + ${none:-0}))
    done
    rm -rf "$logs"
}
