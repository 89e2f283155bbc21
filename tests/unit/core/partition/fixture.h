/* The partitions of one shard on the real machine, and batches to append to the first of them. */
#ifndef RINGMAIN_TESTS_UNIT_CORE_PARTITION_FIXTURE_H
#define RINGMAIN_TESTS_UNIT_CORE_PARTITION_FIXTURE_H

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
static struct image image, empty __attribute__((unused));

static inline void open_all(void)
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
static inline void apply_done(struct shard_data_apply *apply)
{
    applied = true;
}

static inline void apply(const struct image *next)
{
    struct shard_data_apply change = {.done = apply_done, .image = next};
    applied = false;
    shard_data_apply(data, &change);
    while (!applied)
        machine_turn(machine, true);
    assert_int_equal(change.failed_count, 0);
}

static bool stopped;
static inline void stop_done(struct shard_data_stop *stop)
{
    stopped = true;
}

static inline void close_all(void)
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

static inline int set_up(void **state)
{
    snprintf(directory, sizeof(directory), "/tmp/ringmain-partition-test-%d-%ld", (int)getpid(), random());
    broker = (struct broker_config){.log_retention_check_interval_ms = 300000,
                                    .log_flush_offset_checkpoint_interval_ms = 60000,
                                    .log_flush_start_offset_checkpoint_interval_ms = 60000,
                                    .producer_id_expiration_ms = 86400000,
                                    .producer_id_expiration_check_interval_ms = 600000,
                                    .ringmain_dirty_bytes = 64 << 20,
                                    .ringmain_flush_interval_bytes = 64 << 20,
                                    .ringmain_flush_interval_ms = 60000};
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
                                            .flush_messages = INT64_MAX,
                                            .flush_ms = INT64_MAX,
                                            .message_timestamp_before_max_ms = INT64_MAX,
                                            .message_timestamp_after_max_ms = 3600000,
                                            .durability = CONFIG_DURABILITY_FLUSHED}};
    image = (struct image){.topics = topics, .topic_count = 1};
    open_all();
    apply(&image);
    return 0;
}

static inline int tear_down(void **state)
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

static inline void sent_done(struct partition_append *append)
{
    CONTAINER_OF(append, struct sent, append)->answers++;
}

static inline void send_batch_to(struct partition *partition, struct sent *sent, int16_t acks, int64_t producer,
                                 int32_t sequence, int records)
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
    partition_append(partition, &sent->append);
    arena_fini(&arena);
}

static inline void send_batch(struct sent *sent, int16_t acks, int64_t producer, int32_t sequence, int records)
{
    send_batch_to(shard_data_find(data, topic.id, 0), sent, acks, producer, sequence, records);
}

static inline void await(struct sent *sent)
{
    while (sent->answers == 0)
        machine_turn(machine, true);
    assert_int_equal(sent->answers, 1);
}

static bool partition_read_is_done;
static inline void partition_read_done(struct partition_read *read)
{
    partition_read_is_done = true;
}

static inline void read_partition(struct partition *partition, struct partition_read *read)
{
    read->done = partition_read_done;
    partition_read_is_done = partition_read(partition, read);
    while (!partition_read_is_done)
        machine_turn(machine, true);
}

#define ON_DISK(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#endif
