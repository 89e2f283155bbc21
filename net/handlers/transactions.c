/* The steps of a transaction as its producer asks for them: InitProducerId with a transactional id, AddPartitionsToTxn,
 * AddOffsetsToTxn, EndTxn (KIP-98, 360, 588, 890). */
#include "core/controller/controller.h"
#include "core/wire/messages.h"
#include "net/handlers/api.h"
#include "net/handlers/txn_call.h"

enum { FENCED_SINCE_INIT = 4, FENCED_SINCE = 2, FIRST_OF_BROKERS = 4, FIRST_WITH_EPOCH_BUMP = 5 };

int32_t group_partition_of(const struct image *image, struct slice group_id)
{
    int32_t partition = coordinator_partition_of(image, CONTROLLER_GROUP_TOPIC, group_id);
    return partition >= 0 ? partition : coordinator_partition_in(image->config->offsets_topic_num_partitions, group_id);
}

/* ---- InitProducerId ---------------------------------------------------------------------------------------------- */

struct init {
    struct txn_request base;
    struct init_producer_id_request asked;
};

static void answer_init(struct request *request, int16_t error, int64_t producer_id, int16_t epoch)
{
    struct init_producer_id_response response;
    WIRE_DEFAULTS(init_producer_id_response_schema, &response);
    response.error_code = txn_error_for(error, request->header.version, FENCED_SINCE_INIT);
    response.producer_id = error == KAFKA_ERROR_NONE ? producer_id : -1;
    response.producer_epoch = error == KAFKA_ERROR_NONE ? epoch : -1;
    request_answer(request, &response);
}

static void init_answered(struct txn_call *call)
{
    answer_init(txn_request_of(call)->request, call->error, call->producer_id, call->epoch);
}

static void init_go(struct txns_wait *wait, bool has_ids)
{
    struct init *init = CONTAINER_OF(wait, struct init, base.wait);
    struct request *request = init->base.request;
    struct txn_machine *machine;
    int16_t error = has_ids ? txns_enter(request_txns(request), init->asked.transactional_id, &machine)
                            : KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
    if (error != KAFKA_ERROR_NONE) {
        answer_init(request, error, -1, -1);
        return;
    }
    struct txn_producer producer = {.id = init->asked.transactional_id,
                                    .producer_id = init->asked.producer_id,
                                    .epoch = init->asked.producer_epoch};
    txn_init_producer_id(machine, &producer, init->asked.transaction_timeout_ms, &init->base.call);
    txns_leave(machine);
}

void handle_init_transactional(struct request *request)
{
    struct init *init = ARENA_NEW(&request->arena, struct init);
    if (init == NULL) {
        request_close(request);
        return;
    }
    if (!request_decode(request, &init->asked))
        return;
    txn_request_init(&init->base, request, init_answered);
    init->base.wait.go = init_go;
    int32_t timeout_ms = init->asked.transaction_timeout_ms;
    if (timeout_ms <= 0 || timeout_ms > request->shard->image->config->transaction_max_timeout_ms) {
        answer_init(request, KAFKA_ERROR_INVALID_TRANSACTION_TIMEOUT, -1, -1);
        return;
    }
    txns_with_ids(request_txns(request), &init->base.wait);
}

/* ---- AddPartitionsToTxn ------------------------------------------------------------------------------------------ */

typedef struct add_partitions_to_txn_request_add_partitions_to_txn_transaction asked_transaction;
typedef struct add_partitions_to_txn_response_add_partitions_to_txn_topic_result topic_result;
typedef struct add_partitions_to_txn_response_add_partitions_to_txn_partition_result partition_result;

struct add;

struct add_one {
    struct txn_call call;
    struct add *add;
    const asked_transaction *asked;
    topic_result *topics; /* of the answer, as asked */
};

struct add {
    struct request *request;
    struct add_partitions_to_txn_request asked;
    struct add_partitions_to_txn_response response;
    asked_transaction first; /* of the versions with only one */
    struct add_one *ones;
    int32_t pending;
};

static void leave_add(struct add *add)
{
    if (--add->pending == 0)
        request_answer(add->request, &add->response);
}

static void set_all(struct add_one *one, int16_t error)
{
    error = txn_error_for(error, one->add->request->header.version, FENCED_SINCE);
    for (int32_t i = 0; i < one->asked->topics.count; i++)
        for (int32_t k = 0; k < one->topics[i].results_by_partition.count; k++)
            one->topics[i].results_by_partition.items[k].partition_error_code = error;
}

static void one_answered(struct txn_call *call)
{
    struct add_one *one = CONTAINER_OF(call, struct add_one, call);
    set_all(one, call->error);
    leave_add(one->add);
}

static int16_t refusal(const struct add *add, struct slice topic, int32_t partition)
{
    const struct image_topic *found = image_topic_by_name(add->request->shard->image, topic);
    bool is_internal =
        slice_equal_string(topic, CONTROLLER_GROUP_TOPIC) || slice_equal_string(topic, CONTROLLER_TRANSACTION_TOPIC);
    if (is_internal && add->request->header.version < FIRST_OF_BROKERS)
        return KAFKA_ERROR_TOPIC_AUTHORIZATION_FAILED; /* the broker's own: not for clients */
    return found == NULL || image_partition_at(found, partition) == NULL ? KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION
                                                                         : KAFKA_ERROR_NONE;
}

