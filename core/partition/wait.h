/* core/partition/wait.h -- fetches that wait for bytes, without polling.
 *
 *   partition: wait_queue  <--- waiter --- wait_group (one request on this shard) --- waiter --->  wait_queue
 *                   |                          ^
 *                   +-- bytes, moves ----------+  enough: the group goes to the waker, which calls it at the turn's end
 *
 * A read notes what it has seen of the queue. wait_start compares: what came between the read and the wait is not
 * missed. Bytes are counted towards the group's sum over all its partitions; a move (log start, leader epoch, state)
 * ends the wait at once, as Kafka's DelayedFetch does.
 *
 * Invariants: a waiter is in at most one queue; a group is woken at most once and none of its waiters is in a queue
 * then; wake() never runs inside a call of this file, and not after wait_group_stop().
 * Core: one shard. Memory: all of it is its users'; nothing is allocated. Next: core/partition/partition.h
 */
#ifndef RINGMAIN_CORE_PARTITION_WAIT_H
#define RINGMAIN_CORE_PARTITION_WAIT_H

#include "io/reactor/io.h"

/* One per shard: calls the groups that have enough, once a turn. */
struct wait_waker {
    struct io *io;
    struct io_hook hook;
    struct list woken;
};

/* One per partition. */
struct wait_queue {
    struct list waiters;
    struct wait_waker *waker;
    uint64_t bytes; /* that ever became readable */
    uint32_t moves;
};

struct wait_seen {
    uint64_t bytes;
    uint32_t moves;
};

struct wait_group;

struct wait_waiter {
    struct list _link;
    struct wait_group *_group;
};

struct wait_group {
    void (*wake)(struct wait_group *group);
    struct wait_waiter *_waiters;
    int32_t _count;
    uint64_t _missing_bytes;
    struct list _link; /* in the waker's list, when enough */
};

void wait_waker_init(struct wait_waker *waker, struct io *io);
void wait_waker_fini(struct wait_waker *waker);
void wait_queue_init(struct wait_queue *queue, struct wait_waker *waker);
struct wait_seen wait_queue_seen(const struct wait_queue *queue);
void wait_queue_add(struct wait_queue *queue, uint64_t bytes);
void wait_queue_move(struct wait_queue *queue);

/* waiters: `count` of them, each for at most one wait_start. missing_bytes > 0. */
void wait_group_init(struct wait_group *group, struct wait_waiter *waiters, int32_t count, uint64_t missing_bytes);
void wait_start(struct wait_queue *queue, struct wait_group *group, int32_t index, struct wait_seen seen);
/* Wakes the group for a reason of the caller's, e.g. a partition that is not there any more. */
void wait_group_wake(struct wait_group *group, struct wait_waker *waker);
void wait_group_stop(struct wait_group *group); /* harmless at any time after init */

#endif
