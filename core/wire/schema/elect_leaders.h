/* core/wire/schema/elect_leaders.h -- ElectLeaders (api key 43). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_ELECT_LEADERS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_ELECT_LEADERS_H

#include "core/wire/wire.h"

#define ELECT_LEADERS_REQUEST_TOPIC_PARTITIONS(ONE, LIST, MANY, PART, M) \
    ONE(M, str, topic, 0, LAST, NEVER, UNTAGGED, 0)                      \
    LIST(M, i32, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(elect_leaders_request_topic_partitions, ELECT_LEADERS_REQUEST_TOPIC_PARTITIONS)

#define ELECT_LEADERS_REQUEST(ONE, LIST, MANY, PART, M)                                     \
    ONE(M, i8, election_type, 1, LAST, NEVER, UNTAGGED, 0)                                  \
    MANY(M, elect_leaders_request_topic_partitions, topic_partitions, 0, LAST, 0, UNTAGGED) \
    ONE(M, i32, timeout_ms, 0, LAST, NEVER, UNTAGGED, 60000)
WIRE_STRUCT(elect_leaders_request, ELECT_LEADERS_REQUEST)

WIRE_SCHEMA(elect_leaders_request, ElectLeadersRequest, 43, 0, 2, 2)

#define ELECT_LEADERS_RESPONSE_PARTITION_RESULT(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, partition_id, 0, LAST, NEVER, UNTAGGED, 0)                \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                  \
    ONE(M, str, error_message, 0, LAST, 0, UNTAGGED, 0)
WIRE_STRUCT(elect_leaders_response_partition_result, ELECT_LEADERS_RESPONSE_PARTITION_RESULT)

#define ELECT_LEADERS_RESPONSE_REPLICA_ELECTION_RESULT(ONE, LIST, MANY, PART, M) \
    ONE(M, str, topic, 0, LAST, NEVER, UNTAGGED, 0)                              \
    MANY(M, elect_leaders_response_partition_result, partition_result, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(elect_leaders_response_replica_election_result, ELECT_LEADERS_RESPONSE_REPLICA_ELECTION_RESULT)

#define ELECT_LEADERS_RESPONSE(ONE, LIST, MANY, PART, M)       \
    ONE(M, i32, throttle_time_ms, 0, LAST, NEVER, UNTAGGED, 0) \
    ONE(M, i16, error_code, 1, LAST, NEVER, UNTAGGED, 0)       \
    MANY(M, elect_leaders_response_replica_election_result, replica_election_results, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(elect_leaders_response, ELECT_LEADERS_RESPONSE)

WIRE_SCHEMA(elect_leaders_response, ElectLeadersResponse, 43, 0, 2, 2)

#endif
