/* core/log/log.h -- the records of one partition, on disk, in Kafka's own files.
 *
 *   start_offset              durable_offset       end_offset
 *        v                          v                  v
 *   [ segment 0 ][ segment 4096 ][ on disk | page cache ]   only the last segment grows
 *
 *   <directory>/<base offset, 20 digits>.log .index .timeindex .txnindex, leader-epoch-checkpoint, partition.metadata
 *
 * Invariants (log_check):
 *   1. start <= end, durable <= end; none moves back.
 *   2. Segment base offsets strictly increase; no overlap. Above the recovery point a segment ends where the next
 *      begins (recovery drops what follows a gap: its tail was lost), so whatever leaves offsets out works below it.
 *   3. What lies below durable_offset survives a power loss.
 *   4. A failed write or flush seals the log: no further write is tried, reads of what is there still work.
 *   5. Damage in what was durable is never cut and never skipped in silence: it becomes a struct log_damage, reads that
 *      reach it fail with ERR_CORRUPT, what lies before and behind it is served.
 *
 * Core:    only the shard that opened the log may call. log_open and log_remove block: start-up or a job with its own
 * mem. Memory:  from the mem given to log_open. A batch to append is the caller's; nothing is kept of it. A log_ref
 * holds a segment's file against removal until log_ref_release. Errors:  ERR_SEALED after a failed write or flush;
 * ERR_NO_SPACE leaves the log as it was before the append. Rules:   Kafka's UnifiedLog, LogSegment, OffsetIndex,
 * TimeIndex, LeaderEpochFileCache.
 */
#ifndef RINGMAIN_CORE_LOG_LOG_H
#define RINGMAIN_CORE_LOG_LOG_H

#include "core/config/config.h"
#include "core/log/checkpoint.h"
#include "core/log/aborted.h"
#include "core/wire/batch.h"
#include "io/reactor/fs.h"
#include "io/reactor/io.h"

struct log;
struct log_ref;

/* What the logs of one shard share: bytes in the page cache that the device has not been told to take. They are sent on
 * their way early (SYNC_FILE_RANGE); beyond the limit appends go through the ring, where the kernel may let them wait.
 */
enum { LOG_WRITEBACKS = 16 };
struct log_writeback {
    struct io_op op;
    struct segment *segment; /* NULL: free */
    int64_t end_pos;
};
struct log_budget { /* zero-initialise */
    int64_t dirty_bytes, limit_bytes;
    struct log_writeback _writebacks[LOG_WRITEBACKS];
};

struct log_options {
    const char *directory; /* of this partition; made when it is not there */
    struct uuid topic_id;
    int64_t recovery_point; /* bytes below are durable and not read again; 0: all are */
    int64_t start_offset;   /* from the log-start checkpoint; 0: none */
    bool clean;             /* stopped cleanly: nothing has to be looked at */
    int64_t replay_from;    /* the observer wants batches from here on, also where recovery need not look */
    const struct topic_config *config;
    struct log_budget *budget; /* shared by a shard's logs; NULL: none */
    /* Of log_describe() at the stop before; ERR_CORRUPT: it is not true any more. Empty: none. */
    struct slice description;
    /* Told of every batch that recovery reads, in order, for producer state. May be NULL. */
    struct log_observer *observer;
};
struct log_observer {
    /* bytes: of a control batch, header and marker; of others, nothing. True: it ends an aborted transaction, *aborted
     * is to go into the index. */
    bool (*batch)(struct log_observer *observer, const struct batch_header *header, struct slice bytes,
                  struct log_aborted *aborted);
};

/* The blocking half of making a new log: directory and partition.metadata, durable. Takes no memory: for jobs. */
enum err log_prepare(struct fs *fs, const char *directory, struct uuid topic_id) MUST_CHECK;
enum err log_open(struct io *io, struct fs *fs, const struct log_options *options, struct log **log) MUST_CHECK;
/* Before log_open: ERR_CORRUPT when the aborted index of a segment cannot be what was written: everything has to be
 * replayed, then it is made anew. */
enum err log_check_aborted(struct fs *fs, struct mem *mem, const char *directory) MUST_CHECK;
void log_close(struct log *log); /* no references, no operation in flight */

