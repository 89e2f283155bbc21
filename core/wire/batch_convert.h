/* core/wire/batch_convert.h -- compressed batches looked into, and batches packed anew for a topic's compression.type.
 *
 * batch_check() does not unpack. What it leaves open is closed here: the records of a compressed batch are checked as
 * those of an uncompressed one, and with another codec asked for the batch is built again: same records, same base
 * timestamp, producer and sequence, new attributes, maximum timestamp and CRC.
 *
 * Invariants: at most batch_unpacked_limit() bytes are unpacked, so that a bomb is refused at a known price; the
 * batch given is never changed. Pure; any core, but slow:
 * see docs/decisions/compressed-batches.md for what it costs.
 * Memory: everything from the arena's mem; the new batch stays in the arena, the rest is given back before it returns.
 * Errors: Kafka's codes, in the verdict. Source: LogValidator.validateMessagesAndAssignOffsetsCompressed.
 */
#ifndef RINGMAIN_CORE_WIRE_BATCH_CONVERT_H
#define RINGMAIN_CORE_WIRE_BATCH_CONVERT_H

#include "core/wire/batch.h"
#include "core/wire/compress.h"

/* How far a batch of packed_bytes may unfold: the format's own ratios fit (gzip's best is 1032), a bomb does not. */
size_t batch_unpacked_limit(size_t packed_bytes);

/* batch: passed batch_check with these rules, which filled *header. codec: the one to pack with; the batch's own only
 * checks. level: as compress_pack takes it. True: *converted is the batch to store (`batch` itself when the codec
 * stays) and *header describes it. */
bool batch_convert(struct slice batch, const struct batch_rules *rules, enum compress_codec codec, int level,
                   struct arena *arena, struct batch_header *header, struct slice *converted,
                   struct batch_verdict *verdict) MUST_CHECK;

#endif
