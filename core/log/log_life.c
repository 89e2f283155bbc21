/* Leader epochs, the start of the log, retention, descriptors, the clean stop. */
#include "core/log/log_internal.h"

#include <stdio.h>

/* ---- leader epochs
 * ----------------------------------------------------------------------------------------------------- */

int32_t log_last_epoch(const struct log *log)
{
    return log->epoch_count == 0 ? -1 : log->epochs[log->epoch_count - 1].epoch;
}

enum err log_note_epoch(struct log *log, int32_t epoch, int64_t start_offset)
{
    if (epoch <= log_last_epoch(log))
        return ERR_OK;
    if (log->epoch_count == log->epoch_capacity) {
        int32_t larger = log->epoch_capacity == 0 ? 2 : log->epoch_capacity * 2;
        void *moved = mem_resize(log->mem, log->epochs, (size_t)log->epoch_capacity * sizeof(*log->epochs),
                                 (size_t)larger * sizeof(*log->epochs));
        if (moved == NULL)
            return ERR_NO_MEMORY;
        log->epochs = moved;
        log->epoch_capacity = larger;
    }
    /* An epoch in which nothing was written is replaced: it has no batch to be asked about. */
    if (log->epoch_count > 0 && log->epochs[log->epoch_count - 1].start_offset >= start_offset)
        log->epoch_count--;
    log->epochs[log->epoch_count++] = (struct log_epoch){epoch, start_offset};
    log->epochs_dirty = true;
    return ERR_OK;
}

void log_epoch_end(const struct log *log, int32_t asked, int32_t *epoch, int64_t *end_offset)
{
    *epoch = -1;
    *end_offset = -1;
    if (asked == -1 || asked > log_last_epoch(log) || log->epoch_count == 0)
        return;
    if (asked == log_last_epoch(log)) {
        *epoch = asked;
        *end_offset = log->end_offset;
        return;
    }
    int32_t higher = 0;
    while (log->epochs[higher].epoch <= asked)
        higher++;
    /* Below all that is kept: the follower goes on from our start. */
    *epoch = higher == 0 ? asked : log->epochs[higher - 1].epoch;
    *end_offset = log->epochs[higher].start_offset;
}

uint8_t *log_epochs_text(const struct log *log, size_t *size, size_t *length)
{
    enum { LINE_MAX_BYTES = 34 };
    *size = (size_t)(log->epoch_count + 1) * LINE_MAX_BYTES;
    char *text = mem_alloc(log->mem, *size);
    if (text == NULL)
        return NULL;
    int used = snprintf(text, *size, "0\n%d\n", log->epoch_count);
    for (int32_t i = 0; i < log->epoch_count; i++)
        used += snprintf(text + used, *size - (size_t)used, "%d %lld\n", log->epochs[i].epoch,
                         (long long)log->epochs[i].start_offset);
    *length = (size_t)used;
    return (uint8_t *)text;
}

static void trim_epochs(struct log *log)
{
    int32_t first = 0;
    while (first + 1 < log->epoch_count && log->epochs[first + 1].start_offset <= log->start_offset)
        first++;
    if (log->epoch_count == 0 || (first == 0 && log->epochs[0].start_offset >= log->start_offset))
        return;
    memmove(log->epochs, log->epochs + first, (size_t)(log->epoch_count - first) * sizeof(*log->epochs));
    log->epoch_count -= first;
    if (log->epochs[0].start_offset < log->start_offset)
        log->epochs[0].start_offset = log->start_offset;
    log->epochs_dirty = true;
}

/* ---- the start
 * ----------------------------------------------------------------------------------------------------------- */

static const char *const suffixes[] = {".log", ".index", ".timeindex", ".txnindex", ".snapshot"};

static bool deleted_path(const char *path, char deleted[SEGMENT_PATH_MAX])
{
    int length = snprintf(deleted, SEGMENT_PATH_MAX, "%s.deleted", path);
    return length > 0 && length < SEGMENT_PATH_MAX;
}

/* What was taken out must not come back after a crash: its files are named .deleted at once. For those beside the
 * segment that is only tidy; removal looks for both names. */
enum err log_rename_deleted(struct log *log, const struct segment *segment)
{
    char path[SEGMENT_PATH_MAX], deleted[SEGMENT_PATH_MAX];
    enum err renamed = ERR_OK;
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        if (!segment_path(log->directory, segment->base_offset, suffixes[i], path) || !deleted_path(path, deleted))
            continue;
        enum err err = fs_rename(io_fs(log->io), path, deleted);
        if (i > 0 || err == ERR_NOT_FOUND) /* gone by other hands: so much the better */
            continue;
        renamed = err;
        if (err != ERR_OK)
            break;
    }
    log->directory_dirty = true;
    return renamed;
}

