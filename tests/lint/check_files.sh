#!/bin/sh
# Sizes and hygiene: files up to 800 lines and functions up to 70 (message tables and what exempt.txt names excepted),
# 120 columns, no tabs in C, no FIXME.
set -eu
cd "$(dirname "$0")/../.."
status=0
for f in $(find io core replication net bench -name '*.[ch]' 2>/dev/null | sort); do
    case $f in core/wire/schema/* | core/wire/api.h | core/wire/error.h) continue ;; esac # tables
    grep -qx "$f" tests/lint/exempt.txt 2>/dev/null && continue
    awk -v file="$f" '
    length($0) > 120 { printf "%s:%d: longer than 120 columns\n", file, FNR; bad = 1 }
    /\t/ { printf "%s:%d: tab\n", file, FNR; bad = 1 }
    /FIXME|XXX/ { printf "%s:%d: FIXME\n", file, FNR; bad = 1 }
    /^\{/ { start = FNR }
    /^\}/ { if (start && FNR - start > 70) { printf "%s:%d: function of %d lines (at most 70)\n", file, start, FNR - start; bad = 1 } start = 0 }
    END { if (FNR > 800) { printf "%s: %d lines (at most 800)\n", file, FNR; bad = 1 } exit bad }' "$f" || status=1
done
exit $status
