/* Offsets by timestamp: one segment at a time, its batches read by a job so that the shard never waits. */
#include "core/log/log_internal.h"

enum { FIND_BYTES = 1 << 20 };

struct log_find_plan {
    struct segment *segment;
    io_file file;
    int64_t pos, size;    /* what to look through */
    int64_t start_offset; /* records below are deleted */
    uint8_t *bytes;
    size_t capacity; /* grown between two runs of the job, when a batch is larger */
    size_t need;
    bool found;
};

/* The record in question, of one batch whose bytes are there. */
static bool find_in_batch(struct log_find *find, const struct batch_header *header, const uint8_t *batch)
{
    struct log_find_plan *plan = find->_plan;
    bool stamped = (header->attributes & BATCH_LOG_APPEND_TIME) != 0;
    int64_t wanted = find->at == LOG_AT_MAX ? plan->segment->max_timestamp : find->at;
    if (stamped || (header->attributes & BATCH_CODEC_MASK) != 0) {
        /* One time for all of them, or records that are packed: the batch is the answer. */
        find->offset = header->base_offset > plan->start_offset ? header->base_offset : plan->start_offset;
        find->timestamp = stamped ? header->max_timestamp : header->base_timestamp;
        find->leader_epoch = header->leader_epoch;
        return find->offset < find->below;
    }
    struct batch_records records;
    struct batch_record record;
    batch_records_init(&records, slice_of(batch + BATCH_HEADER_BYTES, header->size - BATCH_HEADER_BYTES),
                       header->record_count);
    while (batch_records_next(&records, &record) == ERR_OK) {
        int64_t timestamp = header->base_timestamp + record.timestamp_delta;
        int64_t offset = header->base_offset + record.offset_delta;
        if (timestamp < wanted || offset < plan->start_offset)
            continue;
        find->offset = offset;
        find->timestamp = timestamp;
        find->leader_epoch = header->leader_epoch;
        return offset < find->below;
    }
    return false;
}

/* The batches of one buffer. Moves plan->pos; false: over, or more memory is needed. */
static bool find_in_bytes(struct log_find *find, size_t got)
{
    struct log_find_plan *plan = find->_plan;
    int64_t wanted = find->at == LOG_AT_MAX ? plan->segment->max_timestamp : find->at;
    struct batch_header header;
    size_t at = 0;
    while (batch_read_header(plan->bytes + at, got - at, &header) == ERR_OK) {
        if (header.base_offset >= find->below)
            return false;
        bool candidate = header.max_timestamp >= wanted && batch_last_offset(&header) >= plan->start_offset;
        if (candidate && header.size > got - at) {
            plan->need = header.size;
            break;
        }
        if (candidate && find_in_batch(find, &header, plan->bytes + at)) {
            plan->found = true;
            return false;
        }
        at += header.size;
        if (at >= got)
            break;
    }
    plan->pos += (int64_t)at;
    return at > 0 && plan->need <= plan->capacity;
}

static void find_work(struct io_job *job, struct fs *fs)
{
    struct log_find *find = CONTAINER_OF(job, struct log_find, _job);
    struct log_find_plan *plan = find->_plan;
    plan->need = 0;
    while (plan->pos < plan->size) {
        size_t got, most = size_min(plan->capacity, (size_t)(plan->size - plan->pos));
        find->err = fs_read(fs, plan->file, plan->bytes, most, plan->pos, &got);
        if (find->err != ERR_OK || !find_in_bytes(find, got))
            return;
    }
}

static void find_finish(struct log_find *find, enum err err)
{
    struct log_find_plan *plan = find->_plan;
    struct mem *mem = io_mem(find->_io);
    if (plan->segment != NULL)
        log_ref_release(&plan->segment->ref);
    mem_free(mem, plan->bytes, plan->capacity);
    MEM_DELETE(mem, plan);
    find->_plan = NULL;
    find->err = err;
    find->done(find);
}

static bool is_candidate(const struct log *log, const struct log_find *find, const struct segment *segment)
{
    if (find->at != LOG_AT_MAX)
        return segment->max_timestamp >= find->at;
    LIST_EACH(link, &log->segments)
    if (SEGMENT_OF(link)->max_timestamp > segment->max_timestamp)
        return false;
    return segment->max_timestamp >= 0;
}

