/* Metadata: topics, leaders and brokers for clients. Topics that are missing may be made on the way (KIP-204): the
 * request that had them made says that they are unknown, as Kafka's does, and its retry finds them. */
#include "core/controller/controller.h"
#include "core/wire/error.h"
#include "core/wire/messages.h"
#include "net/handlers/api.h"
#include "net/handlers/auto_create.h"
#include "net/handlers/endpoints.h"
#include "net/handlers/operations.h"
#include "net/handlers/shard.h"

typedef struct metadata_response_metadata_response_topic topic_answer;
typedef struct metadata_response_metadata_response_partition partition_answer;

static bool fill_partitions(struct request *request, const struct image_topic *topic, topic_answer *answer)
{
    answer->partitions.items = ARENA_ARRAY(&request->arena, partition_answer, (size_t)topic->partition_count);
    if (answer->partitions.items == NULL)
        return false;
    answer->partitions.count = topic->partition_count;
    for (int32_t i = 0; i < topic->partition_count; i++) {
        const struct image_partition *partition = &topic->partitions[i];
        partition_answer *out = &answer->partitions.items[i];
        wire_set_defaults(&metadata_response_metadata_response_partition_struct, out);
        out->error_code = partition->leader < 0 ? KAFKA_ERROR_LEADER_NOT_AVAILABLE : KAFKA_ERROR_NONE;
        out->partition_index = i;
        out->leader_id = partition->leader;
        out->leader_epoch = partition->leader_epoch;
        out->replica_nodes.items = (int32_t *)(uintptr_t)partition->replicas;
        out->replica_nodes.count = partition->replica_count;
        out->isr_nodes.items = (int32_t *)(uintptr_t)partition->isr;
        out->isr_nodes.count = partition->isr_count;
        if (partition->leader < 0) { /* a single replica: it is the one that is offline */
            out->offline_replicas.items = out->replica_nodes.items;
            out->offline_replicas.count = partition->replica_count;
        }
    }
    return true;
}

static bool fill_topic(struct request *request, const struct image_topic *topic, topic_answer *answer)
{
    wire_set_defaults(&metadata_response_metadata_response_topic_struct, answer);
    answer->name = slice_of(topic->name, topic->name_length);
    answer->topic_id = topic->id;
    answer->is_internal = topic->is_internal;
    return fill_partitions(request, topic, answer);
}

enum { VERSION_IDS = 12 };

static void fill_error(topic_answer *answer, struct slice name, struct uuid id, int16_t error)
{
    wire_set_defaults(&metadata_response_metadata_response_topic_struct, answer);
    answer->error_code = error;
    answer->name = name;
    answer->topic_id = id;
}

static bool fill_all(struct request *request, struct metadata_response *response)
{
    const struct image *image = request->shard->image;
    response->topics.items = ARENA_ARRAY(&request->arena, topic_answer, (size_t)image->topic_count);
    response->topics.count = image->topic_count;
    if (response->topics.items == NULL)
        return false;
    for (int32_t i = 0; i < image->topic_count; i++)
        if (!fill_topic(request, image->topics[i], &response->topics.items[i]))
            return false;
    return true;
}

static int16_t missing_error(struct request *request, const struct metadata_request_metadata_request_topic *asked)
{
    if (!uuid_is_zero(asked->topic_id))
        return KAFKA_ERROR_UNKNOWN_TOPIC_ID;
    return controller_topic_name_problem(asked->name, &request->arena) != NULL ? KAFKA_ERROR_INVALID_TOPIC_EXCEPTION
                                                                               : KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
}

/* Where one topic is asked for by its id all are: Kafka does not look at names then. */
static bool asks_by_id(const struct metadata_request *asked)
{
    for (int32_t i = 0; i < asked->topics.count; i++)
        if (!uuid_is_zero(asked->topics.items[i].topic_id))
            return true;
    return false;
}

/* made: the names that were missing when the request came, in its order. */
static bool fill_named(struct request *request, const struct metadata_request *asked, const struct auto_create *made,
                       struct metadata_response *response)
{
    int next_made = 0;
    const struct image *image = request->shard->image;
    response->topics.items = ARENA_ARRAY(&request->arena, topic_answer, (size_t)asked->topics.count);
    response->topics.count = 0;
    if (response->topics.items == NULL)
        return false;
    bool by_id = asks_by_id(asked);
    for (int32_t i = 0; i < asked->topics.count; i++) {
        const struct metadata_request_metadata_request_topic *want = &asked->topics.items[i];
        if (by_id && uuid_is_zero(want->topic_id))
            continue;
        topic_answer *out = &response->topics.items[response->topics.count++];
        const struct image_topic *topic =
            by_id ? image_topic_by_id(image, want->topic_id) : image_topic_by_name(image, want->name);
        bool was_missing = next_made < made->count && made->names[next_made].data == want->name.data;
        next_made += was_missing;
        if (topic == NULL || was_missing)
            fill_error(out, by_id ? SLICE_NULL : want->name, want->topic_id, missing_error(request, want));
        else if (!fill_topic(request, topic, out))
            return false;
    }
    return true;
}

