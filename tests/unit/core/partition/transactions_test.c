/* Transactions on a partition: where readers of committed records stop, what they are told to leave out, and that
 * restarts of every kind keep both. */
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

static int64_t write_in_transaction(int64_t producer, int records)
{
    struct sent sent = {0};
    struct batch_builder builder;
    struct batch_header header = {
        .producer_id = producer, .producer_epoch = 0, .base_sequence = -1, .attributes = BATCH_TRANSACTIONAL};
    batch_builder_init(&builder, sent.bytes, sizeof(sent.bytes));
    for (int i = 0; i < records; i++)
        assert_true(batch_builder_add(&builder, 1000, SLICE_NULL, SLICE_LITERAL("v"), SLICE_NULL, 0));
    assert_int_equal(send_prepared(&sent, batch_builder_finish(&builder, &header)), KAFKA_ERROR_NONE);
    return sent.append.base_offset;
}

static int16_t end_transaction(int64_t producer, bool commit, int32_t coordinator_epoch)
{
    struct sent sent = {0};
    struct marker marker = {.commit = commit, .coordinator_epoch = coordinator_epoch};
    return send_prepared(&sent, marker_build(sent.bytes, &marker, producer, 0, 1000));
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(every_restart_keeps_what_is_stable_and_what_was_aborted),
        ON_DISK(deleted_records_do_not_hold_readers_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
