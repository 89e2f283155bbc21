/* net/client/transaction.h -- one transaction of a transactional id: opened, written by a sender, ended.
 *
 * The brokers add the partitions that are written to (KIP-890), so they have to know Produce from version 12 on: Apache
 * Kafka from 4.0 on, ringmain. Whoever had the id before is fenced off, and what it left open is aborted.
 *
 * Core: the one thread of its client. Memory: the caller's; an arena for one request at a time, which is reset.
 * Errors: ERR_INVALID: it was refused, ->error says how; ERR_UNSUPPORTED: the brokers are too old; others: client->why.
 */
#ifndef RINGMAIN_NET_CLIENT_TRANSACTION_H
#define RINGMAIN_NET_CLIENT_TRANSACTION_H

#include "net/client/client.h"

struct transaction {
    struct slice id; /* the caller's */
    int64_t producer_id;
    int32_t coordinator;
    int16_t producer_epoch;
    int16_t error;
};

/* timeout_ms: after it the coordinator aborts what is still open. */
enum err transaction_open(struct transaction *transaction, struct client *client, struct arena *arena, struct slice id,
                          int32_t timeout_ms) MUST_CHECK;
/* Not when nothing was written: there is nothing to end. */
enum err transaction_end(struct transaction *transaction, struct client *client, struct arena *arena,
                         bool commit) MUST_CHECK;

#endif
