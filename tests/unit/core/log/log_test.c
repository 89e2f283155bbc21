/* The log on the real machine: append, read, roll, flush, stop, crash, retention, time. */
#include "core/log/log_internal.h"
#include "tests/unit/core/log/fixture.h"

static void every_offset_is_found_in_its_batch(struct log *log, int per_batch)
{
    for (int64_t offset = log_start_offset(log); offset < log_end_offset(log); offset++) {
        struct log_read read;
        struct batch_header first = read_at(log, offset, 100, &read);
        assert_int_equal(first.base_offset, offset / per_batch * per_batch);
        assert_int_equal(read.length, first.size);
        assert_int_equal(read.first_batch_bytes, first.size);
    }
}

static void what_is_appended_is_read_back_at_every_offset_over_several_segments(void **state)
{
    config.segment_bytes = 40000;
    struct log *log = open_log(true, 0, NULL);
    for (int i = 0; i < 200; i++)
        assert_int_equal(append(log, 3, 300, 1000 + i), i * 3);
    assert_true(log_segment_count(log) > 4);
    every_offset_is_found_in_its_batch(log, 3);
    struct log_read read;
    assert_int_equal(read_at(log, 600, 100, &read).base_offset, -1);
    read_at(log, 0, 1 << 20, &read);
    assert_true(read.length > 30000 && read.length <= 40000); /* to the end of the segment */
    flush(log);
    close_log(log);
}

static void many_batches_go_out_in_one_write(void **state)
{
    struct log *log = open_log(true, 0, NULL);
    struct slice batch = make_batch(2, 50, 1);
    struct log_piece pieces[150];
    static uint8_t copies[150][512];
    int appended;
    for (int i = 0; i < 150; i++) {
        memcpy(copies[i], batch.data, batch.length);
        pieces[i] = (struct log_piece){.data = copies[i], .header = &header};
    }
    uint64_t before = io_stats(io)->inline_writes;
    assert_int_equal(log_append(log, pieces, 150, 0, &appended), ERR_OK);
    assert_int_equal(io_stats(io)->inline_writes - before, 3); /* 64 at a time */
    assert_int_equal(appended, 150);
    assert_int_equal(pieces[149].base_offset, 298);
    every_offset_is_found_in_its_batch(log, 2);
    close_log(log);
}

static void a_clean_stop_is_opened_again_without_looking(void **state)
{
    config.segment_bytes = 40000;
    struct log *log = open_log(true, 0, NULL);
    for (int i = 0; i < 200; i++)
        append(log, 3, 300, 1000 + i);
    assert_int_equal(log_stop(log, io_fs(io)), ERR_OK);
    close_log(log);
    log = open_log(true, 600, NULL);
    assert_int_equal(log_end_offset(log), 600);
    assert_int_equal(log_durable_offset(log), 600);
    every_offset_is_found_in_its_batch(log, 3);
    assert_int_equal(append(log, 3, 300, 5000), 600);
    every_offset_is_found_in_its_batch(log, 3);
    close_log(log);
}

struct counter {
    struct log_observer observer;
    int64_t next;
};

static bool count(struct log_observer *observer, const struct batch_header *seen, struct slice bytes,
                  struct log_aborted *aborted)
{
    struct counter *counter = CONTAINER_OF(observer, struct counter, observer);
    assert_int_equal(seen->base_offset, counter->next);
    counter->next = batch_last_offset(seen) + 1;
    return false;
}

static void after_a_crash_a_torn_tail_is_cut_and_the_rest_is_replayed(void **state)
{
    struct log *log = open_log(true, 0, NULL);
    for (int i = 0; i < 50; i++)
        append(log, 2, 100, 1000 + i);
    int64_t size = log_size_bytes(log);
    close_log(log);
    char path[300];
    snprintf(path, sizeof(path), "%s/00000000000000000000.log", directory);
    for (int64_t cut = size - 1; cut > size - 400; cut -= 57) {
        assert_int_equal(truncate(path, cut), 0);
        struct counter counter = {.observer = {.batch = count}};
        log = open_log(false, 0, &counter.observer);
        assert_true(log_end_offset(log) < 100 && log_end_offset(log) % 2 == 0);
        assert_int_equal(counter.next, log_end_offset(log));
        assert_true(log_size_bytes(log) <= cut);
        assert_int_equal(append(log, 2, 100, 9), counter.next);
        every_offset_is_found_in_its_batch(log, 2);
        close_log(log);
    }
}

