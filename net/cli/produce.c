/* ringmain produce TOPIC [FILE]...: one record a line, from files or standard input. */
#include "core/wire/batch.h"
#include "core/wire/compress.h"
#include "core/wire/error.h"
#include "io/base/hash.h"
#include "net/cli/cli.h"

#include <stdio.h>

/* A batch stays below the 1,048,588 bytes that max.message.bytes allows by default. */
enum { BATCH_BYTES = 256 * 1024, BATCH_MAX_BYTES = 1000 * 1024, LINE_MAX_BYTES = 900 * 1024 };
enum { TRIES = 30, PAUSE_MS = 200 };

struct lane { /* of one partition: the batch that is being filled */
    struct batch_builder builder;
    uint8_t *data;
    int32_t leader;
};

struct producer {
    struct cli *cli;
    struct slice topic;
    struct uuid topic_id;
    struct lane *lanes;
    int32_t lane_count;
    int32_t sticky; /* where records without a key go until the batch is sent */
    int64_t forced; /* --partition, -1: none */
    int16_t acks;
    int codec;
    const char *separator;
    uint8_t headers[4096];
    size_t headers_length;
    int32_t header_count;
    int64_t record_count, byte_count;
};

/* Asks until the topic is there (it may be made by asking) and every partition has a leader. */
static bool find_leaders(struct producer *producer)
{
    struct metadata_response response;
    struct client *client = &producer->cli->client;
    int16_t error = KAFKA_ERROR_NONE;
    const struct metadata_response_metadata_response_topic *topic = NULL;
    for (int attempt = 0; attempt < TRIES; attempt++) {
        if (attempt > 0)
            client_pause(client, PAUSE_MS);
        arena_reset(&producer->cli->arena);
        if (client_metadata(client, &producer->topic, 1, true, &response, &producer->cli->arena) != ERR_OK) {
            fprintf(stderr, "ringmain: %s\n", client->why);
            return false;
        }
        topic = response.topics.count == 1 ? &response.topics.items[0] : NULL;
        error = topic == NULL ? KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION : topic->error_code;
        for (int32_t i = 0; error == KAFKA_ERROR_NONE && i < topic->partitions.count; i++)
            if (topic->partitions.items[i].leader_id < 0)
                error = KAFKA_ERROR_LEADER_NOT_AVAILABLE;
        if (error == KAFKA_ERROR_NONE || !kafka_error_retriable(error))
            break;
    }
    if (error != KAFKA_ERROR_NONE)
        return cli_refused("topic", producer->topic, error, SLICE_NULL);
    producer->topic_id = topic->topic_id;
    if (producer->lanes == NULL) {
        producer->lanes = mem_alloc_zero(client->mem, (size_t)topic->partitions.count * sizeof *producer->lanes);
        producer->lane_count = producer->lanes == NULL ? 0 : topic->partitions.count;
    }
    for (int32_t i = 0; i < topic->partitions.count; i++) {
        int32_t partition = topic->partitions.items[i].partition_index;
        if (partition >= 0 && partition < producer->lane_count)
            producer->lanes[partition].leader = topic->partitions.items[i].leader_id;
    }
    return producer->lane_count > 0;
}

/* The batch with its records packed by the chosen codec; in the arena. */
static struct slice pack(struct producer *producer, struct lane *lane)
{
    struct slice plain = batch_builder_finish(&lane->builder, NULL);
    if (producer->codec == COMPRESS_NONE)
        return plain;
    struct compress_buffer packed;
    compress_buffer_init(&packed, producer->cli->client.mem);
    struct slice body = slice_of(plain.data + BATCH_HEADER_BYTES, plain.length - BATCH_HEADER_BYTES);
    enum err err = compress_pack((enum compress_codec)producer->codec, INT32_MIN, body, &packed);
    uint8_t *batch = err == ERR_OK ? arena_alloc(&producer->cli->arena, BATCH_HEADER_BYTES + packed.length) : NULL;
    struct slice result = SLICE_NULL;
    if (batch != NULL) {
        memcpy(batch, plain.data, BATCH_HEADER_BYTES);
        memcpy(batch + BATCH_HEADER_BYTES, packed.data, packed.length);
        result = slice_of(batch, BATCH_HEADER_BYTES + packed.length);
        put_i32(batch + 8, (int32_t)(result.length - BATCH_PREFIX_BYTES));
        put_i16(batch + 21, (int16_t)producer->codec);
        batch_set_max_timestamp(batch, result.length, lane->builder.max_timestamp); /* makes the checksum anew */
    }
    compress_buffer_fini(&packed);
    return result;
}

