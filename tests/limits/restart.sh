#!/bin/bash
# Stops and starts with many partitions, against their goals. usage: restart.sh BINARY [PARTITIONS] [MIB EACH] [SLACK]
set -u
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
timeout 400 python3 tests/limits/restart.py "$1" "$work/node" "${2:-1000}" "${3:-1}" "${4:-4}"
rc=$?
[ $rc -ne 124 ] || echo "restart: 0 passed, 1 failed"
exit $rc
