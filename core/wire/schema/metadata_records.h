/* core/wire/schema/metadata_records.h -- records of the cluster metadata log (KIP-631), as Kafka stores them. */
#ifndef RINGMAIN_CORE_WIRE_SCHEMA_METADATA_RECORDS_H
#define RINGMAIN_CORE_WIRE_SCHEMA_METADATA_RECORDS_H

#include "core/wire/wire.h"

#define REGISTER_BROKER_RECORD_BROKER_ENDPOINT(ONE, LIST, MANY, PART, M) \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                       \
    ONE(M, str, host, 0, LAST, NEVER, UNTAGGED, 0)                       \
    ONE(M, u16, port, 0, LAST, NEVER, UNTAGGED, 0)                       \
    ONE(M, i16, security_protocol, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(register_broker_record_broker_endpoint, REGISTER_BROKER_RECORD_BROKER_ENDPOINT)

#define REGISTER_BROKER_RECORD_BROKER_FEATURE(ONE, LIST, MANY, PART, M) \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)                      \
    ONE(M, i16, min_supported_version, 0, LAST, NEVER, UNTAGGED, 0)     \
    ONE(M, i16, max_supported_version, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(register_broker_record_broker_feature, REGISTER_BROKER_RECORD_BROKER_FEATURE)

#define REGISTER_BROKER_RECORD(ONE, LIST, MANY, PART, M)                                  \
    ONE(M, i32, broker_id, 0, LAST, NEVER, UNTAGGED, 0)                                   \
    ONE(M, bool, is_migrating_zk_broker, 2, LAST, NEVER, UNTAGGED, 0)                     \
    ONE(M, uuid, incarnation_id, 0, LAST, NEVER, UNTAGGED, 0)                             \
    ONE(M, i64, broker_epoch, 0, LAST, NEVER, UNTAGGED, 0)                                \
    MANY(M, register_broker_record_broker_endpoint, end_points, 0, LAST, NEVER, UNTAGGED) \
    MANY(M, register_broker_record_broker_feature, features, 0, LAST, NEVER, UNTAGGED)    \
    ONE(M, str, rack, 0, LAST, 0, UNTAGGED, 0)                                            \
    ONE(M, bool, fenced, 0, LAST, NEVER, UNTAGGED, 1)                                     \
    ONE(M, bool, in_controlled_shutdown, 1, LAST, NEVER, UNTAGGED, 0)                     \
    LIST(M, uuid, log_dirs, 3, LAST, NEVER, 0)                                            \
    LIST(M, uuid, cordoned_log_dirs, 4, LAST, 4, 1)
WIRE_STRUCT(register_broker_record, REGISTER_BROKER_RECORD)

WIRE_SCHEMA(register_broker_record, RegisterBrokerRecord, 0, 0, 4, 0)

#define UNREGISTER_BROKER_RECORD(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, broker_id, 0, LAST, NEVER, UNTAGGED, 0)    \
    ONE(M, i64, broker_epoch, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(unregister_broker_record, UNREGISTER_BROKER_RECORD)

WIRE_SCHEMA(unregister_broker_record, UnregisterBrokerRecord, 1, 0, 0, 0)

#define TOPIC_RECORD(ONE, LIST, MANY, PART, M)          \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)      \
    ONE(M, uuid, topic_id, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(topic_record, TOPIC_RECORD)

WIRE_SCHEMA(topic_record, TopicRecord, 2, 0, 0, 0)

#define PARTITION_RECORD(ONE, LIST, MANY, PART, M)             \
    ONE(M, i32, partition_id, 0, LAST, NEVER, UNTAGGED, -1)    \
    ONE(M, uuid, topic_id, 0, LAST, NEVER, UNTAGGED, 0)        \
    LIST(M, i32, replicas, 0, LAST, NEVER, UNTAGGED)           \
    LIST(M, i32, isr, 0, LAST, NEVER, UNTAGGED)                \
    LIST(M, i32, removing_replicas, 0, LAST, NEVER, UNTAGGED)  \
    LIST(M, i32, adding_replicas, 0, LAST, NEVER, UNTAGGED)    \
    ONE(M, i32, leader, 0, LAST, NEVER, UNTAGGED, -1)          \
    ONE(M, i8, leader_recovery_state, 0, LAST, NEVER, 0, 0)    \
    ONE(M, i32, leader_epoch, 0, LAST, NEVER, UNTAGGED, -1)    \
    ONE(M, i32, partition_epoch, 0, LAST, NEVER, UNTAGGED, -1) \
    LIST(M, uuid, directories, 1, LAST, NEVER, UNTAGGED)       \
    LIST(M, i32, eligible_leader_replicas, 2, LAST, 2, 1)      \
    LIST(M, i32, last_known_elr, 2, LAST, 2, 2)
WIRE_STRUCT(partition_record, PARTITION_RECORD)

WIRE_SCHEMA(partition_record, PartitionRecord, 3, 0, 2, 0)

#define CONFIG_RECORD(ONE, LIST, MANY, PART, M)             \
    ONE(M, i8, resource_type, 0, LAST, NEVER, UNTAGGED, 0)  \
    ONE(M, str, resource_name, 0, LAST, NEVER, UNTAGGED, 0) \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)          \
    ONE(M, str, value, 0, LAST, 0, UNTAGGED, 0)
WIRE_STRUCT(config_record, CONFIG_RECORD)

WIRE_SCHEMA(config_record, ConfigRecord, 4, 0, 0, 0)

#define PARTITION_CHANGE_RECORD(ONE, LIST, MANY, PART, M)    \
    ONE(M, i32, partition_id, 0, LAST, NEVER, UNTAGGED, -1)  \
    ONE(M, uuid, topic_id, 0, LAST, NEVER, UNTAGGED, 0)      \
    LIST(M, i32, isr, 0, LAST, 0, 0)                         \
    ONE(M, i32, leader, 0, LAST, NEVER, 1, -2)               \
    LIST(M, i32, replicas, 0, LAST, 0, 2)                    \
    LIST(M, i32, removing_replicas, 0, LAST, 0, 3)           \
    LIST(M, i32, adding_replicas, 0, LAST, 0, 4)             \
    ONE(M, i8, leader_recovery_state, 0, LAST, NEVER, 5, -1) \
    LIST(M, uuid, directories, 1, LAST, 1, 8)                \
    LIST(M, i32, eligible_leader_replicas, 2, LAST, 2, 6)    \
    LIST(M, i32, last_known_elr, 2, LAST, 2, 7)
WIRE_STRUCT(partition_change_record, PARTITION_CHANGE_RECORD)

WIRE_SCHEMA(partition_change_record, PartitionChangeRecord, 5, 0, 2, 0)

#define FENCE_BROKER_RECORD(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, id, 0, LAST, NEVER, UNTAGGED, 0)      \
    ONE(M, i64, epoch, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(fence_broker_record, FENCE_BROKER_RECORD)

WIRE_SCHEMA(fence_broker_record, FenceBrokerRecord, 7, 0, 0, 0)

#define UNFENCE_BROKER_RECORD(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, id, 0, LAST, NEVER, UNTAGGED, 0)        \
    ONE(M, i64, epoch, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(unfence_broker_record, UNFENCE_BROKER_RECORD)

WIRE_SCHEMA(unfence_broker_record, UnfenceBrokerRecord, 8, 0, 0, 0)

#define REMOVE_TOPIC_RECORD(ONE, LIST, MANY, PART, M)   \
    ONE(M, uuid, topic_id, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(remove_topic_record, REMOVE_TOPIC_RECORD)

WIRE_SCHEMA(remove_topic_record, RemoveTopicRecord, 9, 0, 0, 0)

#define FEATURE_LEVEL_RECORD(ONE, LIST, MANY, PART, M)      \
    ONE(M, str, name, 0, LAST, NEVER, UNTAGGED, 0)          \
    ONE(M, i16, feature_level, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(feature_level_record, FEATURE_LEVEL_RECORD)

WIRE_SCHEMA(feature_level_record, FeatureLevelRecord, 12, 0, 0, 0)

#define PRODUCER_IDS_RECORD(ONE, LIST, MANY, PART, M)          \
    ONE(M, i32, broker_id, 0, LAST, NEVER, UNTAGGED, 0)        \
    ONE(M, i64, broker_epoch, 0, LAST, NEVER, UNTAGGED, -1)    \
    ONE(M, i64, next_producer_id, 0, LAST, NEVER, UNTAGGED, 0)
WIRE_STRUCT(producer_ids_record, PRODUCER_IDS_RECORD)

WIRE_SCHEMA(producer_ids_record, ProducerIdsRecord, 15, 0, 0, 0)

#define BROKER_REGISTRATION_CHANGE_RECORD(ONE, LIST, MANY, PART, M) \
    ONE(M, i32, broker_id, 0, LAST, NEVER, UNTAGGED, 0)             \
    ONE(M, i64, broker_epoch, 0, LAST, NEVER, UNTAGGED, 0)          \
    ONE(M, i8, fenced, 0, LAST, NEVER, 0, 0)                        \
    ONE(M, i8, in_controlled_shutdown, 1, LAST, NEVER, 1, 0)        \
    LIST(M, uuid, log_dirs, 2, LAST, NEVER, 2)                      \
    LIST(M, uuid, cordoned_log_dirs, 3, LAST, 3, 3)
WIRE_STRUCT(broker_registration_change_record, BROKER_REGISTRATION_CHANGE_RECORD)

WIRE_SCHEMA(broker_registration_change_record, BrokerRegistrationChangeRecord, 17, 0, 3, 0)

#define NO_OP_RECORD(ONE, LIST, MANY, PART, M)
WIRE_STRUCT(no_op_record, NO_OP_RECORD)

WIRE_SCHEMA(no_op_record, NoOpRecord, 20, 0, 0, 0)

#endif
