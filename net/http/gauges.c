#include "net/http/gauges.h"

#include "core/coordinator/groups.h"
#include "core/coordinator/txns.h"
#include "core/log/log_dirs.h"
#include "core/wire/error.h"

/* ---- a shard ----------------------------------------------------------------------------------------------------- */

static void of_io(struct io *io, struct metrics *metrics)
{
    const struct io_stats *stats = io_stats(io);
    uint64_t *values = metrics->values;
    values[METRIC_BUSY] = stats->busy_ns;
    values[METRIC_TURNS] = stats->turns;
    values[METRIC_SLEEPS] = stats->sleeps;
    values[METRIC_SUBMISSIONS] = stats->submissions;
    values[METRIC_COMPLETIONS] = stats->completions;
    values[METRIC_MESSAGES_IN] = stats->messages_in;
    values[METRIC_MESSAGES_OUT] = stats->messages_out;
    values[METRIC_DOORBELLS] = stats->doorbells;
    values[METRIC_JOBS] = stats->jobs;
    values[METRIC_JOBS_WAITING] = stats->jobs - stats->jobs_done;
    values[METRIC_INLINE_WRITES] = stats->inline_writes;
    values[METRIC_INLINE_WRITE_BYTES] = stats->inline_write_bytes;
    values[METRIC_SENDFILE_CALLS] = stats->sendfile_calls;
    values[METRIC_SENDFILE_BYTES] = stats->sendfile_bytes;
    values[METRIC_COPY_SENDS] = stats->copy_sends;
    values[METRIC_COLD_READS] = stats->cold_reads;
    values[METRIC_MEMORY_USED] = io_mem(io)->used;
    values[METRIC_MEMORY_LIMIT] = io_mem(io)->limit;
    metrics->times[METRIC_TIME_TURN] = stats->turn_times;
    metrics->times[METRIC_TIME_JOB] = stats->job_times;
}

void gauges_of_shard(struct shard *shard)
{
    uint64_t *values = shard->metrics.values;
    of_io(shard->io, &shard->metrics);
    if (shard->data == NULL)
        return;
    const struct conn_server *server = &shard->server;
    values[METRIC_CONNECTIONS] = (uint64_t)server->conn_count;
    values[METRIC_CONNECTIONS_ACCEPTED] = server->accepted_count;
    values[METRIC_CONNECTIONS_REFUSED] = server->refused_count;
    values[METRIC_CONNECTIONS_CLOSED] = server->closed_count;
    values[METRIC_FRAME_BYTES] = server->frame_used;
    values[METRIC_FETCH_SESSIONS] = shard->fetch_sessions.mem == NULL ? 0 : shard->fetch_sessions.sessions.count;
    values[METRIC_CLEANER_IDLE] = (uint64_t)shard_data_cleaner_idle_ms(shard->data);
    values[METRIC_DIRTY_BYTES] = (uint64_t)shard_data_dirty_bytes(shard->data);
}

void gauges_of_listeners(const struct shard *shard, struct metrics_listener *listeners, int count)
{
    for (int i = 0; i < count; i++) {
        struct metrics_listener *listener = &listeners[i];
        conn_server_count(&shard->server, i, &listener->accepted, &listener->closed);
        listener->connections = listener->accepted - listener->closed;
    }
}

void gauges_begin_partitions(struct metrics *metrics)
{
    static const enum metric counted[] = {METRIC_PARTITIONS,
                                          METRIC_LEADERS,
                                          METRIC_PARTITIONS_OFFLINE,
                                          METRIC_PARTITIONS_UNDER_REPLICATED,
                                          METRIC_PARTITIONS_UNDER_MIN_ISR,
                                          METRIC_PARTITIONS_AT_MIN_ISR,
                                          METRIC_PARTITIONS_DAMAGED,
                                          METRIC_PARTITIONS_UNCLEANABLE,
                                          METRIC_PRODUCER_IDS,
                                          METRIC_OPEN_TRANSACTIONS};
    for (size_t i = 0; i < COUNT_OF(counted); i++)
        metrics->values[counted[i]] = 0;
}