int64_t log_start_offset(const struct log *log);
int64_t log_end_offset(const struct log *log);
int64_t log_durable_offset(const struct log *log);
/* What lies below need not be looked at after a crash: durable, and so is what the aborted index says of it. */
int64_t log_recovery_point(const struct log *log);
int64_t log_size_bytes(const struct log *log);
int log_segment_count(const struct log *log);
const char *log_directory(const struct log *log);
bool log_is_busy(const struct log *log); /* something is in flight or held: it cannot be closed yet */
bool log_is_sealed(const struct log *log);
void log_configure(struct log *log, const struct topic_config *config); /* stays valid until the next */

/* Offsets that cannot be read any more: batches whose bytes are not what was written. Found by recovery, or when a read
 * comes to them; CRCs of what is served without a copy are left to the reader. */
struct log_damage {
    int64_t offset, end_offset; /* [offset, end_offset); the same when only bytes between two batches are bad */
    int64_t segment_offset;     /* the segment's base offset, and where in its file */
    int64_t pos, end_pos;
};
int log_damage_count(const struct log *log);
const struct log_damage *log_damage_at(const struct log *log, int index);

/* ---- append --------------------------------------------------------------------------------------------------------
 */

/* One or more checked batches, each in its caller's buffer: base offset and leader epoch are patched in place, and all
 * of them go out in one write (more when a segment is rolled in between, or for more than 64). Inline: into the page
 * cache, not to the device. On error the first *appended are in the log, the others are not. */
struct log_piece {
    uint8_t *data;
    const struct batch_header *header;
    int64_t base_offset; /* out */
    bool ends_aborted;   /* a marker: `aborted` goes into the index with it */
    struct log_aborted aborted;
};
enum err log_append(struct log *log, struct log_piece *pieces, int count, int32_t leader_epoch,
                    int *appended) MUST_CHECK;

/* A log that was not written to since the start may have to read its index first: appends are not to be tried before
 * it can (they would read it themselves, and wait). */
struct log_index_waiter {
    void (*ready)(struct log_index_waiter *waiter, enum err err); /* never inside the call */
    struct list link;
};
bool log_can_append(const struct log *log);
enum err log_prepare_append(struct log *log, struct log_index_waiter *waiter) MUST_CHECK;

/* The same through the ring, for when the budget is used up: an inline write might now be made to wait by the kernel.
 * Nothing of it is in the log before it is written; until done(), which is never called inside, the log takes no other
 * append. pieces and what they point to stay untouched until then. */
struct log_write {
    void (*done)(struct log_write *write);
    struct log_piece *pieces;
    int count;
    int32_t leader_epoch;
    int appended; /* out: so many are in the log, also on error */
    enum err err;
    struct io_op _op;
    struct io_hook _hook;
    struct log *_log;
    uint8_t *_joined;
    int _run;
};
bool log_is_over_budget(const struct log *log);
void log_write(struct log *log, struct log_write *write);
bool log_is_writing(const struct log *log);

/* Group commit: asks that everything up to the present end becomes durable. `moved` is called when the durable offset
 * has moved or the log was sealed, never inside this call. One flush is in flight at a time; what is appended meanwhile
 * goes into the next. */
struct log_listener {
    void (*moved)(struct log_listener *listener);
    void (*damaged)(struct log_listener *listener, const struct log_damage *damage); /* found since; may be NULL */
};
void log_listen(struct log *log, struct log_listener *listener);
void log_flush(struct log *log);
bool log_is_flushing(const struct log *log);
/* Its directory is about to be renamed: no flush and no saving of indexes begins any more. Those under way know files
 * by their names; the listener's moved() comes when they are over. */
void log_retire(struct log *log);
bool log_writes_by_name(const struct log *log);

/* ---- read -----------------------------------------------------------------------------------------------------------
 */

