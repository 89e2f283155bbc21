/* net/conn/conn.h -- one connection; inside of net/conn. See server.h for the rules.
 *
 * Reading:  HEAD (four bytes of size) -> BODY (frame bytes by on_bytes) -> BULK (straight into a block of frames)
 * Sending:  answered requests at the head of the list -> one io_send -> released
 * Closing:  shut down, wait until nothing is in flight (receive, send, requests being handled), then close and free.
 */
#ifndef RINGMAIN_NET_CONN_CONN_H
#define RINGMAIN_NET_CONN_CONN_H

#include "net/conn/server.h"

struct conn_visitor; /* server.c */

enum {
    CONN_PIPELINE_MAX = 64,        /* unanswered requests until reading stops */
    CONN_BULK_BYTES = 8 * 1024,    /* a rest from here on is received straight into its block */
    CONN_BULK_LEAVE = 16,          /* so many smaller frames in a row end that */
    CONN_BLOCK_BYTES = 128 * 1024, /* what one receive of several frames may bring, about; */
    CONN_BLOCK_SCALE_MAX = 3,      /* eight times as much from who has more every time, */
    CONN_BLOCK_MISSES = 32,        /* until so many in a row bring less */
    CONN_FRAME_STEP = 1 << 20,     /* frames above it grow as they arrive */
    CONN_SEND_PIECES = 64,         /* of one io_send */
    CONN_STALL_MS = 30000,
};

/* Memory for frames, shared by those that one receive brought: the connection holds it while a frame in it is not
 * complete, each of its requests until the request has ended. */
struct conn_block {
    uint32_t refs;
    size_t capacity;
    struct conn_block *next; /* among the spare ones */
    uint8_t data[];
};

enum conn_reading {
    CONN_HEAD,
    CONN_BODY,
    CONN_STOPPING, /* small mode is being stopped, for bulk or for a pause */
    CONN_BULK,
    CONN_PAUSED,   /* neither mode is active */
    CONN_READ_END, /* no more will be read */
};

struct conn {
    struct conn_server *server;
    io_socket socket;
    int listener;
    struct io_address peer;
    struct io_receiver receiver;
    struct io_op bulk;
    struct io_send send;
    struct io_hook answer_hook; /* answers that came in this turn leave together at its end */
    struct io_piece pieces[CONN_SEND_PIECES];
    struct list link;    /* in server->_conns */
    struct list starved; /* in server->_starved, or alone */
    struct list requests;
    int request_count;
    size_t held_bytes;                        /* frames of requests */
    int running_count, running_produce_count; /* handed to dispatch, not yet answered */
    bool held_back;                           /* the newest running one holds those behind it */
    int64_t sending_ns;                       /* when it began */
    int sending_count;                        /* requests that the send in flight carries */
    struct conn_visitor *visitor;

    uint8_t head[4]; /* the size of the frame */
    uint8_t head_length;
    uint8_t reading;
    uint8_t bulk_left;                 /* frames until small mode is tried again; 0: in small mode */
    uint8_t block_scale, block_misses; /* a power of two; grows while receives fill their blocks */
    bool small_mode;                   /* the receiver is started (or its stopped() is still to come) */
    bool want_pause;
    bool sending;
    bool closing;
    bool in_run; /* conn_run_requests is at work: what handlers conclude meanwhile waits for its end */
    /* The frame that is being received is block->data[frame_begin ..]; it has come up to block_filled. */
    struct conn_block *block;
    size_t block_wanted; /* so far bytes are received into it */
    size_t frame_size;   /* without its head; 0: the head is not complete */
    size_t frame_begin, block_filled;
    uint8_t *stash; /* bytes that arrived while there was no memory for their frame */
    size_t stash_size;
    int64_t active_ns; /* last byte in or out */
};

bool conn_open(struct conn_server *server, io_socket socket, int listener, const struct io_address *peer,
               struct conn_visitor *visitor) MUST_CHECK; /* false: no memory */
void conn_close(struct conn *conn);                      /* starts closing; the struct may be gone when it returns */
void conn_retry_memory(struct conn *conn);               /* frame budget may be free again */
void conn_complain(const struct conn *conn, const char *what); /* one line of diag with the peer */
void conn_stop_reading(struct conn *conn);
bool conn_must_pause(const struct conn *conn); /* too much is unanswered, or there is no memory */

/* requests.c: the queue of one connection. */
bool conn_add_request(struct conn *conn); /* the frame is complete, it is not the connection's any more; false: it makes
                                             no request */
void conn_run_requests(struct conn *conn);
void conn_send_answers(struct conn *conn);
void conn_answer_hook(struct io_hook *hook);
void conn_free_requests(struct conn *conn); /* those that are not with a handler */

/* server.c */
void conn_server_leave(struct conn_visitor *visitor); /* its connection has ended; it is freed when the gate knows */
void conn_server_forget(struct conn_server *server, struct conn *conn); /* before the struct is freed */

/* spares.c */
struct conn_block *conn_block_take(struct conn_server *server, size_t capacity); /* at least; NULL: not now */
void conn_block_release(struct conn_server *server, struct conn_block *block);   /* one holder less; may be NULL */
struct request *conn_request_take(struct conn_server *server); /* arena and out are set up, the rest is 0; or NULL */
void conn_request_give(struct conn_server *server, struct request *request);
void conn_spares_free(struct conn_server *server);

#endif
