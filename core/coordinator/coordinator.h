/* core/coordinator/coordinator.h -- runs a pure machine on each partition of an internal topic.
 *
 *   image says: led here --> LOADING: the log is read on its owner's shard, piece by piece, and replayed --> ACTIVE
 *   request --> coordinator_enter --> machine --> coordinator_leave: kind->drain() --> coordinator_append
 *       --> (end of turn: one batch per partition) --> owning shard: partition_append, acks=all --> back
 *       --> kind->appended(), kind->drain(): now the request is answered
 *   image says: led elsewhere, gone, or recreated --> CLOSING: kind->resign(), appends in flight come back --> closed
 *
 *       IDLE --> LOADING --> ACTIVE --> CLOSING --> IDLE
 *                  |  ^ (retried)         ^
 *                  v  |                   |
 *                 FAILED -----------------+
 *
 * One `struct coordinator` per topic: __consumer_offsets (core/group), __transaction_state (core/txn). What a topic's
 * machines do is a constant struct coordinator_kind; a machine embeds struct coordinator_machine.
 *
 * How to make one: embed coordinator_machine in a host struct together with the pure machine; kind->open allocates it,
 * kind->replay and kind->replay_marker feed it while loading. Before every other input (loaded, appended, tick, resign,
 * and whatever is called between coordinator_enter and coordinator_leave) comes kind->clock, after it kind->drain,
 * which carries out what the machine wants; kind->tick comes when kind->next_deadline says. See
 * core/coordinator/groups.c.
 *
 * Invariants:
 *   1. kind->replay* are called only between open and loaded; coordinator_append only between loaded and close.
 *   2. Appends of one partition are answered in their order, also when some fail.
 *   3. close comes after the last append was answered; resign before it, when the machine was loaded.
 *   4. No data shard waits for this one: it hands over messages and takes them back.
 *
 * Core:   control shard; reading and appending happen on the shard that owns the partition, by message.
 * Memory: io_mem of the control shard. A load holds one buffer; at most COORDINATOR_LOADS_MAX run at a time.
 * Errors: Kafka's codes. Rules: Kafka 4.3's CoordinatorRuntime, CoordinatorLoaderImpl.
 */
#ifndef RINGMAIN_CORE_COORDINATOR_COORDINATOR_H
#define RINGMAIN_CORE_COORDINATOR_COORDINATOR_H

#include "core/machine/machine.h"
#include "core/meta/image.h"
#include "core/partition/shard_data.h"
#include "core/wire/compress.h"

struct coordinator;
struct coordinator_partition;

enum { COORDINATOR_LOADS_MAX = 4, COORDINATOR_LOAD_BYTES = 256 * 1024 };

struct coordinator_machine {
    struct coordinator *coordinator;
    struct coordinator_partition *_partition;
    int32_t partition; /* of the topic */
    int32_t epoch;     /* leader epoch it was loaded in: the coordinator epoch of markers */
    bool broken;       /* set by drain: it is not what the log says for want of memory, and is loaded again */
    bool _active;
    struct io_timer _timer; /* always running, so that moving it needs no memory */
};

struct coordinator_kind {
    const char *topic;
    /* NULL: no memory (tried again later). */
    struct coordinator_machine *(*open)(struct coordinator *coordinator, int32_t partition);
    /* ERR_CORRUPT: a record that is not understood although its kind is known; it is skipped and counted. Records of
     * unknown kinds are the machine's to ignore. ERR_NO_MEMORY: the load fails. */
    enum err (*replay)(struct coordinator_machine *machine, const struct machine_replay *record);
    enum err (*replay_marker)(struct coordinator_machine *machine, const struct machine_marker *marker);
    void (*clock)(struct coordinator_machine *machine, int64_t now_ms, int64_t wall_ms);
    void (*loaded)(struct coordinator_machine *machine);
    void (*appended)(struct coordinator_machine *machine, struct machine_append *append);
    void (*tick)(struct coordinator_machine *machine);
    int64_t (*next_deadline)(const struct coordinator_machine *machine); /* of now_ms; INT64_MAX: none */
    /* Hands over appends and answers; may be entered again while it answers. */
    void (*drain)(struct coordinator_machine *machine);
    void (*resign)(struct coordinator_machine *machine); /* whoever waits is answered NOT_COORDINATOR */
    void (*close)(struct coordinator_machine *machine);
};

struct coordinator_options {
    const struct coordinator_kind *kind;
    struct shard_data *const *datas; /* by data shard; outlives the coordinator */
    int data_shards;
    int32_t node_id;
    enum compress_codec codec; /* of what is written */
};

enum err coordinator_open(struct io *io, const struct coordinator_options *options,
                          struct coordinator **coordinator) MUST_CHECK;
/* Nothing is on its way to another shard or back. */
bool coordinator_is_idle(const struct coordinator *coordinator);
/* Only when idle: machines are closed where they stand. */
void coordinator_close(struct coordinator *coordinator);
struct io *coordinator_io(struct coordinator *coordinator);
/* As given in the options: embedded in whom the machines belong to, they find their way with CONTAINER_OF. */
const struct coordinator_kind *coordinator_kind_of(const struct coordinator *coordinator);

/* A new image that every shard has applied. */
void coordinator_apply(struct coordinator *coordinator, const struct image *image);
/* No appends and loads are started any more; whoever waits is answered NOT_COORDINATOR. */
void coordinator_stop(struct coordinator *coordinator);

/* abs(Java's hash of the key) modulo the topic's partitions (Utils.abs: the smallest integer gives 0); -1: no topic. */
int32_t coordinator_partition_of(const struct image *image, const char *topic, struct slice key);
int32_t coordinator_partition_in(int32_t partition_count, struct slice key); /* the same of a topic not yet made */
/* NONE and the machine, its clock set; or NOT_COORDINATOR, COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE. */
int16_t coordinator_enter(struct coordinator *coordinator, struct slice key, struct coordinator_machine **machine);
int16_t coordinator_enter_at(struct coordinator *coordinator, int32_t partition, struct coordinator_machine **machine);
/* In the same turn as the enter. */
void coordinator_leave(struct coordinator_machine *machine);
/* Partitions of the topic as last applied: for each of them coordinator_enter_at. */
int32_t coordinator_partition_count(const struct coordinator *coordinator);
/* How many records were skipped while loading since start: for metrics and diag. */
uint64_t coordinator_skipped_count(const struct coordinator *coordinator);
int64_t coordinator_longest_load_ms(const struct coordinator *coordinator); /* of a partition, since start */

/* Written at the end of this turn of the loop; kind->appended comes later, never inside. */
void coordinator_append(struct coordinator_machine *machine, struct machine_append *append);

#endif
