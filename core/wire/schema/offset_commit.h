/* core/wire/schema/offset_commit.h -- OffsetCommit (api key 8). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_OFFSET_COMMIT_H
#define RINGMAIN_CORE_WIRE_SCHEMA_OFFSET_COMMIT_H

#include "core/wire/wire.h"

#define OFFSET_COMMIT_REQUEST_OFFSET_COMMIT_REQUEST_PARTITION(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)                           \
    ONE(M, i64, committed_offset, 0, LAST, NEVER, UNTAGGED, 0)                          \
    ONE(M, i32, committed_leader_epoch, 6, LAST, NEVER, UNTAGGED, -1)                   \
    ONE(M, str, committed_metadata, 0, LAST, 0, UNTAGGED, 0)
WIRE_STRUCT(offset_commit_request_offset_commit_request_partition, OFFSET_COMMIT_REQUEST_OFFSET_COMMIT_REQUEST_PARTITION)

#define OFFSET_COMMIT_REQUEST_OFFSET_COMMIT_REQUEST_TOPIC(ONE, LIST, MANY, PART, M)                      \
    ONE(M, str, name, 0, 9, NEVER, UNTAGGED, 0)                                                          \
    ONE(M, uuid, topic_id, 10, LAST, NEVER, UNTAGGED, 0)                                                 \
    MANY(M, offset_commit_request_offset_commit_request_partition, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(offset_commit_request_offset_commit_request_topic, OFFSET_COMMIT_REQUEST_OFFSET_COMMIT_REQUEST_TOPIC)

#define OFFSET_COMMIT_REQUEST(ONE, LIST, MANY, PART, M)                                          \
    ONE(M, str, group_id, 0, LAST, NEVER, UNTAGGED, 0)                                           \
    ONE(M, i32, generation_id_or_member_epoch, 1, LAST, NEVER, UNTAGGED, -1)                     \
    ONE(M, str, member_id, 1, LAST, NEVER, UNTAGGED, 0)                                          \
    ONE(M, str, group_instance_id, 7, LAST, 7, UNTAGGED, DEFAULT_NULL)                           \
    ONE(M, i64, retention_time_ms, 2, 4, NEVER, UNTAGGED, -1)                                    \
    MANY(M, offset_commit_request_offset_commit_request_topic, topics, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(offset_commit_request, OFFSET_COMMIT_REQUEST)

WIRE_SCHEMA(offset_commit_request, OffsetCommitRequest, 8, 2, 10, 8)

#define OFFSET_COMMIT_RESPONSE_OFFSET_COMMIT_RESPONSE_PARTITION(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)                             \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(offset_commit_response_offset_commit_response_partition, OFFSET_COMMIT_RESPONSE_OFFSET_COMMIT_RESPONSE_PARTITION)

#define OFFSET_COMMIT_RESPONSE_OFFSET_COMMIT_RESPONSE_TOPIC(ONE, LIST, MANY, PART, M)                      \
    ONE(M, str, name, 0, 9, NEVER, UNTAGGED, 0)                                                            \
    ONE(M, uuid, topic_id, 10, LAST, NEVER, UNTAGGED, 0)                                                   \
    MANY(M, offset_commit_response_offset_commit_response_partition, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(offset_commit_response_offset_commit_response_topic, OFFSET_COMMIT_RESPONSE_OFFSET_COMMIT_RESPONSE_TOPIC)

#define OFFSET_COMMIT_RESPONSE(ONE, LIST, MANY, PART, M)                                           \
    ONE(M, i32, throttle_time_ms, 3, LAST, NEVER, UNTAGGED, 0)                                     \
    MANY(M, offset_commit_response_offset_commit_response_topic, topics, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(offset_commit_response, OFFSET_COMMIT_RESPONSE)

WIRE_SCHEMA(offset_commit_response, OffsetCommitResponse, 8, 2, 10, 8)

#endif
