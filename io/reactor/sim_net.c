/* The simulated network: listeners, connections, segments on their way.
 *
 * A socket holds what has arrived for it (`in`) and what is on its way to it (`coming`, in order). Its peer may send
 * until both together fill the window; taking bytes opens it again, which the peer hears of later. Sockets are never
 * freed before the room closes and handles are never used twice, so that a use after close is caught.
 */
#include "io/reactor/sim_inner.h"

#include <stdlib.h>

enum {
    SEGMENT_BYTES = 64 << 10,
    DRIBBLE_BYTES = 16,
    SHOW_BYTES = 32 << 10, /* at once, to a receiver in small mode */
    BLOCKED_RETRY_NS = 5000000,
    FIRST_PORT = 40000,
};
static const int64_t connect_limit_ns = 2000000000;

/* io_receiver._state */
enum { RECEIVER_ON = 1, RECEIVER_STOPPING = 2 };

enum segment_kind { SEGMENT_BYTES_OF, SEGMENT_END, SEGMENT_BREAK };

struct segment {
    struct list link;
    enum segment_kind kind;
    int64_t time_ns;
    size_t length;
    uint8_t data[];
};

struct sim_socket {
    struct sim *sim;
    io_socket handle;
    struct sim_node *node;
    struct sim_shard *shard; /* NULL: closed, or its node is gone */
    struct sim_socket *peer; /* NULL: it has no way back any more */
    struct io_address name;
    uint8_t *in;
    size_t in_start, in_end, in_capacity;
    struct list coming; /* struct segment */
    size_t coming_bytes;
    int64_t coming_ns; /* of the last one: they stay in order */
    bool pumping;      /* an event for the first of `coming` exists */
    bool ended;        /* the peer has finished */
    bool broken;
    bool shut;        /* by this side */
    struct list link; /* of shard->readable */
    bool is_readable;
    struct io_receiver *receiver;
    struct io_op *into;
    void *into_buffer;
    size_t into_length;
    struct io_send *send;
};

struct sim_listener {
    struct list link;      /* of sim->listeners */
    struct list turn_link; /* of shard->accepting */
    struct io_listener *user;
    struct sim_shard *shard;
    struct io_address address;
    struct sim_socket **backlog;
    int backlog_count, backlog_capacity;
};

struct net_event {
    struct sim_event event;
    struct sim_socket *socket;
};

/* ---- sockets
 * ------------------------------------------------------------------------------------------------------------ */

static struct sim_socket *socket_of(struct sim *sim, io_socket handle)
{
    ASSERT(handle >= 0 && handle < sim->socket_count);
    struct sim_socket *socket = sim->sockets[handle];
    ASSERT(socket->shard != NULL); /* used after it was closed */
    return socket;
}

static struct sim_socket *own_socket(struct io *io, io_socket handle)
{
    struct sim_shard *shard = sim_shard_of(io);
    struct sim_socket *socket = socket_of(shard->node->sim, handle);
    ASSERT(socket->shard == shard);
    return socket;
}

static struct sim_socket *new_socket(struct sim *sim, struct sim_shard *shard)
{
    struct sim_socket *socket = sim_new(sizeof(*socket));
    socket->sim = sim;
    socket->shard = shard;
    socket->node = shard->node;
    list_init(&socket->coming);
    list_init(&socket->link);
    if (sim->socket_count == sim->socket_capacity) {
        sim->socket_capacity = sim->socket_capacity == 0 ? 64 : 2 * sim->socket_capacity;
        sim->sockets = sim_grow(sim->sockets, (size_t)sim->socket_capacity * sizeof(struct sim_socket *));
    }
    socket->handle = sim->socket_count;
    sim->sockets[sim->socket_count++] = socket;
    return socket;
}

static size_t in_bytes(const struct sim_socket *socket)
{
    return socket->in_end - socket->in_start;
}

static void make_readable(struct sim_socket *socket)
{
    if (socket->shard == NULL || socket->is_readable)
        return;
    socket->is_readable = true;
    list_push_back(&socket->shard->readable, &socket->link);
    sim_shard_wake(socket->shard, socket->sim->now_ns);
}

