/* core/wire/schema/alter_partition_reassignments.h -- AlterPartitionReassignments (api key 45). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_ALTER_PARTITION_REASSIGNMENTS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_ALTER_PARTITION_REASSIGNMENTS_H

#include "core/wire/wire.h"

#define ALTER_PARTITION_REASSIGNMENTS_REQUEST_REASSIGNABLE_PARTITION(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)                                  \
    LIST(M, i32, replicas, 0, LAST, 0, UNTAGGED)
WIRE_STRUCT(alter_partition_reassignments_request_reassignable_partition, ALTER_PARTITION_REASSIGNMENTS_REQUEST_REASSIGNABLE_PARTITION)

#define ALTER_PARTITION_REASSIGNMENTS_REQUEST_REASSIGNABLE_TOPIC(ONE, LIST, MANY, PART, M) \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                                         \
    MANY(M, alter_partition_reassignments_request_reassignable_partition, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(alter_partition_reassignments_request_reassignable_topic, ALTER_PARTITION_REASSIGNMENTS_REQUEST_REASSIGNABLE_TOPIC)

#define ALTER_PARTITION_REASSIGNMENTS_REQUEST(ONE, LIST, MANY, PART, M)        \
    ONE(M, i32, timeout_ms, 0, LAST, NEVER, UNTAGGED, 60000)                   \
    ONE(M, bool, allow_replication_factor_change, 1, LAST, NEVER, UNTAGGED, 1) \
    MANY(M, alter_partition_reassignments_request_reassignable_topic, topics, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(alter_partition_reassignments_request, ALTER_PARTITION_REASSIGNMENTS_REQUEST)

WIRE_SCHEMA(alter_partition_reassignments_request, AlterPartitionReassignmentsRequest, 45, 0, 1, 0)

#define ALTER_PARTITION_REASSIGNMENTS_RESPONSE_REASSIGNABLE_PARTITION_RESPONSE(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)                                            \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                                                 \
    ONE(M, str, error_message, 0, LAST, 0, UNTAGGED, 0)
WIRE_STRUCT(alter_partition_reassignments_response_reassignable_partition_response, ALTER_PARTITION_REASSIGNMENTS_RESPONSE_REASSIGNABLE_PARTITION_RESPONSE)

#define ALTER_PARTITION_REASSIGNMENTS_RESPONSE_REASSIGNABLE_TOPIC_RESPONSE(ONE, LIST, MANY, PART, M) \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                                                   \
    MANY(M, alter_partition_reassignments_response_reassignable_partition_response, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(alter_partition_reassignments_response_reassignable_topic_response, ALTER_PARTITION_REASSIGNMENTS_RESPONSE_REASSIGNABLE_TOPIC_RESPONSE)

#define ALTER_PARTITION_REASSIGNMENTS_RESPONSE(ONE, LIST, MANY, PART, M)       \
    ONE(M, i32, throttle_time_ms, 0, LAST, NEVER, UNTAGGED, 0)                 \
    ONE(M, bool, allow_replication_factor_change, 1, LAST, NEVER, UNTAGGED, 1) \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                       \
    ONE(M, str, error_message, 0, LAST, 0, UNTAGGED, 0)                        \
    MANY(M, alter_partition_reassignments_response_reassignable_topic_response, responses, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(alter_partition_reassignments_response, ALTER_PARTITION_REASSIGNMENTS_RESPONSE)

WIRE_SCHEMA(alter_partition_reassignments_response, AlterPartitionReassignmentsResponse, 45, 0, 1, 0)

#endif
