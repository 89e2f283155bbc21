/* Offsets by topic and partition: of a group, or of one transaction in it. */
#include "core/group/internal.h"

static bool has_name(const void *value, const void *key)
{
    return slice_equal(((const struct group_topic *)value)->name, *(const struct slice *)key);
}

/* Names of topics that exist or did: nobody can choose many that collide, so that the hash needs no seed. */
static uint64_t hash_of(struct slice name)
{
    return hash_bytes(name.data, name.length, 0);
}

void group_topics_init(struct group_topics *topics, struct mem *mem)
{
    map_init(&topics->by_name, mem);
    list_init(&topics->in_order);
}

static void free_offset(struct mem *mem, struct group_stored_offset *offset)
{
    group_disown(mem, &offset->metadata);
    MEM_DELETE(mem, offset);
}

static void free_topic(struct mem *mem, struct group_topic *topic)
{
    for (int32_t i = 0; i < topic->count; i++)
        free_offset(mem, topic->items[i]);
    mem_free(mem, topic->items, (size_t)topic->capacity * sizeof(struct group_stored_offset *));
    group_disown(mem, &topic->name);
    MEM_DELETE(mem, topic);
}

void group_topics_fini(struct group_topics *topics, struct mem *mem)
{
    LIST_EACH(link, &topics->in_order)
    free_topic(mem, CONTAINER_OF(link, struct group_topic, link));
    list_init(&topics->in_order);
    map_fini(&topics->by_name);
}

bool group_topics_empty(const struct group_topics *topics)
{
    return list_empty(&topics->in_order);
}

struct group_topic *group_topic_find(const struct group_topics *topics, struct slice name)
{
    return map_find(&topics->by_name, hash_of(name), has_name, &name);
}

/* The first place whose partition is not below. */
static int32_t place_of(const struct group_topic *topic, int32_t partition)
{
    int32_t low = 0, high = topic->count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (topic->items[middle]->partition < partition)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct group_stored_offset *group_topics_get(const struct group_topics *topics, struct slice name, int32_t partition)
{
    const struct group_topic *topic = group_topic_find(topics, name);
    int32_t at = topic == NULL ? 0 : place_of(topic, partition);
    return topic != NULL && at < topic->count && topic->items[at]->partition == partition ? topic->items[at] : NULL;
}

static struct group_topic *make_topic(struct group_topics *topics, struct mem *mem, struct slice name)
{
    struct group_topic *topic = MEM_NEW(mem, struct group_topic);
    if (topic == NULL)
        return NULL;
    if (!group_own(mem, name, &topic->name) || !map_put(&topics->by_name, hash_of(name), topic)) {
        group_disown(mem, &topic->name);
        MEM_DELETE(mem, topic);
        return NULL;
    }
    list_push_back(&topics->in_order, &topic->link);
    return topic;
}

static void drop_topic(struct group_topics *topics, struct mem *mem, struct group_topic *topic)
{
    map_remove(&topics->by_name, hash_of(topic->name), has_name, &topic->name);
    list_remove(&topic->link);
    free_topic(mem, topic);
}

static bool make_room(struct group_topic *topic, struct mem *mem)
{
    if (topic->count < topic->capacity)
        return true;
    int32_t capacity = topic->capacity == 0 ? 4 : topic->capacity * 2;
    struct group_stored_offset **items =
        mem_resize(mem, topic->items, (size_t)topic->capacity * sizeof(struct group_stored_offset *),
                   (size_t)capacity * sizeof(struct group_stored_offset *));
    if (items == NULL)
        return false;
    topic->items = items;
    topic->capacity = capacity;
    return true;
}

static bool insert(struct group_topic *topic, struct mem *mem, int32_t at, const struct group_stored_offset *from)
{
    struct group_stored_offset *offset = make_room(topic, mem) ? MEM_NEW(mem, struct group_stored_offset) : NULL;
    if (offset == NULL)
        return false;
    *offset = *from;
    memmove(topic->items + at + 1, topic->items + at, (size_t)(topic->count - at) * sizeof topic->items[0]);
    topic->items[at] = offset;
    topic->count++;
    return true;
}

bool group_topics_put(struct group_topics *topics, struct mem *mem, struct slice name,
                      const struct group_stored_offset *from, bool *fresh)
{
    struct group_stored_offset owned = *from;
    *fresh = false;
    if (!group_own(mem, from->metadata, &owned.metadata))
        return false;
    struct group_topic *topic = group_topic_find(topics, name);
    if (topic == NULL)
        topic = make_topic(topics, mem, name);
    int32_t at = topic == NULL ? 0 : place_of(topic, from->partition);
    if (topic != NULL && at < topic->count && topic->items[at]->partition == from->partition) {
        group_disown(mem, &topic->items[at]->metadata);
        *topic->items[at] = owned;
        return true;
    }
    if (topic == NULL || !insert(topic, mem, at, &owned)) {
        if (topic != NULL && topic->count == 0)
            drop_topic(topics, mem, topic);
        group_disown(mem, &owned.metadata);
        return false;
    }
    *fresh = true;
    return true;
}

bool group_topics_remove(struct group_topics *topics, struct mem *mem, struct slice name, int32_t partition)
{
    struct group_topic *topic = group_topic_find(topics, name);
    int32_t at = topic == NULL ? 0 : place_of(topic, partition);
    if (topic == NULL || at == topic->count || topic->items[at]->partition != partition)
        return false;
    free_offset(mem, topic->items[at]);
    topic->count--;
    memmove(topic->items + at, topic->items + at + 1, (size_t)(topic->count - at) * sizeof topic->items[0]);
    if (topic->count == 0)
        drop_topic(topics, mem, topic);
    return true;
}
