/* Transactions of producers on one partition: who may open one, what a marker ends, who is fenced, what is stable. */
#include "core/log/producer_state.h"
#include "core/wire/error.h"
#include "tests/support/test.h"

static struct producer_state producers;
static int64_t next_offset;

static int set_up(void **state)
{
    producer_state_init(&producers, test_mem());
    next_offset = 0;
    return 0;
}

static int tear_down(void **state)
{
    producer_state_fini(&producers);
    return 0;
}

static struct batch_header data_of(int16_t epoch, int32_t sequence, bool transactional)
{
    return (struct batch_header){.producer_id = 5,
                                 .producer_epoch = epoch,
                                 .base_sequence = sequence,
                                 .record_count = 1,
                                 .attributes = transactional ? BATCH_TRANSACTIONAL : 0};
}

static int16_t add(struct batch_header header, struct producer_terms terms)
{
    const struct producer_batch *duplicate;
    struct log_aborted aborted;
    int16_t error = producer_txn_check(&producers, &header, &terms, &duplicate);
    if (error != KAFKA_ERROR_NONE || duplicate != NULL)
        return error;
    header.base_offset = next_offset;
    struct producer_entry *entry = producer_txn_prepare(&producers, &header);
    bool is_aborted = producer_txn_update(&producers, entry, &header, &terms, next_offset++, 10, &aborted);
    assert_false(is_aborted);
    producer_state_replicated(&producers, next_offset);
    return error;
}

static int16_t send(int16_t epoch, int32_t sequence, uint64_t guard)
{
    return add(data_of(epoch, sequence, true),
               (struct producer_terms){.by_client = true, .needs_guard = true, .guard = guard});
}

static uint64_t verify(int16_t epoch, int32_t sequence, bool bumps)
{
    struct batch_header header = data_of(epoch, sequence, true);
    uint64_t guard;
    assert_int_equal(producer_txn_guard(&producers, &header, bumps, 10, &guard), KAFKA_ERROR_NONE);
    return guard;
}

static int16_t mark(int16_t epoch, int32_t coordinator_epoch, int16_t version)
{
    struct batch_header header = {.producer_id = 5,
                                  .producer_epoch = epoch,
                                  .base_sequence = -1,
                                  .record_count = 1,
                                  .attributes = BATCH_TRANSACTIONAL | BATCH_CONTROL};
    return add(header, (struct producer_terms){.version = version,
                                               .is_marker = true,
                                               .marker = {.coordinator_epoch = coordinator_epoch, .commit = true}});
}

static void only_the_verified_open_a_transaction(void **state)
{
    assert_int_equal(send(0, 0, 0), KAFKA_ERROR_INVALID_TXN_STATE);
    uint64_t guard = verify(0, 0, false);
    assert_int_not_equal(guard, 0);
    assert_int_equal(send(0, 0, guard + 1), KAFKA_ERROR_INVALID_TXN_STATE);
    assert_int_equal(send(0, 0, guard), KAFKA_ERROR_NONE);
    assert_int_equal(verify(0, 1, false), 0); /* open: nobody is asked */
    assert_int_equal(send(0, 1, 0), KAFKA_ERROR_NONE);
    assert_int_equal(producer_first_unstable(&producers), 0);
}

static void a_verified_batch_that_comes_behind_the_marker_is_refused(void **state)
{
    uint64_t guard = verify(0, 0, false);
    assert_int_equal(mark(0, 1, 0), KAFKA_ERROR_NONE); /* the transaction was aborted meanwhile */
    assert_int_equal(send(0, 0, guard), KAFKA_ERROR_INVALID_TXN_STATE);
    uint64_t next = verify(0, 0, false);
    assert_int_not_equal(next, guard);
    assert_int_equal(send(0, 0, next), KAFKA_ERROR_NONE);
}

static void with_version_2_a_late_marker_does_not_void_the_next_transaction(void **state)
{
    assert_int_equal(send(0, 0, verify(0, 0, true)), KAFKA_ERROR_NONE);
    uint64_t guard = verify(1, 0, true);
    assert_int_equal(mark(1, 1, 2), KAFKA_ERROR_NONE); /* ends epoch 0's; epoch 1 is the next one's */
    assert_int_equal(send(1, 0, guard), KAFKA_ERROR_NONE);
    assert_int_equal(producer_first_unstable(&producers), 2);
}

