/* The hot path: what a turn brought for a partition goes into its log with one write. */
#include "core/partition/partition.h"

#include "core/partition/shard_data_internal.h"
#include "core/wire/error.h"
#include "io/reactor/diag.h"

enum { GROUP_MAX = 64 }; /* batches in one write */

/* ---- answers
 * ----------------------------------------------------------------------------------------------------------- */

static void end_wait(struct partition_append *append)
{
    if (append->_waits)
        metrics_subtract(append->_metrics, METRIC_PRODUCE_WAITING, 1);
    append->_waits = false;
}

static void answer(struct partition_append *append, int16_t error)
{
    append->error = error;
    if (error != KAFKA_ERROR_NONE)
        append->base_offset = append->log_append_time_ms = append->log_start_offset = -1;
    end_wait(append);
    append->done(append);
}

/* What the batch is, or its producer, is wrong; the partition is well, and says where its log begins. */
static void refuse(struct partition *partition, struct partition_append *append, int16_t error)
{
    append->error = error;
    append->base_offset = append->log_append_time_ms = -1;
    append->log_start_offset = partition_log_start(partition);
    append->done(append);
}

static void answer_all(struct list *appends, int16_t error)
{
    for (struct list *link; (link = list_pop_front(appends)) != NULL;)
        answer(CONTAINER_OF(link, struct partition_append, _link), error);
}

bool partition_cancel_append(struct partition_append *append)
{
    if (!append->_waits)
        return false;
    list_remove(&append->_link);
    end_wait(append);
    append->error = KAFKA_ERROR_REQUEST_TIMED_OUT;
    append->base_offset = append->log_append_time_ms = append->log_start_offset = -1;
    return true;
}

static void answer_durable(struct partition *partition)
{
    int64_t durable = log_durable_offset(partition->log);
    while (!list_empty(&partition->_append_waiters)) {
        struct partition_append *append = CONTAINER_OF(partition->_append_waiters.next, struct partition_append, _link);
        if (append->last_offset >= durable)
            break;
        list_remove(&append->_link);
        metrics_time(append->_metrics, METRIC_TIME_WAIT, io_now_ns(partition->_data->io) - append->waits_ns);
        answer(append, KAFKA_ERROR_NONE);
    }
}

void partition_log_moved(struct log_listener *listener)
{
    struct partition *partition = CONTAINER_OF(listener, struct partition, _listener);
    partition_flushed(partition);
    answer_durable(partition);
    if (log_is_sealed(partition->log))
        partition_offline(partition);
    life_retire(partition);
}

void partition_log_damaged(struct log_listener *listener, const struct log_damage *damage)
{
    struct partition *partition = CONTAINER_OF(listener, struct partition, _listener);
    struct shard_data_events *events = partition->_data->options.events;
    if (events != NULL)
        events->damaged(events, partition, damage);
}

void partition_offline(struct partition *partition)
{
    int16_t error = partition->state == PARTITION_DELETING ? KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION
                                                           : KAFKA_ERROR_KAFKA_STORAGE_ERROR;
    if (partition->state != PARTITION_DELETING)
        partition->state = PARTITION_OFFLINE;
    /* A failed write or flush seals the whole directory; its other partitions hear of it at their next tick. */
    if (partition->log != NULL && log_is_sealed(partition->log)) {
        DIAG(partition->_data->io, DIAG_ERROR, "a write or flush failed: the log directory goes offline",
             "topic=%s partition=%d directory=%s", partition->topic, partition->index, log_directory(partition->log));
        log_dirs_fail(partition->_data->options.dirs, partition->_dir);
    }
    partition_flush_forget(partition);
    answer_all(&partition->_append_waiters, error);
    wait_queue_move(&partition->waits);
}

/* ---- one group
 * ------------------------------------------------------------------------------------------------------------ */

struct group {
    struct partition_append *appends[GROUP_MAX];
    struct log_piece pieces[GROUP_MAX];
    struct producer_entry before[GROUP_MAX]; /* of producers; id -1: none */
    int count;
    uint64_t bytes;
    int64_t next_offset, now_ms;
    struct list queued; /* appends of this turn that are not in the group yet */
};

