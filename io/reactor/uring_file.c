/* Files: inline calls, and operations through the ring that go on until they are whole. */
#include "io/reactor/fs_posix.h"
#include "io/reactor/uring.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    PIECES_PER_CALL = 64,
    BYTES_PER_OPERATION = 1 << 30, /* an sqe's length has 32 bits */
    ALLOCATE_NOW_MAX = 64 << 20,
};

/* Fills vectors from pieces[*piece] on, of which `skip` bytes are written already. */
static int gather(const struct slice *pieces, int count, int piece, size_t skip, struct iovec vectors[PIECES_PER_CALL])
{
    int n = 0;
    for (int i = piece; i < count && n < PIECES_PER_CALL; i++, skip = 0)
        vectors[n++] = (struct iovec){(void *)(uintptr_t)(pieces[i].data + skip), pieces[i].length - skip};
    return n;
}

enum err uring_write_now(struct io *io, io_file file, const struct slice *pieces, int count, int64_t pos,
                         int64_t *written)
{
    struct iovec vectors[PIECES_PER_CALL];
    int piece = 0;
    size_t skip = 0;
    for (;;) {
        while (piece < count && skip == pieces[piece].length) {
            piece++;
            skip = 0;
        }
        if (piece == count)
            return ERR_OK;
        int n = gather(pieces, count, piece, skip, vectors);
        ssize_t result = pwritev2(file, vectors, n, pos + *written, 0);
        if (result < 0 && errno == EINTR)
            continue;
        if (result < 0)
            return err_from_errno(errno);
        if (result == 0)
            return ERR_IO;
        *written += result;
        for (size_t left = (size_t)result; left > 0;) {
            size_t part = size_min(left, pieces[piece].length - skip);
            left -= part;
            skip += part;
            if (skip == pieces[piece].length) {
                piece++;
                skip = 0;
            }
        }
    }
}

enum err uring_read_now(struct io *io, io_file file, void *buffer, size_t length, int64_t pos, size_t *got)
{
    if (!uring_uses(uring_of(io), FEATURE_NOWAIT_READ))
        return ERR_AGAIN;
    while (*got < length) {
        struct iovec vector = {(uint8_t *)buffer + *got, length - *got};
        ssize_t result = preadv2(file, &vector, 1, pos + (int64_t)*got, RWF_NOWAIT);
        if (result < 0 && errno == EINTR)
            continue;
        if (result < 0) /* a file system that cannot say: read it through the ring */
            return errno == EOPNOTSUPP ? ERR_AGAIN : err_from_errno(errno);
        if (result == 0)
            break;
        *got += (size_t)result;
    }
    return ERR_OK;
}

enum err uring_allocate_now(struct io *io, io_file file, int64_t pos, int64_t length)
{
    ASSERT(length <= ALLOCATE_NOW_MAX);
    int result;
    if (!uring_uses(uring_of(io), FEATURE_PREALLOCATION))
        return ERR_UNSUPPORTED;
    do
        result = fallocate(file, FALLOC_FL_KEEP_SIZE, pos, length);
    while (result != 0 && errno == EINTR);
    return result == 0 ? ERR_OK : err_from_errno(errno);
}

enum err uring_open_now(struct io *io, const char *path, int flags, io_file *file)
{
    return io->fs->backend->open(io->fs, path, flags, file);
}

void uring_close_now(struct io *io, io_file file)
{
    close(file);
}

/* ---- through the ring: _private is file, buffer, bytes left, position, bytes done -------------------------------- */

static void start(struct io *io, struct io_op *op, enum uring_kind kind, io_file file, const void *buffer,
                  int64_t length, int64_t pos)
{
    op->_private[0] = (uint64_t)(uint32_t)file;
    op->_private[1] = (uintptr_t)buffer;
    op->_private[2] = (uint64_t)length;
    op->_private[3] = (uint64_t)pos;
    op->_private[4] = 0;
    uring_submit(uring_of(io), op, kind);
}

void uring_read(struct io *io, struct io_op *op, io_file file, void *buffer, size_t length, int64_t pos)
{
    start(io, op, URING_READ, file, buffer, (int64_t)length, pos);
}

void uring_write(struct io *io, struct io_op *op, io_file file, const void *buffer, size_t length, int64_t pos)
{
    start(io, op, URING_WRITE, file, buffer, (int64_t)length, pos);
}

void uring_sync(struct io *io, struct io_op *op, io_file file)
{
    start(io, op, URING_SYNC, file, NULL, 0, 0);
}

void uring_writeback(struct io *io, struct io_op *op, io_file file, int64_t pos, int64_t length)
{
    start(io, op, URING_WRITEBACK, file, NULL, length, pos);
}

void uring_file_prepare(struct io_uring_sqe *sqe, struct io_op *op)
{
    int file = (int)(uint32_t)op->_private[0];
    void *buffer = (void *)(uintptr_t)op->_private[1];
    unsigned length = (unsigned)size_min(op->_private[2], BYTES_PER_OPERATION);
    uint64_t pos = op->_private[3];
    switch (op->_kind) {
    case URING_READ:
        /* Who comes here knows that the bytes are not in memory: without ASYNC the submit itself would start the disk's
         * read-ahead, up to a millisecond of it (io-uring.md 1b). */
        io_uring_prep_read(sqe, file, buffer, length, pos);
        sqe->flags |= IOSQE_ASYNC;
        break;
    case URING_WRITE:
        io_uring_prep_write(sqe, file, buffer, length, pos);
        break;
    case URING_SYNC:
        io_uring_prep_fsync(sqe, file, IORING_FSYNC_DATASYNC);
        break;
    case URING_WRITEBACK:
        io_uring_prep_sync_file_range(sqe, file, length, pos, SYNC_FILE_RANGE_WRITE);
        break;
    default:
        UNREACHABLE();
    }
}

static void finish(struct io_op *op, enum err err)
{
    op->err = err;
    op->result = (int64_t)op->_private[4];
    op->done(op);
}

void uring_file_done(struct uring *uring, struct io_op *op, int result)
{
    if (result == -EINTR || result == -EAGAIN) {
        uring_submit(uring, op, op->_kind);
        return;
    }
    if (result < 0) {
        finish(op, err_from_errno(-result));
        return;
    }
    if (op->_kind == URING_SYNC || op->_kind == URING_WRITEBACK) {
        finish(op, ERR_OK);
        return;
    }
    op->_private[1] += (unsigned)result;
    op->_private[2] -= (unsigned)result;
    op->_private[3] += (unsigned)result;
    op->_private[4] += (unsigned)result;
    if (op->_private[2] == 0)
        finish(op, ERR_OK);
    else if (result == 0)
        finish(op, op->_kind == URING_READ ? ERR_OK : ERR_IO); /* the end of the file; a write never stops short */
    else
        uring_submit(uring, op, op->_kind);
}
