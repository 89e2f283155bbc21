/* The aborted index: who gets which lines, what a restart and a crash keep of it, and that a file that cannot be is
 * never believed. Producer state and index are driven as a partition drives them. */
#include "core/log/log_internal.h"
#include "core/log/producer_state.h"
#include "core/wire/error.h"
#include "tests/unit/core/log/fixture.h"

static struct producer_state producers;

static int64_t put(struct log *log, uint8_t *bytes, struct slice batch, struct producer_terms terms)
{
    struct batch_header made;
    const struct producer_batch *duplicate;
    int appended;
    assert_int_equal(batch_read_header(bytes, batch.length, &made), ERR_OK);
    if (made.attributes & BATCH_CONTROL)
        terms.is_marker = marker_read(batch, &made, &terms.marker) == ERR_OK;
    assert_int_equal(producer_txn_check(&producers, &made, &terms, &duplicate), KAFKA_ERROR_NONE);
    struct log_piece piece = {.data = bytes, .header = &made};
    struct producer_entry *entry = producer_txn_prepare(&producers, &made);
    piece.ends_aborted =
        producer_txn_update(&producers, entry, &made, &terms, log_end_offset(log), 1000, &piece.aborted);
    assert_int_equal(log_append(log, &piece, 1, 0, &appended), ERR_OK);
    producer_state_replicated(&producers, log_end_offset(log));
    return piece.base_offset;
}

static int64_t write_records(struct log *log, int64_t producer, int16_t epoch, int records)
{
    struct batch_builder builder;
    struct batch_header wanted = {
        .producer_id = producer, .producer_epoch = epoch, .base_sequence = -1, .attributes = BATCH_TRANSACTIONAL};
    batch_builder_init(&builder, buffer, sizeof(buffer));
    for (int i = 0; i < records; i++)
        assert_true(batch_builder_add(&builder, 1000, SLICE_NULL, SLICE_LITERAL("value"), SLICE_NULL, 0));
    return put(log, buffer, batch_builder_finish(&builder, &wanted), (struct producer_terms){0});
}

static int64_t end(struct log *log, int64_t producer, int16_t epoch, bool commit)
{
    uint8_t bytes[MARKER_BATCH_BYTES];
    struct marker marker = {.commit = commit, .coordinator_epoch = 7};
    return put(log, bytes, marker_build(bytes, &marker, producer, epoch, 1000), (struct producer_terms){0});
}

static int aborted_at(struct log *log, int64_t offset, int64_t below, int32_t max_bytes, struct log_aborted *to,
                      int capacity)
{
    struct log_read read = {.done = read_done, .offset = offset, .below = below, .max_bytes = max_bytes};
    int count;
    read_is_done = false;
    if (!log_read(log, &read))
        while (!read_is_done)
            machine_turn(machine, true);
    assert_int_equal(read.err, ERR_OK);
    assert_int_equal(log_read_aborted(log, &read, to, capacity, &count), ERR_OK);
    if (read.ref != NULL)
        log_ref_release(read.ref);
    return count;
}

/* What a reader hears of who reads everything, one batch at a time; each line once, by its end. */
static int all_lines(struct log *log, int64_t stable, struct log_aborted *to, int capacity)
{
    struct log_aborted some[64];
    int count = 0;
    for (int64_t offset = 0; offset < stable; offset++) {
        int found = aborted_at(log, offset, stable, 1, some, 64);
        for (int i = 0; i < found; i++) {
            int at = 0;
            while (at < count && to[at].last_offset != some[i].last_offset)
                at++;
            assert_true(at < capacity);
            count += at == count;
            to[at] = some[i];
        }
    }
    return count;
}

struct replayer {
    struct log_observer observer;
};

static bool replay(struct log_observer *observer, const struct batch_header *seen, struct slice bytes,
                   struct log_aborted *aborted)
{
    bool is_aborted;
    assert_int_equal(producer_txn_replay(&producers, seen, bytes, 2000, &is_aborted, aborted), ERR_OK);
    return is_aborted;
}

