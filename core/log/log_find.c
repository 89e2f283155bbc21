/* Offsets by timestamp: one segment at a time, its batches read by a job so that the shard never waits. */
#include "core/log/log_internal.h"
#include "core/wire/batch_convert.h"

enum { FIND_BYTES = 1 << 20 };

struct log_find_plan {
    struct segment *segment;
    io_file file;
    int64_t pos, size;    /* what to look through */
    int64_t start_offset; /* records below are deleted */
    int64_t wanted;       /* timestamp: batches with nothing as new are passed over */
    bool found;
};

/* The record in question among those of one batch. Asked for the newest, the first of the batch's newest is the answer:
 * a header may promise a time that none of its records has, since producers' compressed batches are not opened. */
static bool find_in_records(struct log_find *find, const struct batch_header *header, struct slice body)
{
    const struct log_find_plan *plan = find->_plan;
    bool stamped = (header->attributes & BATCH_LOG_APPEND_TIME) != 0, found = false;
    struct batch_records records;
    struct batch_record record;
    batch_records_init(&records, body, header->record_count);
    while (batch_records_next(&records, &record) == ERR_OK) {
        int64_t timestamp = stamped ? header->max_timestamp : header->base_timestamp + record.timestamp_delta;
        int64_t offset = header->base_offset + record.offset_delta;
        bool wanted = find->at == LOG_AT_MAX ? !found || timestamp > find->timestamp : timestamp >= find->at;
        if (!wanted || offset < plan->start_offset || offset >= find->below)
            continue;
        find->offset = offset;
        find->timestamp = timestamp;
        find->leader_epoch = header->leader_epoch;
        found = true;
        if (find->at != LOG_AT_MAX)
            break;
    }
    return found;
}

/* In the job: unpacked in the job's memory, as far as any batch may unfold. */
static bool find_in_batch(struct log_find *find, const struct batch_header *header, const uint8_t *batch)
{
    enum compress_codec codec = (enum compress_codec)(header->attributes & BATCH_CODEC_MASK);
    struct slice body = slice_of(batch + BATCH_HEADER_BYTES, header->size - BATCH_HEADER_BYTES);
    struct compress_buffer unpacked;
    if (codec == COMPRESS_NONE)
        return find_in_records(find, header, body);
    compress_buffer_init(&unpacked, io_job_mem(&find->_job));
    find->err = compress_unpack(codec, body, batch_unpacked_limit(body.length), &unpacked);
    bool found = find->err == ERR_OK && find_in_records(find, header, slice_of(unpacked.data, unpacked.length));
    compress_buffer_fini(&unpacked);
    if (find->err == ERR_LIMIT)
        find->err = ERR_CORRUPT; /* a bomb: no consumer could read it either */
    return found;
}

/* The batches of one buffer. Moves plan->pos; false: it did not, or the search is over. *need: the size of a batch that
 * has to be looked at and is not all there. */
static bool find_in_bytes(struct log_find *find, struct slice read, size_t *need)
{
    struct log_find_plan *plan = find->_plan;
    struct batch_header header;
    size_t at = 0;
    while (at < read.length && batch_read_header(read.data + at, read.length - at, &header) == ERR_OK) {
        if (header.base_offset >= find->below)
            return false;
        bool candidate = header.max_timestamp >= plan->wanted && batch_last_offset(&header) >= plan->start_offset;
        if (candidate && header.size > read.length - at) {
            *need = header.size;
            break;
        }
        plan->found = candidate && find_in_batch(find, &header, read.data + at);
        if (plan->found || find->err != ERR_OK)
            return false;
        at += header.size;
    }
    plan->pos += (int64_t)at;
    return at > 0;
}

