/* Opening: what is on disk, checked from the recovery point on, cut behind the last good batch. */
#include "core/log/checkpoint.h"
#include "core/log/log_internal.h"

#include <stdio.h>

static const char metadata_name[] = "partition.metadata";

/* ---- a new one
 * --------------------------------------------------------------------------------------------------------- */

static bool join_path(const char *directory, const char *name, char path[FS_PATH_MAX])
{
    int length = snprintf(path, FS_PATH_MAX, "%s/%s", directory, name);
    return length > 0 && length < FS_PATH_MAX;
}

enum err log_prepare(struct fs *fs, const char *directory, struct uuid topic_id)
{
    char path[FS_PATH_MAX], id[UUID_TEXT_SIZE], text[64];
    io_file first;
    if (!segment_path(directory, 0, ".log", path))
        return ERR_INVALID;
    enum err err = fs_make_directories(fs, directory);
    if (err == ERR_OK) /* its name becomes durable with that of the metadata */
        err = fs_open(fs, path, FS_WRITE | FS_CREATE, &first);
    if (err != ERR_OK)
        return err;
    fs_close(fs, first);
    if (!join_path(directory, metadata_name, path))
        return ERR_INVALID;
    uuid_format(topic_id, id);
    int length = snprintf(text, sizeof(text), "version: 0\ntopic_id: %s", id);
    err = fs_write_file(fs, path, text, (size_t)length);
    if (err != ERR_OK)
        return err;
    char *slash = strrchr(path, '/');
    *slash = '\0';
    slash = strrchr(path, '/');
    if (slash == NULL || slash == path)
        return fs_sync_directory(fs, slash == NULL ? "." : "/");
    *slash = '\0';
    return fs_sync_directory(fs, path);
}

/* ---- the directory
 * ---------------------------------------------------------------------------------------------------------- */

struct listing {
    struct mem *mem;
    struct fs *fs;
    const char *directory;
    int64_t *bases;
    size_t count, capacity;
    bool failed, has_swaps;
};

static bool parse_base(const char *name, int64_t *base)
{
    int64_t value = 0;
    for (int i = 0; i < 20; i++) {
        if (name[i] < '0' || name[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, name[i] - '0', &value))
            return false;
    }
    *base = value; /* near the end of all offsets there is no room for a segment */
    return value <= INT64_MAX - INT32_MAX - 1 && strcmp(name + 20, ".log") == 0;
}

/* Taken out of the log before the stop: what cannot be removed now is tried again at the next start. */
static void remove_leftover(const struct listing *listing, const char *name)
{
    char path[FS_PATH_MAX];
    enum err ignored = join_path(listing->directory, name, path) ? fs_unlink(listing->fs, path) : ERR_INVALID;
    MAYBE(ignored == ERR_OK);
}

static bool visit(void *context, const char *name, bool is_directory)
{
    struct listing *listing = context;
    int64_t base;
    if (!is_directory && strlen(name) > 8 && strcmp(name + strlen(name) - 8, ".deleted") == 0)
        remove_leftover(listing, name);
    listing->has_swaps |= !is_directory && log_is_swap_name(name);
    if (is_directory || strlen(name) != 24 || !parse_base(name, &base))
        return true;
    if (listing->count == listing->capacity) {
        size_t larger = listing->capacity == 0 ? 16 : listing->capacity * 2;
        void *moved = mem_resize(listing->mem, listing->bases, listing->capacity * 8, larger * 8);
        listing->failed = moved == NULL;
        if (moved == NULL)
            return false;
        listing->bases = moved;
        listing->capacity = larger;
    }
    size_t place = listing->count++;
    for (; place > 0 && listing->bases[place - 1] > base; place--)
        listing->bases[place] = listing->bases[place - 1];
    listing->bases[place] = base;
    return true;
}

static enum err add_segment(struct log *log, struct fs *fs, int64_t base_offset)
{
    struct segment *segment = segment_new(log->mem, log, base_offset);
    if (segment == NULL)
        return ERR_NO_MEMORY;
    list_push_back(&log->segments, &segment->link);
    log->segment_count++;
    segment->aborted_loaded = false;
    char path[SEGMENT_PATH_MAX];
    struct fs_info info;
    if (!segment_path(log->directory, base_offset, ".log", path))
        return ERR_INVALID;
    enum err err = fs_info(fs, path, &info);
    if (err == ERR_OK)
        segment->size = info.size;
    return err;
}

static enum err list_segments(struct log *log, struct fs *fs)
{
    struct listing listing = {.mem = log->mem, .fs = fs, .directory = log->directory};
    enum err err = fs_list(fs, log->directory, visit, &listing);
    if (err == ERR_OK && listing.has_swaps) {
        listing.count = 0;
        err = log_finish_swaps(log, fs);
        if (err == ERR_OK)
            err = fs_list(fs, log->directory, visit, &listing);
    }
    if (err == ERR_OK && listing.failed)
        err = ERR_NO_MEMORY;
    for (size_t i = 0; err == ERR_OK && i < listing.count; i++)
        err = add_segment(log, fs, listing.bases[i]);
    mem_free(log->mem, listing.bases, listing.capacity * 8);
    return err;
}

/* ---- recovery
 * ----------------------------------------------------------------------------------------------------------------- */

/* leader-epoch-checkpoint: "0\n<count>\n" and "<epoch> <start offset>\n" each. What does not read as that is left out:
 * the epochs of the batches behind the recovery point are added anyway. */
