/* core/wire/schema/list_offsets.h -- ListOffsets (api key 2). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_LIST_OFFSETS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_LIST_OFFSETS_H

#include "core/wire/wire.h"

#define LIST_OFFSETS_REQUEST_LIST_OFFSETS_PARTITION(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)                 \
    ONE(M, i32, current_leader_epoch, 4, LAST, NEVER, UNTAGGED, -1)           \
    ONE(M, i64, timestamp, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(list_offsets_request_list_offsets_partition, LIST_OFFSETS_REQUEST_LIST_OFFSETS_PARTITION)

#define LIST_OFFSETS_REQUEST_LIST_OFFSETS_TOPIC(ONE, LIST, MANY, PART, M)                      \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                                             \
    MANY(M, list_offsets_request_list_offsets_partition, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(list_offsets_request_list_offsets_topic, LIST_OFFSETS_REQUEST_LIST_OFFSETS_TOPIC)

#define LIST_OFFSETS_REQUEST(ONE, LIST, MANY, PART, M)                                 \
    ONE(M, i32, replica_id, 0, LAST, NEVER, UNTAGGED, 0)                               \
    ONE(M, i8, isolation_level, 2, LAST, NEVER, UNTAGGED, 0)                           \
    MANY(M, list_offsets_request_list_offsets_topic, topics, 0, LAST, NEVER, UNTAGGED) \
    ONE(M, i32, timeout_ms, 10, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(list_offsets_request, LIST_OFFSETS_REQUEST)

WIRE_SCHEMA(list_offsets_request, ListOffsetsRequest, 2, 1, 11, 6)

#define LIST_OFFSETS_RESPONSE_LIST_OFFSETS_PARTITION_RESPONSE(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)                           \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                                \
    ONE(M, i64, timestamp, 1, LAST, NEVER, UNTAGGED, -1)                                \
    ONE(M, i64, offset, 1, LAST, NEVER, UNTAGGED, -1)                                   \
    ONE(M, i32, leader_epoch, 4, LAST, NEVER, UNTAGGED, -1)
WIRE_STRUCT(list_offsets_response_list_offsets_partition_response, LIST_OFFSETS_RESPONSE_LIST_OFFSETS_PARTITION_RESPONSE)

#define LIST_OFFSETS_RESPONSE_LIST_OFFSETS_TOPIC_RESPONSE(ONE, LIST, MANY, PART, M)                      \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                                                       \
    MANY(M, list_offsets_response_list_offsets_partition_response, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(list_offsets_response_list_offsets_topic_response, LIST_OFFSETS_RESPONSE_LIST_OFFSETS_TOPIC_RESPONSE)

#define LIST_OFFSETS_RESPONSE(ONE, LIST, MANY, PART, M)                                          \
    ONE(M, i32, throttle_time_ms, 2, LAST, NEVER, UNTAGGED, 0)                                   \
    MANY(M, list_offsets_response_list_offsets_topic_response, topics, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(list_offsets_response, LIST_OFFSETS_RESPONSE)

WIRE_SCHEMA(list_offsets_response, ListOffsetsResponse, 2, 1, 11, 6)

#endif
