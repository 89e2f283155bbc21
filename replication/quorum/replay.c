#include "replication/quorum/internal.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- one file
 * --------------------------------------------------------------------------------------------------------- */

struct reader {
    struct fs *fs;
    struct mem *mem;
    const char *path;
    io_file file;
    int64_t pos, size;
    uint8_t *data; /* the batch at pos */
    size_t capacity;
    struct batch_header header;
};

/* ERR_NOT_FOUND: no whole batch follows. */
static enum err read_batch(struct reader *reader)
{
    uint8_t head[BATCH_HEADER_BYTES];
    size_t got;
    enum err err = fs_read(reader->fs, reader->file, head, sizeof head, reader->pos, &got);
    if (err != ERR_OK)
        return err;
    err = batch_read_header(head, got, &reader->header);
    if (err != ERR_OK)
        return err == ERR_AGAIN ? ERR_NOT_FOUND : err;
    if ((int64_t)reader->header.size > reader->size - reader->pos)
        return ERR_NOT_FOUND;
    if (reader->header.size > reader->capacity) {
        mem_free(reader->mem, reader->data, reader->capacity);
        reader->capacity = 0;
        reader->data = mem_alloc(reader->mem, reader->header.size);
        if (reader->data == NULL)
            return ERR_NO_MEMORY;
        reader->capacity = reader->header.size;
    }
    err = fs_read(reader->fs, reader->file, reader->data, reader->header.size, reader->pos, &got);
    if (err == ERR_OK && (got != reader->header.size || !batch_crc_matches(reader->data, &reader->header)))
        err = ERR_CORRUPT;
    return err;
}

static bool is_footer(const struct batch_record *record)
{
    return record->key.length >= 4 && get_i16(record->key.data + 2) == SNAPSHOT_FOOTER_TYPE;
}

