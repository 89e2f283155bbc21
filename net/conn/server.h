/* net/conn/server.h -- the connections of one data shard.
 *
 *   bytes -> size -> frame (in a block; one receive brings several) -> request -> dispatch; answers in order, joined
 *
 * Order: requests of a connection are handled one after the other, as Kafka does, but for produce requests, which may
 * follow one another without waiting; their appends keep the order of arrival. Answers leave in the order of requests.
 *
 * Bounds: a frame above socket.request.max.bytes or with a negative size closes the connection. A frame's memory is
 * taken from the shard's frame budget before it is read; frames above 1 MiB grow as their bytes arrive. When the budget
 * is used up, connections that need memory are not read until some is free; a frame that then makes no progress for
 * STALL_MS loses its connection, so that half-sent frames cannot hold the budget for ever. A connection with
 * PIPELINE_MAX unanswered requests is not read until answers have left.
 *
 * Core: the owning shard. Memory: io_mem of the shard. Errors: bytes that make no request close their connection only.
 */
#ifndef RINGMAIN_NET_CONN_SERVER_H
#define RINGMAIN_NET_CONN_SERVER_H

#include "core/config/config.h"
#include "core/metrics/metrics.h"
#include "net/conn/gate.h"
#include "net/conn/request.h"

enum {
    CONN_BLOCK_CLASSES = 4 * 11, /* of 1 KiB to 2 MiB */
    CONN_SPARE_BYTES = 4 << 20,
    CONN_SPARE_REQUESTS = 128,
};

/* Freed memory that the next requests will need again: spares.c. */
struct conn_spares {
    struct conn_block *blocks[CONN_BLOCK_CLASSES];
    size_t block_bytes;
    struct list requests;
    int request_count;
};

struct conn_server {
    struct io *io;
    struct shard *shard;
    void (*dispatch)(struct request *request);
    struct metrics *metrics;            /* NULL: nobody counts. Set before listening */
    const struct broker_config *config; /* changed by conn_server_configure */
    size_t frame_limit, frame_used;     /* bytes */
    int conn_count;
    uint64_t accepted_count, refused_count, closed_count, request_count;

    struct list _conns;
    struct list _starved;    /* wait for frame budget */
    struct conn_gate *_gate; /* the control shard's */
    struct conn_spares _spares;
    bool _let_in;       /* the gate has granted a pass: the broker is ready */
    int _visitor_count; /* sockets that the gate knows of */
    struct io_timer _sweep;
    struct conn_listener *_listeners;
    int _listener_count;
    bool _stopping;
    void (*_stopped)(struct conn_server *server);
};

void conn_server_init(struct conn_server *server, struct io *io, struct shard *shard,
                      void (*dispatch)(struct request *request), const struct broker_config *config,
                      struct conn_gate *gate);
/* Opens every listener of the configuration that is not the controller's; ports[i] is the port to bind (0: any) and
 * becomes the one bound. */
enum err conn_server_listen(struct conn_server *server, uint16_t *ports) MUST_CHECK;
void conn_server_configure(struct conn_server *server, const struct broker_config *config);
/* Connections so far of one of the configuration's listeners. */
void conn_server_count(const struct conn_server *server, int listener, uint64_t *accepted, uint64_t *closed);
/* Accepts no more and reads no more; when every request in flight is answered and sent, stopped() runs. */
void conn_server_stop(struct conn_server *server, void (*stopped)(struct conn_server *server));

#endif
