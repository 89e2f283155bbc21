/* io/reactor/io.h -- the machine as one shard sees it: clock, files, sockets, timers, other shards, a slow lane.
 *
 * A shard is one thread with one `struct io`. backend_uring is the real machine, backend_sim a seeded one that runs all
 * shards of all nodes in one thread; code above io/ sees only this header (and fs.h for jobs that may block).
 *
 * Rules, the same for both backends:
 *   1. Only the shard that owns an `io` may call it, except io_post from another shard of the same node.
 *   2. An operation is a struct that its user embeds and owns. From the start call until its callback it belongs to io;
 *      the callback is the last use by io. A callback never runs inside the call that started the operation.
 *   3. Nothing here blocks, except what says "inline": those are calls measured to be short.
 *   4. Calls that return enum err and fail start nothing and will not call back.
 *   5. Time: io_now_ns is monotonic, read once a loop turn. io_wall_ms is the wall clock; it may jump.
 */
#ifndef RINGMAIN_IO_REACTOR_IO_H
#define RINGMAIN_IO_REACTOR_IO_H

#include "io/base/bytes.h"
#include "io/base/err.h"
#include "io/base/histogram.h"
#include "io/base/list.h"
#include "io/base/mem.h"

struct io;
struct fs;

typedef int32_t io_file;   /* a descriptor (real) or a handle (sim); negative: none */
typedef int32_t io_socket; /* likewise */
enum { IO_NONE = -1 };

/* ---- one-shot operations ------------------------------------------------------------------------------------- */

struct io_op {
    struct list _link;
    void (*done)(struct io_op *op); /* set by the user before starting */
    int64_t result;                 /* in done(): bytes or a handle; valid if err == ERR_OK */
    enum err err;
    uint8_t _kind;
    uint64_t _private[6]; /* the backend's */
};

/* ---- clock, chance, memory ----------------------------------------------------------------------------------- */

int64_t io_now_ns(const struct io *io);
/* For measuring within a turn: the newest reading of the clock, and a new one (20 ns). Decisions use io_now_ns. */
int64_t io_recent_ns(const struct io *io);
int64_t io_measure_ns(struct io *io);
int64_t io_wall_ms(struct io *io);
uint64_t io_random(struct io *io);       /* unpredictable on the real machine, seeded in the simulation */
struct mem *io_mem(struct io *io);       /* this shard's memory */
struct fs *io_fs(struct io *io);         /* blocking file calls: only at start and stop, or in a job */
int io_shard(const struct io *io);       /* 0 .. count - 1; the last one is the control shard */
int io_shard_count(const struct io *io); /* control shard included */

/* ---- timers --------------------------------------------------------------------------------------------------- */

struct io_timer {
    void (*fire)(struct io_timer *timer); /* one-shot; may start itself again */
    int64_t deadline_ns;
    uint32_t _index; /* place in the heap + 1; 0: not running. Zero-initialise. */
};

bool io_timer_running(const struct io_timer *timer);
/* Starts or moves it. ERR_NO_MEMORY when the heap cannot grow (it never shrinks, so moving cannot fail). */
enum err io_timer_start(struct io *io, struct io_timer *timer, int64_t deadline_ns) MUST_CHECK;
void io_timer_stop(struct io *io, struct io_timer *timer); /* harmless when not running */

/* ---- end of turn ---------------------------------------------------------------------------------------------- */

/* Runs once after all completions of this loop turn: the place to batch (group commit, joined sends). */
struct io_hook {
    struct list _link;
    void (*run)(struct io_hook *hook);
    bool _armed; /* zero-initialise */
};
void io_at_turn_end(struct io *io, struct io_hook *hook); /* harmless when already armed */
void io_hook_stop(struct io_hook *hook);                  /* disarms it; harmless when not armed */

/* ---- other shards --------------------------------------------------------------------------------------------- */

/* A message is owned by its sender until run() is called on the target shard, then by the target, which hands it back
 * by posting it again (set run first). Memory is freed only by the shard that allocated it. Order is kept per pair. */
