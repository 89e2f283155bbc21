/* Which topics the members of a consumer group subscribe to: their offsets do not expire (KIP-211). */
#include "core/group/internal.h"

#include <stdlib.h>

bool group_is_consumer(const struct group *group)
{
    return slice_equal_string(group->protocol_type, "consumer");
}

static int by_bytes(const void *a, const void *b)
{
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

/* ConsumerProtocolSubscription, of which every version begins with version i16 and the topics, an array of strings. */
static bool read_topics(struct slice metadata, struct slice *names, int32_t *count)
{
    if (metadata.length < 6)
        return false;
    int32_t topics = get_i32(metadata.data + 2);
    size_t at = 6;
    *count = 0;
    for (int32_t i = 0; i < topics; i++) {
        if (metadata.length - at < 2)
            return false;
        int16_t length = get_i16(metadata.data + at);
        if (length < 0 || metadata.length - at - 2 < (size_t)length)
            return false;
        if (names != NULL)
            names[i] = slice_of(metadata.data + at + 2, (size_t)length);
        at += 2 + (size_t)length;
        (*count)++;
    }
    return topics >= 0;
}

void group_forget_subscribed(struct group *group)
{
    mem_free(group->machine->mem, group->subscribed, group->subscribed_size);
    group->subscribed = NULL;
    group->subscribed_size = 0;
    group->subscribed_count = 0;
    group->subscribed_known = false;
}

static bool measure_subscribed(struct group *group, int32_t *names, size_t *bytes)
{
    *names = 0;
    *bytes = 0;
    LIST_EACH(link, &group->members)
    {
        struct slice metadata = group_member_metadata(CONTAINER_OF(link, struct group_member, link));
        int32_t count;
        if (!read_topics(metadata, NULL, &count))
            return false;
        *names += count;
        *bytes += metadata.length;
    }
    return true;
}

static int32_t keep_different(struct slice *names, int32_t count)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < count; i++)
        if (kept == 0 || !slice_equal(names[kept - 1], names[i]))
            names[kept++] = names[i];
    return kept;
}

/* Names of all members' topics, sorted, in one block with their bytes. Unknown when one of them cannot be read. */
void group_update_subscribed(struct group *group)
{
    struct mem *mem = group->machine->mem;
    int32_t count, filled = 0;
    size_t bytes;
    group_forget_subscribed(group);
    if (!group_is_consumer(group) || (group->member_count > 0 && slice_is_null(group->protocol_name)) ||
        !measure_subscribed(group, &count, &bytes))
        return;
    group->subscribed_known = true;
    if (count == 0)
        return;
    size_t size = (size_t)count * sizeof(struct slice) + bytes;
    struct slice *names = mem_alloc(mem, size);
    if (names == NULL) {
        group->subscribed_known = false; /* then nothing expires */
        return;
    }
    LIST_EACH(link, &group->members)
    {
        int32_t more;
        bool read =
            read_topics(group_member_metadata(CONTAINER_OF(link, struct group_member, link)), names + filled, &more);
        ASSERT(read);
        filled += more;
    }
    qsort(names, (size_t)filled, sizeof *names, by_bytes);
    filled = keep_different(names, filled);
    uint8_t *at = (uint8_t *)(names + count);
    for (int32_t i = 0; i < filled; i++) {
        memcpy(at, names[i].data, names[i].length);
        names[i] = slice_of(at, names[i].length);
        at += names[i].length;
    }
    group->subscribed = names;
    group->subscribed_size = size;
    group->subscribed_count = filled;
}

bool group_is_subscribed(const struct group *group, struct slice topic)
{
    if (!group->subscribed_known)
        return group_is_consumer(group);
    return group->subscribed_count > 0 && bsearch(&topic, group->subscribed, (size_t)group->subscribed_count,
                                                  sizeof *group->subscribed, by_bytes) != NULL;
}
