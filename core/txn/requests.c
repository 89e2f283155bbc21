/* What producers ask for, and who may. Each step makes txn->next from txn->now and sends it to the log. */
#include "core/txn/internal.h"

static bool is_exhausted(int16_t epoch)
{
    return epoch >= INT16_MAX - 1; /* the last one is kept for fencing */
}

bool txn_begin_step(struct txn_machine *machine, struct txn *txn, enum txn_state state, bool keep_topics)
{
    struct txn_topics topics = {0};
    if (keep_topics && !txn_topics_copy(&topics, &txn->now.topics, machine->mem))
        return false;
    txn->next = txn->now;
    txn->next.topics = topics;
    txn->next.state = state;
    txn->next.previous_producer_id = txn->now.producer_id;
    return true;
}

void txn_drop_step(struct txn_machine *machine, struct txn *txn)
{
    txn_topics_fini(&txn->next.topics, machine->mem);
    txn->next = (struct txn_value){0};
}

static void send_or_refuse(struct txn_machine *machine, struct txn *txn, enum txn_step step, struct txn_call *call)
{
    if (txn_send(machine, txn, step, call))
        return;
    txn_drop_step(machine, txn);
    if (!txn->in_log && !txn->busy)
        txn_remove(machine, txn);
    txn_answer(machine, call, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
}

static bool has_id(struct slice id)
{
    return !slice_is_null(id) && id.length > 0;
}

/* ---- InitProducerId ---------------------------------------------------------------------------------------------- */

/* KIP-360: a producer that goes on after an error says who it was. */
static bool may_go_on(const struct txn *txn, const struct txn_producer *producer)
{
    return txn->now.epoch == TXN_NO_EPOCH || producer->producer_id == txn->now.producer_id ||
           (producer->producer_id == txn->now.previous_producer_id && is_exhausted(producer->epoch));
}

/* The epoch to go on with. False: fenced. */
static bool bump(const struct txn *txn, bool expects, int16_t expected, struct txn_value *next)
{
    int16_t epoch = txn->now.epoch;
    if (!expects) {
        next->epoch = (int16_t)(epoch + 1);
        next->last_epoch = TXN_NO_EPOCH;
    } else if (epoch == TXN_NO_EPOCH || expected == epoch) {
        next->epoch = (int16_t)(epoch + 1);
        next->last_epoch = epoch;
    } else if (expected != txn->now.last_epoch) {
        return false;
    } /* else it is asked a second time: the answer is the same */
    return true;
}

static void begin_producer(struct txn_machine *machine, struct txn *txn, const struct txn_producer *producer,
                           int32_t timeout_ms, struct txn_call *call)
{
    bool expects = producer->producer_id != TXN_NO_ID;
    bool rotates = is_exhausted(txn->now.epoch) && (!expects || producer->epoch == txn->now.epoch);
    if (!txn_begin_step(machine, txn, TXN_EMPTY, false)) {
        txn_answer(machine, call, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    if (rotates) {
        txn->next.producer_id = machine->ids->next++;
        txn->next.epoch = 0;
        txn->next.last_epoch = expects ? txn->now.epoch : TXN_NO_EPOCH;
    } else if (is_exhausted(txn->now.epoch) || !bump(txn, expects, producer->epoch, &txn->next)) {
        txn_drop_step(machine, txn);
        txn_answer(machine, call,
                   is_exhausted(txn->now.epoch) ? KAFKA_ERROR_UNKNOWN_SERVER_ERROR : KAFKA_ERROR_PRODUCER_FENCED);
        return;
    }
    txn->next.timeout_ms = timeout_ms;
    txn->next.start_ms = -1;
    txn->next.update_ms = machine->wall_ms;
    send_or_refuse(machine, txn, STEP_INIT, call);
}

static struct txn *new_id(struct txn_machine *machine, struct slice id, int32_t timeout_ms)
{
    struct txn *txn = txn_make(machine, id);
    if (txn == NULL)
        return NULL;
    txn->now = (struct txn_value){.producer_id = machine->ids->next++,
                                  .previous_producer_id = TXN_NO_ID,
                                  .next_producer_id = TXN_NO_ID,
                                  .start_ms = -1,
                                  .update_ms = machine->wall_ms,
                                  .timeout_ms = timeout_ms,
                                  .epoch = TXN_NO_EPOCH,
                                  .last_epoch = TXN_NO_EPOCH,
                                  .state = TXN_EMPTY};
    return txn;
}

void txn_init_producer_id(struct txn_machine *machine, const struct txn_producer *producer, int32_t timeout_ms,
                          struct txn_call *call)
{
    ASSERT(machine->ids->end - machine->ids->next >= 2);
    if (!has_id(producer->id)) {
        txn_answer(machine, call, KAFKA_ERROR_INVALID_REQUEST);
        return;
    }
    if (timeout_ms <= 0 || timeout_ms > machine->settings.max_timeout_ms) {
        txn_answer(machine, call, KAFKA_ERROR_INVALID_TRANSACTION_TIMEOUT);
        return;
    }
    struct txn *txn = txn_lookup(machine, producer->id);
    bool room = txn != NULL || machine_may_grow(machine->mem);
    machine->refused_count += !room;
    if (txn == NULL && room)
        txn = new_id(machine, producer->id, timeout_ms);
    if (txn == NULL)
        txn_answer(machine, call, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
    else if (txn->busy)
        txn_answer(machine, call, KAFKA_ERROR_CONCURRENT_TRANSACTIONS);
    else if (producer->producer_id != TXN_NO_ID && !may_go_on(txn, producer))
        txn_answer(machine, call, KAFKA_ERROR_PRODUCER_FENCED);
    else if (txn->now.state == TXN_ONGOING)
        txn_fence(machine, txn, call); /* this epoch is never given out: who comes again gets the next */
    else if (txn->now.state == TXN_PREPARE_COMMIT || txn->now.state == TXN_PREPARE_ABORT)
        txn_answer(machine, call, KAFKA_ERROR_CONCURRENT_TRANSACTIONS);
    else
        begin_producer(machine, txn, producer, timeout_ms, call);
}

/* ---- AddPartitionsToTxn, AddOffsetsToTxn ------------------------------------------------------------------------- */

static int16_t check_producer(const struct txn *txn, const struct txn_producer *producer)
{
    if (txn->now.producer_id != producer->producer_id)
        return KAFKA_ERROR_INVALID_PRODUCER_ID_MAPPING;
    if (txn->now.epoch != producer->epoch)
        return KAFKA_ERROR_PRODUCER_FENCED;
    if (txn->now.state == TXN_PREPARE_COMMIT || txn->now.state == TXN_PREPARE_ABORT)
        return KAFKA_ERROR_CONCURRENT_TRANSACTIONS;
    return KAFKA_ERROR_NONE;
}

static bool has_all(const struct txn_topics *topics, const txn_asked_topic *asked, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        for (int32_t k = 0; k < asked[i].partitions.count; k++)
            if (!txn_topics_has(topics, asked[i].name, asked[i].partitions.items[k]))
                return false;
    return true;
}

static bool add_all(struct txn_machine *machine, struct txn_topics *topics, const txn_asked_topic *asked, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        for (int32_t k = 0; k < asked[i].partitions.count; k++)
            if (!txn_topics_add(topics, asked[i].name, asked[i].partitions.items[k], machine->mem))
                return false;
    return true;
}

void txn_add_partitions(struct txn_machine *machine, const struct txn_producer *producer, const txn_asked_topic *topics,
                        int32_t topic_count, int16_t client_version, struct txn_call *call)
{
    struct txn *txn = has_id(producer->id) ? txn_lookup(machine, producer->id) : NULL;
    int16_t error = KAFKA_ERROR_NONE;
    if (!has_id(producer->id))
        error = KAFKA_ERROR_INVALID_REQUEST;
    else if (txn == NULL)
        error = KAFKA_ERROR_INVALID_PRODUCER_ID_MAPPING;
    else if (txn->busy) /* first: the producer may know the id already that is on its way */
        error = KAFKA_ERROR_CONCURRENT_TRANSACTIONS;
    else
        error = check_producer(txn, producer);
    if (error != KAFKA_ERROR_NONE ||
        (txn->now.state == TXN_ONGOING && has_all(&txn->now.topics, topics, topic_count))) {
        txn_answer(machine, call, error);
        return;
    }
    if (!machine_may_borrow(machine->mem) || !txn_begin_step(machine, txn, TXN_ONGOING, true) ||
        !add_all(machine, &txn->next.topics, topics, topic_count)) {
        txn_drop_step(machine, txn);
        txn_answer(machine, call, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    if (txn->now.state != TXN_ONGOING)
        txn->next.start_ms = machine->wall_ms;
    txn->next.update_ms = machine->wall_ms;
    txn->next.client_version = client_version;
    send_or_refuse(machine, txn, STEP_ADD, call);
}

int16_t txn_verify(const struct txn_machine *machine, const struct txn_producer *producer, const struct txn **found)
{
    *found = NULL;
    if (!has_id(producer->id))
        return KAFKA_ERROR_INVALID_REQUEST;
    const struct txn *txn = txn_lookup(machine, producer->id);
    if (txn == NULL)
        return KAFKA_ERROR_INVALID_PRODUCER_ID_MAPPING;
    *found = txn;
    return check_producer(txn, producer);
}

bool txn_has_partition(const struct txn *txn, struct slice topic, int32_t partition)
{
    return txn_topics_has(&txn->now.topics, topic, partition);
}
