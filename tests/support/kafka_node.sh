# Sourced by test scripts: one Apache Kafka 4.3.1 KRaft node (broker and controller) on loopback, the oracle.
#   kafka_start DIR [key=value ...]   sets kafka_pid, kafka_address; needs build/kafka/libs (kafka_jars.sh)
#   kafka_stop
kafka_start() {
    local dir=$1 port controller setting
    shift
    port=$(free_port) controller=$(free_port)
    mkdir -p "$dir"
    {
        printf 'process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:%s\n' "$controller"
        printf 'listeners=PLAINTEXT://127.0.0.1:%s,CONTROLLER://127.0.0.1:%s\n' "$port" "$controller"
        printf 'advertised.listeners=PLAINTEXT://127.0.0.1:%s\ncontroller.listener.names=CONTROLLER\n' "$port"
        printf 'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\nlog.dirs=%s/data\n' "$dir"
        printf 'offsets.topic.replication.factor=1\ntransaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n'
        for setting in "$@"; do echo "$setting"; done
    } >"$dir/server.properties"
    local java="java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC" formatted=build/kafka/formatted # the same for every node: kept
    if [ ! "$formatted/meta.properties" -nt build/kafka/libs/.complete ]; then
        $java -cp "build/kafka/libs/*" kafka.tools.StorageTool format -t "AAAAAAAAAAAAAAAAAAAAAg" \
            -c "$dir/server.properties" >"$dir/format.log" 2>&1 || { tail -5 "$dir/format.log" >&2; return 1; }
        rm -rf "$formatted" && cp -r "$dir/data" "$formatted"
    fi
    cp -r "$formatted/." "$dir/data"
    $java -Xmx512m -cp "build/kafka/libs/*" kafka.Kafka "$dir/server.properties" >"$dir/kafka.log" 2>&1 &
    kafka_pid=$! kafka_address=127.0.0.1:$port
    for _ in $(seq 600); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return 0
        kill -0 "$kafka_pid" 2>/dev/null || break
        sleep 0.1
    done
    echo "Kafka did not start:" >&2
    tail -20 "$dir/kafka.log" >&2
    return 1
}

kafka_stop() {
    kill "$kafka_pid" 2>/dev/null
    wait "$kafka_pid" 2>/dev/null
}
