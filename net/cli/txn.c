/* ringmain txn list|describe|find-hanging|abort-hanging */
#include "core/wire/error.h"
#include "net/cli/cli.h"
#include "net/cli/coordinator.h"

#include <stdlib.h>

typedef struct list_transactions_response_transaction_state listed;
typedef struct describe_producers_response_producer_state producer;

struct txn_options {
    const char *states[CLI_REPEAT_MAX], *producers[CLI_REPEAT_MAX];
    int state_count, producer_count;
    const char *longer, *pattern, *partition, *offset;
    bool dry_run;
};

/* ---- list -------------------------------------------------------------------------------------------------------- */

static bool list_broker(struct cli *cli, int32_t node, const struct list_transactions_request *request, json_t *all)
{
    struct list_transactions_response response;
    if (!cli_call(cli, node, API_LIST_TRANSACTIONS, request, &response))
        return false;
    if (response.error_code != KAFKA_ERROR_NONE)
        return cli_refused("cannot list transactions of", SLICE_LITERAL("a broker"), response.error_code, SLICE_NULL);
    for (int32_t i = 0; i < response.unknown_state_filters.count; i++)
        fprintf(stderr, "ringmain: there is no state %.*s\n", SLICE_ARG(response.unknown_state_filters.items[i]));
    for (int32_t i = 0; i < response.transaction_states.count; i++) {
        const listed *txn = &response.transaction_states.items[i];
        json_array_append_new(all, json_pack("{s:o,s:o,s:I,s:i}", "id", cli_json_text(txn->transactional_id), "state",
                                             cli_json_text(txn->transaction_state), "producer_id",
                                             (json_int_t)txn->producer_id, "coordinator", node));
    }
    return true;
}

static bool list_all(struct cli *cli, const struct list_transactions_request *request, json_t *all)
{
    struct metadata_response metadata;
    if (client_metadata(&cli->client, NULL, 0, false, &metadata, &cli->arena) != ERR_OK) {
        fprintf(stderr, "ringmain: %s\n", cli->client.why);
        return false;
    }
    bool ok = true;
    for (int32_t i = 0; ok && i < metadata.brokers.count; i++)
        ok = list_broker(cli, metadata.brokers.items[i].node_id, request, all);
    return ok;
}

static void print_list(json_t *all)
{
    size_t i;
    json_t *txn;
    json_array_foreach(all, i, txn)
        printf("%-40s %-16s producer %-12lld coordinator %d\n", json_string_value(json_object_get(txn, "id")),
               json_string_value(json_object_get(txn, "state")),
               (long long)json_integer_value(json_object_get(txn, "producer_id")),
               (int)json_integer_value(json_object_get(txn, "coordinator")));
}

static bool list(struct cli *cli, const struct txn_options *options)
{
    struct list_transactions_request request;
    struct slice states[CLI_REPEAT_MAX];
    int64_t ids[CLI_REPEAT_MAX];
    WIRE_DEFAULTS(list_transactions_request_schema, &request);
    for (int i = 0; i < options->state_count; i++)
        states[i] = slice_from_string(options->states[i]);
    for (int i = 0; i < options->producer_count; i++)
        if (!cli_number("--producer-id", options->producers[i], &ids[i]))
            return false;
    if (options->longer != NULL && !cli_number("--running-longer-than", options->longer, &request.duration_filter))
        return false;
    request.state_filters.items = states;
    request.state_filters.count = options->state_count;
    request.producer_id_filters.items = ids;
    request.producer_id_filters.count = options->producer_count;
    request.transactional_id_pattern = slice_from_string(options->pattern);
    json_t *all = json_array();
    bool ok = list_all(cli, &request, all);
    if (ok && cli->json) {
        cli_print_json(all);
        return true;
    }
    if (ok)
        print_list(all);
    json_decref(all);
    return ok;
}

/* ---- describe ---------------------------------------------------------------------------------------------------- */

typedef struct describe_transactions_response_transaction_state described;

static json_t *describe_topics(struct cli *cli, const described *txn)
{
    json_t *list_of = json_array();
    for (int32_t i = 0; i < txn->topics.count; i++)
        for (int32_t k = 0; k < txn->topics.items[i].partitions.count; k++) {
            struct slice topic = txn->topics.items[i].topic;
            int32_t partition = txn->topics.items[i].partitions.items[k];
            if (!cli->json)
                printf("  %.*s-%d\n", SLICE_ARG(topic), partition);
            json_array_append_new(list_of,
                                  json_pack("{s:o,s:i}", "topic", cli_json_text(topic), "partition", partition));
        }
    return list_of;
}

