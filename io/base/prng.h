/* io/base/prng.h -- a small seeded generator (xoshiro256**, public domain algorithm by Blackman and Vigna).
 * For simulation, jitter and tests; never for secrets (those come from io_random). */
#ifndef RINGMAIN_IO_BASE_PRNG_H
#define RINGMAIN_IO_BASE_PRNG_H

#include <stdbool.h>
#include <stdint.h>

struct prng {
    uint64_t s[4];
};

void prng_seed(struct prng *prng, uint64_t seed);
uint64_t prng_next(struct prng *prng);
uint64_t prng_below(struct prng *prng, uint64_t bound);           /* 0 .. bound - 1; bound > 0 */
int64_t prng_between(struct prng *prng, int64_t low, int64_t high); /* low .. high, both included */
bool prng_chance(struct prng *prng, uint32_t per_million);

#endif
