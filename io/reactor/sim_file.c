/* File calls of simulated nodes: every one that may change the disk is counted, watched, and may fail on purpose. The
 * plain file system beside it is the harness's own view: not counted, never failing. */
#include "io/reactor/sim_disk.h"

#include <stdlib.h>

enum { OPERATION_MIN_NS = 5000, OPERATION_MAX_NS = 300000 };

static struct sim_fs *fs_of(struct fs *fs)
{
    return (struct sim_fs *)fs;
}

static struct sim_disk *disk_of(struct fs *fs)
{
    return fs_of(fs)->disk;
}

/* ---- counting and faults
 * ----------------------------------------------------------------------------------------------- */

static bool by_chance(struct sim_disk *disk, uint32_t ppm)
{
    return ppm > 0 && disk->sim != NULL && prng_chance(&disk->sim->machine, ppm);
}

/* What happens to the operation that is about to take effect. */
static enum err count_operation(struct sim_disk *disk, uint32_t ppm)
{
    if (disk->watch != NULL)
        disk->watch->before(disk->watch, disk);
    uint64_t n = ++disk->operations;
    if (disk->fails_at != 0 && (disk->fails_on ? n >= disk->fails_at : n == disk->fails_at))
        return disk->failure;
    return by_chance(disk, ppm) ? ERR_IO : ERR_OK;
}

static enum err count_if(struct fs *fs, uint32_t ppm)
{
    return fs_of(fs)->counted ? count_operation(disk_of(fs), ppm) : ERR_OK;
}

static void note(struct sim_disk *disk, uint64_t what, uint64_t a, uint64_t b)
{
    if (disk->sim != NULL)
        sim_note(disk->sim, what, a, b);
}

/* Some of it may have been written before it went wrong. */
static enum err failed_write(struct sim_disk *disk, struct sim_inode *inode, const void *data, size_t length,
                             int64_t pos, enum err err, size_t *written)
{
    size_t part = disk->sim == NULL ? length / 2 : (size_t)prng_below(&disk->sim->machine, length + 1);
    if (part == length && part > 0)
        part--;
    *written = sim_disk_put(disk, inode, data, part, pos);
    return err;
}

enum err sim_disk_write(struct sim_disk *disk, io_file file, const void *data, size_t length, int64_t pos,
                        size_t *written)
{
    struct sim_inode *inode = sim_disk_handle(disk, file);
    if (disk->sim != NULL)
        sim_note_bytes(disk->sim, 'w', data, length);
    enum err err = count_operation(disk, disk->faults.write_ppm);
    if (err == ERR_OK && by_chance(disk, disk->faults.full_ppm))
        err = ERR_NO_SPACE;
    if (err != ERR_OK)
        return failed_write(disk, inode, data, length, pos, err, written);
    *written = sim_disk_put(disk, inode, data, length, pos);
    if (by_chance(disk, disk->faults.writeback_ppm))
        sim_disk_keep_some(inode, &disk->sim->machine);
    return *written == length ? ERR_OK : ERR_NO_SPACE;
}

enum err sim_disk_read(struct sim_disk *disk, io_file file, void *buffer, size_t length, int64_t pos, size_t *got)
{
    struct sim_inode *inode = sim_disk_handle(disk, file);
    enum err err = count_operation(disk, disk->faults.read_ppm);
    if (err == ERR_OK)
        *got = sim_disk_get(inode, buffer, length, pos);
    return err;
}

enum err sim_disk_sync(struct sim_disk *disk, io_file file)
{
    struct sim_inode *inode = sim_disk_handle(disk, file);
    note(disk, 's', (uint64_t)file, (uint64_t)inode->size);
    enum err err = count_operation(disk, disk->faults.sync_ppm);
    if (err == ERR_OK)
        sim_disk_keep(inode);
    else if (disk->sim != NULL)
        sim_disk_forget(inode, &disk->sim->machine);
    return err;
}

bool sim_disk_is_cold(struct sim_disk *disk)
{
    return by_chance(disk, disk->faults.cold_ppm);
}

int64_t sim_disk_delay(struct sim_disk *disk, struct sim *sim)
{
    int64_t slow_ns = by_chance(disk, disk->faults.slow_ppm) ? disk->faults.slow_ns : 0;
    return sim_delay(sim, OPERATION_MIN_NS, OPERATION_MAX_NS) + slow_ns;
}

