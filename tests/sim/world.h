/* tests/sim/world.h -- one seed's world: a broker, its clients, what they know, and what must therefore be true.
 *
 * The checkers are those of reliability: K1 nothing acknowledged is lost, K2 an offset never shows two records and a
 * producer's records keep their order, K4 nothing twice from idempotent producers, K7 every byte served is right and
 * state rebuilt from disk equals the state before, K8 bounds, K9 no crash and no leak. K10 (progress after the faults)
 * comes with the scenario's time limits.
 *
 * Every record's bytes follow from its id, (lane + 1) << 40 | count, so that what is read can be checked whole.
 */
#ifndef RINGMAIN_TESTS_SIM_WORLD_H
#define RINGMAIN_TESTS_SIM_WORLD_H

#include "tests/sim/host.h"
#include "tests/sim/link.h"

#define MS ((int64_t)1000000) /* in nanoseconds */

enum {
    TOPICS_MAX = 4,
    PARTITIONS_MAX = 6,
    LANES_MAX = 64,
    WORKERS_MAX = 3,
    CLIENTS_MAX = 10,
    KEYS_MAX = 40,
    TICK_MS = 5
};

/* How sure an acknowledgement makes a record. */
enum level { LEVEL_SEEN = 1, LEVEL_CACHED, LEVEL_FLUSHED };

struct known {
    uint64_t id; /* 0: nothing known of this offset */
    uint8_t level;
    bool lost;       /* a power cut may have taken it after it was read: the group may have passed another record */
    uint8_t outputs; /* of the input: how often it is in the output, at the last audit */
    bool gone;       /* of a compacted topic: an audit did not find it, so none will again */
    int32_t audit;   /* the last that has found it */
    int64_t sent_ns; /* it was not there before; 0: not known */
};

struct part {
    struct known *known; /* by offset */
    int64_t count, capacity;
    int64_t durable_end;     /* after the last record acknowledged as flushed */
    int64_t start_max;       /* DeleteRecords was asked for this much */
    int64_t start_confirmed; /* and has confirmed this much */
    bool unsure[KEYS_MAX];   /* compacted: a tombstone of this key may be there that nobody was told the place of */
    int rotten;              /* bits of its segments that have flipped */
    int64_t unreadable;      /* records that the audit could not have because of that */
    bool excused; /* from the audit: what has rotted is its topic id (the directory is put away as a stray), its lists
                     of aborted transactions, or what a batch says of its offsets */
};

struct topic {
    char name[32];
    struct uuid id;
    int partition_count;
    bool flushed;    /* acks=all is answered when the device has it */
    bool loses_head; /* retention may delete */
    int codec;       /* that the broker repacks to; -1: keeps what came */
    int keys;        /* compacted, with so many keys in each partition; 0: not */
    int delete_retention_ms;
    struct part parts[PARTITIONS_MAX];
};

/* The consumer group: what its members were told. */
struct group_model {
    char name[16];
    int input, output; /* topics; output: only with transactions */
    bool transactional;
    int64_t committed[PARTITIONS_MAX];
    int64_t audited[PARTITIONS_MAX]; /* what was committed when the audit began */
    int32_t generation;              /* the newest that anybody was given partitions in */
    int owners[PARTITIONS_MAX];      /* in it: number of the worker + 1 */
};

struct limits { /* this seed's draws */
    int topics, producers, consumers, workers, shards;
    int session_ms, transaction_ms;
    int duration_ms;
    int rounds_max; /* with something compacted: ends and starts after the faults */
    int batch_records_max, value_bytes_max;
    int think_ms_max; /* between a client's requests */
    int client_timeout_ms;
    int crash_every_ms; /* 0: never; on average */
    bool kills, cuts, clean_restarts, cut_inside;
    int block_every_ms, stall_every_ms, clock_every_ms;
    bool admin_busy;
    bool disk_faults, memory_faults, rots;
};

struct rot {
    bool on;
    bool may_not_start; /* what has rotted is needed for that */
};

struct world {
    uint64_t seed;
    struct sim *sim;
    struct prng *prng;
    struct host host;
    struct limits limits;
    struct rot rot;
    struct topic topics[TOPICS_MAX + 1];
    int topic_count; /* with the output of the group */
    struct group_model group;
    struct sim_node *client_nodes[CLIENTS_MAX];
    struct producer *producers[CLIENTS_MAX];
    struct consumer *consumers[CLIENTS_MAX];
    struct worker *workers[WORKERS_MAX];
    struct admin *admin;
    int lane_count;
    bool lane_exact[LANES_MAX]; /* idempotent: nothing twice */
    int64_t *producer_ids;
    int producer_id_count;
    int32_t audits;
    int cuts, crashes; /* power cuts so far; those and kills */
    bool topics_made;
    bool has_zstd; /* somewhere: old versions cannot carry it */
    bool silent;   /* workers have left without a word */
    bool quiet;    /* producers finish what they have and begin nothing new */
    bool verbose;
    char where[80];            /* in a walk: the step that went wrong */
    struct sim_disk_watch cut; /* a power cut that is due */
    uint64_t cut_left;
    struct sim_disk *cut_image;
    int window, segments_before, segments_now; /* most segments in the window before and in this one */
    /* What has happened, for the report. */
    uint64_t acked, read, cleaned, commits, aborts, kills, power_cuts, clean_stops, resent;
};