static void a_marker_of_version_2_needs_a_higher_epoch_or_nothing_to_end(void **state)
{
    assert_int_equal(send(3, 0, verify(3, 0, true)), KAFKA_ERROR_NONE);
    assert_int_equal(mark(3, 1, 2), KAFKA_ERROR_INVALID_PRODUCER_EPOCH);
    assert_int_equal(mark(2, 1, 0), KAFKA_ERROR_INVALID_PRODUCER_EPOCH);
    assert_int_equal(mark(4, 1, 2), KAFKA_ERROR_NONE);
    assert_int_equal(mark(4, 1, 2), KAFKA_ERROR_NONE); /* it came twice */
    assert_int_equal(send(3, 1, 0), KAFKA_ERROR_INVALID_PRODUCER_EPOCH);
}

static void a_marker_of_an_old_coordinator_is_fenced(void **state)
{
    assert_int_equal(mark(0, 5, 0), KAFKA_ERROR_NONE);
    assert_int_equal(mark(0, 4, 0), KAFKA_ERROR_TRANSACTION_COORDINATOR_FENCED);
    assert_int_equal(mark(0, 5, 0), KAFKA_ERROR_NONE);
}

static void records_outside_of_a_transaction_are_refused_while_it_is_open(void **state)
{
    assert_int_equal(send(0, 0, verify(0, 0, false)), KAFKA_ERROR_NONE);
    assert_int_equal(add(data_of(0, 1, false), (struct producer_terms){.by_client = true}),
                     KAFKA_ERROR_INVALID_TXN_STATE);
    assert_int_equal(mark(0, 1, 0), KAFKA_ERROR_NONE);
    assert_int_equal(add(data_of(0, 1, false), (struct producer_terms){.by_client = true}), KAFKA_ERROR_NONE);
}

