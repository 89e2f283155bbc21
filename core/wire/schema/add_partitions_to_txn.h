/* core/wire/schema/add_partitions_to_txn.h -- AddPartitionsToTxn (api key 24). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_ADD_PARTITIONS_TO_TXN_H
#define RINGMAIN_CORE_WIRE_SCHEMA_ADD_PARTITIONS_TO_TXN_H

#include "core/wire/wire.h"

#define ADD_PARTITIONS_TO_TXN_REQUEST_ADD_PARTITIONS_TO_TXN_TOPIC(ONE, LIST, MANY, PART, M) \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                                          \
    LIST(M, i32, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(add_partitions_to_txn_request_add_partitions_to_txn_topic, ADD_PARTITIONS_TO_TXN_REQUEST_ADD_PARTITIONS_TO_TXN_TOPIC)

#define ADD_PARTITIONS_TO_TXN_REQUEST_ADD_PARTITIONS_TO_TXN_TRANSACTION(ONE, LIST, MANY, PART, M)        \
    ONE(M, str, transactional_id, 4, LAST, NEVER, UNTAGGED, 0)                                           \
    ONE(M, i64, producer_id, 4, LAST, NEVER, UNTAGGED, 0)                                                \
    ONE(M, i16, producer_epoch, 4, LAST, NEVER, UNTAGGED, 0)                                             \
    ONE(M, bool, verify_only, 4, LAST, NEVER, UNTAGGED, 0)                                               \
    MANY(M, add_partitions_to_txn_request_add_partitions_to_txn_topic, topics, 4, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(add_partitions_to_txn_request_add_partitions_to_txn_transaction, ADD_PARTITIONS_TO_TXN_REQUEST_ADD_PARTITIONS_TO_TXN_TRANSACTION)

#define ADD_PARTITIONS_TO_TXN_REQUEST(ONE, LIST, MANY, PART, M)                                                      \
    MANY(M, add_partitions_to_txn_request_add_partitions_to_txn_transaction, transactions, 4, LAST, NEVER, UNTAGGED) \
    ONE(M, str, v3_and_below_transactional_id, 0, 3, NEVER, UNTAGGED, 0)                                             \
    ONE(M, i64, v3_and_below_producer_id, 0, 3, NEVER, UNTAGGED, 0)                                                  \
    ONE(M, i16, v3_and_below_producer_epoch, 0, 3, NEVER, UNTAGGED, 0)                                               \
    MANY(M, add_partitions_to_txn_request_add_partitions_to_txn_topic, v3_and_below_topics, 0, 3, NEVER, UNTAGGED)
WIRE_STRUCT(add_partitions_to_txn_request, ADD_PARTITIONS_TO_TXN_REQUEST)

WIRE_SCHEMA(add_partitions_to_txn_request, AddPartitionsToTxnRequest, 24, 0, 5, 3)

#define ADD_PARTITIONS_TO_TXN_RESPONSE_ADD_PARTITIONS_TO_TXN_PARTITION_RESULT(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)                                           \
    ONE(M, i16, partition_error_code, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(add_partitions_to_txn_response_add_partitions_to_txn_partition_result, ADD_PARTITIONS_TO_TXN_RESPONSE_ADD_PARTITIONS_TO_TXN_PARTITION_RESULT)

#define ADD_PARTITIONS_TO_TXN_RESPONSE_ADD_PARTITIONS_TO_TXN_TOPIC_RESULT(ONE, LIST, MANY, PART, M)                                \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                                                                                 \
    MANY(M, add_partitions_to_txn_response_add_partitions_to_txn_partition_result, results_by_partition, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(add_partitions_to_txn_response_add_partitions_to_txn_topic_result, ADD_PARTITIONS_TO_TXN_RESPONSE_ADD_PARTITIONS_TO_TXN_TOPIC_RESULT)

#define ADD_PARTITIONS_TO_TXN_RESPONSE_ADD_PARTITIONS_TO_TXN_RESULT(ONE, LIST, MANY, PART, M)                           \
    ONE(M, str, transactional_id, 4, LAST, NEVER, UNTAGGED, 0)                                                          \
    MANY(M, add_partitions_to_txn_response_add_partitions_to_txn_topic_result, topic_results, 4, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(add_partitions_to_txn_response_add_partitions_to_txn_result, ADD_PARTITIONS_TO_TXN_RESPONSE_ADD_PARTITIONS_TO_TXN_RESULT)

#define ADD_PARTITIONS_TO_TXN_RESPONSE(ONE, LIST, MANY, PART, M)                                                                     \
    ONE(M, i32, throttle_time_ms, 0, LAST, NEVER, UNTAGGED, 0)                                                                       \
    ONE(M, i16, error_code, 4, LAST, NEVER, UNTAGGED, 0)                                                                             \
    MANY(M, add_partitions_to_txn_response_add_partitions_to_txn_result, results_by_transaction, 4, LAST, NEVER, UNTAGGED)           \
    MANY(M, add_partitions_to_txn_response_add_partitions_to_txn_topic_result, results_by_topic_v3_and_below, 0, 3, NEVER, UNTAGGED)
WIRE_STRUCT(add_partitions_to_txn_response, ADD_PARTITIONS_TO_TXN_RESPONSE)

WIRE_SCHEMA(add_partitions_to_txn_response, AddPartitionsToTxnResponse, 24, 0, 5, 3)

#endif
