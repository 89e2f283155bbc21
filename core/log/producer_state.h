/* core/log/producer_state.h -- what a partition remembers of its idempotent producers (KIP-98, KIP-360).
 *
 * Per producer id: its epoch, and the last five batches as (sequences, offsets), so that a batch sent twice is answered
 * with the offset it got the first time, and one that follows a lost one is refused.
 *
 * Rules, as Kafka's ProducerAppendInfo: a lower epoch is INVALID_PRODUCER_EPOCH; a new epoch begins at sequence 0; the
 * next sequence is last + 1 (from 2^31 - 1 to 0), anything else OUT_OF_ORDER_SEQUENCE_NUMBER; a producer that is not
 * known may begin anywhere (but see lost_beginning).
 *
 * Transactions (producer_txn.c; KIP-98, KIP-890): the first transactional batch opens one, a marker ends it. Before a
 * client may open one, its partition is verified with the coordinator: producer_txn_guard gives a number, the
 * coordinator is asked, and the append that follows must carry that number. A marker that comes between makes the
 * number void, so that a late batch never joins a later transaction.
 *
 * Invariants: at most 5 batches an entry, in order of offset; the checks change nothing; `open` holds the entries with
 * an open transaction in order of its first offset.
 * Core: the partition's shard. Memory: from the mem; producer_state_prepare takes it before anything is written, so
 * that an update after the write cannot fail. Errors: Kafka's codes. On disk: Kafka's producer snapshot, version 1.
 */
#ifndef RINGMAIN_CORE_LOG_PRODUCER_STATE_H
#define RINGMAIN_CORE_LOG_PRODUCER_STATE_H

#include "core/log/aborted.h"
#include "core/wire/marker.h"
#include "io/base/hash.h"
#include "io/base/list.h"

enum { PRODUCER_BATCHES = 5, PRODUCER_SNAPSHOT_VERSION = 1 };

struct producer_batch {
    int64_t last_offset;
    int64_t timestamp; /* what a duplicate is answered as log append time */
    int32_t last_sequence;
    int32_t offset_delta; /* last offset - first offset, and likewise the sequences */
};

struct producer_entry {
    int64_t id;
    int64_t used_ms;            /* wall clock of the last write */
    int64_t transaction_offset; /* first offset of the open transaction; -1: none */
    int64_t left_offset;        /* last offset of the batch that left the ring last; -1: not known */
    int32_t coordinator_epoch;  /* -1: none */
    int16_t epoch;              /* -1: only prepared, nothing written yet */
    uint8_t count, _first;      /* of the ring */
    struct producer_batch batches[PRODUCER_BATCHES];
    struct list _open; /* in the state's list, while a transaction is open */
};

/* A transaction whose marker is not replicated everywhere yet. */
struct producer_decided {
    int64_t first_offset, last_offset;
};

struct producer_state {
    struct mem *mem;
    struct map entries;       /* by producer id */
    struct map verifications; /* by producer id: asked for, nothing appended yet */
    struct list open;
    struct producer_decided *decided;
    int32_t decided_count, decided_capacity;
    uint64_t last_guard;
    bool lost_beginning; /* a producer's first batch was refused for want of memory or space: until the next expiry one
                            that is not known may begin only at 0, or the batches in flight behind it would get in */
};

void producer_state_init(struct producer_state *state, struct mem *mem);
void producer_state_fini(struct producer_state *state);

int32_t producer_last_sequence(const struct producer_entry *entry); /* -1: none */
/* NONE, and *duplicate is the batch it repeats or NULL; or Kafka's code. header has a producer id. */
int16_t producer_state_check(const struct producer_state *state, const struct batch_header *header,
                             const struct producer_batch **duplicate);
/* The entry to update, made when there is none. NULL: no memory. */
struct producer_entry *producer_state_prepare(struct producer_state *state, int64_t producer_id) MUST_CHECK;
/* The batch got base_offset. */
void producer_entry_update(struct producer_entry *entry, const struct batch_header *header, int64_t base_offset,
                           int64_t timestamp, int64_t now_ms);
/* The write of an update did not happen: back to what it was (a copy from before); a new entry goes. */
void producer_state_undo(struct producer_state *state, const struct producer_entry *before);
/* Recovery and followers: what is in the log is right by definition. */
enum err producer_state_replay(struct producer_state *state, const struct batch_header *header,
                               int64_t now_ms) MUST_CHECK;
