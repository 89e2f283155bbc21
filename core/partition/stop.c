/* The clean stop of a shard's partitions: nobody is served any more, and the loop turns only so that a stop that takes
 * too long can be cut off. Partitions with something to flush are stopped one by one while they are few, together when
 * they are many: 10,000 of them, each written a moment ago, are three flushes each, or two of the file system. Where a
 * flush costs a millisecond the difference is half a minute. */
#include "core/partition/shard_data_internal.h"

enum { LOOK_AGAIN_NS = 2000000, SLICE_NS = 50000000, TOGETHER_MIN = 64 };

static bool is_quiet(struct shard_data *data)
{
    if (data->jobs > 0 || data->reporting || !list_empty(&data->applies) || !list_empty(&data->queued))
        return false;
    LIST_EACH(link, &data->in_order)
    if (PARTITION_OF(link)->log != NULL && log_is_busy(PARTITION_OF(link)->log))
        return false;
    return true;
}

static bool is_many(const struct shard_data *data)
{
    int unflushed = 0;
    LIST_EACH(link, &data->in_order)
    unflushed += PARTITION_OF(link)->state == PARTITION_ONLINE && log_has_unflushed(PARTITION_OF(link)->log);
    return unflushed >= TOGETHER_MIN;
}

static void note(struct shard_data *data, enum err err)
{
    if (data->stop->err == ERR_OK)
        data->stop->err = err;
}

/* ---- the steps ----------------------------------------------------------------------------------------------------
 */

static void write_partition(struct shard_data *data, struct partition *partition)
{
    if (partition->state == PARTITION_ONLINE)
        note(data, log_stop_write(partition->log, io_fs(data->io)));
}

/* Other people's bytes on the same file system are waited for, too: the price of one call for all. */
static void flush_directories(struct shard_data *data)
{
    struct log_dirs *dirs = data->options.dirs;
    for (int dir = 0; dir < log_dirs_count(dirs); dir++) {
        enum err err = log_dirs_is_offline(dirs, dir) ? ERR_OK : fs_sync_all(io_fs(data->io), log_dirs_path(dirs, dir));
        if (err != ERR_OK)
            log_dirs_fail(dirs, dir);
        note(data, err);
    }
}

static void stop_partition(struct shard_data *data, struct partition *partition)
{
    struct fs *fs = io_fs(data->io);
    if (partition->state != PARTITION_ONLINE || log_dirs_is_offline(data->options.dirs, partition->_dir)) {
        note(data, partition->state == PARTITION_CREATING ? ERR_OK : ERR_SEALED);
        return;
    }
    enum err err = data->stop->_together ? log_stop_together(partition->log, fs) : log_stop(partition->log, fs);
    note(data, err == ERR_OK ? snapshot_store(data, partition) : err);
}

static void reported(struct shard_data *data)
{
    struct shard_data_stop *stop = data->stop;
    note(data, data->report.err);
    stop->done(stop);
}

/* What is left of a step, for one slice of time. True: it is done. */
static bool walk(struct shard_data *data, void (*visit)(struct shard_data *data, struct partition *partition))
{
    struct shard_data_stop *stop = data->stop;
    int64_t until_ns = io_measure_ns(data->io) + SLICE_NS;
    for (; stop->_next != &data->in_order; stop->_next = stop->_next->next) {
        if (io_measure_ns(data->io) > until_ns)
            return false;
        visit(data, PARTITION_OF(stop->_next));
    }
    stop->_next = data->in_order.next;
    return true;
}

/* True: another turn, then the next step. */
static bool run_step(struct shard_data *data)
{
    struct shard_data_stop *stop = data->stop;
    switch (stop->_step) {
    case SHARD_STOP_BEGIN:
        stop->_next = data->in_order.next;
        stop->_together = is_many(data);
        stop->_step = stop->_together ? SHARD_STOP_WRITE : SHARD_STOP_EACH;
        return true;
    case SHARD_STOP_WRITE:
        if (walk(data, write_partition)) {
            flush_directories(data);
            stop->_step = SHARD_STOP_EACH;
        }
        return true;
    case SHARD_STOP_EACH:
        if (walk(data, stop_partition))
            stop->_step = SHARD_STOP_END;
        return true;
    case SHARD_STOP_END:
        break;
    }
    if (stop->_together)
        flush_directories(data);
    /* Behind everything that is written into the directories. */
    LIST_EACH(link, &data->in_order)
    if (stop->err == ERR_OK)
        life_describe_partition(data, PARTITION_OF(link));
    shard_data_report(data, reported);
    return false;
}

void stop_fire(struct io_timer *timer)
{
    struct shard_data *data = CONTAINER_OF(timer, struct shard_data, stop_timer);
    int64_t again_ns = io_now_ns(data->io);
    if (!is_quiet(data))
        again_ns += LOOK_AGAIN_NS;
    else if (!run_step(data))
        return;
    (void)!io_timer_start(data->io, timer, again_ns);
}

bool shard_data_is_stopping(const struct shard_data *data)
{
    return data->stop != NULL;
}

void shard_data_stop(struct shard_data *data, struct shard_data_stop *stop)
{
    ASSERT(data->stop == NULL);
    stop->err = ERR_OK;
    stop->_step = SHARD_STOP_BEGIN;
    data->stop = stop;
    io_timer_stop(data->io, &data->retention_timer);
    io_timer_stop(data->io, &data->checkpoint_timer);
    io_timer_stop(data->io, &data->producer_timer);
    io_timer_stop(data->io, &data->tick_timer);
    io_timer_stop(data->io, &data->deleting_timer);
    io_timer_stop(data->io, &data->flush_timer);
    cleaner_stop(data);
    (void)!io_timer_start(data->io, &data->stop_timer, io_now_ns(data->io));
}
