/* core/wire/schema/alter_configs.h -- AlterConfigs (api key 33). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_ALTER_CONFIGS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_ALTER_CONFIGS_H

#include "core/wire/wire.h"

#define ALTER_CONFIGS_REQUEST_ALTERABLE_CONFIG(ONE, LIST, MANY, PART, M) \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                       \
    ONE(M, str, value, 0, LAST, 0, UNTAGGED, 0)
WIRE_STRUCT(alter_configs_request_alterable_config, ALTER_CONFIGS_REQUEST_ALTERABLE_CONFIG)

#define ALTER_CONFIGS_REQUEST_ALTER_CONFIGS_RESOURCE(ONE, LIST, MANY, PART, M)         \
    ONE(M, i8, resource_type, 0, LAST, NEVER, UNTAGGED, 0)                             \
    ONE(M, str, resource_name, 0, LAST, NEVER, UNTAGGED, 0)                            \
    MANY(M, alter_configs_request_alterable_config, configs, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(alter_configs_request_alter_configs_resource, ALTER_CONFIGS_REQUEST_ALTER_CONFIGS_RESOURCE)

#define ALTER_CONFIGS_REQUEST(ONE, LIST, MANY, PART, M)                                        \
    MANY(M, alter_configs_request_alter_configs_resource, resources, 0, LAST, NEVER, UNTAGGED) \
    ONE(M, bool, validate_only, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(alter_configs_request, ALTER_CONFIGS_REQUEST)

WIRE_SCHEMA(alter_configs_request, AlterConfigsRequest, 33, 0, 2, 2)

#define ALTER_CONFIGS_RESPONSE_ALTER_CONFIGS_RESOURCE_RESPONSE(ONE, LIST, MANY, PART, M) \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                                 \
    ONE(M, str, error_message, 0, LAST, 0, UNTAGGED, 0)                                  \
    ONE(M, i8, resource_type, 0, LAST, NEVER, UNTAGGED, 0)                               \
    ONE(M, str, resource_name, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(alter_configs_response_alter_configs_resource_response, ALTER_CONFIGS_RESPONSE_ALTER_CONFIGS_RESOURCE_RESPONSE)

#define ALTER_CONFIGS_RESPONSE(ONE, LIST, MANY, PART, M)                                                 \
    ONE(M, i32, throttle_time_ms, 0, LAST, NEVER, UNTAGGED, 0)                                           \
    MANY(M, alter_configs_response_alter_configs_resource_response, responses, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(alter_configs_response, ALTER_CONFIGS_RESPONSE)

WIRE_SCHEMA(alter_configs_response, AlterConfigsResponse, 33, 0, 2, 2)

#endif
