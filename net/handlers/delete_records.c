/* DeleteRecords: moves the start of logs (KIP-107). With one replica it is done when the leader has done it. */
#include "core/wire/error.h"
#include "core/wire/messages.h"
#include "net/handlers/api.h"
#include "net/handlers/on_partitions.h"

typedef struct delete_records_response_delete_records_partition_result partition_answer;
typedef struct delete_records_response_delete_records_topic_result topic_answer;

struct delete_part {
    struct on_partition on;
    int64_t offset;
    partition_answer *answer;
};

struct delete_records {
    struct on_partitions on;
    struct delete_records_request message;
    struct delete_records_response response;
};

static void delete_run(struct on_partition *on, struct partition *partition)
{
    struct delete_part *part = CONTAINER_OF(on, struct delete_part, on);
    part->answer->error_code = partition == NULL
                                   ? KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER
                                   : partition_delete_records(partition, part->offset, &part->answer->low_watermark);
    on_partition_done(on);
}

static void delete_done(struct on_partitions *on)
{
    request_answer(on->request, &CONTAINER_OF(on, struct delete_records, on)->response);
}

static int16_t refusal(const struct request *request, const struct image_topic *topic, int32_t index)
{
    const struct image_partition *partition = topic == NULL ? NULL : image_partition_at(topic, index);
    if (partition == NULL)
        return KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    if (topic->is_internal)
        return KAFKA_ERROR_INVALID_TOPIC_EXCEPTION;
    return partition->leader == request->shard->broker->node_id ? KAFKA_ERROR_NONE : KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER;
}

static bool add_topic(struct on_partitions *on, int32_t number)
{
    struct delete_records *state = CONTAINER_OF(on, struct delete_records, on);
    const struct delete_records_request_delete_records_topic *asked = &state->message.topics.items[number];
    topic_answer *out = &state->response.topics.items[number];
    struct request *request = state->on.request;
    const struct image_topic *topic = image_topic_by_name(request->shard->image, asked->name);
    size_t count = (size_t)asked->partitions.count;
    struct delete_part *parts = ARENA_ARRAY(&request->arena, struct delete_part, count + 1);
    out->name = asked->name;
    out->partitions.items = ARENA_ARRAY(&request->arena, partition_answer, count + 1);
    if (parts == NULL || out->partitions.items == NULL)
        return false;
    out->partitions.count = asked->partitions.count;
    for (size_t i = 0; i < count; i++) {
        struct delete_part *part = &parts[i];
        part->answer = &out->partitions.items[i];
        part->offset = asked->partitions.items[i].offset;
        part->answer->partition_index = asked->partitions.items[i].partition_index;
        part->answer->low_watermark = -1;
        part->answer->error_code = refusal(request, topic, part->answer->partition_index);
        if (part->answer->error_code != KAFKA_ERROR_NONE)
            continue;
        part->on = (struct on_partition){.topic_id = topic->id, .index = part->answer->partition_index};
        on_partitions_add(&state->on, &part->on);
    }
    return true;
}

void handle_delete_records(struct request *request)
{
    struct delete_records *state = ARENA_NEW(&request->arena, struct delete_records);
    if (state == NULL) {
        request_close(request);
        return;
    }
    if (!request_decode(request, &state->message))
        return;
    state->on.run = delete_run;
    state->on.done = delete_done;
    int32_t count = state->message.topics.count;
    state->response.topics.items = ARENA_ARRAY(&request->arena, topic_answer, (size_t)count + 1);
    state->response.topics.count = count;
    if (state->response.topics.items == NULL)
        request_close(request);
    else
        on_partitions_run(&state->on, request, count, add_topic);
}
