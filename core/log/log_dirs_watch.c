/* Free space against the reserve, and the remains of deleted topics. */
#include "core/log/log_dirs_internal.h"
#include "io/reactor/diag.h"

#include <stdio.h>

/* ---- directories that go
 * ---------------------------------------------------------------------------------------------- */

static enum err rename_away(struct fs *fs, const char *path, const uint64_t random[2], const char *mark,
                            char retired[FS_PATH_MAX])
{
    enum { NAME_MAX_BYTES = 255, SUFFIX_BYTES = 1 + 32 + 7 };
    char parent[FS_PATH_MAX];
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    int kept = (int)size_min(strlen(name), NAME_MAX_BYTES - SUFFIX_BYTES);
    int parent_length = slash == NULL ? 1 : (int)(slash - path);
    snprintf(parent, sizeof(parent), "%.*s", parent_length, slash == NULL ? "." : path);
    int length = snprintf(retired, FS_PATH_MAX, "%s/%.*s.%016llx%016llx-%s", parent, kept, name,
                          (unsigned long long)random[0], (unsigned long long)random[1], mark);
    if (length <= 0 || length >= FS_PATH_MAX)
        return ERR_INVALID;
    enum err err = fs_rename(fs, path, retired);
    if (err == ERR_NOT_FOUND) {
        retired[0] = '\0';
        return ERR_OK;
    }
    return err == ERR_OK ? fs_sync_directory(fs, parent) : err;
}

enum err log_dirs_retire(struct fs *fs, const char *path, const uint64_t random[2], char retired[FS_PATH_MAX])
{
    return rename_away(fs, path, random, "delete", retired);
}

enum err log_dirs_put_aside(struct fs *fs, const char *path, const uint64_t random[2], char stray[FS_PATH_MAX])
{
    return rename_away(fs, path, random, "stray", stray);
}

static void put_strays_away(struct log_dirs *dirs, struct fs *fs)
{
    char stray[FS_PATH_MAX];
    struct checkpoint_text *strays = &dirs->strays;
    for (size_t at = 0; at < strays->length; at += strlen(strays->data + at) + 1) {
        dirs->watch.random[1]++;
        if (rename_away(fs, strays->data + at, dirs->watch.random, "stray", stray) == ERR_OK && stray[0] != '\0')
            dirs->stray_count++;
    }
    strays->length = 0;
}

/* As many names as fit: a job has no memory of its own. */
struct some_names {
    char data[16 << 10];
    size_t length;
};

static bool note_name(void *context, const char *name, bool is_directory)
{
    struct some_names *names = context;
    size_t size = strlen(name) + 1;
    if (size > sizeof(names->data) - names->length)
        return false;
    memcpy(names->data + names->length, name, size);
    names->length += size;
    return true;
}

static enum err remove_files(struct fs *fs, const char *path, const struct some_names *names)
{
    char file[FS_PATH_MAX];
    enum err err = ERR_OK;
    for (size_t at = 0; err == ERR_OK && at < names->length; at += strlen(names->data + at) + 1) {
        int length = snprintf(file, sizeof(file), "%s/%s", path, names->data + at);
        err = length > 0 && (size_t)length < sizeof(file) ? fs_unlink(fs, file) : ERR_INVALID;
    }
    return err;
}

enum err log_dirs_remove(struct fs *fs, const char *path)
{
    for (;;) { /* ends: every round removes what it has listed, or fails */
        struct some_names names;
        names.length = 0;
        enum err err = fs_list(fs, path, note_name, &names);
        if (err == ERR_OK && names.length > 0)
            err = remove_files(fs, path, &names);
        else if (err == ERR_OK)
            return fs_remove_directory(fs, path);
        if (err != ERR_OK)
            return err == ERR_NOT_FOUND ? ERR_OK : err;
    }
}

/* ---- the watch
 * ----------------------------------------------------------------------------------------------------------- */

static void measure(struct log_dirs *dirs, struct fs *fs, struct log_dir *dir)
{
    int64_t total, left;
    /* A file system that does not say how full it is says so at the next write. */
    if (fs_space(fs, dir->path, &total, &left) != ERR_OK)
        return;
    atomic_store_explicit(&dir->total_bytes, total, memory_order_relaxed);
    atomic_store_explicit(&dir->free_bytes, left, memory_order_relaxed);
    atomic_store_explicit(&dir->full, left < dirs->watch.reserve_bytes, memory_order_relaxed);
}

/* One at a time: removing is slow, and measuring is what must not be late. */
static void remove_one(struct log_dirs *dirs, struct fs *fs)
{
    struct checkpoint_text *deleted = &dirs->deleted;
    if (deleted->length == 0)
        return;
    size_t last = deleted->length - 1;
    while (last > 0 && deleted->data[last - 1] != '\0')
        last--;
    /* What cannot be removed now is found again at the next start. */
    enum err ignored = log_dirs_remove(fs, deleted->data + last);
    MAYBE(ignored == ERR_OK);
    deleted->length = last;
}

