#include "net/conn/server.h"

#include "io/reactor/diag.h"
#include "net/conn/conn.h"

enum { SWEEP_MIN_MS = 1000, ACCEPT_BACKLOG_MIN = 16 };

struct conn_listener {
    struct io_listener listener;
    struct conn_server *server;
    int index; /* in the configuration */
    bool open;
    uint64_t accepted_count, closed_count;
};

/* A socket from its acceptance to the end of its connection, and its pass through the gate. */
struct conn_visitor {
    struct conn_pass pass;
    struct conn_server *server;
    io_socket socket; /* until it is handed to a connection */
    bool decided;
    bool left; /* its connection has ended */
};

static void on_sweep(struct io_timer *timer);

/* The other half: logs, answers, decoded requests. */
static size_t frame_limit(struct io *io, const struct broker_config *config)
{
    size_t half = io_mem(io)->limit / 2;
    if (config->queued_max_request_bytes < 0)
        return half;
    int data_shards = io_shard_count(io) > 1 ? io_shard_count(io) - 1 : 1;
    return size_min(half, (size_t)config->queued_max_request_bytes / (size_t)data_shards);
}

void conn_server_init(struct conn_server *server, struct io *io, struct shard *shard,
                      void (*dispatch)(struct request *request), const struct broker_config *config,
                      struct conn_gate *gate)
{
    *server = (struct conn_server){.io = io, .shard = shard, .dispatch = dispatch, .config = config, ._gate = gate};
    server->frame_limit = frame_limit(io, config);
    list_init(&server->_conns);
    list_init(&server->_starved);
    list_init(&server->_spares.requests);
    server->_sweep.fire = on_sweep;
}

void conn_server_configure(struct conn_server *server, const struct broker_config *config)
{
    server->config = config;
}

/* ---- memory for frames --------------------------------------------------------------------------------------------
 */

static void feed_starved(struct conn_server *server)
{
    struct list hungry;
    list_init(&hungry);
    list_splice(&hungry, &server->_starved);
    while (!list_empty(&hungry)) {
        struct conn *conn = CONTAINER_OF(hungry.next, struct conn, starved);
        list_remove(&conn->starved);
        if (server->frame_used > server->frame_limit)
            list_push_back(&server->_starved, &conn->starved);
        else
            conn_retry_memory(conn);
    }
}

/* ---- accepting
 * --------------------------------------------------------------------------------------------------------------- */

static int64_t sweep_ns(const struct conn_server *server)
{
    int64_t idle_ms = server->config->connections_max_idle_ms;
    int64_t every_ms = idle_ms < 0 || idle_ms > 20 * CONN_STALL_MS ? CONN_STALL_MS : idle_ms / 20;
    return (every_ms < SWEEP_MIN_MS ? SWEEP_MIN_MS : every_ms) * 1000000;
}

static void refuse(struct conn_server *server, io_socket socket, const struct io_address *peer, const char *reason)
{
    char text[IO_ADDRESS_TEXT_SIZE];
    io_address_format(peer, text);
    DIAG(server->io, DIAG_WARN, "a connection was refused", "peer=%s reason=\"%s\"", text, reason);
    server->refused_count++;
    io_close_socket(server->io, socket);
}

static void let_in(struct conn_visitor *visitor)
{
    struct conn_server *server = visitor->server;
    const struct broker_config *config = server->config;
    io_socket socket = visitor->socket;
    visitor->socket = IO_NONE;
    bool timed = io_timer_running(&server->_sweep) ||
                 io_timer_start(server->io, &server->_sweep, io_now_ns(server->io) + sweep_ns(server)) == ERR_OK;
    if (!timed || !conn_open(server, socket, visitor->pass.listener, &visitor->pass.peer, visitor)) {
        refuse(server, socket, &visitor->pass.peer, "no memory");
        conn_server_leave(visitor);
        return;
    }
    server->accepted_count++;
    server->_listeners[visitor->pass.listener].accepted_count++;
    enum err ignored =
        io_socket_buffers(server->io, socket, config->socket_send_buffer_bytes, config->socket_receive_buffer_bytes);
    MAYBE(ignored == ERR_OK); /* a kernel that will not is no reason to refuse a client */
}

static void stop_when_empty(struct conn_server *server);

static void on_gone(struct conn_pass *pass)
{
    struct conn_visitor *visitor = CONTAINER_OF(pass, struct conn_visitor, pass);
    struct conn_server *server = visitor->server;
    MEM_DELETE(io_mem(server->io), visitor);
    server->_visitor_count--;
    stop_when_empty(server);
}

static void on_decided(struct conn_pass *pass, bool granted)
{
    struct conn_visitor *visitor = CONTAINER_OF(pass, struct conn_visitor, pass);
    visitor->decided = true;
    visitor->server->_let_in = visitor->server->_let_in || granted;
    if (visitor->socket != IO_NONE && granted && !visitor->server->_stopping) {
        let_in(visitor);
        return;
    }
    if (visitor->socket != IO_NONE) {
        refuse(visitor->server, visitor->socket, &pass->peer,
               visitor->server->_stopping ? "the broker stops" : "limits of connections");
        visitor->left = true;
    }
    if (!granted)
        on_gone(pass);
    else if (visitor->left)
        conn_pass_return(pass, visitor->server->io);
}

void conn_server_leave(struct conn_visitor *visitor)
{
    visitor->left = true;
    if (visitor->decided)
        conn_pass_return(&visitor->pass, visitor->server->io);
}

