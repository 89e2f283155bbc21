#include "core/log/log_internal.h"

#include <stdio.h>

/* ---- what it is
 * ------------------------------------------------------------------------------------------------------ */

int64_t log_start_offset(const struct log *log)
{
    return log->start_offset;
}
int64_t log_end_offset(const struct log *log)
{
    return log->end_offset;
}
int64_t log_durable_offset(const struct log *log)
{
    return log->durable_offset;
}
int64_t log_size_bytes(const struct log *log)
{
    return log->size_bytes;
}
int log_segment_count(const struct log *log)
{
    return log->segment_count;
}
const char *log_directory(const struct log *log)
{
    return log->directory;
}
bool log_is_sealed(const struct log *log)
{
    return log->sealed;
}
bool log_is_flushing(const struct log *log)
{
    return log->flush.running || log->flush.wanted;
}
void log_configure(struct log *log, const struct topic_config *config)
{
    log->config = config;
}
void log_listen(struct log *log, struct log_listener *listener)
{
    log->listener = listener;
}

static void seal(struct log *log)
{
    log->sealed = true;
}

void log_hold(struct segment *segment)
{
    segment->ref.count++;
}

void log_ref_release(struct log_ref *ref)
{
    ASSERT(ref->count > 0);
    ref->count--;
}

enum err log_segment_file(struct log *log, struct segment *segment)
{
    char path[SEGMENT_PATH_MAX];
    segment->used_ns = io_now_ns(log->io);
    if (segment->file != IO_NONE)
        return ERR_OK;
    if (!segment_path(log->directory, segment->base_offset, ".log", path))
        return ERR_INVALID;
    return io_open_now(log->io, path, FS_READ | FS_WRITE, &segment->file);
}

enum err log_load_index(struct log *log, struct segment *segment)
{
    if (segment->index_loaded)
        return ERR_OK;
    struct fs *fs = io_fs(log->io);
    enum err err = segment_read_index(fs, log->mem, log->directory, segment);
    if (err != ERR_CORRUPT)
        return err;
    int64_t end_offset = segment->end_offset;
    segment->index_loaded = true;
    struct log_scan scan = {.note = true,
                            .next_offset = segment->base_offset,
                            .damage_below = INT64_MAX,
                            .below_offset = segment->end_offset};
    err = log_scan_segment(log, fs, segment, &scan);
    segment->end_offset = end_offset;
    return err;
}

/* ---- append
 * ---------------------------------------------------------------------------------------------------------- */

static bool must_roll(const struct log *log, const struct segment *segment, const struct batch_header *header,
                      int64_t base_offset, int64_t now_ms)
{
    const struct topic_config *config = log->config;
    if (segment->size == 0)
        return false;
    int64_t last_offset = base_offset + header->last_offset_delta;
    int64_t began_ms = segment->first_timestamp, reached_ms = header->max_timestamp;
    if (began_ms < 0 || reached_ms < 0)
        began_ms = reached_ms = now_ms;
    return segment->size + (int64_t)header->size > config->segment_bytes ||
           last_offset - segment->base_offset > INT32_MAX || reached_ms - began_ms > config->segment_ms ||
           (int64_t)segment->index_count * 8 >= config->segment_index_bytes ||
           (int64_t)segment->time_count * 12 >= config->segment_index_bytes;
}

enum err log_roll(struct log *log)
{
    int64_t base_offset = log->end_offset;
    char path[SEGMENT_PATH_MAX];
    struct segment *sealed = log_active(log);
    struct segment *segment = segment_new(log->mem, log, base_offset);
    if (segment == NULL)
        return ERR_NO_MEMORY;
    enum err err = ERR_INVALID;
    if (segment_path(log->directory, base_offset, ".log", path))
        err = io_open_now(log->io, path, FS_READ | FS_WRITE | FS_CREATE | FS_TRUNCATE, &segment->file);
    /* An index that could not be written is made again from the batches: not an error of the append. */
    if (err == ERR_OK && sealed->index_loaded && sealed->size > 0)
        (void)segment_write_index(io_fs(log->io), log->mem, log->directory, sealed);
    if (err != ERR_OK) {
        segment_free(log->mem, segment);
        return err;
    }
    list_push_back(&log->segments, &segment->link);
    log->segment_count++;
    log->directory_dirty = true;
    return ERR_OK;
}

