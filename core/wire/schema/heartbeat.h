/* core/wire/schema/heartbeat.h -- Heartbeat (api key 12). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_HEARTBEAT_H
#define RINGMAIN_CORE_WIRE_SCHEMA_HEARTBEAT_H

#include "core/wire/wire.h"

#define HEARTBEAT_REQUEST(ONE, LIST, MANY, PART, M)                    \
    ONE(M, str, group_id, 0, LAST, NEVER, UNTAGGED, 0)                 \
    ONE(M, i32, generation_id, 0, LAST, NEVER, UNTAGGED, 0)            \
    ONE(M, str, member_id, 0, LAST, NEVER, UNTAGGED, 0)                \
    ONE(M, str, group_instance_id, 3, LAST, 3, UNTAGGED, DEFAULT_NULL)
WIRE_STRUCT(heartbeat_request, HEARTBEAT_REQUEST)

WIRE_SCHEMA(heartbeat_request, HeartbeatRequest, 12, 0, 4, 4)

#define HEARTBEAT_RESPONSE(ONE, LIST, MANY, PART, M)           \
    ONE(M, i32, throttle_time_ms, 1, LAST, NEVER, UNTAGGED, 0) \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(heartbeat_response, HEARTBEAT_RESPONSE)

WIRE_SCHEMA(heartbeat_response, HeartbeatResponse, 12, 0, 4, 4)

#endif
