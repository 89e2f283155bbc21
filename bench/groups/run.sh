#!/bin/bash
# 1,000 groups of 10 members, then one group of 2,000, against a fresh broker. usage: run.sh BINARY
set -u
cd "$(dirname "$0")/../.."
binary=$(realpath "$1")
command -v go >/dev/null || { echo "SKIP bench-groups: no go on this machine"; exit 0; }
. tests/support/broker.sh
mkdir -p build/bench
(cd bench/groups && go build -o ../../build/bench/groups .) || exit 1
work=$(mktemp -d)
trap 'broker_stop; rm -rf "$work"' EXIT
broker_start "$binary" "$work" node.id=1 || exit 1
build/bench/groups "$broker_address" 1000 10 15 && build/bench/groups "$broker_address" 1 2000 15