static void put_in(struct sim_socket *socket, const uint8_t *data, size_t length)
{
    if (socket->in_start == socket->in_end)
        socket->in_start = socket->in_end = 0;
    if (socket->in_end + length > socket->in_capacity) {
        if (in_bytes(socket) > 0)
            memmove(socket->in, socket->in + socket->in_start, in_bytes(socket));
        socket->in_end -= socket->in_start;
        socket->in_start = 0;
    }
    while (socket->in_end + length > socket->in_capacity) {
        socket->in_capacity = socket->in_capacity == 0 ? 4096 : 2 * socket->in_capacity;
        socket->in = sim_grow(socket->in, socket->in_capacity);
    }
    memcpy(socket->in + socket->in_end, data, length);
    socket->in_end += length;
}

static void throw_away_coming(struct sim_socket *socket)
{
    for (struct list *link; (link = list_pop_front(&socket->coming)) != NULL;)
        free(CONTAINER_OF(link, struct segment, link));
    socket->coming_bytes = 0;
}

static void finish_send(struct sim_socket *socket, enum err err);

/* From here on nothing more arrives or leaves. */
static void break_socket(struct sim_socket *socket)
{
    if (socket->broken)
        return;
    socket->broken = true;
    throw_away_coming(socket);
    if (socket->send != NULL)
        finish_send(socket, ERR_RESET);
    make_readable(socket);
}

/* ---- segments
 * ------------------------------------------------------------------------------------------------------------- */

static void pump(struct sim_socket *socket);
static void send_more(struct sim_socket *socket);

static void drop_net(struct sim_event *event)
{
    free(CONTAINER_OF(event, struct net_event, event));
}

static struct net_event *new_net_event(struct sim_socket *socket, void (*run)(struct sim_event *event))
{
    struct net_event *event = sim_new(sizeof(*event));
    event->event = (struct sim_event){.run = run, .drop = drop_net};
    event->socket = socket;
    return event;
}

/* On its way to `to`, behind everything that is. */
static void put_on_way(struct sim_socket *to, enum segment_kind kind, const uint8_t *data, size_t length)
{
    struct sim *sim = to->sim;
    struct segment *segment = sim_new(sizeof(*segment) + length);
    segment->kind = kind;
    segment->length = length;
    if (length > 0)
        memcpy(segment->data, data, length);
    segment->time_ns = sim_delay(sim, sim->network.delay_min_ns, sim->network.delay_max_ns);
    if (segment->time_ns < to->coming_ns)
        segment->time_ns = to->coming_ns;
    to->coming_ns = segment->time_ns;
    to->coming_bytes += length;
    list_push_back(&to->coming, &segment->link);
    sim_note_bytes(sim, 'n', segment->data, length);
    pump(to);
}

static bool is_blocked(const struct sim_socket *from, const struct sim_socket *to)
{
    return from != NULL && from->sim->blocked[from->node->index][to->node->index];
}

/* The answer to bytes for a socket that is not there: silence as long as its node has no power. */
static void answer_closed(struct sim_socket *socket)
{
    if (socket->node->silent || socket->peer == NULL)
        return;
    struct sim_socket *peer = socket->peer;
    socket->peer = NULL;
    if (peer->shard != NULL && !peer->broken)
        put_on_way(peer, SEGMENT_BREAK, NULL, 0);
}

static void arrive(struct sim_socket *socket, struct segment *segment)
{
    struct sim *sim = socket->sim;
    socket->coming_bytes -= segment->length;
    if (segment->kind == SEGMENT_BREAK) {
        break_socket(socket);
        return;
    }
    if (socket->shard == NULL) {
        answer_closed(socket);
        return;
    }
    if (segment->kind == SEGMENT_END) {
        socket->ended = true;
        make_readable(socket);
        return;
    }
    bool breaks = prng_chance(&sim->machine, sim->network.break_ppm);
    size_t length = breaks ? (size_t)prng_below(&sim->machine, segment->length + 1) : segment->length;
    if (!socket->shut) /* else nobody will read it */
        put_in(socket, segment->data, length);
    make_readable(socket);
    if (!breaks)
        return;
    sim_note(sim, 'b', (uint64_t)socket->handle, length);
    if (socket->peer != NULL)
        break_socket(socket->peer);
    break_socket(socket);
}

static void pump_due(struct sim_event *event)
{
    struct net_event *net = CONTAINER_OF(event, struct net_event, event);
    struct sim_socket *socket = net->socket;
    free(net);
    socket->pumping = false;
    if (list_empty(&socket->coming))
        return;
    struct segment *segment = CONTAINER_OF(socket->coming.next, struct segment, link);
    if (is_blocked(socket->peer, socket)) {
        segment->time_ns = socket->sim->now_ns + BLOCKED_RETRY_NS;
    } else if (segment->time_ns <= socket->sim->now_ns) {
        list_remove(&segment->link);
        arrive(socket, segment);
        free(segment);
    }
    pump(socket);
}

