/* The send machine: one answer made of pieces of memory and of files, in order and whole, without waiting for a disk.
 *
 *                  +--------------------- what to do with the next bytes ---------------------+
 *     memory, small file pieces          large file piece, in memory          not in memory
 *     one sendmsg, files read            splice, sendfile or SEND_ZC,         cold buffer <- read in the ring,
 *     behind each other (NOWAIT)         at most 1 MiB                        then send from it
 *                  \___________ socket full: poll in the ring, then look again ___________/
 *
 * Progress is (_piece, _sent) and nothing else: bytes that were read but did not fit into the socket are read again,
 * so no buffer is held while a slow reader makes us wait. Why these ways and limits: io-uring.md section 1.
 */
#include "io/reactor/fs_posix.h"
#include "io/reactor/uring_send.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <netinet/in.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { VECTORS = 64 };

struct batch {
    struct iovec vectors[VECTORS];
    int count;
    size_t bytes;
    bool copied; /* file pieces among them */
    bool last;   /* nothing follows */
};

size_t uring_send_left(const struct io_send *send)
{
    return send->pieces[send->_piece].length - send->_sent;
}

static void skip_empty(struct io_send *send)
{
    while (send->_piece < send->count && uring_send_left(send) == 0) {
        send->_piece++;
        send->_sent = 0;
    }
}

void uring_send_advance(struct io_send *send, size_t bytes)
{
    while (bytes > 0) {
        size_t part = size_min(bytes, uring_send_left(send));
        send->_sent += part;
        bytes -= part;
        skip_empty(send);
    }
    skip_empty(send);
}

enum uring_step uring_send_failed(struct io_send *send, enum err err)
{
    send->err = err;
    return STEP_FAILED;
}

enum uring_step uring_send_error(struct io_send *send, int error)
{
    if (error == EAGAIN || error == EINTR)
        return error == EINTR ? STEP_ON : STEP_BLOCKED;
    return uring_send_failed(send, err_from_errno(error));
}

/* ---- memory and small file pieces ----------------------------------------------------------------------------------
 */

static bool is_empty_from(const struct io_send *send, int piece)
{
    while (piece < send->count && send->pieces[piece].length == 0)
        piece++;
    return piece == send->count;
}

bool uring_send_ends(const struct io_send *send, size_t length)
{
    return length == uring_send_left(send) && is_empty_from(send, send->_piece + 1);
}

/* Reads what is in memory of a small piece into the scratch; *got is short when the rest is not. */
static enum err read_small(struct uring *uring, const struct io_piece *piece, size_t skip, uint8_t *into, size_t *got)
{
    *got = 0;
    enum err err = uring_read_now(&uring->io, piece->file, into, piece->length - skip, piece->pos + (int64_t)skip, got);
    if (err == ERR_AGAIN)
        return ERR_OK;
    if (err == ERR_OK && *got < piece->length - skip)
        return ERR_IO; /* the file ends before the piece does */
    return err;
}

static enum err gather(struct uring *uring, const struct io_send *send, struct batch *batch)
{
    size_t used = 0;
    size_t skip = send->_sent;
    int i = send->_piece;
    batch->count = 0;
    batch->bytes = 0;
    batch->copied = false;
    batch->last = false;
    for (; i < send->count && batch->count < VECTORS && batch->bytes < URING_SEND_TURN; i++, skip = 0) {
        const struct io_piece *piece = &send->pieces[i];
        size_t left = piece->length - skip;
        size_t got = left;
        const uint8_t *from = piece->data + (piece->data == NULL ? 0 : skip);
        if (left == 0)
            continue;
        if (piece->data == NULL) {
            if (left >= URING_SENDFILE_MIN || left > URING_SCRATCH_BYTES - used)
                return ERR_OK;
            from = uring->scratch + used;
            enum err err = read_small(uring, piece, skip, uring->scratch + used, &got);
            if (err != ERR_OK)
                return err;
            batch->copied |= got > 0;
            used += got;
        }
        if (got > 0)
            batch->vectors[batch->count++] = (struct iovec){(void *)(uintptr_t)from, got};
        batch->bytes += got;
        if (got < left)
            return ERR_OK;
    }
    batch->last = is_empty_from(send, i);
    return ERR_OK;
}

/* Without glibc's wrappers, which make each call a place where a thread may be cancelled: 1 % of a small request. */
static ssize_t send_some(int socket, const void *data, size_t length, bool last)
{
    int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (last ? 0 : MSG_MORE);
    return syscall(SYS_sendto, socket, data, length, flags, NULL, 0);
}

