/* OffsetForLeaderEpoch: where an epoch ended, for those who must know what to truncate (KIP-101, KIP-279, KIP-320). */
#include "core/wire/error.h"
#include "core/wire/messages.h"
#include "net/handlers/api.h"
#include "net/handlers/on_partitions.h"

typedef struct offset_for_leader_epoch_response_epoch_end_offset partition_answer;
typedef struct offset_for_leader_epoch_response_offset_for_leader_topic_result topic_answer;

struct epoch_part {
    struct on_partition on;
    const struct offset_for_leader_epoch_request_offset_for_leader_partition *asked;
    partition_answer *answer;
};

struct epoch_ends {
    struct on_partitions on;
    struct offset_for_leader_epoch_request message;
    struct offset_for_leader_epoch_response response;
};

static void epoch_run(struct on_partition *on, struct partition *partition)
{
    struct epoch_part *part = CONTAINER_OF(on, struct epoch_part, on);
    if (partition == NULL)
        part->answer->error_code = KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER;
    else
        part->answer->error_code =
            partition_epoch_end(partition, part->asked->current_leader_epoch, part->asked->leader_epoch,
                                &part->answer->leader_epoch, &part->answer->end_offset);
    on_partition_done(on);
}

static void epoch_done(struct on_partitions *on)
{
    request_answer(on->request, &CONTAINER_OF(on, struct epoch_ends, on)->response);
}

static bool add_topic(struct on_partitions *on, int32_t number)
{
    struct epoch_ends *state = CONTAINER_OF(on, struct epoch_ends, on);
    const struct offset_for_leader_epoch_request_offset_for_leader_topic *asked = &state->message.topics.items[number];
    topic_answer *out = &state->response.topics.items[number];
    struct request *request = state->on.request;
    const struct image_topic *topic = image_topic_by_name(request->shard->image, asked->topic);
    size_t count = (size_t)asked->partitions.count;
    struct epoch_part *parts = ARENA_ARRAY(&request->arena, struct epoch_part, count + 1);
    out->topic = asked->topic;
    out->partitions.items = ARENA_ARRAY(&request->arena, partition_answer, count + 1);
    if (parts == NULL || out->partitions.items == NULL)
        return false;
    out->partitions.count = asked->partitions.count;
    for (size_t i = 0; i < count; i++) {
        struct epoch_part *part = &parts[i];
        part->asked = &asked->partitions.items[i];
        part->answer = &out->partitions.items[i];
        wire_set_defaults(&offset_for_leader_epoch_response_epoch_end_offset_struct, part->answer);
        part->answer->partition = part->asked->partition;
        const struct image_partition *partition =
            topic == NULL ? NULL : image_partition_at(topic, part->asked->partition);
        if (partition == NULL) {
            part->answer->error_code = KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
            continue;
        }
        part->on = (struct on_partition){.topic_id = topic->id, .index = part->asked->partition};
        on_partitions_add(&state->on, &part->on);
    }
    return true;
}

void handle_offset_for_leader_epoch(struct request *request)
{
    struct epoch_ends *state = ARENA_NEW(&request->arena, struct epoch_ends);
    if (state == NULL) {
        request_close(request);
        return;
    }
    if (!request_decode(request, &state->message))
        return;
    state->on.run = epoch_run;
    state->on.done = epoch_done;
    int32_t count = state->message.topics.count;
    state->response.topics.items = ARENA_ARRAY(&request->arena, topic_answer, (size_t)count + 1);
    state->response.topics.count = count;
    if (state->response.topics.items == NULL)
        request_close(request);
    else
        on_partitions_run(&state->on, request, count, add_topic);
}
