/* Compaction of one log, the shard's half: which segment is next, when the result takes the place of what it was made
 * from. */
#include "core/log/log_clean.h"

#include "core/log/log_clean_internal.h"

#include <stdlib.h>

/*  MAP --keys are known--> COPY --group is copied--> SEAL --on the device--> RENAME --next group--> COPY ... -> done
 *   any --stopped or failed--> DROP -> done                                                                       */
enum stage { STAGE_MAP, STAGE_COPY, STAGE_SEAL, STAGE_RENAME, STAGE_DROP, STAGE_COUNT };

static void step(struct log_clean *clean);
static void step_done(struct io_job *job);

bool log_is_cleaning(const struct log *log)
{
    return log->cleaning != NULL;
}

bool log_clean_holds(const struct log *log, const struct segment *segment)
{
    const struct log_clean *clean = log->cleaning;
    bool holds = clean != NULL && segment == clean->_made;
    for (int i = 0; clean != NULL && clean->_stage >= STAGE_SEAL && i < clean->_source_count; i++)
        holds |= clean->_sources[i].segment == segment;
    return holds;
}

/* ---- what may be cleaned ----------------------------------------------------------------------------------------- */

/* When its first batch was made; 0: it has none or does not say. */
static bool first_timestamp(struct log *log, struct segment *segment, int64_t *timestamp)
{
    uint8_t bytes[BATCH_HEADER_BYTES];
    struct batch_header header;
    size_t got;
    *timestamp = 0;
    if (segment->first_timestamp < 0 && segment->size > 0) {
        if (log_segment_file(log, segment) != ERR_OK ||
            fs_read(io_fs(log->io), segment->file, bytes, sizeof(bytes), 0, &got) != ERR_OK ||
            batch_read_header(bytes, got, &header) != ERR_OK)
            return false;
        segment->first_timestamp = header.max_timestamp;
    }
    *timestamp = segment->first_timestamp;
    return true;
}

/* The first segment that is too young by min.compaction.lag.ms ends what may be cleaned. */
static bool limit_by_lag(struct log *log, int64_t now_ms, struct log_dirt *dirt)
{
    int64_t lag_ms = log->config->min_compaction_lag_ms;
    if (lag_ms <= 0)
        return true;
    LIST_EACH(link, &log->segments)
    {
        struct segment *segment = SEGMENT_OF(link);
        if (segment->end_offset <= dirt->first_dirty_offset)
            continue;
        if (segment->base_offset >= dirt->below_offset)
            return true;
        if (segment->max_timestamp < 0 && !segment->index_loaded && segment->size > 0) { /* known the next time */
            enum err ignored = log_want_index(log, segment, NULL);
            MAYBE(ignored == ERR_OK);
            return false;
        }
        if (segment->max_timestamp > now_ms - lag_ms) {
            dirt->below_offset = segment->base_offset;
            return true;
        }
    }
    return true;
}

static bool find_overdue(struct log *log, int64_t now_ms, struct log_dirt *dirt)
{
    int64_t earliest = INT64_MAX, lag_ms = log->config->max_compaction_lag_ms;
    if (lag_ms == INT64_MAX)
        return true;
    LIST_EACH(link, &log->segments)
    {
        struct segment *segment = SEGMENT_OF(link);
        int64_t timestamp;
        if (segment == log_active(log) || segment->end_offset <= dirt->first_dirty_offset)
            continue;
        if (!first_timestamp(log, segment, &timestamp))
            return false;
        if (timestamp > 0 && timestamp < earliest)
            earliest = timestamp;
    }
    dirt->is_overdue = earliest < now_ms && now_ms - earliest > lag_ms;
    return true;
}

