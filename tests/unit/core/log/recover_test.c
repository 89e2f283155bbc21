/* Goal: recovery keeps what is whole and in its place, and what it cuts off does not come back, whenever the power goes
 * next. Method: logs on the simulated disk, damaged and recovered, and many draws of what a power cut then leaves. */
#include "core/log/log.h"
#include "io/reactor/sim.h"
#include "tests/support/test.h"

static const char *const segment = "/log/00000000000000000000.log";
static struct topic_config config = {.segment_bytes = 1 << 20,
                                     .segment_ms = 604800000,
                                     .segment_index_bytes = 10485760,
                                     .index_interval_bytes = 4096,
                                     .retention_ms = -1,
                                     .retention_bytes = -1,
                                     .cleanup_policy = CONFIG_CLEANUP_DELETE,
                                     .max_message_bytes = 1048588};

static struct log *open_log(struct io *io)
{
    struct log *log;
    struct log_options options = {.directory = "/log", .topic_id = {{1}}, .config = &config};
    assert_int_equal(log_open(io, io_fs(io), &options, &log), ERR_OK);
    return log;
}

static void append_in(struct log *log, int32_t epoch)
{
    uint8_t bytes[512];
    struct batch_builder builder;
    struct batch_header header;
    int appended;
    batch_builder_init(&builder, bytes, sizeof bytes);
    assert_true(batch_builder_add(&builder, 1000, SLICE_NULL, SLICE_LITERAL("value"), SLICE_NULL, 0));
    struct slice batch = batch_builder_finish(&builder, NULL);
    assert_int_equal(batch_read_header(batch.data, batch.length, &header), ERR_OK);
    struct log_piece piece = {.data = bytes, .header = &header};
    assert_int_equal(log_append(log, &piece, 1, epoch, &appended), ERR_OK);
}

static void append(struct log *log)
{
    append_in(log, 0);
}

static int64_t size_of(struct fs *fs)
{
    struct fs_info info;
    assert_int_equal(fs_info(fs, segment, &info), ERR_OK);
    return info.size;
}

static void a_torn_tail_does_not_come_back(void **state)
{
    static const uint8_t rubbish[2000];
    struct sim *sim = sim_open(&(struct sim_options){.seed = 4});
    struct sim_node *node = sim_node_open(sim, &(struct sim_node_options){0});
    sim_node_start(node, 0);
    struct io *io = sim_node_io(node, 0);
    struct log *log = open_log(io);
    for (int i = 0; i < 10; i++)
        append(log);
    assert_int_equal(log_stop(log, io_fs(io)), ERR_OK);
    int64_t size = log_size_bytes(log);
    log_close(log);
    io_file file;
    assert_int_equal(fs_open(io_fs(io), segment, FS_WRITE, &file), ERR_OK);
    assert_int_equal(fs_write(io_fs(io), file, rubbish, sizeof rubbish, size), ERR_OK);
    assert_int_equal(fs_sync(io_fs(io), file), ERR_OK);
    fs_close(io_fs(io), file);

    log = open_log(io);
    assert_int_equal(log_end_offset(log), 10);
    assert_int_equal(log_size_bytes(log), size);
    for (int i = 0; i < 50; i++) {
        struct sim_disk *after = sim_disk_after_cut(sim_node_disk(node), sim_prng(sim));
        assert_int_equal(size_of(sim_disk_fs(after)), size);
        sim_disk_free(after);
    }
    log_close(log);
    sim_close(sim);
}

static bool count_one(void *context, const char *name, bool is_directory)
{
    size_t length = strlen(name);
    *(int *)context += length > 4 && strcmp(name + length - 4, ".log") == 0;
    return true;
}

static int count_segments(struct fs *fs)
{
    int count = 0;
    assert_int_equal(fs_list(fs, "/log", count_one, &count), ERR_OK);
    return count;
}

static void step(struct sim *sim, struct sim_node *node)
{
    sim_node_wake(node);
    sim_step(sim);
    sim_step(sim);
}

static void flush(struct sim *sim, struct sim_node *node, struct log *log)
{
    log_flush(log);
    for (int i = 0; log_is_flushing(log) && i < 10000; i++)
        step(sim, node);
    assert_int_equal(log_durable_offset(log), log_end_offset(log));
}

/* Segments that were rolled still write their indexes. */
static void close_when_quiet(struct sim *sim, struct sim_node *node, struct log *log)
{
    for (int i = 0; log_is_busy(log) && i < 10000; i++)
        step(sim, node);
    log_close(log);
}

