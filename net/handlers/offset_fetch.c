/* OffsetFetch: of one group, or since version 8 of several (KIP-709); stable ones (KIP-447); by topic id (KIP-848). */
#include "net/handlers/api.h"
#include "net/handlers/group_call.h"

enum { FIRST_WITH_GROUP_ERROR = 2, FIRST_WITH_MANY_GROUPS = 8, FIRST_WITH_TOPIC_IDS = 10 };

typedef struct offset_fetch_request_offset_fetch_request_group asked_group;
typedef struct offset_fetch_request_offset_fetch_request_topics asked_topic;
typedef struct offset_fetch_response_offset_fetch_response_group group_answer;
typedef struct offset_fetch_response_offset_fetch_response_topics topic_answer;
typedef struct offset_fetch_response_offset_fetch_response_partitions partition_answer;

struct offset_fetch;

struct one_group {
    struct group_request base;
    struct offset_fetch *all;
    const asked_group *asked;
    group_answer *answer;
    struct group_offset *items;
    int32_t count;
};

struct offset_fetch {
    struct request *request;
    struct offset_fetch_request asked;
    struct offset_fetch_response response;
    struct one_group *groups;
    int32_t waiting_count;
    bool failed; /* no memory: nothing can be said */
};

/* ---- the answer -------------------------------------------------------------------------------------------------- */

/* Before version 8 the one group's answer is the whole answer. */
static bool flatten(struct offset_fetch *state)
{
    struct arena *arena = &state->request->arena;
    const group_answer *from = &state->response.groups.items[0];
    struct offset_fetch_response *to = &state->response;
    to->error_code = from->error_code;
    to->topics.items =
        ARENA_ARRAY(arena, struct offset_fetch_response_offset_fetch_response_topic, (size_t)from->topics.count + 1);
    if (to->topics.items == NULL)
        return false;
    for (int32_t i = 0; i < from->topics.count; i++) {
        const topic_answer *topic = &from->topics.items[i];
        struct offset_fetch_response_offset_fetch_response_topic *out = &to->topics.items[to->topics.count++];
        out->name = topic->name;
        out->partitions.items = ARENA_ARRAY(arena, struct offset_fetch_response_offset_fetch_response_partition,
                                            (size_t)topic->partitions.count + 1);
        if (out->partitions.items == NULL)
            return false;
        for (int32_t p = 0; p < topic->partitions.count; p++) {
            const partition_answer *partition = &topic->partitions.items[p];
            out->partitions.items[out->partitions.count++] =
                (struct offset_fetch_response_offset_fetch_response_partition){
                    .partition_index = partition->partition_index,
                    .committed_offset = partition->committed_offset,
                    .committed_leader_epoch = partition->committed_leader_epoch,
                    .metadata = partition->metadata,
                    .error_code = partition->error_code};
        }
    }
    return true;
}

static void one_is_done(struct offset_fetch *state, bool good)
{
    state->failed = state->failed || !good;
    if (--state->waiting_count > 0)
        return;
    if (!state->failed && state->request->header.version < FIRST_WITH_MANY_GROUPS)
        state->failed = !flatten(state);
    if (state->failed)
        request_close(state->request);
    else
        request_answer(state->request, &state->response);
}

static void add_partition(topic_answer *topic, const struct group_offset *item)
{
    topic->partitions.items[topic->partitions.count++] =
        (partition_answer){.partition_index = item->partition,
                           .committed_offset = item->offset,
                           .committed_leader_epoch = item->leader_epoch,
                           .metadata = item->metadata,
                           .error_code = item->error};
}

