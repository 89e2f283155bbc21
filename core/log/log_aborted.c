/* The aborted index: which transactions a reader of committed records has to leave out.
 *
 * Lines are in memory for the growing segment and for those lately read; .txnindex is written by a job, durably, before
 * the recovery point passes them (log_recovery_point), so that what a restart does not replay is on disk. A file that
 * cannot be is never guessed at: log_check_aborted says so at start, and everything is replayed. */
#include "core/log/log_internal.h"

#include <stdio.h>

enum { FILE_MAX = 256 << 20, VERSION = 0, NAME_LENGTH = 29 };

/* ---- the file ---------------------------------------------------------------------------------------------------- */

void log_put_aborted(uint8_t *to, const struct log_aborted *line)
{
    put_i16(to, VERSION);
    put_i64(to + 2, line->producer_id);
    put_i64(to + 10, line->first_offset);
    put_i64(to + 18, line->last_offset);
    put_i64(to + 26, line->last_stable_offset);
}

static bool get_line(const uint8_t *from, int64_t base_offset, int64_t above, struct log_aborted *line)
{
    *line = (struct log_aborted){.producer_id = get_i64(from + 2),
                                 .first_offset = get_i64(from + 10),
                                 .last_offset = get_i64(from + 18),
                                 .last_stable_offset = get_i64(from + 26)};
    return get_i16(from) == VERSION && line->first_offset >= 0 && line->first_offset <= line->last_offset &&
           line->last_offset >= base_offset && line->last_offset > above;
}

static enum err read_lines(struct fs *fs, struct mem *mem, const char *path, int64_t base_offset,
                           struct log_aborted **lines, int32_t *count)
{
    void *bytes;
    size_t length;
    *lines = NULL;
    *count = 0;
    enum err err = fs_read_file(fs, mem, path, FILE_MAX, &bytes, &length);
    if (err != ERR_OK)
        return err == ERR_NOT_FOUND ? ERR_OK : err == ERR_LIMIT ? ERR_CORRUPT : err;
    size_t number = length / LOG_ABORTED_BYTES;
    int64_t above = -1;
    if (length % LOG_ABORTED_BYTES != 0)
        err = ERR_CORRUPT;
    else if (number > 0 && (*lines = mem_alloc(mem, number * sizeof(**lines))) == NULL)
        err = ERR_NO_MEMORY;
    for (size_t i = 0; err == ERR_OK && i < number; i++) {
        if (!get_line((uint8_t *)bytes + i * LOG_ABORTED_BYTES, base_offset, above, &(*lines)[i]))
            err = ERR_CORRUPT;
        above = (*lines)[i].last_offset;
    }
    mem_free(mem, bytes, length + 1);
    if (err != ERR_OK) {
        mem_free(mem, *lines, number * sizeof(**lines));
        *lines = NULL;
        return err;
    }
    *count = (int32_t)number;
    return ERR_OK;
}

static uint8_t *make_image(struct mem *mem, const struct segment *segment, size_t *size)
{
    *size = (size_t)segment->aborted_count * LOG_ABORTED_BYTES;
    uint8_t *bytes = mem_alloc(mem, size_max(*size, 1));
    for (int32_t i = 0; bytes != NULL && i < segment->aborted_count; i++)
        log_put_aborted(bytes + i * LOG_ABORTED_BYTES, &segment->aborted[i]);
    return bytes;
}

/* ---- in memory --------------------------------------------------------------------------------------------------- */

enum err log_load_aborted(struct log *log, struct fs *fs, struct segment *segment)
{
    char path[SEGMENT_PATH_MAX];
    segment->used_ns = io_now_ns(log->io);
    if (segment->aborted_loaded)
        return ERR_OK;
    if (!segment_path(log->directory, segment->base_offset, ".txnindex", path))
        return ERR_INVALID;
    enum err err = read_lines(fs, log->mem, path, segment->base_offset, &segment->aborted, &segment->aborted_count);
    if (err != ERR_OK)
        return err;
    segment->aborted_capacity = segment->aborted_saved_count = segment->aborted_count;
    segment->aborted_loaded = true;
    return ERR_OK;
}

