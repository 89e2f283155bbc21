#!/bin/bash
# Lines of text through kcat and our own command line with every codec: keys, headers, offsets. usage: lines.sh BINARY BOOTSTRAP FILE
set -u
cd "$(dirname "$0")/../.."
binary=$1 bootstrap=$2 passed=0 failed=0 tab=$(printf '\t')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

check() { # WHAT EXPECTED GOT
    if [ "$2" = "$3" ]; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAILED lines: $1: expected '$2', got '$3' $(tail -3 "$work/log")"
    fi
}
read_back() { timeout 60 kcat -q -b "$bootstrap" -t "$1" -p 0 -C -e -f '%k\t%s\n' 2>>"$work/log" | sha256sum; }

head -100000 "$3" | awk 'length($0) > 0 {print NR "\t" $0}' >"$work/lines"
whole=$(sha256sum <"$work/lines")
for codec in none gzip snappy lz4 zstd; do
    timeout 60 kcat -q -b "$bootstrap" -t "kcat-$codec" -p 0 -P -K "$tab" -z "$codec" -X acks=all -H n=1 -l "$work/lines" >"$work/log" 2>&1
    check "kcat -> kcat, $codec" "$whole" "$(read_back "kcat-$codec")"
    # our own command line, idempotent and pipelined, into another client
    timeout 60 "$binary" produce "own-$codec" "$work/lines" --compression "$codec" --key-separator "$tab" --header n=1 \
        --bootstrap "$bootstrap" >"$work/log" 2>&1
    check "ringmain produce -> kcat, $codec" "$whole" "$(read_back "own-$codec")"
done
check "kcat reads headers at an offset" "41 n=1" "$(timeout 60 kcat -q -b "$bootstrap" -t kcat-none -p 0 -C -o 41 -c 1 -f '%o %h' 2>&1)"
check "kcat asks for the earliest offset" "kcat-none [0] offset 0" "$(timeout 60 kcat -q -b "$bootstrap" -Q -t kcat-none:0:-2 2>&1 | tr -d '\n')"
echo "lines: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