static void on_accepted(struct io_listener *listener, io_socket socket, const struct io_address *peer)
{
    struct conn_listener *from = CONTAINER_OF(listener, struct conn_listener, listener);
    struct conn_server *server = from->server;
    struct conn_visitor *visitor = server->_stopping ? NULL : MEM_NEW(io_mem(server->io), struct conn_visitor);
    if (visitor == NULL) {
        refuse(server, socket, peer, server->_stopping ? "the broker stops" : "no memory");
        return;
    }
    *visitor =
        (struct conn_visitor){.pass = {.decided = on_decided,
                                       .gone = on_gone,
                                       .peer = *peer,
                                       .listener = from->index,
                                       .only_count = server->_let_in && conn_gate_is_free(server->config, from->index)},
                              .server = server,
                              .socket = socket};
    server->_visitor_count++;
    conn_pass_ask(&visitor->pass, server->io, server->_gate);
    if (visitor->pass.only_count)
        let_in(visitor);
}

static void stop_when_empty(struct conn_server *server)
{
    if (!server->_stopping || server->conn_count > 0 || server->_visitor_count > 0)
        return;
    for (int i = 0; i < server->_listener_count; i++)
        if (server->_listeners[i].open)
            return;
    io_timer_stop(server->io, &server->_sweep);
    conn_spares_free(server);
    mem_free(io_mem(server->io), server->_listeners, (size_t)server->_listener_count * sizeof *server->_listeners);
    server->_listeners = NULL;
    server->_listener_count = 0;
    server->_stopped(server);
}

static void on_listener_stopped(struct io_listener *listener)
{
    struct conn_listener *from = CONTAINER_OF(listener, struct conn_listener, listener);
    from->open = false;
    stop_when_empty(from->server);
}

enum err conn_server_listen(struct conn_server *server, uint16_t *ports)
{
    const struct broker_config *config = server->config;
    size_t bytes = (size_t)config->listener_count * sizeof *server->_listeners;
    server->_listeners = mem_alloc_zero(io_mem(server->io), bytes);
    if (server->_listeners == NULL)
        return ERR_NO_MEMORY;
    server->_listener_count = config->listener_count;
    for (int i = 0; i < config->listener_count; i++) {
        const struct config_listener *wanted = &config->listeners_parsed[i];
        struct conn_listener *listener = &server->_listeners[i];
        if (wanted->is_controller)
            continue;
        struct io_address address;
        if (!io_address_parse(wanted->host, ports[i], &address)) {
            enum err err = io_resolve(server->io, wanted->host, ports[i], &address);
            if (err != ERR_OK)
                return err;
        }
        int backlog = config->socket_listen_backlog_size;
        struct io_listen_options options = {.backlog = backlog < ACCEPT_BACKLOG_MIN ? ACCEPT_BACKLOG_MIN : backlog,
                                            .share_port = true};
        *listener = (struct conn_listener){
            .listener = {.accepted = on_accepted, .stopped = on_listener_stopped}, .server = server, .index = i};
        enum err err = io_listen(server->io, &listener->listener, &address, &options);
        if (err != ERR_OK)
            return err;
        listener->open = true;
        ports[i] = listener->listener.port;
    }
    return ERR_OK;
}

void conn_server_count(const struct conn_server *server, int listener, uint64_t *accepted, uint64_t *closed)
{
    bool open = listener < server->_listener_count; /* all are away when the broker stops */
    *accepted = open ? server->_listeners[listener].accepted_count : 0;
    *closed = open ? server->_listeners[listener].closed_count : 0;
}

/* ---- the sweep: idle connections, stalled frames, hungry ones
 * --------------------------------------------------------------- */

static void sweep_conn(struct conn_server *server, struct conn *conn, int64_t now)
{
    int64_t quiet_ms = (now - conn->active_ns) / 1000000;
    int64_t idle_ms = server->config->connections_max_idle_ms;
    bool half_a_frame = conn->block != NULL;
    bool busy = conn->running_count > 0; /* a fetch may wait longer than the idle limit */
    if (half_a_frame && quiet_ms > CONN_STALL_MS && !list_empty(&server->_starved)) {
        conn_complain(conn, "a half-sent request was given up: others need its memory");
        conn_close(conn);
    } else if (idle_ms >= 0 && quiet_ms > idle_ms && !busy) {
        conn_close(conn);
    }
}

static void on_sweep(struct io_timer *timer)
{
    struct conn_server *server = CONTAINER_OF(timer, struct conn_server, _sweep);
    int64_t now = io_now_ns(server->io);
    LIST_EACH(link, &server->_conns)
    sweep_conn(server, CONTAINER_OF(link, struct conn, link), now);
    feed_starved(server);
    if (server->conn_count > 0 && !io_timer_running(timer) &&
        io_timer_start(server->io, timer, now + sweep_ns(server)) != ERR_OK)
        UNREACHABLE(); /* a timer that has just fired has its place in the heap */
}

void conn_server_forget(struct conn_server *server, struct conn *conn)
{
    server->_listeners[conn->listener].closed_count++;
    conn_server_leave(conn->visitor);
    server->conn_count--;
    server->closed_count++;
    if (server->conn_count == 0)
        io_timer_stop(server->io, &server->_sweep);
    stop_when_empty(server);
}

void conn_server_stop(struct conn_server *server, void (*stopped)(struct conn_server *server))
{
    server->_stopping = true;
    server->_stopped = stopped;
    for (int i = 0; i < server->_listener_count; i++)
        if (server->_listeners[i].open)
            io_listen_stop(server->io, &server->_listeners[i].listener);
    LIST_EACH(link, &server->_conns)
    {
        struct conn *conn = CONTAINER_OF(link, struct conn, link);
        if (conn->request_count == 0)
            conn_close(conn);
        else
            conn_stop_reading(conn);
    }
    stop_when_empty(server);
}
