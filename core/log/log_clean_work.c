/* Compaction's jobs: reading keys, copying what stays, naming files. They touch the run's own struct and files only. */
#include "core/log/log_clean_internal.h"
#include "core/wire/batch_convert.h"
#include "core/wire/batch_retain.h"

#include <stdio.h>

enum { SYNC_EVERY_BYTES = 32 << 20, BATCH_BYTES_MAX = INT32_MAX, INDEX_ENTRY = 8, TIME_ENTRY = 12 };

static struct log_clean *clean_of(struct io_job *job)
{
    return CONTAINER_OF(job, struct log_clean, _job);
}

/* ---- going through the batches of a source ------------------------------------------------------------------------
 */

/* One stretch of a source in memory: whole batches, one after the other. */
struct stretch {
    struct mem *mem;
    uint8_t *data;
    size_t capacity, length, at;
};

/* *batch is empty at the end of what was read. */
static enum err next_batch(struct log_clean *clean, struct stretch *stretch, struct batch_header *header,
                           struct slice *batch)
{
    const struct log_clean_source *source = &clean->_sources[clean->_source];
    size_t left = stretch->length - stretch->at;
    *batch = slice_of(NULL, 0);
    enum err err = batch_read_header(stretch->data + stretch->at, left, header);
    if (err == ERR_OK && ((int64_t)header->size > source->size - clean->_pos || header->magic != BATCH_MAGIC ||
                          header->last_offset_delta < 0 || header->base_offset < source->base_offset))
        return ERR_CORRUPT;
    if (err == ERR_OK && header->size <= left) {
        *batch = slice_of(stretch->data + stretch->at, header->size);
        return batch_crc_matches(batch->data, header) ? ERR_OK : ERR_CORRUPT;
    }
    if (err == ERR_CORRUPT || clean->_pos + (int64_t)left >= source->size) /* the file ends within a batch */
        return left == 0 ? ERR_OK : ERR_CORRUPT;
    clean->_read_size = clean->step_bytes;
    if (stretch->at == 0) /* a batch that is larger than a step */
        clean->_read_size = err == ERR_OK ? (int64_t)header->size : BATCH_HEADER_BYTES;
    return ERR_OK;
}

static void passed(struct log_clean *clean, struct stretch *stretch, const struct batch_header *header)
{
    stretch->at += header->size;
    clean->_pos += (int64_t)header->size;
    clean->_step_bytes_done += (int64_t)header->size;
    clean->read_bytes += (int64_t)header->size;
}

static enum err read_stretch(struct log_clean *clean, struct fs *fs, struct stretch *stretch)
{
    const struct log_clean_source *source = &clean->_sources[clean->_source];
    int64_t left = source->size - clean->_pos;
    size_t most = (size_t)(left < clean->_read_size ? left : clean->_read_size);
    *stretch = (struct stretch){.mem = io_job_mem(&clean->_job), .capacity = size_max(most, 1)};
    stretch->data = mem_alloc(stretch->mem, stretch->capacity);
    if (stretch->data == NULL)
        return ERR_NO_MEMORY;
    enum err err = fs_read(fs, source->file, stretch->data, most, clean->_pos, &stretch->length);
    return err == ERR_OK && stretch->length < most ? ERR_CORRUPT : err; /* the file is shorter than the log */
}

static void free_stretch(struct stretch *stretch)
{
    mem_free(stretch->mem, stretch->data, stretch->capacity);
}

static struct slice body_of(struct slice batch)
{
    return slice_of(batch.data + BATCH_HEADER_BYTES, batch.length - BATCH_HEADER_BYTES);
}

/* ---- the map ----------------------------------------------------------------------------------------------------- */

