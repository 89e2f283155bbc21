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
void log_retire(struct log *log)
{
    log->retired = true;
}

bool log_writes_by_name(const struct log *log)
{
    return log->flush.running || log->index_jobs > 0;
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

/* ---- group commit
 * ------------------------------------------------------------------------------------------------------ */

static void flush_start(struct io_hook *hook);

static void names_are_durable(struct log *log, int64_t to)
{
    LIST_EACH(link, &log->segments)
    SEGMENT_OF(link)->named |= SEGMENT_OF(link)->base_offset <= to;
    log_drop_waiting(log);
}

static void flush_finish(struct log *log)
{
    struct log_flush_job *flush = &log->flush;
    flush->running = false;
    for (int i = 0; i < flush->count; i++) {
        if (flush->err == ERR_OK)
            log_settle(log, flush->segments[i], flush->sizes[i]);
        log_ref_release(&flush->segments[i]->ref);
    }
    log_close_removed(log);
    if (flush->err != ERR_OK) {
        log->sealed = true;
        flush->wanted = false;
    } else if (flush->target > log->durable_offset) {
        log->durable_offset = flush->target;
    }
    if (flush->err == ERR_OK && flush->directory)
        names_are_durable(log, flush->named_to);
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
    if (flush->err == ERR_OK && flush->directory && flush->epochs == NULL)
        flush->err = fs_sync_directory(fs, log->directory);
    if (flush->err == ERR_OK && flush->epochs != NULL) { /* which flushes the directory */
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
    flush->named_to = log_active(log)->base_offset;
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
    if (log->sealed || log->retired)
        return;
    enum err err = flush_collect(log);
    for (int i = 0; i < flush->count; i++) {
        log_hold(flush->segments[i]);
        flush->sizes[i] = flush->segments[i]->size;
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
    if (log->sealed || log->retired || flush->wanted)
        return;
    flush->wanted = true;
    flush->hook.run = flush_start;
    if (!flush->running)
        io_at_turn_end(log->io, &flush->hook);
}
