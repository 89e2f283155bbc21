/* Transactions on a partition: where readers of committed records stop, what they are told to leave out, and that
 * restarts of every kind keep both. */
#include "core/partition/shard_data_internal.h"
#include "core/wire/marker.h"
#include "tests/unit/core/partition/fixture.h"

static struct partition *first(void)
{
    return shard_data_find(data, topic.id, 0);
}

static int16_t send_prepared(struct sent *sent, struct slice batch)
{
    partition_prepare(&sent->append, sent->bytes, batch.length);
    sent->append.done = sent_done;
    sent->append.acks = -1;
    sent->append.by_coordinator = true;
    partition_append(first(), &sent->append);
    await(sent);
    return sent->append.error;
}

/* producer < 0: none, and no transaction. */
static int64_t write_batch(int64_t producer, int16_t epoch, struct slice key, int records)
{
    struct sent sent = {0};
    struct batch_builder builder;
    struct batch_header header = {
        .producer_id = producer, .producer_epoch = epoch, .base_sequence = -1, .attributes = BATCH_TRANSACTIONAL};
    batch_builder_init(&builder, sent.bytes, sizeof(sent.bytes));
    for (int i = 0; i < records; i++)
        assert_true(batch_builder_add(&builder, 1000, key, SLICE_LITERAL("v"), SLICE_NULL, 0));
    struct slice batch = batch_builder_finish(&builder, producer < 0 ? NULL : &header);
    assert_int_equal(send_prepared(&sent, batch), KAFKA_ERROR_NONE);
    return sent.append.base_offset;
}

static int64_t write_in_transaction(int64_t producer, int records)
{
    return write_batch(producer, 0, SLICE_NULL, records);
}

static int16_t end_with_epoch(int64_t producer, int16_t epoch, bool commit, int32_t coordinator_epoch)
{
    struct sent sent = {0};
    struct marker marker = {.commit = commit, .coordinator_epoch = coordinator_epoch};
    return send_prepared(&sent, marker_build(sent.bytes, &marker, producer, epoch, 1000));
}

static int16_t end_transaction(int64_t producer, bool commit, int32_t coordinator_epoch)
{
    return end_with_epoch(producer, 0, commit, coordinator_epoch);
}

static bool read_is_done;
static void read_done(struct partition_read *read)
{
    read_is_done = true;
}

static int aborted_from(int64_t offset, struct log_aborted *to, int capacity)
{
    struct partition_read read = {.done = read_done,
                                  .fetch_offset = offset,
                                  .max_bytes = 1 << 20,
                                  .current_leader_epoch = -1,
                                  .last_fetched_epoch = -1,
                                  .replica_id = -1,
                                  .isolation = PARTITION_READ_COMMITTED,
                                  .aborted = to,
                                  .aborted_capacity = capacity};
    read_is_done = false;
    if (!partition_read(first(), &read))
        while (!read_is_done)
            machine_turn(machine, true);
    assert_int_equal(read.error, KAFKA_ERROR_NONE);
    assert_int_equal(read.last_stable_offset, partition_last_stable(first()));
    partition_release_read(&read);
    return read.aborted_count;
}

static void remove_files(const char *pattern)
{
    char command[600];
    snprintf(command, sizeof(command), "find '%s' -name '%s' -delete", directory, pattern);
    assert_int_equal(system(command), 0);
}

/* What is gone when the process comes back. */
static const char *const losses[][4] = {
    {NULL},                /* a clean stop */
    {"ringmain-manifest"}, /* one of Kafka's */
    {"ringmain-manifest", "*.snapshot"},
    {"ringmain-manifest", ".kafka_cleanshutdown"}, /* a crash */
    {"ringmain-manifest", ".kafka_cleanshutdown", "*.snapshot", "*.txnindex"},
};

static void restart(int loss)
{
    close_all();
    for (int i = 0; i < 4 && losses[loss][i] != NULL; i++)
        remove_files(losses[loss][i]);
    open_all();
    apply(&image);
}

static void every_restart_keeps_what_is_stable_and_what_was_aborted(void **state)
{
    struct log_aborted lines[16];
    int64_t base = 0;
    topic.config.segment_bytes = 300; /* so that lines lie in several */
    for (size_t loss = 0; loss < COUNT_OF(losses); loss++) {
        write_in_transaction(100, 3);
        int64_t open = write_in_transaction(200, 2);
        assert_int_equal(end_transaction(100, false, 5), KAFKA_ERROR_NONE);
        write_in_transaction(300, 1);
        assert_int_equal(end_transaction(300, true, 5), KAFKA_ERROR_NONE);
        assert_int_equal(partition_last_stable(first()), open);
        int before = aborted_from(base, lines, 16);
        assert_int_equal(before, 1);
        restart((int)loss);
        assert_int_equal(partition_last_stable(first()), open);
        assert_int_equal(aborted_from(base, lines, 16), 1);
        assert_int_equal(lines[0].producer_id, 100);
        assert_int_equal(lines[0].first_offset, base);
        assert_int_equal(end_transaction(200, false, 4),
                         loss == 0 ? KAFKA_ERROR_NONE : KAFKA_ERROR_TRANSACTION_COORDINATOR_FENCED);
        assert_int_equal(end_transaction(200, false, 5), KAFKA_ERROR_NONE);
        assert_int_equal(partition_last_stable(first()), partition_log_end(first()));
        assert_int_equal(aborted_from(open, lines, 16) >= 1, true);
        base = partition_log_end(first());
    }
    for (size_t loss = 0; loss < COUNT_OF(losses); loss++) { /* all of them, from one batch to the next */
        restart((int)loss);
        int64_t seen = 0;
        for (int64_t offset = 0; offset < partition_last_stable(first()); offset++) {
            int count = aborted_from(offset, lines, 16);
            for (int i = 0; i < count && i < 16; i++)
                if (lines[i].first_offset == offset)
                    seen++;
        }
        assert_int_equal(seen, 2 * COUNT_OF(losses));
    }
}

