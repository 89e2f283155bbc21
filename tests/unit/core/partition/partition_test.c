/* Partitions on the real machine: group append, producers, waits for the device, reads, deletion, restart. */
#include "core/log/log_dirs.h"
#include "core/meta/image.h"
#include "core/partition/shard_data.h"
#include "core/wire/error.h"
#include "io/reactor/machine.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <unistd.h>

static char directory[256];
static struct machine *machine;
static struct io *io;
static struct log_dirs *dirs;
static struct shard_data *data;
static struct broker_config broker;
static int32_t replica = 1;
static struct image_partition partitions[2];
static struct image_topic topic;
static struct image_topic *topics[] = {&topic};
static struct image image, empty;

static void open_all(void)
{
    char why[512];
    const char *paths[] = {directory};
    struct machine_options options = {.data_shards = 0};
    assert_int_equal(machine_open(&options, &machine, why), ERR_OK);
    io = machine_io(machine, 0);
    struct log_dirs_options dir_options = {.paths = paths, .count = 1, .node_id = 1};
    assert_int_equal(log_dirs_open(io, io_fs(io), &dir_options, &dirs, why), ERR_OK);
    struct shard_data_options data_options = {.dirs = dirs, .config = &broker, .broker_id = 1, .data_shards = 1};
    assert_int_equal(shard_data_open(io, &data_options, &data), ERR_OK);
}

static bool applied;
static void apply_done(struct shard_data_apply *apply)
{
    applied = true;
}

static void apply(const struct image *next)
{
    struct shard_data_apply change = {.done = apply_done, .image = next};
    applied = false;
    shard_data_apply(data, &change);
    while (!applied)
        machine_turn(machine, true);
    assert_int_equal(change.failed_count, 0);
}

static bool stopped;
static void stop_done(struct shard_data_stop *stop)
{
    stopped = true;
}

static void close_all(void)
{
    struct shard_data_stop stop = {.done = stop_done};
    stopped = false;
    shard_data_stop(data, &stop);
    while (!stopped)
        machine_turn(machine, true);
    assert_int_equal(stop.err, ERR_OK);
    shard_data_close(data);
    log_dirs_close(dirs, io_fs(io), true);
    machine_close(machine);
}

static int set_up(void **state)
{
    snprintf(directory, sizeof(directory), "/tmp/ringmain-partition-test-%d-%ld", (int)getpid(), random());
    broker = (struct broker_config){.log_retention_check_interval_ms = 300000,
                                    .log_flush_offset_checkpoint_interval_ms = 60000,
                                    .producer_id_expiration_ms = 86400000};
    for (int i = 0; i < 2; i++)
        partitions[i] = (struct image_partition){
            .leader = 1, .leader_epoch = 3, .replica_count = 1, .isr_count = 1, .replicas = &replica, .isr = &replica};
    topic = (struct image_topic){.name = "orders",
                                 .name_length = 6,
                                 .id = {{7, 7}},
                                 .partition_count = 2,
                                 .partitions = partitions,
                                 .config = {.segment_bytes = 1 << 20,
                                            .segment_ms = 604800000,
                                            .segment_index_bytes = 10485760,
                                            .index_interval_bytes = 4096,
                                            .retention_ms = -1,
                                            .retention_bytes = -1,
                                            .cleanup_policy = CONFIG_CLEANUP_DELETE,
                                            .max_message_bytes = 1048588,
                                            .message_timestamp_before_max_ms = INT64_MAX,
                                            .message_timestamp_after_max_ms = 3600000,
                                            .durability = CONFIG_DURABILITY_FLUSHED}};
    image = (struct image){.topics = topics, .topic_count = 1};
    open_all();
    apply(&image);
    return 0;
}

static int tear_down(void **state)
{
    char command[300];
    close_all();
    snprintf(command, sizeof(command), "rm -rf '%s'", directory);
    return system(command);
}

struct sent {
    struct partition_append append;
    uint8_t bytes[512];
    int answers;
};

static void sent_done(struct partition_append *append)
{
    CONTAINER_OF(append, struct sent, append)->answers++;
}

static void send_batch(struct sent *sent, int16_t acks, int64_t producer, int32_t sequence, int records)
{
    struct batch_builder builder;
    struct arena arena;
    struct batch_header header = {.producer_id = producer, .producer_epoch = 0, .base_sequence = sequence};
    memset(sent, 0, sizeof(*sent));
    batch_builder_init(&builder, sent->bytes, sizeof(sent->bytes));
    for (int i = 0; i < records; i++)
        assert_true(batch_builder_add(&builder, 1000, SLICE_NULL, SLICE_LITERAL("v"), SLICE_NULL, 0));
    struct slice batch = batch_builder_finish(&builder, producer < 0 ? NULL : &header);
    sent->append.done = sent_done;
    sent->append.records = sent->bytes;
    sent->append.length = batch.length;
    sent->append.acks = acks;
    arena_init(&arena, io_mem(io), 1 << 20);
    assert_true(partition_check(&topic.config, 1000, &arena, &sent->append));
    partition_append(shard_data_find(data, topic.id, 0), &sent->append);
    arena_fini(&arena);
}

static void await(struct sent *sent)
{
    while (sent->answers == 0)
        machine_turn(machine, true);
    assert_int_equal(sent->answers, 1);
}

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

#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_DISK(one_turns_batches_go_out_together_and_all_wait_for_the_device),
        ON_DISK(a_repetition_gets_the_first_offset_even_within_one_turn),
        ON_DISK(reads_end_at_the_high_watermark_and_epochs_are_checked),
        ON_DISK(delete_records_moves_the_start_up_to_the_high_watermark),
        ON_DISK(a_deleted_topic_answers_who_waits_and_comes_again_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
