/* Appending: offsets are given, batches go behind the end of the growing segment, at once or through the ring. */
#include "core/log/log_internal.h"

enum {
    RUN_MAX = 64,              /* batches in one write */
    ALLOCATE_FROM = 1 << 20,   /* smaller segments grow as they are written */
    ALLOCATE_CHUNK = 16 << 20, /* at most, and never more than half of what is there */
};

/* A compacted topic's records must come out of the growing segment before they are overdue (KIP-354). */
static int64_t segment_ms(const struct log *log)
{
    const struct topic_config *config = log->config;
    int64_t most = config->segment_ms;
    if ((config->cleanup_policy & CONFIG_CLEANUP_COMPACT) && config->max_compaction_lag_ms < most)
        most = config->max_compaction_lag_ms;
    return most - log->roll_jitter_ms;
}

void log_draw_jitter(struct log *log)
{
    const struct topic_config *config = log->config;
    int64_t most = config->segment_jitter_ms < config->segment_ms ? config->segment_jitter_ms : config->segment_ms;
    log->roll_jitter_ms = most > 0 ? (int64_t)(io_random(log->io) % (uint64_t)most) : 0;
}

static bool must_roll(const struct log *log, const struct segment *segment, const struct batch_header *header,
                      int64_t base_offset, int64_t now_ms)
{
    const struct topic_config *config = log->config;
    if (segment->size == 0)
        return false;
    int64_t last_offset = base_offset + header->last_offset_delta;
    int64_t began_ms = segment->first_timestamp, reached_ms = header->max_timestamp;
    if (began_ms < 0 || reached_ms < 0)
        began_ms = reached_ms = now_ms;
    return segment->size + (int64_t)header->size > config->segment_bytes ||
           last_offset - segment->base_offset > INT32_MAX || reached_ms - began_ms > segment_ms(log) ||
           (int64_t)segment->index_count * 8 >= config->segment_index_bytes ||
           (int64_t)segment->time_count * 12 >= config->segment_index_bytes;
}

enum err log_roll(struct log *log)
{
    int64_t base_offset = log->end_offset;
    char path[SEGMENT_PATH_MAX];
    struct segment *sealed = log_active(log);
    struct segment *segment = segment_new(log->mem, log, base_offset);
    if (segment == NULL)
        return ERR_NO_MEMORY;
    enum err err = ERR_INVALID;
    if (segment_path(log->directory, base_offset, ".log", path))
        err = io_open_now(log->io, path, FS_READ | FS_WRITE | FS_CREATE | FS_TRUNCATE, &segment->file);
    if (err != ERR_OK) {
        segment_free(log->mem, segment);
        return err;
    }
    list_push_back(&log->segments, &segment->link);
    log->segment_count++;
    log->directory_dirty = true;
    log_draw_jitter(log);
    sealed->index_dirty |= sealed->size > 0;
    log_give_back_blocks(log, sealed);
    log_save_indexes(log);
    return ERR_OK;
}

/* A write that failed half way may have left bytes behind the end: they go before anything else is written there. */
static enum err write_failed(struct log *log, struct segment *segment, enum err err, bool left_some)
{
    if (left_some && fs_truncate(io_fs(log->io), segment->file, segment->size) != ERR_OK)
        err = ERR_IO;
    if (err == ERR_IO)
        log->sealed = true;
    return err;
}

/* Gives the pieces their offsets. */
static void stamp(const struct log *log, struct log_piece *pieces, int count, int32_t leader_epoch)
{
    int64_t offset = log->end_offset;
    for (int i = 0; i < count; i++) {
        pieces[i].base_offset = offset;
        batch_set_offset(pieces[i].data, offset, leader_epoch);
        offset += pieces[i].header->last_offset_delta + 1;
    }
}

/* Their bytes are behind the end of the growing segment: now they are in the log. */
static void take_in(struct log *log, const struct log_piece *pieces, int count)
{
    struct segment *segment = log_active(log);
    for (int i = 0; i < count; i++) {
        const struct batch_header *header = pieces[i].header;
        if (log->recent != NULL)
            log->recent[log->recent_next++ % LOG_RECENT] =
                (struct log_recent){.base_offset = pieces[i].base_offset,
                                    .last_offset_delta = header->last_offset_delta,
                                    .pos = (uint32_t)segment->size,
                                    .size = (uint32_t)header->size};
        /* Without memory for an index entry the batch is found from the entry before. */
        (void)segment_note(log->mem, segment, header, pieces[i].base_offset, segment->size,
                           log->config->index_interval_bytes);
        if (pieces[i].ends_aborted)
            log_note_aborted(log, segment, &pieces[i].aborted);
        segment->size += (int64_t)header->size;
        log->size_bytes += (int64_t)header->size;
        if (log->budget != NULL)
            log->budget->dirty_bytes += (int64_t)header->size;
        log->end_offset = pieces[i].base_offset + header->last_offset_delta + 1;
    }
    segment->dirty = true;
    log_write_behind(log, segment);
}

