/* net/client/sender.h -- writes records to one topic: a batch per partition is filled, several are on their way at
 * once, and an idempotent producer has each stored once and in order whatever breaks between.
 *
 * Invariants: the batches of a partition have consecutive sequences and are sent in order; at most SENDER_IN_FLIGHT
 * wait for an answer from one broker (it remembers the last five of each producer). When one fails, all that are on
 * their way are awaited and what failed is sent again, one at a time, in the order in which it was made. Without
 * idempotence such a second try may store a batch twice or behind a later one, as with any Kafka client.
 * Core: the one thread of its client. Memory: the client's; a buffer per partition that has records, and one for each
 * batch on its way.
 * Errors: ERR_INVALID: a broker refused, sender_refusal() says how; others: client->why. A sender that failed may
 * only be closed. Source: KIP-98, KIP-679 (idempotence is the default), KIP-480 (records without a key).
 */
#ifndef RINGMAIN_NET_CLIENT_SENDER_H
#define RINGMAIN_NET_CLIENT_SENDER_H

#include "core/wire/compress.h"
#include "net/client/transaction.h"

enum { SENDER_IN_FLIGHT = 5, SENDER_RECORD_MAX_BYTES = 900 * 1024 };

struct sender_options {
    struct slice topic; /* the caller's, as long as the producer lives */
    int16_t acks;
    enum compress_codec codec;
    bool idempotent; /* with acks -1 only; a broker without InitProducerId gets batches without sequences */
    const struct transaction *transaction; /* every batch is of it (with acks -1); NULL: of none */
};

struct sender_record {
    int64_t timestamp_ms;
    struct slice key, value;
    struct slice headers; /* as a record keeps them (batch_put_header) */
    int32_t header_count;
};

struct sender_refusal {
    int16_t error;
    char message[256]; /* the broker's own words; empty: none */
};

struct sender;

/* Asks for the topic (which may make it) and its leaders. */
enum err sender_open(struct client *client, const struct sender_options *options, struct sender **sender) MUST_CHECK;
void sender_close(struct sender *sender); /* what was not flushed is gone; NULL is allowed */
int32_t sender_partitions(const struct sender *sender);
/* The partition that Kafka's clients choose: by the key's hash, or one after the other for whole batches. */
int32_t sender_choose(const struct sender *sender, struct slice key);
/* ERR_LIMIT: the record is above SENDER_RECORD_MAX_BYTES. */
enum err sender_add(struct sender *sender, int32_t partition, const struct sender_record *record) MUST_CHECK;
/* Sends what there is and waits until everything is answered. */
enum err sender_flush(struct sender *sender) MUST_CHECK;
const struct sender_refusal *sender_refusal(const struct sender *sender);
int64_t sender_answered(const struct sender *sender); /* records that a broker has taken */
bool sender_is_idempotent(const struct sender *sender);

#endif
