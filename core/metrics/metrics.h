/* core/metrics/metrics.h -- what a shard counts about itself, and the readings that the exporter makes of it.
 *
 *   hot path --> struct metrics (one per shard, plain numbers) --metrics_read, on the shard--> struct metrics_reading
 *                                                     (control shard's memory) --> text.h --> Prometheus text
 *
 * Everything is declared once, in metrics.def. Counting is an increment of a plain number by the shard that owns it: no
 * lock, no atomic, no allocation. The numbers of one API are made at its first request (metrics_api_made).
 *
 * Invariants: a struct metrics is written by its shard only; a reading visits the shards one after the other, by
 * message, and is written by the one where it is.
 * Core:    metrics: its shard. Readings: whoever holds them. Pure.
 * Memory:  metrics: the mem given to metrics_init. Readings: the mem given to metrics_reading_init, on one shard: those
 *          it visits say what is missing (metrics_reading_grow) and it comes again.
 * Errors:  without memory for an API's numbers its requests are not counted until there is some.
 */
#ifndef RINGMAIN_CORE_METRICS_METRICS_H
#define RINGMAIN_CORE_METRICS_METRICS_H

#include "io/base/bytes.h"
#include "io/base/histogram.h"
#include "io/base/mem.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_PEAK };
enum metric_scope { METRIC_SHARD, METRIC_NODE };
enum metric_unit { METRIC_UNIT_COUNT, METRIC_UNIT_BYTES, METRIC_UNIT_NS, METRIC_UNIT_MS, METRIC_UNIT_PPM };

#define METRIC(id, type, scope, unit, name, kafka, help) METRIC_##id,
enum metric {
#include "core/metrics/metrics.def"
    METRIC_COUNT
};
#define METRIC_TIME(id, name, kafka, help) METRIC_TIME_##id,
enum metric_time {
#include "core/metrics/metrics.def"
    METRIC_TIME_COUNT
};
#define METRIC_STAGE(id, label, kafka, help) METRIC_STAGE_##id,
enum metric_stage {
#include "core/metrics/metrics.def"
    METRIC_STAGE_COUNT
};
#define METRIC_PARTITION(id, field, type, name, kafka, help) METRIC_PARTITION_##id,
enum metric_partition {
#include "core/metrics/metrics.def"
    METRIC_PARTITION_COUNT
};

struct metric_row {
    const char *name, *kafka, *help; /* kafka NULL: none. Names may carry labels: name{state="x"} */
    enum metric_type type;
    enum metric_scope scope;
    enum metric_unit unit;
};
extern const struct metric_row metric_rows[METRIC_COUNT];
extern const struct metric_row metric_time_rows[METRIC_TIME_COUNT];
extern const struct metric_row metric_stage_rows[METRIC_STAGE_COUNT]; /* name: the label's value */
extern const struct metric_row metric_partition_rows[METRIC_PARTITION_COUNT];

/* ---- counting ---------------------------------------------------------------------------------------------------- */

enum {
    METRICS_API_KEYS = 96,  /* larger than Kafka's largest key */
    METRICS_VERSIONS = 24,  /* higher ones are counted as the last */
    METRICS_ERRORS = 160,   /* error codes -1 .. 158; others are counted as the last */
    METRICS_ERROR_BASE = 1, /* place of code 0 */
};

struct metrics_api {
    uint64_t versions[METRICS_VERSIONS];
    uint64_t errors[METRICS_ERRORS];             /* by code + METRICS_ERROR_BASE */
    struct histogram stages[METRIC_STAGE_COUNT]; /* of a shard: without the zeros, but TOTAL */
};

struct metrics {
    struct mem *mem;
    uint64_t values[METRIC_COUNT];
    struct histogram times[METRIC_TIME_COUNT];
    struct metrics_api *apis[METRICS_API_KEYS]; /* NULL: nobody has asked for it yet */
};

void metrics_init(struct metrics *metrics, struct mem *mem);
void metrics_fini(struct metrics *metrics);

