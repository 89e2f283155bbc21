/* net/handlers/txn_ids.h -- blocks of producer ids for the transaction coordinator, from the metadata log. Core:
 * control shard. Memory: an arena while a block is on its way. */
#ifndef RINGMAIN_NET_HANDLERS_TXN_IDS_H
#define RINGMAIN_NET_HANDLERS_TXN_IDS_H

#include "core/coordinator/txns.h"
#include "io/base/arena.h"
#include "replication/quorum/metadata.h"

struct control;

struct txn_id_source {
    struct txns_needs needs;
    struct control *control;
    struct arena arena;
    struct metadata_change change;
    struct io_hook hook;
    int64_t first;
};

void txn_id_source_init(struct txn_id_source *source, struct control *control);

#endif
