#include "net/handlers/api.h"
#include "net/handlers/shard.h"

/* In rising order of key, as ApiVersions lists them. */
static const struct handler table[] = {
    {API_PRODUCE, false, handle_produce},
    {API_FETCH, false, handle_fetch},
    {API_LIST_OFFSETS, false, handle_list_offsets},
    {API_METADATA, false, handle_metadata},
    {API_OFFSET_COMMIT, true, handle_offset_commit},
    {API_OFFSET_FETCH, true, handle_offset_fetch},
    {API_FIND_COORDINATOR, false, handle_find_coordinator},
    {API_JOIN_GROUP, true, handle_join_group},
    {API_HEARTBEAT, true, handle_heartbeat},
    {API_LEAVE_GROUP, true, handle_leave_group},
    {API_SYNC_GROUP, true, handle_sync_group},
    {API_DESCRIBE_GROUPS, true, handle_describe_groups},
    {API_LIST_GROUPS, true, handle_list_groups},
    {API_VERSIONS, false, handle_api_versions},
    {API_CREATE_TOPICS, true, handle_create_topics},
    {API_DELETE_TOPICS, true, handle_delete_topics},
    {API_DELETE_RECORDS, false, handle_delete_records},
    {API_INIT_PRODUCER_ID, false, handle_init_producer_id},
    {API_OFFSET_FOR_LEADER_EPOCH, false, handle_offset_for_leader_epoch},
    {API_ADD_PARTITIONS_TO_TXN, true, handle_add_partitions_to_txn},
    {API_ADD_OFFSETS_TO_TXN, true, handle_add_offsets_to_txn},
    {API_END_TXN, true, handle_end_txn},
    {API_WRITE_TXN_MARKERS, true, handle_write_txn_markers},
    {API_TXN_OFFSET_COMMIT, true, handle_txn_offset_commit},
    {API_DESCRIBE_ACLS, false, handle_describe_acls},
    {API_CREATE_ACLS, false, handle_create_acls},
    {API_DELETE_ACLS, false, handle_delete_acls},
    {API_DESCRIBE_CONFIGS, false, handle_describe_configs},
    {API_ALTER_CONFIGS, true, handle_alter_configs},
    {API_ALTER_REPLICA_LOG_DIRS, false, handle_alter_replica_log_dirs},
    {API_DESCRIBE_LOG_DIRS, false, handle_describe_log_dirs},
    {API_CREATE_PARTITIONS, true, handle_create_partitions},
    {API_DELETE_GROUPS, true, handle_delete_groups},
    {API_ELECT_LEADERS, true, handle_elect_leaders},
    {API_INCREMENTAL_ALTER_CONFIGS, true, handle_incremental_alter_configs},
    {API_ALTER_PARTITION_REASSIGNMENTS, true, handle_alter_partition_reassignments},
    {API_LIST_PARTITION_REASSIGNMENTS, false, handle_list_partition_reassignments},
    {API_OFFSET_DELETE, true, handle_offset_delete},
    {API_DESCRIBE_QUORUM, true, handle_describe_quorum},
    {API_UPDATE_FEATURES, true, handle_update_features},
    {API_DESCRIBE_CLUSTER, false, handle_describe_cluster},
    {API_DESCRIBE_PRODUCERS, false, handle_describe_producers},
    {API_DESCRIBE_TRANSACTIONS, true, handle_describe_transactions},
    {API_LIST_TRANSACTIONS, true, handle_list_transactions},
    {API_LIST_CONFIG_RESOURCES, false, handle_list_config_resources},
    {API_DESCRIBE_TOPIC_PARTITIONS, false, handle_describe_topic_partitions},
};

const struct handler *handlers(int *count)
{
    *count = (int)COUNT_OF(table);
    return table;
}

const struct handler *handler_find(int16_t api_key)
{
    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (table[i].api_key == api_key)
            return &table[i];
    return NULL;
}

void dispatch(struct request *request)
{
    const struct handler *handler = handler_find(request->header.api_key);
    int16_t version = request->header.version;
    /* ApiVersions answers even a version that it does not know: how else would a client learn the others? */
    bool served = handler != NULL && ((version >= request->api->lowest && version <= request->api->highest) ||
                                      request->header.api_key == API_VERSIONS);
    if (!served)
        request_close(request);
    else if (handler->on_control)
        request_move(request, broker_control(request->shard->broker), request->shard->broker->data_shards,
                     handler->handle);
    else
        handler->handle(request);
}
