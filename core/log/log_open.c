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
    if (!join_path(directory, metadata_name, path))
        return ERR_INVALID;
    enum err err = fs_make_directories(fs, directory);
    if (err != ERR_OK)
        return err;
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

/* ---- reading batches
 * ----------------------------------------------------------------------------------------------------- */

struct scan_window {
    uint8_t *bytes;
    size_t capacity, length;
    int64_t pos; /* of bytes[0] in the file */
};

/* Makes [pos, pos + need) readable in the window; fewer at the end of the file. */
static enum err window_fill(struct log *log, struct fs *fs, io_file file, struct scan_window *window, int64_t pos,
                            size_t need, size_t *have)
{
    if (pos < window->pos || pos + (int64_t)need > window->pos + (int64_t)window->length) {
        if (need > window->capacity) {
            mem_free(log->mem, window->bytes, window->capacity);
            window->capacity = 0;
            window->bytes = mem_alloc(log->mem, need);
            if (window->bytes == NULL)
                return ERR_NO_MEMORY;
            window->capacity = need;
        }
        window->pos = pos;
        enum err err = fs_read(fs, file, window->bytes, window->capacity, pos, &window->length);
        if (err != ERR_OK)
            return err;
    }
    size_t left = window->length - size_min(window->length, (size_t)(pos - window->pos));
    *have = size_min(left, need);
    return ERR_OK;
}

/* One batch at pos: ERR_CORRUPT when it is not whole, not in order or not what its CRC says. */
static enum err scan_batch(struct log *log, struct fs *fs, struct segment *segment, struct log_scan *scan,
                           struct scan_window *window, struct batch_header *header)
{
    size_t have;
    enum err err = window_fill(log, fs, segment->file, window, scan->valid_pos, BATCH_HEADER_BYTES, &have);
    if (err != ERR_OK)
        return err;
    const uint8_t *at = window->bytes + (scan->valid_pos - window->pos);
    if (batch_read_header(at, have, header) != ERR_OK || header->magic != BATCH_MAGIC ||
        scan->valid_pos + (int64_t)header->size > segment->size || header->base_offset < scan->end_offset ||
        header->last_offset_delta < 0)
        return ERR_CORRUPT;
    if (!scan->crc)
        return ERR_OK;
    err = window_fill(log, fs, segment->file, window, scan->valid_pos, header->size, &have);
    if (err != ERR_OK)
        return err;
    at = window->bytes + (scan->valid_pos - window->pos);
    return have == header->size && batch_crc_matches(at, header) ? ERR_OK : ERR_CORRUPT;
}

enum err log_scan_segment(struct log *log, struct fs *fs, struct segment *segment, struct log_scan *scan)
{
    enum { WINDOW_BYTES = 128 << 10 }; /* recovery of many logs reads little of each */
    struct scan_window window = {.capacity = WINDOW_BYTES};
    scan->valid_pos = scan->from_pos;
    scan->end_offset = scan->next_offset;
    enum err err = log_segment_file(log, segment);
    if (err != ERR_OK)
        return err;
    window.bytes = mem_alloc(log->mem, window.capacity);
    if (window.bytes == NULL)
        return ERR_NO_MEMORY;
    while (err == ERR_OK && scan->valid_pos < segment->size) {
        struct batch_header header;
        err = scan_batch(log, fs, segment, scan, &window, &header);
        if (err != ERR_OK)
            break;
        int64_t last_offset = batch_last_offset(&header);
        if (scan->note)
            (void)segment_note(log->mem, segment, &header, header.base_offset, scan->valid_pos,
                               log->config->index_interval_bytes);
        if (scan->observer != NULL && last_offset >= scan->observe_from)
            scan->observer->batch(scan->observer, &header);
        if (scan->crc)
            err = log_note_epoch(log, header.leader_epoch, header.base_offset);
        scan->valid_pos += (int64_t)header.size;
        scan->end_offset = last_offset + 1;
    }
    mem_free(log->mem, window.bytes, window.capacity);
    return err;
}

