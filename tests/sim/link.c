#include "tests/sim/link.h"

#include <stdlib.h>

static void fail_calls(struct link *link, enum err err)
{
    struct list calls;
    list_init(&calls);
    list_splice(&calls, &link->calls);
    for (struct list *it; (it = list_pop_front(&calls)) != NULL;) {
        struct call *call = CONTAINER_OF(it, struct call, link);
        call->done(call, err, slice_of(NULL, 0));
    }
}

static void finish_close(struct link *link)
{
    if (link->receiving || link->sending)
        return;
    io_close_socket(link->io, link->socket);
    link->state = LINK_OFF;
    link->next_length = link->in_length = 0;
    fail_calls(link, ERR_RESET);
    link->down(link);
}

void link_close(struct link *link)
{
    if (link->state != LINK_UP)
        return;
    link->state = LINK_CLOSING;
    io_shutdown(link->io, link->socket);
    if (link->receiving)
        io_receive_stop(link->io, &link->receiver);
}

static void stopped(struct io_receiver *receiver)
{
    struct link *link = CONTAINER_OF(receiver, struct link, receiver);
    link->receiving = false;
    finish_close(link);
}

/* ---- answers ------------------------------------------------------------------------------------------------------
 */

static void give_answer(struct link *link, struct slice frame)
{
    ASSERT(frame.length >= 4);
    ASSERT(!list_empty(&link->calls)); /* an answer that nobody asked for */
    struct call *call = CONTAINER_OF(list_pop_front(&link->calls), struct call, link);
    ASSERT((int32_t)get_u32(frame.data) == call->correlation_id); /* answers in order of requests */
    const struct wire_api *api = wire_api_find(call->api_key);
    size_t header = call->version >= api->response->flexible_from && call->api_key != API_VERSIONS ? 5 : 4;
    ASSERT(frame.length >= header);
    call->done(call, ERR_OK, slice_of(frame.data + header, frame.length - header));
}

static void take_frames(struct link *link)
{
    size_t at = 0;
    while (link->in_length - at >= 4 && link->state == LINK_UP) {
        size_t length = get_u32(link->in + at);
        if (link->in_length - at - 4 < length)
            break;
        give_answer(link, slice_of(link->in + at + 4, length));
        at += 4 + length;
    }
    memmove(link->in, link->in + at, link->in_length - at);
    link->in_length -= at;
}

static void on_bytes(struct io_receiver *receiver, const uint8_t *data, size_t length, enum err err)
{
    struct link *link = CONTAINER_OF(receiver, struct link, receiver);
    if (length == 0) {
        link_close(link);
        return;
    }
    if (link->in_length + length > link->in_capacity) {
        link->in_capacity = 2 * (link->in_length + length);
        link->in = realloc(link->in, link->in_capacity);
    }
    memcpy(link->in + link->in_length, data, length);
    link->in_length += length;
    take_frames(link);
}

/* ---- requests -------------------------------------------------------------------------------------------------------
 */

static void send_next(struct link *link)
{
    if (link->sending || link->next_length == 0 || link->state != LINK_UP)
        return;
    uint8_t *out = link->next;
    size_t capacity = link->next_capacity;
    link->next = link->out;
    link->next_capacity = link->out_capacity;
    link->out = out;
    link->out_capacity = capacity;
    link->piece = (struct io_piece){.data = out, .length = link->next_length};
    link->next_length = 0;
    link->send.pieces = &link->piece;
    link->send.count = 1;
    link->sending = true;
    io_send(link->io, &link->send, link->socket);
}

static void sent(struct io_send *send)
{
    struct link *link = CONTAINER_OF(send, struct link, send);
    link->sending = false;
    if (link->state == LINK_CLOSING)
        finish_close(link);
    else if (send->err != ERR_OK)
        link_close(link);
    else
        send_next(link);
}

void link_call(struct link *link, struct call *call, int16_t api_key, int16_t version, const void *request)
{
    ASSERT(link->state == LINK_UP);
    struct wire_request_header header = {.api_key = api_key,
                                         .version = version,
                                         .correlation_id = link->next_correlation_id++,
                                         .client_id = slice_of("sim", 3)};
    struct wire_writer writer;
    wire_writer_init(&writer, io_mem(link->io));
    wire_put_i32(&writer, 0);
    wire_put_request_header(&writer, &header);
    enum err err = wire_encode(wire_api_find(api_key)->request, version, request, &writer);
    ASSERT(err == ERR_OK && !writer.failed);
    put_u32(writer.data, (uint32_t)(writer.length - 4));
    if (link->next_length + writer.length > link->next_capacity) {
        link->next_capacity = 2 * (link->next_length + writer.length);
        link->next = realloc(link->next, link->next_capacity);
    }
    memcpy(link->next + link->next_length, writer.data, writer.length);
    link->next_length += writer.length;
    wire_writer_fini(&writer);
    if (call != NULL) {
        call->api_key = api_key;
        call->version = version;
        call->correlation_id = header.correlation_id;
        call->sent_ns = io_now_ns(link->io);
        list_push_back(&link->calls, &call->link);
    }
    send_next(link);
}

bool link_is_overdue(const struct link *link, int64_t before_ns)
{
    return link->state == LINK_UP && !list_empty(&link->calls) &&
           CONTAINER_OF(link->calls.next, struct call, link)->sent_ns < before_ns;
}

bool link_decode(const struct call *call, struct slice body, struct arena *arena, void *response)
{
    size_t consumed;
    enum err err = wire_decode(wire_api_find(call->api_key)->response, call->version, body, arena, response, &consumed);
    return err == ERR_OK && consumed == body.length;
}

/* ---- opening
 * ----------------------------------------------------------------------------------------------------------- */

static void connected(struct io_op *op)
{
    struct link *link = CONTAINER_OF(op, struct link, connect);
    if (op->err != ERR_OK) {
        link->state = LINK_OFF;
        link->down(link);
        return;
    }
    link->socket = (io_socket)op->result;
    link->state = LINK_UP;
    link->receiving = true;
    io_receive_start(link->io, &link->receiver, link->socket);
    link->up(link);
}

void link_open(struct link *link)
{
    ASSERT(link->state == LINK_OFF);
    link->state = LINK_CONNECTING;
    io_connect(link->io, &link->connect, &link->address);
}

void link_init(struct link *link, struct io *io, const struct io_address *address)
{
    *link = (struct link){.io = io, .address = *address, .socket = IO_NONE};
    link->connect.done = connected;
    link->receiver.on_bytes = on_bytes;
    link->receiver.stopped = stopped;
    link->send.done = sent;
    list_init(&link->calls);
}

void link_fini(struct link *link)
{
    fail_calls(link, ERR_CLOSED);
    free(link->in);
    free(link->out);
    free(link->next);
}
