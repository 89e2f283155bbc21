/* core/wire/schema/end_txn.h -- EndTxn (api key 26). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_END_TXN_H
#define RINGMAIN_CORE_WIRE_SCHEMA_END_TXN_H

#include "core/wire/wire.h"

#define END_TXN_REQUEST(ONE, LIST, MANY, PART, M)              \
    ONE(M, str, transactional_id, 0, LAST, NEVER, UNTAGGED, 0) \
    ONE(M, i64, producer_id, 0, LAST, NEVER, UNTAGGED, 0)      \
    ONE(M, i16, producer_epoch, 0, LAST, NEVER, UNTAGGED, 0)   \
    ONE(M, bool, committed, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(end_txn_request, END_TXN_REQUEST)

WIRE_SCHEMA(end_txn_request, EndTxnRequest, 26, 0, 5, 3)

#define END_TXN_RESPONSE(ONE, LIST, MANY, PART, M)             \
    ONE(M, i32, throttle_time_ms, 0, LAST, NEVER, UNTAGGED, 0) \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)       \
    ONE(M, i64, producer_id, 5, LAST, NEVER, UNTAGGED, -1)     \
    ONE(M, i16, producer_epoch, 5, LAST, NEVER, UNTAGGED, -1)
WIRE_STRUCT(end_txn_response, END_TXN_RESPONSE)

WIRE_SCHEMA(end_txn_response, EndTxnResponse, 26, 0, 5, 3)

#endif
