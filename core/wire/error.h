/* core/wire/error.h -- Kafka's error codes: one line each, from which the enum, the names and the texts are made.
 *
 * `retry`: whether Kafka's clients try again by themselves. Pure. Source: Kafka's Errors.java (4.4).
 */
#ifndef RINGMAIN_CORE_WIRE_ERROR_H
#define RINGMAIN_CORE_WIRE_ERROR_H

#include <stdbool.h>
#include <stdint.h>

/* clang-format off */
#define KAFKA_ERROR_TABLE(E) \
    E(-1, UNKNOWN_SERVER_ERROR, false, "the broker met an error that it did not expect") \
    E(0, NONE, false, "no error") \
    E(1, OFFSET_OUT_OF_RANGE, false, "the offset is outside the range of offsets kept by the broker") \
    E(2, CORRUPT_MESSAGE, true, "the message failed its CRC, has an invalid size, or is otherwise corrupt") \
    E(3, UNKNOWN_TOPIC_OR_PARTITION, true, "this broker does not host this topic or partition") \
    E(4, INVALID_FETCH_SIZE, false, "the requested fetch size is invalid") \
    E(5, LEADER_NOT_AVAILABLE, true, "there is no leader for this partition right now") \
    E(6, NOT_LEADER_OR_FOLLOWER, true, "this broker is not the leader of the partition") \
    E(7, REQUEST_TIMED_OUT, true, "the request timed out") \
    E(8, BROKER_NOT_AVAILABLE, false, "the broker is not available") \
    E(9, REPLICA_NOT_AVAILABLE, true, "the replica is not available for the partition") \
    E(10, MESSAGE_TOO_LARGE, false, "the batch is larger than max.message.bytes") \
    E(11, STALE_CONTROLLER_EPOCH, false, "the controller moved to another broker") \
    E(12, OFFSET_METADATA_TOO_LARGE, false, "the metadata of the offset commit is too large") \
    E(13, NETWORK_EXCEPTION, true, "the connection broke before an answer came") \
    E(14, COORDINATOR_LOAD_IN_PROGRESS, true, "the coordinator is loading and cannot process requests yet") \
    E(15, COORDINATOR_NOT_AVAILABLE, true, "the coordinator is not available") \
    E(16, NOT_COORDINATOR, true, "this is not the right coordinator") \
    E(17, INVALID_TOPIC_EXCEPTION, false, "the topic name is not valid or the topic is reserved for the broker") \
    E(18, RECORD_LIST_TOO_LARGE, false, "the batch is larger than a segment of the log") \
    E(19, NOT_ENOUGH_REPLICAS, true, "fewer in-sync replicas than min.insync.replicas; nothing was written") \
    E(20, NOT_ENOUGH_REPLICAS_AFTER_APPEND, true, "written, but fewer in-sync replicas than min.insync.replicas") \
    E(21, INVALID_REQUIRED_ACKS, false, "acks must be -1, 0 or 1") \
    E(22, ILLEGAL_GENERATION, false, "illegal generation") \
    E(23, INCONSISTENT_GROUP_PROTOCOL, false, "inconsistent group protocol") \
    E(24, INVALID_GROUP_ID, false, "invalid group id") \
    E(25, UNKNOWN_MEMBER_ID, false, "unknown member id") \
    E(26, INVALID_SESSION_TIMEOUT, false, "invalid session timeout") \
    E(27, REBALANCE_IN_PROGRESS, false, "rebalance in progress") \
    E(28, INVALID_COMMIT_OFFSET_SIZE, false, "invalid commit offset size") \
    E(29, TOPIC_AUTHORIZATION_FAILED, false, "topic authorization failed") \
    E(30, GROUP_AUTHORIZATION_FAILED, false, "group authorization failed") \
    E(31, CLUSTER_AUTHORIZATION_FAILED, false, "cluster authorization failed") \
    E(32, INVALID_TIMESTAMP, false, "the timestamp of a record is out of the accepted range") \
    E(33, UNSUPPORTED_SASL_MECHANISM, false, "unsupported sasl mechanism") \
    E(34, ILLEGAL_SASL_STATE, false, "illegal sasl state") \
    E(35, UNSUPPORTED_VERSION, false, "the version of the API is not supported") \
    E(36, TOPIC_ALREADY_EXISTS, false, "a topic with this name already exists") \
    E(37, INVALID_PARTITIONS, false, "the number of partitions is not valid") \
    E(38, INVALID_REPLICATION_FACTOR, false, "the replication factor is not valid or more than the brokers available") \
    E(39, INVALID_REPLICA_ASSIGNMENT, false, "the replica assignment is not valid") \
    E(40, INVALID_CONFIG, false, "the configuration is not valid") \
    E(41, NOT_CONTROLLER, true, "this broker is not the controller") \
    E(42, INVALID_REQUEST, false, "the request is malformed or carries contradicting fields") \
    E(43, UNSUPPORTED_FOR_MESSAGE_FORMAT, false, "the message format on the broker does not support the request") \
    E(44, POLICY_VIOLATION, false, "the request violates a policy") \
    E(45, OUT_OF_ORDER_SEQUENCE_NUMBER, false, "a batch of the producer is missing before this one") \
    E(46, DUPLICATE_SEQUENCE_NUMBER, false, "the broker has this sequence number already") \
    E(47, INVALID_PRODUCER_EPOCH, false, "a producer with a newer epoch has taken over") \
    E(48, INVALID_TXN_STATE, false, "the transaction is not in a state that allows this") \
    E(49, INVALID_PRODUCER_ID_MAPPING, false, "the producer id does not belong to this transactional id") \
    E(50, INVALID_TRANSACTION_TIMEOUT, false, "the transaction timeout is larger than transaction.max.timeout.ms") \
    E(51, CONCURRENT_TRANSACTIONS, true, "another operation on this transaction is still running") \
    E(52, TRANSACTION_COORDINATOR_FENCED, false, "transaction coordinator fenced") \
    E(53, TRANSACTIONAL_ID_AUTHORIZATION_FAILED, false, "transactional id authorization failed") \
    E(54, SECURITY_DISABLED, false, "security disabled") \
    E(55, OPERATION_NOT_ATTEMPTED, false, "operation not attempted") \
    E(56, KAFKA_STORAGE_ERROR, true, "a disk of the broker failed") \
    E(57, LOG_DIR_NOT_FOUND, false, "log dir not found") \
    E(58, SASL_AUTHENTICATION_FAILED, false, "sasl authentication failed") \
    E(59, UNKNOWN_PRODUCER_ID, false, "the broker has no state of this producer") \
    E(60, REASSIGNMENT_IN_PROGRESS, false, "reassignment in progress") \
    E(61, DELEGATION_TOKEN_AUTH_DISABLED, false, "delegation token auth disabled") \
    E(62, DELEGATION_TOKEN_NOT_FOUND, false, "delegation token not found") \
    E(63, DELEGATION_TOKEN_OWNER_MISMATCH, false, "delegation token owner mismatch") \
    E(64, DELEGATION_TOKEN_REQUEST_NOT_ALLOWED, false, "delegation token request not allowed") \
    E(65, DELEGATION_TOKEN_AUTHORIZATION_FAILED, false, "delegation token authorization failed") \
    E(66, DELEGATION_TOKEN_EXPIRED, false, "delegation token expired") \
    E(67, INVALID_PRINCIPAL_TYPE, false, "invalid principal type") \
    E(68, NON_EMPTY_GROUP, false, "non empty group") \
    E(69, GROUP_ID_NOT_FOUND, false, "group id not found") \
    E(70, FETCH_SESSION_ID_NOT_FOUND, true, "the fetch session is not known") \
    E(71, INVALID_FETCH_SESSION_EPOCH, true, "the fetch session epoch is not the expected one") \
    E(72, LISTENER_NOT_FOUND, true, "listener not found") \
    E(73, TOPIC_DELETION_DISABLED, false, "topic deletion disabled") \
    E(74, FENCED_LEADER_EPOCH, true, "the leader epoch of the request is older than the broker's") \
    E(75, UNKNOWN_LEADER_EPOCH, true, "the leader epoch of the request is newer than the broker's") \
    E(76, UNSUPPORTED_COMPRESSION_TYPE, false, "the compression type is not supported by this version of the request") \
    E(77, STALE_BROKER_EPOCH, false, "stale broker epoch") \
    E(78, OFFSET_NOT_AVAILABLE, true, "the leader cannot say yet which offset is the right one") \
    E(79, MEMBER_ID_REQUIRED, false, "member id required") \
    E(80, PREFERRED_LEADER_NOT_AVAILABLE, true, "preferred leader not available") \
    E(81, GROUP_MAX_SIZE_REACHED, false, "group max size reached") \
    E(82, FENCED_INSTANCE_ID, false, "fenced instance id") \
    E(83, ELIGIBLE_LEADERS_NOT_AVAILABLE, true, "eligible leaders not available") \
    E(84, ELECTION_NOT_NEEDED, true, "election not needed") \
    E(85, NO_REASSIGNMENT_IN_PROGRESS, false, "no reassignment in progress") \
    E(86, GROUP_SUBSCRIBED_TO_TOPIC, false, "group subscribed to topic") \
    E(87, INVALID_RECORD, false, "a record failed the broker's checks") \
    E(88, UNSTABLE_OFFSET_COMMIT, true, "unstable offset commit") \
    E(89, THROTTLING_QUOTA_EXCEEDED, true, "a throttling quota was exceeded") \
    E(90, PRODUCER_FENCED, false, "producer fenced") \
    E(91, RESOURCE_NOT_FOUND, false, "resource not found") \
    E(92, DUPLICATE_RESOURCE, false, "duplicate resource") \
    E(93, UNACCEPTABLE_CREDENTIAL, false, "unacceptable credential") \
    E(94, INCONSISTENT_VOTER_SET, false, "inconsistent voter set") \
    E(95, INVALID_UPDATE_VERSION, false, "invalid update version") \
    E(96, FEATURE_UPDATE_FAILED, false, "feature update failed") \
    E(97, PRINCIPAL_DESERIALIZATION_FAILURE, false, "principal deserialization failure") \
    E(98, SNAPSHOT_NOT_FOUND, false, "snapshot not found") \
    E(99, POSITION_OUT_OF_RANGE, false, "position out of range") \
    E(100, UNKNOWN_TOPIC_ID, true, "this broker does not host this topic id") \
    E(101, DUPLICATE_BROKER_REGISTRATION, false, "duplicate broker registration") \
    E(102, BROKER_ID_NOT_REGISTERED, false, "broker id not registered") \
    E(103, INCONSISTENT_TOPIC_ID, true, "the topic id of the log is not that of the request") \
    E(104, INCONSISTENT_CLUSTER_ID, false, "inconsistent cluster id") \
    E(105, TRANSACTIONAL_ID_NOT_FOUND, false, "transactional id not found") \
    E(106, FETCH_SESSION_TOPIC_ID_ERROR, true, "the fetch session uses names and the request ids, or the reverse") \
    E(107, INELIGIBLE_REPLICA, false, "ineligible replica") \
    E(108, NEW_LEADER_ELECTED, false, "new leader elected") \
    E(109, OFFSET_MOVED_TO_TIERED_STORAGE, false, "offset moved to tiered storage") \
    E(110, FENCED_MEMBER_EPOCH, false, "fenced member epoch") \
    E(111, UNRELEASED_INSTANCE_ID, false, "unreleased instance id") \
    E(112, UNSUPPORTED_ASSIGNOR, false, "unsupported assignor") \
    E(113, STALE_MEMBER_EPOCH, false, "stale member epoch") \
    E(114, MISMATCHED_ENDPOINT_TYPE, false, "mismatched endpoint type") \
    E(115, UNSUPPORTED_ENDPOINT_TYPE, false, "unsupported endpoint type") \
    E(116, UNKNOWN_CONTROLLER_ID, false, "unknown controller id") \
    E(117, UNKNOWN_SUBSCRIPTION_ID, false, "unknown subscription id") \
    E(118, TELEMETRY_TOO_LARGE, false, "telemetry too large") \
    E(119, INVALID_REGISTRATION, false, "invalid registration") \
    E(120, TRANSACTION_ABORTABLE, false, "transaction abortable") \
    E(121, INVALID_RECORD_STATE, false, "invalid record state") \
    E(122, SHARE_SESSION_NOT_FOUND, true, "share session not found") \
    E(123, INVALID_SHARE_SESSION_EPOCH, true, "invalid share session epoch") \
    E(124, FENCED_STATE_EPOCH, false, "fenced state epoch") \
    E(125, INVALID_VOTER_KEY, false, "invalid voter key") \
    E(126, DUPLICATE_VOTER, false, "duplicate voter") \
    E(127, VOTER_NOT_FOUND, false, "voter not found") \
    E(128, INVALID_REGULAR_EXPRESSION, false, "invalid regular expression") \
    E(129, REBOOTSTRAP_REQUIRED, false, "rebootstrap required") \
    E(130, STREAMS_INVALID_TOPOLOGY, false, "streams invalid topology") \
    E(131, STREAMS_INVALID_TOPOLOGY_EPOCH, false, "streams invalid topology epoch") \
    E(132, STREAMS_TOPOLOGY_FENCED, false, "streams topology fenced") \
    E(133, SHARE_SESSION_LIMIT_REACHED, true, "share session limit reached") \
    E(134, GROUP_DELETION_FAILED, false, "group deletion failed") \
    E(135, STREAMS_TOPOLOGY_DESCRIPTION_UPDATE_FAILED, false, "streams topology description update failed") \
    E(136, CONTROLLER_ID_NOT_REGISTERED, false, "controller id not registered")
/* clang-format on */

enum kafka_error {
#define E(code, name, retry, text) KAFKA_ERROR_##name = (code),
    KAFKA_ERROR_TABLE(E)
#undef E
};

const char *kafka_error_name(int16_t code); /* "NOT_LEADER_OR_FOLLOWER"; NULL: not a code we know */
const char *kafka_error_text(int16_t code); /* never NULL */
bool kafka_error_retriable(int16_t code);

#endif
