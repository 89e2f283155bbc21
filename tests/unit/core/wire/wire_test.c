/* Goal:   the one codec and every table agree with each other and with the protocol; no bytes can hurt the decoder.
 * Method: random messages of every table and version travel there and back; truncations, bit flips and huge counts must
 *         be refused or decode to something valid; frames written down by hand from the protocol guide. */
#include "core/wire/api.h"
#include "core/wire/error.h"
#include "core/wire/messages.h"

#include "tests/support/test.h"
#include "tests/support/wire_random.h"

static const struct wire_schema *const records[] = {
    &register_broker_record_schema,  &topic_record_schema,        &partition_record_schema,
    &config_record_schema,           &producer_ids_record_schema, &feature_level_record_schema,
    &partition_change_record_schema, &offset_commit_value_schema, &group_metadata_value_schema,
};

typedef void (*visitor)(const struct wire_schema *schema, int16_t version, struct prng *prng, struct mem *mem);

static void for_every_message(visitor visit, uint64_t seed)
{
    struct mem *mem = test_mem();
    struct prng prng;
    prng_seed(&prng, seed);
    int count;
    const struct wire_api *apis = wire_apis(&count);
    for (int i = 0; i < count; i++)
        for (int side = 0; side < 2; side++) {
            const struct wire_schema *schema = side == 0 ? apis[i].request : apis[i].response;
            assert_int_equal(schema->api_key, apis[i].key);
            assert_true(schema->lowest <= apis[i].lowest);
            assert_int_equal(schema->highest, apis[i].highest); /* no version is described and not served */
            for (int16_t version = schema->lowest; version <= schema->highest; version++)
                visit(schema, version, &prng, mem);
        }
    for (size_t i = 0; i < COUNT_OF(records); i++)
        for (int16_t version = records[i]->lowest; version <= records[i]->highest; version++)
            visit(records[i], version, &prng, mem);
    assert_int_equal(mem->used, 0);
}

static void round_trip(const struct wire_schema *schema, int16_t version, struct prng *prng, struct mem *mem)
{
    for (int round = 0; round < 20; round++) {
        struct arena arena;
        struct wire_writer first, second;
        size_t consumed;
        arena_init(&arena, mem, 16 << 20);
        wire_writer_init(&first, mem);
        wire_writer_init(&second, mem);
        void *in = arena_alloc(&arena, schema->root->size), *out = arena_alloc(&arena, schema->root->size);
        wire_random_fill(schema, version, prng, &arena, in);
        assert_int_equal(wire_encode(schema, version, in, &first), ERR_OK);
        struct slice bytes = slice_of(first.data, first.length);
        assert_int_equal(wire_decode(schema, version, bytes, &arena, out, &consumed), ERR_OK);
        assert_int_equal(consumed, first.length);
        if (!wire_random_equal(schema->root, in, out))
            fail_msg("%s version %d changed on its way", schema->name, version);
        assert_int_equal(wire_encode(schema, version, out, &second), ERR_OK);
        assert_int_equal(first.length, second.length);
        if (first.length > 0)
            assert_memory_equal(first.data, second.data, first.length);
        wire_writer_fini(&first);
        wire_writer_fini(&second);
        arena_fini(&arena);
    }
}

static void every_message_comes_back_as_it_went(void **state)
{
    for_every_message(round_trip, 1);
}

