/* The queue of one connection: start in order, answer in order. */
#include "net/conn/conn.h"

enum request_state { REQUEST_WAITING, REQUEST_RUNNING, REQUEST_ANSWERED, REQUEST_SENDING };
enum request_outcome { OUTCOME_ANSWER, OUTCOME_DROP, OUTCOME_CLOSE };
enum { REQUEST_NO_ERROR_CODE = INT16_MIN };

/* What a twin may take for what it decodes; spares.c has the same of others. */
enum { TWIN_ARENA_LIMIT = 256 << 20 };

static void twin_free(struct io_msg *msg, struct io *io)
{
    struct request *twin = CONTAINER_OF(msg, struct request, _msg);
    if (twin->released != NULL)
        twin->released(twin);
    wire_writer_fini(&twin->out);
    arena_fini(&twin->arena);
    MEM_DELETE(io_mem(io), twin);
}

/* Takes a request out of its connection and gives everything back. */
static void conn_remove_request(struct conn *conn, struct request *request)
{
    if (request->_twin != NULL) {
        struct request *twin = request->_twin;
        twin->_msg.run = twin_free;
        io_post(request->io, io_shard(twin->io), &twin->_msg);
    }
    list_remove(&request->_link);
    conn->request_count--;
    metrics_subtract(conn->server->metrics, METRIC_REQUESTS_RUNNING, 1);
    conn->held_bytes -= request->_frame_size;
    if (request->released != NULL)
        request->released(request);
    conn_block_release(conn->server, request->_block);
    conn_request_give(conn->server, request);
}

void conn_free_requests(struct conn *conn)
{
    ASSERT(conn->running_count == 0 && !conn->sending);
    LIST_EACH(link, &conn->requests)
    conn_remove_request(conn, CONTAINER_OF(link, struct request, _link));
}

static void out_begin(struct request *request)
{
    wire_put_i32(&request->out, 0); /* the size, known at the end */
    wire_put_response_header(&request->out, request->header.api_key, request->header.version,
                             request->header.correlation_id);
}

/* A frame that is not one of a produce request may have to wait for long, and a short one is not worth it: it gets
 * memory of its own where there is some, so that it does not hold that of its neighbours. *begin: where it is then. */
static struct conn_block *hold_frame(struct conn *conn, size_t *begin)
{
    enum { ALONE_BYTES = 1024 };
    struct conn_block *block = conn->block;
    const uint8_t *frame = block->data + conn->frame_begin;
    *begin = conn->frame_begin;
    bool is_alone = block->refs == 1 && block->capacity / 2 <= size_max(conn->frame_size, ALONE_BYTES / 2);
    if (!is_alone && (conn->frame_size < ALONE_BYTES || get_i16(frame) != API_PRODUCE)) {
        struct conn_block *own = conn_block_take(conn->server, conn->frame_size);
        if (own != NULL) {
            memcpy(own->data, frame, conn->frame_size);
            *begin = 0;
            return own;
        }
    }
    block->refs++;
    return block;
}

bool conn_add_request(struct conn *conn)
{
    struct conn_server *server = conn->server;
    struct request *request = conn_request_take(server);
    size_t consumed = 0, begin;
    struct conn_block *block = hold_frame(conn, &begin);
    enum err err = request == NULL ? ERR_NO_MEMORY : ERR_OK;
    if (err == ERR_OK)
        err = wire_decode_header(slice_of(block->data + begin, conn->frame_size), &request->header, &consumed);
    if (err != ERR_OK) { /* no header, or an API without a table: Kafka closes too */
        conn_complain(conn, err == ERR_NO_MEMORY ? "a connection is closed: no memory"
                                                 : "a connection is closed: its request has no valid header");
        conn_block_release(server, block);
        if (request != NULL)
            conn_request_give(server, request);
        return false;
    }
    server->request_count++;
    request->io = server->io;
    request->shard = server->shard;
    request->_error = REQUEST_NO_ERROR_CODE;
    request->api = wire_api_find(request->header.api_key);
    request->body = slice_of(block->data + begin + consumed, conn->frame_size - consumed);
    request->received_ns = io_now_ns(server->io);
    request->listener = conn->listener;
    request->peer = conn->peer;
    request->_conn = conn;
    request->_block = block;
    request->_frame_size = conn->frame_size;
    list_init(&request->_link);
    list_push_back(&conn->requests, &request->_link);
    conn->request_count++;
    metrics_add(server->metrics, METRIC_REQUESTS_RUNNING, 1);
    conn->held_bytes += conn->frame_size;
    return true;
}

