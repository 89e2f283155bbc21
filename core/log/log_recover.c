/* What is in the segments: where the log ends after a crash, what is damaged, what the observer has to be told. */
#include "core/log/log_internal.h"
#include "core/log/walk.h"

/* ---- reading batches --------------------------------------------------------------------------------------------- */

/* The batch at the walk's place is damaged although it was durable: it stays, and is remembered. */
static enum err pass_damage(struct log *log, struct segment *segment, const struct log_scan *scan, struct walk *walk)
{
    struct log_damage damage = {.offset = walk->next_offset, .segment_offset = segment->base_offset, .pos = walk->pos};
    enum err err = walk_resync(walk, walk->below_offset);
    if (err == ERR_NOT_FOUND) {
        walk->pos = walk->size;
        /* Without a next segment the damage reaches to what is known to have been written; where that is not known it
         * holds one offset at least, so that none is given out twice. */
        if (scan->below_offset > 0)
            walk->next_offset = scan->below_offset;
        else if (scan->known_end > walk->next_offset)
            walk->next_offset = scan->known_end;
        else
            walk->next_offset++;
        err = ERR_OK;
    }
    damage.end_pos = walk->pos;
    damage.end_offset = walk->next_offset;
    if (err == ERR_OK && !log_note_damage(log, &damage))
        err = ERR_NO_MEMORY;
    return err;
}

static enum err tell(struct log *log, struct segment *segment, struct log_scan *scan, struct walk *walk,
                     const struct batch_header *header, int64_t pos)
{
    enum { MARKER_BYTES = 160 };
    struct slice bytes = SLICE_NULL;
    struct log_aborted aborted;
    enum err err = ERR_OK;
    if (scan->observer == NULL || batch_last_offset(header) < scan->observe_from)
        return ERR_OK;
    if (header->attributes & BATCH_CONTROL)
        err = walk_bytes(walk, pos, size_min(header->size, MARKER_BYTES), &bytes);
    if (err == ERR_OK && scan->observer->batch(scan->observer, header, bytes, &aborted))
        err = log_replay_aborted(log, walk->fs, segment, &aborted);
    return err;
}

static enum err scan_walk(struct log *log, struct segment *segment, struct log_scan *scan, struct walk *walk)
{
    for (;;) {
        struct batch_header header;
        int64_t pos;
        enum err err = walk_next(walk, &header, &pos);
        /* When there is no good batch where the index has sent us, the index was wrong: the caller knows. */
        if (err == ERR_CORRUPT && walk->next_offset < scan->damage_below &&
            (walk->pos > scan->from_pos || walk->pos == 0)) {
            err = pass_damage(log, segment, scan, walk);
            if (err == ERR_OK)
                continue;
        }
        if (err != ERR_OK)
            return err == ERR_NOT_FOUND ? ERR_OK : err;
        if (scan->note)
            (void)segment_note(log->mem, segment, &header, header.base_offset, pos, log->config->index_interval_bytes);
        err = tell(log, segment, scan, walk, &header, pos);
        if (err == ERR_OK && scan->crc)
            err = log_note_epoch(log, header.leader_epoch, header.base_offset);
        if (err != ERR_OK)
            return err;
    }
}

enum err log_scan_segment(struct log *log, struct fs *fs, struct segment *segment, struct log_scan *scan)
{
    enum err err = log_segment_file(log, segment);
    if (err != ERR_OK)
        return err;
    struct walk walk = {.fs = fs,
                        .file = segment->file,
                        .size = segment->size,
                        .pos = scan->from_pos,
                        .next_offset = scan->next_offset,
                        /* the index has room for no more */
                        .below_offset = scan->below_offset > 0 ? scan->below_offset : segment->base_offset + INT32_MAX,
                        .known_end = scan->ends_there ? scan->known_end : 0,
                        .crc = scan->crc,
                        .bytes = mem_alloc(log->mem, WALK_BYTES), /* recovery of many logs reads little of each */
                        .capacity = WALK_BYTES};
    if (walk.bytes == NULL)
        return ERR_NO_MEMORY;
    err = scan_walk(log, segment, scan, &walk);
    scan->valid_pos = walk.pos;
    scan->end_offset = walk.next_offset;
    mem_free(log->mem, walk.bytes, WALK_BYTES);
    return err;
}

/* ---- recovery -----------------------------------------------------------------------------------------------------
 */

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

/* The file ends before what was made durable: those offsets are gone, and are not given out again. */
static bool note_lost_end(struct log *log, struct segment *segment, int64_t recovery_point)
{
    struct log_damage damage = {.offset = segment->end_offset,
                                .end_offset = recovery_point,
                                .segment_offset = segment->base_offset,
                                .pos = segment->size,
                                .end_pos = segment->size};
    segment->end_offset = recovery_point;
    return log_note_damage(log, &damage);
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
                            .damage_below = options->clean ? INT64_MAX : options->recovery_point,
                            .below_offset = last ? 0 : next_base,
                            .known_end = options->recovery_point,
                            .ends_there = options->clean && last,
                            .observer = options->observer,
                            .observe_from = options->replay_from};
    enum err err = replay ? log_cut_aborted(log, fs, segment, options->replay_from) : ERR_OK;
    if (err != ERR_OK)
        return err;
    err = trusted > segment->base_offset && segment->size > 0 ? scan_from_index(log, fs, segment, &scan, trusted)
                                                              : log_scan_segment(log, fs, segment, &scan);
    if (err != ERR_OK && err != ERR_CORRUPT)
        return err;
    segment->end_offset = scan.end_offset;
    if (scan.valid_pos == segment->size) {
        /* The file ends early, though between two batches: as good as cut. */
        *cut = !last && next_base > look_from && scan.end_offset < next_base;
        if ((last || *cut) && scan.end_offset < options->recovery_point &&
            !note_lost_end(log, segment, options->recovery_point))
            return ERR_NO_MEMORY;
        return (last || *cut) && segment->size > 0 ? read_first_timestamp(log, fs, segment) : ERR_OK;
    }
    /* What was said to be durable is never cut: the scan has passed it as damage. */
    ASSERT(scan.end_offset >= options->recovery_point && !options->clean);
    *cut = true;
    segment->size = scan.valid_pos;
    err = fs_truncate(fs, segment->file, segment->size);
    /* On the device before anything follows: with a later segment behind it, nobody would look here again. */
    return err == ERR_OK ? fs_sync(fs, segment->file) : err;
}

/* Behind a cut nothing follows: later segments are of a tail that never became durable. Gone from the device before
 * anything is written: one that came back would fit behind what takes the place of the tail. */
static enum err drop_tail(struct log *log, struct fs *fs, struct segment *last_good)
{
    char path[SEGMENT_PATH_MAX];
    enum err err = ERR_OK;
    bool dropped = false;
    while (err == ERR_OK && log_active(log) != last_good) {
        struct segment *segment = log_active(log);
        dropped = true;
        if (!segment_path(log->directory, segment->base_offset, ".log", path))
            return ERR_INVALID;
        err = fs_unlink(fs, path);
        if (err == ERR_OK && segment_path(log->directory, segment->base_offset, ".txnindex", path))
            err = fs_unlink(fs, path);
        err = err == ERR_NOT_FOUND ? ERR_OK : err;
        list_remove(&segment->link);
        log->segment_count--;
        segment_free(log->mem, segment);
    }
    return err == ERR_OK && dropped ? fs_sync_directory(fs, log->directory) : err;
}

enum err log_recover(struct log *log, struct fs *fs, const struct log_options *options)
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
