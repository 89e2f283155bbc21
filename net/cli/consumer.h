/* net/cli/consumer.h -- what `consume` and `consume --group` share: positions in partitions, and the fetches between.
 *
 * Core: the command line's one thread. Memory: positions in `kept`, answers in cli->arena, which each call empties.
 * Errors: every function says why when it gives false. */
#ifndef RINGMAIN_NET_CLI_CONSUMER_H
#define RINGMAIN_NET_CLI_CONSUMER_H

#include "net/cli/cli.h"

enum { FROM_BEGINNING = -2, FROM_END = -1 }; /* ListOffsets' special timestamps */

struct position { /* of one partition */
    int32_t partition, leader;
    int64_t next, stop; /* offsets; stop: the end when the command began */
    int64_t committed;  /* in a group: what the others would begin with; -1: nothing yet */
};

struct consumer {
    struct cli *cli;
    struct slice topic;
    struct uuid topic_id;
    struct position *positions; /* in the arena `kept` */
    int32_t position_count;
    int32_t partition_count; /* of the topic */
    struct arena kept;
    const char *format;
    int64_t only, offset, timestamp, count; /* -1: all partitions; -1: not given; special or milliseconds; -1: all */
    bool exit_at_end;
    int64_t printed;
    bool stale; /* leaders must be asked again */
};

bool consumer_find_leaders(struct consumer *consumer);
bool consumer_ask_offset(struct consumer *consumer, const struct position *position, int64_t timestamp,
                         int64_t *offset);
/* One fetch of everything; waits a little when there is nothing. */
bool consumer_round(struct consumer *consumer);
bool consumer_finished(const struct consumer *consumer); /* --count */
bool consumer_at_end(const struct consumer *consumer);   /* of what it has, as of when it got it */

/* In a group, until interrupted. */
bool consume_group(struct consumer *consumer, const char *group, const char *instance);

#endif
