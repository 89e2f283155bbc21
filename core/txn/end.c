/* The end of a transaction: decision -> record -> answer -> markers -> last record. */
#include "core/txn/internal.h"

static bool is_exhausted(int16_t epoch)
{
    return epoch >= INT16_MAX - 1;
}

/* ---- the decision ------------------------------------------------------------------------------------------------ */

/* version 2: the epoch moves on with every end. When the client has seen the last but one, it goes on with a new id. */
static bool make_decision(struct txn_machine *machine, struct txn *txn, bool commit, int16_t client_version,
                          bool nothing_added)
{
    if (!txn_begin_step(machine, txn, commit ? TXN_PREPARE_COMMIT : TXN_PREPARE_ABORT, true))
        return false;
    struct txn_value *next = &txn->next;
    next->next_producer_id = TXN_NO_ID;
    if (client_version >= 2) {
        if (is_exhausted(txn->now.epoch))
            next->next_producer_id = machine->ids->next++;
        if (txn->now.epoch < INT16_MAX)
            next->epoch = (int16_t)(txn->now.epoch + 1);
        next->last_epoch = txn->now.epoch;
    }
    if (nothing_added)
        next->start_ms = machine->wall_ms;
    next->update_ms = machine->wall_ms;
    next->client_version = client_version;
    return true;
}

