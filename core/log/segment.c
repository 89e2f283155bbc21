#include "core/log/segment.h"

#include <stdio.h>

bool segment_path(const char *directory, int64_t base_offset, const char *suffix, char path[SEGMENT_PATH_MAX])
{
    int length = snprintf(path, SEGMENT_PATH_MAX, "%s/%020lld%s", directory, (long long)base_offset, suffix);
    return length > 0 && length < SEGMENT_PATH_MAX;
}

struct segment *segment_new(struct mem *mem, struct log *log, int64_t base_offset)
{
    struct segment *segment = MEM_NEW(mem, struct segment);
    if (segment == NULL)
        return NULL;
    *segment = (struct segment){.ref = {.log = log},
                                .base_offset = base_offset,
                                .end_offset = base_offset,
                                .max_timestamp = -1,
                                .first_timestamp = -1,
                                .index_loaded = true,
                                .aborted_loaded = true,
                                .file = IO_NONE};
    list_init(&segment->link);
    return segment;
}

void segment_drop_index(struct mem *mem, struct segment *segment)
{
    mem_free(mem, segment->index, (size_t)segment->index_capacity * sizeof(*segment->index));
    mem_free(mem, segment->times, (size_t)segment->time_capacity * sizeof(*segment->times));
    segment->index = NULL;
    segment->times = NULL;
    segment->index_count = segment->index_capacity = segment->time_count = segment->time_capacity = 0;
}

void segment_free(struct mem *mem, struct segment *segment)
{
    ASSERT(segment->ref.count == 0 && segment->file == IO_NONE);
    segment_drop_index(mem, segment);
    segment_drop_aborted(mem, segment);
    MEM_DELETE(mem, segment);
}

/* ---- the index in memory
 * --------------------------------------------------------------------------------------------- */

static bool grow(struct mem *mem, void **items, int32_t *capacity, int32_t count, size_t size)
{
    if (count < *capacity)
        return true;
    int32_t larger = *capacity == 0 ? 8 : *capacity * 2;
    void *moved = mem_resize(mem, *items, (size_t)*capacity * size, (size_t)larger * size);
    if (moved == NULL)
        return false;
    *items = moved;
    *capacity = larger;
    return true;
}

bool segment_note(struct mem *mem, struct segment *segment, const struct batch_header *header, int64_t base_offset,
                  int64_t pos, int32_t interval_bytes)
{
    int64_t last_offset = base_offset + header->last_offset_delta;
    if (segment->first_timestamp < 0)
        segment->first_timestamp = header->max_timestamp;
    /* A batch that compaction has emptied is kept for its producer's sequence: its time is no record's. */
    if (header->record_count > 0 && header->max_timestamp > segment->max_timestamp) {
        segment->max_timestamp = header->max_timestamp;
        segment->max_timestamp_offset = last_offset;
        segment->index_dirty = true;
    }
    segment->end_offset = last_offset + 1;
    /* A scan begins at the last entry it trusts: that one is there already. */
    bool has_entry = segment->index_count > 0 && segment->index[segment->index_count - 1].pos >= (uint64_t)pos;
    bool due = segment->unindexed_bytes > interval_bytes && !has_entry;
    segment->unindexed_bytes += (int64_t)header->size;
    if (!due)
        return true;
    if (!grow(mem, (void **)&segment->index, &segment->index_capacity, segment->index_count, sizeof(*segment->index)) ||
        !grow(mem, (void **)&segment->times, &segment->time_capacity, segment->time_count, sizeof(*segment->times)))
        return false;
    segment->index_dirty = true;
    segment->index[segment->index_count++] =
        (struct index_entry){(uint32_t)(last_offset - segment->base_offset), (uint32_t)pos};
    if (segment->time_count == 0 || segment->max_timestamp > segment->times[segment->time_count - 1].timestamp)
        segment->times[segment->time_count++] = (struct time_entry){
            segment->max_timestamp, (uint32_t)(segment->max_timestamp_offset - segment->base_offset)};
    segment->unindexed_bytes = (int64_t)header->size;
    return true;
}

