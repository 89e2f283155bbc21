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
 *   4. An append is answered exactly once: by done(), or by a partition_cancel_append() that returns true.
 *   5. All appends that reach a partition in one turn of the loop go out in one write at its end (group append); while
 *      one is on its way through the ring, those that come wait.
 *
 * States: CREATING -> ONLINE -> DELETING, ONLINE -> OFFLINE (its directory was sealed), CREATING -> OFFLINE.
 *
 * Core:    the shard that owns the partition. partition_check() is pure and runs on any shard.
 * Memory:  the caller owns appends and record bytes from the call until the answer, reads until they are released.
 * Errors:  Kafka's codes, as answers to clients: sources are Kafka's LogValidator, UnifiedLog, Partition,
 *          ReplicaManager.
 * Next:    append.c (hot path), flush.c, partition.c, shard_data.c
 */
#ifndef RINGMAIN_CORE_PARTITION_PARTITION_H
#define RINGMAIN_CORE_PARTITION_PARTITION_H

#include "core/log/log.h"
#include "core/log/producer_state.h"
#include "core/partition/wait.h"
#include "core/wire/compress.h"
#include "io/base/arena.h"
#include "io/base/bytes.h"
#include "io/reactor/io.h"

struct metrics;
struct shard_data;

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
    int32_t isr_count;
    int64_t high_watermark;
    struct wait_queue waits;           /* fetches that wait for bytes or for a change */
    struct log *log;                   /* NULL while CREATING */
    const struct topic_config *config; /* of the shard's current image */
    const char *topic;                 /* name, NUL-terminated, the partition's own copy */

    uint64_t bytes_in, records_in, bytes_out; /* since the log was opened here, for metrics */

    struct producer_state producers;
    struct shard_data *_data;
    int64_t _flush_ns; /* since when it is being flushed; 0: it is not */
    struct list _in_shard;
    struct list _queued;            /* appends of this turn */
    struct list _queue_link;        /* in the shard's list of partitions with some */
    struct list _append_waiters;    /* in the log, not durable yet; ascending */
    struct partition_write *_write; /* appends on their way through the ring; later ones wait in _queued */
    struct list _unflushed;         /* in one of the shard's lists of partitions with bytes that are not durable */
    int64_t _unflushed_ns;          /* since when */
    uint64_t _unflushed_bytes;
    struct log_listener _listener;
    struct log_index_waiter _index;
    bool _flushing;        /* for one of those lists */
    bool _waits_for_index; /* appends wait until the log can take them */
    bool _index_failed;    /* then they try it themselves */
    int _dir;              /* of log_dirs */
    /* End offsets of the newest producer snapshot on disk and the one before; 0: none. */
    int64_t _snapshot_offset, _snapshot_before;
    int64_t _cleaned_offset; /* compacted up to here */
    bool _snapshots_known;   /* there are no others */
    bool _snapshot_running, _retire_waits;
    bool _uncleanable;            /* compaction met what it cannot read; tried again at the next start */
    struct partition_task *_task; /* its log is being made, retired or removed */
};

/* ---- append ----------------------------------------------------------------------------------------------------- */

struct partition_append {
    /* Set by the caller: */
    void (*done)(struct partition_append *append);
    uint8_t *records; /* one batch in the request's frame; base offset and leader epoch are patched in place */
    size_t length;
    int16_t acks;
    bool by_coordinator;         /* made by the broker itself: neither sequences nor verification are looked at */
    uint64_t guard;              /* of partition_begin_verification, when the coordinator has agreed; 0: none */
    int16_t transaction_version; /* of markers: of the transaction that they end */

    /* The answer. error: a Kafka code. */
    int16_t error;
    int64_t base_offset;                      /* -1 on error */
    int64_t log_append_time_ms;               /* -1 with CreateTime */
    int64_t log_start_offset;                 /* -1 when not known */
    const char *error_message;                /* constant text; NULL: none */
    struct batch_record_error *record_errors; /* in the arena of partition_check */
    int32_t record_error_count;
    int32_t leader_epoch; /* of the partition, for the hints of KIP-951 */
    int64_t waits_ns;     /* since when it waited for the device; 0: it did not */

    /* Between partition_check and the answer: */
    struct partition_convert *convert; /* not NULL: partition_convert has to run before partition_append */
    struct batch_header header;
    int64_t last_offset;
    struct list _link;
    bool _waits;              /* in the log: may be cancelled */
    struct metrics *_metrics; /* of its shard, while it waits */
};

/* Everything about a batch that needs no state: sizes, CRC, magic, counts, deltas, timestamps (LogValidator's checks,
 * in Kafka's order). Runs on the connection's shard, so that a hot partition's shard has only the append to do. On
 * false the answer is in `append`. */
bool partition_check(const struct topic_config *config, int64_t wall_ms, struct arena *arena,
                     struct partition_append *append) MUST_CHECK;
