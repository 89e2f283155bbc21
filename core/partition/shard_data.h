/* core/partition/shard_data.h -- the partitions of one shard, and their life.
 *
 * A partition lives on shard partition_shard(topic id, index, data shards): a rule, not a fact on disk, so that the
 * number of shards may change at any restart. The image says which partitions exist; shard_data_apply() makes it so:
 * opens or creates logs in jobs of many, deletes what is gone, takes over changed configuration and leader epochs.
 *
 * Periodic work, each by its own Kafka key: retention (log.retention.check.interval.ms), recovery-point checkpoints
 * (log.flush.offset.checkpoint.interval.ms), log-start checkpoints (log.flush.start.offset.checkpoint.interval.ms),
 * flushes of what nobody waits for (ringmain.flush.interval.ms and .bytes, flush.ms, flush.messages),
 * expiry of idle producers (producer.id.expiration.check.interval.ms).
 *
 * Invariants: the map holds every partition of the applied image that belongs to this shard, and no others but those in
 * state DELETING; one apply runs at a time, further ones wait in order; after shard_data_stop() nothing is started.
 *
 * Core:    the owning shard.
 * Memory:  from io_mem of the shard. The images are held by the caller until the apply of the next one is done.
 * Errors:  a partition whose log cannot be opened is OFFLINE, the others are not touched; one for which there is no
 *          memory stays CREATING and is tried again every few seconds.
 */
#ifndef RINGMAIN_CORE_PARTITION_SHARD_DATA_H
#define RINGMAIN_CORE_PARTITION_SHARD_DATA_H

#include "core/partition/partition.h"
#include "io/base/hash.h"

struct broker_config;
struct metrics;
struct image;
struct log_dirs;

/* What a person should hear of. Called on the owning shard. */
struct shard_data_events {
    void (*damaged)(struct shard_data_events *events, const struct partition *partition,
                    const struct log_damage *damage);
};

struct shard_data_options {
    struct log_dirs *dirs;              /* the node's, shared by all shards; outlives this */
    const struct broker_config *config; /* changed with shard_data_configure */
    int32_t broker_id;
    int32_t data_shards;
    int64_t dirty_bytes; /* where ringmain.dirty.bytes leaves it open; 0: 64 MiB */
    struct shard_data_events *events; /* NULL: nobody listens */
    struct metrics *metrics;          /* of this shard; NULL: nobody counts */
};

enum err shard_data_open(struct io *io, const struct shard_data_options *options, struct shard_data **data) MUST_CHECK;
/* After shard_data_stop's answer, or when nothing was ever applied. */
void shard_data_close(struct shard_data *data);

/* The rule of ownership. */
int partition_shard(struct uuid topic_id, int32_t index, int data_shards);
/* NULL: not on this shard. One hash look-up. */
struct partition *shard_data_find(struct shard_data *data, struct uuid topic_id, int32_t index);

/* Makes this shard's partitions what `image` says. done() comes after the last log is open or gone; never inside the
 * call. The struct and both images stay untouched until then; the image stays in use until the next apply is done. */
struct shard_data_apply {
    void (*done)(struct shard_data_apply *apply);
    const struct image *image;
    int32_t opened_count, failed_count; /* out */
    struct list _link;
    int32_t _pending;
    bool _deleted, _creating, _repairs;
};
void shard_data_apply(struct shard_data *data, struct shard_data_apply *apply);
/* A new snapshot of the broker's configuration (intervals, expiry); kept until the next. */
void shard_data_configure(struct shard_data *data, const struct broker_config *config);

/* Clean stop: no more periodic work, appends in flight are finished, everything flushed, producer snapshots and
 * checkpoints written. done() says whether all of it worked (only then may the clean shutdown marker be written). */
enum shard_stop_step { SHARD_STOP_BEGIN, SHARD_STOP_WRITE, SHARD_STOP_EACH, SHARD_STOP_END };
struct shard_data_stop {
    void (*done)(struct shard_data_stop *stop);
    enum err err;
    enum shard_stop_step _step;
    bool _together;
    struct list *_next; /* the partition that the step comes to */
};
void shard_data_stop(struct shard_data *data, struct shard_data_stop *stop);
bool shard_data_is_stopping(const struct shard_data *data); /* then no image may be applied any more */

struct io *shard_data_io(struct shard_data *data);
/* For a wait that is over before it begins. */
struct wait_waker *shard_data_waker(struct shard_data *data);
/* Grows whenever a partition leaves the list below: what was kept of it from an earlier turn may be gone. */
uint64_t shard_data_removals(const struct shard_data *data);
int64_t shard_data_dirty_bytes(const struct shard_data *data);
/* Since it looked for something to compact; 0 while it is at work. */
int64_t shard_data_cleaner_idle_ms(const struct shard_data *data);
/* Every partition of this shard in order of creation, for DescribeLogDirs and metrics. */
struct list *shard_data_partitions(struct shard_data *data);
#define PARTITION_OF(link) CONTAINER_OF(link, struct partition, _in_shard)

#endif
