#!/bin/bash
# The integration tests of one client library, from a checkout of it, against a broker of one node.
# usage: clients.sh BINARY|kafka SUITE CHECKOUT [ARGUMENT]...
#   clients.sh build/ringmain kafka-python ~/kafka-python            its admin, consumer and producer tests
#   clients.sh kafka kafka-python ~/kafka-python -k group            some of them, against Apache Kafka
# SUITE: kafka-python, confluent-kafka-python (pytest), rskafka, rust-rdkafka (cargo). The Python ones want an environment
# with pytest, pytest-timeout, pytest-asyncio and what they need themselves; confluent-kafka-python also the client installed.
set -u
cd "$(dirname "$0")/../.."
binary=$1 suite=$2 checkout=$(realpath "$3")
shift 3
. tests/support/broker.sh
. tests/support/kafka_node.sh

work=$(mktemp -d)
trap 'broker_stop; kafka_stop; rm -rf "$work"' EXIT
broker_pid= kafka_pid=
settings=(num.partitions=3 group.initial.rebalance.delay.ms=0)
[ "$suite" != rskafka ] || settings+=(auto.create.topics.enable=false)
if [ "$binary" = kafka ]; then # node 1: kafka-python's test_create_partitions wants node 0
    tests/support/kafka_jars.sh && kafka_start "$work/kafka" "${settings[@]}" || exit 1
    address=$kafka_address
else
    port=$(free_port)
    broker_launch "$binary" "$work/ringmain" "$port" node.id=0 "advertised.listeners=PLAINTEXT://127.0.0.1:$port" \
        "${settings[@]}" || exit 1
    address=$broker_address
fi

cd "$checkout" || exit 1
case $suite in
kafka-python)
    tests=(test/integration/test_{admin,consumer,producer}_integration.py)
    KAFKA_VERSION=4.3.1 KAFKA_ROOT=/tmp KAFKA_URI=kafka://$address \
        python3 -m pytest -q --show-capture=no --tb=short "${tests[@]}" "$@"
    ;;
confluent-kafka-python)
    BROKERS=$address python3 -m pytest -q --show-capture=no --tb=short \
        tests/integration/admin tests/integration/consumer tests/integration/producer "$@"
    ;;
rskafka)
    TEST_INTEGRATION=1 TEST_BROKER_IMPL=kafka KAFKA_CONNECT=$address cargo test --features full --no-fail-fast "$@"
    ;;
rust-rdkafka)
    RUST_LOG=off KAFKA_HOST=$address KAFKA_VERSION=4.3.1 cargo test --no-fail-fast "$@"
    ;;
*)
    echo "unknown suite: $suite" >&2
    exit 2
    ;;
esac
