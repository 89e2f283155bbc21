/* core/coordinator/internal.h -- inside of the runtime: partitions, loads, flights. */
#ifndef RINGMAIN_CORE_COORDINATOR_INTERNAL_H
#define RINGMAIN_CORE_COORDINATOR_INTERNAL_H

#include "core/coordinator/coordinator.h"
#include "core/wire/error.h"
#include "io/base/arena.h"

enum coordinator_phase { PHASE_IDLE, PHASE_LOADING, PHASE_ACTIVE, PHASE_FAILED, PHASE_CLOSING };

struct coordinator_partition {
    struct coordinator *coordinator;
    int32_t index;
    int32_t leader_epoch;
    struct uuid topic_id; /* of the topic it was loaded from */
    enum coordinator_phase phase;
    bool led; /* here, by the newest image */
    struct coordinator_machine *machine;
    struct list queue;      /* machine_append of this turn */
    struct list queue_link; /* in the coordinator's list of partitions with some */
    struct list flights;    /* in order of departure */
    struct coordinator_load *load;
    int64_t load_ns;       /* when the load began */
    struct list load_link; /* in the coordinator's line of loads */
    struct io_timer retry;
};

struct coordinator {
    struct io *io;
    struct coordinator_options options;
    struct uuid topic_id; /* zero: the topic is not there */
    struct topic_config config;
    struct coordinator_partition **partitions;
    int32_t partition_count;    /* of the topic now */
    int32_t partition_capacity; /* structs made: may be more */
    struct list queued;
    struct io_hook hook;
    struct list load_line; /* partitions that wait for their turn to load */
    int loads_running;
    uint64_t skipped_count;
    int64_t longest_load_ns;
    bool stopping;
};

static inline struct shard_data *coordinator_data(struct coordinator *coordinator, struct io *io)
{
    return coordinator->options.datas[io_shard(io)];
}

/* coordinator.c */
void coordinator_loaded(struct coordinator_partition *partition, const char *why_not); /* NULL: it is */
void coordinator_partition_settle(struct coordinator_partition *partition);            /* something has come back */
void coordinator_reload(struct coordinator_partition *partition);                      /* not from below appended */
/* host.c */
void coordinator_machine_loaded(struct coordinator_machine *machine);
void coordinator_machine_appended(struct coordinator_machine *machine, struct machine_append *append);
void coordinator_machine_resign(struct coordinator_machine *machine);
void coordinator_machine_close(struct coordinator_machine *machine);
/* load.c */
void coordinator_load_start(struct coordinator_partition *partition);
/* append.c */
void coordinator_append_turn(struct io_hook *hook);

#endif