void segment_drop_aborted(struct mem *mem, struct segment *segment)
{
    mem_free(mem, segment->aborted, (size_t)segment->aborted_capacity * sizeof(*segment->aborted));
    segment->aborted = NULL;
    segment->aborted_count = segment->aborted_capacity = segment->aborted_saved_count = 0;
    segment->aborted_loaded = false;
}

static enum err reserve(struct log *log, struct segment *segment, int32_t more)
{
    if (segment->aborted_capacity - segment->aborted_count >= more)
        return ERR_OK;
    int32_t larger = segment->aborted_capacity == 0 ? 8 : segment->aborted_capacity;
    while (larger - segment->aborted_count < more)
        larger *= 2;
    void *moved = mem_resize(log->mem, segment->aborted, (size_t)segment->aborted_capacity * sizeof(*segment->aborted),
                             (size_t)larger * sizeof(*segment->aborted));
    if (moved == NULL)
        return ERR_NO_MEMORY;
    segment->aborted = moved;
    segment->aborted_capacity = larger;
    return ERR_OK;
}

enum err log_reserve_aborted(struct log *log, const struct log_piece *pieces, int count)
{
    int32_t more = 0;
    for (int i = 0; i < count; i++)
        more += pieces[i].ends_aborted;
    if (more == 0)
        return ERR_OK;
    enum err err = log_load_aborted(log, io_fs(log->io), log_active(log));
    return err == ERR_OK ? reserve(log, log_active(log), more) : err;
}

void log_note_aborted(struct log *log, struct segment *segment, const struct log_aborted *line)
{
    ASSERT(segment->aborted_loaded && segment->aborted_count < segment->aborted_capacity);
    ASSERT(segment->aborted_count == 0 || segment->aborted[segment->aborted_count - 1].last_offset < line->last_offset);
    segment->aborted[segment->aborted_count++] = *line;
    segment->aborted_dirty = true;
    log->aborted_dirty = true;
}

enum err log_replay_aborted(struct log *log, struct fs *fs, struct segment *segment, const struct log_aborted *line)
{
    enum err err = log_load_aborted(log, fs, segment);
    if (err == ERR_OK)
        err = reserve(log, segment, 1);
    /* Read from disk: an odd control batch may end where the one before does. */
    if (err == ERR_OK && segment->aborted_count > 0 &&
        segment->aborted[segment->aborted_count - 1].last_offset >= line->last_offset)
        return ERR_OK;
    if (err == ERR_OK)
        log_note_aborted(log, segment, line);
    return err;
}

enum err log_cut_aborted(struct log *log, struct fs *fs, struct segment *segment, int64_t below_offset)
{
    enum err err = log_load_aborted(log, fs, segment);
    if (err == ERR_CORRUPT && below_offset <= segment->base_offset) { /* all of it is made anew */
        segment->aborted_loaded = segment->aborted_dirty = log->aborted_dirty = true;
        return ERR_OK;
    }
    if (err != ERR_OK)
        return err;
    while (segment->aborted_count > 0 && segment->aborted[segment->aborted_count - 1].last_offset >= below_offset) {
        segment->aborted_count--;
        segment->aborted_dirty = log->aborted_dirty = true;
    }
    if (segment->aborted_saved_count > segment->aborted_count)
        segment->aborted_saved_count = segment->aborted_count;
    return ERR_OK;
}

/* ---- saving ------------------------------------------------------------------------------------------------------ */

int64_t log_recovery_point(const struct log *log)
{
    int64_t point = log->durable_offset;
    if (!log->aborted_dirty)
        return point;
    LIST_EACH(link, &log->segments)
    {
        const struct segment *segment = SEGMENT_OF(link);
        if (segment->aborted_saved_count < segment->aborted_count &&
            segment->aborted[segment->aborted_saved_count].last_offset < point)
            return segment->aborted[segment->aborted_saved_count].last_offset;
    }
    return point;
}

static struct segment *find_dirty(struct log *log, int64_t above_offset)
{
    LIST_EACH(link, &log->segments)
    if (SEGMENT_OF(link)->aborted_dirty && SEGMENT_OF(link)->base_offset > above_offset)
        return SEGMENT_OF(link);
    return NULL;
}

struct save {
    struct io_job job;
    struct segment *segment;
    uint8_t *bytes;
    size_t size;
    int32_t count;
    enum err err;
    char path[SEGMENT_PATH_MAX];
};

