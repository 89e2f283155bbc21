/* Which partition is compacted next, and how fast: Kafka's LogCleanerManager, a cleaner for each shard.
 *
 * The node's limits (log.cleaner.dedupe.buffer.size, log.cleaner.io.max.bytes.per.second) are shared out evenly. */
#include "core/partition/shard_data_internal.h"

#include <stdlib.h>

_Static_assert((int)LOG_CLEAN_PRODUCER_BATCHES == (int)PRODUCER_BATCHES_NEEDED, "what is needed is what stays");

enum { MAP_BYTES_MIN = 1 << 20, STEP_BYTES_MIN = 64 << 10, STEP_BYTES_MAX = 8 << 20, MS = 1000000 };

static void arm(struct shard_data *data, int64_t delay_ns)
{
    if (data->stop == NULL && data->cleaner.partition == NULL)
        (void)!io_timer_start(data->io, &data->cleaner.timer, io_now_ns(data->io) + delay_ns);
}

static int64_t backoff_ns(const struct shard_data *data)
{
    int64_t backoff_ms = data->options.config->log_cleaner_backoff_ms, most_ms = INT64_MAX / MS / 2;
    return (backoff_ms < most_ms ? backoff_ms : most_ms) * MS;
}

void cleaner_configured(struct shard_data *data)
{
    struct cleaner *cleaner = &data->cleaner;
    const struct io_timer *timer = &cleaner->timer;
    double rate = data->options.config->log_cleaner_io_max_bytes_per_second;
    if (!io_timer_running(timer) || timer->deadline_ns > io_now_ns(data->io) + backoff_ns(data))
        arm(data, backoff_ns(data));
    if (cleaner->partition != NULL && cleaner->bytes_per_second != rate)
        log_clean_change_pace(&cleaner->clean);
    cleaner->bytes_per_second = rate;
}

/* ---- choosing ---------------------------------------------------------------------------------------------------- */

static bool is_candidate(const struct partition *partition)
{
    return partition->state == PARTITION_ONLINE && (partition->config->cleanup_policy & CONFIG_CLEANUP_COMPACT) &&
           !partition->_uncleanable;
}

/* The share of dirty bytes; negative: not to be cleaned now. */
static double dirtiness(struct partition *partition, int64_t now_ms, struct log_dirt *dirt)
{
    if (!is_candidate(partition) ||
        !log_find_dirt(partition->log, partition->_cleaned_offset, partition_last_stable(partition), now_ms, dirt))
        return -1;
    int64_t total = dirt->clean_bytes + dirt->dirty_bytes;
    if (total == 0 || dirt->dirty_bytes == 0 || dirt->first_dirty_offset >= dirt->below_offset)
        return -1;
    double ratio = (double)dirt->dirty_bytes / (double)total;
    return dirt->is_overdue || ratio > partition->config->min_cleanable_dirty_ratio ? ratio : -1;
}

