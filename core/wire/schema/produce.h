/* core/wire/schema/produce.h -- Produce (api key 0). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_PRODUCE_H
#define RINGMAIN_CORE_WIRE_SCHEMA_PRODUCE_H

#include "core/wire/wire.h"

#define PRODUCE_REQUEST_PARTITION_PRODUCE_DATA(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, index, 0, LAST, NEVER, UNTAGGED, 0)                      \
    ONE(M, records, records, 0, LAST, 0, UNTAGGED, 0)
WIRE_STRUCT(produce_request_partition_produce_data, PRODUCE_REQUEST_PARTITION_PRODUCE_DATA)

#define PRODUCE_REQUEST_TOPIC_PRODUCE_DATA(ONE, LIST, MANY, PART, M)                          \
    ONE(M, str, name, 0, 12, NEVER, UNTAGGED, 0)                                              \
    ONE(M, uuid, topic_id, 13, LAST, NEVER, UNTAGGED, 0)                                      \
    MANY(M, produce_request_partition_produce_data, partition_data, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(produce_request_topic_produce_data, PRODUCE_REQUEST_TOPIC_PRODUCE_DATA)

#define PRODUCE_REQUEST(ONE, LIST, MANY, PART, M)                                     \
    ONE(M, str, transactional_id, 3, LAST, 3, UNTAGGED, DEFAULT_NULL)                 \
    ONE(M, i16, acks, 0, LAST, NEVER, UNTAGGED, 0)                                    \
    ONE(M, i32, timeout_ms, 0, LAST, NEVER, UNTAGGED, 0)                              \
    MANY(M, produce_request_topic_produce_data, topic_data, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(produce_request, PRODUCE_REQUEST)

WIRE_SCHEMA(produce_request, ProduceRequest, 0, 3, 13, 9)

#define PRODUCE_RESPONSE_BATCH_INDEX_AND_ERROR_MESSAGE(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, batch_index, 8, LAST, NEVER, UNTAGGED, 0)                        \
    ONE(M, str, batch_index_error_message, 8, LAST, 8, UNTAGGED, DEFAULT_NULL)
WIRE_STRUCT(produce_response_batch_index_and_error_message, PRODUCE_RESPONSE_BATCH_INDEX_AND_ERROR_MESSAGE)

#define PRODUCE_RESPONSE_LEADER_ID_AND_EPOCH(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, leader_id, 10, LAST, NEVER, UNTAGGED, -1)              \
    ONE(M, i32, leader_epoch, 10, LAST, NEVER, UNTAGGED, -1)
WIRE_STRUCT(produce_response_leader_id_and_epoch, PRODUCE_RESPONSE_LEADER_ID_AND_EPOCH)

#define PRODUCE_RESPONSE_PARTITION_PRODUCE_RESPONSE(ONE, LIST, MANY, PART, M)                        \
    ONE(M, i32, index, 0, LAST, NEVER, UNTAGGED, 0)                                                  \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                                             \
    ONE(M, i64, base_offset, 0, LAST, NEVER, UNTAGGED, 0)                                            \
    ONE(M, i64, log_append_time_ms, 2, LAST, NEVER, UNTAGGED, -1)                                    \
    ONE(M, i64, log_start_offset, 5, LAST, NEVER, UNTAGGED, -1)                                      \
    MANY(M, produce_response_batch_index_and_error_message, record_errors, 8, LAST, NEVER, UNTAGGED) \
    ONE(M, str, error_message, 8, LAST, 8, UNTAGGED, DEFAULT_NULL)                                   \
    PART(M, produce_response_leader_id_and_epoch, current_leader, 10, LAST, NEVER, 0)
WIRE_STRUCT(produce_response_partition_produce_response, PRODUCE_RESPONSE_PARTITION_PRODUCE_RESPONSE)

#define PRODUCE_RESPONSE_TOPIC_PRODUCE_RESPONSE(ONE, LIST, MANY, PART, M)                               \
    ONE(M, str, name, 0, 12, NEVER, UNTAGGED, 0)                                                        \
    ONE(M, uuid, topic_id, 13, LAST, NEVER, UNTAGGED, 0)                                                \
    MANY(M, produce_response_partition_produce_response, partition_responses, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(produce_response_topic_produce_response, PRODUCE_RESPONSE_TOPIC_PRODUCE_RESPONSE)

#define PRODUCE_RESPONSE_NODE_ENDPOINT(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, node_id, 10, LAST, NEVER, UNTAGGED, 0)           \
    ONE(M, str, host, 10, LAST, NEVER, UNTAGGED, 0)              \
    ONE(M, i32, port, 10, LAST, NEVER, UNTAGGED, 0)              \
    ONE(M, str, rack, 10, LAST, 10, UNTAGGED, DEFAULT_NULL)
WIRE_STRUCT(produce_response_node_endpoint, PRODUCE_RESPONSE_NODE_ENDPOINT)

#define PRODUCE_RESPONSE(ONE, LIST, MANY, PART, M)                                        \
    MANY(M, produce_response_topic_produce_response, responses, 0, LAST, NEVER, UNTAGGED) \
    ONE(M, i32, throttle_time_ms, 1, LAST, NEVER, UNTAGGED, 0)                            \
    MANY(M, produce_response_node_endpoint, node_endpoints, 10, LAST, NEVER, 0)
WIRE_STRUCT(produce_response, PRODUCE_RESPONSE)

WIRE_SCHEMA(produce_response, ProduceResponse, 0, 3, 13, 9)

#endif
