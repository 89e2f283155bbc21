#include "core/metrics/metrics.h"

#include "io/base/check.h"

#define METRIC(id, type_, scope_, unit_, name_, kafka_, help_)                                                         \
    {.name = name_,                                                                                                    \
     .kafka = kafka_,                                                                                                  \
     .help = help_,                                                                                                    \
     .type = METRIC_##type_,                                                                                           \
     .scope = METRIC_##scope_,                                                                                         \
     .unit = METRIC_UNIT_##unit_},
const struct metric_row metric_rows[METRIC_COUNT] = {
#include "core/metrics/metrics.def"
};
#define METRIC_TIME(id, name_, kafka_, help_) {.name = name_, .kafka = kafka_, .help = help_, .unit = METRIC_UNIT_NS},
const struct metric_row metric_time_rows[METRIC_TIME_COUNT] = {
#include "core/metrics/metrics.def"
};
#define METRIC_STAGE(id, label_, kafka_, help_)                                                                        \
    {.name = label_, .kafka = kafka_, .help = help_, .unit = METRIC_UNIT_NS},
const struct metric_row metric_stage_rows[METRIC_STAGE_COUNT] = {
#include "core/metrics/metrics.def"
};
#define METRIC_PARTITION(id, field, type_, name_, kafka_, help_)                                                       \
    {.name = name_, .kafka = kafka_, .help = help_, .type = METRIC_##type_},
const struct metric_row metric_partition_rows[METRIC_PARTITION_COUNT] = {
#include "core/metrics/metrics.def"
};

/* ---- counting ---------------------------------------------------------------------------------------------------- */

void metrics_init(struct metrics *metrics, struct mem *mem)
{
    *metrics = (struct metrics){.mem = mem};
}

void metrics_fini(struct metrics *metrics)
{
    for (int key = 0; key < METRICS_API_KEYS; key++)
        if (metrics->apis[key] != NULL)
            MEM_DELETE(metrics->mem, metrics->apis[key]);
    metrics->mem = NULL;
}

struct metrics_api *metrics_api_make(struct metrics *metrics, int16_t key)
{
    ASSERT(key >= 0 && key < METRICS_API_KEYS && metrics->apis[key] == NULL);
    metrics->apis[key] = MEM_NEW(metrics->mem, struct metrics_api);
    return metrics->apis[key];
}

/* Most requests wait in none of most stages: those cost nothing, the reading knows their number from the total. */
static void stage_add(struct metrics_api *api, enum metric_stage stage, int64_t ns)
{
    if (ns > 0)
        histogram_add(&api->stages[stage], ns);
}

void metrics_request(struct metrics *metrics, int16_t key, int16_t version, const struct metrics_road *road)
{
    struct metrics_api *api = metrics_api(metrics, key);
    if (api == NULL)
        return;
    int64_t worked_ns = road->waits_ns > 0 ? road->waits_ns : road->answered_ns;
    api->versions[version < 0 || version >= METRICS_VERSIONS ? METRICS_VERSIONS - 1 : version]++;
    stage_add(api, METRIC_STAGE_QUEUE, road->begun_ns - road->received_ns);
    stage_add(api, METRIC_STAGE_LOCAL, worked_ns - road->begun_ns);
    stage_add(api, METRIC_STAGE_REMOTE, road->answered_ns - worked_ns);
    stage_add(api, METRIC_STAGE_RESPONSE_QUEUE, road->sending_ns - road->answered_ns);
    stage_add(api, METRIC_STAGE_SEND, road->sent_ns - road->sending_ns);
    histogram_add(&api->stages[METRIC_STAGE_TOTAL], road->sent_ns - road->received_ns);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static size_t listener_bytes(const struct metrics_reading *reading)
{
    return (size_t)reading->shard_count * (size_t)reading->listener_count * sizeof *reading->listeners;
}

bool metrics_reading_init(struct metrics_reading *reading, struct mem *mem, int shard_count, int listener_count)
{
    ASSERT(shard_count > 0 && listener_count >= 0);
    *reading = (struct metrics_reading){.mem = mem, .shard_count = shard_count, .listener_count = listener_count};
    reading->shards = mem_alloc_zero(mem, (size_t)shard_count * sizeof *reading->shards);
    if (listener_count > 0)
        reading->listeners = mem_alloc_zero(mem, listener_bytes(reading));
    if (reading->shards != NULL && (listener_count == 0 || reading->listeners != NULL))
        return true;
    metrics_reading_fini(reading);
    return false;
}

void metrics_reading_fini(struct metrics_reading *reading)
{
    mem_free(reading->mem, reading->shards, (size_t)reading->shard_count * sizeof *reading->shards);
    mem_free(reading->mem, reading->listeners, listener_bytes(reading));
    mem_free(reading->mem, reading->partitions, (size_t)reading->partition_capacity * sizeof *reading->partitions);
    for (int key = 0; key < METRICS_API_KEYS; key++)
        if (reading->apis[key] != NULL)
            MEM_DELETE(reading->mem, reading->apis[key]);
    *reading = (struct metrics_reading){0};
}

void metrics_reading_clear(struct metrics_reading *reading)
{
    memset(reading->shards, 0, (size_t)reading->shard_count * sizeof *reading->shards);
    if (reading->listeners != NULL)
        memset(reading->listeners, 0, listener_bytes(reading));
    for (int key = 0; key < METRICS_API_KEYS; key++)
        if (reading->apis[key] != NULL)
            memset(reading->apis[key], 0, sizeof *reading->apis[key]);
    memset(reading->missing_apis, 0, sizeof reading->missing_apis);
    reading->partition_count = reading->partitions_missing = 0;
}

static void api_add(struct metrics_api *to, const struct metrics_api *from)
{
    for (int i = 0; i < METRICS_VERSIONS; i++)
        to->versions[i] += from->versions[i];
    for (int i = 0; i < METRICS_ERRORS; i++)
        to->errors[i] += from->errors[i];
    for (int i = 0; i < METRIC_STAGE_COUNT; i++) {
        uint64_t none = from->stages[METRIC_STAGE_TOTAL].count - from->stages[i].count;
        histogram_merge(&to->stages[i], &from->stages[i]);
        to->stages[i].count += none;
        to->stages[i].buckets[0] += none;
    }
}

void metrics_read(const struct metrics *metrics, struct metrics_reading *reading, int shard)
{
    ASSERT(shard >= 0 && shard < reading->shard_count);
    struct metrics_shard_reading *to = &reading->shards[shard];
    memcpy(to->values, metrics->values, sizeof to->values);
    for (int i = 0; i < METRIC_TIME_COUNT; i++)
        histogram_merge(&to->times[i], &metrics->times[i]);
    for (int key = 0; key < METRICS_API_KEYS; key++) {
        if (metrics->apis[key] == NULL)
            continue;
        if (reading->apis[key] == NULL)
            reading->missing_apis[key] = true;
        else
            api_add(reading->apis[key], metrics->apis[key]);
    }
}

struct metrics_partition *metrics_reading_partition(struct metrics_reading *reading)
{
    if (reading->partition_count == reading->partition_capacity) {
        reading->partitions_missing++;
        return NULL;
    }
    struct metrics_partition *partition = &reading->partitions[reading->partition_count++];
    *partition = (struct metrics_partition){.topic = -1};
    return partition;
}

static bool grow_partitions(struct metrics_reading *reading)
{
    int32_t wanted = reading->partition_capacity + reading->partitions_missing;
    wanted += wanted / 8 + 16; /* some may come while the next round is on its way */
    void *larger =
        mem_resize(reading->mem, reading->partitions, (size_t)reading->partition_capacity * sizeof *reading->partitions,
                   (size_t)wanted * sizeof *reading->partitions);
    if (larger == NULL)
        return false;
    reading->partitions = larger;
    reading->partition_capacity = wanted;
    return true;
}

bool metrics_reading_grow(struct metrics_reading *reading, bool *no_memory)
{
    bool whole = true;
    *no_memory = false;
    for (int key = 0; key < METRICS_API_KEYS; key++) {
        if (!reading->missing_apis[key])
            continue;
        whole = false;
        reading->apis[key] = MEM_NEW(reading->mem, struct metrics_api);
        *no_memory |= reading->apis[key] == NULL;
    }
    if (reading->partitions_missing > 0) {
        whole = false;
        *no_memory |= !grow_partitions(reading);
    }
    return whole;
}

uint64_t metrics_reading_sum(const struct metrics_reading *reading, enum metric metric)
{
    uint64_t sum = 0;
    for (int i = 0; i < reading->shard_count; i++) {
        uint64_t value = reading->shards[i].values[metric];
        if (metric_rows[metric].type == METRIC_PEAK)
            sum = value > sum ? value : sum;
        else
            sum += value;
    }
    return sum;
}
