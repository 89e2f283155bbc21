/* core/wire/schema/offset_delete.h -- OffsetDelete (api key 47). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_OFFSET_DELETE_H
#define RINGMAIN_CORE_WIRE_SCHEMA_OFFSET_DELETE_H

#include "core/wire/wire.h"

#define OFFSET_DELETE_REQUEST_OFFSET_DELETE_REQUEST_PARTITION(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(offset_delete_request_offset_delete_request_partition, OFFSET_DELETE_REQUEST_OFFSET_DELETE_REQUEST_PARTITION)

#define OFFSET_DELETE_REQUEST_OFFSET_DELETE_REQUEST_TOPIC(ONE, LIST, MANY, PART, M)                      \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                                                       \
    MANY(M, offset_delete_request_offset_delete_request_partition, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(offset_delete_request_offset_delete_request_topic, OFFSET_DELETE_REQUEST_OFFSET_DELETE_REQUEST_TOPIC)

#define OFFSET_DELETE_REQUEST(ONE, LIST, MANY, PART, M)                                          \
    ONE(M, str, group_id, 0, LAST, NEVER, UNTAGGED, 0)                                           \
    MANY(M, offset_delete_request_offset_delete_request_topic, topics, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(offset_delete_request, OFFSET_DELETE_REQUEST)

WIRE_SCHEMA(offset_delete_request, OffsetDeleteRequest, 47, 0, 0, NEVER)

#define OFFSET_DELETE_RESPONSE_OFFSET_DELETE_RESPONSE_PARTITION(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)                             \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(offset_delete_response_offset_delete_response_partition, OFFSET_DELETE_RESPONSE_OFFSET_DELETE_RESPONSE_PARTITION)

#define OFFSET_DELETE_RESPONSE_OFFSET_DELETE_RESPONSE_TOPIC(ONE, LIST, MANY, PART, M)                      \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                                                         \
    MANY(M, offset_delete_response_offset_delete_response_partition, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(offset_delete_response_offset_delete_response_topic, OFFSET_DELETE_RESPONSE_OFFSET_DELETE_RESPONSE_TOPIC)

#define OFFSET_DELETE_RESPONSE(ONE, LIST, MANY, PART, M)                                           \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                                           \
    ONE(M, i32, throttle_time_ms, 0, LAST, NEVER, UNTAGGED, 0)                                     \
    MANY(M, offset_delete_response_offset_delete_response_topic, topics, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(offset_delete_response, OFFSET_DELETE_RESPONSE)

WIRE_SCHEMA(offset_delete_response, OffsetDeleteResponse, 47, 0, 0, NEVER)

#endif
