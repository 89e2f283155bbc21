/* ListOffsets: where a log begins and ends, and offsets by time (KIP-79, KIP-207, KIP-396, KIP-734, KIP-405, KIP-1005).
 */
#include "core/wire/error.h"
#include "core/wire/messages.h"
#include "net/handlers/api.h"
#include "net/handlers/on_partitions.h"

typedef struct list_offsets_response_list_offsets_partition_response partition_answer;
typedef struct list_offsets_response_list_offsets_topic_response topic_answer;

enum {
    AT_LATEST = -1,
    AT_EARLIEST = -2,
    AT_MAX_TIMESTAMP = -3,   /* version 7 */
    AT_EARLIEST_LOCAL = -4,  /* 8 */
    AT_LATEST_TIERED = -5,   /* 9 */
    AT_EARLIEST_PENDING = -6 /* 11: the first offset not yet uploaded */
};

struct list_part {
    struct on_partition on;
    struct log_find find;
    const struct list_offsets_request_list_offsets_partition *asked;
    partition_answer *answer;
    int8_t isolation;
    int16_t version;
};

struct list_offsets {
    struct on_partitions on;
    struct list_offsets_request message;
    struct list_offsets_response response;
};

static bool is_supported(int64_t timestamp, int16_t version)
{
    static const int16_t since[] = {0, 1, 1, 7, 8, 9, 11};
    return timestamp >= 0 || (timestamp >= AT_EARLIEST_PENDING && version >= since[-timestamp]);
}

static void answer_offset(struct list_part *part, int64_t offset, int64_t timestamp, int32_t epoch)
{
    part->answer->offset = offset;
    part->answer->timestamp = timestamp;
    part->answer->leader_epoch = epoch;
}

static void find_done(struct log_find *find)
{
    struct list_part *part = CONTAINER_OF(find, struct list_part, find);
    if (find->err != ERR_OK)
        part->answer->error_code =
            find->err == ERR_CORRUPT ? KAFKA_ERROR_CORRUPT_MESSAGE : KAFKA_ERROR_KAFKA_STORAGE_ERROR;
    else
        answer_offset(part, find->offset, find->timestamp, find->leader_epoch);
    on_partition_done(&part->on);
}

static void list_run(struct on_partition *on, struct partition *partition)
{
    struct list_part *part = CONTAINER_OF(on, struct list_part, on);
    int64_t at = part->asked->timestamp;
    part->answer->error_code = partition == NULL ? KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER
                                                 : partition_check_access(partition, part->asked->current_leader_epoch);
    if (part->answer->error_code != KAFKA_ERROR_NONE) {
        on_partition_done(on);
        return;
    }
    int64_t below =
        part->isolation == PARTITION_READ_COMMITTED ? partition_last_stable(partition) : partition->high_watermark;
    if (at >= 0 || at == AT_MAX_TIMESTAMP) {
        part->find.done = find_done;
        part->find.at = at >= 0 ? at : LOG_AT_MAX;
        part->find.below = below;
        log_find(partition->log, &part->find);
        return;
    }
    if (at == AT_LATEST)
        answer_offset(part, below, -1, partition->leader_epoch);
    else if (at == AT_LATEST_TIERED || at == AT_EARLIEST_PENDING) /* nothing is tiered */
        answer_offset(part, -1, -1, -1);
    else
        answer_offset(part, partition_log_start(partition), -1, partition->leader_epoch);
    on_partition_done(on);
}

static void list_done(struct on_partitions *on)
{
    struct list_offsets *list = CONTAINER_OF(on, struct list_offsets, on);
    request_answer(on->request, &list->response);
}

/* Kafka fails inside where the isolation level does not exist. */
static bool is_readable(const struct list_offsets_request *message)
{
    return message->isolation_level == PARTITION_READ_UNCOMMITTED ||
           message->isolation_level == PARTITION_READ_COMMITTED;
}

static int16_t refusal(const struct request *request, const struct image_topic *topic,
                       const struct list_offsets_request_list_offsets_partition *asked)
{
    const struct image_partition *partition = topic == NULL ? NULL : image_partition_at(topic, asked->partition_index);
    if (!is_supported(asked->timestamp, request->header.version)) /* also for a partition that is not there */
        return KAFKA_ERROR_UNSUPPORTED_VERSION;
    if (partition == NULL)
        return KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    return partition->leader == request->shard->broker->node_id ? KAFKA_ERROR_NONE : KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER;
}

static bool add_topic(struct on_partitions *on, int32_t number)
{
    struct list_offsets *list = CONTAINER_OF(on, struct list_offsets, on);
    const struct list_offsets_request_list_offsets_topic *asked = &list->message.topics.items[number];
    topic_answer *out = &list->response.topics.items[number];
    struct request *request = list->on.request;
    const struct image_topic *topic = image_topic_by_name(request->shard->image, asked->name);
    size_t count = (size_t)asked->partitions.count;
    struct list_part *parts = ARENA_ARRAY(&request->arena, struct list_part, count + 1);
    out->name = asked->name;
    out->partitions.items = ARENA_ARRAY(&request->arena, partition_answer, count + 1);
    if (parts == NULL || out->partitions.items == NULL)
        return false;
    out->partitions.count = asked->partitions.count;
    for (size_t i = 0; i < count; i++) {
        struct list_part *part = &parts[i];
        part->asked = &asked->partitions.items[i];
        part->answer = &out->partitions.items[i];
        part->isolation = list->message.isolation_level;
        part->version = request->header.version;
        wire_set_defaults(&list_offsets_response_list_offsets_partition_response_struct, part->answer);
        part->answer->partition_index = part->asked->partition_index;
        part->answer->error_code =
            is_readable(&list->message) ? refusal(request, topic, part->asked) : KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
        if (part->answer->error_code != KAFKA_ERROR_NONE)
            continue;
        part->on = (struct on_partition){.topic_id = topic->id, .index = part->asked->partition_index};
        on_partitions_add(&list->on, &part->on);
    }
    return true;
}

void handle_list_offsets(struct request *request)
{
    struct list_offsets *list = ARENA_NEW(&request->arena, struct list_offsets);
    if (list == NULL) {
        request_close(request);
        return;
    }
    if (!request_decode(request, &list->message))
        return;
    list->on.run = list_run;
    list->on.done = list_done;
    int32_t count = list->message.topics.count;
    list->response.topics.items = ARENA_ARRAY(&request->arena, topic_answer, (size_t)count + 1);
    list->response.topics.count = count;
    if (list->response.topics.items == NULL)
        request_close(request);
    else
        on_partitions_run(&list->on, request, count, add_topic);
}
