/* A log as a clean stop leaves it, in a few bytes, so that the next start need not look into its directory.
 *
 *   end offset i64, epochs i32 and (epoch i32, start offset i64) each,
 *   segments i32 and (base offset, end offset, size, largest timestamp, its offset, first timestamp: i64) each
 *
 * Where these bytes lie and when they may be believed is log_dirs' business (log_dirs_manifest.c). What can be checked
 * at the price of one look is: the size of the growing segment's file. */
#include "core/log/log_internal.h"

enum { EPOCH_BYTES = 12, SEGMENT_BYTES = 48, WORDS = SEGMENT_BYTES / 8 };

static void add_i32(struct checkpoint_text *text, int32_t value)
{
    uint8_t bytes[4];
    put_i32(bytes, value);
    checkpoint_add(text, slice_of(bytes, sizeof(bytes)));
}

static void add_i64(struct checkpoint_text *text, int64_t value)
{
    uint8_t bytes[8];
    put_i64(bytes, value);
    checkpoint_add(text, slice_of(bytes, sizeof(bytes)));
}

bool log_describe(const struct log *log, struct checkpoint_text *text)
{
    /* Files on their way out are found by the next start's look into the directory. */
    if (log->sealed || log->damage_count > 0 || log->durable_offset < log->end_offset || !list_empty(&log->removed))
        return false;
    add_i64(text, log->end_offset);
    add_i32(text, log->epoch_count);
    for (int32_t i = 0; i < log->epoch_count; i++) {
        add_i32(text, log->epochs[i].epoch);
        add_i64(text, log->epochs[i].start_offset);
    }
    add_i32(text, log->segment_count);
    LIST_EACH(link, &log->segments)
    {
        const struct segment *segment = SEGMENT_OF(link);
        const int64_t words[WORDS] = {segment->base_offset,   segment->end_offset,           segment->size,
                                      segment->max_timestamp, segment->max_timestamp_offset, segment->first_timestamp};
        for (int i = 0; i < WORDS; i++)
            add_i64(text, words[i]);
    }
    return true;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static bool take(struct slice *from, size_t length, const uint8_t **bytes)
{
    if (from->length < length)
        return false;
    *bytes = from->data;
    *from = slice_of(from->data + length, from->length - length);
    return true;
}

/* A number of items that must be there whole. */
static bool take_count(struct slice *from, size_t item_bytes, int32_t *count)
{
    const uint8_t *bytes;
    if (!take(from, 4, &bytes))
        return false;
    *count = get_i32(bytes);
    return *count >= 0 && (size_t)*count <= from->length / item_bytes;
}

static enum err add_segment(struct log *log, const uint8_t *bytes)
{
    int64_t base_offset = get_i64(bytes), end_offset = get_i64(bytes + 8), size = get_i64(bytes + 16);
    int64_t above = list_empty(&log->segments) ? 0 : log_active(log)->end_offset;
    if (base_offset < above || end_offset < base_offset || size < 0 || (size == 0 && end_offset > base_offset))
        return ERR_CORRUPT;
    struct segment *segment = segment_new(log->mem, log, base_offset);
    if (segment == NULL)
        return ERR_NO_MEMORY;
    segment->end_offset = end_offset;
    segment->size = size;
    segment->max_timestamp = get_i64(bytes + 24);
    segment->max_timestamp_offset = get_i64(bytes + 32);
    segment->first_timestamp = get_i64(bytes + 40);
    segment->index_loaded = segment->aborted_loaded = size == 0;
    list_push_back(&log->segments, &segment->link);
    log->segment_count++;
    log->size_bytes += size;
    return ERR_OK;
}

static enum err parse(struct log *log, struct slice from)
{
    const uint8_t *bytes;
    int32_t count;
    enum err err = ERR_OK;
    if (!take(&from, 8, &bytes))
        return ERR_CORRUPT;
    int64_t end_offset = get_i64(bytes);
    if (!take_count(&from, EPOCH_BYTES, &count))
        return ERR_CORRUPT;
    for (; count > 0 && err == ERR_OK && take(&from, EPOCH_BYTES, &bytes); count--)
        err = log_note_epoch(log, get_i32(bytes), get_i64(bytes + 4));
    log->epochs_dirty = false;
    if (err == ERR_OK && !take_count(&from, SEGMENT_BYTES, &count))
        err = ERR_CORRUPT;
    for (; err == ERR_OK && count > 0 && take(&from, SEGMENT_BYTES, &bytes); count--)
        err = add_segment(log, bytes);
    if (err == ERR_OK && (list_empty(&log->segments) || log_active(log)->end_offset != end_offset || from.length > 0))
        err = ERR_CORRUPT;
    return err;
}

enum err log_take_description(struct log *log, struct fs *fs, struct slice description)
{
    char path[SEGMENT_PATH_MAX];
    struct fs_info info;
    enum err err = parse(log, description);
    if (err == ERR_OK && !segment_path(log->directory, log_active(log)->base_offset, ".log", path))
        err = ERR_INVALID;
    if (err == ERR_OK)
        err = fs_info(fs, path, &info);
    if (err == ERR_OK && info.size != log_active(log)->size)
        err = ERR_CORRUPT;
    return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}
