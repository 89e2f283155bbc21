/* Producer snapshots: `<end offset>.snapshot` says what the idempotent producers had written below that offset.
 *
 * Written at a clean stop and, by a job, with every recovery-point checkpoint when the log has grown. After a crash the
 * newest one that does not lie above the recovery point is read and only the batches behind it are replayed: what is
 * above may speak of batches that were lost. The last two are kept, since the newest may be such a one. */
#include "core/partition/shard_data_internal.h"

#include <stdio.h>

enum { SNAPSHOT_FILE_MAX = 64 << 20, NAME_DIGITS = 20 };

static bool snapshot_path(const char *directory, int64_t offset, char path[FS_PATH_MAX])
{
    int length = snprintf(path, FS_PATH_MAX, "%s/%0*lld.snapshot", directory, NAME_DIGITS, (long long)offset);
    return length > 0 && length < FS_PATH_MAX;
}

/* ---- finding --------------------------------------------------------------------------------------------------- */

struct search {
    int64_t most;
    int64_t best; /* -1: none */
};

static bool parse_name(const char *name, int64_t *offset)
{
    *offset = 0;
    if (strlen(name) != NAME_DIGITS + 9 || strcmp(name + NAME_DIGITS, ".snapshot") != 0)
        return false;
    for (int i = 0; i < NAME_DIGITS; i++)
        if (name[i] < '0' || name[i] > '9' || __builtin_mul_overflow(*offset, 10, offset) ||
            __builtin_add_overflow(*offset, name[i] - '0', offset))
            return false;
    return true;
}

static bool visit(void *context, const char *name, bool is_directory)
{
    struct search *search = context;
    int64_t offset;
    if (!is_directory && parse_name(name, &offset) && offset <= search->most && offset > search->best)
        search->best = offset;
    return true;
}

struct sweep {
    struct fs *fs;
    const char *directory;
    int64_t keep, keep_too;
    enum err err;
};

static bool sweep_one(void *context, const char *name, bool is_directory)
{
    struct sweep *sweep = context;
    char path[FS_PATH_MAX];
    int64_t offset;
    if (is_directory || !parse_name(name, &offset) || offset == sweep->keep || offset == sweep->keep_too)
        return true;
    enum err err = snapshot_path(sweep->directory, offset, path) ? fs_unlink(sweep->fs, path) : ERR_INVALID;
    if (err != ERR_OK && err != ERR_NOT_FOUND)
        sweep->err = err;
    return true;
}

/* One above the recovery point would be taken for true when other batches have got its offset: it must go. */
static enum err sweep_others(struct fs *fs, const char *directory, int64_t keep, int64_t keep_too)
{
    struct sweep sweep = {fs, directory, keep, keep_too, ERR_OK};
    enum err err = fs_list(fs, directory, sweep_one, &sweep);
    return err == ERR_OK ? sweep.err : err;
}

static enum err read_at(struct shard_data *data, struct partition *partition, const char *directory, int64_t offset)
{
    char path[FS_PATH_MAX];
    void *bytes;
    size_t length;
    if (!snapshot_path(directory, offset, path))
        return ERR_INVALID;
    enum err err = fs_read_file(io_fs(data->io), data->mem, path, SNAPSHOT_FILE_MAX, &bytes, &length);
    if (err != ERR_OK)
        return err;
    err = producer_snapshot_read(&partition->producers, slice_of(bytes, length));
    mem_free(data->mem, bytes, length + 1);
    return err;
}

enum err snapshot_load(struct shard_data *data, struct partition *partition, const char *directory, int64_t most,
                       int64_t *offset)
{
    struct search search = {.most = most, .best = -1};
    *offset = 0;
    struct fs *fs = io_fs(data->io);
    enum err err = fs_list(fs, directory, visit, &search);
    if (err != ERR_OK)
        return err == ERR_NOT_FOUND ? ERR_OK : err;
    if (search.best >= 0) {
        err = read_at(data, partition, directory, search.best);
        if (err != ERR_OK && err != ERR_CORRUPT)
            return err;
        if (err == ERR_OK)
            *offset = partition->_snapshot_offset = search.best;
        else
            search.best = -1; /* as good as none: everything is replayed */
    }
    err = sweep_others(fs, directory, search.best, search.best);
    partition->_snapshots_known = err == ERR_OK;
    return err;
}

enum err snapshot_load_clean(struct shard_data *data, struct partition *partition)
{
    int64_t end = log_end_offset(partition->log);
    enum err err = read_at(data, partition, log_directory(partition->log), end);
    if (err != ERR_OK)
        return err == ERR_NO_MEMORY ? err : ERR_NOT_FOUND;
    partition->_snapshot_offset = end;
    err = sweep_others(io_fs(data->io), log_directory(partition->log), end, end);
    partition->_snapshots_known = err == ERR_OK;
    return err;
}

/* Nothing when there are none. */
bool snapshot_describe(struct shard_data *data, const struct partition *partition, struct checkpoint_text *text)
{
    if (partition->producers.entries.count == 0)
        return true;
    size_t size = producer_snapshot_size(&partition->producers);
    uint8_t *bytes = mem_alloc(data->mem, size);
    if (bytes == NULL)
        return false;
    producer_snapshot_write(&partition->producers, bytes);
    checkpoint_add(text, slice_of(bytes, size));
    mem_free(data->mem, bytes, size);
    return true;
}