/* What partition_check leaves open where a topic asks for it: the records of a compressed batch looked at, and packed
 * in the topic's codec. Milliseconds: for a job. The rules are copied: the topic's configuration may change meanwhile.
 */
struct partition_convert {
    struct batch_rules rules;
    enum compress_codec codec;
    int level;
    /* The caller's, partition_convert_bytes() long, for the result or the list of records at fault. */
    uint8_t *buffer;
    size_t capacity;
    /* Out, for partition_convert_finish: */
    struct batch_verdict verdict;
    struct batch_header header;
    size_t length; /* in the buffer; 0: the batch stays as it is */
    bool accepted;
};
size_t partition_convert_bytes(const struct partition_append *append);
/* In a job: touches only the append and its buffer; takes what it needs from `mem` and gives it back. */
void partition_convert(struct partition_append *append, struct mem *mem);
/* Takes the result over into the arena of partition_check; the buffer is the caller's again. On false the answer is in
 * `append`. */
bool partition_convert_finish(struct partition_append *append, struct arena *arena) MUST_CHECK;
/* The same for one batch that the broker made itself, uncompressed: nothing is checked. */
void partition_prepare(struct partition_append *append, uint8_t *records, size_t length);
/* done() is called later, never inside. append passed partition_check and, where asked for, partition_convert; or
 * partition_prepare. One that was refused may come too (error says why): its answer says where the log begins. */
void partition_append(struct partition *partition, struct partition_append *append);
/* Before a client's transactional batch is appended (KIP-890). A Kafka error code; NONE and *guard 0: its transaction
 * is open here, nobody has to be asked; otherwise the transaction coordinator has to agree, and the append carries the
 * guard. bumps_epoch: the client has transaction.version 2. */
int16_t partition_begin_verification(struct partition *partition, const struct batch_header *header, bool bumps_epoch,
                                     uint64_t *guard);
/* The client's timeout is over: when the batch is in the log and only waits to be durable, it is answered here with
 * REQUEST_TIMED_OUT: true. False: done() will be called. */
bool partition_cancel_append(struct partition_append *append) MUST_CHECK;

/* ---- read ------------------------------------------------------------------------------------------------------- */

enum partition_isolation { PARTITION_READ_UNCOMMITTED = 0, PARTITION_READ_COMMITTED = 1 };

struct partition_read {
    /* Set by the caller: */
    void (*done)(struct partition_read *read);
    int64_t fetch_offset;
    int32_t max_bytes;
    int32_t current_leader_epoch; /* -1: not checked */
    int32_t last_fetched_epoch;   /* -1: not checked (KIP-595) */
    int32_t replica_id;           /* -1: a consumer */
    enum partition_isolation isolation;
    struct log_aborted *aborted; /* read_committed: room for what the reader has to leave out */
    int aborted_capacity;

    /* The answer. */
    int aborted_count; /* above aborted_capacity: there was no room for all, the read has to be made again */
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

    struct log_read _log_read;
    struct log_aborted_load _aborted_load;
    struct partition *_partition;
};

/* Finds the bytes; copies nothing. True: answered; false: the device has to be asked, done() will be called. */
bool partition_read(struct partition *partition, struct partition_read *read) MUST_CHECK;
void partition_release_read(struct partition_read *read);
/* So many of the bytes found were taken. While the read holds them. */
void partition_taken(struct partition *partition, uint64_t bytes);

/* A waiting fetch waits with wait_start(&partition->waits, group, index, read.seen). */

/* ---- watermarks and changes ---------------------------------------------------------------------------------------
 */

int64_t partition_log_start(const struct partition *partition);
int64_t partition_log_end(const struct partition *partition);
/* Where readers of committed records stop: the oldest open transaction, at most the high watermark. */
int64_t partition_last_stable(const struct partition *partition);
/* The only way the high watermark moves: by the append of a single replica, later by the replication rules. Wakes. */
void partition_advance_high_watermark(struct partition *partition, int64_t offset, uint64_t bytes);
/* DeleteRecords (KIP-107): -1 is the high watermark. A Kafka error code; the new start in *low_watermark. */
int16_t partition_delete_records(struct partition *partition, int64_t offset, int64_t *low_watermark);
/* OffsetForLeaderEpoch (KIP-101, KIP-279): UNDEFINED is -1, -1. */
int16_t partition_epoch_end(struct partition *partition, int32_t current_leader_epoch, int32_t leader_epoch,
                            int32_t *epoch, int64_t *end_offset);
/* For shard_data: answers who waits and takes the log away. */
void partition_offline(struct partition *partition);
void partition_append_queue(struct partition *partition); /* the shard's turn-end hook */
/* NONE, FENCED_LEADER_EPOCH, UNKNOWN_LEADER_EPOCH, NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR or
 * UNKNOWN_TOPIC_OR_PARTITION. */
int16_t partition_check_access(const struct partition *partition, int32_t current_leader_epoch);

#endif