static void save_work(struct io_job *job, struct fs *fs)
{
    struct save *save = CONTAINER_OF(job, struct save, job);
    save->err = fs_write_file(fs, save->path, save->bytes, save->size);
}

static void save_next(struct log *log, int64_t above_offset);

static void save_done(struct io_job *job)
{
    struct save *save = CONTAINER_OF(job, struct save, job);
    struct segment *segment = save->segment;
    struct log *log = segment->ref.log;
    if (save->err != ERR_OK)
        segment->aborted_dirty = log->aborted_dirty = true; /* until then the recovery point stays below it */
    else
        segment->aborted_saved_count = save->count < segment->aborted_count ? save->count : segment->aborted_count;
    int64_t saved_offset = segment->base_offset;
    log_ref_release(&segment->ref);
    mem_free(log->mem, save->bytes, size_max(save->size, 1));
    MEM_DELETE(log->mem, save);
    log->saves--;
    save_next(log, saved_offset);
}

/* Of the segments behind one: each once a round. */
static void save_next(struct log *log, int64_t above_offset)
{
    struct segment *segment = find_dirty(log, above_offset);
    if (segment == NULL) {
        log->aborted_dirty = above_offset >= 0 || find_dirty(log, -1) != NULL;
        return;
    }
    struct save *save = MEM_NEW(log->mem, struct save);
    if (save == NULL)
        return; /* at the next checkpoint */
    save->bytes = make_image(log->mem, segment, &save->size);
    if (save->bytes == NULL || !segment_path(log->directory, segment->base_offset, ".txnindex", save->path)) {
        mem_free(log->mem, save->bytes, size_max(save->size, 1));
        MEM_DELETE(log->mem, save);
        return;
    }
    save->segment = segment;
    save->count = segment->aborted_count;
    segment->aborted_dirty = false;
    log_hold(segment);
    log->saves++;
    save->job = (struct io_job){.work = save_work, .done = save_done};
    io_job_start(log->io, &save->job);
}

void log_save_aborted(struct log *log)
{
    if (log->aborted_dirty && log->saves == 0)
        save_next(log, -1);
}

enum err log_store_aborted(struct log *log, struct fs *fs, struct segment *segment)
{
    char path[SEGMENT_PATH_MAX];
    size_t size;
    if (!segment->aborted_dirty && segment->aborted_saved_count == segment->aborted_count)
        return ERR_OK;
    uint8_t *bytes = make_image(log->mem, segment, &size);
    if (bytes == NULL)
        return ERR_NO_MEMORY;
    enum err err = ERR_INVALID;
    if (segment_path(log->directory, segment->base_offset, ".txnindex", path))
        err = fs_write_file(fs, path, bytes, size);
    mem_free(log->mem, bytes, size_max(size, 1));
    if (err == ERR_OK) {
        segment->aborted_dirty = false;
        segment->aborted_saved_count = segment->aborted_count;
    }
    return err;
}

/* ---- at start ---------------------------------------------------------------------------------------------------- */

struct check {
    struct fs *fs;
    struct mem *mem;
    const char *directory;
    enum err err;
};

static bool check_one(void *context, const char *name, bool is_directory)
{
    struct check *check = context;
    char path[SEGMENT_PATH_MAX];
    int64_t base_offset = 0;
    struct fs_info info;
    if (is_directory || strlen(name) != NAME_LENGTH || strcmp(name + 20, ".txnindex") != 0)
        return true;
    for (int i = 0; i < 20; i++)
        if (name[i] < '0' || name[i] > '9' || __builtin_mul_overflow(base_offset, 10, &base_offset) ||
            __builtin_add_overflow(base_offset, name[i] - '0', &base_offset))
            return true;
    if (!segment_path(check->directory, base_offset, ".log", path))
        return true;
    enum err err = fs_info(check->fs, path, &info);
    if (!segment_path(check->directory, base_offset, ".txnindex", path))
        return true;
    if (err == ERR_NOT_FOUND) { /* of a segment that is gone: another one must not inherit it */
        err = fs_unlink(check->fs, path);
    } else if (err == ERR_OK) {
        struct log_aborted *lines;
        int32_t count;
        err = read_lines(check->fs, check->mem, path, base_offset, &lines, &count);
        if (err == ERR_OK)
            mem_free(check->mem, lines, (size_t)count * sizeof(*lines));
    }
    check->err = err;
    return err == ERR_OK;
}

