#!/bin/bash
# What older kernels and other file systems lack, left out feature by feature and all at once: the reactor's tests, and a
# broker that takes and gives records; also on file systems that lack it themselves (tmpfs, and overlayfs where it can be
# mounted). usage: kernel.sh BUILD-FOLDER
set -u
cd "$(dirname "$0")/../.."
build=$1 passed=0 failed=0 patience=${RINGMAIN_TEST_PATIENCE:-1}
. tests/support/broker.sh
work=$(mktemp -d)
broker_pid=
trap 'broker_stop; umount "$work/overlay" 2>/dev/null; rm -rf "$work" "$shared"' EXIT
shared=$(mktemp -d /dev/shm/ringmain-kernel-XXXXXX)
features=(msg_ring registered_ring large_ring worker_limits nowait_read sendfile preallocation)

note() { # NAME RESULT
    if [ "$2" -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)) && echo "FAILED kernel: $1 ($2)"; fi
}

unit() { # FEATURES
    local test rc
    for test in file send socket mailbox timers watch; do
        RINGMAIN_TEST_WITHOUT=$1 timeout $((100 * patience)) "$build/tests/unit/io/reactor/${test}_test" >"$work/unit" 2>&1
        rc=$?
        note "${test}_test without $1" $rc
        [ $rc -eq 0 ] || grep -v -E '^\[ (RUN|      OK) ' "$work/unit" | tail -20
    done
}

seq 1 30000 | sed 's/$/ a record of the round trip/' >"$work/in"
round_trip() { # NAME DIR FEATURES
    local count=30000 limited="timeout $((60 * patience)) $build/ringmain"
    broker_start "$build/ringmain" "$2" ringmain.shards=2 ringmain.io.without="$3" || { note "start $1" 1; return; }
    "$build/ringmain" topic create t --partitions 3 --bootstrap "$broker_address" >/dev/null
    $limited produce t --bootstrap "$broker_address" <"$work/in" 2>/dev/null
    $limited consume t --beginning --count $count --bootstrap "$broker_address" | sort -n | cmp -s - "$work/in"
    note "round trip $1" $?
    $limited consume t --partition 1 --offset 777 --count 3 --bootstrap "$broker_address" >"$work/out"
    [ "$(wc -l <"$work/out")" -eq 3 ]
    note "a read from the middle $1" $?
    broker_stop
    grep -q 'msg="stopped" clean=true' "$2/broker.log"
    note "clean stop $1" $?
    rm -rf "$2"
}

all=$(IFS=,; echo "${features[*]}")
for feature in "${features[@]}" "$all"; do
    unit "$feature"
    round_trip "without $feature" "$work/node" "$feature"
done
round_trip "on tmpfs" "$shared/node" ""
mkdir -p "$work"/{lower,upper,work,overlay}
if mount -t overlay overlay -o "lowerdir=$work/lower,upperdir=$work/upper,workdir=$work/work" "$work/overlay" 2>/dev/null; then
    round_trip "on overlayfs" "$work/overlay/node" ""
else
    echo "SKIP kernel: overlayfs cannot be mounted here"
fi
echo "kernel: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