static enum err put_keys(struct log_clean *clean, const struct batch_header *header, struct slice body)
{
    struct batch_records records;
    struct batch_record record;
    enum err err;
    batch_records_init(&records, body, header->record_count);
    while ((err = batch_records_next(&records, &record)) == ERR_OK) {
        int64_t offset = header->base_offset + record.offset_delta;
        if (slice_is_null(record.key) || offset < clean->first_dirty_offset)
            continue;
        if (!clean_map_put(&clean->_map, record.key, offset)) {
            clean->_map_full = true;
            return ERR_OK;
        }
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err map_batch(struct log_clean *clean, const struct batch_header *header, struct slice batch)
{
    enum compress_codec codec = (enum compress_codec)(header->attributes & BATCH_CODEC_MASK);
    struct slice body = body_of(batch);
    enum err err = ERR_OK;
    if (header->attributes & BATCH_CONTROL) {
        (void)clean_txns_on_control(&clean->_txns, header, body);
    } else if (!clean_txns_on_batch(&clean->_txns, header) && header->record_count > 0) {
        struct compress_buffer plain;
        compress_buffer_init(&plain, io_job_mem(&clean->_job));
        if (codec != COMPRESS_NONE) {
            err = compress_unpack(codec, body, batch_unpacked_limit(body.length), &plain);
            body = slice_of(plain.data, plain.length);
        }
        if (err == ERR_OK)
            err = put_keys(clean, header, body);
        compress_buffer_fini(&plain);
    }
    if (err == ERR_OK && !clean->_map_full && batch_last_offset(header) >= clean->first_dirty_offset)
        clean->_latest_offset = batch_last_offset(header);
    return err;
}

void log_clean_map_work(struct io_job *job, struct fs *fs)
{
    struct log_clean *clean = clean_of(job);
    struct stretch stretch;
    enum err err = read_stretch(clean, fs, &stretch);
    clean->_needs_room = false;
    while (err == ERR_OK && !clean->_map_full) {
        struct batch_header header;
        struct slice batch;
        err = next_batch(clean, &stretch, &header, &batch);
        if (err != ERR_OK || batch.length == 0)
            break;
        clean->_needs_room = !clean_txns_has_room(&clean->_txns, &header);
        if (clean->_needs_room)
            break;
        err = map_batch(clean, &header, batch);
        passed(clean, &stretch, &header);
    }
    free_stretch(&stretch);
    clean->err = err;
}

/* ---- the copy ---------------------------------------------------------------------------------------------------- */

struct filter {
    struct batch_retain retain;
    struct log_clean *clean;
    bool discards; /* the batch's records are of no use to anybody */
};

static bool keeps(struct batch_retain *retain, const struct batch_header *header, const struct batch_record *record)
{
    const struct filter *filter = CONTAINER_OF(retain, struct filter, retain);
    const struct log_clean *clean = filter->clean;
    int64_t offset = header->base_offset + record->offset_delta;
    if (filter->discards)
        return false;
    if ((header->attributes & BATCH_CONTROL) || offset > clean->_latest_offset)
        return true;
    if (slice_is_null(record->key) || offset < clean_map_get(&clean->_map, record->key))
        return false;
    bool is_over = (header->attributes & BATCH_DELETE_HORIZON) && clean->now_ms >= header->base_timestamp;
    return !slice_is_null(record->value) || !is_over;
}

static bool is_of_window(const struct log_clean *clean, const struct batch_header *header)
{
    int32_t low = 0, high = clean->producer_count;
    if (header->producer_id == BATCH_NO_PRODUCER_ID)
        return false;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (clean->producers[middle].id < header->producer_id)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == clean->producer_count || clean->producers[low].id != header->producer_id)
        return false;
    const struct log_clean_producer *producer = &clean->producers[low];
    if (producer->count == 0)
        return (header->attributes & BATCH_CONTROL) && header->producer_epoch == producer->epoch;
    for (int i = 0; i < producer->count; i++)
        if (batch_last_offset(header) == producer->offsets[i])
            return true;
    return false;
}

/* What one step adds to the index files. */
struct additions {
    struct compress_buffer bytes, index, times;
};

static void additions_init(struct additions *more, struct mem *mem)
{
    compress_buffer_init(&more->bytes, mem);
    compress_buffer_init(&more->index, mem);
    compress_buffer_init(&more->times, mem);
}

static void additions_fini(struct additions *more)
{
    compress_buffer_fini(&more->bytes);
    compress_buffer_fini(&more->index);
    compress_buffer_fini(&more->times);
}

static void put_time(struct log_clean_output *output, struct compress_buffer *times)
{
    put_i64(times->data + times->length, output->max_timestamp);
    put_u32(times->data + times->length + 8, (uint32_t)(output->max_timestamp_offset - output->base_offset));
    times->length += TIME_ENTRY;
    output->last_time = output->max_timestamp;
}

/* As segment_note() does it for what is appended. */
static enum err note(struct log_clean *clean, struct additions *more, const struct batch_header *header, size_t size)
{
    struct log_clean_output *output = &clean->_output;
    int64_t last_offset = batch_last_offset(header), pos = output->size + (int64_t)more->bytes.length;
    if (header->record_count > 0 && header->max_timestamp > output->max_timestamp) {
        output->max_timestamp = header->max_timestamp;
        output->max_timestamp_offset = last_offset;
    }
    output->end_offset = last_offset + 1;
    bool due = output->unindexed_bytes > clean->_interval_bytes;
    output->unindexed_bytes = due ? (int64_t)size : output->unindexed_bytes + (int64_t)size;
    if (!due)
        return ERR_OK;
    enum err err = compress_buffer_reserve(&more->index, INDEX_ENTRY);
    if (err == ERR_OK)
        err = compress_buffer_reserve(&more->times, TIME_ENTRY);
    if (err != ERR_OK)
        return err;
    put_u32(more->index.data + more->index.length, (uint32_t)(last_offset - output->base_offset));
    put_u32(more->index.data + more->index.length + 4, (uint32_t)pos);
    more->index.length += INDEX_ENTRY;
    if (output->max_timestamp > output->last_time)
        put_time(output, &more->times);
    return ERR_OK;
}

static enum err add_batch(struct log_clean *clean, struct additions *more, struct slice kept)
{
    struct batch_header header;
    enum err err = batch_read_header(kept.data, kept.length, &header);
    ASSERT(err == ERR_OK && header.size == kept.length);
    err = note(clean, more, &header, kept.length);
    if (err == ERR_OK)
        err = compress_buffer_reserve(&more->bytes, kept.length);
    if (err != ERR_OK)
        return err;
    memcpy(more->bytes.data + more->bytes.length, kept.data, kept.length);
    more->bytes.length += kept.length;
    return ERR_OK;
}

static enum err copy_batch(struct log_clean *clean, const struct batch_header *header, struct slice batch,
                           struct compress_buffer *scratch, struct additions *more)
{
    bool control = (header->attributes & BATCH_CONTROL) != 0,
         horizon = (header->attributes & BATCH_DELETE_HORIZON) != 0;
    bool useless = control ? clean_txns_on_control(&clean->_txns, header, body_of(batch))
                           : clean_txns_on_batch(&clean->_txns, header);
    bool is_over = horizon && header->base_timestamp <= clean->now_ms && header->base_offset < clean->markers_offset;
    bool ends_group = clean->_source == clean->_source_count - 1 &&
                      clean->_pos + (int64_t)header->size == clean->_sources[clean->_source].size;
    struct filter filter = {.retain = {.keep = keeps,
                                       .horizon_ms = clean->now_ms + clean->delete_retention_ms,
                                       .is_idle_marker = control && useless,
                                       .keep_empty = ends_group || is_of_window(clean, header)},
                            .clean = clean,
                            .discards = useless && (!control || is_over)};
    struct slice kept;
    if (__builtin_add_overflow(clean->now_ms, clean->delete_retention_ms, &filter.retain.horizon_ms))
        filter.retain.horizon_ms = INT64_MAX;
    if (filter.discards && !filter.retain.keep_empty)
        return ERR_OK;
    enum err err = batch_retain(&filter.retain, batch, header, scratch, &kept);
    return err == ERR_OK && kept.length > 0 ? add_batch(clean, more, kept) : err;
}

static enum err append_file(struct fs *fs, io_file file, const struct compress_buffer *bytes, int64_t *size)
{
    if (bytes->length == 0)
        return ERR_OK;
    enum err err = fs_write(fs, file, bytes->data, bytes->length, *size);
    *size += (int64_t)bytes->length;
    return err;
}

/* Flushed as it grows: no flush at the end that would find a gigabyte. */
static enum err write_additions(struct log_clean *clean, struct fs *fs, const struct additions *more)
{
    struct log_clean_output *output = &clean->_output;
    enum err err = append_file(fs, output->log, &more->bytes, &output->size);
    if (err == ERR_OK)
        err = append_file(fs, output->index, &more->index, &output->index_bytes);
    if (err == ERR_OK)
        err = append_file(fs, output->times, &more->times, &output->time_bytes);
    output->unsynced_bytes += (int64_t)more->bytes.length;
    clean->written_bytes += (int64_t)more->bytes.length;
    clean->_step_bytes_done += (int64_t)more->bytes.length;
    if (err == ERR_OK && output->unsynced_bytes >= SYNC_EVERY_BYTES) {
        output->unsynced_bytes = 0;
        err = fs_sync(fs, output->log);
    }
    return err;
}

static enum err open_one(struct log_clean *clean, struct fs *fs, const char *file, io_file *opened)
{
    char path[SEGMENT_PATH_MAX];
    if (!log_marked_path(clean->_log->directory, clean->_output.base_offset, file, ".cleaned", path))
        return ERR_INVALID;
    return fs_open(fs, path, FS_WRITE | FS_READ | FS_CREATE | FS_TRUNCATE, opened);
}

static enum err open_output(struct log_clean *clean, struct fs *fs)
{
    struct log_clean_output *output = &clean->_output;
    if (output->is_open)
        return ERR_OK;
    output->is_open = true;
    output->log = output->index = output->times = IO_NONE;
    enum err err = open_one(clean, fs, ".log", &output->log);
    if (err == ERR_OK)
        err = open_one(clean, fs, ".index", &output->index);
    if (err == ERR_OK)
        err = open_one(clean, fs, ".timeindex", &output->times);
    return err;
}

void log_clean_copy_work(struct io_job *job, struct fs *fs)
{
    struct log_clean *clean = clean_of(job);
    struct stretch stretch;
    struct additions more;
    struct compress_buffer scratch;
    compress_buffer_init(&scratch, io_job_mem(job));
    additions_init(&more, io_job_mem(job));
    enum err err = read_stretch(clean, fs, &stretch);
    if (err == ERR_OK)
        err = open_output(clean, fs);
    clean->_needs_room = false;
    while (err == ERR_OK) {
        struct batch_header header;
        struct slice batch;
        err = next_batch(clean, &stretch, &header, &batch);
        if (err != ERR_OK || batch.length == 0)
            break;
        clean->_needs_room = !clean_txns_has_room(&clean->_txns, &header);
        if (clean->_needs_room)
            break;
        err = copy_batch(clean, &header, batch, &scratch, &more);
        passed(clean, &stretch, &header);
    }
    if (err == ERR_OK)
        err = write_additions(clean, fs, &more);
    additions_fini(&more);
    compress_buffer_fini(&scratch);
    free_stretch(&stretch);
    clean->err = err;
}

/* ---- files and their names ----------------------------------------------------------------------------------------
 */

const char *const log_segment_files[LOG_SEGMENT_FILES] = {".index", ".timeindex", ".txnindex", ".log"};

bool log_marked_path(const char *directory, int64_t base_offset, const char *file, const char *mark,
                     char path[SEGMENT_PATH_MAX])
{
    char name[32];
    snprintf(name, sizeof(name), "%s%s", file, mark);
    return segment_path(directory, base_offset, name, path);
}

enum err log_rename_files(struct fs *fs, const char *directory, int64_t base_offset, const char *from, const char *to)
{
    char old[SEGMENT_PATH_MAX], new[SEGMENT_PATH_MAX];
    for (int i = 0; i < LOG_SEGMENT_FILES; i++) {
        if (!log_marked_path(directory, base_offset, log_segment_files[i], from, old) ||
            !log_marked_path(directory, base_offset, log_segment_files[i], to, new))
            return ERR_INVALID;
        enum err err = fs_rename(fs, old, new);
        if (err != ERR_OK && err != ERR_NOT_FOUND)
            return err;
    }
    return ERR_OK;
}

static void close_output(struct log_clean_output *output, struct fs *fs)
{
    io_file *const files[] = {&output->log, &output->index, &output->times};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        if (*files[i] != IO_NONE)
            fs_close(fs, *files[i]);
        *files[i] = IO_NONE;
    }
    output->is_open = false;
}

