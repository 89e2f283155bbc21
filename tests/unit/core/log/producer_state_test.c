/* Idempotent producers: what is a repetition, what is a gap, who is fenced, and that a snapshot keeps the answers. */
#include "core/log/producer_state.h"
#include "core/wire/crc32c.h"
#include "core/wire/error.h"
#include "tests/support/test.h"

static struct batch_header header_of(int64_t id, int16_t epoch, int32_t sequence, int32_t count)
{
    return (struct batch_header){.producer_id = id,
                                 .producer_epoch = epoch,
                                 .base_sequence = sequence,
                                 .last_offset_delta = count - 1,
                                 .record_count = count};
}

static int16_t check(struct producer_state *state, struct batch_header header, int64_t *duplicate_offset)
{
    const struct producer_batch *duplicate;
    int16_t error = producer_state_check(state, &header, &duplicate);
    *duplicate_offset = duplicate == NULL ? -1 : duplicate->last_offset - duplicate->offset_delta;
    return error;
}

static void append(struct producer_state *state, struct batch_header header, int64_t offset)
{
    producer_entry_update(producer_state_prepare(state, header.producer_id), &header, offset, 5, 5);
}

static void an_unknown_producer_may_begin_anywhere(void **state)
{
    struct producer_state producers;
    int64_t duplicate;
    producer_state_init(&producers, test_mem());
    assert_int_equal(check(&producers, header_of(1, 3, 4711, 2), &duplicate), KAFKA_ERROR_NONE);
    assert_int_equal(duplicate, -1);
    producer_state_fini(&producers);
}

