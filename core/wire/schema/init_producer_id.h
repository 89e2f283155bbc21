/* core/wire/schema/init_producer_id.h -- InitProducerId (api key 22).
 * Version 6 (two-phase commit, KIP-939) is unstable in Kafka 4.4 and in no released client. How a table reads:
 * core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_INIT_PRODUCER_ID_H
#define RINGMAIN_CORE_WIRE_SCHEMA_INIT_PRODUCER_ID_H

#include "core/wire/wire.h"

#define INIT_PRODUCER_ID_REQUEST(ONE, LIST, MANY, PART, M)           \
    ONE(M, str, transactional_id, 0, LAST, 0, UNTAGGED, 0)           \
    ONE(M, i32, transaction_timeout_ms, 0, LAST, NEVER, UNTAGGED, 0) \
    ONE(M, i64, producer_id, 3, LAST, NEVER, UNTAGGED, -1)           \
    ONE(M, i16, producer_epoch, 3, LAST, NEVER, UNTAGGED, -1)
WIRE_STRUCT(init_producer_id_request, INIT_PRODUCER_ID_REQUEST)

WIRE_SCHEMA(init_producer_id_request, InitProducerIdRequest, 22, 0, 5, 2)

#define INIT_PRODUCER_ID_RESPONSE(ONE, LIST, MANY, PART, M)               \
    ONE(M, i32, throttle_time_ms, 0, LAST, NEVER, UNTAGGED, 0)            \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                  \
    ONE(M, i64, producer_id, 0, LAST, NEVER, UNTAGGED, -1)                \
    ONE(M, i16, producer_epoch, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(init_producer_id_response, INIT_PRODUCER_ID_RESPONSE)

WIRE_SCHEMA(init_producer_id_response, InitProducerIdResponse, 22, 0, 5, 2)

#endif
