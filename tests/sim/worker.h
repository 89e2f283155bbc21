/* tests/sim/worker.h -- inside of a simulated group member: worker.c is its membership, worker_txn.c its work. */
#ifndef RINGMAIN_TESTS_SIM_WORKER_H
#define RINGMAIN_TESTS_SIM_WORKER_H

#include "tests/sim/world.h"

enum { MEMBER_ID_MAX = 80, READ_MAX = 512, READ_BYTES_MAX = 500000 };

enum worker_step {
    WORKER_FIND,
    WORKER_FIND_TXN,
    WORKER_JOIN,
    WORKER_SYNC,
    WORKER_BEGIN, /* from here on it is a member */
    WORKER_OFFSETS,
    WORKER_READ,
    WORKER_ADD_PARTITIONS,
    WORKER_ADD_OFFSETS,
    WORKER_WRITE,
    WORKER_COMMIT,
    WORKER_END,
};

struct worker {
    struct world *world;
    struct group_model *group;
    struct io *io;
    struct link link;
    struct io_timer tick;
    int number, link_cuts;
    enum worker_step step;
    bool busy;
    const char *last_what; /* that went wrong, for the report */
    int16_t last_error;
    int64_t beat_ns;

    char member_id[MEMBER_ID_MAX], joined[WORKERS_MAX * 4][MEMBER_ID_MAX];
    size_t member_id_length, joined_length[WORKERS_MAX * 4];
    int joined_count; /* that a leader was told of */
    int32_t generation;

    int partitions[PARTITIONS_MAX], partition_count;
    int64_t positions[PARTITIONS_MAX]; /* -1: to be asked */
    bool at_end[PARTITIONS_MAX];
    int64_t asked_committed[PARTITIONS_MAX]; /* of the group, when the offsets were asked for */
    int next;                                /* whose turn it is: an index into partitions */

    struct model_visit visit;
    uint64_t read[READ_MAX]; /* keys for the output */
    int read_count;
    int64_t read_end;       /* the offset to commit */
    int64_t written_offset; /* of what was read, in the output */

    char transactional_id[16];
    bool new_protocol; /* transaction.version 2 */
    bool commits;      /* the transaction under way; else it is aborted */
    int64_t producer_id;
    int16_t epoch;
    int32_t sequences[PARTITIONS_MAX]; /* by partition of the output */
};

void worker_call(struct worker *worker, int16_t api_key, int16_t version, const void *request);
void worker_go(struct worker *worker, enum worker_step step);
void worker_start_over(struct worker *worker);
/* True: no error. False: what follows from it has been done. */
bool worker_bears(struct worker *worker, const char *what, int16_t error);
/* worker_txn.c */
void worker_send_work(struct worker *worker);
void worker_take_work(struct worker *worker, struct call *call, struct slice body, struct arena *arena);

#endif
