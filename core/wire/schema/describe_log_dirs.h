/* core/wire/schema/describe_log_dirs.h -- DescribeLogDirs (api key 35). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_DESCRIBE_LOG_DIRS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_DESCRIBE_LOG_DIRS_H

#include "core/wire/wire.h"

#define DESCRIBE_LOG_DIRS_REQUEST_DESCRIBABLE_LOG_DIR_TOPIC(ONE, LIST, MANY, PART, M) \
    ONE(M, str, topic, 0, LAST, NEVER, UNTAGGED, 0)                                   \
    LIST(M, i32, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(describe_log_dirs_request_describable_log_dir_topic, DESCRIBE_LOG_DIRS_REQUEST_DESCRIBABLE_LOG_DIR_TOPIC)

#define DESCRIBE_LOG_DIRS_REQUEST(ONE, LIST, MANY, PART, M)                                    \
    MANY(M, describe_log_dirs_request_describable_log_dir_topic, topics, 0, LAST, 0, UNTAGGED)
WIRE_STRUCT(describe_log_dirs_request, DESCRIBE_LOG_DIRS_REQUEST)

WIRE_SCHEMA(describe_log_dirs_request, DescribeLogDirsRequest, 35, 1, 5, 2)

#define DESCRIBE_LOG_DIRS_RESPONSE_DESCRIBE_LOG_DIRS_PARTITION(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)                            \
    ONE(M, i64, partition_size, 0, LAST, NEVER, UNTAGGED, 0)                             \
    ONE(M, i64, offset_lag, 0, LAST, NEVER, UNTAGGED, 0)                                 \
    ONE(M, bool, is_future_key, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(describe_log_dirs_response_describe_log_dirs_partition, DESCRIBE_LOG_DIRS_RESPONSE_DESCRIBE_LOG_DIRS_PARTITION)

#define DESCRIBE_LOG_DIRS_RESPONSE_DESCRIBE_LOG_DIRS_TOPIC(ONE, LIST, MANY, PART, M)                      \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                                                        \
    MANY(M, describe_log_dirs_response_describe_log_dirs_partition, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(describe_log_dirs_response_describe_log_dirs_topic, DESCRIBE_LOG_DIRS_RESPONSE_DESCRIBE_LOG_DIRS_TOPIC)

#define DESCRIBE_LOG_DIRS_RESPONSE_DESCRIBE_LOG_DIRS_RESULT(ONE, LIST, MANY, PART, M)             \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                                          \
    ONE(M, str, log_dir, 0, LAST, NEVER, UNTAGGED, 0)                                             \
    MANY(M, describe_log_dirs_response_describe_log_dirs_topic, topics, 0, LAST, NEVER, UNTAGGED) \
    ONE(M, i64, total_bytes, 4, LAST, NEVER, UNTAGGED, -1)                                        \
    ONE(M, i64, usable_bytes, 4, LAST, NEVER, UNTAGGED, -1)                                       \
    ONE(M, bool, is_cordoned, 5, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(describe_log_dirs_response_describe_log_dirs_result, DESCRIBE_LOG_DIRS_RESPONSE_DESCRIBE_LOG_DIRS_RESULT)

#define DESCRIBE_LOG_DIRS_RESPONSE(ONE, LIST, MANY, PART, M)                                        \
    ONE(M, i32, throttle_time_ms, 0, LAST, NEVER, UNTAGGED, 0)                                      \
    ONE(M, i16, error_code, 3, LAST, NEVER, UNTAGGED, 0)                                            \
    MANY(M, describe_log_dirs_response_describe_log_dirs_result, results, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(describe_log_dirs_response, DESCRIBE_LOG_DIRS_RESPONSE)

WIRE_SCHEMA(describe_log_dirs_response, DescribeLogDirsResponse, 35, 1, 5, 2)

#endif
