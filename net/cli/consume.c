/* ringmain consume TOPIC: records of one or all partitions, formatted. Without a group. */
#include "core/wire/batch.h"
#include "core/wire/compress.h"
#include "core/wire/error.h"
#include "net/cli/cli.h"

#include <stdio.h>

enum {
    FETCH_BYTES = 4 << 20,
    UNPACK_MAX = 256 << 20,
    WAIT_MS = 500,
    OFFSET_END = -1,
    OFFSET_BEGINNING = -2,
};

struct position {
    int32_t partition, leader;
    int64_t offset;
    int64_t end; /* where to stop with --exit; -1: not known yet */
};

struct consumer {
    struct cli *cli;
    struct slice topic;
    struct uuid topic_id;
    const char *format;
    struct position *positions;
    int position_count;
    int64_t start;     /* offset, OFFSET_END or OFFSET_BEGINNING */
    int64_t timestamp; /* -1: not asked */
    int64_t left;      /* records still wanted; -1: all */
    int64_t count;
    bool exit_at_end;
};

/* ---- output
 * ------------------------------------------------------------------------------------------------------------ */

static void print_headers(const struct batch_record *record)
{
    struct slice rest = record->headers, key, value;
    for (int32_t i = 0; i < record->header_count && batch_next_header(&rest, &key, &value); i++)
        printf("%s%.*s=%.*s", i == 0 ? "" : ",", SLICE_ARG(key), SLICE_ARG(value));
}

static void print_bytes(struct slice bytes)
{
    cli_print_bytes(bytes);
}

/* kcat's letters. */
static void print_formatted(const struct consumer *consumer, const struct position *at, int64_t offset,
                            int64_t timestamp, const struct batch_record *record)
{
    for (const char *p = consumer->format; *p != '\0'; p++) {
        if (*p == '\\' && p[1] != '\0') {
            p++;
            putchar(*p == 'n' ? '\n' : *p == 't' ? '\t' : *p == '0' ? '\0' : *p);
            continue;
        }
        if (*p != '%' || p[1] == '\0') {
            putchar(*p);
            continue;
        }
        switch (*++p) {
        case 's':
            print_bytes(record->value);
            break;
        case 'S':
            printf("%lld", slice_is_null(record->value) ? -1LL : (long long)record->value.length);
            break;
        case 'k':
            print_bytes(record->key);
            break;
        case 'K':
            printf("%lld", slice_is_null(record->key) ? -1LL : (long long)record->key.length);
            break;
        case 'o':
            printf("%lld", (long long)offset);
            break;
        case 'p':
            printf("%d", at->partition);
            break;
        case 't':
            print_bytes(consumer->topic);
            break;
        case 'T':
            printf("%lld", (long long)timestamp);
            break;
        case 'h':
            print_headers(record);
            break;
        default:
            putchar(*p);
        }
    }
}

