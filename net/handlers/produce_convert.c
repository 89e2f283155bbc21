#include "net/handlers/produce_convert.h"

#include "core/wire/error.h"

static void lane_run(struct convert_lane *lane);

static void convert_work(struct io_job *job, struct fs *fs)
{
    struct produce_convert *convert = CONTAINER_OF(job, struct produce_convert, _job);
    partition_convert(convert->_now, io_job_mem(job));
}

static void convert_job_done(struct io_job *job)
{
    struct produce_convert *convert = CONTAINER_OF(job, struct produce_convert, _job);
    struct convert_lane *lane = convert->_lane;
    struct partition_append *append = convert->_now;
    uint8_t *buffer = append->convert->buffer;
    size_t capacity = append->convert->capacity;
    bool accepted = partition_convert_finish(append, convert->arena);
    MAYBE(accepted); /* if not, the error is in the append */
    mem_free(io_mem(lane->io), buffer, capacity);
    lane->running--;
    if (list_empty(&convert->appends))
        convert->done(convert);
    else
        list_push_back(&lane->waiting, &convert->_link);
    lane_run(lane);
}

static bool start(struct convert_lane *lane, struct produce_convert *convert)
{
    struct partition_append *append = CONTAINER_OF(convert->appends.next, struct partition_append, _link);
    size_t capacity = partition_convert_bytes(append);
    uint8_t *buffer = mem_alloc(io_mem(lane->io), capacity);
    if (buffer == NULL)
        return false;
    list_remove(&append->_link);
    append->convert->buffer = buffer;
    append->convert->capacity = capacity;
    convert->_now = append;
    convert->_job = (struct io_job){.work = convert_work, .done = convert_job_done};
    lane->running++;
    io_job_start(lane->io, &convert->_job);
    return true;
}

static void no_work(struct io_job *job, struct fs *fs)
{
}

static void refused_done(struct io_job *job)
{
    struct produce_convert *convert = CONTAINER_OF(job, struct produce_convert, _job);
    struct convert_lane *lane = convert->_lane;
    lane->running--;
    convert->done(convert);
    lane_run(lane);
}

/* No memory, and nothing under way that would give some back. Its answer comes later, as any other's. */
static void refuse(struct convert_lane *lane, struct produce_convert *convert)
{
    for (struct list *link; (link = list_pop_front(&convert->appends)) != NULL;)
        CONTAINER_OF(link, struct partition_append, _link)->error = KAFKA_ERROR_KAFKA_STORAGE_ERROR;
    convert->_job = (struct io_job){.work = no_work, .done = refused_done};
    lane->running++;
    io_job_start(lane->io, &convert->_job);
}

static void lane_run(struct convert_lane *lane)
{
    while (lane->running < CONVERT_JOBS && !list_empty(&lane->waiting)) {
        struct produce_convert *convert = CONTAINER_OF(lane->waiting.next, struct produce_convert, _link);
        list_remove(&convert->_link);
        if (start(lane, convert))
            continue;
        if (lane->running > 0) {
            list_push_front(&lane->waiting, &convert->_link);
            return;
        }
        refuse(lane, convert);
    }
}

void produce_convert_start(struct convert_lane *lane, struct io *io, struct produce_convert *convert)
{
    ASSERT(!list_empty(&convert->appends));
    if (lane->waiting.next == NULL) {
        list_init(&lane->waiting);
        lane->io = io;
    }
    convert->_lane = lane;
    list_push_back(&lane->waiting, &convert->_link);
    lane_run(lane);
}
