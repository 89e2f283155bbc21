/* Committed offsets: OffsetCommit, TxnOffsetCommit, OffsetFetch, OffsetDelete (KIP-320, 447, 848's topic ids). */
#include "core/group/internal.h"

/* Since this version of OffsetCommit a group that is not there is told as such. */
enum { FIRST_WITH_GROUP_ID_NOT_FOUND = 9 };

/* ---- commit ------------------------------------------------------------------------------------------------------ */

/* ClassicGroup.validateOffsetCommit. */
static int16_t check_commit(const struct group *group, const struct group_commit *commit, struct group_member **member)
{
    if (group->state == GROUP_DEAD)
        return KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
    if (commit->generation < 0 && group->state == GROUP_EMPTY)
        return KAFKA_ERROR_NONE; /* an administrator, or a consumer that assigns itself */
    if (commit->generation >= 0 || commit->member_id.length > 0 || !slice_is_null(commit->instance_id)) {
        int16_t error = group_check_member(group, commit->member_id, commit->instance_id, member);
        if (error != KAFKA_ERROR_NONE)
            return error;
        if (commit->generation != group->generation)
            return KAFKA_ERROR_ILLEGAL_GENERATION;
    } else if (!commit->transactional && group->state != GROUP_EMPTY) {
        return KAFKA_ERROR_UNKNOWN_MEMBER_ID;
    }
    if (!commit->transactional && group->state == GROUP_COMPLETING)
        return KAFKA_ERROR_REBALANCE_IN_PROGRESS;
    return KAFKA_ERROR_NONE;
}

static int16_t unknown_group(const struct group_commit *commit, int16_t version)
{
    if (commit->generation < 0)
        return KAFKA_ERROR_NONE; /* a simple consumer's group begins with its first commit */
    return !commit->transactional && version >= FIRST_WITH_GROUP_ID_NOT_FOUND ? KAFKA_ERROR_GROUP_ID_NOT_FOUND
                                                                              : KAFKA_ERROR_ILLEGAL_GENERATION;
}

/* As Java counts: in units of UTF-16. */
static size_t utf16_length(struct slice text)
{
    size_t units = 0;
    for (size_t i = 0; i < text.length; i++)
        units += (text.data[i] & 0xc0) != 0x80 ? (text.data[i] >= 0xf0 ? 2 : 1) : 0;
    return units;
}

/* An offset that there is already is replaced at any time; those of transactions come and go. */
static bool has_room(const struct group *group, const struct group_commit *commit, const struct group_offset *item)
{
    struct group_machine *machine = group->machine;
    const struct group_stored_offset *stored = group_topics_get(&group->topics, item->topic, item->partition);
    if (stored == NULL || stored->metadata.length < item->metadata.length)
        return group_may_grow(machine);
    bool room = !commit->transactional || machine_may_borrow(machine->mem);
    machine->refused_count += !room;
    return room;
}

static int16_t check_item(const struct group *group, const struct group_commit *commit, const struct group_offset *item)
{
    if (utf16_length(item->metadata) > (size_t)group->machine->settings.metadata_max_bytes)
        return KAFKA_ERROR_OFFSET_METADATA_TOO_LARGE;
    return has_room(group, commit, item) ? KAFKA_ERROR_NONE : KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
}

static bool store_items(struct group_append *append, const struct group_commit *commit)
{
    const struct group_machine *machine = append->machine;
    int64_t expire_ms = commit->retention_ms == -1 ? -1 : machine->wall_ms + commit->retention_ms;
    for (int32_t i = 0; i < commit->count; i++) {
        struct group_offset *item = &commit->items[i];
        item->error = check_item(append->group, commit, item);
        if (item->error == KAFKA_ERROR_NONE &&
            !group_store_offset(append, commit->group_id, item, machine->wall_ms, expire_ms))
            return false;
    }
    return true;
}

static int16_t store_commit(struct group *group, const struct group_commit *commit, struct group_call *call)
{
    struct group_append *append = group_append_new(group->machine, APPEND_APPLY, group);
    if (append == NULL)
        return KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
    bool stored = store_items(append, commit);
    if (!stored || append->base.count == 0) {
        group_append_free(append);
        return stored ? KAFKA_ERROR_NONE : KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
    }
    append->call = call;
    if (commit->transactional) {
        append->base.kind = MACHINE_APPEND_TRANSACTIONAL;
        append->base.producer_id = commit->producer_id;
        append->base.producer_epoch = commit->producer_epoch;
    }
    group_append_send(append);
    return KAFKA_ERROR_NONE;
}

