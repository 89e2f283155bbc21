/* Goal: whenever the power goes while a log is compacted, the next start finds the newest record of every key, old
 * segments or new ones. Method: a log on the simulated disk, compacted twice, and before each of the disk's operations
 * several draws of what a power cut would leave, each opened as after a crash. */
#include "core/log/log_clean.h"
#include "io/reactor/sim.h"
#include "tests/support/test.h"

#include <stdio.h>

enum { KEYS = 12, RECORDS = 160, DRAWS = 4, IMAGES_MAX = 4000 };

static struct topic_config config = {.segment_bytes = 1500,
                                     .segment_ms = 604800000,
                                     .segment_index_bytes = 10485760,
                                     .index_interval_bytes = 400,
                                     .retention_ms = -1,
                                     .retention_bytes = -1,
                                     .cleanup_policy = CONFIG_CLEANUP_COMPACT,
                                     .max_compaction_lag_ms = INT64_MAX,
                                     .delete_retention_ms = 1000000,
                                     .max_message_bytes = 1048588};

static struct sim *sim;
static struct sim_node *node, *other; /* the one that is cut, and where what is left is looked at */
static struct io *io;
static struct sim_disk *images[IMAGES_MAX];
static int image_count;
static int64_t newest[KEYS], end_offset; /* of each key; what counts at a cut */
static bool is_cleaned;

static void step(struct sim_node *of)
{
    sim_node_wake(of);
    sim_step(sim);
    sim_step(sim);
}

static void append(struct log *log, int key, int value)
{
    uint8_t bytes[512];
    char text[64];
    struct batch_builder builder;
    struct batch_header header;
    int appended;
    batch_builder_init(&builder, bytes, sizeof bytes);
    snprintf(text, sizeof text, "%-2d value %d of some bytes", key, value);
    assert_true(batch_builder_add(&builder, 1000, slice_of(text, 2), slice_from_string(text), SLICE_NULL, 0));
    struct slice batch = batch_builder_finish(&builder, NULL);
    assert_int_equal(batch_read_header(batch.data, batch.length, &header), ERR_OK);
    struct log_piece piece = {.data = bytes, .header = &header};
    assert_int_equal(log_append(log, &piece, 1, 0, &appended), ERR_OK);
    newest[key] = piece.base_offset;
}

static void fill(struct log *log, int from, int records)
{
    for (int i = from; i < from + records; i++)
        append(log, i * 7 % KEYS, i);
    log_flush(log);
    while (log_is_flushing(log) || log_is_busy(log))
        step(node);
    end_offset = log_end_offset(log);
    assert_int_equal(log_durable_offset(log), end_offset);
}

static void cleaned(struct log_clean *clean)
{
    is_cleaned = true;
}

static void begin_clean(struct log *log, struct log_clean *clean)
{
    struct log_dirt dirt;
    assert_true(log_find_dirt(log, 0, end_offset, 5000, &dirt));
    *clean = (struct log_clean){.done = cleaned,
                                .first_dirty_offset = dirt.first_dirty_offset,
                                .below_offset = dirt.below_offset,
                                .markers_offset = INT64_MAX,
                                .now_ms = 5000,
                                .delete_retention_ms = config.delete_retention_ms,
                                .map_bytes = 1 << 20,
                                .map_load = 0.9,
                                .step_bytes = 4096};
    is_cleaned = false;
    assert_int_equal(log_clean(log, clean), ERR_OK);
}

static void clean_all(struct log *log)
{
    struct log_clean clean;
    begin_clean(log, &clean);
    while (!is_cleaned || log_is_busy(log))
        step(node);
    assert_int_equal(clean.err, ERR_OK);
}

static void before_operation(struct sim_disk_watch *watch, struct sim_disk *disk)
{
    for (int i = 0; i < DRAWS; i++) {
        assert_true(image_count < IMAGES_MAX);
        images[image_count++] = sim_disk_after_cut(disk, sim_prng(sim));
    }
}

static struct log *open_log(struct io *on, int64_t recovery_point)
{
    struct log *log;
    struct log_options options = {
        .directory = "/log", .topic_id = {{1}}, .recovery_point = recovery_point, .config = &config};
    assert_int_equal(log_open(on, io_fs(on), &options, &log), ERR_OK);
    return log;
}

static void open_sim(uint64_t seed)
{
    sim = sim_open(&(struct sim_options){.seed = seed});
    node = sim_node_open(sim, &(struct sim_node_options){0});
    other = sim_node_open(sim, &(struct sim_node_options){0});
    sim_node_start(node, 0);
    io = sim_node_io(node, 0);
    image_count = 0;
}