static void damage(const struct wire_schema *schema, int16_t version, struct prng *prng, struct mem *mem)
{
    struct arena arena;
    struct wire_writer writer;
    size_t consumed;
    arena_init(&arena, mem, 16 << 20);
    wire_writer_init(&writer, mem);
    void *message = arena_alloc(&arena, schema->root->size);
    wire_random_fill(schema, version, prng, &arena, message);
    assert_int_equal(wire_encode(schema, version, message, &writer), ERR_OK);
    for (size_t length = 0; length < writer.length && length < 600; length++) {
        uint8_t *exact = malloc(length + 1); /* so that a sanitizer sees a read beyond the end */
        memcpy(exact, writer.data, length);
        enum err err = wire_decode(schema, version, slice_of(exact, length), &arena, message, &consumed);
        assert_true(err != ERR_OK || consumed <= length);
        assert_int_not_equal(err, ERR_OK); /* every byte of an encoded message is needed */
        free(exact);
    }
    for (int round = 0; round < 200 && writer.length > 0; round++) {
        uint8_t *at = &writer.data[prng_below(prng, writer.length)], old = *at;
        *at = (uint8_t)(*at ^ 1 << prng_below(prng, 8));
        enum err err = wire_decode(schema, version, slice_of(writer.data, writer.length), &arena, message, &consumed);
        assert_true(consumed <= writer.length || err != ERR_OK);
        *at = old;
    }
    wire_writer_fini(&writer);
    arena_fini(&arena);
}

static void damaged_messages_are_refused_or_decode_within_their_bytes(void **state)
{
    for_every_message(damage, 2);
}

static void a_huge_count_costs_nothing(void **state)
{
    struct mem *mem = test_mem();
    struct arena arena;
    struct metadata_request request;
    size_t consumed;
    arena_init(&arena, mem, 16 << 20);
    static const uint8_t old[] = {0x7f, 0xff, 0xff, 0xff, 0, 0}, million[] = {0, 0x0f, 0x42, 0x40, 0, 0};
    assert_int_equal(wire_decode(&metadata_request_schema, 1, slice_of(old, 6), &arena, &request, &consumed),
                     ERR_LIMIT);
    assert_int_equal(wire_decode(&metadata_request_schema, 1, slice_of(million, 6), &arena, &request, &consumed),
                     ERR_CORRUPT);
    static const uint8_t compact[] = {0x80, 0x80, 0x80, 0x80, 0x08, 1}, tags[] = {1, 1, 0, 0xff, 0xff, 0x7f};
    assert_int_equal(wire_decode(&metadata_request_schema, 9, slice_of(compact, 6), &arena, &request, &consumed),
                     ERR_LIMIT);
    assert_int_not_equal(wire_decode(&metadata_request_schema, 12, slice_of(tags, 6), &arena, &request, &consumed),
                         ERR_OK);
    assert_int_equal(mem->used, 0);
    arena_fini(&arena);
}

/* As Kafka's decoders have it: any negative length is null, tags come in any order. */
static void what_kafka_reads_is_read(void **state)
{
    struct arena arena;
    struct metadata_request request;
    size_t consumed;
    arena_init(&arena, test_mem(), 1 << 20);
    static const uint8_t old[] = {0x80, 0, 0, 7}, compact[] = {0xfe, 0xff, 0xff, 0xff, 0x0f, 1, 0, 0, 0};
    static const uint8_t tags[] = {0, 1, 0, 3, 9, 1, 'a', 2, 0, 9, 0}, reaching[] = {0, 1, 0, 1, 9, 5, 'a'};
    assert_int_equal(wire_decode(&metadata_request_schema, 1, slice_of(old, 4), &arena, &request, &consumed), ERR_OK);
    assert_int_equal(request.topics.count, -1);
    assert_int_equal(wire_decode(&metadata_request_schema, 9, slice_of(compact, 9), &arena, &request, &consumed),
                     ERR_OK);
    assert_int_equal(request.topics.count, -1);
    assert_int_equal(consumed, sizeof compact);
    assert_int_equal(
        wire_decode(&metadata_request_schema, 12, slice_of(tags, sizeof tags), &arena, &request, &consumed), ERR_OK);
    assert_int_equal(consumed, sizeof tags);
    assert_int_not_equal(
        wire_decode(&metadata_request_schema, 12, slice_of(reaching, sizeof reaching), &arena, &request, &consumed),
        ERR_OK);
    arena_fini(&arena);
}

