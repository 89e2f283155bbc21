/* Finding where an offset lies in the files. Nothing is copied: a reader gets a range of a file, and holds the segment.
 */
#include "core/log/log_internal.h"

enum { STAGE_BEGIN, STAGE_END }; /* which of the two places is being looked for */
enum { SURVEYS_MAX = 8 };        /* for one read; each finds up to 16 stretches of damage */

struct segment *log_segment_of(const struct log *log, int64_t offset)
{
    /* From the newest: most readers are near the end. */
    for (struct list *link = log->segments.prev; link != &log->segments; link = link->prev)
        if (SEGMENT_OF(link)->base_offset <= offset || link->prev == &log->segments)
            return SEGMENT_OF(link);
    UNREACHABLE();
}

static const struct log_recent *recent_of(const struct log *log, int64_t offset)
{
    for (int i = 0; log->recent != NULL && i < LOG_RECENT; i++)
        if (log->recent[i].base_offset <= offset &&
            offset <= log->recent[i].base_offset + log->recent[i].last_offset_delta)
            return &log->recent[i];
    return NULL;
}

static int64_t target_offset(const struct log_read *read)
{
    return read->_stage == STAGE_BEGIN ? read->offset : read->below;
}

/* One place is found: the batch that holds the offset begins at pos. True: the whole answer is there. */
static bool found(struct log_read *read, int64_t pos, size_t batch_bytes)
{
    struct segment *segment = read->_segment;
    if (read->_stage == STAGE_BEGIN) {
        read->pos = pos;
        read->first_batch_bytes = batch_bytes;
        read->_stage = STAGE_END;
        if (read->below < segment->end_offset) {
            read->_scan_pos = segment_floor(segment, read->below);
            read->_scan_pos = read->_scan_pos > pos ? read->_scan_pos : pos;
            return false;
        }
        pos = segment->size;
    }
    const struct log_damage *damage = log_damage_behind(read->_log, segment, read->pos);
    if (damage != NULL && damage->pos < pos) /* what cannot be read ends the answer */
        pos = damage->pos;
    int64_t length = pos - read->pos;
    int64_t most =
        read->max_bytes > (int64_t)read->first_batch_bytes ? read->max_bytes : (int64_t)read->first_batch_bytes;
    read->length = (size_t)(length < most ? length : most);
    if (read->length == 0) {
        read->ref = NULL;
        return true;
    }
    log_hold(segment);
    read->ref = &segment->ref;
    read->file = segment->file;
    return true;
}

/* What is known to be damaged at _scan_pos is passed, or is the answer. True: the read is answered. */
static bool meet_damage(struct log_read *read, bool *passed)
{
    const struct log_damage *damage = log_damage_behind(read->_log, read->_segment, read->_scan_pos);
    *passed = false;
    if (damage == NULL || damage->pos > read->_scan_pos)
        return false;
    if (read->_stage == STAGE_END)
        return found(read, damage->pos, 0);
    if (target_offset(read) < damage->end_offset || damage->end_pos >= read->_segment->size) {
        read->err = ERR_CORRUPT;
        return true;
    }
    read->_scan_pos = damage->end_pos;
    *passed = true;
    return false;
}

/* The segment ends before the offset (compaction took out what was there): the next one that has batches has what
 * follows. True: the read is answered. */
static bool pass_segment_end(struct log_read *read)
{
    struct log *log = read->_log;
    struct segment *segment = read->_segment;
    if (read->_stage == STAGE_END)
        return found(read, segment->size, 0);
    /* Replaced or taken out while the device was asked: what has its offsets now. */
    struct list *link = segment->remove_ms > 0 ? &log_segment_of(log, segment->end_offset)->link : segment->link.next;
    while (link != &log->segments && link->next != &log->segments && SEGMENT_OF(link)->size == 0)
        link = link->next;
    struct segment *next = link == &log->segments ? NULL : SEGMENT_OF(link);
    read->err = next == NULL || next->base_offset < segment->base_offset ? ERR_CORRUPT : log_segment_file(log, next);
    if (read->err != ERR_OK)
        return true;
    log_hold(next);
    log_ref_release(&segment->ref);
    read->_segment = next;
    read->_scan_pos = segment_floor(next, read->offset); /* without an index: its first batch is the one, mostly */
    read->hot = next == log_active(log);
    return next->size == 0; /* nothing there yet */
}

static bool is_possible(const struct log_read *read, const struct batch_header *header, int64_t pos)
{
    const struct segment *segment = read->_segment;
    return header->magic == BATCH_MAGIC && header->last_offset_delta >= 0 &&
           header->base_offset >= segment->base_offset && header->base_offset < segment->end_offset &&
           (int64_t)header->size <= segment->size - pos;
}

/* Goes through the headers in a buffer that begins at _scan_pos. True: the read is answered. */
static bool scan_buffer(struct log_read *read, const uint8_t *bytes, size_t length)
{
    size_t at = 0;
    struct batch_header header;
    bool passed;
    if (read->_scan_pos >= read->_segment->size)
        return pass_segment_end(read);
    if (meet_damage(read, &passed) || passed)
        return !passed;
    const struct log_damage *damage = log_damage_behind(read->_log, read->_segment, read->_scan_pos);
    int64_t limit = damage == NULL ? read->_segment->size : damage->pos;
    while (read->_scan_pos + (int64_t)at < limit && batch_read_header(bytes + at, length - at, &header) == ERR_OK) {
        if (!is_possible(read, &header, read->_scan_pos + (int64_t)at))
            break;
        if (batch_last_offset(&header) >= target_offset(read)) {
            int64_t pos = read->_scan_pos + (int64_t)at;
            if (found(read, pos, header.size))
                return true;
            return false; /* the second place begins elsewhere */
        }
        at += header.size;
        if (at > length)
            break;
    }
    if (at == 0) { /* not a batch although our index or the batch before says so */
        read->err = ERR_CORRUPT;
        read->_met_damage = true;
        return true;
    }
    read->_scan_pos += (int64_t)at;
    return read->_scan_pos >= read->_segment->size ? pass_segment_end(read) : false;
}

