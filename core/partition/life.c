/* How a partition comes and goes: its directory by jobs, its log on the shard. */
#include "core/partition/shard_data_internal.h"
#include "core/wire/error.h"
#include "io/reactor/diag.h"

#include <stdio.h>

static struct slice topic_of(const struct partition *partition)
{
    return slice_from_string(partition->topic);
}

static uint64_t key_hash(struct uuid topic_id, int32_t index)
{
    return hash_bytes(topic_id.bytes, sizeof(topic_id.bytes), (uint32_t)index);
}

struct partition_key {
    struct uuid topic_id;
    int32_t index;
};

static bool key_equal(const void *value, const void *key)
{
    const struct partition *partition = value;
    const struct partition_key *wanted = key;
    return partition->index == wanted->index && uuid_equal(partition->topic_id, wanted->topic_id);
}

struct partition *shard_data_find(struct shard_data *data, struct uuid topic_id, int32_t index)
{
    struct partition_key key = {topic_id, index};
    return map_find(&data->partitions, key_hash(topic_id, index), key_equal, &key);
}

bool life_remove_from_map(struct shard_data *data, struct partition *partition)
{
    struct partition_key key = {partition->topic_id, partition->index};
    return map_remove(&data->partitions, key_hash(key.topic_id, key.index), key_equal, &key) != NULL;
}

/* ---- opening
 * --------------------------------------------------------------------------------------------------------------- */

struct replay {
    struct log_observer observer;
    struct shard_data *data;
    struct partition *partition;
    enum err err;
};

static bool replay_batch(struct log_observer *observer, const struct batch_header *header, struct slice bytes,
                         struct log_aborted *aborted)
{
    struct replay *replay = CONTAINER_OF(observer, struct replay, observer);
    bool is_aborted;
    enum err err = producer_txn_replay(&replay->partition->producers, header, bytes, io_wall_ms(replay->data->io),
                                       &is_aborted, aborted);
    if (err != ERR_OK)
        replay->err = err;
    return is_aborted;
}

/* all: producers and the aborted index are made anew from the batches. */
static enum err open_with_replay(struct shard_data *data, struct partition *partition, struct log_options *options,
                                 bool all)
{
    struct replay replay = {.observer = {.batch = replay_batch}, .data = data, .partition = partition};
    options->observer = &replay.observer;
    /* After a clean stop without a snapshot there is nothing to begin with. */
    enum err err = ERR_OK;
    if (!options->clean || all)
        err = snapshot_load(data, partition, options->directory, all ? -1 : options->recovery_point,
                            &options->replay_from);
    if (err != ERR_OK)
        return err;
    err = log_open(data->io, io_fs(data->io), options, &partition->log);
    if (err == ERR_OK && replay.err != ERR_OK) {
        log_close(partition->log);
        partition->log = NULL;
        err = replay.err;
    }
    if (err == ERR_OK && log_start_offset(partition->log) > options->replay_from)
        (void)producer_state_forget_below(&partition->producers, log_start_offset(partition->log));
    return err;
}

/* A description: bytes of the log's part i32, that part, then the producers'. */
static bool split_description(struct slice description, struct slice *log, struct slice *producers)
{
    if (description.length < 4 || get_u32(description.data) > description.length - 4)
        return false;
    size_t length = get_u32(description.data);
    *log = slice_of(description.data + 4, length);
    *producers = slice_of(description.data + 4 + length, description.length - 4 - length);
    return true;
}

void life_describe_partition(struct shard_data *data, const struct partition *partition)
{
    struct checkpoint_text *text = &data->described;
    size_t begin = text->length;
    static const uint8_t lengths[8] = {0};
    if (partition->log == NULL)
        return;
    checkpoint_add(text, slice_of(lengths, sizeof(lengths)));
    bool described = partition->state == PARTITION_ONLINE && log_describe(partition->log, text);
    size_t log_end = text->length;
    described = described && snapshot_describe(data, partition, text);
    if (text->failed) /* the next start looks into every directory */
        return;
    if (!described)
        text->length = begin + 4;
    put_u32((uint8_t *)text->data + begin, (uint32_t)(text->length - begin - 4));
    if (described)
        put_u32((uint8_t *)text->data + begin + 4, (uint32_t)(log_end - begin - 8));
}

/* ERR_CORRUPT: it has to be looked at. */
static enum err open_described(struct shard_data *data, struct partition *partition, struct log_options options,
                               struct slice description)
{
    struct slice producers;
    if (!split_description(description, &options.description, &producers) || options.description.length == 0)
        return ERR_CORRUPT;
    enum err err = log_open(data->io, io_fs(data->io), &options, &partition->log);
    if (err != ERR_OK)
        return err;
    err = snapshot_take(partition, producers);
    if (err != ERR_OK) {
        log_close(partition->log);
        partition->log = NULL;
    }
    return err;
}