static enum uring_step send_batch(struct uring *uring, struct io_send *send, struct batch *batch)
{
    struct msghdr message = {.msg_iov = batch->vectors, .msg_iovlen = (size_t)batch->count};
    ssize_t sent;
    if (batch->count == 1) /* most answers: a header less to copy into the kernel */
        sent = send_some(send->_socket, batch->vectors[0].iov_base, batch->vectors[0].iov_len, batch->last);
    else
        sent = sendmsg(send->_socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT | (batch->last ? 0 : MSG_MORE));
    if (sent < 0)
        return uring_send_error(send, errno);
    uring->io.stats.copy_sends += batch->copied;
    uring_send_advance(send, (size_t)sent);
    return STEP_ON;
}

/* ---- large file pieces
 * ------------------------------------------------------------------------------------------------ */

static bool byte_in_memory(struct uring *uring, io_file file, int64_t pos)
{
    uint8_t byte;
    size_t got = 0;
    return uring_read_now(&uring->io, file, &byte, 1, pos, &got) == ERR_OK;
}

static bool is_in_memory(struct uring *uring, const struct io_piece *piece, int64_t pos, size_t length)
{
    return piece->hot ||
           (byte_in_memory(uring, piece->file, pos) && byte_in_memory(uring, piece->file, pos + (int64_t)length - 1));
}

static enum uring_step send_file(struct uring *uring, struct io_send *send)
{
    const struct io_piece *piece = &send->pieces[send->_piece];
    size_t length = size_min(uring_send_left(send), URING_SENDFILE_MAX);
    off_t pos = piece->pos + (int64_t)send->_sent;
    if (!uring_uses(uring, FEATURE_SENDFILE) || !is_in_memory(uring, piece, pos, length))
        return STEP_COLD;
    if (uring->transport == MACHINE_SPLICE)
        return uring_send_spliced(uring, send, length);
    enum uring_step step;
    if (uring->transport == MACHINE_ZERO_COPY && uring_send_zero_copy(uring, send, length, &step))
        return step;
    ssize_t sent = sendfile(send->_socket, piece->file, &pos, length);
    if (sent < 0 && (errno == EINVAL || errno == ENOSYS))
        return STEP_COLD; /* a file system without it: by copy, then */
    if (sent < 0)
        return uring_send_error(send, errno);
    if (sent == 0)
        return uring_send_failed(send, ERR_IO); /* the file ends before the piece does */
    uring->io.stats.sendfile_calls++;
    uring->io.stats.sendfile_bytes += (uint64_t)sent;
    uring_send_advance(send, (size_t)sent);
    return STEP_ON;
}

/* ---- cold file pieces
 * -------------------------------------------------------------------------------------------------- */

static void finish(struct io_send *send, enum err err);
static void cork(struct io_send *send, bool on);

/* Takes a cold buffer and starts the read, or gets in line for one. */
static void read_cold(struct uring *uring, struct io_send *send)
{
    uint8_t *buffer = NULL;
    if (uring->cold_count < URING_COLD_COUNT)
        buffer = mem_alloc_pages(uring->io.mem, URING_COLD_BYTES);
    if (buffer == NULL && uring->cold_count == 0) {
        finish(send, ERR_NO_MEMORY);
        return;
    }
    if (buffer == NULL) {
        list_push_back(&uring->cold_waiters, &send->_op._link);
        return;
    }
    uring->cold_count++;
    uring->io.stats.cold_reads++;
    send->_scratch = buffer;
    uring_submit(uring, &send->_op, URING_SEND_READ);
}

static void release_cold(struct uring *uring, struct io_send *send)
{
    mem_free(uring->io.mem, send->_scratch, URING_COLD_BYTES);
    send->_scratch = NULL;
    uring->cold_count--;
    struct list *link = list_pop_front(&uring->cold_waiters);
    if (link != NULL)
        read_cold(uring, CONTAINER_OF(link, struct io_send, _op._link));
}

static enum uring_step send_cold(struct io_send *send, size_t length)
{
    bool last = uring_send_ends(send, length);
    size_t done = 0;
    enum uring_step step = STEP_ON;
    while (done < length && step == STEP_ON) {
        ssize_t sent = send_some(send->_socket, (const uint8_t *)send->_scratch + done, length - done, last);
        if (sent < 0)
            step = uring_send_error(send, errno);
        else
            done += (size_t)sent;
    }
    uring_send_advance(send, done);
    return step;
}

/* ---- the machine
 * ------------------------------------------------------------------------------------------------------- */

static void sent(struct io_op *op)
{
    struct io_send *send = CONTAINER_OF(op, struct io_send, _op);
    send->done(send);
}

