#!/bin/sh
# Installs what a build and its tests need on Debian 12, and the packages that are named (NAME or NAME/RELEASE). Run as root or with sudo at hand.
set -eu
packages="gcc make pkg-config libc6-dev liburing-dev libjemalloc-dev liblz4-dev libzstd-dev libsnappy-dev zlib1g-dev libssl-dev
libjansson-dev libpcre2-dev libmicrohttpd-dev libcmocka-dev librdkafka-dev kcat python3 $*"
sudo=""
[ "$(id -u)" -eq 0 ] || sudo=sudo
missing=""
for p in $packages; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "${p%/*}" 2>/dev/null)" = installed ] || missing="$missing $p"
done
[ -z "$missing" ] && exit 0
if [ -n "$sudo" ] && ! command -v sudo >/dev/null; then
    echo "These packages are missing, and there is no sudo to install them with; as root, say:" >&2
    echo "  apt-get update && apt-get install -y$missing" >&2
    exit 1
fi
echo "Installing$missing"
log=$(mktemp)
# shellcheck disable=SC2086
{ $sudo apt-get update -q && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing; } >"$log" 2>&1 ||
    { tail -20 "$log" >&2; echo "The packages could not be installed, see $log" >&2; exit 1; }
rm -f "$log"
