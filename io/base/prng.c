#include "io/base/prng.h"

#include "io/base/check.h"

void prng_seed(struct prng *prng, uint64_t seed)
{
    for (int i = 0; i < 4; i++) { /* splitmix64 spreads the seed over the state */
        seed += 0x9e3779b97f4a7c15u;
        uint64_t z = seed;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        prng->s[i] = z ^ z >> 31;
    }
}

static uint64_t rotate(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

uint64_t prng_next(struct prng *prng)
{
    uint64_t *s = prng->s, result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t prng_below(struct prng *prng, uint64_t bound)
{
    ASSERT(bound > 0);
    return (uint64_t)((unsigned __int128)prng_next(prng) * bound >> 64);
}

int64_t prng_between(struct prng *prng, int64_t low, int64_t high)
{
    ASSERT(low <= high);
    return low + (int64_t)prng_below(prng, (uint64_t)(high - low) + 1);
}

bool prng_chance(struct prng *prng, uint32_t per_million)
{
    return prng_below(prng, 1000000) < per_million;
}
