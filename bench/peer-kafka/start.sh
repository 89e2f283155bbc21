#!/bin/bash
# Apache Kafka 4.3.1 from Maven Central as the other broker of `make bench`: one KRaft node on loopback, with the
# settings that its own documentation and performance tests use. usage: start.sh DIR; prints HOST:PORT:PID and leaves it
# running. HEAP (1g), CPUS (for taskset) and SETTINGS (key=value ...) may be given.
#
# Threads go by the number of cores: on one core one network and two I/O threads write as many bytes per CPU-second as
# Kafka's default of 3 and 8, and 16 KiB batches one tenth more; heaps of 1 and 3 GiB are alike. G1, its pause goal and
# the rest are those of kafka-run-class.sh.
set -eu
cd "$(dirname "$0")/../.."
dir=$1
command -v java >/dev/null || { echo "no java on this machine" >&2; exit 1; }
[ -f build/kafka/libs/.complete ] || command -v mvn >/dev/null || { echo "no mvn on this machine" >&2; exit 1; }
tests/support/kafka_jars.sh >&2
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
cores=$(echo "${CPUS:-$(seq -s, "$(nproc)")}" | tr ',' '\n' | wc -l)
port=$(free_port) controller=$(free_port)
mkdir -p "$dir"
cat >"$dir/server.properties" <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$dir/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
num.network.threads=$cores
num.io.threads=$((cores * 2))
socket.send.buffer.bytes=-1
socket.receive.buffer.bytes=-1
log.segment.bytes=1073741824
log.preallocate=false
queued.max.requests=1000
log.segment.delete.delay.ms=500
EOF
for setting in ${SETTINGS:-}; do echo "$setting"; done >>"$dir/server.properties"
cat >"$dir/log4j2.yaml" <<EOF
Configuration:
  Appenders: {File: {name: F, fileName: "$dir/kafka.log", PatternLayout: {pattern: "%d %p %m%n"}}}
  Loggers: {Root: {level: WARN, AppenderRef: [{ref: F}]}}
EOF
java -cp "build/kafka/libs/*" kafka.tools.StorageTool format -t AAAAAAAAAAAAAAAAAAAAAg \
    -c "$dir/server.properties" >"$dir/format.log" 2>&1 || { tail -5 "$dir/format.log" >&2; exit 1; }
pin=()
[ -z "${CPUS:-}" ] || pin=(taskset -c "$CPUS")
"${pin[@]}" java "-Xms${HEAP:-1g}" "-Xmx${HEAP:-1g}" -server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 \
    -XX:InitiatingHeapOccupancyPercent=35 -XX:+ExplicitGCInvokesConcurrent -Djava.awt.headless=true \
    "-Dlog4j2.configurationFile=$dir/log4j2.yaml" -cp "build/kafka/libs/*" kafka.Kafka "$dir/server.properties" \
    >"$dir/out.log" 2>&1 </dev/null &
pid=$!
for _ in $(seq 600); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && { echo "127.0.0.1:$port:$pid"; exit 0; }
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.1
done
echo "Kafka did not start:" >&2
tail -5 "$dir/out.log" >&2
exit 1
