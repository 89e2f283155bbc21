/* core/wire/schema/create_topics.h -- CreateTopics (api key 19). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_CREATE_TOPICS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_CREATE_TOPICS_H

#include "core/wire/wire.h"

#define CREATE_TOPICS_REQUEST_CREATABLE_REPLICA_ASSIGNMENT(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, partition_index, 0, LAST, NEVER, UNTAGGED, 0)                        \
    LIST(M, i32, broker_ids, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(create_topics_request_creatable_replica_assignment, CREATE_TOPICS_REQUEST_CREATABLE_REPLICA_ASSIGNMENT)

#define CREATE_TOPICS_REQUEST_CREATABLE_TOPIC_CONFIG(ONE, LIST, MANY, PART, M) \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                             \
    ONE(M, str, value, 0, LAST, 0, UNTAGGED, 0)
WIRE_STRUCT(create_topics_request_creatable_topic_config, CREATE_TOPICS_REQUEST_CREATABLE_TOPIC_CONFIG)

#define CREATE_TOPICS_REQUEST_CREATABLE_TOPIC(ONE, LIST, MANY, PART, M)                                \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                                                     \
    ONE(M, i32, num_partitions, 0, LAST, NEVER, UNTAGGED, 0)                                           \
    ONE(M, i16, replication_factor, 0, LAST, NEVER, UNTAGGED, 0)                                       \
    MANY(M, create_topics_request_creatable_replica_assignment, assignments, 0, LAST, NEVER, UNTAGGED) \
    MANY(M, create_topics_request_creatable_topic_config, configs, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(create_topics_request_creatable_topic, CREATE_TOPICS_REQUEST_CREATABLE_TOPIC)

#define CREATE_TOPICS_REQUEST(ONE, LIST, MANY, PART, M)                              \
    MANY(M, create_topics_request_creatable_topic, topics, 0, LAST, NEVER, UNTAGGED) \
    ONE(M, i32, timeout_ms, 0, LAST, NEVER, UNTAGGED, 60000)                         \
    ONE(M, bool, validate_only, 1, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(create_topics_request, CREATE_TOPICS_REQUEST)

WIRE_SCHEMA(create_topics_request, CreateTopicsRequest, 19, 0, 7, 5)

#define CREATE_TOPICS_RESPONSE_CREATABLE_TOPIC_CONFIGS(ONE, LIST, MANY, PART, M) \
    ONE(M, str, name, 5, LAST, NEVER, UNTAGGED, 0)                               \
    ONE(M, str, value, 5, LAST, 5, UNTAGGED, 0)                                  \
    ONE(M, bool, read_only, 5, LAST, NEVER, UNTAGGED, 0)                         \
    ONE(M, i8, config_source, 5, LAST, NEVER, UNTAGGED, -1)                      \
    ONE(M, bool, is_sensitive, 5, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(create_topics_response_creatable_topic_configs, CREATE_TOPICS_RESPONSE_CREATABLE_TOPIC_CONFIGS)

#define CREATE_TOPICS_RESPONSE_CREATABLE_TOPIC_RESULT(ONE, LIST, MANY, PART, M)            \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                                         \
    ONE(M, uuid, topic_id, 7, LAST, NEVER, UNTAGGED, 0)                                    \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                                   \
    ONE(M, str, error_message, 1, LAST, 0, UNTAGGED, 0)                                    \
    ONE(M, i16, topic_config_error_code, 5, LAST, NEVER, 0, 0)                             \
    ONE(M, i32, num_partitions, 5, LAST, NEVER, UNTAGGED, -1)                              \
    ONE(M, i16, replication_factor, 5, LAST, NEVER, UNTAGGED, -1)                          \
    MANY(M, create_topics_response_creatable_topic_configs, configs, 5, LAST, 5, UNTAGGED)
WIRE_STRUCT(create_topics_response_creatable_topic_result, CREATE_TOPICS_RESPONSE_CREATABLE_TOPIC_RESULT)

#define CREATE_TOPICS_RESPONSE(ONE, LIST, MANY, PART, M)                                     \
    ONE(M, i32, throttle_time_ms, 2, LAST, NEVER, UNTAGGED, 0)                               \
    MANY(M, create_topics_response_creatable_topic_result, topics, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(create_topics_response, CREATE_TOPICS_RESPONSE)

WIRE_SCHEMA(create_topics_response, CreateTopicsResponse, 19, 0, 7, 5)

#endif
