/* tests/sim/link.h -- one connection of a simulated client: calls out, answers in, in order. */
#ifndef RINGMAIN_TESTS_SIM_LINK_H
#define RINGMAIN_TESTS_SIM_LINK_H

#include "core/wire/api.h"
#include "core/wire/messages.h"
#include "io/reactor/sim.h"

/* done(): the answer's body decoded by link_decode, or err != ERR_OK: the connection is gone (the request may or may
 * not have been carried out). Once, and never inside link_call. */
struct call {
    struct list link;
    void (*done)(struct call *call, enum err err, struct slice body);
    int16_t api_key, version;
    int32_t correlation_id;
    int64_t sent_ns;
};

enum link_state { LINK_OFF, LINK_CONNECTING, LINK_UP, LINK_CLOSING };

struct link {
    struct io *io;
    struct io_address address;
    void (*up)(struct link *link);
    void (*down)(struct link *link); /* closed, every call answered; may open it again */
    enum link_state state;
    io_socket socket;
    struct io_op connect;
    struct io_receiver receiver;
    bool receiving, receive_ended, sending;
    struct io_send send;
    struct io_piece piece;
    uint8_t *out, *next, *in;
    size_t next_length, in_length, next_capacity, in_capacity, out_capacity;
    struct list calls;
    int32_t next_correlation_id;
};

void link_init(struct link *link, struct io *io, const struct io_address *address);
void link_open(struct link *link); /* up() or down() follows */
void link_close(struct link *link);
/* Only while it is up. acks=0 has no answer: call NULL. */
void link_call(struct link *link, struct call *call, int16_t api_key, int16_t version, const void *request);
void link_fini(struct link *link); /* frees its buffers; the node is off or about to be */
/* Its oldest request went out before then and has no answer yet. */
bool link_is_overdue(const struct link *link, int64_t before_ns);
/* The response struct of the call's API, in the arena's memory. False: the bytes are not one, or more than one. */
bool link_decode(const struct call *call, struct slice body, struct arena *arena, void *response);

#endif
