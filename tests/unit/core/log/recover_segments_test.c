/* Goal: recovery keeps every segment that is whole and in its place, and no other comes back. Method: logs of small
 * segments on the simulated disk, with names that do not change and many draws of what a power cut then leaves. */
#include "core/log/log.h"
#include "io/reactor/sim.h"
#include "tests/support/test.h"

static const char *const segment = "/log/00000000000000000000.log";
static struct topic_config config = {.segment_bytes = 200,
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

static void append(struct log *log)
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
    assert_int_equal(log_append(log, &piece, 1, 0, &appended), ERR_OK);
}

static void close_log(struct sim *sim, struct sim_node *node, struct log *log)
{
    while (log_is_busy(log)) { /* with the indexes of segments that were rolled */
        sim_node_wake(node);
        sim_run_for(sim, 1000000);
    }
    log_close(log);
}

static int64_t size_of(struct fs *fs)
{
    struct fs_info info;
    assert_int_equal(fs_info(fs, segment, &info), ERR_OK);
    return info.size;
}

/* Opens what the power leaves of the disk as another machine's. */
static int64_t end_after_cut(struct sim *sim, struct sim_node *node, struct sim_node *other)
{
    sim_node_set_disk(other, sim_disk_after_cut(sim_node_disk(node), sim_prng(sim)));
    sim_node_start(other, 0);
    struct log *log = open_log(sim_node_io(other, 0));
    int64_t end = log_end_offset(log);
    close_log(sim, other, log);
    sim_node_crash(other, SIM_POWER_CUT);
    return end;
}

static void dropped_segments_do_not_come_back(void **state)
{
    struct sim *sim = sim_open(&(struct sim_options){.seed = 6});
    struct sim_node *node = sim_node_open(sim, &(struct sim_node_options){0});
    struct sim_node *other = sim_node_open(sim, &(struct sim_node_options){0});
    sim_node_start(node, 0);
    struct io *io = sim_node_io(node, 0);
    struct log *log = open_log(io);
    for (int i = 0; i < 10; i++)
        append(log);
    assert_int_equal(log_stop(log, io_fs(io)), ERR_OK);
    close_log(sim, node, log);
    io_file file;
    assert_int_equal(fs_open(io_fs(io), segment, FS_WRITE, &file), ERR_OK);
    assert_int_equal(fs_truncate(io_fs(io), file, size_of(io_fs(io)) / 2), ERR_OK); /* its second batch is lost */
    assert_int_equal(fs_sync(io_fs(io), file), ERR_OK);
    fs_close(io_fs(io), file);

    log = open_log(io);
    assert_int_equal(log_end_offset(log), 1);
    append(log); /* fits in front of what was dropped */
    for (int i = 0; i < 100; i++)
        assert_in_range(end_after_cut(sim, node, other), 1, 2);
    close_log(sim, node, log);
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
    struct log *log = open_log(io);
    for (int i = 0; i < BATCHES; i++)
        append(log);
    assert_int_equal(log_stop(log, io_fs(io)), ERR_OK);
    int segments = log_segment_count(log);
    sim_disk_fail(sim_node_disk(node), 1, ERR_IO, false);
    assert_int_equal(log_advance_start(log, DELETED), ERR_IO);
    assert_int_equal(log_start_offset(log), DELETED);
    assert_int_equal(log_segment_count(log), segments);
    close_log(sim, node, log);

    log = open_log(io); /* as after a crash */
    assert_int_equal(log_end_offset(log), BATCHES);
    assert_int_equal(log_advance_start(log, DELETED), ERR_OK);
    assert_true(log_segment_count(log) < segments);
    close_log(sim, node, log);
    log = open_log(io);
    assert_int_equal(log_end_offset(log), BATCHES);
    assert_in_range(log_start_offset(log), 1, DELETED);
    close_log(sim, node, log);
    sim_close(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dropped_segments_do_not_come_back),
        cmocka_unit_test(a_segment_that_cannot_be_renamed_keeps_those_behind_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