static void finish(struct log_read *read)
{
    mem_free(read->_log->mem, read->_buffer, LOG_SCAN_BYTES);
    read->_buffer = NULL;
    log_ref_release(&read->_segment->ref);
    if (read->err != ERR_OK && read->ref != NULL) {
        log_ref_release(read->ref);
        read->ref = NULL;
    }
}

/* Looks on from _scan_pos in what the page cache has. False: the device must be asked. */
static bool look_now(struct log_read *read)
{
    uint8_t bytes[LOG_SCAN_BYTES];
    for (;;) {
        size_t got;
        enum err err = io_read_now(read->_log->io, read->_segment->file, bytes, sizeof(bytes), read->_scan_pos, &got);
        if (err == ERR_AGAIN)
            return false;
        read->err = err;
        if (err != ERR_OK || scan_buffer(read, bytes, got))
            return true;
    }
}

static bool look(struct log_read *read);

/* The bytes were no batch: how far that goes is found out first. False: it is being done. */
static bool settle(struct log_read *read)
{
    if (read->err != ERR_CORRUPT || !read->_met_damage || read->_surveys == SURVEYS_MAX)
        return true;
    read->_surveys++;
    read->_met_damage = false;
    return !log_survey(read);
}

static void look_done(struct io_op *op)
{
    struct log_read *read = CONTAINER_OF(op, struct log_read, _op);
    read->err = op->err;
    bool answered = op->err != ERR_OK;
    if (!answered)
        answered = scan_buffer(read, read->_buffer, (size_t)op->result) ? settle(read) : look(read);
    if (answered) {
        finish(read);
        read->done(read);
    }
}

static bool look(struct log_read *read)
{
    if (look_now(read))
        return settle(read);
    if (read->_buffer == NULL)
        read->_buffer = mem_alloc(read->_log->mem, LOG_SCAN_BYTES);
    if (read->_buffer == NULL) {
        read->err = ERR_NO_MEMORY;
        return true;
    }
    read->_op.done = look_done;
    io_read(read->_log->io, &read->_op, read->_segment->file, read->_buffer, LOG_SCAN_BYTES, read->_scan_pos);
    return false;
}

void log_read_surveyed(struct log_read *read, enum err err)
{
    read->err = err;
    if (err == ERR_OK) {
        int64_t floor = segment_floor(read->_segment, target_offset(read));
        read->_scan_pos = read->_stage == STAGE_END && floor < read->pos ? read->pos : floor;
        if (!look(read))
            return;
    }
    finish(read);
    read->done(read);
}

/* Who reads on asks for the first offset of a batch: the floor of the index is the batch before it, and two places
 * would have to be read. True: found, and *answered says whether that is all. */
static bool guess(struct log_read *read, bool *answered)
{
    uint8_t bytes[BATCH_HEADER_BYTES];
    size_t got;
    struct batch_header header;
    int64_t pos = segment_guess(read->_segment, read->offset);
    if (pos < 0 || io_read_now(read->_log->io, read->_segment->file, bytes, sizeof(bytes), pos, &got) != ERR_OK ||
        batch_read_header(bytes, got, &header) != ERR_OK || !is_possible(read, &header, pos) ||
        header.base_offset > read->offset || batch_last_offset(&header) < read->offset)
        return false;
    *answered = found(read, pos, header.size);
    return true;
}

/* The segment and its index are there. False: the device is asked. */
static bool begin(struct log_read *read)
{
    const struct log_recent *recent = read->hot ? recent_of(read->_log, read->offset) : NULL;
    bool answered = false;
    if (recent != NULL)
        answered = found(read, recent->pos, recent->size);
    else if (!guess(read, &answered))
        read->_scan_pos = segment_floor(read->_segment, read->offset);
    return answered || look(read);
}

static void index_ready(struct log_index_waiter *waiter, enum err err)
{
    struct log_read *read = CONTAINER_OF(waiter, struct log_read, _index);
    read->err = err;
    if (err == ERR_OK && !begin(read))
        return;
    finish(read);
    read->done(read);
}

bool log_read(struct log *log, struct log_read *read)
{
    ASSERT(read->offset >= log->start_offset && read->offset <= log->end_offset);
    read->err = ERR_OK;
    read->ref = NULL;
    read->length = read->first_batch_bytes = 0;
    read->_log = log;
    read->_stage = STAGE_BEGIN;
    read->_buffer = NULL;
    read->_surveys = 0;
    read->_met_damage = false;
    if (read->offset >= read->below || read->offset == log->end_offset)
        return true;
    if (log_is_damaged_at(log, read->offset)) {
        read->err = ERR_CORRUPT;
        return true;
    }
    struct segment *segment = log_segment_of(log, read->offset);
    /* A hole at the end of a segment (compaction): the next one has what follows. */
    if (read->offset >= segment->end_offset && segment->link.next != &log->segments)
        segment = SEGMENT_OF(segment->link.next);
    read->_segment = segment;
    read->hot = segment == log_active(log);
    read->err = log_segment_file(log, segment);
    if (read->err == ERR_OK && !segment->index_loaded) {
        read->_index.ready = index_ready;
        read->err = log_want_index(log, segment, &read->_index);
        if (read->err == ERR_OK) {
            log_hold(segment);
            return false;
        }
    }
    if (read->err != ERR_OK)
        return true;
    log_hold(segment);
    if (!begin(read))
        return false;
    finish(read);
    return true;
}
