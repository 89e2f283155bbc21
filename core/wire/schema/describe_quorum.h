/* core/wire/schema/describe_quorum.h -- DescribeQuorum (api key 55). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_DESCRIBE_QUORUM_H
#define RINGMAIN_CORE_WIRE_SCHEMA_DESCRIBE_QUORUM_H

#include "core/wire/wire.h"

#define DESCRIBE_QUORUM_REQUEST_PARTITION_DATA(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(describe_quorum_request_partition_data, DESCRIBE_QUORUM_REQUEST_PARTITION_DATA)

#define DESCRIBE_QUORUM_REQUEST_TOPIC_DATA(ONE, LIST, MANY, PART, M) \
    ONE(M, str, topic_name, 0, LAST, NEVER, UNTAGGED, 0)             \
    MANY(M, describe_quorum_request_partition_data, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(describe_quorum_request_topic_data, DESCRIBE_QUORUM_REQUEST_TOPIC_DATA)

#define DESCRIBE_QUORUM_REQUEST(ONE, LIST, MANY, PART, M) \
    MANY(M, describe_quorum_request_topic_data, topics, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(describe_quorum_request, DESCRIBE_QUORUM_REQUEST)

WIRE_SCHEMA(describe_quorum_request, DescribeQuorumRequest, 55, 0, 2, 0)

#define DESCRIBE_QUORUM_RESPONSE_REPLICA_STATE(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, replica_id, 0, LAST, NEVER, UNTAGGED, 0)                 \
    ONE(M, uuid, replica_directory_id, 2, LAST, NEVER, UNTAGGED, 0)      \
    ONE(M, i64, log_end_offset, 0, LAST, NEVER, UNTAGGED, 0)             \
    ONE(M, i64, last_fetch_timestamp, 1, LAST, NEVER, UNTAGGED, -1)      \
    ONE(M, i64, last_caught_up_timestamp, 1, LAST, NEVER, UNTAGGED, -1)
WIRE_STRUCT(describe_quorum_response_replica_state, DESCRIBE_QUORUM_RESPONSE_REPLICA_STATE)

#define DESCRIBE_QUORUM_RESPONSE_PARTITION_DATA(ONE, LIST, MANY, PART, M)                     \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)                                 \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                                      \
    ONE(M, str, error_message, 2, LAST, 2, UNTAGGED, 0)                                       \
    ONE(M, i32, leader_id, 0, LAST, NEVER, UNTAGGED, 0)                                       \
    ONE(M, i32, leader_epoch, 0, LAST, NEVER, UNTAGGED, 0)                                    \
    ONE(M, i64, high_watermark, 0, LAST, NEVER, UNTAGGED, 0)                                  \
    MANY(M, describe_quorum_response_replica_state, current_voters, 0, LAST, NEVER, UNTAGGED) \
    MANY(M, describe_quorum_response_replica_state, observers, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(describe_quorum_response_partition_data, DESCRIBE_QUORUM_RESPONSE_PARTITION_DATA)

#define DESCRIBE_QUORUM_RESPONSE_TOPIC_DATA(ONE, LIST, MANY, PART, M) \
    ONE(M, str, topic_name, 0, LAST, NEVER, UNTAGGED, 0)              \
    MANY(M, describe_quorum_response_partition_data, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(describe_quorum_response_topic_data, DESCRIBE_QUORUM_RESPONSE_TOPIC_DATA)

#define DESCRIBE_QUORUM_RESPONSE_LISTENER(ONE, LIST, MANY, PART, M) \
    ONE(M, str, name, 2, LAST, NEVER, UNTAGGED, 0)                  \
    ONE(M, str, host, 2, LAST, NEVER, UNTAGGED, 0)                  \
    ONE(M, u16, port, 2, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(describe_quorum_response_listener, DESCRIBE_QUORUM_RESPONSE_LISTENER)

#define DESCRIBE_QUORUM_RESPONSE_NODE(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, node_id, 2, LAST, NEVER, UNTAGGED, 0)           \
    MANY(M, describe_quorum_response_listener, listeners, 2, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(describe_quorum_response_node, DESCRIBE_QUORUM_RESPONSE_NODE)

#define DESCRIBE_QUORUM_RESPONSE(ONE, LIST, MANY, PART, M)                         \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                           \
    ONE(M, str, error_message, 2, LAST, 2, UNTAGGED, 0)                            \
    MANY(M, describe_quorum_response_topic_data, topics, 0, LAST, NEVER, UNTAGGED) \
    MANY(M, describe_quorum_response_node, nodes, 2, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(describe_quorum_response, DESCRIBE_QUORUM_RESPONSE)

WIRE_SCHEMA(describe_quorum_response, DescribeQuorumResponse, 55, 0, 2, 0)

#endif