static bool describe_one(struct cli *cli, const char *id, json_t *documents)
{
    struct describe_transactions_request request;
    struct describe_transactions_response response;
    struct slice name = slice_from_string(id);
    int32_t node;
    if (!cli_find_coordinator(cli, CLIENT_COORDINATOR_TRANSACTION, name, &node))
        return false;
    WIRE_DEFAULTS(describe_transactions_request_schema, &request);
    request.transactional_ids.items = &name;
    request.transactional_ids.count = 1;
    if (!cli_call(cli, node, API_DESCRIBE_TRANSACTIONS, &request, &response))
        return false;
    const described *txn = response.transaction_states.items;
    int16_t error = response.transaction_states.count == 1 ? txn->error_code : KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
    if (error != KAFKA_ERROR_NONE)
        return cli_refused("cannot describe", name, error, SLICE_NULL);
    int64_t now_ms = io_wall_ms(cli->client.io), running_ms = -1;
    bool is_open =
        txn->transaction_start_time_ms >= 0 && (slice_equal_string(txn->transaction_state, "Ongoing") ||
                                                slice_equal_string(txn->transaction_state, "PrepareCommit") ||
                                                slice_equal_string(txn->transaction_state, "PrepareAbort"));
    if (is_open)
        running_ms = now_ms - txn->transaction_start_time_ms;
    if (!cli->json) {
        printf("%s  %.*s, coordinator %d, producer %lld epoch %d, time-out %d ms", id,
               SLICE_ARG(txn->transaction_state), node, (long long)txn->producer_id, txn->producer_epoch,
               txn->transaction_timeout_ms);
        printf(is_open ? ", for %lld ms\n" : "\n", (long long)running_ms);
    }
    json_t *topics = describe_topics(cli, txn);
    json_array_append_new(documents,
                          json_pack("{s:s,s:o,s:i,s:I,s:i,s:i,s:o,s:o}", "id", id, "state",
                                    cli_json_text(txn->transaction_state), "coordinator", node, "producer_id",
                                    (json_int_t)txn->producer_id, "producer_epoch", txn->producer_epoch, "timeout_ms",
                                    txn->transaction_timeout_ms, "running_ms",
                                    is_open ? json_integer(running_ms) : json_null(), "partitions", topics));
    return true;
}

static bool describe(struct cli *cli)
{
    json_t *documents = json_array();
    bool ok = true;
    for (int i = 1; i < cli->word_count; i++)
        ok &= describe_one(cli, cli->words[i], documents);
    if (cli->json)
        cli_print_json(documents);
    else
        json_decref(documents);
    return ok;
}

/* ---- hanging ones ------------------------------------------------------------------------------------------------ */

/* One open transaction on a partition; it hangs when no coordinator knows of it. */
struct open_txn {
    struct slice topic;
    int32_t partition, leader;
    producer state;
    bool hangs;
};

typedef bool (*on_open)(struct cli *cli, const struct txn_options *options, const struct open_txn *open, json_t *out);

static bool is_known(json_t *live, int64_t producer_id)
{
    size_t i;
    json_t *txn;
    json_array_foreach(live, i,
                       txn) if (json_integer_value(json_object_get(txn, "producer_id")) == producer_id) return true;
    return false;
}

/* Transactions that a coordinator will bring to an end. */
static bool list_live(struct cli *cli, json_t *live)
{
    struct list_transactions_request request;
    struct slice states[] = {SLICE_LITERAL("Ongoing"), SLICE_LITERAL("PrepareCommit"), SLICE_LITERAL("PrepareAbort"),
                             SLICE_LITERAL("PrepareEpochFence")};
    WIRE_DEFAULTS(list_transactions_request_schema, &request);
    request.state_filters.items = states;
    request.state_filters.count = COUNT_OF(states);
    return list_all(cli, &request, live);
}