void gauges_of_partition(const struct partition *partition, struct metrics *metrics)
{
    uint64_t *values = metrics->values;
    int32_t least = partition->config->min_insync_replicas;
    values[METRIC_PARTITIONS]++;
    values[METRIC_PARTITIONS_OFFLINE] += partition->state == PARTITION_OFFLINE;
    values[METRIC_PARTITIONS_DAMAGED] += partition->log != NULL && log_damage_count(partition->log) > 0;
    values[METRIC_PARTITIONS_UNCLEANABLE] += partition->_uncleanable;
    values[METRIC_PRODUCER_IDS] += partition->producers.entries.count;
    values[METRIC_OPEN_TRANSACTIONS] += !list_empty(&partition->producers.open);
    if (!partition->leads || partition->state == PARTITION_OFFLINE)
        return;
    values[METRIC_LEADERS]++;
    values[METRIC_PARTITIONS_UNDER_REPLICATED] += partition->isr_count < partition->replica_count;
    values[METRIC_PARTITIONS_UNDER_MIN_ISR] += partition->isr_count < least;
    values[METRIC_PARTITIONS_AT_MIN_ISR] += partition->isr_count == least;
}

/* ---- the node ---------------------------------------------------------------------------------------------------- */

static void of_image(const struct image *image, uint64_t *values)
{
    values[METRIC_TOPICS] = (uint64_t)image->topic_count;
    values[METRIC_CLUSTER_PARTITIONS] = (uint64_t)image->partition_count;
    values[METRIC_METADATA_OFFSET] = (uint64_t)image->offset;
    values[METRIC_LEADERLESS] = values[METRIC_IMBALANCED] = values[METRIC_REASSIGNING] = 0;
    for (int32_t i = 0; i < image->topic_count; i++)
        for (int32_t k = 0; k < image->topics[i]->partition_count; k++) {
            const struct image_partition *partition = &image->topics[i]->partitions[k];
            values[METRIC_LEADERLESS] += partition->leader < 0;
            values[METRIC_IMBALANCED] += partition->leader != partition->replicas[0];
            values[METRIC_REASSIGNING] += partition->adding_count + partition->removing_count > 0;
        }
    values[METRIC_ACTIVE_BROKERS] = values[METRIC_FENCED_BROKERS] = 0;
    for (int32_t i = 0; i < image->broker_count; i++)
        values[image->brokers[i].fenced ? METRIC_FENCED_BROKERS : METRIC_ACTIVE_BROKERS]++;
}

static void of_quorum(const struct quorum *quorum, uint64_t *values)
{
    values[METRIC_ACTIVE_CONTROLLER] = quorum_role(quorum) == QUORUM_LEADER;
    values[METRIC_METADATA_FAILED] = quorum_failed(quorum);
    values[METRIC_QUORUM_LEADER] = (uint64_t)quorum_leader(quorum);
    values[METRIC_QUORUM_EPOCH] = (uint64_t)quorum_epoch(quorum);
    values[METRIC_QUORUM_COMMITTED] = (uint64_t)(quorum_committed_offset(quorum) + 1);
    values[METRIC_QUORUM_END] = (uint64_t)quorum_end_offset(quorum);
    values[METRIC_METADATA_LAG] = values[METRIC_QUORUM_END] - 1 - values[METRIC_METADATA_OFFSET];
}

static enum metric group_state(const char *state)
{
    static const struct {
        const char *name;
        enum metric metric;
    } states[] = {{"Empty", METRIC_GROUPS_EMPTY},
                  {"PreparingRebalance", METRIC_GROUPS_PREPARING},
                  {"CompletingRebalance", METRIC_GROUPS_COMPLETING},
                  {"Stable", METRIC_GROUPS_STABLE},
                  {"Dead", METRIC_GROUPS_DEAD}};
    for (size_t i = 0; i < COUNT_OF(states); i++)
        if (strcmp(states[i].name, state) == 0)
            return states[i].metric;
    return METRIC_GROUPS_OTHER;
}