static void pump(struct sim_socket *socket)
{
    if (socket->pumping || list_empty(&socket->coming))
        return;
    socket->pumping = true;
    int64_t time_ns = CONTAINER_OF(socket->coming.next, struct segment, link)->time_ns;
    sim_event_at(socket->sim, &new_net_event(socket, pump_due)->event,
                 time_ns > socket->sim->now_ns ? time_ns : socket->sim->now_ns);
}

/* ---- sending
 * ----------------------------------------------------------------------------------------------------------------- */

static void send_is_over(struct io_op *op)
{
    struct io_send *send = CONTAINER_OF(op, struct io_send, _op);
    send->done(send);
}

static void finish_send(struct sim_socket *socket, enum err err)
{
    struct io_send *send = socket->send;
    socket->send = NULL;
    send->err = err;
    send->_op.done = send_is_over;
    sim_complete(socket->shard, &send->_op, err, 0);
}

static size_t segment_size(struct sim *sim)
{
    bool dribble = prng_chance(&sim->machine, sim->network.dribble_ppm);
    return (size_t)prng_between(&sim->machine, 1, dribble ? DRIBBLE_BYTES : SEGMENT_BYTES);
}

/* The next part of a piece. False: the file does not give it. */
static bool send_part(struct sim_socket *socket, const struct io_piece *piece, size_t length)
{
    struct io_send *send = socket->send;
    if (piece->data != NULL) {
        put_on_way(socket->peer, SEGMENT_BYTES_OF, piece->data + send->_sent, length);
        return true;
    }
    uint8_t *bytes = sim_new(length);
    size_t got = 0;
    enum err err =
        sim_disk_read(socket->node->disk, piece->file, bytes, length, piece->pos + (int64_t)send->_sent, &got);
    bool whole = err == ERR_OK && got == length;
    if (whole)
        put_on_way(socket->peer, SEGMENT_BYTES_OF, bytes, length);
    free(bytes);
    return whole;
}

static void send_more(struct sim_socket *socket)
{
    struct sim *sim = socket->sim;
    while (socket->send != NULL) {
        struct io_send *send = socket->send;
        if (socket->broken || socket->shut || socket->peer == NULL) {
            finish_send(socket, socket->shut ? ERR_CLOSED : ERR_RESET);
            return;
        }
        if (send->_piece == send->count) {
            finish_send(socket, ERR_OK);
            return;
        }
        const struct io_piece *piece = &send->pieces[send->_piece];
        size_t used = in_bytes(socket->peer) + socket->peer->coming_bytes;
        size_t left = piece->length - send->_sent;
        size_t room = used < sim->network.window_bytes ? sim->network.window_bytes - used : 0;
        size_t part = size_min(size_min(left, room), segment_size(sim));
        if (left > 0 && part == 0)
            return; /* until the peer takes something */
        if (part > 0 && !send_part(socket, piece, part)) {
            finish_send(socket, ERR_IO);
            return;
        }
        send->_sent += part;
        if (send->_sent == piece->length) {
            send->_piece++;
            send->_sent = 0;
        }
    }
}

void sim_send(struct io *io, struct io_send *send)
{
    struct sim_socket *socket = own_socket(io, send->_socket);
    ASSERT(socket->send == NULL);
    socket->send = send;
    send_more(socket);
}

static void window_opened(struct sim_event *event)
{
    struct net_event *net = CONTAINER_OF(event, struct net_event, event);
    struct sim_socket *socket = net->socket;
    free(net);
    if (socket->shard != NULL)
        send_more(socket);
}

static void tell_window(struct sim_socket *socket)
{
    struct sim *sim = socket->sim;
    if (socket->peer != NULL && socket->peer->send != NULL)
        sim_event_at(sim, &new_net_event(socket->peer, window_opened)->event,
                     sim_delay(sim, sim->network.delay_min_ns, sim->network.delay_max_ns));
}

/* ---- receiving
 * ----------------------------------------------------------------------------------------------------------------- */

static bool is_over(const struct sim_socket *socket)
{
    return socket->broken || socket->shut || socket->ended;
}

static enum err over_why(const struct sim_socket *socket)
{
    return socket->broken && !socket->shut ? ERR_RESET : ERR_OK;
}

