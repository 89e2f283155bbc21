/* core/log/log_internal.h -- inside of core/log: the struct behind log.h, and what its files call of each other.
 *
 * log_open.c makes it, log_recover.c finds out what is in it, log_append.c appends, log.c flushes, log_dirty.c writes
 * behind, log_read.c finds places, log_life.c moves the start, retains, stops, log_find.c searches by time,
 * log_damage.c remembers what cannot be read.
 */
#ifndef RINGMAIN_CORE_LOG_LOG_INTERNAL_H
#define RINGMAIN_CORE_LOG_LOG_INTERNAL_H

#include "core/log/segment.h"

enum {
    LOG_RECENT = 16,            /* last batches whose place is known without a look at the disk */
    LOG_SCAN_BYTES = 8192,      /* read at a time when looking for a batch */
    LOG_FLUSH_FILES = 4,        /* segments made durable by one flush */
    LOG_JOIN_BYTES = 256 << 10, /* small batches that go through the ring together */
};

struct log_epoch {
    int32_t epoch;
    int64_t start_offset;
};

struct log_recent {
    int64_t base_offset;
    int32_t last_offset_delta;
    uint32_t pos, size; /* a segment is below 2 GiB */
};

struct log_flush_job {
    struct io_job job;
    struct io_op op;
    struct io_hook hook;
    bool running, wanted, with_job;
    int64_t target; /* durable when done */
    struct segment *segments[LOG_FLUSH_FILES];
    int64_t sizes[LOG_FLUSH_FILES]; /* when it began */
    int count;
    bool directory;  /* new files: their names have to be durable too */
    int64_t named_to; /* base offset of the last of them */
    uint8_t *epochs; /* the text of leader-epoch-checkpoint to write; NULL: as it is */
    size_t epochs_size, epochs_length;
    enum err err;
};

struct log {
    struct io *io;
    struct mem *mem;
    char *directory;
    const struct topic_config *config;
    struct list segments; /* by base offset; the last one grows */
    struct list removed;  /* out of the log, files still there */
    int32_t segment_count;
    int64_t start_offset, end_offset, durable_offset;
    int64_t size_bytes;
    int64_t roll_jitter_ms; /* of the growing segment */
    bool sealed;
    bool retired; /* its directory goes */
    int32_t index_jobs;
    bool retain_waits; /* for what an index says */
    bool directory_dirty, epochs_dirty;
    bool epochs_written; /* at a stop: as leader-epoch-checkpoint.tmp */
    bool aborted_dirty;  /* some segment's may be */
    int32_t saves;       /* jobs in flight that write them */
    struct log_epoch *epochs;
    int32_t epoch_count, epoch_capacity;
    struct log_listener *listener;
    struct log_budget *budget;
    struct log_write *writing;  /* through the ring; NULL: none */
    struct log_damage *damages; /* by offset */
    int32_t damage_count, damage_capacity;
    int32_t surveys;            /* jobs in flight that look for damage */
    struct log_clean *cleaning; /* NULL: none */
    struct log_recent *recent;  /* LOG_RECENT; NULL: nothing was appended yet */
    uint32_t recent_next;
    int32_t removals; /* jobs in flight that remove files */
    struct log_flush_job flush;
};

static inline struct segment *log_active(const struct log *log)
{
    return SEGMENT_OF(log->segments.prev);
}

void log_give_back_blocks(struct log *log, struct segment *segment);   /* what was allocated ahead of its end */
struct segment *log_segment_of(const struct log *log, int64_t offset); /* start <= offset <= end */
enum err log_segment_file(struct log *log, struct segment *segment);   /* opens it when it is not */
enum err log_roll(struct log *log) MUST_CHECK;                         /* a new segment at the end */
void log_draw_jitter(struct log *log);
/* log_index.c. At once; for what is in memory or nearly so. */
enum err log_load_index(struct log *log, struct segment *segment);
/* By a job; waiter, which may be NULL, is called when it is there. Not loaded yet. Errors: nothing was begun. */
enum err log_want_index(struct log *log, struct segment *segment, struct log_index_waiter *waiter) MUST_CHECK;
void log_save_indexes(struct log *log); /* of sealed segments whose files say less, by jobs */
void log_hold(struct segment *segment);
enum err log_note_epoch(struct log *log, int32_t epoch, int64_t start_offset) MUST_CHECK;
/* Reads the batches of [from, segment->size) from disk: each must fit, follow the one before and (crc) match. valid_pos
 * is behind the last good one; what they say is noted in the segment when `note`. Damage in front of damage_below is
 * noted and passed, any other is ERR_CORRUPT. */