/* A group on its way through the ring; the partition's other appends wait behind it. */
struct partition_write {
    struct log_write write;
    struct partition *partition;
    struct group group;
};

/* Producer checks, in the order of the batches; what is accepted is remembered at once, so that the next batch of the
 * same producer in this group is judged by it. False: the append is answered. */
static bool admit_producer(struct partition *partition, struct group *group, struct partition_append *append)
{
    const struct batch_header *header = &append->header;
    const struct producer_batch *duplicate;
    struct log_piece *piece = &group->pieces[group->count];
    group->before[group->count].id = BATCH_NO_PRODUCER_ID;
    *piece = (struct log_piece){.data = append->records, .header = header};
    if (header->producer_id == BATCH_NO_PRODUCER_ID)
        return true;
    struct producer_terms terms = {.by_client = !append->by_coordinator,
                                   .needs_guard =
                                       !append->by_coordinator &&
                                       partition->_data->options.config->transaction_partition_verification_enable,
                                   .guard = append->guard,
                                   .version = append->transaction_version};
    if (header->attributes & BATCH_CONTROL)
        terms.is_marker = marker_read(slice_of(append->records, append->length), header, &terms.marker) == ERR_OK;
    int16_t error = producer_txn_check(&partition->producers, header, &terms, &duplicate);
    if (error != KAFKA_ERROR_NONE) {
        refuse(partition, append, error);
        return false;
    }
    if (duplicate != NULL) {
        append->base_offset = duplicate->last_offset - duplicate->offset_delta;
        append->last_offset = duplicate->last_offset;
        append->log_append_time_ms =
            partition->config->message_timestamp_type == CONFIG_TIMESTAMP_APPEND ? duplicate->timestamp : -1;
        append->log_start_offset = partition_log_start(partition);
        group->appends[group->count] = append;
        return true;
    }
    struct producer_entry *entry = producer_txn_prepare(&partition->producers, header);
    if (entry == NULL) {
        answer(append, KAFKA_ERROR_KAFKA_STORAGE_ERROR);
        return false;
    }
    group->before[group->count] = *entry;
    piece->ends_aborted = producer_txn_update(&partition->producers, entry, header, &terms, group->next_offset,
                                              group->now_ms, &piece->aborted);
    return true;
}

/* In the log (or a repetition of what is): answered now, or when it is durable. */
static void acknowledge(struct partition *partition, struct partition_append *append)
{
    bool flushed = partition->config->durability == CONFIG_DURABILITY_FLUSHED;
    if (append->acks == -1 && flushed && append->last_offset >= log_durable_offset(partition->log)) {
        append->_waits = true;
        append->_metrics = partition->_data->options.metrics;
        append->waits_ns = io_recent_ns(partition->_data->io);
        metrics_add(append->_metrics, METRIC_PRODUCE_WAITING, 1);
        list_push_back(&partition->_append_waiters, &append->_link);
        partition_flush(partition);
        return;
    }
    answer(append, KAFKA_ERROR_NONE);
}

static void write_group(struct partition *partition, struct group *group);
static void add_to_group(struct partition *partition, struct group *group, struct partition_append *append);

/* A repetition of a batch that this very group holds is judged again when that one is in the log, or is not. */
static void repeat(struct partition *partition, struct group *group, struct partition_append *append)
{
    if (append->last_offset < log_end_offset(partition->log)) {
        acknowledge(partition, append);
        return;
    }
    write_group(partition, group);
    if (partition->_write != NULL) {
        list_push_front(&group->queued, &append->_link);
        return;
    }
    int16_t error = partition_check_access(partition, -1);
    if (error != KAFKA_ERROR_NONE) {
        answer(append, error);
        return;
    }
    group->next_offset = log_end_offset(partition->log);
    add_to_group(partition, group, append);
}