/* Unread bytes of a broken connection are lost, as a reset loses them. */
static size_t readable_bytes(const struct sim_socket *socket)
{
    return socket->broken ? 0 : in_bytes(socket);
}

static void show(struct sim_socket *socket)
{
    struct io_receiver *receiver = socket->receiver;
    size_t length = size_min(readable_bytes(socket), SHOW_BYTES);
    if (length > 0) {
        length = (size_t)prng_between(&socket->sim->machine, 1, (int64_t)length);
        uint8_t *bytes = sim_new(length); /* of its own, so that a use after return is caught */
        memcpy(bytes, socket->in + socket->in_start, length);
        socket->in_start += length;
        tell_window(socket);
        make_readable(socket); /* for the rest, or its end */
        receiver->on_bytes(receiver, bytes, length, ERR_OK);
        memset(bytes, 0xd5, length);
        free(bytes);
        return;
    }
    if (!is_over(socket))
        return;
    socket->receiver = NULL;
    receiver->_state &= (uint8_t)~RECEIVER_ON;
    receiver->on_bytes(receiver, NULL, 0, over_why(socket));
}

static void fill(struct sim_socket *socket)
{
    size_t length = size_min(readable_bytes(socket), socket->into_length);
    if (length == 0 && !is_over(socket))
        return;
    struct io_op *op = socket->into;
    socket->into = NULL;
    op->err = length > 0 ? ERR_OK : over_why(socket);
    if (length > 0) {
        length = (size_t)prng_between(&socket->sim->machine, 1, (int64_t)length);
        memcpy(socket->into_buffer, socket->in + socket->in_start, length);
        socket->in_start += length;
        tell_window(socket);
    }
    op->result = (int64_t)length;
    op->done(op);
}

void sim_receive_start(struct io *io, struct io_receiver *receiver)
{
    struct sim_socket *socket = own_socket(io, receiver->_socket);
    ASSERT(socket->receiver == NULL && socket->into == NULL);
    receiver->_state = RECEIVER_ON;
    socket->receiver = receiver;
    make_readable(socket);
}

static void receiver_stopped(struct io_op *op)
{
    struct io_receiver *receiver = CONTAINER_OF(op, struct io_receiver, _op);
    struct sim *sim = sim_shard_of(receiver->_io)->node->sim;
    if ((receiver->_state & RECEIVER_ON) != 0)
        sim->sockets[receiver->_socket]->receiver = NULL;
    receiver->stopped(receiver);
}

void sim_receive_stop(struct io *io, struct io_receiver *receiver)
{
    ASSERT((receiver->_state & RECEIVER_STOPPING) == 0);
    receiver->_state |= RECEIVER_STOPPING;
    receiver->_op.done = receiver_stopped;
    sim_complete(sim_shard_of(io), &receiver->_op, ERR_OK, 0); /* bytes may be shown until then, as in a ring */
}

void sim_receive_into(struct io *io, struct io_op *op, io_socket handle, void *buffer, size_t length)
{
    struct sim_socket *socket = own_socket(io, handle);
    ASSERT(socket->receiver == NULL && socket->into == NULL);
    socket->into = op;
    socket->into_buffer = buffer;
    socket->into_length = length;
    make_readable(socket);
}

/* ---- the end of a connection
 * ----------------------------------------------------------------------------------------------------- */

void sim_shutdown(struct io *io, io_socket handle)
{
    struct sim_socket *socket = own_socket(io, handle);
    if (socket->shut)
        return;
    socket->shut = true;
    if (socket->peer != NULL && !socket->broken)
        put_on_way(socket->peer, SEGMENT_END, NULL, 0);
    send_more(socket);
    make_readable(socket);
}

/* Off its shard. With bytes that nobody read, or with a way for more of them, the peer hears of a break. */
static void leave(struct sim_socket *socket, bool tell)
{
    bool unread = in_bytes(socket) > 0;
    if (socket->is_readable)
        list_remove(&socket->link);
    socket->is_readable = false;
    socket->shard = NULL;
    socket->receiver = NULL;
    socket->into = NULL;
    socket->send = NULL;
    free(socket->in);
    socket->in = NULL;
    socket->in_start = socket->in_end = socket->in_capacity = 0;
    struct sim_socket *peer = socket->peer;
    if (!tell || socket->broken || peer == NULL || peer->shard == NULL)
        return;
    if (unread)
        answer_closed(socket);
    else if (!socket->shut)
        put_on_way(peer, SEGMENT_END, NULL, 0);
}

