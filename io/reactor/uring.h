/* io/reactor/uring.h -- inside of the real machine: one shard's ring. backend.h is the seam it fills in.
 *
 * Files: uring_ring.c (set-up, feature probe, turn), uring_file.c, uring_socket.c (listening, connecting, receiving),
 * uring_send.c (the send machine), uring_transport.c (its ways other than sendfile), machine.c (threads, signals,
 * memory).
 *
 * An operation in the ring is an io_op: _kind says what it is, _private holds its arguments, so that it can be put into
 * the ring again after a short transfer, or wait in `backlog` when the submission queue is full before the shard's
 * thread runs. A completion's user_data is the io_op, or one of the small numbers of enum uring_tag.
 *
 * Invariants: the ring is entered only by the shard's thread (`running`); in_flight counts operations whose last
 * completion has not come; sleeping is set only between the last look at mailbox and slow lane and the wake-up.
 */
#ifndef RINGMAIN_IO_REACTOR_URING_H
#define RINGMAIN_IO_REACTOR_URING_H

#include "io/reactor/backend.h"
#include "io/reactor/machine.h"
#include "io/reactor/mailbox.h"
#include "io/reactor/slow_lane.h"

#include <liburing.h>
#include <stdatomic.h>

enum {
    URING_SUBMISSIONS = 512,
    URING_COMPLETIONS = 4096,  /* 5,000 connections may all speak at once; what does not fit waits in the kernel */
    URING_BUFFERS = 128,       /* of the small receive mode, shared by all sockets of the shard; a power of two */
    URING_BUFFER_BYTES = 4096, /* most requests fit into one */
    URING_BUFFER_GROUP = 1,
    URING_SCRATCH_BYTES = 256 * 1024,  /* small file pieces of one send, joined */
    URING_COLD_BYTES = 256 * 1024,     /* one read from the disk for a send */
    URING_COLD_COUNT = 8,              /* of those at once in a shard; further sends wait their turn */
    URING_SENDFILE_MIN = 32 * 1024,    /* below, reading and sending is cheaper */
    URING_SENDFILE_MAX = 1024 * 1024,  /* per call, so that a wrong guess about residency costs little */
    URING_SEND_TURN = 2 * 1024 * 1024, /* bytes per socket and turn, then the others get theirs */
    URING_WORKERS_BOUNDED = 8,         /* io-wq threads of a shard: fdatasync, punted reads and writes */
    URING_WORKERS_UNBOUNDED = 4,
};

enum uring_kind {
    URING_READ = 1,
    URING_WRITE,
    URING_SYNC,
    URING_WRITEBACK,
    URING_ACCEPT,
    URING_CONNECT,
    URING_RECEIVE,      /* multishot, small mode */
    URING_RECEIVE_INTO, /* single shot, large mode */
    URING_SEND_POLL,
    URING_SEND_READ,      /* cold file piece */
    URING_SEND_ZERO_COPY, /* from a buffer of its own; ends twice */
    URING_WAKE,           /* multishot poll of the eventfd */
    URING_SIGNAL,         /* multishot poll of the signalfd */
    URING_WATCH,          /* poll of somebody else's descriptor */
};

enum uring_tag {
    URING_TAG_IGNORE = 0,
    URING_TAG_DOORBELL = 1, /* another shard rang */
    URING_TAG_RANG = 2,     /* our own ringing failed; the peer's shard is in the bits above */
    URING_TAG_SHARD_SHIFT = 8,
    URING_TAG_MAX = 65536, /* user_data from here on are addresses */
};

/* What the kernel has, found once per machine. */
struct uring_features {
    bool ring_doorbell; /* IORING_OP_MSG_RING reaches a DEFER_TASKRUN ring */
    uint32_t without;   /* enum machine_feature: what not to use */
    char kernel[64];
};

struct uring {
    struct io io; /* first */
    struct io_uring ring;
    bool ring_open;
    unsigned submissions; /* entries that the ring got */
    bool running;         /* on its thread, ring enabled */
    int cpu;              /* -1: not pinned */
    int worker_cpu;
    int spin_us;
    const struct uring_features *features;
    struct uring *const *peers; /* all shards of the machine */
    struct mailbox *mailbox;
    struct slow_lane *slow_lane;

    struct list backlog; /* io_op that found the submission queue full before the shard ran */
    uint32_t in_flight;

    _Atomic(uint32_t) sleeping;
    int wake_fd;
    struct io_op wake_op;

