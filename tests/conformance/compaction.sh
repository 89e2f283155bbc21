#!/bin/bash
# The same batches to Apache Kafka 4.3.1 and to Ringmain, compacted by both: what is read and what DumpLogSegments sees of
# the files is the same. usage: compaction.sh BINARY [SEED]
set -u
cd "$(dirname "$0")/../.."
binary=$(realpath "$1") seed=${2:-1}
for tool in java mvn go kcat; do
    command -v $tool >/dev/null || { echo "SKIP compaction conformance: no $tool on this machine"; exit 0; }
done
. tests/support/broker.sh
. tests/support/kafka_node.sh
tests/support/kafka_jars.sh || exit 1
mkdir -p build/conformance
(cd tests/conformance && go build -o ../../build/conformance/conformance .) || exit 1
work=$(mktemp -d)
trap 'broker_stop; kafka_stop; rm -rf "$work"' EXIT
broker_pid= kafka_pid=
settings=(auto.create.topics.enable=false log.cleaner.backoff.ms=50 transaction.state.log.num.partitions=3
    log.flush.offset.checkpoint.interval.ms=500)
kafka_start "$work/kafka" "${settings[@]}" || exit 1
broker_start "$binary" "$work/ringmain" node.id=1 "${settings[@]}" || exit 1
timeout 400 build/conformance/conformance compaction "$kafka_address" "$work/kafka/data" "$broker_address" "$work/ringmain/data" \
    "build/kafka/libs/*" "$seed"
