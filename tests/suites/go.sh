#!/bin/bash
# The tests of Go clients against a broker of one node. usage: go.sh BINARY|kafka franz-go|kafka-go|sarama CHECKOUT [OPTION]...
#   go.sh build/ringmain franz-go ~/franz-go
#   go.sh kafka kafka-go ~/kafka-go -test.run TestConn
# Options are those of a Go test binary. The suites want port 9092, so all of it runs in a network namespace of its own.
# sarama's checkout is changed: three replicas become one.
set -u
cd "$(dirname "$0")/../.."
if [ -z "${GO_SUITE_INSIDE:-}" ]; then
    suite=$2 checkout=$(realpath "$3")
    made=$PWD/build/suites
    mkdir -p "$made"
    [ "$1" != kafka ] && [ "$suite" != sarama ] || tests/support/kafka_jars.sh || exit 1
    case $suite in
    franz-go)
        (cd "$checkout/pkg/kgo" && go test -c -o "$made/kgo.test" .) && (cd "$checkout/pkg/kadm" && go test -c -o "$made/kadm.test" .) ;;
    kafka-go) (cd "$checkout" && go mod tidy && go test -c -o "$made/kafka-go.test" .) ;;
    sarama)
        GOBIN=$made/toxiproxy go install github.com/Shopify/toxiproxy/v2/cmd/server@latest &&
            cd "$checkout" && sed -i -E 's/(ReplicationFactor: +)3,/\11,/; s/len\(partition.Isr\) != 3/len(partition.Isr) != 1/' functional_test.go &&
            go test -tags functional -c -o "$made/sarama.test" . && cd - >/dev/null ;;
    *) false ;;
    esac || exit 1
    GO_SUITE_INSIDE=1 exec unshare -rn "$0" "$1" "$suite" "$checkout" "${@:4}"
fi
binary=$1 suite=$2 checkout=$3 made=$PWD/build/suites
shift 3
. tests/support/broker.sh
. tests/support/kafka_node.sh
ip link set lo up
work=$(mktemp -d)
broker_pid= kafka_pid= proxy_pid=
trap 'broker_stop; kafka_stop; kill $proxy_pid 2>/dev/null; rm -rf "$work"' EXIT
free_port() { [ -e "$work/9092" ] && echo 9093 || { touch "$work/9092"; echo 9092; }; }

advertised=PLAINTEXT://localhost:9092 settings=()
[ "$suite" != sarama ] || advertised=PLAINTEXT://127.0.0.1:29091
[ "$suite" != sarama ] || settings=(auto.create.topics.enable=false group.initial.rebalance.delay.ms=0)
[ "$suite" != kafka-go ] || settings=(message.max.bytes=200000000)
if [ "$binary" = kafka ]; then # the later line counts
    kafka_start "$work/kafka" advertised.listeners="$advertised" "${settings[@]}" || exit 1
else
    broker_start "$binary" "$work/ringmain" advertised.listeners="$advertised" "${settings[@]}" || exit 1
fi

if [ "$suite" = sarama ]; then # before the pipe below, which is a shell of its own
    "$made/toxiproxy/server" -host 127.0.0.1 -port 8474 >"$work/proxy.log" 2>&1 &
    proxy_pid=$!
fi
case $suite in
franz-go)
    export KGO_TEST_RF=1 KGO_SEEDS=127.0.0.1:9092 KGO_TEST_STABLE_FETCH=true KGO_LOG_LEVEL=none
    cd "$checkout/pkg/kadm" && "$made/kadm.test" -test.v -test.timeout 5m "$@"
    cd "$checkout/pkg/kgo" && "$made/kgo.test" -test.v -test.timeout 15m "$@"
    ;;
kafka-go) # left out: what asks for a coordinator without a way to connect (a nil pointer, whatever the broker)
    export KAFKA_VERSION=4.3.1
    cd "$checkout" && "$made/kafka-go.test" -test.v -test.timeout 10m \
        -test.skip 'TestReaderConsumerGroup/(consumer_group_commits_on_close|verify_offset_committed)' "$@"
    ;;
sarama) # left out: what stops containers, reads their logs, or counts five brokers
    export KAFKA_VERSION=4.3.1 TOXIPROXY_ADDR=http://127.0.0.1:8474 PATH=$work:$PATH
    for _ in $(seq 100); do curl -s "$TOXIPROXY_ADDR/version" >/dev/null && break; sleep 0.1; done
    for i in 1 2 3 4 5; do
        curl -s "$TOXIPROXY_ADDR/proxies" >/dev/null \
            -d "{\"name\":\"kafka$i\",\"listen\":\"127.0.0.1:2909$i\",\"upstream\":\"127.0.0.1:9092\",\"enabled\":true}"
    done
    { # docker compose exec -T kafka-1 /opt/kafka-4.3.1/bin/kafka-console-TOOL.sh ...: that tool of ours
        printf '#!/bin/bash\nshift 4\ncase $1 in *producer.sh) tool=ConsoleProducer ;; *) tool=consumer.ConsoleConsumer ;; esac\n'
        printf 'shift\nexec java -XX:TieredStopAtLevel=1 -cp "%s/build/kafka/libs/*" org.apache.kafka.tools.$tool ' "$PWD"
        printf '"${@//kafka-1:9091/127.0.0.1:9092}"\n'
    } >"$work/docker"
    chmod +x "$work/docker"
    cd "$checkout" && "$made/sarama.test" -test.v -test.timeout 10m \
        -test.run 'TestFunc|VersionMatrix|ReadOnly|ConsumerHigh|ConsumerPartial|ConsumerGroupDeadlock|TestInterceptors|RemoteBroker|Java' \
        -test.skip 'TxnProduceWithBrokerFailure|ListConsumerGroupOffsets$|BufferedSequence|LogDirs|Reassignments' "$@"
    ;;
esac 2>&1 | tee "$made/$suite.log" | grep -E '^ *--- FAIL|^panic'
echo "$suite: $(grep -c -- '--- PASS' "$made/$suite.log") passed, $(grep -c -- '--- FAIL' "$made/$suite.log") failed," \
    "$(grep -c -- '--- SKIP' "$made/$suite.log") skipped: $made/$suite.log"
