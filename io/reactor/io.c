/* What is the same on every machine: dispatch to the backend, deferred completions, hooks, addresses. */
#include "io/reactor/backend.h"

#include <arpa/inet.h>
#include <stdio.h>

void io_init(struct io *io, const struct io_backend *backend, struct mem *mem, struct fs *fs, int shard,
             int shard_count)
{
    ASSERT(shard >= 0 && shard < shard_count);
    io->backend = backend;
    io->mem = mem;
    io->fs = fs;
    io->shard = shard;
    io->shard_count = shard_count;
    io->timers = NULL;
    io->timer_count = io->timer_capacity = 0;
    list_init(&io->hooks);
    list_init(&io->deferred);
    io->own = (struct io_chain){NULL, NULL};
    io->stopping = false;
    io->diag = (struct diag){.level = DIAG_INFO};
    io->stats = (struct io_stats){0};
    io->now_ns = io->recent_ns = io->turn_end_ns = backend->clock_ns(io);
}

void io_fini(struct io *io)
{
    mem_free(io->mem, io->timers, io->timer_capacity * sizeof(*io->timers));
    io->timers = NULL;
    io->timer_count = io->timer_capacity = 0;
}

/* ---- turns ----------------------------------------------------------------------------------------------------- */

void io_turn_begin(struct io *io)
{
    int64_t now_ns = io->backend->clock_ns(io);
    ASSERT(now_ns >= io->now_ns);
    io->now_ns = io->recent_ns = now_ns;
    io->stats.turns++;
}

void io_turn_end(struct io *io)
{
    io->turn_end_ns = io->backend->clock_ns(io);
    io->stats.busy_ns += (uint64_t)(io->turn_end_ns - io->now_ns);
    histogram_add(&io->stats.turn_times, io->turn_end_ns - io->now_ns);
}

void io_defer(struct io *io, struct io_op *op, enum err err, int64_t result)
{
    op->err = err;
    op->result = result;
    list_push_back(&io->deferred, &op->_link);
}

void io_chain_push(struct io_chain *chain, struct io_msg *msg)
{
    msg->_next = NULL;
    if (chain->last == NULL)
        chain->first = msg;
    else
        chain->last->_next = msg;
    chain->last = msg;
}

void io_chain_join(struct io_chain *chain, struct io_chain *more)
{
    if (more->first == NULL)
        return;
    if (chain->last == NULL)
        chain->first = more->first;
    else
        chain->last->_next = more->first;
    chain->last = more->last;
    *more = (struct io_chain){NULL, NULL};
}

void io_run_messages(struct io *io, struct io_chain *chain)
{
    struct io_msg *msg = chain->first;
    *chain = (struct io_chain){NULL, NULL};
    while (msg != NULL) {
        struct io_msg *next = msg->_next; /* run() may post msg again */
        io->stats.messages_in++;
        msg->run(msg, io);
        msg = next;
    }
}

void io_run_ready(struct io *io)
{
    struct list ready;
    list_init(&ready);
    list_splice(&ready, &io->deferred);
    struct io_chain own = io->own;
    io->own = (struct io_chain){NULL, NULL};
    io_run_messages(io, &own);
    if (!list_empty(&ready)) /* what ends here is measured with one reading */
        io_measure_ns(io);
    for (struct list *link; (link = list_pop_front(&ready)) != NULL;) {
        struct io_op *op = CONTAINER_OF(link, struct io_op, _link);
        op->done(op);
    }
}

void io_run_hooks(struct io *io)
{
    struct list armed;
    list_init(&armed);
    list_splice(&armed, &io->hooks);
    for (struct list *link; (link = list_pop_front(&armed)) != NULL;) {
        struct io_hook *hook = CONTAINER_OF(link, struct io_hook, _link);
        hook->_armed = false;
        hook->run(hook);
    }
}

int64_t io_next_deadline(const struct io *io)
{
    if (!list_empty(&io->deferred) || !list_empty(&io->hooks) || io->own.first != NULL || io->stopping)
        return 0;
    if (io->timer_count == 0)
        return INT64_MAX;
    return io->timers[0].deadline_ns > 0 ? io->timers[0].deadline_ns : 0;
}

