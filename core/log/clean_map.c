#include "core/log/clean_map.h"

#include "io/base/hash.h"

enum { SLOTS_MIN = 1024 };

enum err clean_map_init(struct clean_map *map, struct mem *mem, int64_t keys, int64_t bytes_most, double load,
                        const uint64_t seeds[2])
{
    ASSERT(load > 0 && keys >= 0);
    int64_t slots = bytes_most / (int64_t)sizeof(struct clean_slot);
    if ((double)keys / load + 1 < (double)slots)
        slots = (int64_t)((double)keys / load) + 1;
    if (slots < SLOTS_MIN)
        slots = SLOTS_MIN;
    *map = (struct clean_map){.mem = mem, .seeds = {seeds[0], seeds[1]}};
    for (; map->slots == NULL; slots /= 2) {
        if (slots < SLOTS_MIN)
            return ERR_NO_MEMORY;
        map->slots = mem_alloc_zero(mem, (size_t)slots * sizeof(*map->slots));
        map->slot_count = (uint64_t)slots;
    }
    map->most = (uint64_t)((double)map->slot_count * (load < 1 ? load : 1));
    if (map->most >= map->slot_count) /* one stays empty, or a search would not end */
        map->most = map->slot_count - 1;
    return ERR_OK;
}

void clean_map_fini(struct clean_map *map)
{
    mem_free(map->mem, map->slots, map->slot_count * sizeof(*map->slots));
    map->slots = NULL;
}

/* The slot that has the key, or the empty one where it would be. */
static struct clean_slot *find(const struct clean_map *map, struct slice key, uint64_t hash[2])
{
    hash[0] = hash_bytes(key.data, key.length, map->seeds[0]);
    hash[1] = hash_bytes(key.data, key.length, map->seeds[1]);
    uint64_t at = (uint64_t)(((unsigned __int128)hash[0] * map->slot_count) >> 64);
    for (;;) {
        struct clean_slot *slot = &map->slots[at];
        if (slot->offset_and_one == 0 || (slot->hash[0] == hash[0] && slot->hash[1] == hash[1]))
            return slot;
        at = at + 1 == map->slot_count ? 0 : at + 1;
    }
}

bool clean_map_put(struct clean_map *map, struct slice key, int64_t offset)
{
    uint64_t hash[2];
    struct clean_slot *slot = find(map, key, hash);
    if (slot->offset_and_one == 0) {
        if (map->count == map->most)
            return false;
        map->count++;
        *slot = (struct clean_slot){.hash = {hash[0], hash[1]}};
    }
    slot->offset_and_one = offset + 1;
    return true;
}

int64_t clean_map_get(const struct clean_map *map, struct slice key)
{
    uint64_t hash[2];
    return find(map, key, hash)->offset_and_one - 1;
}
