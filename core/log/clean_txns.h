/* core/log/clean_txns.h -- inside of core/log: which transaction a batch is of, while the cleaner goes through a log.
 *
 * Records of aborted transactions go; a marker goes only when no batch of its transaction was met, that is, when all of
 * them are gone already. Source: Kafka's CleanedTransactionMetadata.
 *
 * Core: one thread at a time. Memory: the table is grown by its owner between two steps (clean_txns_has_room); nothing
 * is allocated while batches are looked at.
 */
#ifndef RINGMAIN_CORE_LOG_CLEAN_TXNS_H
#define RINGMAIN_CORE_LOG_CLEAN_TXNS_H

#include "core/log/aborted.h"
#include "core/wire/batch.h"
#include "io/base/mem.h"

/* An aborted transaction of the log, for one pass. */
struct clean_aborted {
    struct log_aborted line;
    int32_t next_kept; /* its marker stays, and so does its line in the aborted index; -1: the last of them */
};

/* A producer with a transaction of which batches were met, or that is aborted. */
struct clean_open {
    int64_t producer_id;
    int32_t aborted;   /* index; -1: none */
    bool is_committed; /* batches of a transaction that is not aborted were met */
    bool was_met;      /* batches of the aborted one were */
    bool is_used;
};

struct clean_txns {
    struct clean_aborted *aborted; /* ascending first offset; the owner's */
    int32_t aborted_count, next;
    int32_t first_kept, last_kept; /* in the order of their markers; -1: none */
    struct clean_open *table;
    uint32_t capacity, count;
};

/* Both allocate; false: no memory. */
bool clean_txns_init(struct clean_txns *txns, struct mem *mem, struct clean_aborted *aborted, int32_t count) MUST_CHECK;
bool clean_txns_grow(struct clean_txns *txns, struct mem *mem) MUST_CHECK;
void clean_txns_fini(struct clean_txns *txns, struct mem *mem);
void clean_txns_rewind(struct clean_txns *txns);
void clean_txns_forget_kept(struct clean_txns *txns); /* the index that they belong to is written */

/* For this batch and the transactions that begin with it. */
bool clean_txns_has_room(const struct clean_txns *txns, const struct batch_header *header);
/* True: the batch's records are of an aborted transaction. */
bool clean_txns_on_batch(struct clean_txns *txns, const struct batch_header *header);
/* True: the control batch is not needed any more. body: its records. */
bool clean_txns_on_control(struct clean_txns *txns, const struct batch_header *header, struct slice body);

#endif