/* Deferred, since io_send itself may have come all the way here. */
static void finish(struct io_send *send, enum err err)
{
    if (send->_corked)
        cork(send, false);
    send->err = err;
    send->_op.done = sent;
    io_defer(send->_io, &send->_op, err, 0);
}

static void run_again(struct io_op *op)
{
    struct io_send *send = CONTAINER_OF(op, struct io_send, _op);
    uring_send_run(uring_of(send->_io), send);
}

static enum uring_step next_step(struct uring *uring, struct io_send *send, size_t *bytes)
{
    struct batch batch;
    enum err err = gather(uring, send, &batch);
    if (err != ERR_OK)
        return uring_send_failed(send, err);
    if (batch.count > 0) {
        *bytes += batch.bytes;
        return send_batch(uring, send, &batch);
    }
    if (uring_send_left(send) < URING_SENDFILE_MIN)
        return STEP_COLD;
    *bytes += size_min(uring_send_left(send), URING_SENDFILE_MAX);
    return send_file(uring, send);
}

/* sendfile pushes what it has sent: a few bytes behind it would travel as a packet of their own, with everything that
 * costs on both sides. So the socket is corked while an answer has both. */
static void cork(struct io_send *send, bool on)
{
    int value = on;
    if (setsockopt(send->_socket, IPPROTO_TCP, TCP_CORK, &value, sizeof(value)) == 0)
        send->_corked = on;
}

static bool wants_cork(const struct io_send *send)
{
    for (int i = send->_piece; i + 1 < send->count; i++)
        if (send->pieces[i].data == NULL && send->pieces[i].length >= URING_SENDFILE_MIN)
            return true;
    return false;
}

void uring_send_go_on(struct uring *uring, struct io_send *send, enum uring_step step)
{
    size_t bytes = 0; /* offered to the socket in this turn */
    while (send->_piece < send->count && step == STEP_ON && bytes < URING_SEND_TURN)
        step = next_step(uring, send, &bytes);
    switch (step) {
    case STEP_ON:
        if (send->_piece == send->count) {
            finish(send, ERR_OK);
            break;
        }
        send->_op.done = run_again;
        io_defer(&uring->io, &send->_op, ERR_OK, 0);
        break;
    case STEP_BLOCKED:
        uring_submit(uring, &send->_op, URING_SEND_POLL);
        break;
    case STEP_COLD:
        read_cold(uring, send);
        break;
    case STEP_WAITING:
        break;
    case STEP_FAILED:
        finish(send, send->err);
        break;
    }
}

void uring_send_run(struct uring *uring, struct io_send *send)
{
    uring_send_go_on(uring, send, STEP_ON);
}

void uring_send(struct io *io, struct io_send *send)
{
    skip_empty(send);
    if (uring_of(io)->transport == MACHINE_SENDFILE && wants_cork(send))
        cork(send, true);
    uring_send_run(uring_of(io), send);
}

void uring_send_prepare(struct io_uring_sqe *sqe, struct io_op *op)
{
    struct io_send *send = CONTAINER_OF(op, struct io_send, _op);
    if (op->_kind == URING_SEND_POLL) {
        io_uring_prep_poll_add(sqe, send->_socket, POLLOUT);
        return;
    }
    const struct io_piece *piece = &send->pieces[send->_piece];
    io_uring_prep_read(sqe, piece->file, send->_scratch, (unsigned)size_min(uring_send_left(send), URING_COLD_BYTES),
                       (uint64_t)piece->pos + send->_sent);
    sqe->flags |= IOSQE_ASYNC;
}

static void cold_read_done(struct uring *uring, struct io_send *send, int result)
{
    if (result == -EINTR || result == -EAGAIN) {
        uring_submit(uring, &send->_op, URING_SEND_READ);
        return;
    }
    enum uring_step step = STEP_ON;
    if (result <= 0)
        step = uring_send_failed(send, result == 0 ? ERR_IO : err_from_errno(-result));
    else
        step = send_cold(send, (size_t)result);
    release_cold(uring, send);
    uring_send_go_on(uring, send, step);
}

void uring_send_done(struct uring *uring, struct io_op *op, int result)
{
    struct io_send *send = CONTAINER_OF(op, struct io_send, _op);
    if (op->_kind == URING_SEND_READ)
        cold_read_done(uring, send, result);
    else if (result < 0 && result != -EAGAIN && result != -EINTR)
        finish(send, err_from_errno(-result));
    else
        uring_send_run(uring, send); /* writable, or broken: then sending says how */
}
