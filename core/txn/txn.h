/* core/txn/txn.h -- the transactional ids of one partition of __transaction_state: the transaction coordinator.
 *
 *              partitions added       end asked for             all markers written
 *   EMPTY  ------------------> ONGOING -----------> PREPARE_* ---------------------> COMPLETE_*
 *     ^                         |  ^                    ^                                |
 *     |   time over, or a new   |  |                    |   an abort of nothing          |
 *     |   producer: fenced and  +--|--------------------+--- (version 2) ----------------+
 *     |   aborted                  +---------- partitions added -------------------------+
 *     +------------------- a producer begins (InitProducerId) ---------------------------+
 *   EMPTY, COMPLETE_*: not used for transactional.id.expiration.ms -> DEAD (a tombstone)
 *
 * Pure: requests, ticks, answers of markers and replayed records in; records (machine.appends), answers
 * (machine.answers), transactions whose markers are to be written (machine.to_mark) and the time of the next tick out.
 * The caller sets the clocks with txn_clock before each call and takes away what came out after it.
 *
 * While the record of a step is on its way, and from the decision to the last marker, the id is busy: whoever asks is
 * told CONCURRENT_TRANSACTIONS and asks again.
 *
 * Invariants:
 *   1. What the log holds of an id changes only when the append that says so has been answered, or by replay: a machine
 *      that replays the records is equal to the one that wrote them (txn_dump), but for `last_epoch`, which no record
 *      has: after a restart a repeated InitProducerId is fenced, as in Kafka.
 *   2. A call is answered exactly once.
 *   3. A decision that is in the log is carried out: markers and the last record are tried again until they are
 * written.
 *   4. A producer's epoch is bumped with every transaction of a version 2 client, so that nothing of one transaction
 * can be taken for part of the next.
 *
 * Core: control shard. Memory: the mem given to txn_init. Errors: Kafka's codes.
 * Rules: Kafka 4.3's TransactionCoordinator, TransactionMetadata, TransactionStateManager,
 * TransactionMarkerChannelManager; KIP-98, 360, 447, 588, 664, 890. Next: requests.c, end.c, machine.c, store.c.
 */
#ifndef RINGMAIN_CORE_TXN_TXN_H
#define RINGMAIN_CORE_TXN_TXN_H

#include "core/machine/machine.h"
#include "core/wire/messages.h"
#include "io/base/arena.h"
#include "io/base/hash.h"

enum txn_state { /* the numbers of the log */
                 TXN_EMPTY = 0,
                 TXN_ONGOING = 1,
                 TXN_PREPARE_COMMIT = 2,
                 TXN_PREPARE_ABORT = 3,
                 TXN_COMPLETE_COMMIT = 4,
                 TXN_COMPLETE_ABORT = 5,
                 TXN_DEAD = 6,
                 TXN_PREPARE_EPOCH_FENCE = 7,
                 TXN_STATES = 8,
};

struct txn_settings {
    int32_t max_timeout_ms;
    int64_t id_expiration_ms;
    int64_t abort_interval_ms, expire_interval_ms;
    int16_t version; /* finalized transaction.version */
};

/* Producer ids to give out, shared by the machines of a node: the caller keeps at least one in it. */
struct txn_ids {
    int64_t next, end;
};

struct txn_partition {
    int32_t index;
    uint8_t mark; /* while in PREPARE_*: enum txn_mark */
};
enum txn_mark { TXN_MARK_WANTED, TXN_MARK_OUT, TXN_MARK_FAILED, TXN_MARK_DONE }; /* FAILED: wanted again later */

struct txn_topic {
    char *name;
    size_t name_length;
    struct txn_partition *partitions; /* by index */
    int32_t count, capacity;
};

struct txn_topics {
    struct txn_topic *items; /* by name */
    int32_t count, capacity;
};

/* What a record of the log says of an id. */
struct txn_value {
    int64_t producer_id, previous_producer_id, next_producer_id; /* -1: none */
    int64_t start_ms;                                            /* wall clock; -1: no transaction yet */
    int64_t update_ms;
    int32_t timeout_ms;
    int16_t epoch, last_epoch; /* last_epoch: not in the record */
    int16_t client_version;    /* transaction.version of the producer that made the last step */
    enum txn_state state;
    struct txn_topics topics;
};

struct txn_append;

struct txn {
    char *id;
    size_t id_length;
    struct txn_value now;
    struct txn_value next; /* while busy: what is on its way */
    bool busy;
    bool in_log;  /* a record of it is */
    bool marking; /* between the decision and the last record */
    int32_t marks_out;
    struct txn_append *in_flight; /* of the record that is on its way; NULL: none */
    int64_t deadline_ms;          /* of the open transaction, on the clock of now_ms */
    struct list in_order, mark_link;
};