enum err log_check_aborted(struct fs *fs, struct mem *mem, const char *directory)
{
    struct check check = {.fs = fs, .mem = mem, .directory = directory};
    enum err err = fs_list(fs, directory, check_one, &check);
    return err == ERR_OK ? check.err : err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

/* No batch in the answer begins at or behind it. */
static int64_t end_of_read(const struct log_read *read)
{
    const struct segment *segment = read->_segment;
    int64_t end_pos = read->pos + (int64_t)read->length, end = segment->end_offset;
    int32_t low = 0, high = segment->index_count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if ((int64_t)segment->index[middle].pos < end_pos)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < segment->index_count)
        end = segment->base_offset + segment->index[low].relative_offset;
    return end < read->below ? end : read->below;
}

/* While the device was asked, the segment may have been taken out or replaced. */
static struct segment *first_of_read(const struct log *log, const struct log_read *read)
{
    return read->_segment->remove_ms > 0 ? log_segment_of(log, read->offset) : read->_segment;
}

/* Of the segments that log_read_aborted goes through, the first whose lines are not in memory; NULL: none. */
static struct segment *first_unloaded(struct log *log, const struct log_read *read)
{
    int64_t end = end_of_read(read);
    for (struct list *link = &first_of_read(log, read)->link; link != &log->segments; link = link->next) {
        struct segment *segment = SEGMENT_OF(link);
        if (!segment->aborted_loaded)
            return segment;
        for (int32_t i = 0; i < segment->aborted_count; i++)
            if (segment->aborted[i].last_stable_offset >= end)
                return NULL;
    }
    return NULL;
}

/* Into the page cache: the shard takes the lines from there. What is wrong with the file it finds, too. */
static void warm_work(struct io_job *job, struct fs *fs)
{
    struct log_aborted_load *load = CONTAINER_OF(job, struct log_aborted_load, _job);
    char path[SEGMENT_PATH_MAX];
    void *bytes;
    size_t length;
    if (!segment_path(load->_log->directory, load->_segment->base_offset, ".txnindex", path))
        return;
    if (fs_read_file(fs, io_job_mem(job), path, FILE_MAX, &bytes, &length) == ERR_OK)
        mem_free(io_job_mem(job), bytes, length + 1);
}

static void warm_done(struct io_job *job)
{
    struct log_aborted_load *load = CONTAINER_OF(job, struct log_aborted_load, _job);
    struct log *log = load->_log;
    enum err err = log_load_aborted(log, io_fs(log->io), load->_segment);
    log_ref_release(&load->_segment->ref);
    log_close_removed(log);
    if (err != ERR_OK || log_prepare_aborted(log, load->_read, load)) /* an error comes again in log_read_aborted */
        load->ready(load);
}

bool log_prepare_aborted(struct log *log, const struct log_read *read, struct log_aborted_load *load)
{
    struct segment *segment = read->ref == NULL ? NULL : first_unloaded(log, read);
    if (segment == NULL)
        return true;
    load->_log = log;
    load->_read = read;
    load->_segment = segment;
    log_hold(segment);
    load->_job = (struct io_job){.work = warm_work, .done = warm_done};
    io_job_start(log->io, &load->_job);
    return false;
}

enum err log_read_aborted(struct log *log, const struct log_read *read, struct log_aborted *to, int capacity,
                          int *count)
{
    *count = 0;
    if (read->ref == NULL)
        return ERR_OK;
    int64_t end = end_of_read(read);
    for (struct list *link = &first_of_read(log, read)->link; link != &log->segments; link = link->next) {
        struct segment *segment = SEGMENT_OF(link);
        enum err err = log_load_aborted(log, io_fs(log->io), segment);
        if (err != ERR_OK)
            return err;
        for (int32_t i = 0; i < segment->aborted_count; i++) {
            const struct log_aborted *line = &segment->aborted[i];
            if (line->last_offset >= read->offset && line->first_offset < end) {
                if (*count < capacity)
                    to[*count] = *line;
                (*count)++;
            }
            /* Everything below it was decided when this line was written: no later one begins before the end. */
            if (line->last_stable_offset >= end)
                return ERR_OK;
        }
    }
    return ERR_OK;
}
