/* core/wire/schema/delete_topics.h -- DeleteTopics (api key 20). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_DELETE_TOPICS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_DELETE_TOPICS_H

#include "core/wire/wire.h"

#define DELETE_TOPICS_REQUEST_DELETE_TOPIC_STATE(ONE, LIST, MANY, PART, M) \
    ONE(M, str, name, 6, LAST, 6, UNTAGGED, DEFAULT_NULL)                  \
    ONE(M, uuid, topic_id, 6, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(delete_topics_request_delete_topic_state, DELETE_TOPICS_REQUEST_DELETE_TOPIC_STATE)

#define DELETE_TOPICS_REQUEST(ONE, LIST, MANY, PART, M)                                 \
    MANY(M, delete_topics_request_delete_topic_state, topics, 6, LAST, NEVER, UNTAGGED) \
    LIST(M, str, topic_names, 0, 5, NEVER, UNTAGGED)                                    \
    ONE(M, i32, timeout_ms, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(delete_topics_request, DELETE_TOPICS_REQUEST)

WIRE_SCHEMA(delete_topics_request, DeleteTopicsRequest, 20, 0, 6, 4)

#define DELETE_TOPICS_RESPONSE_DELETABLE_TOPIC_RESULT(ONE, LIST, MANY, PART, M) \
    ONE(M, str, name, 0, LAST, 6, UNTAGGED, 0)                                  \
    ONE(M, uuid, topic_id, 6, LAST, NEVER, UNTAGGED, 0)                         \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                        \
    ONE(M, str, error_message, 5, LAST, 5, UNTAGGED, DEFAULT_NULL)
WIRE_STRUCT(delete_topics_response_deletable_topic_result, DELETE_TOPICS_RESPONSE_DELETABLE_TOPIC_RESULT)

#define DELETE_TOPICS_RESPONSE(ONE, LIST, MANY, PART, M)                                        \
    ONE(M, i32, throttle_time_ms, 1, LAST, NEVER, UNTAGGED, 0)                                  \
    MANY(M, delete_topics_response_deletable_topic_result, responses, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(delete_topics_response, DELETE_TOPICS_RESPONSE)

WIRE_SCHEMA(delete_topics_response, DeleteTopicsResponse, 20, 0, 6, 4)

#endif