static void begin(void)
{
    producer_state_init(&producers, test_mem());
}

static void finish(struct log *log)
{
    close_log(log);
    producer_state_fini(&producers);
}

static void a_reader_gets_the_aborted_transactions_of_its_range_only(void **state)
{
    struct log_aborted lines[8];
    begin();
    struct log *log = open_log(true, 0, NULL);
    write_records(log, 1, 0, 3); /* 0..2 */
    write_records(log, 2, 0, 2); /* 3..4 */
    assert_int_equal(producer_first_unstable(&producers), 0);
    end(log, 1, 0, false); /* 5: aborts 0..2 */
    assert_int_equal(producer_first_unstable(&producers), 3);
    end(log, 2, 0, true); /* 6 */
    assert_int_equal(producer_first_unstable(&producers), INT64_MAX);
    write_records(log, 1, 0, 1); /* 7 */
    end(log, 1, 0, false);       /* 8 */
    end(log, 1, 0, false);       /* 9: ends nothing */
    assert_int_equal(aborted_at(log, 0, 10, 1 << 20, lines, 8), 2);
    assert_int_equal(lines[0].producer_id, 1);
    assert_int_equal(lines[0].first_offset, 0);
    assert_int_equal(lines[0].last_offset, 5);
    assert_int_equal(lines[0].last_stable_offset, 3);
    assert_int_equal(lines[1].first_offset, 7);
    assert_int_equal(lines[1].last_stable_offset, 9);
    assert_int_equal(aborted_at(log, 5, 10, 1 << 20, lines, 8), 2); /* its marker alone: it ends here */
    assert_int_equal(aborted_at(log, 6, 10, 1 << 20, lines, 8), 1);
    assert_int_equal(aborted_at(log, 0, 7, 1 << 20, lines, 8), 1);
    assert_int_equal(aborted_at(log, 0, 10, 1 << 20, lines, 1), 2); /* says that there was no room */
    finish(log);
}

static void lines_reach_over_segments_and_a_clean_restart(void **state)
{
    struct log_aborted lines[256], again[256];
    config.segment_bytes = 600;
    begin();
    struct log *log = open_log(true, 0, NULL);
    write_records(log, 9, 0, 1); /* stays open over all of them */
    for (int i = 0; i < 30; i++) {
        write_records(log, i % 3, 0, 4);
        end(log, i % 3, 0, i % 2 == 0);
    }
    end(log, 9, 0, false);
    assert_true(log_segment_count(log) > 3);
    int64_t stable = log_end_offset(log);
    assert_int_equal(all_lines(log, stable, lines, 256), 16);
    int longest = 0; /* heard of at the first batch, ended by the last */
    while (longest < 15 && lines[longest].last_offset != stable - 1)
        longest++;
    assert_int_equal(lines[longest].first_offset, 0);
    assert_int_equal(aborted_at(log, 0, stable, 1, again, 256) > 0, true);
    assert_int_equal(log_stop(log, io_fs(io)), ERR_OK);
    close_log(log);
    assert_int_equal(log_check_aborted(io_fs(io), test_mem(), directory), ERR_OK);
    log = open_log(true, 0, NULL);
    assert_int_equal(all_lines(log, stable, again, 256), 16);
    assert_memory_equal(lines, again, 16 * sizeof(lines[0]));
    finish(log);
}

static bool is_prepared;
static void prepared(struct log_aborted_load *load)
{
    is_prepared = true;
}

static int unloaded_segments(const struct log *log)
{
    int count = 0;
    LIST_EACH(link, &log->segments)
    count += !SEGMENT_OF(link)->aborted_loaded;
    return count;
}

