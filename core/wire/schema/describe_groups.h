/* core/wire/schema/describe_groups.h -- DescribeGroups (api key 15). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_DESCRIBE_GROUPS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_DESCRIBE_GROUPS_H

#include "core/wire/wire.h"

#define DESCRIBE_GROUPS_REQUEST(ONE, LIST, MANY, PART, M)                    \
    LIST(M, str, groups, 0, LAST, NEVER, UNTAGGED)                           \
    ONE(M, bool, include_authorized_operations, 3, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(describe_groups_request, DESCRIBE_GROUPS_REQUEST)

WIRE_SCHEMA(describe_groups_request, DescribeGroupsRequest, 15, 0, 6, 5)

#define DESCRIBE_GROUPS_RESPONSE_DESCRIBED_GROUP_MEMBER(ONE, LIST, MANY, PART, M) \
    ONE(M, str, member_id, 0, LAST, NEVER, UNTAGGED, 0)                           \
    ONE(M, str, group_instance_id, 4, LAST, 4, UNTAGGED, DEFAULT_NULL)            \
    ONE(M, str, client_id, 0, LAST, NEVER, UNTAGGED, 0)                           \
    ONE(M, str, client_host, 0, LAST, NEVER, UNTAGGED, 0)                         \
    ONE(M, bytes, member_metadata, 0, LAST, NEVER, UNTAGGED, 0)                   \
    ONE(M, bytes, member_assignment, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(describe_groups_response_described_group_member, DESCRIBE_GROUPS_RESPONSE_DESCRIBED_GROUP_MEMBER)

#define DESCRIBE_GROUPS_RESPONSE_DESCRIBED_GROUP(ONE, LIST, MANY, PART, M)                      \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                                        \
    ONE(M, str, error_message, 6, LAST, 6, UNTAGGED, DEFAULT_NULL)                              \
    ONE(M, str, group_id, 0, LAST, NEVER, UNTAGGED, 0)                                          \
    ONE(M, str, group_state, 0, LAST, NEVER, UNTAGGED, 0)                                       \
    ONE(M, str, protocol_type, 0, LAST, NEVER, UNTAGGED, 0)                                     \
    ONE(M, str, protocol_data, 0, LAST, NEVER, UNTAGGED, 0)                                     \
    MANY(M, describe_groups_response_described_group_member, members, 0, LAST, NEVER, UNTAGGED) \
    ONE(M, i32, authorized_operations, 3, LAST, NEVER, UNTAGGED, INT32_MIN)
WIRE_STRUCT(describe_groups_response_described_group, DESCRIBE_GROUPS_RESPONSE_DESCRIBED_GROUP)

#define DESCRIBE_GROUPS_RESPONSE(ONE, LIST, MANY, PART, M)                              \
    ONE(M, i32, throttle_time_ms, 1, LAST, NEVER, UNTAGGED, 0)                          \
    MANY(M, describe_groups_response_described_group, groups, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(describe_groups_response, DESCRIBE_GROUPS_RESPONSE)

WIRE_SCHEMA(describe_groups_response, DescribeGroupsResponse, 15, 0, 6, 5)

#endif
