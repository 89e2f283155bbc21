#!/bin/bash
# tuning/: the check says the right thing of made-up machines and runs on this one; what `make install` installs fits
# together; the broker starts with the sample configuration. usage: run.sh BINARY
set -u
cd "$(dirname "$0")/../.."
binary=$(realpath "$1") passed=0 failed=0 skipped=0
work=$(mktemp -d)
broker_pid=
trap '[ -n "$broker_pid" ] && kill -9 "$broker_pid" 2>/dev/null; rm -rf "$work"' EXIT

is() { # NAME COMMAND...
    local name=$1
    shift
    if "$@" >"$work/out" 2>&1; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAILED tuning: $name"
        tail -5 "$work/out"
    fi
}
put() { mkdir -p "$(dirname "$machine$1")" && printf '%s\n' "$2" >"$machine$1"; } # PATH TEXT
says() { grep -q -- "$1" "$work/said"; }
says_not() { ! grep -q -- "$1" "$work/said"; }
check() { # EXIT-CODE, arguments
    local want=$1
    shift
    CHECK_ROOT=$machine CHECK_NOFILE=${nofile:-1048576} CHECK_MEMLOCK=${memlock:-unlimited} CHECK_UID=1000 \
        tuning/check --data /data --shards 4 "$@" >"$work/said" 2>&1
    local got=$?
    [ "$got" -eq "$want" ] || { echo "exit code $got"; cat "$work/said"; return 1; }
}