struct log_scan {
    bool crc, note;
    int64_t from_pos;
    int64_t damage_below; /* 0: none is passed */
    int64_t below_offset; /* the next segment's base offset; 0: there is none */
    int64_t known_end;    /* what lies below was written, whatever can be read of it */
    bool ends_there;      /* and nothing else: it was stopped cleanly */
    int64_t next_offset;
    struct log_observer *observer;
    int64_t observe_from;
    int64_t valid_pos, end_offset; /* out */
};
enum err log_scan_segment(struct log *log, struct fs *fs, struct segment *segment, struct log_scan *scan) MUST_CHECK;
enum err log_recover(struct log *log, struct fs *fs, const struct log_options *options) MUST_CHECK;
/* log_dirty.c: the device has been told of everything below pos; tells it of what has gathered. */
void log_settle(struct log *log, struct segment *segment, int64_t pos);
void log_write_behind(struct log *log, struct segment *segment);
/* log_damage.c: what is known to be damaged. False: no memory to remember it. */
bool log_note_damage(struct log *log, const struct log_damage *damage);
void log_forget_damage(struct log *log, const struct segment *segment); /* the segment goes */
/* The first in the segment that ends behind pos; NULL: none. */
const struct log_damage *log_damage_behind(const struct log *log, const struct segment *segment, int64_t pos);
bool log_is_damaged_at(const struct log *log, int64_t offset);
/* A read has come to bytes that are no batch: a job finds how far they go; log_read_surveyed is called. False: no
 * memory. */
bool log_survey(struct log_read *read) MUST_CHECK;
void log_read_surveyed(struct log_read *read, enum err err);
/* log_aborted.c: lines of .txnindex. */
void log_put_aborted(uint8_t *to, const struct log_aborted *line); /* LOG_ABORTED_BYTES */
enum err log_load_aborted(struct log *log, struct fs *fs, struct segment *segment) MUST_CHECK;
enum err log_reserve_aborted(struct log *log, const struct log_piece *pieces, int count) MUST_CHECK;
void log_note_aborted(struct log *log, struct segment *segment, const struct log_aborted *line); /* room was reserved */
enum err log_replay_aborted(struct log *log, struct fs *fs, struct segment *segment,
                            const struct log_aborted *line) MUST_CHECK;
/* Forgets those that end at or behind an offset. */
enum err log_cut_aborted(struct log *log, struct fs *fs, struct segment *segment, int64_t below_offset) MUST_CHECK;
enum err log_store_aborted(struct log *log, struct fs *fs, struct segment *segment) MUST_CHECK; /* blocking: the stop */
/* log_manifest.c: ERR_CORRUPT: the directory has to be looked at. */
enum err log_take_description(struct log *log, struct fs *fs, struct slice description) MUST_CHECK;
/* log_swap.c: what a compaction has left is finished or removed. */
bool log_is_swap_name(const char *name);
enum err log_finish_swaps(struct log *log, struct fs *fs) MUST_CHECK;
/* log_life.c: out of the log; its files go later. */
void log_take_out(struct log *log, struct segment *segment);
/* log_clean.c: it, or what was made of it, would come back after a crash. */
bool log_clean_holds(const struct log *log, const struct segment *segment);
void log_drop_waiting(struct log *log); /* segments below the start that could not go before */
void log_close_removed(struct log *log); /* descriptors of those that nobody holds any more */
enum err log_rename_deleted(struct log *log, const struct segment *segment) MUST_CHECK;
/* The text of leader-epoch-checkpoint; NULL: no memory. */
uint8_t *log_epochs_text(const struct log *log, size_t *size, size_t *length);

#endif