bool log_find_dirt(struct log *log, int64_t cleaned_offset, int64_t stable_offset, int64_t now_ms,
                   struct log_dirt *dirt)
{
    int64_t below = log_recovery_point(log), active = log_active(log)->base_offset;
    *dirt = (struct log_dirt){.first_dirty_offset = cleaned_offset};
    if (log->sealed || log->damage_count > 0)
        return false;
    if (cleaned_offset < log->start_offset || cleaned_offset > log->end_offset)
        dirt->first_dirty_offset = log->start_offset;
    below = stable_offset < below ? stable_offset : below;
    dirt->below_offset = active < below ? active : below;
    if (!limit_by_lag(log, now_ms, dirt))
        return false;
    if (dirt->below_offset < dirt->first_dirty_offset)
        dirt->below_offset = dirt->first_dirty_offset;
    /* Whole segments: one that reaches beyond is left alone. */
    struct segment *limit = log_segment_of(log, dirt->below_offset);
    dirt->below_offset = limit->base_offset;
    LIST_EACH(link, &log->segments)
    {
        const struct segment *segment = SEGMENT_OF(link);
        if (segment->base_offset < dirt->first_dirty_offset)
            dirt->clean_bytes += segment->size;
        if (segment->base_offset < dirt->below_offset && segment->end_offset > dirt->first_dirty_offset)
            dirt->dirty_bytes += segment->size;
    }
    return find_overdue(log, now_ms, dirt);
}

/* ---- begin and end ----------------------------------------------------------------------------------------------- */

static int by_first_offset(const void *one, const void *other)
{
    const struct log_aborted *a = &((const struct clean_aborted *)one)->line,
                             *b = &((const struct clean_aborted *)other)->line;
    if (a->first_offset != b->first_offset)
        return a->first_offset < b->first_offset ? -1 : 1;
    return (a->last_offset > b->last_offset) - (a->last_offset < b->last_offset);
}

static size_t aborted_bytes(const struct log_clean *clean)
{
    return (size_t)clean->_aborted_count * sizeof(*clean->_aborted);
}

/* All that the log knows: a transaction that began in here may have ended far behind. */
static enum err collect_aborted(struct log *log, struct log_clean *clean)
{
    int64_t count = 0;
    clean->_aborted = NULL;
    clean->_aborted_count = 0;
    LIST_EACH(link, &log->segments)
    {
        enum err err = log_load_aborted(log, io_fs(log->io), SEGMENT_OF(link));
        if (err != ERR_OK)
            return err;
        count += SEGMENT_OF(link)->aborted_count;
    }
    if (count == 0)
        return ERR_OK;
    if (count > INT32_MAX)
        return ERR_LIMIT;
    clean->_aborted = mem_alloc(log->mem, (size_t)count * sizeof(*clean->_aborted));
    if (clean->_aborted == NULL)
        return ERR_NO_MEMORY;
    LIST_EACH(link, &log->segments)
    {
        const struct segment *segment = SEGMENT_OF(link);
        for (int32_t i = 0; i < segment->aborted_count; i++)
            clean->_aborted[clean->_aborted_count++] = (struct clean_aborted){segment->aborted[i], -1};
    }
    qsort(clean->_aborted, (size_t)clean->_aborted_count, sizeof(*clean->_aborted), by_first_offset);
    return ERR_OK;
}

static void free_all(struct log *log, struct log_clean *clean)
{
    clean_map_fini(&clean->_map);
    clean_txns_fini(&clean->_txns, log->mem);
    mem_free(log->mem, clean->_aborted, aborted_bytes(clean));
    clean->_aborted = NULL;
}

static void release_sources(struct log_clean *clean)
{
    for (int i = 0; i < clean->_source_count; i++)
        log_ref_release(&clean->_sources[i].segment->ref);
    clean->_source_count = clean->_source = 0;
    log_close_removed(clean->_log);
}

