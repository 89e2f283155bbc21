#include "replication/quorum/internal.h"

#include <stdio.h>

/* ---- one proposal, one batch ----------------------------------------------------------------------------------------
 */

enum err quorum_make_batch(struct mem *mem, int64_t now_ms, const struct meta_record *records, int count,
                           uint8_t **data, size_t *size)
{
    struct wire_writer values;
    struct batch_builder builder;
    wire_writer_init(&values, mem);
    size_t *ends = mem_alloc(mem, (size_t)count * sizeof *ends);
    enum err err = ends == NULL ? ERR_NO_MEMORY : ERR_OK;
    for (int i = 0; i < count && err == ERR_OK; i++) {
        err = meta_record_encode(&records[i], &values);
        if (err == ERR_OK)
            ends[i] = values.length;
        if (err == ERR_OK && values.length > QUORUM_RECORDS_BYTES_MAX)
            err = ERR_LIMIT;
    }
    size_t capacity = BATCH_HEADER_BYTES + values.length + (size_t)count * BATCH_RECORD_OVERHEAD;
    *data = err == ERR_OK ? mem_alloc(mem, capacity) : NULL;
    *size = 0;
    if (err == ERR_OK && *data == NULL)
        err = ERR_NO_MEMORY;
    if (err == ERR_OK) {
        batch_builder_init(&builder, *data, capacity);
        for (int i = 0; i < count; i++) {
            size_t from = i == 0 ? 0 : ends[i - 1];
            bool added = batch_builder_add(&builder, now_ms, SLICE_NULL, slice_of(values.data + from, ends[i] - from),
                                           SLICE_NULL, 0);
            ASSERT(added); /* the capacity was worked out for these values */
        }
        size_t length = batch_builder_finish(&builder, NULL).length;
        uint8_t *fitting = mem_resize(mem, *data, capacity, length);
        if (fitting == NULL) {
            mem_free(mem, *data, capacity);
            err = ERR_NO_MEMORY;
        }
        *data = fitting;
        *size = fitting == NULL ? 0 : length;
    }
    if (ends != NULL)
        mem_free(mem, ends, (size_t)count * sizeof *ends);
    wire_writer_fini(&values);
    return err;
}

static void proposal_finish(struct quorum *quorum, struct quorum_proposal *proposal, enum err err)
{
    list_remove(&proposal->_link);
    mem_free(quorum->mem, proposal->_data, proposal->_size);
    proposal->_data = NULL;
    proposal->err = err;
    proposal->done(proposal);
}

static void fail_all(struct quorum *quorum, struct list *proposals, enum err err)
{
    struct list failed;
    list_init(&failed);
    list_splice(&failed, proposals); /* a done() that proposes again is not caught in this loop */
    while (!list_empty(&failed))
        proposal_finish(quorum, CONTAINER_OF(failed.next, struct quorum_proposal, _link), err);
}

enum err quorum_propose(struct quorum *quorum, struct quorum_proposal *proposal)
{
    ASSERT(proposal->count > 0);
    if (quorum->failed)
        return ERR_SEALED;
    enum err err = quorum_make_batch(quorum->mem, io_wall_ms(quorum->io), proposal->records, proposal->count,
                                     &proposal->_data, &proposal->_size);
    if (err != ERR_OK)
        return err;
    quorum->next_offset += proposal->count;
    proposal->offset = quorum->next_offset - 1;
    list_push_back(&quorum->queued, &proposal->_link);
    io_at_turn_end(quorum->io, &quorum->at_turn_end);
    return ERR_OK;
}

/* ---- append and flush: once a turn ----------------------------------------------------------------------------------
 */

struct appending {
    struct log_piece *pieces;
    struct batch_header *headers;
    int count;
};

static bool appending_init(struct quorum *quorum, struct appending *appending)
{
    appending->count = 0;
    LIST_EACH(link, &quorum->queued)
    appending->count++;
    size_t count = (size_t)appending->count;
    appending->pieces = mem_alloc_zero(quorum->mem, count * sizeof *appending->pieces);
    appending->headers = mem_alloc_zero(quorum->mem, count * sizeof *appending->headers);
    if (appending->pieces == NULL || appending->headers == NULL)
        return false;
    int i = 0;
    LIST_EACH(link, &quorum->queued)
    {
        struct quorum_proposal *proposal = CONTAINER_OF(link, struct quorum_proposal, _link);
        enum err err = batch_read_header(proposal->_data, proposal->_size, &appending->headers[i]);
        ASSERT(err == ERR_OK); /* we made it */
        appending->pieces[i] = (struct log_piece){.data = proposal->_data, .header = &appending->headers[i]};
        i++;
    }
    return true;
}

