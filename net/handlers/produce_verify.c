#include "net/handlers/produce_verify.h"

#include "core/coordinator/txns.h"
#include "core/wire/error.h"
#include "net/handlers/control.h"

enum {
    FIRST_THAT_ADDS = 12,      /* the partition is added to the transaction here */
    FIRST_WITH_ABORTABLE = 11, /* knows TRANSACTION_ABORTABLE */
    AGAIN_MS = 20,             /* add.partitions.to.txn.retry.backoff.ms */
    AGAIN_MAX_MS = 100,        /* add.partitions.to.txn.retry.backoff.max.ms */
};

static bool adds(const struct produce_verify *verify)
{
    return verify->request->header.version >= FIRST_THAT_ADDS;
}

/* ---- what the client is told ------------------------------------------------------------------------------------- */

#define UNABLE "Unable to verify the partition has been added to the transaction. Underlying error: "

/* Errors of the coordinator as a producer's answer: what its client tries again without looking for another leader. */
static int16_t translate(const struct produce_verify *verify, int16_t error, const char **message)
{
    *message = NULL;
    switch (error) {
    case KAFKA_ERROR_PRODUCER_FENCED:
        return KAFKA_ERROR_INVALID_PRODUCER_EPOCH;
    case KAFKA_ERROR_TRANSACTION_ABORTABLE:
        if (verify->request->header.version >= FIRST_WITH_ABORTABLE)
            return error;
        *message = "Partition was not added to the transaction";
        return KAFKA_ERROR_INVALID_TXN_STATE;
    case KAFKA_ERROR_COORDINATOR_LOAD_IN_PROGRESS:
        *message = UNABLE "COORDINATOR_LOAD_IN_PROGRESS";
        return KAFKA_ERROR_NOT_ENOUGH_REPLICAS;
    case KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE:
        *message = UNABLE "COORDINATOR_NOT_AVAILABLE";
        return KAFKA_ERROR_NOT_ENOUGH_REPLICAS;
    case KAFKA_ERROR_NOT_COORDINATOR:
        *message = UNABLE "NOT_COORDINATOR";
        return KAFKA_ERROR_NOT_ENOUGH_REPLICAS;
    case KAFKA_ERROR_CONCURRENT_TRANSACTIONS:
        if (adds(verify))
            return error;
        *message = UNABLE "CONCURRENT_TRANSACTIONS";
        return KAFKA_ERROR_NOT_ENOUGH_REPLICAS;
    default:
        return error;
    }
}

static void finish(struct produce_verify *verify)
{
    for (int32_t i = 0; i < verify->_asking_count; i++) {
        struct produce_verify_part *part = verify->_asking[i];
        int16_t error = verify->_error != KAFKA_ERROR_NONE ? verify->_error : part->_verdict;
        part->append->error = translate(verify, error, &part->append->error_message);
        metrics_add(&verify->request->shard->metrics, METRIC_VERIFICATION_FAILURES, error != KAFKA_ERROR_NONE);
    }
    verify->done(verify);
}

/* ---- the control shard ------------------------------------------------------------------------------------------- */

static void back_home(struct io_msg *msg, struct io *io);

static void go_home(struct produce_verify *verify, struct io *control)
{
    verify->_msg.run = back_home;
    io_post(control, verify->request->shard->index, &verify->_msg);
}

static void added(struct txn_call *call)
{
    struct produce_verify *verify = CONTAINER_OF(call, struct produce_verify, _call);
    verify->_error = call->error;
    go_home(verify, broker_control(verify->request->shard->broker)->io);
}

static void look(struct produce_verify *verify, const struct txn_machine *machine, const struct txn_producer *producer)
{
    const struct txn *txn;
    verify->_error = txn_verify(machine, producer, &txn);
    for (int32_t i = 0; verify->_error == KAFKA_ERROR_NONE && i < verify->_asking_count; i++) {
        struct produce_verify_part *part = verify->_asking[i];
        if (!txn_has_partition(txn, part->topic, part->on.index))
            part->_verdict = KAFKA_ERROR_TRANSACTION_ABORTABLE;
    }
}