/* What a kill leaves in the page cache is whole, so recovery finds it, but the names of its segments may not be on the
 * device: the flush after which it counts as durable has to see to them. */
static void segments_found_after_a_kill_are_there_after_a_flush_and_a_power_cut(void **state)
{
    struct sim *sim = sim_open(&(struct sim_options){.seed = 9});
    struct sim_node *node = sim_node_open(sim, &(struct sim_node_options){0});
    sim_node_start(node, 0);
    struct io *io = sim_node_io(node, 0);
    config.segment_bytes = 200;
    struct log *log = open_log(io);
    append(log);
    flush(sim, node, log); /* the epochs are written with it: later flushes have nothing of their own to name */
    for (int i = 1; i < 10; i++)
        append(log);
    int segments = log_segment_count(log);
    assert_true(segments > 2);
    close_when_quiet(sim, node, log); /* killed: nothing was flushed */

    log = open_log(io);
    assert_int_equal(log_end_offset(log), 10);
    assert_int_equal(log_segment_count(log), segments);
    flush(sim, node, log);
    for (int i = 0; i < 50; i++) {
        struct sim_disk *after = sim_disk_after_cut(sim_node_disk(node), sim_prng(sim));
        assert_int_equal(count_segments(sim_disk_fs(after)), segments);
        sim_disk_free(after);
    }
    log_close(log);
    config.segment_bytes = 1 << 20;
    sim_close(sim);
}

/* The power is gone after that many steps of a stop of many logs: what had been flushed before is there, and after the
 * last step all of it, epochs too. */
static void stop_and_cut(int steps, uint64_t seed)
{
    struct sim *sim = sim_open(&(struct sim_options){.seed = seed});
    struct sim_node *node = sim_node_open(sim, &(struct sim_node_options){0});
    sim_node_start(node, 0);
    struct io *io = sim_node_io(node, 0);
    struct log *log = open_log(io);
    for (int i = 0; i < 5; i++)
        append_in(log, 1);
    assert_int_equal(log_stop(log, io_fs(io)), ERR_OK);
    for (int i = 0; i < 5; i++)
        append_in(log, 2);
    assert_true(log_has_unflushed(log));
    assert_int_equal(log_stop_write(log, io_fs(io)), ERR_OK);
    if (steps >= 2)
        assert_int_equal(fs_sync_all(io_fs(io), "/log"), ERR_OK);
    if (steps >= 3)
        assert_int_equal(log_stop_together(log, io_fs(io)), ERR_OK);
    if (steps >= 4)
        assert_int_equal(fs_sync_all(io_fs(io), "/log"), ERR_OK);
    assert_int_equal(log_durable_offset(log), steps >= 3 ? 10 : 5);

    sim_node_crash(node, SIM_POWER_CUT);
    sim_node_start(node, 0);
    io = sim_node_io(node, 0);
    struct log_options options = {.directory = "/log",
                                  .topic_id = {{1}},
                                  .config = &config,
                                  .clean = steps == 4,
                                  .recovery_point = steps == 4 ? 10 : 5};
    assert_int_equal(log_open(io, io_fs(io), &options, &log), ERR_OK);
    assert_in_range(log_end_offset(log), steps >= 2 ? 10 : 5, 10);
    assert_in_range(log_last_epoch(log), steps == 4 ? 2 : 1, 2);
    log_close(log);
    sim_close(sim);
}

static void logs_that_stop_together_lose_nothing_at_any_step(void **state)
{
    for (int steps = 1; steps <= 4; steps++)
        for (uint64_t seed = 1; seed <= 20; seed++)
            stop_and_cut(steps, seed);
}

/* Behind a torn segment those that follow are dropped. Their names are used again: should the power go before that is
 * on the device, the old ones must not be found in the place of the new. */
static void dropped_segments_do_not_come_back_behind_new_records(void **state)
{
    static const uint8_t rubbish[20];
    struct sim *sim = sim_open(&(struct sim_options){.seed = 12});
    struct sim_node *node = sim_node_open(sim, &(struct sim_node_options){0});
    sim_node_start(node, 0);
    struct io *io = sim_node_io(node, 0);
    config.segment_bytes = 200;
    struct log *log = open_log(io);
    for (int i = 0; i < 10; i++)
        append(log);
    assert_true(log_segment_count(log) > 2);
    flush(sim, node, log);
    close_when_quiet(sim, node, log);
    io_file file;
    assert_int_equal(fs_open(io_fs(io), segment, FS_WRITE, &file), ERR_OK);
    assert_int_equal(fs_write(io_fs(io), file, rubbish, sizeof rubbish, 70), ERR_OK); /* within the second batch */
    assert_int_equal(fs_sync(io_fs(io), file), ERR_OK);
    fs_close(io_fs(io), file);

    log = open_log(io);
    assert_int_equal(log_segment_count(log), 1);
    for (int i = 0; i < 50; i++) {
        struct sim_disk *after = sim_disk_after_cut(sim_node_disk(node), sim_prng(sim));
        assert_int_equal(count_segments(sim_disk_fs(after)), 1);
        sim_disk_free(after);
    }
    log_close(log);
    config.segment_bytes = 1 << 20;
    sim_close(sim);
}

