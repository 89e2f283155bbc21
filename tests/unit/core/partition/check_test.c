/* Goal:   a batch that its topic wants looked at or packed anew is, by a job that needs nothing of the shard's.
 * Method: partition_check, partition_convert with a memory of its own, partition_convert_finish, for every pair of
 * codecs; missing keys; memory that fails in either place. */
#include "core/partition/partition.h"
#include "core/wire/crc32c.h"
#include "core/wire/error.h"
#include "tests/support/test.h"

enum { RECORDS = 200, BATCH_MOST = 1 << 16, NOW_MS = 1000000 };

struct part {
    struct topic_config config;
    struct mem *mem, *job_mem;
    struct arena arena;
    struct partition_append append;
    uint8_t *frame;
};

static void part_init(struct part *part, enum compress_codec codec, int compression_type)
{
    *part = (struct part){.config = {.segment_bytes = 1 << 20,
                                     .cleanup_policy = CONFIG_CLEANUP_DELETE,
                                     .compression_type = compression_type,
                                     .compression_gzip_level = -1,
                                     .compression_lz4_level = 9,
                                     .compression_zstd_level = 3,
                                     .max_message_bytes = 1 << 20,
                                     .message_timestamp_before_max_ms = INT64_MAX,
                                     .message_timestamp_after_max_ms = INT64_MAX},
                          .mem = test_mem(),
                          .job_mem = test_mem(),
                          .frame = malloc(BATCH_MOST)};
    struct batch_builder builder;
    struct compress_buffer packed;
    batch_builder_init(&builder, part->frame, BATCH_MOST);
    for (int i = 0; i < RECORDS; i++)
        assert_true(batch_builder_add(&builder, NOW_MS - (i ^ 1), i % 50 == 7 ? SLICE_NULL : SLICE_LITERAL("key"),
                                      SLICE_LITERAL("a value like any other value"), SLICE_NULL, 0));
    struct slice batch = batch_builder_finish(&builder, NULL);
    compress_buffer_init(&packed, part->mem);
    struct slice body = slice_of(batch.data + BATCH_HEADER_BYTES, batch.length - BATCH_HEADER_BYTES);
    assert_int_equal(compress_pack(codec, INT32_MIN, body, &packed), ERR_OK);
    memcpy(part->frame + BATCH_HEADER_BYTES, packed.data, packed.length);
    part->append.records = part->frame;
    part->append.length = BATCH_HEADER_BYTES + packed.length;
    compress_buffer_fini(&packed);
    batch_set_codec(part->frame, part->append.length, (int)codec);
    batch_set_max_timestamp(part->frame, part->append.length, NOW_MS);
    arena_init(&part->arena, part->mem, 1 << 22);
}

static void part_fini(struct part *part)
{
    arena_fini(&part->arena);
    free(part->frame);
    assert_int_equal(part->mem->used, 0);
    assert_int_equal(part->job_mem->used, 0);
}

/* What the broker does around the job. */
static bool convert(struct part *part)
{
    struct partition_convert *todo = part->append.convert;
    size_t capacity = partition_convert_bytes(&part->append);
    uint8_t *buffer = malloc(capacity);
    todo->buffer = buffer;
    todo->capacity = capacity;
    partition_convert(&part->append, part->job_mem);
    assert_int_equal(part->job_mem->used, 0);
    bool accepted = partition_convert_finish(&part->append, &part->arena);
    memset(buffer, 0xff, capacity); /* nobody looks at it any more */
    free(buffer);
    return accepted;
}

