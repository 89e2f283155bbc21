# Sourced by test scripts: starts and stops one broker on a free loopback port.
#   broker_start BINARY DIR [key=value ...]   sets broker_pid, broker_port, broker_address; waits for the port
#   broker_stop [SIGNAL]                      TERM by default; waits for the end

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

broker_launch() { # BINARY DIR PORT [key=value ...]
    local binary=$1 dir=$2 port=$3 args=() setting
    shift 3
    for setting in "$@"; do args+=(--override "$setting"); done
    mkdir -p "$dir"
    "$binary" start --override "listeners=PLAINTEXT://127.0.0.1:$port" --override "log.dirs=$dir/data" \
        --override ringmain.metrics.port=0 "${args[@]}" \
        >>"$dir/broker.log" 2>&1 &
    broker_pid=$! broker_port=$port broker_address=127.0.0.1:$port
    for _ in $(seq 500); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return 0
        kill -0 "$broker_pid" 2>/dev/null || break
        sleep 0.02
    done
    echo "the broker did not start:" >&2
    tail -20 "$dir/broker.log" >&2
    return 1
}

broker_start() {
    local binary=$1 dir=$2
    shift 2
    broker_launch "$binary" "$dir" "$(free_port)" "$@"
}

broker_stop() {
    kill "-${1:-TERM}" "$broker_pid" 2>/dev/null
    wait "$broker_pid" 2>/dev/null
}
