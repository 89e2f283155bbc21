/* io/reactor/machine.h -- how a node gets its shards: the real machine. (The simulated one is io/reactor/sim.h.)
 *
 * machine_open makes `shards` data shards and one control shard (the last) without running them; the caller may then
 * post first messages or set things up through io calls from this thread; machine_run starts one pinned thread per
 * shard and returns when every shard has called io_stop. machine_close frees everything.
 *
 * Opening raises the process's soft limit of descriptors to the hard one and blocks SIGPIPE (and, with on_signal,
 * SIGTERM and SIGINT) in the calling thread and all that it starts; closing restores the signal mask.
 */
#ifndef RINGMAIN_IO_REACTOR_MACHINE_H
#define RINGMAIN_IO_REACTOR_MACHINE_H

#include "io/reactor/io.h"

struct machine;

int machine_cores(void); /* that this process may use */

/* How large file pieces of an answer reach the socket. */
enum machine_transport { MACHINE_SENDFILE, MACHINE_SPLICE, MACHINE_ZERO_COPY };

/* What a kernel (6.1 is the oldest) or a file system may lack; each has another way beside it. */
enum machine_feature {
    FEATURE_MSG_RING = 1,        /* a shard wakes another one through its ring; else an eventfd */
    FEATURE_REGISTERED_RING = 2, /* the ring is entered without looking its descriptor up; else with */
    FEATURE_LARGE_RING = 4,      /* 512 entries; else as few as locked memory allows at worst */
    FEATURE_WORKER_LIMITS = 8,   /* few io-wq threads, on the control core; else the kernel's own choice */
    FEATURE_NOWAIT_READ = 16,    /* RWF_NOWAIT (no tmpfs, no overlayfs): else every byte counts as not in memory */
    FEATURE_SENDFILE = 32,       /* or splice: file to socket without our memory; else what is sent is read first */
    FEATURE_PREALLOCATION = 64,  /* fallocate; else files grow as they are written */
};

struct machine_options {
    int data_shards;       /* >= 0; 0 makes a machine with only the control shard (command line clients) */
    bool pin;              /* threads to cores, as design.md section 2 says */
    size_t memory_limit;   /* bytes, for all shards together; 0: a default from the machine's memory */
    int slow_lane_threads; /* 0: default 2 */
    int spin_us;           /* before sleeping; 0: none */
    enum machine_transport transport;
    uint32_t without; /* enum machine_feature: not used even where they are there, to find faults and for tests */
    void (*on_signal)(struct io *control, int count, void *context); /* SIGTERM/SIGINT arrived for the count-th time;
                                                                        runs on the control shard. NULL: not handled */
    void *context;
};

/* On failure says why in one line with what to do (old kernel, io_uring forbidden by sysctl or seccomp, limits). */
enum err machine_open(const struct machine_options *options, struct machine **machine, char why[512]) MUST_CHECK;
struct io *machine_io(struct machine *machine, int shard);
int machine_shards(const struct machine *machine);
void machine_run(struct machine *machine);
/* For single-threaded users (command line): one turn of the control shard in this thread; wait: sleep until something.
 */
void machine_turn(struct machine *machine, bool wait);
void machine_close(struct machine *machine);
/* Bits of enum machine_feature: msg_ring, registered_ring, large_ring, worker_limits, nowait_read, sendfile,
 * preallocation, separated by commas. Other words mean nothing. */
uint32_t machine_features_named(const char *list);
/* The features found at start, one line of key=value, e.g. for `ringmain doctor` and the start-up log line. */
const char *machine_features(const struct machine *machine);

#endif
