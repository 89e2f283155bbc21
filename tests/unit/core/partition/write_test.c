/* Writing under pressure: over the budget of dirty bytes, on a full disk, and what is flushed when nobody waits. The
 * machine is the real one; calls of interest go through a table of the test's own, which may hold or fail them. */
#include "io/reactor/backend.h"
#include "tests/unit/core/partition/fixture.h"

static struct io_backend faulty;
static const struct io_backend *real;
static struct fs_backend faulty_fs;
static const struct fs_backend *real_fs;

/* One write through the ring, held until the test lets it go. */
static struct {
    bool is_held;
    struct io_op *op;
    io_file file;
    const void *buffer;
    size_t length;
    int64_t pos;
} held;
static bool hold_writes, full, nearly_full;
static int ring_writes, writebacks, syncs;

static void hold_write(struct io *of, struct io_op *op, io_file file, const void *buffer, size_t length, int64_t pos)
{
    ring_writes++;
    if (full) { /* half of it fitted */
        assert_int_equal(fs_write(io_fs(of), file, buffer, length / 2, pos), ERR_OK);
        io_defer(of, op, ERR_NO_SPACE, 0);
        return;
    }
    if (!hold_writes) {
        real->write(of, op, file, buffer, length, pos);
        return;
    }
    assert_false(held.is_held);
    held.is_held = true;
    held.op = op;
    held.file = file;
    held.buffer = buffer;
    held.length = length;
    held.pos = pos;
}

static void let_go(void)
{
    while (!held.is_held)
        machine_turn(machine, true);
    held.is_held = false;
    real->write(io, held.op, held.file, held.buffer, held.length, held.pos);
}

static enum err full_write_now(struct io *of, io_file file, const struct slice *pieces, int count, int64_t pos,
                               int64_t *written)
{
    if (!full)
        return real->write_now(of, file, pieces, count, pos, written);
    struct slice some = slice_of(pieces[0].data, pieces[0].length / 2);
    assert_int_equal(real->write_now(of, file, &some, 1, pos, written), ERR_OK);
    return ERR_NO_SPACE;
}

static void count_writeback(struct io *of, struct io_op *op, io_file file, int64_t pos, int64_t length)
{
    writebacks++;
    real->writeback(of, op, file, pos, length);
}

static void count_sync(struct io *of, struct io_op *op, io_file file)
{
    syncs++;
    real->sync(of, op, file);
}

static enum err fake_space(struct fs *fs, const char *path, int64_t *total_bytes, int64_t *free_bytes)
{
    *total_bytes = 1000000;
    *free_bytes = nearly_full ? 999 : 500000;
    return ERR_OK;
}

static void interpose(void)
{
    real = io->backend;
    faulty = *real;
    faulty.write = hold_write;
    faulty.write_now = full_write_now;
    faulty.writeback = count_writeback;
    faulty.sync = count_sync;
    io->backend = &faulty;
    real_fs = io->fs->backend;
    faulty_fs = *real_fs;
    faulty_fs.space = fake_space;
    hold_writes = full = nearly_full = held.is_held = false;
    ring_writes = writebacks = syncs = 0;
}

static struct partition *first(void)
{
    return shard_data_find(data, topic.id, 0);
}

static void turns(int count)
{
    for (int i = 0; i < count; i++)
        machine_turn(machine, false);
}

static void with_budget(int64_t bytes)
{
    broker.ringmain_dirty_bytes = bytes;
    shard_data_configure(data, &broker);
}

static void over_the_budget_appends_go_through_the_ring_in_order_and_unseen_until_written(void **state)
{
    static struct sent sent[6];
    interpose();
    with_budget(0);
    hold_writes = true;
    for (int i = 0; i < 3; i++)
        send_batch(&sent[i], 1, 9, i * 2, 2);
    turns(3);
    for (int i = 3; i < 6; i++) /* behind it, a repetition of what is still on its way among them */
        send_batch(&sent[i], -1, 9, i == 4 ? 2 : (i == 3 ? 6 : 8), 2);
    turns(3);
    assert_int_equal(ring_writes, 1); /* joined; and the second one waits for the first */
    assert_true(log_is_writing(first()->log));
    for (int i = 0; i < 6; i++)
        assert_int_equal(sent[i].answers, 0);
    assert_int_equal(partition_log_end(first()), 0);
    assert_int_equal(first()->high_watermark, 0);
    let_go();
    let_go();
    for (int i = 0; i < 6; i++) {
        await(&sent[i]);
        assert_int_equal(sent[i].append.error, KAFKA_ERROR_NONE);
    }
    for (int i = 0; i < 4; i++)
        assert_int_equal(sent[i].append.base_offset, i * 2);
    assert_int_equal(sent[4].append.base_offset, 2);
    assert_int_equal(sent[5].append.base_offset, 8);
    assert_int_equal(partition_log_end(first()), 10);
    hold_writes = false;
}