/* So that the last entry is the segment's largest timestamp. */
static enum err end_times(struct log_clean_output *output, struct fs *fs)
{
    uint8_t bytes[TIME_ENTRY];
    struct compress_buffer last = {.data = bytes};
    if (output->max_timestamp <= output->last_time)
        return ERR_OK;
    put_time(output, &last);
    return append_file(fs, output->times, &last, &output->time_bytes);
}

/* The aborted transactions whose marker stays, as .txnindex has them. */
static enum err write_aborted(struct log_clean *clean, struct fs *fs)
{
    io_file file = IO_NONE;
    int64_t pos = 0;
    enum err err = ERR_OK;
    for (int32_t i = clean->_txns.first_kept; i >= 0 && err == ERR_OK; i = clean->_aborted[i].next_kept) {
        uint8_t bytes[LOG_ABORTED_BYTES];
        if (file == IO_NONE)
            err = open_one(clean, fs, ".txnindex", &file);
        log_put_aborted(bytes, &clean->_aborted[i].line);
        if (err == ERR_OK)
            err = fs_write(fs, file, bytes, sizeof(bytes), pos);
        pos += LOG_ABORTED_BYTES;
    }
    if (file == IO_NONE)
        return err;
    if (err == ERR_OK)
        err = fs_sync(fs, file);
    fs_close(fs, file);
    return err;
}

