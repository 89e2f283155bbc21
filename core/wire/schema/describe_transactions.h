/* core/wire/schema/describe_transactions.h -- DescribeTransactions (api key 65). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_DESCRIBE_TRANSACTIONS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_DESCRIBE_TRANSACTIONS_H

#include "core/wire/wire.h"

#define DESCRIBE_TRANSACTIONS_REQUEST(ONE, LIST, MANY, PART, M) \
    LIST(M, str, transactional_ids, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(describe_transactions_request, DESCRIBE_TRANSACTIONS_REQUEST)

WIRE_SCHEMA(describe_transactions_request, DescribeTransactionsRequest, 65, 0, 0, 0)

#define DESCRIBE_TRANSACTIONS_RESPONSE_TOPIC_DATA(ONE, LIST, MANY, PART, M) \
    ONE(M, str, topic, 0, LAST, NEVER, UNTAGGED, 0)                         \
    LIST(M, i32, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(describe_transactions_response_topic_data, DESCRIBE_TRANSACTIONS_RESPONSE_TOPIC_DATA)

#define DESCRIBE_TRANSACTIONS_RESPONSE_TRANSACTION_STATE(ONE, LIST, MANY, PART, M)       \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                                 \
    ONE(M, str, transactional_id, 0, LAST, NEVER, UNTAGGED, 0)                           \
    ONE(M, str, transaction_state, 0, LAST, NEVER, UNTAGGED, 0)                          \
    ONE(M, i32, transaction_timeout_ms, 0, LAST, NEVER, UNTAGGED, 0)                     \
    ONE(M, i64, transaction_start_time_ms, 0, LAST, NEVER, UNTAGGED, 0)                  \
    ONE(M, i64, producer_id, 0, LAST, NEVER, UNTAGGED, 0)                                \
    ONE(M, i16, producer_epoch, 0, LAST, NEVER, UNTAGGED, 0)                             \
    MANY(M, describe_transactions_response_topic_data, topics, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(describe_transactions_response_transaction_state, DESCRIBE_TRANSACTIONS_RESPONSE_TRANSACTION_STATE)

#define DESCRIBE_TRANSACTIONS_RESPONSE(ONE, LIST, MANY, PART, M)                                            \
    ONE(M, i32, throttle_time_ms, 0, LAST, NEVER, UNTAGGED, 0)                                              \
    MANY(M, describe_transactions_response_transaction_state, transaction_states, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(describe_transactions_response, DESCRIBE_TRANSACTIONS_RESPONSE)

WIRE_SCHEMA(describe_transactions_response, DescribeTransactionsResponse, 65, 0, 0, 0)

#endif