static struct partition *find_dirtiest(struct shard_data *data, int64_t now_ms, struct log_dirt *best_dirt)
{
    struct partition *best = NULL;
    double best_ratio = -1;
    LIST_EACH(link, &data->in_order)
    {
        struct log_dirt dirt;
        double ratio = dirtiness(PARTITION_OF(link), now_ms, &dirt);
        if (ratio <= best_ratio)
            continue;
        best = PARTITION_OF(link);
        best_ratio = ratio;
        *best_dirt = dirt;
    }
    return best;
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static int by_id(const void *one, const void *other)
{
    const struct log_clean_producer *a = one, *b = other;
    return (a->id > b->id) - (a->id < b->id);
}

static bool collect_producers(struct cleaner *cleaner, const struct partition *partition, struct mem *mem)
{
    const struct map *entries = &partition->producers.entries;
    cleaner->producers = NULL;
    cleaner->producer_capacity = entries->count;
    cleaner->clean.producer_count = 0;
    if (entries->count == 0)
        return true;
    cleaner->producers = mem_alloc(mem, entries->count * sizeof(*cleaner->producers));
    if (cleaner->producers == NULL)
        return false;
    MAP_EACH(i, entries)
    {
        const struct producer_entry *entry = entries->entries[i].value;
        struct log_clean_producer *producer = &cleaner->producers[cleaner->clean.producer_count++];
        *producer = (struct log_clean_producer){.id = entry->id, .epoch = entry->epoch};
        producer->count = (uint8_t)producer_needed_offsets(entry, producer->offsets);
    }
    qsort(cleaner->producers, (size_t)cleaner->clean.producer_count, sizeof(*cleaner->producers), by_id);
    return true;
}

static void free_producers(struct cleaner *cleaner, struct mem *mem)
{
    mem_free(mem, cleaner->producers, cleaner->producer_capacity * sizeof(*cleaner->producers));
    cleaner->producers = NULL;
}

static int64_t pause_ns(struct log_clean *clean, int64_t bytes)
{
    const struct shard_data *data = CONTAINER_OF(clean, struct shard_data, cleaner.clean);
    double rate = data->options.config->log_cleaner_io_max_bytes_per_second / data->options.data_shards;
    double pause = rate > 0 ? (double)bytes / rate * 1e9 : 0;
    return pause < 1e12 ? (int64_t)pause : (int64_t)1e12;
}

static void cleaned(struct log_clean *clean)
{
    struct shard_data *data = CONTAINER_OF(clean, struct shard_data, cleaner.clean);
    struct partition *partition = data->cleaner.partition;
    data->cleaner.partition = NULL;
    data->cleaner.looked_ns = io_now_ns(data->io);
    free_producers(&data->cleaner, data->mem);
    if (clean->err == ERR_OK) {
        partition->_cleaned_offset = clean->end_offset;
        metrics_add(data->options.metrics, METRIC_COMPACTIONS, 1);
    }
    partition->_uncleanable |= clean->err == ERR_CORRUPT || clean->err == ERR_LIMIT;
    life_retire(partition);
    if (data->stop != NULL)
        return;
    if (clean->err == ERR_OK) {
        shard_data_checkpoint(data);
        arm(data, 0);
    } else {
        arm(data, backoff_ns(data));
    }
}

static bool clean_next(struct shard_data *data)
{
    const struct broker_config *config = data->options.config;
    struct cleaner *cleaner = &data->cleaner;
    struct log_dirt dirt = {0};
    int64_t now_ms = io_wall_ms(data->io),
            map_bytes = config->log_cleaner_dedupe_buffer_size / data->options.data_shards;
    struct partition *partition = find_dirtiest(data, now_ms, &dirt);
    double load = config->log_cleaner_io_buffer_load_factor;
    int32_t step_bytes = config->log_cleaner_io_buffer_size;
    if (partition == NULL)
        return false;
    cleaner->clean = (struct log_clean){
        .done = cleaned,
        .pause_ns = pause_ns,
        .first_dirty_offset = dirt.first_dirty_offset,
        .below_offset = dirt.below_offset,
        .markers_offset = snapshot_oldest(partition),
        .now_ms = now_ms,
        .delete_retention_ms = partition->config->delete_retention_ms,
        .map_bytes = map_bytes > MAP_BYTES_MIN ? map_bytes : MAP_BYTES_MIN,
        .map_load = load > 0.01 && load <= 1 ? load : 0.9,
        .step_bytes =
            step_bytes < STEP_BYTES_MIN ? STEP_BYTES_MIN : (step_bytes > STEP_BYTES_MAX ? STEP_BYTES_MAX : step_bytes),
    };
    bool ready = collect_producers(cleaner, partition, data->mem);
    cleaner->clean.producers = cleaner->producers;
    if (!ready || log_clean(partition->log, &cleaner->clean) != ERR_OK) {
        free_producers(cleaner, data->mem);
        return false; /* memory is short, or a file cannot be read: tried again later */
    }
    cleaner->partition = partition;
    return true;
}

void cleaner_fire(struct io_timer *timer)
{
    struct shard_data *data = CONTAINER_OF(timer, struct shard_data, cleaner.timer);
    data->cleaner.looked_ns = io_now_ns(data->io);
    if (!data->options.config->log_cleaner_enable || !clean_next(data))
        arm(data, backoff_ns(data));
}

int64_t shard_data_cleaner_idle_ms(const struct shard_data *data)
{
    return data->cleaner.partition != NULL ? 0 : (io_now_ns(data->io) - data->cleaner.looked_ns) / MS;
}

void cleaner_forget(struct shard_data *data, const struct partition *partition)
{
    if (data->cleaner.partition == partition)
        log_clean_stop(&data->cleaner.clean);
}

void cleaner_stop(struct shard_data *data)
{
    io_timer_stop(data->io, &data->cleaner.timer);
    if (data->cleaner.partition != NULL)
        log_clean_stop(&data->cleaner.clean);
}