struct txn_machine {
    struct list appends; /* out: of struct machine_append */
    struct list answers; /* out: of struct txn_call */
    struct list to_mark; /* out: of struct txn (mark_link), with partitions that are TXN_MARK_WANTED */
    struct mem *mem;
    struct txn_settings settings;
    struct txn_ids *ids;
    struct map by_id;
    struct list in_order; /* of struct txn */
    uint64_t seed;
    int64_t now_ms, wall_ms;
    int64_t abort_at_ms, expire_at_ms, retry_at_ms;
    int64_t append_count;  /* on their way to the log */
    int64_t refused_count; /* out: new ids for which there was no room */
    bool resigned;
};

/* A request on its way through the machine; the caller's until `answered` is called by whom drains machine.answers. */
struct txn_call {
    struct list link;
    void (*answered)(struct txn_call *call);
    int16_t error;
    int64_t producer_id; /* -1: none */
    int16_t epoch;
};

void txn_init(struct txn_machine *machine, struct mem *mem, struct txn_ids *ids, uint64_t seed);
void txn_fini(struct txn_machine *machine); /* no append is out */
void txn_configure(struct txn_machine *machine, const struct txn_settings *settings);
void txn_clock(struct txn_machine *machine, int64_t now_ms, int64_t wall_ms);

/* ---- the log ----------------------------------------------------------------------------------------------------- */

/* ERR_CORRUPT: a record of a known kind that does not decode. Other kinds are ignored. */
enum err txn_replay(struct txn_machine *machine, const struct machine_replay *record) MUST_CHECK;
void txn_loaded(struct txn_machine *machine);
void txn_appended(struct txn_machine *machine, struct machine_append *append);
/* The partition moves away: whoever waits is answered NOT_COORDINATOR. Nothing but txn_appended may follow. */
void txn_resign(struct txn_machine *machine);

/* ---- time -------------------------------------------------------------------------------------------------------- */

int64_t txn_next_deadline(const struct txn_machine *machine); /* on the clock of now_ms */
void txn_tick(struct txn_machine *machine);

/* ---- requests ---------------------------------------------------------------------------------------------------- */

struct txn_producer {
    struct slice id; /* transactional.id; null or empty: INVALID_REQUEST */
    int64_t producer_id;
    int16_t epoch;
};

/* producer_id and epoch -1: a new producer. call: the producer id and epoch to go on with. */
void txn_init_producer_id(struct txn_machine *machine, const struct txn_producer *producer, int32_t timeout_ms,
                          struct txn_call *call);
/* topics: as AddPartitionsToTxn carries them. client_version: 2 for clients with transaction.version 2. */
typedef struct add_partitions_to_txn_request_add_partitions_to_txn_topic txn_asked_topic;
void txn_add_partitions(struct txn_machine *machine, const struct txn_producer *producer, const txn_asked_topic *topics,
                        int32_t topic_count, int16_t client_version, struct txn_call *call);
/* Answers at once, nothing changes. NONE: txn_has_partition says of each whether it belongs to the transaction. */
int16_t txn_verify(const struct txn_machine *machine, const struct txn_producer *producer, const struct txn **txn);
bool txn_has_partition(const struct txn *txn, struct slice topic, int32_t partition);
/* call: with version 2 the producer id and epoch to go on with. */
void txn_end(struct txn_machine *machine, const struct txn_producer *producer, bool commit, int16_t client_version,
             struct txn_call *call);

/* ---- markers ----------------------------------------------------------------------------------------------------- */

/* Takes a partition of a transaction on to_mark whose marker is to be written; false: none is left. */
struct txn_marking {
    struct txn *txn;
    int32_t topic, partition; /* places in txn->now.topics */
};
bool txn_take_marking(struct txn *txn, struct txn_marking *marking);
/* NONE, or the partition is no more: done. Other codes: tried again later. */
void txn_marked(struct txn_machine *machine, const struct txn_marking *marking, int16_t error);
static inline bool txn_commits(const struct txn *txn)
{
    return txn->now.state == TXN_PREPARE_COMMIT;
}

/* ---- administration ---------------------------------------------------------------------------------------------- */

const struct txn *txn_find(const struct txn_machine *machine, struct slice id); /* NULL: not known */
/* Every id in a fixed order: begins with NULL, ends with NULL. */
const struct txn *txn_list_next(const struct txn_machine *machine, const struct txn *txn);
const char *txn_state_name(enum txn_state state); /* as Kafka writes it */
/* False: no such name. */
bool txn_state_of(struct slice name, enum txn_state *state);

/* ---- for tests and the simulation -------------------------------------------------------------------------------- */

/* Everything that the log holds, as text in a fixed form. */
void txn_dump(const struct txn_machine *machine, struct wire_writer *out);
/* The invariants above; stops the process when one is broken. */
void txn_check(const struct txn_machine *machine);

#endif
