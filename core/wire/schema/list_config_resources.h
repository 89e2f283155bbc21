/* core/wire/schema/list_config_resources.h -- ListConfigResources (api key 74). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_LIST_CONFIG_RESOURCES_H
#define RINGMAIN_CORE_WIRE_SCHEMA_LIST_CONFIG_RESOURCES_H

#include "core/wire/wire.h"

#define LIST_CONFIG_RESOURCES_REQUEST(ONE, LIST, MANY, PART, M) \
    LIST(M, i8, resource_types, 1, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(list_config_resources_request, LIST_CONFIG_RESOURCES_REQUEST)

WIRE_SCHEMA(list_config_resources_request, ListConfigResourcesRequest, 74, 0, 1, 0)

#define LIST_CONFIG_RESOURCES_RESPONSE_CONFIG_RESOURCE(ONE, LIST, MANY, PART, M) \
    ONE(M, str, resource_name, 0, LAST, NEVER, UNTAGGED, 0)                      \
    ONE(M, i8, resource_type, 1, LAST, NEVER, UNTAGGED, 16)
WIRE_STRUCT(list_config_resources_response_config_resource, LIST_CONFIG_RESOURCES_RESPONSE_CONFIG_RESOURCE)

#define LIST_CONFIG_RESOURCES_RESPONSE(ONE, LIST, MANY, PART, M)                                        \
    ONE(M, i32, throttle_time_ms, 0, LAST, NEVER, UNTAGGED, 0)                                          \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                                                \
    MANY(M, list_config_resources_response_config_resource, config_resources, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(list_config_resources_response, LIST_CONFIG_RESOURCES_RESPONSE)

WIRE_SCHEMA(list_config_resources_response, ListConfigResourcesResponse, 74, 0, 1, 0)

#endif
