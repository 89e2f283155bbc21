/* net/cli/dump_beside.h -- index files compared with the log beside them, as Kafka's DumpLogSegments does it: they have
 * no checksums, but what they say is known otherwise.
 *
 *   .index      at each position begins a batch whose last offset is the entry's
 *   .timeindex  the batch with the entry's offset has the entry's timestamp as its largest (others may have it too)
 *   .txnindex   at an entry's last offset stands the abort marker of its producer, at its first offset, if it lies in
 *               this segment and was not compacted away, a batch of the same transaction
 *
 * Core: the command line's one thread. Memory: `log` is the caller's. NULL: it fits, as far as it can be known.
 */
#ifndef RINGMAIN_NET_CLI_DUMP_BESIDE_H
#define RINGMAIN_NET_CLI_DUMP_BESIDE_H

#include "io/base/bytes.h"

/* A walk through the log's batches; entries come with rising offsets. Begins zeroed but for `log`. */
struct dump_beside {
    struct slice log;
    size_t pos;
};

const char *dump_beside_index(const struct dump_beside *beside, int64_t offset, uint32_t pos);
const char *dump_beside_time(struct dump_beside *beside, int64_t timestamp, int64_t offset);
const char *dump_beside_aborted(struct dump_beside *beside, int64_t producer_id, int64_t first_offset,
                                int64_t last_offset, int64_t stable_offset);

#endif