static bool is_read;
static void read_done(struct log_read *read)
{
    is_read = true;
}

/* The offset is that of a batch, and not of a hole. */
static bool is_there(struct sim_node *at, struct log *log, int64_t offset)
{
    struct log_read read = {.done = read_done, .offset = offset, .below = log_end_offset(log), .max_bytes = 1};
    uint8_t bytes[BATCH_HEADER_BYTES];
    size_t got;
    struct batch_header header;
    struct fs *fs = io_fs(sim_node_io(at, 0));
    is_read = log_read(log, &read);
    for (int i = 0; !is_read && i < 10000; i++)
        step(at);
    assert_true(is_read);
    if (read.err != ERR_OK || read.ref == NULL)
        return false;
    assert_int_equal(fs_read(fs, read.file, bytes, sizeof bytes, read.pos, &got), ERR_OK);
    assert_int_equal(batch_read_header(bytes, got, &header), ERR_OK);
    log_ref_release(read.ref);
    return header.base_offset == offset && header.record_count == 1;
}

static void check_image(struct sim_disk *image, int64_t recovery_point)
{
    sim_node_set_disk(other, image);
    sim_node_start(other, 0);
    struct log *log = open_log(sim_node_io(other, 0), recovery_point);
    assert_int_equal(log_end_offset(log), end_offset);
    assert_int_equal(log_damage_count(log), 0);
    for (int key = 0; key < KEYS; key++)
        if (!is_there(other, log, newest[key]))
            fail_msg("the newest record of key %d, at %lld, is not there", key, (long long)newest[key]);
    while (log_is_busy(log))
        step(other);
    log_close(log);
    sim_node_crash(other, SIM_KILL);
}

static void cut_at_any_operation_it_is_the_old_log_or_the_new_one(void **state)
{
    static struct sim_disk_watch watch = {.before = before_operation};
    int cut = 0;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        open_sim(seed);
        struct log *log = open_log(io, 0);
        fill(log, 0, RECORDS);
        for (int run = 0; run < 2; run++) { /* the second joins what the first has made small */
            image_count = 0;
            sim_disk_set_watch(sim_node_disk(node), &watch);
            clean_all(log);
            sim_disk_set_watch(sim_node_disk(node), NULL);
            cut += image_count;
            for (int i = 0; i < image_count; i++) /* what the checkpoint says may be as old as it likes */
                check_image(images[i], i % 2 == 0 ? end_offset : 0);
            fill(log, RECORDS, RECORDS / 4);
        }
        while (log_is_busy(log))
            step(node);
        log_close(log);
        sim_close(sim);
    }
    assert_true(cut > 500);
}

/* What is kept is whole: the segment with the log's end. */
static void check_end(struct sim_disk *image)
{
    sim_node_set_disk(other, image);
    sim_node_start(other, 0);
    struct log *log = open_log(sim_node_io(other, 0), 0);
    assert_int_equal(log_end_offset(log), end_offset);
    assert_int_equal(log_damage_count(log), 0);
    assert_true(is_there(other, log, end_offset - 1));
    while (log_is_busy(log))
        step(other);
    log_close(log);
    sim_node_crash(other, SIM_KILL);
}

/* False: the compaction was over by then. */
static bool delete_at_step(int when)
{
    static struct sim_disk_watch watch = {.before = before_operation};
    struct log_clean clean;
    open_sim(7);
    struct log *log = open_log(io, 0);
    fill(log, 0, RECORDS);
    begin_clean(log, &clean);
    for (int i = 0; i < when && !is_cleaned; i++)
        step(node);
    bool in_time = !is_cleaned;
    sim_disk_set_watch(sim_node_disk(node), &watch);
    assert_int_equal(log_advance_start(log, end_offset - 1), ERR_OK);
    while (!is_cleaned || log_is_busy(log) || log_is_flushing(log))
        step(node);
    sim_disk_set_watch(sim_node_disk(node), NULL);
    assert_int_equal(log_segment_count(log), 1);
    for (int i = 0; i < image_count; i++) {
        if ((i + when) % 3 == 0)
            check_end(images[i]);
        else
            sim_disk_free(images[i]);
    }
    log_close(log);
    sim_close(sim);
    return in_time;
}

/* What a compaction has made and the start has passed must not come back in front of a gap: recovery would take what
 * lies behind for a tail that never was durable. */
static void records_deleted_while_they_are_compacted_take_no_others_with_them(void **state)
{
    int when = 0;
    while (delete_at_step(when))
        when++;
    assert_true(when > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_at_any_operation_it_is_the_old_log_or_the_new_one),
        cmocka_unit_test(records_deleted_while_they_are_compacted_take_no_others_with_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