static void close_file(struct log *log, struct segment *segment)
{
    if (segment->file != IO_NONE)
        io_close_now(log->io, segment->file);
    segment->file = IO_NONE;
}

/* Its delay may be long, and descriptors are few. Whoever uses it holds it. */
static void close_removed(struct log *log, struct segment *segment)
{
    if (segment->ref.count == 0)
        close_file(log, segment);
}

void log_close_removed(struct log *log)
{
    LIST_EACH(link, &log->removed)
    close_removed(log, SEGMENT_OF(link));
}

void log_take_out(struct log *log, struct segment *segment)
{
    log_forget_damage(log, segment);
    list_remove(&segment->link);
    list_push_back(&log->removed, &segment->link);
    segment->remove_ms = io_wall_ms(log->io) + log->config->file_delete_delay_ms;
    segment->dirty = false;
    close_removed(log, segment);
    log_settle(log, segment, segment->size);
    log->segment_count--;
    log->size_bytes -= segment->size;
}

/* Oldest first, and none when one before it stays: recovery would take the gap behind that one for a lost tail, and
 * drop what lies behind. For the same reason not while what a compaction has made of it could come back, and not before
 * the name of the one that follows is durable: a log that is found empty begins at its start again. The end of either
 * calls again. */
static enum err drop_below_start(struct log *log)
{
    enum err err = ERR_OK;
    while (err == ERR_OK && log->segment_count > 1 && SEGMENT_OF(log->segments.next)->end_offset <= log->start_offset) {
        struct segment *oldest = SEGMENT_OF(log->segments.next);
        if (log_clean_holds(log, oldest))
            break;
        if (!SEGMENT_OF(oldest->link.next)->named) {
            log->directory_dirty = true;
            log_flush(log);
            break;
        }
        err = log_rename_deleted(log, oldest);
        if (err == ERR_OK)
            log_take_out(log, oldest);
    }
    return err;
}

void log_drop_waiting(struct log *log)
{
    enum err err = log->sealed || log->retired ? ERR_OK : drop_below_start(log);
    MAYBE(err != ERR_OK); /* retention tries it again */
}

enum err log_advance_start(struct log *log, int64_t offset)
{
    ASSERT(offset <= log->end_offset);
    if (offset > log->start_offset) {
        log->start_offset = offset;
        trim_epochs(log);
    }
    return drop_below_start(log); /* also when the start was there before, but in the growing segment */
}

/* Kafka's largestTimestamp: without one, when the file was written last. */
static int64_t newest_ms(struct log *log, struct segment *segment)
{
    char path[SEGMENT_PATH_MAX];
    struct fs_info info;
    if (segment->max_timestamp < 0 && !segment->index_loaded) {
        /* Kept until it is known. */
        log->retain_waits = log_want_index(log, segment, NULL) == ERR_OK;
        return INT64_MAX;
    }
    if (segment->max_timestamp >= 0)
        return segment->max_timestamp;
    if (!segment_path(log->directory, segment->base_offset, ".log", path) ||
        fs_info(io_fs(log->io), path, &info) != ERR_OK)
        return INT64_MAX;
    return info.modified_ms;
}

static bool may_go(struct log *log, struct segment *segment, int64_t now_ms, int64_t excess_bytes)
{
    const struct topic_config *config = log->config;
    if (config->retention_ms >= 0) {
        int64_t newest = newest_ms(log, segment);
        if (newest < now_ms && now_ms - newest > config->retention_ms)
            return true;
    }
    return config->retention_bytes >= 0 && excess_bytes >= segment->size;
}

bool log_retain_waits(const struct log *log)
{
    return log->retain_waits;
}

int log_retain(struct log *log, int64_t now_ms, int64_t below)
{
    const struct topic_config *config = log->config;
    int64_t start = log->start_offset, excess_bytes = log->size_bytes - config->retention_bytes;
    int passed = 0;
    log->retain_waits = false;
    if (log->sealed || log->writing != NULL || !(config->cleanup_policy & CONFIG_CLEANUP_DELETE))
        return 0;
    LIST_EACH(link, &log->segments)
    {
        struct segment *segment = SEGMENT_OF(link);
        bool last = segment == log_active(log);
        if ((last && segment->size == 0) || segment->end_offset > below ||
            !may_go(log, segment, now_ms, excess_bytes) || (last && log_roll(log) != ERR_OK))
            break;
        passed += segment->end_offset > log->start_offset;
        start = segment->end_offset;
        excess_bytes -= segment->size;
    }
    enum err err = log_advance_start(log, start);
    MAYBE(err != ERR_OK); /* tried again the next time */
    return passed;
}

