/* core/wire/schema/sasl_authenticate.h -- SaslAuthenticate (api key 36). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_SASL_AUTHENTICATE_H
#define RINGMAIN_CORE_WIRE_SCHEMA_SASL_AUTHENTICATE_H

#include "core/wire/wire.h"

#define SASL_AUTHENTICATE_REQUEST(ONE, LIST, MANY, PART, M) \
    ONE(M, bytes, auth_bytes, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(sasl_authenticate_request, SASL_AUTHENTICATE_REQUEST)

WIRE_SCHEMA(sasl_authenticate_request, SaslAuthenticateRequest, 36, 0, 2, 2)

#define SASL_AUTHENTICATE_RESPONSE(ONE, LIST, MANY, PART, M)      \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)          \
    ONE(M, str, error_message, 0, LAST, 0, UNTAGGED, 0)           \
    ONE(M, bytes, auth_bytes, 0, LAST, NEVER, UNTAGGED, 0)        \
    ONE(M, i64, session_lifetime_ms, 1, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(sasl_authenticate_response, SASL_AUTHENTICATE_RESPONSE)

WIRE_SCHEMA(sasl_authenticate_response, SaslAuthenticateResponse, 36, 0, 2, 2)

#endif
