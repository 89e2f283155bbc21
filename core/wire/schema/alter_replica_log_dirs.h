/* core/wire/schema/alter_replica_log_dirs.h -- AlterReplicaLogDirs (api key 34). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_ALTER_REPLICA_LOG_DIRS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_ALTER_REPLICA_LOG_DIRS_H

#include "core/wire/wire.h"

#define ALTER_REPLICA_LOG_DIRS_REQUEST_ALTER_REPLICA_LOG_DIR_TOPIC(ONE, LIST, MANY, PART, M) \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                                           \
    LIST(M, i32, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(alter_replica_log_dirs_request_alter_replica_log_dir_topic, ALTER_REPLICA_LOG_DIRS_REQUEST_ALTER_REPLICA_LOG_DIR_TOPIC)

#define ALTER_REPLICA_LOG_DIRS_REQUEST_ALTER_REPLICA_LOG_DIR(ONE, LIST, MANY, PART, M) \
    ONE(M, str, path, 0, LAST, NEVER, UNTAGGED, 0)                                     \
    MANY(M, alter_replica_log_dirs_request_alter_replica_log_dir_topic, topics, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(alter_replica_log_dirs_request_alter_replica_log_dir, ALTER_REPLICA_LOG_DIRS_REQUEST_ALTER_REPLICA_LOG_DIR)

#define ALTER_REPLICA_LOG_DIRS_REQUEST(ONE, LIST, MANY, PART, M)                                        \
    MANY(M, alter_replica_log_dirs_request_alter_replica_log_dir, dirs, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(alter_replica_log_dirs_request, ALTER_REPLICA_LOG_DIRS_REQUEST)

WIRE_SCHEMA(alter_replica_log_dirs_request, AlterReplicaLogDirsRequest, 34, 1, 2, 2)

#define ALTER_REPLICA_LOG_DIRS_RESPONSE_ALTER_REPLICA_LOG_DIR_PARTITION_RESULT(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)                                            \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(alter_replica_log_dirs_response_alter_replica_log_dir_partition_result, ALTER_REPLICA_LOG_DIRS_RESPONSE_ALTER_REPLICA_LOG_DIR_PARTITION_RESULT)

#define ALTER_REPLICA_LOG_DIRS_RESPONSE_ALTER_REPLICA_LOG_DIR_TOPIC_RESULT(ONE, LIST, MANY, PART, M) \
    ONE(M, str, topic_name, 0, LAST, NEVER, UNTAGGED, 0)                                             \
    MANY(M, alter_replica_log_dirs_response_alter_replica_log_dir_partition_result, partitions, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(alter_replica_log_dirs_response_alter_replica_log_dir_topic_result, ALTER_REPLICA_LOG_DIRS_RESPONSE_ALTER_REPLICA_LOG_DIR_TOPIC_RESULT)

#define ALTER_REPLICA_LOG_DIRS_RESPONSE(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, throttle_time_ms, 0, LAST, NEVER, UNTAGGED, 0)    \
    MANY(M, alter_replica_log_dirs_response_alter_replica_log_dir_topic_result, results, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(alter_replica_log_dirs_response, ALTER_REPLICA_LOG_DIRS_RESPONSE)

WIRE_SCHEMA(alter_replica_log_dirs_response, AlterReplicaLogDirsResponse, 34, 1, 2, 2)

#endif