/* The entries up to this offset. An entry's offset is the last of its batch. */
static int32_t entries_until(const struct segment *segment, int64_t offset)
{
    int32_t low = 0, high = segment->index_count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (segment->base_offset + segment->index[middle].relative_offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t segment_floor(const struct segment *segment, int64_t offset)
{
    int32_t count = entries_until(segment, offset);
    return count == 0 ? 0 : segment->index[count - 1].pos;
}

int64_t segment_guess(const struct segment *segment, int64_t offset)
{
    int32_t next = entries_until(segment, offset - 1);
    return next == segment->index_count ? -1 : (int64_t)segment->index[next].pos;
}

/* ---- the index files
 * --------------------------------------------------------------------------------------------------- */

/* Overwritten in place and cut to length: a file that is truncated first is flushed by ext4 when it is closed, which
 * makes a stop with thousands of partitions take seconds. What a crash leaves is a prefix of the same entries, or wrong
 * and found to be so. */
static enum err write_file(struct fs *fs, const char *path, const void *data, size_t length)
{
    io_file file;
    struct fs_info info;
    enum err err = fs_open(fs, path, FS_WRITE | FS_CREATE, &file);
    if (err != ERR_OK)
        return err;
    if (length > 0)
        err = fs_write(fs, file, data, length, 0);
    if (err == ERR_OK)
        err = fs_file_info(fs, file, &info);
    if (err == ERR_OK && info.size > (int64_t)length)
        err = fs_truncate(fs, file, (int64_t)length);
    fs_close(fs, file);
    return err;
}

enum err segment_make_image(struct mem *mem, const struct segment *segment, struct segment_image *image)
{
    size_t index_bytes = (size_t)segment->index_count * 8;
    bool ends_behind =
        segment->max_timestamp >= 0 &&
        (segment->time_count == 0 || segment->times[segment->time_count - 1].timestamp < segment->max_timestamp);
    size_t time_bytes = ((size_t)segment->time_count + ends_behind) * 12;
    *image = (struct segment_image){.base_offset = segment->base_offset,
                                    .size = size_max(index_bytes + time_bytes, 1),
                                    .index_bytes = index_bytes,
                                    .time_bytes = time_bytes};
    uint8_t *bytes = image->bytes = mem_alloc(mem, image->size);
    if (bytes == NULL)
        return ERR_NO_MEMORY;
    for (int32_t i = 0; i < segment->index_count; i++) {
        put_u32(bytes + i * 8, segment->index[i].relative_offset);
        put_u32(bytes + i * 8 + 4, segment->index[i].pos);
    }
    bytes += index_bytes;
    for (int32_t i = 0; i < segment->time_count; i++) {
        put_i64(bytes + i * 12, segment->times[i].timestamp);
        put_u32(bytes + i * 12 + 8, segment->times[i].relative_offset);
    }
    if (ends_behind) { /* so that the last entry is the segment's largest timestamp */
        put_i64(bytes + time_bytes - 12, segment->max_timestamp);
        put_u32(bytes + time_bytes - 4, (uint32_t)(segment->max_timestamp_offset - segment->base_offset));
    }
    return ERR_OK;
}

enum err segment_write_image(struct fs *fs, const char *directory, const struct segment_image *image)
{
    char path[SEGMENT_PATH_MAX];
    if (!segment_path(directory, image->base_offset, ".index", path))
        return ERR_INVALID;
    enum err err = write_file(fs, path, image->bytes, image->index_bytes);
    if (err == ERR_OK && segment_path(directory, image->base_offset, ".timeindex", path))
        err = write_file(fs, path, image->bytes + image->index_bytes, image->time_bytes);
    return err;
}

enum err segment_write_index(struct fs *fs, struct mem *mem, const char *directory, const struct segment *segment)
{
    struct segment_image image;
    enum err err = segment_make_image(mem, segment, &image);
    if (err != ERR_OK)
        return err;
    err = segment_write_image(fs, directory, &image);
    mem_free(mem, image.bytes, image.size);
    return err;
}

static void know_max_timestamp(struct segment *segment)
{
    const struct time_entry *last = segment->time_count == 0 ? NULL : &segment->times[segment->time_count - 1];
    segment->max_timestamp = last == NULL ? -1 : last->timestamp;
    segment->max_timestamp_offset = segment->base_offset + (last == NULL ? 0 : last->relative_offset);
}

void segment_cut_index(struct segment *segment, int64_t below_offset)
{
    int64_t below = below_offset - segment->base_offset;
    while (segment->index_count > 0 && segment->index[segment->index_count - 1].relative_offset >= below)
        segment->index_count--;
    /* What is kept is true of a batch that is kept. What the batches behind the last offset entry add is found again.
     */
    while (segment->time_count > 0 && segment->times[segment->time_count - 1].relative_offset >= below)
        segment->time_count--;
    know_max_timestamp(segment);
}

static enum err parse_index(struct mem *mem, struct segment *segment, const uint8_t *bytes, size_t length)
{
    int32_t count = (int32_t)(length / 8);
    if (length % 8 != 0)
        return ERR_CORRUPT;
    if (count == 0)
        return segment->size <= 65536 ? ERR_OK : ERR_CORRUPT; /* an index that large a segment must have */
    segment->index = mem_alloc(mem, (size_t)count * sizeof(*segment->index));
    if (segment->index == NULL)
        return ERR_NO_MEMORY;
    segment->index_count = segment->index_capacity = count;
    for (int32_t i = 0; i < count; i++) {
        struct index_entry entry = {get_u32(bytes + i * 8), get_u32(bytes + i * 8 + 4)};
        if (entry.pos >= segment->size || segment->base_offset + entry.relative_offset >= segment->end_offset ||
            (i > 0 && (entry.pos <= segment->index[i - 1].pos ||
                       entry.relative_offset <= segment->index[i - 1].relative_offset)))
            return ERR_CORRUPT;
        segment->index[i] = entry;
    }
    return ERR_OK;
}

static enum err parse_times(struct mem *mem, struct segment *segment, const uint8_t *bytes, size_t length)
{
    int32_t count = (int32_t)(length / 12);
    if (length % 12 != 0 || (count == 0 && segment->size > 0))
        return ERR_CORRUPT;
    if (count == 0)
        return ERR_OK;
    segment->times = mem_alloc(mem, (size_t)count * sizeof(*segment->times));
    if (segment->times == NULL)
        return ERR_NO_MEMORY;
    segment->time_count = segment->time_capacity = count;
    for (int32_t i = 0; i < count; i++) {
        struct time_entry entry = {get_i64(bytes + i * 12), get_u32(bytes + i * 12 + 8)};
        if (segment->base_offset + entry.relative_offset >= segment->end_offset ||
            (i > 0 && entry.timestamp <= segment->times[i - 1].timestamp))
            return ERR_CORRUPT;
        segment->times[i] = entry;
    }
    know_max_timestamp(segment);
    return ERR_OK;
}

enum err segment_read_index(struct fs *fs, struct mem *mem, const char *directory, struct segment *segment)
{
    enum { INDEX_FILE_MAX = 256 << 20 };
    static const char *const suffixes[] = {".index", ".timeindex"}, *const swaps[] = {".index.swap", ".timeindex.swap"};
    char path[SEGMENT_PATH_MAX];
    segment_drop_index(mem, segment);
    enum err err = ERR_OK;
    for (int i = 0; i < 2 && err == ERR_OK; i++) {
        void *bytes;
        size_t length;
        if (!segment_path(directory, segment->base_offset, segment->swapping ? swaps[i] : suffixes[i], path))
            return ERR_INVALID;
        err = fs_read_file(fs, mem, path, INDEX_FILE_MAX, &bytes, &length);
        if (err == ERR_NOT_FOUND && segment->swapping) { /* it has just got its final name */
            if (!segment_path(directory, segment->base_offset, suffixes[i], path))
                return ERR_INVALID;
            err = fs_read_file(fs, mem, path, INDEX_FILE_MAX, &bytes, &length);
        }
        if (err != ERR_OK)
            break;
        err = i == 0 ? parse_index(mem, segment, bytes, length) : parse_times(mem, segment, bytes, length);
        mem_free(mem, bytes, length + 1);
    }
    if (err != ERR_OK)
        segment_drop_index(mem, segment);
    segment->index_loaded = err == ERR_OK;
    return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}