static void appending_fini(struct quorum *quorum, struct appending *appending)
{
    mem_free(quorum->mem, appending->pieces, (size_t)appending->count * sizeof *appending->pieces);
    mem_free(quorum->mem, appending->headers, (size_t)appending->count * sizeof *appending->headers);
}

static void append_queued(struct io_hook *hook)
{
    struct quorum *quorum = CONTAINER_OF(hook, struct quorum, at_turn_end);
    struct appending appending;
    int appended = 0;
    if (list_empty(&quorum->queued))
        return;
    enum err err = appending_init(quorum, &appending) ? ERR_OK : ERR_NO_MEMORY;
    if (err == ERR_OK)
        err = log_append(quorum->log, appending.pieces, appending.count, quorum->epoch, &appended);
    appending_fini(quorum, &appending);
    for (int i = 0; i < appended; i++) {
        struct list *link = list_pop_front(&quorum->queued);
        quorum->bytes_since_snapshot += (int64_t)CONTAINER_OF(link, struct quorum_proposal, _link)->_size;
        list_push_back(&quorum->flushing, link);
    }
    if (err != ERR_OK) {
        /* The rest was not appended: its offsets are free again, unless the log is sealed for good. */
        quorum->failed = log_is_sealed(quorum->log);
        quorum->next_offset = log_end_offset(quorum->log);
        fail_all(quorum, &quorum->queued, err);
    }
    ASSERT(quorum->failed || log_end_offset(quorum->log) == quorum->next_offset);
    if (!list_empty(&quorum->flushing))
        log_flush(quorum->log);
}

static void durable_moved(struct log_listener *listener)
{
    struct quorum *quorum = CONTAINER_OF(listener, struct quorum, listener);
    int64_t durable = log_durable_offset(quorum->log);
    while (!list_empty(&quorum->flushing)) {
        struct quorum_proposal *first = CONTAINER_OF(quorum->flushing.next, struct quorum_proposal, _link);
        if (first->offset >= durable)
            break;
        quorum->committed = first->offset;
        proposal_finish(quorum, first, ERR_OK);
    }
    quorum_note_later(quorum);
    if (!log_is_sealed(quorum->log)) {
        if (!list_empty(&quorum->flushing))
            log_flush(quorum->log);
        return;
    }
    quorum->failed = true;
    fail_all(quorum, &quorum->flushing, ERR_SEALED);
    fail_all(quorum, &quorum->queued, ERR_SEALED);
}

/* ---- life
 * ------------------------------------------------------------------------------------------------------------ */

static void configure_log(struct quorum *quorum, const struct broker_config *config)
{
    quorum->config = config->topic_defaults;
    quorum->config.cleanup_policy = CONFIG_CLEANUP_DELETE;
    quorum->config.compression_type = CONFIG_COMPRESSION_PRODUCER;
    quorum->config.message_timestamp_type = CONFIG_TIMESTAMP_CREATE;
    quorum->config.max_message_bytes = QUORUM_RECORDS_BYTES_MAX * 2;
    quorum->config.segment_bytes = config->metadata_log_segment_bytes;
    quorum->config.segment_ms = config->metadata_log_segment_ms;
    quorum->config.segment_jitter_ms = 0;
    quorum->config.retention_ms = -1; /* what a snapshot holds goes, nothing else */
    quorum->config.retention_bytes = -1;
    quorum->config.preallocate = false;
    quorum->bytes_between_snapshots = config->metadata_log_max_record_bytes_between_snapshots;
    quorum->note_interval_ms = config->log_flush_offset_checkpoint_interval_ms;
    quorum->snapshot_interval_ms = config->metadata_log_max_snapshot_interval_ms;
}

/* Going on without what was committed would mean topics that are gone. */
static enum err check_damage(const struct quorum *quorum, char why[512])
{
    if (log_damage_count(quorum->log) == 0)
        return ERR_OK;
    const struct log_damage *damage = log_damage_at(quorum->log, 0);
    snprintf(why, 512, "the metadata log is damaged: %.300s/%020lld.log at byte %lld, offsets %lld to %lld",
             quorum->directory, (long long)damage->segment_offset, (long long)damage->pos, (long long)damage->offset,
             (long long)damage->end_offset - 1);
    return ERR_CORRUPT;
}

