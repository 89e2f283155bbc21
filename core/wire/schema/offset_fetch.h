/* core/wire/schema/offset_fetch.h -- OffsetFetch (api key 9). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_OFFSET_FETCH_H
#define RINGMAIN_CORE_WIRE_SCHEMA_OFFSET_FETCH_H

#include "core/wire/wire.h"

#define OFFSET_FETCH_REQUEST_OFFSET_FETCH_REQUEST_TOPIC(ONE, LIST, MANY, PART, M) \
    ONE(M, str, name, 0, 7, NEVER, UNTAGGED, 0)                                   \
    LIST(M, i32, partition_indexes, 0, 7, NEVER, UNTAGGED)
WIRE_STRUCT(offset_fetch_request_offset_fetch_request_topic, OFFSET_FETCH_REQUEST_OFFSET_FETCH_REQUEST_TOPIC)

#define OFFSET_FETCH_REQUEST_OFFSET_FETCH_REQUEST_TOPICS(ONE, LIST, MANY, PART, M) \
    ONE(M, str, name, 8, 9, NEVER, UNTAGGED, 0)                                    \
    ONE(M, uuid, topic_id, 10, LAST, NEVER, UNTAGGED, 0)                           \
    LIST(M, i32, partition_indexes, 8, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(offset_fetch_request_offset_fetch_request_topics, OFFSET_FETCH_REQUEST_OFFSET_FETCH_REQUEST_TOPICS)

#define OFFSET_FETCH_REQUEST_OFFSET_FETCH_REQUEST_GROUP(ONE, LIST, MANY, PART, M)           \
    ONE(M, str, group_id, 8, LAST, NEVER, UNTAGGED, 0)                                      \
    ONE(M, str, member_id, 9, LAST, 9, UNTAGGED, DEFAULT_NULL)                              \
    ONE(M, i32, member_epoch, 9, LAST, NEVER, UNTAGGED, -1)                                 \
    MANY(M, offset_fetch_request_offset_fetch_request_topics, topics, 8, LAST, 8, UNTAGGED)
WIRE_STRUCT(offset_fetch_request_offset_fetch_request_group, OFFSET_FETCH_REQUEST_OFFSET_FETCH_REQUEST_GROUP)

#define OFFSET_FETCH_REQUEST(ONE, LIST, MANY, PART, M)                                         \
    ONE(M, str, group_id, 0, 7, NEVER, UNTAGGED, 0)                                            \
    MANY(M, offset_fetch_request_offset_fetch_request_topic, topics, 0, 7, 2, UNTAGGED)        \
    MANY(M, offset_fetch_request_offset_fetch_request_group, groups, 8, LAST, NEVER, UNTAGGED) \
    ONE(M, bool, require_stable, 7, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(offset_fetch_request, OFFSET_FETCH_REQUEST)

WIRE_SCHEMA(offset_fetch_request, OffsetFetchRequest, 9, 1, 10, 6)

#define OFFSET_FETCH_RESPONSE_OFFSET_FETCH_RESPONSE_PARTITION(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, partition_index, 0, 7, NEVER, UNTAGGED, 0)                              \
    ONE(M, i64, committed_offset, 0, 7, NEVER, UNTAGGED, 0)                             \
    ONE(M, i32, committed_leader_epoch, 5, 7, NEVER, UNTAGGED, -1)                      \
    ONE(M, str, metadata, 0, 7, 0, UNTAGGED, 0)                                         \
    ONE(M, i16, error_code, 0, 7, NEVER, UNTAGGED, 0)
WIRE_STRUCT(offset_fetch_response_offset_fetch_response_partition, OFFSET_FETCH_RESPONSE_OFFSET_FETCH_RESPONSE_PARTITION)

#define OFFSET_FETCH_RESPONSE_OFFSET_FETCH_RESPONSE_TOPIC(ONE, LIST, MANY, PART, M)                   \
    ONE(M, str, name, 0, 7, NEVER, UNTAGGED, 0)                                                       \
    MANY(M, offset_fetch_response_offset_fetch_response_partition, partitions, 0, 7, NEVER, UNTAGGED)
WIRE_STRUCT(offset_fetch_response_offset_fetch_response_topic, OFFSET_FETCH_RESPONSE_OFFSET_FETCH_RESPONSE_TOPIC)

#define OFFSET_FETCH_RESPONSE_OFFSET_FETCH_RESPONSE_PARTITIONS(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, partition_index, 8, LAST, NEVER, UNTAGGED, 0)                            \
    ONE(M, i64, committed_offset, 8, LAST, NEVER, UNTAGGED, 0)                           \
    ONE(M, i32, committed_leader_epoch, 8, LAST, NEVER, UNTAGGED, -1)                    \
    ONE(M, str, metadata, 8, LAST, 8, UNTAGGED, 0)                                       \
    ONE(M, i16, error_code, 8, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(offset_fetch_response_offset_fetch_response_partitions, OFFSET_FETCH_RESPONSE_OFFSET_FETCH_RESPONSE_PARTITIONS)

#define OFFSET_FETCH_RESPONSE_OFFSET_FETCH_RESPONSE_TOPICS(ONE, LIST, MANY, PART, M)                      \
    ONE(M, str, name, 8, 9, NEVER, UNTAGGED, 0)                                                           \
    ONE(M, uuid, topic_id, 10, LAST, NEVER, UNTAGGED, 0)                                                  \
    MANY(M, offset_fetch_response_offset_fetch_response_partitions, partitions, 8, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(offset_fetch_response_offset_fetch_response_topics, OFFSET_FETCH_RESPONSE_OFFSET_FETCH_RESPONSE_TOPICS)

#define OFFSET_FETCH_RESPONSE_OFFSET_FETCH_RESPONSE_GROUP(ONE, LIST, MANY, PART, M)               \
    ONE(M, str, group_id, 8, LAST, NEVER, UNTAGGED, 0)                                            \
    MANY(M, offset_fetch_response_offset_fetch_response_topics, topics, 8, LAST, NEVER, UNTAGGED) \
    ONE(M, i16, error_code, 8, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(offset_fetch_response_offset_fetch_response_group, OFFSET_FETCH_RESPONSE_OFFSET_FETCH_RESPONSE_GROUP)

#define OFFSET_FETCH_RESPONSE(ONE, LIST, MANY, PART, M)                                          \
    ONE(M, i32, throttle_time_ms, 3, LAST, NEVER, UNTAGGED, 0)                                   \
    MANY(M, offset_fetch_response_offset_fetch_response_topic, topics, 0, 7, NEVER, UNTAGGED)    \
    ONE(M, i16, error_code, 2, 7, NEVER, UNTAGGED, 0)                                            \
    MANY(M, offset_fetch_response_offset_fetch_response_group, groups, 8, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(offset_fetch_response, OFFSET_FETCH_RESPONSE)

WIRE_SCHEMA(offset_fetch_response, OffsetFetchResponse, 9, 1, 10, 6)

#endif
