/* bench/load/cost.h -- what a process has cost so far, from /proc: any broker on this machine. */
#ifndef RINGMAIN_BENCH_LOAD_COST_H
#define RINGMAIN_BENCH_LOAD_COST_H

#include <stdbool.h>
#include <stdint.h>

struct cost {
    double user_s, system_s; /* CPU, threads that have ended included */
    uint64_t waits;          /* voluntary context switches of the threads that live */
    uint64_t preemptions;    /* the others */
    uint64_t rss_bytes;
};

bool cost_read(int pid, struct cost *cost); /* false: no such process */

#endif
