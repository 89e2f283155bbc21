#!/bin/bash
# System calls per request of a broker, at a low rate and as fast as it goes. Counted by perf (root): strace would slow
# the broker down, and a slow one puts more requests into each turn. usage: syscalls.sh [BINARY [SETTING...]]
set -eu
cd "$(dirname "$0")/.."
binary=$(realpath "${1:-build/ringmain}")
shift || true
. tests/support/broker.sh
perf stat -e raw_syscalls:sys_enter true 2>/dev/null || { echo "perf may not count system calls here" >&2; exit 1; }
work=$(mktemp -d)
trap 'kill "$broker_pid" 2>/dev/null; wait "$broker_pid" 2>/dev/null; rm -rf "$work"' EXIT
broker_start "$binary" "$work/node" "$@"
place="--bootstrap 127.0.0.1:$broker_port"

line() { # TITLE WORKLOAD OPTION...
    local title=$1
    shift
    # shellcheck disable=SC2086
    perf stat -x, -e 'syscalls:sys_enter_*' -p "$broker_pid" -o "$work/counts" -- \
        "$binary" bench "$@" $place --seconds 3 --warm-up 0 --spin --json >"$work/report"
    python3 - "$title" "$work/report" "$work/counts" <<'EOF'
import json, sys
title, report, counts = sys.argv[1:]
group = json.load(open(report))["groups"][0]
calls = {}
for row in open(counts):
    fields = row.split(",")
    if len(fields) > 2 and fields[0].isdigit() and int(fields[0]) > 0:
        calls[fields[2].split("sys_enter_")[1]] = int(fields[0]) / group["requests"]
shown = sorted(((n, c) for n, c in calls.items() if c >= 0.005), key=lambda pair: -pair[1])
parts = ", ".join(f"{name} {count:.2f}" for name, count in shown)
print(f"| {title} | {group['requests_per_s']:,.0f} | {sum(calls.values()):.2f} | {parts} |")
EOF
}

echo "| requests | per second | system calls each | of them |"
echo "|---|---|---|---|"
wide="--partitions 4 --topic wide" small="--records 1 --record-bytes 100"
line "produce of one record, low rate" produce $small --rate 200
line "produce of one record, 256 connections" produce $small --connections 256 $wide
line "produce of 16 KiB, low rate" produce --batch-bytes 16384 --rate 200
line "produce of 16 KiB, 8 connections x 5" produce --batch-bytes 16384 --connections 8 --in-flight 5 $wide
large="--batch-bytes 262144 --record-bytes 1000"
line "produce of 256 KiB, low rate" produce $large --rate 100
line "produce of 256 KiB, 8 connections x 5" produce $large --connections 8 --in-flight 5 $wide
line "ApiVersions, low rate" ping --rate 200
line "ApiVersions, 256 connections" ping --connections 256
fill="bench produce $place --record-bytes 1000 --seconds 1 --warm-up 0"
"$binary" $fill --topic read --batch-bytes 65536 --rate 2000 >/dev/null
"$binary" $fill --topic small --batch-bytes 4096 --rate 8000 >/dev/null
line "fetch of 4 KiB, 16 connections" fetch --topic small --read-bytes 4096 --connections 16
line "fetch of 64 KiB, 8 connections" fetch --topic read --read-bytes 65536 --connections 8
line "fetch of 1 MiB, 4 connections" fetch --topic read --read-bytes 1048576 --connections 4
