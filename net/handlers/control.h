/* net/handlers/control.h -- the control shard's side of the broker: changes to the cluster, and images for every shard.
 *
 *   handler -> controller_*(latest image) -> metadata_change -> committed -> publish: one message per shard
 *      -> each shard opens, closes and reconfigures its partitions, then shows the image to its handlers ->
 * acknowledged
 *      -> metadata_published -> the change's done(): only now is the client answered
 *
 * Core: control shard. Memory: io_mem of that shard; the messages belong to it and travel there and back.
 */
#ifndef RINGMAIN_NET_HANDLERS_CONTROL_H
#define RINGMAIN_NET_HANDLERS_CONTROL_H

#include "net/handlers/shard.h"
#include "replication/quorum/metadata.h"

struct groups;
struct txns;
struct publication;

struct control {
    struct shard *shard;
    struct metadata *metadata;
    struct groups *groups;
    struct txns *txns;
    struct metadata_publisher publisher;
    const struct image *publishing;   /* NULL: none */
    int waiting_count;                /* shards that have not acknowledged it */
    struct publication *publications; /* one per data shard */
    struct conn_gate gate;
};

enum err control_init(struct control *control, struct shard *shard) MUST_CHECK;
void control_fini(struct control *control);

#endif
