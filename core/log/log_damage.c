/* What of a log is damaged: remembered by place and offsets, and found when a read comes to it. */
#include "core/log/log_internal.h"
#include "core/log/walk.h"

enum { DAMAGES_MAX = 256, SURVEY_FINDS = 16 };

int log_damage_count(const struct log *log)
{
    return log->damage_count;
}

const struct log_damage *log_damage_at(const struct log *log, int index)
{
    ASSERT(index >= 0 && index < log->damage_count);
    return &log->damages[index];
}

const struct log_damage *log_damage_behind(const struct log *log, const struct segment *segment, int64_t pos)
{
    for (int32_t i = 0; i < log->damage_count; i++)
        if (log->damages[i].segment_offset == segment->base_offset && log->damages[i].end_pos > pos)
            return &log->damages[i];
    return NULL;
}

bool log_is_damaged_at(const struct log *log, int64_t offset)
{
    for (int32_t i = 0; i < log->damage_count; i++)
        if (log->damages[i].offset <= offset && offset < log->damages[i].end_offset)
            return true;
    return false;
}

static bool make_room(struct log *log)
{
    if (log->damage_count < log->damage_capacity)
        return true;
    if (log->damage_count == DAMAGES_MAX)
        return false;
    int32_t larger = log->damage_capacity == 0 ? 4 : log->damage_capacity * 2;
    void *moved = mem_resize(log->mem, log->damages, (size_t)log->damage_capacity * sizeof(*log->damages),
                             (size_t)larger * sizeof(*log->damages));
    if (moved == NULL)
        return false;
    log->damages = moved;
    log->damage_capacity = larger;
    return true;
}

/* At the same place or behind it. */
static bool is_behind(const struct log_damage *one, const struct log_damage *other)
{
    return one->segment_offset != other->segment_offset ? one->segment_offset > other->segment_offset
                                                        : one->pos >= other->pos;
}

bool log_note_damage(struct log *log, const struct log_damage *damage)
{
    ASSERT(damage->offset <= damage->end_offset && damage->pos <= damage->end_pos);
    int32_t place = log->damage_count;
    while (place > 0 && is_behind(&log->damages[place - 1], damage))
        place--;
    if (place < log->damage_count && is_behind(damage, &log->damages[place])) /* known */
        return true;
    /* A file with more holes than that is lost from its last one on: the list stays short, reads stay right. */
    struct log_damage *before = place == 0 ? NULL : &log->damages[place - 1];
    if (!make_room(log)) {
        if (before == NULL || before->segment_offset != damage->segment_offset)
            return false;
        before->end_offset = damage->end_offset;
        before->end_pos = damage->end_pos;
        return true;
    }
    for (int32_t i = log->damage_count++; i > place; i--)
        log->damages[i] = log->damages[i - 1];
    log->damages[place] = *damage;
    return true;
}

void log_forget_damage(struct log *log, const struct segment *segment)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < log->damage_count; i++)
        if (log->damages[i].segment_offset != segment->base_offset)
            log->damages[kept++] = log->damages[i];
    log->damage_count = kept;
}

/* ---- a read has met some ----------------------------------------------------------------------------------------- */

struct survey {
    struct io_job job;
    struct log_read *read;
    struct walk walk;
    int64_t base_offset, end_offset, met_pos;
    struct log_damage finds[SURVEY_FINDS];
    int count;
    enum err err;
    uint8_t bytes[WALK_BYTES];
};

/* One stretch of it: from where the walk stands to the next good batch, or to the end of the segment. */
static enum err find_end(struct survey *survey)
{
    struct walk *walk = &survey->walk;
    struct log_damage *find = &survey->finds[survey->count];
    *find = (struct log_damage){.offset = walk->next_offset, .segment_offset = survey->base_offset, .pos = walk->pos};
    enum err err = walk_resync(walk, survey->end_offset);
    if (err == ERR_NOT_FOUND) {
        walk->pos = walk->size;
        walk->next_offset = survey->end_offset;
        err = ERR_OK;
    }
    find->end_pos = walk->pos;
    find->end_offset = walk->next_offset;
    survey->count += err == ERR_OK;
    return err;
}

static void survey_work(struct io_job *job, struct fs *fs)
{
    struct survey *survey = CONTAINER_OF(job, struct survey, job);
    struct walk *walk = &survey->walk;
    struct batch_header header;
    int64_t pos;
    walk->fs = fs;
    while (survey->err == ERR_OK && walk->pos <= survey->met_pos && survey->count < SURVEY_FINDS) {
        survey->err = walk_next(walk, &header, &pos);
        if (survey->err == ERR_CORRUPT)
            survey->err = find_end(survey);
    }
    if (survey->err == ERR_NOT_FOUND)
        survey->err = ERR_OK;
}

static void survey_done(struct io_job *job)
{
    struct survey *survey = CONTAINER_OF(job, struct survey, job);
    struct log_read *read = survey->read;
    struct log *log = read->_log;
    enum err err = survey->err;
    for (int i = 0; i < survey->count && err == ERR_OK; i++) {
        int32_t before = log->damage_count;
        if (!log_note_damage(log, &survey->finds[i]))
            err = ERR_CORRUPT; /* not remembered, and so not passed */
        else if (log->damage_count > before && log->listener != NULL && log->listener->damaged != NULL)
            log->listener->damaged(log->listener, &survey->finds[i]);
    }
    /* Every batch is whole: then the index has sent us to a place where none begins. */
    if (err == ERR_OK && survey->count == 0)
        segment_drop_index(log->mem, read->_segment);
    MEM_DELETE(log->mem, survey);
    log->surveys--;
    log_read_surveyed(read, err);
}

bool log_survey(struct log_read *read)
{
    struct log *log = read->_log;
    struct segment *segment = read->_segment;
    struct survey *survey = MEM_NEW(log->mem, struct survey);
    if (survey == NULL)
        return false;
    survey->read = read;
    survey->base_offset = segment->base_offset;
    survey->end_offset = segment->end_offset;
    survey->met_pos = read->_scan_pos;
    survey->walk = (struct walk){.file = segment->file,
                                 .size = segment->size,
                                 .next_offset = segment->base_offset,
                                 .bytes = survey->bytes,
                                 .capacity = sizeof(survey->bytes)};
    survey->job = (struct io_job){.work = survey_work, .done = survey_done};
    log->surveys++;
    io_job_start(log->io, &survey->job);
    return true;
}
