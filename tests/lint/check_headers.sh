#!/bin/sh
# Every header compiles alone.
set -eu
cd "$(dirname "$0")/../.."
status=0
for h in $(find io core replication net -name '*.h' | sort); do
    printf '#include "%s"\n' "$h" | ${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -DRINGMAIN_VERSION='"lint"' -I. -Wall -Wextra -Wno-unused-parameter -fsyntax-only -x c - || { echo "$h: does not compile alone"; status=1; }
done
exit $status