/* Sends one lane's batch until it is accepted or refused for good. */
static bool flush_lane(struct producer *producer, int32_t partition)
{
    struct lane *lane = &producer->lanes[partition];
    if (lane->data == NULL || lane->builder.count == 0)
        return true;
    for (int attempt = 0; attempt < TRIES; attempt++) {
        struct produce_request_partition_produce_data part = {.index = partition, .records.data = pack(producer, lane)};
        struct produce_request_topic_produce_data topic;
        struct produce_request request;
        struct produce_response response;
        wire_set_defaults(&produce_request_topic_produce_data_struct, &topic);
        WIRE_DEFAULTS(produce_request_schema, &request);
        WIRE_DEFAULTS(produce_response_schema, &response);
        if (slice_is_null(part.records.data)) {
            fprintf(stderr, "ringmain: out of memory\n");
            return false;
        }
        topic.name = producer->topic;
        topic.topic_id = producer->topic_id;
        topic.partition_data.items = &part;
        topic.partition_data.count = 1;
        request.acks = producer->acks;
        request.timeout_ms = producer->cli->client.timeout_ms;
        request.topic_data.items = &topic;
        request.topic_data.count = 1;
        if (!cli_call(producer->cli, lane->leader, API_PRODUCE, &request, &response))
            return false;
        int16_t error = producer->acks == 0 ? KAFKA_ERROR_NONE
                        : response.responses.count == 1 && response.responses.items[0].partition_responses.count == 1
                            ? response.responses.items[0].partition_responses.items[0].error_code
                            : KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
        if (error == KAFKA_ERROR_NONE) {
            batch_builder_init(&lane->builder, lane->data, BATCH_BYTES + LINE_MAX_BYTES);
            arena_reset(&producer->cli->arena);
            return true;
        }
        if (!kafka_error_retriable(error)) {
            bool answered = response.responses.count == 1 && response.responses.items[0].partition_responses.count == 1;
            return cli_refused("cannot produce to", producer->topic, error,
                               answered ? response.responses.items[0].partition_responses.items[0].error_message
                                        : SLICE_NULL);
        }
        client_pause(&producer->cli->client, PAUSE_MS);
        if (!find_leaders(producer))
            return false;
    }
    return cli_refused("cannot produce to", producer->topic, KAFKA_ERROR_REQUEST_TIMED_OUT, SLICE_NULL);
}

static int32_t choose_partition(struct producer *producer, struct slice key)
{
    if (producer->forced >= 0)
        return (int32_t)producer->forced;
    if (slice_is_null(key))
        return producer->sticky;
    return (int32_t)((hash_murmur2(key.data, key.length) & INT32_MAX) % (uint32_t)producer->lane_count);
}

static bool add_line(struct producer *producer, struct slice line)
{
    struct slice key = SLICE_NULL, value = line;
    if (producer->separator != NULL) {
        size_t width = strlen(producer->separator);
        const uint8_t *at = memmem(line.data, line.length, producer->separator, width);
        if (at != NULL) {
            key = slice_of(line.data, (size_t)(at - line.data));
            value = slice_of(at + width, line.length - key.length - width);
        }
    }
    int32_t partition = choose_partition(producer, key);
    if (partition >= producer->lane_count) {
        fprintf(stderr, "ringmain: %.*s has %d partitions, not a partition %d\n", SLICE_ARG(producer->topic),
                producer->lane_count, partition);
        return false;
    }
    struct lane *lane = &producer->lanes[partition];
    if (lane->data == NULL) {
        lane->data = mem_alloc(producer->cli->client.mem, BATCH_BYTES + LINE_MAX_BYTES);
        if (lane->data == NULL) {
            fprintf(stderr, "ringmain: out of memory\n");
            return false;
        }
        batch_builder_init(&lane->builder, lane->data, BATCH_BYTES + LINE_MAX_BYTES);
    }
    size_t room = line.length + producer->headers_length + BATCH_RECORD_OVERHEAD;
    if (lane->builder.count > 0 && lane->builder.length + room > BATCH_MAX_BYTES && !flush_lane(producer, partition))
        return false;
    if (!batch_builder_add(&lane->builder, io_wall_ms(producer->cli->client.io), key, value,
                           slice_of(producer->headers, producer->headers_length), producer->header_count)) {
        fprintf(stderr, "ringmain: a line of %zu bytes is too long (at most %d)\n", line.length, LINE_MAX_BYTES);
        return false;
    }
    producer->record_count++;
    producer->byte_count += (int64_t)line.length;
    if (lane->builder.length < BATCH_BYTES)
        return true;
    producer->sticky = (producer->sticky + 1) % producer->lane_count;
    return flush_lane(producer, partition);
}

/* Reads lines of one file; `stream` may be standard input. */
static bool add_file(struct producer *producer, FILE *stream)
{
    char *line = mem_alloc(producer->cli->client.mem, LINE_MAX_BYTES);
    size_t length = 0;
    bool ok = line != NULL;
    for (int c; ok && (c = getc_unlocked(stream)) != EOF;) {
        if (c == '\n') {
            ok = add_line(producer, slice_of(line, length));
            length = 0;
        } else if (length == LINE_MAX_BYTES) {
            fprintf(stderr, "ringmain: a line is too long (at most %d bytes)\n", LINE_MAX_BYTES);
            ok = false;
        } else {
            line[length++] = (char)c;
        }
    }
    if (ok && length > 0)
        ok = add_line(producer, slice_of(line, length));
    mem_free(producer->cli->client.mem, line, LINE_MAX_BYTES);
    return ok;
}

