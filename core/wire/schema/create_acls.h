/* core/wire/schema/create_acls.h -- CreateAcls (api key 30). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_CREATE_ACLS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_CREATE_ACLS_H

#include "core/wire/wire.h"

#define CREATE_ACLS_REQUEST_ACL_CREATION(ONE, LIST, MANY, PART, M) \
    ONE(M, i8, resource_type, 1, LAST, NEVER, UNTAGGED, 0)         \
    ONE(M, str, resource_name, 1, LAST, NEVER, UNTAGGED, 0)        \
    ONE(M, i8, resource_pattern_type, 1, LAST, NEVER, UNTAGGED, 3) \
    ONE(M, str, principal, 1, LAST, NEVER, UNTAGGED, 0)            \
    ONE(M, str, host, 1, LAST, NEVER, UNTAGGED, 0)                 \
    ONE(M, i8, operation, 1, LAST, NEVER, UNTAGGED, 0)             \
    ONE(M, i8, permission_type, 1, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(create_acls_request_acl_creation, CREATE_ACLS_REQUEST_ACL_CREATION)

#define CREATE_ACLS_REQUEST(ONE, LIST, MANY, PART, M) \
    MANY(M, create_acls_request_acl_creation, creations, 1, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(create_acls_request, CREATE_ACLS_REQUEST)

WIRE_SCHEMA(create_acls_request, CreateAclsRequest, 30, 1, 3, 2)

#define CREATE_ACLS_RESPONSE_ACL_CREATION_RESULT(ONE, LIST, MANY, PART, M) \
    ONE(M, i16, error_code, 1, LAST, NEVER, UNTAGGED, 0)                   \
    ONE(M, str, error_message, 1, LAST, 1, UNTAGGED, 0)
WIRE_STRUCT(create_acls_response_acl_creation_result, CREATE_ACLS_RESPONSE_ACL_CREATION_RESULT)

#define CREATE_ACLS_RESPONSE(ONE, LIST, MANY, PART, M)         \
    ONE(M, i32, throttle_time_ms, 1, LAST, NEVER, UNTAGGED, 0) \
    MANY(M, create_acls_response_acl_creation_result, results, 1, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(create_acls_response, CREATE_ACLS_RESPONSE)

WIRE_SCHEMA(create_acls_response, CreateAclsResponse, 30, 1, 3, 2)

#endif
