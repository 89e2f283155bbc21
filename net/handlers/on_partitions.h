/* net/handlers/on_partitions.h -- one call for each of many partitions, made where they live: one message per shard.
 *
 * The user embeds a struct on_partition in each part and a struct on_partitions in the request's state. run() is called
 * on the owner's shard (partition NULL: not there) and ends, now or later, with on_partition_done; done() is called at
 * home when all are back, possibly inside on_partitions_send.
 *
 * Memory: all of it is of the request's shard and arena; parts belong to the owner's shard while they are there.
 */
#ifndef RINGMAIN_NET_HANDLERS_ON_PARTITIONS_H
#define RINGMAIN_NET_HANDLERS_ON_PARTITIONS_H

#include "net/conn/request.h"
#include "net/handlers/shard.h"

struct on_partitions_slice;

struct on_partition {
    struct uuid topic_id;
    int32_t index;
    struct on_partition *_next;
    struct on_partitions_slice *_slice;
};

struct on_partitions {
    void (*run)(struct on_partition *part, struct partition *partition);
    void (*done)(struct on_partitions *all);
    struct request *request;
    struct on_partitions_slice *_slices; /* by shard */
    int32_t _away;
};

/* False: no memory. */
bool on_partitions_init(struct on_partitions *all, struct request *request) MUST_CHECK;
void on_partitions_add(struct on_partitions *all, struct on_partition *part); /* its topic_id and index are set */
void on_partitions_send(struct on_partitions *all);
/* All of it for a request with `count` topics: add_topic() for each, then they are sent. When it says false or there is
 * no memory the request is closed. */
void on_partitions_run(struct on_partitions *all, struct request *request, int32_t count,
                       bool (*add_topic)(struct on_partitions *all, int32_t topic));
void on_partition_done(struct on_partition *part);

#endif
