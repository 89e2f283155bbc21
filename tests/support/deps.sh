#!/bin/sh
# Installs what a build and its tests need on Debian 12. Run as root or with sudo at hand.
set -eu
packages="gcc make pkg-config liburing-dev libjemalloc-dev liblz4-dev libzstd-dev libsnappy-dev zlib1g-dev libssl-dev
libjansson-dev libpcre2-dev libmicrohttpd-dev libcmocka-dev librdkafka-dev kcat python3"
sudo=""
[ "$(id -u)" -eq 0 ] || sudo=sudo
missing=""
for p in $packages; do dpkg -s "$p" >/dev/null 2>&1 || missing="$missing $p"; done
[ -z "$missing" ] && exit 0
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq
# shellcheck disable=SC2086
$sudo apt-get install -y -qq --no-install-recommends $missing