static bool fill_brokers(struct request *request, struct metadata_response *response)
{
    const struct image *image = request->shard->image;
    response->brokers.items =
        ARENA_ARRAY(&request->arena, struct metadata_response_metadata_response_broker, (size_t)image->broker_count);
    if (response->brokers.items == NULL)
        return false;
    int shown = 0;
    for (int i = 0; i < image->broker_count; i++) {
        struct slice host;
        int32_t port;
        if (image->brokers[i].fenced || !endpoint_of(request, &image->brokers[i], &host, &port))
            continue;
        response->brokers.items[shown++] =
            (struct metadata_response_metadata_response_broker){.node_id = image->brokers[i].id,
                                                                .host = host,
                                                                .port = port,
                                                                .rack = slice_from_string(image->brokers[i].rack)};
    }
    response->brokers.count = shown;
    return true;
}

/* KIP-430: since version 8; those of the cluster went to DescribeCluster after version 10. */
static void fill_operations(const struct request *request, const struct metadata_request *asked,
                            struct metadata_response *response)
{
    enum { FIRST = 8, LAST_WITH_CLUSTER = 10 };
    int16_t version = request->header.version;
    if (version >= FIRST && version <= LAST_WITH_CLUSTER && asked->include_cluster_authorized_operations)
        response->cluster_authorized_operations = OPERATIONS_OF_CLUSTER;
    if (version >= FIRST && asked->include_topic_authorized_operations)
        for (int32_t i = 0; i < response->topics.count; i++)
            if (response->topics.items[i].error_code != KAFKA_ERROR_UNKNOWN_TOPIC_ID)
                response->topics.items[i].topic_authorized_operations = OPERATIONS_OF_TOPIC;
}

static void answer(struct request *request, const struct metadata_request *asked, const struct auto_create *made,
                   bool all)
{
    struct metadata_response response;
    WIRE_DEFAULTS(metadata_response_schema, &response);
    response.cluster_id = slice_from_string(request->shard->broker->cluster_id_text);
    response.controller_id = request->shard->broker->node_id;
    bool ok = (all ? fill_all(request, &response) : fill_named(request, asked, made, &response)) &&
              fill_brokers(request, &response);
    if (!ok) {
        request_close(request);
        return;
    }
    fill_operations(request, asked, &response);
    request_answer(request, &response);
}

/* The topics that are named, could exist and do not. NULL with *count 0: none. */
static struct slice *missing_topics(struct request *request, const struct metadata_request *asked, int *count)
{
    struct slice *names = ARENA_ARRAY(&request->arena, struct slice, (size_t)asked->topics.count);
    *count = 0;
    if (asks_by_id(asked))
        return NULL;
    for (int32_t i = 0; names != NULL && i < asked->topics.count; i++) {
        struct slice name = asked->topics.items[i].name;
        if (controller_topic_name_problem(name, &request->arena) == NULL &&
            image_topic_by_name(request->shard->image, name) == NULL)
            names[(*count)++] = name;
    }
    return names;
}

/* Ids, and names that are null, are for version 12 and newer: the whole request is refused. */
static bool is_too_old(const struct request *request, const struct metadata_request *asked)
{
    if (request->header.version >= VERSION_IDS)
        return false;
    for (int32_t i = 0; i < asked->topics.count; i++)
        if (slice_is_null(asked->topics.items[i].name))
            return true;
    return asks_by_id(asked);
}

static void refuse_all(struct request *request, const struct metadata_request *asked)
{
    struct metadata_response response;
    WIRE_DEFAULTS(metadata_response_schema, &response);
    response.topics.items = ARENA_ARRAY(&request->arena, topic_answer, (size_t)asked->topics.count);
    response.topics.count = asked->topics.count;
    if (response.topics.items == NULL) {
        request_close(request);
        return;
    }
    for (int32_t i = 0; i < asked->topics.count; i++) {
        struct slice name = asked->topics.items[i].name;
        fill_error(&response.topics.items[i], slice_is_null(name) ? SLICE_LITERAL("") : name,
                   asked->topics.items[i].topic_id, KAFKA_ERROR_INVALID_REQUEST);
    }
    request_answer(request, &response);
}

/* A topic without a name or an id. */
static bool is_sensible(const struct metadata_request *asked)
{
    for (int32_t i = 0; i < asked->topics.count; i++)
        if (slice_is_null(asked->topics.items[i].name) && uuid_is_zero(asked->topics.items[i].topic_id))
            return false;
    return true;
}

struct waiting {
    struct auto_create create;
    struct request *request;
    struct metadata_request asked;
};

static void on_created(struct auto_create *create)
{
    struct waiting *waiting = CONTAINER_OF(create, struct waiting, create);
    answer(waiting->request, &waiting->asked, create, false);
}

void handle_metadata(struct request *request)
{
    struct waiting *waiting = ARENA_NEW(&request->arena, struct waiting);
    if (waiting == NULL) {
        request_close(request);
        return;
    }
    struct metadata_request *asked = &waiting->asked;
    if (!request_decode(request, asked))
        return;
    if (is_too_old(request, asked)) {
        refuse_all(request, asked);
        return;
    }
    if (!is_sensible(asked)) {
        request_close(request);
        return;
    }
    bool all = asked->topics.count < 0 || (request->header.version == 0 && asked->topics.count == 0);
    bool may_create = !all && request->shard->image->config->auto_create_topics_enable &&
                      (request->header.version < 4 || asked->allow_auto_topic_creation);
    if (may_create) {
        waiting->create.names = missing_topics(request, asked, &waiting->create.count);
        if (waiting->create.count > 0) {
            waiting->request = request;
            waiting->create.done = on_created;
            auto_create_topics(request->shard, &waiting->create);
            return;
        }
    }
    waiting->create.count = 0;
    answer(request, asked, &waiting->create, all);
}
