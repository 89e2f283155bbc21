/* What core/log and core/partition cost beside their system calls: where a fetch begins, and what belongs to a group of
 * appends. */
#include "bench/micro/micro.h"

#include "core/log/log_dirs.h"
#include "core/log/segment.h"
#include "core/meta/image.h"
#include "core/partition/shard_data.h"
#include "core/wire/error.h"
#include "io/base/prng.h"
#include "io/reactor/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- the index of a segment, with an entry each 4 KiB -------------------------------------------------------------
 */

struct index_state {
    struct segment segment;
    struct prng prng;
    int64_t sum;
};

static void *index_open(int64_t entries)
{
    struct index_state *state = calloc(1, sizeof(*state));
    ASSERT(state != NULL);
    state->segment.index = calloc((size_t)entries, sizeof(*state->segment.index));
    ASSERT(state->segment.index != NULL);
    for (int64_t i = 0; i < entries; i++)
        state->segment.index[i] =
            (struct index_entry){.relative_offset = (uint32_t)(40 * i + 39), .pos = (uint32_t)(4096 * i)};
    state->segment.index_count = state->segment.index_capacity = (int32_t)entries;
    state->segment.index_loaded = true;
    state->segment.end_offset = 40 * entries;
    state->segment.size = 4096 * entries;
    prng_seed(&state->prng, 5);
    return state;
}

static void index_run(void *context, uint64_t rounds)
{
    struct index_state *state = context;
    while (rounds-- > 0)
        state->sum +=
            segment_floor(&state->segment, (int64_t)prng_below(&state->prng, (uint64_t)state->segment.end_offset));
}

static void index_close(void *context)
{
    struct index_state *state = context;
    free(state->segment.index);
    free(state);
}

static const int64_t entries[] = {100, 10000, 250000, 0};
static const struct micro index_micro = {"index_floor/entries", entries,     index_open, index_run,
                                         index_close,           MICRO_ROUNDS};

/* ---- appends of one turn to one partition: checked, written with one call, answered -------------------------------
 *
 * In a directory of /dev/shm where there is one, so that the device is left out; nothing is flushed. */

struct group_state {
    char directory[64];
    struct machine *machine;
    struct io *io;
    struct log_dirs *dirs;
    struct shard_data *data;
    struct broker_config broker;
    struct image_partition partition;
    struct image_topic topic;
    struct image_topic *topics[1];
    struct image image;
    int32_t replica;
    struct partition_append *appends;
    uint8_t (*batches)[128];
    size_t batch_length;
    int64_t count, answered;
    bool flag;
};

static struct group_state *the_group; /* callbacks know no other way back */

static void group_applied(struct shard_data_apply *apply)
{
    ASSERT(apply->failed_count == 0);
    the_group->flag = true;
}

static void group_stopped(struct shard_data_stop *stop)
{
    the_group->flag = true;
}

static void group_answered(struct partition_append *append)
{
    ASSERT(append->error == KAFKA_ERROR_NONE);
    the_group->answered++;
}

static void turn_until(struct group_state *state, const bool *flag)
{
    while (!*flag)
        machine_turn(state->machine, true);
}

static void describe_topic(struct group_state *state)
{
    state->broker = (struct broker_config){.log_retention_check_interval_ms = 3600000,
                                           .log_flush_offset_checkpoint_interval_ms = 3600000,
                                           .log_flush_start_offset_checkpoint_interval_ms = 3600000,
                                           .producer_id_expiration_ms = 86400000,
                                           .producer_id_expiration_check_interval_ms = 3600000,
                                           .ringmain_dirty_bytes = INT64_MAX,
                                           .ringmain_flush_interval_bytes = INT64_MAX,
                                           .ringmain_flush_interval_ms = 3600000};
    state->replica = 1;
    state->partition = (struct image_partition){
        .leader = 1, .replica_count = 1, .isr_count = 1, .replicas = &state->replica, .isr = &state->replica};
    state->topic = (struct image_topic){.name = "group",
                                        .name_length = 5,
                                        .id = {{7}},
                                        .partition_count = 1,
                                        .partitions = &state->partition,
                                        .config = {.segment_bytes = 1 << 26,
                                                   .segment_ms = INT64_MAX,
                                                   .segment_index_bytes = 10485760,
                                                   .index_interval_bytes = 4096,
                                                   .retention_ms = -1,
                                                   .retention_bytes = -1,
                                                   .cleanup_policy = CONFIG_CLEANUP_DELETE,
                                                   .max_message_bytes = 1048588,
                                                   .flush_messages = INT64_MAX,
                                                   .flush_ms = INT64_MAX,
                                                   .message_timestamp_before_max_ms = INT64_MAX,
                                                   .message_timestamp_after_max_ms = INT64_MAX,
                                                   .durability = CONFIG_DURABILITY_OS}};
    state->topics[0] = &state->topic;
    state->image = (struct image){.topics = state->topics, .topic_count = 1};
}