static void finish(struct log_clean *clean, enum err err)
{
    struct log *log = clean->_log;
    release_sources(clean);
    free_all(log, clean);
    io_timer_stop(log->io, &clean->_timer);
    log->cleaning = NULL;
    clean->err = err;
    if (err == ERR_IO) {
        log->sealed = true;
        if (log->listener != NULL)
            log->listener->moved(log->listener);
    }
    log_drop_waiting(log);
    clean->done(clean);
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

static void run(struct log_clean *clean, enum stage stage)
{
    static void (*const works[STAGE_COUNT])(struct io_job *, struct fs *) = {
        [STAGE_MAP] = log_clean_map_work,       [STAGE_COPY] = log_clean_copy_work, [STAGE_SEAL] = log_clean_seal_work,
        [STAGE_RENAME] = log_clean_rename_work, [STAGE_DROP] = log_clean_drop_work,
    };
    clean->_stage = (uint8_t)stage;
    clean->_job = (struct io_job){.work = works[stage], .done = step_done};
    clean->_step_bytes_done = 0;
    io_job_start(clean->_log->io, &clean->_job);
}

static void fail(struct log_clean *clean, enum err err)
{
    clean->end_offset = clean->first_dirty_offset;
    if (!clean->_output.is_open && clean->_stage != STAGE_SEAL) {
        finish(clean, err);
        return;
    }
    clean->err = err;
    run(clean, STAGE_DROP);
}

static enum err add_source(struct log_clean *clean, struct segment *segment)
{
    ASSERT(clean->_source_count < LOG_CLEAN_GROUP);
    enum err err = log_segment_file(clean->_log, segment);
    if (err != ERR_OK)
        return err;
    log_hold(segment);
    clean->_sources[clean->_source_count++] = (struct log_clean_source){
        .segment = segment, .file = segment->file, .base_offset = segment->base_offset, .size = segment->size};
    return ERR_OK;
}

/* The first segment of the stage that is still to do; NULL: there is none. */
static struct segment *next_segment(const struct log_clean *clean, int64_t below)
{
    LIST_EACH(link, &clean->_log->segments)
    {
        struct segment *segment = SEGMENT_OF(link);
        if (segment->base_offset >= below)
            break;
        if (segment->base_offset >= clean->_next_offset)
            return segment;
    }
    return NULL;
}

static void begin_source(struct log_clean *clean)
{
    clean->_pos = 0;
    clean->_read_size = clean->step_bytes;
}

/* False: the stage is over. */
static bool map_next(struct log_clean *clean, enum err *err)
{
    struct segment *segment = clean->_map_full ? NULL : next_segment(clean, clean->below_offset);
    release_sources(clean);
    if (segment == NULL)
        return false;
    *err = add_source(clean, segment);
    clean->_next_offset = segment->base_offset + 1;
    begin_source(clean);
    return true;
}

/* As large a group as fits one segment. False: the stage is over. */
static bool group_next(struct log_clean *clean, enum err *err)
{
    struct log *log = clean->_log;
    struct segment *segment = next_segment(clean, clean->end_offset);
    int64_t size = 0;
    release_sources(clean);
    if (segment == NULL)
        return false;
    int64_t base_offset = segment->base_offset;
    do {
        *err = add_source(clean, segment);
        size += segment->size;
        clean->_next_offset = segment->base_offset + 1;
        if (*err != ERR_OK || segment->link.next == &log->segments)
            break;
        segment = SEGMENT_OF(segment->link.next);
    } while (clean->_source_count < LOG_CLEAN_GROUP && segment->base_offset < clean->end_offset &&
             size + segment->size <= log->config->segment_bytes && segment->end_offset - base_offset <= INT32_MAX);
    clean->_output = (struct log_clean_output){.log = IO_NONE,
                                               .index = IO_NONE,
                                               .times = IO_NONE,
                                               .base_offset = base_offset,
                                               .end_offset = base_offset,
                                               .max_timestamp = -1,
                                               .last_time = -1};
    clean_txns_forget_kept(&clean->_txns);
    begin_source(clean);
    return true;
}

static void copy_group(struct log_clean *clean)
{
    enum err err = ERR_OK;
    if (!group_next(clean, &err))
        finish(clean, ERR_OK);
    else if (err != ERR_OK)
        fail(clean, err);
    else
        run(clean, STAGE_COPY);
}

static void begin_copy(struct log_clean *clean)
{
    clean->end_offset = clean->_map_full ? clean->_latest_offset + 1 : clean->below_offset;
    clean->_latest_offset = clean->end_offset - 1;
    if (clean->end_offset <= clean->first_dirty_offset && clean->_map_full) {
        fail(clean, ERR_LIMIT);
        return;
    }
    clean_txns_rewind(&clean->_txns);
    clean->_next_offset = 0;
    copy_group(clean);
}

/* ---- the new segment takes their place -----------------------------------------------------------------------------
 */

static bool is_in_log(const struct log_clean *clean)
{
    for (int i = 0; i < clean->_source_count; i++)
        if (clean->_sources[i].segment->remove_ms > 0)
            return false;
    return true;
}

static enum err copy_kept_aborted(struct log_clean *clean, struct segment *made)
{
    struct mem *mem = clean->_log->mem;
    int32_t count = 0;
    for (int32_t i = clean->_txns.first_kept; i >= 0; i = clean->_aborted[i].next_kept)
        count++;
    made->aborted_loaded = true;
    if (count == 0)
        return ERR_OK;
    made->aborted = mem_alloc(mem, (size_t)count * sizeof(*made->aborted));
    if (made->aborted == NULL)
        return ERR_NO_MEMORY;
    made->aborted_capacity = made->aborted_saved_count = count;
    for (int32_t i = clean->_txns.first_kept; i >= 0; i = clean->_aborted[i].next_kept)
        made->aborted[made->aborted_count++] = clean->_aborted[i].line;
    return ERR_OK;
}

static struct segment *make_segment(struct log_clean *clean)
{
    struct log *log = clean->_log;
    const struct log_clean_output *output = &clean->_output;
    struct segment *made = segment_new(log->mem, log, output->base_offset);
    char path[SEGMENT_PATH_MAX];
    if (made == NULL)
        return NULL;
    made->size = made->settled_pos = output->size;
    made->end_offset = output->end_offset;
    made->max_timestamp = output->max_timestamp;
    made->max_timestamp_offset = output->max_timestamp_offset;
    made->index_loaded = false;
    made->swapping = true;
    if (copy_kept_aborted(clean, made) != ERR_OK ||
        !log_marked_path(log->directory, made->base_offset, ".log", ".swap", path) ||
        io_open_now(log->io, path, FS_READ | FS_WRITE, &made->file) != ERR_OK) {
        segment_drop_aborted(log->mem, made);
        segment_free(log->mem, made);
        return NULL;
    }
    made->used_ns = io_now_ns(log->io);
    return made;
}

static void swap(struct log_clean *clean)
{
    struct log *log = clean->_log;
    ASSERT(is_in_log(clean)); /* it holds them since it was sealed */
    struct segment *made = log->sealed ? NULL : make_segment(clean);
    if (made == NULL) { /* no memory: as if nothing had been done */
        fail(clean, log->sealed ? ERR_SEALED : ERR_CLOSED);
        return;
    }
    log_hold(made);
    clean->_made = made;
    /* In front of the first of them; then they go. */
    struct list *first = &clean->_sources[0].segment->link;
    list_push_back(first, &made->link);
    log->segment_count++;
    log->size_bytes += made->size;
    for (int i = 0; i < clean->_source_count; i++) {
        struct segment *segment = clean->_sources[i].segment;
        segment->replaced = true;
        log_take_out(log, segment);
    }
    run(clean, STAGE_RENAME);
}

static void renamed(struct log_clean *clean)
{
    struct log *log = clean->_log;
    struct segment *made = clean->_made;
    clean->_made = NULL;
    log_ref_release(&made->ref);
    if (clean->err != ERR_OK) {
        /* What is on disk is finished at the next start, and only there: a further compaction would take its names for
         * those of other segments. */
        bool is_gone = clean->err == ERR_NOT_FOUND; /* with its topic */
        log->sealed |= !is_gone;
        if (!is_gone && log->listener != NULL)
            log->listener->moved(log->listener);
        finish(clean, is_gone ? ERR_CLOSED : clean->err);
        return;
    }
    made->swapping = false;
    log_drop_waiting(log);
    if (clean->_stop)
        finish(clean, ERR_CLOSED);
    else
        copy_group(clean);
}

/* ---- what is next ------------------------------------------------------------------------------------------------ */

static bool is_at_end_of_source(const struct log_clean *clean)
{
    return clean->_pos >= clean->_sources[clean->_source].size;
}

static void after_map(struct log_clean *clean)
{
    enum err err = ERR_OK;
    if (!clean->_map_full && !is_at_end_of_source(clean))
        run(clean, STAGE_MAP);
    else if (!map_next(clean, &err))
        begin_copy(clean);
    else if (err != ERR_OK)
        fail(clean, err);
    else
        run(clean, STAGE_MAP);
}

static void after_copy(struct log_clean *clean)
{
    if (is_at_end_of_source(clean) && clean->_source + 1 < clean->_source_count) {
        clean->_source++;
        begin_source(clean);
    }
    if (!is_at_end_of_source(clean))
        run(clean, STAGE_COPY);
    else if (is_in_log(clean))
        run(clean, STAGE_SEAL);
    else
        fail(clean, ERR_CLOSED); /* deleted meanwhile */
}

static void step(struct log_clean *clean)
{
    enum err err = clean->err;
    if (err == ERR_OK && clean->_needs_room && !clean_txns_grow(&clean->_txns, clean->_log->mem))
        err = ERR_NO_MEMORY;
    if (err == ERR_OK && clean->_stop)
        err = ERR_CLOSED;
    if (err != ERR_OK)
        fail(clean, err);
    else if (clean->_stage == STAGE_MAP)
        after_map(clean);
    else if (clean->_stage == STAGE_COPY)
        after_copy(clean);
    else
        swap(clean);
}

static void waited(struct io_timer *timer)
{
    step(CONTAINER_OF(timer, struct log_clean, _timer));
}

static void step_done(struct io_job *job)
{
    struct log_clean *clean = CONTAINER_OF(job, struct log_clean, _job);
    struct log *log = clean->_log;
    if (clean->_stage == STAGE_DROP) {
        finish(clean, clean->err);
        return;
    }
    if (clean->_stage == STAGE_RENAME) {
        renamed(clean);
        return;
    }
    int64_t pause_ns = clean->pause_ns == NULL ? 0 : clean->pause_ns(clean, clean->_step_bytes_done);
    clean->_timer.fire = waited;
    if (clean->err != ERR_OK || clean->_stop || pause_ns <= 0 ||
        io_timer_start(log->io, &clean->_timer, io_now_ns(log->io) + pause_ns) != ERR_OK)
        step(clean);
}

enum err log_clean(struct log *log, struct log_clean *clean)
{
    ASSERT(log->cleaning == NULL && clean->step_bytes >= BATCH_HEADER_BYTES);
    ASSERT(clean->first_dirty_offset < clean->below_offset && clean->below_offset <= log_active(log)->base_offset);
    uint64_t seeds[2] = {io_random(log->io), io_random(log->io)};
    clean->_log = log;
    clean->_timer = (struct io_timer){0};
    clean->_stop = clean->_map_full = clean->_needs_room = false;
    clean->_source_count = clean->_source = 0;
    clean->_output = (struct log_clean_output){.log = IO_NONE, .index = IO_NONE, .times = IO_NONE};
    clean->_txns = (struct clean_txns){0};
    clean->_map = (struct clean_map){.mem = log->mem};
    clean->_made = NULL;
    clean->_interval_bytes = log->config->index_interval_bytes;
    clean->_latest_offset = clean->end_offset = clean->first_dirty_offset - 1;
    clean->read_bytes = clean->written_bytes = 0;
    clean->err = ERR_OK;
    enum err err = collect_aborted(log, clean);
    if (err == ERR_OK && !clean_txns_init(&clean->_txns, log->mem, clean->_aborted, clean->_aborted_count))
        err = ERR_NO_MEMORY;
    if (err == ERR_OK)
        err = clean_map_init(&clean->_map, log->mem, clean->below_offset - clean->first_dirty_offset, clean->map_bytes,
                             clean->map_load, seeds);
    struct segment *first = log_segment_of(log, clean->first_dirty_offset);
    clean->_next_offset = first->base_offset;
    if (err == ERR_OK && !map_next(clean, &err))
        UNREACHABLE();
    if (err != ERR_OK) {
        release_sources(clean);
        free_all(log, clean);
        return err;
    }
    log->cleaning = clean;
    run(clean, STAGE_MAP);
    return ERR_OK;
}

void log_clean_stop(struct log_clean *clean)
{
    clean->_stop = true;
    if (io_timer_running(&clean->_timer)) /* its place in the heap is there */
        (void)!io_timer_start(clean->_log->io, &clean->_timer, io_now_ns(clean->_log->io));
}

void log_clean_change_pace(struct log_clean *clean)
{
    struct io *io = clean->_log->io;
    if (io_timer_running(&clean->_timer) && !clean->_stop)
        (void)!io_timer_start(io, &clean->_timer, io_now_ns(io) + clean->pause_ns(clean, clean->_step_bytes_done));
}