static void frames_written_by_hand_decode(void **state)
{
    struct mem *mem = test_mem();
    struct arena arena;
    size_t consumed;
    arena_init(&arena, mem, 1 << 20);
    /* ApiVersions 3 as librdkafka sends it: header 2 with a plain client id, then compact strings and empty tags. */
    static const uint8_t frame[] = {0,   18,  0,   3,   0,   0, 0,   1,   0,   7,   'r', 'd',
                                    'k', 'a', 'f', 'k', 'a', 0, 11,  'l', 'i', 'b', 'r', 'd',
                                    'k', 'a', 'f', 'k', 'a', 6, '2', '.', '0', '.', '2', 0};
    struct wire_request_header header;
    assert_int_equal(wire_decode_header(slice_of(frame, sizeof frame), &header, &consumed), ERR_OK);
    assert_int_equal(header.api_key, API_VERSIONS);
    assert_int_equal(header.correlation_id, 1);
    assert_true(slice_equal_string(header.client_id, "rdkafka"));
    struct api_versions_request request;
    size_t body;
    assert_int_equal(wire_decode(&api_versions_request_schema, 3, slice_of(frame + consumed, sizeof frame - consumed),
                                 &arena, &request, &body),
                     ERR_OK);
    assert_int_equal(consumed + body, sizeof frame);
    assert_true(slice_equal_string(request.client_software_name, "librdkafka"));
    assert_true(slice_equal_string(request.client_software_version, "2.0.2"));

    /* An unknown tag (7, three bytes) in a flexible request is passed over. */
    static const uint8_t tagged[] = {1, 1, 1, 7, 3, 'x', 'y', 'z'};
    struct metadata_request metadata;
    assert_int_equal(
        wire_decode(&metadata_request_schema, 12, slice_of(tagged, sizeof tagged), &arena, &metadata, &body),
        ERR_CORRUPT); /* the second byte is allow_auto_topic_creation, the third include_...: one short */
    static const uint8_t whole[] = {1, 1, 1, 1, 7, 3, 'x', 'y', 'z'};
    assert_int_equal(wire_decode(&metadata_request_schema, 12, slice_of(whole, sizeof whole), &arena, &metadata, &body),
                     ERR_OK);
    assert_int_equal(body, sizeof whole);
    assert_int_equal(metadata.topics.count, 0);
    assert_true(metadata.allow_auto_topic_creation && metadata.include_topic_authorized_operations);
    arena_fini(&arena);
}