/* One batch's records. Control batches carry nothing for the image. */
static enum err replay_batch(struct reader *reader, struct arena *arena, struct replay_place *place,
                             struct quorum_replay *replay, char why[512])
{
    const struct batch_header *header = &reader->header;
    struct batch_records records;
    struct batch_record record;
    struct meta_record decoded;
    enum err err;
    if ((header->attributes & BATCH_CODEC_MASK) != 0) {
        snprintf(why, 512, "%.300s: the batch at offset %lld is compressed, which metadata never is", reader->path,
                 (long long)header->base_offset);
        return ERR_UNSUPPORTED;
    }
    batch_records_init(&records, slice_of(reader->data + BATCH_HEADER_BYTES, header->size - BATCH_HEADER_BYTES),
                       header->record_count);
    while ((err = batch_records_next(&records, &record)) == ERR_OK) {
        int64_t offset = header->base_offset + record.offset_delta;
        if ((header->attributes & BATCH_CONTROL) != 0) {
            place->saw_footer = place->saw_footer || is_footer(&record);
            continue;
        }
        if (offset < place->from)
            continue;
        arena_reset(arena);
        err = meta_record_decode(record.value, arena, &decoded);
        if (err == ERR_OK)
            err = replay->record(replay, &decoded, place->needs_footer ? place->last : offset, header->leader_epoch);
        if (err != ERR_OK) {
            snprintf(why, 512, "%.300s: the record at offset %lld: %s", reader->path, (long long)offset, err_text(err));
            return err;
        }
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err replay_batches(struct reader *reader, struct replay_place *place, struct quorum_replay *replay,
                               char why[512])
{
    struct arena arena;
    enum err err;
    arena_init(&arena, reader->mem, (size_t)64 << 20);
    while ((err = read_batch(reader)) == ERR_OK) {
        if (!place->needs_footer && reader->header.base_offset >= place->end)
            break;
        if (!place->needs_footer && reader->header.base_offset > place->last + 1 &&
            batch_last_offset(&reader->header) >= place->from) {
            snprintf(why, 512, "%.300s: offsets %lld to %lld are missing", reader->path, (long long)place->last + 1,
                     (long long)reader->header.base_offset - 1);
            err = ERR_CORRUPT;
            break;
        }
        err = replay_batch(reader, &arena, place, replay, why);
        if (err != ERR_OK)
            break;
        reader->pos += (int64_t)reader->header.size;
        place->bytes += (int64_t)reader->header.size;
        if (!place->needs_footer && batch_last_offset(&reader->header) > place->last) {
            place->last = batch_last_offset(&reader->header);
            place->epoch = reader->header.leader_epoch;
        }
    }
    arena_fini(&arena);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

enum err quorum_replay_file(struct fs *fs, struct mem *mem, const char *path, struct replay_place *place,
                            struct quorum_replay *replay, char why[512])
{
    struct reader reader = {.fs = fs, .mem = mem, .path = path};
    struct fs_info info;
    enum err err = fs_open(fs, path, FS_READ | FS_WRITE, &reader.file);
    if (err == ERR_OK) {
        err = fs_file_info(fs, reader.file, &info);
        /* A killed process may have left bytes in the page cache only: what is replayed counts as committed. */
        if (err == ERR_OK && info.size > 0)
            err = fs_sync(fs, reader.file);
        if (err == ERR_OK) {
            reader.size = info.size;
            err = replay_batches(&reader, place, replay, why);
        }
        fs_close(fs, reader.file);
    }
    mem_free(mem, reader.data, reader.capacity);
    if (err == ERR_OK && place->needs_footer && !place->saw_footer)
        err = ERR_CORRUPT;
    if (err != ERR_OK && why[0] == '\0')
        snprintf(why, 512, "%.400s: %s", path, err_text(err));
    return err;
}

/* ---- the directory
 * ---------------------------------------------------------------------------------------------------- */

struct listing {
    struct mem *mem;
    int64_t *offsets; /* of the segments */
    int count, capacity;
    int64_t snapshot_end;
    int32_t snapshot_epoch;
    bool failed;
};

static bool digits(const char *text, int count, int64_t *number)
{
    *number = 0;
    for (int i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9' || *number > (INT64_MAX - 9) / 10)
            return false;
        *number = *number * 10 + (text[i] - '0');
    }
    return true;
}

static bool snapshot_name(const char *name, int64_t *end, int32_t *epoch)
{
    int64_t number;
    if (strlen(name) != 20 + 1 + 10 + strlen(".checkpoint") || name[20] != '-' || strcmp(name + 31, ".checkpoint") != 0)
        return false;
    if (!digits(name, 20, end) || !digits(name + 21, 10, &number) || number > INT32_MAX)
        return false;
    *epoch = (int32_t)number;
    return true;
}

static bool see_entry(void *context, const char *name, bool is_directory)
{
    struct listing *listing = context;
    int64_t offset;
    int32_t epoch;
    if (is_directory)
        return true;
    if (snapshot_name(name, &offset, &epoch)) {
        if (offset > listing->snapshot_end) {
            listing->snapshot_end = offset;
            listing->snapshot_epoch = epoch;
        }
        return true;
    }
    if (strlen(name) != 24 || strcmp(name + 20, ".log") != 0 || !digits(name, 20, &offset))
        return true;
    if (listing->count == listing->capacity) {
        int capacity = listing->capacity == 0 ? 16 : listing->capacity * 2;
        int64_t *grown = mem_resize(listing->mem, listing->offsets, (size_t)listing->capacity * sizeof *grown,
                                    (size_t)capacity * sizeof *grown);
        if (grown == NULL) {
            listing->failed = true;
            return false;
        }
        listing->offsets = grown;
        listing->capacity = capacity;
    }
    listing->offsets[listing->count++] = offset;
    return true;
}

static int by_offset(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static enum err list_directory(struct quorum *quorum, struct fs *fs, struct listing *listing)
{
    *listing = (struct listing){.mem = quorum->mem};
    enum err err = fs_list(fs, quorum->directory, see_entry, listing);
    if (err == ERR_OK && listing->failed)
        err = ERR_NO_MEMORY;
    if (listing->count > 0)
        qsort(listing->offsets, (size_t)listing->count, sizeof *listing->offsets, by_offset);
    return err;
}

static void listing_fini(struct listing *listing)
{
    if (listing->offsets != NULL)
        mem_free(listing->mem, listing->offsets, (size_t)listing->capacity * sizeof *listing->offsets);
}

enum err quorum_find_snapshot(struct quorum *quorum, struct fs *fs, int64_t *end, int32_t *epoch)
{
    struct listing listing;
    enum err err = list_directory(quorum, fs, &listing);
    *end = listing.snapshot_end;
    *epoch = listing.snapshot_epoch;
    if (err == ERR_OK && listing.snapshot_end > 0)
        snprintf(quorum->snapshot_path, sizeof quorum->snapshot_path, "%.900s/%020lld-%010d.checkpoint",
                 quorum->directory, (long long)*end, *epoch);
    listing_fini(&listing);
    return err;
}

enum err quorum_replay_all(struct quorum *quorum, struct fs *fs, int64_t snapshot_end, int32_t snapshot_epoch,
                           struct quorum_replay *replay, char why[512])
{
    struct replay_place place = {.last = snapshot_end - 1, .epoch = snapshot_epoch, .needs_footer = true};
    struct listing listing = {0};
    enum err err = ERR_OK;
    if (snapshot_end > 0)
        err = quorum_replay_file(fs, quorum->mem, quorum->snapshot_path, &place, replay, why);
    place = (struct replay_place){
        .from = snapshot_end, .end = log_end_offset(quorum->log), .last = snapshot_end - 1, .epoch = snapshot_epoch};
    if (err == ERR_OK)
        err = list_directory(quorum, fs, &listing);
    for (int i = 0; i < listing.count && err == ERR_OK; i++) {
        char path[FS_PATH_MAX];
        if (i + 1 < listing.count && listing.offsets[i + 1] <= place.from)
            continue; /* wholly below the snapshot */
        snprintf(path, sizeof path, "%.900s/%020lld.log", quorum->directory, (long long)listing.offsets[i]);
        err = quorum_replay_file(fs, quorum->mem, path, &place, replay, why);
    }
    listing_fini(&listing);
    if (err == ERR_OK && place.last + 1 != log_end_offset(quorum->log)) {
        snprintf(why, 512, "%.300s: records behind offset %lld cannot be read", quorum->directory,
                 (long long)place.last);
        err = ERR_CORRUPT;
    }
    quorum->bytes_since_snapshot = place.bytes;
    quorum->committed = place.last;
    quorum->next_offset = place.last + 1;
    quorum->epoch = place.epoch + 1; /* every start is an election that the only voter wins */
    return err;
}
