/* core/wire/schema/delete_acls.h -- DeleteAcls (api key 31). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_DELETE_ACLS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_DELETE_ACLS_H

#include "core/wire/wire.h"

#define DELETE_ACLS_REQUEST_DELETE_ACLS_FILTER(ONE, LIST, MANY, PART, M) \
    ONE(M, i8, resource_type_filter, 1, LAST, NEVER, UNTAGGED, 0)        \
    ONE(M, str, resource_name_filter, 1, LAST, 1, UNTAGGED, 0)           \
    ONE(M, i8, pattern_type_filter, 1, LAST, NEVER, UNTAGGED, 3)         \
    ONE(M, str, principal_filter, 1, LAST, 1, UNTAGGED, 0)               \
    ONE(M, str, host_filter, 1, LAST, 1, UNTAGGED, 0)                    \
    ONE(M, i8, operation, 1, LAST, NEVER, UNTAGGED, 0)                   \
    ONE(M, i8, permission_type, 1, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(delete_acls_request_delete_acls_filter, DELETE_ACLS_REQUEST_DELETE_ACLS_FILTER)

#define DELETE_ACLS_REQUEST(ONE, LIST, MANY, PART, M) \
    MANY(M, delete_acls_request_delete_acls_filter, filters, 1, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(delete_acls_request, DELETE_ACLS_REQUEST)

WIRE_SCHEMA(delete_acls_request, DeleteAclsRequest, 31, 1, 3, 2)

#define DELETE_ACLS_RESPONSE_DELETE_ACLS_MATCHING_ACL(ONE, LIST, MANY, PART, M) \
    ONE(M, i16, error_code, 1, LAST, NEVER, UNTAGGED, 0)                        \
    ONE(M, str, error_message, 1, LAST, 1, UNTAGGED, 0)                         \
    ONE(M, i8, resource_type, 1, LAST, NEVER, UNTAGGED, 0)                      \
    ONE(M, str, resource_name, 1, LAST, NEVER, UNTAGGED, 0)                     \
    ONE(M, i8, pattern_type, 1, LAST, NEVER, UNTAGGED, 3)                       \
    ONE(M, str, principal, 1, LAST, NEVER, UNTAGGED, 0)                         \
    ONE(M, str, host, 1, LAST, NEVER, UNTAGGED, 0)                              \
    ONE(M, i8, operation, 1, LAST, NEVER, UNTAGGED, 0)                          \
    ONE(M, i8, permission_type, 1, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(delete_acls_response_delete_acls_matching_acl, DELETE_ACLS_RESPONSE_DELETE_ACLS_MATCHING_ACL)

#define DELETE_ACLS_RESPONSE_DELETE_ACLS_FILTER_RESULT(ONE, LIST, MANY, PART, M) \
    ONE(M, i16, error_code, 1, LAST, NEVER, UNTAGGED, 0)                         \
    ONE(M, str, error_message, 1, LAST, 1, UNTAGGED, 0)                          \
    MANY(M, delete_acls_response_delete_acls_matching_acl, matching_acls, 1, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(delete_acls_response_delete_acls_filter_result, DELETE_ACLS_RESPONSE_DELETE_ACLS_FILTER_RESULT)

#define DELETE_ACLS_RESPONSE(ONE, LIST, MANY, PART, M)         \
    ONE(M, i32, throttle_time_ms, 1, LAST, NEVER, UNTAGGED, 0) \
    MANY(M, delete_acls_response_delete_acls_filter_result, filter_results, 1, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(delete_acls_response, DELETE_ACLS_RESPONSE)

WIRE_SCHEMA(delete_acls_response, DeleteAclsResponse, 31, 1, 3, 2)

#endif