/* The places of the answer; one partition that cannot be added keeps the others out too. */
static bool make_results(struct add_one *one, bool *all_good)
{
    struct arena *arena = &one->add->request->arena;
    int32_t count = one->asked->topics.count;
    one->topics = ARENA_ARRAY(arena, topic_result, (size_t)count + 1);
    *all_good = true;
    for (int32_t i = 0; one->topics != NULL && i < count; i++) {
        const txn_asked_topic *topic = &one->asked->topics.items[i];
        topic_result *result = &one->topics[i];
        result->name = topic->name;
        result->results_by_partition.items = ARENA_ARRAY(arena, partition_result, (size_t)topic->partitions.count + 1);
        result->results_by_partition.count = topic->partitions.count;
        if (result->results_by_partition.items == NULL)
            return false;
        for (int32_t k = 0; k < topic->partitions.count; k++) {
            int32_t partition = topic->partitions.items[k];
            int16_t error = refusal(one->add, topic->name, partition);
            result->results_by_partition.items[k] =
                (partition_result){.partition_index = partition, .partition_error_code = error};
            *all_good = *all_good && error == KAFKA_ERROR_NONE;
        }
    }
    return one->topics != NULL;
}

static void not_attempted(struct add_one *one)
{
    for (int32_t i = 0; i < one->asked->topics.count; i++)
        for (int32_t k = 0; k < one->topics[i].results_by_partition.count; k++) {
            partition_result *result = &one->topics[i].results_by_partition.items[k];
            if (result->partition_error_code == KAFKA_ERROR_NONE)
                result->partition_error_code = KAFKA_ERROR_OPERATION_NOT_ATTEMPTED;
        }
}

static void verify(struct add_one *one, const struct txn_machine *machine, const struct txn_producer *producer)
{
    const struct txn *txn;
    int16_t error = txn_verify(machine, producer, &txn);
    set_all(one, error);
    for (int32_t i = 0; error == KAFKA_ERROR_NONE && i < one->asked->topics.count; i++)
        for (int32_t k = 0; k < one->topics[i].results_by_partition.count; k++) {
            partition_result *result = &one->topics[i].results_by_partition.items[k];
            if (!txn_has_partition(txn, one->topics[i].name, result->partition_index))
                result->partition_error_code = KAFKA_ERROR_TRANSACTION_ABORTABLE;
        }
    leave_add(one->add);
}

static void run_one(struct add_one *one, bool all_good)
{
    struct request *request = one->add->request;
    const asked_transaction *asked = one->asked;
    struct txn_machine *machine;
    if (!all_good) {
        not_attempted(one);
        leave_add(one->add);
        return;
    }
    int16_t error = asked->transactional_id.length == 0
                        ? KAFKA_ERROR_INVALID_REQUEST
                        : txns_enter(request_txns(request), asked->transactional_id, &machine);
    if (error != KAFKA_ERROR_NONE) {
        set_all(one, error);
        leave_add(one->add);
        return;
    }
    struct txn_producer producer = {
        .id = asked->transactional_id, .producer_id = asked->producer_id, .epoch = asked->producer_epoch};
    if (asked->verify_only)
        verify(one, machine, &producer);
    else
        txn_add_partitions(machine, &producer, asked->topics.items, asked->topics.count,
                           request->header.version >= FIRST_OF_BROKERS ? 2 : 0, &one->call);
    txns_leave(machine);
}

static bool prepare_add(struct add *add, const asked_transaction **list, int32_t *count)
{
    const struct add_partitions_to_txn_request *asked = &add->asked;
    *list = asked->transactions.items;
    *count = asked->transactions.count;
    if (add->request->header.version < FIRST_OF_BROKERS) {
        add->first = (asked_transaction){.transactional_id = asked->v3_and_below_transactional_id,
                                         .producer_id = asked->v3_and_below_producer_id,
                                         .producer_epoch = asked->v3_and_below_producer_epoch};
        add->first.topics.items = asked->v3_and_below_topics.items;
        add->first.topics.count = asked->v3_and_below_topics.count;
        *list = &add->first;
        *count = 1;
    }
    struct arena *arena = &add->request->arena;
    add->ones = ARENA_ARRAY(arena, struct add_one, (size_t)*count + 1);
    add->response.results_by_transaction.items =
        ARENA_ARRAY(arena, struct add_partitions_to_txn_response_add_partitions_to_txn_result, (size_t)*count + 1);
    return add->ones != NULL && add->response.results_by_transaction.items != NULL;
}

