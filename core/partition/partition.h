/* core/partition/partition.h -- one partition as its shard owns it: log, producers, watermarks, and who waits for them.
 *
 *   start_offset        last_stable_offset    high_watermark      end_offset
 *        v                       v                  v                  v
 *   [ readable by everybody      | not by read_committed | not replicated ]
 *
 * Invariants:
 *   1. start <= last stable <= high watermark <= end; the high watermark never moves back while the partition is led
 *      here. It moves in partition_advance_high_watermark() only. With one replica it is the log end after each append.
 *   2. Batches enter the log in the order of partition_append(), also when some of them are rewritten off the loop.
 *   3. A waiter is in at most one list and is called at most once; whoever takes it out of the list forgets it.
 *   4. An append is answered exactly once: by the return value of partition_append() or by done().
 *
 * States: CREATING -> ONLINE -> DELETING, ONLINE -> OFFLINE (its directory was sealed), CREATING -> OFFLINE.
 *
 * Core:    the shard that owns the partition. partition_check() is pure and runs on any shard.
 * Memory:  the caller owns appends, waiters and record bytes from the call until the answer; partition_cancel_append
 * and partition_cancel_fetch give them back early where that is possible. Errors:  Kafka's codes, as answers to
 * clients: sources are Kafka's LogValidator, UnifiedLog, Partition, ReplicaManager.
 */
#ifndef RINGMAIN_CORE_PARTITION_PARTITION_H
#define RINGMAIN_CORE_PARTITION_PARTITION_H

#include "core/partition/wait.h"
#include "io/base/arena.h"
#include "io/base/bytes.h"
#include "io/reactor/io.h"

struct log;
struct log_ref;
struct shard_data;
struct topic_config;

enum partition_state {
    PARTITION_CREATING, /* its log is being made or loaded: clients are told to try again */
    PARTITION_ONLINE,
    PARTITION_OFFLINE,  /* its log directory failed */
    PARTITION_DELETING, /* for clients it is gone */
};

struct partition {
    struct uuid topic_id;
    int32_t index;
    int32_t leader_epoch;
    enum partition_state state;
    bool leads;    /* this broker is the leader */
    bool internal; /* a topic of the broker's own (__consumer_offsets ...) */
    int32_t replica_count;
    int32_t min_insync_count;
    int64_t high_watermark;
    struct wait_queue waits;           /* fetches that wait for bytes or for a change */
    struct log *log;                   /* NULL while CREATING */
    const struct topic_config *config; /* of the shard's current image */
    const char *topic;                 /* name, NUL-terminated, the partition's own copy */

    struct shard_data *_data;
    struct list _in_shard;
    struct list _queued;          /* appends behind one that is being rewritten or written through the ring */
    struct list _append_waiters;  /* appended, waiting for durable or high watermark; ascending */
    struct partition_task *_task; /* opening or deleting, while it runs */
};

/* ---- append ----------------------------------------------------------------------------------------------------- */

struct partition_record_error {
    int32_t index; /* of the record in its batch */
    const char *message;
};

struct partition_append {
    /* Set by the caller: */
    void (*done)(struct partition_append *append);
    uint8_t *records; /* one batch in the request's frame; base offset and leader epoch are patched in place */
    size_t length;
    int16_t acks;

    /* The answer. error: a Kafka code. */
    int16_t error;
    bool duplicate;             /* an idempotent producer's repetition: answered from memory, nothing written */
    int64_t base_offset;        /* -1 on error */
    int64_t log_append_time_ms; /* -1 with CreateTime */
    int64_t log_start_offset;   /* -1 when not known */
    const char *error_message;  /* constant text, or in the arena of partition_check; NULL: none */
    struct partition_record_error *record_errors; /* in the arena of partition_check */
    int32_t record_error_count;
    int32_t leader_epoch; /* of the partition, for the hints of KIP-951 */

    /* Between partition_check and the answer: */
    int64_t last_offset;
    bool rewrite; /* must be unpacked or recompressed off the loop before it may enter the log */
    struct list _link;
    struct partition *_partition;
    struct partition_rewrite *_rewrite;
    uint8_t _stage;
};

/* Everything about a batch that needs no state: sizes, CRC, magic, counts, deltas, timestamps (LogValidator's checks,
 * in Kafka's order). Runs on the connection's shard, so that a hot partition's shard has only the append to do. On
 * false the answer is in `append`. acks and records must be set. */
bool partition_check(const struct topic_config *config, int64_t wall_ms, struct arena *arena,
                     struct partition_append *append) MUST_CHECK;
/* True: answered, done() will not be called. False: done() will be called, later. append passed partition_check. */
bool partition_append(struct partition *partition, struct partition_append *append) MUST_CHECK;
/* The client's timeout is over: when the batch is in the log and only waits, it is taken out and answered here with
 * REQUEST_TIMED_OUT: true. False: done() will be called. */
bool partition_cancel_append(struct partition_append *append) MUST_CHECK;

/* ---- read -------------------------------------------------------------------------------------------------------- */

enum partition_isolation { PARTITION_READ_UNCOMMITTED = 0, PARTITION_READ_COMMITTED = 1 };

struct partition_read {
    /* Set by the caller: */
    int64_t fetch_offset;
    int32_t max_bytes;
    int32_t current_leader_epoch; /* -1: not checked */
    int32_t last_fetched_epoch;   /* -1: not checked (KIP-595) */
    int32_t replica_id;           /* -1: a consumer */
    enum partition_isolation isolation;

    /* The answer. */
    int16_t error;
    bool hot;
    int64_t high_watermark, last_stable_offset, log_start_offset; /* -1 on error */
    int32_t leader_epoch;
    int32_t diverging_epoch; /* -1: none */
    int64_t diverging_end_offset;
    struct wait_seen seen; /* at the time of the read, for wait_start */
    struct log_ref *ref;   /* holds the bytes; given back with partition_release_read on this shard; NULL: no bytes */
    io_file file;
    int64_t pos;
    size_t length;            /* may be above max_bytes when the first batch is larger: KIP-74 decides at the request */
    size_t first_batch_bytes; /* <= length */
};

/* Finds the bytes; copies nothing. partition may be NULL (unknown here). */
void partition_read(struct partition *partition, struct partition_read *read);
void partition_release_read(struct partition_read *read);

/* A waiting fetch waits with wait_start(&partition->waits, group, index, read.seen). */

/* ---- watermarks and changes ---------------------------------------------------------------------------------------
 */

int64_t partition_log_start(const struct partition *partition);
int64_t partition_log_end(const struct partition *partition);
int64_t partition_last_stable(const struct partition *partition);
/* The only way the high watermark moves: by the append of a single replica, later by the replication rules. Wakes. */
void partition_advance_high_watermark(struct partition *partition, int64_t offset, uint64_t bytes);
/* DeleteRecords (KIP-107): -1 is the high watermark. A Kafka error code; the new start in *low_watermark. */
int16_t partition_delete_records(struct partition *partition, int64_t offset, int64_t *low_watermark);
/* OffsetForLeaderEpoch (KIP-101, KIP-279): UNDEFINED is -1, -1. */
int16_t partition_epoch_end(struct partition *partition, int32_t current_leader_epoch, int32_t leader_epoch,
                            int32_t *epoch, int64_t *end_offset);
/* NONE, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH, NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR or
 * UNKNOWN_TOPIC_OR_PARTITION. */
int16_t partition_check_access(const struct partition *partition, int32_t current_leader_epoch);

#endif
