/* Compaction's small parts by hand: the map of keys, which transaction a batch is of, and which part of a log is dirty.
 */
#include "core/log/clean_map.h"
#include "core/log/clean_txns.h"
#include "core/log/log_clean.h"
#include "core/wire/marker.h"
#include "tests/unit/core/log/fixture.h"

static struct mem *mem_of_test(void)
{
    static struct mem *mem;
    return mem != NULL ? mem : (mem = test_mem());
}

/* ---- the map ----------------------------------------------------------------------------------------------------- */

static struct slice key_of(int number)
{
    static char text[16];
    return slice_of(text, (size_t)snprintf(text, sizeof(text), "%d", number));
}

static void a_full_map_takes_no_new_key_and_still_moves_those_it_has(void **state)
{
    static const uint64_t seeds[2] = {1, 2};
    struct clean_map map;
    assert_int_equal(clean_map_init(&map, mem_of_test(), 1000000, 1, 0.5, seeds), ERR_OK);
    int most = (int)map.most;
    assert_int_equal(most, (int)map.slot_count / 2);
    for (int i = 0; i < most; i++)
        assert_true(clean_map_put(&map, key_of(i), i));
    assert_false(clean_map_put(&map, key_of(most), most));
    assert_int_equal(clean_map_get(&map, key_of(most)), -1);
    for (int i = 0; i < most; i++) {
        assert_int_equal(clean_map_get(&map, key_of(i)), i);
        assert_true(clean_map_put(&map, key_of(i), i + 5000));
        assert_int_equal(clean_map_get(&map, key_of(i)), i + 5000);
    }
    clean_map_fini(&map);
}

/* ---- transactions ------------------------------------------------------------------------------------------------ */

static struct clean_txns txns;

static bool data(int64_t producer_id, int64_t offset)
{
    return clean_txns_on_batch(&txns, &(struct batch_header){.producer_id = producer_id,
                                                             .base_offset = offset,
                                                             .record_count = 1,
                                                             .attributes = BATCH_TRANSACTIONAL});
}

/* True: of no use any more. */
static bool end(int64_t producer_id, int64_t offset, bool commit)
{
    uint8_t bytes[MARKER_BATCH_BYTES];
    struct marker marker = {.commit = commit};
    struct batch_header head;
    struct slice batch = marker_build(bytes, &marker, producer_id, 0, 1000);
    assert_int_equal(batch_read_header(batch.data, batch.length, &head), ERR_OK);
    head.base_offset = offset;
    return clean_txns_on_control(&txns, &head,
                                 slice_of(batch.data + BATCH_HEADER_BYTES, batch.length - BATCH_HEADER_BYTES));
}

static void begin_txns(struct clean_aborted *aborted, int count)
{
    assert_true(clean_txns_init(&txns, mem_of_test(), aborted, count));
}

static void a_marker_is_needed_as_long_as_a_batch_of_its_transaction_is_there(void **state)
{
    struct clean_aborted aborted[] = {{{.producer_id = 7, .first_offset = 20, .last_offset = 23}, -1},
                                      {{.producer_id = 7, .first_offset = 30, .last_offset = 32}, -1}};
    begin_txns(aborted, 2);
    assert_false(data(7, 10));
    assert_false(end(7, 11, true)); /* needed */
    assert_true(end(7, 12, true));  /* its batches are gone */
    assert_int_equal(txns.count, 0);
    assert_true(data(7, 20)); /* aborted */
    assert_false(data(8, 21));
    assert_true(data(7, 22));
    assert_false(end(7, 23, false));
    assert_false(end(8, 24, true));
    assert_true(end(7, 32, false)); /* nothing of the second was met */
    assert_false(data(7, 40));
    assert_false(end(7, 41, true));
    clean_txns_fini(&txns, mem_of_test());
}

static void lines_of_markers_that_stay_are_chained_in_the_order_of_the_markers(void **state)
{
    struct clean_aborted aborted[] = {{{.producer_id = 1, .first_offset = 0, .last_offset = 9}, -1},
                                      {{.producer_id = 2, .first_offset = 1, .last_offset = 5}, -1},
                                      {{.producer_id = 3, .first_offset = 2, .last_offset = 7}, -1}};
    begin_txns(aborted, 3);
    for (int i = 0; i < 3; i++)
        assert_true(data(1 + i, i));
    assert_false(end(2, 5, false));
    assert_false(end(3, 7, false));
    assert_false(end(1, 9, false));
    assert_int_equal(txns.first_kept, 1);
    assert_int_equal(aborted[1].next_kept, 2);
    assert_int_equal(aborted[2].next_kept, 0);
    assert_int_equal(aborted[0].next_kept, -1);
    clean_txns_forget_kept(&txns);
    assert_int_equal(txns.first_kept, -1);
    clean_txns_fini(&txns, mem_of_test());
}