void handle_add_partitions_to_txn(struct request *request)
{
    struct add *add = ARENA_NEW(&request->arena, struct add);
    const asked_transaction *list;
    int32_t count;
    if (add == NULL) {
        request_close(request);
        return;
    }
    if (!request_decode(request, &add->asked))
        return;
    add->request = request;
    WIRE_DEFAULTS(add_partitions_to_txn_response_schema, &add->response);
    bool made = prepare_add(add, &list, &count);
    bool *all_good = made ? ARENA_ARRAY(&request->arena, bool, (size_t)count + 1) : NULL;
    made = all_good != NULL;
    for (int32_t i = 0; made && i < count; i++) {
        add->ones[i] = (struct add_one){.call = {.answered = one_answered}, .add = add, .asked = &list[i]};
        made = make_results(&add->ones[i], &all_good[i]);
        struct add_partitions_to_txn_response_add_partitions_to_txn_result *result =
            &add->response.results_by_transaction.items[i];
        result->transactional_id = list[i].transactional_id;
        result->topic_results.items = add->ones[i].topics;
        result->topic_results.count = list[i].topics.count;
    }
    if (!made) {
        request_close(request);
        return;
    }
    add->response.results_by_transaction.count = count;
    if (request->header.version < FIRST_OF_BROKERS) {
        add->response.results_by_topic_v3_and_below.items = add->ones[0].topics;
        add->response.results_by_topic_v3_and_below.count = list[0].topics.count;
    }
    add->pending = 1 + count;
    for (int32_t i = 0; i < count; i++)
        run_one(&add->ones[i], all_good[i]);
    leave_add(add);
}

/* ---- AddOffsetsToTxn --------------------------------------------------------------------------------------------- */

struct add_offsets {
    struct txn_request base;
    struct add_offsets_to_txn_request asked;
    int32_t partition;
};

static void answer_add_offsets(struct request *request, int16_t error)
{
    struct add_offsets_to_txn_response response;
    WIRE_DEFAULTS(add_offsets_to_txn_response_schema, &response);
    response.error_code = txn_error_for(error, request->header.version, FENCED_SINCE);
    request_answer(request, &response);
}

static void add_offsets_answered(struct txn_call *call)
{
    answer_add_offsets(txn_request_of(call)->request, call->error);
}

void handle_add_offsets_to_txn(struct request *request)
{
    struct add_offsets *state = ARENA_NEW(&request->arena, struct add_offsets);
    struct txn_machine *machine;
    if (state == NULL) {
        request_close(request);
        return;
    }
    if (!request_decode(request, &state->asked))
        return;
    txn_request_init(&state->base, request, add_offsets_answered);
    state->partition = group_partition_of(request->shard->image, state->asked.group_id);
    int16_t error = state->asked.transactional_id.length == 0
                        ? KAFKA_ERROR_INVALID_REQUEST
                        : txns_enter(request_txns(request), state->asked.transactional_id, &machine);
    if (error != KAFKA_ERROR_NONE) {
        answer_add_offsets(request, error);
        return;
    }
    struct txn_producer producer = {.id = state->asked.transactional_id,
                                    .producer_id = state->asked.producer_id,
                                    .epoch = state->asked.producer_epoch};
    txn_asked_topic topic = {.name = SLICE_LITERAL(CONTROLLER_GROUP_TOPIC), .partitions = {&state->partition, 1}};
    txn_add_partitions(machine, &producer, &topic, 1, 0, &state->base.call);
    txns_leave(machine);
}

/* ---- EndTxn ------------------------------------------------------------------------------------------------------ */

struct end {
    struct txn_request base;
    struct end_txn_request asked;
};

static void answer_end(struct request *request, int16_t error, int64_t producer_id, int16_t epoch)
{
    struct end_txn_response response;
    WIRE_DEFAULTS(end_txn_response_schema, &response);
    response.error_code = txn_error_for(error, request->header.version, FENCED_SINCE);
    response.producer_id = producer_id;
    response.producer_epoch = epoch;
    request_answer(request, &response);
}

static void end_answered(struct txn_call *call)
{
    answer_end(txn_request_of(call)->request, call->error, call->producer_id, call->epoch);
}

static void end_go(struct txns_wait *wait, bool has_ids)
{
    struct end *end = CONTAINER_OF(wait, struct end, base.wait);
    struct request *request = end->base.request;
    struct txn_machine *machine;
    int16_t error = KAFKA_ERROR_INVALID_REQUEST;
    if (end->asked.transactional_id.length > 0)
        error = has_ids ? txns_enter(request_txns(request), end->asked.transactional_id, &machine)
                        : KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
    if (error != KAFKA_ERROR_NONE) {
        answer_end(request, error, -1, -1);
        return;
    }
    struct txn_producer producer = {
        .id = end->asked.transactional_id, .producer_id = end->asked.producer_id, .epoch = end->asked.producer_epoch};
    txn_end(machine, &producer, end->asked.committed, request->header.version >= FIRST_WITH_EPOCH_BUMP ? 2 : 0,
            &end->base.call);
    txns_leave(machine);
}

void handle_end_txn(struct request *request)
{
    struct end *end = ARENA_NEW(&request->arena, struct end);
    if (end == NULL) {
        request_close(request);
        return;
    }
    if (!request_decode(request, &end->asked))
        return;
    txn_request_init(&end->base, request, end_answered);
    end->base.wait.go = end_go;
    txns_with_ids(request_txns(request), &end->base.wait);
}