/* ---- descriptors and files
 * -------------------------------------------------------------------------------------------------- */

struct removal {
    struct io_job job;
    struct log *log;
    struct segment *segment;
    enum err err;
};

static void removal_work(struct io_job *job, struct fs *fs)
{
    struct removal *removal = CONTAINER_OF(job, struct removal, job);
    char path[SEGMENT_PATH_MAX], deleted[SEGMENT_PATH_MAX];
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        if (!segment_path(removal->log->directory, removal->segment->base_offset, suffixes[i], path) ||
            !deleted_path(path, deleted))
            continue;
        enum err err = fs_unlink(fs, deleted);
        if (err == ERR_NOT_FOUND && !removal->segment->replaced)
            err = fs_unlink(fs, path);
        if (err != ERR_OK && err != ERR_NOT_FOUND)
            removal->err = err;
    }
    /* The last reference of a large file: closing it here is what may take long. */
    if (removal->segment->file != IO_NONE)
        fs_close(fs, removal->segment->file);
    removal->segment->file = IO_NONE;
}

static void removal_done(struct io_job *job)
{
    struct removal *removal = CONTAINER_OF(job, struct removal, job);
    struct log *log = removal->log;
    log->removals--;
    segment_free(log->mem, removal->segment);
    MEM_DELETE(log->mem, removal);
}

void log_tick(struct log *log, int64_t now_ms)
{
    enum { IDLE_NS = 60 * 1000000000LL };
    LIST_EACH(link, &log->removed)
    {
        struct segment *segment = SEGMENT_OF(link);
        close_removed(log, segment);
        if (segment->ref.count > 0 || now_ms < segment->remove_ms)
            continue;
        struct removal *removal = MEM_NEW(log->mem, struct removal);
        if (removal == NULL)
            return; /* at the next tick */
        *removal =
            (struct removal){.job = {.work = removal_work, .done = removal_done}, .log = log, .segment = segment};
        list_remove(&segment->link);
        log->removals++;
        io_job_start(log->io, &removal->job);
    }
    LIST_EACH(link, &log->segments)
    {
        struct segment *segment = SEGMENT_OF(link);
        if (segment->ref.count == 0 && io_now_ns(log->io) - segment->used_ns > (int64_t)IDLE_NS)
            close_file(log, segment);
        if (io_now_ns(log->io) - segment->used_ns > (int64_t)IDLE_NS && segment != log_active(log) &&
            segment->aborted_loaded && !segment->aborted_dirty &&
            segment->aborted_saved_count == segment->aborted_count && segment->aborted_count > 0)
            segment_drop_aborted(log->mem, segment);
        if (io_now_ns(log->io) - segment->used_ns > (int64_t)IDLE_NS && segment != log_active(log) &&
            segment->ref.count == 0 && segment->index_loaded && !segment->index_dirty && segment->size > 0) {
            segment_drop_index(log->mem, segment);
            segment->index_loaded = false;
        }
    }
}

bool log_is_busy(const struct log *log)
{
    if (log_is_flushing(log) || log->removals > 0 || log->index_jobs > 0 || log->saves > 0 || log->surveys > 0 ||
        log->writing != NULL || log->cleaning != NULL)
        return true;
    LIST_EACH(link, &log->segments)
    if (SEGMENT_OF(link)->ref.count > 0)
        return true;
    LIST_EACH(link, &log->removed)
    if (SEGMENT_OF(link)->ref.count > 0)
        return true;
    return false;
}

/* ---- the clean stop
 * ------------------------------------------------------------------------------------------------------------ */

/* Not flushed: indexes are caches. */
static enum err write_index(struct log *log, struct fs *fs, struct segment *segment)
{
    if (!segment->index_loaded || !segment->index_dirty)
        return ERR_OK;
    enum err err = segment_write_index(fs, log->mem, log->directory, segment);
    segment->index_dirty = err != ERR_OK;
    return err;
}