/* Blocks in advance, without changing the size: a write of 128 KiB into them costs a third less than one that makes the
 * file grow (io-uring.md section 2). What cannot be had is not needed. */
struct preallocation {
    struct io_job job;
    struct segment *segment;
    io_file file;
    int64_t pos, length;
};

static void preallocate_work(struct io_job *job, struct fs *fs)
{
    struct preallocation *blocks = CONTAINER_OF(job, struct preallocation, job);
    enum err ignored = fs_allocate(fs, blocks->file, blocks->pos, blocks->length);
    MAYBE(ignored == ERR_OK);
}

static void preallocate_done(struct io_job *job)
{
    struct preallocation *blocks = CONTAINER_OF(job, struct preallocation, job);
    struct segment *segment = blocks->segment;
    struct log *log = segment->ref.log;
    segment->allocated_pos = blocks->pos + blocks->length;
    if (segment != log_active(log)) /* rolled, and trimmed, before the blocks came */
        log_give_back_blocks(log, segment);
    MEM_DELETE(log->mem, blocks);
    log_ref_release(&segment->ref);
    log_close_removed(log);
}

/* `preallocate` of the topic: all of the segment at once, by a job. */
static bool preallocate(struct log *log, struct segment *segment)
{
    struct preallocation *blocks = MEM_NEW(log->mem, struct preallocation);
    if (blocks == NULL)
        return false;
    *blocks = (struct preallocation){.job = {.work = preallocate_work, .done = preallocate_done},
                                     .segment = segment,
                                     .file = segment->file,
                                     .pos = segment->size,
                                     .length = log->config->segment_bytes - segment->size};
    segment->allocated_pos = log->config->segment_bytes;
    log_hold(segment);
    io_job_start(log->io, &blocks->job);
    return true;
}

static void allocate_ahead(struct log *log, struct segment *segment)
{
    if (log->config->preallocate && segment->allocated_pos == 0 && segment->size < log->config->segment_bytes &&
        preallocate(log, segment))
        return;
    if (segment->size < ALLOCATE_FROM || segment->size < segment->allocated_pos)
        return;
    int64_t chunk = segment->size / 2 < ALLOCATE_CHUNK ? segment->size / 2 : ALLOCATE_CHUNK;
    segment->allocated_pos = segment->size + chunk;
    enum err ignored = io_allocate_now(log->io, segment->file, segment->size, chunk);
    MAYBE(ignored == ERR_OK);
}

void log_give_back_blocks(struct log *log, struct segment *segment)
{
    if (segment->file == IO_NONE || segment->allocated_pos <= segment->size)
        return;
    segment->allocated_pos = 0;
    enum err ignored = fs_truncate(io_fs(log->io), segment->file, segment->size);
    MAYBE(ignored == ERR_OK); /* they stay until the segment goes */
}

/* Pieces that go into one segment with one write. */
static enum err append_run(struct log *log, struct log_piece *pieces, int count, int32_t leader_epoch)
{
    struct slice slices[RUN_MAX];
    ASSERT(count <= RUN_MAX);
    struct segment *segment = log_active(log);
    enum err err = log_segment_file(log, segment);
    if (err == ERR_OK)
        err = log_reserve_aborted(log, pieces, count);
    if (err != ERR_OK)
        return err;
    int64_t written = 0;
    stamp(log, pieces, count, leader_epoch);
    for (int i = 0; i < count; i++)
        slices[i] = slice_of(pieces[i].data, pieces[i].header->size);
    allocate_ahead(log, segment);
    err = io_write_now(log->io, segment->file, slices, count, segment->size, &written);
    if (err != ERR_OK)
        return write_failed(log, segment, err, written > 0);
    take_in(log, pieces, count);
    return ERR_OK;
}

/* How many pieces fit into the present segment. */
static int run_length(const struct log *log, const struct log_piece *pieces, int count, int64_t now_ms)
{
    struct segment shadow = *log_active(log);
    int64_t offset = log->end_offset;
    int length = 0;
    while (length < count && length < RUN_MAX) {
        const struct batch_header *header = pieces[length].header;
        if (must_roll(log, &shadow, header, offset, now_ms))
            break;
        if (shadow.first_timestamp < 0)
            shadow.first_timestamp = header->max_timestamp;
        shadow.size += (int64_t)header->size;
        offset += header->last_offset_delta + 1;
        length++;
    }
    return length;
}

/* Without memory for it batches are found by the index. */
static void make_recent(struct log *log)
{
    log->recent = mem_alloc(log->mem, LOG_RECENT * sizeof(*log->recent));
    for (int i = 0; log->recent != NULL && i < LOG_RECENT; i++)
        log->recent[i] = (struct log_recent){.base_offset = -1};
}

