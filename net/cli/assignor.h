/* net/cli/assignor.h -- who reads what in a consumer group: the leader's decision, balanced, and with as few moves as
 * can be. It is made in two steps, as KIP-429's cooperative rebalance wants it: a partition that moves is first given
 * up by its old owner, and handed out when that one has joined again.
 *
 * Speaks Kafka's ConsumerProtocolSubscription and -Assignment and the rules of "cooperative-sticky", so that members of
 * any client may lead. Pure. Memory: the arena. Errors: false without memory; what a member says that cannot be read
 * counts as a member that wants nothing.
 */
#ifndef RINGMAIN_NET_CLI_ASSIGNOR_H
#define RINGMAIN_NET_CLI_ASSIGNOR_H

#include "io/base/arena.h"
#include "io/base/bytes.h"

#define ASSIGNOR_PROTOCOL "cooperative-sticky"

struct assignor_topic {
    struct slice name;
    int32_t partition_count;
};

struct assignor_member {
    struct slice id, subscription;
    struct slice assignment; /* out */
};

struct assignor_owned {
    struct slice topic;
    const int32_t *partitions;
    int32_t count;
    int32_t generation; /* -1: none yet */
};

/* What one member tells the leader. Null: no memory. */
struct slice assignor_subscription(const struct assignor_owned *owned, struct arena *arena);
/* The names that the members subscribe to, each once; -1: no memory. */
int32_t assignor_topics(const struct assignor_member *members, int32_t count, struct slice **names,
                        struct arena *arena);
bool assignor_assign(struct assignor_member *members, int32_t count, const struct assignor_topic *topics,
                     int32_t topic_count, struct arena *arena) MUST_CHECK;
/* The partitions of `topic` in an assignment. False: it cannot be read, or no memory. */
bool assignor_read(struct slice assignment, struct slice topic, int32_t **partitions, int32_t *count,
                   struct arena *arena) MUST_CHECK;

#endif
