/* Record batches: what the broker must refuse, with which code, and that nothing reads outside the bytes given. */
#include "core/wire/batch.h"
#include "core/wire/crc32c.h"
#include "core/wire/error.h"
#include "io/base/prng.h"
#include "tests/support/test.h"

#define NOW_MS 1000000000

static uint8_t buffer[1 << 20];

static struct batch_rules rules_of_a_topic(void)
{
    return (struct batch_rules){.now_ms = NOW_MS,
                                .before_max_ms = INT64_MAX,
                                .after_max_ms = 3600000,
                                .max_bytes = 1048588,
                                .segment_bytes = 1 << 30};
}

static struct slice three_records(const struct batch_header *header)
{
    struct batch_builder builder;
    batch_builder_init(&builder, buffer, sizeof(buffer));
    for (int i = 0; i < 3; i++)
        assert_true(batch_builder_add(&builder, NOW_MS + i, i == 1 ? SLICE_NULL : SLICE_LITERAL("key"),
                                      SLICE_LITERAL("value"), SLICE_NULL, 0));
    return batch_builder_finish(&builder, header);
}

/* After a change behind the CRC's start that is to be seen as itself, not as a bad CRC. */
static void seal(struct slice batch)
{
    put_u32(buffer + 17, crc32c(0, buffer + 21, batch.length - 21));
}

static struct batch_verdict verdict_of(struct slice batch, const struct batch_rules *rules)
{
    static struct arena arena; /* the verdict points into it */
    struct batch_header header;
    struct batch_verdict verdict;
    if (arena.mem == NULL)
        arena_init(&arena, test_mem(), 1 << 20);
    else
        arena_reset(&arena);
    bool accepted = batch_check(batch, rules, &arena, &header, &verdict);
    assert_int_equal(accepted, verdict.error == KAFKA_ERROR_NONE);
    return verdict;
}

static int16_t error_of(struct slice batch)
{
    struct batch_rules rules = rules_of_a_topic();
    return verdict_of(batch, &rules).error;
}

static void crc32c_gives_the_known_value_and_the_same_on_every_path(void **state)
{
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(crc32c_portable(0, "123456789", 9), 0xe3069283);
    struct prng prng;
    prng_seed(&prng, 7);
    for (size_t i = 0; i < sizeof(buffer); i++)
        buffer[i] = (uint8_t)prng_next(&prng);
    for (size_t length = 0; length < sizeof(buffer); length = length * 2 + 13)
        for (size_t start = 0; start < 9; start += 4) {
            size_t size = length + start > sizeof(buffer) ? sizeof(buffer) - start : length;
            uint32_t crc = crc32c(0, buffer + start, size);
            assert_int_equal(crc, crc32c_portable(0, buffer + start, size));
            size_t cut = size / 3;
            uint32_t a = crc32c(0, buffer + start, cut), b = crc32c(0, buffer + start + cut, size - cut);
            assert_int_equal(crc32c(a, buffer + start + cut, size - cut), crc);
            assert_int_equal(crc32c_join(a, b, size - cut), crc);
        }
}

static void a_built_batch_is_accepted_and_reads_back(void **state)
{
    struct slice batch = three_records(NULL);
    assert_int_equal(error_of(batch), KAFKA_ERROR_NONE);
    struct batch_header header;
    assert_int_equal(batch_read_header(batch.data, batch.length, &header), ERR_OK);
    assert_int_equal(header.record_count, 3);
    assert_int_equal(header.max_timestamp, NOW_MS + 2);
    struct batch_records records;
    struct batch_record record;
    batch_records_init(&records, slice_of(batch.data + 61, batch.length - 61), 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(batch_records_next(&records, &record), ERR_OK);
        assert_int_equal(record.offset_delta, i);
        assert_int_equal(record.timestamp_delta, i);
        assert_int_equal(slice_is_null(record.key), i == 1);
        assert_true(slice_equal_string(record.value, "value"));
    }
    assert_int_equal(batch_records_next(&records, &record), ERR_NOT_FOUND);
}

static void a_flipped_bit_anywhere_behind_the_crc_is_a_corrupt_message(void **state)
{
    struct slice batch = three_records(NULL);
    for (size_t i = 21; i < batch.length; i++) {
        buffer[i] ^= 4;
        assert_int_equal(error_of(batch), KAFKA_ERROR_CORRUPT_MESSAGE);
        buffer[i] ^= 4;
    }
    assert_int_equal(error_of(batch), KAFKA_ERROR_NONE);
}