/* One after the other, but produce requests may follow produce requests. */
static bool may_start(const struct conn *conn, const struct request *request)
{
    if (conn->running_count == 0)
        return true;
    if (conn->held_back)
        return false;
    return request->header.api_key == API_PRODUCE && conn->running_count == conn->running_produce_count &&
           conn->running_count < CONN_PIPELINE_MAX;
}

/* Starts what may start. */
static void start_requests(struct conn *conn)
{
    struct conn_server *server = conn->server;
    conn->in_run = true;
    for (struct list *link = conn->requests.next; link != &conn->requests && !conn->closing; link = link->next) {
        struct request *request = CONTAINER_OF(link, struct request, _link);
        if (request->_state != REQUEST_WAITING)
            continue;
        if (!may_start(conn, request))
            break;
        request->_state = REQUEST_RUNNING;
        request->begun_ns = io_recent_ns(server->io);
        metrics_time(server->metrics, METRIC_TIME_QUEUE, request->begun_ns - request->received_ns);
        conn->running_count++;
        conn->running_produce_count += request->header.api_key == API_PRODUCE;
        out_begin(request);
        server->dispatch(request);
    }
    conn->in_run = false;
}

void conn_run_requests(struct conn *conn)
{
    if (conn->in_run)
        return;
    start_requests(conn);
    if (conn->closing)
        conn_close(conn);
    else
        conn_send_answers(conn);
}

/* ---- answering
 * ---------------------------------------------------------------------------------------------------------- */

static void on_sent(struct io_send *send);

static int add_piece(struct conn *conn, int count, const struct io_piece *piece)
{
    ASSERT(count < CONN_SEND_PIECES);
    conn->pieces[count] = *piece;
    return count + 1;
}

/* The pieces of one answer: its bytes, cut where file ranges stand. */
static int add_answer(struct conn *conn, int count, const struct wire_writer *out)
{
    size_t at = 0;
    for (int i = 0; i < out->splice_count; i++) {
        const struct wire_splice *splice = &out->splices[i];
        if (splice->at > at)
            count = add_piece(conn, count, &(struct io_piece){.data = out->data + at, .length = splice->at - at});
        at = splice->at;
        count = add_piece(conn, count,
                          &(struct io_piece){.file = splice->range.file,
                                             .hot = splice->range.hot,
                                             .pos = splice->range.pos,
                                             .length = splice->range.length});
    }
    if (out->length > at)
        count = add_piece(conn, count, &(struct io_piece){.data = out->data + at, .length = out->length - at});
    return count;
}

static int pieces_needed(const struct wire_writer *out)
{
    return out->splice_count * 2 + 1;
}

static struct wire_writer *answer_of(struct request *request)
{
    return request->_twin != NULL ? &request->_twin->out : &request->out;
}

/* An answer with more pieces than fit is sent from its own list. */
static bool send_alone(struct conn *conn, struct request *request)
{
    struct wire_writer *out = answer_of(request);
    int most = pieces_needed(out);
    struct io_piece *pieces = ARENA_ARRAY(&request->arena, struct io_piece, (size_t)most);
    if (pieces == NULL)
        return false;
    int count = 0;
    size_t at = 0;
    for (int i = 0; i <= out->splice_count; i++) {
        size_t until = i < out->splice_count ? out->splices[i].at : out->length;
        if (until > at)
            pieces[count++] = (struct io_piece){.data = out->data + at, .length = until - at};
        at = until;
        if (i < out->splice_count)
            pieces[count++] = (struct io_piece){.file = out->splices[i].range.file,
                                                .hot = out->splices[i].range.hot,
                                                .pos = out->splices[i].range.pos,
                                                .length = out->splices[i].range.length};
    }
    conn->send.pieces = pieces;
    conn->send.count = count;
    request->_state = REQUEST_SENDING;
    conn->sending_count = 1;
    return true;
}

