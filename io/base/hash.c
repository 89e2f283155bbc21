#include "io/base/hash.h"

/* Multiply-and-fold over 8-byte words; quality is enough for tables, speed is that of two multiplications a word. */
static inline uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static const uint64_t k0 = 0x9e3779b97f4a7c15u, k1 = 0xd6e8feb86659fd93u;

uint64_t hash_u64(uint64_t value, uint64_t seed)
{
    return fold(value ^ k0 ^ seed, k1 ^ (seed >> 1));
}

uint64_t hash_bytes(const void *data, size_t length, uint64_t seed)
{
    const uint8_t *p = data;
    uint64_t state = seed ^ fold(length ^ k0, k1);
    for (; length >= 8; p += 8, length -= 8)
        state = fold(state ^ get_u64(p), k1);
    uint64_t tail = 0;
    for (size_t i = 0; i < length; i++)
        tail = tail << 8 | p[i];
    return fold(state ^ tail ^ k0, k1);
}

static int32_t java_step(int32_t hash, uint32_t unit)
{
    return (int32_t)((uint32_t)hash * 31u + unit);
}

int32_t hash_java_string(struct slice utf8)
{
    int32_t hash = 0;
    for (size_t i = 0; i < utf8.length;) {
        uint32_t c = utf8.data[i];
        int more = c < 0x80 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
        if (more > 0) {
            c &= 0x3fu >> more;
            for (int k = 1; k <= more; k++)
                c = c << 6 | (i + (size_t)k < utf8.length ? utf8.data[i + (size_t)k] & 0x3fu : 0);
        }
        i += (size_t)more + 1;
        if (c < 0x10000) {
            hash = java_step(hash, c);
        } else {
            hash = java_step(hash, 0xd7c0u + (c >> 10));
            hash = java_step(hash, 0xdc00u | (c & 0x3ffu));
        }
    }
    return hash;
}

uint32_t hash_murmur2(const void *data, size_t length)
{
    const uint8_t *p = data;
    const uint32_t m = 0x5bd1e995u;
    uint32_t h = 0x9747b28cu ^ (uint32_t)length;
    for (; length >= 4; p += 4, length -= 4) {
        uint32_t k = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        k *= m;
        k ^= k >> 24;
        k *= m;
        h = h * m ^ k;
    }
    if (length >= 3)
        h ^= (uint32_t)p[2] << 16;
    if (length >= 2)
        h ^= (uint32_t)p[1] << 8;
    if (length >= 1)
        h = (h ^ p[0]) * m;
    h ^= h >> 13;
    h *= m;
    return h ^ h >> 15;
}

void map_init(struct map *map, struct mem *mem)
{
    *map = (struct map){.mem = mem};
}

void map_fini(struct map *map)
{
    mem_free(map->mem, map->entries, map->capacity * sizeof *map->entries);
    *map = (struct map){.mem = map->mem};
}

static void map_place(struct map *map, uint64_t hash, void *value)
{
    size_t at = hash & (map->capacity - 1);
    while (map->entries[at].value != NULL)
        at = (at + 1) & (map->capacity - 1);
    map->entries[at] = (struct map_entry){hash, value};
}

static bool map_grow(struct map *map)
{
    size_t old_capacity = map->capacity;
    struct map_entry *old = map->entries;
    size_t capacity = old_capacity == 0 ? 16 : old_capacity * 2;
    struct map_entry *entries = mem_alloc_zero(map->mem, capacity * sizeof *entries);
    if (entries == NULL)
        return false;
    map->entries = entries;
    map->capacity = capacity;
    for (size_t i = 0; i < old_capacity; i++)
        if (old[i].value != NULL)
            map_place(map, old[i].hash, old[i].value);
    mem_free(map->mem, old, old_capacity * sizeof *old);
    return true;
}

static size_t map_index_of(const struct map *map, uint64_t hash, map_equal equal, const void *key)
{
    if (map->capacity == 0)
        return SIZE_MAX;
    size_t at = hash & (map->capacity - 1);
    for (; map->entries[at].value != NULL; at = (at + 1) & (map->capacity - 1))
        if (map->entries[at].hash == hash && equal(map->entries[at].value, key))
            return at;
    return SIZE_MAX;
}

void *map_find(const struct map *map, uint64_t hash, map_equal equal, const void *key)
{
    size_t at = map_index_of(map, hash, equal, key);
    return at == SIZE_MAX ? NULL : map->entries[at].value;
}

bool map_put(struct map *map, uint64_t hash, void *value)
{
    ASSERT(value != NULL);
    if (map->count + 1 > map->capacity / 4 * 3 && !map_grow(map))
        return false;
    map_place(map, hash, value);
    map->count++;
    return true;
}

void *map_remove(struct map *map, uint64_t hash, map_equal equal, const void *key)
{
    size_t at = map_index_of(map, hash, equal, key);
    if (at == SIZE_MAX)
        return NULL;
    void *value = map->entries[at].value;
    size_t mask = map->capacity - 1;
    for (size_t next = (at + 1) & mask; map->entries[next].value != NULL; next = (next + 1) & mask) {
        size_t home = map->entries[next].hash & mask;
        if (((next - home) & mask) >= ((next - at) & mask)) { /* moving it back keeps it reachable from home */
            map->entries[at] = map->entries[next];
            at = next;
        }
    }
    map->entries[at].value = NULL;
    map->count--;
    return value;
}