static void a_batch_cut_short_or_followed_by_another_is_refused(void **state)
{
    struct slice batch = three_records(NULL);
    for (size_t length = 0; length < batch.length; length++) {
        uint8_t *copy = malloc(length + 1); /* its own block, so that a sanitizer sees a read beyond it */
        memcpy(copy, batch.data, length);
        int16_t error = error_of(slice_of(copy, length));
        assert_true(error == KAFKA_ERROR_CORRUPT_MESSAGE || error == KAFKA_ERROR_INVALID_RECORD);
        free(copy);
    }
    uint8_t *both = malloc(2 * batch.length);
    memcpy(both, batch.data, batch.length);
    memcpy(both + batch.length, batch.data, batch.length);
    for (size_t more = 0; more < batch.length; more++) /* which is left out */
        assert_int_equal(error_of(slice_of(both, batch.length + more)), KAFKA_ERROR_NONE);
    assert_int_equal(error_of(slice_of(both, 2 * batch.length)), KAFKA_ERROR_INVALID_RECORD);
    put_i32(both + batch.length + 8, 13);
    assert_int_equal(error_of(slice_of(both, 2 * batch.length)), KAFKA_ERROR_CORRUPT_MESSAGE);
    free(both);
}

static void header_fields_that_clients_may_not_set_are_refused_with_kafkas_codes(void **state)
{
    struct slice batch = three_records(NULL);
    put_i64(buffer, 1);
    assert_int_equal(error_of(batch), KAFKA_ERROR_INVALID_RECORD);
    batch = three_records(NULL);
    buffer[16] = 1;
    assert_int_equal(error_of(batch), KAFKA_ERROR_INVALID_RECORD);
    batch = three_records(NULL);
    put_i32(buffer + 57, 4);
    seal(batch);
    assert_int_equal(error_of(batch), KAFKA_ERROR_INVALID_RECORD);
    batch = three_records(&(struct batch_header){.attributes = BATCH_CONTROL, .producer_id = -1});
    assert_int_equal(error_of(batch), KAFKA_ERROR_INVALID_RECORD);
    batch = three_records(&(struct batch_header){.attributes = 5, .producer_id = -1});
    assert_int_equal(error_of(batch), KAFKA_ERROR_UNSUPPORTED_COMPRESSION_TYPE);
    batch = three_records(&(struct batch_header){.producer_id = 9, .base_sequence = -1});
    assert_int_equal(error_of(batch), KAFKA_ERROR_INVALID_RECORD);
    batch = three_records(&(struct batch_header){.producer_id = 9, .producer_epoch = 0, .base_sequence = 0});
    assert_int_equal(error_of(batch), KAFKA_ERROR_NONE);
}

static void limits_of_the_topic_hold(void **state)
{
    struct slice batch = three_records(NULL);
    struct batch_rules rules = rules_of_a_topic();
    rules.max_bytes = (int32_t)batch.length - 1;
    assert_int_equal(verdict_of(batch, &rules).error, KAFKA_ERROR_MESSAGE_TOO_LARGE);
    rules.max_bytes++;
    assert_int_equal(verdict_of(batch, &rules).error, KAFKA_ERROR_NONE);
    rules.segment_bytes = (int32_t)batch.length - 1;
    assert_int_equal(verdict_of(batch, &rules).error, KAFKA_ERROR_RECORD_LIST_TOO_LARGE);
}

static void a_record_without_key_on_a_compacted_topic_is_named(void **state)
{
    struct slice batch = three_records(NULL);
    struct batch_rules rules = rules_of_a_topic();
    rules.need_keys = true;
    struct batch_verdict verdict = verdict_of(batch, &rules);
    assert_int_equal(verdict.error, KAFKA_ERROR_INVALID_RECORD);
    assert_int_equal(verdict.record_error_count, 1);
    assert_int_equal(verdict.record_errors[0].index, 1);
}

static void timestamps_outside_the_window_are_refused_and_none_is_not_a_timestamp(void **state)
{
    struct batch_rules rules = rules_of_a_topic();
    struct slice batch = three_records(NULL);
    rules.now_ms = NOW_MS - 3600000;
    struct batch_verdict verdict = verdict_of(batch, &rules);
    assert_int_equal(verdict.error, KAFKA_ERROR_INVALID_TIMESTAMP);
    assert_int_equal(verdict.record_error_count, 2); /* the first is exactly an hour ahead */
    rules.append_time = true;
    assert_int_equal(verdict_of(batch, &rules).error, KAFKA_ERROR_NONE);
    rules = rules_of_a_topic();
    rules.now_ms = NOW_MS + 5000;
    rules.before_max_ms = 1000;
    assert_int_equal(verdict_of(batch, &rules).error, KAFKA_ERROR_INVALID_TIMESTAMP);
    struct batch_builder builder;
    batch_builder_init(&builder, buffer, sizeof(buffer));
    assert_true(batch_builder_add(&builder, -1, SLICE_NULL, SLICE_NULL, SLICE_NULL, 0));
    assert_int_equal(verdict_of(batch_builder_finish(&builder, NULL), &rules).error, KAFKA_ERROR_NONE);
}

