/* net/handlers/shard.h -- what a handler can reach: its shard, and the unchanging facts of the broker.
 *
 * Core: a struct shard belongs to its thread; another shard may read only `io` and `index` of it, to send a message.
 * struct broker does not change once the listeners are open. `image` is what this shard has applied: handlers use it
 * within one turn, or hold what they need of it in their arena.
 */
#ifndef RINGMAIN_NET_HANDLERS_SHARD_H
#define RINGMAIN_NET_HANDLERS_SHARD_H

#include "core/meta/image.h"
#include "core/partition/shard_data.h"
#include "net/conn/server.h"
#include "net/handlers/fetch_session.h"
#include "net/handlers/produce_convert.h"
#include "net/handlers/producer_ids.h"

struct control; /* the control shard's: quorum, controller; net/handlers/control.h */

/* An answer of ApiVersions, encoded: the same for all until the metadata moves on. */
struct api_versions_answer {
    struct wire_writer body; /* no data: not made yet */
    int64_t image_offset;
};

enum { API_VERSIONS_ANSWERS = 6 }; /* versions 0 to 5 */

struct shard {
    struct io *io;
    struct broker *broker;
    int index; /* == io_shard(io); the control shard is broker->data_shards */
    const struct image *image;
    struct shard_data *data;   /* NULL on the control shard */
    struct control *control;   /* NULL on data shards */
    struct conn_server server; /* data shards */
    struct metrics metrics;
    struct fetch_session_cache fetch_sessions; /* data shards; made by the first fetch that wants a session */
    struct producer_ids producer_ids;          /* data shards */
    struct convert_lane convert_lane;          /* data shards */
    struct api_versions_answer api_versions[API_VERSIONS_ANSWERS]; /* data shards */
};

struct broker {
    int32_t node_id;
    int data_shards;
    int64_t epoch; /* of this incarnation: the offset of its registration */
    struct uuid cluster_id, incarnation;
    char cluster_id_text[UUID_TEXT_SIZE];
    struct log_dirs *dirs;
    uint16_t *ports;      /* by listener: the port that was bound */
    struct shard *shards; /* data_shards + 1 */
};

static inline struct shard *broker_control(struct broker *broker)
{
    return &broker->shards[broker->data_shards];
}
/* For a message that has arrived: the shard it runs on. */
static inline struct shard *broker_shard(struct broker *broker, struct io *io)
{
    return &broker->shards[io_shard(io)];
}

#endif