static void gather(struct conn *conn)
{
    int count = 0;
    conn->sending_count = 0;
    conn->send.pieces = conn->pieces;
    LIST_EACH(link, &conn->requests)
    {
        struct request *request = CONTAINER_OF(link, struct request, _link);
        if (request->_state != REQUEST_ANSWERED)
            break;
        if (request->_outcome == OUTCOME_DROP) {
            if (conn->sending_count > 0)
                break; /* keeps the sent ones at the head of the list */
            conn_remove_request(conn, request);
            continue;
        }
        int need = pieces_needed(answer_of(request));
        if (count + need > CONN_SEND_PIECES) {
            if (conn->sending_count == 0 && !send_alone(conn, request))
                conn->closing = true;
            if (conn->send.pieces != conn->pieces)
                return;
            break;
        }
        count = add_answer(conn, count, answer_of(request));
        request->_state = REQUEST_SENDING;
        conn->sending_count++;
    }
    conn->send.count = count;
}

void conn_send_answers(struct conn *conn)
{
    if (conn->sending || conn->closing)
        return;
    gather(conn);
    if (conn->closing) {
        conn_close(conn);
        return;
    }
    if (conn->sending_count > 0) {
        conn->sending = true;
        conn->sending_ns = io_recent_ns(conn->server->io);
        conn->send.done = on_sent;
        io_send(conn->server->io, &conn->send, conn->socket);
    }
    if (conn->server->_stopping) {
        if (conn->request_count == 0)
            conn_close(conn);
    } else if (!conn->small_mode && conn->reading == CONN_PAUSED && !conn_must_pause(conn)) {
        conn_retry_memory(conn); /* reading may go on */
    }
}

static void count_sent(const struct conn *conn, const struct request *request)
{
    struct metrics_road road = {.received_ns = request->received_ns,
                                .begun_ns = request->begun_ns,
                                .waits_ns = request->waits_ns,
                                .answered_ns = request->_answered_ns,
                                .sending_ns = conn->sending_ns,
                                .sent_ns = io_recent_ns(conn->server->io)};
    metrics_request(conn->server->metrics, request->header.api_key, request->header.version, &road);
}

/* Several answers of one connection often come in one turn (a group of appends): one call sends them. */
void conn_answer_hook(struct io_hook *hook)
{
    conn_send_answers(CONTAINER_OF(hook, struct conn, answer_hook));
}

static void on_sent(struct io_send *send)
{
    struct conn *conn = CONTAINER_OF(send, struct conn, send);
    conn->sending = false;
    conn->active_ns = io_now_ns(conn->server->io);
    metrics_time(conn->server->metrics, METRIC_TIME_SEND, io_recent_ns(conn->server->io) - conn->sending_ns);
    for (; conn->sending_count > 0; conn->sending_count--) {
        struct request *request = CONTAINER_OF(conn->requests.next, struct request, _link);
        count_sent(conn, request);
        conn_remove_request(conn, request);
    }
    if (conn->closing || send->err != ERR_OK) {
        conn_close(conn);
        return;
    }
    conn_run_requests(conn);
}

/* ---- what handlers call
 * ------------------------------------------------------------------------------------------------- */

/* On the connection's shard: the outcome of a request, its own or its twin's. */
static void conclude(struct request *request, enum request_outcome outcome)
{
    struct conn *conn = request->_conn;
    ASSERT(request->_state == REQUEST_RUNNING);
    request->_state = REQUEST_ANSWERED;
    request->_outcome = (uint8_t)outcome;
    request->_answered_ns = io_recent_ns(request->io);
    conn->running_count--;
    conn->running_produce_count -= request->header.api_key == API_PRODUCE;
    if (request->_error != REQUEST_NO_ERROR_CODE)
        metrics_error(conn->server->metrics, request->header.api_key, request->_error, 1);
    conn->held_back = conn->held_back && !request->_holds;
    if (outcome == OUTCOME_CLOSE || conn->closing) {
        conn_close(conn);
        return;
    }
    if (conn->in_run)
        return;
    start_requests(conn);
    if (conn->closing)
        conn_close(conn);
    else
        io_at_turn_end(conn->server->io, &conn->answer_hook);
}

static void twin_is_back(struct io_msg *msg, struct io *io)
{
    struct request *twin = CONTAINER_OF(msg, struct request, _msg);
    struct request *request = twin->_original;
    request->_twin = twin;
    request->waits_ns = twin->waits_ns;
    request->_error = twin->_error;
    conclude(request, twin->_outcome);
}

static void finish(struct request *request, enum request_outcome outcome)
{
    request->_finished = true;
    if (outcome == OUTCOME_ANSWER) {
        size_t total = wire_writer_total(&request->out);
        if (request->out.failed || total - 4 > INT32_MAX)
            outcome = OUTCOME_CLOSE;
        else
            put_i32(request->out.data, (int32_t)(total - 4));
    }
    if (request->_original == NULL) {
        conclude(request, outcome);
        return;
    }
    request->_outcome = (uint8_t)outcome;
    request->_msg.run = twin_is_back;
    io_post(request->io, io_shard(request->_original->io), &request->_msg);
}