static void ask_coordinator(struct io_msg *msg, struct io *io)
{
    struct produce_verify *verify = CONTAINER_OF(msg, struct produce_verify, _msg);
    struct control *control = broker_control(verify->request->shard->broker)->control;
    const struct batch_header *header = &verify->_asking[0]->append->header;
    struct txn_producer producer = {
        .id = verify->transactional_id, .producer_id = header->producer_id, .epoch = header->producer_epoch};
    struct txn_machine *machine;
    verify->_error = coordinator_partition_count(txns_coordinator(control->txns)) == 0
                         ? KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE
                         : txns_enter(control->txns, verify->transactional_id, &machine);
    if (verify->_error != KAFKA_ERROR_NONE) {
        go_home(verify, io);
        return;
    }
    if (adds(verify)) {
        verify->_call = (struct txn_call){.answered = added};
        txn_add_partitions(machine, &producer, verify->_topics, verify->_asking_count, 2, &verify->_call);
    } else {
        look(verify, machine, &producer);
        go_home(verify, io);
    }
    txns_leave(machine);
}

/* ---- the connection's shard -------------------------------------------------------------------------------------- */

static void begin(struct produce_verify *verify);

static void again(struct io_timer *timer)
{
    begin(CONTAINER_OF(timer, struct produce_verify, _timer));
}

static void back_home(struct io_msg *msg, struct io *io)
{
    struct produce_verify *verify = CONTAINER_OF(msg, struct produce_verify, _msg);
    verify->_timer.fire = again;
    if (verify->_error == KAFKA_ERROR_CONCURRENT_TRANSACTIONS && adds(verify) && io_now_ns(io) < verify->_until_ns &&
        io_timer_start(io, &verify->_timer, io_now_ns(io) + AGAIN_MS * 1000000) == ERR_OK)
        return;
    finish(verify);
}

static void begun(struct on_partitions *on)
{
    struct produce_verify *verify = CONTAINER_OF(on, struct produce_verify, _on);
    struct request *request = verify->request;
    verify->_asking_count = 0;
    for (int32_t i = 0; i < verify->count; i++) {
        struct produce_verify_part *part = &verify->parts[i];
        if (part->append->error != KAFKA_ERROR_NONE || part->append->guard == 0)
            continue;
        part->_verdict = KAFKA_ERROR_NONE;
        verify->_topics[verify->_asking_count].name = part->topic;
        verify->_topics[verify->_asking_count].partitions.items = &part->on.index;
        verify->_topics[verify->_asking_count].partitions.count = 1;
        verify->_asking[verify->_asking_count++] = part;
    }
    if (verify->_asking_count == 0) {
        verify->done(verify);
        return;
    }
    verify->_msg.run = ask_coordinator;
    io_post(request->io, request->shard->broker->data_shards, &verify->_msg);
}

static void begin_part(struct on_partition *on, struct partition *partition)
{
    struct produce_verify_part *part = CONTAINER_OF(on, struct produce_verify_part, on);
    part->append->error = partition == NULL ? KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER
                                            : partition_begin_verification(partition, &part->append->header,
                                                                           adds(part->_verify), &part->append->guard);
    on_partition_done(on);
}

static void refuse_all(struct produce_verify *verify, int16_t error)
{
    for (int32_t i = 0; i < verify->count; i++)
        verify->parts[i].append->error = error;
    verify->done(verify);
}

static bool send_out(struct produce_verify *verify)
{
    if (!on_partitions_init(&verify->_on, verify->request))
        return false;
    verify->_on.run = begin_part;
    verify->_on.done = begun;
    for (int32_t i = 0; i < verify->count; i++) {
        verify->parts[i]._verify = verify;
        on_partitions_add(&verify->_on, &verify->parts[i].on);
    }
    on_partitions_send(&verify->_on);
    return true;
}

static void begin(struct produce_verify *verify)
{
    if (!send_out(verify))
        refuse_all(verify, KAFKA_ERROR_KAFKA_STORAGE_ERROR);
}

bool produce_verify_is_on(const struct request *request)
{
    return request->header.version >= FIRST_THAT_ADDS ||
           request->shard->image->config->transaction_partition_verification_enable;
}

bool produce_verify_start(struct produce_verify *verify)
{
    struct request *request = verify->request;
    ASSERT(verify->count > 0);
    verify->_until_ns = io_now_ns(request->io) + AGAIN_MAX_MS * 1000000LL;
    verify->_topics = ARENA_ARRAY(&request->arena, txn_asked_topic, (size_t)verify->count);
    verify->_asking = ARENA_ARRAY(&request->arena, struct produce_verify_part *, (size_t)verify->count);
    return verify->_topics != NULL && verify->_asking != NULL && send_out(verify);
}
