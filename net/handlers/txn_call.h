/* net/handlers/txn_call.h -- a request that a transaction's machine answers, now or when its record is in the log.
 *
 * The handler embeds a struct txn_request in its state and calls the machine between txns_enter and txns_leave; where
 * producer ids may be taken, inside go() of txns_with_ids. Core: control shard. Memory: the request's arena. */
#ifndef RINGMAIN_NET_HANDLERS_TXN_CALL_H
#define RINGMAIN_NET_HANDLERS_TXN_CALL_H

#include "core/coordinator/txns.h"
#include "core/wire/error.h"
#include "net/conn/request.h"
#include "net/handlers/control.h"

struct txn_request {
    struct txn_call call;
    struct txns_wait wait;
    struct request *request;
};

static inline void txn_request_init(struct txn_request *txn_request, struct request *request,
                                    void (*answered)(struct txn_call *call))
{
    *txn_request =
        (struct txn_request){.call = {.answered = answered, .producer_id = -1, .epoch = -1}, .request = request};
}
static inline struct txn_request *txn_request_of(struct txn_call *call)
{
    return CONTAINER_OF(call, struct txn_request, call);
}
static inline struct txns *request_txns(const struct request *request)
{
    return request->shard->control->txns;
}
/* Clients of before KIP-588 know only the older name of the error. */
static inline int16_t txn_error_for(int16_t error, int16_t version, int16_t since)
{
    return error == KAFKA_ERROR_PRODUCER_FENCED && version < since ? KAFKA_ERROR_INVALID_PRODUCER_EPOCH : error;
}
/* The partition of __consumer_offsets that holds a group, also before the topic is made. */
int32_t group_partition_of(const struct image *image, struct slice group_id);

#endif
