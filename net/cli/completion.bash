# bash completion for ringmain
_ringmain() {
    local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]}
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "start topic config produce consume group txn cluster top dump bench version" -- "$word")
        return
    fi
    local common="--bootstrap --timeout --json --help" more=""
    case $command in
    start) more="--override" common="--help" ;;
    topic) more="create list describe alter delete --partitions --replication-factor --config --validate" ;;
    config) more="describe alter topic broker --all --set --delete" ;;
    produce) more="--key-separator --null --header --compression --acks --no-idempotence --transactional-id --transaction-timeout-ms --partition" ;;
    consume) more="--group --instance --partition --beginning --end --offset --timestamp --count --exit --format" ;;
    group) more="list describe reset-offsets delete delete-offsets --state --topic --partition --to-earliest --to-latest --to-offset --to-timestamp --by-duration --dry-run" ;;
    txn) more="list describe find-hanging abort-hanging --state --producer-id --running-longer-than --pattern --partition --start-offset --dry-run" ;;
    cluster) more="describe" ;;
    top) more="--metrics --interval --count --partitions" ;;
    dump) more="--records --verify" common="--help" ;;
    bench) more="produce fetch tail ping idle --topic --partitions --config --delete --connections --in-flight --rate --acks --record-bytes --records --batch-bytes --compression --read-bytes --consumers --backfill --backfill-rate --seconds --warm-up --threads --spin --pid --raw" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$common $more" -- "$word")
    case $command in start | produce | dump) mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$word") ;; esac
}
complete -F _ringmain ringmain
