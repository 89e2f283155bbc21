/* io/reactor/sim.h -- a simulated machine room: nodes with shards, disks and a network, in one thread, from one seed.
 *
 * Code above io/ runs on it unchanged: sim_node_io gives the same `struct io` that a real machine gives. Time is
 * virtual and moves from event to event. Every choice (delays, chunk sizes, faults, what a power cut leaves behind)
 * comes from the seed, so that the same seed and the same calls give the same run, byte for byte: sim_trace_hash says
 * whether they did.
 *
 * What is modelled:
 *   shards   stepped one turn at a time; a turn costs some time, and may be held up. Messages and finished jobs arrive
 *            late. A job runs whole between two events, at most as many at a time as the slow lane has workers.
 *   memory   every block is tracked and filled with rubbish; the n-th allocation can fail; a crash frees all.
 *   disk     a page cache over a device. Writes reach the device by sync, or some sectors by themselves. A power cut
 *            keeps any subset of unsynced 512-byte sectors, any size between, and a prefix of each directory's unsynced
 *            changes. A failed sync loses what it should have written, and the next one says nothing of it.
 *   network  reliable streams with delay, any chunking, a bounded window, breaks at any byte, one-way partitions.
 *   clocks   every node's wall clock can jump; the monotonic one never does.
 *
 * Not modelled: threads that touch the same memory (TSan watches those on the real machine), the order in which a
 * running job and the loops interleave, and O_DIRECT.
 *
 * Core: everything from one thread. Calls marked "between events" must not be made from inside a callback of a node.
 * Memory: the simulator's own is libc's and not limited; running out of it ends the process.
 */
#ifndef RINGMAIN_IO_REACTOR_SIM_H
#define RINGMAIN_IO_REACTOR_SIM_H

#include "io/base/prng.h"
#include "io/reactor/fs.h"

enum { SIM_SHARDS_MAX = 32 };

struct sim;
struct sim_node;
struct sim_disk;

/* ---- the room ------------------------------------------------------------------------------------------------- */

struct sim_network {
    int64_t delay_min_ns, delay_max_ns; /* of one segment */
    uint32_t break_ppm;                 /* chance that a segment breaks its connection at any of its bytes */
    uint32_t dribble_ppm;               /* chance that a segment is only a few bytes long */
    size_t window_bytes;                /* sent and not yet taken by the receiver */
};

struct sim_options {
    uint64_t seed;
    struct sim_network network; /* zero: a quiet one */
    int64_t wall_ms;            /* the wall clock at the start; 0: a day in 2026 */
};

struct sim *sim_open(const struct sim_options *options);
void sim_close(struct sim *sim);

int64_t sim_now_ns(const struct sim *sim);
struct prng *sim_prng(struct sim *sim);         /* for the scenario's own choices; not used by the machine */
uint64_t sim_trace_hash(const struct sim *sim); /* of every event, written and sent byte until now */
uint64_t sim_event_count(const struct sim *sim);
struct sim_network *sim_network(struct sim *sim); /* may be changed between events */

bool sim_step(struct sim *sim); /* runs the next event; false: there is none */
void sim_run_for(struct sim *sim, int64_t duration_ns);
void sim_halt(struct sim *sim); /* from inside an event: sim_run_for returns after it, its time not over */

/* ---- nodes ---------------------------------------------------------------------------------------------------- */

struct sim_node_options {
    int data_shards;        /* 0: only the control shard */
    int slow_lane_workers;  /* 0: 2 */
    size_t memory_bytes;    /* for all shards together; 0: 1 GiB */
    int64_t disk_bytes;     /* 0: 1 TiB */
    int64_t wall_offset_ms; /* of its wall clock */
    uint32_t stall_ppm;     /* chance that a turn is held up, by stall_max_ns at most */
    int64_t stall_max_ns;
};

