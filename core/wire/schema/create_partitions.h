/* core/wire/schema/create_partitions.h -- CreatePartitions (api key 37). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_CREATE_PARTITIONS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_CREATE_PARTITIONS_H

#include "core/wire/wire.h"

#define CREATE_PARTITIONS_REQUEST_CREATE_PARTITIONS_ASSIGNMENT(ONE, LIST, MANY, PART, M) \
    LIST(M, i32, broker_ids, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(create_partitions_request_create_partitions_assignment, CREATE_PARTITIONS_REQUEST_CREATE_PARTITIONS_ASSIGNMENT)

#define CREATE_PARTITIONS_REQUEST_CREATE_PARTITIONS_TOPIC(ONE, LIST, MANY, PART, M)                    \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                                                     \
    ONE(M, i32, count, 0, LAST, NEVER, UNTAGGED, 0)                                                    \
    MANY(M, create_partitions_request_create_partitions_assignment, assignments, 0, LAST, 0, UNTAGGED)
WIRE_STRUCT(create_partitions_request_create_partitions_topic, CREATE_PARTITIONS_REQUEST_CREATE_PARTITIONS_TOPIC)

#define CREATE_PARTITIONS_REQUEST(ONE, LIST, MANY, PART, M)                                      \
    MANY(M, create_partitions_request_create_partitions_topic, topics, 0, LAST, NEVER, UNTAGGED) \
    ONE(M, i32, timeout_ms, 0, LAST, NEVER, UNTAGGED, 0)                                         \
    ONE(M, bool, validate_only, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(create_partitions_request, CREATE_PARTITIONS_REQUEST)

WIRE_SCHEMA(create_partitions_request, CreatePartitionsRequest, 37, 0, 3, 2)

#define CREATE_PARTITIONS_RESPONSE_CREATE_PARTITIONS_TOPIC_RESULT(ONE, LIST, MANY, PART, M) \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                                          \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                                    \
    ONE(M, str, error_message, 0, LAST, 0, UNTAGGED, DEFAULT_NULL)
WIRE_STRUCT(create_partitions_response_create_partitions_topic_result, CREATE_PARTITIONS_RESPONSE_CREATE_PARTITIONS_TOPIC_RESULT)

#define CREATE_PARTITIONS_RESPONSE(ONE, LIST, MANY, PART, M)                                              \
    ONE(M, i32, throttle_time_ms, 0, LAST, NEVER, UNTAGGED, 0)                                            \
    MANY(M, create_partitions_response_create_partitions_topic_result, results, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(create_partitions_response, CREATE_PARTITIONS_RESPONSE)

WIRE_SCHEMA(create_partitions_response, CreatePartitionsResponse, 37, 0, 3, 2)

#endif
