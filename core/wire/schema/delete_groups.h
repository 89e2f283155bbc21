/* core/wire/schema/delete_groups.h -- DeleteGroups (api key 42). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_DELETE_GROUPS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_DELETE_GROUPS_H

#include "core/wire/wire.h"

#define DELETE_GROUPS_REQUEST(ONE, LIST, MANY, PART, M)  \
    LIST(M, str, groups_names, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(delete_groups_request, DELETE_GROUPS_REQUEST)

WIRE_SCHEMA(delete_groups_request, DeleteGroupsRequest, 42, 0, 3, 2)

#define DELETE_GROUPS_RESPONSE_DELETABLE_GROUP_RESULT(ONE, LIST, MANY, PART, M) \
    ONE(M, str, group_id, 0, LAST, NEVER, UNTAGGED, 0)                          \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                        \
    ONE(M, str, error_message, 3, LAST, 3, UNTAGGED, DEFAULT_NULL)
WIRE_STRUCT(delete_groups_response_deletable_group_result, DELETE_GROUPS_RESPONSE_DELETABLE_GROUP_RESULT)

#define DELETE_GROUPS_RESPONSE(ONE, LIST, MANY, PART, M)                                      \
    ONE(M, i32, throttle_time_ms, 0, LAST, NEVER, UNTAGGED, 0)                                \
    MANY(M, delete_groups_response_deletable_group_result, results, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(delete_groups_response, DELETE_GROUPS_RESPONSE)

WIRE_SCHEMA(delete_groups_response, DeleteGroupsResponse, 42, 0, 3, 2)

#endif