static void after_a_crash_nothing_follows_a_segment_that_lost_its_tail_between_two_batches(void **state)
{
    config.segment_bytes = 40000;
    struct log *log = open_log(true, 0, NULL);
    for (int i = 0; i < 200; i++)
        append(log, 3, 300, 1000 + i);
    close_log(log);
    char path[300];
    make_batch(3, 300, 0);
    snprintf(path, sizeof(path), "%s/00000000000000000000.log", directory);
    assert_int_equal(truncate(path, 5 * (off_t)header.size), 0);
    log = open_log(false, 0, NULL);
    assert_int_equal(log_end_offset(log), 15);
    assert_int_equal(log_segment_count(log), 1);
    assert_int_equal(append(log, 3, 300, 9), 15);
    every_offset_is_found_in_its_batch(log, 3);
    close_log(log);
}

static void moving_the_start_removes_whole_segments_after_their_delay_and_spares_held_ones(void **state)
{
    config.segment_bytes = 40000;
    config.file_delete_delay_ms = 1000;
    struct log *log = open_log(true, 0, NULL);
    for (int i = 0; i < 200; i++)
        append(log, 3, 300, 1000 + i);
    flush(log);
    int before = log_segment_count(log);
    struct log_read held = {.done = read_done, .offset = 0, .below = 600, .max_bytes = 1};
    assert_true(log_read(log, &held));
    assert_int_equal(log_advance_start(log, 301), ERR_OK);
    assert_int_equal(log_start_offset(log), 301);
    assert_true(log_segment_count(log) < before);
    every_offset_is_found_in_its_batch(log, 3);
    char path[300];
    snprintf(path, sizeof(path), "%s/00000000000000000000.log", directory);
    assert_int_not_equal(access(path, F_OK), 0); /* a crash would not bring it back */
    snprintf(path, sizeof(path), "%s/00000000000000000000.log.deleted", directory);
    log_tick(log, io_wall_ms(io) + 2000);
    while (log_is_busy(log) && access(path, F_OK) != 0)
        machine_turn(machine, true);
    assert_int_equal(access(path, F_OK), 0);
    log_ref_release(held.ref);
    log_tick(log, io_wall_ms(io));
    assert_int_equal(access(path, F_OK), 0);
    log_tick(log, io_wall_ms(io) + 2000);
    while (log_is_busy(log))
        machine_turn(machine, true);
    assert_int_not_equal(access(path, F_OK), 0);
    close_log(log);
}

/* Segments go once the name of the next one is durable. */
static void wait_for_flush(struct log *log)
{
    while (log_is_flushing(log))
        machine_turn(machine, true);
}

static void retention_goes_by_time_also_for_the_last_segment_and_by_size(void **state)
{
    config.segment_bytes = 40000;
    struct log *log = open_log(true, 0, NULL);
    for (int i = 0; i < 200; i++)
        append(log, 3, 300, 1000 + i);
    config.retention_bytes = 100000;
    assert_true(log_retain(log, 2000, 600) > 0);
    wait_for_flush(log);
    assert_true(log_size_bytes(log) >= 100000 && log_size_bytes(log) < 140000);
    config.retention_ms = 500;
    assert_int_equal(log_retain(log, 1000, 600), 0);
    log_retain(log, 10000, 600);
    assert_int_equal(log_start_offset(log), 600);
    wait_for_flush(log);
    assert_int_equal(log_size_bytes(log), 0);
    assert_int_equal(append(log, 1, 1, 9999), 600);
    close_log(log);
}

static bool find_is_done;
static void retention_takes_a_last_segment_whose_records_were_all_deleted_before(void **state)
{
    config.retention_ms = 100;
    config.file_delete_delay_ms = 0;
    struct log *log = open_log(true, 0, NULL);
    for (int i = 0; i < 10; i++)
        append(log, 1, 100, 1000);
    assert_int_equal(log_advance_start(log, 10), ERR_OK);
    assert_int_equal(log_segment_count(log), 1);
    assert_int_equal(log_retain(log, 2000, 10), 0); /* the start is there already */
    wait_for_flush(log);
    assert_int_equal(log_segment_count(log), 1);
    assert_int_equal(log_size_bytes(log), 0);
    assert_int_equal(log_start_offset(log), 10);
    close_log(log);
}

static void find_done(struct log_find *find)
{
    find_is_done = true;
}

static int64_t offset_at(struct log *log, int64_t at, int64_t below)
{
    struct log_find find = {.done = find_done, .at = at, .below = below};
    find_is_done = false;
    log_find(log, &find);
    while (!find_is_done)
        machine_turn(machine, true);
    assert_int_equal(find.err, ERR_OK);
    return find.offset;
}

