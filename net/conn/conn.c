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

static void drop_block(struct conn *conn)
{
    conn_block_release(conn->server, conn->block);
    conn->block = NULL;
    conn->frame_begin = conn->block_filled = conn->block_wanted = 0;
}

/* Frees the connection when nothing is in flight on it any more. */
static void conn_finish(struct conn *conn)
{
    struct conn_server *server = conn->server;
    if (conn->small_mode || conn->reading == CONN_BULK || conn->sending || conn->running_count > 0 || conn->in_run)
        return;
    conn_free_requests(conn);
    ASSERT(conn->request_count == 0);
    drop_block(conn);
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

/* Bytes of the frame that have come. */
static size_t frame_length(const struct conn *conn)
{
    return conn->block_filled - conn->frame_begin;
}

/* How large a block for the frame should be. A large frame's neighbours come with it as far as they fit, at the least
 * the size of the next one, so that one receive does for each frame or for several. */
static size_t block_size(const struct conn *conn)
{
    size_t frame = conn->frame_size;
    if (frame > CONN_FRAME_STEP) /* who says so has to send that much first */
        return size_min(frame + sizeof(conn->head), size_max(CONN_FRAME_STEP, 2 * frame_length(conn)));
    if (frame < CONN_BULK_BYTES)
        return frame;
    size_t bytes = (size_t)CONN_BLOCK_BYTES << conn->block_scale;
    return size_max(1, bytes / (frame + sizeof(conn->head))) * (frame + sizeof(conn->head));
}

/* Makes room for at least `need` bytes of the frame. False: not now. */
static bool make_room(struct conn *conn, size_t need)
{
    struct conn_server *server = conn->server;
    if (conn->block != NULL && need <= conn->block_wanted - conn->frame_begin)
        return true;
    size_t wanted = size_max(need, block_size(conn));
    struct conn_block *block = conn_block_take(server, wanted);
    if (block == NULL) { /* without its neighbours, but no less: a part would be of no use to anybody */
        wanted = size_max(need, size_min(conn->frame_size, CONN_FRAME_STEP));
        block = conn_block_take(server, wanted);
    }
    if (block == NULL)
        return false;
    size_t length = frame_length(conn);
    if (length > 0)
        memcpy(block->data, conn->block->data + conn->frame_begin, length);
    drop_block(conn);
    conn->block = block;
    conn->block_wanted = wanted;
    conn->block_filled = length;
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
    if (conn->frame_size >= CONN_BULK_BYTES)
        conn->bulk_left = CONN_BULK_LEAVE;
    else if (conn->bulk_left > 0)
        conn->bulk_left--;
    if (conn->reading == CONN_HEAD)
        conn->reading = CONN_BODY;
    return true;
}

/* The frame is complete. False: the connection must be closed. */
static bool conn_end_frame(struct conn *conn)
{
    if (!conn_add_request(conn))
        return false;
    conn->frame_begin += conn->frame_size;
    conn->frame_size = 0;
    conn->head_length = 0;
    return true;
}

/* Takes bytes of the head. False: the connection must be closed. */
static bool conn_take_head(struct conn *conn, const uint8_t *data, size_t length)
{
    memcpy(conn->head + conn->head_length, data, length);
    conn->head_length += (uint8_t)length;
    return conn->head_length < sizeof(conn->head) || conn_begin_frame(conn);
}

/* Small mode: puts bytes where they belong. False: the connection must be closed. */
static bool conn_consume(struct conn *conn, const uint8_t *data, size_t length)
{
    while (length > 0) {
        size_t take = size_min(length, conn->frame_size == 0 ? sizeof(conn->head) - conn->head_length
                                                             : conn->frame_size - frame_length(conn));
        if (conn->frame_size == 0) {
            if (!conn_take_head(conn, data, take))
                return false;
        } else {
            if (!make_room(conn, frame_length(conn) + take))
                return conn_starve(conn, data, length);
            memcpy(conn->block->data + conn->block_filled, data, take);
            conn->block_filled += take;
            if (frame_length(conn) == conn->frame_size) {
                if (!conn_end_frame(conn))
                    return false;
                drop_block(conn);
            }
        }
        data += take;
        length -= take;
    }
    return true;
}

/* Large mode: what has come into the block becomes requests. False: the connection must be closed. */
static bool conn_cut(struct conn *conn)
{
    while (frame_length(conn) > 0) {
        if (conn->frame_size == 0) {
            size_t take = size_min(frame_length(conn), sizeof(conn->head) - conn->head_length);
            if (!conn_take_head(conn, conn->block->data + conn->frame_begin, take))
                return false;
            conn->frame_begin += take;
        } else if (frame_length(conn) < conn->frame_size) {
            break;
        } else if (!conn_end_frame(conn)) {
            return false;
        }
    }
    if (frame_length(conn) == 0) /* an idle connection holds nothing */
        drop_block(conn);
    return true;
}

/* ---- reading
 * ----------------------------------------------------------------------------------------------------------- */

static bool conn_wants_bulk(const struct conn *conn)
{
    return conn->frame_size > 0 && conn->stash_size == 0 &&
           (conn->bulk_left > 0 || conn->frame_size - frame_length(conn) >= CONN_BULK_BYTES);
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
        if (!make_room(conn, size_min(conn->frame_size, size_max(frame_length(conn) + 1, CONN_FRAME_STEP)))) {
            if (!conn_starve(conn, NULL, 0))
                conn_close(conn);
            return;
        }
        conn->reading = CONN_BULK;
        conn->bulk.done = on_bulk;
        io_receive_into(io, &conn->bulk, conn->socket, conn->block->data + conn->block_filled,
                        conn->block_wanted - conn->block_filled);
        return;
    }
    if (conn->frame_size == 0 && conn->bulk_left > 0 && conn->stash_size == 0) {
        conn->reading = CONN_BULK;
        conn->bulk.done = on_bulk_head;
        io_receive_into(io, &conn->bulk, conn->socket, conn->head + conn->head_length,
                        sizeof(conn->head) - conn->head_length);
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

/* The connection whose large receive ended; NULL when nothing came and it is closed for that. */
static struct conn *bulk_came(struct io_op *op)
{
    struct conn *conn = CONTAINER_OF(op, struct conn, bulk);
    conn->reading = CONN_PAUSED;
    conn->active_ns = io_now_ns(conn->server->io);
    if (!conn->closing && op->err == ERR_OK && op->result > 0)
        return conn;
    conn_close(conn);
    return NULL;
}

/* Fills the block: there was more. Not, many times in a row: no longer. */
static void scale_blocks(struct conn *conn)
{
    if (conn->block_filled == conn->block_wanted) {
        conn->block_scale += conn->block_scale < CONN_BLOCK_SCALE_MAX;
        conn->block_misses = 0;
    } else if (++conn->block_misses == CONN_BLOCK_MISSES) {
        conn->block_scale -= conn->block_scale > 0;
        conn->block_misses = 0;
    }
}

static void on_bulk(struct io_op *op)
{
    struct conn *conn = bulk_came(op);
    if (conn == NULL)
        return;
    conn->block_filled += (size_t)op->result;
    scale_blocks(conn);
    if (!conn_cut(conn)) {
        conn_close(conn);
        return;
    }
    conn_read_on(conn);
    conn_run_requests(conn);
}

static void on_bulk_head(struct io_op *op)
{
    struct conn *conn = bulk_came(op);
    if (conn == NULL)
        return;
    conn->head_length += (uint8_t)op->result;
    if (conn->head_length == sizeof(conn->head) && !conn_begin_frame(conn)) {
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
