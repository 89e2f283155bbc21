/* For tests: two machines compared, and one with its invariants. */
#include "core/group/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void put(struct wire_writer *out, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    wire_put(out, text, size_min((size_t)length, sizeof text - 1));
}

static void put_slice(struct wire_writer *out, const char *name, struct slice value)
{
    put(out, " %s=", name);
    if (slice_is_null(value))
        put(out, "null");
    for (size_t i = 0; i < value.length; i++) {
        if (value.data[i] > ' ' && value.data[i] < 0x7f)
            wire_put(out, &value.data[i], 1);
        else
            put(out, "\\%02x", value.data[i]);
    }
}

static bool is_settled(const struct group *group)
{
    if (group == NULL)
        return true; /* as settled as can be */
    for (const struct list *link = group->members.next; link != &group->members; link = link->next)
        if (CONTAINER_OF(link, const struct group_member, link)->join != NULL)
            return false;
    return (group->state == GROUP_EMPTY || group->state == GROUP_STABLE) && group->append_count == 0;
}

/* Nothing of it would be missed: it was made by a commit that failed, or its record says no more than its name. */
static bool is_blank(const struct group *group)
{
    return group->state == GROUP_EMPTY && group->generation == 0 && slice_is_null(group->protocol_type);
}

static int by_member_id(const void *a, const void *b)
{
    return slice_compare((*(const struct group_member *const *)a)->id, (*(const struct group_member *const *)b)->id);
}

static int by_group_id(const void *a, const void *b)
{
    return slice_compare((*(const struct group *const *)a)->id, (*(const struct group *const *)b)->id);
}

static int by_topic(const void *a, const void *b)
{
    return slice_compare((*(const struct group_topic *const *)a)->name, (*(const struct group_topic *const *)b)->name);
}

static void put_member(struct wire_writer *out, const struct group_member *member)
{
    put(out, "  member");
    put_slice(out, "id", member->id);
    put_slice(out, "instance", member->instance_id);
    put_slice(out, "client", member->client_id);
    put_slice(out, "host", member->client_host);
    put(out, " session=%d rebalance=%d", member->session_timeout_ms, member->rebalance_timeout_ms);
    put_slice(out, "subscription", group_member_metadata(member));
    put_slice(out, "assignment", member->assignment.length == 0 ? SLICE_NULL : member->assignment);
    put(out, "\n");
}

static bool put_members(struct wire_writer *out, const struct group *group, struct arena *arena)
{
    const struct group_member **members =
        ARENA_ARRAY(arena, const struct group_member *, (size_t)group->member_count + 1);
    size_t count = 0;
    if (members == NULL)
        return false;
    put(out, " state=%s generation=%d", group_state_name(group->state), group->generation);
    put_slice(out, "type", group->protocol_type);
    put_slice(out, "protocol", group->protocol_name);
    put_slice(out, "leader", group->leader == NULL ? SLICE_NULL : group->leader->id);
    if (group->state == GROUP_EMPTY)
        put(out, " since=%lld", (long long)group->state_timestamp_ms);
    put(out, "\n");
    for (const struct list *link = group->members.next; link != &group->members; link = link->next)
        members[count++] = CONTAINER_OF(link, const struct group_member, link);
    qsort(members, count, sizeof *members, by_member_id);
    for (size_t i = 0; i < count; i++)
        put_member(out, members[i]);
    return true;
}

static bool put_topics(struct wire_writer *out, const char *what, const struct group_topics *topics,
                       struct arena *arena)
{
    const struct group_topic **sorted = ARENA_ARRAY(arena, const struct group_topic *, topics->by_name.count + 1);
    size_t count = 0;
    if (sorted == NULL)
        return false;
    GROUP_TOPIC_EACH(topic, topics)
    sorted[count++] = topic;
    qsort(sorted, count, sizeof *sorted, by_topic);
    for (size_t t = 0; t < count; t++)
        for (int32_t i = 0; i < sorted[t]->count; i++) {
            const struct group_stored_offset *offset = sorted[t]->items[i];
            put(out, "  %s", what);
            put_slice(out, "topic", sorted[t]->name);
            put(out, " partition=%d offset=%lld epoch=%d at=%lld expires=%lld record=%lld", offset->partition,
                (long long)offset->offset, offset->leader_epoch, (long long)offset->commit_timestamp_ms,
                (long long)offset->expire_timestamp_ms, (long long)offset->record_offset);
            put_slice(out, "metadata", offset->metadata.length == 0 ? SLICE_NULL : offset->metadata);
            put(out, "\n");
        }
    return true;
}