static void open_partition(struct group_state *state)
{
    char why[512];
    const char *paths[] = {state->directory};
    struct machine_options machine = {.data_shards = 0};
    struct log_dirs_options dirs = {.paths = paths, .count = 1, .node_id = 1};
    struct shard_data_apply apply = {.done = group_applied, .image = &state->image};
    enum err err = machine_open(&machine, &state->machine, why);
    ASSERT(err == ERR_OK);
    state->io = machine_io(state->machine, 0);
    err = log_dirs_open(state->io, io_fs(state->io), &dirs, &state->dirs, why);
    ASSERT(err == ERR_OK);
    struct shard_data_options data = {.dirs = state->dirs, .config = &state->broker, .broker_id = 1, .data_shards = 1};
    err = shard_data_open(state->io, &data, &state->data);
    ASSERT(err == ERR_OK);
    state->flag = false;
    shard_data_apply(state->data, &apply);
    turn_until(state, &state->flag);
}

static void *group_open(int64_t count)
{
    struct group_state *state = the_group = calloc(1, sizeof(*state));
    struct batch_builder builder;
    ASSERT(state != NULL);
    snprintf(state->directory, sizeof(state->directory), "%s/ringmain-micro-%d-%d",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int)getpid(), (int)count);
    describe_topic(state);
    open_partition(state);
    state->count = count;
    state->appends = calloc((size_t)count, sizeof(*state->appends));
    state->batches = calloc((size_t)count, sizeof(*state->batches));
    ASSERT(state->appends != NULL && state->batches != NULL);
    for (int64_t i = 0; i < count; i++) {
        batch_builder_init(&builder, state->batches[i], sizeof(state->batches[i]));
        bool added = batch_builder_add(&builder, 1000, SLICE_NULL, SLICE_LITERAL("value"), SLICE_NULL, 0);
        ASSERT(added);
        state->batch_length = batch_builder_finish(&builder, NULL).length;
    }
    return state;
}

static void group_run(void *context, uint64_t rounds)
{
    struct group_state *state = context;
    struct partition *partition = shard_data_find(state->data, state->topic.id, 0);
    struct arena arena;
    arena_init(&arena, io_mem(state->io), 1 << 20);
    while (rounds-- > 0) {
        state->answered = 0;
        for (int64_t i = 0; i < state->count; i++) {
            struct partition_append *append = &state->appends[i];
            memset(state->batches[i], 0, sizeof(int64_t)); /* the offset that it was given the last time */
            *append = (struct partition_append){
                .done = group_answered, .records = state->batches[i], .length = state->batch_length, .acks = 1};
            bool good = partition_check(&state->topic.config, 1000, &arena, append);
            ASSERT(good);
            partition_append(partition, append);
        }
        while (state->answered < state->count)
            machine_turn(state->machine, false);
    }
    arena_fini(&arena);
}

static void group_close(void *context)
{
    struct group_state *state = context;
    struct shard_data_stop stop = {.done = group_stopped};
    char command[128];
    state->flag = false;
    shard_data_stop(state->data, &stop);
    turn_until(state, &state->flag);
    shard_data_close(state->data);
    log_dirs_close(state->dirs, io_fs(state->io), true);
    machine_close(state->machine);
    snprintf(command, sizeof(command), "rm -rf '%s'", state->directory);
    int code = system(command);
    ASSERT(code == 0);
    free(state->appends);
    free(state->batches);
    free(state);
}

static const int64_t group_sizes[] = {1, 16, 256, 0};
static const struct micro group_micro = {"group/appends", group_sizes, group_open, group_run, group_close, MICRO_ITEMS};

const struct micro *const log_micros[] = {&index_micro, &group_micro, NULL};