struct log_read {
    void (*done)(struct log_read *read);
    int64_t offset; /* start <= offset <= end */
    int64_t below;  /* no batch that begins at or behind this offset: the reader's high watermark */
    int32_t max_bytes;
    /* The answer: from the batch that holds `offset` to max_bytes, or that one batch when it is larger. */
    enum err err;
    struct log_ref *ref; /* NULL: nothing to read */
    io_file file;
    int64_t pos;
    size_t length;
    size_t first_batch_bytes;
    bool hot;
    /* Private: */
    struct io_op _op;
    struct log_index_waiter _index;
    struct log *_log;
    struct segment *_segment;
    uint8_t *_buffer;
    int64_t _scan_pos;
    uint8_t _stage, _surveys;
    bool _met_damage;
};
/* True: answered. False: the place had to be looked up on the device; done() will be called. */
bool log_read(struct log *log, struct log_read *read) MUST_CHECK;
void log_ref_release(struct log_ref *ref);
/* Before log_read_aborted: what it needs is in memory. False: jobs read it first, then ready() is called. The read and
 * what it has found stay untouched until then. */
struct log_aborted_load {
    void (*ready)(struct log_aborted_load *load);
    struct io_job _job;
    struct log *_log;
    const struct log_read *_read;
    struct segment *_segment;
};
bool log_prepare_aborted(struct log *log, const struct log_read *read, struct log_aborted_load *load) MUST_CHECK;
/* Aborted transactions that the answer of a read may hold records of, in order of their ends. *count may be above
 * capacity: then only the first are in `to`. Soon after the read, while it holds its segment. */
enum err log_read_aborted(struct log *log, const struct log_read *read, struct log_aborted *to, int capacity,
                          int *count) MUST_CHECK;

/* The first record at or behind a timestamp (at >= 0), or the one with the largest timestamp (at = LOG_AT_MAX). */
enum { LOG_AT_MAX = -3 };
struct log_find {
    void (*done)(struct log_find *find);
    int64_t at;
    int64_t below; /* as above */
    enum err err;
    int64_t offset, timestamp; /* -1, -1: none */
    int32_t leader_epoch;
    struct io_job _job;
    struct log_index_waiter _index;
    struct io *_io;
    struct log *_log; /* must not be closed meanwhile */
    struct log_find_plan *_plan;
};
void log_find(struct log *log, struct log_find *find);

/* ---- moving the start, epochs, time
 * ------------------------------------------------------------------------------------ */

/* DeleteRecords, and retention below: whole segments under it are removed later, by file.delete.delay.ms. An error: the
 * start has moved, but the oldest segment below it and those behind cannot be taken out; tried again with the next. */
enum err log_advance_start(struct log *log, int64_t offset) MUST_CHECK;
/* Periodic: removes files whose delay is over, closes descriptors that nothing uses. */
void log_tick(struct log *log, int64_t now_ms);
/* Periodic, with the recovery point: writes the growing segment's indexes by a job, when they have grown. After a crash
 * only what lies behind them and the recovery point is read. */
void log_checkpoint_index(struct log *log);
/* Periodic, likewise: makes the aborted index durable, so that the recovery point can move on. */
void log_save_aborted(struct log *log);
/* Moves the start as retention.ms and retention.bytes say, up to `below`, over so many segments as is returned. They go
 * as soon as the name of the one behind them is durable. */
int log_retain(struct log *log, int64_t now_ms, int64_t below);
bool log_retain_waits(const struct log *log); /* it is to be called again soon: an index was not in memory */

/* The largest epoch <= asked and its end; -1, -1: nothing known (KIP-101, KIP-279). */
void log_epoch_end(const struct log *log, int32_t asked, int32_t *epoch, int64_t *end_offset);
int32_t log_last_epoch(const struct log *log); /* -1: none */

/* Blocking: flushes and writes what a clean stop needs. */
enum err log_stop(struct log *log, struct fs *fs) MUST_CHECK;
/* The same for many logs at once: log_stop_write() each, fs_sync_all(), log_stop_together() each, fs_sync_all(). Only
 * when that has succeeded too the names are safe: otherwise the directory has failed. */
enum err log_stop_write(struct log *log, struct fs *fs) MUST_CHECK;
enum err log_stop_together(struct log *log, struct fs *fs) MUST_CHECK;
bool log_has_unflushed(const struct log *log); /* log_stop would flush something */
/* After log_stop: the log in bytes, with which log_open needs no look into its directory. False: not this one. */
bool log_describe(const struct log *log, struct checkpoint_text *text) MUST_CHECK;

#endif
