/* core/wire/schema/leave_group.h -- LeaveGroup (api key 13). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_LEAVE_GROUP_H
#define RINGMAIN_CORE_WIRE_SCHEMA_LEAVE_GROUP_H

#include "core/wire/wire.h"

#define LEAVE_GROUP_REQUEST_MEMBER_IDENTITY(ONE, LIST, MANY, PART, M)  \
    ONE(M, str, member_id, 3, LAST, NEVER, UNTAGGED, 0)                \
    ONE(M, str, group_instance_id, 3, LAST, 3, UNTAGGED, DEFAULT_NULL) \
    ONE(M, str, reason, 5, LAST, 5, UNTAGGED, DEFAULT_NULL)
WIRE_STRUCT(leave_group_request_member_identity, LEAVE_GROUP_REQUEST_MEMBER_IDENTITY)

#define LEAVE_GROUP_REQUEST(ONE, LIST, MANY, PART, M)                               \
    ONE(M, str, group_id, 0, LAST, NEVER, UNTAGGED, 0)                              \
    ONE(M, str, member_id, 0, 2, NEVER, UNTAGGED, 0)                                \
    MANY(M, leave_group_request_member_identity, members, 3, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(leave_group_request, LEAVE_GROUP_REQUEST)

WIRE_SCHEMA(leave_group_request, LeaveGroupRequest, 13, 0, 5, 4)

#define LEAVE_GROUP_RESPONSE_MEMBER_RESPONSE(ONE, LIST, MANY, PART, M) \
    ONE(M, str, member_id, 3, LAST, NEVER, UNTAGGED, 0)                \
    ONE(M, str, group_instance_id, 3, LAST, 3, UNTAGGED, 0)            \
    ONE(M, i16, error_code, 3, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(leave_group_response_member_response, LEAVE_GROUP_RESPONSE_MEMBER_RESPONSE)

#define LEAVE_GROUP_RESPONSE(ONE, LIST, MANY, PART, M)                               \
    ONE(M, i32, throttle_time_ms, 1, LAST, NEVER, UNTAGGED, 0)                       \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                             \
    MANY(M, leave_group_response_member_response, members, 3, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(leave_group_response, LEAVE_GROUP_RESPONSE)

WIRE_SCHEMA(leave_group_response, LeaveGroupResponse, 13, 0, 5, 4)

#endif