void io_at_turn_end(struct io *io, struct io_hook *hook)
{
    if (hook->_armed)
        return;
    hook->_armed = true;
    list_push_back(&io->hooks, &hook->_link);
}

void io_hook_stop(struct io_hook *hook)
{
    if (!hook->_armed)
        return;
    hook->_armed = false;
    list_remove(&hook->_link);
}

void io_stop(struct io *io)
{
    io->stopping = true;
}

/* ---- the shard -------------------------------------------------------------------------------------------------- */

int64_t io_now_ns(const struct io *io)
{
    return io->now_ns;
}
int64_t io_recent_ns(const struct io *io)
{
    return io->recent_ns;
}
int64_t io_measure_ns(struct io *io)
{
    if (RINGMAIN_METRICS) /* only metrics want to know it this well */
        io->recent_ns = io->backend->clock_ns(io);
    return io->recent_ns;
}
int64_t io_wall_ms(struct io *io)
{
    return io->backend->wall_ms(io);
}
uint64_t io_random(struct io *io)
{
    return io->backend->random(io);
}
struct mem *io_mem(struct io *io)
{
    return io->mem;
}
struct fs *io_fs(struct io *io)
{
    return io->fs;
}
int io_shard(const struct io *io)
{
    return io->shard;
}
int io_shard_count(const struct io *io)
{
    return io->shard_count;
}
const struct io_stats *io_stats(const struct io *io)
{
    return &io->stats;
}

void io_post(struct io *io, int target_shard, struct io_msg *msg)
{
    ASSERT(target_shard >= 0 && target_shard < io->shard_count);
    ASSERT(msg->run != NULL);
    io->stats.messages_out++;
    if (target_shard == io->shard)
        io_chain_push(&io->own, msg);
    else
        io->backend->post(io, target_shard, msg);
}

void io_job_start(struct io *io, struct io_job *job)
{
    ASSERT(job->work != NULL && job->done != NULL);
    job->_io = io;
    job->_mem = NULL;
    job->_started_ns = io->now_ns;
    io->stats.jobs++;
    io->backend->job_start(io, job);
}

void io_job_finish(struct io *io, struct io_job *job)
{
    io->stats.jobs_done++;
    histogram_add(&io->stats.job_times, io->now_ns - job->_started_ns);
    job->done(job);
}

