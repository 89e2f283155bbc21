/* core/wire/schema/sasl_handshake.h -- SaslHandshake (api key 17). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_SASL_HANDSHAKE_H
#define RINGMAIN_CORE_WIRE_SCHEMA_SASL_HANDSHAKE_H

#include "core/wire/wire.h"

#define SASL_HANDSHAKE_REQUEST(ONE, LIST, MANY, PART, M) \
    ONE(M, str, mechanism, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(sasl_handshake_request, SASL_HANDSHAKE_REQUEST)

WIRE_SCHEMA(sasl_handshake_request, SaslHandshakeRequest, 17, 0, 1, NEVER)

#define SASL_HANDSHAKE_RESPONSE(ONE, LIST, MANY, PART, M) \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)  \
    LIST(M, str, mechanisms, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(sasl_handshake_response, SASL_HANDSHAKE_RESPONSE)

WIRE_SCHEMA(sasl_handshake_response, SaslHandshakeResponse, 17, 0, 1, NEVER)

#endif