static void watch_work(struct io_job *job, struct fs *fs)
{
    struct log_dirs *dirs = CONTAINER_OF(job, struct log_dirs, watch.job);
    for (int i = 0; i < dirs->count; i++)
        if (!log_dirs_is_offline(dirs, i))
            measure(dirs, fs, &dirs->dirs[i]);
    put_strays_away(dirs, fs);
    remove_one(dirs, fs);
}

static void watch_ended(struct io_msg *msg, struct io *io)
{
    struct log_dirs_unwatch *unwatch = CONTAINER_OF(msg, struct log_dirs_unwatch, _msg);
    unwatch->done(unwatch);
}

/* What has changed since the last look, once. */
static void say_changes(struct log_dirs *dirs, int index)
{
    struct log_dir *dir = &dirs->dirs[index];
    bool offline = log_dirs_is_offline(dirs, index), full = log_dirs_is_full(dirs, index);
    long long free_bytes = (long long)atomic_load_explicit(&dir->free_bytes, memory_order_relaxed);
    if (offline && !dir->said_offline)
        DIAG(dirs->io, DIAG_ERROR, "a log directory is offline until a restart", "path=%s", dir->path);
    if (full && !dir->said_full)
        DIAG(dirs->io, DIAG_ERROR, "a log directory is full: producing to it is refused",
             "path=%s free_bytes=%lld reserve_bytes=%lld", dir->path, free_bytes, (long long)dirs->watch.reserve_bytes);
    else if (!full && dir->said_full)
        DIAG(dirs->io, DIAG_INFO, "a log directory has room again", "path=%s free_bytes=%lld", dir->path, free_bytes);
    dir->said_offline = offline;
    dir->said_full = full;
}

static void watch_done(struct io_job *job)
{
    struct log_dirs *dirs = CONTAINER_OF(job, struct log_dirs, watch.job);
    struct log_dirs_watch *watch = &dirs->watch;
    for (int i = 0; i < dirs->count; i++)
        say_changes(dirs, i);
    watch->running = false;
    if (dirs->stray_count > 0)
        DIAG(dirs->io, DIAG_WARN, "partitions that are of no topic of this cluster were put away",
             "count=%d suffix=-stray", dirs->stray_count);
    dirs->stray_count = 0;
    if (watch->unwatch != NULL) {
        io_post(dirs->io, io_shard(dirs->io), &watch->unwatch->_msg);
        watch->unwatch = NULL;
    } else if (watch->wants_strays) {
        log_dirs_put_away_strays(dirs);
    }
}

static void watch_start(struct log_dirs *dirs)
{
    dirs->watch.running = true;
    dirs->watch.job = (struct io_job){.work = watch_work, .done = watch_done};
    io_job_start(dirs->io, &dirs->watch.job);
}

void log_dirs_put_away_strays(struct log_dirs *dirs)
{
    char path[FS_PATH_MAX];
    dirs->watch.wants_strays = dirs->watch.running; /* the job has the list */
    if (dirs->watch.running)
        return;
    MAP_EACH(i, &dirs->found)
    {
        const struct log_dirs_found *found = dirs->found.entries[i].value;
        struct slice topic = slice_of(found->topic, found->topic_length);
        if (!atomic_load_explicit(&found->claimed, memory_order_relaxed) && !log_dirs_is_offline(dirs, found->dir) &&
            log_dirs_join(dirs, found->dir, topic, found->partition, path))
            checkpoint_add(&dirs->strays, slice_of(path, strlen(path) + 1));
    }
    dirs->strays.failed = false; /* without memory for all of them: the others at the next start */
    if (dirs->strays.length == 0)
        return;
    dirs->watch.random[0] = io_random(dirs->io);
    dirs->watch.random[1] = io_random(dirs->io);
    watch_start(dirs);
}

static void watch_fire(struct io_timer *timer)
{
    struct log_dirs *dirs = CONTAINER_OF(timer, struct log_dirs, watch.timer);
    /* Its place in the heap has just come free: this cannot fail. */
    enum err err = io_timer_start(dirs->io, timer, io_now_ns(dirs->io) + dirs->watch.interval_ms * 1000000);
    ASSERT(err == ERR_OK);
    if (dirs->watch.running) /* a slow device: measured the next time */
        return;
    watch_start(dirs);
}

enum err log_dirs_watch(struct log_dirs *dirs, int64_t interval_ms, int64_t reserve_bytes)
{
    struct log_dirs_watch *watch = &dirs->watch;
    ASSERT(interval_ms > 0 && !watch->running);
    watch->interval_ms = interval_ms;
    watch->reserve_bytes = reserve_bytes;
    watch->timer.fire = watch_fire;
    return io_timer_start(dirs->io, &watch->timer, io_now_ns(dirs->io));
}

void log_dirs_unwatch(struct log_dirs *dirs, struct log_dirs_unwatch *unwatch)
{
    ASSERT(dirs->watch.unwatch == NULL);
    io_timer_stop(dirs->io, &dirs->watch.timer);
    unwatch->_msg.run = watch_ended;
    if (dirs->watch.running)
        dirs->watch.unwatch = unwatch;
    else
        io_post(dirs->io, io_shard(dirs->io), &unwatch->_msg);
}
