/* net/handlers/producer_ids.h -- a shard's store of producer ids: a block at a time from the metadata log.
 *
 * The control shard commits a ProducerIdsRecord for each block, so an id is given out once in the cluster's life; what
 * is left of a block at a stop is not used. Core: a data shard. Memory: the waiting requests are their own.
 */
#ifndef RINGMAIN_NET_HANDLERS_PRODUCER_IDS_H
#define RINGMAIN_NET_HANDLERS_PRODUCER_IDS_H

#include "io/reactor/io.h"

struct producer_ids {
    int64_t next, end;
    struct list waiting; /* of struct producer_id_waiter; next NULL: nothing was ever asked for */
    struct io_msg msg;
    bool asking;
    int64_t granted; /* in the answer: the first id of the block; -1: none */
};

#endif
