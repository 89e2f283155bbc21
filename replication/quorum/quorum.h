/* replication/quorum/quorum.h -- the metadata log made true: propose records, hear of them when they are committed.
 *
 *   quorum_propose()*  --turn ends-->  one append  -->  one flush  -->  commit: done() of each proposal, in order
 *
 * This is a quorum of one: the node is leader from the start and a record is committed when it is on the device. The
 * callers see only leader, epoch, role and commits, which a raft core will provide in the same words.
 *
 * Start: newest snapshot, then the log behind it, handed to `replay` in order. Files, in `__cluster_metadata-0/` of the
 * metadata directory: Kafka's segments, and snapshots `<end offset>-<epoch>.checkpoint` in Kafka's layout (header
 * control batch, records, footer control batch). A snapshot is written under another name and renamed: one that exists
 * is whole, and is checked all the same.
 *
 * `recovery-point-offset-checkpoint` there says how far it was committed when that was last written down (every
 * log.flush.offset.checkpoint.interval.ms, at starts and clean stops): damage below it is ERR_CORRUPT, a bad batch
 * above it is a write that was never acknowledged and goes.
 *
 * Invariants: offsets are given in the order of proposals; nothing is committed that could be lost; after a failed
 * append or flush (`quorum_failed`) no proposal succeeds any more.
 * Core: control shard. quorum_open blocks (start-up). Memory: io_mem of that shard; proposals are the caller's until
 * done(). Errors: ERR_SEALED and what the log says; ERR_CORRUPT and ERR_UNSUPPORTED at open.
 * Rules: KIP-595, KIP-630 (file names, snapshot layout), KIP-631.
 */
#ifndef RINGMAIN_REPLICATION_QUORUM_QUORUM_H
#define RINGMAIN_REPLICATION_QUORUM_QUORUM_H

#include "core/config/config.h"
#include "core/meta/builder.h"
#include "io/reactor/fs.h"

struct quorum;

enum quorum_role { QUORUM_UNATTACHED, QUORUM_FOLLOWER, QUORUM_CANDIDATE, QUORUM_LEADER };

enum { QUORUM_RECORDS_BYTES_MAX = 8 << 20 }; /* of one proposal */

/* Told every committed record once, in order, during quorum_open. */
struct quorum_replay {
    enum err (*record)(struct quorum_replay *replay, const struct meta_record *record, int64_t offset, int32_t epoch);
};

struct quorum_options {
    const char *directory; /* metadata.log.dir, or the first data directory; exists */
    const struct broker_config *config;
    struct quorum_replay *replay;
};

/* On failure says in `why` what is wrong and where. */
enum err quorum_open(struct io *io, struct fs *fs, const struct quorum_options *options, struct quorum **quorum,
                     char why[512]) MUST_CHECK;
void quorum_stop(struct quorum *quorum); /* begins nothing by itself any more; what is under way ends */
void quorum_note_committed(struct quorum *quorum, struct fs *fs); /* blocking; before quorum_close at a clean stop */
void quorum_close(struct quorum *quorum);         /* nothing proposed is open, no snapshot is being written */
bool quorum_is_idle(const struct quorum *quorum); /* nothing of its log is on its way: it may be closed */

struct quorum_proposal {
    void (*done)(struct quorum_proposal *proposal); /* never inside quorum_propose */
    const struct meta_record *records;              /* at least one; may go when quorum_propose returns */
    int count;
    enum err err;   /* in done() */
    int64_t offset; /* of the last record; known when quorum_propose returns */
    struct list _link;
    uint8_t *_data; /* the batch */
    size_t _size;
};
/* ERR_LIMIT: over QUORUM_RECORDS_BYTES_MAX. On error nothing was proposed and done() will not come. */
enum err quorum_propose(struct quorum *quorum, struct quorum_proposal *proposal) MUST_CHECK;

enum quorum_role quorum_role(const struct quorum *quorum);
int32_t quorum_leader(const struct quorum *quorum); /* node id; -1: none */
int32_t quorum_epoch(const struct quorum *quorum);
int64_t quorum_committed_offset(const struct quorum *quorum); /* of the last committed record; -1: none */
int64_t quorum_end_offset(const struct quorum *quorum);       /* of the next record proposed */
bool quorum_failed(const struct quorum *quorum);

/* Whether enough was committed since the last snapshot (metadata.log.max.record.bytes.between.snapshots, ...). */
bool quorum_wants_snapshot(const struct quorum *quorum);
/* Writes a snapshot of an image that is committed, in a job; then drops what it makes superfluous. The image stays in
 * use until done(). One at a time. */
struct quorum_snapshot {
    void (*done)(struct quorum_snapshot *snapshot);
    const struct image *image;
    enum err err;
    struct quorum *_quorum;
    struct io_job _job;
    struct wire_writer _bytes;
    int64_t _end_offset;
    char _path[FS_PATH_MAX];
    char _old[FS_PATH_MAX]; /* the one it replaces; empty: none */
};
void quorum_write_snapshot(struct quorum *quorum, struct quorum_snapshot *snapshot);

#endif
