/* core/wire/schema/describe_topic_partitions.h -- DescribeTopicPartitions (api key 75). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_DESCRIBE_TOPIC_PARTITIONS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_DESCRIBE_TOPIC_PARTITIONS_H

#include "core/wire/wire.h"

#define DESCRIBE_TOPIC_PARTITIONS_REQUEST_TOPIC_REQUEST(ONE, LIST, MANY, PART, M) \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(describe_topic_partitions_request_topic_request, DESCRIBE_TOPIC_PARTITIONS_REQUEST_TOPIC_REQUEST)

#define DESCRIBE_TOPIC_PARTITIONS_REQUEST_CURSOR(ONE, LIST, MANY, PART, M) \
    ONE(M, str, topic_name, 0, LAST, NEVER, UNTAGGED, 0)                   \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(describe_topic_partitions_request_cursor, DESCRIBE_TOPIC_PARTITIONS_REQUEST_CURSOR)

#define DESCRIBE_TOPIC_PARTITIONS_REQUEST(ONE, LIST, MANY, PART, M)                            \
    MANY(M, describe_topic_partitions_request_topic_request, topics, 0, LAST, NEVER, UNTAGGED) \
    ONE(M, i32, response_partition_limit, 0, LAST, NEVER, UNTAGGED, 2000)                      \
    PART(M, describe_topic_partitions_request_cursor, cursor, 0, LAST, 0, UNTAGGED)
WIRE_STRUCT(describe_topic_partitions_request, DESCRIBE_TOPIC_PARTITIONS_REQUEST)

WIRE_SCHEMA(describe_topic_partitions_request, DescribeTopicPartitionsRequest, 75, 0, 0, 0)

#define DESCRIBE_TOPIC_PARTITIONS_RESPONSE_DESCRIBE_TOPIC_PARTITIONS_RESPONSE_PARTITION(ONE, LIST, MANY, PART, M) \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                                                          \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)                                                     \
    ONE(M, i32, leader_id, 0, LAST, NEVER, UNTAGGED, 0)                                                           \
    ONE(M, i32, leader_epoch, 0, LAST, NEVER, UNTAGGED, -1)                                                       \
    LIST(M, i32, replica_nodes, 0, LAST, NEVER, UNTAGGED)                                                         \
    LIST(M, i32, isr_nodes, 0, LAST, NEVER, UNTAGGED)                                                             \
    LIST(M, i32, eligible_leader_replicas, 0, LAST, 0, UNTAGGED)                                                  \
    LIST(M, i32, last_known_elr, 0, LAST, 0, UNTAGGED)                                                            \
    LIST(M, i32, offline_replicas, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(describe_topic_partitions_response_describe_topic_partitions_response_partition, DESCRIBE_TOPIC_PARTITIONS_RESPONSE_DESCRIBE_TOPIC_PARTITIONS_RESPONSE_PARTITION)

#define DESCRIBE_TOPIC_PARTITIONS_RESPONSE_DESCRIBE_TOPIC_PARTITIONS_RESPONSE_TOPIC(ONE, LIST, MANY, PART, M)                      \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                                                                           \
    ONE(M, str, name, 0, LAST, 0, UNTAGGED, 0)                                                                                     \
    ONE(M, uuid, topic_id, 0, LAST, NEVER, UNTAGGED, 0)                                                                            \
    ONE(M, bool, is_internal, 0, LAST, NEVER, UNTAGGED, 0)                                                                         \
    MANY(M, describe_topic_partitions_response_describe_topic_partitions_response_partition, partitions, 0, LAST, NEVER, UNTAGGED) \
    ONE(M, i32, topic_authorized_operations, 0, LAST, NEVER, UNTAGGED, INT32_MIN)
WIRE_STRUCT(describe_topic_partitions_response_describe_topic_partitions_response_topic, DESCRIBE_TOPIC_PARTITIONS_RESPONSE_DESCRIBE_TOPIC_PARTITIONS_RESPONSE_TOPIC)

#define DESCRIBE_TOPIC_PARTITIONS_RESPONSE_CURSOR(ONE, LIST, MANY, PART, M) \
    ONE(M, str, topic_name, 0, LAST, NEVER, UNTAGGED, 0)                    \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(describe_topic_partitions_response_cursor, DESCRIBE_TOPIC_PARTITIONS_RESPONSE_CURSOR)

#define DESCRIBE_TOPIC_PARTITIONS_RESPONSE(ONE, LIST, MANY, PART, M)                                                       \
    ONE(M, i32, throttle_time_ms, 0, LAST, NEVER, UNTAGGED, 0)                                                             \
    MANY(M, describe_topic_partitions_response_describe_topic_partitions_response_topic, topics, 0, LAST, NEVER, UNTAGGED) \
    PART(M, describe_topic_partitions_response_cursor, next_cursor, 0, LAST, 0, UNTAGGED)
WIRE_STRUCT(describe_topic_partitions_response, DESCRIBE_TOPIC_PARTITIONS_RESPONSE)

WIRE_SCHEMA(describe_topic_partitions_response, DescribeTopicPartitionsResponse, 75, 0, 0, 0)

#endif