/* Kafka's readers refuse it, too: a longer one could not be written in older versions, nor into records. */
static void a_string_is_never_longer_than_32767_bytes(void **state)
{
    struct mem *mem = test_mem();
    struct arena arena;
    static uint8_t frame[UINT16_MAX + 16];
    for (uint16_t length = 32766; length <= 32768; length++) {
        struct heartbeat_request request;
        size_t consumed, at = 0;
        arena_init(&arena, mem, 1 << 20);
        for (uint32_t left = length + 1u; left > 0; left >>= 7)
            frame[at++] = (uint8_t)((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
        memset(frame + at, 'g', length);
        memset(frame + at + length, 0, 7); /* generation, and member id, instance id, tags as bytes of 0 and 1 */
        frame[at + length + 4] = 1;
        enum err err =
            wire_decode(&heartbeat_request_schema, 4, slice_of(frame, at + length + 7), &arena, &request, &consumed);
        assert_int_equal(err, length <= 32767 ? ERR_OK : ERR_CORRUPT);
        arena_fini(&arena);
    }
}

static void the_response_header_of_api_versions_never_has_tags(void **state)
{
    struct wire_writer writer;
    wire_writer_init(&writer, test_mem());
    wire_put_response_header(&writer, API_VERSIONS, 4, 7);
    assert_int_equal(writer.length, 4);
    wire_put_response_header(&writer, API_METADATA, 9, 8);
    assert_int_equal(writer.length, 9);
    wire_put_response_header(&writer, API_METADATA, 8, 9);
    assert_int_equal(writer.length, 13);
    wire_writer_fini(&writer);
}

static void file_ranges_are_counted_but_not_copied(void **state)
{
    struct wire_writer writer;
    struct wire_file_range range = {.file = 5, .pos = 100, .length = 4000};
    struct fetch_response_partition_data data;
    struct fetch_response_fetchable_topic_response topic;
    struct fetch_response response;
    wire_set_defaults(&fetch_response_partition_data_struct, &data);
    wire_set_defaults(&fetch_response_fetchable_topic_response_struct, &topic);
    WIRE_DEFAULTS(fetch_response_schema, &response);
    data.records = (struct wire_records){.ranges = &range, .range_count = 1};
    topic.partitions.items = &data;
    topic.partitions.count = 1;
    response.responses.items = &topic;
    response.responses.count = 1;
    wire_writer_init(&writer, test_mem());
    assert_int_equal(wire_encode(&fetch_response_schema, 4, &response, &writer), ERR_OK);
    assert_int_equal(writer.splice_count, 1);
    assert_int_equal(writer.splices[0].at, writer.length); /* records are the last field of this version */
    assert_int_equal(get_i32(writer.data + writer.length - 4), 4000);
    assert_int_equal(wire_writer_total(&writer), writer.length + 4000);
    wire_writer_fini(&writer);
}

static void encoding_survives_every_failed_allocation(void **state)
{
    struct mem *mem = test_mem(), *own = test_mem();
    struct prng prng;
    struct arena arena;
    prng_seed(&prng, 3);
    arena_init(&arena, own, 16 << 20);
    struct metadata_response *message = arena_alloc(&arena, sizeof *message);
    wire_random_fill(&metadata_response_schema, 12, &prng, &arena, message);
    for (long n = 1;; n++) {
        struct wire_writer writer;
        wire_writer_init(&writer, mem);
        test_mem_fail_at(mem, n);
        enum err err = wire_encode(&metadata_response_schema, 12, message, &writer);
        test_mem_fail_at(mem, 0);
        wire_writer_fini(&writer);
        assert_int_equal(mem->used, 0);
        if (err == ERR_OK)
            break;
        assert_int_equal(err, ERR_NO_MEMORY);
    }
    arena_fini(&arena);
}

static void errors_have_kafkas_names(void **state)
{
    assert_string_equal(kafka_error_name(3), "UNKNOWN_TOPIC_OR_PARTITION");
    assert_true(kafka_error_retriable(KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER));
    assert_false(kafka_error_retriable(KAFKA_ERROR_INVALID_RECORD));
}

static void a_message_prints_as_one_line(void **state)
{
    struct arena arena;
    struct delete_topics_request request;
    struct slice names[] = {SLICE_LITERAL("a"), SLICE_LITERAL("b\n\"")};
    WIRE_DEFAULTS(delete_topics_request_schema, &request);
    arena_init(&arena, test_mem(), 1 << 20);
    request.topic_names.items = names;
    request.topic_names.count = 2;
    request.timeout_ms = -5;
    struct slice line = wire_print(&delete_topics_request_schema, 1, &request, &arena);
    assert_true(slice_equal_string(line, "DeleteTopicsRequest v1 {topic_names=[\"a\",\"b\\x0a\\x22\"] timeout_ms=-5}"));
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_prints_as_one_line),
        cmocka_unit_test(every_message_comes_back_as_it_went),
        cmocka_unit_test(damaged_messages_are_refused_or_decode_within_their_bytes),
        cmocka_unit_test(a_huge_count_costs_nothing),
        cmocka_unit_test(what_kafka_reads_is_read),
        cmocka_unit_test(frames_written_by_hand_decode),
        cmocka_unit_test(a_string_is_never_longer_than_32767_bytes),
        cmocka_unit_test(the_response_header_of_api_versions_never_has_tags),
        cmocka_unit_test(file_ranges_are_counted_but_not_copied),
        cmocka_unit_test(encoding_survives_every_failed_allocation),
        cmocka_unit_test(errors_have_kafkas_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
