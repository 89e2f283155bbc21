/* Goal:   what Apache Kafka's producer wrote with any codec reads as the same records, and packs anew into any codec.
 * Method: batches of Kafka 4.3.1's MemoryRecordsBuilder in tests/data/batches (100 records, keys, null keys and values,
 *         headers), every pair of codecs, flipped bits under a good CRC, memory that fails. */
#include "core/wire/batch_convert.h"
#include "core/wire/crc32c.h"
#include "core/wire/error.h"
#include "tests/support/test.h"

#include <stdio.h>

enum { RECORDS = 100, GOLDEN_MAX = 8192 };

static const char *const names[] = {"none", "gzip", "snappy", "lz4", "zstd"};
static const int64_t first_ms = 1700000000000;
static uint8_t golden[5][GOLDEN_MAX];
static size_t golden_size[5];

static struct batch_rules rules_of_a_topic(void)
{
    return (struct batch_rules){.now_ms = first_ms,
                                .before_max_ms = INT64_MAX,
                                .after_max_ms = 3600000,
                                .max_bytes = 1048588,
                                .segment_bytes = 1 << 30};
}

static int load_golden(void **state)
{
    for (int i = 0; i < 5; i++) {
        char path[64];
        snprintf(path, sizeof path, "tests/data/batches/java-%s.batch", names[i]);
        FILE *file = fopen(path, "rb");
        if (file == NULL)
            return -1;
        golden_size[i] = fread(golden[i], 1, GOLDEN_MAX, file);
        fclose(file);
    }
    return 0;
}

static void assert_records_as_written(struct slice body)
{
    struct batch_records records;
    struct batch_record record;
    batch_records_init(&records, body, RECORDS);
    for (int i = 0; i < RECORDS; i++) {
        char key[16], value[64];
        snprintf(key, sizeof key, "key-%d", i);
        snprintf(value, sizeof value, "value-%d-abcabcabcabcabcabc", i);
        assert_int_equal(batch_records_next(&records, &record), ERR_OK);
        assert_int_equal(record.offset_delta, i);
        assert_int_equal(record.timestamp_delta, i * 7 % 100);
        assert_true(i % 10 == 9 ? slice_is_null(record.key) : slice_equal_string(record.key, key));
        assert_true(i % 10 == 8 ? slice_is_null(record.value) : slice_equal_string(record.value, value));
        assert_int_equal(record.header_count, i % 3 == 0 ? 2 : 0);
    }
    assert_int_equal(batch_records_next(&records, &record), ERR_NOT_FOUND);
}

static void kafkas_batches_pack_anew_into_every_codec(void **state)
{
    struct mem *mem = test_mem();
    struct batch_rules rules = rules_of_a_topic();
    for (int from = 0; from < 5; from++)
        for (int to = 0; to < 5; to++) {
            struct arena arena;
            struct batch_header header;
            struct batch_verdict verdict;
            struct slice batch = slice_of(golden[from], golden_size[from]), out;
            arena_init(&arena, mem, 1 << 20);
            assert_true(batch_check(batch, &rules, &arena, &header, &verdict));
            assert_true(batch_convert(batch, &rules, to, INT32_MIN, &arena, &header, &out, &verdict));
            assert_true(from != to || out.data == batch.data);
            assert_true(batch_check(out, &rules, &arena, &header, &verdict));
            assert_int_equal(header.attributes & BATCH_CODEC_MASK, to);
            assert_int_equal(header.producer_id, 4000);
            assert_int_equal(header.producer_epoch, 3);
            assert_int_equal(header.base_sequence, 7);
            assert_int_equal(header.base_timestamp, first_ms);
            assert_int_equal(header.max_timestamp, first_ms + 99);
            struct compress_buffer body;
            compress_buffer_init(&body, mem);
            assert_int_equal(compress_unpack(to,
                                             slice_of(out.data + BATCH_HEADER_BYTES, out.length - BATCH_HEADER_BYTES),
                                             1 << 20, &body),
                             ERR_OK);
            assert_records_as_written(slice_of(body.data, body.length));
            compress_buffer_fini(&body);
            arena_fini(&arena);
        }
    assert_int_equal(mem->used, 0);
}

