/* core/wire/schema/find_coordinator.h -- FindCoordinator (api key 10). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_FIND_COORDINATOR_H
#define RINGMAIN_CORE_WIRE_SCHEMA_FIND_COORDINATOR_H

#include "core/wire/wire.h"

#define FIND_COORDINATOR_REQUEST(ONE, LIST, MANY, PART, M)   \
    ONE(M, str, key, 0, 3, NEVER, UNTAGGED, 0)               \
    ONE(M, i8, key_type, 1, LAST, NEVER, UNTAGGED, 0)        \
    LIST(M, str, coordinator_keys, 4, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(find_coordinator_request, FIND_COORDINATOR_REQUEST)

WIRE_SCHEMA(find_coordinator_request, FindCoordinatorRequest, 10, 0, 6, 3)

#define FIND_COORDINATOR_RESPONSE_COORDINATOR(ONE, LIST, MANY, PART, M) \
    ONE(M, str, key, 4, LAST, NEVER, UNTAGGED, 0)                       \
    ONE(M, i32, node_id, 4, LAST, NEVER, UNTAGGED, 0)                   \
    ONE(M, str, host, 4, LAST, NEVER, UNTAGGED, 0)                      \
    ONE(M, i32, port, 4, LAST, NEVER, UNTAGGED, 0)                      \
    ONE(M, i16, error_code, 4, LAST, NEVER, UNTAGGED, 0)                \
    ONE(M, str, error_message, 4, LAST, 4, UNTAGGED, 0)
WIRE_STRUCT(find_coordinator_response_coordinator, FIND_COORDINATOR_RESPONSE_COORDINATOR)

#define FIND_COORDINATOR_RESPONSE(ONE, LIST, MANY, PART, M)                                \
    ONE(M, i32, throttle_time_ms, 1, LAST, NEVER, UNTAGGED, 0)                             \
    ONE(M, i16, error_code, 0, 3, NEVER, UNTAGGED, 0)                                      \
    ONE(M, str, error_message, 1, 3, 1, UNTAGGED, 0)                                       \
    ONE(M, i32, node_id, 0, 3, NEVER, UNTAGGED, 0)                                         \
    ONE(M, str, host, 0, 3, NEVER, UNTAGGED, 0)                                            \
    ONE(M, i32, port, 0, 3, NEVER, UNTAGGED, 0)                                            \
    MANY(M, find_coordinator_response_coordinator, coordinators, 4, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(find_coordinator_response, FIND_COORDINATOR_RESPONSE)

WIRE_SCHEMA(find_coordinator_response, FindCoordinatorResponse, 10, 0, 6, 3)

#endif