/* `flush`: fs_sync, or fs_check_written where all of the file system has been flushed. */
static enum err finish_segment(struct log *log, struct fs *fs, struct segment *segment,
                               enum err (*flush)(struct fs *fs, io_file file))
{
    enum err err = segment->dirty ? log_segment_file(log, segment) : ERR_OK;
    if (err == ERR_OK && segment->dirty)
        err = flush(fs, segment->file);
    segment->dirty = segment->dirty && err != ERR_OK;
    return err == ERR_OK ? log_store_aborted(log, fs, segment) : err;
}

static bool epochs_path(const struct log *log, const char *suffix, char path[FS_PATH_MAX])
{
    int length = snprintf(path, FS_PATH_MAX, "%s/leader-epoch-checkpoint%s", log->directory, suffix);
    return length > 0 && length < FS_PATH_MAX;
}

static enum err write_epochs(struct log *log, struct fs *fs)
{
    char path[FS_PATH_MAX];
    size_t size, length;
    if (!epochs_path(log, "", path))
        return ERR_INVALID;
    uint8_t *text = log_epochs_text(log, &size, &length);
    if (text == NULL)
        return ERR_NO_MEMORY;
    enum err err = fs_write_file(fs, path, text, length);
    mem_free(log->mem, text, size);
    log->epochs_dirty = err != ERR_OK;
    log->directory_dirty = log->directory_dirty && err != ERR_OK; /* it was flushed with it */
    return err;
}

enum err log_stop(struct log *log, struct fs *fs)
{
    enum err err = log->sealed ? ERR_SEALED : ERR_OK;
    for (struct list *link = log->segments.next; err == ERR_OK && link != &log->segments; link = link->next) {
        err = finish_segment(log, fs, SEGMENT_OF(link), fs_sync);
        if (err == ERR_OK)
            err = write_index(log, fs, SEGMENT_OF(link));
    }
    if (err == ERR_OK && log->epochs_dirty)
        err = write_epochs(log, fs);
    if (err == ERR_OK && log->directory_dirty)
        err = fs_sync_directory(fs, log->directory);
    if (err != ERR_OK)
        return err;
    log->directory_dirty = false;
    log->durable_offset = log->end_offset;
    return ERR_OK;
}

/* ---- the clean stop of many logs ----------------------------------------------------------------------------------
 */

bool log_has_unflushed(const struct log *log)
{
    bool dirty = log->directory_dirty || log->epochs_dirty;
    LIST_EACH(link, &log->segments)
    dirty = dirty || SEGMENT_OF(link)->dirty;
    return dirty && !log->sealed;
}

enum err log_stop_write(struct log *log, struct fs *fs)
{
    char path[FS_PATH_MAX];
    size_t size, length;
    io_file file;
    enum err err = log->sealed ? ERR_SEALED : ERR_OK;
    for (struct list *link = log->segments.next; err == ERR_OK && link != &log->segments; link = link->next)
        err = write_index(log, fs, SEGMENT_OF(link));
    if (err != ERR_OK || !log->epochs_dirty)
        return err;
    if (!epochs_path(log, ".tmp", path))
        return ERR_INVALID;
    uint8_t *text = log_epochs_text(log, &size, &length);
    if (text == NULL)
        return ERR_NO_MEMORY;
    err = fs_open(fs, path, FS_WRITE | FS_CREATE | FS_TRUNCATE, &file);
    if (err == ERR_OK) {
        err = fs_write(fs, file, text, length, 0);
        fs_close(fs, file);
    }
    mem_free(log->mem, text, size);
    log->epochs_written = err == ERR_OK;
    return err;
}

/* Bytes are on the device by now. A flush of what is clean costs little, and tells of a failure that another process's
 * flush of the file system was told of in our place. */
enum err log_stop_together(struct log *log, struct fs *fs)
{
    char from[FS_PATH_MAX], to[FS_PATH_MAX];
    enum err err = log->sealed ? ERR_SEALED : ERR_OK;
    for (struct list *link = log->segments.next; err == ERR_OK && link != &log->segments; link = link->next)
        err = finish_segment(log, fs, SEGMENT_OF(link), fs_check_written);
    if (err == ERR_OK && log->epochs_dirty && !log->epochs_written)
        err = write_epochs(log, fs);
    else if (err == ERR_OK && log->epochs_dirty)
        err = epochs_path(log, ".tmp", from) && epochs_path(log, "", to) ? fs_rename(fs, from, to) : ERR_INVALID;
    if (err != ERR_OK)
        return err;
    log->epochs_dirty = log->epochs_written = log->directory_dirty = false;
    log->durable_offset = log->end_offset;
    return ERR_OK;
}
