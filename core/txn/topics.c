/* The partitions of a transaction, by topic: sorted, so that equal sets give equal bytes. */
#include "core/txn/internal.h"

static struct slice name_of(const struct txn_topic *topic)
{
    return slice_of(topic->name, topic->name_length);
}

/* The place of a name, or where it belongs. */
static int32_t find_topic(const struct txn_topics *topics, struct slice name, bool *found)
{
    int32_t low = 0, high = topics->count;
    *found = false;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        int order = slice_compare(name_of(&topics->items[middle]), name);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int32_t find_partition(const struct txn_topic *topic, int32_t index, bool *found)
{
    int32_t low = 0, high = topic->count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (topic->partitions[middle].index < index)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low < topic->count && topic->partitions[low].index == index;
    return low;
}

static bool grow(struct mem *mem, void **items, int32_t count, int32_t *capacity, size_t size)
{
    if (count < *capacity)
        return true;
    int32_t larger = *capacity == 0 ? 2 : *capacity * 2;
    void *moved = mem_resize(mem, *items, (size_t)*capacity * size, (size_t)larger * size);
    if (moved == NULL)
        return false;
    *items = moved;
    *capacity = larger;
    return true;
}

void txn_topics_fini(struct txn_topics *topics, struct mem *mem)
{
    for (int32_t i = 0; i < topics->count; i++) {
        struct txn_topic *topic = &topics->items[i];
        mem_free(mem, topic->partitions, (size_t)topic->capacity * sizeof(*topic->partitions));
        mem_free(mem, topic->name, topic->name_length + 1);
    }
    mem_free(mem, topics->items, (size_t)topics->capacity * sizeof(*topics->items));
    *topics = (struct txn_topics){0};
}

static struct txn_topic *topic_for(struct txn_topics *topics, struct slice name, struct mem *mem)
{
    bool found;
    int32_t place = find_topic(topics, name, &found);
    if (found)
        return &topics->items[place];
    if (!grow(mem, (void **)&topics->items, topics->count, &topics->capacity, sizeof(*topics->items)))
        return NULL;
    char *copy = mem_copy_string(mem, (const char *)name.data, name.length);
    if (copy == NULL)
        return NULL;
    struct txn_topic *topic = &topics->items[place];
    memmove(topic + 1, topic, (size_t)(topics->count - place) * sizeof(*topic));
    topics->count++;
    *topic = (struct txn_topic){.name = copy, .name_length = name.length};
    return topic;
}

bool txn_topics_add(struct txn_topics *topics, struct slice name, int32_t partition, struct mem *mem)
{
    struct txn_topic *topic = topic_for(topics, name, mem);
    bool found;
    if (topic == NULL)
        return false;
    int32_t place = find_partition(topic, partition, &found);
    if (found)
        return true;
    if (!grow(mem, (void **)&topic->partitions, topic->count, &topic->capacity, sizeof(*topic->partitions)))
        return false;
    memmove(topic->partitions + place + 1, topic->partitions + place,
            (size_t)(topic->count - place) * sizeof(*topic->partitions));
    topic->count++;
    topic->partitions[place] = (struct txn_partition){.index = partition, .mark = TXN_MARK_WANTED};
    return true;
}

bool txn_topics_copy(struct txn_topics *to, const struct txn_topics *from, struct mem *mem)
{
    *to = (struct txn_topics){0};
    for (int32_t i = 0; i < from->count; i++)
        for (int32_t k = 0; k < from->items[i].count; k++)
            if (!txn_topics_add(to, name_of(&from->items[i]), from->items[i].partitions[k].index, mem)) {
                txn_topics_fini(to, mem);
                return false;
            }
    return true;
}

bool txn_topics_has(const struct txn_topics *topics, struct slice name, int32_t partition)
{
    bool found;
    int32_t place = find_topic(topics, name, &found);
    if (found)
        find_partition(&topics->items[place], partition, &found);
    return found;
}