void sim_close_socket(struct io *io, io_socket handle)
{
    struct sim_socket *socket = own_socket(io, handle);
    ASSERT(socket->into == NULL && socket->send == NULL);
    ASSERT(socket->receiver == NULL);
    leave(socket, true);
}

/* ---- listening
 * ---------------------------------------------------------------------------------------------------------------------
 */

static bool is_any(const struct io_address *address)
{
    return address->bytes[0] == 0 || address->bytes[0] == 127;
}

static bool is_taken(struct sim_node *node, uint16_t port, bool share)
{
    LIST_EACH(it, &node->sim->listeners)
    {
        const struct sim_listener *other = CONTAINER_OF(it, struct sim_listener, link);
        if (other->shard->node == node && other->user->port == port && !share)
            return true;
    }
    return false;
}

enum err sim_listen(struct io *io, struct io_listener *user, const struct io_address *address,
                    const struct io_listen_options *options)
{
    struct sim_shard *shard = sim_shard_of(io);
    struct sim *sim = shard->node->sim;
    user->port = address->port != 0 ? address->port : (uint16_t)(FIRST_PORT + shard->node->next_port++);
    if (is_taken(shard->node, user->port, options->share_port))
        return ERR_BUSY;
    struct sim_listener *listener = sim_new(sizeof(*listener));
    listener->user = user;
    listener->shard = shard;
    listener->address = *address;
    list_init(&listener->turn_link);
    list_push_back(&sim->listeners, &listener->link);
    user->_op._private[0] = (uint64_t)(uintptr_t)listener;
    return ERR_OK;
}

static struct sim_listener *listener_of(struct io_listener *user)
{
    return (struct sim_listener *)(uintptr_t)user->_op._private[0];
}

static void free_listener(struct sim_listener *listener)
{
    list_remove(&listener->link);
    list_remove(&listener->turn_link);
    free(listener->backlog);
    free(listener);
}

static void listener_stopped(struct io_op *op)
{
    struct io_listener *user = CONTAINER_OF(op, struct io_listener, _op);
    struct sim_listener *listener = listener_of(user);
    for (int i = 0; i < listener->backlog_count; i++) {
        answer_closed(listener->backlog[i]);
        leave(listener->backlog[i], false);
    }
    free_listener(listener);
    user->stopped(user);
}

void sim_listen_stop(struct io *io, struct io_listener *user)
{
    user->_op.done = listener_stopped;
    sim_complete(sim_shard_of(io), &user->_op, ERR_OK, 0);
}

static void accept_all(struct sim_listener *listener)
{
    struct io_listener *user = listener->user;
    while (listener->backlog_count > 0 && !user->_stopping) {
        struct sim_socket *socket = listener->backlog[0];
        memmove(listener->backlog, listener->backlog + 1,
                (size_t)--listener->backlog_count * sizeof(struct sim_socket *));
        struct io_address peer = socket->peer == NULL ? socket->name : socket->peer->name;
        user->accepted(user, socket->handle, &peer);
    }
}

/* ---- connecting
 * ---------------------------------------------------------------------------------------------------------------------
 */

struct connect_event {
    struct sim_event event;
    struct sim_shard *shard;
    struct io_op *op;
    struct io_address address;
    int64_t limit_ns;
};

static struct sim_node *node_at(struct sim_shard *from, const struct io_address *address)
{
    struct sim *sim = from->node->sim;
    if (is_any(address))
        return from->node;
    int index = address->bytes[3] - 1;
    bool known = address->bytes[0] == 10 && index >= 0 && index < sim->node_count;
    return known ? sim->nodes[index] : NULL;
}

/* Shards that share a port share its connections by chance. */
static struct sim_listener *find_listener(struct sim *sim, const struct sim_node *node, uint16_t port)
{
    struct sim_listener *found = NULL;
    uint64_t seen = 0;
    LIST_EACH(it, &sim->listeners)
    {
        struct sim_listener *listener = CONTAINER_OF(it, struct sim_listener, link);
        if (listener->shard->node == node && listener->user->port == port && !listener->user->_stopping &&
            prng_below(&sim->machine, ++seen) == 0)
            found = listener;
    }
    return found;
}

static void drop_connect(struct sim_event *event)
{
    free(CONTAINER_OF(event, struct connect_event, event));
}