static void add_to_group(struct partition *partition, struct group *group, struct partition_append *append)
{
    append->leader_epoch = partition->leader_epoch;
    append->base_offset = -1;
    if (partition->config->message_timestamp_type == CONFIG_TIMESTAMP_APPEND) {
        batch_set_append_time(append->records, append->length, group->now_ms);
        append->header.max_timestamp = group->now_ms;
    }
    if (!admit_producer(partition, group, append))
        return;
    if (append->base_offset >= 0) {
        repeat(partition, group, append);
        return;
    }
    append->base_offset = group->next_offset;
    append->last_offset = group->next_offset + append->header.last_offset_delta;
    append->log_append_time_ms =
        partition->config->message_timestamp_type == CONFIG_TIMESTAMP_APPEND ? group->now_ms : -1;
    group->next_offset = append->last_offset + 1;
    group->appends[group->count] = append;
    group->bytes += append->length;
    group->count++;
}

static int16_t error_of(enum err err)
{
    MAYBE(err == ERR_NO_SPACE);
    return KAFKA_ERROR_KAFKA_STORAGE_ERROR;
}

/* What was remembered of batches that did not get into the log. */
static void undo_producers(struct partition *partition, const struct group *group, int appended)
{
    for (int i = group->count - 1; i >= appended; i--)
        if (group->before[i].id != BATCH_NO_PRODUCER_ID)
            producer_state_undo(&partition->producers, &group->before[i]);
}

static void count_appended(struct partition *partition, uint64_t bytes, uint64_t records, uint64_t batches)
{
    struct metrics *metrics = partition->_data->options.metrics;
    partition->bytes_in += bytes;
    partition->records_in += records;
    metrics_add(metrics, METRIC_BYTES_IN, bytes);
    metrics_add(metrics, METRIC_RECORDS_IN, records);
    metrics_add(metrics, METRIC_BATCHES_IN, batches);
    metrics_add(metrics, METRIC_APPENDS, 1);
}

/* `appended` of the group are in the log; err says why the others are not. */
static void finish_group(struct partition *partition, struct group *group, int appended, enum err err)
{
    uint64_t bytes = 0, records = 0;
    undo_producers(partition, group, appended);
    for (int i = 0; i < appended; i++) {
        ASSERT(group->pieces[i].base_offset == group->appends[i]->base_offset);
        bytes += group->appends[i]->length;
        records += (uint64_t)group->appends[i]->header.record_count;
    }
    count_appended(partition, bytes, records, (uint64_t)appended);
    if (partition->replica_count <= 1)
        partition_advance_high_watermark(partition, log_end_offset(partition->log), bytes);
    for (int i = 0; i < appended; i++)
        if (group->appends[i]->header.attributes & BATCH_CONTROL) { /* more is stable now than was appended */
            wait_queue_move(&partition->waits);
            break;
        }
    partition_flush_later(partition, bytes);
    for (int i = 0; i < group->count; i++) {
        group->appends[i]->log_start_offset = log_start_offset(partition->log);
        if (i < appended)
            acknowledge(partition, group->appends[i]);
        else
            answer(group->appends[i], error_of(err));
    }
    group->count = 0;
    if (log_is_sealed(partition->log))
        partition_offline(partition);
}

static void run_later(struct partition *partition)
{
    struct shard_data *data = partition->_data;
    if (list_empty(&partition->_queue_link))
        list_push_back(&data->queued, &partition->_queue_link);
    io_at_turn_end(data->io, &data->append_hook);
}

static void ring_write_done(struct log_write *log_write)
{
    struct partition_write *write = CONTAINER_OF(log_write, struct partition_write, write);
    struct partition *partition = write->partition;
    partition->_write = NULL;
    /* Gone or lost meanwhile: what is in the log is not said to be, and comes again if its client wants it to. */
    int16_t error = partition_check_access(partition, -1);
    if (error == KAFKA_ERROR_NONE) {
        finish_group(partition, &write->group, log_write->appended, log_write->err);
    } else {
        undo_producers(partition, &write->group, log_write->appended);
        for (int i = 0; i < write->group.count; i++)
            answer(write->group.appends[i], error);
    }
    MEM_DELETE(partition->_data->mem, write);
    if (!list_empty(&partition->_queued))
        run_later(partition);
}

