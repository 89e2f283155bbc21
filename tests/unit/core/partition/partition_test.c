/* Partitions on the real machine: group append, producers, waits for the device, reads, deletion, restart. */
#include "tests/unit/core/partition/fixture.h"

static void one_turns_batches_go_out_together_and_all_wait_for_the_device(void **state)
{
    static struct sent sent[20];
    uint64_t before = io_stats(io)->inline_writes;
    for (int i = 0; i < 20; i++)
        send_batch(&sent[i], -1, -1, -1, 2);
    for (int i = 0; i < 20; i++)
        await(&sent[i]);
    assert_int_equal(io_stats(io)->inline_writes - before, 1);
    struct partition *partition = shard_data_find(data, topic.id, 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(sent[i].append.error, KAFKA_ERROR_NONE);
        assert_int_equal(sent[i].append.base_offset, i * 2);
    }
    assert_int_equal(log_durable_offset(partition->log), 40);
    assert_int_equal(partition->high_watermark, 40);
}

static void a_repetition_gets_the_first_offset_even_within_one_turn(void **state)
{
    static struct sent first, again, next, gap, later;
    send_batch(&first, 1, 9, 0, 3);
    send_batch(&again, 1, 9, 0, 3);
    send_batch(&next, -1, 9, 3, 1);
    send_batch(&gap, 1, 9, 7, 1);
    await(&gap);
    await(&next);
    assert_int_equal(first.append.base_offset, 0);
    assert_int_equal(again.append.base_offset, 0);
    assert_int_equal(again.append.error, KAFKA_ERROR_NONE);
    assert_int_equal(next.append.base_offset, 3);
    assert_int_equal(gap.append.error, KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER);
    close_all();
    open_all();
    apply(&image);
    send_batch(&later, 1, 9, 3, 1); /* remembered over the restart */
    await(&later);
    assert_int_equal(later.append.base_offset, 3);
    assert_int_equal(partition_log_end(shard_data_find(data, topic.id, 0)), 4);
}

static void read_done(struct partition_read *read)
{
    fail();
}

static void reads_end_at_the_high_watermark_and_epochs_are_checked(void **state)
{
    static struct sent sent;
    struct partition *partition = shard_data_find(data, topic.id, 0);
    struct partition_read read = {
        .done = read_done, .max_bytes = 1000, .current_leader_epoch = 3, .last_fetched_epoch = -1, .replica_id = -1};
    send_batch(&sent, 1, -1, -1, 2);
    await(&sent);
    assert_true(partition_read(partition, &read));
    assert_int_equal(read.error, KAFKA_ERROR_NONE);
    assert_int_equal(read.length, sent.append.length);
    partition_release_read(&read);
    read.fetch_offset = 2;
    assert_true(partition_read(partition, &read));
    assert_null(read.ref);
    assert_int_equal(read.error, KAFKA_ERROR_NONE);
    read.fetch_offset = 3;
    assert_true(partition_read(partition, &read));
    assert_int_equal(read.error, KAFKA_ERROR_OFFSET_OUT_OF_RANGE);
    read.current_leader_epoch = 2;
    assert_true(partition_read(partition, &read));
    assert_int_equal(read.error, KAFKA_ERROR_FENCED_LEADER_EPOCH);
    read.current_leader_epoch = 4;
    assert_true(partition_read(partition, &read));
    assert_int_equal(read.error, KAFKA_ERROR_UNKNOWN_LEADER_EPOCH);
    assert_true(partition_read(NULL, &read));
    assert_int_equal(read.error, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
}

static void delete_records_moves_the_start_up_to_the_high_watermark(void **state)
{
    static struct sent sent;
    struct partition *partition = shard_data_find(data, topic.id, 0);
    int64_t low;
    send_batch(&sent, 1, -1, -1, 4);
    await(&sent);
    assert_int_equal(partition_delete_records(partition, 5, &low), KAFKA_ERROR_OFFSET_OUT_OF_RANGE);
    assert_int_equal(partition_delete_records(partition, 1, &low), KAFKA_ERROR_NONE);
    assert_int_equal(low, 1);
    assert_int_equal(partition_delete_records(partition, -1, &low), KAFKA_ERROR_NONE);
    assert_int_equal(low, 4);
    topic.config.cleanup_policy = CONFIG_CLEANUP_COMPACT;
    assert_int_equal(partition_delete_records(partition, 4, &low), KAFKA_ERROR_POLICY_VIOLATION);
}

static void a_deleted_topic_answers_who_waits_and_comes_again_empty(void **state)
{
    static struct sent sent;
    send_batch(&sent, 1, -1, -1, 4);
    await(&sent);
    apply(&empty);
    assert_null(shard_data_find(data, topic.id, 0));
    topic.id.bytes[0]++;
    apply(&image);
    struct partition *partition = shard_data_find(data, topic.id, 0);
    assert_int_equal(partition->state, PARTITION_ONLINE);
    assert_int_equal(partition_log_end(partition), 0);
    assert_int_equal(partition_log_start(partition), 0);
}

/* Rot in partition.metadata gives it another topic's id: no reason to remove what may be the partition itself. */
static void a_directory_with_another_topics_id_is_put_aside_and_kept(void **state)
{
    struct sent sent;
    char command[600];
    send_batch(&sent, -1, -1, 0, 3);
    await(&sent);
    close_all();
    snprintf(command, sizeof(command), "sed -i 's/topic_id: ./topic_id: Z/' '%s/orders-0/partition.metadata'", directory);
    assert_int_equal(system(command), 0);
    open_all();
    apply(&image);
    assert_int_equal(partition_log_end(shard_data_find(data, topic.id, 0)), 0);
    snprintf(command, sizeof(command), "test -s '%s'/orders-0.*-stray/00000000000000000000.log", directory);
    assert_int_equal(system(command), 0);
    close_all();
    open_all(); /* nor at any later start */
    apply(&image);
    assert_int_equal(system(command), 0);
}

static void a_silent_producer_is_forgotten_at_the_configured_interval(void **state)
{
    static struct sent sent, later;
    close_all();
    broker.producer_id_expiration_ms = 1;
    broker.producer_id_expiration_check_interval_ms = 20;
    open_all();
    apply(&image);
    send_batch(&sent, 1, 9, 0, 3);
    await(&sent);
    while (shard_data_find(data, topic.id, 0)->producers.entries.count > 0)
        machine_turn(machine, true);
    send_batch(&later, 1, 9, 7, 1); /* nobody knows any more that 3 is missing */
    await(&later);
    assert_int_equal(later.append.error, KAFKA_ERROR_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(one_turns_batches_go_out_together_and_all_wait_for_the_device),
        ON_DISK(a_repetition_gets_the_first_offset_even_within_one_turn),
        ON_DISK(reads_end_at_the_high_watermark_and_epochs_are_checked),
        ON_DISK(delete_records_moves_the_start_up_to_the_high_watermark),
        ON_DISK(a_deleted_topic_answers_who_waits_and_comes_again_empty),
        ON_DISK(a_directory_with_another_topics_id_is_put_aside_and_kept),
        ON_DISK(a_silent_producer_is_forgotten_at_the_configured_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