/* With the second segment gone and the first still there, recovery would see a gap with a lost tail behind it. */
static void a_segment_that_cannot_be_renamed_keeps_those_behind_it(void **state)
{
    enum { BATCHES = 40, DELETED = 25 };
    struct sim *sim = sim_open(&(struct sim_options){.seed = 5});
    struct sim_node *node = sim_node_open(sim, &(struct sim_node_options){0});
    sim_node_start(node, 0);
    struct io *io = sim_node_io(node, 0);
    config.segment_bytes = 200;
    struct log *log = open_log(io);
    for (int i = 0; i < BATCHES; i++)
        append(log);
    flush(sim, node, log);
    int segments = log_segment_count(log);
    sim_disk_fail(sim_node_disk(node), 1, ERR_IO, false);
    assert_int_equal(log_advance_start(log, DELETED), ERR_IO);
    assert_int_equal(log_start_offset(log), DELETED);
    assert_int_equal(log_segment_count(log), segments);
    close_when_quiet(sim, node, log);

    log = open_log(io); /* as after a crash */
    assert_int_equal(log_end_offset(log), BATCHES);
    assert_int_equal(log_advance_start(log, DELETED), ERR_OK);
    flush(sim, node, log);
    assert_true(log_segment_count(log) < segments);
    close_when_quiet(sim, node, log);
    log = open_log(io);
    assert_int_equal(log_end_offset(log), BATCHES);
    assert_in_range(log_start_offset(log), 1, DELETED);
    close_when_quiet(sim, node, log);
    config.segment_bytes = 1 << 20;
    sim_close(sim);
}

static void assert_end_after_cuts(struct sim *sim, struct sim_node *node, struct sim_node *other, int64_t end)
{
    for (int i = 0; i < 50; i++) {
        sim_node_set_disk(other, sim_disk_after_cut(sim_node_disk(node), sim_prng(sim)));
        sim_node_start(other, 0);
        struct log *log = open_log(sim_node_io(other, 0));
        assert_int_equal(log_end_offset(log), end);
        log_close(log);
        sim_node_crash(other, SIM_POWER_CUT);
    }
}

/* Retention takes the last segment with records once an empty one follows. Should the power go then, the deletion may
 * be on the device and the new name not: the log would begin again at its start, and give offsets out twice. */
static void a_log_that_retention_empties_keeps_its_end(void **state)
{
    struct sim *sim = sim_open(&(struct sim_options){.seed = 21});
    struct sim_node *node = sim_node_open(sim, &(struct sim_node_options){0});
    struct sim_node *other = sim_node_open(sim, &(struct sim_node_options){0});
    sim_node_start(node, 0);
    config.retention_ms = 0;
    struct log *log = open_log(sim_node_io(node, 0));
    for (int i = 0; i < 10; i++)
        append(log);
    flush(sim, node, log);
    assert_int_equal(log_retain(log, 1000000, 10), 1);
    assert_int_equal(log_start_offset(log), 10);
    assert_end_after_cuts(sim, node, other, 10);
    for (int i = 0; log_segment_count(log) > 1 && i < 10000; i++) /* goes without being asked again */
        step(sim, node);
    assert_int_equal(log_segment_count(log), 1);
    assert_end_after_cuts(sim, node, other, 10);
    close_when_quiet(sim, node, log);
    config.retention_ms = -1;
    sim_close(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_torn_tail_does_not_come_back),
        cmocka_unit_test(segments_found_after_a_kill_are_there_after_a_flush_and_a_power_cut),
        cmocka_unit_test(logs_that_stop_together_lose_nothing_at_any_step),
        cmocka_unit_test(dropped_segments_do_not_come_back_behind_new_records),
        cmocka_unit_test(a_segment_that_cannot_be_renamed_keeps_those_behind_it),
        cmocka_unit_test(a_log_that_retention_empties_keeps_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