/* Recovery: what was replayed begins at `offset`, behind the snapshot, so batches of producers that wrote last below it
 * may be missing. They are not known any more, and may begin anywhere, as if they had expired. How many. */
int producer_state_forget_below(struct producer_state *state, int64_t offset);
/* Forgets producers that have not written for expiration_ms and have no open transaction. How many. */
int producer_state_expire(struct producer_state *state, int64_t now_ms, int64_t expiration_ms);

/* Last offsets of the batches that must stay in the log for its window to be rebuilt, whatever a power cut takes of it.
 * How many; 0: only markers, or nothing. */
enum { PRODUCER_BATCHES_NEEDED = PRODUCER_BATCHES + 1 };
int producer_needed_offsets(const struct producer_entry *entry, int64_t offsets[PRODUCER_BATCHES_NEEDED]);

/* ---- transactions ------------------------------------------------------------------------------------------------ */

/* On what terms a batch is judged. */
struct producer_terms {
    bool by_client;   /* else by a coordinator of the broker's own: sequences are not looked at */
    bool needs_guard; /* a client's transaction may only be opened by who was verified */
    uint64_t guard;   /* 0: none */
    int16_t version;  /* of a marker: transaction.version of the transaction it ends */
    bool is_marker;   /* ends a transaction */
    struct marker marker;
};

/* As producer_state_check, for every kind of batch. */
int16_t producer_txn_check(const struct producer_state *state, const struct batch_header *header,
                           const struct producer_terms *terms, const struct producer_batch **duplicate);
/* As producer_state_prepare; after it producer_txn_update cannot fail. */
struct producer_entry *producer_txn_prepare(struct producer_state *state, const struct batch_header *header) MUST_CHECK;
/* The batch got base_offset. True: it ended an aborted transaction, *aborted is the line for the index. */
bool producer_txn_update(struct producer_state *state, struct producer_entry *entry, const struct batch_header *header,
                         const struct producer_terms *terms, int64_t base_offset, int64_t now_ms,
                         struct log_aborted *aborted) MUST_CHECK;
/* bytes: of a control batch. */
enum err producer_txn_replay(struct producer_state *state, const struct batch_header *header, struct slice bytes,
                             int64_t now_ms, bool *is_aborted, struct log_aborted *aborted) MUST_CHECK;
/* A client's transactional batch is about to be verified. NONE and the guard (0: its transaction is open here already,
 * nobody has to be asked), INVALID_PRODUCER_EPOCH, or UNKNOWN_SERVER_ERROR without memory. bumps_epoch: of a client
 * with transaction.version 2. */
int16_t producer_txn_guard(struct producer_state *state, const struct batch_header *header, bool bumps_epoch,
                           int64_t now_ms, uint64_t *guard);
/* What readers of committed records must not pass; INT64_MAX: nothing. */
int64_t producer_first_unstable(const struct producer_state *state);
/* Markers below the high watermark count from now on. */
void producer_state_replicated(struct producer_state *state, int64_t high_watermark);

/* Inside of producer_state.c and producer_txn.c. */
struct producer_entry *producer_find(const struct producer_state *state, int64_t id);
const struct producer_batch *producer_find_duplicate(const struct producer_entry *entry,
                                                     const struct batch_header *header);
void producer_open(struct producer_state *state, struct producer_entry *entry, int64_t first_offset);
void producer_txn_expire(struct producer_state *state, int64_t now_ms, int64_t expiration_ms);
void producer_txn_fini(struct producer_state *state);

/* The producer snapshot file: 2 version, 4 crc (of what follows), 4 count, then 46 bytes an entry. Kafka ends there and
 * keeps only the last batch of a producer; behind it, where Kafka does not look, come the others of the window, so that
 * whatever was in flight at a restart is still told from what is new (docs/decisions/producer-window.md). Kafka's own
 * files have no such part: then the last batch is what there is. */
size_t producer_snapshot_size(const struct producer_state *state);
void producer_snapshot_write(const struct producer_state *state, uint8_t *to);
/* ERR_CORRUPT leaves the state empty: it is then rebuilt from the log. */
enum err producer_snapshot_read(struct producer_state *state, struct slice bytes) MUST_CHECK;

#endif