/* The items of one asked topic, with one error for all or their own. */
static bool add_asked(struct one_group *group, const asked_topic *asked, const struct group_offset *items,
                      int16_t error)
{
    topic_answer *topic = &group->answer->topics.items[group->answer->topics.count++];
    topic->name = asked->name;
    topic->topic_id = asked->topic_id;
    topic->partitions.items =
        ARENA_ARRAY(group->base.call.arena, partition_answer, (size_t)asked->partition_indexes.count + 1);
    if (topic->partitions.items == NULL)
        return false;
    for (int32_t i = 0; i < asked->partition_indexes.count; i++) {
        struct group_offset none = {.partition = asked->partition_indexes.items[i],
                                    .leader_epoch = -1,
                                    .offset = -1,
                                    .metadata = SLICE_LITERAL(""),
                                    .error = error};
        add_partition(topic, error == KAFKA_ERROR_NONE ? &items[i] : &none);
    }
    return true;
}

static const struct image_topic *named(const struct one_group *group, const asked_topic *asked)
{
    return image_topic_by_id(group->all->request->shard->image, asked->topic_id);
}

static bool is_unknown(const struct one_group *group, const asked_topic *asked)
{
    return group->base.call.version >= FIRST_WITH_TOPIC_IDS && named(group, asked) == NULL;
}

static bool answer_asked(struct one_group *group, int16_t error)
{
    const asked_group *asked = group->asked;
    const struct group_offset *items = group->items;
    bool good = true;
    for (int32_t i = 0; i < asked->topics.count && good; i++) {
        const asked_topic *topic = &asked->topics.items[i];
        if (is_unknown(group, topic))
            continue;
        good = add_asked(group, topic, items, error);
        items += topic->partition_indexes.count;
    }
    for (int32_t i = 0; i < asked->topics.count && good; i++)
        if (is_unknown(group, &asked->topics.items[i]))
            good = add_asked(group, &asked->topics.items[i], NULL, KAFKA_ERROR_UNKNOWN_TOPIC_ID);
    return good;
}

/* All offsets of a group come topic by topic. By id only those can be told whose id is known. */
static bool answer_all(struct one_group *group)
{
    const struct group_call *call = &group->base.call;
    const struct image *image = group->all->request->shard->image;
    bool by_id = call->version >= FIRST_WITH_TOPIC_IDS;
    group->answer->topics.items = ARENA_ARRAY(call->arena, topic_answer, (size_t)call->offsets.count + 1);
    partition_answer *partitions = ARENA_ARRAY(call->arena, partition_answer, (size_t)call->offsets.count + 1);
    if (group->answer->topics.items == NULL || partitions == NULL)
        return false;
    topic_answer *topic = NULL;
    for (int32_t i = 0; i < call->offsets.count; i++) {
        const struct group_offset *item = &call->offsets.items[i];
        if (topic == NULL || !slice_equal(topic->name, item->topic)) {
            const struct image_topic *there = image_topic_by_name(image, item->topic);
            struct uuid id = uuid_is_zero(item->topic_id) && there != NULL ? there->id : item->topic_id;
            if (by_id && uuid_is_zero(id))
                continue;
            topic = &group->answer->topics.items[group->answer->topics.count++];
            topic->name = item->topic;
            topic->topic_id = id;
            topic->partitions.items = partitions;
        }
        add_partition(topic, item);
        partitions++;
    }
    return true;
}

static bool answer_group(struct one_group *group, int16_t error)
{
    const asked_group *asked = group->asked;
    group->answer->group_id = asked->group_id;
    if (error != KAFKA_ERROR_NONE && group->base.call.version >= FIRST_WITH_GROUP_ERROR) {
        group->answer->error_code = error;
        return true;
    }
    if (asked->topics.count < 0)
        return answer_all(group);
    group->answer->topics.items = ARENA_ARRAY(group->base.call.arena, topic_answer, (size_t)asked->topics.count + 1);
    return group->answer->topics.items != NULL && answer_asked(group, error);
}

static void answered(struct group_call *call)
{
    struct one_group *group = CONTAINER_OF(call, struct one_group, base.call);
    one_is_done(group->all, answer_group(group, call->error));
}

/* ---- the question ------------------------------------------------------------------------------------------------ */