struct io_msg {
    struct io_msg *_next;
    void (*run)(struct io_msg *msg, struct io *io); /* io: of the shard it runs on */
};
void io_post(struct io *io, int target_shard, struct io_msg *msg); /* target may be the own shard: runs next turn */

/* ---- slow lane ------------------------------------------------------------------------------------------------ */

/* work() runs on a slow-lane thread (at most a bounded number at once, in order of submission) and may block: it gets
 * the blocking file calls and must touch only what the job owns. done() runs on the submitting shard. */
struct io_job {
    struct list _link;
    void (*work)(struct io_job *job, struct fs *fs);
    void (*done)(struct io_job *job);
    struct io *_io;
    struct mem *_mem; /* the lane's; NULL: jobs run in the shard's own thread */
    int64_t _started_ns;
};
void io_job_start(struct io *io, struct io_job *job);
/* For use inside work() only, what is taken there is given back there: the shard's memory is not a job's to touch.
 * Bounded by the lane (256 MiB a thread), so a job that unpacks or packs costs a shard's budget only its result. */
struct mem *io_job_mem(const struct io_job *job);

/* ---- files: the data path ------------------------------------------------------------------------------------- */

/* Inline append: pwritev2 into the page cache. Writes all or reports why not; *written says how far it came. */
enum err io_write_now(struct io *io, io_file file, const struct slice *pieces, int count, int64_t pos,
                      int64_t *written);
/* Inline read of cached bytes only (RWF_NOWAIT). ERR_AGAIN: not in memory, use io_read. Short at end of file. */
enum err io_read_now(struct io *io, io_file file, void *buffer, size_t length, int64_t pos, size_t *got);
/* Inline fallocate(KEEP_SIZE) for at most 64 MiB. ERR_UNSUPPORTED is not an error of the disk. */
enum err io_allocate_now(struct io *io, io_file file, int64_t pos, int64_t length);
/* Inline metadata calls, a few microseconds each. */
enum err io_open_now(struct io *io, const char *path, int flags, io_file *file); /* FS_* flags of fs.h */
void io_close_now(struct io *io, io_file file); /* must not be the last reference of an unlinked file */

/* Through the ring; op->result is the byte count. A short read means end of file; writes are whole or failed. */
void io_read(struct io *io, struct io_op *op, io_file file, void *buffer, size_t length, int64_t pos);
void io_write(struct io *io, struct io_op *op, io_file file, const void *buffer, size_t length, int64_t pos);
void io_sync(struct io *io, struct io_op *op, io_file file);                                   /* fdatasync */
void io_writeback(struct io *io, struct io_op *op, io_file file, int64_t pos, int64_t length); /* starts it only */

/* ---- other people's descriptors --------------------------------------------------------------------------------- */

/* For a library that looks after its own sockets (libmicrohttpd's epoll descriptor): done() comes once, when it is
 * readable. The simulated machine has none: ERR_UNSUPPORTED. What is left when the loop ends is forgotten. */
void io_watch(struct io *io, struct io_op *op, int descriptor);

/* ---- sockets --------------------------------------------------------------------------------------------------- */

struct io_address {
    bool is_ipv6;
    uint16_t port;     /* host order */
    uint8_t bytes[16]; /* IPv4: the first four */
};
enum { IO_ADDRESS_TEXT_SIZE = 48 };
bool io_address_parse(const char *host, uint16_t port, struct io_address *address); /* numeric; "" and 0.0.0.0: any */
void io_address_format(const struct io_address *address, char text[IO_ADDRESS_TEXT_SIZE]); /* without the port */
/* Blocking name look-up (files, DNS): only at start or in the command line. */
enum err io_resolve(struct io *io, const char *host, uint16_t port, struct io_address *address);

struct io_listen_options {
    int backlog;
    bool share_port; /* SO_REUSEPORT: every data shard listens on the same address */
};