static enum err may_append(struct log *log, int32_t leader_epoch)
{
    ASSERT(log->writing == NULL);
    if (log->sealed)
        return ERR_SEALED;
    if (log->recent == NULL)
        make_recent(log);
    enum err err = log_load_index(log, log_active(log));
    return err == ERR_OK ? log_note_epoch(log, leader_epoch, log->end_offset) : err;
}

enum err log_append(struct log *log, struct log_piece *pieces, int count, int32_t leader_epoch, int *appended)
{
    *appended = 0;
    enum err err = may_append(log, leader_epoch);
    int64_t now_ms = io_wall_ms(log->io);
    while (err == ERR_OK && *appended < count) {
        int length = run_length(log, pieces + *appended, count - *appended, now_ms);
        if (length == 0) {
            err = log_roll(log);
            continue;
        }
        err = append_run(log, pieces + *appended, length, leader_epoch);
        if (err == ERR_OK)
            *appended += length;
    }
    return err;
}

/* ---- through the ring ----------------------------------------------------------------------------------------------
 * One operation at a time: runs of small pieces are joined in a buffer, a large one is written from where it lies. */

bool log_is_over_budget(const struct log *log)
{
    return log->budget != NULL && log->budget->dirty_bytes >= log->budget->limit_bytes;
}

bool log_is_writing(const struct log *log)
{
    return log->writing != NULL;
}

static void write_end(struct log_write *write)
{
    struct log *log = write->_log;
    mem_free(log->mem, write->_joined, LOG_JOIN_BYTES);
    write->_joined = NULL;
    log->writing = NULL;
    write->done(write);
}

static void write_end_hook(struct io_hook *hook)
{
    write_end(CONTAINER_OF(hook, struct log_write, _hook));
}

/* The next pieces that go out together, of those that fit the segment. */
static int choose_run(struct log_write *write, int fitting, size_t *bytes)
{
    const struct log_piece *pieces = write->pieces + write->appended;
    int count = 1;
    *bytes = pieces[0].header->size;
    if (write->_joined == NULL && fitting > 1 && *bytes < LOG_JOIN_BYTES / 2)
        write->_joined = mem_alloc(write->_log->mem, LOG_JOIN_BYTES); /* without: one after the other */
    while (write->_joined != NULL && count < fitting && *bytes + pieces[count].header->size <= LOG_JOIN_BYTES)
        *bytes += pieces[count++].header->size;
    return count;
}

static void write_done(struct io_op *op);

/* Starts the next operation; anything but ERR_OK ends the write. */
static enum err write_next(struct log_write *write)
{
    struct log *log = write->_log;
    struct log_piece *pieces = write->pieces + write->appended;
    int64_t now_ms = io_wall_ms(log->io);
    int fitting = run_length(log, pieces, write->count - write->appended, now_ms);
    enum err err = fitting == 0 ? log_roll(log) : ERR_OK;
    struct segment *segment = log_active(log);
    if (err == ERR_OK)
        err = log_segment_file(log, segment);
    if (err != ERR_OK)
        return err;
    if (fitting == 0)
        fitting = run_length(log, pieces, write->count - write->appended, now_ms);
    err = log_reserve_aborted(log, pieces, fitting);
    if (err != ERR_OK)
        return err;
    size_t bytes;
    write->_run = choose_run(write, fitting, &bytes);
    stamp(log, pieces, write->_run, write->leader_epoch);
    const uint8_t *data = pieces[0].data;
    if (write->_run > 1) {
        size_t at = 0;
        for (int i = 0; i < write->_run; i++) {
            memcpy(write->_joined + at, pieces[i].data, pieces[i].header->size);
            at += pieces[i].header->size;
        }
        data = write->_joined;
    }
    log_hold(segment);
    write->_op.done = write_done;
    io_write(log->io, &write->_op, segment->file, data, bytes, segment->size);
    return ERR_OK;
}

static void write_done(struct io_op *op)
{
    struct log_write *write = CONTAINER_OF(op, struct log_write, _op);
    struct log *log = write->_log;
    struct segment *segment = log_active(log); /* nothing rolls while a write is on its way */
    write->err = op->err;
    log_ref_release(&segment->ref);
    if (op->err != ERR_OK) {
        write->err = write_failed(log, segment, op->err, true);
    } else {
        take_in(log, write->pieces + write->appended, write->_run);
        write->appended += write->_run;
        if (write->appended < write->count)
            write->err = log->sealed ? ERR_SEALED : write_next(write);
    }
    if (write->err != ERR_OK || write->appended == write->count)
        write_end(write);
}

void log_write(struct log *log, struct log_write *write)
{
    ASSERT(write->count > 0);
    write->_log = log;
    write->appended = 0;
    write->_joined = NULL;
    write->err = may_append(log, write->leader_epoch);
    if (write->err == ERR_OK)
        write->err = write_next(write);
    log->writing = write;
    if (write->err != ERR_OK) {
        write->_hook = (struct io_hook){.run = write_end_hook};
        io_at_turn_end(log->io, &write->_hook);
    }
}
