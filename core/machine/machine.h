/* core/machine/machine.h -- what a coordinator's pure machine asks of whom runs it: records to append, deadlines.
 *
 *   request, tick or image --> machine --+--> struct machine_append: records to be written, as one whole
 *                                        +--> answers (the machine's own structs)
 *   machine_append answered --> machine: only now does the change count; the same record, replayed after a restart,
 *                               changes a fresh machine in the same way
 *
 * A machine changes what the log holds only when an append has been answered, by the code that replays records: so that
 * the state after a restart is the live state. What the log does not hold (who waits, deadlines) may change at once.
 *
 * Invariants: an append is answered exactly once, in the order of machine_append() on one machine, with
 *   KAFKA_ERROR_NONE: written, replicated and (level `flushed`) on the device; base_offset is that of its first record;
 *   any other code: not applied; the machine undoes what it did at once.
 * All records of one append lie in one batch: after a crash all of them are there or none.
 * An append without records is a fence: it is answered when all before it have been.
 *
 * Core: pure. Memory: an append with its records belongs to the machine; it stays untouched until it is answered.
 */
#ifndef RINGMAIN_CORE_MACHINE_MACHINE_H
#define RINGMAIN_CORE_MACHINE_MACHINE_H

#include "io/base/bytes.h"
#include "io/base/err.h"
#include "io/base/list.h"
#include "io/base/mem.h"

struct machine_record {
    struct slice key, value; /* value null: a tombstone */
};

enum machine_append_kind {
    MACHINE_APPEND_RECORDS,       /* joined with others of the same turn */
    MACHINE_APPEND_TRANSACTIONAL, /* a batch of its own that belongs to a producer's transaction */
    MACHINE_APPEND_COMMIT,        /* control batches: the end of a producer's transaction; no records */
    MACHINE_APPEND_ABORT,
};

struct machine_append {
    struct list link; /* in the machine's list of new appends, then the runner's */
    enum machine_append_kind kind;
    const struct machine_record *records;
    int32_t count;
    int64_t timestamp_ms;        /* of the records, wall clock */
    int64_t producer_id;         /* all kinds but RECORDS */
    int16_t producer_epoch;      /* likewise */
    int32_t coordinator_epoch;   /* of the transaction coordinator, in markers */
    int16_t transaction_version; /* likewise: of the transaction that ends */
    /* The answer: */
    int16_t error; /* a Kafka code as the log gave it */
    int64_t base_offset;
    int64_t _records_bytes;
};

/* What clients are told when the log has answered so: where to ask again, or that it is of no use
 * (GroupMetadataManager.appendGroupMetadataErrorToResponseError, TransactionStateManager.appendTransactionToLog). */
int16_t machine_append_error(int16_t log_error);

/* A record as the log holds it, while a machine is loaded or after an append was answered. */
struct machine_replay {
    struct slice key, value;
    int64_t offset;
    int64_t timestamp_ms;
    int64_t producer_id; /* -1: not part of a transaction */
    int16_t producer_epoch;
};

struct machine_marker {
    int64_t offset;
    int64_t producer_id;
    int16_t producer_epoch;
    bool commit;
};

/* ---- memory ------------------------------------------------------------------------------------------------------
 *
 * What the log holds must fit into memory again when it is replayed. So a machine takes in what is new (a group, a
 * member, an offset of another partition, a transactional id) only while its memory is at most half full, and what
 * comes and goes (offsets and partitions of a transaction) a little longer; what replaces something may always. The
 * other half is for what is on its way to the log and has to be applied then. */
static inline bool machine_may_grow(const struct mem *mem)
{
    return mem->used <= mem->limit / 2;
}

static inline bool machine_may_borrow(const struct mem *mem)
{
    return mem->used <= mem->limit / 8 * 5;
}

/* ---- deadlines: a heap of what is to happen when, on a clock that the caller gives ------------------------------- */

struct machine_deadline {
    int64_t at_ms;
    uint32_t _index; /* place in the heap + 1; 0: not running. Zero-initialise. */
};

struct machine_deadlines {
    struct mem *mem;
    struct machine_deadline **heap;
    uint32_t count, capacity;
};

void machine_deadlines_init(struct machine_deadlines *deadlines, struct mem *mem);
void machine_deadlines_fini(struct machine_deadlines *deadlines);
/* Makes sure that `more` further deadlines can be started without memory. */
enum err machine_deadlines_reserve(struct machine_deadlines *deadlines, uint32_t more) MUST_CHECK;
/* Starts or moves it; room for it was reserved. */
void machine_deadline_start(struct machine_deadlines *deadlines, struct machine_deadline *deadline, int64_t at_ms);
void machine_deadline_stop(struct machine_deadlines *deadlines, struct machine_deadline *deadline); /* harmless twice */
static inline bool machine_deadline_running(const struct machine_deadline *deadline)
{
    return deadline->_index != 0;
}
/* INT64_MAX: none. */
int64_t machine_deadlines_next(const struct machine_deadlines *deadlines);
/* Takes out the earliest that is due by now; NULL: none is. */
struct machine_deadline *machine_deadlines_take(struct machine_deadlines *deadlines, int64_t now_ms);

#endif