# A machine on which there is nothing to change.
good_machine() {
    machine=$work/machine
    rm -rf "$machine"
    put /proc/sys/kernel/osrelease 6.12.1
    put /proc/sys/kernel/io_uring_disabled 0
    put /sys/devices/system/clocksource/clocksource0/current_clocksource tsc
    put /sys/kernel/mm/transparent_hugepage/enabled "always [madvise] never"
    put /sys/devices/system/cpu/cpufreq/policy0/scaling_governor performance
    put /sys/devices/system/cpu/cpu0/cpuidle/state0/latency 2
    put /sys/devices/system/node/node0/cpulist 0-7
    put /sys/devices/system/node/node1/cpulist 8-15
    put /sys/class/nvme/nvme0/device/numa_node 1
    put /sys/class/net/eth0/device/numa_node 1
    put /proc/interrupts "           CPU0       CPU1
  41:         10          0   PCI-MSI 524289-edge      nvme0q1
  42:          0         10   PCI-MSI 524290-edge      nvme0q2
  50:          5          5   PCI-MSI 1048577-edge      eth0-TxRx-0
  51:          5          5   PCI-MSI 1048578-edge      eth0-TxRx-1"
    put /proc/irq/41/smp_affinity_list 0
    put /proc/irq/42/smp_affinity_list 1
    put /proc/irq/50/smp_affinity_list 0
    put /proc/irq/51/smp_affinity_list 1
    put /proc/mounts "/dev/sda1 / ext4 rw,noatime 0 0
/dev/nvme0n1p1 /data xfs rw,noatime 0 0"
    put /sys/block/nvme0n1/queue/scheduler "[none] mq-deadline"
    put /sys/block/nvme0n1/queue/rotational 0
    put /sys/block/nvme0n1/queue/read_ahead_kb 128
    put /sys/block/nvme0n1/queue/write_cache "write through"
    put /sys/fs/ext4/nvme0n1p1/journal_task "<none>" # of no matter for xfs
    local key value
    while IFS='=' read -r key value; do
        key=${key// /}
        put "/proc/sys/${key//.//}" "$(echo $value)"
    done < <(grep -v '^ *\(#\|$\)' tuning/ringmain.sysctl)
}

good_machine
is "a good machine has nothing to change" check 0
is "it says where to pin the broker" says 'CPUAffinity=8-15 NUMAPolicy=bind NUMAMask=1'
is "quiet leaves out what is good" check 0 --quiet
is "quiet says the total only" [ "$(wc -l <"$work/said")" -eq 1 ]

wrong() { # NAME EXIT-CODE TEXT PATH CONTENT: one thing is changed on the good machine
    good_machine
    put "$4" "$5"
    is "$1: exit code" check "$2"
    is "$1: is named" says "$3"
    [ "$2" -eq 1 ] && is "$1: alone" says ' 1 to change, 0 that keep'
}
wrong "an old kernel" 2 'Linux 6.1 or newer' /proc/sys/kernel/osrelease 5.15.0-91-generic
wrong "io_uring forbidden" 2 'io_uring is forbidden' /proc/sys/kernel/io_uring_disabled 2
wrong "io_uring for a group" 2 'only for the group' /proc/sys/kernel/io_uring_disabled 1
wrong "a slow clock" 1 'clock source hpet' /sys/devices/system/clocksource/clocksource0/current_clocksource hpet
wrong "huge pages for everybody" 1 'transparent huge pages for' /sys/kernel/mm/transparent_hugepage/enabled "[always] madvise never"
wrong "a saving governor" 1 'powersave\|performance' /sys/devices/system/cpu/cpufreq/policy0/scaling_governor powersave
wrong "deep sleep" 1 'waking takes 890 us' /sys/devices/system/cpu/cpu0/cpuidle/state0/latency 890
wrong "all interrupts on one core" 1 'interrupts of nvme0 go to core 0' /proc/irq/42/smp_affinity_list 0
wrong "drive and card on two nodes" 1 'different NUMA nodes' /sys/class/net/eth0/device/numa_node 0
wrong "a scheduler" 1 'I/O scheduler mq-deadline' /sys/block/nvme0n1/queue/scheduler "none [mq-deadline]"
wrong "a turning drive" 1 'says that it turns' /sys/block/nvme0n1/queue/rotational 1
wrong "large read-ahead" 1 '4096 KiB read-ahead' /sys/block/nvme0n1/queue/read_ahead_kb 4096
wrong "memory as a file system" 2 'tmpfs' /proc/mounts "tmpfs /data tmpfs rw 0 0"
wrong "no barriers" 2 'nobarrier' /proc/mounts "/dev/nvme0n1p1 /data ext4 rw,noatime,nobarrier 0 0"
wrong "no journal" 1 'without a journal' /proc/mounts "/dev/nvme0n1p1 /data ext4 rw,noatime 0 0"
wrong "reading writes" 1 'relatime' /proc/mounts "/dev/nvme0n1p1 /data xfs rw,relatime 0 0"
wrong "early throttling" 1 'vm.dirty_ratio = 20' /proc/sys/vm/dirty_ratio 20
wrong "swapping" 1 'vm.swappiness = 60' /proc/sys/vm/swappiness 60
wrong "small socket buffers" 1 'net.ipv4.tcp_wmem' /proc/sys/net/ipv4/tcp_wmem "4096 16384 4194304"
good_machine
put /proc/sys/net/core/somaxconn 65535
is "more than what is asked for is as good" check 0
nofile=1024 is "few descriptors" check 1
nofile=1024 memlock=64 is "little locked memory, too" check 1
is "both are named" says 'KiB of locked memory'
machine=""
is "wrong arguments" eval 'tuning/check --nonsense; [ $? -eq 64 ]'
is "it runs on this machine" eval 'tuning/check --data "$work" >"$work/said"; [ $? -le 2 ] && grep -q "as they should be" "$work/said"'

# What is installed.
is "make install" make -s install DESTDIR="$work/root" PREFIX=/usr
unit=$work/root/usr/lib/systemd/system/ringmain.service
started=$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$unit")
is "the unit starts what is installed" test -x "$work/root$started"
is "no path of another prefix is left" eval '! grep -q /usr/local "$unit"'
is "the check finds its settings where it is installed" eval '"$work/root/usr/share/ringmain/check" --data "$work" >"$work/said"; grep -q vm.swappiness "$work/said"'
for file in ringmain.sysctl ringmain.limits ringmain.udev ringmain.sysusers ringmain.properties; do
    is "$file is installed" test -s "$work/root/usr/share/ringmain/$file"
done
if command -v systemd-analyze >/dev/null; then
    sed "s|^ExecStart=[^ ]*|ExecStart=$binary|" "$unit" >"$work/ringmain.service"
    is "systemd understands the unit" eval 'systemd-analyze verify --man=no "$work/ringmain.service" 2>&1 | tee "$work/said"; ! grep -q "ringmain.service" "$work/said"'
    is "io_uring passes the unit's filter" eval 'systemd-analyze syscall-filter @aio | grep -q io_uring_enter && systemd-analyze syscall-filter @system-service | grep -q "@aio"'
else
    skipped=$((skipped + 1))
    echo "SKIP tuning: no systemd-analyze on this machine"
fi

# The sample configuration, with a place and a port of our own.
. tests/support/broker.sh
port=$(free_port)
sed "s|^log.dirs=.*|log.dirs=$work/data|; s|^listeners=.*|listeners=PLAINTEXT://127.0.0.1:$port|; s|^ringmain.metrics.port=.*|ringmain.metrics.port=0|" \
    tuning/ringmain.properties >"$work/ringmain.properties"
"$binary" start "$work/ringmain.properties" >"$work/log" 2>&1 &
broker_pid=$!
for _ in $(seq 200); do grep -q 'msg="ready"' "$work/log" && break; sleep 0.02; done
is "the sample configuration starts a broker" grep -q 'msg="ready"' "$work/log"
is "without a complaint" eval '! grep -q "level=warn\|level=error" "$work/log"'
broker_stop
broker_pid=
echo "tuning: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