static void every_codec_becomes_the_topics_own(void **state)
{
    static const int types[] = {CONFIG_COMPRESSION_NONE, CONFIG_COMPRESSION_GZIP, CONFIG_COMPRESSION_SNAPPY,
                                CONFIG_COMPRESSION_LZ4, CONFIG_COMPRESSION_ZSTD};
    for (int from = 0; from < 5; from++)
        for (int to = 0; to < 5; to++) {
            struct part part;
            struct compress_buffer body;
            part_init(&part, (enum compress_codec)from, types[to]);
            assert_true(partition_check(&part.config, NOW_MS, &part.arena, &part.append));
            assert_int_equal(part.append.convert != NULL, from != to);
            assert_true(from == to || convert(&part));
            assert_null(part.append.convert);
            assert_int_equal(part.append.header.attributes, to);
            assert_int_equal(part.append.header.max_timestamp, NOW_MS);
            assert_int_equal(part.append.header.size, part.append.length);
            assert_true(batch_crc_matches(part.append.records, &part.append.header));
            compress_buffer_init(&body, part.mem);
            assert_int_equal(compress_unpack((enum compress_codec)to,
                                             slice_of(part.append.records + BATCH_HEADER_BYTES,
                                                      part.append.length - BATCH_HEADER_BYTES),
                                             BATCH_MOST, &body),
                             ERR_OK);
            struct batch_records records;
            struct batch_record record;
            int count = 0;
            batch_records_init(&records, slice_of(body.data, body.length), RECORDS);
            while (batch_records_next(&records, &record) == ERR_OK)
                assert_true(slice_equal_string(record.value, "a value like any other value") &&
                            record.offset_delta == count++);
            assert_int_equal(count, RECORDS);
            compress_buffer_fini(&body);
            part_fini(&part);
        }
}

static void records_without_keys_are_named_when_a_compacted_topic_gets_them_packed(void **state)
{
    struct part part;
    part_init(&part, COMPRESS_LZ4, CONFIG_COMPRESSION_PRODUCER);
    part.config.cleanup_policy = CONFIG_CLEANUP_COMPACT;
    assert_true(partition_check(&part.config, NOW_MS, &part.arena, &part.append));
    assert_false(convert(&part));
    assert_int_equal(part.append.error, KAFKA_ERROR_INVALID_RECORD);
    assert_int_equal(part.append.record_error_count, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(part.append.record_errors[i].index, 7 + 50 * i);
    part_fini(&part);
}

static void records_out_of_the_accepted_time_are_named_when_they_come_packed(void **state)
{
    struct part part;
    part_init(&part, COMPRESS_GZIP, CONFIG_COMPRESSION_PRODUCER);
    part.config.message_timestamp_before_max_ms = 1000;
    assert_true(partition_check(&part.config, NOW_MS + 3600000, &part.arena, &part.append));
    assert_false(convert(&part));
    assert_int_equal(part.append.error, KAFKA_ERROR_INVALID_TIMESTAMP);
    assert_int_equal(part.append.record_error_count, RECORDS);
    for (int i = 0; i < RECORDS; i++)
        assert_int_equal(part.append.record_errors[i].index, i);
    part_fini(&part);
}

static void the_rules_are_those_of_the_check_whatever_becomes_of_the_topic(void **state)
{
    struct part part;
    part_init(&part, COMPRESS_NONE, CONFIG_COMPRESSION_ZSTD);
    assert_true(partition_check(&part.config, NOW_MS, &part.arena, &part.append));
    memset(&part.config, 0xff, sizeof(part.config));
    assert_true(convert(&part));
    assert_int_equal(part.append.header.attributes, COMPRESS_ZSTD);
    part_fini(&part);
}

static void a_job_without_memory_refuses_the_batch_with_an_error_that_clients_retry(void **state)
{
    for (int in_job = 0; in_job < 2; in_job++) {
        bool accepted = false;
        for (long n = 1; !accepted; n++) {
            struct part part;
            part_init(&part, COMPRESS_GZIP, CONFIG_COMPRESSION_ZSTD);
            assert_true(partition_check(&part.config, NOW_MS, &part.arena, &part.append));
            test_mem_fail_at(in_job ? part.job_mem : part.mem, n);
            accepted = convert(&part);
            assert_true(accepted || part.append.error == KAFKA_ERROR_KAFKA_STORAGE_ERROR);
            part_fini(&part);
            assert_true(n < 100);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_codec_becomes_the_topics_own),
        cmocka_unit_test(records_without_keys_are_named_when_a_compacted_topic_gets_them_packed),
        cmocka_unit_test(records_out_of_the_accepted_time_are_named_when_they_come_packed),
        cmocka_unit_test(the_rules_are_those_of_the_check_whatever_becomes_of_the_topic),
        cmocka_unit_test(a_job_without_memory_refuses_the_batch_with_an_error_that_clients_retry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