static enum err read_epochs(struct log *log, struct fs *fs)
{
    enum { EPOCHS_FILE_MAX = 4 << 20 };
    char path[FS_PATH_MAX];
    void *data;
    size_t length;
    if (!join_path(log->directory, "leader-epoch-checkpoint", path))
        return ERR_INVALID;
    enum err err = fs_read_file(fs, log->mem, path, EPOCHS_FILE_MAX, &data, &length);
    if (err != ERR_OK)
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    struct checkpoint_reader reader;
    int32_t epoch;
    int64_t start_offset;
    enum err read = checkpoint_begin(&reader, slice_of(data, length));
    while (err == ERR_OK && read == ERR_OK && (read = checkpoint_next_epoch(&reader, &epoch, &start_offset)) == ERR_OK)
        err = log_note_epoch(log, epoch, start_offset);
    log->epochs_dirty = false;
    mem_free(log->mem, data, length + 1);
    return err;
}

static enum err make_segment(struct log *log, struct fs *fs, int64_t base_offset)
{
    char path[SEGMENT_PATH_MAX];
    io_file file;
    if (!segment_path(log->directory, base_offset, ".log", path))
        return ERR_INVALID;
    enum err err = fs_open(fs, path, FS_WRITE | FS_CREATE, &file);
    if (err != ERR_OK)
        return err;
    fs_close(fs, file);
    log->directory_dirty = true;
    return add_segment(log, fs, base_offset);
}

/* Nothing is written behind bytes that are left for a person to look at. */
static bool ends_in_damage(const struct log *log)
{
    const struct segment *active = log_active(log);
    for (int32_t i = 0; i < log->damage_count; i++)
        if (log->damages[i].segment_offset == active->base_offset && log->damages[i].end_pos == active->size)
            return true;
    return false;
}

static enum err look_into_directory(struct log *log, struct fs *fs, const struct log_options *options)
{
    struct fs_info info;
    enum err err = fs_info(fs, log->directory, &info);
    if (err == ERR_NOT_FOUND)
        err = log_prepare(fs, log->directory, options->topic_id);
    if (err == ERR_OK)
        err = list_segments(log, fs);
    if (err == ERR_OK)
        err = read_epochs(log, fs);
    if (err == ERR_OK)
        err = log_recover(log, fs, options);
    if (err == ERR_OK && list_empty(&log->segments))
        err = make_segment(
            log, fs, options->start_offset > options->recovery_point ? options->start_offset : options->recovery_point);
    else if (err == ERR_OK && ends_in_damage(log))
        err = make_segment(log, fs, log_active(log)->end_offset);
    return err;
}

static enum err open_contents(struct log *log, struct fs *fs, const struct log_options *options)
{
    ASSERT(options->description.length == 0 || (options->clean && options->observer == NULL));
    enum err err = options->description.length > 0 ? log_take_description(log, fs, options->description)
                                                   : look_into_directory(log, fs, options);
    if (err != ERR_OK)
        return err;
    int64_t first = SEGMENT_OF(log->segments.next)->base_offset;
    log->end_offset = log_active(log)->end_offset;
    log->start_offset = options->start_offset > first ? options->start_offset : first;
    if (log->start_offset > log->end_offset)
        log->start_offset = log->end_offset;
    /* What lies behind may still be in the page cache only, and so may the names of its segments. */
    log->directory_dirty |= !options->clean;
    log->durable_offset = options->recovery_point;
    if (log->durable_offset > log->end_offset)
        log->durable_offset = log->end_offset;
    LIST_EACH(link, &log->segments)
    {
        struct segment *segment = SEGMENT_OF(link);
        segment->dirty = segment->end_offset > log->durable_offset;
        segment->named = options->clean;
        segment->settled_pos = segment->size;
        if (segment->file != IO_NONE) /* an idle log needs no descriptor */
            io_close_now(log->io, segment->file);
        segment->file = IO_NONE;
    }
    return ERR_OK;
}

enum err log_open(struct io *io, struct fs *fs, const struct log_options *options, struct log **opened)
{
    struct mem *mem = io_mem(io);
    struct log *log = MEM_NEW(mem, struct log);
    if (log == NULL)
        return ERR_NO_MEMORY;
    log->io = io;
    log->mem = mem;
    log->config = options->config;
    log->budget = options->budget;
    list_init(&log->segments);
    list_init(&log->removed);
    log_draw_jitter(log);
    enum err err = ERR_NO_MEMORY;
    log->directory = mem_copy_string(mem, options->directory, strlen(options->directory));
    if (log->directory != NULL)
        err = open_contents(log, fs, options);
    if (err != ERR_OK) {
        log_close(log);
        return err;
    }
    *opened = log;
    return ERR_OK;
}

static void close_segments(struct log *log, struct list *segments)
{
    for (struct list *link; (link = list_pop_front(segments)) != NULL;) {
        struct segment *segment = SEGMENT_OF(link);
        log_give_back_blocks(log, segment);
        if (segment->file != IO_NONE)
            io_close_now(log->io, segment->file);
        segment->file = IO_NONE;
        log_settle(log, segment, segment->size);
        segment_free(log->mem, segment);
    }
}

void log_close(struct log *log)
{
    ASSERT(!log->flush.running && log->writing == NULL);
    io_hook_stop(&log->flush.hook);
    close_segments(log, &log->segments);
    close_segments(log, &log->removed);
    mem_free(log->mem, log->recent, LOG_RECENT * sizeof(*log->recent));
    mem_free(log->mem, log->damages, (size_t)log->damage_capacity * sizeof(*log->damages));
    mem_free(log->mem, log->epochs, (size_t)log->epoch_capacity * sizeof(*log->epochs));
    mem_free_string(log->mem, log->directory);
    MEM_DELETE(log->mem, log);
}