static void the_last_five_batches_are_recognised_and_the_sixth_is_not(void **state)
{
    struct producer_state producers;
    int64_t duplicate;
    producer_state_init(&producers, test_mem());
    for (int i = 0; i < 8; i++)
        append(&producers, header_of(1, 0, i * 10, 10), 100 + i * 10);
    for (int i = 3; i < 8; i++) {
        assert_int_equal(check(&producers, header_of(1, 0, i * 10, 10), &duplicate), KAFKA_ERROR_NONE);
        assert_int_equal(duplicate, 100 + i * 10);
    }
    assert_int_equal(check(&producers, header_of(1, 0, 20, 10), &duplicate), KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(check(&producers, header_of(1, 0, 70, 9), &duplicate), KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(check(&producers, header_of(1, 0, 81, 1), &duplicate), KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(check(&producers, header_of(1, 0, 80, 1), &duplicate), KAFKA_ERROR_NONE);
    assert_int_equal(duplicate, -1);
    producer_state_fini(&producers);
}

static void sequences_go_on_at_zero_behind_the_largest(void **state)
{
    struct producer_state producers;
    int64_t duplicate;
    producer_state_init(&producers, test_mem());
    append(&producers, header_of(1, 0, INT32_MAX - 1, 2), 0);
    assert_int_equal(check(&producers, header_of(1, 0, 0, 1), &duplicate), KAFKA_ERROR_NONE);
    assert_int_equal(check(&producers, header_of(1, 0, 1, 1), &duplicate), KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    append(&producers, header_of(1, 0, 0, 1), 2);
    append(&producers, header_of(1, 0, 1, 5), 3);
    assert_int_equal(check(&producers, header_of(1, 0, INT32_MAX - 1, 2), &duplicate), KAFKA_ERROR_NONE);
    assert_int_equal(duplicate, 0);
    producer_state_fini(&producers);
}

static void an_older_epoch_is_fenced_and_a_newer_one_begins_at_zero(void **state)
{
    struct producer_state producers;
    int64_t duplicate;
    producer_state_init(&producers, test_mem());
    append(&producers, header_of(1, 4, 0, 3), 0);
    assert_int_equal(check(&producers, header_of(1, 3, 3, 1), &duplicate), KAFKA_ERROR_INVALID_PRODUCER_EPOCH);
    assert_int_equal(check(&producers, header_of(1, 5, 3, 1), &duplicate), KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(check(&producers, header_of(1, 5, 0, 3), &duplicate), KAFKA_ERROR_NONE);
    assert_int_equal(duplicate, -1); /* the same sequences in another epoch are no repetition */
    append(&producers, header_of(1, 5, 0, 3), 3);
    assert_int_equal(check(&producers, header_of(1, 4, 0, 3), &duplicate), KAFKA_ERROR_INVALID_PRODUCER_EPOCH);
    producer_state_fini(&producers);
}

static void an_undone_update_leaves_no_trace(void **state)
{
    struct mem *mem = test_mem();
    struct producer_state producers;
    int64_t duplicate;
    producer_state_init(&producers, mem);
    struct producer_entry *entry = producer_state_prepare(&producers, 9), before = *entry;
    struct batch_header header = header_of(9, 0, 5, 1);
    producer_entry_update(entry, &header, 0, 0, 0);
    producer_state_undo(&producers, &before);
    assert_int_equal(producers.entries.count, 0);
    append(&producers, header_of(9, 0, 0, 1), 0);
    entry = producer_state_prepare(&producers, 9);
    before = *entry;
    header = header_of(9, 0, 1, 1);
    producer_entry_update(entry, &header, 1, 0, 0);
    producer_state_undo(&producers, &before);
    assert_int_equal(check(&producers, header_of(9, 0, 1, 1), &duplicate), KAFKA_ERROR_NONE);
    assert_int_equal(duplicate, -1);
    producer_state_fini(&producers);
    assert_int_equal(mem->used, 0);
}

static void idle_producers_expire_unless_a_transaction_is_open(void **state)
{
    struct producer_state producers;
    producer_state_init(&producers, test_mem());
    for (int64_t id = 0; id < 1000; id++) {
        struct batch_header header = header_of(id, 0, 0, 1);
        producer_entry_update(producer_state_prepare(&producers, id), &header, id, id, id);
    }
    producer_state_prepare(&producers, 3)->transaction_offset = 3;
    assert_int_equal(producer_state_expire(&producers, 600, 101), 499);
    assert_int_equal(producers.entries.count, 501);
    assert_int_equal(producer_state_expire(&producers, 600, 101), 0);
    producer_state_fini(&producers);
}

static void a_snapshot_gives_the_same_answers_and_a_damaged_one_is_refused(void **state)
{
    struct mem *mem = test_mem();
    struct producer_state producers, again;
    uint8_t bytes[4096];
    int64_t duplicate;
    producer_state_init(&producers, mem);
    producer_state_init(&again, mem);
    for (int64_t id = 0; id < 20; id++)
        append(&producers, header_of(id, (int16_t)id, 7, 3), id * 3);
    size_t size = producer_snapshot_size(&producers);
    producer_snapshot_write(&producers, bytes);
    assert_int_equal(producer_snapshot_read(&again, slice_of(bytes, size)), ERR_OK);
    for (int64_t id = 0; id < 20; id++) {
        assert_int_equal(check(&again, header_of(id, (int16_t)id, 7, 3), &duplicate), KAFKA_ERROR_NONE);
        assert_int_equal(duplicate, id * 3);
        assert_int_equal(check(&again, header_of(id, (int16_t)id, 11, 3), &duplicate),
                         KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    }
    producer_state_fini(&again);
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 1;
        producer_state_init(&again, mem);
        assert_int_equal(producer_snapshot_read(&again, slice_of(bytes, size)), ERR_CORRUPT);
        assert_int_equal(again.entries.count, 0);
        producer_state_fini(&again);
        bytes[i] ^= 1;
    }
    producer_state_fini(&producers);
    assert_int_equal(mem->used, 0);
}

static void producers_that_wrote_last_below_what_was_replayed_are_forgotten(void **state)
{
    struct producer_state producers;
    int64_t duplicate;
    producer_state_init(&producers, test_mem());
    for (int64_t id = 0; id < 10; id++)
        append(&producers, header_of(id, 0, 0, 3), id * 3);
    producer_state_prepare(&producers, 2)->transaction_offset = 6;
    assert_int_equal(producer_state_forget_below(&producers, 12), 3); /* 0, 1 and 3: that of 2 is open */
    assert_int_equal(check(&producers, header_of(3, 0, 147, 3), &duplicate), KAFKA_ERROR_NONE);
    assert_int_equal(check(&producers, header_of(4, 0, 147, 3), &duplicate), KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    producer_state_fini(&producers);
}

static void what_follows_a_refused_first_batch_is_refused_until_the_next_expiry(void **state)
{
    struct producer_state producers;
    struct producer_entry before;
    int64_t duplicate;
    producer_state_init(&producers, test_mem());
    struct batch_header first = header_of(5, 0, 0, 3);
    struct producer_entry *entry = producer_state_prepare(&producers, 5);
    before = *entry;
    producer_entry_update(entry, &first, 0, 0, 0);
    producer_state_undo(&producers, &before);
    assert_int_equal(check(&producers, header_of(5, 0, 3, 3), &duplicate), KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(check(&producers, first, &duplicate), KAFKA_ERROR_NONE);
    assert_int_equal(producer_state_expire(&producers, 0, 1), 0);
    assert_int_equal(check(&producers, header_of(5, 0, 3, 3), &duplicate), KAFKA_ERROR_NONE);
    producer_state_fini(&producers);
}

static void a_snapshot_keeps_the_whole_window_and_one_of_kafka_the_last_batch(void **state)
{
    enum { BATCHES = 7, KAFKA_BYTES = 10 + 46 };
    struct producer_state producers, again;
    uint8_t bytes[1024];
    int64_t duplicate;
    producer_state_init(&producers, test_mem());
    for (int i = 0; i < BATCHES; i++)
        append(&producers, header_of(5, 0, 3 * i, 3), 3 * i);
    size_t size = producer_snapshot_size(&producers);
    producer_snapshot_write(&producers, bytes);
    producer_state_init(&again, test_mem());
    assert_int_equal(producer_snapshot_read(&again, slice_of(bytes, size)), ERR_OK);
    for (int i = BATCHES - PRODUCER_BATCHES; i < BATCHES; i++) {
        assert_int_equal(check(&again, header_of(5, 0, 3 * i, 3), &duplicate), KAFKA_ERROR_NONE);
        assert_int_equal(duplicate, 3 * i);
    }
    append(&again, header_of(5, 0, 3 * BATCHES, 3), 3 * BATCHES);
    producer_state_fini(&again);

    put_u32(bytes + 2, crc32c(0, bytes + 6, KAFKA_BYTES - 6));
    producer_state_init(&again, test_mem());
    assert_int_equal(producer_snapshot_read(&again, slice_of(bytes, KAFKA_BYTES)), ERR_OK);
    assert_int_equal(check(&again, header_of(5, 0, 3 * BATCHES - 3, 3), &duplicate), KAFKA_ERROR_NONE);
    assert_int_equal(duplicate, 3 * BATCHES - 3);
    assert_int_equal(check(&again, header_of(5, 0, 3 * BATCHES - 6, 3), &duplicate),
                     KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    producer_state_fini(&again);
    producer_state_fini(&producers);
}

static void a_clock_at_either_end_of_time_expires_or_keeps_without_overflow(void **state)
{
    struct producer_state producers;
    producer_state_init(&producers, test_mem());
    for (int i = 0; i < 2; i++) {
        struct producer_entry *entry = producer_state_prepare(&producers, i);
        assert_non_null(entry);
        entry->epoch = 0;
        entry->used_ms = i == 0 ? INT64_MIN : INT64_MAX;
    }
    assert_int_equal(producer_state_expire(&producers, 1700000000000, 86400000), 1);
    assert_int_equal(producer_state_expire(&producers, -2, INT64_MAX), 0);
    producer_state_fini(&producers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_producer_may_begin_anywhere),
        cmocka_unit_test(the_last_five_batches_are_recognised_and_the_sixth_is_not),
        cmocka_unit_test(sequences_go_on_at_zero_behind_the_largest),
        cmocka_unit_test(an_older_epoch_is_fenced_and_a_newer_one_begins_at_zero),
        cmocka_unit_test(an_undone_update_leaves_no_trace),
        cmocka_unit_test(idle_producers_expire_unless_a_transaction_is_open),
        cmocka_unit_test(producers_that_wrote_last_below_what_was_replayed_are_forgotten),
        cmocka_unit_test(what_follows_a_refused_first_batch_is_refused_until_the_next_expiry),
        cmocka_unit_test(a_snapshot_keeps_the_whole_window_and_one_of_kafka_the_last_batch),
        cmocka_unit_test(a_clock_at_either_end_of_time_expires_or_keeps_without_overflow),
        cmocka_unit_test(a_snapshot_gives_the_same_answers_and_a_damaged_one_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
