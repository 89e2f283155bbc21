/* net/conn/request.h -- one request of one connection, from its frame to its answer.
 *
 *   frame complete -> request_new -> dispatch -> handler ... request_done  -> answers leave in request order
 *                                                        ... request_close -> the connection is closed
 *
 * A handler decodes request->body into request->arena, does its work (now or later) and calls exactly one of
 * request_done, request_drop or request_close, on the shard where the handler ran. It writes the answer's body with
 * wire_encode into request->out: size and header are already there.
 *
 * Requests that the control shard handles travel there as a twin: a struct request with the control shard's memory that
 * borrows frame and header of the original, which waits. So memory never changes its shard.
 *
 * Invariants: body and everything decoded from it stay valid until `released` has run or, without one, until the answer
 * is sent. Core: one shard at a time. Memory: request, arena and out are of `io`'s shard.
 */
#ifndef RINGMAIN_NET_CONN_REQUEST_H
#define RINGMAIN_NET_CONN_REQUEST_H

#include "core/wire/api.h"
#include "core/wire/wire.h"
#include "io/reactor/io.h"

struct conn;
struct conn_block;
struct shard;

struct request {
    struct io *io;       /* of the shard where it is handled */
    struct shard *shard; /* likewise */
    const struct wire_api *api;
    struct wire_request_header header;
    struct slice body; /* within the frame; a produce handler may write into its records */
    struct arena arena;
    struct wire_writer out;
    int64_t received_ns, begun_ns;
    int64_t waits_ns; /* since when a handler waits for something; 0: it does not. For metrics */
    int listener;     /* index into broker_config.listeners_parsed: which addresses this client may be told */
    struct io_address peer;
    /* Set by a handler whose answer refers to files: runs on this shard when the answer has been sent or given up. */
    void (*released)(struct request *request);
    /* Set by a handler that waits: the connection has gone, nobody needs the answer. Must not finish the request inside
     * the call, but soon. NULL: the handler goes on as if nothing had happened. */
    void (*abandoned)(struct request *request);
    void *handler_state; /* the handler's own, in the arena; typed at its one use */

    struct conn *_conn;
    struct request *_original; /* of a twin: the waiting one, on its own shard */
    struct list _link;         /* in the connection, in order of arrival */
    struct io_msg _msg;
    struct conn_block *_block; /* holds the frame */
    size_t _frame_size;
    int64_t _answered_ns;
    int16_t _error; /* of the whole answer, for metrics */
    uint8_t _state;
    uint8_t _outcome;
    bool _finished;        /* the handler has done with it */
    bool _holds;           /* those behind it wait */
    struct request *_twin; /* of an original: what carries its answer */
};

/* Decodes the body by the API's table into `message` (a struct of its request). On false the request has been closed.
 */
bool request_decode(struct request *request, void *message) MUST_CHECK;
/* Encodes `message` (a struct of the API's response) and is done. */
void request_answer(struct request *request, const void *message);
/* The same with a body that was encoded before, by the same table and version. */
void request_answer_encoded(struct request *request, struct slice body, int16_t error);
/* The same with a body that is in request->out already. */
void request_answer_written(struct request *request, int16_t error);
void request_done(struct request *request);  /* the answer is in request->out */
void request_drop(struct request *request);  /* no answer: produce with acks=0 */
void request_close(struct request *request); /* what came cannot be answered: the connection ends */
/* For a produce request that is not ready to append: the requests behind it on its connection do not start before
 * request_go_on, which calls `go` (it may finish the request) and then lets them. Inside the handler's own call. */
void request_hold_back(struct request *request);
void request_go_on(struct request *request, void (*go)(struct request *request));
/* Hands it to the handler on another shard; `handle` runs there with the twin. */
void request_move(struct request *request, struct shard *shard, int shard_index, void (*handle)(struct request *));

#endif