static enum err open_log(struct shard_data *data, struct partition *partition, const char *path,
                         const struct log_dirs_place *place)
{
    struct log_options options = {.directory = path,
                                  .topic_id = partition->topic_id,
                                  .recovery_point = place->recovery_point,
                                  .start_offset = place->start_offset,
                                  .clean = place->clean,
                                  .config = partition->config,
                                  .budget = &data->budget};
    partition->_snapshots_known = !place->exists;
    if (!place->exists)
        return log_open(data->io, io_fs(data->io), &options, &partition->log);
    if (place->description.length > 0) {
        enum err described = open_described(data, partition, options, place->description);
        if (described != ERR_CORRUPT)
            return described;
    }
    enum err err = log_check_aborted(io_fs(data->io), data->mem, path);
    if (err != ERR_OK && err != ERR_CORRUPT)
        return err;
    if (!place->clean || err == ERR_CORRUPT)
        return open_with_replay(data, partition, &options, err == ERR_CORRUPT);
    err = log_open(data->io, io_fs(data->io), &options, &partition->log);
    if (err == ERR_OK && log_end_offset(partition->log) > 0 && (err = snapshot_load_clean(data, partition)) != ERR_OK) {
        log_close(partition->log);
        partition->log = NULL;
        if (err == ERR_NOT_FOUND)
            err = open_with_replay(data, partition, &options, false);
    }
    return err;
}

static void come_online(struct partition *partition, struct shard_data_apply *apply, enum err err)
{
    if (err == ERR_NO_MEMORY) { /* tried again when there may be some */
        DIAG(partition->_data->io, DIAG_WARN, "no memory to open a partition; it is tried again",
             "topic=%s partition=%d", partition->topic, partition->index);
        partition->_data->short_of_memory = true;
        apply->failed_count++;
        return;
    }
    if (err != ERR_OK) {
        DIAG(partition->_data->io, DIAG_ERROR, "a partition cannot be opened and is offline",
             "topic=%s partition=%d error=\"%s\"", partition->topic, partition->index, err_text(err));
        partition->state = PARTITION_OFFLINE;
        apply->failed_count++;
        return;
    }
    partition->_listener = (struct log_listener){.moved = partition_log_moved, .damaged = partition_log_damaged};
    log_listen(partition->log, &partition->_listener);
    for (int i = 0; i < log_damage_count(partition->log); i++)
        partition_log_damaged(&partition->_listener, log_damage_at(partition->log, i));
    partition->high_watermark = log_end_offset(partition->log);
    partition->state = PARTITION_ONLINE;
    apply->opened_count++;
}

void life_free_task(struct shard_data *data, struct partition_task *task)
{
    mem_free_string(data->mem, task->path);
    mem_free(data->mem, task->retired, FS_PATH_MAX);
    MEM_DELETE(data->mem, task);
}

/* NULL: no memory. For a directory that goes there is room for its new name. */
static struct partition_task *task_new(struct shard_data *data, const char *path, bool goes)
{
    struct partition_task *task = MEM_NEW(data->mem, struct partition_task);
    if (task == NULL)
        return NULL;
    *task = (struct partition_task){.random = {io_random(data->io), io_random(data->io)}};
    task->path = mem_copy_string(data->mem, path, strlen(path));
    if (goes)
        task->retired = mem_alloc(data->mem, FS_PATH_MAX);
    if (task->path != NULL && (!goes || task->retired != NULL))
        return task;
    life_free_task(data, task);
    return NULL;
}

/* Another topic's directory in the way was found at the start. Its topic may have been deleted just before a crash, or
 * a bit of its partition.metadata may have flipped: it is put aside, not removed. */
static void create_work(struct io_job *job, struct fs *fs)
{
    struct partition_task *task = CONTAINER_OF(job, struct partition_task, job);
    char stray[FS_PATH_MAX];
    task->err = ERR_OK;
    if (task->put_aside)
        task->err = log_dirs_put_aside(fs, task->path, task->random, stray);
    if (task->err == ERR_OK)
        task->err = log_prepare(fs, task->path, task->partition->topic_id);
}

static void create_done(struct io_job *job)
{
    struct partition_task *task = CONTAINER_OF(job, struct partition_task, job);
    struct partition *partition = task->partition;
    struct shard_data *data = partition->_data;
    struct shard_data_apply *apply = task->apply;
    struct log_dirs_place fresh = {.clean = true};
    enum err err = task->err;
    if (err == ERR_OK && task->put_aside)
        DIAG(data->io, DIAG_WARN, "a directory that another topic's id stands in was put aside as -stray",
             "directory=\"%s\"", task->path);
    if (err == ERR_OK)
        err = open_log(data, partition, task->path, &fresh);
    if (err == ERR_IO)
        log_dirs_fail(data->options.dirs, partition->_dir);
    partition->_task = NULL;
    come_online(partition, apply, err);
    life_free_task(data, task);
    data->jobs--;
    shard_data_apply_part_done(data, apply);
}