void group_commit(struct group_machine *machine, const struct group_commit *commit, struct group_call *call)
{
    struct group *group = group_find(machine, commit->group_id);
    struct group_member *member = NULL;
    bool is_new = group == NULL;
    int16_t error = is_new ? unknown_group(commit, call->version) : check_commit(group, commit, &member);
    if (error == KAFKA_ERROR_NONE && is_new && group_may_grow(machine))
        group = group_find_or_make(machine, commit->group_id);
    if (error == KAFKA_ERROR_NONE && group == NULL)
        error = KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
    if (error != KAFKA_ERROR_NONE) {
        group_answer(machine, call, error);
        return;
    }
    if (member != NULL && !commit->transactional)
        group_heartbeat_in(member, member->session_timeout_ms); /* a commit is as good as a heartbeat */
    int64_t before = machine->append_count;
    error = store_commit(group, commit, call);
    if (machine->append_count != before)
        return;
    if (is_new) /* of which nothing is stored */
        group_remove(group);
    group_answer(machine, call, error);
}

/* ---- fetch ------------------------------------------------------------------------------------------------------- */

static void fill_none(struct group_offset *item, int16_t error)
{
    item->offset = -1;
    item->leader_epoch = -1;
    item->metadata = SLICE_LITERAL("");
    item->error = error;
}

static void fill_found(struct group_offset *item, const struct group_stored_offset *stored, struct arena *arena)
{
    item->offset = stored->offset;
    item->leader_epoch = stored->leader_epoch;
    item->metadata = group_copy(arena, stored->metadata);
    if (slice_is_null(item->metadata))
        item->metadata = SLICE_LITERAL("");
    item->error = KAFKA_ERROR_NONE;
}

/* Another topic of the same name is another topic; who does not know the id takes what there is. */
static bool is_other_topic(const struct group_stored_offset *stored, struct uuid asked)
{
    return !uuid_is_zero(stored->topic_id) && !uuid_is_zero(asked) && !uuid_equal(stored->topic_id, asked);
}

static void fetch_items(const struct group *group, const struct group_append *fetch)
{
    for (int32_t i = 0; i < fetch->item_count; i++) {
        struct group_offset *item = &fetch->items[i];
        const struct group_stored_offset *stored =
            group == NULL ? NULL : group_topics_get(&group->topics, item->topic, item->partition);
        if (group != NULL && fetch->require_stable && group_has_pending_offset(group, item->topic, item->partition))
            fill_none(item, KAFKA_ERROR_UNSTABLE_OFFSET_COMMIT);
        else if (stored == NULL || is_other_topic(stored, item->topic_id))
            fill_none(item, KAFKA_ERROR_NONE);
        else
            fill_found(item, stored, fetch->call->arena);
    }
}

static bool fetch_all(const struct group *group, const struct group_append *fetch)
{
    struct group_call *call = fetch->call;
    size_t count = 0;
    if (group == NULL)
        return true;
    GROUP_TOPIC_EACH(topic, &group->topics)
    count += (size_t)topic->count;
    call->offsets.items = ARENA_ARRAY(call->arena, struct group_offset, count + 1);
    if (call->offsets.items == NULL)
        return false;
    GROUP_TOPIC_EACH(topic, &group->topics)
    {
        struct slice name = group_copy(call->arena, topic->name);
        for (int32_t i = 0; i < topic->count; i++) {
            struct group_offset *item = &call->offsets.items[call->offsets.count++];
            item->topic = name;
            item->topic_id = topic->items[i]->topic_id;
            item->partition = topic->items[i]->partition;
            if (fetch->require_stable && group_has_pending_offset(group, topic->name, item->partition))
                fill_none(item, KAFKA_ERROR_UNSTABLE_OFFSET_COMMIT);
            else
                fill_found(item, topic->items[i], call->arena);
        }
    }
    return true;
}

void group_fetch_now(struct group_append *fetch, int16_t *error)
{
    const struct group *group = group_find(fetch->machine, fetch->name);
    if (group != NULL && group->state == GROUP_DEAD)
        group = NULL;
    fetch->call->offsets.items = fetch->items;
    fetch->call->offsets.count = fetch->item_count;
    if (*error != KAFKA_ERROR_NONE)
        return;
    if (fetch->items != NULL)
        fetch_items(group, fetch);
    else if (!fetch_all(group, fetch))
        *error = KAFKA_ERROR_NOT_COORDINATOR;
    if (fetch->call->arena->failed)
        *error = KAFKA_ERROR_NOT_COORDINATOR; /* old consumers know no other error that they try again after */
}

