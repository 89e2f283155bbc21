/* The table, applying images, periodic work, stopping. */
#include "core/partition/shard_data_internal.h"

int partition_shard(struct uuid topic_id, int32_t index, int data_shards)
{
    ASSERT(data_shards > 0);
    return (int)(hash_bytes(topic_id.bytes, sizeof(topic_id.bytes), (uint32_t)index ^ 0x5bd1e995u) %
                 (uint64_t)data_shards);
}

struct io *shard_data_io(struct shard_data *data)
{
    return data->io;
}

struct wait_waker *shard_data_waker(struct shard_data *data)
{
    return &data->waker;
}

uint64_t shard_data_removals(const struct shard_data *data)
{
    return data->removals;
}

int64_t shard_data_dirty_bytes(const struct shard_data *data)
{
    return data->budget.dirty_bytes;
}

struct list *shard_data_partitions(struct shard_data *data)
{
    return &data->in_order;
}

/* ---- applying an image
 * ------------------------------------------------------------------------------------------------------ */

static bool is_ours(const struct shard_data *data, const struct image_topic *topic, int32_t index)
{
    if (partition_shard(topic->id, index, data->options.data_shards) != io_shard(data->io))
        return false;
    const struct image_partition *partition = image_partition_at(topic, index);
    for (int32_t i = 0; i < partition->replica_count; i++)
        if (partition->replicas[i] == data->options.broker_id)
            return true;
    return false;
}

struct differ {
    struct image_differ differ;
    struct shard_data *data;
    struct shard_data_apply *apply;
};

/* First all that goes: a topic may come again under its name, in the same directory. */
static bool delete_topic(struct image_differ *image_differ, const struct image_topic *before,
                         const struct image_topic *after)
{
    struct differ *differ = CONTAINER_OF(image_differ, struct differ, differ);
    for (int32_t i = 0; before != NULL && i < before->partition_count; i++) {
        struct partition *partition = shard_data_find(differ->data, before->id, i);
        bool stays = after != NULL && uuid_equal(after->id, before->id) && i < after->partition_count &&
                     is_ours(differ->data, after, i);
        if (partition == NULL || stays)
            continue;
        differ->apply->_deleted = true;
        life_delete(differ->data, differ->apply, partition);
    }
    return true;
}

static bool create_topic(struct image_differ *image_differ, const struct image_topic *before,
                         const struct image_topic *after)
{
    struct differ *differ = CONTAINER_OF(image_differ, struct differ, differ);
    for (int32_t i = 0; after != NULL && i < after->partition_count; i++) {
        struct partition *partition = shard_data_find(differ->data, after->id, i);
        if (partition != NULL) {
            life_update(differ->data, partition, after);
            life_open(differ->data, differ->apply, partition);
        } else if (is_ours(differ->data, after, i)) {
            life_create(differ->data, differ->apply, after, i);
        }
    }
    return true;
}

static struct shard_data_apply *first_apply(struct shard_data *data)
{
    return list_empty(&data->applies) ? NULL : CONTAINER_OF(data->applies.next, struct shard_data_apply, _link);
}

static void apply_run(struct shard_data *data, struct shard_data_apply *apply)
{
    struct differ differ = {.differ = {.topic = delete_topic}, .data = data, .apply = apply};
    apply->opened_count = apply->failed_count = 0;
    apply->_pending = 1; /* the walk itself */
    apply->_deleted = apply->_creating = false;
    image_diff(data->image, apply->image, &differ.differ);
    shard_data_apply_part_done(data, apply);
}

static void apply_finish(struct shard_data *data, struct shard_data_apply *apply)
{
    data->image = apply->image;
    list_remove(&apply->_link);
    struct shard_data_apply *next = first_apply(data);
    apply->done(apply);
    if (next != NULL)
        apply_run(data, next);
}

static void deletions_reported(struct shard_data *data)
{
    struct shard_data_apply *apply = first_apply(data);
    struct differ differ = {.differ = {.topic = create_topic}, .data = data, .apply = apply};
    apply->_creating = true;
    apply->_pending = 1;
    image_diff(apply->_repairs ? NULL : data->image, apply->image, &differ.differ);
    shard_data_apply_part_done(data, apply);
}

