/* io/base/histogram.h -- how long things took: an HDR histogram of nanoseconds, recorded with a shift and an increment.
 *
 *   value / 256 ns:  0 1 2 ... 15 | 16 17 ... 31 | 32 34 ... 62 | 64 68 ... |  ...  2^32
 *                    one each       16 buckets an octave: a value is known to 1/16 of itself
 *
 * Invariants: count is the sum of the buckets; sum and max are exact. Values below 0 count as 0, those above
 * HISTOGRAM_MAX_NS (18 minutes) as that. Plain numbers: one writer, read by the same thread.
 * Memory: HISTOGRAM_BUCKETS * 8 bytes inside the struct; zero-initialise. Pure, any core, cannot fail.
 * Rules: HdrHistogram's layout (Gil Tene); quantiles are the largest value of their bucket, as there.
 */
#ifndef RINGMAIN_IO_BASE_HISTOGRAM_H
#define RINGMAIN_IO_BASE_HISTOGRAM_H

#include <stdint.h>

/* 0 (`make METRICS=off`): a build that counts nothing, against which bench/run/compare.py shows what counting costs. */
#ifndef RINGMAIN_METRICS
#define RINGMAIN_METRICS 1
#endif

enum {
    HISTOGRAM_UNIT_BITS = 8, /* 256 ns: less is noise of the clock */
    HISTOGRAM_SUB_BITS = 4,
    HISTOGRAM_SUB = 1 << HISTOGRAM_SUB_BITS,
    HISTOGRAM_RANGE_BITS = 32, /* units */
    HISTOGRAM_BUCKETS = (HISTOGRAM_RANGE_BITS - HISTOGRAM_SUB_BITS + 1) * HISTOGRAM_SUB,
};
#define HISTOGRAM_MAX_NS ((((int64_t)1 << HISTOGRAM_RANGE_BITS) << HISTOGRAM_UNIT_BITS) - 1)

struct histogram {
    uint64_t count;
    int64_t sum_ns, max_ns;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

static inline int histogram_bucket(int64_t ns)
{
    uint64_t units = (uint64_t)ns >> HISTOGRAM_UNIT_BITS;
    if (units < HISTOGRAM_SUB)
        return (int)units;
    int octave = 63 - __builtin_clzll(units) - HISTOGRAM_SUB_BITS;
    return octave * HISTOGRAM_SUB + (int)(units >> octave);
}

static inline void histogram_add(struct histogram *histogram, int64_t ns)
{
    if (!RINGMAIN_METRICS)
        return;
    ns = ns < 0 ? 0 : ns > HISTOGRAM_MAX_NS ? HISTOGRAM_MAX_NS : ns;
    histogram->count++;
    histogram->sum_ns += ns;
    histogram->max_ns = ns > histogram->max_ns ? ns : histogram->max_ns;
    histogram->buckets[histogram_bucket(ns)]++;
}

int64_t histogram_bucket_end_ns(int bucket); /* the largest value that falls into it */
/* part: 0 .. 1. 0 when nothing was recorded; never above max_ns. */
int64_t histogram_quantile_ns(const struct histogram *histogram, double part);
/* How many values are surely at or below `ns`: whole buckets only. */
uint64_t histogram_count_to(const struct histogram *histogram, int64_t ns);
void histogram_merge(struct histogram *to, const struct histogram *from);
/* What was recorded between two readings of one histogram. max_ns: the largest value that the buckets allow. */
void histogram_between(const struct histogram *before, const struct histogram *after, struct histogram *difference);

#endif
