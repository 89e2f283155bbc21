/* io/reactor/sim_inner.h -- inside of the simulated machine: events, nodes, shards, and what its parts call of each
 * other. Public meaning is in sim.h. */
#ifndef RINGMAIN_IO_REACTOR_SIM_INNER_H
#define RINGMAIN_IO_REACTOR_SIM_INNER_H

#include "io/reactor/backend.h"
#include "io/reactor/sim.h"

enum { SIM_NODES_MAX = 64 };

/* Something that happens at a time. An event of a node that has crashed since is dropped instead of run. Both calls
 * own the event from then on and free it. */
struct sim_event {
    int64_t time_ns;
    uint64_t order; /* events of the same time run in the order in which they were made */
    struct sim_node *node;
    uint64_t life; /* of the node */
    void (*run)(struct sim_event *event);
    void (*drop)(struct sim_event *event);
};

struct sim {
    int64_t now_ns;
    int64_t wall_ms;
    struct prng scenario, machine;
    struct sim_network network;
    uint64_t trace, events_run, next_order;
    bool halted;
    struct sim_event **heap;
    size_t heap_count, heap_capacity;
    struct sim_node *nodes[SIM_NODES_MAX];
    int node_count;
    bool blocked[SIM_NODES_MAX][SIM_NODES_MAX];
    struct sim_socket **sockets; /* by handle; handles are never used twice */
    int socket_count, socket_capacity;
    struct list listeners; /* struct sim_listener */
};

struct sim_shard {
    struct io io; /* first */
    struct sim_node *node;
    struct mem *mem;
    struct prng random;     /* what io_random gives */
    int64_t turn_ns;        /* the next turn; INT64_MAX: none planned */
    struct list completed;  /* struct io_op, to be told in the next turn */
    struct list finished;   /* struct io_job, likewise */
    struct list readable;   /* struct sim_socket */
    struct list accepting;  /* struct sim_listener */
    struct io_chain *inbox; /* by sending shard */
    bool ended;
};

struct sim_node {
    struct sim *sim;
    int index;
    struct sim_node_options options;
    struct sim_disk *disk;
    struct sim_shard *shards;
    int shard_count; /* 0: off */
    uint64_t life;   /* counts starts and crashes */
    int64_t stalled_until_ns;
    int64_t wall_offset_ms;
    bool silent; /* off by a power cut: peers hear nothing until it is on again */
    uint16_t next_port;
    struct list jobs; /* struct io_job waiting for a worker */
    int busy_workers;
    uint64_t allocations, allocation_fails_at;
    bool allocation_fails_on;
    struct sim_memory_watch *memory_watch;
};

void *sim_new(size_t size); /* zeroed; never NULL */
void *sim_grow(void *old, size_t size);

/* Folds what happened into the trace. */
void sim_note(struct sim *sim, uint64_t what, uint64_t a, uint64_t b);
void sim_note_bytes(struct sim *sim, uint64_t what, const void *data, size_t length);

void sim_event_at(struct sim *sim, struct sim_event *event, int64_t time_ns);
int64_t sim_delay(struct sim *sim, int64_t low_ns, int64_t high_ns); /* from now; the time it is then */

struct sim_shard *sim_shard_of(struct io *io);
void sim_shard_wake(struct sim_shard *shard, int64_t time_ns);
void sim_complete(struct sim_shard *shard, struct io_op *op, enum err err, int64_t result); /* in its next turn */

/* sim_mem.c */
struct mem *sim_mem_open(struct sim_node *node, size_t limit);
size_t sim_mem_close(struct mem *mem); /* frees every block; returns how many bytes there were */

/* sim_disk.c: the device and the page cache; paths resolved, no chance involved but in cuts and writeback. */
struct sim_disk *sim_disk_new(int64_t capacity);
/* The clock and the chance that it uses; NULL: none, as long as its node is off. */
void sim_disk_attach(struct sim_disk *disk, struct sim *sim);
struct fs *sim_disk_counted_fs(struct sim_disk *disk); /* what nodes see: operations are counted, and may fail */
void sim_disk_close_all(struct sim_disk *disk);        /* every handle, as a crash does */
int sim_disk_open_files(const struct sim_disk *disk);
enum err sim_disk_write(struct sim_disk *disk, io_file file, const void *data, size_t length, int64_t pos,
                        size_t *written);
enum err sim_disk_read(struct sim_disk *disk, io_file file, void *buffer, size_t length, int64_t pos, size_t *got);
enum err sim_disk_sync(struct sim_disk *disk, io_file file);
enum err sim_disk_open(struct sim_disk *disk, const char *path, int flags, io_file *file);
void sim_disk_close(struct sim_disk *disk, io_file file);
bool sim_disk_is_cold(struct sim_disk *disk);
int64_t sim_disk_delay(struct sim_disk *disk, struct sim *sim); /* when an operation that starts now ends */

/* sim_net.c */
void sim_net_turn(struct sim_shard *shard);    /* accepts, bytes that have arrived */
void sim_net_node_gone(struct sim_node *node); /* every socket and listener of it */
void sim_net_free(struct sim *sim);
enum err sim_listen(struct io *io, struct io_listener *listener, const struct io_address *address,
                    const struct io_listen_options *options);
void sim_listen_stop(struct io *io, struct io_listener *listener);
void sim_connect(struct io *io, struct io_op *op, const struct io_address *address);
void sim_receive_start(struct io *io, struct io_receiver *receiver);
void sim_receive_stop(struct io *io, struct io_receiver *receiver);
void sim_receive_into(struct io *io, struct io_op *op, io_socket socket, void *buffer, size_t length);
void sim_send(struct io *io, struct io_send *send);
void sim_shutdown(struct io *io, io_socket socket);
void sim_close_socket(struct io *io, io_socket socket);

#endif