static int by_producer(const void *a, const void *b)
{
    int64_t x = (*(const struct group_part *const *)a)->transaction->producer_id;
    int64_t y = (*(const struct group_part *const *)b)->transaction->producer_id;
    return (x > y) - (x < y);
}

static bool put_parts(struct wire_writer *out, const struct group *group, struct arena *arena)
{
    size_t count = 0, filled = 0;
    for (const struct list *link = group->parts.next; link != &group->parts; link = link->next)
        count++;
    const struct group_part **parts = ARENA_ARRAY(arena, const struct group_part *, count + 1);
    if (parts == NULL)
        return false;
    for (const struct list *link = group->parts.next; link != &group->parts; link = link->next)
        parts[filled++] = CONTAINER_OF(link, const struct group_part, in_group);
    qsort(parts, count, sizeof *parts, by_producer);
    bool put_all = true;
    for (size_t i = 0; i < count && put_all; i++) {
        put(out, " transaction of %lld\n", (long long)parts[i]->transaction->producer_id);
        put_all = put_topics(out, "pending", &parts[i]->topics, arena);
    }
    return put_all;
}

bool group_dump(const struct group_machine *machine, const struct group_machine *other, struct arena *arena,
                struct wire_writer *out)
{
    const struct group **groups = ARENA_ARRAY(arena, const struct group *, machine->groups.count + 1);
    size_t count = 0;
    if (groups == NULL)
        return false;
    for (const struct list *link = machine->in_order.next; link != &machine->in_order; link = link->next)
        groups[count++] = CONTAINER_OF(link, const struct group, link);
    qsort(groups, count, sizeof *groups, by_group_id);
    for (size_t i = 0; i < count; i++) {
        const struct group *group = groups[i];
        bool settled = is_settled(group) && is_settled(group_find(other, group->id));
        if ((is_blank(group) || !settled) && group_topics_empty(&group->topics) && list_empty(&group->parts))
            continue;
        put_slice(out, "group", group->id);
        if (!is_blank(group) && settled && !put_members(out, group, arena))
            return false;
        put(out, "\n");
        if (!put_topics(out, "offset", &group->topics, arena) || !put_parts(out, group, arena))
            return false;
    }
    return !out->failed;
}

/* ---- invariants -------------------------------------------------------------------------------------------------- */

static void check_group(const struct group *group)
{
    int32_t members = 0, joins = 0, syncs = 0, instances = 0;
    bool led = group->leader == NULL;
    for (const struct list *link = group->members.next; link != &group->members; link = link->next) {
        const struct group_member *member = CONTAINER_OF(link, const struct group_member, link);
        members++;
        joins += member->join != NULL;
        syncs += member->pending_sync;
        instances += !slice_is_null(member->instance_id);
        led = led || group->leader == member;
        ASSERT(group_member_by_id(group, member->id) == member);
        ASSERT(slice_is_null(member->instance_id) || group_member_by_instance(group, member->instance_id) == member);
        ASSERT(member->sync == NULL || group->state == GROUP_COMPLETING);
        ASSERT(member->join == NULL || group->state == GROUP_PREPARING || group->state == GROUP_STABLE);
    }
    ASSERT(members == group->member_count && joins == group->awaiting_join_count);
    ASSERT(syncs == group->pending_sync_count && led && (group->leader != NULL) == (members > 0));
    ASSERT((size_t)members == group->by_id.count && (size_t)instances == group->by_instance.count);
    ASSERT((group->state != GROUP_EMPTY && group->state != GROUP_DEAD) || members == 0);
    ASSERT((group->state != GROUP_COMPLETING && group->state != GROUP_STABLE) ||
           (members > 0 && !slice_is_null(group->protocol_name)));
    ASSERT(group->state != GROUP_PREPARING || machine_deadline_running(&group->join_deadline.base));
    for (int32_t i = 0; i < group->support_count; i++)
        ASSERT(group->supports[i].count > 0 && group->supports[i].count <= members);
}

void group_check(const struct group_machine *machine)
{
    int64_t offsets = 0, appends = 0;
    for (const struct list *link = machine->in_order.next; link != &machine->in_order; link = link->next) {
        const struct group *group = CONTAINER_OF(link, const struct group, link);
        check_group(group);
        appends += group->append_count;
        GROUP_TOPIC_EACH(topic, &group->topics)
        {
            ASSERT(topic->count > 0);
            offsets += topic->count;
        }
    }
    ASSERT(offsets == machine->offset_count && appends <= machine->append_count);
    ASSERT(machine->deadlines.count <= machine->deadline_slots);
}