void shard_data_apply_part_done(struct shard_data *data, struct shard_data_apply *apply)
{
    ASSERT(apply->_pending > 0 && apply == first_apply(data));
    if (--apply->_pending > 0)
        return;
    if (apply->_creating)
        apply_finish(data, apply);
    else if (apply->_deleted) /* or a topic made anew would begin at the old one's start */
        shard_data_report(data, deletions_reported);
    else
        deletions_reported(data);
}

static void start_first_apply(struct io_hook *hook)
{
    struct shard_data *data = CONTAINER_OF(hook, struct shard_data, apply_hook);
    struct shard_data_apply *apply = first_apply(data);
    if (apply != NULL)
        apply_run(data, apply);
}

void shard_data_apply(struct shard_data *data, struct shard_data_apply *apply)
{
    ASSERT(data->stop == NULL);
    bool idle = list_empty(&data->applies);
    list_push_back(&data->applies, &apply->_link);
    if (idle)
        io_at_turn_end(data->io, &data->apply_hook);
}

static void repaired(struct shard_data_apply *apply)
{
}

static void repair(struct shard_data *data)
{
    if (!data->short_of_memory || !list_empty(&data->applies) || data->image == NULL || data->stop != NULL)
        return;
    data->short_of_memory = false;
    data->repair = (struct shard_data_apply){.done = repaired, .image = data->image, ._repairs = true};
    shard_data_apply(data, &data->repair);
}

/* ---- checkpoints
 * ---------------------------------------------------------------------------------------------------------------- */

static void report_done(struct log_dirs_report *report)
{
    struct shard_data *data = CONTAINER_OF(report, struct shard_data, report);
    void (*reported)(struct shard_data *) = data->reported;
    data->reporting = false;
    data->reported = NULL;
    if (reported != NULL)
        reported(data);
}

/* The next after the one in flight, for whoever waits for a report that has the present state. */
static void report_again(struct shard_data *data)
{
    void (*waiting)(struct shard_data *) = data->waiting_report;
    data->waiting_report = NULL;
    shard_data_report(data, waiting);
}

/* Empty: none was made. */
static struct slice next_description(const struct shard_data *data, size_t *at)
{
    const struct checkpoint_text *text = &data->described;
    if (text->failed || *at + 4 > text->length)
        return slice_of(NULL, 0);
    size_t length = get_u32((const uint8_t *)text->data + *at);
    const char *from = text->data + *at + 4;
    *at += 4 + length;
    return slice_of(from, length);
}

static bool collect_entries(struct shard_data *data, int32_t *count)
{
    int32_t needed = (int32_t)data->partitions.count;
    if (needed > data->entry_capacity) {
        void *larger = mem_resize(data->mem, data->entries, (size_t)data->entry_capacity * sizeof(*data->entries),
                                  (size_t)needed * sizeof(*data->entries));
        if (larger == NULL)
            return false;
        data->entries = larger;
        data->entry_capacity = needed;
    }
    *count = 0;
    size_t described = 0;
    LIST_EACH(link, &data->in_order)
    {
        struct partition *partition = PARTITION_OF(link);
        if (partition->log == NULL)
            continue;
        struct slice description = next_description(data, &described);
        struct fs_info info = {0};
        if (description.length > 0 && fs_info(io_fs(data->io), log_directory(partition->log), &info) != ERR_OK)
            description = slice_of(NULL, 0);
        data->entries[(*count)++] = (struct log_dirs_entry){.topic = slice_from_string(partition->topic),
                                                            .partition = partition->index,
                                                            .dir = partition->_dir,
                                                            .recovery_point = log_recovery_point(partition->log),
                                                            .start_offset = log_start_offset(partition->log),
                                                            .high_watermark = partition->high_watermark,
                                                            .cleaned_offset = partition->_cleaned_offset,
                                                            .description = description,
                                                            .topic_id = partition->topic_id,
                                                            .modified_ms = info.modified_ms};
    }
    return true;
}

void shard_data_report(struct shard_data *data, void (*reported)(struct shard_data *data))
{
    if (data->reporting) {
        ASSERT(data->waiting_report == NULL || reported == NULL);
        if (reported != NULL) {
            data->waiting_report = reported;
            data->reported = report_again;
        }
        return;
    }
    int32_t count;
    if (!collect_entries(data, &count)) { /* the files keep what they had; at the next interval */
        if (reported != NULL)
            reported(data);
        return;
    }
    data->reporting = true;
    data->reported = reported;
    data->report = (struct log_dirs_report){.done = report_done, .entries = data->entries, .count = count};
    log_dirs_report(data->options.dirs, data->io, &data->report);
}

