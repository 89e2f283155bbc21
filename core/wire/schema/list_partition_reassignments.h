/* core/wire/schema/list_partition_reassignments.h -- ListPartitionReassignments (api key 46). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_LIST_PARTITION_REASSIGNMENTS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_LIST_PARTITION_REASSIGNMENTS_H

#include "core/wire/wire.h"

#define LIST_PARTITION_REASSIGNMENTS_REQUEST_LIST_PARTITION_REASSIGNMENTS_TOPICS(ONE, LIST, MANY, PART, M) \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                                                         \
    LIST(M, i32, partition_indexes, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(list_partition_reassignments_request_list_partition_reassignments_topics, LIST_PARTITION_REASSIGNMENTS_REQUEST_LIST_PARTITION_REASSIGNMENTS_TOPICS)

#define LIST_PARTITION_REASSIGNMENTS_REQUEST(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, timeout_ms, 0, LAST, NEVER, UNTAGGED, 60000)           \
    MANY(M, list_partition_reassignments_request_list_partition_reassignments_topics, topics, 0, LAST, 0, UNTAGGED)
WIRE_STRUCT(list_partition_reassignments_request, LIST_PARTITION_REASSIGNMENTS_REQUEST)

WIRE_SCHEMA(list_partition_reassignments_request, ListPartitionReassignmentsRequest, 46, 0, 0, 0)

#define LIST_PARTITION_REASSIGNMENTS_RESPONSE_ONGOING_PARTITION_REASSIGNMENT(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)                                          \
    LIST(M, i32, replicas, 0, LAST, NEVER, UNTAGGED)                                                   \
    LIST(M, i32, adding_replicas, 0, LAST, NEVER, UNTAGGED)                                            \
    LIST(M, i32, removing_replicas, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(list_partition_reassignments_response_ongoing_partition_reassignment, LIST_PARTITION_REASSIGNMENTS_RESPONSE_ONGOING_PARTITION_REASSIGNMENT)

#define LIST_PARTITION_REASSIGNMENTS_RESPONSE_ONGOING_TOPIC_REASSIGNMENT(ONE, LIST, MANY, PART, M) \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                                                 \
    MANY(M, list_partition_reassignments_response_ongoing_partition_reassignment, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(list_partition_reassignments_response_ongoing_topic_reassignment, LIST_PARTITION_REASSIGNMENTS_RESPONSE_ONGOING_TOPIC_REASSIGNMENT)

#define LIST_PARTITION_REASSIGNMENTS_RESPONSE(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, throttle_time_ms, 0, LAST, NEVER, UNTAGGED, 0)          \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                \
    ONE(M, str, error_message, 0, LAST, 0, UNTAGGED, 0)                 \
    MANY(M, list_partition_reassignments_response_ongoing_topic_reassignment, topics, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(list_partition_reassignments_response, LIST_PARTITION_REASSIGNMENTS_RESPONSE)

WIRE_SCHEMA(list_partition_reassignments_response, ListPartitionReassignmentsResponse, 46, 0, 0, 0)

#endif
