/* core/log/producer_state.h -- what a partition remembers of its idempotent producers (KIP-98, KIP-360).
 *
 * Per producer id: its epoch, and the last five batches as (sequences, offsets), so that a batch sent twice is answered
 * with the offset it got the first time, and one that follows a lost one is refused.
 *
 * Rules, as Kafka's ProducerAppendInfo: a lower epoch is INVALID_PRODUCER_EPOCH; a new epoch begins at sequence 0; the
 * next sequence is last + 1 (from 2^31 - 1 to 0), anything else OUT_OF_ORDER_SEQUENCE_NUMBER; a producer that is not
 * known may begin anywhere.
 *
 * Invariants: at most 5 batches an entry, in order of offset; producer_state_check changes nothing.
 * Core: the partition's shard. Memory: from the mem; producer_state_prepare takes it before anything is written, so
 * that an update after the write cannot fail. Errors: Kafka's codes. On disk: Kafka's producer snapshot, version 1.
 */
#ifndef RINGMAIN_CORE_LOG_PRODUCER_STATE_H
#define RINGMAIN_CORE_LOG_PRODUCER_STATE_H

#include "core/wire/batch.h"
#include "io/base/hash.h"

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
    int32_t coordinator_epoch;  /* -1: none */
    int16_t epoch;              /* -1: only prepared, nothing written yet */
    uint8_t count, _first;      /* of the ring */
    struct producer_batch batches[PRODUCER_BATCHES];
};

struct producer_state {
    struct mem *mem;
    struct map entries; /* by producer id */
};

void producer_state_init(struct producer_state *state, struct mem *mem);
void producer_state_fini(struct producer_state *state);

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
/* Forgets producers that have not written for expiration_ms and have no open transaction. How many. */
int producer_state_expire(struct producer_state *state, int64_t now_ms, int64_t expiration_ms);

/* The producer snapshot file: 2 version, 4 crc (of what follows), 4 count, then 46 bytes an entry. */
size_t producer_snapshot_size(const struct producer_state *state);
void producer_snapshot_write(const struct producer_state *state, uint8_t *to);
/* ERR_CORRUPT leaves the state empty: it is then rebuilt from the log. */
enum err producer_snapshot_read(struct producer_state *state, struct slice bytes) MUST_CHECK;

#endif
