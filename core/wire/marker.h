/* core/wire/marker.h -- control batches that end a transaction (KIP-98): one record.
 *
 *   key:   0 version i16, 2 type i16 (0 abort, 1 commit; others are not a transaction's end)
 *   value: 0 version i16, 2 coordinator epoch i32
 *
 * Pure; any core. Memory: the caller's. Errors: ERR_CORRUPT for what cannot be a control record; ERR_NOT_FOUND for a
 * control batch that ends no transaction, or whose record was cleaned away.
 */
#ifndef RINGMAIN_CORE_WIRE_MARKER_H
#define RINGMAIN_CORE_WIRE_MARKER_H

#include "core/wire/batch.h"

enum { MARKER_BATCH_BYTES = 112 }; /* what the builder asks for; one has 78 */

struct marker {
    int32_t coordinator_epoch;
    bool commit;
};

/* The whole batch, at offset 0. Its bytes lie in `to`. */
struct slice marker_build(uint8_t to[MARKER_BATCH_BYTES], const struct marker *marker, int64_t producer_id,
                          int16_t producer_epoch, int64_t timestamp_ms);
/* batch: the bytes from its header on, as far as they are at hand. */
enum err marker_read(struct slice batch, const struct batch_header *header, struct marker *marker) MUST_CHECK;

#endif