/* The timestamps of a segment that was not looked at since the start are in its index. */
static enum err load_indexes(struct log *log, const struct log_find *find, struct list *link)
{
    enum err err = ERR_OK;
    for (; err == ERR_OK && link != &log->segments; link = link->next) {
        err = log_load_index(log, SEGMENT_OF(link));
        if (find->at != LOG_AT_MAX && SEGMENT_OF(link)->max_timestamp >= find->at)
            break; /* the others are not needed for this answer */
    }
    return err;
}

/* The next segment that may hold the answer, from `link` on. */
static void find_next(struct log *log, struct log_find *find, struct list *link)
{
    struct log_find_plan *plan = find->_plan;
    enum err loaded = load_indexes(log, find, link);
    if (loaded != ERR_OK) {
        find_finish(find, loaded);
        return;
    }
    while (link != &log->segments && !is_candidate(log, find, SEGMENT_OF(link)))
        link = link->next;
    if (link == &log->segments) {
        find_finish(find, ERR_OK);
        return;
    }
    struct segment *segment = SEGMENT_OF(link);
    plan->segment = segment;
    log_hold(segment);
    enum err err = log_segment_file(log, segment);
    if (err == ERR_OK)
        err = log_load_index(log, segment);
    if (err != ERR_OK) {
        find_finish(find, err);
        return;
    }
    plan->file = segment->file;
    plan->size = segment->size;
    plan->start_offset = log->start_offset;
    /* Entries say: up to this offset nothing is newer than this. */
    int64_t from = segment->base_offset, wanted = find->at == LOG_AT_MAX ? segment->max_timestamp : find->at;
    for (int32_t i = 0; i < segment->time_count && segment->times[i].timestamp < wanted; i++)
        from = segment->base_offset + segment->times[i].relative_offset;
    plan->pos = segment_floor(segment, from > log->start_offset ? from : log->start_offset);
    io_job_start(find->_io, &find->_job);
}

static void find_done(struct io_job *job)
{
    struct log_find *find = CONTAINER_OF(job, struct log_find, _job);
    struct log_find_plan *plan = find->_plan;
    struct mem *mem = io_mem(find->_io);
    struct log *log = plan->segment->ref.log;
    if (find->err != ERR_OK || plan->found) {
        find_finish(find, find->err);
        return;
    }
    if (plan->need > plan->capacity) { /* max.message.bytes bounds it */
        mem_free(mem, plan->bytes, plan->capacity);
        plan->capacity = 0;
        plan->bytes = mem_alloc(mem, plan->need);
        if (plan->bytes == NULL) {
            find_finish(find, ERR_NO_MEMORY);
            return;
        }
        plan->capacity = plan->need;
        io_job_start(find->_io, &find->_job);
        return;
    }
    struct segment *segment = plan->segment;
    struct list *next = list_empty(&segment->link) ? &log->segments : segment->link.next;
    bool removed = segment->remove_ms > 0;
    log_ref_release(&segment->ref);
    plan->segment = NULL;
    find->offset = find->timestamp = find->leader_epoch = -1;
    find_next(log, find, removed ? log->segments.next : next);
}

/* Only for the case without memory: answered in the next turn, never inside the call. */
static void no_work(struct io_job *job, struct fs *fs)
{
}

static void no_memory_done(struct io_job *job)
{
    struct log_find *find = CONTAINER_OF(job, struct log_find, _job);
    find->done(find);
}

static void find_begin_done(struct io_job *job)
{
    struct log_find *find = CONTAINER_OF(job, struct log_find, _job);
    find->_job = (struct io_job){.work = find_work, .done = find_done};
    find_next(find->_log, find, find->_log->segments.next);
}

void log_find(struct log *log, struct log_find *find)
{
    struct mem *mem = log->mem;
    find->offset = find->timestamp = -1;
    find->leader_epoch = -1;
    find->err = ERR_OK;
    find->_io = log->io;
    find->_log = log;
    find->_plan = MEM_NEW(mem, struct log_find_plan);
    if (find->_plan != NULL) {
        find->_plan->bytes = mem_alloc(mem, FIND_BYTES);
        find->_plan->capacity = FIND_BYTES;
        if (find->_plan->bytes == NULL) {
            MEM_DELETE(mem, find->_plan);
            find->_plan = NULL;
        }
    }
    if (find->_plan == NULL)
        find->err = ERR_NO_MEMORY;
    find->_job = (struct io_job){.work = no_work, .done = find->_plan == NULL ? no_memory_done : find_begin_done};
    io_job_start(log->io, &find->_job);
}