void shard_data_checkpoint(struct shard_data *data)
{
    shard_data_report(data, NULL);
}

/* ---- periodic work
 * ----------------------------------------------------------------------------------------------------------------- */

static void start_timer(struct shard_data *data, struct io_timer *timer, int64_t interval_ms)
{
    if (data->stop == NULL)
        (void)!io_timer_start(data->io, timer, io_now_ns(data->io) + interval_ms * 1000000);
}

/* Every change of the metadata publishes the settings anew: what is due must not be put off by it again and again. */
static void hurry_timer(struct shard_data *data, struct io_timer *timer, int64_t interval_ms)
{
    if (!io_timer_running(timer) || timer->deadline_ns > io_now_ns(data->io) + interval_ms * 1000000)
        start_timer(data, timer, interval_ms);
}

static void retention_fire(struct io_timer *timer)
{
    enum { AGAIN_MS = 1000 };
    struct shard_data *data = CONTAINER_OF(timer, struct shard_data, retention_timer);
    int64_t now_ms = io_wall_ms(data->io);
    bool waits = false;
    LIST_EACH(link, &data->in_order)
    {
        struct partition *partition = PARTITION_OF(link);
        if (partition->state != PARTITION_ONLINE)
            continue;
        if (log_retain(partition->log, now_ms, partition->high_watermark) > 0)
            wait_queue_move(&partition->waits);
        waits |= log_retain_waits(partition->log);
    }
    int64_t interval_ms = data->options.config->log_retention_check_interval_ms;
    start_timer(data, timer, waits && interval_ms > AGAIN_MS ? AGAIN_MS : interval_ms);
}

/* Both checkpoints are written together, as often as the more frequent one asks. */
static int64_t checkpoint_ms(const struct broker_config *config)
{
    int64_t recovery_ms = config->log_flush_offset_checkpoint_interval_ms;
    int64_t start_ms = config->log_flush_start_offset_checkpoint_interval_ms;
    return recovery_ms < start_ms ? recovery_ms : start_ms;
}

/* The recovery point moves by flushing: what no client waits for is flushed here. */
static void checkpoint_fire(struct io_timer *timer)
{
    struct shard_data *data = CONTAINER_OF(timer, struct shard_data, checkpoint_timer);
    LIST_EACH(link, &data->in_order)
    {
        struct partition *partition = PARTITION_OF(link);
        if (partition->state != PARTITION_ONLINE)
            continue;
        if (log_durable_offset(partition->log) < log_end_offset(partition->log))
            log_flush(partition->log);
        log_checkpoint_index(partition->log);
        log_save_aborted(partition->log);
        snapshot_checkpoint(data, partition);
    }
    shard_data_report(data, NULL);
    start_timer(data, timer, checkpoint_ms(data->options.config));
}

static void producer_fire(struct io_timer *timer)
{
    struct shard_data *data = CONTAINER_OF(timer, struct shard_data, producer_timer);
    int64_t now_ms = io_wall_ms(data->io);
    LIST_EACH(link, &data->in_order)
    producer_state_expire(&PARTITION_OF(link)->producers, now_ms, data->options.config->producer_id_expiration_ms);
    start_timer(data, timer, data->options.config->producer_id_expiration_check_interval_ms);
}

static void tick_fire(struct io_timer *timer)
{
    enum { INTERVAL_MS = 5000 };
    struct shard_data *data = CONTAINER_OF(timer, struct shard_data, tick_timer);
    int64_t now_ms = io_wall_ms(data->io);
    LIST_EACH(link, &data->in_order)
    {
        struct partition *partition = PARTITION_OF(link);
        if (partition->log == NULL)
            continue;
        log_tick(partition->log, now_ms);
        if (partition->state == PARTITION_ONLINE && log_dirs_is_offline(data->options.dirs, partition->_dir))
            partition_offline(partition);
    }
    repair(data);
    start_timer(data, timer, INTERVAL_MS);
}

static void deleting_fire(struct io_timer *timer)
{
    life_sweep(CONTAINER_OF(timer, struct shard_data, deleting_timer));
}