/* life.c */
int world_between(struct world *world, int low, int high);
bool world_half(struct world *world);
int64_t world_think_ns(struct world *world); /* a client's pause */
/* An answer that a client must live with: try again later. */
bool world_bears(const struct world *world, int16_t error);
void world_new_producer_id(struct world *world, int64_t producer_id); /* K4: given only once */
void world_start_host(struct world *world);
void world_open_clients(struct world *world);
/* Some time with the broker in whatever state it is; it is started again when it is off. */
void world_run_ms(struct world *world, int duration_ms);
void world_wait_for(struct world *world, enum host_state state);
void world_cut_after(struct world *world, uint64_t operations); /* of the disk, from now */
void world_unblock_all(struct world *world);
void world_heal(struct world *world);       /* the faults end */
void world_come_right(struct world *world); /* everything is acknowledged, readable, and the same after restarts */
void world_audit(struct world *world);      /* reads everything */
void world_close(struct world *world);
void world_say(const struct world *world, const char *format, ...) PRINTF_LIKE(2, 3); /* only when verbose */
_Noreturn void world_fail(const struct world *world, const char *format, ...) PRINTF_LIKE(2, 3);

/* model.c */
void model_note(struct world *world, int topic, int partition, int64_t offset, uint64_t id, enum level level);
void model_kill(struct world *world);
void model_power_cut(struct world *world);                 /* what was only in the cache may be gone */
size_t model_value(uint64_t id, int most, uint8_t *value); /* the value's bytes; its length */
/* A record of the output for one of the input. Never 0, and never a lane's. */
uint64_t model_output_key(int partition, int64_t offset);
/* Room for a batch of so many records. */
size_t model_batch_capacity(const struct world *world, int count);
struct slice model_batch_of(struct world *world, const struct topic *topic, const uint64_t *ids, int count,
                            const struct batch_header *producer, uint8_t *buffer, size_t capacity);
struct slice model_batch(struct world *world, const struct topic *topic, uint64_t first_id, int count,
                         const struct batch_header *producer, uint8_t *buffer, size_t capacity);
/* Checks whole batches of one partition and tells every record; a batch that is cut off at the end is left. Returns the
 * offset after the last one, or `position` when there was none. */
struct model_visit {
    void (*record)(struct model_visit *visit, int64_t offset, uint64_t id);
    /* May be NULL. False: its records are not shown. Those of control batches never are. */
    bool (*batch)(struct model_visit *visit, const struct batch_header *header, const uint8_t *data);
};
int64_t model_read(struct world *world, int topic, int partition, int64_t position, struct slice records,
                   struct model_visit *visit);
/* One partition read from its start to its end. */
struct model_audit {
    struct model_visit visit;
    struct world *world;
    int topic, partition;
    int64_t start, next;
    int64_t began_ns;
    int32_t number;
    uint64_t last[LANES_MAX];
    /* Of the answer that is read: its aborted transactions, and whose records do not count right now. */
    const struct fetch_response_aborted_transaction *aborted;
    int aborted_count, open_count;
    int64_t opened; /* transactions that begin below are in `open`, or are over */
    int64_t open[WORKERS_MAX * 4];
};
/* Before each answer's records. */
void model_audit_answer(struct model_audit *audit, const struct fetch_response_partition_data *data);
void model_begin_outputs(struct world *world);
void model_check_outputs(struct world *world); /* K6: each committed record of the input is in the output once */
void model_audit_begin(struct model_audit *audit, struct world *world, int topic, int partition, int64_t start);
void model_audit_end(struct model_audit *audit);

/* compacted.c: of each key the newest record is there, or nothing some time after a tombstone. */
int compacted_key(const struct topic *topic, uint64_t id);
bool compacted_is_tombstone(const struct topic *topic, uint64_t id);
/* Nobody will be told whether it is in the log, or where. */
void compacted_unsure(struct world *world, int topic, int partition, uint64_t id);
void compacted_sent(struct world *world, int topic, int partition, int64_t offset, int64_t sent_ns);
void compacted_see(struct model_audit *audit, int64_t offset, uint64_t id);
void compacted_audit_end(struct model_audit *audit);

/* producer.c, consumer.c, admin.c: clients on nodes of their own. */
struct producer *client_producer_open(struct world *world, struct sim_node *node, int index);
bool client_producer_is_idle(const struct producer *producer); /* nothing unresolved */
void client_producer_close(struct producer *producer);
struct consumer *client_consumer_open(struct world *world, struct sim_node *node);
/* Reads everything once from the start of each partition and checks it. */
void client_consumer_audit(struct consumer *consumer);
bool client_consumer_audited(const struct consumer *consumer);
void client_consumer_close(struct consumer *consumer);
struct worker *client_worker_open(struct world *world, struct sim_node *node, int number);
bool client_worker_is_idle(const struct worker *worker);
void client_worker_tell(const struct worker *worker); /* where it stands */
void client_worker_close(struct worker *worker);
struct admin *client_admin_open(struct world *world, struct sim_node *node);
void client_admin_close(struct admin *admin);

/* fingerprint.c: what must be the same before a stop and after the next start; freed with free. */
char *fingerprint(const struct host *host);
bool fingerprint_is_whole(const struct host *host); /* the coordinators have loaded */

/* rot.c: stops the broker, flips bits on its disk, and reads everything again. */
void world_rot(struct world *world);

/* scenario.c */
uint64_t scenario_run(uint64_t seed, bool verbose, char *report, size_t report_size);

/* walk.c. Non-zero: something did not come right. */
struct walk_options {
    const char *kind; /* cuts, io, allocations */
    uint64_t seed;
    int workers;    /* members of a group with transactions */
    bool compacts;  /* topics are compacted, that of the group's output too */
    uint64_t every; /* every n-th step */
    uint64_t step;  /* 0: forks at all of them; else only this one, without forks */
    int variant;
};
int walk_run(const struct walk_options *options);

#endif