static void after_a_marker_with_a_new_epoch_sequences_begin_at_zero(void **state)
{
    assert_int_equal(send(0, 0, verify(0, 0, true)), KAFKA_ERROR_NONE);
    assert_int_equal(mark(1, 1, 2), KAFKA_ERROR_NONE);
    uint64_t guard = verify(1, 7, true);
    assert_int_equal(send(1, 7, guard), KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(send(1, 0, verify(1, 0, true)), KAFKA_ERROR_NONE);
}

static void while_a_lower_sequence_is_verified_a_higher_one_waits(void **state)
{
    assert_int_equal(verify(0, 5, false), verify(0, 3, false));
    assert_int_equal(send(0, 5, verify(0, 5, false)), KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_int_equal(send(0, 3, verify(0, 3, false)), KAFKA_ERROR_NONE); /* an unknown producer may begin anywhere */
}

static void with_version_2_an_unknown_producer_begins_at_zero(void **state)
{
    assert_int_equal(send(0, 3, verify(0, 3, true)), KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
}

static void what_was_not_written_is_undone(void **state)
{
    const struct producer_batch *duplicate;
    struct log_aborted aborted;
    assert_int_equal(send(0, 0, verify(0, 0, false)), KAFKA_ERROR_NONE);
    struct batch_header header = {
        .producer_id = 5, .base_sequence = -1, .record_count = 1, .attributes = BATCH_TRANSACTIONAL | BATCH_CONTROL};
    struct producer_terms terms = {.is_marker = true};
    assert_int_equal(producer_txn_check(&producers, &header, &terms, &duplicate), KAFKA_ERROR_NONE);
    struct producer_entry *entry = producer_txn_prepare(&producers, &header), before = *entry;
    assert_true(producer_txn_update(&producers, entry, &header, &terms, 1, 10, &aborted));
    assert_int_equal(aborted.first_offset, 0);
    assert_int_equal(producer_first_unstable(&producers), 0); /* the marker is not replicated */
    producer_state_undo(&producers, &before);
    producer_state_replicated(&producers, 100);
    assert_int_equal(producer_first_unstable(&producers), 0); /* open as before */
    assert_int_equal(mark(0, 0, 0), KAFKA_ERROR_NONE);
    assert_int_equal(producer_first_unstable(&producers), INT64_MAX);
}

static void a_marker_counts_when_it_is_replicated(void **state)
{
    struct log_aborted aborted;
    assert_int_equal(send(0, 0, verify(0, 0, false)), KAFKA_ERROR_NONE);
    struct batch_header header = {
        .producer_id = 5, .base_sequence = -1, .record_count = 1, .attributes = BATCH_TRANSACTIONAL | BATCH_CONTROL};
    struct producer_terms terms = {.is_marker = true, .marker = {.commit = true}};
    struct producer_entry *entry = producer_txn_prepare(&producers, &header);
    assert_false(producer_txn_update(&producers, entry, &header, &terms, 1, 10, &aborted));
    producer_state_replicated(&producers, 1);
    assert_int_equal(producer_first_unstable(&producers), 0);
    producer_state_replicated(&producers, 2);
    assert_int_equal(producer_first_unstable(&producers), INT64_MAX);
}

static void a_snapshot_keeps_open_transactions(void **state)
{
    uint8_t bytes[1024];
    assert_int_equal(mark(0, 3, 0), KAFKA_ERROR_NONE);
    assert_int_equal(send(0, 0, verify(0, 0, false)), KAFKA_ERROR_NONE);
    size_t size = producer_snapshot_size(&producers);
    producer_snapshot_write(&producers, bytes);
    producer_state_fini(&producers);
    producer_state_init(&producers, test_mem());
    assert_int_equal(producer_snapshot_read(&producers, slice_of(bytes, size)), ERR_OK);
    assert_int_equal(producer_first_unstable(&producers), 1);
    assert_int_equal(mark(0, 2, 0), KAFKA_ERROR_TRANSACTION_COORDINATOR_FENCED);
    assert_int_equal(send(0, 1, 0), KAFKA_ERROR_NONE);
    assert_int_equal(mark(0, 3, 0), KAFKA_ERROR_NONE);
    assert_int_equal(producer_first_unstable(&producers), INT64_MAX);
}

#define CLEAN(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

static void a_marker_that_compaction_has_emptied_still_tells_the_epoch(void **state)
{
    struct batch_header marker = {.producer_id = 5,
                                  .producer_epoch = 7,
                                  .base_sequence = -1,
                                  .size = BATCH_HEADER_BYTES,
                                  .attributes = BATCH_TRANSACTIONAL | BATCH_CONTROL};
    uint8_t bytes[BATCH_HEADER_BYTES] = {0};
    bool is_aborted;
    struct log_aborted aborted;
    assert_int_equal(producer_txn_replay(&producers, &marker, slice_of(bytes, sizeof bytes), 10, &is_aborted, &aborted),
                     ERR_OK);
    assert_false(is_aborted);
    assert_int_equal(producer_find(&producers, 5)->epoch, 7);
    assert_int_equal(producer_find(&producers, 5)->count, 0);
    assert_int_equal(send(6, 0, 0), KAFKA_ERROR_INVALID_PRODUCER_EPOCH);
    uint64_t guard = verify(7, 0, false);
    assert_int_equal(send(7, 0, guard), KAFKA_ERROR_NONE);
    assert_int_equal(producer_first_unstable(&producers), 0);
    assert_int_equal(producer_txn_replay(&producers, &marker, slice_of(bytes, sizeof bytes), 10, &is_aborted, &aborted),
                     ERR_OK);
    assert_int_equal(producer_find(&producers, 5)->count, 1);         /* no higher: sequences go on */
    assert_int_equal(producer_first_unstable(&producers), INT64_MAX); /* what a snapshot called open has ended here */
}

static void what_must_stay_in_the_log_is_the_window_and_the_batch_before(void **state)
{
    int64_t offsets[PRODUCER_BATCHES_NEEDED];
    for (int i = 0; i < 8; i++) {
        assert_int_equal(add(data_of(0, i, false), (struct producer_terms){.by_client = true}), KAFKA_ERROR_NONE);
        assert_int_equal(producer_needed_offsets(producer_find(&producers, 5), offsets),
                         i < PRODUCER_BATCHES_NEEDED ? i + 1 : PRODUCER_BATCHES_NEEDED);
    }
    for (int i = 0; i < PRODUCER_BATCHES; i++)
        assert_int_equal(offsets[i], 3 + i);
    assert_int_equal(offsets[PRODUCER_BATCHES], 2);
    assert_int_equal(add(data_of(1, 0, false), (struct producer_terms){.by_client = true}), KAFKA_ERROR_NONE);
    assert_int_equal(producer_needed_offsets(producer_find(&producers, 5), offsets), 2);
    assert_int_equal(offsets[0], 8);
    assert_int_equal(offsets[1], 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLEAN(only_the_verified_open_a_transaction),
        CLEAN(a_verified_batch_that_comes_behind_the_marker_is_refused),
        CLEAN(with_version_2_a_late_marker_does_not_void_the_next_transaction),
        CLEAN(a_marker_of_version_2_needs_a_higher_epoch_or_nothing_to_end),
        CLEAN(a_marker_of_an_old_coordinator_is_fenced),
        CLEAN(records_outside_of_a_transaction_are_refused_while_it_is_open),
        CLEAN(after_a_marker_with_a_new_epoch_sequences_begin_at_zero),
        CLEAN(while_a_lower_sequence_is_verified_a_higher_one_waits),
        CLEAN(with_version_2_an_unknown_producer_begins_at_zero),
        CLEAN(what_was_not_written_is_undone),
        CLEAN(a_marker_counts_when_it_is_replicated),
        CLEAN(a_snapshot_keeps_open_transactions),
        CLEAN(a_marker_that_compaction_has_emptied_still_tells_the_epoch),
        CLEAN(what_must_stay_in_the_log_is_the_window_and_the_batch_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
