/* Blocking file calls: dispatch to the machine's table. */
#include "io/reactor/backend.h"

enum err fs_open(struct fs *fs, const char *path, int flags, io_file *file)
{
    *file = IO_NONE;
    return fs->backend->open(fs, path, flags, file);
}

void fs_close(struct fs *fs, io_file file)
{
    if (file >= 0)
        fs->backend->close(fs, file);
}

enum err fs_read(struct fs *fs, io_file file, void *buffer, size_t length, int64_t pos, size_t *got)
{
    ASSERT(pos >= 0);
    *got = 0;
    return fs->backend->read(fs, file, buffer, length, pos, got);
}

enum err fs_write(struct fs *fs, io_file file, const void *buffer, size_t length, int64_t pos)
{
    ASSERT(pos >= 0);
    return fs->backend->write(fs, file, buffer, length, pos);
}

enum err fs_sync(struct fs *fs, io_file file)
{
    return fs->backend->sync(fs, file);
}

enum err fs_check_written(struct fs *fs, io_file file)
{
    return fs->backend->check_written(fs, file);
}

enum err fs_truncate(struct fs *fs, io_file file, int64_t size)
{
    ASSERT(size >= 0);
    return fs->backend->truncate(fs, file, size);
}

enum err fs_allocate(struct fs *fs, io_file file, int64_t pos, int64_t length)
{
    ASSERT(pos >= 0 && length > 0);
    return fs->backend->allocate(fs, file, pos, length);
}

enum err fs_file_info(struct fs *fs, io_file file, struct fs_info *info)
{
    return fs->backend->file_info(fs, file, info);
}

enum err fs_info(struct fs *fs, const char *path, struct fs_info *info)
{
    return fs->backend->info(fs, path, info);
}
enum err fs_unlink(struct fs *fs, const char *path)
{
    return fs->backend->unlink(fs, path);
}
enum err fs_rename(struct fs *fs, const char *from, const char *to)
{
    return fs->backend->rename(fs, from, to);
}
enum err fs_make_directory(struct fs *fs, const char *path)
{
    return fs->backend->make_directory(fs, path);
}
enum err fs_remove_directory(struct fs *fs, const char *path)
{
    return fs->backend->remove_directory(fs, path);
}
enum err fs_sync_directory(struct fs *fs, const char *path)
{
    return fs->backend->sync_directory(fs, path);
}

enum err fs_sync_all(struct fs *fs, const char *path)
{
    return fs->backend->sync_all(fs, path);
}
enum err fs_lock(struct fs *fs, io_file file)
{
    return fs->backend->lock(fs, file);
}

enum err fs_space(struct fs *fs, const char *path, int64_t *total_bytes, int64_t *free_bytes)
{
    return fs->backend->space(fs, path, total_bytes, free_bytes);
}

enum err fs_list(struct fs *fs, const char *path, fs_visit visit, void *context)
{
    return fs->backend->list(fs, path, visit, context);
}
