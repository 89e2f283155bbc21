/* Ways for large file pieces beside sendfile (ringmain.transport; numbers in docs/performance.md):
 *
 *   splice     file -> the shard's pipe -> socket. Says MORE where something follows, so that no cork is needed.
 *   zero copy  file -> buffer of ours -> SEND_ZC: the network card reads the buffer. The kernel says twice how it went:
 *              when the bytes are queued, and when nobody needs the buffer any more (the peer has them).
 */
#include "io/reactor/fs_posix.h"
#include "io/reactor/uring_send.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- splice ------------------------------------------------------------------------------------------------------ */

enum err uring_open_pipe(struct uring *uring, char why[512])
{
    uring->null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (uring->null_fd < 0 || pipe2(uring->pipe, O_CLOEXEC | O_NONBLOCK) != 0) {
        snprintf(why, 512, "no pipe for a shard: %s (ulimit -n; ringmain.transport=sendfile needs none)",
                 strerror(errno));
        return err_from_errno(errno);
    }
    int size = fcntl(uring->pipe[1], F_SETPIPE_SZ, URING_SENDFILE_MAX);
    MAYBE(size < 0); /* above the limit of a user: 64 KiB do, with more calls */
    return ERR_OK;
}

/* The pipe is everybody's: what the socket did not take is spliced again when it does. */
static void empty_pipe(struct uring *uring, size_t bytes)
{
    while (bytes > 0) {
        ssize_t n = splice(uring->pipe[0], NULL, uring->null_fd, NULL, bytes, SPLICE_F_NONBLOCK);
        if (n < 0 && errno == EINTR)
            continue;
        ASSERT(n > 0); /* references to pages on their way to nowhere */
        bytes -= (size_t)n;
    }
}

enum uring_step uring_send_spliced(struct uring *uring, struct io_send *send, size_t length)
{
    const struct io_piece *piece = &send->pieces[send->_piece];
    off_t pos = piece->pos + (int64_t)send->_sent;
    ssize_t filled = splice(piece->file, &pos, uring->pipe[1], NULL, length, SPLICE_F_NONBLOCK);
    if (filled < 0 && (errno == EINVAL || errno == ENOSYS))
        return STEP_COLD; /* a file system without it: by copy, then */
    if (filled < 0)
        return errno == EINTR ? STEP_ON : uring_send_failed(send, err_from_errno(errno));
    if (filled == 0)
        return uring_send_failed(send, ERR_IO); /* the file ends before the piece does */
    unsigned more = uring_send_ends(send, (size_t)filled) ? 0 : SPLICE_F_MORE;
    size_t left = (size_t)filled;
    enum uring_step step = STEP_ON;
    while (left > 0 && step == STEP_ON) {
        ssize_t sent = splice(uring->pipe[0], NULL, send->_socket, NULL, left, SPLICE_F_NONBLOCK | more);
        if (sent < 0)
            step = uring_send_error(send, errno);
        else
            left -= (size_t)sent;
    }
    empty_pipe(uring, left);
    uring->io.stats.sendfile_calls++;
    uring->io.stats.sendfile_bytes += (size_t)filled - left;
    uring_send_advance(send, (size_t)filled - left);
    return step;
}

/* ---- zero copy --------------------------------------------------------------------------------------------------- */

/* Of a shard, URING_COLD_BYTES each. Peers that do not read keep theirs: sends beyond them go without zero copy. */
enum { BUFFERS = 16 };

struct zero_copy {
    struct io_op op; /* in flight until the buffer is free again */
    struct io_send *send;
    uint8_t *data;
    size_t length;
    bool last;
};

static struct zero_copy *take_buffer(struct uring *uring)
{
    if (uring->zero_copy_count == BUFFERS)
        return NULL;
    struct zero_copy *copy = MEM_NEW(uring->io.mem, struct zero_copy);
    if (copy == NULL)
        return NULL;
    copy->data = mem_alloc_pages(uring->io.mem, URING_COLD_BYTES);
    if (copy->data == NULL) {
        MEM_DELETE(uring->io.mem, copy);
        return NULL;
    }
    uring->zero_copy_count++;
    list_push_back(&uring->zero_copies, &copy->op._link);
    return copy;
}

static void give_buffer(struct uring *uring, struct zero_copy *copy)
{
    list_remove(&copy->op._link);
    mem_free(uring->io.mem, copy->data, URING_COLD_BYTES);
    MEM_DELETE(uring->io.mem, copy);
    uring->zero_copy_count--;
}

bool uring_send_zero_copy(struct uring *uring, struct io_send *send, size_t length, enum uring_step *step)
{
    const struct io_piece *piece = &send->pieces[send->_piece];
    struct zero_copy *copy = take_buffer(uring);
    if (copy == NULL)
        return false;
    length = size_min(length, URING_COLD_BYTES);
    enum err err =
        uring_read_now(&uring->io, piece->file, copy->data, length, piece->pos + (int64_t)send->_sent, &copy->length);
    if (copy->length == 0) {
        give_buffer(uring, copy);
        *step = err == ERR_AGAIN || err == ERR_UNSUPPORTED ? STEP_COLD
                                                           : uring_send_failed(send, err == ERR_OK ? ERR_IO : err);
        return true;
    }
    copy->send = send;
    copy->last = uring_send_ends(send, copy->length);
    uring_submit(uring, &copy->op, URING_SEND_ZERO_COPY);
    *step = STEP_WAITING;
    return true;
}

void uring_zero_copy_prepare(struct io_uring_sqe *sqe, struct io_op *op)
{
    const struct zero_copy *copy = CONTAINER_OF(op, struct zero_copy, op);
    io_uring_prep_send_zc(sqe, copy->send->_socket, copy->data, copy->length,
                          MSG_NOSIGNAL | (copy->last ? 0 : MSG_MORE), 0);
}

void uring_zero_copy_done(struct uring *uring, struct io_op *op, int result, uint32_t flags)
{
    struct zero_copy *copy = CONTAINER_OF(op, struct zero_copy, op);
    struct io_send *send = copy->send;
    if ((flags & IORING_CQE_F_NOTIF) != 0) { /* the send is over, or with another buffer */
        give_buffer(uring, copy);
        return;
    }
    if ((flags & IORING_CQE_F_MORE) == 0)
        give_buffer(uring, copy);
    if (result >= 0) {
        uring->io.stats.sendfile_calls++;
        uring->io.stats.sendfile_bytes += (uint64_t)result;
        uring_send_advance(send, (size_t)result);
    }
    uring_send_go_on(uring, send, result < 0 ? uring_send_error(send, -result) : STEP_ON);
}

/* ---- the end ----------------------------------------------------------------------------------------------------- */

void uring_close_transport(struct uring *uring)
{
    for (int i = 0; i < 2; i++)
        if (uring->pipe[i] >= 0)
            close(uring->pipe[i]);
    if (uring->null_fd >= 0)
        close(uring->null_fd);
    while (!list_empty(&uring->zero_copies))
        give_buffer(uring,
                    CONTAINER_OF(CONTAINER_OF(uring->zero_copies.next, struct io_op, _link), struct zero_copy, op));
}
