#include "net/client/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { FIRST_BYTES = 1 << 20, HOST_BYTES = 256, POLL_NS = 100000000 };

struct get {
    struct io_op op;
    struct io_send send;
    struct io_timer timer;
    struct client *client;
    io_socket socket;
    int64_t deadline_ns;
    bool done, given_up;
};

static void op_done(struct io_op *op)
{
    CONTAINER_OF(op, struct get, op)->done = true;
}

static void send_done(struct io_send *send)
{
    CONTAINER_OF(send, struct get, send)->done = true;
}

/* Looks now and then whether time is up or somebody wants to end: then the socket is shut, and the operation ends. */
static void look(struct io_timer *timer)
{
    struct get *get = CONTAINER_OF(timer, struct get, timer);
    int64_t now_ns = io_now_ns(get->client->io);
    get->given_up = get->client->interrupts > 0 || now_ns >= get->deadline_ns;
    if (get->given_up && get->socket != IO_NONE)
        io_shutdown(get->client->io, get->socket);
    else if (io_timer_start(get->client->io, timer, now_ns + POLL_NS) != ERR_OK)
        UNREACHABLE(); /* a timer that has just fired has its place */
}

static enum err wait_for(struct get *get)
{
    while (!get->done)
        get->client->turn(get->client);
    get->done = false;
    if (!get->given_up)
        return ERR_OK;
    return get->client->interrupts > 0 ? ERR_CANCELED : ERR_TIMEOUT;
}

static bool split_place(const char *place, char host[HOST_BYTES], uint16_t *port)
{
    const char *colon = strrchr(place, ':');
    char *end;
    if (colon == NULL || colon == place || (size_t)(colon - place) >= HOST_BYTES)
        return false;
    long number = strtol(colon + 1, &end, 10);
    if (colon[1] == '\0' || *end != '\0' || number < 1 || number > 65535)
        return false;
    memcpy(host, place, (size_t)(colon - place));
    host[colon - place] = '\0';
    *port = (uint16_t)number;
    return true;
}

static enum err connect_to(struct get *get, const char *host, uint16_t port)
{
    struct io *io = get->client->io;
    struct io_address address;
    enum err err = io_resolve(io, host, port, &address);
    if (err != ERR_OK)
        return err;
    get->op.done = op_done;
    io_connect(io, &get->op, &address);
    err = wait_for(get);
    if (get->op.err == ERR_OK)
        get->socket = (io_socket)get->op.result;
    return err != ERR_OK ? err : get->op.err;
}

static enum err ask(struct get *get, const char *place, const char *path)
{
    char text[HOST_BYTES + 256];
    int length =
        snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: ringmain\r\nConnection: close\r\n\r\n",
                 path, place);
    struct io_piece piece = {.data = (const uint8_t *)text, .length = (size_t)length};
    if (length < 0 || (size_t)length >= sizeof text)
        return ERR_INVALID;
    get->send = (struct io_send){.done = send_done, .pieces = &piece, .count = 1};
    io_send(get->client->io, &get->send, get->socket);
    enum err err = wait_for(get);
    return err != ERR_OK ? err : get->send.err;
}

/* All that comes until the end, in *data of *capacity bytes, client->mem's. */
static enum err receive_all(struct get *get, uint8_t **data, size_t *capacity, size_t *length)
{
    struct client *client = get->client;
    for (*length = 0;;) {
        if (*length == *capacity) {
            size_t larger = *capacity == 0 ? FIRST_BYTES : *capacity * 2;
            uint8_t *moved = larger > HTTP_BODY_MAX ? NULL : mem_resize(client->mem, *data, *capacity, larger);
            if (moved == NULL)
                return larger > HTTP_BODY_MAX ? ERR_LIMIT : ERR_NO_MEMORY;
            *data = moved;
            *capacity = larger;
        }
        io_receive_into(client->io, &get->op, get->socket, *data + *length, *capacity - *length);
        enum err err = wait_for(get);
        if (err != ERR_OK || get->op.err != ERR_OK || get->op.result == 0)
            return err != ERR_OK ? err : get->op.err;
        *length += (size_t)get->op.result;
    }
}

/* The value of a header; -1: it is not there, or no number. */
static int64_t number_in(struct slice head, const char *name)
{
    const char *line = (const char *)head.data, *end = line + head.length;
    size_t length = strlen(name);
    while (line < end) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        next = next == NULL ? end : next + 1;
        if ((size_t)(next - line) > length + 1 && strncasecmp(line, name, length) == 0 && line[length] == ':') {
            int64_t value = -1;
            for (const char *at = line + length + 1; at < next; at++)
                if (*at >= '0' && *at <= '9' && value < INT64_MAX / 20)
                    value = (value < 0 ? 0 : value) * 10 + (*at - '0');
            return value;
        }
        line = next;
    }
    return -1;
}

enum err http_parse(struct slice answer, struct slice *body)
{
    static const char version[] = "HTTP/1.1 ";
    const uint8_t *end = answer.length == 0 ? NULL : memmem(answer.data, answer.length, "\r\n\r\n", 4);
    if (end == NULL || (size_t)(end - answer.data) < sizeof version + 2 ||
        memcmp(answer.data, version, sizeof version - 1) != 0)
        return ERR_CORRUPT;
    struct slice head = slice_of(answer.data, (size_t)(end - answer.data));
    *body = slice_of(end + 4, answer.length - head.length - 4);
    int64_t length = number_in(head, "Content-Length");
    if (length >= 0 && (uint64_t)length != body->length)
        return ERR_CORRUPT;
    return memcmp(answer.data + sizeof version - 1, "200", 3) == 0 ? ERR_OK : ERR_NOT_FOUND;
}

enum err http_get(struct client *client, const char *place, const char *path, struct arena *arena, struct slice *body)
{
    struct get get = {.client = client, .socket = IO_NONE, .timer.fire = look};
    char host[HOST_BYTES];
    uint16_t port;
    uint8_t *data = NULL;
    size_t capacity = 0, length = 0;
    *body = SLICE_NULL;
    if (!split_place(place, host, &port)) {
        snprintf(client->why, sizeof client->why, "'%s' is not HOST:PORT", place);
        return ERR_INVALID;
    }
    get.deadline_ns = io_now_ns(client->io) + (int64_t)client->timeout_ms * 1000000;
    enum err err = io_timer_start(client->io, &get.timer, io_now_ns(client->io) + POLL_NS);
    if (err == ERR_OK)
        err = connect_to(&get, host, port);
    if (err == ERR_OK)
        err = ask(&get, place, path);
    if (err == ERR_OK)
        err = receive_all(&get, &data, &capacity, &length);
    if (err == ERR_OK)
        err = http_parse(slice_of(data, length), body);
    if (err == ERR_OK) {
        const void *copy = arena_copy(arena, body->data, body->length);
        *body = slice_of(copy, body->length);
        err = copy == NULL ? ERR_NO_MEMORY : ERR_OK;
    }
    mem_free(client->mem, data, capacity);
    if (get.socket != IO_NONE)
        io_close_socket(client->io, get.socket);
    io_timer_stop(client->io, &get.timer);
    if (err != ERR_OK)
        snprintf(client->why, sizeof client->why, "http://%s%s: %s", place, path,
                 err == ERR_NOT_FOUND ? "there is no such page" : err_text(err));
    return err;
}
