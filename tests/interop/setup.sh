#!/bin/bash
# Builds the client programs whose toolchain is on this machine into build/interop/ (kept between runs).
# Prints one line a client: "ready NAME" or "SKIP NAME: reason".
set -u
cd "$(dirname "$0")/../.."
here=$PWD/tests/interop/clients out=$PWD/build/interop
mkdir -p "$out"
log=$out/setup.log
: >"$log"

setup_c() {
    [ "$out/c" -nt "$here/c/client.c" ] ||
        gcc -O2 -o "$out/c" "$here/c/client.c" -lrdkafka -lcrypto || return 1
    [ "$out/c_transact" -nt "$here/c/transact.c" ] ||
        gcc -O2 -o "$out/c_transact" "$here/c/transact.c" -lrdkafka
}
setup_kcat() { command -v kcat; }
setup_python() {
    [ -x "$out/venv/bin/python" ] && "$out/venv/bin/python" -c 'import kafka, lz4, snappy, zstandard, prometheus_client; assert kafka.__version__ == "3.0.12"' && return
    python3 -m venv "$out/venv" || { pip install virtualenv && python3 -m virtualenv "$out/venv"; } || return 1
    "$out/venv/bin/pip" install -q kafka-python==3.0.12 lz4 python-snappy zstandard crc32c prometheus_client
}
setup_go() { { [ "$out/go" -nt "$here/go/main.go" ] && [ "$out/go" -nt "$here/go/transact.go" ]; } || (cd "$here/go" && go build -o "$out/go" .); }
setup_js() {
    [ -d "$out/js/node_modules/kafkajs" ] && cp "$here"/js/* "$out/js/" && return
    mkdir -p "$out/js" && cp "$here"/js/* "$out/js/" && (cd "$out/js" && npm install --silent --no-audit --no-fund)
}
setup_java() {
    [ "$out/java/Client.class" -nt "$here/java/Client.java" ] && [ "$out/java/Transact.class" -nt "$here/java/Transact.java" ] && return
    tests/support/kafka_jars.sh && mkdir -p "$out/java" &&
        javac -cp "build/kafka/libs/*" -d "$out/java" "$here"/java/*.java
}

setup_streams() {
    [ "$out/streams/WordCount.class" -nt "$here/streams/WordCount.java" ] && [ -f build/kafka/streams/.complete ] && return
    mkdir -p "$out/streams" &&
        mvn -q -B -f "$here/streams/pom.xml" dependency:copy-dependencies -DoutputDirectory="$PWD/build/kafka/streams" &&
        touch build/kafka/streams/.complete &&
        javac -cp "build/kafka/streams/*" -d "$out/streams" "$here/streams/WordCount.java"
}

need() { # NAME TOOL...
    local name=$1 tool
    shift
    for tool in "$@"; do
        command -v "$tool" >/dev/null || { echo "SKIP $name: no $tool on this machine"; return; }
    done
    if "setup_$name" >>"$log" 2>&1; then echo "ready $name"; else echo "SKIP $name: could not be set up, see $log"; fi
}
need kcat kcat
need c gcc
need python python3
need go go
need js node npm
need java java javac mvn
need streams java javac mvn