static bool list_items(struct one_group *group)
{
    const asked_group *asked = group->asked;
    size_t count = 1;
    for (int32_t i = 0; i < asked->topics.count; i++)
        count += (size_t)asked->topics.items[i].partition_indexes.count;
    group->items = ARENA_ARRAY(group->base.call.arena, struct group_offset, count);
    if (group->items == NULL)
        return false;
    for (int32_t i = 0; i < asked->topics.count; i++) {
        const asked_topic *topic = &asked->topics.items[i];
        struct slice name = topic->name;
        if (is_unknown(group, topic))
            continue;
        if (group->base.call.version >= FIRST_WITH_TOPIC_IDS)
            name = slice_of(named(group, topic)->name, named(group, topic)->name_length);
        for (int32_t p = 0; p < topic->partition_indexes.count; p++)
            group->items[group->count++] = (struct group_offset){
                .topic = name, .topic_id = topic->topic_id, .partition = topic->partition_indexes.items[p]};
    }
    return true;
}

static void ask(struct one_group *group)
{
    struct group_machine *machine;
    struct request *request = group->all->request;
    bool all = group->asked->topics.count < 0;
    group_request_init(&group->base, request, answered);
    if (!all && !list_items(group)) {
        one_is_done(group->all, false);
        return;
    }
    int16_t error = groups_enter(request_groups(request), group->asked->group_id, &machine);
    if (error == KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE)
        error = KAFKA_ERROR_NOT_COORDINATOR; /* older consumers do not try again after the other */
    if (error != KAFKA_ERROR_NONE) {
        one_is_done(group->all, answer_group(group, error));
        return;
    }
    group_fetch(machine, group->asked->group_id, group->all->asked.require_stable, all ? NULL : group->items,
                group->count, &group->base.call);
    groups_leave(machine);
}

static bool make_one_group(struct offset_fetch *state)
{
    struct arena *arena = &state->request->arena;
    asked_group *group = ARENA_NEW(arena, asked_group);
    size_t count = state->asked.topics.count < 0 ? 0 : (size_t)state->asked.topics.count;
    asked_topic *topics = ARENA_ARRAY(arena, asked_topic, count + 1);
    if (group == NULL || topics == NULL)
        return false;
    for (size_t i = 0; i < count; i++) {
        topics[i].name = state->asked.topics.items[i].name;
        topics[i].partition_indexes.items = state->asked.topics.items[i].partition_indexes.items;
        topics[i].partition_indexes.count = state->asked.topics.items[i].partition_indexes.count;
    }
    group->group_id = state->asked.group_id;
    group->topics.items = topics;
    group->topics.count = state->asked.topics.count;
    state->asked.groups.items = group;
    state->asked.groups.count = 1;
    return true;
}

void handle_offset_fetch(struct request *request)
{
    struct arena *arena = &request->arena;
    struct offset_fetch *state = ARENA_NEW(arena, struct offset_fetch);
    if (state == NULL) {
        request_close(request);
        return;
    }
    if (!request_decode(request, &state->asked))
        return;
    state->request = request;
    WIRE_DEFAULTS(offset_fetch_response_schema, &state->response);
    bool made = request->header.version >= FIRST_WITH_MANY_GROUPS || make_one_group(state);
    size_t count = made ? (size_t)state->asked.groups.count : 0;
    state->groups = ARENA_ARRAY(arena, struct one_group, count + 1);
    state->response.groups.items = ARENA_ARRAY(arena, group_answer, count + 1);
    if (!made || state->groups == NULL || state->response.groups.items == NULL) {
        request_close(request);
        return;
    }
    state->response.groups.count = (int32_t)count;
    state->waiting_count = (int32_t)count + 1; /* ourselves, until all have been asked */
    for (size_t i = 0; i < count; i++) {
        state->groups[i].all = state;
        state->groups[i].asked = &state->asked.groups.items[i];
        state->groups[i].answer = &state->response.groups.items[i];
        ask(&state->groups[i]);
    }
    one_is_done(state, true);
}
