/* bench/micro/micro.h -- what a micro-benchmark looks like from C. main.cc registers each with Google Benchmark, which
 * chooses the number of rounds, repeats and prints. */
#ifndef RINGMAIN_BENCH_MICRO_H
#define RINGMAIN_BENCH_MICRO_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What `size` says of one round: nothing about its work, the bytes it handles, the items it handles. */
enum micro_unit { MICRO_ROUNDS, MICRO_BYTES, MICRO_ITEMS };

struct micro {
    const char *name;
    const int64_t *sizes; /* ends with 0; each becomes a run of its own */
    void *(*open)(int64_t size);
    void (*run)(void *state, uint64_t rounds);
    void (*close)(void *state);
    enum micro_unit unit;
};

/* Each ends with NULL. */
extern const struct micro *const base_micros[];    /* micro.c */
extern const struct micro *const wire_micros[];    /* wire.c */
extern const struct micro *const log_micros[];     /* log.c */
extern const struct micro *const metrics_micros[]; /* metrics.c */

#ifdef __cplusplus
}
#endif

#endif
