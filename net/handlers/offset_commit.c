/* OffsetCommit: what does not exist is answered here, the rest by the group (KIP-211, 320, 848: topic ids). */
#include "net/handlers/api.h"
#include "net/handlers/group_call.h"

enum { FIRST_WITH_TOPIC_IDS = 10 };

typedef struct offset_commit_request_offset_commit_request_topic asked_topic;
typedef struct offset_commit_response_offset_commit_response_topic topic_answer;
typedef struct offset_commit_response_offset_commit_response_partition partition_answer;

struct offset_commit {
    struct group_request base;
    struct offset_commit_request asked;
    struct offset_commit_response response;
    struct group_commit commit;
    partition_answer **places; /* by item of the commit */
};

static void finish(struct offset_commit *state, int16_t error)
{
    for (int32_t i = 0; i < state->commit.count; i++)
        state->places[i]->error_code = error != KAFKA_ERROR_NONE ? error : state->commit.items[i].error;
    request_answer(state->base.request, &state->response);
}

static void answered(struct group_call *call)
{
    finish(CONTAINER_OF(call, struct offset_commit, base.call), call->error);
}

struct found_topic {
    const struct image_topic *topic;
    topic_answer *answer; /* NULL: none yet */
};

static int16_t refusal(const struct offset_commit *state, const struct image_topic *topic, int32_t partition)
{
    if (topic == NULL)
        return state->base.call.version >= FIRST_WITH_TOPIC_IDS ? KAFKA_ERROR_UNKNOWN_TOPIC_ID
                                                                : KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    return image_partition_at(topic, partition) == NULL ? KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION : KAFKA_ERROR_NONE;
}

static bool add_topic_answer(struct offset_commit *state, struct found_topic *found, const asked_topic *asked)
{
    found->answer = &state->response.topics.items[state->response.topics.count++];
    found->answer->name = asked->name;
    found->answer->topic_id = asked->topic_id;
    found->answer->partitions.items =
        ARENA_ARRAY(state->base.call.arena, partition_answer, (size_t)asked->partitions.count + 1);
    return found->answer->partitions.items != NULL;
}

static partition_answer *add_answer(struct offset_commit *state, struct found_topic *found, const asked_topic *asked,
                                    int32_t partition)
{
    if (found->answer == NULL && !add_topic_answer(state, found, asked))
        return NULL;
    partition_answer *out = &found->answer->partitions.items[found->answer->partitions.count++];
    out->partition_index = partition;
    return out;
}

/* Kafka's order: topics with refused partitions first, in each the refused ones first. One that is not there is
 * answered also when nothing of it was asked for. */
static bool sort_out(struct offset_commit *state, struct found_topic *found, const asked_topic *asked, bool refused)
{
    if (refused && found->topic == NULL && asked->partitions.count == 0)
        return add_topic_answer(state, found, asked);
    for (int32_t i = 0; i < asked->partitions.count; i++) {
        const struct offset_commit_request_offset_commit_request_partition *from = &asked->partitions.items[i];
        int16_t error = refusal(state, found->topic, from->partition_index);
        if ((error != KAFKA_ERROR_NONE) != refused)
            continue;
        partition_answer *out = add_answer(state, found, asked, from->partition_index);
        if (out == NULL)
            return false;
        out->error_code = error;
        if (refused)
            continue;
        state->places[state->commit.count] = out;
        state->commit.items[state->commit.count++] =
            (struct group_offset){.topic = slice_of(found->topic->name, found->topic->name_length),
                                  .topic_id = found->topic->id,
                                  .partition = from->partition_index,
                                  .leader_epoch = from->committed_leader_epoch,
                                  .offset = from->committed_offset,
                                  .metadata = from->committed_metadata};
    }
    return true;
}

static bool prepare(struct offset_commit *state)
{
    const struct image *image = state->base.request->shard->image;
    struct arena *arena = state->base.call.arena;
    size_t topics = (size_t)state->asked.topics.count, partitions = 0;
    for (size_t i = 0; i < topics; i++)
        partitions += (size_t)state->asked.topics.items[i].partitions.count;
    struct found_topic *found = ARENA_ARRAY(arena, struct found_topic, topics + 1);
    state->response.topics.items = ARENA_ARRAY(arena, topic_answer, topics + 1);
    state->commit.items = ARENA_ARRAY(arena, struct group_offset, partitions + 1);
    state->places = ARENA_ARRAY(arena, partition_answer *, partitions + 1);
    if (arena->failed)
        return false;
    bool made = true;
    for (size_t i = 0; i < topics; i++) {
        const asked_topic *asked = &state->asked.topics.items[i];
        found[i].topic = state->base.call.version >= FIRST_WITH_TOPIC_IDS ? image_topic_by_id(image, asked->topic_id)
                                                                          : image_topic_by_name(image, asked->name);
        made = made && sort_out(state, &found[i], asked, true);
    }
    for (size_t i = 0; i < topics; i++)
        made = made && sort_out(state, &found[i], &state->asked.topics.items[i], false);
    return made;
}

void handle_offset_commit(struct request *request)
{
    struct offset_commit *state = ARENA_NEW(&request->arena, struct offset_commit);
    struct group_machine *machine;
    if (!GROUP_REQUEST_BEGIN(state, request, answered))
        return;
    WIRE_DEFAULTS(offset_commit_response_schema, &state->response);
    if (!prepare(state)) {
        request_close(request);
        return;
    }
    state->commit.group_id = state->asked.group_id;
    state->commit.member_id = state->asked.member_id;
    state->commit.instance_id = state->asked.group_instance_id;
    state->commit.generation = state->asked.generation_id_or_member_epoch;
    state->commit.retention_ms = state->asked.retention_time_ms;
    if (state->commit.count == 0) {
        finish(state, KAFKA_ERROR_NONE);
        return;
    }
    int16_t error = groups_enter(request_groups(request), state->asked.group_id, &machine);
    if (error != KAFKA_ERROR_NONE) {
        finish(state, error);
        return;
    }
    group_commit(machine, &state->commit, &state->base.call);
    groups_leave(machine);
}