static bool each_open_of(struct cli *cli, const struct txn_options *options, struct open_txn *open, json_t *live,
                         on_open visit, json_t *out)
{
    struct describe_producers_request request;
    struct describe_producers_response response;
    struct describe_producers_request_topic_request topic = {.name = open->topic};
    WIRE_DEFAULTS(describe_producers_request_schema, &request);
    topic.partition_indexes.items = &open->partition;
    topic.partition_indexes.count = 1;
    request.topics.items = &topic;
    request.topics.count = 1;
    if (!cli_call(cli, open->leader, API_DESCRIBE_PRODUCERS, &request, &response))
        return false;
    if (response.topics.count != 1 || response.topics.items[0].partitions.count != 1)
        return cli_refused("cannot describe producers of", open->topic, KAFKA_ERROR_UNKNOWN_SERVER_ERROR, SLICE_NULL);
    const struct describe_producers_response_partition_response *partition = response.topics.items[0].partitions.items;
    if (partition->error_code != KAFKA_ERROR_NONE)
        return cli_refused("cannot describe producers of", open->topic, partition->error_code,
                           partition->error_message);
    bool ok = true;
    for (int32_t i = 0; ok && i < partition->active_producers.count; i++) {
        open->state = partition->active_producers.items[i];
        open->hangs = !is_known(live, open->state.producer_id);
        if (open->state.current_txn_start_offset >= 0)
            ok = visit(cli, options, open, out);
    }
    return ok;
}

static bool each_open(struct cli *cli, const struct txn_options *options, on_open visit, json_t *out)
{
    struct slice name = slice_from_string(cli->words[1]);
    struct metadata_response metadata;
    int64_t only = -1;
    if (options->partition != NULL && !cli_number("--partition", options->partition, &only))
        return false;
    if (client_metadata(&cli->client, &name, 1, false, &metadata, &cli->arena) != ERR_OK) {
        fprintf(stderr, "ringmain: %s\n", cli->client.why);
        return false;
    }
    if (metadata.topics.count != 1 || metadata.topics.items[0].error_code != KAFKA_ERROR_NONE)
        return cli_refused("cannot look into", name,
                           metadata.topics.count == 1 ? metadata.topics.items[0].error_code
                                                      : KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION,
                           SLICE_NULL);
    json_t *live = json_array();
    bool ok = list_live(cli, live);
    for (int32_t i = 0; ok && i < metadata.topics.items[0].partitions.count; i++) {
        const struct metadata_response_metadata_response_partition *partition =
            &metadata.topics.items[0].partitions.items[i];
        struct open_txn open = {.topic = name, .partition = partition->partition_index, .leader = partition->leader_id};
        if (only < 0 || only == open.partition)
            ok = each_open_of(cli, options, &open, live, visit, out);
    }
    json_decref(live);
    return ok;
}

static json_t *json_of(const struct open_txn *open)
{
    return json_pack("{s:o,s:i,s:I,s:i,s:I,s:I,s:b}", "topic", cli_json_text(open->topic), "partition", open->partition,
                     "producer_id", (json_int_t)open->state.producer_id, "producer_epoch", open->state.producer_epoch,
                     "start_offset", (json_int_t)open->state.current_txn_start_offset, "last_ms",
                     (json_int_t)open->state.last_timestamp, "hangs", open->hangs);
}

static bool show_open(struct cli *cli, const struct txn_options *options, const struct open_txn *open, json_t *out)
{
    if (!open->hangs)
        return true;
    if (!cli->json)
        printf("%.*s-%d  start offset %lld, producer %lld epoch %d, last record %lld ms ago\n", SLICE_ARG(open->topic),
               open->partition, (long long)open->state.current_txn_start_offset, (long long)open->state.producer_id,
               open->state.producer_epoch, (long long)(io_wall_ms(cli->client.io) - open->state.last_timestamp));
    json_array_append_new(out, json_of(open));
    return true;
}

static bool write_abort(struct cli *cli, const struct open_txn *open)
{
    struct write_txn_markers_request request;
    struct write_txn_markers_response response;
    int32_t partition = open->partition;
    struct write_txn_markers_request_writable_txn_marker_topic topic = {.name = open->topic};
    struct write_txn_markers_request_writable_txn_marker marker = {
        .producer_id = open->state.producer_id,
        .producer_epoch = (int16_t)open->state.producer_epoch,
        .coordinator_epoch = open->state.coordinator_epoch < 0 ? 0 : open->state.coordinator_epoch};
    topic.partition_indexes.items = &partition;
    topic.partition_indexes.count = 1;
    marker.topics.items = &topic;
    marker.topics.count = 1;
    WIRE_DEFAULTS(write_txn_markers_request_schema, &request);
    request.markers.items = &marker;
    request.markers.count = 1;
    if (!cli_call(cli, open->leader, API_WRITE_TXN_MARKERS, &request, &response))
        return false;
    int16_t error = KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
    if (response.markers.count == 1 && response.markers.items[0].topics.count == 1 &&
        response.markers.items[0].topics.items[0].partitions.count == 1)
        error = response.markers.items[0].topics.items[0].partitions.items[0].error_code;
    return error == KAFKA_ERROR_NONE || cli_refused("cannot abort a transaction of", open->topic, error, SLICE_NULL);
}

