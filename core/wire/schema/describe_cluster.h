/* core/wire/schema/describe_cluster.h -- DescribeCluster (api key 60). How a table reads: core/wire/wire.h. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_DESCRIBE_CLUSTER_H
#define RINGMAIN_CORE_WIRE_SCHEMA_DESCRIBE_CLUSTER_H

#include "core/wire/wire.h"

#define DESCRIBE_CLUSTER_REQUEST(ONE, LIST, MANY, PART, M)                           \
    ONE(M, bool, include_cluster_authorized_operations, 0, LAST, NEVER, UNTAGGED, 0) \
    ONE(M, i8, endpoint_type, 1, LAST, NEVER, UNTAGGED, 1)                           \
    ONE(M, bool, include_fenced_brokers, 2, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(describe_cluster_request, DESCRIBE_CLUSTER_REQUEST)

WIRE_SCHEMA(describe_cluster_request, DescribeClusterRequest, 60, 0, 2, 0)

#define DESCRIBE_CLUSTER_RESPONSE_DESCRIBE_CLUSTER_BROKER(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, broker_id, 0, LAST, NEVER, UNTAGGED, 0)                             \
    ONE(M, str, host, 0, LAST, NEVER, UNTAGGED, 0)                                  \
    ONE(M, i32, port, 0, LAST, NEVER, UNTAGGED, 0)                                  \
    ONE(M, str, rack, 0, LAST, 0, UNTAGGED, DEFAULT_NULL)                           \
    ONE(M, bool, is_fenced, 2, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(describe_cluster_response_describe_cluster_broker, DESCRIBE_CLUSTER_RESPONSE_DESCRIBE_CLUSTER_BROKER)

#define DESCRIBE_CLUSTER_RESPONSE(ONE, LIST, MANY, PART, M)                                       \
    ONE(M, i32, throttle_time_ms, 0, LAST, NEVER, UNTAGGED, 0)                                    \
    ONE(M, i16, error_code, 0, LAST, NEVER, UNTAGGED, 0)                                          \
    ONE(M, str, error_message, 0, LAST, 0, UNTAGGED, DEFAULT_NULL)                                \
    ONE(M, i8, endpoint_type, 1, LAST, NEVER, UNTAGGED, 1)                                        \
    ONE(M, str, cluster_id, 0, LAST, NEVER, UNTAGGED, 0)                                          \
    ONE(M, i32, controller_id, 0, LAST, NEVER, UNTAGGED, -1)                                      \
    MANY(M, describe_cluster_response_describe_cluster_broker, brokers, 0, LAST, NEVER, UNTAGGED) \
    ONE(M, i32, cluster_authorized_operations, 0, LAST, NEVER, UNTAGGED, INT32_MIN)
WIRE_STRUCT(describe_cluster_response, DESCRIBE_CLUSTER_RESPONSE)

WIRE_SCHEMA(describe_cluster_response, DescribeClusterResponse, 60, 0, 2, 0)

#endif