static void run_appends(struct io_hook *hook)
{
    struct shard_data *data = CONTAINER_OF(hook, struct shard_data, append_hook);
    io_measure_ns(data->io); /* where the first append begins */
    for (struct list *link; (link = list_pop_front(&data->queued)) != NULL;)
        partition_append_queue(CONTAINER_OF(link, struct partition, _queue_link));
}

static int64_t dirty_bytes(const struct shard_data_options *options, const struct broker_config *config)
{
    enum { DEFAULT_BYTES = 64 << 20 };
    if (config->ringmain_dirty_bytes >= 0)
        return config->ringmain_dirty_bytes;
    return options->dirty_bytes > 0 ? options->dirty_bytes : DEFAULT_BYTES;
}

void shard_data_configure(struct shard_data *data, const struct broker_config *config)
{
    data->options.config = config;
    data->budget.limit_bytes = dirty_bytes(&data->options, config);
    hurry_timer(data, &data->retention_timer, config->log_retention_check_interval_ms);
    hurry_timer(data, &data->checkpoint_timer, checkpoint_ms(config));
    cleaner_configured(data);
}

/* ---- open, stop, close
 * ---------------------------------------------------------------------------------------------------------------- */

enum err shard_data_open(struct io *io, const struct shard_data_options *options, struct shard_data **opened)
{
    struct mem *mem = io_mem(io);
    struct shard_data *data = MEM_NEW(mem, struct shard_data);
    if (data == NULL)
        return ERR_NO_MEMORY;
    data->io = io;
    data->mem = mem;
    data->options = *options;
    map_init(&data->partitions, mem);
    checkpoint_text_init(&data->described, mem);
    list_init(&data->in_order);
    list_init(&data->deleting);
    list_init(&data->queued);
    list_init(&data->unflushed);
    list_init(&data->hasty);
    list_init(&data->flushing);
    list_init(&data->applies);
    wait_waker_init(&data->waker, io);
    data->append_hook.run = run_appends;
    data->apply_hook.run = start_first_apply;
    data->retention_timer.fire = retention_fire;
    data->checkpoint_timer.fire = checkpoint_fire;
    data->producer_timer.fire = producer_fire;
    data->tick_timer.fire = tick_fire;
    data->deleting_timer.fire = deleting_fire;
    data->flush_timer.fire = flush_fire;
    data->stop_timer.fire = stop_fire;
    data->cleaner.timer.fire = cleaner_fire;
    data->cleaner.looked_ns = io_now_ns(io);
    data->group = mem_alloc(mem, partition_group_bytes());
    if (data->group == NULL) {
        shard_data_close(data);
        return ERR_NO_MEMORY;
    }
    shard_data_configure(data, options->config);
    start_timer(data, &data->producer_timer, options->config->producer_id_expiration_check_interval_ms);
    start_timer(data, &data->tick_timer, 5000);
    *opened = data;
    return ERR_OK;
}

static void close_all(struct shard_data *data, struct list *partitions)
{
    for (struct list *link; (link = list_pop_front(partitions)) != NULL;) {
        struct partition *partition = PARTITION_OF(link);
        if (partition->log != NULL)
            log_close(partition->log);
        partition->log = NULL;
        if (partition->_task != NULL)
            life_free_task(data, partition->_task);
        partition->_task = NULL;
        life_free(data, partition);
    }
}

void shard_data_close(struct shard_data *data)
{
    struct io_timer *const timers[] = {&data->retention_timer, &data->checkpoint_timer, &data->producer_timer,
                                       &data->tick_timer,      &data->deleting_timer,   &data->stop_timer,
                                       &data->flush_timer,     &data->cleaner.timer};
    for (size_t i = 0; i < COUNT_OF(timers); i++)
        io_timer_stop(data->io, timers[i]);
    io_hook_stop(&data->append_hook);
    io_hook_stop(&data->apply_hook);
    close_all(data, &data->in_order);
    close_all(data, &data->deleting);
    map_fini(&data->partitions);
    mem_free(data->mem, data->entries, (size_t)data->entry_capacity * sizeof(*data->entries));
    checkpoint_text_fini(&data->described);
    if (data->group != NULL)
        mem_free(data->mem, data->group, partition_group_bytes());
    MEM_DELETE(data->mem, data);
}