static void lines_of_further_segments_are_read_by_jobs_and_not_by_the_shard(void **state)
{
    struct log_aborted lines[8];
    int count;
    config.segment_bytes = 600;
    begin();
    struct log *log = open_log(true, 0, NULL);
    write_records(log, 9, 0, 1);
    for (int i = 0; i < 30; i++) {
        write_records(log, 1, 0, 4);
        end(log, 1, 0, true);
    }
    end(log, 9, 0, false); /* the only line: in the last segment, of the first record */
    int64_t stable = log_end_offset(log);
    assert_int_equal(log_stop(log, io_fs(io)), ERR_OK);
    close_log(log);
    log = open_log(true, 0, NULL);
    assert_int_equal(unloaded_segments(log), log_segment_count(log));
    struct log_read read = {.done = read_done, .offset = 0, .below = stable, .max_bytes = 1};
    read_is_done = log_read(log, &read);
    while (!read_is_done)
        machine_turn(machine, true);
    struct log_aborted_load load = {.ready = prepared};
    is_prepared = log_prepare_aborted(log, &read, &load);
    assert_false(is_prepared);
    while (!is_prepared)
        machine_turn(machine, true);
    assert_int_equal(unloaded_segments(log), 0);
    assert_true(log_prepare_aborted(log, &read, &load));
    assert_int_equal(log_read_aborted(log, &read, lines, 8, &count), ERR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(lines[0].last_offset, stable - 1);
    log_ref_release(read.ref);
    finish(log);
}

/* Crash: the files may hold any of the states that were saved; what is behind the recovery point is replayed. */
static void a_crash_gives_the_same_lines_whatever_was_saved(void **state)
{
    struct log_aborted lines[256], again[256];
    config.segment_bytes = 600;
    for (int saved = 0; saved < 3; saved++) {
        begin();
        struct log *log = open_log(true, 0, NULL);
        int64_t point = 0;
        for (int i = 0; i < 24; i++) {
            write_records(log, i % 3, 0, 4);
            end(log, i % 3, 0, i % 2 == 0);
            if (i == 8 * saved) {
                flush(log);
                /* Not above the first line that no file has: the marker of the second transaction. */
                assert_int_equal(log_recovery_point(log), saved == 0 ? log_durable_offset(log) : 9);
                log_save_aborted(log);
                while (log_is_busy(log))
                    machine_turn(machine, true);
                assert_int_equal(log_recovery_point(log), log_durable_offset(log));
                point = saved == 0 ? 0 : log_recovery_point(log);
            }
        }
        int64_t stable = log_end_offset(log);
        assert_int_equal(all_lines(log, stable, lines, 256), 12);
        flush(log);
        finish(log);
        begin();
        struct replayer replayer = {.observer = {.batch = replay}};
        struct log_options options = {.directory = directory,
                                      .topic_id = {{1}},
                                      .recovery_point = point,
                                      .replay_from = point,
                                      .config = &config,
                                      .observer = &replayer.observer};
        assert_int_equal(log_open(io, io_fs(io), &options, &log), ERR_OK);
        assert_int_equal(log_end_offset(log), stable);
        assert_int_equal(all_lines(log, stable, again, 256), 12);
        assert_memory_equal(lines, again, 12 * sizeof(lines[0]));
        finish(log);
        char command[300];
        snprintf(command, sizeof(command), "rm -rf '%s'", directory);
        assert_int_equal(system(command), 0);
    }
}

/* A power cut may take the log's end and leave the file that was saved behind it. */
static void what_the_log_has_lost_the_index_loses(void **state)
{
    struct log_aborted lines[16];
    char path[300];
    io_file file;
    begin();
    struct log *log = open_log(true, 0, NULL);
    for (int i = 0; i < 4; i++) {
        write_records(log, 1, 0, 1);
        end(log, 1, 0, false);
    }
    flush(log);
    log_save_aborted(log);
    while (log_is_busy(log))
        machine_turn(machine, true);
    finish(log);
    snprintf(path, sizeof(path), "%s/00000000000000000000.log", directory);
    struct fs_info info;
    assert_int_equal(fs_info(io_fs(io), path, &info), ERR_OK);
    assert_int_equal(fs_open(io_fs(io), path, FS_READ | FS_WRITE, &file), ERR_OK);
    assert_int_equal(fs_truncate(io_fs(io), file, (int64_t)info.size / 2), ERR_OK); /* of four alike */
    fs_close(io_fs(io), file);
    begin();
    struct replayer replayer = {.observer = {.batch = replay}};
    struct log_options options = {
        .directory = directory, .topic_id = {{1}}, .config = &config, .observer = &replayer.observer};
    assert_int_equal(log_open(io, io_fs(io), &options, &log), ERR_OK);
    assert_int_equal(log_end_offset(log), 4);
    write_records(log, 1, 0, 1);
    end(log, 1, 0, true);
    assert_int_equal(all_lines(log, 6, lines, 16), 2);
    assert_int_equal(lines[1].last_offset, 3);
    finish(log);
}

/* A reader of a little is not told of what comes far behind. */
static void a_short_read_gets_few_lines(void **state)
{
    static struct log_aborted lines[256];
    config.index_interval_bytes = 200;
    begin();
    struct log *log = open_log(true, 0, NULL);
    for (int i = 0; i < 200; i++) {
        write_records(log, 1, 0, 1);
        end(log, 1, 0, false);
    }
    assert_int_equal(aborted_at(log, 0, 400, 1 << 20, lines, 256), 200);
    int few = aborted_at(log, 0, 400, 1, lines, 256);
    assert_true(few >= 1 && few < 10);
    finish(log);
}

static void a_file_that_cannot_be_is_said_to_be_one(void **state)
{
    char path[300];
    io_file file;
    begin();
    struct log *log = open_log(true, 0, NULL);
    for (int i = 0; i < 5; i++) {
        write_records(log, 1, 0, 1);
        end(log, 1, 0, false);
    }
    assert_int_equal(log_stop(log, io_fs(io)), ERR_OK);
    finish(log);
    snprintf(path, sizeof(path), "%s/00000000000000000000.txnindex", directory);
    for (int at = 0; at < 5 * LOG_ABORTED_BYTES; at += LOG_ABORTED_BYTES) {
        uint8_t was[2];
        size_t got;
        assert_int_equal(fs_open(io_fs(io), path, FS_READ | FS_WRITE, &file), ERR_OK);
        assert_int_equal(fs_read(io_fs(io), file, was, 2, at, &got), ERR_OK);
        assert_int_equal(fs_write(io_fs(io), file, "\x01\x01", 2, at), ERR_OK);
        assert_int_equal(log_check_aborted(io_fs(io), test_mem(), directory), ERR_CORRUPT);
        assert_int_equal(fs_write(io_fs(io), file, was, 2, at), ERR_OK);
        fs_close(io_fs(io), file);
        assert_int_equal(log_check_aborted(io_fs(io), test_mem(), directory), ERR_OK);
    }
    assert_int_equal(fs_open(io_fs(io), path, FS_READ | FS_WRITE, &file), ERR_OK);
    assert_int_equal(fs_truncate(io_fs(io), file, 5 * LOG_ABORTED_BYTES - 1), ERR_OK);
    fs_close(io_fs(io), file);
    assert_int_equal(log_check_aborted(io_fs(io), test_mem(), directory), ERR_CORRUPT);
    snprintf(path, sizeof(path), "%s/00000000000000000000.log", directory);
    assert_int_equal(fs_unlink(io_fs(io), path), ERR_OK); /* of a segment that is gone: it goes too */
    assert_int_equal(log_check_aborted(io_fs(io), test_mem(), directory), ERR_OK);
    snprintf(path, sizeof(path), "%s/00000000000000000000.txnindex", directory);
    struct fs_info info;
    assert_int_equal(fs_info(io_fs(io), path, &info), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(a_reader_gets_the_aborted_transactions_of_its_range_only),
        ON_DISK(lines_reach_over_segments_and_a_clean_restart),
        ON_DISK(lines_of_further_segments_are_read_by_jobs_and_not_by_the_shard),
        ON_DISK(a_crash_gives_the_same_lines_whatever_was_saved),
        ON_DISK(what_the_log_has_lost_the_index_loses),
        ON_DISK(a_short_read_gets_few_lines),
        ON_DISK(a_file_that_cannot_be_is_said_to_be_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