static void meet(struct connect_event *connect, struct sim_listener *listener)
{
    struct sim *sim = connect->shard->node->sim;
    struct sim_socket *near = new_socket(sim, connect->shard), *far = new_socket(sim, listener->shard);
    near->peer = far;
    far->peer = near;
    sim_node_address(near->node, (uint16_t)(FIRST_PORT + near->node->next_port++), &near->name);
    far->name = connect->address;
    if (listener->backlog_count == listener->backlog_capacity) {
        listener->backlog_capacity = listener->backlog_capacity == 0 ? 8 : 2 * listener->backlog_capacity;
        listener->backlog =
            sim_grow(listener->backlog, (size_t)listener->backlog_capacity * sizeof(struct sim_socket *));
    }
    listener->backlog[listener->backlog_count++] = far;
    if (list_empty(&listener->turn_link))
        list_push_back(&listener->shard->accepting, &listener->turn_link);
    sim_shard_wake(listener->shard, sim->now_ns);
    sim_complete(connect->shard, connect->op, ERR_OK, near->handle);
}

static void try_connect(struct sim_event *event)
{
    struct connect_event *connect = CONTAINER_OF(event, struct connect_event, event);
    struct sim_shard *shard = connect->shard;
    struct sim *sim = shard->node->sim;
    struct sim_node *target = node_at(shard, &connect->address);
    bool silent = target != NULL && (target->silent || sim->blocked[shard->node->index][target->index] ||
                                     sim->blocked[target->index][shard->node->index]);
    if (silent && sim->now_ns < connect->limit_ns) {
        sim_event_at(sim, event, sim->now_ns + BLOCKED_RETRY_NS);
        return;
    }
    struct sim_listener *listener = target == NULL || silent ? NULL : find_listener(sim, target, connect->address.port);
    if (listener != NULL)
        meet(connect, listener);
    else
        sim_complete(shard, connect->op, silent ? ERR_TIMEOUT : ERR_REFUSED, IO_NONE);
    free(connect);
}

void sim_connect(struct io *io, struct io_op *op, const struct io_address *address)
{
    struct sim_shard *shard = sim_shard_of(io);
    struct sim *sim = shard->node->sim;
    struct connect_event *connect = sim_new(sizeof(*connect));
    *connect = (struct connect_event){.event = {.node = shard->node, .run = try_connect, .drop = drop_connect},
                                      .shard = shard,
                                      .op = op,
                                      .address = *address,
                                      .limit_ns = sim->now_ns + connect_limit_ns};
    sim_event_at(sim, &connect->event, sim_delay(sim, sim->network.delay_min_ns, sim->network.delay_max_ns));
}

/* ---- turns, nodes, the room
 * ------------------------------------------------------------------------------------------------------------ */

void sim_net_turn(struct sim_shard *shard)
{
    struct list now;
    list_init(&now);
    list_splice(&now, &shard->accepting);
    for (struct list *link; (link = list_pop_front(&now)) != NULL;)
        accept_all(CONTAINER_OF(link, struct sim_listener, turn_link));
    list_splice(&now, &shard->readable);
    for (struct list *link; (link = list_pop_front(&now)) != NULL;) {
        struct sim_socket *socket = CONTAINER_OF(link, struct sim_socket, link);
        socket->is_readable = false;
        if (socket->receiver != NULL)
            show(socket);
        else if (socket->into != NULL)
            fill(socket);
    }
}

void sim_net_node_gone(struct sim_node *node)
{
    struct sim *sim = node->sim;
    LIST_EACH(it, &sim->listeners)
    {
        struct sim_listener *listener = CONTAINER_OF(it, struct sim_listener, link);
        if (listener->shard->node == node)
            free_listener(listener);
    }
    for (int i = 0; i < sim->socket_count; i++) {
        struct sim_socket *socket = sim->sockets[i];
        if (socket->shard == NULL || socket->node != node)
            continue;
        answer_closed(socket);
        leave(socket, false);
    }
}

int sim_node_open_sockets(const struct sim_node *node)
{
    int count = 0;
    for (int i = 0; i < node->sim->socket_count; i++)
        count += node->sim->sockets[i]->shard != NULL && node->sim->sockets[i]->node == node;
    LIST_EACH(it, &node->sim->listeners)
    count += CONTAINER_OF(it, struct sim_listener, link)->shard->node == node;
    return count;
}

void sim_net_free(struct sim *sim)
{
    for (int i = 0; i < sim->socket_count; i++) {
        throw_away_coming(sim->sockets[i]);
        free(sim->sockets[i]->in);
        free(sim->sockets[i]);
    }
    free(sim->sockets);
}
