/* core/wire/schema/update_features.h -- UpdateFeatures (api key 57). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_UPDATE_FEATURES_H
#define RINGMAIN_CORE_WIRE_SCHEMA_UPDATE_FEATURES_H

#include "core/wire/wire.h"

#define UPDATE_FEATURES_REQUEST_FEATURE_UPDATE_KEY(ONE, LIST, MANY, PART, M) \
    ONE(M, str, feature, 0, LAST, NEVER, UNTAGGED, 0)                        \
    ONE(M, i16, max_version_level, 0, LAST, NEVER, UNTAGGED, 0)              \
    ONE(M, bool, allow_downgrade, 0, 0, NEVER, UNTAGGED, 0)                  \
    ONE(M, i8, upgrade_type, 1, LAST, NEVER, UNTAGGED, 1)
WIRE_STRUCT(update_features_request_feature_update_key, UPDATE_FEATURES_REQUEST_FEATURE_UPDATE_KEY)

#define UPDATE_FEATURES_REQUEST(ONE, LIST, MANY, PART, M)                                          \
    ONE(M, i32, timeout_ms, 0, LAST, NEVER, UNTAGGED, 60000)                                       \
    MANY(M, update_features_request_feature_update_key, feature_updates, 0, LAST, NEVER, UNTAGGED) \
    ONE(M, bool, validate_only, 1, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(update_features_request, UPDATE_FEATURES_REQUEST)

WIRE_SCHEMA(update_features_request, UpdateFeaturesRequest, 57, 0, 2, 0)

#define UPDATE_FEATURES_RESPONSE_UPDATABLE_FEATURE_RESULT(ONE, LIST, MANY, PART, M) \
    ONE(M, str, feature, 0, LAST, NEVER, UNTAGGED, 0)                               \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                            \
    ONE(M, str, error_message, 0, LAST, 0, UNTAGGED, 0)
WIRE_STRUCT(update_features_response_updatable_feature_result, UPDATE_FEATURES_RESPONSE_UPDATABLE_FEATURE_RESULT)

#define UPDATE_FEATURES_RESPONSE(ONE, LIST, MANY, PART, M)                                     \
    ONE(M, i32, throttle_time_ms, 0, LAST, NEVER, UNTAGGED, 0)                                 \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                                       \
    ONE(M, str, error_message, 0, LAST, 0, UNTAGGED, 0)                                        \
    MANY(M, update_features_response_updatable_feature_result, results, 0, 1, NEVER, UNTAGGED)
WIRE_STRUCT(update_features_response, UPDATE_FEATURES_RESPONSE)

WIRE_SCHEMA(update_features_response, UpdateFeaturesResponse, 57, 0, 2, 0)

#endif
