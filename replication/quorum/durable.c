#include "replication/quorum/internal.h"

#include "core/log/checkpoint.h"
#include "io/reactor/diag.h"

#include <stdio.h>

/* `recovery-point-offset-checkpoint` beside the segments, in the format of that of the data directories, says how far
 * the log was committed. A bad batch behind it is a write that the power cut short and is cut off; before it, something
 * that was committed is damaged. */

static const char topic_name[] = "__cluster_metadata";

static bool make_path(const struct quorum *quorum, char path[FS_PATH_MAX])
{
    int length =
        snprintf(path, FS_PATH_MAX, "%s/%s", quorum->directory, checkpoint_file_name(CHECKPOINT_RECOVERY_POINT));
    return length > 0 && length < FS_PATH_MAX;
}

static bool parse_point(struct slice text, int64_t *point)
{
    struct checkpoint_reader reader;
    struct checkpoint_entry entry;
    if (checkpoint_begin(&reader, text) != ERR_OK || checkpoint_next(&reader, &entry) != ERR_OK)
        return false;
    *point = entry.offset;
    return slice_equal_string(entry.topic, topic_name) && entry.partition == 0 && entry.offset >= 0;
}

enum err quorum_read_point(struct quorum *quorum, struct fs *fs, int64_t *point, bool *readable)
{
    enum { LIMIT = 4096 };
    char path[FS_PATH_MAX];
    void *data;
    size_t length;
    *point = 0;
    *readable = true;
    if (!make_path(quorum, path))
        return ERR_LIMIT;
    enum err err = fs_read_file(fs, quorum->mem, path, LIMIT, &data, &length);
    if (err == ERR_NOT_FOUND)
        return ERR_OK;
    if (err != ERR_OK)
        return err;
    *readable = parse_point(slice_of(data, length), point);
    if (!*readable) {
        DIAG(quorum->io, DIAG_WARN, "not a checkpoint; all of the metadata log must be whole", "path=%s", path);
        *point = 0;
    }
    mem_free(quorum->mem, data, length + 1);
    return ERR_OK;
}

static enum err write_point(const struct quorum *quorum, struct fs *fs, int64_t point)
{
    char path[FS_PATH_MAX], text[96];
    if (!make_path(quorum, path))
        return ERR_LIMIT;
    int length = snprintf(text, sizeof text, "0\n1\n%s 0 %lld\n", topic_name, (long long)point);
    return fs_write_file(fs, path, text, (size_t)length);
}

/* An older one serves as well, only less. */
static void note_ended(struct quorum *quorum, int64_t point, enum err err)
{
    if (err == ERR_OK)
        quorum->noted = point;
    else
        DIAG(quorum->io, DIAG_WARN, "the recovery point of the metadata log cannot be written", "error=\"%s\"",
             err_text(err));
}

void quorum_stop(struct quorum *quorum)
{
    quorum->is_stopping = true;
    io_timer_stop(quorum->io, &quorum->note_timer);
}

void quorum_note_committed(struct quorum *quorum, struct fs *fs)
{
    int64_t point = quorum->committed + 1;
    if (point > quorum->noted)
        note_ended(quorum, point, write_point(quorum, fs, point));
}

/* ---- now and then ------------------------------------------------------------------------------------------------ */

static void write_note(struct io_job *job, struct fs *fs)
{
    struct quorum *quorum = CONTAINER_OF(job, struct quorum, note);
    quorum->note_err = write_point(quorum, fs, quorum->note_point);
}

static void note_written(struct io_job *job)
{
    struct quorum *quorum = CONTAINER_OF(job, struct quorum, note);
    quorum->is_noting = false;
    note_ended(quorum, quorum->note_point, quorum->note_err);
    quorum_note_later(quorum);
}

static void note_is_due(struct io_timer *timer)
{
    struct quorum *quorum = CONTAINER_OF(timer, struct quorum, note_timer);
    quorum->is_noting = true;
    quorum->note_point = quorum->committed + 1;
    quorum->note = (struct io_job){.work = write_note, .done = note_written};
    io_job_start(quorum->io, &quorum->note);
}

void quorum_note_later(struct quorum *quorum)
{
    if (quorum->is_stopping || io_timer_running(&quorum->note_timer) || quorum->is_noting || quorum->failed ||
        quorum->committed + 1 <= quorum->noted)
        return;
    quorum->note_timer.fire = note_is_due;
    int64_t at_ns = io_now_ns(quorum->io) + quorum->note_interval_ms * 1000000;
    if (io_timer_start(quorum->io, &quorum->note_timer, at_ns) != ERR_OK)
        MAYBE(false); /* without memory for it: after the next commit */
}