static bool abort_open(struct cli *cli, const struct txn_options *options, const struct open_txn *open, json_t *out)
{
    int64_t offset = -1;
    if (options->offset != NULL && !cli_number("--start-offset", options->offset, &offset))
        return false;
    if (!open->hangs || (offset >= 0 && offset != open->state.current_txn_start_offset))
        return true;
    if (!options->dry_run && !write_abort(cli, open))
        return false;
    if (!cli->json)
        printf("%s %.*s-%d  start offset %lld, producer %lld\n", options->dry_run ? "would abort" : "aborted",
               SLICE_ARG(open->topic), open->partition, (long long)open->state.current_txn_start_offset,
               (long long)open->state.producer_id);
    json_array_append_new(out, json_of(open));
    return true;
}

static bool hanging(struct cli *cli, const struct txn_options *options, on_open visit)
{
    json_t *out = json_array();
    bool ok = each_open(cli, options, visit, out);
    if (ok && !cli->json && json_array_size(out) == 0)
        printf("no transaction hangs there\n");
    if (ok && cli->json)
        cli_print_json(out);
    else
        json_decref(out);
    return ok;
}

/* ---- the command ------------------------------------------------------------------------------------------------- */

static bool is_sensible(const struct cli *cli, const struct txn_options *options)
{
    const char *what = cli->word_count > 0 ? cli->words[0] : "";
    bool filters =
        options->state_count > 0 || options->producer_count > 0 || options->longer != NULL || options->pattern != NULL;
    bool aborts = options->offset != NULL || options->dry_run;
    if (strcmp(what, "list") == 0)
        return cli->word_count == 1 && !aborts && options->partition == NULL;
    if (strcmp(what, "describe") == 0)
        return cli->word_count > 1 && !filters && !aborts && options->partition == NULL;
    if (strcmp(what, "find-hanging") == 0)
        return cli->word_count == 2 && !filters && !aborts;
    return strcmp(what, "abort-hanging") == 0 && cli->word_count == 2 && !filters &&
           (options->offset == NULL || options->partition != NULL);
}

int txn_command(int argc, char **argv)
{
    struct txn_options options = {0};
    const struct cli_option list_of[] = {
        {"--state", "STATE", "only transactions in this state; may be repeated (list)", options.states,
         &options.state_count, NULL},
        {"--producer-id", "N", "only those of this producer; may be repeated (list)", options.producers,
         &options.producer_count, NULL},
        {"--running-longer-than", "MS", "only those that began this long ago (list)", .texts = &options.longer},
        {"--pattern", "REGEX", "only ids that this matches as a whole (list)", .texts = &options.pattern},
        {"--partition", "N", "only this one of the topic (find-hanging, abort-hanging)", .texts = &options.partition},
        {"--start-offset", "N", "only the transaction that began there (abort-hanging)", .texts = &options.offset},
        {"--dry-run", NULL, "show what abort-hanging would do", .flag = &options.dry_run},
    };
    struct cli cli = {.usage = "ringmain txn list|describe|find-hanging|abort-hanging [ID|TOPIC]... [OPTION]...",
                      .examples = "  ringmain txn list --state Ongoing --running-longer-than 60000\n"
                                  "  ringmain txn describe billing-1 --json\n"
                                  "  ringmain txn find-hanging orders\n"
                                  "  ringmain txn abort-hanging orders --partition 3 --start-offset 4711\n",
                      .options = list_of,
                      .option_count = COUNT_OF(list_of)};
    int code = cli_parse(&cli, argc, argv);
    if (code >= 0)
        return code;
    if (!is_sensible(&cli, &options))
        return cli_misused(&cli);
    if (!cli_connect(&cli))
        return CLI_FAILED;
    bool ok = strcmp(cli.words[0], "list") == 0           ? list(&cli, &options)
              : strcmp(cli.words[0], "describe") == 0     ? describe(&cli)
              : strcmp(cli.words[0], "find-hanging") == 0 ? hanging(&cli, &options, show_open)
                                                          : hanging(&cli, &options, abort_open);
    cli_disconnect(&cli);
    return ok ? CLI_OK : CLI_FAILED;
}