static bool add_header(struct producer *producer, const char *text)
{
    const char *equals = strchr(text, '=');
    size_t key = equals == NULL ? 0 : (size_t)(equals - text), value = equals == NULL ? 0 : strlen(equals + 1);
    if (key == 0 || key + value + 20 > sizeof producer->headers - producer->headers_length) {
        fprintf(stderr, "ringmain: header '%s' is not KEY=VALUE or too long\n", text);
        return false;
    }
    producer->headers_length += batch_put_header(producer->headers + producer->headers_length, slice_of(text, key),
                                                 slice_of(equals + 1, value));
    producer->header_count++;
    return true;
}

static const char *const codecs[] = {"none", "gzip", "snappy", "lz4", "zstd"};

static bool choose(struct producer *producer, const char *acks, const char *codec, const char *partition)
{
    producer->acks = acks == NULL || strcmp(acks, "all") == 0 ? -1 : strcmp(acks, "1") == 0 ? 1 : 0;
    if (acks != NULL && strcmp(acks, "all") != 0 && strcmp(acks, "1") != 0 && strcmp(acks, "0") != 0) {
        fprintf(stderr, "--acks: '%s' is none of 0, 1, all\n", acks);
        return false;
    }
    producer->codec = COMPRESS_NONE;
    for (size_t i = 0; codec != NULL && i <= COUNT_OF(codecs); i++) {
        if (i == COUNT_OF(codecs)) {
            fprintf(stderr, "--compression: '%s' is none of none, gzip, snappy, lz4, zstd\n", codec);
            return false;
        }
        if (strcmp(codec, codecs[i]) == 0) {
            producer->codec = (int)i;
            break;
        }
    }
    producer->forced = -1;
    return partition == NULL || (cli_number("--partition", partition, &producer->forced) && producer->forced >= 0);
}

static bool run(struct producer *producer)
{
    struct cli *cli = producer->cli;
    bool ok = find_leaders(producer);
    for (int i = 1; ok && i < cli->word_count; i++) {
        FILE *file = cli_open_file(cli->words[i]);
        ok = file != NULL && add_file(producer, file);
        if (file != NULL)
            cli_close_file(file);
    }
    if (ok && cli->word_count == 1)
        ok = add_file(producer, stdin);
    for (int32_t i = 0; ok && i < producer->lane_count; i++)
        ok = flush_lane(producer, i);
    return ok;
}

int produce_command(int argc, char **argv)
{
    const char *acks = NULL, *codec = NULL, *partition = NULL, *headers[CLI_REPEAT_MAX];
    int header_count = 0;
    struct producer producer = {0};
    const struct cli_option options[] = {
        {"--key-separator", "TEXT", "what stands before it in a line is the key", .texts = &producer.separator},
        {"--header", "KEY=VALUE", "of every record; may be repeated", .texts = headers, .count = &header_count},
        {"--compression", "CODEC", "none, gzip, snappy, lz4, zstd", .texts = &codec},
        {"--acks", "ACKS", "0, 1 or all (default)", .texts = &acks},
        {"--partition", "N", "instead of the key's", .texts = &partition},
    };
    struct cli cli = {.usage = "ringmain produce TOPIC [FILE]... [OPTION]...",
                      .examples = "  echo 'hello' | ringmain produce greetings\n"
                                  "  ringmain produce words /usr/share/dict/words --compression zstd\n"
                                  "  printf 'k1:v1\\nk2:v2\\n' | ringmain produce orders --key-separator :\n",
                      .options = options,
                      .option_count = COUNT_OF(options)};
    int code = cli_parse(&cli, argc, argv);
    if (code >= 0)
        return code;
    if (cli.word_count < 1) {
        fprintf(stderr, "usage: %s\n", cli.usage);
        return CLI_USAGE;
    }
    producer.cli = &cli;
    producer.topic = slice_from_string(cli.words[0]);
    if (!choose(&producer, acks, codec, partition))
        return CLI_USAGE;
    for (int i = 0; i < header_count; i++)
        if (!add_header(&producer, headers[i]))
            return CLI_USAGE;
    if (!cli_connect(&cli))
        return CLI_FAILED;
    bool ok = run(&producer);
    if (ok && cli.json)
        cli_print_json(json_pack("{s:I,s:I}", "records", (json_int_t)producer.record_count, "bytes",
                                 (json_int_t)producer.byte_count));
    else if (ok && cli_is_terminal())
        fprintf(stderr, "%lld records, %lld bytes\n", (long long)producer.record_count, (long long)producer.byte_count);
    for (int32_t i = 0; i < producer.lane_count; i++)
        mem_free(cli.client.mem, producer.lanes[i].data,
                 producer.lanes[i].data == NULL ? 0 : BATCH_BYTES + LINE_MAX_BYTES);
    mem_free(cli.client.mem, producer.lanes, (size_t)producer.lane_count * sizeof *producer.lanes);
    cli_disconnect(&cli);
    return ok ? CLI_OK : CLI_FAILED;
}