static void what_was_over_before_the_first_batch_does_not_make_a_later_transaction_aborted(void **state)
{
    struct clean_aborted aborted[] = {{{.producer_id = 7, .first_offset = 0, .last_offset = 5}, -1}};
    begin_txns(aborted, 1);
    assert_false(data(7, 10));
    clean_txns_fini(&txns, mem_of_test());
}

static void a_marker_that_is_only_a_header_is_of_no_use(void **state)
{
    begin_txns(NULL, 0);
    assert_true(clean_txns_on_control(
        &txns, &(struct batch_header){.producer_id = 7, .attributes = BATCH_TRANSACTIONAL | BATCH_CONTROL},
        slice_of(NULL, 0)));
    clean_txns_fini(&txns, mem_of_test());
}

/* ---- what is dirty ----------------------------------------------------------------------------------------------- */

/* Ten segments of ten records; timestamp 1000 + offset. */
static struct log *ten_segments(void)
{
    config.segment_bytes = 2700;
    config.cleanup_policy = CONFIG_CLEANUP_COMPACT;
    config.max_compaction_lag_ms = INT64_MAX;
    struct log *log = open_log(true, 0, NULL);
    for (int i = 0; i < 100; i++)
        assert_int_equal(append(log, 1, 200, 1000 + i), i);
    return log;
}

static struct log_dirt dirt_of(struct log *log, int64_t cleaned, int64_t stable, int64_t now_ms)
{
    struct log_dirt dirt;
    while (!log_find_dirt(log, cleaned, stable, now_ms, &dirt)) /* an index is read first */
        machine_turn(machine, true);
    return dirt;
}

static void dirt_ends_with_the_last_whole_segment_that_is_durable_stable_and_old_enough(void **state)
{
    struct log *log = ten_segments();
    assert_int_equal(log_segment_count(log), 10);
    assert_int_equal(dirt_of(log, 0, 100, 5000).below_offset, 0); /* nothing is durable */
    flush(log);
    struct log_dirt dirt = dirt_of(log, 0, 100, 5000);
    assert_int_equal(dirt.first_dirty_offset, 0);
    assert_int_equal(dirt.below_offset, 90); /* not the growing one */
    assert_int_equal(dirt.clean_bytes, 0);
    int64_t all = dirt.dirty_bytes;
    assert_int_equal(dirt_of(log, 0, 57, 5000).below_offset, 50);
    for (int i = 100; i < 135; i++)
        append(log, 1, 200, 1000 + i);
    assert_int_equal(dirt_of(log, 0, 135, 5000).below_offset, 100); /* durable up to there */
    config.min_compaction_lag_ms = 1000;
    assert_int_equal(dirt_of(log, 0, 135, 2035).below_offset, 30); /* what has 1036 and more is too young */
    assert_int_equal(dirt_of(log, 0, 135, 2039).below_offset, 40);
    config.min_compaction_lag_ms = 0;
    dirt = dirt_of(log, 60, 100, 5000);
    assert_int_equal(dirt.first_dirty_offset, 60);
    assert_int_equal(dirt.clean_bytes * 9, all * 6);
    assert_int_equal(dirt.dirty_bytes * 9, all * 4);
    close_log(log);
}

static void dirt_is_overdue_when_its_oldest_record_has_waited_too_long(void **state)
{
    struct log *log = ten_segments();
    flush(log);
    config.max_compaction_lag_ms = 500;
    assert_false(dirt_of(log, 0, 100, 1500).is_overdue);
    assert_true(dirt_of(log, 0, 100, 1501).is_overdue);
    assert_false(dirt_of(log, 50, 100, 1550).is_overdue); /* what is clean does not wait */
    assert_true(dirt_of(log, 50, 100, 1551).is_overdue);
    close_log(log);
}

static void a_damaged_log_is_left_alone(void **state)
{
    struct log *log = ten_segments();
    struct log_dirt dirt;
    struct log_read read = {.done = read_done, .offset = 5, .below = 100, .max_bytes = 1000};
    flush(log);
    int64_t size = log_size_bytes(log) / 100;
    damage_at(5 * size + 8);
    read_is_done = log_read(log, &read);
    while (!read_is_done)
        machine_turn(machine, true);
    assert_int_equal(read.err, ERR_CORRUPT);
    assert_int_equal(log_damage_count(log), 1);
    assert_false(log_find_dirt(log, 0, 100, 5000, &dirt));
    close_log(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_map_takes_no_new_key_and_still_moves_those_it_has),
        cmocka_unit_test(a_marker_is_needed_as_long_as_a_batch_of_its_transaction_is_there),
        cmocka_unit_test(lines_of_markers_that_stay_are_chained_in_the_order_of_the_markers),
        cmocka_unit_test(what_was_over_before_the_first_batch_does_not_make_a_later_transaction_aborted),
        cmocka_unit_test(a_marker_that_is_only_a_header_is_of_no_use),
        ON_DISK(dirt_ends_with_the_last_whole_segment_that_is_durable_stable_and_old_enough),
        ON_DISK(dirt_is_overdue_when_its_oldest_record_has_waited_too_long),
        ON_DISK(a_damaged_log_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
