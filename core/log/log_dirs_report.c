/* The checkpoint files: every shard sends what it has to the control shard, which keeps it as lines and writes the
 * files of all directories in one job. Reports that come while one is written go into the next. */
#include "core/log/log_dirs_internal.h"
#include "core/wire/crc32c.h"

#include <stdio.h>

static void round_start(struct log_dirs *dirs);

static int control_of(const struct log_dirs *dirs)
{
    return dirs->shard_count - 1;
}

/* ---- a report comes in
 * ------------------------------------------------------------------------------------------------ */

static void answered(struct io_msg *msg, struct io *io)
{
    struct log_dirs_report *report = CONTAINER_OF(msg, struct log_dirs_report, _msg);
    report->done(report);
}

static void answer(struct log_dirs_report *report, enum err err)
{
    report->err = err;
    report->_msg.run = answered;
    io_post(report->_dirs->io, report->_shard, &report->_msg);
}

static void add_line(struct log_dirs_lines *lines, struct slice topic, int32_t partition, int64_t offset)
{
    checkpoint_printf(&lines->text, "%.*s %d %lld\n", SLICE_ARG(topic), partition, (long long)offset);
    lines->count++;
}

/* Replaces what the shard reported before. */
static enum err keep(struct log_dirs *dirs, const struct log_dirs_report *report)
{
    struct log_dirs_shard *shard = &dirs->shards[report->_shard];
    size_t count = (size_t)dirs->count * CHECKPOINT_KINDS;
    bool failed = false;
    for (size_t i = 0; i < count; i++) {
        shard->lines[i].text.length = 0;
        shard->lines[i].text.failed = false;
        shard->lines[i].count = 0;
    }
    for (int i = 0; i < dirs->count; i++) {
        shard->described[i].text.length = 0;
        shard->described[i].text.failed = false;
        shard->described[i].count = 0;
    }
    for (int32_t i = 0; i < report->count; i++) {
        const struct log_dirs_entry *entry = &report->entries[i];
        ASSERT(entry->dir >= 0 && entry->dir < dirs->count);
        struct log_dirs_lines *lines = &shard->lines[(size_t)entry->dir * CHECKPOINT_KINDS];
        add_line(&lines[CHECKPOINT_RECOVERY_POINT], entry->topic, entry->partition, entry->recovery_point);
        add_line(&lines[CHECKPOINT_HIGH_WATERMARK], entry->topic, entry->partition, entry->high_watermark);
        if (entry->start_offset > 0)
            add_line(&lines[CHECKPOINT_LOG_START], entry->topic, entry->partition, entry->start_offset);
        if (entry->cleaned_offset > 0)
            add_line(&lines[CHECKPOINT_CLEANED], entry->topic, entry->partition, entry->cleaned_offset);
        if (entry->description.length > 0)
            log_dirs_keep_description(&shard->described[entry->dir], entry);
        struct log_dirs_found *found = log_dirs_lookup(dirs, entry->topic, entry->partition);
        if (found != NULL)
            found->reported = true;
    }
    for (size_t i = 0; i < count; i++)
        failed |= shard->lines[i].text.failed;
    shard->has_reported = true;
    return failed ? ERR_NO_MEMORY : ERR_OK;
}

static void arrived(struct io_msg *msg, struct io *io)
{
    struct log_dirs_report *report = CONTAINER_OF(msg, struct log_dirs_report, _msg);
    struct log_dirs *dirs = report->_dirs;
    enum err err = keep(dirs, report);
    if (err != ERR_OK) {
        answer(report, err);
        return;
    }
    list_push_back(&dirs->round.waiting, &report->_link);
    if (!dirs->round.running)
        round_start(dirs);
}

void log_dirs_report(struct log_dirs *dirs, struct io *io, struct log_dirs_report *report)
{
    report->_dirs = dirs;
    report->_shard = io_shard(io);
    report->_msg.run = arrived;
    list_init(&report->_link);
    io_post(io, control_of(dirs), &report->_msg);
}

/* ---- writing
 * ----------------------------------------------------------------------------------------------------------- */

/* What was found at open and no shard has told of yet: until each has, dropping it would forget log starts. */
static void add_found(const struct log_dirs *dirs, int dir, int kind, struct log_dirs_lines *lines)
{
    MAP_EACH(i, &dirs->found)
    {
        const struct log_dirs_found *found = dirs->found.entries[i].value;
        bool only_some = kind == CHECKPOINT_LOG_START || kind == CHECKPOINT_CLEANED;
        if (found->dir == dir && !found->reported && (!only_some || found->offsets[kind] > 0))
            add_line(lines, slice_of(found->topic, found->topic_length), found->partition, found->offsets[kind]);
    }
}

