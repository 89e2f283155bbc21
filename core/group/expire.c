/* The end of groups and of offsets: by an administrator, by age (KIP-211), with their topic.
 *
 * A group goes in steps: EMPTY -> DEAD (nothing new comes in) -> a fence (what was on its way is known) -> tombstones
 * of its offsets, piece by piece -> its own tombstone -> out of memory. When a step cannot be written it is EMPTY
 * again. */
#include "core/group/internal.h"

/* ---- a whole group ----------------------------------------------------------------------------------------------- */

bool group_begin_delete(struct group *group, struct group_call *call)
{
    struct group_append *fence = group_append_new(group->machine, APPEND_DELETE, group);
    if (fence == NULL)
        return false;
    group_move(group, GROUP_DEAD);
    LIST_EACH(link, &group->pending)
    group_pending_remove(CONTAINER_OF(link, struct group_pending, link));
    group->deleter = call;
    group_append_send(fence);
    return true;
}

static bool add_tombstones(struct group_append *append, const struct group_topics *topics)
{
    GROUP_TOPIC_EACH(topic, topics)
    {
        for (int32_t i = 0; i < topic->count && !group_append_is_full(append); i++)
            if (!group_store_offset_tombstone(append, append->group->id, topic->name, topic->items[i]->partition))
                return false;
    }
    return true;
}

static bool add_next_step(struct group_append *append, const struct group *group)
{
    bool added = add_tombstones(append, &group->topics);
    for (const struct list *link = group->parts.next; added && link != &group->parts; link = link->next)
        added = add_tombstones(append, &CONTAINER_OF(link, const struct group_part, in_group)->topics);
    if (added && append->base.count == 0)
        added = group_store_tombstone(append, group->id);
    return added;
}

static void end_delete(struct group *group, int16_t error)
{
    struct group_call *call = group->deleter;
    group->deleter = NULL;
    if (!group->removed)
        group_move(group, GROUP_EMPTY);
    if (call != NULL)
        group_answer(group->machine, call, error);
}

