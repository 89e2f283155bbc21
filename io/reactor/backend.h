/* io/reactor/backend.h -- inside of io/reactor: what both machines share, and the table of calls that each one fills
 * in.
 *
 * A backend embeds `struct io` as its first member, fills in the public head of it with io_init, and drives turns:
 *
 *     io_turn_begin          clock, counters
 *     (backend)              its own completions: op->done() and friends, straight from its event loop
 *     io_run_messages        messages of other shards, taken from the backend's mailbox as one chain
 *     io_run_ready           messages to the own shard and deferred completions, those that were there at the start
 *     io_run_timers          timers that are due, at most those that were in the heap at the start
 *     io_run_hooks           turn-end hooks armed until now
 *     (backend)              sleep until io_next_deadline, 0 meaning: do not sleep
 *
 * Invariants: every step runs what was there when it began, so a turn always ends; what is started in a turn completes
 * in a later step or turn, never inside the start call. Nothing here reads a clock, an address order or chance, so
 * a simulated run repeats exactly. Only the owning shard may touch a `struct io`.
 */
#ifndef RINGMAIN_IO_REACTOR_BACKEND_H
#define RINGMAIN_IO_REACTOR_BACKEND_H

#include "io/reactor/diag.h"
#include "io/reactor/fs.h"
#include "io/reactor/io.h"

/* The calls of io.h of the same names. io.c has checked the arguments that do not depend on the machine. */
struct io_backend {
    int64_t (*clock_ns)(struct io *io); /* monotonic */
    int64_t (*wall_ms)(struct io *io);
    uint64_t (*random)(struct io *io);
    void (*print)(struct io *io, const char *line, size_t length);     /* a whole line of diag; NULL: nobody reads */
    void (*post)(struct io *io, int target_shard, struct io_msg *msg); /* never the own shard */
    void (*job_start)(struct io *io, struct io_job *job);

    enum err (*write_now)(struct io *io, io_file file, const struct slice *pieces, int count, int64_t pos,
                          int64_t *written);
    enum err (*read_now)(struct io *io, io_file file, void *buffer, size_t length, int64_t pos, size_t *got);
    enum err (*allocate_now)(struct io *io, io_file file, int64_t pos, int64_t length);
    enum err (*open_now)(struct io *io, const char *path, int flags, io_file *file);
    void (*close_now)(struct io *io, io_file file);
    void (*read)(struct io *io, struct io_op *op, io_file file, void *buffer, size_t length, int64_t pos);
    void (*write)(struct io *io, struct io_op *op, io_file file, const void *buffer, size_t length, int64_t pos);
    void (*sync)(struct io *io, struct io_op *op, io_file file);
    void (*writeback)(struct io *io, struct io_op *op, io_file file, int64_t pos, int64_t length);

    void (*watch)(struct io *io, struct io_op *op, int descriptor); /* NULL: not here */
    enum err (*resolve)(struct io *io, const char *host, uint16_t port, struct io_address *address);
    enum err (*listen)(struct io *io, struct io_listener *listener, const struct io_address *address,
                       const struct io_listen_options *options);
    void (*listen_stop)(struct io *io, struct io_listener *listener);
    void (*connect)(struct io *io, struct io_op *op, const struct io_address *address);
    enum err (*socket_buffers)(struct io *io, io_socket socket, int send_bytes, int receive_bytes);
    void (*receive_start)(struct io *io, struct io_receiver *receiver);
    void (*receive_stop)(struct io *io, struct io_receiver *receiver);
    void (*receive_into)(struct io *io, struct io_op *op, io_socket socket, void *buffer, size_t length);
    void (*send)(struct io *io, struct io_send *send);
    void (*shutdown)(struct io *io, io_socket socket);
    void (*close_socket)(struct io *io, io_socket socket);
};

/* Messages in the order in which they were posted, linked by _next. */
struct io_chain {
    struct io_msg *first, *last;
};