void log_clean_seal_work(struct io_job *job, struct fs *fs)
{
    struct log_clean *clean = clean_of(job);
    struct log_clean_output *output = &clean->_output;
    const char *directory = clean->_log->directory;
    enum err err = end_times(output, fs);
    if (err == ERR_OK)
        err = fs_sync(fs, output->log);
    if (err == ERR_OK)
        err = fs_sync(fs, output->index);
    if (err == ERR_OK)
        err = fs_sync(fs, output->times);
    if (err == ERR_OK)
        err = write_aborted(clean, fs);
    close_output(output, fs);
    if (err == ERR_OK)
        err = fs_sync_directory(fs, directory); /* the .cleaned names, before one of them is .swap */
    if (err == ERR_OK)
        err = log_rename_files(fs, directory, output->base_offset, ".cleaned", ".swap");
    if (err == ERR_OK)
        err = fs_sync_directory(fs, directory);
    clean->err = err;
}

void log_clean_rename_work(struct io_job *job, struct fs *fs)
{
    struct log_clean *clean = clean_of(job);
    const char *directory = clean->_log->directory;
    enum err err = ERR_OK;
    for (int i = 0; i < clean->_source_count && err == ERR_OK; i++)
        err = log_rename_files(fs, directory, clean->_sources[i].base_offset, "", ".deleted");
    if (err == ERR_OK)
        err = fs_sync_directory(fs, directory); /* else one of them might come back beside what replaces it */
    if (err == ERR_OK)
        err = log_rename_files(fs, directory, clean->_output.base_offset, ".swap", "");
    if (err == ERR_OK)
        err = fs_sync_directory(fs, directory);
    clean->err = err;
}

/* Nothing of it is in the log: the files go. What cannot be removed goes at the next start. */
void log_clean_drop_work(struct io_job *job, struct fs *fs)
{
    static const char *const marks[] = {".swap", ".cleaned"};
    struct log_clean *clean = clean_of(job);
    char path[SEGMENT_PATH_MAX];
    close_output(&clean->_output, fs);
    /* .log first: without it the others are nothing. */
    for (int i = LOG_SEGMENT_FILES - 1; i >= 0; i--) {
        for (size_t mark = 0; mark < COUNT_OF(marks); mark++) {
            if (!log_marked_path(clean->_log->directory, clean->_output.base_offset, log_segment_files[i], marks[mark],
                                 path))
                continue;
            enum err ignored = fs_unlink(fs, path);
            MAYBE(ignored == ERR_OK);
        }
    }
}
