/* core/wire/schema/group_records.h -- records of __consumer_offsets that classic groups write. The key's own version is
   the type: 0 and 1 offset commits, 2 group metadata. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_GROUP_RECORDS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_GROUP_RECORDS_H

#include "core/wire/wire.h"

#define OFFSET_COMMIT_KEY(ONE, LIST, MANY, PART, M)  \
    ONE(M, str, group, 0, 0, NEVER, UNTAGGED, 0)     \
    ONE(M, str, topic, 0, 0, NEVER, UNTAGGED, 0)     \
    ONE(M, i32, partition, 0, 0, NEVER, UNTAGGED, 0)
WIRE_STRUCT(offset_commit_key, OFFSET_COMMIT_KEY)

WIRE_SCHEMA(offset_commit_key, OffsetCommitKey, -1, 0, 0, NEVER)

#define OFFSET_COMMIT_VALUE(ONE, LIST, MANY, PART, M)          \
    ONE(M, i64, offset, 0, LAST, NEVER, UNTAGGED, 0)           \
    ONE(M, i32, leader_epoch, 3, LAST, NEVER, UNTAGGED, -1)    \
    ONE(M, str, metadata, 0, LAST, NEVER, UNTAGGED, 0)         \
    ONE(M, i64, commit_timestamp, 0, LAST, NEVER, UNTAGGED, 0) \
    ONE(M, i64, expire_timestamp, 1, 1, NEVER, UNTAGGED, -1)   \
    ONE(M, uuid, topic_id, 4, LAST, NEVER, 0, 0)
WIRE_STRUCT(offset_commit_value, OFFSET_COMMIT_VALUE)

WIRE_SCHEMA(offset_commit_value, OffsetCommitValue, -1, 0, 4, 4)

#define GROUP_METADATA_KEY(ONE, LIST, MANY, PART, M) \
    ONE(M, str, group, 0, 0, NEVER, UNTAGGED, 0)
WIRE_STRUCT(group_metadata_key, GROUP_METADATA_KEY)

WIRE_SCHEMA(group_metadata_key, GroupMetadataKey, -1, 0, 0, NEVER)

#define GROUP_METADATA_VALUE_MEMBER_METADATA(ONE, LIST, MANY, PART, M) \
    ONE(M, str, member_id, 0, LAST, NEVER, UNTAGGED, 0)                \
    ONE(M, str, group_instance_id, 3, LAST, 3, UNTAGGED, DEFAULT_NULL) \
    ONE(M, str, client_id, 0, LAST, NEVER, UNTAGGED, 0)                \
    ONE(M, str, client_host, 0, LAST, NEVER, UNTAGGED, 0)              \
    ONE(M, i32, rebalance_timeout, 1, LAST, NEVER, UNTAGGED, -1)       \
    ONE(M, i32, session_timeout, 0, LAST, NEVER, UNTAGGED, 0)          \
    ONE(M, bytes, subscription, 0, LAST, NEVER, UNTAGGED, 0)           \
    ONE(M, bytes, assignment, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(group_metadata_value_member_metadata, GROUP_METADATA_VALUE_MEMBER_METADATA)

#define GROUP_METADATA_VALUE(ONE, LIST, MANY, PART, M)                               \
    ONE(M, str, protocol_type, 0, LAST, NEVER, UNTAGGED, 0)                          \
    ONE(M, i32, generation, 0, LAST, NEVER, UNTAGGED, 0)                             \
    ONE(M, str, protocol, 0, LAST, 0, UNTAGGED, 0)                                   \
    ONE(M, str, leader, 0, LAST, 0, UNTAGGED, 0)                                     \
    ONE(M, i64, current_state_timestamp, 2, LAST, NEVER, UNTAGGED, -1)               \
    MANY(M, group_metadata_value_member_metadata, members, 0, LAST, NEVER, UNTAGGED)
WIRE_STRUCT(group_metadata_value, GROUP_METADATA_VALUE)

WIRE_SCHEMA(group_metadata_value, GroupMetadataValue, -1, 0, 4, 4)

#endif