/* Over the shard's budget of dirty bytes. False: no memory; then it is written inline all the same. */
static bool write_by_ring(struct partition *partition, struct group *group)
{
    struct partition_write *write = mem_alloc(partition->_data->mem, sizeof(*write));
    if (write == NULL)
        return false;
    write->partition = partition;
    write->group = *group;
    write->write = (struct log_write){.done = ring_write_done,
                                      .pieces = write->group.pieces,
                                      .count = group->count,
                                      .leader_epoch = partition->leader_epoch};
    group->count = 0;
    partition->_write = write;
    metrics_add(partition->_data->options.metrics, METRIC_RING_APPENDS, 1);
    log_write(partition->log, &write->write);
    return true;
}

static void write_group(struct partition *partition, struct group *group)
{
    int appended = 0;
    if (group->count == 0)
        return;
    if (log_is_over_budget(partition->log) && write_by_ring(partition, group))
        return;
    struct io *io = partition->_data->io;
    int64_t begin_ns = io_recent_ns(io);
    enum err err = log_append(partition->log, group->pieces, group->count, partition->leader_epoch, &appended);
    metrics_time(partition->_data->options.metrics, METRIC_TIME_APPEND, io_measure_ns(io) - begin_ns);
    finish_group(partition, group, appended, err);
}

static void index_ready(struct log_index_waiter *waiter, enum err err)
{
    struct partition *partition = CONTAINER_OF(waiter, struct partition, _index);
    MAYBE(err == ERR_OK); /* the append tries it again, and fails if it must */
    partition->_waits_for_index = false;
    partition->_index_failed = err != ERR_OK;
    run_later(partition);
}

/* The first append since the start, and the index is not in memory: it is read by a job. */
static bool wait_for_index(struct partition *partition)
{
    if (!partition->_waits_for_index && partition->state == PARTITION_ONLINE && !partition->_index_failed &&
        !log_can_append(partition->log)) {
        partition->_index.ready = index_ready;
        partition->_waits_for_index = log_prepare_append(partition->log, &partition->_index) == ERR_OK;
    }
    return partition->_waits_for_index;
}

/* The shard's turn-end hook calls it for every partition that got appends in this turn. */
void partition_append_queue(struct partition *partition)
{
    struct group *group = partition->_data->group;
    group->count = 0;
    if (partition->_write != NULL || wait_for_index(partition)) /* its end calls again */
        return;
    group->now_ms = io_wall_ms(partition->_data->io);
    list_init(&group->queued);
    list_splice(&group->queued, &partition->_queued);
    for (struct list *link; partition->_write == NULL && (link = list_pop_front(&group->queued)) != NULL;) {
        struct partition_append *append = CONTAINER_OF(link, struct partition_append, _link);
        int16_t error = partition_check_access(partition, -1);
        if (error == KAFKA_ERROR_NONE && partition->_data->stop != NULL)
            error = KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER; /* what the stop has written says where the log ends */
        if (error == KAFKA_ERROR_NONE && log_dirs_is_full(partition->_data->options.dirs, partition->_dir))
            error = KAFKA_ERROR_KAFKA_STORAGE_ERROR; /* ringmain.disk.reserve.bytes; goes on when space is back */
        if (error != KAFKA_ERROR_NONE) {
            answer(append, error);
            continue;
        }
        if (append->error != KAFKA_ERROR_NONE) {
            refuse(partition, append, append->error);
            continue;
        }
        if (group->count == 0)
            group->next_offset = log_end_offset(partition->log);
        add_to_group(partition, group, append);
        if (group->count == GROUP_MAX)
            write_group(partition, group);
    }
    write_group(partition, group);
    list_splice(&group->queued, &partition->_queued); /* what an answer has brought meanwhile comes behind */
    list_splice(&partition->_queued, &group->queued);
}

size_t partition_group_bytes(void)
{
    return sizeof(struct group);
}

void partition_append(struct partition *partition, struct partition_append *append)
{
    list_push_back(&partition->_queued, &append->_link);
    run_later(partition);
}