void group_fetch(struct group_machine *machine, struct slice group_id, bool require_stable, struct group_offset *items,
                 int32_t count, struct group_call *call)
{
    struct group_append now = {.machine = machine,
                               .call = call,
                               .name = group_id,
                               .require_stable = require_stable,
                               .items = items,
                               .item_count = items == NULL ? 0 : count};
    int16_t error = KAFKA_ERROR_NONE;
    if (!require_stable || machine->append_count == 0) {
        group_fetch_now(&now, &error);
        group_answer(machine, call, error);
        return;
    }
    struct group_append *fence = group_append_new(machine, APPEND_FETCH, NULL);
    if (fence == NULL) {
        group_answer(machine, call, KAFKA_ERROR_NOT_COORDINATOR);
        return;
    }
    fence->call = call;
    fence->name = group_copy(&fence->arena, group_id);
    fence->require_stable = true;
    fence->items = now.items;
    fence->item_count = now.item_count;
    group_append_send(fence);
}

/* ---- delete ------------------------------------------------------------------------------------------------------ */

typedef struct offset_delete_request_offset_delete_request_topic asked_topic;
typedef struct offset_delete_response_offset_delete_response_topic topic_answer;
typedef struct offset_delete_response_offset_delete_response_partition partition_answer;

static int16_t check_delete(const struct group *group, struct slice group_id)
{
    if (group_id.length == 0)
        return KAFKA_ERROR_INVALID_GROUP_ID;
    if (group == NULL || group->state == GROUP_DEAD)
        return KAFKA_ERROR_GROUP_ID_NOT_FOUND;
    return group->state != GROUP_EMPTY && !group_is_consumer(group) ? KAFKA_ERROR_NON_EMPTY_GROUP : KAFKA_ERROR_NONE;
}

/* A commit may be on its way: then the tombstone goes behind it in any case. */
static bool has_offset(const struct group *group, struct slice topic, int32_t partition)
{
    return group->append_count > 0 || group_topics_get(&group->topics, topic, partition) != NULL ||
           group_has_pending_offset(group, topic, partition);
}

static bool delete_topic(struct group_append *append, const asked_topic *asked, topic_answer *out, struct arena *arena)
{
    const struct group *group = append->group;
    bool subscribed = group_is_subscribed(group, asked->name);
    out->name = asked->name;
    out->partitions.items = ARENA_ARRAY(arena, partition_answer, (size_t)asked->partitions.count + 1);
    if (out->partitions.items == NULL)
        return false;
    for (int32_t i = 0; i < asked->partitions.count; i++) {
        int32_t partition = asked->partitions.items[i].partition_index;
        out->partitions.items[out->partitions.count++] =
            (partition_answer){.partition_index = partition,
                               .error_code = subscribed ? KAFKA_ERROR_GROUP_SUBSCRIBED_TO_TOPIC : KAFKA_ERROR_NONE};
        if (!subscribed && has_offset(group, asked->name, partition) &&
            !group_store_offset_tombstone(append, group->id, asked->name, partition))
            return false;
    }
    return true;
}

static bool delete_topics(struct group_append *append, const struct offset_delete_request *request,
                          struct group_call *call)
{
    struct offset_delete_response *response = &call->offset_delete;
    response->topics.items = ARENA_ARRAY(call->arena, topic_answer, (size_t)request->topics.count + 1);
    if (response->topics.items == NULL)
        return false;
    for (int32_t i = 0; i < request->topics.count; i++)
        if (!delete_topic(append, &request->topics.items[i], &response->topics.items[response->topics.count++],
                          call->arena))
            return false;
    return true;
}

void group_delete_offsets(struct group_machine *machine, const struct offset_delete_request *request,
                          struct group_call *call)
{
    struct group *group = group_find(machine, request->group_id);
    int16_t error = check_delete(group, request->group_id);
    WIRE_DEFAULTS(offset_delete_response_schema, &call->offset_delete);
    if (error != KAFKA_ERROR_NONE) {
        group_answer(machine, call, error);
        return;
    }
    struct group_append *append = group_append_new(machine, APPEND_APPLY, group);
    bool made = append != NULL && delete_topics(append, request, call);
    if (made && append->base.count > 0) {
        append->call = call;
        group_append_send(append);
        return;
    }
    if (append != NULL)
        group_append_free(append);
    if (!made)
        call->offset_delete.topics.count = 0;
    group_answer(machine, call, made ? KAFKA_ERROR_NONE : KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
}