static void deleted_records_do_not_hold_readers_back(void **state)
{
    int64_t low;
    write_in_transaction(100, 3);
    write_in_transaction(200, 3);
    assert_int_equal(partition_last_stable(first()), 0);
    assert_int_equal(partition_delete_records(first(), 2, &low), KAFKA_ERROR_NONE);
    assert_int_equal(partition_last_stable(first()), 2);
    assert_int_equal(end_transaction(100, true, 1), KAFKA_ERROR_NONE);
    assert_int_equal(partition_last_stable(first()), 3);
    assert_int_equal(end_transaction(200, true, 1), KAFKA_ERROR_NONE);
    assert_int_equal(partition_last_stable(first()), partition_log_end(first()));
}

static void compacted(void)
{
    topic.config.cleanup_policy = CONFIG_CLEANUP_COMPACT;
    topic.config.segment_bytes = 1000;
    topic.config.max_compaction_lag_ms = INT64_MAX;
    topic.config.delete_retention_ms = 0; /* what is not needed goes with the second compaction */
    broker.log_cleaner_backoff_ms = 10;
    broker.log_cleaner_dedupe_buffer_size = 1 << 20;
    broker.log_cleaner_io_buffer_load_factor = 0.9;
    broker.log_cleaner_io_max_bytes_per_second = 1e300;
}

static void fill(void)
{
    broker.log_cleaner_enable = false;
    for (int i = 0; i < 60; i++)
        write_batch(-1, 0, SLICE_LITERAL("key"), 1);
}

static void compact(void)
{
    int64_t before = first()->_cleaned_offset;
    broker.log_cleaner_enable = true;
    shard_data_configure(data, &broker);
    while (first()->_cleaned_offset == before)
        machine_turn(machine, true);
}

/* The process dies, and of the snapshots only that one is there. */
static void crash_with_snapshot(int64_t offset)
{
    char command[700];
    close_all();
    remove_files("ringmain-manifest");
    remove_files(".kafka_cleanshutdown");
    snprintf(command, sizeof(command), "find '%s' -name '*.snapshot' ! -name '%020lld.snapshot' -delete", directory,
             (long long)offset);
    assert_int_equal(system(command), 0);
    open_all();
    apply(&image);
    assert_int_equal(first()->_snapshot_offset, offset);
}

static void take_snapshot(void)
{
    snapshot_checkpoint(data, first());
    while (first()->_snapshot_running)
        machine_turn(machine, true);
    assert_int_equal(first()->_snapshot_offset, partition_log_end(first()));
}

/* What began below a snapshot and ended behind it ends after a restart, too, however often it was compacted meanwhile.
 */
static void compaction_leaves_what_ends_a_transaction_of_a_snapshot(void **state)
{
    enum { SAME_EPOCH, BUMPED /* by the marker, as transaction.version 2 has it */, GOES_ON, OLDER_OF_TWO, VARIANTS };
    for (int variant = 0; variant < VARIANTS; variant++) {
        int16_t epoch = variant == SAME_EPOCH ? 0 : 1;
        int64_t producer = 100 + variant, stable = -1;
        compacted();
        write_batch(producer, 0, SLICE_LITERAL("key"), 1);
        take_snapshot();
        int64_t within = first()->_snapshot_offset;
        assert_int_equal(end_with_epoch(producer, epoch, true, 5), KAFKA_ERROR_NONE);
        if (variant == OLDER_OF_TWO)
            take_snapshot();
        for (int i = 0; i < 3; i++) {
            fill();
            if (variant >= GOES_ON && i == 2) /* nobody needs the marker for its epoch then */
                stable = write_batch(producer, epoch, SLICE_LITERAL("key"), 1);
            compact();
        }
        if (stable < 0)
            stable = partition_log_end(first());
        assert_int_equal(partition_last_stable(first()), stable);
        crash_with_snapshot(within);
        assert_int_equal(partition_last_stable(first()), stable);
        if (variant >= GOES_ON)
            assert_int_equal(end_with_epoch(producer, epoch + 1, true, 5), KAFKA_ERROR_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(every_restart_keeps_what_is_stable_and_what_was_aborted),
        ON_DISK(compaction_leaves_what_ends_a_transaction_of_a_snapshot),
        ON_DISK(deleted_records_do_not_hold_readers_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