static enum err place_and_open(struct shard_data *data, struct partition *partition, struct shard_data_apply *apply)
{
    struct log_dirs_place place;
    char path[FS_PATH_MAX];
    enum err err = log_dirs_find(data->options.dirs, topic_of(partition), partition->index, partition->topic_id,
                                 data->image != NULL, &place);
    if (err != ERR_OK)
        return err;
    bool chosen = !place.exists && partition->_dir >= 0; /* at an attempt that ran out of memory */
    if (chosen) {
        place.dir = partition->_dir;
        place.occupied = false;
    }
    if (!log_dirs_join(data->options.dirs, place.dir, topic_of(partition), partition->index, path))
        return ERR_INVALID;
    partition->_dir = place.dir;
    if (!place.exists && !chosen)
        log_dirs_note(data->options.dirs, place.dir, 1);
    if (place.exists) { /* at start, before anybody is served: recovery may take its time */
        err = open_log(data, partition, path, &place);
        partition->_cleaned_offset = place.cleaned_offset;
        come_online(partition, apply, err);
        return ERR_OK;
    }
    struct partition_task *task = task_new(data, path, false);
    if (task == NULL)
        return ERR_NO_MEMORY;
    task->job = (struct io_job){.work = create_work, .done = create_done};
    task->partition = partition;
    task->apply = apply;
    task->put_aside = place.occupied;
    partition->_task = task;
    apply->_pending++;
    data->jobs++;
    io_job_start(data->io, &task->job);
    return ERR_OK;
}

static struct partition *partition_new(struct shard_data *data, const struct image_topic *topic, int32_t index)
{
    struct partition *partition = MEM_NEW(data->mem, struct partition);
    if (partition == NULL)
        return NULL;
    *partition = (struct partition){.topic_id = topic->id, .index = index, ._data = data, ._dir = -1};
    partition->topic = mem_copy_string(data->mem, topic->name, topic->name_length);
    if (partition->topic == NULL || !map_put(&data->partitions, key_hash(topic->id, index), partition)) {
        if (partition->topic != NULL)
            mem_free_string(data->mem, (char *)(uintptr_t)partition->topic);
        MEM_DELETE(data->mem, partition);
        return NULL;
    }
    wait_queue_init(&partition->waits, &data->waker);
    producer_state_init(&partition->producers, data->mem);
    list_init(&partition->_queued);
    list_init(&partition->_queue_link);
    list_init(&partition->_append_waiters);
    list_init(&partition->_unflushed);
    list_init(&partition->_in_shard);
    list_push_back(&data->in_order, &partition->_in_shard);
    return partition;
}

void life_create(struct shard_data *data, struct shard_data_apply *apply, const struct image_topic *topic,
                 int32_t index)
{
    struct partition *partition = partition_new(data, topic, index);
    if (partition == NULL) {
        data->short_of_memory = true;
        apply->failed_count++;
        return;
    }
    life_update(data, partition, topic);
    life_open(data, apply, partition);
}

void life_open(struct shard_data *data, struct shard_data_apply *apply, struct partition *partition)
{
    if (partition->state != PARTITION_CREATING || partition->_task != NULL)
        return;
    enum err err = place_and_open(data, partition, apply);
    if (err != ERR_OK)
        come_online(partition, apply, err);
}

void life_update(struct shard_data *data, struct partition *partition, const struct image_topic *topic)
{
    const struct image_partition *now = image_partition_at(topic, partition->index);
    ASSERT(now != NULL);
    bool moved = partition->leader_epoch != now->leader_epoch;
    partition->config = &topic->config;
    partition->internal = topic->is_internal;
    partition->leader_epoch = now->leader_epoch;
    partition->leads = now->leader == data->options.broker_id;
    partition->replica_count = now->replica_count;
    partition->isr_count = now->isr_count;
    if (partition->log != NULL)
        log_configure(partition->log, partition->config);
    partition_flush_configured(partition);
    if (moved)
        wait_queue_move(&partition->waits);
}

/* ---- deleting
 * ---------------------------------------------------------------------------------------------------------------- */

static void retire_work(struct io_job *job, struct fs *fs)
{
    struct partition_task *task = CONTAINER_OF(job, struct partition_task, job);
    task->err = log_dirs_retire(fs, task->path, task->random, task->retired);
}

