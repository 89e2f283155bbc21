/* core/wire/schema/delete_records.h -- DeleteRecords (api key 21). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_DELETE_RECORDS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_DELETE_RECORDS_H

#include "core/wire/wire.h"

#define DELETE_RECORDS_REQUEST_DELETE_RECORDS_PARTITION(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)                     \
    ONE(M, i64, offset, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(delete_records_request_delete_records_partition, DELETE_RECORDS_REQUEST_DELETE_RECORDS_PARTITION)

#define DELETE_RECORDS_REQUEST_DELETE_RECORDS_TOPIC(ONE, LIST, MANY, PART, M)                      \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                                                 \
    MANY(M, delete_records_request_delete_records_partition, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(delete_records_request_delete_records_topic, DELETE_RECORDS_REQUEST_DELETE_RECORDS_TOPIC)

#define DELETE_RECORDS_REQUEST(ONE, LIST, MANY, PART, M)                                   \
    MANY(M, delete_records_request_delete_records_topic, topics, 0, LAST, NEVER, UNTAGGED) \
    ONE(M, i32, timeout_ms, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(delete_records_request, DELETE_RECORDS_REQUEST)

WIRE_SCHEMA(delete_records_request, DeleteRecordsRequest, 21, 0, 2, 2)

#define DELETE_RECORDS_RESPONSE_DELETE_RECORDS_PARTITION_RESULT(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)                             \
    ONE(M, i64, low_watermark, 0, LAST, NEVER, UNTAGGED, 0)                               \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(delete_records_response_delete_records_partition_result, DELETE_RECORDS_RESPONSE_DELETE_RECORDS_PARTITION_RESULT)

#define DELETE_RECORDS_RESPONSE_DELETE_RECORDS_TOPIC_RESULT(ONE, LIST, MANY, PART, M)                      \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                                                         \
    MANY(M, delete_records_response_delete_records_partition_result, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(delete_records_response_delete_records_topic_result, DELETE_RECORDS_RESPONSE_DELETE_RECORDS_TOPIC_RESULT)

#define DELETE_RECORDS_RESPONSE(ONE, LIST, MANY, PART, M)                                          \
    ONE(M, i32, throttle_time_ms, 0, LAST, NEVER, UNTAGGED, 0)                                     \
    MANY(M, delete_records_response_delete_records_topic_result, topics, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(delete_records_response, DELETE_RECORDS_RESPONSE)

WIRE_SCHEMA(delete_records_response, DeleteRecordsResponse, 21, 0, 2, 2)

#endif