void group_delete_step(struct group *group, int16_t error)
{
    if (group->removed || error != KAFKA_ERROR_NONE || group->machine->resigned) {
        end_delete(group, group->removed || error != KAFKA_ERROR_NONE ? error : KAFKA_ERROR_NOT_COORDINATOR);
        return;
    }
    struct group_append *append = group_append_new(group->machine, APPEND_DELETE, group);
    if (append != NULL && add_next_step(append, group)) {
        group_append_send(append);
        return;
    }
    if (append != NULL)
        group_append_free(append);
    end_delete(group, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
}

void group_delete(struct group_machine *machine, struct slice group_id, struct group_call *call)
{
    struct group *group = group_find(machine, group_id);
    if (group == NULL || group->state == GROUP_DEAD)
        group_answer(machine, call, KAFKA_ERROR_GROUP_ID_NOT_FOUND);
    else if (group->state != GROUP_EMPTY)
        group_answer(machine, call, KAFKA_ERROR_NON_EMPTY_GROUP);
    else if (!group_begin_delete(group, call))
        group_answer(machine, call, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
}

/* ---- a deleted topic --------------------------------------------------------------------------------------------- */

/* What is on its way may be a commit for the topic: it is waited for. Without memory retention does it later. */
void group_topic_deleted(struct group_machine *machine, struct slice topic, struct uuid topic_id)
{
    struct group_append *fence = group_append_new(machine, APPEND_TOPIC, NULL);
    if (fence == NULL)
        return;
    fence->name = group_copy(&fence->arena, topic);
    fence->topic_id = topic_id;
    if (fence->arena.failed)
        group_append_free(fence);
    else
        group_append_send(fence);
}

static bool is_of(const struct group_stored_offset *offset, struct uuid topic_id)
{
    return uuid_is_zero(offset->topic_id) || uuid_equal(offset->topic_id, topic_id);
}

/* An append in the making, sent when it is full; on false there was no memory and the rest waits for retention. */
struct tombstones {
    struct group *group;
    struct group_append *append;
};

static bool add_one(struct tombstones *tombstones, struct slice topic, int32_t partition)
{
    struct group *group = tombstones->group;
    if (tombstones->append == NULL)
        tombstones->append = group_append_new(group->machine, APPEND_APPLY, group);
    if (tombstones->append == NULL || !group_store_offset_tombstone(tombstones->append, group->id, topic, partition))
        return false;
    if (group_append_is_full(tombstones->append)) {
        group_append_send(tombstones->append);
        tombstones->append = NULL;
    }
    return true;
}

static void send_rest(struct tombstones *tombstones)
{
    if (tombstones->append != NULL && tombstones->append->base.count > 0)
        group_append_send(tombstones->append);
    else if (tombstones->append != NULL)
        group_append_free(tombstones->append);
}

static bool add_topic(struct tombstones *tombstones, const struct group_topics *topics, struct slice name,
                      struct uuid topic_id)
{
    const struct group_topic *topic = group_topic_find(topics, name);
    bool added = true;
    for (int32_t i = 0; topic != NULL && added && i < topic->count; i++)
        if (is_of(topic->items[i], topic_id))
            added = add_one(tombstones, name, topic->items[i]->partition);
    return added;
}

void group_forget_topic(struct group_machine *machine, struct slice topic, struct uuid topic_id)
{
    if (machine->resigned)
        return;
    LIST_EACH(link, &machine->in_order)
    {
        struct group *group = CONTAINER_OF(link, struct group, link);
        struct tombstones tombstones = {.group = group};
        bool added = add_topic(&tombstones, &group->topics, topic, topic_id);
        for (struct list *at = group->parts.next; added && at != &group->parts; at = at->next)
            added = add_topic(&tombstones, &CONTAINER_OF(at, struct group_part, in_group)->topics, topic, topic_id);
        send_rest(&tombstones);
    }
}

/* ---- age --------------------------------------------------------------------------------------------------------- */

enum base_time { BASE_NONE, BASE_STATE, BASE_COMMIT };

/* ClassicGroup.offsetExpirationCondition: from when on the retention counts. */
static enum base_time base_time_of(const struct group *group)
{
    if (slice_is_null(group->protocol_type))
        return BASE_COMMIT; /* nobody has ever joined */
    if (group->state == GROUP_EMPTY)
        return group->state_timestamp_ms >= 0 ? BASE_STATE : BASE_COMMIT;
    return group->state == GROUP_STABLE && group_is_consumer(group) && group->subscribed_known ? BASE_COMMIT
                                                                                               : BASE_NONE;
}

static bool is_expired(const struct group *group, const struct group_stored_offset *offset, enum base_time base)
{
    const struct group_machine *machine = group->machine;
    if (offset->expire_timestamp_ms >= 0)
        return machine->wall_ms >= offset->expire_timestamp_ms;
    int64_t since_ms = base == BASE_STATE ? group->state_timestamp_ms : offset->commit_timestamp_ms, age_ms;
    return __builtin_sub_overflow(machine->wall_ms, since_ms, &age_ms) || age_ms >= machine->settings.retention_ms;
}

/* How many offsets stay; with `tombstones` the others go. */
static int64_t sweep(const struct group *group, enum base_time base, struct tombstones *tombstones)
{
    int64_t staying = 0;
    GROUP_TOPIC_EACH(topic, &group->topics)
    {
        bool subscribed = group_is_subscribed(group, topic->name);
        for (int32_t i = 0; i < topic->count; i++) {
            if (subscribed || !is_expired(group, topic->items[i], base) ||
                group_has_pending_offset(group, topic->name, topic->items[i]->partition))
                staying++;
            else if (tombstones != NULL && !add_one(tombstones, topic->name, topic->items[i]->partition))
                return staying;
        }
    }
    return staying;
}

static void expire_group(struct group *group)
{
    enum base_time base = base_time_of(group);
    if (group->state == GROUP_DEAD || group->append_count > 0)
        return; /* not idle: the next time */
    if (base == BASE_NONE && !group_topics_empty(&group->topics))
        return;
    bool goes = group->state == GROUP_EMPTY && group->pending_count == 0 && list_empty(&group->parts) &&
                sweep(group, base, NULL) == 0;
    if (goes && group_begin_delete(group, NULL))
        return;
    struct tombstones tombstones = {.group = group};
    sweep(group, base, &tombstones);
    send_rest(&tombstones);
}

void group_expire(struct group_machine *machine)
{
    LIST_EACH(link, &machine->in_order)
    expire_group(CONTAINER_OF(link, struct group, link));
}
