#include "net/conn/conn.h"

#include "io/reactor/diag.h"

static void on_bytes(struct io_receiver *receiver, const uint8_t *data, size_t length, enum err err);
static void on_stopped(struct io_receiver *receiver);
static void on_bulk(struct io_op *op);
static void on_bulk_head(struct io_op *op);

bool conn_open(struct conn_server *server, io_socket socket, int listener, const struct io_address *peer,
               struct conn_visitor *visitor)
{
    struct conn *conn = MEM_NEW(io_mem(server->io), struct conn);
    if (conn == NULL)
        return false;
    conn->server = server;
    conn->socket = socket;
    conn->listener = listener;
    conn->peer = *peer;
    conn->visitor = visitor;
    conn->active_ns = io_now_ns(server->io);
    conn->receiver.on_bytes = on_bytes;
    conn->receiver.stopped = on_stopped;
    conn->answer_hook.run = conn_answer_hook;
    list_init(&conn->requests);
    list_init(&conn->starved);
    list_init(&conn->link);
    list_push_back(&server->_conns, &conn->link);
    server->conn_count++;
    conn->small_mode = true;
    io_receive_start(server->io, &conn->receiver, socket);
    return true;
}

void conn_complain(const struct conn *conn, const char *what)
{
    char text[IO_ADDRESS_TEXT_SIZE];
    io_address_format(&conn->peer, text);
    DIAG(conn->server->io, DIAG_WARN, "a client misbehaves", "peer=%s port=%u what=\"%s\"", text,
         (unsigned)conn->peer.port, what);
}

/* ---- closing -------------------------------------------------------------------------------------------------------
 */

static void conn_free_frame(struct conn *conn)
{
    mem_free(io_mem(conn->server->io), conn->frame, conn->frame_capacity);
    conn_server_give_frame(conn->server, conn->frame_capacity);
    conn->frame = NULL;
    conn->frame_capacity = conn->frame_length = conn->frame_size = 0;
}

/* Frees the connection when nothing is in flight on it any more. */
static void conn_finish(struct conn *conn)
{
    struct conn_server *server = conn->server;
    if (conn->small_mode || conn->reading == CONN_BULK || conn->sending || conn->running_count > 0 || conn->in_run)
        return;
    conn_free_requests(conn);
    ASSERT(conn->request_count == 0);
    conn_free_frame(conn);
    mem_free(io_mem(server->io), conn->stash, conn->stash_size);
    list_remove(&conn->starved);
    list_remove(&conn->link);
    io_hook_stop(&conn->answer_hook);
    io_close_socket(server->io, conn->socket);
    conn_server_forget(server, conn);
    MEM_DELETE(io_mem(server->io), conn);
}

void conn_close(struct conn *conn)
{
    if (!conn->closing) {
        conn->closing = true;
        io_shutdown(conn->server->io, conn->socket);
        LIST_EACH(link, &conn->requests)
        {
            struct request *request = CONTAINER_OF(link, struct request, _link);
            if (request->abandoned != NULL)
                request->abandoned(request);
        }
        if (conn->small_mode && conn->reading != CONN_STOPPING) {
            conn->reading = CONN_STOPPING;
            io_receive_stop(conn->server->io, &conn->receiver);
        }
    }
    conn_finish(conn);
}

/* ---- memory for frames
 * ----------------------------------------------------------------------------------------------- */

/* Grows the frame so that it holds at least `need` bytes. False: not now. */
static bool conn_make_room(struct conn *conn, size_t need)
{
    struct conn_server *server = conn->server;
    if (need <= conn->frame_capacity)
        return true;
    size_t capacity = size_min(conn->frame_size, size_max(CONN_FRAME_STEP, conn->frame_capacity * 2));
    if (!conn_server_take_frame(server, capacity))
        return false;
    uint8_t *frame = capacity >= CONN_BULK_BYTES ? mem_alloc_pages(io_mem(server->io), capacity)
                                                 : mem_alloc(io_mem(server->io), capacity);
    if (frame == NULL) {
        conn_server_give_frame(server, capacity);
        return false;
    }
    if (conn->frame_length > 0)
        memcpy(frame, conn->frame, conn->frame_length);
    mem_free(io_mem(server->io), conn->frame, conn->frame_capacity);
    conn_server_give_frame(server, conn->frame_capacity);
    conn->frame = frame;
    conn->frame_capacity = capacity;
    return true;
}