static bool all_reported(const struct log_dirs *dirs)
{
    for (int s = 0; s < dirs->shard_count; s++)
        if (!dirs->shards[s].has_reported && (s != control_of(dirs) || dirs->shard_count == 1))
            return false;
    return true;
}

static void make_file(const struct log_dirs *dirs, int dir, int kind, struct checkpoint_text *file)
{
    struct log_dirs_lines rest;
    checkpoint_text_init(&rest.text, dirs->mem);
    rest.count = 0;
    if (!all_reported(dirs))
        add_found(dirs, dir, kind, &rest);
    int32_t count = rest.count;
    size_t place = (size_t)dir * CHECKPOINT_KINDS + (size_t)kind;
    for (int s = 0; s < dirs->shard_count; s++)
        count += dirs->shards[s].lines[place].count;
    checkpoint_printf(file, "0\n%d\n", count);
    for (int s = 0; s < dirs->shard_count; s++) {
        const struct log_dirs_lines *lines = &dirs->shards[s].lines[place];
        file->failed |= lines->text.failed;
        checkpoint_add(file, slice_of(lines->text.data, lines->text.length));
    }
    file->failed |= rest.text.failed;
    checkpoint_add(file, slice_of(rest.text.data, rest.text.length));
    checkpoint_text_fini(&rest.text);
}

static enum err make_files(struct log_dirs *dirs)
{
    size_t count = (size_t)dirs->count * CHECKPOINT_KINDS;
    struct checkpoint_text *files = mem_alloc_zero(dirs->mem, count * sizeof(*files));
    if (files == NULL)
        return ERR_NO_MEMORY;
    bool failed = false;
    for (size_t i = 0; i < count; i++) {
        checkpoint_text_init(&files[i], dirs->mem);
        make_file(dirs, (int)(i / CHECKPOINT_KINDS), (int)(i % CHECKPOINT_KINDS), &files[i]);
        failed |= files[i].failed;
    }
    dirs->round.files = files;
    return failed ? ERR_NO_MEMORY : ERR_OK;
}

static void free_files(struct log_dirs *dirs)
{
    size_t count = (size_t)dirs->count * CHECKPOINT_KINDS;
    for (size_t i = 0; dirs->round.files != NULL && i < count; i++)
        checkpoint_text_fini(&dirs->round.files[i]);
    mem_free(dirs->mem, dirs->round.files, count * sizeof(*dirs->round.files));
    dirs->round.files = NULL;
}

static void write_work(struct io_job *job, struct fs *fs)
{
    struct log_dirs *dirs = CONTAINER_OF(job, struct log_dirs, round.job);
    char path[FS_PATH_MAX];
    for (int dir = 0; dir < dirs->count; dir++) {
        for (int kind = 0; kind < CHECKPOINT_KINDS && !log_dirs_is_offline(dirs, dir); kind++) {
            const struct checkpoint_text *file = &dirs->round.files[dir * CHECKPOINT_KINDS + kind];
            int length = snprintf(path, sizeof(path), "%s/%s", dirs->dirs[dir].path,
                                  checkpoint_file_name((enum checkpoint_kind)kind));
            enum err err = ERR_INVALID;
            if (length > 0 && (size_t)length < sizeof(path))
                err = fs_write_file(fs, path, file->data, file->length);
            if (err == ERR_OK && kind == CHECKPOINT_RECOVERY_POINT)
                dirs->dirs[dir].recovery_crc = crc32c(0, file->data, file->length);
            if (err == ERR_OK)
                continue;
            dirs->round.err = err;
            if (err != ERR_NO_SPACE) /* the old file is still whole; space may come back */
                log_dirs_fail(dirs, dir);
        }
    }
}

static void round_finish(struct log_dirs *dirs)
{
    struct log_dirs_round *round = &dirs->round;
    free_files(dirs);
    round->running = false;
    for (struct list *link; (link = list_pop_front(&round->current)) != NULL;)
        answer(CONTAINER_OF(link, struct log_dirs_report, _link), round->err);
}

static void write_done(struct io_job *job)
{
    struct log_dirs *dirs = CONTAINER_OF(job, struct log_dirs, round.job);
    round_finish(dirs);
    if (!list_empty(&dirs->round.waiting))
        round_start(dirs);
}

static void round_start(struct log_dirs *dirs)
{
    struct log_dirs_round *round = &dirs->round;
    ASSERT(!round->running);
    list_splice(&round->current, &round->waiting);
    round->running = true;
    round->err = make_files(dirs);
    if (round->err != ERR_OK) {
        round_finish(dirs);
        return;
    }
    round->job = (struct io_job){.work = write_work, .done = write_done};
    io_job_start(dirs->io, &round->job);
}
