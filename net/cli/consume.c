/* ringmain consume TOPIC: prints records, from where it is told, until it is told to stop. */
#include "core/wire/batch.h"
#include "core/wire/compress.h"
#include "core/wire/error.h"
#include "net/cli/consumer.h"
#include "net/cli/format.h"

enum { PARTITION_BYTES = 4 << 20, UNPACKED_MAX_BYTES = 512 << 20, WAIT_MS = 500, PAUSE_MS = 200 };
bool consumer_find_leaders(struct consumer *consumer)
{
    struct metadata_response response;
    struct cli *cli = consumer->cli;
    arena_reset(&cli->arena);
    if (client_metadata(&cli->client, &consumer->topic, 1, false, &response, &cli->arena) != ERR_OK) {
        fprintf(stderr, "ringmain: %s\n", cli->client.why);
        return false;
    }
    const struct metadata_response_metadata_response_topic *topic = &response.topics.items[0];
    if (response.topics.count != 1 || topic->error_code != KAFKA_ERROR_NONE)
        return cli_refused("cannot consume", consumer->topic,
                           response.topics.count == 1 ? topic->error_code : KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION,
                           SLICE_NULL);
    consumer->topic_id = topic->topic_id;
    consumer->partition_count = topic->partitions.count;
    for (int32_t i = 0; i < consumer->position_count; i++)
        for (int32_t j = 0; j < topic->partitions.count; j++)
            if (topic->partitions.items[j].partition_index == consumer->positions[i].partition)
                consumer->positions[i].leader = topic->partitions.items[j].leader_id;
    consumer->stale = false;
    return true;
}

static bool take_all_partitions(struct consumer *consumer)
{
    if (!consumer_find_leaders(consumer))
        return false;
    consumer->positions = ARENA_ARRAY(&consumer->kept, struct position, (size_t)consumer->partition_count + 1);
    if (consumer->positions == NULL)
        return cli_refused("out of memory for", consumer->topic, KAFKA_ERROR_UNKNOWN_SERVER_ERROR, SLICE_NULL);
    for (int32_t i = 0; i < consumer->partition_count; i++)
        if (consumer->only < 0 || consumer->only == i)
            consumer->positions[consumer->position_count++].partition = i;
    if (consumer->position_count == 0)
        fprintf(stderr, "ringmain: %.*s has no such partition\n", SLICE_ARG(consumer->topic));
    return consumer->position_count > 0 && consumer_find_leaders(consumer);
}

/* ---- where to begin ---------------------------------------------------------------------------------------------- */

bool consumer_ask_offset(struct consumer *consumer, const struct position *position, int64_t timestamp, int64_t *offset)
{
    struct list_offsets_request_list_offsets_partition partition;
    struct list_offsets_request_list_offsets_topic topic;
    struct list_offsets_request request;
    struct list_offsets_response response;
    wire_set_defaults(&list_offsets_request_list_offsets_partition_struct, &partition);
    wire_set_defaults(&list_offsets_request_list_offsets_topic_struct, &topic);
    WIRE_DEFAULTS(list_offsets_request_schema, &request);
    partition.partition_index = position->partition;
    partition.timestamp = timestamp;
    topic.name = consumer->topic;
    topic.partitions.items = &partition;
    topic.partitions.count = 1;
    request.replica_id = -1;
    request.timeout_ms = consumer->cli->client.timeout_ms;
    request.topics.items = &topic;
    request.topics.count = 1;
    if (!cli_call(consumer->cli, position->leader, API_LIST_OFFSETS, &request, &response))
        return false;
    if (response.topics.count != 1 || response.topics.items[0].partitions.count != 1) {
        fprintf(stderr, "ringmain: the broker's ListOffsets answer does not fit the question\n");
        return false;
    }
    const struct list_offsets_response_list_offsets_partition_response *answer =
        &response.topics.items[0].partitions.items[0];
    *offset = answer->offset;
    return answer->error_code == KAFKA_ERROR_NONE ||
           cli_refused("cannot find the offset in", consumer->topic, answer->error_code, SLICE_NULL);
}

