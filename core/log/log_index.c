/* Indexes come from files when a segment is first needed and go back to them when it has grown; both in jobs.
 *
 * What a job reads stays in the page cache, from where the shard takes it over in a moment: memory of the lane is not
 * the shard's. An index that is not there or cannot be is made again from the batches by the same job, so that the
 * shard never reads a segment through. */
#include "core/log/log_internal.h"
#include "core/log/walk.h"

/* ---- from the files ------------------------------------------------------------------------------------------------
 */

/* From memory, or nearly: log_want_index has seen to it, or nobody is waiting. */
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

struct log_index_load {
    struct io_job job;
    struct log *log;
    struct segment *segment, shadow;
    struct list waiters;
    int32_t interval_bytes;
    enum err err;
};

/* The entries of every batch that can be read; damage is left to whoever reads it. */
static enum err note_batches(struct log_index_load *load, struct fs *fs, struct mem *mem)
{
    struct segment *shadow = &load->shadow;
    int64_t end_offset = shadow->end_offset;
    struct batch_header header;
    int64_t pos;
    struct walk walk = {.fs = fs,
                        .file = shadow->file,
                        .size = shadow->size,
                        .next_offset = shadow->base_offset,
                        .below_offset = end_offset,
                        .crc = true, /* what only looks like a batch must not become a place to begin at */
                        .bytes = mem_alloc(mem, WALK_BYTES),
                        .capacity = WALK_BYTES};
    enum err err = walk.bytes == NULL ? ERR_NO_MEMORY : ERR_OK;
    while (err == ERR_OK) {
        err = walk_next(&walk, &header, &pos);
        if (err == ERR_OK && !segment_note(mem, shadow, &header, header.base_offset, pos, load->interval_bytes))
            err = ERR_NO_MEMORY;
        if (err == ERR_CORRUPT)
            err = walk_resync(&walk, end_offset);
    }
    mem_free(mem, walk.bytes, WALK_BYTES);
    shadow->end_offset = end_offset;
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* Whoever reads committed records asks for it next. */
static void warm(struct fs *fs, struct mem *mem, const struct log_index_load *load)
{
    enum { ABORTED_MAX = 16 << 20 };
    char path[SEGMENT_PATH_MAX];
    void *bytes;
    size_t length;
    if (segment_path(load->log->directory, load->shadow.base_offset, ".txnindex", path) &&
        fs_read_file(fs, mem, path, ABORTED_MAX, &bytes, &length) == ERR_OK)
        mem_free(mem, bytes, length + 1);
}

static void load_work(struct io_job *job, struct fs *fs)
{
    struct log_index_load *load = CONTAINER_OF(job, struct log_index_load, job);
    struct mem *mem = io_job_mem(job);
    struct segment *shadow = &load->shadow;
    load->err = segment_read_index(fs, mem, load->log->directory, shadow);
    if (load->err == ERR_CORRUPT) {
        shadow->max_timestamp = shadow->first_timestamp = -1;
        shadow->unindexed_bytes = 0;
        load->err = note_batches(load, fs, mem);
        if (load->err == ERR_OK && !shadow->swapping)
            load->err = segment_write_index(fs, mem, load->log->directory, shadow);
    }
    segment_drop_index(mem, shadow);
    warm(fs, mem, load);
}

static void load_done(struct io_job *job)
{
    struct log_index_load *load = CONTAINER_OF(job, struct log_index_load, job);
    struct log *log = load->log;
    struct segment *segment = load->segment;
    struct list waiters;
    enum err err = load->err;
    segment->index_load = NULL;
    if (err == ERR_OK || err == ERR_NO_SPACE) /* a disk that is full cannot keep what was found */
        err = log_load_index(log, segment);
    segment->used_ns = io_now_ns(log->io);
    list_init(&waiters);
    list_splice(&waiters, &load->waiters);
    log_ref_release(&segment->ref);
    MEM_DELETE(log->mem, load);
    for (struct list *link; (link = list_pop_front(&waiters)) != NULL;) {
        struct log_index_waiter *waiter = CONTAINER_OF(link, struct log_index_waiter, link);
        waiter->ready(waiter, err);
    }
}

enum err log_want_index(struct log *log, struct segment *segment, struct log_index_waiter *waiter)
{
    ASSERT(!segment->index_loaded);
    struct log_index_load *load = segment->index_load;
    if (load == NULL) {
        enum err err = log_segment_file(log, segment);
        if (err != ERR_OK)
            return err;
        load = MEM_NEW(log->mem, struct log_index_load);
        if (load == NULL)
            return ERR_NO_MEMORY;
        load->log = log;
        load->segment = segment;
        load->shadow = *segment;
        load->shadow.index = NULL;
        load->shadow.times = NULL;
        load->shadow.index_count = load->shadow.index_capacity = 0;
        load->shadow.time_count = load->shadow.time_capacity = 0;
        load->interval_bytes = log->config->index_interval_bytes;
        list_init(&load->waiters);
        log_hold(segment); /* and so it counts as busy */
        segment->index_load = load;
        load->job = (struct io_job){.work = load_work, .done = load_done};
        io_job_start(log->io, &load->job);
    }
    if (waiter != NULL)
        list_push_back(&load->waiters, &waiter->link);
    return ERR_OK;
}

bool log_can_append(const struct log *log)
{
    return log_active(log)->index_loaded;
}

enum err log_prepare_append(struct log *log, struct log_index_waiter *waiter)
{
    return log_want_index(log, log_active(log), waiter);
}

/* ---- to the files --------------------------------------------------------------------------------------------------
 */

/* One job at a time for a log: an older image must not come behind a newer one. */
struct log_index_save {
    struct io_job job;
    struct segment *segment;
    const char *directory;
    struct segment_image image;
    enum err err;
};

static void save_work(struct io_job *job, struct fs *fs)
{
    struct log_index_save *save = CONTAINER_OF(job, struct log_index_save, job);
    save->err = segment_write_image(fs, save->directory, &save->image);
}

static void save_done(struct io_job *job)
{
    struct log_index_save *save = CONTAINER_OF(job, struct log_index_save, job);
    struct segment *segment = save->segment;
    struct log *log = segment->ref.log;
    /* A cache: what could not be written is tried again with the next checkpoint. */
    bool failed = save->err != ERR_OK;
    segment->index_dirty |= failed;
    mem_free(log->mem, save->image.bytes, save->image.size);
    MEM_DELETE(log->mem, save);
    log->index_jobs--;
    log_ref_release(&segment->ref);
    log_close_removed(log);
    if (log->retired && log->listener != NULL)
        log->listener->moved(log->listener);
    if (!failed)
        log_save_indexes(log);
}

static bool save_index(struct log *log, struct segment *segment)
{
    struct log_index_save *save = MEM_NEW(log->mem, struct log_index_save);
    if (save == NULL)
        return false;
    save->segment = segment;
    save->directory = log->directory;
    if (segment_make_image(log->mem, segment, &save->image) != ERR_OK) {
        MEM_DELETE(log->mem, save);
        return false;
    }
    segment->index_written_count = segment->index_count;
    segment->index_dirty = false;
    log_hold(segment);
    log->index_jobs++;
    save->job = (struct io_job){.work = save_work, .done = save_done};
    io_job_start(log->io, &save->job);
    return true;
}

void log_save_indexes(struct log *log)
{
    for (struct list *link = log_active(log)->link.prev; link != &log->segments; link = link->prev) {
        struct segment *segment = SEGMENT_OF(link);
        if (log->index_jobs > 0 || log->sealed || log->retired)
            return;
        if (segment->index_loaded && segment->index_dirty && !segment->swapping && save_index(log, segment))
            return;
    }
}

void log_checkpoint_index(struct log *log)
{
    struct segment *segment = log_active(log);
    log_save_indexes(log);
    if (log->sealed || log->retired || log->index_jobs > 0 || !segment->index_loaded ||
        segment->index_count == segment->index_written_count)
        return;
    (void)save_index(log, segment);
}
