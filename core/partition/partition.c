/* Reads, watermarks and what may be asked of a partition. */
#include "core/partition/partition.h"

#include "core/partition/shard_data_internal.h"
#include "core/wire/error.h"

int64_t partition_log_start(const struct partition *partition)
{
    return log_start_offset(partition->log);
}

int64_t partition_log_end(const struct partition *partition)
{
    return log_end_offset(partition->log);
}

int64_t partition_last_stable(const struct partition *partition)
{
    int64_t unstable = producer_first_unstable(&partition->producers), start = log_start_offset(partition->log);
    if (unstable < start) /* its beginning was deleted */
        unstable = start;
    return unstable < partition->high_watermark ? unstable : partition->high_watermark;
}

void partition_advance_high_watermark(struct partition *partition, int64_t offset, uint64_t bytes)
{
    ASSERT(offset <= partition_log_end(partition));
    producer_state_replicated(&partition->producers, offset);
    if (offset <= partition->high_watermark)
        return;
    partition->high_watermark = offset;
    wait_queue_add(&partition->waits, bytes);
}

int16_t partition_check_access(const struct partition *partition, int32_t current_leader_epoch)
{
    if (partition == NULL || partition->state == PARTITION_DELETING)
        return KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    if (partition->state == PARTITION_OFFLINE)
        return KAFKA_ERROR_KAFKA_STORAGE_ERROR;
    if (current_leader_epoch != -1 && current_leader_epoch < partition->leader_epoch)
        return KAFKA_ERROR_FENCED_LEADER_EPOCH;
    if (current_leader_epoch > partition->leader_epoch)
        return KAFKA_ERROR_UNKNOWN_LEADER_EPOCH;
    if (partition->state == PARTITION_CREATING || !partition->leads)
        return KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER;
    return KAFKA_ERROR_NONE;
}

int16_t partition_begin_verification(struct partition *partition, const struct batch_header *header, bool bumps_epoch,
                                     uint64_t *guard)
{
    *guard = 0;
    int16_t error = partition_check_access(partition, -1);
    return error != KAFKA_ERROR_NONE ? error
                                     : producer_txn_guard(&partition->producers, header, bumps_epoch,
                                                          io_wall_ms(partition->_data->io), guard);
}

void partition_taken(struct partition *partition, uint64_t bytes)
{
    partition->bytes_out += bytes;
}

/* ---- read
 * -------------------------------------------------------------------------------------------------------------- */

/* The reader's last record is of an epoch that ended earlier here (KIP-595): it must truncate, and gets no bytes. */
static bool diverges(const struct partition *partition, struct partition_read *read)
{
    if (read->last_fetched_epoch < 0)
        return false;
    int32_t epoch;
    int64_t end_offset;
    log_epoch_end(partition->log, read->last_fetched_epoch, &epoch, &end_offset);
    if (epoch < 0) {
        read->error = KAFKA_ERROR_OFFSET_OUT_OF_RANGE;
        return true;
    }
    if (epoch >= read->last_fetched_epoch && end_offset >= read->fetch_offset)
        return false;
    read->diverging_epoch = epoch;
    read->diverging_end_offset = end_offset;
    return true;
}

static void refuse(struct partition_read *read, int16_t error)
{
    read->error = error;
    read->length = read->first_batch_bytes = 0;
    read->high_watermark = read->last_stable_offset = read->log_start_offset = -1;
}

static bool wants_aborted(const struct partition_read *read)
{
    return read->isolation == PARTITION_READ_COMMITTED && read->replica_id < 0;
}

static void take_over(struct partition_read *read)
{
    const struct log_read *found = &read->_log_read;
    if (found->err != ERR_OK) {
        refuse(read, found->err == ERR_CORRUPT ? KAFKA_ERROR_CORRUPT_MESSAGE : KAFKA_ERROR_KAFKA_STORAGE_ERROR);
        return;
    }
    read->ref = found->ref;
    read->file = found->file;
    read->pos = found->pos;
    read->length = found->length;
    read->first_batch_bytes = found->first_batch_bytes;
    read->hot = found->hot;
    if (!wants_aborted(read))
        return;
    if (log_read_aborted(read->_partition->log, found, read->aborted, read->aborted_capacity, &read->aborted_count) !=
        ERR_OK) { /* without it nothing may be shown */
        partition_release_read(read);
        refuse(read, KAFKA_ERROR_KAFKA_STORAGE_ERROR);
    }
}

