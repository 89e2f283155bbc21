#!/bin/bash
# The first process of the machine that old_kernel.sh boots: runs its parts, says the totals on the console, switches
# off.
# usage (by the kernel): old_kernel_guest.sh [PART...]; parts: default unit features transports user simulation
cd /ringmain || exit
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=dumb LANG=C.UTF-8
export RINGMAIN_TEST_PATIENCE=20 # emulated: everything may take so many times longer
exec >/dev/console 2>&1 </dev/null
mkdir -p /dev/shm
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
ip link set lo up
ulimit -n 20000
. tests/support/broker.sh
. tests/support/totals.sh
binary=build/ringmain
parts=${*:-default unit features transports user simulation}
work=/work

passed_here=0 failed_here=0
check() { # NAME COMMAND...
    local name=$1
    shift
    if "$@"; then passed_here=$((passed_here + 1)); else failed_here=$((failed_here + 1)) && echo "FAILED $name"; fi
}
stage() { # NAME SECONDS COMMAND...: a script of its own
    echo "## $1 ($SECONDS s)"
    run "$@"
}
cut_off() { # NAME: what the functions of this script have checked since the last one
    echo "$1: $passed_here passed, $failed_here failed" >"$logs/$1"
    echo $((failed_here > 0)) >"$logs/$1.rc"
    cat "$logs/$1"
    passed_here=0 failed_here=0
}

# What a new user types: no settings at all.
as_it_is() {
    local pid
    (cd "$work" && exec /ringmain/build/ringmain start) >"$work/default.log" 2>&1 &
    pid=$!
    for _ in $(seq 300); do
        grep -q 'Ringmain is ready' "$work/default.log" && break
        sleep 0.1
    done
    grep -E 'msg="(starting|ready)' "$work/default.log"
    check "first record" sh -c "echo hello | $binary produce greetings 2>/dev/null"
    check "consumed again" sh -c "[ \"\$($binary consume greetings --beginning --count 1)\" = hello ]"
    kill -TERM $pid
    wait $pid
    check "exit code of the stop" [ $? -eq 0 ]
    rm -rf "$work/ringmain-data"
}

same() { # WHAT FILE FILE
    check "$1" cmp -s "$2" "$3"
}

# Records of 100 bytes and of 200 KiB: answers below and above the size from which files go to the socket by themselves.
transport() { # NAME SHARDS
    local node=$work/$1-$2 name="$1, $2 shards" settings=("ringmain.transport=$1" "ringmain.shards=$2")
    broker_start $binary "$node" "${settings[@]}" || { check "start $name" false; return; }
    $binary topic create small --partitions 4 --bootstrap "$broker_address" >/dev/null
    $binary topic create large --bootstrap "$broker_address" >/dev/null
    kcat -P -b "$broker_address" -t small -X acks=all -l "$work/small" || check "kcat produces, $name" false
    $binary produce large --bootstrap "$broker_address" <"$work/large" 2>/dev/null || check "produce, $name" false
    $binary consume small --beginning --count 20000 --bootstrap "$broker_address" | sort >"$work/out"
    same "consume small, $name" "$work/out" "$work/small"
    kcat -C -b "$broker_address" -t large -e -q >"$work/out"
    same "kcat large, $name" "$work/out" "$work/large"
    kcat -C -b "$broker_address" -t large -e -q -X fetch.message.max.bytes=20000 -X check.crcs=true >"$work/out"
    same "kcat large, small fetches, $name" "$work/out" "$work/large"
    idle "$name"
    kill -9 "$broker_pid"
    wait "$broker_pid" 2>/dev/null
    broker_start $binary "$node" "${settings[@]}" || { check "start after kill -9, $name" false; return; }
    echo 3 >/proc/sys/vm/drop_caches # from the disk, this time
    $binary consume large --beginning --count 60 --bootstrap "$broker_address" >"$work/out"
    same "large after kill -9, $name" "$work/out" "$work/large"
    kcat -C -b "$broker_address" -t small -e -q | sort >"$work/out"
    same "small after kill -9, $name" "$work/out" "$work/small"
    broker_stop
    check "stop, $name" grep -q 'msg="stopped" clean=true' "$node/broker.log"
    broker_start $binary "$node" "${settings[@]}" || { check "restart, $name" false; return; }
    kcat -C -b "$broker_address" -t small -o 10 -c 5 -q >"$work/out"
    check "a read after the restart, $name" [ "$(wc -l <"$work/out")" -eq 5 ]
    broker_stop
    grep -E 'level=(warn|error)' "$node/broker.log" | head -5
    rm -rf "$node"
}

# Ticks of the processor in five seconds of idleness.
idle() { # NAME
    local before after
    sleep 2
    before=$(awk '{print $14 + $15}' "/proc/$broker_pid/stat")
    sleep 5
    after=$(awk '{print $14 + $15}' "/proc/$broker_pid/stat")
    echo "idle, $1: $((after - before)) ticks of 10 ms in 5 s"
    check "idle, $1" [ $((after - before)) -le 25 ]
}

transports() {
    local way shards
    for i in $(seq 20000); do printf 'record %06d %080d\n' "$i" "$i"; done >"$work/small"
    python3 -c '
import random
random.seed(1)
for i in range(60): print("%06d" % i + "".join(random.choices("abcdefghijklmnopqrstuvwxyz", k=200 * 1024)))' >"$work/large"
    for way in splice sendfile zerocopy; do
        for shards in 1 2; do
            echo "## transport $way, $shards shards ($SECONDS s)"
            transport $way $shards
        done
    done
}

# Without the right to lock memory, with the limit of a login shell (an eighth of the memory) and with less.
as_user() {
    local limit node round='. tests/support/broker.sh
        broker_start build/ringmain "$0" && echo hello | build/ringmain produce t --bootstrap $broker_address 2>/dev/null &&
        [ "$(build/ringmain consume t --beginning --count 1 --bootstrap $broker_address)" = hello ] && broker_stop'
    for limit in 380000 8192 64; do
        node=$work/user-$limit
        mkdir -p "$node" && chmod 777 "$node"
        (
            ulimit -l $limit
            exec setpriv --reuid=1000 --regid=1000 --clear-groups bash -c "$round" "$node"
        )
        check "as a user, $limit KiB of locked memory" [ $? -eq 0 ]
        grep 'msg="starting"' "$node/broker.log"
    done
}

echo "## kernel $(uname -r), $(nproc) cores"
for part in $parts; do
    case $part in
    default) as_it_is && cut_off default ;;
    unit)
        for room in io/reactor core/log core/partition net/conn; do
            stage "unit ${room/\//_}" 3000 tests/support/run_unit.sh build "tests/unit/$room"
        done ;;
    features) stage kernel 6000 tests/limits/kernel.sh build ;;
    transports) transports && cut_off transports ;;
    user) as_user && cut_off user ;;
    simulation) stage simulation 3000 build/tests/sim/sim --seeds 20 ;;
    *) echo "FAILED no part $part" ;;
    esac
done
collect
dmesg | grep -E 'WARNING|BUG:|Oops|hung' | head
echo "## all parts after $SECONDS s"
echo "old kernel: $passed passed, $failed failed"
sync
echo o >/proc/sysrq-trigger
sleep 60
