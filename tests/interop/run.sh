#!/bin/bash
# Every client on this machine against the real binary: the stories of README.md, all at once.
# usage: run.sh BINARY        INTEROP_REQUIRE_ALL=1: a client that is missing is a failure
set -u
cd "$(dirname "$0")/../.."
binary=$(realpath "$1")
. tests/support/broker.sh
. tests/support/totals.sh
work=$(mktemp -d)
trap 'broker_stop; rm -rf "$work"' EXIT

clients=" "
while read -r word name rest; do
    if [ "$word" = ready ]; then
        clients+="$name "
    else
        echo "$word $name $rest"
        skipped=$((skipped + 1))
        [ -n "${INTEROP_REQUIRE_ALL:-}" ] && failed=$((failed + 1))
    fi
done < <(tests/interop/setup.sh)
has() { [[ $clients == *" $1 "* ]]; }
these() { for c in "$@"; do has "$c" && echo "$c"; done; }

# The real file: Debian's package index where apt has one, else what the machine's text files make; tens of megabytes.
real=$work/real
{ cat /usr/share/dict/words; apt-cache dumpavail; } 2>/dev/null | head -c 24000000 >"$real"
[ "$(wc -c <"$real")" -ge 8000000 ] || find /usr/share /usr/lib -type f -size -2000k 2>/dev/null | sort | xargs cat 2>/dev/null | head -c 24000000 >"$real"
small=$work/small
head -c 1500000 "$real" >"$small"

broker_start "$binary" "$work/node" auto.create.topics.enable=true group.initial.rebalance.delay.ms=1000 || exit 1
# shellcheck disable=SC2046
{
    if has c || has go || has java || has python; then
        run rounds 300 python3 tests/interop/rounds.py "$broker_address" "$work/node/data" "$real" "$small" $(these c go java python js) &
        run groups 400 python3 tests/interop/groups.py "$binary" "$broker_address" $(these c go python js java) &
        has kcat && run stories 300 python3 tests/interop/stories.py "$binary" $(these c go python js java) &
    fi
    has kcat && run cli 200 python3 tests/interop/cli.py "$binary" &
    has kcat && run lines 300 tests/interop/lines.sh "$binary" "$broker_address" "$real" &
    { has c || has go || has java; } && has kcat && run transactions 400 python3 tests/interop/transactions.py "$binary" $(these c go java) &
    has java && has kcat && run adopt 300 tests/interop/adopt.sh "$binary" &
    wait $(jobs -p | grep -v "^$broker_pid$")
}
collect
[ "$failed" -eq 0 ] || grep -E "level=(error|fatal)" "$work/node/broker.log" | tail -5
echo "interop: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
