/* core/wire/schema/metadata.h -- Metadata (api key 3). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_METADATA_H
#define RINGMAIN_CORE_WIRE_SCHEMA_METADATA_H

#include "core/wire/wire.h"

#define METADATA_REQUEST_METADATA_REQUEST_TOPIC(ONE, LIST, MANY, PART, M) \
    ONE(M, uuid, topic_id, 10, LAST, NEVER, UNTAGGED, 0)                  \
    ONE(M, str, name, 0, LAST, 10, UNTAGGED, 0)
WIRE_STRUCT(metadata_request_metadata_request_topic, METADATA_REQUEST_METADATA_REQUEST_TOPIC)

#define METADATA_REQUEST(ONE, LIST, MANY, PART, M)                                 \
    MANY(M, metadata_request_metadata_request_topic, topics, 0, LAST, 1, UNTAGGED) \
    ONE(M, bool, allow_auto_topic_creation, 4, LAST, NEVER, UNTAGGED, 1)           \
    ONE(M, bool, include_cluster_authorized_operations, 8, 10, NEVER, UNTAGGED, 0) \
    ONE(M, bool, include_topic_authorized_operations, 8, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(metadata_request, METADATA_REQUEST)

WIRE_SCHEMA(metadata_request, MetadataRequest, 3, 0, 13, 9)

#define METADATA_RESPONSE_METADATA_RESPONSE_BROKER(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, node_id, 0, LAST, NEVER, UNTAGGED, 0)                        \
    ONE(M, str, host, 0, LAST, NEVER, UNTAGGED, 0)                           \
    ONE(M, i32, port, 0, LAST, NEVER, UNTAGGED, 0)                           \
    ONE(M, str, rack, 1, LAST, 1, UNTAGGED, DEFAULT_NULL)
WIRE_STRUCT(metadata_response_metadata_response_broker, METADATA_RESPONSE_METADATA_RESPONSE_BROKER)

#define METADATA_RESPONSE_METADATA_RESPONSE_PARTITION(ONE, LIST, MANY, PART, M) \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                        \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)                   \
    ONE(M, i32, leader_id, 0, LAST, NEVER, UNTAGGED, 0)                         \
    ONE(M, i32, leader_epoch, 7, LAST, NEVER, UNTAGGED, -1)                     \
    LIST(M, i32, replica_nodes, 0, LAST, NEVER, UNTAGGED)                       \
    LIST(M, i32, isr_nodes, 0, LAST, NEVER, UNTAGGED)                           \
    LIST(M, i32, offline_replicas, 5, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(metadata_response_metadata_response_partition, METADATA_RESPONSE_METADATA_RESPONSE_PARTITION)

#define METADATA_RESPONSE_METADATA_RESPONSE_TOPIC(ONE, LIST, MANY, PART, M)                      \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                                         \
    ONE(M, str, name, 0, LAST, 12, UNTAGGED, 0)                                                  \
    ONE(M, uuid, topic_id, 10, LAST, NEVER, UNTAGGED, 0)                                         \
    ONE(M, bool, is_internal, 1, LAST, NEVER, UNTAGGED, 0)                                       \
    MANY(M, metadata_response_metadata_response_partition, partitions, 0, LAST, NEVER, UNTAGGED) \
    ONE(M, i32, topic_authorized_operations, 8, LAST, NEVER, UNTAGGED, INT32_MIN)
WIRE_STRUCT(metadata_response_metadata_response_topic, METADATA_RESPONSE_METADATA_RESPONSE_TOPIC)

#define METADATA_RESPONSE(ONE, LIST, MANY, PART, M)                                        \
    ONE(M, i32, throttle_time_ms, 3, LAST, NEVER, UNTAGGED, 0)                             \
    MANY(M, metadata_response_metadata_response_broker, brokers, 0, LAST, NEVER, UNTAGGED) \
    ONE(M, str, cluster_id, 2, LAST, 2, UNTAGGED, DEFAULT_NULL)                            \
    ONE(M, i32, controller_id, 1, LAST, NEVER, UNTAGGED, -1)                               \
    MANY(M, metadata_response_metadata_response_topic, topics, 0, LAST, NEVER, UNTAGGED)   \
    ONE(M, i32, cluster_authorized_operations, 8, 10, NEVER, UNTAGGED, INT32_MIN)          \
    ONE(M, i16, error_code, 13, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(metadata_response, METADATA_RESPONSE)

WIRE_SCHEMA(metadata_response, MetadataResponse, 3, 0, 13, 9)

#endif
