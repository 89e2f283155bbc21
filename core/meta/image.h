/* core/meta/image.h -- the cluster as of one offset of the metadata log: an immutable value.
 *
 *   records --> image_builder (base image + drafts of what changes) --> next image --> published to every shard
 *
 * An image is a pure fold: the same records give the same image, whatever batches or snapshots they came in. Topics
 * that did not change are the same objects in both images (counted references), so that one changed partition costs one
 * topic and two tables of pointers, not a copy of the cluster.
 *
 * Core:   made and released on the control shard; read by every shard that was handed the pointer, until it has
 *         acknowledged a newer one. Readers never touch reference counts.
 * Memory: the mem given to the first builder (the control shard's). image_release gives back what no other image holds.
 * Errors: ERR_NO_MEMORY leaves the base image as it was; ERR_CORRUPT is a record that cannot follow this image.
 * Rules:  Kafka's metadata records (KIP-500, KIP-631), KIP-584 features, KIP-516 topic ids.
 */
#ifndef RINGMAIN_CORE_META_IMAGE_H
#define RINGMAIN_CORE_META_IMAGE_H

#include "core/config/config.h"
#include "io/base/bytes.h"
#include "io/base/err.h"
#include "io/base/hash.h"

struct image_partition {
    int32_t leader; /* -1: none */
    int32_t leader_epoch;
    int32_t partition_epoch;
    int32_t replica_count, isr_count, adding_count, removing_count, elr_count, last_known_elr_count;
    const int32_t *replicas, *isr, *adding, *removing, *elr, *last_known_elr;
    const struct uuid *directories; /* replica_count of them, or NULL */
    int8_t leader_recovery_state;
};

struct image_topic {
    const char *name; /* NUL-terminated */
    size_t name_length;
    struct uuid id;
    int32_t partition_count;
    const struct image_partition *partitions; /* by partition index, without holes */
    const struct config_setting *overrides;   /* sorted by name */
    int32_t override_count;
    bool is_internal;
    struct topic_config config; /* overrides on top of the broker's defaults */
    size_t _size;
    int32_t _references;
};

struct image_endpoint {
    const char *name, *host;
    uint16_t port;
    int16_t security;
};

struct image_supported_feature {
    const char *name;
    int16_t min, max;
};

struct image_broker {
    int32_t id;
    int64_t epoch;
    struct uuid incarnation;
    const char *rack; /* NULL: none */
    bool fenced, in_controlled_shutdown;
    const struct image_endpoint *endpoints;
    int32_t endpoint_count;
    const struct image_supported_feature *features;
    int32_t feature_count;
    const struct uuid *log_dirs;
    int32_t log_dir_count;
};

struct image_feature {
    const char *name;
    int16_t level;
};

/* Dynamic configuration of a resource that is not a topic (brokers; an empty name is the cluster default). */
struct image_resource {
    int8_t type; /* enum config_resource */
    const char *name;
    struct config_settings settings; /* sorted by name */
};

enum config_resource {
    CONFIG_RESOURCE_TOPIC = 2,
    CONFIG_RESOURCE_BROKER = 4,
    CONFIG_RESOURCE_BROKER_LOGGER = 8,
    CONFIG_RESOURCE_CLIENT_METRICS = 16,
    CONFIG_RESOURCE_GROUP = 32,
};

struct image {
    int64_t offset; /* of the last record in it; -1: none */
    int32_t epoch;  /* of that record */
    struct uuid cluster_id;
    int32_t node_id;
    struct image_topic **topics; /* sorted by name */
    int32_t topic_count, _topic_capacity;
    int64_t partition_count; /* of all topics */
    struct map _by_name, _by_id;
    struct image_broker *brokers; /* sorted by id */
    int32_t broker_count;
    struct image_feature *features; /* finalized levels, sorted by name */
    int32_t feature_count;
    struct image_resource *resources; /* sorted by type and name */
    int32_t resource_count;
    int64_t next_producer_id;
    const struct broker_config *config; /* this node's: file, cluster default, this broker */
    struct config_layers layers;        /* what config was made from, for DescribeConfigs */
    int32_t _references;
    struct image_shared *_shared; /* holds brokers, features, resources and config; counted like a topic */
};

const struct image_topic *image_topic_by_name(const struct image *image, struct slice name); /* NULL: unknown */
const struct image_topic *image_topic_by_id(const struct image *image, struct uuid id);
const struct image_partition *image_partition_at(const struct image_topic *topic, int32_t partition); /* NULL */
const struct image_broker *image_broker_by_id(const struct image *image, int32_t id);
const struct image_resource *image_resource_of(const struct image *image, int8_t type, struct slice name);
const struct image_feature *image_feature_named(const struct image *image, const char *name);

/* ---- making images (control shard) ------------------------------------------------------------------------------ */

/* What a node knows before it has read any record. `settings` must outlive every image made from it. */
struct image_node {
    int32_t node_id;
    struct uuid cluster_id;
    const struct config_settings *settings;
};

/* The empty image of a node. The settings have passed config_load before: ERR_INVALID when they do not. */
enum err image_first(struct mem *mem, const struct image_node *node, struct image **image) MUST_CHECK;
struct image *image_retain(struct image *image);
void image_release(struct mem *mem, struct image *image); /* NULL is allowed */

/* ---- what changed between two images, for shards to apply -------------------------------------------------------- */

/* Calls for every topic that differs, in name order, both given when it exists in both (recreated under the same name:
 * first (old, NULL), then (NULL, new)). Cheap: unchanged topics are the same object. before may be NULL. A false stops.
 */
struct image_differ {
    bool (*topic)(struct image_differ *differ, const struct image_topic *before, const struct image_topic *after);
};
void image_diff(const struct image *before, const struct image *after, struct image_differ *differ);

#endif
