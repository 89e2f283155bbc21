/* core/wire/schema/list_groups.h -- ListGroups (api key 16). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_LIST_GROUPS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_LIST_GROUPS_H

#include "core/wire/wire.h"

#define LIST_GROUPS_REQUEST(ONE, LIST, MANY, PART, M)     \
    LIST(M, str, states_filter, 4, LAST, NEVER, UNTAGGED) \
    LIST(M, str, types_filter, 5, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(list_groups_request, LIST_GROUPS_REQUEST)

WIRE_SCHEMA(list_groups_request, ListGroupsRequest, 16, 0, 5, 3)

#define LIST_GROUPS_RESPONSE_LISTED_GROUP(ONE, LIST, MANY, PART, M) \
    ONE(M, str, group_id, 0, LAST, NEVER, UNTAGGED, 0)              \
    ONE(M, str, protocol_type, 0, LAST, NEVER, UNTAGGED, 0)         \
    ONE(M, str, group_state, 4, LAST, NEVER, UNTAGGED, 0)           \
    ONE(M, str, group_type, 5, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(list_groups_response_listed_group, LIST_GROUPS_RESPONSE_LISTED_GROUP)

#define LIST_GROUPS_RESPONSE(ONE, LIST, MANY, PART, M)                           \
    ONE(M, i32, throttle_time_ms, 1, LAST, NEVER, UNTAGGED, 0)                   \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                         \
    MANY(M, list_groups_response_listed_group, groups, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(list_groups_response, LIST_GROUPS_RESPONSE)

WIRE_SCHEMA(list_groups_response, ListGroupsResponse, 16, 0, 5, 3)

#endif