struct io_timer_entry {
    int64_t deadline_ns; /* a copy, so that sifting does not touch the timers */
    struct io_timer *timer;
};

/* How much each call site of diag.h has said. */
enum { DIAG_SITES = 48 };
struct diag_seen {
    const struct diag_site *site;
    int64_t window_ns;
    uint32_t said, left_out;
};
struct diag {
    enum diag_level level;
    int count;
    struct diag_seen seen[DIAG_SITES];
};

struct io {
    const struct io_backend *backend;
    struct mem *mem;
    struct fs *fs;
    int shard;
    int shard_count;
    int64_t now_ns;
    int64_t recent_ns; /* newest reading of the clock in this turn */
    int64_t turn_end_ns;
    struct io_timer_entry *timers; /* binary heap */
    uint32_t timer_count;
    uint32_t timer_capacity;
    struct list hooks;    /* struct io_hook */
    struct list deferred; /* struct io_op */
    struct io_chain own;  /* posted to the own shard */
    bool stopping;        /* io_stop was called */
    struct diag diag;
    struct io_stats stats; /* counted by whoever does the thing */
};

void io_init(struct io *io, const struct io_backend *backend, struct mem *mem, struct fs *fs, int shard,
             int shard_count);
void io_fini(struct io *io); /* frees the heap; timers, hooks and operations that are left are forgotten */

/* Completes op at the next io_run_ready. */
void io_defer(struct io *io, struct io_op *op, enum err err, int64_t result);

/* A job has come back from its thread. */
void io_job_finish(struct io *io, struct io_job *job);

void io_chain_push(struct io_chain *chain, struct io_msg *msg);
void io_chain_join(struct io_chain *chain, struct io_chain *more); /* more is empty afterwards */

void io_turn_begin(struct io *io);
void io_turn_end(struct io *io); /* turn_end_ns is the time, for the sleep that may follow */
void io_run_messages(struct io *io, struct io_chain *chain); /* runs all of it; empty afterwards */
void io_run_ready(struct io *io);
void io_run_timers(struct io *io);
void io_run_hooks(struct io *io);
/* When the shard wants to run again: 0 at once, INT64_MAX when only something from outside can wake it. */
int64_t io_next_deadline(const struct io *io);

/* ---- blocking file calls --------------------------------------------------------------------------------------- */

struct fs_backend {
    enum err (*open)(struct fs *fs, const char *path, int flags, io_file *file);
    void (*close)(struct fs *fs, io_file file);
    enum err (*read)(struct fs *fs, io_file file, void *buffer, size_t length, int64_t pos, size_t *got);
    enum err (*write)(struct fs *fs, io_file file, const void *buffer, size_t length, int64_t pos);
    enum err (*sync)(struct fs *fs, io_file file);
    enum err (*check_written)(struct fs *fs, io_file file);
    enum err (*truncate)(struct fs *fs, io_file file, int64_t size);
    enum err (*allocate)(struct fs *fs, io_file file, int64_t pos, int64_t length);
    enum err (*file_info)(struct fs *fs, io_file file, struct fs_info *info);
    enum err (*info)(struct fs *fs, const char *path, struct fs_info *info);
    enum err (*unlink)(struct fs *fs, const char *path);
    enum err (*rename)(struct fs *fs, const char *from, const char *to);
    enum err (*make_directory)(struct fs *fs, const char *path);
    enum err (*remove_directory)(struct fs *fs, const char *path);
    enum err (*sync_directory)(struct fs *fs, const char *path);
    enum err (*sync_all)(struct fs *fs, const char *path);
    enum err (*lock)(struct fs *fs, io_file file);
    enum err (*space)(struct fs *fs, const char *path, int64_t *total_bytes, int64_t *free_bytes);
    enum err (*list)(struct fs *fs, const char *path, fs_visit visit, void *context);
};

/* First member of the backend's own struct. */
struct fs {
    const struct fs_backend *backend;
};

#endif