/* Keeps what arrived for later and stops reading until there is memory. */
static bool conn_starve(struct conn *conn, const uint8_t *data, size_t length)
{
    struct conn_server *server = conn->server;
    if (length > 0) {
        uint8_t *stash = mem_resize(io_mem(server->io), conn->stash, conn->stash_size, conn->stash_size + length);
        if (stash == NULL)
            return false;
        memcpy(stash + conn->stash_size, data, length);
        conn->stash = stash;
        conn->stash_size += length;
    }
    if (list_empty(&conn->starved))
        list_push_back(&server->_starved, &conn->starved);
    conn->want_pause = true;
    return true;
}

/* ---- frames
 * ------------------------------------------------------------------------------------------------------------ */

static bool conn_begin_frame(struct conn *conn)
{
    int32_t size = get_i32(conn->head);
    if (size < 8 || size > conn->server->config->socket_request_max_bytes) {
        conn_complain(conn, "a connection is closed: its frame has an impossible size");
        return false;
    }
    conn->frame_size = (size_t)size;
    conn->frame_length = 0;
    conn->expects_bulk = conn->frame_size >= CONN_BULK_BYTES;
    if (conn->reading != CONN_STOPPING) /* bytes that arrive while small mode is being left do not undo that */
        conn->reading = CONN_BODY;
    return true;
}

/* Puts bytes where they belong. False: the connection must be closed. */
static bool conn_consume(struct conn *conn, const uint8_t *data, size_t length)
{
    while (length > 0) {
        if (conn->frame_size == 0) {
            size_t take = size_min(length, 4 - (size_t)conn->head_length);
            memcpy(conn->head + conn->head_length, data, take);
            conn->head_length += (uint8_t)take;
            data += take;
            length -= take;
            if (conn->head_length == 4 && !conn_begin_frame(conn))
                return false;
            continue;
        }
        size_t take = size_min(length, conn->frame_size - conn->frame_length);
        if (!conn_make_room(conn, conn->frame_length + take))
            return conn_starve(conn, data, length);
        memcpy(conn->frame + conn->frame_length, data, take);
        conn->frame_length += take;
        data += take;
        length -= take;
        if (conn->frame_length == conn->frame_size && !conn_add_request(conn))
            return false;
    }
    return true;
}

/* ---- reading
 * ----------------------------------------------------------------------------------------------------------- */

static bool conn_wants_bulk(const struct conn *conn)
{
    return conn->frame_size > 0 && conn->frame_size - conn->frame_length >= CONN_BULK_BYTES && conn->stash_size == 0;
}

/* What one connection's unanswered requests may hold: two of the largest, unless the configuration says. */
static bool conn_is_full(const struct conn *conn)
{
    const struct broker_config *config = conn->server->config;
    int64_t limit = config->ringmain_connection_memory_bytes > 0 ? config->ringmain_connection_memory_bytes
                                                                 : 2 * (int64_t)config->socket_request_max_bytes;
    return conn->request_count >= CONN_PIPELINE_MAX || (int64_t)conn->held_bytes >= limit;
}

bool conn_must_pause(const struct conn *conn)
{
    return conn->want_pause || conn_is_full(conn) || conn->server->_stopping;
}

