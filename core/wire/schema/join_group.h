/* core/wire/schema/join_group.h -- JoinGroup (api key 11). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_JOIN_GROUP_H
#define RINGMAIN_CORE_WIRE_SCHEMA_JOIN_GROUP_H

#include "core/wire/wire.h"

#define JOIN_GROUP_REQUEST_JOIN_GROUP_REQUEST_PROTOCOL(ONE, LIST, MANY, PART, M) \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                               \
    ONE(M, bytes, metadata, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(join_group_request_join_group_request_protocol, JOIN_GROUP_REQUEST_JOIN_GROUP_REQUEST_PROTOCOL)

#define JOIN_GROUP_REQUEST(ONE, LIST, MANY, PART, M)                                             \
    ONE(M, str, group_id, 0, LAST, NEVER, UNTAGGED, 0)                                           \
    ONE(M, i32, session_timeout_ms, 0, LAST, NEVER, UNTAGGED, 0)                                 \
    ONE(M, i32, rebalance_timeout_ms, 1, LAST, NEVER, UNTAGGED, -1)                              \
    ONE(M, str, member_id, 0, LAST, NEVER, UNTAGGED, 0)                                          \
    ONE(M, str, group_instance_id, 5, LAST, 5, UNTAGGED, DEFAULT_NULL)                           \
    ONE(M, str, protocol_type, 0, LAST, NEVER, UNTAGGED, 0)                                      \
    MANY(M, join_group_request_join_group_request_protocol, protocols, 0, LAST, NEVER, UNTAGGED) \
    ONE(M, str, reason, 8, LAST, 8, UNTAGGED, DEFAULT_NULL)
WIRE_STRUCT(join_group_request, JOIN_GROUP_REQUEST)

WIRE_SCHEMA(join_group_request, JoinGroupRequest, 11, 0, 9, 6)

#define JOIN_GROUP_RESPONSE_JOIN_GROUP_RESPONSE_MEMBER(ONE, LIST, MANY, PART, M) \
    ONE(M, str, member_id, 0, LAST, NEVER, UNTAGGED, 0)                          \
    ONE(M, str, group_instance_id, 5, LAST, 5, UNTAGGED, DEFAULT_NULL)           \
    ONE(M, bytes, metadata, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(join_group_response_join_group_response_member, JOIN_GROUP_RESPONSE_JOIN_GROUP_RESPONSE_MEMBER)

#define JOIN_GROUP_RESPONSE(ONE, LIST, MANY, PART, M)                                          \
    ONE(M, i32, throttle_time_ms, 2, LAST, NEVER, UNTAGGED, 0)                                 \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                                       \
    ONE(M, i32, generation_id, 0, LAST, NEVER, UNTAGGED, -1)                                   \
    ONE(M, str, protocol_type, 7, LAST, 7, UNTAGGED, DEFAULT_NULL)                             \
    ONE(M, str, protocol_name, 0, LAST, 7, UNTAGGED, 0)                                        \
    ONE(M, str, leader, 0, LAST, NEVER, UNTAGGED, 0)                                           \
    ONE(M, bool, skip_assignment, 9, LAST, NEVER, UNTAGGED, 0)                                 \
    ONE(M, str, member_id, 0, LAST, NEVER, UNTAGGED, 0)                                        \
    MANY(M, join_group_response_join_group_response_member, members, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(join_group_response, JOIN_GROUP_RESPONSE)

WIRE_SCHEMA(join_group_response, JoinGroupResponse, 11, 0, 9, 6)

#endif