static void a_topic_deleted_while_a_write_is_on_its_way_answers_all_of_them(void **state)
{
    static struct sent sent[2];
    interpose();
    with_budget(0);
    hold_writes = true;
    send_batch(&sent[0], 1, -1, -1, 2);
    turns(3);
    send_batch(&sent[1], 1, -1, -1, 2);
    turns(3);
    apply(&empty);
    let_go();
    await(&sent[0]);
    await(&sent[1]);
    assert_int_equal(sent[0].append.error, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    assert_int_equal(sent[1].append.error, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    hold_writes = false;
}

static void a_full_disk_refuses_and_loses_nothing(void **state)
{
    static struct sent sent[6];
    interpose();
    for (int round = 0; round < 2; round++) { /* inline, then through the ring */
        int64_t before = partition_log_end(first());
        with_budget(round == 0 ? 64 << 20 : 0);
        full = false;
        send_batch(&sent[0], -1, 9, round * 6, 3);
        await(&sent[0]);
        assert_int_equal(sent[0].append.error, KAFKA_ERROR_NONE);
        full = true;
        for (int i = 1; i < 3; i++)
            send_batch(&sent[i], -1, 9, round * 6 + 3, 3);
        await(&sent[1]);
        await(&sent[2]);
        assert_int_equal(sent[1].append.error, KAFKA_ERROR_KAFKA_STORAGE_ERROR);
        assert_int_equal(sent[2].append.error, KAFKA_ERROR_KAFKA_STORAGE_ERROR);
        assert_int_equal(partition_log_end(first()), before + 3);
        assert_int_equal(first()->state, PARTITION_ONLINE);
        full = false; /* room is back: the same batch again, as a producer does it */
        send_batch(&sent[3], -1, 9, round * 6 + 3, 3);
        await(&sent[3]);
        assert_int_equal(sent[3].append.error, KAFKA_ERROR_NONE);
        assert_int_equal(sent[3].append.base_offset, before + 3);
    }
    close_all();
    open_all(); /* nothing of the halves is in the file */
    apply(&image);
    assert_int_equal(partition_log_end(first()), 12);
    assert_int_equal(log_damage_count(first()->log), 0);
    struct partition_read read = {
        .max_bytes = 1 << 20, .current_leader_epoch = -1, .last_fetched_epoch = -1, .replica_id = -1};
    read_partition(first(), &read);
    assert_int_equal(read.length, 4 * sent[0].append.length);
    partition_release_read(&read);
}

static bool unwatched;

static void on_unwatched(struct log_dirs_unwatch *unwatch)
{
    (void)unwatch;
    unwatched = true;
}

static void below_the_reserve_produce_is_refused_and_goes_on_when_there_is_room_again(void **state)
{
    static struct sent sent[3];
    struct fs *lane_fs = io->fs;
    interpose();
    nearly_full = true;
    lane_fs->backend = &faulty_fs;
    int64_t total, left;
    assert_int_equal(log_dirs_watch(dirs, 10, 1000), ERR_OK);
    while (!log_dirs_is_full(dirs, 0))
        machine_turn(machine, true);
    send_batch(&sent[0], -1, -1, -1, 2);
    await(&sent[0]);
    assert_int_equal(sent[0].append.error, KAFKA_ERROR_KAFKA_STORAGE_ERROR);
    assert_int_equal(partition_log_end(first()), 0);
    nearly_full = false;
    while (log_dirs_is_full(dirs, 0))
        machine_turn(machine, true);
    log_dirs_space(dirs, 0, &total, &left);
    assert_int_equal(left, 500000);
    send_batch(&sent[1], -1, -1, -1, 2);
    await(&sent[1]);
    assert_int_equal(sent[1].append.error, KAFKA_ERROR_NONE);
    struct log_dirs_unwatch unwatch = {.done = on_unwatched};
    unwatched = false;
    log_dirs_unwatch(dirs, &unwatch); /* the directories may not be closed while they are looked at */
    while (!unwatched)
        machine_turn(machine, true);
    lane_fs->backend = real_fs;
}

static void until_durable(void)
{
    /* The end of what was asked for too: a flush that follows would take the next batch along. */
    while (log_durable_offset(first()->log) < log_end_offset(first()->log) || log_is_flushing(first()->log))
        machine_turn(machine, true);
}

static void what_nobody_waits_for_is_flushed_by_messages_bytes_and_time(void **state)
{
    static struct sent sent[4];
    interpose();
    topic.config.flush_messages = 5;
    send_batch(&sent[0], 1, -1, -1, 4);
    await(&sent[0]);
    turns(20);
    assert_int_equal(log_durable_offset(first()->log), 0);
    send_batch(&sent[1], 1, -1, -1, 1);
    await(&sent[1]);
    until_durable();

    topic.config.flush_messages = INT64_MAX;
    topic.config.flush_ms = 30;
    int64_t began_ns = io_now_ns(io);
    send_batch(&sent[2], 0, -1, -1, 1);
    await(&sent[2]);
    assert_true(log_durable_offset(first()->log) < log_end_offset(first()->log));
    until_durable();
    assert_true(io_now_ns(io) - began_ns >= 30000000);

    topic.config.flush_ms = INT64_MAX;
    broker.ringmain_flush_interval_bytes = 1;
    send_batch(&sent[3], 1, -1, -1, 1);
    await(&sent[3]);
    until_durable();
}

static void level_os_answers_from_memory_and_is_flushed_in_the_background(void **state)
{
    static struct sent sent[3];
    interpose();
    topic.config.durability = CONFIG_DURABILITY_OS;
    broker.ringmain_flush_interval_ms = 40;
    for (int i = 0; i < 3; i++) {
        send_batch(&sent[i], -1, -1, -1, 2);
        await(&sent[i]);
    }
    assert_int_equal(log_durable_offset(first()->log), 0);
    until_durable();
    turns(100);
    assert_true(syncs <= 1); /* the first goes by a job, with the directory */
}

static void bytes_are_sent_on_their_way_before_the_kernel_makes_anybody_wait(void **state)
{
    static struct sent sent;
    static uint8_t value[400];
    interpose();
    int appended;
    static uint8_t bytes[700000];
    struct batch_builder builder;
    struct batch_header header;
    batch_builder_init(&builder, bytes, sizeof(bytes));
    while (batch_builder_add(&builder, 1, SLICE_NULL, slice_of(value, sizeof(value)), SLICE_NULL, 0))
        ;
    struct slice batch = batch_builder_finish(&builder, NULL);
    assert_int_equal(batch_read_header(batch.data, batch.length, &header), ERR_OK);
    topic.config.segment_bytes = 64 << 20;
    for (int i = 0; i < 20; i++) {
        struct log_piece piece = {.data = bytes, .header = &header};
        assert_int_equal(log_append(first()->log, &piece, 1, 3, &appended), ERR_OK);
        turns(2);
    }
    while (log_is_busy(first()->log))
        machine_turn(machine, true);
    assert_true(writebacks >= 1 && writebacks <= 13); /* a slow device takes more at a time */
    send_batch(&sent, -1, -1, -1, 1);
    await(&sent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(over_the_budget_appends_go_through_the_ring_in_order_and_unseen_until_written),
        ON_DISK(a_topic_deleted_while_a_write_is_on_its_way_answers_all_of_them),
        ON_DISK(a_full_disk_refuses_and_loses_nothing),
        ON_DISK(below_the_reserve_produce_is_refused_and_goes_on_when_there_is_room_again),
        ON_DISK(what_nobody_waits_for_is_flushed_by_messages_bytes_and_time),
        ON_DISK(level_os_answers_from_memory_and_is_flushed_in_the_background),
        ON_DISK(bytes_are_sent_on_their_way_before_the_kernel_makes_anybody_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
