/* io/reactor/mailbox.h -- messages between the shards of one machine; the real machine's, threads on both ends.
 *
 *     shard a                       lane a -> b                      shard b
 *     out: m4 -> m5    flush ==>    first: m1 -> m2 -> m3   take ==> runs m1, m2, m3
 *
 * One lane per ordered pair of shards. A sender gathers messages in `out` and publishes them once a turn; the published
 * chain hangs on one atomic pointer. Publishing onto a chain that has not been taken yet takes it back first and joins,
 * so a lane has no capacity, needs no memory of its own and never makes a sender wait (docs/decisions/mailbox.md).
 *
 * Invariants: only shard a touches `out` and `last` of lane a -> b; `first` is exchanged by both. Order is kept per
 * lane. The doorbell is not here: a sender that published must look whether the peer sleeps, after publishing; a
 * receiver that wants to sleep must say so first and then ask mailbox_waiting. Both use sequentially consistent
 * operations, so one of the two sees the other.
 */
#ifndef RINGMAIN_IO_REACTOR_MAILBOX_H
#define RINGMAIN_IO_REACTOR_MAILBOX_H

#include "io/reactor/backend.h"

struct mailbox;

struct mailbox *mailbox_open(struct mem *mem, int shards) MUST_CHECK; /* NULL: no memory */
void mailbox_close(struct mailbox *mailbox);                          /* messages still in it are forgotten */
void mailbox_put(struct mailbox *mailbox, int from, int to, struct io_msg *msg);
bool mailbox_pending(const struct mailbox *mailbox, int from, int to); /* put but not published */
void mailbox_publish(struct mailbox *mailbox, int from, int to);
bool mailbox_waiting(struct mailbox *mailbox, int to);                      /* published by anybody for `to` */
void mailbox_take(struct mailbox *mailbox, int to, struct io_chain *chain); /* all lanes, in order of the senders */

#endif
