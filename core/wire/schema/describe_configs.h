/* core/wire/schema/describe_configs.h -- DescribeConfigs (api key 32). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_DESCRIBE_CONFIGS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_DESCRIBE_CONFIGS_H

#include "core/wire/wire.h"

#define DESCRIBE_CONFIGS_REQUEST_DESCRIBE_CONFIGS_RESOURCE(ONE, LIST, MANY, PART, M) \
    ONE(M, i8, resource_type, 0, LAST, NEVER, UNTAGGED, 0)                           \
    ONE(M, str, resource_name, 0, LAST, NEVER, UNTAGGED, 0)                          \
    LIST(M, str, configuration_keys, 0, LAST, 0, UNTAGGED)
WIRE_STRUCT(describe_configs_request_describe_configs_resource, DESCRIBE_CONFIGS_REQUEST_DESCRIBE_CONFIGS_RESOURCE)

#define DESCRIBE_CONFIGS_REQUEST(ONE, LIST, MANY, PART, M)                                           \
    MANY(M, describe_configs_request_describe_configs_resource, resources, 0, LAST, NEVER, UNTAGGED) \
    ONE(M, bool, include_synonyms, 1, LAST, NEVER, UNTAGGED, 0)                                      \
    ONE(M, bool, include_documentation, 3, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(describe_configs_request, DESCRIBE_CONFIGS_REQUEST)

WIRE_SCHEMA(describe_configs_request, DescribeConfigsRequest, 32, 0, 4, 4)

#define DESCRIBE_CONFIGS_RESPONSE_DESCRIBE_CONFIGS_SYNONYM(ONE, LIST, MANY, PART, M) \
    ONE(M, str, name, 1, LAST, NEVER, UNTAGGED, 0)                                   \
    ONE(M, str, value, 1, LAST, 0, UNTAGGED, 0)                                      \
    ONE(M, i8, source, 1, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(describe_configs_response_describe_configs_synonym, DESCRIBE_CONFIGS_RESPONSE_DESCRIBE_CONFIGS_SYNONYM)

#define DESCRIBE_CONFIGS_RESPONSE_DESCRIBE_CONFIGS_RESOURCE_RESULT(ONE, LIST, MANY, PART, M)        \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                                                  \
    ONE(M, str, value, 0, LAST, 0, UNTAGGED, 0)                                                     \
    ONE(M, bool, read_only, 0, LAST, NEVER, UNTAGGED, 0)                                            \
    ONE(M, i8, config_source, 1, LAST, NEVER, UNTAGGED, -1)                                         \
    ONE(M, bool, is_sensitive, 0, LAST, NEVER, UNTAGGED, 0)                                         \
    MANY(M, describe_configs_response_describe_configs_synonym, synonyms, 1, LAST, NEVER, UNTAGGED) \
    ONE(M, i8, config_type, 3, LAST, NEVER, UNTAGGED, 0)                                            \
    ONE(M, str, documentation, 3, LAST, 0, UNTAGGED, 0)
WIRE_STRUCT(describe_configs_response_describe_configs_resource_result, DESCRIBE_CONFIGS_RESPONSE_DESCRIBE_CONFIGS_RESOURCE_RESULT)

#define DESCRIBE_CONFIGS_RESPONSE_DESCRIBE_CONFIGS_RESULT(ONE, LIST, MANY, PART, M)                        \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                                                   \
    ONE(M, str, error_message, 0, LAST, 0, UNTAGGED, 0)                                                    \
    ONE(M, i8, resource_type, 0, LAST, NEVER, UNTAGGED, 0)                                                 \
    ONE(M, str, resource_name, 0, LAST, NEVER, UNTAGGED, 0)                                                \
    MANY(M, describe_configs_response_describe_configs_resource_result, configs, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(describe_configs_response_describe_configs_result, DESCRIBE_CONFIGS_RESPONSE_DESCRIBE_CONFIGS_RESULT)

#define DESCRIBE_CONFIGS_RESPONSE(ONE, LIST, MANY, PART, M)                                       \
    ONE(M, i32, throttle_time_ms, 0, LAST, NEVER, UNTAGGED, 0)                                    \
    MANY(M, describe_configs_response_describe_configs_result, results, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(describe_configs_response, DESCRIBE_CONFIGS_RESPONSE)

WIRE_SCHEMA(describe_configs_response, DescribeConfigsResponse, 32, 0, 4, 4)

#endif
