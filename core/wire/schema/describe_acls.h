/* core/wire/schema/describe_acls.h -- DescribeAcls (api key 29). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_DESCRIBE_ACLS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_DESCRIBE_ACLS_H

#include "core/wire/wire.h"

#define DESCRIBE_ACLS_REQUEST(ONE, LIST, MANY, PART, M)           \
    ONE(M, i8, resource_type_filter, 1, LAST, NEVER, UNTAGGED, 0) \
    ONE(M, str, resource_name_filter, 1, LAST, 1, UNTAGGED, 0)    \
    ONE(M, i8, pattern_type_filter, 1, LAST, NEVER, UNTAGGED, 3)  \
    ONE(M, str, principal_filter, 1, LAST, 1, UNTAGGED, 0)        \
    ONE(M, str, host_filter, 1, LAST, 1, UNTAGGED, 0)             \
    ONE(M, i8, operation, 1, LAST, NEVER, UNTAGGED, 0)            \
    ONE(M, i8, permission_type, 1, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(describe_acls_request, DESCRIBE_ACLS_REQUEST)

WIRE_SCHEMA(describe_acls_request, DescribeAclsRequest, 29, 1, 3, 2)

#define DESCRIBE_ACLS_RESPONSE_ACL_DESCRIPTION(ONE, LIST, MANY, PART, M) \
    ONE(M, str, principal, 1, LAST, NEVER, UNTAGGED, 0)                  \
    ONE(M, str, host, 1, LAST, NEVER, UNTAGGED, 0)                       \
    ONE(M, i8, operation, 1, LAST, NEVER, UNTAGGED, 0)                   \
    ONE(M, i8, permission_type, 1, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(describe_acls_response_acl_description, DESCRIBE_ACLS_RESPONSE_ACL_DESCRIPTION)

#define DESCRIBE_ACLS_RESPONSE_DESCRIBE_ACLS_RESOURCE(ONE, LIST, MANY, PART, M) \
    ONE(M, i8, resource_type, 1, LAST, NEVER, UNTAGGED, 0)                      \
    ONE(M, str, resource_name, 1, LAST, NEVER, UNTAGGED, 0)                     \
    ONE(M, i8, pattern_type, 1, LAST, NEVER, UNTAGGED, 3)                       \
    MANY(M, describe_acls_response_acl_description, acls, 1, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(describe_acls_response_describe_acls_resource, DESCRIBE_ACLS_RESPONSE_DESCRIBE_ACLS_RESOURCE)

#define DESCRIBE_ACLS_RESPONSE(ONE, LIST, MANY, PART, M)       \
    ONE(M, i32, throttle_time_ms, 1, LAST, NEVER, UNTAGGED, 0) \
    ONE(M, i16, error_code, 1, LAST, NEVER, UNTAGGED, 0)       \
    ONE(M, str, error_message, 1, LAST, 1, UNTAGGED, 0)        \
    MANY(M, describe_acls_response_describe_acls_resource, resources, 1, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(describe_acls_response, DESCRIBE_ACLS_RESPONSE)

WIRE_SCHEMA(describe_acls_response, DescribeAclsResponse, 29, 1, 3, 2)

#endif