static void decide(struct txn_machine *machine, struct txn *txn, bool commit, int16_t client_version,
                   bool nothing_added, struct txn_call *call)
{
    if (make_decision(machine, txn, commit, client_version, nothing_added) && txn_send(machine, txn, STEP_DECIDE, call))
        return;
    txn_drop_step(machine, txn);
    txn_answer(machine, call, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
}

/* What the producer is not told has no answer: with version 2 the decision bumps its epoch, else it is bumped here. */
void txn_fence(struct txn_machine *machine, struct txn *txn, struct txn_call *call)
{
    ASSERT(txn->now.state == TXN_ONGOING && !txn->busy);
    int16_t version = machine->settings.version >= 2 ? 2 : 0;
    bool made = make_decision(machine, txn, false, version, false);
    if (made && version == 0 && txn->now.epoch < INT16_MAX) {
        txn->next.epoch = (int16_t)(txn->now.epoch + 1);
        txn->next.last_epoch = TXN_NO_EPOCH;
    }
    if (made && txn_send(machine, txn, STEP_FENCE, call))
        return;
    txn_drop_step(machine, txn);
    if (call != NULL)
        txn_answer(machine, call, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
}

/* ---- EndTxn ------------------------------------------------------------------------------------------------------ */

/* Clients before version 2: the same epoch for one transaction after the other. */
static void end_old(struct txn_machine *machine, struct txn *txn, const struct txn_producer *producer, bool commit,
                    struct txn_call *call)
{
    int16_t error = KAFKA_ERROR_NONE;
    if (txn->now.producer_id != producer->producer_id)
        error = KAFKA_ERROR_INVALID_PRODUCER_ID_MAPPING;
    else if (txn->now.epoch != producer->epoch)
        error = KAFKA_ERROR_PRODUCER_FENCED;
    else if (txn->busy) /* as what is prepared always is */
        error = KAFKA_ERROR_CONCURRENT_TRANSACTIONS;
    else if (txn->now.state == TXN_COMPLETE_COMMIT || txn->now.state == TXN_COMPLETE_ABORT)
        error = (txn->now.state == TXN_COMPLETE_COMMIT) == commit ? KAFKA_ERROR_NONE : KAFKA_ERROR_INVALID_TXN_STATE;
    else if (txn->now.state != TXN_ONGOING)
        error = KAFKA_ERROR_INVALID_TXN_STATE;
    else {
        decide(machine, txn, commit, 0, false, call);
        return;
    }
    txn_answer(machine, call, error);
}

/* The state and whether the request is a repetition decide (Kafka's table in TransactionCoordinator). */
static int16_t check_end(const struct txn *txn, const struct txn_producer *producer, bool commit, bool *is_done)
{
    const struct txn_value *now = &txn->now;
    bool again_overflow =
        now->previous_producer_id == producer->producer_id && producer->epoch == INT16_MAX - 1 && now->epoch == 0;
    bool again_bump = now->epoch == producer->epoch + 1;
    bool is_again = again_bump || again_overflow;
    bool is_current = producer->epoch == now->epoch;
    *is_done = false;
    if (txn->busy)
        return KAFKA_ERROR_CONCURRENT_TRANSACTIONS;
    if (now->producer_id != producer->producer_id && !again_overflow)
        return KAFKA_ERROR_INVALID_PRODUCER_ID_MAPPING;
    switch (now->state) {
    case TXN_ONGOING:
        return is_current ? KAFKA_ERROR_NONE : KAFKA_ERROR_PRODUCER_FENCED;
    case TXN_EMPTY:
        if (!is_current)
            return KAFKA_ERROR_PRODUCER_FENCED;
        return commit ? KAFKA_ERROR_INVALID_TXN_STATE : KAFKA_ERROR_NONE;
    case TXN_COMPLETE_COMMIT:
    case TXN_COMPLETE_ABORT:
        if (!is_again && !is_current)
            return KAFKA_ERROR_PRODUCER_FENCED;
        *is_done = is_again && (now->state == TXN_COMPLETE_COMMIT) == commit;
        if (is_again)
            return *is_done ? KAFKA_ERROR_NONE : KAFKA_ERROR_INVALID_TXN_STATE;
        return commit ? KAFKA_ERROR_INVALID_TXN_STATE : KAFKA_ERROR_NONE; /* an abort of nothing */
    case TXN_PREPARE_COMMIT:                                              /* busy */
    case TXN_PREPARE_ABORT:
    case TXN_DEAD:
    case TXN_PREPARE_EPOCH_FENCE:
    case TXN_STATES:
        break;
    }
    UNREACHABLE();
}

void txn_end(struct txn_machine *machine, const struct txn_producer *producer, bool commit, int16_t client_version,
             struct txn_call *call)
{
    ASSERT(machine->ids->end > machine->ids->next);
    if (slice_is_null(producer->id) || producer->id.length == 0) {
        txn_answer(machine, call, KAFKA_ERROR_INVALID_REQUEST);
        return;
    }
    struct txn *txn = txn_lookup(machine, producer->id);
    if (txn == NULL) {
        txn_answer(machine, call, KAFKA_ERROR_INVALID_PRODUCER_ID_MAPPING);
        return;
    }
    if (client_version < 2) {
        end_old(machine, txn, producer, commit, call);
        return;
    }
    bool is_done;
    int16_t error = check_end(txn, producer, commit, &is_done);
    if (error == KAFKA_ERROR_NONE && !is_done) {
        decide(machine, txn, commit, client_version, txn->now.state != TXN_ONGOING, call);
        return;
    }
    if (is_done) {
        call->producer_id = txn->now.producer_id;
        call->epoch = txn->now.epoch;
    }
    txn_answer(machine, call, error);
}

/* ---- markers ----------------------------------------------------------------------------------------------------- */

static bool all_marked(const struct txn *txn)
{
    for (int32_t i = 0; i < txn->now.topics.count; i++)
        for (int32_t k = 0; k < txn->now.topics.items[i].count; k++)
            if (txn->now.topics.items[i].partitions[k].mark != TXN_MARK_DONE)
                return false;
    return true;
}

static void retry_later(struct txn_machine *machine)
{
    if (machine->retry_at_ms == INT64_MAX)
        machine->retry_at_ms = machine->now_ms + TXN_RETRY_MS;
}

/* Busy until the last record: the id's next value is made now, so that the answer to its end can tell it. */
void txn_decided(struct txn_machine *machine, struct txn *txn)
{
    const struct txn_value *now = &txn->now;
    bool made = txn_begin_step(machine, txn, txn_commits(txn) ? TXN_COMPLETE_COMMIT : TXN_COMPLETE_ABORT, false);
    ASSERT(made); /* takes no memory */
    if (now->client_version >= 2 && now->next_producer_id != TXN_NO_ID) {
        txn->next.producer_id = now->next_producer_id;
        txn->next.epoch = 0;
    }
    txn->next.next_producer_id = TXN_NO_ID;
    txn->next.update_ms = machine->wall_ms;
    txn->busy = txn->marking = true;
    if (all_marked(txn))
        txn_finish(machine, txn);
    else if (list_empty(&txn->mark_link))
        list_push_back(&machine->to_mark, &txn->mark_link);
}

void txn_finish(struct txn_machine *machine, struct txn *txn)
{
    ASSERT(txn->marking && txn->marks_out == 0 && txn->in_flight == NULL);
    if (!txn_send(machine, txn, STEP_COMPLETE, NULL))
        retry_later(machine);
}

bool txn_take_marking(struct txn *txn, struct txn_marking *marking)
{
    for (int32_t i = 0; i < txn->now.topics.count; i++)
        for (int32_t k = 0; k < txn->now.topics.items[i].count; k++) {
            struct txn_partition *partition = &txn->now.topics.items[i].partitions[k];
            if (partition->mark != TXN_MARK_WANTED)
                continue;
            partition->mark = TXN_MARK_OUT;
            txn->marks_out++;
            *marking = (struct txn_marking){.txn = txn, .topic = i, .partition = k};
            return true;
        }
    return false;
}

void txn_marked(struct txn_machine *machine, const struct txn_marking *marking, int16_t error)
{
    struct txn *txn = marking->txn;
    struct txn_partition *partition = &txn->now.topics.items[marking->topic].partitions[marking->partition];
    ASSERT(txn->marking && partition->mark == TXN_MARK_OUT && txn->marks_out > 0);
    txn->marks_out--;
    /* INVALID_PRODUCER_EPOCH: a later epoch has written there, what is open is not of this transaction any more. */
    bool is_done = error == KAFKA_ERROR_NONE || error == KAFKA_ERROR_INVALID_PRODUCER_EPOCH;
    partition->mark = is_done ? TXN_MARK_DONE : TXN_MARK_FAILED;
    if (!machine->resigned && txn->marks_out == 0 && all_marked(txn))
        txn_finish(machine, txn);
    else if (!is_done || txn->marks_out == 0) /* one may have failed, and its time come, while this one was out */
        retry_later(machine);
}
