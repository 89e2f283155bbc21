#include "bench/load/hdr.h"

static unsigned bucket_of(uint64_t value)
{
    if (value < HDR_SUB)
        return (unsigned)value;
    unsigned shift = 63 - (unsigned)__builtin_clzll(value) - HDR_SUB_BITS;
    unsigned bucket = (shift + 1) * HDR_SUB + (unsigned)(value >> shift) - HDR_SUB;
    return bucket < HDR_BUCKETS ? bucket : HDR_BUCKETS - 1;
}

static int64_t upper_end(unsigned bucket)
{
    if (bucket < HDR_SUB)
        return bucket;
    unsigned shift = bucket / HDR_SUB - 1;
    return (int64_t)(((uint64_t)(bucket % HDR_SUB + HDR_SUB + 1) << shift) - 1);
}

void hdr_add(struct hdr *hdr, int64_t value_ns)
{
    if (value_ns < 0)
        value_ns = 0;
    hdr->counts[bucket_of((uint64_t)value_ns)]++;
    hdr->total++;
    if (value_ns > hdr->max_ns)
        hdr->max_ns = value_ns;
}

void hdr_merge(struct hdr *into, const struct hdr *from)
{
    for (int i = 0; i < HDR_BUCKETS; i++)
        into->counts[i] += from->counts[i];
    into->total += from->total;
    if (from->max_ns > into->max_ns)
        into->max_ns = from->max_ns;
}

int64_t hdr_quantile(const struct hdr *hdr, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)hdr->total + 0.5), seen = 0;
    for (unsigned i = 0; i < HDR_BUCKETS; i++) {
        seen += hdr->counts[i];
        if (seen >= wanted && seen > 0)
            return upper_end(i) < hdr->max_ns ? upper_end(i) : hdr->max_ns;
    }
    return hdr->max_ns;
}
