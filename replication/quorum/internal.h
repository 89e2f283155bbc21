/* replication/quorum/internal.h -- what the files of this room share. */
#ifndef RINGMAIN_REPLICATION_QUORUM_INTERNAL_H
#define RINGMAIN_REPLICATION_QUORUM_INTERNAL_H

#include "core/log/log.h"
#include "core/wire/batch.h"
#include "replication/quorum/quorum.h"

struct quorum {
    struct io *io;
    struct mem *mem;
    struct log *log;
    struct topic_config config; /* of the metadata log */
    int32_t node_id, epoch;
    int64_t next_offset; /* of the next proposal */
    int64_t committed;   /* last committed offset */
    bool failed;
    struct list queued;   /* proposals of this turn */
    struct list flushing; /* appended, not yet durable */
    struct io_hook at_turn_end;
    struct log_listener listener;
    int64_t bytes_since_snapshot, bytes_between_snapshots;
    int64_t snapshot_at_ms, snapshot_interval_ms; /* 0: no time rule */
    bool is_writing_snapshot;
    struct io_timer note_timer; /* of the recovery point: what was committed up to `noted` is never cut off */
    struct io_job note;
    int64_t noted, note_point, note_interval_ms;
    enum err note_err;
    bool is_noting, is_stopping;
    char directory[FS_PATH_MAX];
    char snapshot_path[FS_PATH_MAX]; /* the newest; empty: none */
};

enum {
    SNAPSHOT_NAME_SIZE = 48,
    SNAPSHOT_HEADER_TYPE = 3, /* control record types of KIP-630 */
    SNAPSHOT_FOOTER_TYPE = 4,
};

/* Records become one batch in memory of `mem`. Offsets begin at 0; see batch_set_offset. */
enum err quorum_make_batch(struct mem *mem, int64_t now_ms, const struct meta_record *records, int count,
                           uint8_t **data, size_t *size) MUST_CHECK;

struct replay_place {
    int64_t from, end; /* offsets below `from` are skipped; reading stops before `end` */
    int64_t last;      /* out: last offset seen; from - 1 when there was none */
    int32_t epoch;     /* out: of it */
    int64_t bytes;     /* out */
    bool needs_footer; /* a snapshot: offsets are the snapshot's own */
    bool saw_footer;
};
/* Hands every record of one file to the replay. */
enum err quorum_replay_file(struct fs *fs, struct mem *mem, const char *path, struct replay_place *place,
                            struct quorum_replay *replay, char why[512]) MUST_CHECK;
/* Snapshot, then log. Sets committed, epoch, next_offset. */
enum err quorum_replay_all(struct quorum *quorum, struct fs *fs, int64_t snapshot_end, int32_t snapshot_epoch,
                           struct quorum_replay *replay, char why[512]) MUST_CHECK;
/* The newest snapshot of the directory; older ones are removed. *end is 0 when there is none. */
enum err quorum_find_snapshot(struct quorum *quorum, struct fs *fs, int64_t *end, int32_t *epoch) MUST_CHECK;

/* durable.c: the recovery point. 0: none is written, or it cannot be read. */
enum err quorum_read_point(struct quorum *quorum, struct fs *fs, int64_t *point, bool *readable) MUST_CHECK;
void quorum_note_later(struct quorum *quorum); /* something was committed */

#endif
