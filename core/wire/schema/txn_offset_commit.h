/* core/wire/schema/txn_offset_commit.h -- TxnOffsetCommit (api key 28). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_TXN_OFFSET_COMMIT_H
#define RINGMAIN_CORE_WIRE_SCHEMA_TXN_OFFSET_COMMIT_H

#include "core/wire/wire.h"

#define TXN_OFFSET_COMMIT_REQUEST_TXN_OFFSET_COMMIT_REQUEST_PARTITION(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)                                   \
    ONE(M, i64, committed_offset, 0, LAST, NEVER, UNTAGGED, 0)                                  \
    ONE(M, i32, committed_leader_epoch, 2, LAST, NEVER, UNTAGGED, -1)                           \
    ONE(M, str, committed_metadata, 0, LAST, 0, UNTAGGED, 0)
WIRE_STRUCT(txn_offset_commit_request_txn_offset_commit_request_partition, TXN_OFFSET_COMMIT_REQUEST_TXN_OFFSET_COMMIT_REQUEST_PARTITION)

#define TXN_OFFSET_COMMIT_REQUEST_TXN_OFFSET_COMMIT_REQUEST_TOPIC(ONE, LIST, MANY, PART, M)                      \
    ONE(M, str, name, 0, 5, NEVER, UNTAGGED, 0)                                                                  \
    ONE(M, uuid, topic_id, 6, LAST, NEVER, UNTAGGED, 0)                                                          \
    MANY(M, txn_offset_commit_request_txn_offset_commit_request_partition, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(txn_offset_commit_request_txn_offset_commit_request_topic, TXN_OFFSET_COMMIT_REQUEST_TXN_OFFSET_COMMIT_REQUEST_TOPIC)

#define TXN_OFFSET_COMMIT_REQUEST(ONE, LIST, MANY, PART, M)                                              \
    ONE(M, str, transactional_id, 0, LAST, NEVER, UNTAGGED, 0)                                           \
    ONE(M, str, group_id, 0, LAST, NEVER, UNTAGGED, 0)                                                   \
    ONE(M, i64, producer_id, 0, LAST, NEVER, UNTAGGED, 0)                                                \
    ONE(M, i16, producer_epoch, 0, LAST, NEVER, UNTAGGED, 0)                                             \
    ONE(M, i32, generation_id_or_member_epoch, 3, LAST, NEVER, UNTAGGED, -1)                             \
    ONE(M, str, member_id, 3, LAST, NEVER, UNTAGGED, 0)                                                  \
    ONE(M, str, group_instance_id, 3, LAST, 3, UNTAGGED, DEFAULT_NULL)                                   \
    MANY(M, txn_offset_commit_request_txn_offset_commit_request_topic, topics, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(txn_offset_commit_request, TXN_OFFSET_COMMIT_REQUEST)

WIRE_SCHEMA(txn_offset_commit_request, TxnOffsetCommitRequest, 28, 0, 6, 3)

#define TXN_OFFSET_COMMIT_RESPONSE_TXN_OFFSET_COMMIT_RESPONSE_PARTITION(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)                                     \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(txn_offset_commit_response_txn_offset_commit_response_partition, TXN_OFFSET_COMMIT_RESPONSE_TXN_OFFSET_COMMIT_RESPONSE_PARTITION)

#define TXN_OFFSET_COMMIT_RESPONSE_TXN_OFFSET_COMMIT_RESPONSE_TOPIC(ONE, LIST, MANY, PART, M)                      \
    ONE(M, str, name, 0, 5, NEVER, UNTAGGED, 0)                                                                    \
    ONE(M, uuid, topic_id, 6, LAST, NEVER, UNTAGGED, 0)                                                            \
    MANY(M, txn_offset_commit_response_txn_offset_commit_response_partition, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(txn_offset_commit_response_txn_offset_commit_response_topic, TXN_OFFSET_COMMIT_RESPONSE_TXN_OFFSET_COMMIT_RESPONSE_TOPIC)

#define TXN_OFFSET_COMMIT_RESPONSE(ONE, LIST, MANY, PART, M)                                               \
    ONE(M, i32, throttle_time_ms, 0, LAST, NEVER, UNTAGGED, 0)                                             \
    MANY(M, txn_offset_commit_response_txn_offset_commit_response_topic, topics, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(txn_offset_commit_response, TXN_OFFSET_COMMIT_RESPONSE)

WIRE_SCHEMA(txn_offset_commit_response, TxnOffsetCommitResponse, 28, 0, 6, 3)

#endif
