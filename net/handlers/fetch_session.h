/* net/handlers/fetch_session.h -- incremental fetch sessions (KIP-227): what a client follows, kept between its
 * requests.
 *
 * A client names all its partitions once and afterwards only what has changed; the answers name only partitions with
 * something new. One cache per shard, as connections stay on their shard: a client that comes back on another shard is
 * told FETCH_SESSION_ID_NOT_FOUND and begins again with a full request, which every client does by itself.
 *
 * Invariants:
 *   1. At most max_count sessions are in the cache. Beyond it one is evicted as Kafka does: first one idle for longer
 * than min_evict_ms; else, of those that exist for longer than that, the least worth (not a follower's, then fewest
 *      partitions), and only when it is worth less than the new one. Otherwise the new client gets no session (id 0).
 *   2. A session in use by a request (pinned) that is evicted or replaced stays valid until released.
 *   3. epoch is what the next request must carry; it moves when a request is accepted.
 *   4. Order of partitions: as first named; those that returned bytes go to the end, so that nobody starves.
 *
 * Core:    the shard of the cache.
 * Memory:  from the mem given to init; bounded by max_count, by what a request may carry, and by the mem's budget. A
 * failed allocation costs the client its session, nothing else. Next:    net/handlers/fetch.c
 */
#ifndef RINGMAIN_NET_HANDLERS_FETCH_SESSION_H
#define RINGMAIN_NET_HANDLERS_FETCH_SESSION_H

#include "io/base/bytes.h"
#include "io/base/hash.h"
#include "io/base/list.h"
#include "io/base/mem.h"

enum {
    FETCH_SESSION_NONE = 0,          /* session id of no session */
    FETCH_SESSION_EPOCH_INITIAL = 0, /* full request, please make a session */
    FETCH_SESSION_EPOCH_FINAL = -1,  /* full request, no session, or: close it */
};

/* What a client wants of one partition. */
struct fetch_position {
    struct uuid topic_id; /* zero when by name */
    struct slice topic;   /* null when by id */
    int32_t partition;
    int32_t current_leader_epoch;
    int32_t last_fetched_epoch;
    int32_t max_bytes;
    int64_t fetch_offset;
    int64_t log_start_offset; /* a follower's */
};

struct fetch_session_partition {
    struct fetch_position position; /* position.topic points at name */
    int64_t sent_high_watermark;    /* -1: send again */
    int64_t sent_log_start_offset;
    struct list _order;
    uint64_t _hash;
    char name[];
};

struct fetch_session {
    int32_t id;
    int32_t epoch;
    bool by_topic_id;
    bool privileged; /* a follower's */
    struct map partitions;
    struct list order; /* of fetch_session_partition._order */
    int64_t created_ms, last_used_ms;
    struct fetch_session_cache *_cache;
    struct list _by_use; /* alone: not in the cache any more */
    int32_t _pins;
};
#define FETCH_SESSION_PARTITION(link) CONTAINER_OF(link, struct fetch_session_partition, _order)

struct fetch_session_cache {
    struct mem *mem;
    struct map sessions; /* by id */
    struct list by_use;  /* least recently used first */
    int32_t max_count;
    int64_t min_evict_ms;
    int64_t partition_count; /* in all sessions, for metrics */
    uint64_t evicted_count;
};

void fetch_session_cache_init(struct fetch_session_cache *cache, struct mem *mem, int32_t max_count,
                              int64_t min_evict_ms);
void fetch_session_cache_fini(struct fetch_session_cache *cache); /* no session may be pinned */

/* For an incremental request: the session, pinned, its epoch moved on, or Kafka's code: FETCH_SESSION_ID_NOT_FOUND,
 * INVALID_FETCH_SESSION_EPOCH, FETCH_SESSION_TOPIC_ID_ERROR. */
int16_t fetch_session_find(struct fetch_session_cache *cache, int32_t id, int32_t epoch, bool by_topic_id,
                           int64_t now_ms, struct fetch_session **session);
/* A new empty one, pinned; partition_count is what it will hold. NULL: no room or no memory, which is not an error.
 * random: the source of its id. */
struct fetch_session *fetch_session_create(struct fetch_session_cache *cache, bool privileged, bool by_topic_id,
                                           int32_t partition_count, int64_t now_ms, uint64_t random);
void fetch_session_remove(struct fetch_session_cache *cache, int32_t id); /* harmless when there is none */
void fetch_session_drop(struct fetch_session *session);                   /* takes it out of the cache; stays pinned */
void fetch_session_release(struct fetch_session *session);

/* Adds a partition or takes over what has changed. NULL: no memory. */
struct fetch_session_partition *fetch_session_put(struct fetch_session *session,
                                                  const struct fetch_position *position) MUST_CHECK;
void fetch_session_forget(struct fetch_session *session, const struct fetch_position *position);

/* What a partition is answered; true: it must be in the answer, and is remembered as sent. */
struct fetch_session_answer {
    int16_t error;
    bool has_bytes;
    bool is_diverging;
    int32_t preferred_read_replica; /* -1: none */
    int64_t high_watermark, log_start_offset;
};
bool fetch_session_answer(struct fetch_session *session, struct fetch_session_partition *partition,
                          const struct fetch_session_answer *answer);

int32_t fetch_session_next_epoch(int32_t epoch);

#endif