/* ---- the table
 * ----------------------------------------------------------------------------------------------------------- */

static enum err file_open(struct fs *fs, const char *path, int flags, io_file *file)
{
    struct sim_disk *disk = disk_of(fs);
    enum err err = (flags & FS_CREATE) != 0 ? count_if(fs, disk->faults.name_ppm) : ERR_OK;
    if (err != ERR_OK)
        return err;
    err = sim_disk_open(disk, path, flags, file);
    note(disk, 'o', err == ERR_OK ? (uint64_t)*file : (uint64_t)err, (uint64_t)flags);
    return err;
}

static void file_close(struct fs *fs, io_file file)
{
    note(disk_of(fs), 'c', (uint64_t)file, 0);
    sim_disk_close(disk_of(fs), file);
}

static enum err file_read(struct fs *fs, io_file file, void *buffer, size_t length, int64_t pos, size_t *got)
{
    if (fs_of(fs)->counted)
        return sim_disk_read(disk_of(fs), file, buffer, length, pos, got);
    *got = sim_disk_get(sim_disk_handle(disk_of(fs), file), buffer, length, pos);
    return ERR_OK;
}

static enum err file_write(struct fs *fs, io_file file, const void *buffer, size_t length, int64_t pos)
{
    size_t written;
    if (fs_of(fs)->counted)
        return sim_disk_write(disk_of(fs), file, buffer, length, pos, &written);
    written = sim_disk_put(disk_of(fs), sim_disk_handle(disk_of(fs), file), buffer, length, pos);
    return written == length ? ERR_OK : ERR_NO_SPACE;
}

static enum err file_sync(struct fs *fs, io_file file)
{
    if (fs_of(fs)->counted)
        return sim_disk_sync(disk_of(fs), file);
    sim_disk_keep(sim_disk_handle(disk_of(fs), file));
    return ERR_OK;
}

static enum err file_truncate(struct fs *fs, io_file file, int64_t size)
{
    struct sim_disk *disk = disk_of(fs);
    note(disk, 'u', (uint64_t)file, (uint64_t)size);
    enum err err = count_if(fs, disk->faults.write_ppm);
    if (err == ERR_OK)
        sim_disk_cut_size(disk, sim_disk_handle(disk, file), size);
    return err;
}

static enum err file_allocate(struct fs *fs, io_file file, int64_t pos, int64_t length)
{
    struct sim_inode *inode = sim_disk_handle(disk_of(fs), file);
    enum err err = count_if(fs, disk_of(fs)->faults.write_ppm);
    int64_t growth = pos + length - inode->size;
    if (err == ERR_OK && growth > 0 && disk_of(fs)->used + growth > disk_of(fs)->capacity)
        err = ERR_NO_SPACE;
    return err; /* the size is kept, and space that nobody wrote is not counted as used */
}

static void fill_info(const struct sim_inode *inode, struct fs_info *info)
{
    *info = (struct fs_info){.size = inode->size,
                             .modified_ms = inode->modified_ms,
                             .allocated_bytes = inode->size,
                             .is_directory = inode->is_directory};
}

static enum err file_file_info(struct fs *fs, io_file file, struct fs_info *info)
{
    fill_info(sim_disk_handle(disk_of(fs), file), info);
    return ERR_OK;
}

static enum err file_info(struct fs *fs, const char *path, struct fs_info *info)
{
    struct sim_inode *inode;
    enum err err = sim_disk_find(disk_of(fs), path, &inode);
    if (err == ERR_OK)
        fill_info(inode, info);
    return err;
}

static enum err file_unlink(struct fs *fs, const char *path)
{
    enum err err = count_if(fs, disk_of(fs)->faults.name_ppm);
    return err == ERR_OK ? sim_disk_remove(disk_of(fs), path, false) : err;
}

static enum err file_rename(struct fs *fs, const char *from, const char *to)
{
    enum err err = count_if(fs, disk_of(fs)->faults.name_ppm);
    return err == ERR_OK ? sim_disk_rename(disk_of(fs), from, to) : err;
}

static enum err file_make_directory(struct fs *fs, const char *path)
{
    enum err err = count_if(fs, disk_of(fs)->faults.name_ppm);
    return err == ERR_OK ? sim_disk_make_directory(disk_of(fs), path) : err;
}

