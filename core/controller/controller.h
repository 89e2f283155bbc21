/* core/controller/controller.h -- what the cluster decides: a request and an image in, records and an answer out.
 *
 * Pure: nothing is written or sent here. The caller proposes `records` (none: there is nothing to do, or the request
 * only wanted to know) and sends the answer when they are committed and applied.
 *
 * Invariants: the records can follow the image; what failed for one topic or resource leaves no record of it.
 * Core: control shard. Memory: everything comes from the arena; answers may point into the request and the image.
 * Errors: ERR_NO_MEMORY only; all else is a Kafka code and message in the answer, as Kafka 4.3's ControllerApis,
 * ReplicationControlManager, ConfigurationControlManager and ConfigAdminManager give them. The messages are part of
 * what tools show, so they are Kafka's.
 */
#ifndef RINGMAIN_CORE_CONTROLLER_CONTROLLER_H
#define RINGMAIN_CORE_CONTROLLER_CONTROLLER_H

#include "core/meta/image.h"
#include "core/meta/record.h"
#include "core/wire/error.h"
#include "core/wire/messages.h"

/* New topic ids; never one that is in use or reserved. */
struct controller_ids {
    struct uuid (*next)(struct controller_ids *ids);
};

struct controller {
    const struct image *image;
    struct arena *arena;
    struct controller_ids *ids;  /* only for creating topics */
    struct meta_records records; /* out */
};

/* The topics in which coordinators keep their records. */
#define CONTROLLER_GROUP_TOPIC       "__consumer_offsets"
#define CONTROLLER_TRANSACTION_TOPIC "__transaction_state"

enum { CONTROLLER_PARTITIONS_MAX = 10000, CONTROLLER_PRODUCER_IDS = 1000, CONTROLLER_SETTINGS_MAX = 1000 };

/* The reason is Kafka's, NULL: the name is good. */
const char *controller_topic_name_problem(struct slice name, struct arena *arena);

enum err controller_create_topics(struct controller *controller, const struct create_topics_request *request,
                                  struct create_topics_response *response) MUST_CHECK;
enum err controller_delete_topics(struct controller *controller, int16_t version,
                                  const struct delete_topics_request *request,
                                  struct delete_topics_response *response) MUST_CHECK;
enum err controller_create_partitions(struct controller *controller, const struct create_partitions_request *request,
                                      struct create_partitions_response *response) MUST_CHECK;
/* One topic that somebody needs and nobody has made, with the node's defaults; the coordinators' own topics with their
 * own settings. The answer's only topic holds the result. */
enum err controller_auto_create(struct controller *controller, struct slice name,
                                struct create_topics_response *response) MUST_CHECK;

enum err controller_alter_configs(struct controller *controller, const struct alter_configs_request *request,
                                  struct alter_configs_response *response) MUST_CHECK;
enum err controller_incremental_alter_configs(struct controller *controller,
                                              const struct incremental_alter_configs_request *request,
                                              struct incremental_alter_configs_response *response) MUST_CHECK;
/* Reads only; any shard may call the next two with its image. */
enum err controller_describe_configs(const struct image *image, struct arena *arena,
                                     const struct describe_configs_request *request,
                                     struct describe_configs_response *response) MUST_CHECK;
enum err controller_list_config_resources(const struct image *image, struct arena *arena, int16_t version,
                                          const struct list_config_resources_request *request,
                                          struct list_config_resources_response *response) MUST_CHECK;

/* Nothing comes of these in a cluster of one node but the answer. */
enum err controller_elect_leaders(const struct image *image, struct arena *arena,
                                  const struct elect_leaders_request *request,
                                  struct elect_leaders_response *response) MUST_CHECK;
enum err controller_alter_reassignments(struct controller *controller,
                                        const struct alter_partition_reassignments_request *request,
                                        struct alter_partition_reassignments_response *response) MUST_CHECK;

/* Leaders out of those who were in sync last (KIP-966). With it min.insync.replicas is the cluster's only. */
#define CONTROLLER_ELR_FEATURE "eligible.leader.replicas.version"

/* All or none of them; the first that cannot be is the answer. */
enum err controller_update_features(struct controller *controller, const struct update_features_request *request,
                                    struct update_features_response *response) MUST_CHECK;
/* The next CONTROLLER_PRODUCER_IDS producer ids for this node. */
enum err controller_producer_ids(struct controller *controller, int64_t *first) MUST_CHECK;

/* This node in the cluster, as it starts. In an empty cluster the feature levels come first. */
struct controller_feature {
    const char *name;
    int16_t min, max;
    int16_t fresh; /* the level that a new cluster begins with; 0: none */
};
struct controller_registration {
    struct uuid incarnation;
    int64_t epoch; /* of this incarnation: larger than any before, e.g. the offset of the registration */
    const struct image_endpoint *endpoints;
    int endpoint_count;
    const struct uuid *log_dirs;
    int log_dir_count;
    const struct controller_feature *features;
    int feature_count;
};
enum err controller_register_broker(struct controller *controller,
                                    const struct controller_registration *registration) MUST_CHECK;

#endif
