/* core/wire/schema/incremental_alter_configs.h -- IncrementalAlterConfigs (api key 44). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_INCREMENTAL_ALTER_CONFIGS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_INCREMENTAL_ALTER_CONFIGS_H

#include "core/wire/wire.h"

#define INCREMENTAL_ALTER_CONFIGS_REQUEST_ALTERABLE_CONFIG(ONE, LIST, MANY, PART, M) \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                                   \
    ONE(M, i8, config_operation, 0, LAST, NEVER, UNTAGGED, 0)                        \
    ONE(M, str, value, 0, LAST, 0, UNTAGGED, 0)
WIRE_STRUCT(incremental_alter_configs_request_alterable_config, INCREMENTAL_ALTER_CONFIGS_REQUEST_ALTERABLE_CONFIG)

#define INCREMENTAL_ALTER_CONFIGS_REQUEST_ALTER_CONFIGS_RESOURCE(ONE, LIST, MANY, PART, M)         \
    ONE(M, i8, resource_type, 0, LAST, NEVER, UNTAGGED, 0)                                         \
    ONE(M, str, resource_name, 0, LAST, NEVER, UNTAGGED, 0)                                        \
    MANY(M, incremental_alter_configs_request_alterable_config, configs, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(incremental_alter_configs_request_alter_configs_resource, INCREMENTAL_ALTER_CONFIGS_REQUEST_ALTER_CONFIGS_RESOURCE)

#define INCREMENTAL_ALTER_CONFIGS_REQUEST(ONE, LIST, MANY, PART, M)                                        \
    MANY(M, incremental_alter_configs_request_alter_configs_resource, resources, 0, LAST, NEVER, UNTAGGED) \
    ONE(M, bool, validate_only, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(incremental_alter_configs_request, INCREMENTAL_ALTER_CONFIGS_REQUEST)

WIRE_SCHEMA(incremental_alter_configs_request, IncrementalAlterConfigsRequest, 44, 0, 1, 1)

#define INCREMENTAL_ALTER_CONFIGS_RESPONSE_ALTER_CONFIGS_RESOURCE_RESPONSE(ONE, LIST, MANY, PART, M) \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                                             \
    ONE(M, str, error_message, 0, LAST, 0, UNTAGGED, 0)                                              \
    ONE(M, i8, resource_type, 0, LAST, NEVER, UNTAGGED, 0)                                           \
    ONE(M, str, resource_name, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(incremental_alter_configs_response_alter_configs_resource_response, INCREMENTAL_ALTER_CONFIGS_RESPONSE_ALTER_CONFIGS_RESOURCE_RESPONSE)

#define INCREMENTAL_ALTER_CONFIGS_RESPONSE(ONE, LIST, MANY, PART, M)                                                 \
    ONE(M, i32, throttle_time_ms, 0, LAST, NEVER, UNTAGGED, 0)                                                       \
    MANY(M, incremental_alter_configs_response_alter_configs_resource_response, responses, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(incremental_alter_configs_response, INCREMENTAL_ALTER_CONFIGS_RESPONSE)

WIRE_SCHEMA(incremental_alter_configs_response, IncrementalAlterConfigsResponse, 44, 0, 1, 1)

#endif
