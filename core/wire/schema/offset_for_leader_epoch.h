/* core/wire/schema/offset_for_leader_epoch.h -- OffsetForLeaderEpoch (api key 23). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_OFFSET_FOR_LEADER_EPOCH_H
#define RINGMAIN_CORE_WIRE_SCHEMA_OFFSET_FOR_LEADER_EPOCH_H

#include "core/wire/wire.h"

#define OFFSET_FOR_LEADER_EPOCH_REQUEST_OFFSET_FOR_LEADER_PARTITION(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, partition, 0, LAST, NEVER, UNTAGGED, 0)                                       \
    ONE(M, i32, current_leader_epoch, 2, LAST, NEVER, UNTAGGED, -1)                           \
    ONE(M, i32, leader_epoch, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(offset_for_leader_epoch_request_offset_for_leader_partition, OFFSET_FOR_LEADER_EPOCH_REQUEST_OFFSET_FOR_LEADER_PARTITION)

#define OFFSET_FOR_LEADER_EPOCH_REQUEST_OFFSET_FOR_LEADER_TOPIC(ONE, LIST, MANY, PART, M)                      \
    ONE(M, str, topic, 0, LAST, NEVER, UNTAGGED, 0)                                                            \
    MANY(M, offset_for_leader_epoch_request_offset_for_leader_partition, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(offset_for_leader_epoch_request_offset_for_leader_topic, OFFSET_FOR_LEADER_EPOCH_REQUEST_OFFSET_FOR_LEADER_TOPIC)

#define OFFSET_FOR_LEADER_EPOCH_REQUEST(ONE, LIST, MANY, PART, M)                                      \
    ONE(M, i32, replica_id, 3, LAST, NEVER, UNTAGGED, -2)                                              \
    MANY(M, offset_for_leader_epoch_request_offset_for_leader_topic, topics, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(offset_for_leader_epoch_request, OFFSET_FOR_LEADER_EPOCH_REQUEST)

WIRE_SCHEMA(offset_for_leader_epoch_request, OffsetForLeaderEpochRequest, 23, 2, 4, 4)

#define OFFSET_FOR_LEADER_EPOCH_RESPONSE_EPOCH_END_OFFSET(ONE, LIST, MANY, PART, M) \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                            \
    ONE(M, i32, partition, 0, LAST, NEVER, UNTAGGED, 0)                             \
    ONE(M, i32, leader_epoch, 1, LAST, NEVER, UNTAGGED, -1)                         \
    ONE(M, i64, end_offset, 0, LAST, NEVER, UNTAGGED, -1)
WIRE_STRUCT(offset_for_leader_epoch_response_epoch_end_offset, OFFSET_FOR_LEADER_EPOCH_RESPONSE_EPOCH_END_OFFSET)

#define OFFSET_FOR_LEADER_EPOCH_RESPONSE_OFFSET_FOR_LEADER_TOPIC_RESULT(ONE, LIST, MANY, PART, M)    \
    ONE(M, str, topic, 0, LAST, NEVER, UNTAGGED, 0)                                                  \
    MANY(M, offset_for_leader_epoch_response_epoch_end_offset, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(offset_for_leader_epoch_response_offset_for_leader_topic_result, OFFSET_FOR_LEADER_EPOCH_RESPONSE_OFFSET_FOR_LEADER_TOPIC_RESULT)

#define OFFSET_FOR_LEADER_EPOCH_RESPONSE(ONE, LIST, MANY, PART, M)                                             \
    ONE(M, i32, throttle_time_ms, 2, LAST, NEVER, UNTAGGED, 0)                                                 \
    MANY(M, offset_for_leader_epoch_response_offset_for_leader_topic_result, topics, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(offset_for_leader_epoch_response, OFFSET_FOR_LEADER_EPOCH_RESPONSE)

WIRE_SCHEMA(offset_for_leader_epoch_response, OffsetForLeaderEpochResponse, 23, 2, 4, 4)

#endif
