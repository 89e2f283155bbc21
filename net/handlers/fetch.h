/* net/handlers/fetch.h -- inside of the Fetch handler: what its files share.
 *
 *   fetch.c         request -> parts; phases; what may be sent (KIP-74)
 *   fetch_shards.c  parts by owning shard: read, wait, give back
 *   fetch_answer.c  parts -> response, session bookkeeping
 *
 *     READ (all shards) -> enough, an error, or no time left? -> answer -> (sent) release
 *       ^                        | no
 *       +--- woken or time over -+- WAIT (all shards)
 *
 * All slices are at home between two phases, so the state of a fetch is never looked at by two shards at once.
 */
#ifndef RINGMAIN_NET_HANDLERS_FETCH_H
#define RINGMAIN_NET_HANDLERS_FETCH_H

#include "core/wire/messages.h"
#include "net/conn/request.h"
#include "net/handlers/fetch_session.h"
#include "net/handlers/shard.h"

struct fetch;

struct fetch_part {
    struct fetch_position position;
    struct uuid topic_id; /* resolved; zero: error is set */
    struct partition_read read;
    struct fetch_slice *slice;
    struct fetch_part *next; /* in the slice */
    struct fetch_session_partition *cached;
    struct wire_file_range range;
    size_t take; /* bytes that go into the answer */
};

/* Gives the segments of a remote slice back; outlives the request, so it has memory of its own. */
struct fetch_release {
    struct io_msg msg;
    int home;
    int32_t count, capacity;
    struct fetch_held {
        struct log_ref *ref;
        struct partition *partition; /* there as long as somebody holds its log */
        uint64_t bytes;
    } held[];
};

struct fetch_slice {
    struct io_msg msg, stop_msg;
    struct fetch *fetch;
    int shard;
    struct fetch_part *parts, **last;
    int32_t count, pending;
    struct wait_group group;
    struct wait_waiter *waiters;
    struct fetch_release *release; /* NULL for the own shard */
    uint64_t missing_bytes;
    bool waiting; /* on the owner's shard: in the waiters' lists */
    bool away;    /* at home: msg is on its way or there */
};

struct fetch {
    struct request *request;
    struct fetch_request message;
    struct fetch_session *session;
    bool creates_session, incremental;
    int16_t error;         /* of the whole request */
    int32_t session_epoch; /* the session's, when this request was accepted */
    int32_t replica_id;
    struct fetch_part *parts; /* in the order in which they are served */
    int32_t count;
    struct fetch_slice *slices; /* by shard */
    int32_t away_count;
    void (*all_home)(struct fetch *fetch);
    struct io_timer timer;
    int64_t deadline_ns;
    int64_t wait_ns; /* when the last wait began */
    bool stopping, timed_out;
    uint64_t total_bytes;
};

/* fetch_shards.c: all_home runs when every slice is back; it may run inside the call. */
bool fetch_make_slices(struct fetch *fetch);
void fetch_read_all(struct fetch *fetch, void (*all_home)(struct fetch *fetch));
void fetch_wait_all(struct fetch *fetch, uint64_t missing_bytes, void (*all_home)(struct fetch *fetch));
void fetch_stop_waiting(struct fetch *fetch);
void fetch_release_all(struct fetch *fetch); /* now or by message; the fetch may go afterwards */

/* fetch_answer.c */
void fetch_answer(struct fetch *fetch);

#endif