static enum err file_remove_directory(struct fs *fs, const char *path)
{
    enum err err = count_if(fs, disk_of(fs)->faults.name_ppm);
    return err == ERR_OK ? sim_disk_remove(disk_of(fs), path, true) : err;
}

static enum err file_sync_directory(struct fs *fs, const char *path)
{
    struct sim_inode *inode;
    enum err err = count_if(fs, disk_of(fs)->faults.sync_ppm);
    if (err == ERR_OK)
        err = sim_disk_find(disk_of(fs), path, &inode);
    if (err == ERR_OK)
        sim_disk_keep_directory(inode);
    return err;
}

static enum err file_check_written(struct fs *fs, io_file file)
{
    return count_if(fs, disk_of(fs)->faults.sync_ppm);
}

static enum err file_sync_all(struct fs *fs, const char *path)
{
    enum err err = count_if(fs, disk_of(fs)->faults.sync_ppm);
    sim_disk_keep_all(disk_of(fs), err == ERR_OK);
    return err;
}

static enum err file_lock(struct fs *fs, io_file file)
{
    struct sim_inode *inode = sim_disk_handle(disk_of(fs), file);
    if (inode->lock != IO_NONE && inode->lock != file)
        return ERR_BUSY;
    inode->lock = file;
    return ERR_OK;
}

static enum err file_space(struct fs *fs, const char *path, int64_t *total_bytes, int64_t *free_bytes)
{
    *total_bytes = disk_of(fs)->capacity;
    *free_bytes = disk_of(fs)->capacity - disk_of(fs)->used;
    return ERR_OK;
}

static enum err file_list(struct fs *fs, const char *path, fs_visit visit, void *context)
{
    struct sim_inode *inode;
    enum err err = sim_disk_find(disk_of(fs), path, &inode);
    if (err != ERR_OK)
        return err;
    if (!inode->is_directory)
        return ERR_INVALID;
    /* A copy: what is visited may be renamed or removed meanwhile. */
    int count = inode->now.count;
    struct sim_entry *entries = sim_new((size_t)(count + 1) * sizeof(*entries));
    if (count > 0)
        memcpy(entries, inode->now.items, (size_t)count * sizeof(*entries));
    for (int i = 0; i < count; i++)
        if (!visit(context, entries[i].name, entries[i].inode->is_directory))
            break;
    free(entries);
    return ERR_OK;
}

static const struct fs_backend sim_fs_backend = {
    .open = file_open,
    .close = file_close,
    .read = file_read,
    .write = file_write,
    .sync = file_sync,
    .truncate = file_truncate,
    .allocate = file_allocate,
    .file_info = file_file_info,
    .info = file_info,
    .unlink = file_unlink,
    .rename = file_rename,
    .make_directory = file_make_directory,
    .remove_directory = file_remove_directory,
    .sync_directory = file_sync_directory,
    .check_written = file_check_written,
    .sync_all = file_sync_all,
    .lock = file_lock,
    .space = file_space,
    .list = file_list,
};

void sim_file_init(struct sim_disk *disk)
{
    disk->plain = (struct sim_fs){.fs = {&sim_fs_backend}, .disk = disk};
    disk->counted = (struct sim_fs){.fs = {&sim_fs_backend}, .disk = disk, .counted = true};
}

/* ---- what the harness sets
 * --------------------------------------------------------------------------------------------- */

void sim_disk_fail(struct sim_disk *disk, uint64_t n, enum err err, bool again)
{
    disk->fails_at = n == 0 ? 0 : disk->operations + n;
    disk->failure = err;
    disk->fails_on = again;
}

void sim_disk_set_watch(struct sim_disk *disk, struct sim_disk_watch *watch)
{
    disk->watch = watch;
}
struct sim_disk_faults *sim_disk_faults(struct sim_disk *disk)
{
    return &disk->faults;
}
uint64_t sim_disk_operations(const struct sim_disk *disk)
{
    return disk->operations;
}
struct fs *sim_disk_fs(struct sim_disk *disk)
{
    return &disk->plain.fs;
}
struct fs *sim_disk_counted_fs(struct sim_disk *disk)
{
    return &disk->counted.fs;
}
