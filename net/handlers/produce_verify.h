/* net/handlers/produce_verify.h -- transactional batches are verified before they are appended (KIP-890).
 *
 *   each owner's shard: is the transaction open here? --no--> a guard
 *   control shard: does the partition belong to the transaction? (version 12: it is added)
 *   CONCURRENT_TRANSACTIONS, version 12: the transaction before is about to end; all of it again, for a while
 *
 * Core: the connection's shard. Memory: the request's arena. Errors: in the appends. Rules: ReplicaManager's
 * handleProduceAppend, AddPartitionsToTxnManager.
 */
#ifndef RINGMAIN_NET_HANDLERS_PRODUCE_VERIFY_H
#define RINGMAIN_NET_HANDLERS_PRODUCE_VERIFY_H

#include "core/txn/txn.h"
#include "net/handlers/on_partitions.h"

struct produce_verify_part {
    struct on_partition on;
    struct partition_append *append; /* its guard or error is the result */
    struct slice topic;
    struct produce_verify *_verify;
    int16_t _verdict;
    bool _asks;
};

struct produce_verify {
    void (*done)(struct produce_verify *verify); /* never inside the start */
    struct request *request;
    struct slice transactional_id;
    struct produce_verify_part *parts;
    int32_t count;
    struct on_partitions _on;
    struct io_msg _msg;
    struct io_timer _timer;
    struct txn_call _call;
    txn_asked_topic *_topics; /* what the coordinator is asked for, one partition each */
    struct produce_verify_part **_asking;
    int32_t _asking_count;
    int64_t _until_ns;
    int16_t _error; /* of the coordinator, for all */
};

/* False: no memory, nothing was started. */
bool produce_verify_start(struct produce_verify *verify) MUST_CHECK;
/* transaction.partition.verification.enable; clients that add their partitions with the records always ask. */
bool produce_verify_is_on(const struct request *request);

#endif
