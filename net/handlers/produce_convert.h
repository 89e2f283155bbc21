/* net/handlers/produce_convert.h -- batches of produce requests unpacked or packed anew, off the loop.
 *
 *   waiting requests --(at most CONVERT_JOBS at once)--> one batch: buffer, job --> taken over --> the next in line
 *
 * A request's batches are done one after the other, and requests take turns, so that one with many does not keep the
 * slow lane from the others.
 *
 * Bounds: a shard holds CONVERT_JOBS buffers at most, each for the largest batch that its topic takes; requests that
 * wait hold only their frames. Core: a data shard. Memory: buffers from the shard, results in the request's arena.
 * Errors: in the appends; without memory for a buffer and none in use, KAFKA_STORAGE_ERROR (its connection ends).
 */
#ifndef RINGMAIN_NET_HANDLERS_PRODUCE_CONVERT_H
#define RINGMAIN_NET_HANDLERS_PRODUCE_CONVERT_H

#include "core/partition/partition.h"

enum { CONVERT_JOBS = 2 }; /* as many as the slow lane has threads */

/* One per data shard; zero-initialised. */
struct convert_lane {
    struct io *io;
    struct list waiting; /* of produce_convert; next NULL: nothing was ever asked for */
    int running;
};

struct produce_convert {
    void (*done)(struct produce_convert *convert); /* never inside the start */
    struct list appends;                           /* that passed partition_check with a partition_convert to do */
    struct arena *arena;
    struct convert_lane *_lane;
    struct list _link;
    struct io_job _job;
    struct partition_append *_now;
};

void produce_convert_start(struct convert_lane *lane, struct io *io, struct produce_convert *convert);

#endif
