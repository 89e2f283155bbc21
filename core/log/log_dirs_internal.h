/* core/log/log_dirs_internal.h -- inside of log_dirs: the structs behind it. log_dirs.c opens, closes and finds,
 * log_dirs_report.c writes the checkpoints, log_dirs_watch.c measures space and removes what was deleted. */
#ifndef RINGMAIN_CORE_LOG_LOG_DIRS_INTERNAL_H
#define RINGMAIN_CORE_LOG_LOG_DIRS_INTERNAL_H

#include "core/log/log_dirs.h"
#include "io/base/hash.h"

#include <stdatomic.h>

struct log_dir {
    char *path;
    struct uuid id;
    io_file lock; /* IO_NONE: offline since the start */
    bool clean;
    void *manifest; /* of the clean stop before; NULL: none that can be believed */
    size_t manifest_length;
    uint32_t recovery_crc; /* of the recovery-point checkpoint as written last */
    _Atomic(bool) offline, full;
    bool said_offline, said_full; /* control shard */
    _Atomic(int64_t) total_bytes, free_bytes;
    _Atomic(int32_t) partition_count;
};

/* A partition's directory as it was found. Read-only after open, `reported` excepted (control shard). */
struct log_dirs_found {
    struct uuid topic_id;
    int dir;
    int32_t partition;
    int64_t offsets[CHECKPOINT_KINDS];
    bool reported; /* a shard has told of it since */
    bool listed;
    _Atomic(bool) claimed;    /* a shard has asked for it: it is of the cluster as this node knows it */
    struct slice description; /* in the manifest; empty: none */
    int64_t modified_ms;
    uint16_t topic_length;
    char topic[];
};

/* What one shard reported last: lines of the checkpoint files, by directory and kind. */
struct log_dirs_lines {
    struct checkpoint_text text;
    int32_t count;
};
struct log_dirs_shard {
    bool has_reported;
    struct log_dirs_lines *lines;     /* [dir * CHECKPOINT_KINDS + kind] */
    struct log_dirs_lines *described; /* [dir]: entries of the manifest */
};

/* One writing of all checkpoint files. */
struct log_dirs_round {
    struct io_job job;
    bool running;
    struct list waiting, current; /* reports */
    struct checkpoint_text *files;
    enum err err;
};

struct log_dirs_watch {
    struct io_timer timer;
    struct io_job job;
    bool running, wants_strays;
    int64_t interval_ms, reserve_bytes;
    uint64_t random[2]; /* for the names of strays */
    struct log_dirs_unwatch *unwatch;
};

struct log_dirs {
    struct io *io;
    struct mem *mem;
    int count;
    bool incomplete; /* a directory was offline at open: what lies in it is not known */
    char cluster_id[CHECKPOINT_CLUSTER_ID_SIZE];
    struct log_dir dirs[LOG_DIRS_MAX];
    struct map found;
    struct checkpoint_text deleted; /* paths of -delete directories, NUL-terminated each */
    struct checkpoint_text strays;  /* paths of partitions that nobody has claimed, likewise */
    int32_t stray_count;            /* put away since; written by the watch's job, said when it is done */
    struct log_dirs_shard *shards;
    int shard_count;
    struct log_dirs_round round;
    struct log_dirs_watch watch;
};

/* log_dirs_manifest.c */
struct log_dirs_described {
    struct slice topic, description;
    struct uuid topic_id;
    int32_t partition;
    int64_t modified_ms; /* of the partition's directory */
};
enum err log_dirs_read_manifest(struct log_dirs *dirs, struct fs *fs, int dir) MUST_CHECK;
struct slice log_dirs_manifest(const struct log_dirs *dirs, int dir); /* for log_dirs_next_described */
bool log_dirs_next_described(struct slice *from, struct log_dirs_described *described);
void log_dirs_drop_manifest(struct log_dirs *dirs, int dir);
enum err log_dirs_remove_manifest(struct fs *fs, const char *directory) MUST_CHECK;
void log_dirs_keep_description(struct log_dirs_lines *lines, const struct log_dirs_entry *entry);
enum err log_dirs_write_manifest(struct log_dirs *dirs, struct fs *fs, int dir) MUST_CHECK;

struct log_dirs_found *log_dirs_lookup(const struct log_dirs *dirs, struct slice topic, int32_t partition);

#endif
