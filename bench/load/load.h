/* bench/load/load.h -- the load generator: many connections per thread, requests encoded once and patched in place.
 *
 * A run is a few groups; all connections of a group do the same (a role: produce, fetch, tail, ping, idle). Each thread
 * owns its share of every group's connections, an epoll and its counters; nothing is shared but the phase. Answers that
 * arrive while the phase is PHASE_MEASURE are counted. What a broker answers is checked: error codes, offsets without
 * gaps, the CRC of every batch; anything wrong ends the process at once (load_fail).
 *
 * Latency runs from the intended time of sending (open loop: the schedule, whether or not the connection was free) to
 * the answer's last byte. Memory: malloc, before the run; the steady path allocates nothing.
 */
#ifndef RINGMAIN_BENCH_LOAD_LOAD_H
#define RINGMAIN_BENCH_LOAD_LOAD_H

#include "bench/load/hdr.h"
#include "io/base/arena.h"
#include "io/base/bytes.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>

enum { LOAD_FLIGHT_MAX = 64, LOAD_GROUPS_MAX = 4, LOAD_THREADS_MAX = 64, LOAD_NAME_MAX = 64 };
enum load_role { ROLE_PRODUCE, ROLE_FETCH, ROLE_TAIL, ROLE_PING, ROLE_IDLE };
enum load_phase { PHASE_WARM_UP, PHASE_MEASURE, PHASE_DRAIN, PHASE_OVER };

struct load_group {
    const char *name; /* in the report */
    enum load_role role;
    int connections;
    int depth;         /* requests on their way per connection */
    double rate;       /* requests per second of the whole group; 0: closed loop */
    double bytes_rate; /* fetches: bytes per second of the whole group; 0: no limit */
    int record_bytes;  /* of a record's value */
    int batch_bytes;   /* of a batch before compression; 0: by records_per_batch */
    int records_per_batch;
    int codec; /* enum compress_codec */
    int16_t acks;
    bool stamped;   /* each batch carries when it was sent: what a tail measures by */
    int read_bytes; /* of a fetch */
    char topic[LOAD_NAME_MAX];
    int partitions;
};

struct load_counts {
    uint64_t requests, records, bytes;
    struct hdr latency;
};

/* What a group sends, encoded once: head, batch (shared by all connections unless stamped), tail. */
struct load_template {
    uint8_t head[256];
    size_t head_length;
    struct slice batch;
    uint8_t tail[16];
    size_t tail_length;
    int correlation_at, partition_at, offset_at; /* in head */
    int32_t records;                             /* in the batch */
};

struct load_flight {
    int64_t intended_ns;
    int32_t correlation_id;
    int32_t partition;
};

struct load_link {
    int fd;
    uint8_t group;
    bool writable_wanted;
    struct load_worker *worker;
    /* sending */
    uint8_t head[256];
    uint8_t *own_batch; /* of a stamped group */
    size_t sent, to_send;
    int64_t next_ns; /* open loop: when the next one is due */
    /* on their way */
    struct load_flight flights[LOAD_FLIGHT_MAX];
    unsigned flight_first, flight_count;
    int32_t correlation_id;
    /* receiving */
    uint8_t *frame;
    size_t frame_capacity, received;
    /* positions in partitions: this connection's are first, first + step, ... */
    int32_t first, step, partition;
    int64_t *offsets; /* next offset to read; produce: last base offset seen; one per partition */
};

struct load {
    struct sockaddr_in broker;
    bool spin; /* threads look for answers all the time: a sleeping peer's wake-up is paid by who sends to it */
    bool raw;  /* the limit server: answers are the correlation id and what was asked for, no schema */
    struct load_group groups[LOAD_GROUPS_MAX];
    struct load_template templates[LOAD_GROUPS_MAX];
    int group_count;
    const int64_t *starts[LOAD_GROUPS_MAX]; /* per partition: where reading begins; NULL: 0 */
    int thread_count;
    double warm_up_s, run_s;
    int broker_pid; /* 0: not on this machine */
    _Atomic(int) phase;
    _Atomic(int64_t) acknowledged; /* records, all phases */
};

struct load_worker {
    struct load *load;
    pthread_t thread;
    int poller;
    struct load_link *links;
    int link_count;
    struct load_counts counts[LOAD_GROUPS_MAX];
    struct arena arena; /* decoded answers */
};

_Noreturn void load_fail(const char *format, ...) PRINTF_LIKE(1, 2);
int64_t load_now_ns(void);
void *load_alloc(size_t size); /* zeroed; fails the process */

/* template.c: encodes what each group sends. */
void load_make_templates(struct load *load);
/* Puts the time into the first record of a stamped batch and makes its CRC anew; and out of it again. */
void load_stamp(uint8_t *batch, size_t length, int64_t now_ns);
int64_t load_stamp_of(const uint8_t *batch);

/* role.c: what a connection sends next and what an answer means. */
void role_prepare(struct load_link *link, int64_t intended_ns); /* head, batch and flight of one request */
void role_take(struct load_link *link, const uint8_t *frame, size_t length, int64_t now_ns);

/* link.c: the socket. */
void link_open(struct load_link *link);
void link_send_due(struct load_link *link, int64_t now_ns); /* as many requests as loop and depth allow */
void link_flush(struct load_link *link);
void link_receive(struct load_link *link);

/* worker.c: opens every connection of its share and runs until the phase is over. */
void worker_init(struct load_worker *worker, struct load *load, int index);
void worker_run(struct load_worker *worker); /* starts its thread */

static inline struct load_group *link_group(const struct load_link *link)
{
    return &link->worker->load->groups[link->group];
}
static inline const struct load_template *link_template(const struct load_link *link)
{
    return &link->worker->load->templates[link->group];
}

#endif
