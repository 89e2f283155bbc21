/* core/log/clean_map.h -- inside of core/log: for each key seen, the offset of its newest record; memory bounded.
 *
 * Keys are known by 128 bits of a keyed hash, as Kafka's SkimpyOffsetMap knows them by their MD5: 24 bytes a key
 * however long it is. The seeds are chance, so nobody can make two keys that fall together.
 *
 * Core: one thread at a time. Memory: taken at once in clean_map_init, from the shard's mem; nothing grows afterwards.
 */
#ifndef RINGMAIN_CORE_LOG_CLEAN_MAP_H
#define RINGMAIN_CORE_LOG_CLEAN_MAP_H

#include "io/base/bytes.h"
#include "io/base/err.h"
#include "io/base/mem.h"

struct clean_slot {
    uint64_t hash[2];
    int64_t offset_and_one; /* 0: empty */
};

struct clean_map {
    struct mem *mem;
    struct clean_slot *slots;
    uint64_t slot_count, most, count;
    uint64_t seeds[2];
};

/* Room for `keys` keys if that fits into bytes_most, else for what does; the load factor is obeyed. With less memory
 * than that at hand: half of it, and half again. */
enum err clean_map_init(struct clean_map *map, struct mem *mem, int64_t keys, int64_t bytes_most, double load,
                        const uint64_t seeds[2]) MUST_CHECK;
void clean_map_fini(struct clean_map *map);
/* False: full, and the key is not in it. */
bool clean_map_put(struct clean_map *map, struct slice key, int64_t offset) MUST_CHECK;
int64_t clean_map_get(const struct clean_map *map, struct slice key); /* -1: not there */

#endif
