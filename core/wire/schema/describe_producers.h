/* core/wire/schema/describe_producers.h -- DescribeProducers (api key 61). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_DESCRIBE_PRODUCERS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_DESCRIBE_PRODUCERS_H

#include "core/wire/wire.h"

#define DESCRIBE_PRODUCERS_REQUEST_TOPIC_REQUEST(ONE, LIST, MANY, PART, M) \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                         \
    LIST(M, i32, partition_indexes, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(describe_producers_request_topic_request, DESCRIBE_PRODUCERS_REQUEST_TOPIC_REQUEST)

#define DESCRIBE_PRODUCERS_REQUEST(ONE, LIST, MANY, PART, M)                            \
    MANY(M, describe_producers_request_topic_request, topics, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(describe_producers_request, DESCRIBE_PRODUCERS_REQUEST)

WIRE_SCHEMA(describe_producers_request, DescribeProducersRequest, 61, 0, 0, 0)

#define DESCRIBE_PRODUCERS_RESPONSE_PRODUCER_STATE(ONE, LIST, MANY, PART, M) \
    ONE(M, i64, producer_id, 0, LAST, NEVER, UNTAGGED, 0)                    \
    ONE(M, i32, producer_epoch, 0, LAST, NEVER, UNTAGGED, 0)                 \
    ONE(M, i32, last_sequence, 0, LAST, NEVER, UNTAGGED, -1)                 \
    ONE(M, i64, last_timestamp, 0, LAST, NEVER, UNTAGGED, -1)                \
    ONE(M, i32, coordinator_epoch, 0, LAST, NEVER, UNTAGGED, 0)              \
    ONE(M, i64, current_txn_start_offset, 0, LAST, NEVER, UNTAGGED, -1)
WIRE_STRUCT(describe_producers_response_producer_state, DESCRIBE_PRODUCERS_RESPONSE_PRODUCER_STATE)

#define DESCRIBE_PRODUCERS_RESPONSE_PARTITION_RESPONSE(ONE, LIST, MANY, PART, M)                    \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)                                       \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                                            \
    ONE(M, str, error_message, 0, LAST, 0, UNTAGGED, DEFAULT_NULL)                                  \
    MANY(M, describe_producers_response_producer_state, active_producers, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(describe_producers_response_partition_response, DESCRIBE_PRODUCERS_RESPONSE_PARTITION_RESPONSE)

#define DESCRIBE_PRODUCERS_RESPONSE_TOPIC_RESPONSE(ONE, LIST, MANY, PART, M)                      \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                                                \
    MANY(M, describe_producers_response_partition_response, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(describe_producers_response_topic_response, DESCRIBE_PRODUCERS_RESPONSE_TOPIC_RESPONSE)

#define DESCRIBE_PRODUCERS_RESPONSE(ONE, LIST, MANY, PART, M)                             \
    ONE(M, i32, throttle_time_ms, 0, LAST, NEVER, UNTAGGED, 0)                            \
    MANY(M, describe_producers_response_topic_response, topics, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(describe_producers_response, DESCRIBE_PRODUCERS_RESPONSE)

WIRE_SCHEMA(describe_producers_response, DescribeProducersResponse, 61, 0, 0, 0)

#endif
