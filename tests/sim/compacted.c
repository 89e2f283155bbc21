/* What must be true of a compacted topic, whatever the cleaner has done to it and whenever it was interrupted.
 *
 * A record's key and whether it is a tombstone follow from its id, as its value does. What was acknowledged last of a
 * key is there, or something newer; nothing at all only when delete.retention.ms has passed since a tombstone. What an
 * audit did not find has been cleaned away, and never comes back. */
#include "tests/sim/world.h"

#include "io/base/hash.h"

#include <inttypes.h>

enum { SEED_KEY = 5, SEED_TOMBSTONE = 6, TOMBSTONE_EACH = 6 };

int compacted_key(const struct topic *topic, uint64_t id)
{
    return (int)(hash_u64(id, SEED_KEY) % (uint64_t)topic->keys);
}

/* The group's output has none. */
bool compacted_is_tombstone(const struct topic *topic, uint64_t id)
{
    return topic->keys > 0 && id >> 63 == 0 && hash_u64(id, SEED_TOMBSTONE) % TOMBSTONE_EACH == 0;
}

void compacted_unsure(struct world *world, int topic, int partition, uint64_t id)
{
    const struct topic *of = &world->topics[topic];
    if (id != 0 && compacted_is_tombstone(of, id))
        world->topics[topic].parts[partition].unsure[compacted_key(of, id)] = true;
}

void compacted_sent(struct world *world, int topic, int partition, int64_t offset, int64_t sent_ns)
{
    world->topics[topic].parts[partition].known[offset].sent_ns = sent_ns;
}

void compacted_see(struct model_audit *audit, int64_t offset, uint64_t id)
{
    struct world *world = audit->world;
    struct known *known = &world->topics[audit->topic].parts[audit->partition].known[offset];
    if (known->gone)
        world_fail(world,
                   "K11: %s-%d: record %" PRIx64 " of key %d at %" PRId64 " comes back after it was cleaned away",
                   world->topics[audit->topic].name, audit->partition, id,
                   compacted_key(&world->topics[audit->topic], id), offset);
    known->audit = audit->number;
}

/* A tombstone may be gone, and all that it stood for with it. */
static bool may_be_over(const struct model_audit *audit, const struct known *last, int key)
{
    const struct world *world = audit->world;
    const struct topic *topic = &world->topics[audit->topic];
    if (topic->parts[audit->partition].unsure[key])
        return true;
    if (!compacted_is_tombstone(topic, last->id))
        return false;
    return world->limits.clock_every_ms > 0 || /* its clock may have passed that time */
           sim_now_ns(world->sim) - last->sent_ns >= topic->delete_retention_ms * MS;
}

static void check_key(const struct model_audit *audit, int key, int64_t acked_offset, int64_t seen_offset)
{
    const struct world *world = audit->world;
    const struct topic *topic = &world->topics[audit->topic];
    const struct known *last = &topic->parts[audit->partition].known[acked_offset];
    /* Who reads more slowly than tombstones go may meet what they stood for and not them, as with Kafka. */
    bool fast = sim_now_ns(world->sim) - audit->began_ns < topic->delete_retention_ms * MS;
    if (seen_offset >= acked_offset || ((seen_offset < 0 || !fast) && may_be_over(audit, last, key)))
        return;
    if (seen_offset < 0)
        world_fail(world, "K11: %s-%d: nothing of key %d, but record %" PRIx64 " was acknowledged at %" PRId64,
                   topic->name, audit->partition, key, last->id, acked_offset);
    world_fail(world,
               "K11: %s-%d: the newest of key %d is at %" PRId64 ", but record %" PRIx64
               " was acknowledged at %" PRId64,
               topic->name, audit->partition, key, seen_offset, last->id, acked_offset);
}

void compacted_audit_end(struct model_audit *audit)
{
    const struct topic *topic = &audit->world->topics[audit->topic];
    const struct part *part = &topic->parts[audit->partition];
    int64_t acked[KEYS_MAX], seen[KEYS_MAX];
    for (int key = 0; key < topic->keys; key++)
        acked[key] = seen[key] = -1;
    for (int64_t offset = audit->start; offset < part->count; offset++) {
        struct known *known = &part->known[offset];
        if (known->id == 0)
            continue;
        int key = compacted_key(topic, known->id);
        if (known->level >= LEVEL_CACHED)
            acked[key] = offset;
        if (known->audit == audit->number)
            seen[key] = offset;
        else if (offset < audit->next && !known->gone) {
            known->gone = true;
            audit->world->cleaned++;
        }
    }
    for (int key = 0; key < topic->keys; key++)
        check_key(audit, key, acked[key], seen[key]);
}
