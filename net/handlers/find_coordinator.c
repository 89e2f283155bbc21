/* FindCoordinator: which broker looks after a group or a transactional id (KIP-699 asks for many at once). The
 * coordinators' topics are made when the first client asks: it is answered when they are there. */
#include "core/controller/controller.h"
#include "core/coordinator/coordinator.h"
#include "net/handlers/api.h"
#include "net/handlers/auto_create.h"
#include "net/handlers/endpoints.h"
#include "net/handlers/shard.h"

enum { KEY_GROUP = 0, KEY_TRANSACTION = 1, KEY_SHARE = 2, FIRST_WITH_MANY_KEYS = 4 };

typedef struct find_coordinator_response_coordinator found;

struct find_coordinator {
    struct auto_create create;
    struct request *request;
    struct find_coordinator_request asked;
    struct slice topic;
};

/* Kafka's own words: tools show them. */
static struct slice message_of(int16_t error)
{
    switch (error) {
    case KAFKA_ERROR_NONE:
        return SLICE_LITERAL("NONE");
    case KAFKA_ERROR_INVALID_REQUEST:
        return SLICE_LITERAL("This most likely occurs because of a request being malformed by the client library or "
                             "the message was sent to an incompatible broker. See the broker logs for more details.");
    default:
        return SLICE_LITERAL("The coordinator is not available.");
    }
}

static found refused(struct slice key, int16_t error, struct slice message)
{
    return (found){.key = key,
                   .node_id = -1,
                   .host = SLICE_LITERAL(""),
                   .port = -1,
                   .error_code = error,
                   .error_message = message};
}

static found find(const struct request *request, struct slice topic, struct slice key)
{
    const struct image *image = request->shard->image;
    const struct image_topic *in = image_topic_by_name(image, topic);
    int32_t index = in == NULL ? -1 : coordinator_partition_of(image, in->name, key);
    const struct image_broker *broker = index < 0 ? NULL : image_broker_by_id(image, in->partitions[index].leader);
    found out = {.key = key, .error_message = SLICE_LITERAL("")};
    if (broker == NULL || broker->fenced || !endpoint_of(request, broker, &out.host, &out.port))
        return refused(key, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE, SLICE_LITERAL(""));
    out.node_id = broker->id;
    return out;
}

static void answer_one(struct request *request, const found *one)
{
    struct find_coordinator_response response;
    WIRE_DEFAULTS(find_coordinator_response_schema, &response);
    response.error_code = one->error_code;
    response.error_message = message_of(one->error_code);
    response.node_id = one->node_id;
    response.host = one->host;
    response.port = one->port;
    request_answer(request, &response);
}

static void answer(struct find_coordinator *state)
{
    struct request *request = state->request;
    bool known = state->topic.length > 0;
    if (request->header.version < FIRST_WITH_MANY_KEYS) {
        found one = known ? find(request, state->topic, state->asked.key)
                          : refused(state->asked.key, KAFKA_ERROR_INVALID_REQUEST, SLICE_LITERAL(""));
        answer_one(request, &one);
        return;
    }
    struct find_coordinator_response response;
    WIRE_DEFAULTS(find_coordinator_response_schema, &response);
    int32_t count = state->asked.coordinator_keys.count;
    response.coordinators.items = ARENA_ARRAY(&request->arena, found, (size_t)count + 1);
    if (response.coordinators.items == NULL) {
        request_close(request);
        return;
    }
    for (int32_t i = 0; i < count; i++) {
        struct slice key = state->asked.coordinator_keys.items[i];
        response.coordinators.items[i] =
            known ? find(request, state->topic, key)
                  : refused(key, KAFKA_ERROR_INVALID_REQUEST,
                            state->asked.key_type == KEY_SHARE ? SLICE_LITERAL("")
                                                               : message_of(KAFKA_ERROR_INVALID_REQUEST));
    }
    response.coordinators.count = count;
    request_answer(request, &response);
}

static void on_created(struct auto_create *create)
{
    answer(CONTAINER_OF(create, struct find_coordinator, create));
}

void handle_find_coordinator(struct request *request)
{
    struct find_coordinator *state = ARENA_NEW(&request->arena, struct find_coordinator);
    if (state == NULL) {
        request_close(request);
        return;
    }
    if (!request_decode(request, &state->asked))
        return;
    state->request = request;
    if (state->asked.key_type == KEY_GROUP)
        state->topic = SLICE_LITERAL(CONTROLLER_GROUP_TOPIC);
    else if (state->asked.key_type == KEY_TRANSACTION)
        state->topic = SLICE_LITERAL(CONTROLLER_TRANSACTION_TOPIC);
    bool asks = request->header.version < FIRST_WITH_MANY_KEYS || state->asked.coordinator_keys.count > 0;
    if (state->topic.length == 0 || !asks || image_topic_by_name(request->shard->image, state->topic) != NULL) {
        answer(state);
        return;
    }
    state->create = (struct auto_create){.done = on_created, .names = &state->topic, .count = 1};
    auto_create_topics(request->shard, &state->create);
}