static void of_groups(struct groups *groups, uint64_t *values)
{
    for (int i = METRIC_GROUPS_EMPTY; i <= METRIC_GROUPS_OTHER; i++)
        values[i] = 0;
    values[METRIC_GROUPS] = values[METRIC_GROUP_OFFSETS] = 0;
    values[METRIC_GROUP_RECORDS_SKIPPED] = coordinator_skipped_count(groups_coordinator(groups));
    for (int32_t i = 0; i < coordinator_partition_count(groups_coordinator(groups)); i++) {
        struct group_machine *machine;
        struct group_listing listing;
        if (groups_enter_at(groups, i, &machine) != KAFKA_ERROR_NONE)
            continue;
        values[METRIC_GROUP_OFFSETS] += (uint64_t)machine->offset_count;
        for (struct group *group = group_list_next(machine, NULL, &listing); group != NULL;
             group = group_list_next(machine, group, &listing)) {
            values[METRIC_GROUPS]++;
            values[group_state(listing.state)]++;
        }
        groups_leave(machine);
    }
}

static void of_txn(const struct txn_machine *machine, const struct txn *txn, uint64_t *values)
{
    switch (txn->now.state) {
    case TXN_ONGOING:
        values[METRIC_TXNS_OPEN]++;
        values[METRIC_TXNS_LATE] += txn->deadline_ms < machine->now_ms;
        break;
    case TXN_PREPARE_COMMIT:
    case TXN_PREPARE_ABORT:
    case TXN_PREPARE_EPOCH_FENCE:
        values[METRIC_TXNS_ENDING]++;
        break;
    case TXN_EMPTY:
    case TXN_COMPLETE_COMMIT:
    case TXN_COMPLETE_ABORT:
    case TXN_DEAD:
    case TXN_STATES:
        values[METRIC_TXNS_IDLE]++;
        break;
    }
}

static void of_txns(struct txns *txns, uint64_t *values)
{
    values[METRIC_TXNS_OPEN] = values[METRIC_TXNS_ENDING] = values[METRIC_TXNS_IDLE] = values[METRIC_TXNS_LATE] = 0;
    for (int32_t i = 0; i < coordinator_partition_count(txns_coordinator(txns)); i++) {
        struct txn_machine *machine;
        if (txns_enter_at(txns, i, &machine) != KAFKA_ERROR_NONE)
            continue;
        for (const struct txn *txn = txn_list_next(machine, NULL); txn != NULL; txn = txn_list_next(machine, txn))
            of_txn(machine, txn, values);
        txns_leave(machine);
    }
}

void gauges_of_node(struct control *control)
{
    struct shard *shard = control->shard;
    uint64_t *values = shard->metrics.values;
    const struct log_dirs *dirs = shard->broker->dirs;
    enum { KAFKA_STATE_RUNNING = 3 };
    values[METRIC_BROKER_STATE] = KAFKA_STATE_RUNNING;
    values[METRIC_LOG_DIRS_OFFLINE] = 0;
    for (int i = 0; i < log_dirs_count(dirs); i++)
        values[METRIC_LOG_DIRS_OFFLINE] += log_dirs_is_offline(dirs, i);
    of_image(metadata_current(control->metadata), values);
    of_quorum(metadata_quorum(control->metadata), values);
    values[METRIC_METADATA_LAG_TIME] = values[METRIC_CONTROLLER_LAG_TIME] =
        (uint64_t)metadata_lag_ms(control->metadata);
    shard->metrics.times[METRIC_TIME_METADATA] = *metadata_change_times(control->metadata);
    of_groups(control->groups, values);
    values[METRIC_GROUP_LOAD] = (uint64_t)coordinator_longest_load_ms(groups_coordinator(control->groups));
    values[METRIC_TXN_LOAD] = (uint64_t)coordinator_longest_load_ms(txns_coordinator(control->txns));
    of_txns(control->txns, values);
}