/* A write that failed half way may have left bytes behind the end: they go before anything else is written there. */
static enum err write_failed(struct log *log, struct segment *segment, enum err err, int64_t written)
{
    if (written > 0 && fs_truncate(io_fs(log->io), segment->file, segment->size) != ERR_OK)
        err = ERR_IO;
    if (err == ERR_IO)
        seal(log);
    return err;
}

/* Pieces that go into one segment with one write. Their offsets are set here; on success they are in the log. */
static enum err append_run(struct log *log, struct log_piece *pieces, int count, int32_t leader_epoch)
{
    enum { RUN_MAX = 64 };
    struct slice slices[RUN_MAX];
    ASSERT(count <= RUN_MAX);
    struct segment *segment = log_active(log);
    enum err err = log_segment_file(log, segment);
    if (err != ERR_OK)
        return err;
    int64_t offset = log->end_offset, written = 0;
    for (int i = 0; i < count; i++) {
        pieces[i].base_offset = offset;
        batch_set_offset(pieces[i].data, offset, leader_epoch);
        slices[i] = slice_of(pieces[i].data, pieces[i].header->size);
        offset += pieces[i].header->last_offset_delta + 1;
    }
    err = io_write_now(log->io, segment->file, slices, count, segment->size, &written);
    if (err != ERR_OK)
        return write_failed(log, segment, err, written);
    for (int i = 0; i < count; i++) {
        const struct batch_header *header = pieces[i].header;
        log->recent[log->recent_next++ % LOG_RECENT] = (struct log_recent){
            pieces[i].base_offset, pieces[i].base_offset + header->last_offset_delta, segment->size, header->size};
        /* Without memory for an index entry the batch is found from the entry before. */
        (void)segment_note(log->mem, segment, header, pieces[i].base_offset, segment->size,
                           log->config->index_interval_bytes);
        segment->size += (int64_t)header->size;
        log->size_bytes += (int64_t)header->size;
    }
    segment->dirty = true;
    log->end_offset = offset;
    return ERR_OK;
}

/* How many pieces fit into the present segment. */
static int run_length(const struct log *log, const struct log_piece *pieces, int count, int64_t now_ms)
{
    enum { RUN_MAX = 64 };
    struct segment shadow = *log_active(log);
    int64_t offset = log->end_offset;
    int length = 0;
    while (length < count && length < RUN_MAX) {
        const struct batch_header *header = pieces[length].header;
        if (must_roll(log, &shadow, header, offset, now_ms))
            break;
        if (shadow.first_timestamp < 0)
            shadow.first_timestamp = header->max_timestamp;
        shadow.size += (int64_t)header->size;
        offset += header->last_offset_delta + 1;
        length++;
    }
    return length;
}

enum err log_append(struct log *log, struct log_piece *pieces, int count, int32_t leader_epoch, int *appended)
{
    *appended = 0;
    if (log->sealed)
        return ERR_SEALED;
    enum err err = log_load_index(log, log_active(log));
    if (err == ERR_OK)
        err = log_note_epoch(log, leader_epoch, log->end_offset);
    int64_t now_ms = io_wall_ms(log->io);
    while (err == ERR_OK && *appended < count) {
        int length = run_length(log, pieces + *appended, count - *appended, now_ms);
        if (length == 0) {
            err = log_roll(log);
            continue;
        }
        err = append_run(log, pieces + *appended, length, leader_epoch);
        if (err == ERR_OK)
            *appended += length;
    }
    return err;
}

/* ---- group commit
 * ------------------------------------------------------------------------------------------------------ */

static void flush_start(struct io_hook *hook);

