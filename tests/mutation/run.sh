#!/bin/bash
# Single-line mistakes, one at a time: the tests named beside each must fail. usage: run.sh [ROOM]
# A row of tests/mutation/*.txt, with tabs between: FILE, sed expression, unit tests relative to tests/unit. Works on a copy of the tree.
set -u
cd "$(dirname "$0")/../.."
room=${1:-}
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r Makefile core io net replication tests "$copy"
cp -r build "$copy/build" 2>/dev/null
caught=0 survived=0
cd "$copy" || exit 1
while IFS=$'\t' read -r file expression names; do
    [ -n "$file" ] && [ "${file:0:1}" != "#" ] || continue
    [ -z "$room" ] || [[ $file == core/$room/* ]] || continue
    cp "$file" "$copy/original"
    sed -i "$expression" "$file"
    if cmp -s "$file" "$copy/original"; then
        echo "STALE     $file: $expression"
        survived=$((survived + 1))
        continue
    fi
    binaries=() result=
    for name in $names; do binaries+=("build/tests/unit/$name"); done
    if make -j"$(nproc)" "${binaries[@]}" >make.log 2>&1; then
        for binary in "${binaries[@]}"; do timeout 120 "$binary" >/dev/null 2>&1 || result="$result ${binary##*/}"; done
    else
        result=" the compiler"
    fi
    if [ -n "$result" ]; then caught=$((caught + 1)) && echo "caught    $file: $expression (by$result)"; else
        survived=$((survived + 1)) && echo "SURVIVED  $file: $expression"
    fi
    cp "$copy/original" "$file"
done < <(cat tests/mutation/*.txt)
echo "mutation: $caught caught, $survived survived"
[ $((caught * 100)) -ge $(((caught + survived) * 95)) ]
