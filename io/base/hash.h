/* io/base/hash.h -- hashing and a small open-addressing map from 64-bit hashes to pointers.
 *
 * The map stores (hash, pointer); the caller compares keys: map_find walks the entries of one hash. Linear probing,
 * load at most 3/4, back-shift deletion (no tombstones). Growth comes from the mem; map_put returns false when it has
 * none. The hash is keyed (`seed`), so that a client cannot choose colliding names.
 */
#ifndef RINGMAIN_IO_BASE_HASH_H
#define RINGMAIN_IO_BASE_HASH_H

#include "io/base/bytes.h"
#include "io/base/mem.h"

uint64_t hash_bytes(const void *data, size_t length, uint64_t seed);
uint64_t hash_u64(uint64_t value, uint64_t seed);
/* Java's String.hashCode over UTF-16 of valid UTF-8 (coordinator and partition choice are defined by it). */
int32_t hash_java_string(struct slice utf8);
/* Kafka's murmur2, as its default partitioner uses it. */
uint32_t hash_murmur2(const void *data, size_t length);

struct map_entry {
    uint64_t hash;
    void *value; /* NULL: empty */
};

struct map {
    struct mem *mem;
    struct map_entry *entries;
    size_t capacity; /* 0 or a power of two */
    size_t count;
};

typedef bool (*map_equal)(const void *value, const void *key);

void map_init(struct map *map, struct mem *mem);
void map_fini(struct map *map); /* the values are the caller's */
void *map_find(const struct map *map, uint64_t hash, map_equal equal, const void *key);
bool map_put(struct map *map, uint64_t hash, void *value) MUST_CHECK; /* the key must not be in the map */
void *map_remove(struct map *map, uint64_t hash, map_equal equal, const void *key); /* the removed value or NULL */

/* Order is arbitrary but the same for the same history. The map must not change inside the loop. */
#define MAP_EACH(index, map)                                          \
    for (size_t index = 0; index < (map)->capacity; index++)          \
        if ((map)->entries[index].value != NULL)

#endif