/* metrics NULL: nobody counts (tests, the command line). */
static inline void metrics_add(struct metrics *metrics, enum metric metric, uint64_t count)
{
    if (RINGMAIN_METRICS && metrics != NULL)
        metrics->values[metric] += count;
}

static inline void metrics_subtract(struct metrics *metrics, enum metric metric, uint64_t count)
{
    if (RINGMAIN_METRICS && metrics != NULL)
        metrics->values[metric] -= count;
}

static inline void metrics_time(struct metrics *metrics, enum metric_time time, int64_t ns)
{
    if (RINGMAIN_METRICS && metrics != NULL)
        histogram_add(&metrics->times[time], ns);
}

struct metrics_api *metrics_api_make(struct metrics *metrics, int16_t key); /* NULL: no memory */

static inline struct metrics_api *metrics_api(struct metrics *metrics, int16_t key)
{
    if (!RINGMAIN_METRICS || metrics == NULL || key < 0 || key >= METRICS_API_KEYS)
        return NULL;
    return metrics->apis[key] != NULL ? metrics->apis[key] : metrics_api_make(metrics, key);
}

static inline void metrics_error(struct metrics *metrics, int16_t key, int16_t code, uint64_t count)
{
    struct metrics_api *api = metrics_api(metrics, key);
    int place = code + METRICS_ERROR_BASE;
    if (api != NULL)
        api->errors[place < 0 || place >= METRICS_ERRORS ? METRICS_ERRORS - 1 : place] += count;
}

/* One answered request: when it arrived, was begun, began to wait (0: it did not), was answered, left the queue of
 * answers, was sent. */
struct metrics_road {
    int64_t received_ns, begun_ns, waits_ns, answered_ns, sending_ns, sent_ns;
};
void metrics_request(struct metrics *metrics, int16_t key, int16_t version, const struct metrics_road *road);

/* ---- reading ----------------------------------------------------------------------------------------------------- */

struct metrics_partition {
    struct uuid topic_id;
    int32_t index;
    int32_t topic; /* the exporter's: place in its list of names; -1: not known */
    uint64_t bytes_in, records_in, bytes_out;
    int64_t high_watermark, durable_offset, start_offset, end_offset, size_bytes, segments;
};

/* Of one listener and shard. */
struct metrics_listener {
    uint64_t connections, accepted, closed;
};

struct metrics_shard_reading {
    uint64_t values[METRIC_COUNT];
    struct histogram times[METRIC_TIME_COUNT];
};

struct metrics_reading {
    struct mem *mem;
    int shard_count, listener_count;
    struct metrics_shard_reading *shards;       /* by shard, the control shard last */
    struct metrics_listener *listeners;         /* listener_count of each shard, in their order */
    struct metrics_api *apis[METRICS_API_KEYS]; /* of all shards together */
    bool missing_apis[METRICS_API_KEYS];        /* a shard has numbers for which there is no room yet */
    struct metrics_partition *partitions;
    int32_t partition_count, partition_capacity, partitions_missing;
};

bool metrics_reading_init(struct metrics_reading *reading, struct mem *mem, int shard_count,
                          int listener_count) MUST_CHECK;
void metrics_reading_fini(struct metrics_reading *reading);
/* Before a round: everything is 0 again. */
void metrics_reading_clear(struct metrics_reading *reading);
/* On the shard: its numbers are added. Gauges have been set by the caller. */
void metrics_read(const struct metrics *metrics, struct metrics_reading *reading, int shard);
/* Room for one more partition; NULL: none, counted as missing. */
struct metrics_partition *metrics_reading_partition(struct metrics_reading *reading);
/* After a round, on the reading's own shard. True: nothing was missing. False: there is room now, make another round;
 * *err_no_memory: there is none, what is there is shown without the rest. */
bool metrics_reading_grow(struct metrics_reading *reading, bool *no_memory);

/* Over all shards: the sum, of a peak the largest. */
uint64_t metrics_reading_sum(const struct metrics_reading *reading, enum metric metric);

/* docs/metrics.md; NUL-terminated, `capacity` bytes at `text`. The length it has or would have. */
size_t metrics_document(char *text, size_t capacity);

#endif
