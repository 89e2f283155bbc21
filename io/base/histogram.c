#include "io/base/histogram.h"

#include "io/base/check.h"

#include <math.h>
#include <string.h>

int64_t histogram_bucket_end_ns(int bucket)
{
    ASSERT(bucket >= 0 && bucket < HISTOGRAM_BUCKETS);
    int octave = bucket < HISTOGRAM_SUB ? 0 : bucket / HISTOGRAM_SUB - 1;
    int64_t next = (int64_t)(bucket - octave * HISTOGRAM_SUB + 1) << octave;
    return (next << HISTOGRAM_UNIT_BITS) - 1;
}

int64_t histogram_quantile_ns(const struct histogram *histogram, double part)
{
    ASSERT(part >= 0 && part <= 1);
    if (histogram->count == 0)
        return 0;
    uint64_t wanted = (uint64_t)ceil(part * (double)histogram->count), seen = 0;
    wanted = wanted == 0 ? 1 : wanted;
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen >= wanted) {
            int64_t end = histogram_bucket_end_ns(i);
            return end < histogram->max_ns ? end : histogram->max_ns;
        }
    }
    return histogram->max_ns;
}

uint64_t histogram_count_to(const struct histogram *histogram, int64_t ns)
{
    uint64_t count = 0;
    for (int i = 0; i < HISTOGRAM_BUCKETS && histogram_bucket_end_ns(i) <= ns; i++)
        count += histogram->buckets[i];
    return count;
}

void histogram_merge(struct histogram *to, const struct histogram *from)
{
    if (from->count == 0)
        return;
    to->count += from->count;
    to->sum_ns += from->sum_ns;
    to->max_ns = from->max_ns > to->max_ns ? from->max_ns : to->max_ns;
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++)
        to->buckets[i] += from->buckets[i];
}

void histogram_between(const struct histogram *before, const struct histogram *after, struct histogram *difference)
{
    memset(difference, 0, sizeof(*difference));
    difference->sum_ns = after->sum_ns - before->sum_ns;
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
        ASSERT(after->buckets[i] >= before->buckets[i]);
        difference->buckets[i] = after->buckets[i] - before->buckets[i];
        difference->count += difference->buckets[i];
        if (difference->buckets[i] > 0)
            difference->max_ns = histogram_bucket_end_ns(i);
    }
    if (difference->max_ns > after->max_ns)
        difference->max_ns = after->max_ns;
}
