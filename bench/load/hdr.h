/* bench/load/hdr.h -- latencies in nanoseconds, counted in buckets of 1/128 of their power of two (HDR histogram): the
 * relative error is below 0.8 % from 1 ns to hours, whatever the distribution. Memory: the struct itself. */
#ifndef RINGMAIN_BENCH_LOAD_HDR_H
#define RINGMAIN_BENCH_LOAD_HDR_H

#include <stdint.h>

enum { HDR_SUB_BITS = 7, HDR_SUB = 1 << HDR_SUB_BITS, HDR_BUCKETS = (48 - HDR_SUB_BITS) * HDR_SUB };

struct hdr {
    uint64_t counts[HDR_BUCKETS];
    uint64_t total;
    int64_t max_ns;
};

void hdr_add(struct hdr *hdr, int64_t value_ns);
void hdr_merge(struct hdr *into, const struct hdr *from);
/* The value that `share` (0..1) of all are not above: a bucket's upper end, at most the maximum. 0: nothing counted. */
int64_t hdr_quantile(const struct hdr *hdr, double share);

#endif
