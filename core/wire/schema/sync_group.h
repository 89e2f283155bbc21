/* core/wire/schema/sync_group.h -- SyncGroup (api key 14). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_SYNC_GROUP_H
#define RINGMAIN_CORE_WIRE_SCHEMA_SYNC_GROUP_H

#include "core/wire/wire.h"

#define SYNC_GROUP_REQUEST_SYNC_GROUP_REQUEST_ASSIGNMENT(ONE, LIST, MANY, PART, M) \
    ONE(M, str, member_id, 0, LAST, NEVER, UNTAGGED, 0)                            \
    ONE(M, bytes, assignment, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(sync_group_request_sync_group_request_assignment, SYNC_GROUP_REQUEST_SYNC_GROUP_REQUEST_ASSIGNMENT)

#define SYNC_GROUP_REQUEST(ONE, LIST, MANY, PART, M)                                                 \
    ONE(M, str, group_id, 0, LAST, NEVER, UNTAGGED, 0)                                               \
    ONE(M, i32, generation_id, 0, LAST, NEVER, UNTAGGED, 0)                                          \
    ONE(M, str, member_id, 0, LAST, NEVER, UNTAGGED, 0)                                              \
    ONE(M, str, group_instance_id, 3, LAST, 3, UNTAGGED, DEFAULT_NULL)                               \
    ONE(M, str, protocol_type, 5, LAST, 5, UNTAGGED, DEFAULT_NULL)                                   \
    ONE(M, str, protocol_name, 5, LAST, 5, UNTAGGED, DEFAULT_NULL)                                   \
    MANY(M, sync_group_request_sync_group_request_assignment, assignments, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(sync_group_request, SYNC_GROUP_REQUEST)

WIRE_SCHEMA(sync_group_request, SyncGroupRequest, 14, 0, 5, 4)

#define SYNC_GROUP_RESPONSE(ONE, LIST, MANY, PART, M)              \
    ONE(M, i32, throttle_time_ms, 1, LAST, NEVER, UNTAGGED, 0)     \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)           \
    ONE(M, str, protocol_type, 5, LAST, 5, UNTAGGED, DEFAULT_NULL) \
    ONE(M, str, protocol_name, 5, LAST, 5, UNTAGGED, DEFAULT_NULL) \
    ONE(M, bytes, assignment, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(sync_group_response, SYNC_GROUP_RESPONSE)

WIRE_SCHEMA(sync_group_response, SyncGroupResponse, 14, 0, 5, 4)

#endif
