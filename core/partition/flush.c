/* Flushing what nobody waits for (acks 0 and 1, level `os`): by time, bytes and messages, a few partitions at once, so
 * that the rate of flushes follows the device and not the number of partitions.
 *
 * A partition with bytes that are not durable is in one of three lists of its shard: `unflushed`, by age, of which only
 * the oldest are looked at; `hasty`, whose flush.ms is shorter than the broker's interval, looked at one by one; or
 * `flushing`. */
#include "core/partition/shard_data_internal.h"

/* At a turn a few only: who shares the core with the workers waits for all that were started with it. */
enum { FLUSHES_MAX = 16, AT_A_TURN = 4, TURN_NS = 2500000, MS = 1000000 };

static bool is_due_by_size(const struct partition *partition)
{
    int64_t records = log_end_offset(partition->log) - log_durable_offset(partition->log);
    return records >= partition->config->flush_messages ||
           partition->_unflushed_bytes >= (uint64_t)partition->_data->options.config->ringmain_flush_interval_bytes;
}

/* INT64_MAX - small would overflow: limits of centuries are cut. */
static int64_t deadline_ns(const struct partition *partition)
{
    enum { YEAR_MS = 1471228928 };
    int64_t wait_ms = partition->_data->options.config->ringmain_flush_interval_ms;
    if (partition->config->flush_ms < wait_ms)
        wait_ms = partition->config->flush_ms;
    return partition->_unflushed_ns + (wait_ms < YEAR_MS ? wait_ms : YEAR_MS) * MS;
}

void partition_flush(struct partition *partition)
{
    if (partition->_flush_ns == 0)
        partition->_flush_ns = io_recent_ns(partition->_data->io);
    log_flush(partition->log);
}

static bool is_hasty(const struct partition *partition)
{
    return partition->config->flush_ms < partition->_data->options.config->ringmain_flush_interval_ms;
}

static void leave(struct partition *partition)
{
    if (partition->_flushing)
        partition->_data->flushing_count--;
    partition->_flushing = false;
    list_remove(&partition->_unflushed);
}

/* One whose flush is over, with newer bytes, comes back among the youngest: later by as long as the flush took. */
static void enter(struct partition *partition)
{
    struct shard_data *data = partition->_data;
    leave(partition);
    list_push_back(is_hasty(partition) ? &data->hasty : &data->unflushed, &partition->_unflushed);
}

static void flush_now(struct partition *partition)
{
    struct shard_data *data = partition->_data;
    leave(partition);
    list_push_back(&data->flushing, &partition->_unflushed);
    data->flushing_count++;
    partition->_flushing = true;
    partition->_unflushed_ns = io_now_ns(data->io);
    partition->_unflushed_bytes = 0;
    partition_flush(partition);
    if (!log_is_flushing(partition->log)) /* sealed, or on its way out */
        leave(partition);
}

/* Without memory for the timer: the checkpoints flush too. */
static void arm(struct shard_data *data, int64_t at_ns)
{
    if (data->stop == NULL && (!io_timer_running(&data->flush_timer) || data->flush_timer.deadline_ns > at_ns))
        (void)!io_timer_start(data->io, &data->flush_timer, at_ns);
}

void partition_flush_later(struct partition *partition, uint64_t bytes)
{
    struct shard_data *data = partition->_data;
    if (bytes == 0 || partition->state != PARTITION_ONLINE)
        return;
    partition->_unflushed_bytes += bytes;
    if (list_empty(&partition->_unflushed)) {
        partition->_unflushed_ns = io_now_ns(data->io);
        enter(partition);
        arm(data, deadline_ns(partition));
    }
    if (is_due_by_size(partition))
        flush_now(partition);
}

void partition_flush_configured(struct partition *partition)
{
    if (list_empty(&partition->_unflushed) || partition->state != PARTITION_ONLINE)
        return;
    if (!partition->_flushing)
        enter(partition);
    arm(partition->_data, deadline_ns(partition));
    if (is_due_by_size(partition))
        flush_now(partition);
}

void partition_flush_forget(struct partition *partition)
{
    leave(partition);
    partition->_unflushed_bytes = 0;
}

void partition_flushed(struct partition *partition)
{
    struct shard_data *data = partition->_data;
    if (partition->_flush_ns > 0) {
        metrics_time(data->options.metrics, METRIC_TIME_FLUSH, io_now_ns(data->io) - partition->_flush_ns);
        partition->_flush_ns = log_is_flushing(partition->log) ? io_now_ns(data->io) : 0;
    }
    if (log_durable_offset(partition->log) == log_end_offset(partition->log)) {
        partition_flush_forget(partition);
    } else if (partition->_flushing && !log_is_flushing(partition->log)) {
        enter(partition);
        arm(data, deadline_ns(partition));
    }
}

/* False: it has to wait, for its time or for others. `left`: how many more may start now. */
static bool visit(struct partition *partition, int64_t now_ns, int *left)
{
    if (partition->state != PARTITION_ONLINE || log_durable_offset(partition->log) == log_end_offset(partition->log)) {
        partition_flush_forget(partition);
        return true;
    }
    if (deadline_ns(partition) > now_ns || *left <= 0)
        return false;
    flush_now(partition);
    --*left;
    return true;
}

void flush_fire(struct io_timer *timer)
{
    struct shard_data *data = CONTAINER_OF(timer, struct shard_data, flush_timer);
    int64_t now_ns = io_now_ns(data->io), next_ns = INT64_MAX;
    int room = FLUSHES_MAX - data->flushing_count, left = room < AT_A_TURN ? room : AT_A_TURN;
    LIST_EACH(link, &data->hasty)
    {
        struct partition *partition = CONTAINER_OF(link, struct partition, _unflushed);
        if (!visit(partition, now_ns, &left) && deadline_ns(partition) < next_ns)
            next_ns = deadline_ns(partition);
    }
    LIST_EACH(link, &data->unflushed)
    {
        struct partition *partition = CONTAINER_OF(link, struct partition, _unflushed);
        if (visit(partition, now_ns, &left))
            continue;
        next_ns = deadline_ns(partition) < next_ns ? deadline_ns(partition) : next_ns;
        break; /* the others are younger */
    }
    if (next_ns != INT64_MAX)
        arm(data, next_ns > now_ns + TURN_NS ? next_ns : now_ns + TURN_NS);
}
