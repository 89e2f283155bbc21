/* core/wire/api.h -- every API of the protocol that has a table: key, name, versions.
 *
 * `listed` is the lowest version that ApiVersions shows, `lowest` the lowest that is served: Produce is listed from 0 so
 * that old librdkafka keeps its features on (KAFKA-18659) and refused below 3. What is advertised is decided where the
 * handlers are (net/handlers): an API without a handler does not appear to clients.
 */
#ifndef RINGMAIN_CORE_WIRE_API_H
#define RINGMAIN_CORE_WIRE_API_H

#include "core/wire/wire.h"

/*    key  Name  schema prefix  listed  lowest  highest */
#define WIRE_API_TABLE(A)                                                      \
    A(0, Produce, produce, 0, 3, 13)                                           \
    A(1, Fetch, fetch, 4, 4, 18)                                               \
    A(2, ListOffsets, list_offsets, 1, 1, 11)                                  \
    A(3, Metadata, metadata, 0, 0, 13)                                         \
    A(8, OffsetCommit, offset_commit, 2, 2, 10)                                \
    A(9, OffsetFetch, offset_fetch, 1, 1, 10)                                  \
    A(10, FindCoordinator, find_coordinator, 0, 0, 6)                          \
    A(11, JoinGroup, join_group, 0, 0, 9)                                      \
    A(12, Heartbeat, heartbeat, 0, 0, 4)                                       \
    A(13, LeaveGroup, leave_group, 0, 0, 5)                                    \
    A(14, SyncGroup, sync_group, 0, 0, 5)                                      \
    A(15, DescribeGroups, describe_groups, 0, 0, 6)                            \
    A(16, ListGroups, list_groups, 0, 0, 5)                                    \
    A(17, SaslHandshake, sasl_handshake, 0, 0, 1)                              \
    A(18, ApiVersions, api_versions, 0, 0, 5)                                  \
    A(19, CreateTopics, create_topics, 0, 0, 7)                                \
    A(20, DeleteTopics, delete_topics, 0, 0, 6)                                \
    A(21, DeleteRecords, delete_records, 0, 0, 2)                              \
    A(22, InitProducerId, init_producer_id, 0, 0, 5)                           \
    A(23, OffsetForLeaderEpoch, offset_for_leader_epoch, 2, 2, 4)              \
    A(24, AddPartitionsToTxn, add_partitions_to_txn, 0, 0, 5)                  \
    A(25, AddOffsetsToTxn, add_offsets_to_txn, 0, 0, 4)                        \
    A(26, EndTxn, end_txn, 0, 0, 5)                                            \
    A(27, WriteTxnMarkers, write_txn_markers, 1, 1, 2)                         \
    A(28, TxnOffsetCommit, txn_offset_commit, 0, 0, 6)                         \
    A(29, DescribeAcls, describe_acls, 1, 1, 3)                                \
    A(30, CreateAcls, create_acls, 1, 1, 3)                                    \
    A(31, DeleteAcls, delete_acls, 1, 1, 3)                                    \
    A(32, DescribeConfigs, describe_configs, 0, 0, 4)                          \
    A(33, AlterConfigs, alter_configs, 0, 0, 2)                                \
    A(34, AlterReplicaLogDirs, alter_replica_log_dirs, 1, 1, 2)                \
    A(35, DescribeLogDirs, describe_log_dirs, 1, 1, 5)                         \
    A(36, SaslAuthenticate, sasl_authenticate, 0, 0, 2)                        \
    A(37, CreatePartitions, create_partitions, 0, 0, 3)                        \
    A(42, DeleteGroups, delete_groups, 0, 0, 3)                                \
    A(43, ElectLeaders, elect_leaders, 0, 0, 2)                                \
    A(44, IncrementalAlterConfigs, incremental_alter_configs, 0, 0, 1)         \
    A(45, AlterPartitionReassignments, alter_partition_reassignments, 0, 0, 1) \
    A(46, ListPartitionReassignments, list_partition_reassignments, 0, 0, 0)   \
    A(47, OffsetDelete, offset_delete, 0, 0, 0)                                \
    A(55, DescribeQuorum, describe_quorum, 0, 0, 2)                            \
    A(57, UpdateFeatures, update_features, 0, 0, 2)                            \
    A(60, DescribeCluster, describe_cluster, 0, 0, 2)                          \
    A(61, DescribeProducers, describe_producers, 0, 0, 0)                      \
    A(65, DescribeTransactions, describe_transactions, 0, 0, 0)                \
    A(66, ListTransactions, list_transactions, 0, 0, 2)                        \
    A(74, ListConfigResources, list_config_resources, 0, 0, 1)                 \
    A(75, DescribeTopicPartitions, describe_topic_partitions, 0, 0, 0)

enum wire_api_key {
    API_PRODUCE = 0,
    API_FETCH = 1,
    API_LIST_OFFSETS = 2,
    API_METADATA = 3,
    API_OFFSET_COMMIT = 8,
    API_OFFSET_FETCH = 9,
    API_FIND_COORDINATOR = 10,
    API_JOIN_GROUP = 11,
    API_HEARTBEAT = 12,
    API_LEAVE_GROUP = 13,
    API_SYNC_GROUP = 14,
    API_DESCRIBE_GROUPS = 15,
    API_LIST_GROUPS = 16,
    API_SASL_HANDSHAKE = 17,
    API_VERSIONS = 18,
    API_CREATE_TOPICS = 19,
    API_DELETE_TOPICS = 20,
    API_DELETE_RECORDS = 21,
    API_INIT_PRODUCER_ID = 22,
    API_OFFSET_FOR_LEADER_EPOCH = 23,
    API_ADD_PARTITIONS_TO_TXN = 24,
    API_ADD_OFFSETS_TO_TXN = 25,
    API_END_TXN = 26,
    API_WRITE_TXN_MARKERS = 27,
    API_TXN_OFFSET_COMMIT = 28,
    API_DESCRIBE_ACLS = 29,
    API_CREATE_ACLS = 30,
    API_DELETE_ACLS = 31,
    API_DESCRIBE_CONFIGS = 32,
    API_ALTER_CONFIGS = 33,
    API_ALTER_REPLICA_LOG_DIRS = 34,
    API_DESCRIBE_LOG_DIRS = 35,
    API_SASL_AUTHENTICATE = 36,
    API_CREATE_PARTITIONS = 37,
    API_DELETE_GROUPS = 42,
    API_ELECT_LEADERS = 43,
    API_INCREMENTAL_ALTER_CONFIGS = 44,
    API_ALTER_PARTITION_REASSIGNMENTS = 45,
    API_LIST_PARTITION_REASSIGNMENTS = 46,
    API_OFFSET_DELETE = 47,
    API_DESCRIBE_QUORUM = 55,
    API_UPDATE_FEATURES = 57,
    API_DESCRIBE_CLUSTER = 60,
    API_DESCRIBE_PRODUCERS = 61,
    API_DESCRIBE_TRANSACTIONS = 65,
    API_LIST_TRANSACTIONS = 66,
    API_LIST_CONFIG_RESOURCES = 74,
    API_DESCRIBE_TOPIC_PARTITIONS = 75,
};

struct wire_api {
    int16_t key;
    int16_t listed, lowest, highest;
    const char *name;
    const struct wire_schema *request, *response;
};

const struct wire_api *wire_api_find(int16_t key); /* NULL: no such table */
/* All of them in rising order of key. */
const struct wire_api *wire_apis(int *count);

#endif
