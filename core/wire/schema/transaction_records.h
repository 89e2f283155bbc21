/* core/wire/schema/transaction_records.h -- records of __transaction_state: the newest of an id says where its
   transaction stands. The key's own version is the type: 0. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_TRANSACTION_RECORDS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_TRANSACTION_RECORDS_H

#include "core/wire/wire.h"

#define TRANSACTION_LOG_KEY(ONE, LIST, MANY, PART, M)       \
    ONE(M, str, transactional_id, 0, 0, NEVER, UNTAGGED, 0)
WIRE_STRUCT(transaction_log_key, TRANSACTION_LOG_KEY)

WIRE_SCHEMA(transaction_log_key, TransactionLogKey, -1, 0, 0, NEVER)

#define TRANSACTION_LOG_VALUE_PARTITIONS_SCHEMA(ONE, LIST, MANY, PART, M) \
    ONE(M, str, topic, 0, LAST, NEVER, UNTAGGED, 0)                       \
    LIST(M, i32, partition_ids, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(transaction_log_value_partitions_schema, TRANSACTION_LOG_VALUE_PARTITIONS_SCHEMA)

#define TRANSACTION_LOG_VALUE(ONE, LIST, MANY, PART, M)                                                   \
    ONE(M, i64, producer_id, 0, LAST, NEVER, UNTAGGED, 0)                                                 \
    ONE(M, i64, previous_producer_id, 1, LAST, NEVER, 0, -1)                                              \
    ONE(M, i64, next_producer_id, 1, LAST, NEVER, 1, -1)                                                  \
    ONE(M, i16, producer_epoch, 0, LAST, NEVER, UNTAGGED, 0)                                              \
    ONE(M, i16, next_producer_epoch, 1, LAST, NEVER, 3, -1)                                               \
    ONE(M, i32, transaction_timeout_ms, 0, LAST, NEVER, UNTAGGED, 0)                                      \
    ONE(M, i8, transaction_status, 0, LAST, NEVER, UNTAGGED, 0)                                           \
    MANY(M, transaction_log_value_partitions_schema, transaction_partitions, 0, LAST, 0, UNTAGGED)        \
    ONE(M, i64, transaction_last_update_timestamp_ms, 0, LAST, NEVER, UNTAGGED, 0)                        \
    ONE(M, i64, transaction_start_timestamp_ms, 0, LAST, NEVER, UNTAGGED, 0)                              \
    ONE(M, i16, client_transaction_version, 1, LAST, NEVER, 2, 0)
WIRE_STRUCT(transaction_log_value, TRANSACTION_LOG_VALUE)

WIRE_SCHEMA(transaction_log_value, TransactionLogValue, -1, 0, 1, 1)

#endif