static void random_bytes_with_a_good_crc_never_read_outside(void **state)
{
    struct prng prng;
    prng_seed(&prng, 99);
    for (int round = 0; round < 20000; round++) {
        struct slice batch = three_records(NULL);
        uint8_t *copy = malloc(batch.length);
        memcpy(copy, batch.data, batch.length);
        for (int i = 0; i < 3; i++)
            copy[61 + prng_next(&prng) % (batch.length - 61)] = (uint8_t)prng_next(&prng);
        put_u32(copy + 17, crc32c(0, copy + 21, batch.length - 21));
        int16_t error = error_of(slice_of(copy, batch.length));
        assert_true(error == KAFKA_ERROR_NONE || error == KAFKA_ERROR_INVALID_RECORD ||
                    error == KAFKA_ERROR_INVALID_TIMESTAMP);
        free(copy);
    }
}

/* What batch_check_records must say, one record after the other and by the book. */
static int16_t verdict_by_the_book(struct slice body, const struct batch_header *header,
                                   const struct batch_rules *rules, int64_t *max_timestamp)
{
    struct batch_records records;
    struct batch_record record;
    int16_t error = KAFKA_ERROR_NONE;
    *max_timestamp = BATCH_NO_TIMESTAMP;
    batch_records_init(&records, body, header->record_count);
    for (int32_t i = 0; i < header->record_count; i++) {
        int64_t timestamp;
        if (batch_records_next(&records, &record) != ERR_OK)
            return KAFKA_ERROR_INVALID_RECORD;
        bool fits = !__builtin_add_overflow(header->base_timestamp, record.timestamp_delta, &timestamp);
        *max_timestamp = timestamp > *max_timestamp ? timestamp : *max_timestamp;
        if (record.offset_delta != i || (rules->need_keys && slice_is_null(record.key)))
            error = KAFKA_ERROR_INVALID_RECORD;
        else if (!fits || timestamp > rules->now_ms + rules->after_max_ms ||
                 timestamp < rules->now_ms - rules->before_max_ms)
            error = KAFKA_ERROR_INVALID_TIMESTAMP;
    }
    return batch_records_next(&records, &record) == ERR_NOT_FOUND ? error : KAFKA_ERROR_INVALID_RECORD;
}

/* Sizes as they come: mostly alike within a batch, sometimes at the edges of a varint's length. */
static struct slice some_bytes(struct prng *prng, const uint8_t *bytes, size_t usual)
{
    static const size_t edges[] = {0, 1, 63, 64, 8191, 8192};
    if (prng_chance(prng, 3000))
        return slice_of(bytes, edges[prng_below(prng, COUNT_OF(edges))]);
    if (prng_chance(prng, 30000))
        return SLICE_NULL;
    return slice_of(bytes, usual);
}

/* *head: where some record begins. */
static struct slice batch_of_any_shape(struct prng *prng, struct batch_builder *builder, size_t *head)
{
    static uint8_t bytes[40000], header[16];
    int count = (int)(prng_chance(prng, 5000) ? prng_between(prng, 8000, 20000) : prng_between(prng, 1, 200));
    size_t key = prng_chance(prng, 50000) ? 9000 : prng_below(prng, 3) * prng_below(prng, 70),
           value = prng_below(prng, 150);
    uint64_t spread_ms = prng_below(prng, 2) * prng_below(prng, 3000), alike = 500000 * prng_between(prng, 1, 2);
    size_t header_length = batch_put_header(header, SLICE_LITERAL("k"), SLICE_LITERAL("v"));
    batch_builder_init(builder, buffer, sizeof(buffer));
    *head = builder->length;
    for (int i = 0; i < count; i++) {
        *head = prng_below(prng, (uint64_t)i + 1) == 0 ? builder->length : *head;
        bool headers = prng_chance(prng, 5000);
        if (!batch_builder_add(builder, NOW_MS - 1000 + (int64_t)prng_below(prng, spread_ms + 1),
                               key == 0 ? SLICE_NULL : some_bytes(prng, bytes, key),
                               some_bytes(prng, bytes, prng_chance(prng, alike) ? value : prng_below(prng, 300)),
                               headers ? slice_of(header, header_length) : SLICE_NULL, headers))
            break;
    }
    return batch_builder_finish(builder, NULL);
}

