/* TxnOffsetCommit: offsets that count when the transaction commits (KIP-98, 447, 890). The group's partition belongs to
 * the transaction: it is verified or, from version 5, added; then the group takes the offsets as pending. Everything is
 * on this shard and the group's records leave in the order of these calls, so that a marker cannot come between. */
#include "core/controller/controller.h"
#include "net/handlers/api.h"
#include "net/handlers/group_call.h"
#include "net/handlers/txn_call.h"

enum {
    FIRST_WITH_LOADING = 2,
    FIRST_WITH_ABORTABLE = 4,
    FIRST_THAT_ADDS = 5,
    FIRST_WITH_TOPIC_IDS = 6,
    AGAIN_MS = 20,
    AGAIN_MAX_MS = 100
};

typedef struct txn_offset_commit_request_txn_offset_commit_request_topic asked_topic;
typedef struct txn_offset_commit_response_txn_offset_commit_response_topic topic_answer;
typedef struct txn_offset_commit_response_txn_offset_commit_response_partition partition_answer;

struct txn_offset_commit {
    struct group_request base;
    struct txn_call added;
    struct io_timer timer;
    int64_t until_ns;
    struct txn_offset_commit_request asked;
    struct txn_offset_commit_response response;
    struct group_commit commit;
    partition_answer **places; /* by item of the commit */
    int32_t group_partition;
};

/* Clients of before KAFKA-7296 cannot take a coordinator that is loading. */
static int16_t for_client(const struct txn_offset_commit *state, int16_t error)
{
    bool is_old = state->base.call.version < FIRST_WITH_LOADING;
    return is_old && error == KAFKA_ERROR_COORDINATOR_LOAD_IN_PROGRESS ? KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE : error;
}

static void finish(struct txn_offset_commit *state, int16_t error)
{
    for (int32_t i = 0; i < state->commit.count; i++)
        state->places[i]->error_code =
            for_client(state, error != KAFKA_ERROR_NONE ? error : state->commit.items[i].error);
    request_answer(state->base.request, &state->response);
}

static void answered(struct group_call *call)
{
    finish(CONTAINER_OF(call, struct txn_offset_commit, base.call), call->error);
}

static void commit(struct txn_offset_commit *state)
{
    struct group_machine *machine;
    int16_t error = groups_enter(request_groups(state->base.request), state->asked.group_id, &machine);
    if (error != KAFKA_ERROR_NONE) {
        finish(state, error);
        return;
    }
    group_commit(machine, &state->commit, &state->base.call);
    groups_leave(machine);
}

/* ---- the transaction --------------------------------------------------------------------------------------------- */

static void begin(struct txn_offset_commit *state);

static void again(struct io_timer *timer)
{
    begin(CONTAINER_OF(timer, struct txn_offset_commit, timer));
}

static void verified(struct txn_offset_commit *state, int16_t error)
{
    struct io *io = state->base.request->io;
    if (error == KAFKA_ERROR_NONE) {
        commit(state);
        return;
    }
    state->timer.fire = again;
    if (error == KAFKA_ERROR_CONCURRENT_TRANSACTIONS && state->base.call.version >= FIRST_THAT_ADDS &&
        io_now_ns(io) < state->until_ns &&
        io_timer_start(io, &state->timer, io_now_ns(io) + AGAIN_MS * 1000000) == ERR_OK)
        return; /* the transaction before is about to end */
    if (error == KAFKA_ERROR_PRODUCER_FENCED)
        error = KAFKA_ERROR_INVALID_PRODUCER_EPOCH;
    if (error == KAFKA_ERROR_TRANSACTION_ABORTABLE && state->base.call.version < FIRST_WITH_ABORTABLE)
        error = KAFKA_ERROR_INVALID_TXN_STATE;
    finish(state, error);
}

static void added(struct txn_call *call)
{
    verified(CONTAINER_OF(call, struct txn_offset_commit, added), call->error);
}

static void begin(struct txn_offset_commit *state)
{
    struct request *request = state->base.request;
    struct txn_machine *machine;
    const struct txn *txn;
    struct slice topic = SLICE_LITERAL(CONTROLLER_GROUP_TOPIC);
    struct txn_producer producer = {.id = state->asked.transactional_id,
                                    .producer_id = state->asked.producer_id,
                                    .epoch = state->asked.producer_epoch};
    int16_t error = txns_enter(request_txns(request), producer.id, &machine);
    if (error != KAFKA_ERROR_NONE) {
        verified(state, error);
        return;
    }
    if (state->base.call.version >= FIRST_THAT_ADDS) {
        txn_asked_topic asked = {.name = topic, .partitions = {&state->group_partition, 1}};
        state->added = (struct txn_call){.answered = added};
        txn_add_partitions(machine, &producer, &asked, 1, 2, &state->added);
        txns_leave(machine);
        return;
    }
    error = txn_verify(machine, &producer, &txn);
    if (error == KAFKA_ERROR_NONE && !txn_has_partition(txn, topic, state->group_partition))
        error = KAFKA_ERROR_TRANSACTION_ABORTABLE;
    txns_leave(machine);
    verified(state, error);
}

