/* What the next request will need again is kept: blocks for frames, requests with their first memory for decoding and
 * answering. So the usual request allocates nothing. Bounded: CONN_SPARE_BYTES of blocks, CONN_SPARE_REQUESTS. */
#include "net/conn/conn.h"

enum {
    REQUEST_ARENA_LIMIT = 256 << 20, /* what one request may take for what it decodes: structs are larger than bytes */
    KEPT_ARENA_BYTES = 8192,
    KEPT_ANSWER_BYTES = 4096,
    KEPT_SPLICES = 8,
};

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

static bool take_budget(struct conn_server *server, size_t bytes)
{
    /* One frame always fits, or a request as large as the budget could never be served. */
    if (server->frame_used > 0 && bytes > server->frame_limit - size_min(server->frame_limit, server->frame_used))
        return false;
    server->frame_used += bytes;
    return true;
}

static void give_budget(struct conn_server *server, size_t bytes)
{
    ASSERT(server->frame_used >= bytes);
    server->frame_used -= bytes;
    if (!list_empty(&server->_starved) && !server->_stopping) {
        /* The oldest hungry connection is fed by the sweep's next tick, soon: never inside this call. */
        if (io_timer_start(server->io, &server->_sweep, io_now_ns(server->io)) != ERR_OK)
            ASSERT(io_timer_running(&server->_sweep) || server->conn_count == 0);
    }
}

/* The class of blocks of at least this capacity, four an octave from 1 KiB on: its number, and its capacity. */
static int class_of(size_t *capacity)
{
    size_t quarters = (size_max(*capacity, 1024) + 255) >> 8; /* of a KiB: 4, 5, 6, 7, then 8, 10, 12, 14, ... */
    int octave = 63 - __builtin_clzll(quarters) - 2;
    quarters = (quarters + ((size_t)1 << octave) - 1) >> octave; /* 4 .. 8 */
    *capacity = (quarters << octave) << 8;
    return octave * 4 + (int)quarters - 4;
}

static void free_block(struct conn_server *server, struct conn_block *block)
{
    mem_free(io_mem(server->io), block, sizeof(*block) + block->capacity);
}

static void free_spare_blocks(struct conn_server *server)
{
    for (int i = 0; i < CONN_BLOCK_CLASSES; i++)
        for (struct conn_block *block; (block = server->_spares.blocks[i]) != NULL;) {
            server->_spares.blocks[i] = block->next;
            free_block(server, block);
        }
    server->_spares.block_bytes = 0;
}

static struct conn_block *find_block(struct conn_server *server, int class, size_t capacity)
{
    struct conn_block *block = class < CONN_BLOCK_CLASSES ? server->_spares.blocks[class] : NULL;
    if (block != NULL) {
        server->_spares.blocks[class] = block->next;
        server->_spares.block_bytes -= capacity;
        return block;
    }
    block = mem_alloc(io_mem(server->io), sizeof(*block) + capacity);
    if (block == NULL && server->_spares.block_bytes > 0) {
        free_spare_blocks(server);
        block = mem_alloc(io_mem(server->io), sizeof(*block) + capacity);
    }
    return block;
}

struct conn_block *conn_block_take(struct conn_server *server, size_t capacity)
{
    int class = class_of(&capacity);
    if (!take_budget(server, capacity))
        return NULL;
    struct conn_block *block = find_block(server, class, capacity);
    if (block == NULL) {
        give_budget(server, capacity);
        return NULL;
    }
    *block = (struct conn_block){.refs = 1, .capacity = capacity};
    return block;
}

void conn_block_release(struct conn_server *server, struct conn_block *block)
{
    if (block == NULL || --block->refs > 0)
        return;
    size_t capacity = block->capacity;
    int class = class_of(&capacity);
    if (class < CONN_BLOCK_CLASSES && server->_spares.block_bytes + capacity <= CONN_SPARE_BYTES) {
        block->next = server->_spares.blocks[class];
        server->_spares.blocks[class] = block;
        server->_spares.block_bytes += capacity;
    } else {
        free_block(server, block);
    }
    give_budget(server, capacity);
}

/* ---- requests ---------------------------------------------------------------------------------------------------- */

struct request *conn_request_take(struct conn_server *server)
{
    struct list *link = list_pop_front(&server->_spares.requests);
    if (link != NULL) {
        server->_spares.request_count--;
        return CONTAINER_OF(link, struct request, _link);
    }
    struct request *request = MEM_NEW(io_mem(server->io), struct request);
    if (request != NULL) {
        arena_init(&request->arena, io_mem(server->io), REQUEST_ARENA_LIMIT);
        wire_writer_init(&request->out, io_mem(server->io));
    }
    return request;
}

static void free_request(struct conn_server *server, struct request *request)
{
    wire_writer_fini(&request->out);
    arena_fini(&request->arena);
    MEM_DELETE(io_mem(server->io), request);
}

void conn_request_give(struct conn_server *server, struct request *request)
{
    if (server->_spares.request_count == CONN_SPARE_REQUESTS) {
        free_request(server, request);
        return;
    }
    arena_reset(&request->arena);
    if (request->arena.total > KEPT_ARENA_BYTES)
        arena_fini(&request->arena);
    if (request->out.capacity > KEPT_ANSWER_BYTES || request->out.splice_capacity > KEPT_SPLICES)
        wire_writer_fini(&request->out);
    wire_writer_clear(&request->out);
    *request = (struct request){.arena = request->arena, .out = request->out};
    list_push_front(&server->_spares.requests, &request->_link);
    server->_spares.request_count++;
}

void conn_spares_free(struct conn_server *server)
{
    free_spare_blocks(server);
    for (struct list *link; (link = list_pop_front(&server->_spares.requests)) != NULL;)
        free_request(server, CONTAINER_OF(link, struct request, _link));
    server->_spares.request_count = 0;
}
