/* DescribeProducers: who has written to a partition lately, and which transactions are open on it (KIP-664). */
#include "core/controller/controller.h"
#include "core/wire/error.h"
#include "core/wire/messages.h"
#include "net/handlers/api.h"
#include "net/handlers/on_partitions.h"

typedef struct describe_producers_response_producer_state producer_row;
typedef struct describe_producers_response_partition_response partition_answer;
typedef struct describe_producers_response_topic_response topic_answer;

struct producers_part {
    struct on_partition on;
    partition_answer *answer;
    producer_row *rows; /* in the request's arena, made before the part leaves */
    int32_t capacity, needed;
};

struct producers {
    struct on_partitions on;
    struct describe_producers_request asked;
    struct describe_producers_response response;
    struct producers_part *parts; /* that are asked for on their shards */
    int32_t count;
};

/* By producer id, for an answer that is the same for the same producers. */
static void sort(producer_row *rows, int32_t count)
{
    for (int32_t gap = count / 2; gap > 0; gap /= 2)
        for (int32_t i = gap; i < count; i++) {
            producer_row row = rows[i];
            int32_t k = i;
            for (; k >= gap && rows[k - gap].producer_id > row.producer_id; k -= gap)
                rows[k] = rows[k - gap];
            rows[k] = row;
        }
}

static void list_here(struct on_partition *on, struct partition *partition)
{
    struct producers_part *part = CONTAINER_OF(on, struct producers_part, on);
    part->answer->error_code =
        partition == NULL ? KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER : partition_check_access(partition, -1);
    part->needed = 0;
    if (part->answer->error_code == KAFKA_ERROR_NONE) {
        const struct map *entries = &partition->producers.entries;
        MAP_EACH(i, entries)
        {
            const struct producer_entry *entry = entries->entries[i].value;
            if (part->needed++ >= part->capacity)
                continue;
            part->rows[part->needed - 1] = (producer_row){.producer_id = entry->id,
                                                          .producer_epoch = entry->epoch,
                                                          .last_sequence = producer_last_sequence(entry),
                                                          .last_timestamp = entry->used_ms,
                                                          .coordinator_epoch = entry->coordinator_epoch,
                                                          .current_txn_start_offset = entry->transaction_offset};
        }
    }
    on_partition_done(on);
}

/* Lists that had no room get it, and are made again. */
static void all_home(struct on_partitions *on)
{
    struct producers *producers = CONTAINER_OF(on, struct producers, on);
    struct request *request = on->request;
    bool again = false, made = true;
    for (int32_t i = 0; made && i < producers->count; i++) {
        struct producers_part *part = &producers->parts[i];
        if (part->needed <= part->capacity)
            continue;
        part->capacity = part->needed + part->needed / 4;
        part->rows = ARENA_ARRAY(&request->arena, producer_row, (size_t)part->capacity);
        made = part->rows != NULL;
        again = true;
    }
    if (made && again)
        made = on_partitions_init(on, request);
    if (!made) {
        request_close(request);
        return;
    }
    if (again) {
        for (int32_t i = 0; i < producers->count; i++)
            on_partitions_add(on, &producers->parts[i].on);
        on_partitions_send(on);
        return;
    }
    for (int32_t i = 0; i < producers->count; i++) {
        struct producers_part *part = &producers->parts[i];
        sort(part->rows, part->needed);
        part->answer->active_producers.items = part->rows;
        part->answer->active_producers.count = part->needed;
    }
    request_answer(request, &producers->response);
}

static int16_t refusal(struct request *request, const struct image_topic *topic, int32_t index)
{
    const struct image_partition *partition = topic == NULL ? NULL : image_partition_at(topic, index);
    if (partition == NULL)
        return KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    return partition->leader == request->shard->broker->node_id ? KAFKA_ERROR_NONE : KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER;
}

static bool add_topic(struct producers *producers, const struct describe_producers_request_topic_request *asked,
                      topic_answer *out)
{
    struct request *request = producers->on.request;
    const char *problem = controller_topic_name_problem(asked->name, &request->arena);
    const struct image_topic *topic = image_topic_by_name(request->shard->image, asked->name);
    out->name = asked->name;
    out->partitions.count = asked->partition_indexes.count;
    out->partitions.items = ARENA_ARRAY(&request->arena, partition_answer, (size_t)out->partitions.count + 1);
    for (int32_t i = 0; out->partitions.items != NULL && i < out->partitions.count; i++) {
        partition_answer *answer = &out->partitions.items[i];
        wire_set_defaults(&describe_producers_response_partition_response_struct, answer);
        answer->partition_index = asked->partition_indexes.items[i];
        answer->error_code =
            problem != NULL ? KAFKA_ERROR_INVALID_TOPIC_EXCEPTION : refusal(request, topic, answer->partition_index);
        answer->error_message = slice_from_string(problem);
        if (answer->error_code != KAFKA_ERROR_NONE)
            continue;
        struct producers_part *part = &producers->parts[producers->count++];
        *part =
            (struct producers_part){.on = {.topic_id = topic->id, .index = answer->partition_index}, .answer = answer};
        on_partitions_add(&producers->on, &part->on);
    }
    return out->partitions.items != NULL;
}

void handle_describe_producers(struct request *request)
{
    struct producers *producers = ARENA_NEW(&request->arena, struct producers);
    if (producers == NULL) {
        request_close(request);
        return;
    }
    if (!request_decode(request, &producers->asked))
        return;
    size_t topics = (size_t)producers->asked.topics.count, partitions = 0;
    for (size_t i = 0; i < topics; i++)
        partitions += (size_t)producers->asked.topics.items[i].partition_indexes.count;
    WIRE_DEFAULTS(describe_producers_response_schema, &producers->response);
    producers->on.run = list_here;
    producers->on.done = all_home;
    producers->parts = ARENA_ARRAY(&request->arena, struct producers_part, partitions + 1);
    producers->response.topics.items = ARENA_ARRAY(&request->arena, topic_answer, topics + 1);
    producers->response.topics.count = (int32_t)topics;
    bool made = producers->parts != NULL && producers->response.topics.items != NULL &&
                on_partitions_init(&producers->on, request);
    for (size_t i = 0; made && i < topics; i++)
        made = add_topic(producers, &producers->asked.topics.items[i], &producers->response.topics.items[i]);
    if (made)
        on_partitions_send(&producers->on);
    else
        request_close(request);
}