void request_done(struct request *request)
{
    finish(request, OUTCOME_ANSWER);
}

void request_drop(struct request *request)
{
    finish(request, OUTCOME_DROP);
}

void request_close(struct request *request)
{
    finish(request, OUTCOME_CLOSE);
}

bool request_decode(struct request *request, void *message)
{
    size_t consumed;
    enum err err =
        wire_decode(request->api->request, request->header.version, request->body, &request->arena, message, &consumed);
    if (err == ERR_OK)
        return true;
    request_close(request);
    return false;
}

/* The error code of a whole answer, where its table has one. Those of partitions are the handlers' to count. */
static int16_t error_in(const struct request *request, const void *message)
{
    const struct wire_struct *root = request->api->response->root;
    if (request->header.api_key == API_PRODUCE)
        return REQUEST_NO_ERROR_CODE;
    for (int i = 0; i < root->field_count; i++) {
        const struct wire_field *field = &root->fields[i];
        if (field->type == WIRE_TYPE_i16 && strcmp(field->name, "error_code") == 0)
            return *(const int16_t *)(const void *)((const char *)message + field->offset);
    }
    return REQUEST_NO_ERROR_CODE;
}

void request_answer(struct request *request, const void *message)
{
    enum err err = wire_encode(request->api->response, request->header.version, message, &request->out);
    request->_error = error_in(request, message);
    if (err == ERR_OK)
        request_done(request);
    else
        request_close(request);
}

void request_answer_encoded(struct request *request, struct slice body, int16_t error)
{
    wire_put(&request->out, body.data, body.length);
    request_answer_written(request, error);
}

void request_answer_written(struct request *request, int16_t error)
{
    request->_error = error;
    request_done(request);
}

void request_hold_back(struct request *request)
{
    struct conn *conn = request->_conn;
    ASSERT(request->_original == NULL && request->_state == REQUEST_RUNNING && !conn->held_back);
    request->_holds = conn->held_back = true;
}

void request_go_on(struct request *request, void (*go)(struct request *request))
{
    struct conn *conn = request->_conn;
    ASSERT(request->_holds && conn->held_back && !conn->in_run);
    request->_holds = conn->held_back = false;
    conn->in_run = true; /* nothing is sent or freed inside: go() may finish the request */
    go(request);
    conn->in_run = false;
    conn_run_requests(conn);
}

/* ---- twins
 * ------------------------------------------------------------------------------------------------------------- */

struct move {
    struct io_msg msg;
    struct request *original;
    struct shard *shard;
    void (*handle)(struct request *request);
};

static void move_failed(struct io_msg *msg, struct io *io)
{
    struct move *move = CONTAINER_OF(msg, struct move, msg);
    conclude(move->original, OUTCOME_CLOSE);
}

static void move_arrived(struct io_msg *msg, struct io *io)
{
    struct move *move = CONTAINER_OF(msg, struct move, msg);
    const struct request *original = move->original;
    struct request *twin = MEM_NEW(io_mem(io), struct request);
    if (twin == NULL) {
        msg->run = move_failed;
        io_post(io, io_shard(original->io), msg);
        return;
    }
    twin->io = io;
    twin->shard = move->shard;
    twin->_error = REQUEST_NO_ERROR_CODE;
    twin->api = original->api;
    twin->header = original->header;
    twin->body = original->body;
    twin->received_ns = original->received_ns;
    twin->listener = original->listener;
    twin->peer = original->peer;
    twin->_original = move->original;
    arena_init(&twin->arena, io_mem(io), TWIN_ARENA_LIMIT);
    wire_writer_init(&twin->out, io_mem(io));
    out_begin(twin);
    move->handle(twin);
    if (!twin->_finished) /* still ours in this turn: what was posted leaves at its end */
        twin->waits_ns = io_now_ns(io);
}

void request_move(struct request *request, struct shard *shard, int shard_index, void (*handle)(struct request *))
{
    struct move *move = ARENA_NEW(&request->arena, struct move);
    if (move == NULL) {
        request_close(request);
        return;
    }
    *move = (struct move){.msg.run = move_arrived, .original = request, .shard = shard, .handle = handle};
    io_post(request->io, shard_index, &move->msg);
}