static void offsets_by_time_are_exact_to_the_record(void **state)
{
    config.segment_bytes = 40000;
    struct log *log = open_log(true, 0, NULL);
    for (int i = 0; i < 200; i++)
        append(log, 3, 300, 1000 + i * 10);
    assert_int_equal(offset_at(log, 0, 600), 0);
    for (int i = 0; i < 200; i += 7) {
        assert_int_equal(offset_at(log, 1000 + i * 10, 600), i * 3);
        assert_int_equal(offset_at(log, 1001 + i * 10, 600), i * 3 + 1);
        assert_int_equal(offset_at(log, 1003 + i * 10, 600), i == 199 ? -1 : i * 3 + 3);
    }
    assert_int_equal(offset_at(log, 5000, 600), -1);
    assert_int_equal(offset_at(log, LOG_AT_MAX, 600), 599);
    assert_int_equal(offset_at(log, 1000 + 100 * 10, 300), -1);
    close_log(log);
}

static void offsets_by_time_are_found_after_a_restart_that_looked_at_nothing(void **state)
{
    config.segment_bytes = 40000;
    struct log *log = open_log(true, 0, NULL);
    for (int i = 0; i < 200; i++)
        append(log, 3, 300, i == 70 ? 9000000 : 10000 * (i + 1));
    flush(log);
    assert_int_equal(log_stop(log, io_fs(io)), ERR_OK);
    close_log(log);
    log = open_log(true, 600, NULL);
    assert_int_equal(offset_at(log, 10000 * 31 + 1, 600), 91);
    assert_int_equal(offset_at(log, LOG_AT_MAX, 600), 212);
    close_log(log);
}

/* A batch that nobody may look at is damaged: opening succeeds only when it is not read. */
static void after_a_crash_only_what_lies_behind_index_and_recovery_point_is_read(void **state)
{
    struct log *log = open_log(true, 0, NULL);
    for (int i = 0; i < 100; i++)
        append(log, 3, 300, i == 93 ? 9000000 : 10000 * (i + 1));
    flush(log);
    log_checkpoint_index(log);
    for (int i = 100; i < 200; i++)
        append(log, 3, 300, 10000 * (i + 1));
    while (log_is_busy(log))
        machine_turn(machine, true);
    close_log(log);
    damage_at(70);
    log = open_log(false, 300, NULL);
    assert_int_equal(log_end_offset(log), 600);
    assert_int_equal(offset_at(log, LOG_AT_MAX, 600), 281); /* said by batches between two entries of the index */
    struct log_read read;
    assert_int_equal(read_at(log, 450, 1, &read).base_offset, 450);
    close_log(log);
    /* An index that points nowhere is not believed: then everything is read, and the damage found. */
    char path[300];
    uint8_t entry[8];
    snprintf(path, sizeof(path), "%s/00000000000000000000.index", directory);
    put_u32(entry, 10);
    put_u32(entry + 4, 1000);
    assert_int_equal(fs_write_file(io_fs(io), path, entry, 8), ERR_OK);
    log = open_log(false, 300, NULL);
    assert_int_equal(log_damage_count(log), 1);
    assert_int_equal(log_damage_at(log, 0)->offset, 0);
    assert_int_equal(log_damage_at(log, 0)->end_offset, 3);
    assert_int_equal(log_end_offset(log), 600);
    close_log(log);
}

static void leader_epochs_are_kept_over_a_restart(void **state)
{
    struct log *log = open_log(true, 0, NULL);
    int appended, epochs[] = {2, 2, 5, 9};
    for (int i = 0; i < 4; i++) {
        make_batch(10, 10, 1);
        struct log_piece piece = {.data = buffer, .header = &header};
        assert_int_equal(log_append(log, &piece, 1, epochs[i], &appended), ERR_OK);
    }
    for (int round = 0; round < 2; round++) {
        static const int64_t expected[][3] = {{0, 0, 0}, {2, 2, 20}, {4, 2, 20}, {5, 5, 30}, {9, 9, 40}, {10, -1, -1}};
        for (size_t i = 0; i < COUNT_OF(expected); i++) {
            int32_t epoch;
            int64_t end;
            log_epoch_end(log, (int32_t)expected[i][0], &epoch, &end);
            assert_int_equal(epoch, expected[i][1]);
            assert_int_equal(end, expected[i][2]);
        }
        assert_int_equal(log_stop(log, io_fs(io)), ERR_OK);
        close_log(log);
        log = open_log(true, 40, NULL);
    }
    close_log(log);
}