static void retire_done(struct io_job *job)
{
    struct partition_task *task = CONTAINER_OF(job, struct partition_task, job);
    struct partition *partition = task->partition;
    struct shard_data *data = partition->_data;
    if (task->err == ERR_IO)
        log_dirs_fail(data->options.dirs, partition->_dir);
    log_dirs_note(data->options.dirs, partition->_dir, -1);
    data->jobs--;
    list_push_back(&data->deleting, &partition->_in_shard);
    shard_data_apply_part_done(data, task->apply);
    life_sweep(data);
}

void life_delete(struct shard_data *data, struct shard_data_apply *apply, struct partition *partition)
{
    bool removed = life_remove_from_map(data, partition);
    ASSERT(removed);
    list_remove(&partition->_in_shard);
    data->removals++;
    partition->state = PARTITION_DELETING;
    partition_offline(partition);
    /* Until now the image held its configuration. */
    partition->config = &data->options.config->topic_defaults;
    if (partition->log == NULL) {
        life_free(data, partition);
        return;
    }
    log_configure(partition->log, partition->config);
    struct partition_task *task = task_new(data, log_directory(partition->log), true);
    if (task == NULL) { /* its directory stays; at the next start it is a stray that no topic claims */
        list_push_back(&data->deleting, &partition->_in_shard);
        apply->failed_count++;
        return;
    }
    task->job = (struct io_job){.work = retire_work, .done = retire_done};
    task->partition = partition;
    task->apply = apply;
    partition->_task = task;
    apply->_pending++;
    data->jobs++;
    cleaner_forget(data, partition);
    log_retire(partition->log);
    partition->_retire_waits = true;
    life_retire(partition);
}

void life_retire(struct partition *partition)
{
    /* Not while a file is being written under the old name: it may be another topic's by then. */
    if (!partition->_retire_waits || partition->_snapshot_running || log_is_cleaning(partition->log) ||
        log_writes_by_name(partition->log))
        return;
    partition->_retire_waits = false;
    io_job_start(partition->_data->io, &partition->_task->job);
}

struct removal {
    struct fs *fs;
    const char *path;
    enum err err;
};

static bool remove_entry(void *context, const char *name, bool is_directory)
{
    struct removal *removal = context;
    char path[FS_PATH_MAX];
    int length = snprintf(path, sizeof(path), "%s/%s", removal->path, name);
    if (!is_directory && length > 0 && length < (int)sizeof(path))
        removal->err = fs_unlink(removal->fs, path);
    return true;
}

static void remove_work(struct io_job *job, struct fs *fs)
{
    struct partition_task *task = CONTAINER_OF(job, struct partition_task, job);
    struct removal removal = {fs, task->retired, ERR_OK};
    /* What a directory lists while entries go is not defined: look again while it is not empty. */
    for (int round = 0; round < 3; round++) {
        task->err = fs_list(fs, task->retired, remove_entry, &removal);
        if (task->err == ERR_OK)
            task->err = fs_remove_directory(fs, task->retired);
        if (task->err == ERR_OK)
            return;
    }
}

static void remove_done(struct io_job *job)
{
    struct partition_task *task = CONTAINER_OF(job, struct partition_task, job);
    struct partition *partition = task->partition;
    struct shard_data *data = partition->_data;
    partition->_task = NULL;
    life_free_task(data, task); /* what could not be removed is swept at the next start */
    data->jobs--;
    life_free(data, partition);
}

void life_sweep(struct shard_data *data)
{
    enum { AGAIN_NS = 100000000 };
    LIST_EACH(link, &data->deleting)
    {
        struct partition *partition = PARTITION_OF(link);
        struct partition_task *task = partition->_task;
        if (log_is_busy(partition->log) || partition->_snapshot_running || !list_empty(&partition->_queued))
            continue;
        list_remove(&partition->_in_shard);
        log_close(partition->log);
        partition->log = NULL;
        if (task == NULL || task->err != ERR_OK) {
            if (task != NULL)
                life_free_task(data, task);
            partition->_task = NULL;
            life_free(data, partition);
            continue;
        }
        task->job = (struct io_job){.work = remove_work, .done = remove_done};
        data->jobs++;
        io_job_start(data->io, &task->job);
    }
    if (!list_empty(&data->deleting) && data->stop == NULL)
        (void)!io_timer_start(data->io, &data->deleting_timer, io_now_ns(data->io) + AGAIN_NS);
}

void life_free(struct shard_data *data, struct partition *partition)
{
    ASSERT(partition->log == NULL && partition->_task == NULL);
    list_remove(&partition->_in_shard);
    data->removals++;
    list_remove(&partition->_queue_link);
    partition_flush_forget(partition);
    producer_state_fini(&partition->producers);
    mem_free_string(data->mem, (char *)(uintptr_t)partition->topic);
    MEM_DELETE(data->mem, partition);
}
