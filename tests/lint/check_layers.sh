#!/bin/sh
# Includes go only downwards: between folders and between the rooms inside one (tests/lint/layers.txt).
set -eu
cd "$(dirname "$0")/../.."
find core net io replication -name '*.[ch]' 2>/dev/null | sort | xargs awk '
function unit_of(path,   u, best) {
    for (u in rank) if (index(path, u "/") == 1 && length(u) > length(best)) best = u
    return best
}
function fail(text) { printf "%s:%d: %s\n", FILENAME, FNR, text; failed = 1 }
BEGIN {
    while ((getline line < "tests/lint/layers.txt") > 0)
        if (line !~ /^#/ && split(line, f) >= 3) { rank[f[2]] = f[1]; kind[f[2]] = f[3] }
}
FNR == 1 { own = unit_of(FILENAME); if (own == "") fail("file is in no unit of layers.txt") }
own != "" && /^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, part, "\""); to = unit_of(part[2])
    if (to == "")                                          fail("include \"" part[2] "\" is not a path from the root")
    else if (to != own && rank[to] + 0 >= rank[own] + 0)   fail(own " (rank " rank[own] ") must not include " to " (rank " rank[to] ")")
    else if (kind[own] == "pure" && kind[to] != "pure")    fail(own " is pure and must not include " to)
}
END { exit failed }'