/* The files are cold, damaged or gone: the loop must not be the one that finds out. */
static void an_index_is_read_or_made_anew_by_a_job(void **state)
{
    config.segment_bytes = 200000;
    for (int what = 0; what < 3; what++) {
        struct log *log = open_log(true, 0, NULL);
        if (what == 0)
            for (int i = 0; i < 400; i++)
                append(log, 3, 300, 1000 + i);
        int64_t end = log_end_offset(log);
        assert_int_equal(log_stop(log, io_fs(io)), ERR_OK);
        close_log(log);
        char command[400];
        if (what == 1)
            snprintf(command, sizeof(command), "rm %s/*.index", directory);
        else
            snprintf(command, sizeof(command), "for f in %s/*.timeindex; do printf xyz >>$f; done", directory);
        assert_int_equal(what == 0 ? 0 : system(command), 0);
        log = open_log(true, end, NULL);
        struct log_read read = {.done = read_done, .offset = 7, .below = end, .max_bytes = 1};
        uint64_t jobs = io_stats(io)->jobs;
        read_is_done = false;
        assert_false(log_read(log, &read));
        assert_int_equal(io_stats(io)->jobs, jobs + 1);
        while (!read_is_done)
            machine_turn(machine, true);
        assert_int_equal(read.err, ERR_OK);
        log_ref_release(read.ref);
        read_is_done = false;
        assert_true(log_read(log, &read)); /* it is there now */
        log_ref_release(read.ref);
        every_offset_is_found_in_its_batch(log, 3);
        close_log(log);
    }
}

static void an_index_that_nobody_uses_leaves_memory(void **state)
{
    config.segment_bytes = 200000;
    struct log *log = open_log(true, 0, NULL);
    for (int i = 0; i < 400; i++)
        append(log, 3, 300, 1000 + i);
    flush(log);
    while (log_is_busy(log))
        machine_turn(machine, true);
    size_t before = io_mem(io)->used;
    struct segment *first = SEGMENT_OF(log->segments.next);
    first->used_ns -= 61 * 1000000000LL;
    log_tick(log, io_wall_ms(io));
    assert_true(io_mem(io)->used < before);
    assert_false(first->index_loaded);
    every_offset_is_found_in_its_batch(log, 3);
    close_log(log);
}

static struct fs_info info_of(int64_t base_offset)
{
    char path[300];
    struct fs_info info;
    snprintf(path, sizeof(path), "%s/%020lld.log", directory, (long long)base_offset);
    assert_int_equal(fs_info(io_fs(io), path, &info), ERR_OK);
    return info;
}

static void a_preallocated_segment_has_all_its_blocks_until_it_is_rolled(void **state)
{
    config.preallocate = true;
    struct log *log = open_log(true, 0, NULL);
    append(log, 1, 1000, 1000);
    while (log_is_busy(log))
        machine_turn(machine, true);
    assert_true(info_of(0).allocated_bytes >= config.segment_bytes);
    assert_true(info_of(0).size < 2000); /* what is not written is not there to be read */
    while (log_segment_count(log) == 1)
        append(log, 1, 8000, 1000);
    int64_t base = log_end_offset(log) - 1;
    while (log_is_busy(log))
        machine_turn(machine, true);
    assert_true(info_of(0).allocated_bytes < info_of(0).size + 8192);
    assert_true(info_of(base).allocated_bytes >= config.segment_bytes);
    close_log(log);
    assert_true(info_of(base).allocated_bytes < 32768);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(what_is_appended_is_read_back_at_every_offset_over_several_segments),
        ON_DISK(many_batches_go_out_in_one_write),
        ON_DISK(a_clean_stop_is_opened_again_without_looking),
        ON_DISK(after_a_crash_a_torn_tail_is_cut_and_the_rest_is_replayed),
        ON_DISK(after_a_crash_nothing_follows_a_segment_that_lost_its_tail_between_two_batches),
        ON_DISK(moving_the_start_removes_whole_segments_after_their_delay_and_spares_held_ones),
        ON_DISK(retention_goes_by_time_also_for_the_last_segment_and_by_size),
        ON_DISK(retention_takes_a_last_segment_whose_records_were_all_deleted_before),
        ON_DISK(offsets_by_time_are_exact_to_the_record),
        ON_DISK(offsets_by_time_are_found_after_a_restart_that_looked_at_nothing),
        ON_DISK(after_a_crash_only_what_lies_behind_index_and_recovery_point_is_read),
        ON_DISK(leader_epochs_are_kept_over_a_restart),
        ON_DISK(an_index_is_read_or_made_anew_by_a_job),
        ON_DISK(an_index_that_nobody_uses_leaves_memory),
        ON_DISK(a_preallocated_segment_has_all_its_blocks_until_it_is_rolled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
