/* core/partition/shard_data_internal.h -- inside of core/partition: the struct behind shard_data.h. */
#ifndef RINGMAIN_CORE_PARTITION_SHARD_DATA_INTERNAL_H
#define RINGMAIN_CORE_PARTITION_SHARD_DATA_INTERNAL_H

#include "core/log/log_clean.h"
#include "core/log/log_dirs.h"
#include "core/meta/image.h"
#include "core/metrics/metrics.h"
#include "core/partition/shard_data.h"

struct group; /* scratch of append.c */

/* Compaction: one partition at a time, the dirtiest first (cleaner.c). */
struct cleaner {
    struct io_timer timer;
    struct partition *partition; /* NULL: none */
    int64_t looked_ns;           /* when it last looked for one, or was done with one */
    double bytes_per_second;     /* that the pauses were measured by */
    struct log_clean clean;
    struct log_clean_producer *producers;
    size_t producer_capacity;
};

struct shard_data {
    struct io *io;
    struct mem *mem;
    struct shard_data_options options;
    struct map partitions; /* by topic id and index */
    struct list in_order;  /* of partition._in_shard */
    struct list deleting;  /* out of the map; the log still held by somebody */
    struct wait_waker waker;
    struct log_budget budget;
    struct cleaner cleaner;
    struct list unflushed, hasty, flushing; /* partitions with bytes that are not durable (flush.c) */
    int flushing_count;
    struct list queued; /* partitions with appends of this turn */
    struct io_hook append_hook, apply_hook;
    struct group *group;
    const struct image *image; /* applied */
    struct list applies;       /* shard_data_apply, in order; the first one runs */
    struct io_timer retention_timer, checkpoint_timer, producer_timer, tick_timer, deleting_timer, stop_timer,
        flush_timer;
    struct log_dirs_report report;
    struct log_dirs_entry *entries; /* of the report in flight */
    int32_t entry_capacity;
    struct checkpoint_text described; /* at a stop: of each partition with a log a length i32 and its description */
    bool reporting;
    void (*reported)(struct shard_data *data); /* once, after the report in flight; NULL: nobody waits */
    void (*waiting_report)(struct shard_data *data);
    int32_t jobs;                   /* in flight */
    struct shard_data_apply repair; /* the image once more, when there was no memory for all of its partitions */
    bool short_of_memory;
    uint64_t removals; /* from in_order */
    struct shard_data_stop *stop;
};

/* One partition's blocking work on its directory. A topic of thousands of partitions has as many of them at once: the
 * paths are no longer than they are. */
struct partition_task {
    struct io_job job;
    struct partition *partition;
    struct shard_data_apply *apply;
    bool put_aside; /* what is there is another topic's */
    uint64_t random[2];
    char *path;
    char *retired; /* FS_PATH_MAX; NULL when it is made */
    enum err err;
};

/* life.c: opening, deleting. */
void life_create(struct shard_data *data, struct shard_data_apply *apply, const struct image_topic *topic,
                 int32_t index);
/* Harmless when it is open, offline, or on its way. */
void life_open(struct shard_data *data, struct shard_data_apply *apply, struct partition *partition);
void life_delete(struct shard_data *data, struct shard_data_apply *apply, struct partition *partition);
void life_update(struct shard_data *data, struct partition *partition, const struct image_topic *topic);
void life_sweep(struct shard_data *data); /* removes what nobody holds any more */
void life_free(struct shard_data *data, struct partition *partition);
void life_free_task(struct shard_data *data, struct partition_task *task);
bool life_remove_from_map(struct shard_data *data, struct partition *partition);
/* snapshot.c: producer snapshots. */
/* The newest at or below `most` into partition->producers; *offset is where replay begins, 0 without one. */
enum err snapshot_load(struct shard_data *data, struct partition *partition, const char *directory, int64_t most,
                       int64_t *offset) MUST_CHECK;
/* The one of a clean stop, which is at the log's end. ERR_NOT_FOUND: none, or not a good one. */
enum err snapshot_load_clean(struct shard_data *data, struct partition *partition) MUST_CHECK;
/* The producers as bytes, and back: for the description of a partition. */
enum err snapshot_take(struct partition *partition, struct slice bytes) MUST_CHECK;
bool snapshot_describe(struct shard_data *data, const struct partition *partition,
                       struct checkpoint_text *text) MUST_CHECK;
enum err snapshot_store(struct shard_data *data, struct partition *partition) MUST_CHECK; /* blocking: the stop */
void snapshot_checkpoint(struct shard_data *data, struct partition *partition);
/* The next start begins with none below it, and replays what is behind; INT64_MAX: it replays everything. */
int64_t snapshot_oldest(const struct partition *partition);
/* flush.c: what nobody waits for becomes durable by time, bytes and messages. */
void partition_flush_later(struct partition *partition, uint64_t bytes); /* so many were appended */
void partition_flush_configured(struct partition *partition);            /* when, may have changed */
void partition_flush_forget(struct partition *partition);                /* it is in no list any more */
void partition_flushed(struct partition *partition);                     /* the durable offset has moved */
void partition_flush(struct partition *partition);                       /* log_flush, and how long it takes */
void flush_fire(struct io_timer *timer);
/* cleaner.c */
void cleaner_fire(struct io_timer *timer);
void cleaner_configured(struct shard_data *data); /* no later than the backoff and no slower than set now */
void cleaner_stop(struct shard_data *data);
void cleaner_forget(struct shard_data *data, const struct partition *partition); /* it is deleted */
void life_describe_partition(struct shard_data *data, const struct partition *partition);
/* life.c: the directory of a deleted partition goes when nobody writes into it any more. */
void life_retire(struct partition *partition);
/* shard_data.c */
void shard_data_checkpoint(struct shard_data *data); /* soon */
/* What all partitions have, to the control shard's checkpoints; NULL: nobody waits. */
void shard_data_report(struct shard_data *data, void (*reported)(struct shard_data *data));
void stop_fire(struct io_timer *timer); /* stop.c */
/* shard_data.c: one of an apply's parts is done. */
void shard_data_apply_part_done(struct shard_data *data, struct shard_data_apply *apply);

size_t partition_group_bytes(void);
void partition_log_moved(struct log_listener *listener);
void partition_log_damaged(struct log_listener *listener, const struct log_damage *damage);

#endif