/* A node that is off, with an empty disk. Its address is 10.0.0.N, N counting from 1. */
struct sim_node *sim_node_open(struct sim *sim, const struct sim_node_options *options);
void sim_node_start(struct sim_node *node, int data_shards); /* fresh shards; between events; -1: as many as before */
bool sim_node_is_on(const struct sim_node *node);
struct io *sim_node_io(struct sim_node *node, int shard);
int sim_node_shards(const struct sim_node *node);
void sim_node_address(const struct sim_node *node, uint16_t port, struct io_address *address);
/* After calls into the node from between events, so that its shards look at what has changed. */
void sim_node_wake(struct sim_node *node);
bool sim_node_ended(const struct sim_node *node); /* every loop has been told to end, and did */

/* Switches an ended node off and says what it left behind. Between events. */
struct sim_leaks {
    size_t memory_bytes;
    int files;
    int sockets;
};
struct sim_leaks sim_node_off(struct sim_node *node);

enum sim_crash {
    SIM_KILL,      /* the process is gone; the page cache stays; peers are told */
    SIM_POWER_CUT, /* what was not on the device may be gone; peers hear nothing */
};
void sim_node_crash(struct sim_node *node, enum sim_crash how); /* between events */

struct sim_disk *sim_node_disk(struct sim_node *node);
void sim_node_set_disk(struct sim_node *node, struct sim_disk *disk); /* while off; the old one is freed */
void sim_node_jump_clock(struct sim_node *node, int64_t by_ms);       /* the wall clock */
void sim_node_stall(struct sim_node *node, int64_t duration_ns);      /* no turn and no job of it before then */
/* Counted over all shards from 1 on, from now; 0: none. again: every one after it fails as well. */
void sim_node_fail_allocation(struct sim_node *node, uint64_t n, bool again);
/* Asked at every allocation of the node. */
struct sim_memory_watch {
    bool (*fails)(struct sim_memory_watch *watch, struct sim_node *node);
};
void sim_node_set_memory_watch(struct sim_node *node, struct sim_memory_watch *watch); /* NULL: none */
uint64_t sim_node_allocations(const struct sim_node *node); /* since the last sim_node_fail_allocation or start */
size_t sim_node_memory_used(const struct sim_node *node);
int sim_node_open_files(const struct sim_node *node);
int sim_node_open_sockets(const struct sim_node *node);

/* Segments from one node to the other wait until the way is open again. */
void sim_block(struct sim *sim, struct sim_node *from, struct sim_node *to, bool blocked);

/* ---- disks ---------------------------------------------------------------------------------------------------- */

struct sim_disk_faults {                              /* chances per million calls */
    uint32_t cold_ppm;                                /* bytes are not in memory: io_read_now says ERR_AGAIN */
    uint32_t read_ppm, write_ppm, sync_ppm, name_ppm; /* ERR_IO; name: create, rename, unlink, directory calls */
    uint32_t full_ppm;                                /* a write stops short with ERR_NO_SPACE */
    uint32_t slow_ppm;                                /* an operation through the ring, or a job, takes slow_ns */
    int64_t slow_ns;
    uint32_t writeback_ppm; /* a write sends some unsynced sectors of its file to the device */
};
struct sim_disk_faults *sim_disk_faults(struct sim_disk *disk);

/* Every call that may change the disk or fail counts as one operation, in the order in which they take effect. */
uint64_t sim_disk_operations(const struct sim_disk *disk);
/* The n-th operation from now, counted from 1, fails with err (a write after some of its bytes); 0: none. */
void sim_disk_fail(struct sim_disk *disk, uint64_t n, enum err err, bool again);

/* Told before an operation takes effect: the place to take images of the disk. */
struct sim_disk_watch {
    void (*before)(struct sim_disk_watch *watch, struct sim_disk *disk);
};
void sim_disk_set_watch(struct sim_disk *disk, struct sim_disk_watch *watch);

/* What a power cut now might leave behind; a disk of its own. */
struct sim_disk *sim_disk_after_cut(const struct sim_disk *disk, struct prng *prng);
void sim_disk_free(struct sim_disk *disk);
struct fs *sim_disk_fs(struct sim_disk *disk); /* to look at it from between events: no faults, not counted */
/* Flips bits of one byte, on the device and in memory. False: there is no such byte. */
bool sim_disk_rot(struct sim_disk *disk, const char *path, int64_t pos, uint8_t mask);

#endif