struct io_listener {
    void (*accepted)(struct io_listener *listener, io_socket socket, const struct io_address *peer);
    void (*stopped)(struct io_listener *listener); /* after io_listen_stop, or when accepting is over for good */
    io_socket socket;
    uint16_t port; /* the one bound (port 0 asks for any) */
    struct io_op _op;
    struct io_timer _retry; /* descriptors or memory are short: accepting goes on later */
    struct io *_io;
    bool _stopping;
};
enum err io_listen(struct io *io, struct io_listener *listener, const struct io_address *address,
                   const struct io_listen_options *options);
void io_listen_stop(struct io *io, struct io_listener *listener);

void io_connect(struct io *io, struct io_op *op, const struct io_address *address);             /* result: the socket */
enum err io_socket_buffers(struct io *io, io_socket socket, int send_bytes, int receive_bytes); /* -1: leave */

/* Receiving has two modes; exactly one is active on a socket at a time.
 * Small: bytes arrive in the shard's shared buffers and are shown to on_bytes; they are gone when it returns.
 *        length 0 with ERR_OK: the peer has finished; any other err: the connection is broken. Both end the mode.
 * Large: io_receive_into puts bytes straight where they belong (page-aligned frame buffers). */
struct io_receiver {
    void (*on_bytes)(struct io_receiver *receiver, const uint8_t *data, size_t length, enum err err);
    void (*stopped)(struct io_receiver *receiver); /* after io_receive_stop; no on_bytes follows. May come after more
                                                      on_bytes calls, an ending one included. Always comes once. */
    struct io_op _op;
    struct io *_io;
    io_socket _socket;
    uint8_t _state;
};
void io_receive_start(struct io *io, struct io_receiver *receiver, io_socket socket);
void io_receive_stop(struct io *io, struct io_receiver *receiver); /* also allowed after an ending on_bytes */
/* result: bytes received, 1 .. length; 0: the peer has finished. Call again for the rest. */
void io_receive_into(struct io *io, struct io_op *op, io_socket socket, void *buffer, size_t length);

/* One answer: pieces of memory and of files, sent in order and whole. The backend picks the way (plain, MSG_MORE +
 * sendfile, small file pieces read behind the header, cold ones read through the ring so that the loop never waits for
 * a disk). The pieces array and what it points to stay the user's and unchanged until done(). */
struct io_piece {
    const uint8_t *data; /* memory piece; NULL: a file piece */
    io_file file;
    bool hot; /* file piece: written or read a moment ago; skip the residency probe */
    int64_t pos;
    size_t length;
};
struct io_send {
    void (*done)(struct io_send *send); /* err tells; on error the connection is no longer usable */
    struct io_piece *pieces;
    int count;
    enum err err;
    int _piece;   /* progress */
    size_t _sent; /* of the current piece */
    io_socket _socket;
    struct io *_io;
    struct io_op _op;
    void *_scratch;
    size_t _scratch_size;
    size_t _scratch_used;
    size_t _scratch_sent;
    uint8_t _stage;
    bool _corked;
};
void io_send(struct io *io, struct io_send *send, io_socket socket); /* one at a time per socket */
/* Both directions end now; operations in flight complete with ERR_CLOSED or ERR_RESET. */
void io_shutdown(struct io *io, io_socket socket);
/* Only when nothing is in flight on it. */
void io_close_socket(struct io *io, io_socket socket);

/* ---- running ---------------------------------------------------------------------------------------------------- */

/* What a turn has cost, for metrics and tests. */
struct io_stats {
    uint64_t turns, sleeps, submissions, completions, messages_in, messages_out, doorbells, jobs, inline_writes,
        inline_write_bytes, sendfile_calls, sendfile_bytes, copy_sends, cold_reads, wakeups, jobs_done, busy_ns;
    struct histogram turn_times; /* from a turn's first look at what came to its end */
    struct histogram job_times;  /* from io_job_start to done(), waiting included */
};
const struct io_stats *io_stats(const struct io *io);

/* Ends the loop of this shard after the current turn. */
void io_stop(struct io *io);

#endif
