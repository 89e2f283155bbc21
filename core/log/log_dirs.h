/* core/log/log_dirs.h -- the node's data directories (log.dirs, JBOD): who they belong to, what is in them, their
 * health.
 *
 *   <directory>/.lock  meta.properties  .kafka_cleanshutdown           one process, one node, one cluster
 *              recovery-point-offset-checkpoint                       from here on recovery has to look
 *              log-start-offset-checkpoint  replication-offset-checkpoint
 *              cleaner-offset-checkpoint                              up to here it is compacted
 *              ringmain-manifest                                      what a clean stop has left (log_dirs_manifest.c)
 *              <topic>-<partition>/                                   logs (log.h)
 *              <topic>-<partition>.<32 hex digits>-delete/            topics that are gone, until their files are
 *              <topic>-<partition>.<32 hex digits>-stray/             found at a start, of no topic of this cluster
 *
 * Invariants:
 *   1. What was found at open (places of partitions, their offsets) never changes afterwards: any shard may read it.
 *   2. The marker of a clean stop is gone, durably, before log_dirs_open returns; it is written again only by
 *      log_dirs_close(clean).
 *   3. A directory that failed is offline for good: nothing is written into it, the others go on.
 *   4. Checkpoint files hold the entries of every shard: one that has not reported since the start is there as found.
 *   5. Nothing in here depends on the number of shards.
 *
 * Core:    log_dirs_open, _watch, _close: control shard (open and close block: start and stop). Everything else: any
 *          shard; offline, full, space and the number of partitions are atomics of one word each, nothing else is
 *          shared and written.
 * Memory:  from the control shard's mem. A report is its sender's until done().
 * Errors:  a path that cannot be made, locked, listed or read goes offline at open, alone; with none left, open fails.
 *          A lock held by another process, another node's or cluster's directory or one partition in two directories
 *          stop the start, with the reason in `why`.
 * Rules:   Kafka's LogManager, LogDirFailureChannel, MetaPropertiesEnsemble; KIP-112, KIP-858.
 */
#ifndef RINGMAIN_CORE_LOG_LOG_DIRS_H
#define RINGMAIN_CORE_LOG_LOG_DIRS_H

#include "core/log/checkpoint.h"
#include "io/reactor/fs.h"

struct log_dirs;

enum { LOG_DIRS_MAX = 64 };

struct log_dirs_options {
    const char *const *paths; /* 1 .. LOG_DIRS_MAX; made when they are not there */
    int count;
    int32_t node_id;
    const char *cluster_id; /* NULL: the one found, else a new one */
};

enum err log_dirs_open(struct io *io, struct fs *fs, const struct log_dirs_options *options, struct log_dirs **dirs,
                       char why[512]) MUST_CHECK;
/* clean: every log was stopped without an error; the marker is written into each directory that is online. No report is
 * in flight and log_dirs_unwatch has answered. */
void log_dirs_close(struct log_dirs *dirs, struct fs *fs, bool clean);

/* ---- what they are -------------------------------------------------------------------------------------------------
 */

int log_dirs_count(const struct log_dirs *dirs);
const char *log_dirs_path(const struct log_dirs *dirs, int dir);
struct uuid log_dirs_id(const struct log_dirs *dirs, int dir); /* directory.id; zero when offline since the start */
const char *log_dirs_cluster_id(const struct log_dirs *dirs);
bool log_dirs_is_offline(const struct log_dirs *dirs, int dir);
bool log_dirs_is_full(const struct log_dirs *dirs, int dir); /* less than the reserve is free: refuse appends */
/* As measured last; -1, -1: not yet. */
void log_dirs_space(const struct log_dirs *dirs, int dir, int64_t *total_bytes, int64_t *free_bytes);
/* A write or flush in it has failed: offline from now on. */
void log_dirs_fail(struct log_dirs *dirs, int dir);

/* ---- where a partition lies
 * ------------------------------------------------------------------------------------------ */