struct mem *io_job_mem(const struct io_job *job)
{
    return job->_mem != NULL ? job->_mem : io_mem(job->_io);
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

enum err io_write_now(struct io *io, io_file file, const struct slice *pieces, int count, int64_t pos, int64_t *written)
{
    ASSERT(count >= 0 && pos >= 0);
    *written = 0;
    enum err err = io->backend->write_now(io, file, pieces, count, pos, written);
    io->stats.inline_writes++;
    io->stats.inline_write_bytes += (uint64_t)*written;
    return err;
}

enum err io_read_now(struct io *io, io_file file, void *buffer, size_t length, int64_t pos, size_t *got)
{
    ASSERT(pos >= 0);
    *got = 0;
    return io->backend->read_now(io, file, buffer, length, pos, got);
}

enum err io_allocate_now(struct io *io, io_file file, int64_t pos, int64_t length)
{
    ASSERT(pos >= 0 && length > 0);
    return io->backend->allocate_now(io, file, pos, length);
}

enum err io_open_now(struct io *io, const char *path, int flags, io_file *file)
{
    *file = IO_NONE;
    return io->backend->open_now(io, path, flags, file);
}

void io_close_now(struct io *io, io_file file)
{
    if (file >= 0)
        io->backend->close_now(io, file);
}

void io_read(struct io *io, struct io_op *op, io_file file, void *buffer, size_t length, int64_t pos)
{
    ASSERT(op->done != NULL && pos >= 0);
    io->backend->read(io, op, file, buffer, length, pos);
}

void io_write(struct io *io, struct io_op *op, io_file file, const void *buffer, size_t length, int64_t pos)
{
    ASSERT(op->done != NULL && pos >= 0);
    io->backend->write(io, op, file, buffer, length, pos);
}

void io_sync(struct io *io, struct io_op *op, io_file file)
{
    ASSERT(op->done != NULL);
    io->backend->sync(io, op, file);
}

void io_writeback(struct io *io, struct io_op *op, io_file file, int64_t pos, int64_t length)
{
    ASSERT(op->done != NULL && pos >= 0 && length >= 0);
    io->backend->writeback(io, op, file, pos, length);
}

void io_watch(struct io *io, struct io_op *op, int descriptor)
{
    ASSERT(op->done != NULL && descriptor >= 0);
    if (io->backend->watch == NULL)
        io_defer(io, op, ERR_UNSUPPORTED, 0);
    else
        io->backend->watch(io, op, descriptor);
}

/* ---- sockets ---------------------------------------------------------------------------------------------------- */

enum err io_resolve(struct io *io, const char *host, uint16_t port, struct io_address *address)
{
    if (io_address_parse(host, port, address))
        return ERR_OK;
    return io->backend->resolve(io, host, port, address);
}

enum err io_listen(struct io *io, struct io_listener *listener, const struct io_address *address,
                   const struct io_listen_options *options)
{
    ASSERT(listener->accepted != NULL && listener->stopped != NULL);
    listener->socket = IO_NONE;
    listener->port = 0;
    listener->_io = io;
    listener->_stopping = false;
    return io->backend->listen(io, listener, address, options);
}

void io_listen_stop(struct io *io, struct io_listener *listener)
{
    ASSERT(!listener->_stopping);
    listener->_stopping = true;
    io->backend->listen_stop(io, listener);
}

void io_connect(struct io *io, struct io_op *op, const struct io_address *address)
{
    ASSERT(op->done != NULL);
    io->backend->connect(io, op, address);
}

enum err io_socket_buffers(struct io *io, io_socket socket, int send_bytes, int receive_bytes)
{
    return io->backend->socket_buffers(io, socket, send_bytes, receive_bytes);
}

void io_receive_start(struct io *io, struct io_receiver *receiver, io_socket socket)
{
    ASSERT(receiver->on_bytes != NULL && receiver->stopped != NULL);
    receiver->_io = io;
    receiver->_socket = socket;
    io->backend->receive_start(io, receiver);
}

void io_receive_stop(struct io *io, struct io_receiver *receiver)
{
    io->backend->receive_stop(io, receiver);
}

void io_receive_into(struct io *io, struct io_op *op, io_socket socket, void *buffer, size_t length)
{
    ASSERT(op->done != NULL && length > 0);
    io->backend->receive_into(io, op, socket, buffer, length);
}

void io_send(struct io *io, struct io_send *send, io_socket socket)
{
    ASSERT(send->done != NULL && send->count >= 0);
    send->err = ERR_OK;
    send->_piece = 0;
    send->_sent = 0;
    send->_socket = socket;
    send->_io = io;
    send->_scratch = NULL;
    send->_scratch_size = send->_scratch_used = send->_scratch_sent = 0;
    send->_stage = 0;
    send->_corked = false;
    io->backend->send(io, send);
}

void io_shutdown(struct io *io, io_socket socket)
{
    io->backend->shutdown(io, socket);
}

void io_close_socket(struct io *io, io_socket socket)
{
    if (socket >= 0)
        io->backend->close_socket(io, socket);
}

/* ---- addresses -------------------------------------------------------------------------------------------------- */

bool io_address_parse(const char *host, uint16_t port, struct io_address *address)
{
    *address = (struct io_address){.is_ipv6 = false, .port = port};
    if (host[0] == '\0')
        return true;
    if (inet_pton(AF_INET, host, address->bytes) == 1)
        return true;
    char text[IO_ADDRESS_TEXT_SIZE];
    size_t length = strlen(host);
    bool bracketed = length >= 2 && host[0] == '[' && host[length - 1] == ']';
    if (length - (bracketed ? 2 : 0) >= sizeof(text))
        return false;
    snprintf(text, sizeof(text), "%.*s", (int)(length - (bracketed ? 2 : 0)), host + (bracketed ? 1 : 0));
    address->is_ipv6 = inet_pton(AF_INET6, text, address->bytes) == 1;
    return address->is_ipv6;
}

void io_address_format(const struct io_address *address, char text[IO_ADDRESS_TEXT_SIZE])
{
    const char *done = inet_ntop(address->is_ipv6 ? AF_INET6 : AF_INET, address->bytes, text, IO_ADDRESS_TEXT_SIZE);
    ASSERT(done != NULL);
}
