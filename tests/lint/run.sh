#!/bin/sh
# All checks of the tree's text; run by `make lint` and `make check`.
set -u
cd "$(dirname "$0")"
status=0
for check in check_*.sh; do
    sh "./$check" || { echo "lint: $check failed"; status=1; }
done
[ $status -eq 0 ] && echo "lint: clean"
exit $status
