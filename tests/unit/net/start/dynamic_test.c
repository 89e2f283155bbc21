/* Goal:   a key that says it may be changed while the broker runs does what it says without a restart: a topic's own,
 * the cluster's default of it, and this broker's. Method: a whole broker on a simulated node, where hours cost nothing.
 * A table: before the change the effect is not there, after it, made over the wire, it is. */
#include "core/wire/batch.h"
#include "core/wire/compress.h"
#include "core/wire/error.h"
#include "net/client/client.h"
#include "tests/support/sim_broker.h"
#include "tests/support/test.h"

#include <stdio.h>

enum { ANSWER_MS = 60000, SECOND_MS = 1000, OUT_OF_RANGE = -1 };
enum { OF_TOPIC = 2, OF_BROKER = 4 }; /* ConfigResource's types */
enum { ALTER_SET = 0, ALTER_DELETE = 1 };

static struct sim_broker host;
static struct client client;
static struct arena arena;
static char topic[32];
static struct uuid topic_id;
static int64_t remembered; /* by an effect that compares, before the change; -1: nothing yet */

static void turn(struct client *one)
{
    sim_broker_turn(&host);
}

static int64_t wall_ms(void)
{
    return io_wall_ms(sim_broker_other_io(&host));
}

static void pass(int ms)
{
    client_pause(&client, ms);
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

static void make_topic(const char *name, const char *const *configs)
{
    struct create_topics_request request;
    struct create_topics_request_creatable_topic wanted;
    struct create_topics_request_creatable_topic_config items[4];
    struct create_topics_response response;
    int count = 0;
    WIRE_DEFAULTS(create_topics_request_schema, &request);
    wire_set_defaults(&create_topics_request_creatable_topic_struct, &wanted);
    for (; configs[count] != NULL; count += 2)
        items[count / 2] = (struct create_topics_request_creatable_topic_config){
            .name = slice_from_string(configs[count]), .value = slice_from_string(configs[count + 1])};
    snprintf(topic, sizeof(topic), "%s", name);
    wanted.name = slice_from_string(topic);
    wanted.num_partitions = wanted.replication_factor = 1;
    wanted.configs.items = items;
    wanted.configs.count = count / 2;
    request.topics.items = &wanted;
    request.topics.count = 1;
    arena_reset(&arena);
    assert_int_equal(client_call(&client, 1, API_CREATE_TOPICS, &request, &response, &arena), ERR_OK);
    assert_int_equal(response.topics.items[0].error_code, KAFKA_ERROR_NONE);
    topic_id = response.topics.items[0].topic_id;
}

static int16_t alter(int8_t type, const char *name, int8_t operation, const char *key, const char *value)
{
    struct incremental_alter_configs_request_alterable_config config = {
        .name = slice_from_string(key), .config_operation = operation, .value = slice_from_string(value)};
    struct incremental_alter_configs_request_alter_configs_resource resource = {
        .resource_type = type, .resource_name = slice_from_string(name), .configs = {&config, 1}};
    struct incremental_alter_configs_request request = {.resources = {&resource, 1}};
    struct incremental_alter_configs_response response;
    arena_reset(&arena);
    assert_int_equal(client_call(&client, 1, API_INCREMENTAL_ALTER_CONFIGS, &request, &response, &arena), ERR_OK);
    return response.responses.items[0].error_code;
}

struct record {
    int64_t timestamp_ms; /* 0: now */
    struct slice key, value;
    int64_t producer; /* 0: none */
};

static struct produce_response_partition_produce_response *send_as(const struct record *record, int16_t acks)
{
    static uint8_t bytes[1 << 20];
    static struct produce_response response;
    struct batch_builder builder;
    struct batch_header header = {.producer_id = record->producer};
    struct produce_request_partition_produce_data partition = {.index = 0};
    struct produce_request_topic_produce_data of = {.name = slice_from_string(topic), .topic_id = topic_id};
    struct produce_request request = {.acks = acks, .timeout_ms = 1000, .transactional_id = SLICE_NULL};
    batch_builder_init(&builder, bytes, sizeof(bytes));
    assert_true(batch_builder_add(&builder, record->timestamp_ms == 0 ? wall_ms() : record->timestamp_ms, record->key,
                                  record->value, SLICE_NULL, 0));
    partition.records.data = batch_builder_finish(&builder, record->producer == 0 ? NULL : &header);
    of.partition_data.items = &partition;
    of.partition_data.count = 1;
    request.topic_data.items = &of;
    request.topic_data.count = 1;
    arena_reset(&arena);
    assert_int_equal(client_call(&client, 1, API_PRODUCE, &request, &response, &arena), ERR_OK);
    return &response.responses.items[0].partition_responses.items[0];
}

static void send_value(struct slice value)
{
    struct record record = {.key = SLICE_LITERAL("key"), .value = value};
    assert_int_equal(send_as(&record, 1)->error_code, KAFKA_ERROR_NONE);
}

static void send_text(void)
{
    send_value(SLICE_LITERAL("some text"));
}

/* The first batch at or behind the offset; OUT_OF_RANGE: it is below the log's start. */
static int64_t fetch(int64_t offset, struct batch_header *header)
{
    struct fetch_request request;
    struct fetch_request_fetch_topic of;
    struct fetch_request_fetch_partition partition;
    struct fetch_response response;
    WIRE_DEFAULTS(fetch_request_schema, &request);
    wire_set_defaults(&fetch_request_fetch_topic_struct, &of);
    wire_set_defaults(&fetch_request_fetch_partition_struct, &partition);
    partition.fetch_offset = offset;
    partition.partition_max_bytes = 1 << 20;
    of.topic = slice_from_string(topic);
    of.topic_id = topic_id;
    of.partitions.items = &partition;
    of.partitions.count = 1;
    request.topics.items = &of;
    request.topics.count = 1;
    request.max_bytes = 1 << 20;
    arena_reset(&arena);
    assert_int_equal(client_call(&client, 1, API_FETCH, &request, &response, &arena), ERR_OK);
    struct fetch_response_partition_data *answer = &response.responses.items[0].partitions.items[0];
    if (answer->error_code == KAFKA_ERROR_OFFSET_OUT_OF_RANGE)
        return OUT_OF_RANGE;
    assert_int_equal(answer->error_code, KAFKA_ERROR_NONE);
    assert_int_equal(batch_read_header(answer->records.data.data, answer->records.data.length, header), ERR_OK);
    return header->base_offset;
}

/* ---- what lies in the topic's directory -------------------------------------------------------------------------- */

struct files {
    const char *ending;
    int count;
    int64_t bytes;
    struct fs *fs;
    char directory[64];
};

static bool see_file(void *context, const char *name, bool is_directory)
{
    struct files *files = context;
    size_t length = strlen(name), ending = strlen(files->ending);
    struct fs_info info;
    char path[FS_PATH_MAX];
    if (length < ending || strcmp(name + length - ending, files->ending) != 0)
        return true;
    snprintf(path, sizeof(path), "%s/%s", files->directory, name);
    assert_int_equal(fs_info(files->fs, path, &info), ERR_OK);
    files->count++;
    files->bytes += info.size;
    return true;
}

static struct files files_of(const char *ending)
{
    struct files files = {.ending = ending, .fs = io_fs(sim_node_io(host.node, 0))};
    snprintf(files.directory, sizeof(files.directory), "/data/%s-0", topic);
    assert_int_equal(fs_list(files.fs, files.directory, see_file, &files), ERR_OK);
    return files;
}

/* ---- effects ------------------------------------------------------------------------------------------------------
 */

static bool differs(int64_t now)
{
    bool first = remembered < 0;
    bool result = !first && now != remembered;
    remembered = now;
    return result;
}

static bool wants_keys(void)
{
    struct record record = {.key = SLICE_NULL, .value = SLICE_LITERAL("v")};
    return send_as(&record, 1)->error_code == KAFKA_ERROR_INVALID_RECORD;
}

static bool is_packed(void)
{
    struct batch_header header;
    struct record record = {.key = SLICE_LITERAL("key"),
                            .value = SLICE_LITERAL("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")};
    int64_t offset = send_as(&record, -1)->base_offset;
    assert_int_equal(fetch(offset, &header), offset);
    return (header.attributes & BATCH_CODEC_MASK) == COMPRESS_GZIP;
}

static bool packs_otherwise(void)
{
    static uint8_t text[60000];
    struct batch_header header;
    uint32_t word = 1;
    for (size_t i = 0; i < sizeof(text); i++) { /* something like words */
        word = i % 7 == 0 ? word * 1664525 + 1013904223 : word;
        text[i] = (uint8_t)('a' + (word >> (8 + i % 7 * 2)) % 11);
    }
    struct record record = {.key = SLICE_LITERAL("key"), .value = slice_of(text, sizeof(text))};
    int64_t offset = send_as(&record, -1)->base_offset;
    assert_int_equal(fetch(offset, &header), offset);
    return differs((int64_t)header.size);
}

/* One segment after the other, each with the same key: all but the newest go. */
static bool compacts(void)
{
    struct batch_header header;
    struct record record = {.key = SLICE_LITERAL("key"), .value = SLICE_LITERAL("v")};
    int64_t first = send_as(&record, -1)->base_offset;
    for (int i = 0; i < 4; i++) {
        pass(2 * SECOND_MS);
        send_text();
    }
    pass(10 * SECOND_MS);
    return fetch(first, &header) > first;
}

static bool does_not_compact(void)
{
    return !compacts();
}

static bool drops_tombstones(void)
{
    struct batch_header header;
    struct record tombstone = {.key = SLICE_LITERAL("gone"), .value = SLICE_NULL};
    int64_t at = send_as(&tombstone, -1)->base_offset;
    compacts();
    compacts();
    return fetch(at, &header) > at;
}

static bool unlinks_soon(void)
{
    pass(70 * SECOND_MS); /* what went before the change goes when it was told then */
    for (int i = 0; i < 3; i++) {
        send_text();
        pass(2 * SECOND_MS);
    }
    pass(10 * SECOND_MS);
    return files_of(".deleted").count == 0;
}

static bool writes_more_to_the_device(int16_t acks, int pause_ms)
{
    struct record record = {.key = SLICE_LITERAL("key"), .value = SLICE_LITERAL("v")};
    uint64_t before = sim_disk_operations(sim_node_disk(host.node));
    for (int i = 0; i < 8; i++) {
        assert_int_equal(send_as(&record, acks)->error_code, KAFKA_ERROR_NONE);
        pass(pause_ms);
    }
    int64_t operations = (int64_t)(sim_disk_operations(sim_node_disk(host.node)) - before), earlier = remembered;
    return differs(operations) && operations >= earlier + 6;
}

static bool flushes_by_count(void)
{
    return writes_more_to_the_device(1, 1);
}

static bool flushes_by_time(void)
{
    return writes_more_to_the_device(1, 200);
}

static bool flushes_before_it_answers(void)
{
    return writes_more_to_the_device(-1, 1);
}

static bool writes_more_entries(void)
{
    for (int i = 0; i < 40; i++)
        send_text();
    pass(2 * SECOND_MS);
    send_text(); /* a new segment: the other's index is on disk */
    pass(SECOND_MS);
    int64_t bytes = files_of(".index").bytes, earlier = remembered;
    return differs(bytes) && bytes - earlier >= 8 * 30;
}

static bool rolls_by_its_index(void)
{
    for (int i = 0; i < 40; i++)
        send_text();
    return files_of(".log").count > 2;
}

static bool refuses_large_batches(void)
{
    static const uint8_t large[5000];
    struct record record = {.key = SLICE_LITERAL("key"), .value = slice_of(large, sizeof(large))};
    return send_as(&record, 1)->error_code == KAFKA_ERROR_MESSAGE_TOO_LARGE;
}

static bool refuses_the_past(void)
{
    struct record record = {
        .timestamp_ms = wall_ms() - 60000, .key = SLICE_LITERAL("key"), .value = SLICE_LITERAL("v")};
    return send_as(&record, 1)->error_code == KAFKA_ERROR_INVALID_TIMESTAMP;
}

static bool refuses_the_future(void)
{
    struct record record = {
        .timestamp_ms = wall_ms() + 60000, .key = SLICE_LITERAL("key"), .value = SLICE_LITERAL("v")};
    return send_as(&record, 1)->error_code == KAFKA_ERROR_INVALID_TIMESTAMP;
}

static bool stamps_records(void)
{
    struct record record = {.key = SLICE_LITERAL("key"), .value = SLICE_LITERAL("v")};
    return send_as(&record, 1)->log_append_time_ms >= 0;
}

static bool forgets_records(void)
{
    struct batch_header header;
    send_text();
    pass(2 * SECOND_MS);
    send_text();
    pass(6 * SECOND_MS);
    return fetch(0, &header) == OUT_OF_RANGE;
}

static bool rolls_by_size(void)
{
    static uint8_t large[600000];
    for (int i = 0; i < 4; i++)
        send_value(slice_of(large, sizeof(large)));
    return files_of(".log").count > 1;
}

static bool rolls_by_age(void)
{
    int before = files_of(".log").count;
    for (int i = 0; i < 3; i++) {
        send_text();
        pass(2 * SECOND_MS);
    }
    return files_of(".log").count > before;
}

/* A segment's age is drawn when it begins; the present one has its own already. */
static bool rolls_earlier(void)
{
    int before = files_of(".log").count;
    for (int i = 0; i < 120; i++) { /* ten minutes: ten segments, or about twice as many */
        send_text();
        pass(5 * SECOND_MS);
    }
    return files_of(".log").count > before + 12;
}

/* ---- of the broker alone ----------------------------------------------------------------------------------------- */

static bool connects(struct client *other)
{
    struct metadata_response metadata;
    assert_int_equal(client_open_on(other, sim_broker_other_io(&host), turn, SIM_BROKER_ADDRESS, 3 * SECOND_MS),
                     ERR_OK);
    arena_reset(&arena);
    return client_metadata(other, NULL, 0, false, &metadata, &arena) == ERR_OK;
}

static bool takes_no_more_connections(void)
{
    struct client other;
    bool connected = connects(&other);
    client_close(&other);
    pass(SECOND_MS);
    return !connected;
}

static bool lets_in_slowly(void)
{
    int64_t began_ns = sim_now_ns(host.sim);
    for (int i = 0; i < 8; i++) {
        struct client other;
        assert_true(connects(&other));
        client_close(&other);
    }
    return sim_now_ns(host.sim) - began_ns > 3000000000;
}

static bool forgets_producers(void)
{
    static int64_t producer = 1000;
    struct record record = {.key = SLICE_LITERAL("key"), .value = SLICE_LITERAL("v"), .producer = ++producer};
    struct describe_producers_request_topic_request of = {.name = slice_from_string(topic)};
    struct describe_producers_request request = {.topics = {&of, 1}};
    struct describe_producers_response response;
    int32_t index = 0;
    of.partition_indexes.items = &index;
    of.partition_indexes.count = 1;
    assert_int_equal(send_as(&record, -1)->error_code, KAFKA_ERROR_NONE);
    pass(1300 * SECOND_MS); /* Kafka looks every ten minutes */
    arena_reset(&arena);
    assert_int_equal(client_call(&client, 1, API_DESCRIBE_PRODUCERS, &request, &response, &arena), ERR_OK);
    return response.topics.items[0].partitions.items[0].active_producers.count == 0;
}

/* ---- the table -----------------------------------------------------------------------------------------------------
 */

#define ROLLS       "segment.ms", "1000"
#define COMPACTED   ROLLS, "cleanup.policy", "compact", "flush.messages", "1" /* only what is durable is cleaned */
#define COMPACTS_AT "min.cleanable.dirty.ratio"

static const struct {
    const char *topic_key, *broker_key; /* NULL: there is none */
    const char *value;
    bool (*effect)(void);
    const char *configs[9]; /* of the topic, before */
} table[] = {
    {"cleanup.policy", "log.cleanup.policy", "compact", wants_keys, {NULL}},
    {"compression.type", "compression.type", "gzip", is_packed, {NULL}},
    {"compression.gzip.level", "compression.gzip.level", "1", packs_otherwise, {"compression.type", "gzip"}},
    {"compression.lz4.level", "compression.lz4.level", "1", packs_otherwise, {"compression.type", "lz4"}},
    {"compression.zstd.level", "compression.zstd.level", "-1000", packs_otherwise, {"compression.type", "zstd"}},
    {COMPACTS_AT, "log.cleaner.min.cleanable.ratio", "0", compacts, {COMPACTED}},
    {"max.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms", "1000", compacts, {COMPACTED}},
    {"min.compaction.lag.ms",
     "log.cleaner.min.compaction.lag.ms",
     "86400000",
     does_not_compact,
     {COMPACTED, COMPACTS_AT, "0"}},
    {"delete.retention.ms", "log.cleaner.delete.retention.ms", "0", drops_tombstones, {COMPACTED, COMPACTS_AT, "0"}},
    {"file.delete.delay.ms", "log.segment.delete.delay.ms", "1000", unlinks_soon, {ROLLS, "retention.ms", "1000"}},
    {"flush.messages", "log.flush.interval.messages", "1", flushes_by_count, {NULL}},
    {"flush.ms", "log.flush.interval.ms", "20", flushes_by_time, {NULL}},
    {"index.interval.bytes", "log.index.interval.bytes", "0", writes_more_entries, {ROLLS}},
    {"segment.index.bytes", "log.index.size.max.bytes", "64", rolls_by_its_index, {"index.interval.bytes", "0"}},
    {"max.message.bytes", "message.max.bytes", "1000", refuses_large_batches, {NULL}},
    {"message.timestamp.before.max.ms", "log.message.timestamp.before.max.ms", "1000", refuses_the_past, {NULL}},
    {"message.timestamp.after.max.ms", "log.message.timestamp.after.max.ms", "1000", refuses_the_future, {NULL}},
    {"message.timestamp.type", "log.message.timestamp.type", "LogAppendTime", stamps_records, {NULL}},
    {"retention.ms", "log.retention.ms", "1000", forgets_records, {ROLLS}},
    {"retention.bytes", "log.retention.bytes", "1", forgets_records, {ROLLS}},
    {"segment.bytes", "log.segment.bytes", "1048576", rolls_by_size, {NULL}},
    {"segment.ms", "log.roll.ms", "1000", rolls_by_age, {NULL}},
    {"segment.jitter.ms", "log.roll.jitter.ms", "60000", rolls_earlier, {"segment.ms", "60000"}},
    {"ringmain.durability", "ringmain.durability", "flushed", flushes_before_it_answers, {NULL}},
    {NULL, "log.cleaner.backoff.ms", "3600000", does_not_compact, {COMPACTED, COMPACTS_AT, "0"}},
    {NULL, "log.cleaner.io.max.bytes.per.second", "1", does_not_compact, {COMPACTED, COMPACTS_AT, "0"}},
    {NULL, "max.connections", "1", takes_no_more_connections, {NULL}},
    {NULL, "max.connections.per.ip", "1", takes_no_more_connections, {NULL}},
    {NULL, "max.connections.per.ip.overrides", "10.0.0.2:1", takes_no_more_connections, {NULL}},
    {NULL, "max.connection.creation.rate", "1", lets_in_slowly, {NULL}},
    {NULL, "producer.id.expiration.ms", "1000", forgets_producers, {NULL}},
};

/* Where a key is set: the topic's own, the cluster's, this broker's. */
enum level { LEVEL_TOPIC, LEVEL_CLUSTER, LEVEL_BROKER, LEVELS };

static void try_key(size_t row, enum level level)
{
    char name[32];
    const char *key = level == LEVEL_TOPIC ? table[row].topic_key : table[row].broker_key;
    if (key == NULL)
        return;
    snprintf(name, sizeof(name), "t-%zu-%d", row, level);
    make_topic(name, table[row].configs);
    remembered = -1;
    if (table[row].effect())
        fail_msg("%s: its effect is there before it is changed", key);
    int8_t type = level == LEVEL_TOPIC ? OF_TOPIC : OF_BROKER;
    const char *resource = level == LEVEL_TOPIC ? topic : level == LEVEL_CLUSTER ? "" : "1";
    int16_t error = alter(type, resource, ALTER_SET, key, table[row].value);
    if (error != KAFKA_ERROR_NONE)
        fail_msg("%s cannot be changed (level %d): %d", key, level, error);
    if (!table[row].effect())
        fail_msg("%s has no effect (level %d)", key, level);
    if (level != LEVEL_TOPIC)
        assert_int_equal(alter(type, resource, ALTER_DELETE, key, NULL), KAFKA_ERROR_NONE);
}

static void open_room(void)
{
    static const char *const settings[] = {"ringmain.durability=os",
                                           "ringmain.flush.interval.ms=3600000",
                                           "log.flush.offset.checkpoint.interval.ms=3600000",
                                           "log.flush.start.offset.checkpoint.interval.ms=3600000",
                                           "log.retention.check.interval.ms=1000",
                                           "log.cleaner.min.cleanable.ratio=1",
                                           "log.cleaner.backoff.ms=1000",
                                           "ringmain.metrics.enable=false",
                                           "connections.max.idle.ms=86400000"};
    sim_broker_open(&host, 1, settings, COUNT_OF(settings));
    struct metadata_response metadata;
    assert_int_equal(client_open_on(&client, sim_broker_other_io(&host), turn, SIM_BROKER_ADDRESS, ANSWER_MS), ERR_OK);
    arena_init(&arena, test_mem(), 64 << 20);
    assert_int_equal(client_metadata(&client, NULL, 0, false, &metadata, &arena), ERR_OK);
}

static void close_room(void)
{
    client_close(&client);
    arena_fini(&arena);
    sim_broker_close(&host);
}

static void what_is_changed_takes_effect_without_a_restart(void **state)
{
    open_room();
    for (size_t row = 0; row < COUNT_OF(table); row++)
        for (int level = 0; level < LEVELS; level++)
            try_key(row, (enum level)level);
    close_room();
}

/* Each change is an image for every shard; none of them may put off what a shard does now and then. */
static void changes_that_come_all_the_time_hold_nothing_up(void **state)
{
    const char *const forgets[] = {ROLLS, "retention.ms", "1000", NULL};
    struct batch_header header;
    open_room();
    make_topic("watched", forgets);
    char watched[sizeof(topic)];
    struct uuid watched_id = topic_id;
    memcpy(watched, topic, sizeof(watched));
    for (int i = 0; i < 60; i++) {
        const char *const none[] = {NULL};
        char name[32];
        snprintf(name, sizeof(name), "other-%d", i);
        make_topic(name, none);
        memcpy(topic, watched, sizeof(topic));
        topic_id = watched_id;
        send_text();
        pass(300); /* less than any interval */
    }
    assert_int_equal(fetch(0, &header), OUT_OF_RANGE);
    close_room();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_changed_takes_effect_without_a_restart),
        cmocka_unit_test(changes_that_come_all_the_time_hold_nothing_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
