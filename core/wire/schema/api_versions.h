/* core/wire/schema/api_versions.h -- ApiVersions (api key 18). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_API_VERSIONS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_API_VERSIONS_H

#include "core/wire/wire.h"

#define API_VERSIONS_REQUEST(ONE, LIST, MANY, PART, M)                \
    ONE(M, str, client_software_name, 3, LAST, NEVER, UNTAGGED, 0)    \
    ONE(M, str, client_software_version, 3, LAST, NEVER, UNTAGGED, 0) \
    ONE(M, str, cluster_id, 5, LAST, 5, UNTAGGED, DEFAULT_NULL)       \
    ONE(M, i32, node_id, 5, LAST, NEVER, UNTAGGED, -1)
WIRE_STRUCT(api_versions_request, API_VERSIONS_REQUEST)

WIRE_SCHEMA(api_versions_request, ApiVersionsRequest, 18, 0, 5, 3)

#define API_VERSIONS_RESPONSE_API_VERSION(ONE, LIST, MANY, PART, M) \
    ONE(M, i16, api_key, 0, LAST, NEVER, UNTAGGED, 0)               \
    ONE(M, i16, min_version, 0, LAST, NEVER, UNTAGGED, 0)           \
    ONE(M, i16, max_version, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(api_versions_response_api_version, API_VERSIONS_RESPONSE_API_VERSION)

#define API_VERSIONS_RESPONSE_SUPPORTED_FEATURE_KEY(ONE, LIST, MANY, PART, M) \
    ONE(M, str, name, 3, LAST, NEVER, UNTAGGED, 0)                            \
    ONE(M, i16, min_version, 3, LAST, NEVER, UNTAGGED, 0)                     \
    ONE(M, i16, max_version, 3, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(api_versions_response_supported_feature_key, API_VERSIONS_RESPONSE_SUPPORTED_FEATURE_KEY)

#define API_VERSIONS_RESPONSE_FINALIZED_FEATURE_KEY(ONE, LIST, MANY, PART, M) \
    ONE(M, str, name, 3, LAST, NEVER, UNTAGGED, 0)                            \
    ONE(M, i16, max_version_level, 3, LAST, NEVER, UNTAGGED, 0)               \
    ONE(M, i16, min_version_level, 3, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(api_versions_response_finalized_feature_key, API_VERSIONS_RESPONSE_FINALIZED_FEATURE_KEY)

#define API_VERSIONS_RESPONSE(ONE, LIST, MANY, PART, M)                                         \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                                        \
    MANY(M, api_versions_response_api_version, api_keys, 0, LAST, NEVER, UNTAGGED)              \
    ONE(M, i32, throttle_time_ms, 1, LAST, NEVER, UNTAGGED, 0)                                  \
    MANY(M, api_versions_response_supported_feature_key, supported_features, 3, LAST, NEVER, 0) \
    ONE(M, i64, finalized_features_epoch, 3, LAST, NEVER, 1, -1)                                \
    MANY(M, api_versions_response_finalized_feature_key, finalized_features, 3, LAST, NEVER, 2) \
    ONE(M, bool, zk_migration_ready, 3, LAST, NEVER, 3, 0)
WIRE_STRUCT(api_versions_response, API_VERSIONS_RESPONSE)

WIRE_SCHEMA(api_versions_response, ApiVersionsResponse, 18, 0, 5, 3)

#endif