static bool find_offsets(struct consumer *consumer)
{
    for (int32_t i = 0; i < consumer->position_count; i++) {
        struct position *position = &consumer->positions[i];
        if (!consumer_ask_offset(consumer, position, FROM_END, &position->stop))
            return false;
        if (consumer->offset >= 0)
            position->next = consumer->offset;
        else if (consumer->timestamp == FROM_END)
            position->next = position->stop;
        else if (!consumer_ask_offset(consumer, position, consumer->timestamp, &position->next))
            return false;
        if (position->next < 0) /* no record is that young */
            position->next = position->stop;
    }
    return true;
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

bool consumer_finished(const struct consumer *consumer)
{
    return consumer->count >= 0 && consumer->printed >= consumer->count;
}

static enum err print_records(struct consumer *consumer, struct position *position, const struct batch_header *header,
                              struct slice body)
{
    struct batch_records records;
    struct batch_record record;
    enum err err = ERR_OK;
    batch_records_init(&records, body, header->record_count);
    while (!consumer_finished(consumer) && (err = batch_records_next(&records, &record)) == ERR_OK) {
        int64_t offset = header->base_offset + record.offset_delta;
        if (offset < position->next)
            continue;
        struct format_record one = {.topic = consumer->topic,
                                    .partition = position->partition,
                                    .offset = offset,
                                    .timestamp = header->attributes & BATCH_LOG_APPEND_TIME
                                                     ? header->max_timestamp
                                                     : header->base_timestamp + record.timestamp_delta,
                                    .record = &record};
        if (consumer->cli->json && !format_print_json(stdout, &one))
            return ERR_NO_MEMORY;
        if (!consumer->cli->json)
            format_print(stdout, consumer->format, &one);
        consumer->printed++;
        position->next = offset + 1;
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err print_batch(struct consumer *consumer, struct position *position, const struct batch_header *header,
                            const uint8_t *batch)
{
    struct slice body = slice_of(batch + BATCH_HEADER_BYTES, header->size - BATCH_HEADER_BYTES);
    enum compress_codec codec = (enum compress_codec)(header->attributes & BATCH_CODEC_MASK);
    if (!batch_crc_matches(batch, header))
        return ERR_CORRUPT;
    if (header->attributes & BATCH_CONTROL)
        return ERR_OK;
    if (codec == COMPRESS_NONE)
        return print_records(consumer, position, header, body);
    struct compress_buffer plain;
    compress_buffer_init(&plain, consumer->cli->client.mem);
    enum err err = compress_unpack(codec, body, UNPACKED_MAX_BYTES, &plain);
    if (err == ERR_OK)
        err = print_records(consumer, position, header, slice_of(plain.data, plain.length));
    compress_buffer_fini(&plain);
    return err;
}

/* The batches of one partition's answer; the last may be cut off. */
static bool print_batches(struct consumer *consumer, struct position *position, struct slice data)
{
    struct batch_header header;
    while (!consumer_finished(consumer) && data.length >= BATCH_HEADER_BYTES) {
        enum err err = batch_read_header(data.data, data.length, &header);
        if (err == ERR_OK && header.size > data.length)
            return true;
        if (err == ERR_OK)
            err = header.magic == BATCH_MAGIC ? print_batch(consumer, position, &header, data.data) : ERR_UNSUPPORTED;
        if (err != ERR_OK) {
            fprintf(stderr, "ringmain: partition %d, offset %lld: %s\n", position->partition, (long long)position->next,
                    err_text(err));
            return false;
        }
        if (!consumer_finished(consumer) && batch_last_offset(&header) >= position->next)
            position->next = batch_last_offset(&header) + 1;
        data = slice_of(data.data + header.size, data.length - header.size);
    }
    return true;
}

static bool take_answer(struct consumer *consumer, const struct fetch_response *response)
{
    if (response->error_code != KAFKA_ERROR_NONE)
        return cli_refused("cannot fetch", consumer->topic, response->error_code, SLICE_NULL);
    for (int32_t i = 0; i < response->responses.count; i++)
        for (int32_t j = 0; j < response->responses.items[i].partitions.count; j++) {
            const struct fetch_response_partition_data *data = &response->responses.items[i].partitions.items[j];
            struct position *position = NULL;
            for (int32_t k = 0; k < consumer->position_count; k++)
                if (consumer->positions[k].partition == data->partition_index)
                    position = &consumer->positions[k];
            if (position == NULL)
                continue;
            if (data->error_code != KAFKA_ERROR_NONE && !kafka_error_retriable(data->error_code))
                return cli_refused("cannot fetch", consumer->topic, data->error_code, SLICE_NULL);
            if (data->error_code != KAFKA_ERROR_NONE)
                consumer->stale = true;
            else if (!print_batches(consumer, position, data->records.data))
                return false;
        }
    return true;
}

/* One fetch of all partitions that `leader` has. */
static bool fetch(struct consumer *consumer, int32_t leader, bool wait)
{
    struct fetch_request_fetch_topic topic;
    struct fetch_request request;
    struct fetch_response response;
    wire_set_defaults(&fetch_request_fetch_topic_struct, &topic);
    WIRE_DEFAULTS(fetch_request_schema, &request);
    arena_reset(&consumer->cli->arena);
    topic.topic = consumer->topic;
    topic.topic_id = consumer->topic_id;
    topic.partitions.items =
        ARENA_ARRAY(&consumer->cli->arena, struct fetch_request_fetch_partition, (size_t)consumer->position_count);
    if (topic.partitions.items == NULL)
        return false;
    for (int32_t i = 0; i < consumer->position_count; i++) {
        const struct position *position = &consumer->positions[i];
        if (position->leader != leader || (consumer->exit_at_end && position->next >= position->stop))
            continue;
        struct fetch_request_fetch_partition *partition = &topic.partitions.items[topic.partitions.count++];
        wire_set_defaults(&fetch_request_fetch_partition_struct, partition);
        partition->partition = position->partition;
        partition->fetch_offset = position->next;
        partition->partition_max_bytes = PARTITION_BYTES;
    }
    request.max_wait_ms = wait ? WAIT_MS : 0;
    request.min_bytes = 1;
    request.max_bytes = 16 * PARTITION_BYTES;
    request.topics.items = &topic;
    request.topics.count = 1;
    return topic.partitions.count == 0 ||
           (cli_call(consumer->cli, leader, API_FETCH, &request, &response) && take_answer(consumer, &response));
}

bool consumer_at_end(const struct consumer *consumer)
{
    for (int32_t i = 0; i < consumer->position_count; i++)
        if (consumer->positions[i].next < consumer->positions[i].stop)
            return false;
    return true;
}

bool consumer_round(struct consumer *consumer)
{
    int32_t leaders[CLIENT_LINKS_MAX];
    int count = 0;
    bool ok = true;
    for (int32_t i = 0; i < consumer->position_count; i++) {
        bool known = false;
        for (int j = 0; j < count; j++)
            known = known || leaders[j] == consumer->positions[i].leader;
        if (!known && count < CLIENT_LINKS_MAX && consumer->positions[i].leader >= 0)
            leaders[count++] = consumer->positions[i].leader;
    }
    for (int i = 0; ok && i < count && !consumer_finished(consumer); i++)
        ok = fetch(consumer, leaders[i], count == 1);
    if (!cli_flush())
        return false;
    if (ok && (consumer->stale || count == 0)) {
        client_pause(&consumer->cli->client, PAUSE_MS);
        ok = consumer_find_leaders(consumer);
    }
    return ok;
}

static bool run(struct consumer *consumer)
{
    bool ok = take_all_partitions(consumer) && find_offsets(consumer);
    while (ok && !consumer_finished(consumer) && !(consumer->exit_at_end && consumer_at_end(consumer)))
        ok = consumer_round(consumer);
    return ok;
}

static bool choose(struct consumer *consumer, const char *const *texts)
{
    static const char *const names[] = {"--partition", "--offset", "--timestamp", "--count"};
    int64_t *const values[] = {&consumer->only, &consumer->offset, &consumer->timestamp, &consumer->count};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (texts[i] == NULL)
            continue;
        if (!cli_number(names[i], texts[i], values[i]))
            return false;
        if (*values[i] < 0) {
            fprintf(stderr, "%s: %s is below 0\n", names[i], texts[i]);
            return false;
        }
    }
    const char *wrong = format_check(consumer->format);
    if (wrong != NULL)
        fprintf(stderr, "--format: %s\n", wrong);
    return wrong == NULL;
}

int consume_command(int argc, char **argv)
{
    const char *texts[4] = {NULL};
    const char *group = NULL, *instance = NULL;
    bool beginning = false, end = false;
    struct consumer consumer = {.only = -1, .offset = -1, .timestamp = FROM_BEGINNING, .count = -1, .format = "%v\\n"};
    const struct cli_option options[] = {
        {"--beginning", NULL, "from the oldest record (default)", .flag = &beginning},
        {"--end", NULL, "only what comes from now on", .flag = &end},
        {"--offset", "N", "from this offset", .texts = &texts[1]},
        {"--timestamp", "MS", "from the first record this young (milliseconds since 1970)", .texts = &texts[2]},
        {"--partition", "N", "only this one", .texts = &texts[0]},
        {"--group", "ID", "share the topic with the group's other members, commit what was printed", .texts = &group},
        {"--instance", "ID", "as this static member of the group", .texts = &instance},
        {"--count", "N", "stop after so many records", .texts = &texts[3]},
        {"--exit", NULL, "stop at what was the end when the command began", .flag = &consumer.exit_at_end},
        {"--format", "TEXT",
         "%k key %v or %s value %K %S their lengths %o offset %p partition %t topic %T time %h headers %%; \\n \\t \\r "
         "\\xHH",
         .texts = &consumer.format},
    };
    struct cli cli = {.usage = "ringmain consume TOPIC [OPTION]...",
                      .examples =
                          "  ringmain consume greetings --exit\n"
                          "  ringmain consume orders --format '%p:%o %k=%v\\n' --partition 0 --offset 100 --count 10\n"
                          "  ringmain consume orders --group billing      (Ctrl-C leaves the group)\n"
                          "  ringmain consume orders --json      (one JSON document a line)\n",
                      .json_help = "one JSON document a record and line",
                      .options = options,
                      .option_count = COUNT_OF(options)};
    int code = cli_parse(&cli, argc, argv);
    if (code >= 0)
        return code;
    if (cli.word_count != 1 || beginning + end + (texts[1] != NULL) + (texts[2] != NULL) > 1) {
        fprintf(stderr, "usage: %s (one of --beginning, --end, --offset, --timestamp)\n", cli.usage);
        return CLI_USAGE;
    }
    if ((group != NULL && (texts[0] != NULL || texts[1] != NULL || texts[2] != NULL)) ||
        (group == NULL && instance != NULL)) {
        fprintf(stderr,
                "a group chooses partitions and offsets: --group goes with --beginning or --end (where there is "
                "no offset yet) and --instance\n");
        return CLI_USAGE;
    }
    cli.catch_signals = group != NULL;
    if (end)
        consumer.timestamp = FROM_END;
    consumer.cli = &cli;
    consumer.topic = slice_from_string(cli.words[0]);
    if (!choose(&consumer, texts))
        return CLI_USAGE;
    if (!cli_connect(&cli))
        return CLI_FAILED;
    arena_init(&consumer.kept, cli.client.mem, 64 << 20);
    bool ok = group == NULL ? run(&consumer) : consume_group(&consumer, group, instance);
    arena_fini(&consumer.kept);
    if (cli_is_terminal())
        fprintf(stderr, "%lld records\n", (long long)consumer.printed);
    cli_disconnect(&cli);
    return ok ? CLI_OK : CLI_FAILED;
}
