/* core/wire/schema/fetch.h -- Fetch (api key 1). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_FETCH_H
#define RINGMAIN_CORE_WIRE_SCHEMA_FETCH_H

#include "core/wire/wire.h"

#define FETCH_REQUEST_REPLICA_STATE(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, replica_id, 15, LAST, NEVER, UNTAGGED, -1)    \
    ONE(M, i64, replica_epoch, 15, LAST, NEVER, UNTAGGED, -1)
WIRE_STRUCT(fetch_request_replica_state, FETCH_REQUEST_REPLICA_STATE)

#define FETCH_REQUEST_FETCH_PARTITION(ONE, LIST, MANY, PART, M)     \
    ONE(M, i32, partition, 0, LAST, NEVER, UNTAGGED, 0)             \
    ONE(M, i32, current_leader_epoch, 9, LAST, NEVER, UNTAGGED, -1) \
    ONE(M, i64, fetch_offset, 0, LAST, NEVER, UNTAGGED, 0)          \
    ONE(M, i32, last_fetched_epoch, 12, LAST, NEVER, UNTAGGED, -1)  \
    ONE(M, i64, log_start_offset, 5, LAST, NEVER, UNTAGGED, -1)     \
    ONE(M, i32, partition_max_bytes, 0, LAST, NEVER, UNTAGGED, 0)   \
    ONE(M, uuid, replica_directory_id, 17, LAST, NEVER, 0, 0)       \
    ONE(M, i64, high_watermark, 18, LAST, NEVER, 1, INT64_MAX)
WIRE_STRUCT(fetch_request_fetch_partition, FETCH_REQUEST_FETCH_PARTITION)

#define FETCH_REQUEST_FETCH_TOPIC(ONE, LIST, MANY, PART, M)                      \
    ONE(M, str, topic, 0, 12, NEVER, UNTAGGED, 0)                                \
    ONE(M, uuid, topic_id, 13, LAST, NEVER, UNTAGGED, 0)                         \
    MANY(M, fetch_request_fetch_partition, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(fetch_request_fetch_topic, FETCH_REQUEST_FETCH_TOPIC)

#define FETCH_REQUEST_FORGOTTEN_TOPIC(ONE, LIST, MANY, PART, M) \
    ONE(M, str, topic, 7, 12, NEVER, UNTAGGED, 0)               \
    ONE(M, uuid, topic_id, 13, LAST, NEVER, UNTAGGED, 0)        \
    LIST(M, i32, partitions, 7, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(fetch_request_forgotten_topic, FETCH_REQUEST_FORGOTTEN_TOPIC)

#define FETCH_REQUEST(ONE, LIST, MANY, PART, M)                                             \
    ONE(M, str, cluster_id, 12, LAST, 12, 0, DEFAULT_NULL)                                  \
    ONE(M, i32, replica_id, 0, 14, NEVER, UNTAGGED, -1)                                     \
    PART(M, fetch_request_replica_state, replica_state, 15, LAST, NEVER, 1)                 \
    ONE(M, i32, max_wait_ms, 0, LAST, NEVER, UNTAGGED, 0)                                   \
    ONE(M, i32, min_bytes, 0, LAST, NEVER, UNTAGGED, 0)                                     \
    ONE(M, i32, max_bytes, 3, LAST, NEVER, UNTAGGED, 2147483647)                            \
    ONE(M, i8, isolation_level, 4, LAST, NEVER, UNTAGGED, 0)                                \
    ONE(M, i32, session_id, 7, LAST, NEVER, UNTAGGED, 0)                                    \
    ONE(M, i32, session_epoch, 7, LAST, NEVER, UNTAGGED, -1)                                \
    MANY(M, fetch_request_fetch_topic, topics, 0, LAST, NEVER, UNTAGGED)                    \
    MANY(M, fetch_request_forgotten_topic, forgotten_topics_data, 7, LAST, NEVER, UNTAGGED) \
    ONE(M, str, rack_id, 11, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(fetch_request, FETCH_REQUEST)

WIRE_SCHEMA(fetch_request, FetchRequest, 1, 4, 18, 12)

#define FETCH_RESPONSE_EPOCH_END_OFFSET(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, epoch, 12, LAST, NEVER, UNTAGGED, -1)             \
    ONE(M, i64, end_offset, 12, LAST, NEVER, UNTAGGED, -1)
WIRE_STRUCT(fetch_response_epoch_end_offset, FETCH_RESPONSE_EPOCH_END_OFFSET)

#define FETCH_RESPONSE_LEADER_ID_AND_EPOCH(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, leader_id, 12, LAST, NEVER, UNTAGGED, -1)            \
    ONE(M, i32, leader_epoch, 12, LAST, NEVER, UNTAGGED, -1)
WIRE_STRUCT(fetch_response_leader_id_and_epoch, FETCH_RESPONSE_LEADER_ID_AND_EPOCH)

#define FETCH_RESPONSE_SNAPSHOT_ID(ONE, LIST, MANY, PART, M) \
    ONE(M, i64, end_offset, 0, LAST, NEVER, UNTAGGED, -1)    \
    ONE(M, i32, epoch, 0, LAST, NEVER, UNTAGGED, -1)
WIRE_STRUCT(fetch_response_snapshot_id, FETCH_RESPONSE_SNAPSHOT_ID)

#define FETCH_RESPONSE_ABORTED_TRANSACTION(ONE, LIST, MANY, PART, M) \
    ONE(M, i64, producer_id, 4, LAST, NEVER, UNTAGGED, 0)            \
    ONE(M, i64, first_offset, 4, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(fetch_response_aborted_transaction, FETCH_RESPONSE_ABORTED_TRANSACTION)

#define FETCH_RESPONSE_PARTITION_DATA(ONE, LIST, MANY, PART, M)                             \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)                               \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                                    \
    ONE(M, i64, high_watermark, 0, LAST, NEVER, UNTAGGED, 0)                                \
    ONE(M, i64, last_stable_offset, 4, LAST, NEVER, UNTAGGED, -1)                           \
    ONE(M, i64, log_start_offset, 5, LAST, NEVER, UNTAGGED, -1)                             \
    PART(M, fetch_response_epoch_end_offset, diverging_epoch, 12, LAST, NEVER, 0)           \
    PART(M, fetch_response_leader_id_and_epoch, current_leader, 12, LAST, NEVER, 1)         \
    PART(M, fetch_response_snapshot_id, snapshot_id, 12, LAST, NEVER, 2)                    \
    MANY(M, fetch_response_aborted_transaction, aborted_transactions, 4, LAST, 4, UNTAGGED) \
    ONE(M, i32, preferred_read_replica, 11, LAST, NEVER, UNTAGGED, -1)                      \
    ONE(M, records, records, 0, LAST, 0, UNTAGGED, 0)
WIRE_STRUCT(fetch_response_partition_data, FETCH_RESPONSE_PARTITION_DATA)

#define FETCH_RESPONSE_FETCHABLE_TOPIC_RESPONSE(ONE, LIST, MANY, PART, M)        \
    ONE(M, str, topic, 0, 12, NEVER, UNTAGGED, 0)                                \
    ONE(M, uuid, topic_id, 13, LAST, NEVER, UNTAGGED, 0)                         \
    MANY(M, fetch_response_partition_data, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(fetch_response_fetchable_topic_response, FETCH_RESPONSE_FETCHABLE_TOPIC_RESPONSE)

#define FETCH_RESPONSE_NODE_ENDPOINT(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, node_id, 16, LAST, NEVER, UNTAGGED, 0)         \
    ONE(M, str, host, 16, LAST, NEVER, UNTAGGED, 0)            \
    ONE(M, i32, port, 16, LAST, NEVER, UNTAGGED, 0)            \
    ONE(M, str, rack, 16, LAST, 16, UNTAGGED, DEFAULT_NULL)
WIRE_STRUCT(fetch_response_node_endpoint, FETCH_RESPONSE_NODE_ENDPOINT)

#define FETCH_RESPONSE(ONE, LIST, MANY, PART, M)                                          \
    ONE(M, i32, throttle_time_ms, 1, LAST, NEVER, UNTAGGED, 0)                            \
    ONE(M, i16, error_code, 7, LAST, NEVER, UNTAGGED, 0)                                  \
    ONE(M, i32, session_id, 7, LAST, NEVER, UNTAGGED, 0)                                  \
    MANY(M, fetch_response_fetchable_topic_response, responses, 0, LAST, NEVER, UNTAGGED) \
    MANY(M, fetch_response_node_endpoint, node_endpoints, 16, LAST, NEVER, 0)
WIRE_STRUCT(fetch_response, FETCH_RESPONSE)

WIRE_SCHEMA(fetch_response, FetchResponse, 1, 4, 18, 12)

#endif
