/* ListTransactions and DescribeTransactions: what the coordinator of a transactional id knows of it (KIP-664, 994,
 * 1152). */
#include "core/wire/messages.h"
#include "io/base/pattern.h"
#include "net/handlers/api.h"
#include "net/handlers/txn_call.h"

/* ---- list -------------------------------------------------------------------------------------------------------- */

typedef struct list_transactions_response_transaction_state listed;

struct filter {
    const struct list_transactions_request *asked;
    bool states[TXN_STATES];
    const struct pattern *pattern; /* NULL: any id */
    int64_t wall_ms;
};

static bool has_producer(const struct list_transactions_request *asked, int64_t producer_id)
{
    for (int32_t i = 0; i < asked->producer_id_filters.count; i++)
        if (asked->producer_id_filters.items[i] == producer_id)
            return true;
    return asked->producer_id_filters.count == 0;
}

static bool is_wanted(const struct filter *filter, const struct txn *txn)
{
    const struct list_transactions_request *asked = filter->asked;
    if (!has_producer(asked, txn->now.producer_id))
        return false;
    if (asked->state_filters.count > 0 && !filter->states[txn->now.state])
        return false;
    int64_t duration_ms; /* the record's number may be any */
    if (asked->duration_filter >= 0 && !__builtin_sub_overflow(filter->wall_ms, txn->now.start_ms, &duration_ms) &&
        duration_ms <= asked->duration_filter)
        return false;
    return filter->pattern == NULL || pattern_matches(filter->pattern, slice_of(txn->id, txn->id_length));
}

static bool note_states(struct request *request, struct filter *filter, struct list_transactions_response *response)
{
    int32_t count = filter->asked->state_filters.count;
    response->unknown_state_filters.items = ARENA_ARRAY(&request->arena, struct slice, (size_t)count + 1);
    if (response->unknown_state_filters.items == NULL)
        return false;
    for (int32_t i = 0; i < count; i++) {
        enum txn_state state;
        if (txn_state_of(filter->asked->state_filters.items[i], &state))
            filter->states[state] = true;
        else
            response->unknown_state_filters.items[response->unknown_state_filters.count++] =
                filter->asked->state_filters.items[i];
    }
    return true;
}

/* Twice over all machines: to count, and to fill in. False: no memory. */
static bool list_all(struct request *request, const struct filter *filter, struct list_transactions_response *response)
{
    struct txns *txns = request_txns(request);
    for (int round = 0; round < 2; round++) {
        int32_t count = 0;
        for (int32_t p = 0; p < coordinator_partition_count(txns_coordinator(txns)); p++) {
            struct txn_machine *machine;
            int16_t error = txns_enter_at(txns, p, &machine);
            if (error == KAFKA_ERROR_COORDINATOR_LOAD_IN_PROGRESS)
                response->error_code = error;
            if (error != KAFKA_ERROR_NONE)
                continue; /* another broker lists them */
            for (const struct txn *txn = NULL; (txn = txn_list_next(machine, txn)) != NULL;) {
                if (!is_wanted(filter, txn))
                    continue;
                if (round == 1)
                    response->transaction_states.items[count] =
                        (listed){.transactional_id = slice_of(txn->id, txn->id_length),
                                 .producer_id = txn->now.producer_id,
                                 .transaction_state = slice_from_string(txn_state_name(txn->now.state))};
                count++;
            }
        }
        if (round == 0)
            response->transaction_states.items = ARENA_ARRAY(&request->arena, listed, (size_t)count + 1);
        if (response->transaction_states.items == NULL)
            return false;
        response->transaction_states.count = count;
    }
    if (response->error_code != KAFKA_ERROR_NONE)
        response->transaction_states.count = 0;
    return true;
}

void handle_list_transactions(struct request *request)
{
    struct list_transactions_request asked;
    struct list_transactions_response response;
    struct pattern *pattern = NULL;
    char why[PATTERN_ERROR_BYTES];
    if (!request_decode(request, &asked))
        return;
    WIRE_DEFAULTS(list_transactions_response_schema, &response);
    struct filter filter = {.asked = &asked, .wall_ms = io_wall_ms(request->io)};
    bool made = note_states(request, &filter, &response);
    if (made && asked.transactional_id_pattern.length > 0) {
        enum err err = pattern_compile(io_mem(request->io), asked.transactional_id_pattern, &pattern, why);
        made = err != ERR_NO_MEMORY;
        if (err == ERR_INVALID) {
            response.error_code = KAFKA_ERROR_INVALID_REGULAR_EXPRESSION;
            request_answer(request, &response);
            return;
        }
    }
    filter.pattern = pattern;
    made = made && list_all(request, &filter, &response);
    pattern_free(pattern);
    if (made)
        request_answer(request, &response);
    else
        request_close(request);
}

/* ---- describe ---------------------------------------------------------------------------------------------------- */

typedef struct describe_transactions_response_transaction_state described;
typedef struct describe_transactions_response_topic_data topic_data;

/* Partitions whose marker is written do not belong to it any more. */
static bool fill_topics(struct arena *arena, const struct txn *txn, described *out)
{
    const struct txn_topics *topics = &txn->now.topics;
    out->topics.items = ARENA_ARRAY(arena, topic_data, (size_t)topics->count + 1);
    for (int32_t i = 0; out->topics.items != NULL && i < topics->count; i++) {
        const struct txn_topic *from = &topics->items[i];
        topic_data *to = &out->topics.items[out->topics.count];
        to->topic = slice_of(from->name, from->name_length);
        to->partitions.items = ARENA_ARRAY(arena, int32_t, (size_t)from->count);
        if (to->partitions.items == NULL)
            return false;
        for (int32_t k = 0; k < from->count; k++)
            if (from->partitions[k].mark != TXN_MARK_DONE)
                to->partitions.items[to->partitions.count++] = from->partitions[k].index;
        out->topics.count += to->partitions.count > 0;
    }
    return out->topics.items != NULL;
}

static bool describe(struct request *request, struct slice id, described *out)
{
    struct txn_machine *machine;
    out->transactional_id = id;
    out->error_code = id.length == 0 ? KAFKA_ERROR_INVALID_REQUEST : txns_enter(request_txns(request), id, &machine);
    if (out->error_code != KAFKA_ERROR_NONE)
        return true;
    const struct txn *txn = txn_find(machine, id);
    if (txn == NULL) {
        out->error_code = KAFKA_ERROR_TRANSACTIONAL_ID_NOT_FOUND;
        return true;
    }
    out->producer_id = txn->now.producer_id;
    out->producer_epoch = txn->now.epoch;
    out->transaction_state = slice_from_string(txn_state_name(txn->now.state));
    out->transaction_timeout_ms = txn->now.timeout_ms;
    out->transaction_start_time_ms = txn->now.start_ms;
    return fill_topics(&request->arena, txn, out);
}

void handle_describe_transactions(struct request *request)
{
    struct describe_transactions_request asked;
    struct describe_transactions_response response;
    if (!request_decode(request, &asked))
        return;
    WIRE_DEFAULTS(describe_transactions_response_schema, &response);
    int32_t count = asked.transactional_ids.count;
    response.transaction_states.items = ARENA_ARRAY(&request->arena, described, (size_t)count + 1);
    response.transaction_states.count = count;
    bool made = response.transaction_states.items != NULL;
    for (int32_t i = 0; made && i < count; i++) {
        described *out = &response.transaction_states.items[i];
        wire_set_defaults(&describe_transactions_response_transaction_state_struct, out);
        made = describe(request, asked.transactional_ids.items[i], out);
    }
    if (made)
        request_answer(request, &response);
    else
        request_close(request);
}
