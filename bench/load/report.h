/* bench/load/report.h -- a run in numbers, for people or as one JSON document. */
#ifndef RINGMAIN_BENCH_LOAD_REPORT_H
#define RINGMAIN_BENCH_LOAD_REPORT_H

#include "bench/load/cost.h"
#include "bench/load/load.h"

struct report {
    const char *workload;
    double seconds;
    bool has_cost;
    struct cost before, after; /* of the broker */
    double own_cpu_s;          /* of this process: a load generator at its limit measures itself */
    uint64_t idle_rss_bytes;   /* of the broker before the connections were opened; 0: not asked */
    struct load_counts counts[LOAD_GROUPS_MAX];
};

void report_print(const struct load *load, const struct report *report, bool json);

#endif