    int signal_fd; /* IO_NONE but on the control shard */
    int signal_count;
    struct io_op signal_op;
    void (*on_signal)(struct io *control, int count, void *context);
    void *signal_context;

    struct io_uring_buf_ring *buffer_ring;
    uint8_t *buffers;
    uint8_t *scratch;
    uint32_t cold_count;
    struct list cold_waiters; /* io_op of sends */
    enum machine_transport transport;
    int pipe[2], null_fd; /* of MACHINE_SPLICE; else negative */
    uint32_t zero_copy_count;
    struct list zero_copies; /* io_op of buffers that the kernel may read */

    uint64_t random[32];
    uint32_t random_left;
};

static inline struct uring *uring_of(struct io *io)
{
    return CONTAINER_OF(io, struct uring, io);
}

static inline bool uring_uses(const struct uring *uring, enum machine_feature feature)
{
    return (uring->features->without & feature) == 0;
}

extern const struct io_backend uring_backend;

/* uring_ring.c */
enum err uring_probe(struct uring_features *features, char why[512]) MUST_CHECK;
/* Everything of `uring` up to slow_lane is filled in, io_init has been called. */
enum err uring_open(struct uring *uring, char why[512]) MUST_CHECK;
void uring_close(struct uring *uring);
void uring_enable(struct uring *uring); /* on the thread that will call uring_turn */
void uring_turn(struct uring *uring, bool wait);
void uring_drain(struct uring *uring); /* cancels what is in flight; no callbacks */
void uring_wake(struct uring *uring);  /* from any thread */

void uring_submit(struct uring *uring, struct io_op *op, enum uring_kind kind); /* starts op with its _private */
struct io_uring_sqe *uring_sqe(struct uring *uring);
void uring_cancel(struct uring *uring, struct io_op *op);

/* Per kind: fill in the sqe; take a completion. */
void uring_file_prepare(struct io_uring_sqe *sqe, struct io_op *op);
void uring_file_done(struct uring *uring, struct io_op *op, int result);
void uring_socket_prepare(struct io_uring_sqe *sqe, struct io_op *op);
void uring_socket_done(struct uring *uring, struct io_op *op, int result, uint32_t flags);
void uring_send_prepare(struct io_uring_sqe *sqe, struct io_op *op);
void uring_send_done(struct uring *uring, struct io_op *op, int result);
void uring_zero_copy_prepare(struct io_uring_sqe *sqe, struct io_op *op);
void uring_zero_copy_done(struct uring *uring, struct io_op *op, int result, uint32_t flags);

/* uring_transport.c */
enum err uring_open_pipe(struct uring *uring, char why[512]) MUST_CHECK;
void uring_close_transport(struct uring *uring); /* the pipe, and buffers that have not come back */

/* uring_socket.c, uring_file.c, uring_send.c: the table's entries */
enum err uring_write_now(struct io *io, io_file file, const struct slice *pieces, int count, int64_t pos,
                         int64_t *written);
enum err uring_read_now(struct io *io, io_file file, void *buffer, size_t length, int64_t pos, size_t *got);
enum err uring_allocate_now(struct io *io, io_file file, int64_t pos, int64_t length);
enum err uring_open_now(struct io *io, const char *path, int flags, io_file *file);
void uring_close_now(struct io *io, io_file file);
void uring_read(struct io *io, struct io_op *op, io_file file, void *buffer, size_t length, int64_t pos);
void uring_write(struct io *io, struct io_op *op, io_file file, const void *buffer, size_t length, int64_t pos);
void uring_sync(struct io *io, struct io_op *op, io_file file);
void uring_writeback(struct io *io, struct io_op *op, io_file file, int64_t pos, int64_t length);
enum err uring_resolve(struct io *io, const char *host, uint16_t port, struct io_address *address);
enum err uring_listen(struct io *io, struct io_listener *listener, const struct io_address *address,
                      const struct io_listen_options *options);
void uring_listen_stop(struct io *io, struct io_listener *listener);
void uring_connect(struct io *io, struct io_op *op, const struct io_address *address);
enum err uring_socket_buffers(struct io *io, io_socket socket, int send_bytes, int receive_bytes);
void uring_receive_start(struct io *io, struct io_receiver *receiver);
void uring_receive_stop(struct io *io, struct io_receiver *receiver);
void uring_receive_into(struct io *io, struct io_op *op, io_socket socket, void *buffer, size_t length);
void uring_send(struct io *io, struct io_send *send);
void uring_shutdown(struct io *io, io_socket socket);
void uring_close_socket(struct io *io, io_socket socket);

#endif