struct log_dirs_place {
    int dir;
    bool exists;   /* found at open; else chosen: the online directory with the fewest partitions */
    bool clean;    /* its directory was stopped cleanly */
    bool occupied; /* its name is taken there by another topic's directory: log_dirs_put_aside() that one first */
    int64_t recovery_point, start_offset, high_watermark, cleaned_offset; /* 0: no checkpoint has it */
    struct slice description; /* at the start after a clean stop: what the shard said of it then; empty: nothing */
};
/* is_new: the partition came into being after the start. One that should exist and may lie in a directory that could
 * not be read is not made anew elsewhere: ERR_SEALED, as when every directory is offline. */
enum err log_dirs_find(struct log_dirs *dirs, struct slice topic, int32_t partition, struct uuid topic_id, bool is_new,
                       struct log_dirs_place *place) MUST_CHECK;
/* False: longer than FS_PATH_MAX. */
bool log_dirs_join(const struct log_dirs *dirs, int dir, struct slice topic, int32_t partition,
                   char path[FS_PATH_MAX]) MUST_CHECK;
/* One partition more (+1) or fewer (-1) in a directory, for the choice above. */
void log_dirs_note(struct log_dirs *dirs, int dir, int change);

/* Blocking, for jobs. Renames a partition's directory to its -delete name, durably: it is gone from then on.
 * ERR_OK with an empty `retired` when it is not there. */
enum err log_dirs_retire(struct fs *fs, const char *path, const uint64_t random[2],
                         char retired[FS_PATH_MAX]) MUST_CHECK;
/* The same with its -stray name: nothing of it is removed. */
enum err log_dirs_put_aside(struct fs *fs, const char *path, const uint64_t random[2],
                            char stray[FS_PATH_MAX]) MUST_CHECK;
/* Blocking, for jobs. Removes a directory with the files in it; ERR_OK when it is not there. */
enum err log_dirs_remove(struct fs *fs, const char *path) MUST_CHECK;

/* ---- checkpoints
 * ----------------------------------------------------------------------------------------------------- */

struct log_dirs_entry {
    struct slice topic;
    int32_t partition;
    int dir;
    int64_t recovery_point, start_offset, high_watermark;
    int64_t cleaned_offset; /* 0: never compacted */
    /* At a clean stop only: the partition as the shard wants to find it again, and when its directory was modified. */
    struct slice description;
    struct uuid topic_id;
    int64_t modified_ms;
};
/* Everything a shard has, written into the checkpoint files together with what the other shards reported last. After
 * a deletion a report must be done before a topic of that name may be made again, or it would begin at the old start.
 */
struct log_dirs_report {
    void (*done)(struct log_dirs_report *report); /* on the sending shard: it is on the device, or err says why not */
    const struct log_dirs_entry *entries;         /* unchanged until done() */
    int32_t count;
    enum err err;
    struct io_msg _msg;
    struct list _link;
    struct log_dirs *_dirs;
    int _shard;
};
void log_dirs_report(struct log_dirs *dirs, struct io *io, struct log_dirs_report *report);

/* ---- the watch (control shard)
 * --------------------------------------------------------------------------------------- */

/* Measures free space now and every interval_ms, in a job, and removes -delete directories left by an earlier run. */
enum err log_dirs_watch(struct log_dirs *dirs, int64_t interval_ms, int64_t reserve_bytes) MUST_CHECK;
/* Every shard has what the cluster says it has: directories of other partitions are named -stray by the watch, durably,
 * and left alone from then on (LogManager, KIP-858). Nothing of them is removed. */
void log_dirs_put_away_strays(struct log_dirs *dirs);
/* Before that: the cluster has this partition. A shard that had no memory to open it has not asked for it, and will. */
void log_dirs_claim(struct log_dirs *dirs, struct slice topic, int32_t partition);
struct log_dirs_unwatch {
    void (*done)(struct log_dirs_unwatch *unwatch); /* never inside the call */
    struct io_msg _msg;
};
void log_dirs_unwatch(struct log_dirs *dirs, struct log_dirs_unwatch *unwatch);

#endif
