/* core/wire/schema/add_offsets_to_txn.h -- AddOffsetsToTxn (api key 25). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_ADD_OFFSETS_TO_TXN_H
#define RINGMAIN_CORE_WIRE_SCHEMA_ADD_OFFSETS_TO_TXN_H

#include "core/wire/wire.h"

#define ADD_OFFSETS_TO_TXN_REQUEST(ONE, LIST, MANY, PART, M)   \
    ONE(M, str, transactional_id, 0, LAST, NEVER, UNTAGGED, 0) \
    ONE(M, i64, producer_id, 0, LAST, NEVER, UNTAGGED, 0)      \
    ONE(M, i16, producer_epoch, 0, LAST, NEVER, UNTAGGED, 0)   \
    ONE(M, str, group_id, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(add_offsets_to_txn_request, ADD_OFFSETS_TO_TXN_REQUEST)

WIRE_SCHEMA(add_offsets_to_txn_request, AddOffsetsToTxnRequest, 25, 0, 4, 3)

#define ADD_OFFSETS_TO_TXN_RESPONSE(ONE, LIST, MANY, PART, M)  \
    ONE(M, i32, throttle_time_ms, 0, LAST, NEVER, UNTAGGED, 0) \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(add_offsets_to_txn_response, ADD_OFFSETS_TO_TXN_RESPONSE)

WIRE_SCHEMA(add_offsets_to_txn_response, AddOffsetsToTxnResponse, 25, 0, 4, 3)

#endif
