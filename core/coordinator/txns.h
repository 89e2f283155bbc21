/* core/coordinator/txns.h -- the transaction coordinator: a struct txn_machine on each partition of
 * __transaction_state.
 *
 *   request -> txns_enter -> txn_end, txn_add_partitions ... -> txns_leave -> records to the log, answers to their
 * calls decided -> a message per owning shard with the markers of its partitions --> partition_append --> back -> last
 * record
 *              __consumer_offsets: through the group's machine, which turns pending offsets into committed ones
 *
 * How to use it: as core/coordinator/groups.h. txn_init_producer_id and txn_end may take producer ids: they are called
 * only inside txns_with_ids' go().
 *
 * Invariants: a marker that is on its way outlives the machine that sent it; what comes back then is dropped, the
 * machine that is loaded next sends it again. Core: control shard; markers are appended on the shards that own the
 * partitions. Memory: io_mem of the control shard. Errors: Kafka's codes. Rules: core/txn/txn.h,
 * core/coordinator/coordinator.h; KafkaApis.handleWriteTxnMarkersRequest.
 */
#ifndef RINGMAIN_CORE_COORDINATOR_TXNS_H
#define RINGMAIN_CORE_COORDINATOR_TXNS_H

#include "core/coordinator/coordinator.h"
#include "core/txn/txn.h"

struct groups;
struct txns;

/* What it needs of the room above. */
struct txns_needs {
    /* Producer ids run out: txns_give_ids comes later, never inside. */
    void (*want_ids)(struct txns_needs *needs);
};

struct txns_options {
    struct shard_data *const *datas; /* by data shard; outlives the coordinator */
    int data_shards;
    int32_t node_id;
    struct groups *groups;
    struct txns_needs *needs;
};

enum err txns_open(struct io *io, const struct txns_options *options, struct txns **txns) MUST_CHECK;
bool txns_is_idle(const struct txns *txns);
struct coordinator *txns_coordinator(const struct txns *txns); /* for its partitions and loads */
void txns_close(struct txns *txns);                            /* only when idle */
/* Whoever waits is answered NOT_COORDINATOR, everybody else COORDINATOR_NOT_AVAILABLE. */
void txns_stop(struct txns *txns);
/* A new image that every shard has applied; held until the next. */
void txns_apply(struct txns *txns, const struct image *image);

/* NONE, or what the client is told instead. */
int16_t txns_enter(struct txns *txns, struct slice transactional_id, struct txn_machine **machine);
int16_t txns_enter_at(struct txns *txns, int32_t partition, struct txn_machine **machine);
void txns_leave(struct txn_machine *machine);

/* Calls go() when there are producer ids: now or later. has_ids false: none could be had. */
struct txns_wait {
    void (*go)(struct txns_wait *wait, bool has_ids);
    struct list _link;
};
void txns_with_ids(struct txns *txns, struct txns_wait *wait);
void txns_give_ids(struct txns *txns, int64_t first, int64_t count); /* count 0: there are none now */

#endif