static void aborted_ready(struct log_aborted_load *load)
{
    struct partition_read *read = CONTAINER_OF(load, struct partition_read, _aborted_load);
    take_over(read);
    read->done(read);
}

/* The place is found. False: the aborted index is read before the answer is whole. */
static bool answer_read(struct partition_read *read)
{
    read->_aborted_load.ready = aborted_ready;
    if (read->_log_read.err == ERR_OK && wants_aborted(read) &&
        !log_prepare_aborted(read->_partition->log, &read->_log_read, &read->_aborted_load))
        return false;
    take_over(read);
    return true;
}

static void read_done(struct log_read *found)
{
    struct partition_read *read = CONTAINER_OF(found, struct partition_read, _log_read);
    if (answer_read(read))
        read->done(read);
}

bool partition_read(struct partition *partition, struct partition_read *read)
{
    read->ref = NULL;
    read->_partition = partition;
    read->aborted_count = 0;
    read->length = read->first_batch_bytes = 0;
    read->high_watermark = read->last_stable_offset = read->log_start_offset = -1;
    read->diverging_epoch = -1;
    read->diverging_end_offset = -1;
    read->leader_epoch = partition == NULL ? -1 : partition->leader_epoch;
    read->error = partition_check_access(partition, read->current_leader_epoch);
    if (read->error != KAFKA_ERROR_NONE)
        return true;
    read->seen = wait_queue_seen(&partition->waits);
    int64_t start = partition_log_start(partition), end = partition_log_end(partition);
    if (!diverges(partition, read) && (read->fetch_offset < start || read->fetch_offset > end))
        read->error = KAFKA_ERROR_OFFSET_OUT_OF_RANGE;
    if (read->error != KAFKA_ERROR_NONE)
        return true;
    read->high_watermark = partition->high_watermark;
    read->last_stable_offset = partition_last_stable(partition);
    read->log_start_offset = start;
    if (read->diverging_epoch >= 0)
        return true;
    int64_t below = read->replica_id >= 0                         ? end
                    : read->isolation == PARTITION_READ_COMMITTED ? read->last_stable_offset
                                                                  : read->high_watermark;
    read->_log_read = (struct log_read){
        .done = read_done, .offset = read->fetch_offset, .below = below, .max_bytes = read->max_bytes};
    return log_read(partition->log, &read->_log_read) && answer_read(read);
}

void partition_release_read(struct partition_read *read)
{
    if (read->ref == NULL)
        return;
    log_ref_release(read->ref);
    read->ref = NULL;
}

/* ---- admin
 * --------------------------------------------------------------------------------------------------------------- */

int16_t partition_delete_records(struct partition *partition, int64_t offset, int64_t *low_watermark)
{
    *low_watermark = -1;
    int16_t error = partition_check_access(partition, -1);
    if (error != KAFKA_ERROR_NONE)
        return error;
    if (!(partition->config->cleanup_policy & CONFIG_CLEANUP_DELETE) && partition->config->cleanup_policy != 0)
        return KAFKA_ERROR_POLICY_VIOLATION;
    if (offset == -1)
        offset = partition->high_watermark;
    if (offset < 0 || offset > partition->high_watermark)
        return KAFKA_ERROR_OFFSET_OUT_OF_RANGE;
    if (log_advance_start(partition->log, offset) != ERR_OK)
        return KAFKA_ERROR_KAFKA_STORAGE_ERROR;
    *low_watermark = partition_log_start(partition);
    wait_queue_move(&partition->waits);
    return KAFKA_ERROR_NONE;
}

int16_t partition_epoch_end(struct partition *partition, int32_t current_leader_epoch, int32_t leader_epoch,
                            int32_t *epoch, int64_t *end_offset)
{
    *epoch = -1;
    *end_offset = -1;
    int16_t error = partition_check_access(partition, current_leader_epoch);
    if (error != KAFKA_ERROR_NONE)
        return error;
    if (leader_epoch == partition->leader_epoch) { /* also before anything was written in it */
        *epoch = leader_epoch;
        *end_offset = partition_log_end(partition);
        return KAFKA_ERROR_NONE;
    }
    log_epoch_end(partition->log, leader_epoch, epoch, end_offset);
    return KAFKA_ERROR_NONE;
}
