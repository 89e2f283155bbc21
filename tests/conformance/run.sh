#!/bin/bash
# The same requests to Apache Kafka 4.3.1 and to Ringmain, answers compared. usage: run.sh BINARY [SEED]
set -u
cd "$(dirname "$0")/../.."
binary=$(realpath "$1") seed=${2:-1}
for tool in java mvn go; do
    command -v $tool >/dev/null || { echo "SKIP conformance: no $tool on this machine"; exit 0; }
done
. tests/support/broker.sh
. tests/support/kafka_node.sh
tests/support/kafka_jars.sh || exit 1
mkdir -p build/conformance
(cd tests/conformance && go build -o ../../build/conformance/conformance .) || exit 1
work=$(mktemp -d)
trap 'broker_stop; kafka_stop; rm -rf "$work"' EXIT
broker_pid= kafka_pid=
# Old times stay: Kafka looks for what retention takes half a minute after its start, which slow machines live to see.
settings=(log.retention.ms=-1 auto.create.topics.enable=false num.partitions=2 offsets.topic.num.partitions=5 group.initial.rebalance.delay.ms=100)
kafka_start "$work/kafka" "${settings[@]}" || exit 1
broker_start "$binary" "$work/ringmain" node.id=1 "${settings[@]}" || exit 1
timeout 300 build/conformance/conformance "$kafka_address" "$broker_address" docs/kafka-differences.md "$seed"