/* ---- the request ------------------------------------------------------------------------------------------------- */

static bool add_topic(struct txn_offset_commit *state, const asked_topic *asked, topic_answer *out)
{
    const struct image *image = state->base.request->shard->image;
    struct arena *arena = state->base.call.arena;
    bool by_id = state->base.call.version >= FIRST_WITH_TOPIC_IDS;
    const struct image_topic *topic =
        by_id ? image_topic_by_id(image, asked->topic_id) : image_topic_by_name(image, asked->name);
    int32_t count = asked->partitions.count;
    out->name = asked->name;
    out->topic_id = asked->topic_id;
    out->partitions.items = ARENA_ARRAY(arena, partition_answer, (size_t)count + 1);
    out->partitions.count = count;
    for (int32_t i = 0; out->partitions.items != NULL && i < count; i++) {
        const struct txn_offset_commit_request_txn_offset_commit_request_partition *from = &asked->partitions.items[i];
        partition_answer *place = &out->partitions.items[i];
        place->partition_index = from->partition_index;
        if (topic == NULL || image_partition_at(topic, from->partition_index) == NULL) {
            place->error_code =
                topic == NULL && by_id ? KAFKA_ERROR_UNKNOWN_TOPIC_ID : KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
            continue;
        }
        uint8_t *name = arena_copy(arena, topic->name, topic->name_length); /* the image may go meanwhile */
        if (name == NULL)
            return false;
        state->places[state->commit.count] = place;
        state->commit.items[state->commit.count++] = (struct group_offset){.topic = slice_of(name, topic->name_length),
                                                                           .topic_id = topic->id,
                                                                           .partition = from->partition_index,
                                                                           .leader_epoch = from->committed_leader_epoch,
                                                                           .offset = from->committed_offset,
                                                                           .metadata = from->committed_metadata};
    }
    return out->partitions.items != NULL;
}

static bool prepare(struct txn_offset_commit *state)
{
    struct arena *arena = state->base.call.arena;
    size_t topics = (size_t)state->asked.topics.count, partitions = 0;
    for (size_t i = 0; i < topics; i++)
        partitions += (size_t)state->asked.topics.items[i].partitions.count;
    state->response.topics.items = ARENA_ARRAY(arena, topic_answer, topics + 1);
    state->commit.items = ARENA_ARRAY(arena, struct group_offset, partitions + 1);
    state->places = ARENA_ARRAY(arena, partition_answer *, partitions + 1);
    bool made = !arena->failed;
    for (size_t i = 0; made && i < topics; i++)
        made = add_topic(state, &state->asked.topics.items[i], &state->response.topics.items[i]);
    state->response.topics.count = (int32_t)topics;
    return made;
}

void handle_txn_offset_commit(struct request *request)
{
    struct txn_offset_commit *state = ARENA_NEW(&request->arena, struct txn_offset_commit);
    if (!GROUP_REQUEST_BEGIN(state, request, answered))
        return;
    WIRE_DEFAULTS(txn_offset_commit_response_schema, &state->response);
    if (!prepare(state)) {
        request_close(request);
        return;
    }
    const struct txn_offset_commit_request *asked = &state->asked;
    state->until_ns = io_now_ns(request->io) + AGAIN_MAX_MS * 1000000LL;
    state->group_partition = group_partition_of(request->shard->image, asked->group_id);
    state->commit.group_id = asked->group_id;
    state->commit.member_id = asked->member_id;
    state->commit.instance_id = asked->group_instance_id;
    state->commit.generation = asked->generation_id_or_member_epoch;
    state->commit.retention_ms = -1;
    state->commit.transactional = true;
    state->commit.producer_id = asked->producer_id;
    state->commit.producer_epoch = asked->producer_epoch;
    if (state->commit.count == 0)
        finish(state, KAFKA_ERROR_NONE);
    else if (asked->group_id.length == 0)
        finish(state, KAFKA_ERROR_INVALID_GROUP_ID);
    else
        begin(state);
}