/* ---- the directory
 * ---------------------------------------------------------------------------------------------------------- */

struct listing {
    struct mem *mem;
    struct fs *fs;
    const char *directory;
    int64_t *bases;
    size_t count, capacity;
    bool failed;
};

static bool parse_base(const char *name, int64_t *base)
{
    int64_t value = 0;
    for (int i = 0; i < 20; i++) {
        if (name[i] < '0' || name[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, name[i] - '0', &value))
            return false;
    }
    *base = value;
    return strcmp(name + 20, ".log") == 0;
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

/* The indexes on disk, as far as they speak of batches below `trusted_offset`, say where to begin to look. */
static void skip_by_index(struct log *log, struct fs *fs, struct segment *segment, struct log_scan *scan,
                          int64_t trusted_offset)
{
    segment->end_offset = INT64_MAX; /* not known yet: any entry may be inside */
    if (segment_read_index(fs, log->mem, log->directory, segment) == ERR_OK)
        segment_cut_index(segment, trusted_offset);
    if (segment->index_count > 0) {
        scan->from_pos = segment->index[segment->index_count - 1].pos;
        if (segment->index_count > 1) /* the batch there begins behind the one of the entry before */
            scan->next_offset = segment->base_offset + segment->index[segment->index_count - 2].relative_offset + 1;
    } else {
        segment_drop_index(log->mem, segment);
        segment->max_timestamp = -1;
    }
    segment->index_loaded = true;
}

/* Scans from where the index says; when there is no good batch there it was wrong, and all of it is looked at. */
static enum err scan_from_index(struct log *log, struct fs *fs, struct segment *segment, struct log_scan *scan,
                                int64_t trusted_offset)
{
    struct log_scan whole = *scan;
    skip_by_index(log, fs, segment, scan, trusted_offset);
    int64_t from_pos = scan->from_pos;
    enum err err = log_scan_segment(log, fs, segment, scan);
    if (err != ERR_CORRUPT || from_pos == 0 || scan->valid_pos > from_pos)
        return err;
    segment_drop_index(log->mem, segment);
    segment->max_timestamp = segment->first_timestamp = -1;
    segment->unindexed_bytes = 0;
    *scan = whole;
    return log_scan_segment(log, fs, segment, scan);
}

/* When the first batch was made decides when the segment is rolled. */
static enum err read_first_timestamp(struct log *log, struct fs *fs, struct segment *segment)
{
    uint8_t bytes[BATCH_HEADER_BYTES];
    struct batch_header header;
    size_t got;
    enum err err = log_segment_file(log, segment);
    if (err == ERR_OK)
        err = fs_read(fs, segment->file, bytes, sizeof(bytes), 0, &got);
    if (err == ERR_OK && batch_read_header(bytes, got, &header) == ERR_OK)
        segment->first_timestamp = header.max_timestamp;
    return err;
}

/* Reads a segment as far as it must be; the last one always from its last known place, to find where it ends. */
static enum err recover_segment(struct log *log, struct fs *fs, const struct log_options *options,
                                struct segment *segment, bool last, bool *cut)
{
    int64_t next_base = last ? INT64_MAX : SEGMENT_OF(segment->link.next)->base_offset;
    int64_t look_from = options->clean ? INT64_MAX : options->recovery_point;
    bool replay = options->observer != NULL && next_base > options->replay_from;
    int64_t trusted = replay && options->replay_from < look_from ? options->replay_from : look_from;
    *cut = false;
    if (!last && next_base <= look_from && !replay) {
        segment->end_offset = next_base;
        segment->index_loaded = false;
        return ERR_OK;
    }
    struct log_scan scan = {.crc = next_base > look_from,
                            .note = true,
                            .next_offset = segment->base_offset,
                            .observer = options->observer,
                            .observe_from = options->replay_from};
    enum err err = trusted > segment->base_offset && segment->size > 0
                       ? scan_from_index(log, fs, segment, &scan, trusted)
                       : log_scan_segment(log, fs, segment, &scan);
    if (err != ERR_OK && err != ERR_CORRUPT)
        return err;
    segment->end_offset = scan.end_offset;
    if (scan.valid_pos == segment->size)
        return last && segment->size > 0 ? read_first_timestamp(log, fs, segment) : ERR_OK;
    /* Never cut what was said to be durable: that is damage, and for a person to look at. */
    if (scan.end_offset < options->recovery_point || (options->clean && segment->size > 0))
        return ERR_CORRUPT;
    *cut = true;
    segment->size = scan.valid_pos;
    return fs_truncate(fs, segment->file, segment->size);
}

/* Behind a cut nothing follows: later segments are of a tail that never became durable. */
static enum err drop_tail(struct log *log, struct fs *fs, struct segment *last_good)
{
    char path[SEGMENT_PATH_MAX];
    enum err err = ERR_OK;
    while (err == ERR_OK && log_active(log) != last_good) {
        struct segment *segment = log_active(log);
        if (!segment_path(log->directory, segment->base_offset, ".log", path))
            return ERR_INVALID;
        err = fs_unlink(fs, path);
        list_remove(&segment->link);
        log->segment_count--;
        segment_free(log->mem, segment);
    }
    return err;
}

static enum err recover(struct log *log, struct fs *fs, const struct log_options *options)
{
    LIST_EACH(link, &log->segments)
    {
        struct segment *segment = SEGMENT_OF(link);
        bool cut;
        enum err err = recover_segment(log, fs, options, segment, link->next == &log->segments, &cut);
        if (err == ERR_OK && cut)
            err = drop_tail(log, fs, segment);
        if (err != ERR_OK)
            return err;
        if (cut)
            break;
    }
    LIST_EACH(link, &log->segments)
    log->size_bytes += SEGMENT_OF(link)->size;
    return ERR_OK;
}

static enum err open_contents(struct log *log, struct fs *fs, const struct log_options *options)
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
        err = recover(log, fs, options);
    if (err == ERR_OK && list_empty(&log->segments)) {
        char path[SEGMENT_PATH_MAX];
        io_file file;
        err = segment_path(log->directory, options->start_offset, ".log", path) ? ERR_OK : ERR_INVALID;
        if (err == ERR_OK)
            err = fs_open(fs, path, FS_WRITE | FS_CREATE, &file);
        if (err == ERR_OK) {
            fs_close(fs, file);
            log->directory_dirty = true;
            err = add_segment(log, fs, options->start_offset);
        }
    }
    if (err != ERR_OK)
        return err;
    int64_t first = SEGMENT_OF(log->segments.next)->base_offset;
    log->end_offset = log_active(log)->end_offset;
    log->start_offset = options->start_offset > first ? options->start_offset : first;
    if (log->start_offset > log->end_offset)
        log->start_offset = log->end_offset;
    /* What recovery read may still be in the page cache only. */
    log->durable_offset = options->clean ? log->end_offset : options->recovery_point;
    if (log->durable_offset > log->end_offset)
        log->durable_offset = log->end_offset;
    LIST_EACH(link, &log->segments)
    {
        struct segment *segment = SEGMENT_OF(link);
        segment->dirty = segment->end_offset > log->durable_offset;
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
    list_init(&log->segments);
    list_init(&log->removed);
    for (int i = 0; i < LOG_RECENT; i++)
        log->recent[i].base_offset = log->recent[i].last_offset = -1;
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
        if (segment->file != IO_NONE)
            io_close_now(log->io, segment->file);
        segment->file = IO_NONE;
        segment_free(log->mem, segment);
    }
}

void log_close(struct log *log)
{
    ASSERT(!log->flush.running);
    io_hook_stop(&log->flush.hook);
    close_segments(log, &log->segments);
    close_segments(log, &log->removed);
    mem_free(log->mem, log->epochs, (size_t)log->epoch_capacity * sizeof(*log->epochs));
    mem_free_string(log->mem, log->directory);
    MEM_DELETE(log->mem, log);
}