static enum err open_log(struct quorum *quorum, struct fs *fs, const struct quorum_options *options, char why[512])
{
    int64_t snapshot_end = 0;
    int32_t snapshot_epoch = 0;
    bool readable = true;
    struct uuid topic_id = {{0}};
    topic_id.bytes[15] = 1; /* Kafka's reserved id of the metadata topic */
    enum err err = fs_make_directories(fs, quorum->directory);
    if (err == ERR_OK)
        err = quorum_find_snapshot(quorum, fs, &snapshot_end, &snapshot_epoch);
    struct log_options log_options = {
        .directory = quorum->directory,
        .topic_id = topic_id,
        .start_offset = snapshot_end,
        .config = &quorum->config,
    };
    if (err == ERR_OK)
        err = quorum_read_point(quorum, fs, &quorum->noted, &readable);
    log_options.recovery_point = quorum->noted;
    log_options.clean = !readable; /* every bad batch is damage */
    if (err == ERR_OK)
        err = log_open(quorum->io, fs, &log_options, &quorum->log);
    if (err != ERR_OK) {
        snprintf(why, 512, "the metadata log in %.400s cannot be opened: %s", quorum->directory, err_text(err));
        return err;
    }
    err = check_damage(quorum, why);
    if (err == ERR_OK)
        err = quorum_replay_all(quorum, fs, snapshot_end, snapshot_epoch, options->replay, why);
    if (err == ERR_OK)
        quorum_note_committed(quorum, fs);
    return err;
}

enum err quorum_open(struct io *io, struct fs *fs, const struct quorum_options *options, struct quorum **result,
                     char why[512])
{
    struct quorum *quorum = MEM_NEW(io_mem(io), struct quorum);
    *result = NULL;
    why[0] = '\0';
    if (quorum == NULL)
        return ERR_NO_MEMORY;
    quorum->io = io;
    quorum->mem = io_mem(io);
    quorum->node_id = options->config->node;
    quorum->at_turn_end.run = append_queued;
    quorum->listener.moved = durable_moved;
    list_init(&quorum->queued);
    list_init(&quorum->flushing);
    configure_log(quorum, options->config);
    quorum->snapshot_at_ms = io_wall_ms(io);
    int length = snprintf(quorum->directory, sizeof quorum->directory, "%s/__cluster_metadata-0", options->directory);
    enum err err = length < 0 || length + SNAPSHOT_NAME_SIZE >= FS_PATH_MAX ? ERR_LIMIT : ERR_OK;
    if (err == ERR_OK)
        err = open_log(quorum, fs, options, why);
    if (err != ERR_OK) {
        if (why[0] == '\0')
            snprintf(why, 512, "the metadata log in %.400s: %s", options->directory, err_text(err));
        if (quorum->log != NULL)
            log_close(quorum->log);
        MEM_DELETE(quorum->mem, quorum);
        return err;
    }
    log_listen(quorum->log, &quorum->listener);
    *result = quorum;
    return ERR_OK;
}

bool quorum_is_idle(const struct quorum *quorum)
{
    return !log_is_busy(quorum->log) && !quorum->is_noting;
}

void quorum_close(struct quorum *quorum)
{
    ASSERT(list_empty(&quorum->queued) && list_empty(&quorum->flushing) && !quorum->is_writing_snapshot);
    io_timer_stop(quorum->io, &quorum->note_timer);
    log_close(quorum->log);
    MEM_DELETE(quorum->mem, quorum);
}

enum quorum_role quorum_role(const struct quorum *quorum)
{
    return quorum->failed ? QUORUM_UNATTACHED : QUORUM_LEADER;
}

int32_t quorum_leader(const struct quorum *quorum)
{
    return quorum->failed ? -1 : quorum->node_id;
}

int32_t quorum_epoch(const struct quorum *quorum)
{
    return quorum->epoch;
}

int64_t quorum_committed_offset(const struct quorum *quorum)
{
    return quorum->committed;
}

int64_t quorum_end_offset(const struct quorum *quorum)
{
    return quorum->next_offset;
}

bool quorum_failed(const struct quorum *quorum)
{
    return quorum->failed;
}