enum err snapshot_take(struct partition *partition, struct slice bytes)
{
    partition->_snapshot_offset = log_end_offset(partition->log); /* written by that stop, too */
    return bytes.length == 0 ? ERR_OK : producer_snapshot_read(&partition->producers, bytes);
}

int64_t snapshot_oldest(const struct partition *partition)
{
    if (!partition->_snapshots_known)
        return 0;
    int64_t oldest = partition->_snapshot_before > 0 ? partition->_snapshot_before : partition->_snapshot_offset;
    return oldest > 0 ? oldest : INT64_MAX;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

/* Not flushed: its CRC says whether all of it got there, and without it the batches are read. A stop with thousands of
 * partitions has no time for three journal commits each. */
static enum err write_plain(struct fs *fs, const char *path, const void *bytes, size_t size)
{
    io_file file;
    enum err err = fs_open(fs, path, FS_WRITE | FS_CREATE | FS_TRUNCATE, &file);
    if (err != ERR_OK)
        return err;
    err = fs_write(fs, file, bytes, size, 0);
    fs_close(fs, file);
    return err;
}

enum err snapshot_store(struct shard_data *data, struct partition *partition)
{
    char path[FS_PATH_MAX];
    int64_t end = log_end_offset(partition->log);
    if (end == 0 || end == partition->_snapshot_offset) /* nothing written since */
        return ERR_OK;
    size_t size = producer_snapshot_size(&partition->producers);
    uint8_t *bytes = mem_alloc(data->mem, size);
    if (bytes == NULL)
        return ERR_NO_MEMORY;
    producer_snapshot_write(&partition->producers, bytes);
    enum err err = ERR_INVALID;
    if (snapshot_path(log_directory(partition->log), end, path))
        err = write_plain(io_fs(data->io), path, bytes, size);
    mem_free(data->mem, bytes, size);
    return err;
}

struct snapshot_job {
    struct io_job job;
    struct partition *partition;
    int64_t offset, previous; /* previous: it stays */
    uint8_t *bytes;
    size_t size;
    const char *directory;
    char path[FS_PATH_MAX], old[FS_PATH_MAX]; /* old: empty when there is none to remove */
    bool sweeps;                              /* nobody knows what else there is */
    enum err err;
};

static void write_work(struct io_job *job, struct fs *fs)
{
    struct snapshot_job *snapshot = CONTAINER_OF(job, struct snapshot_job, job);
    snapshot->err = fs_write_file(fs, snapshot->path, snapshot->bytes, snapshot->size);
    if (snapshot->err == ERR_OK && snapshot->old[0] != '\0') {
        enum err err = fs_unlink(fs, snapshot->old);
        snapshot->err = err == ERR_NOT_FOUND ? ERR_OK : err; /* snapshot_oldest() would be wrong */
    }
    if (snapshot->err == ERR_OK && snapshot->sweeps)
        snapshot->err = sweep_others(fs, snapshot->directory, snapshot->offset, snapshot->previous);
}

static void write_done(struct io_job *job)
{
    struct snapshot_job *snapshot = CONTAINER_OF(job, struct snapshot_job, job);
    struct partition *partition = snapshot->partition;
    struct shard_data *data = partition->_data;
    if (snapshot->err == ERR_OK) {
        partition->_snapshot_before = partition->_snapshot_offset;
        partition->_snapshot_offset = snapshot->offset;
        partition->_snapshots_known = true;
    }
    if (snapshot->err == ERR_IO)
        log_dirs_fail(data->options.dirs, partition->_dir);
    mem_free(data->mem, snapshot->bytes, snapshot->size);
    MEM_DELETE(data->mem, snapshot);
    partition->_snapshot_running = false;
    data->jobs--;
    life_retire(partition);
}

void snapshot_checkpoint(struct shard_data *data, struct partition *partition)
{
    int64_t end = log_end_offset(partition->log);
    /* While a write is on its way the producers are ahead of the log. */
    if (partition->_write != NULL || partition->_snapshot_running || partition->_task != NULL || end == 0 ||
        end == partition->_snapshot_offset)
        return;
    struct snapshot_job *snapshot = MEM_NEW(data->mem, struct snapshot_job);
    if (snapshot == NULL)
        return; /* at the next checkpoint */
    snapshot->partition = partition;
    snapshot->offset = end;
    snapshot->previous = partition->_snapshot_offset;
    snapshot->sweeps = !partition->_snapshots_known;
    snapshot->size = producer_snapshot_size(&partition->producers);
    snapshot->bytes = mem_alloc(data->mem, snapshot->size);
    const char *directory = snapshot->directory = log_directory(partition->log);
    bool named =
        snapshot_path(directory, end, snapshot->path) &&
        (partition->_snapshot_before == 0 || snapshot_path(directory, partition->_snapshot_before, snapshot->old));
    if (snapshot->bytes == NULL || !named) {
        mem_free(data->mem, snapshot->bytes, snapshot->size);
        MEM_DELETE(data->mem, snapshot);
        return;
    }
    producer_snapshot_write(&partition->producers, snapshot->bytes);
    partition->_snapshot_running = true;
    data->jobs++;
    snapshot->job = (struct io_job){.work = write_work, .done = write_done};
    io_job_start(data->io, &snapshot->job);
}
