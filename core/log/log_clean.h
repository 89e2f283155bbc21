/* core/log/log_clean.h -- compaction of one log: of each key only the newest record stays.
 *
 *   [ clean ... | dirty: first_dirty_offset .. below_offset | not yet: active, young, unstable, not durable ]
 *
 *   1. MAP    the keys of the dirty part and the offset of each one's newest record (clean_map.h), until it is full
 *   2. COPY   segments, in groups that fit one, into <base>.log.cleaned, without what is superseded (batch_retain.h)
 *   3. SEAL   flushed, named .swap: from here on the group is replaced, whatever happens
 *   4. SWAP   the log reads from the new segment; old files are named .deleted, .swap gets its final name
 *
 * Rules are Kafka's (Cleaner, CleanedTransactionMetadata): offsets stay; tombstones and idle markers go when their
 * delete horizon is over; records of aborted transactions go; the batches of every producer's window stay, if only
 * their headers (Kafka: the last one; docs/decisions/producer-window.md, also for markers_offset). So does the last one
 * of every group, so that a segment's name and its last batch say what it replaces.
 *
 * Invariants: what is read is durable; nothing of the log changes before SEAL is on the device; a batch whose CRC is
 * wrong ends the run. After a crash there are the old segments, or a whole .swap that log_open puts in their place.
 *
 * Core:    the log's shard. Work is done by jobs of `step_bytes` each, so that the slow lane is never held for long;
 * the caller may make each of them wait. Memory: the map from the shard's mem, for the run; buffers from the job's.
 * Errors:  in done(): ERR_CLOSED when it was told to stop, ERR_CORRUPT, ERR_LIMIT when not even one batch's keys fit
 *          the map, ERR_NO_MEMORY, ERR_NO_SPACE, the device's. The log is whole after each of them.
 */
#ifndef RINGMAIN_CORE_LOG_LOG_CLEAN_H
#define RINGMAIN_CORE_LOG_LOG_CLEAN_H

#include "core/log/clean_map.h"
#include "core/log/clean_txns.h"
#include "core/log/log.h"

/* The batches of a producer that may go on which tell what it repeats from what is new, by their last offsets: its
 * window and the one before, which is the last of it when a power cut takes what was in flight. */
enum { LOG_CLEAN_PRODUCER_BATCHES = 6 };
struct log_clean_producer { /* ascending id */
    int64_t id;
    int64_t offsets[LOG_CLEAN_PRODUCER_BATCHES];
    int16_t epoch;
    uint8_t count; /* 0: the log has only a marker of it */
};

enum { LOG_CLEAN_GROUP = 16 };

struct log_clean_source {
    struct segment *segment;
    io_file file;
    int64_t base_offset, size;
};

/* The segment that is being made. */
struct log_clean_output {
    io_file log, index, times;
    int64_t base_offset, end_offset;
    int64_t size, unsynced_bytes, unindexed_bytes;
    int64_t index_bytes, time_bytes;
    int64_t max_timestamp, max_timestamp_offset, last_time;
    bool is_open;
};

struct log_clean {
    void (*done)(struct log_clean *clean);
    /* Before each step: for how long it has to wait. bytes: what the one before has read and written. */
    int64_t (*pause_ns)(struct log_clean *clean, int64_t bytes);
    int64_t first_dirty_offset, below_offset; /* below: a segment's base, not above log_recovery_point() */
    int64_t markers_offset;                   /* markers from here on stay: a start may replay them */
    int64_t now_ms, delete_retention_ms;
    int64_t map_bytes;
    double map_load;
    int32_t step_bytes;
    const struct log_clean_producer *producers; /* unchanged until done() */
    int32_t producer_count;

    enum err err;
    int64_t end_offset; /* clean up to here */
    int64_t read_bytes, written_bytes;

    /* Private: */
    struct io_job _job;
    struct io_timer _timer;
    struct log *_log;
    struct clean_map _map;
    struct clean_txns _txns;
    struct clean_aborted *_aborted;
    int32_t _aborted_count;
    int64_t _latest_offset; /* the map knows everything up to here */
    int64_t _next_offset;   /* segments below it are done in this stage */
    struct log_clean_source _sources[LOG_CLEAN_GROUP];
    int _source_count, _source;
    int64_t _pos;       /* in the present source */
    int64_t _read_size; /* of one read: a batch may be larger than step_bytes */
    int64_t _step_bytes_done;
    int32_t _interval_bytes;
    struct log_clean_output _output;
    struct segment *_made; /* from SWAP to its end */
    uint8_t _stage;
    bool _stop, _map_full, _needs_room;
};

/* Starts nothing on error. The log must stay open until done(); it counts as busy until then. */
enum err log_clean(struct log *log, struct log_clean *clean) MUST_CHECK;
/* done() comes soon, with ERR_CLOSED unless it was over anyway. */
void log_clean_stop(struct log_clean *clean);
/* pause_ns has changed its mind: a wait that has begun is measured anew, from now. */
void log_clean_change_pace(struct log_clean *clean);
bool log_is_cleaning(const struct log *log);

/* ---- what may be cleaned ----------------------------------------------------------------------------------------- */

struct log_dirt {
    int64_t first_dirty_offset, below_offset;
    int64_t clean_bytes, dirty_bytes;
    bool is_overdue; /* max.compaction.lag.ms */
};
/* cleaned_offset: where the last run ended; -1: there was none. stable_offset: no further. False: it cannot be said now
 * (a timestamp that could not be read, damage). */
bool log_find_dirt(struct log *log, int64_t cleaned_offset, int64_t stable_offset, int64_t now_ms,
                   struct log_dirt *dirt) MUST_CHECK;

#endif