static void print_json(const struct consumer *consumer, const struct position *at, int64_t offset, int64_t timestamp,
                       const struct batch_record *record)
{
    json_t *headers = json_array();
    struct slice rest = record->headers, key, value;
    for (int32_t i = 0; i < record->header_count && batch_next_header(&rest, &key, &value); i++)
        json_array_append_new(headers,
                              json_pack("{s:o,s:o}", "key", cli_json_text(key), "value", cli_json_text(value)));
    json_t *document = json_pack("{s:i,s:I,s:I,s:o,s:o,s:o}", "partition", at->partition, "offset", (json_int_t)offset,
                                 "timestamp", (json_int_t)timestamp, "key", cli_json_text(record->key), "value",
                                 cli_json_text(record->value), "headers", headers);
    json_dumpf(document, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
    putchar('\n'); /* one document a line: a stream has no end */
    json_decref(document);
}

/* ---- records
 * ------------------------------------------------------------------------------------------------------------ */

static bool take_batch(struct consumer *consumer, struct position *at, const struct batch_header *header,
                       struct slice body)
{
    struct batch_records records;
    struct batch_record record;
    bool append_time = header->attributes & BATCH_LOG_APPEND_TIME;
    batch_records_init(&records, body, header->record_count);
    enum err err;
    while (consumer->left != 0 && (err = batch_records_next(&records, &record)) == ERR_OK) {
        int64_t offset = header->base_offset + record.offset_delta;
        int64_t timestamp = append_time ? header->max_timestamp : header->base_timestamp + record.timestamp_delta;
        if (offset < at->offset)
            continue;
        if (consumer->cli->json)
            print_json(consumer, at, offset, timestamp, &record);
        else
            print_formatted(consumer, at, offset, timestamp, &record);
        consumer->count++;
        consumer->left -= consumer->left > 0;
    }
    return consumer->left == 0 || err == ERR_NOT_FOUND;
}

static bool unpack_batch(struct consumer *consumer, struct position *at, const struct batch_header *header,
                         struct slice batch)
{
    struct slice body = slice_of(batch.data + BATCH_HEADER_BYTES, header->size - BATCH_HEADER_BYTES);
    int codec = header->attributes & BATCH_CODEC_MASK;
    if (header->attributes & BATCH_CONTROL)
        return true; /* markers are not for people */
    if (codec == COMPRESS_NONE)
        return take_batch(consumer, at, header, body);
    struct compress_buffer plain;
    compress_buffer_init(&plain, consumer->cli->client.mem);
    bool ok = compress_unpack((enum compress_codec)codec, body, UNPACK_MAX, &plain) == ERR_OK &&
              take_batch(consumer, at, header, slice_of(plain.data, plain.length));
    compress_buffer_fini(&plain);
    return ok;
}

static bool take_records(struct consumer *consumer, struct position *at, struct slice records)
{
    while (records.length >= BATCH_HEADER_BYTES && consumer->left != 0) {
        struct batch_header header;
        if (batch_read_header(records.data, records.length, &header) != ERR_OK)
            return false;
        if (header.size > records.length)
            break; /* the last batch may be cut short */
        if (!batch_crc_matches(records.data, &header)) {
            fprintf(stderr, "ringmain: partition %d offset %lld: the batch's checksum is wrong\n", at->partition,
                    (long long)header.base_offset);
            return false;
        }
        if (!unpack_batch(consumer, at, &header, records))
            return false;
        at->offset = batch_last_offset(&header) + 1;
        records = slice_of(records.data + header.size, records.length - header.size);
    }
    return true;
}

/* ---- requests
 * ------------------------------------------------------------------------------------------------------------ */

static bool list_offset(struct consumer *consumer, const struct position *at, int64_t timestamp, int64_t *offset)
{
    struct list_offsets_request_list_offsets_partition partition;
    struct list_offsets_request_list_offsets_topic topic;
    struct list_offsets_request request;
    struct list_offsets_response response;
    wire_set_defaults(&list_offsets_request_list_offsets_partition_struct, &partition);
    wire_set_defaults(&list_offsets_request_list_offsets_topic_struct, &topic);
    WIRE_DEFAULTS(list_offsets_request_schema, &request);
    partition.partition_index = at->partition;
    partition.timestamp = timestamp;
    topic.name = consumer->topic;
    topic.partitions.items = &partition;
    topic.partitions.count = 1;
    request.replica_id = -1;
    request.topics.items = &topic;
    request.topics.count = 1;
    if (!cli_call(consumer->cli, at->leader, API_LIST_OFFSETS, &request, &response) || response.topics.count != 1 ||
        response.topics.items[0].partitions.count != 1)
        return false;
    const struct list_offsets_response_list_offsets_partition_response *p =
        &response.topics.items[0].partitions.items[0];
    if (p->error_code != KAFKA_ERROR_NONE)
        return cli_refused("cannot look up offsets of", consumer->topic, p->error_code, SLICE_NULL);
    *offset = p->offset;
    return true;
}

static bool find_start(struct consumer *consumer, struct position *at)
{
    at->end = -1;
    if (consumer->exit_at_end && !list_offset(consumer, at, OFFSET_END, &at->end))
        return false;
    at->offset = consumer->start;
    if (consumer->timestamp >= 0) {
        if (!list_offset(consumer, at, consumer->timestamp, &at->offset))
            return false;
        if (at->offset >= 0)
            return true;
        return list_offset(consumer, at, OFFSET_END, &at->offset); /* nothing as late as that */
    }
    return at->offset >= 0 || list_offset(consumer, at, at->offset, &at->offset);
}

static bool find_partitions(struct consumer *consumer, int64_t only)
{
    struct metadata_response response;
    struct cli *cli = consumer->cli;
    if (client_metadata(&cli->client, &consumer->topic, 1, false, &response, &cli->arena) != ERR_OK) {
        fprintf(stderr, "ringmain: %s\n", cli->client.why);
        return false;
    }
    const struct metadata_response_metadata_response_topic *topic = &response.topics.items[0];
    if (response.topics.count != 1 || topic->error_code != KAFKA_ERROR_NONE)
        return cli_refused("topic", consumer->topic, response.topics.count == 1 ? topic->error_code : -1, SLICE_NULL);
    consumer->topic_id = topic->topic_id;
    consumer->positions =
        mem_alloc_zero(cli->client.mem, (size_t)topic->partitions.count * sizeof *consumer->positions);
    for (int32_t i = 0; consumer->positions != NULL && i < topic->partitions.count; i++) {
        struct position at = {.partition = topic->partitions.items[i].partition_index,
                              .leader = topic->partitions.items[i].leader_id};
        if (only >= 0 && at.partition != only)
            continue;
        if (!find_start(consumer, &at))
            return false;
        consumer->positions[consumer->position_count++] = at;
    }
    if (consumer->position_count == 0)
        fprintf(stderr, "ringmain: there is no such partition\n");
    return consumer->position_count > 0;
}

static bool fetch(struct consumer *consumer, struct position *at, int wait_ms)
{
    struct fetch_request_fetch_partition partition;
    struct fetch_request_fetch_topic topic;
    struct fetch_request request;
    struct fetch_response response;
    wire_set_defaults(&fetch_request_fetch_partition_struct, &partition);
    wire_set_defaults(&fetch_request_fetch_topic_struct, &topic);
    WIRE_DEFAULTS(fetch_request_schema, &request);
    partition.partition = at->partition;
    partition.fetch_offset = at->offset;
    partition.partition_max_bytes = FETCH_BYTES;
    topic.topic = consumer->topic;
    topic.topic_id = consumer->topic_id;
    topic.partitions.items = &partition;
    topic.partitions.count = 1;
    request.replica_id = -1;
    request.max_wait_ms = wait_ms;
    request.min_bytes = 1;
    request.max_bytes = FETCH_BYTES;
    request.session_epoch = -1;
    request.topics.items = &topic;
    request.topics.count = 1;
    arena_reset(&consumer->cli->arena);
    if (!cli_call(consumer->cli, at->leader, API_FETCH, &request, &response))
        return false;
    if (response.error_code != KAFKA_ERROR_NONE)
        return cli_refused("cannot fetch", consumer->topic, response.error_code, SLICE_NULL);
    if (response.responses.count != 1 || response.responses.items[0].partitions.count != 1)
        return true;
    const struct fetch_response_partition_data *data = &response.responses.items[0].partitions.items[0];
    if (data->error_code != KAFKA_ERROR_NONE)
        return cli_refused("cannot fetch", consumer->topic, data->error_code, SLICE_NULL);
    return take_records(consumer, at, data->records.data);
}

static bool run(struct consumer *consumer)
{
    int active = consumer->position_count;
    while (active > 0 && consumer->left != 0) {
        active = 0;
        for (int i = 0; i < consumer->position_count && consumer->left != 0; i++) {
            struct position *at = &consumer->positions[i];
            if (consumer->exit_at_end && at->offset >= at->end)
                continue;
            active++;
            if (!fetch(consumer, at, WAIT_MS / consumer->position_count))
                return false;
        }
        fflush(stdout);
    }
    return true;
}

int consume_command(int argc, char **argv)
{
    const char *partition = NULL, *offset = NULL, *timestamp = NULL, *count = NULL;
    bool beginning = false, end = false;
    struct consumer consumer = {.format = "%s\\n", .timestamp = -1, .left = -1, .start = OFFSET_BEGINNING};
    const struct cli_option options[] = {
        {"--partition", "N", "only this one", .texts = &partition},
        {"--beginning", NULL, "from the first record (the default)", .flag = &beginning},
        {"--end", NULL, "only what arrives from now on", .flag = &end},
        {"--offset", "N", "from this offset on", .texts = &offset},
        {"--timestamp", "MS", "from the first record of this time on", .texts = &timestamp},
        {"--count", "N", "stop after N records", .texts = &count},
        {"--exit", NULL, "stop at what is the end when it starts", .flag = &consumer.exit_at_end},
        {"--format", "TEXT", "%s value, %k key, %o offset, %p partition, %t topic, %T time, %h headers",
         .texts = &consumer.format},
    };
    struct cli cli = {.usage = "ringmain consume TOPIC [OPTION]...",
                      .examples = "  ringmain consume greetings --count 1\n"
                                  "  ringmain consume orders --timestamp 1700000000000 --format '%T %k %s\\n' --exit\n"
                                  "  ringmain consume orders --json --end\n",
                      .options = options,
                      .option_count = COUNT_OF(options)};
    int code = cli_parse(&cli, argc, argv);
    if (code >= 0)
        return code;
    int64_t only = -1;
    if (cli.word_count != 1) {
        fprintf(stderr, "usage: %s\n", cli.usage);
        return CLI_USAGE;
    }
    if ((partition != NULL && !cli_number("--partition", partition, &only)) ||
        (offset != NULL && !cli_number("--offset", offset, &consumer.start)) ||
        (timestamp != NULL && !cli_number("--timestamp", timestamp, &consumer.timestamp)) ||
        (count != NULL && !cli_number("--count", count, &consumer.left)))
        return CLI_USAGE;
    if (end)
        consumer.start = OFFSET_END;
    consumer.cli = &cli;
    consumer.topic = slice_from_string(cli.words[0]);
    if (!cli_connect(&cli))
        return CLI_FAILED;
    bool ok = find_partitions(&consumer, only) && run(&consumer);
    if (cli_is_terminal())
        fprintf(stderr, "%lld records\n", (long long)consumer.count);
    cli_disconnect(&cli);
    return ok ? CLI_OK : CLI_FAILED;
}
