/* io/reactor/slow_lane.h -- a few threads of one machine that run blocking jobs in order of submission.
 *
 * A finished job waits in its shard's list until that shard takes it: `finished` is called on the slow-lane thread to
 * wake the shard. Closing waits for the jobs that run and forgets those that wait.
 */
#ifndef RINGMAIN_IO_REACTOR_SLOW_LANE_H
#define RINGMAIN_IO_REACTOR_SLOW_LANE_H

#include "io/reactor/backend.h"

struct slow_lane;

struct slow_lane_options {
    struct mem *mem;
    struct fs *fs; /* may be used by several threads */
    int threads;
    int cpu; /* to run on; -1: anywhere */
    int shards;
    void (*finished)(struct io *io);
};

enum err slow_lane_open(const struct slow_lane_options *options, struct slow_lane **lane) MUST_CHECK;
void slow_lane_close(struct slow_lane *lane);
void slow_lane_submit(struct slow_lane *lane, struct io_job *job);
bool slow_lane_waiting(struct slow_lane *lane, int shard); /* finished jobs to take */
void slow_lane_take(struct slow_lane *lane, int shard, struct list *jobs);

#endif
