/* core/wire/schema/list_transactions.h -- ListTransactions (api key 66). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_LIST_TRANSACTIONS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_LIST_TRANSACTIONS_H

#include "core/wire/wire.h"

#define LIST_TRANSACTIONS_REQUEST(ONE, LIST, MANY, PART, M)                   \
    LIST(M, str, state_filters, 0, LAST, NEVER, UNTAGGED)                     \
    LIST(M, i64, producer_id_filters, 0, LAST, NEVER, UNTAGGED)               \
    ONE(M, i64, duration_filter, 1, LAST, NEVER, UNTAGGED, -1)                \
    ONE(M, str, transactional_id_pattern, 2, LAST, 2, UNTAGGED, DEFAULT_NULL)
WIRE_STRUCT(list_transactions_request, LIST_TRANSACTIONS_REQUEST)

WIRE_SCHEMA(list_transactions_request, ListTransactionsRequest, 66, 0, 2, 0)

#define LIST_TRANSACTIONS_RESPONSE_TRANSACTION_STATE(ONE, LIST, MANY, PART, M) \
    ONE(M, str, transactional_id, 0, LAST, NEVER, UNTAGGED, 0)                 \
    ONE(M, i64, producer_id, 0, LAST, NEVER, UNTAGGED, 0)                      \
    ONE(M, str, transaction_state, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(list_transactions_response_transaction_state, LIST_TRANSACTIONS_RESPONSE_TRANSACTION_STATE)

#define LIST_TRANSACTIONS_RESPONSE(ONE, LIST, MANY, PART, M)                                            \
    ONE(M, i32, throttle_time_ms, 0, LAST, NEVER, UNTAGGED, 0)                                          \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                                                \
    LIST(M, str, unknown_state_filters, 0, LAST, NEVER, UNTAGGED)                                       \
    MANY(M, list_transactions_response_transaction_state, transaction_states, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(list_transactions_response, LIST_TRANSACTIONS_RESPONSE)

WIRE_SCHEMA(list_transactions_response, ListTransactionsResponse, 66, 0, 2, 0)

#endif
