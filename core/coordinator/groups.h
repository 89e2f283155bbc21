/* core/coordinator/groups.h -- the group coordinator: a struct group_machine on each partition of __consumer_offsets.
 *
 *   request -> groups_enter -> group_join, group_commit ... -> groups_leave -> records to the log, answers to their
 * calls timer, answered append, deleted topic -> the same way
 *
 * How to use it: ask groups_enter (by group) or groups_enter_at (by partition) for the machine, call it, and give it
 * back in the same turn. A call is answered by call->answered, inside groups_leave or later; it is the caller's until
 * then.
 *
 * Core: control shard. Memory: io_mem of the control shard. Errors: Kafka's codes.
 * Rules: core/group/group.h, core/coordinator/coordinator.h.
 */
#ifndef RINGMAIN_CORE_COORDINATOR_GROUPS_H
#define RINGMAIN_CORE_COORDINATOR_GROUPS_H

#include "core/coordinator/coordinator.h"
#include "core/group/group.h"

struct groups;

struct groups_options {
    struct shard_data *const *datas; /* by data shard; outlives the coordinator */
    int data_shards;
    int32_t node_id;
    enum compress_codec codec; /* offsets.topic.compression.codec */
};

enum err groups_open(struct io *io, const struct groups_options *options, struct groups **groups) MUST_CHECK;
/* For its partitions, loads, and whether it is idle. */
struct coordinator *groups_coordinator(const struct groups *groups);
void groups_close(struct groups *groups); /* only when idle */
/* Whoever waits is answered NOT_COORDINATOR, everybody else COORDINATOR_NOT_AVAILABLE. */
void groups_stop(struct groups *groups);
/* A new image that every shard has applied; held until the next. */
void groups_apply(struct groups *groups, const struct image *image);

/* NONE, or what the client is told instead. */
int16_t groups_enter(struct groups *groups, struct slice group_id, struct group_machine **machine);
int16_t groups_enter_at(struct groups *groups, int32_t partition, struct group_machine **machine);
void groups_leave(struct group_machine *machine);

#endif
