/* core/wire/schema/write_txn_markers.h -- WriteTxnMarkers (api key 27). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_WRITE_TXN_MARKERS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_WRITE_TXN_MARKERS_H

#include "core/wire/wire.h"

#define WRITE_TXN_MARKERS_REQUEST_WRITABLE_TXN_MARKER_TOPIC(ONE, LIST, MANY, PART, M) \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                                    \
    LIST(M, i32, partition_indexes, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(write_txn_markers_request_writable_txn_marker_topic, WRITE_TXN_MARKERS_REQUEST_WRITABLE_TXN_MARKER_TOPIC)

#define WRITE_TXN_MARKERS_REQUEST_WRITABLE_TXN_MARKER(ONE, LIST, MANY, PART, M)                    \
    ONE(M, i64, producer_id, 0, LAST, NEVER, UNTAGGED, 0)                                          \
    ONE(M, i16, producer_epoch, 0, LAST, NEVER, UNTAGGED, 0)                                       \
    ONE(M, bool, transaction_result, 0, LAST, NEVER, UNTAGGED, 0)                                  \
    MANY(M, write_txn_markers_request_writable_txn_marker_topic, topics, 0, LAST, NEVER, UNTAGGED) \
    ONE(M, i32, coordinator_epoch, 0, LAST, NEVER, UNTAGGED, 0)                                    \
    ONE(M, i8, transaction_version, 2, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(write_txn_markers_request_writable_txn_marker, WRITE_TXN_MARKERS_REQUEST_WRITABLE_TXN_MARKER)

#define WRITE_TXN_MARKERS_REQUEST(ONE, LIST, MANY, PART, M)                                   \
    MANY(M, write_txn_markers_request_writable_txn_marker, markers, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(write_txn_markers_request, WRITE_TXN_MARKERS_REQUEST)

WIRE_SCHEMA(write_txn_markers_request, WriteTxnMarkersRequest, 27, 1, 2, 1)

#define WRITE_TXN_MARKERS_RESPONSE_WRITABLE_TXN_MARKER_PARTITION_RESULT(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)                                     \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(write_txn_markers_response_writable_txn_marker_partition_result, WRITE_TXN_MARKERS_RESPONSE_WRITABLE_TXN_MARKER_PARTITION_RESULT)

#define WRITE_TXN_MARKERS_RESPONSE_WRITABLE_TXN_MARKER_TOPIC_RESULT(ONE, LIST, MANY, PART, M)                      \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                                                                 \
    MANY(M, write_txn_markers_response_writable_txn_marker_partition_result, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(write_txn_markers_response_writable_txn_marker_topic_result, WRITE_TXN_MARKERS_RESPONSE_WRITABLE_TXN_MARKER_TOPIC_RESULT)

#define WRITE_TXN_MARKERS_RESPONSE_WRITABLE_TXN_MARKER_RESULT(ONE, LIST, MANY, PART, M)                    \
    ONE(M, i64, producer_id, 0, LAST, NEVER, UNTAGGED, 0)                                                  \
    MANY(M, write_txn_markers_response_writable_txn_marker_topic_result, topics, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(write_txn_markers_response_writable_txn_marker_result, WRITE_TXN_MARKERS_RESPONSE_WRITABLE_TXN_MARKER_RESULT)

#define WRITE_TXN_MARKERS_RESPONSE(ONE, LIST, MANY, PART, M)                                          \
    MANY(M, write_txn_markers_response_writable_txn_marker_result, markers, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(write_txn_markers_response, WRITE_TXN_MARKERS_RESPONSE)

WIRE_SCHEMA(write_txn_markers_response, WriteTxnMarkersResponse, 27, 1, 2, 1)

#endif