static void records_of_any_shape_are_judged_as_by_the_book(void **state)
{
    struct prng prng;
    struct batch_builder builder;
    int good = 0, bad = 0;
    prng_seed(&prng, 7);
    for (int round = 0; round < 12000; round++) {
        size_t head;
        struct slice batch = batch_of_any_shape(&prng, &builder, &head);
        if (prng_below(&prng, 3) == 0)
            buffer[size_min(head + prng_below(&prng, 14), batch.length - 1)] ^= (uint8_t)(1 << prng_below(&prng, 8));
        if (prng_below(&prng, 3) == 0)
            buffer[BATCH_HEADER_BYTES + prng_below(&prng, batch.length - BATCH_HEADER_BYTES)] =
                (uint8_t)prng_next(&prng);
        seal(batch);
        struct batch_rules rules = rules_of_a_topic();
        rules.need_keys = prng_chance(&prng, 200000);
        rules.before_max_ms = prng_chance(&prng, 500000) ? 999 : 100000;
        struct batch_header header;
        assert_int_equal(batch_read_header(buffer, batch.length, &header), ERR_OK);
        struct slice body = slice_of(buffer + BATCH_HEADER_BYTES, batch.length - BATCH_HEADER_BYTES);
        int64_t max_timestamp;
        int16_t expected = verdict_by_the_book(body, &header, &rules, &max_timestamp);
        struct batch_verdict verdict = verdict_of(batch, &rules);
        assert_int_equal(verdict.error == KAFKA_ERROR_NONE, expected == KAFKA_ERROR_NONE);
        if (expected == KAFKA_ERROR_NONE)
            assert_int_equal(verdict.max_timestamp, max_timestamp);
        *(expected == KAFKA_ERROR_NONE ? &good : &bad) += 1;
    }
    assert_true(good > 1000 && bad > 1000);
}

/* The records before it are alike to the last byte of what stands before their keys. */
static void the_last_byte_of_a_long_keys_length_counts(void **state)
{
    enum { VICTIM = 70, TO_THIRD_BYTE = 3 + 1 + 1 + 2 + 2 }; /* length, attributes, timestamp, offset, key's length */
    static const uint8_t key[9000];
    struct batch_builder builder;
    size_t victim = 0;
    batch_builder_init(&builder, buffer, sizeof(buffer));
    for (int i = 0; i < 100; i++) {
        victim = i == VICTIM ? builder.length : victim;
        assert_true(
            batch_builder_add(&builder, NOW_MS, slice_of(key, sizeof(key)), SLICE_LITERAL("value"), SLICE_NULL, 0));
    }
    struct slice batch = batch_builder_finish(&builder, NULL);
    assert_int_equal(error_of(batch), KAFKA_ERROR_NONE);
    assert_int_equal(buffer[victim + TO_THIRD_BYTE], 1);
    buffer[victim + TO_THIRD_BYTE] = 2;
    seal(batch);
    assert_int_equal(error_of(batch), KAFKA_ERROR_INVALID_RECORD);
}

static void append_time_is_stamped_with_a_valid_crc(void **state)
{
    struct slice batch = three_records(NULL);
    batch_set_append_time(buffer, batch.length, 77);
    struct batch_header header;
    assert_int_equal(batch_read_header(batch.data, batch.length, &header), ERR_OK);
    assert_true(batch_crc_matches(batch.data, &header));
    assert_int_equal(header.max_timestamp, 77);
    assert_true(header.attributes & BATCH_LOG_APPEND_TIME);
    batch_set_offset(buffer, 4711, 3);
    assert_int_equal(batch_read_header(batch.data, batch.length, &header), ERR_OK);
    assert_true(batch_crc_matches(batch.data, &header));
    assert_int_equal(header.base_offset, 4711);
}

static void sequences_go_round_at_the_largest_number(void **state)
{
    struct batch_header header = {.base_sequence = INT32_MAX - 1, .last_offset_delta = 2};
    assert_int_equal(batch_last_sequence(&header), 0);
    header.last_offset_delta = 1;
    assert_int_equal(batch_last_sequence(&header), INT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c_gives_the_known_value_and_the_same_on_every_path),
        cmocka_unit_test(a_built_batch_is_accepted_and_reads_back),
        cmocka_unit_test(a_flipped_bit_anywhere_behind_the_crc_is_a_corrupt_message),
        cmocka_unit_test(a_batch_cut_short_or_followed_by_another_is_refused),
        cmocka_unit_test(header_fields_that_clients_may_not_set_are_refused_with_kafkas_codes),
        cmocka_unit_test(limits_of_the_topic_hold),
        cmocka_unit_test(a_record_without_key_on_a_compacted_topic_is_named),
        cmocka_unit_test(timestamps_outside_the_window_are_refused_and_none_is_not_a_timestamp),
        cmocka_unit_test(random_bytes_with_a_good_crc_never_read_outside),
        cmocka_unit_test(records_of_any_shape_are_judged_as_by_the_book),
        cmocka_unit_test(the_last_byte_of_a_long_keys_length_counts),
        cmocka_unit_test(append_time_is_stamped_with_a_valid_crc),
        cmocka_unit_test(sequences_go_round_at_the_largest_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