static void missing_keys_are_found_inside_a_compressed_batch(void **state)
{
    struct batch_rules rules = rules_of_a_topic();
    rules.need_keys = true;
    for (int codec = 1; codec < 5; codec++) {
        struct arena arena;
        struct batch_header header;
        struct batch_verdict verdict;
        struct slice batch = slice_of(golden[codec], golden_size[codec]), out;
        arena_init(&arena, test_mem(), 1 << 20);
        assert_true(batch_check(batch, &rules, &arena, &header, &verdict));
        assert_false(batch_convert(batch, &rules, codec, INT32_MIN, &arena, &header, &out, &verdict));
        assert_int_equal(verdict.error, KAFKA_ERROR_INVALID_RECORD);
        assert_int_equal(verdict.record_error_count, 10);
        assert_int_equal(verdict.record_errors[0].index, 9);
        arena_fini(&arena);
    }
}

static void flipped_bits_under_a_good_crc_are_refused_or_harmless(void **state)
{
    struct mem *mem = test_mem();
    struct batch_rules rules = rules_of_a_topic();
    for (int codec = 0; codec < 5; codec++)
        for (size_t bit = 21 * 8; bit < golden_size[codec] * 8; bit++) {
            uint8_t *copy = malloc(golden_size[codec]); /* of its exact size: a sanitizer sees one byte too far */
            struct arena arena;
            struct batch_header header;
            struct batch_verdict verdict;
            struct slice batch = slice_of(copy, golden_size[codec]), out;
            memcpy(copy, golden[codec], golden_size[codec]);
            copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
            put_u32(copy + 17, crc32c(0, copy + 21, golden_size[codec] - 21));
            arena_init(&arena, mem, 1 << 20);
            if (batch_check(batch, &rules, &arena, &header, &verdict) &&
                batch_convert(batch, &rules, COMPRESS_NONE, INT32_MIN, &arena, &header, &out, &verdict))
                assert_true(batch_check(out, &rules, &arena, &header, &verdict));
            else
                assert_int_not_equal(verdict.error, KAFKA_ERROR_NONE);
            arena_fini(&arena);
            free(copy);
        }
    assert_int_equal(mem->used, 0);
}

static void what_grows_beyond_the_topics_limit_is_refused(void **state)
{
    struct batch_rules rules = rules_of_a_topic();
    struct arena arena;
    struct batch_header header;
    struct batch_verdict verdict;
    struct slice batch = slice_of(golden[4], golden_size[4]), out;
    rules.max_bytes = (int32_t)golden_size[4];
    arena_init(&arena, test_mem(), 1 << 20);
    assert_true(batch_check(batch, &rules, &arena, &header, &verdict));
    assert_false(batch_convert(batch, &rules, COMPRESS_NONE, INT32_MIN, &arena, &header, &out, &verdict));
    assert_int_equal(verdict.error, KAFKA_ERROR_MESSAGE_TOO_LARGE);
    arena_fini(&arena);
}

static void every_failing_allocation_refuses_the_one_batch(void **state)
{
    struct mem *mem = test_mem();
    struct batch_rules rules = rules_of_a_topic();
    for (int to = 0; to < 4; to++) {
        bool accepted = false;
        for (long n = 1; !accepted; n++) {
            struct arena arena;
            struct batch_header header;
            struct batch_verdict verdict;
            struct slice batch = slice_of(golden[4], golden_size[4]), out;
            arena_init(&arena, mem, 1 << 20);
            assert_true(batch_check(batch, &rules, &arena, &header, &verdict));
            test_mem_fail_at(mem, n);
            accepted = batch_convert(batch, &rules, to, INT32_MIN, &arena, &header, &out, &verdict);
            test_mem_fail_at(mem, 0);
            assert_true(accepted || verdict.error == KAFKA_ERROR_KAFKA_STORAGE_ERROR);
            arena_fini(&arena);
            assert_int_equal(mem->used, 0);
            assert_true(n < 100);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kafkas_batches_pack_anew_into_every_codec),
        cmocka_unit_test(missing_keys_are_found_inside_a_compressed_batch),
        cmocka_unit_test(flipped_bits_under_a_good_crc_are_refused_or_harmless),
        cmocka_unit_test(what_grows_beyond_the_topics_limit_is_refused),
        cmocka_unit_test(every_failing_allocation_refuses_the_one_batch),
    };
    return cmocka_run_group_tests(tests, load_golden, NULL);
}