/* Chooses how to go on reading when neither mode is active. */
static void conn_read_on(struct conn *conn)
{
    struct io *io = conn->server->io;
    ASSERT(!conn->small_mode && conn->reading != CONN_BULK);
    if (conn->closing) {
        conn_finish(conn);
        return;
    }
    conn->reading = CONN_PAUSED;
    if (conn_must_pause(conn))
        return;
    if (conn_wants_bulk(conn)) {
        if (!conn_make_room(conn, conn->frame_length + 1)) {
            if (!conn_starve(conn, NULL, 0))
                conn_close(conn);
            return;
        }
        conn->reading = CONN_BULK;
        conn->bulk.done = on_bulk;
        io_receive_into(io, &conn->bulk, conn->socket, conn->frame + conn->frame_length,
                        conn->frame_capacity - conn->frame_length);
        return;
    }
    if (conn->frame_size == 0 && conn->expects_bulk && conn->stash_size == 0) {
        conn->reading = CONN_BULK;
        conn->bulk.done = on_bulk_head;
        io_receive_into(io, &conn->bulk, conn->socket, conn->head + conn->head_length, 4 - (size_t)conn->head_length);
        return;
    }
    conn->reading = conn->frame_size == 0 ? CONN_HEAD : CONN_BODY;
    conn->small_mode = true;
    io_receive_start(io, &conn->receiver, conn->socket);
}

static void on_bytes(struct io_receiver *receiver, const uint8_t *data, size_t length, enum err err)
{
    struct conn *conn = CONTAINER_OF(receiver, struct conn, receiver);
    conn->active_ns = io_now_ns(conn->server->io);
    if (conn->closing)
        return;
    if (err != ERR_OK || length == 0) { /* an ending: stopped() is asked for, so that there is one way out */
        conn_close(conn);
        return;
    }
    bool ok = conn->stash_size > 0 ? conn_starve(conn, data, length) : conn_consume(conn, data, length);
    if (!ok) {
        conn_close(conn);
        return;
    }
    if (conn->reading != CONN_STOPPING && (conn_must_pause(conn) || conn_wants_bulk(conn))) {
        conn->reading = CONN_STOPPING;
        io_receive_stop(conn->server->io, &conn->receiver);
    }
    conn_run_requests(conn); /* last: a handler may close the connection */
}

static void on_stopped(struct io_receiver *receiver)
{
    struct conn *conn = CONTAINER_OF(receiver, struct conn, receiver);
    conn->small_mode = false;
    conn_read_on(conn);
}

static void on_bulk(struct io_op *op)
{
    struct conn *conn = CONTAINER_OF(op, struct conn, bulk);
    conn->reading = CONN_PAUSED;
    conn->active_ns = io_now_ns(conn->server->io);
    if (conn->closing || op->err != ERR_OK || op->result == 0) {
        conn_close(conn);
        return;
    }
    conn->frame_length += (size_t)op->result;
    if (conn->frame_length == conn->frame_size && !conn_add_request(conn)) {
        conn_close(conn);
        return;
    }
    conn_read_on(conn);
    conn_run_requests(conn);
}

static void on_bulk_head(struct io_op *op)
{
    struct conn *conn = CONTAINER_OF(op, struct conn, bulk);
    conn->reading = CONN_PAUSED;
    conn->active_ns = io_now_ns(conn->server->io);
    if (conn->closing || op->err != ERR_OK || op->result == 0) {
        conn_close(conn);
        return;
    }
    conn->head_length += (uint8_t)op->result;
    if (conn->head_length == 4 && !conn_begin_frame(conn)) {
        conn_close(conn);
        return;
    }
    conn_read_on(conn);
}

void conn_retry_memory(struct conn *conn)
{
    list_remove(&conn->starved);
    conn->want_pause = false;
    uint8_t *stash = conn->stash;
    size_t size = conn->stash_size;
    conn->stash = NULL;
    conn->stash_size = 0;
    bool ok = size == 0 || conn_consume(conn, stash, size);
    mem_free(io_mem(conn->server->io), stash, size);
    if (!ok) {
        conn_close(conn);
        return;
    }
    if (!conn->small_mode && conn->reading == CONN_PAUSED)
        conn_read_on(conn);
    conn_run_requests(conn);
}

void conn_stop_reading(struct conn *conn)
{
    if (conn->small_mode && conn->reading != CONN_STOPPING) {
        conn->reading = CONN_STOPPING;
        io_receive_stop(conn->server->io, &conn->receiver);
    }
}
