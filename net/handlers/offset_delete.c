/* OffsetDelete (KIP-496): what does not exist is answered here, the rest by the group. */
#include "net/handlers/api.h"
#include "net/handlers/group_call.h"

typedef struct offset_delete_request_offset_delete_request_topic asked_topic;
typedef struct offset_delete_response_offset_delete_response_topic topic_answer;
typedef struct offset_delete_response_offset_delete_response_partition partition_answer;

struct offset_delete {
    struct group_request base;
    struct offset_delete_request asked; /* of what exists */
    struct offset_delete_response refused;
};

static topic_answer *topic_named(struct offset_delete_response *response, struct slice name)
{
    for (int32_t i = 0; i < response->topics.count; i++)
        if (slice_equal(response->topics.items[i].name, name))
            return &response->topics.items[i];
    return NULL;
}

/* Kafka's order: topics with refused partitions first, in each the refused ones first. */
static bool merge(struct offset_delete *state, const struct offset_delete_response *from)
{
    struct arena *arena = state->base.call.arena;
    struct offset_delete_response *to = &state->refused;
    for (int32_t i = 0; i < from->topics.count; i++) {
        const topic_answer *topic = &from->topics.items[i];
        topic_answer *has = topic_named(to, topic->name);
        if (has == NULL) {
            to->topics.items[to->topics.count++] = *topic;
            continue;
        }
        size_t count = (size_t)has->partitions.count + (size_t)topic->partitions.count;
        partition_answer *both = ARENA_ARRAY(arena, partition_answer, count + 1);
        if (both == NULL)
            return false;
        memcpy(both, has->partitions.items, (size_t)has->partitions.count * sizeof *both);
        memcpy(both + has->partitions.count, topic->partitions.items, (size_t)topic->partitions.count * sizeof *both);
        has->partitions.items = both;
        has->partitions.count = (int32_t)count;
    }
    return true;
}

static void finish(struct offset_delete *state, int16_t error)
{
    struct request *request = state->base.request;
    if (error != KAFKA_ERROR_NONE) {
        struct offset_delete_response response;
        WIRE_DEFAULTS(offset_delete_response_schema, &response);
        response.error_code = error;
        request_answer(request, &response);
    } else if (merge(state, &state->base.call.offset_delete)) {
        request_answer(request, &state->refused);
    } else {
        request_close(request);
    }
}

static void answered(struct group_call *call)
{
    finish(CONTAINER_OF(call, struct offset_delete, base.call), call->error);
}

/* Leaves in `asked` what exists; answers the rest. */
static bool sort_out(struct offset_delete *state, asked_topic *asked)
{
    const struct image_topic *topic = image_topic_by_name(state->base.request->shard->image, asked->name);
    int32_t kept = 0;
    topic_answer out = {.name = asked->name};
    out.partitions.items = ARENA_ARRAY(state->base.call.arena, partition_answer, (size_t)asked->partitions.count + 1);
    if (out.partitions.items == NULL)
        return false;
    for (int32_t i = 0; i < asked->partitions.count; i++) {
        int32_t index = asked->partitions.items[i].partition_index;
        if (topic != NULL && image_partition_at(topic, index) != NULL)
            asked->partitions.items[kept++] = asked->partitions.items[i];
        else
            out.partitions.items[out.partitions.count++] =
                (partition_answer){.partition_index = index, .error_code = KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION};
    }
    asked->partitions.count = kept;
    if (out.partitions.count > 0)
        state->refused.topics.items[state->refused.topics.count++] = out;
    return true;
}

void handle_offset_delete(struct request *request)
{
    struct offset_delete *state = ARENA_NEW(&request->arena, struct offset_delete);
    struct group_machine *machine;
    if (!GROUP_REQUEST_BEGIN(state, request, answered))
        return;
    WIRE_DEFAULTS(offset_delete_response_schema, &state->refused);
    int32_t count = state->asked.topics.count, kept = 0;
    state->refused.topics.items = ARENA_ARRAY(&request->arena, topic_answer, (size_t)count * 2 + 1);
    bool made = state->refused.topics.items != NULL;
    for (int32_t i = 0; made && i < count; i++) {
        made = sort_out(state, &state->asked.topics.items[i]);
        if (state->asked.topics.items[i].partitions.count > 0)
            state->asked.topics.items[kept++] = state->asked.topics.items[i];
    }
    if (!made) {
        request_close(request);
        return;
    }
    state->asked.topics.count = kept;
    int16_t error = groups_enter(request_groups(request), state->asked.group_id, &machine);
    if (error != KAFKA_ERROR_NONE) {
        finish(state, error);
        return;
    }
    group_delete_offsets(machine, &state->asked, &state->base.call);
    groups_leave(machine);
}