static void flush_finish(struct log *log)
{
    struct log_flush_job *flush = &log->flush;
    flush->running = false;
    for (int i = 0; i < flush->count; i++)
        log_ref_release(&flush->segments[i]->ref);
    if (flush->err != ERR_OK) {
        seal(log);
        flush->wanted = false;
    } else if (flush->target > log->durable_offset) {
        log->durable_offset = flush->target;
    }
    if (flush->wanted)
        io_at_turn_end(log->io, &flush->hook);
    if (log->listener != NULL)
        log->listener->moved(log->listener);
}

static void flush_op_done(struct io_op *op)
{
    struct log *log = CONTAINER_OF(op, struct log, flush.op);
    log->flush.err = op->err;
    flush_finish(log);
}

static void flush_work(struct io_job *job, struct fs *fs)
{
    struct log *log = CONTAINER_OF(job, struct log, flush.job);
    struct log_flush_job *flush = &log->flush;
    char path[FS_PATH_MAX];
    for (int i = 0; i < flush->count && flush->err == ERR_OK; i++)
        flush->err = fs_sync(fs, flush->segments[i]->file);
    if (flush->err == ERR_OK && flush->directory)
        flush->err = fs_sync_directory(fs, log->directory);
    if (flush->err == ERR_OK && flush->epochs != NULL) {
        snprintf(path, sizeof(path), "%s/leader-epoch-checkpoint", log->directory);
        flush->err = fs_write_file(fs, path, flush->epochs, flush->epochs_length);
    }
}

static void flush_work_done(struct io_job *job)
{
    struct log *log = CONTAINER_OF(job, struct log, flush.job);
    mem_free(log->mem, log->flush.epochs, log->flush.epochs_size);
    log->flush.epochs = NULL;
    flush_finish(log);
}

/* Picks the oldest dirty segments and what else has to be durable with them. */
static enum err flush_collect(struct log *log)
{
    struct log_flush_job *flush = &log->flush;
    flush->count = 0;
    flush->target = log->end_offset;
    LIST_EACH(link, &log->segments)
    {
        struct segment *segment = SEGMENT_OF(link);
        if (!segment->dirty)
            continue;
        if (flush->count == LOG_FLUSH_FILES) {
            flush->target = segment->base_offset;
            flush->wanted = true;
            break;
        }
        enum err err = log_segment_file(log, segment);
        if (err != ERR_OK)
            return err;
        flush->segments[flush->count++] = segment;
    }
    flush->directory = log->directory_dirty;
    if (log->epochs_dirty) {
        flush->epochs = log_epochs_text(log, &flush->epochs_size, &flush->epochs_length);
        log->epochs_dirty = flush->epochs == NULL; /* without memory: with a later flush */
    }
    return ERR_OK;
}

static void flush_start(struct io_hook *hook)
{
    struct log *log = CONTAINER_OF(hook, struct log, flush.hook);
    struct log_flush_job *flush = &log->flush;
    ASSERT(!flush->running);
    flush->wanted = false;
    if (log->sealed)
        return;
    enum err err = flush_collect(log);
    for (int i = 0; i < flush->count; i++) {
        log_hold(flush->segments[i]);
        flush->segments[i]->dirty = false;
    }
    flush->running = true;
    flush->err = err;
    log->directory_dirty = false;
    if (err == ERR_OK && flush->count == 1 && !flush->directory && flush->epochs == NULL) {
        flush->op.done = flush_op_done;
        io_sync(log->io, &flush->op, flush->segments[0]->file);
        return;
    }
    flush->job = (struct io_job){.work = flush_work, .done = flush_work_done};
    io_job_start(log->io, &flush->job);
}

void log_flush(struct log *log)
{
    struct log_flush_job *flush = &log->flush;
    if (log->sealed || flush->wanted)
        return;
    flush->wanted = true;
    flush->hook.run = flush_start;
    if (!flush->running)
        io_at_turn_end(log->io, &flush->hook);
}
