#!/bin/bash
# The oldest kernel, for real: boots Debian 12's own (6.1), or the one of its backports, in an emulated machine of two
# cores and runs there what is in old_kernel_guest.sh: unit tests, kernel.sh, every transport, stop, kill -9, seeds of
# the simulation. Nothing needs KVM. It takes the better part of an hour, so `make check` leaves it out.
# As root on Debian 12, after: apt-get install debootstrap e2fsprogs qemu-system-x86 && make tests
# usage: old_kernel.sh [bookworm|bookworm-backports [PART...]]; parts: see old_kernel_guest.sh. What it has installed is
# kept in $RINGMAIN_VM (/var/tmp/ringmain-vm) for the next run.
set -eu
cd "$(dirname "$0")/../.."
release=${1:-bookworm}
[ $# -eq 0 ] || shift
vm=${RINGMAIN_VM:-/var/tmp/ringmain-vm}
root=$vm/$release image=$vm/$release.ext4
packages=liburing2,libjemalloc2,liblz4-1,libzstd1,libsnappy1v5,zlib1g,libssl3,libjansson4,libpcre2-8-0
packages+=,libmicrohttpd12,libcmocka0,librdkafka1,kcat,python3,kmod,iproute2,procps,initramfs-tools,zstd

for command in debootstrap mke2fs qemu-system-x86_64; do
    command -v "$command" >/dev/null && continue
    echo "$command is missing; say: apt-get install debootstrap e2fsprogs qemu-system-x86"
    exit 1
done
[ "$(id -u)" -eq 0 ] || { echo "debootstrap needs root"; exit 1; }
[ -x build/ringmain ] && [ -x build/tests/sim/sim ] || { echo "say first: make tests"; exit 1; }

install_root() {
    local mirror=http://deb.debian.org/debian
    rm -rf "$root.part"
    debootstrap --variant=minbase --include="$packages" bookworm "$root.part" $mirror >"$vm/install.log" 2>&1
    echo "deb $mirror $release main" >>"$root.part/etc/apt/sources.list"
    mkdir -p "$root.part/etc/initramfs-tools/conf.d"
    echo "MODULES=list" >"$root.part/etc/initramfs-tools/conf.d/small" # few, since unpacking them is emulated, too
    printf '%s\n' virtio_pci virtio_blk ext4 >>"$root.part/etc/initramfs-tools/modules"
    {
        chroot "$root.part" apt-get update
        DEBIAN_FRONTEND=noninteractive chroot "$root.part" apt-get install -y --no-install-recommends "linux-image-amd64/$release"
        chroot "$root.part" apt-get clean
    } >>"$vm/install.log" 2>&1
    mv "$root.part" "$root"
}

make_image() {
    local program
    rm -rf "$root/ringmain"
    mkdir -p "$root/ringmain/build" "$root/work"
    cp -r tests docs tuning "$root/ringmain/"
    cp build/ringmain "$root/ringmain/build/"
    (cd build && find tests -type f -perm -u+x) | while read -r program; do
        install -D "build/$program" "$root/ringmain/build/$program"
    done
    rm -f "$image"
    mke2fs -q -t ext4 -d "$root" "$image" 6G
}

mkdir -p "$vm"
if [ ! -d "$root" ]; then
    echo "Installing Debian 12 with the kernel of $release into $root"
    trap 'tail -20 "$vm/install.log"' EXIT
    install_root
    trap - EXIT
fi
make_image
kernel=$(echo "$root"/boot/vmlinuz-*)
echo "Booting ${kernel##*/}; all of it is in $vm/$release.log"
qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 3072 -nographic -no-reboot -nic none \
    -kernel "$kernel" -initrd "$(echo "$root"/boot/initrd.img-*)" \
    -append "root=/dev/vda rw console=ttyS0 quiet panic=-1 init=/ringmain/tests/limits/old_kernel_guest.sh -- $*" \
    -drive "file=$image,format=raw,if=virtio,cache=unsafe" </dev/null >"$vm/$release.log" 2>&1 || true
rm -f "$image"
tr -d '\r' <"$vm/$release.log" | grep -E '^(## |FAILED|SKIP|---|[a-z ]+: [0-9]+ passed|ts=.*msg="starting")' || true
tr -d '\r' <"$vm/$release.log" | tail -3 | grep -q '^old kernel: .* 0 failed'
