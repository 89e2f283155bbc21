/* core/wire/batch_retain.h -- a batch with some of its records taken out, as compaction needs it.
 *
 * What stays keeps its offset and timestamp; the batch keeps its base and last offset, producer, epoch and sequence, so
 * that gaps are the only thing a reader sees. Packed batches are packed again with their codec. The first time that a
 * batch is left with a tombstone (or a marker that is no longer needed) it gets a delete horizon (KIP-534): attribute
 * bit 6, with the time in the place of the base timestamp.
 *
 * Invariants: the batch given is not changed; a batch of which everything stays comes back as it was.
 * Core: pure, but slow for packed batches: for jobs. Memory: scratch and the result in `out`, which is the caller's.
 * Errors: ERR_CORRUPT for records that cannot be read, ERR_LIMIT for a bomb, ERR_NO_MEMORY.
 * Rules: Kafka's MemoryRecords.filterTo.
 */
#ifndef RINGMAIN_CORE_WIRE_BATCH_RETAIN_H
#define RINGMAIN_CORE_WIRE_BATCH_RETAIN_H

#include "core/wire/batch.h"
#include "core/wire/compress.h"

struct batch_retain {
    bool (*keep)(struct batch_retain *retain, const struct batch_header *header, const struct batch_record *record);
    int64_t horizon_ms;  /* for a batch that needs one and has none */
    bool is_idle_marker; /* a marker whose transaction has no records left */
    bool keep_empty;     /* without records the header stays, for its offsets and its producer's sequence */
    int32_t kept_count;  /* out */
};

/* *kept: the batch itself, bytes in `out` (what was in there is gone), or nothing when the batch goes. */
enum err batch_retain(struct batch_retain *retain, struct slice batch, const struct batch_header *header,
                      struct compress_buffer *out, struct slice *kept) MUST_CHECK;

#endif
