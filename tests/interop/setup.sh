#!/bin/bash
# Builds the client programs whose toolchain is on this machine into build/interop/ (kept between runs), all at once.
# Prints one line a client: "ready NAME" or "SKIP NAME: reason".
set -u
cd "$(dirname "$0")/../.."
here=$PWD/tests/interop/clients out=$PWD/build/interop
mkdir -p "$out"

newer() { # RESULT SOURCE...: the result is there and newer than its sources
    local result=$1 source
    shift
    for source in "$@"; do [ "$result" -nt "$source" ] || return 1; done
}
setup_c() {
    newer "$out/c" "$here/c/client.c" || gcc -O2 -o "$out/c" "$here/c/client.c" -lrdkafka -lcrypto || return 1
    newer "$out/c_transact" "$here/c/transact.c" || gcc -O2 -o "$out/c_transact" "$here/c/transact.c" -lrdkafka
}
setup_kcat() { command -v kcat; }
setup_python() {
    [ -x "$out/venv/bin/python" ] && "$out/venv/bin/python" -c 'import kafka, lz4, snappy, zstandard, prometheus_client; assert kafka.__version__ == "3.0.12"' && return
    python3 -m venv "$out/venv" || { pip install virtualenv && python3 -m virtualenv "$out/venv"; } || return 1
    "$out/venv/bin/pip" install -q --disable-pip-version-check kafka-python==3.0.12 lz4 python-snappy zstandard crc32c prometheus_client
}
setup_go() { newer "$out/go" "$here"/go/* || (cd "$here/go" && go build -o "$out/go" .); }
setup_js() {
    mkdir -p "$out/js" && cp "$here"/js/* "$out/js/" || return 1
    [ -d "$out/js/node_modules/kafkajs" ] || (cd "$out/js" && npm install --silent --no-audit --no-fund)
}
setup_java() {
    tests/support/kafka_jars.sh || return 1
    newer "$out/java.jar" "$here"/java/*.java build/kafka/libs/.complete && return
    local classes=$out/java
    rm -rf "$classes" "$out/java.jsa"
    mkdir -p "$classes" && javac -J-XX:TieredStopAtLevel=1 -cp "build/kafka/libs/*" -d "$classes" "$here"/java/*.java &&
        jar cf "$out/java.jar" -C "$classes" . || return 1
    java -XX:ArchiveClassesAtExit="$out/java.jsa" -XX:+UseSerialGC -cp "$out/java.jar:$PWD/build/kafka/libs/*" Client load
    return 0 # without the archive it is slower only
}

need() { # NAME TOOL...
    local name=$1 log=$out/setup-$1.log tool
    shift
    for tool in "$@"; do
        command -v "$tool" >/dev/null || { echo "SKIP $name: no $tool on this machine"; return; }
    done
    if "setup_$name" >"$log" 2>&1; then echo "ready $name"; else echo "SKIP $name: could not be set up, see $log"; fi
}
need kcat kcat &
need c gcc &
need python python3 &
need go go &
need js node npm &
need java java javac mvn &
wait