static void find_work(struct io_job *job, struct fs *fs)
{
    struct log_find *find = CONTAINER_OF(job, struct log_find, _job);
    struct log_find_plan *plan = find->_plan;
    struct mem *mem = io_job_mem(job);
    size_t capacity = 0, need = FIND_BYTES;
    uint8_t *bytes = NULL;
    bool more = true;
    while (more && plan->pos < plan->size) {
        if (need > capacity) {
            mem_free(mem, bytes, capacity);
            bytes = mem_alloc(mem, need);
            capacity = bytes == NULL ? 0 : need;
        }
        size_t got = 0, most = size_min(capacity, (size_t)(plan->size - plan->pos));
        find->err = bytes == NULL ? ERR_NO_MEMORY : fs_read(fs, plan->file, bytes, most, plan->pos, &got);
        more = find->err == ERR_OK && (find_in_bytes(find, slice_of(bytes, got), &need) || need > capacity);
    }
    mem_free(mem, bytes, capacity);
}

static void find_finish(struct log_find *find, enum err err)
{
    struct log_find_plan *plan = find->_plan;
    struct mem *mem = io_mem(find->_io);
    if (plan->segment != NULL)
        log_ref_release(&plan->segment->ref);
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

/* The first from `link` on of which it is not known how new its records are, as far as the answer needs it; NULL: none.
 */
static struct segment *find_unknown(struct log *log, const struct log_find *find, struct list *link)
{
    for (; link != &log->segments; link = link->next) {
        struct segment *segment = SEGMENT_OF(link);
        if (!segment->index_loaded && segment->max_timestamp < 0)
            return segment;
        if (find->at != LOG_AT_MAX && segment->max_timestamp >= find->at)
            return NULL; /* the others are not needed for this answer */
    }
    return NULL;
}

static void find_next(struct log *log, struct log_find *find, struct list *link);

static void find_index_ready(struct log_index_waiter *waiter, enum err err)
{
    struct log_find *find = CONTAINER_OF(waiter, struct log_find, _index);
    if (err != ERR_OK)
        find_finish(find, err);
    else
        find_next(find->_log, find, find->_log->segments.next);
}

/* True: the search goes on, or ends, when the index is there. */
static bool find_waits(struct log *log, struct log_find *find, struct segment *segment)
{
    if (segment == NULL || segment->index_loaded)
        return false;
    find->_index.ready = find_index_ready;
    enum err err = log_want_index(log, segment, &find->_index);
    if (err != ERR_OK)
        find_finish(find, err);
    return true;
}

/* The next segment that may hold the answer, from `link` on. */
static void find_next(struct log *log, struct log_find *find, struct list *link)
{
    struct log_find_plan *plan = find->_plan;
    if (find_waits(log, find, find_unknown(log, find, link)))
        return;
    while (link != &log->segments && !is_candidate(log, find, SEGMENT_OF(link)))
        link = link->next;
    if (link == &log->segments) {
        find_finish(find, ERR_OK);
        return;
    }
    struct segment *segment = SEGMENT_OF(link);
    if (find_waits(log, find, segment))
        return;
    plan->segment = segment;
    log_hold(segment);
    enum err err = log_segment_file(log, segment);
    if (err != ERR_OK) {
        find_finish(find, err);
        return;
    }
    plan->file = segment->file;
    plan->size = segment->size;
    plan->start_offset = log->start_offset;
    plan->wanted = find->at == LOG_AT_MAX ? segment->max_timestamp : find->at;
    /* Entries say: up to this offset nothing is newer than this. */
    int64_t from = segment->base_offset;
    for (int32_t i = 0; i < segment->time_count && segment->times[i].timestamp < plan->wanted; i++)
        from = segment->base_offset + segment->times[i].relative_offset;
    plan->pos = segment_floor(segment, from > log->start_offset ? from : log->start_offset);
    io_job_start(find->_io, &find->_job);
}

static void find_done(struct io_job *job)
{
    struct log_find *find = CONTAINER_OF(job, struct log_find, _job);
    struct log_find_plan *plan = find->_plan;
    struct log *log = plan->segment->ref.log;
    if (find->err != ERR_OK || plan->found) {
        find_finish(find, find->err);
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
    if (find->_plan == NULL)
        find->err = ERR_NO_MEMORY;
    find->_job = (struct io_job){.work = no_work, .done = find->_plan == NULL ? no_memory_done : find_begin_done};
    io_job_start(log->io, &find->_job);
}
