#include "io/reactor/fs_posix.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum err err_from_errno(int error)
{
    switch (error) {
    case 0:
        return ERR_OK;
    case EAGAIN:
    case EINTR:
        return ERR_AGAIN;
    case ENOMEM:
    case ENOBUFS:
        return ERR_NO_MEMORY;
    case ENOSPC:
    case EDQUOT:
        return ERR_NO_SPACE;
    case ENOENT:
    case ENOTDIR:
        return ERR_NOT_FOUND;
    case EEXIST:
    case ENOTEMPTY:
        return ERR_EXISTS;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_ACCESS;
    case EBUSY:
    case EADDRINUSE:
    case ETXTBSY:
        return ERR_BUSY;
    case EMFILE:
    case ENFILE:
    case EFBIG:
        return ERR_LIMIT;
    case EINVAL:
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
    case EBADF:
    case EADDRNOTAVAIL:
        return ERR_INVALID;
    case EOPNOTSUPP:
    case ENOSYS:
    case EAFNOSUPPORT:
        return ERR_UNSUPPORTED;
    case EPIPE:
    case ENOTCONN:
    case ESHUTDOWN:
        return ERR_CLOSED;
    case ECANCELED:
        return ERR_CANCELED;
    case ETIMEDOUT:
    case ETIME:
        return ERR_TIMEOUT;
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
        return ERR_REFUSED;
    case ECONNRESET:
    case ECONNABORTED:
        return ERR_RESET;
    default:
        return ERR_IO;
    }
}

static enum err last_error(void)
{
    return err_from_errno(errno);
}

int fs_posix_flags(int flags)
{
    int access = (flags & FS_WRITE) == 0 ? O_RDONLY : (flags & FS_READ) != 0 ? O_RDWR : O_WRONLY;
    return access | O_CLOEXEC | ((flags & FS_CREATE) != 0 ? O_CREAT : 0) | ((flags & FS_EXCLUSIVE) != 0 ? O_EXCL : 0) |
           ((flags & FS_TRUNCATE) != 0 ? O_TRUNC : 0) | ((flags & FS_DIRECT) != 0 ? O_DIRECT : 0);
}

static enum err posix_open(struct fs *fs, const char *path, int flags, io_file *file)
{
    int fd;
    do
        fd = open(path, fs_posix_flags(flags), 0644);
    while (fd < 0 && errno == EINTR);
    if (fd < 0 && errno == EINVAL && (flags & FS_DIRECT) != 0)
        return ERR_UNSUPPORTED;
    if (fd < 0)
        return last_error();
    *file = fd;
    return ERR_OK;
}

/* The result of close(2) says nothing about data: durability comes from sync alone. */
static void posix_close(struct fs *fs, io_file file)
{
    close(file);
}

static enum err posix_read(struct fs *fs, io_file file, void *buffer, size_t length, int64_t pos, size_t *got)
{
    ssize_t n;
    do
        n = pread(file, buffer, length, pos);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return last_error();
    *got = (size_t)n;
    return ERR_OK;
}

static enum err posix_write(struct fs *fs, io_file file, const void *buffer, size_t length, int64_t pos)
{
    for (size_t done = 0; done < length;) {
        ssize_t n = pwrite(file, (const uint8_t *)buffer + done, length - done, pos + (int64_t)done);
        if (n < 0 && errno != EINTR)
            return last_error();
        if (n == 0)
            return ERR_IO;
        if (n > 0)
            done += (size_t)n;
    }
    return ERR_OK;
}

static enum err result_of(int result)
{
    return result == 0 ? ERR_OK : last_error();
}

static enum err posix_sync(struct fs *fs, io_file file)
{
    return result_of(fdatasync(file));
}

/* Waits for pages on their way to the device and tells of those that did not reach it. */
static enum err posix_check_written(struct fs *fs, io_file file)
{
    int result = sync_file_range(file, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE);
    if (result != 0 && (errno == EINVAL || errno == ENOSYS || errno == EPERM)) /* sandboxes */
        return posix_sync(fs, file);
    return result_of(result);
}

static enum err posix_truncate(struct fs *fs, io_file file, int64_t size)
{
    return result_of(ftruncate(file, size));
}

static enum err posix_allocate(struct fs *fs, io_file file, int64_t pos, int64_t length)
{
    int result;
    do
        result = fallocate(file, FALLOC_FL_KEEP_SIZE, pos, length);
    while (result != 0 && errno == EINTR);
    return result_of(result);
}

static void fill_info(const struct stat *from, struct fs_info *info)
{
    info->size = from->st_size;
    info->modified_ms = (int64_t)from->st_mtim.tv_sec * 1000 + from->st_mtim.tv_nsec / 1000000;
    info->allocated_bytes = (int64_t)from->st_blocks * 512;
    info->is_directory = S_ISDIR(from->st_mode);
}

static enum err posix_file_info(struct fs *fs, io_file file, struct fs_info *info)
{
    struct stat found;
    if (fstat(file, &found) != 0)
        return last_error();
    fill_info(&found, info);
    return ERR_OK;
}

static enum err posix_info(struct fs *fs, const char *path, struct fs_info *info)
{
    struct stat found;
    if (stat(path, &found) != 0)
        return last_error();
    fill_info(&found, info);
    return ERR_OK;
}

static enum err posix_unlink(struct fs *fs, const char *path)
{
    return result_of(unlink(path));
}
static enum err posix_rename(struct fs *fs, const char *from, const char *to)
{
    return result_of(rename(from, to));
}
static enum err posix_make_directory(struct fs *fs, const char *path)
{
    return result_of(mkdir(path, 0755));
}
static enum err posix_remove_directory(struct fs *fs, const char *path)
{
    return result_of(rmdir(path));
}

static enum err posix_sync_directory(struct fs *fs, const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return last_error();
    enum err err = result_of(fsync(fd));
    close(fd);
    return err;
}

static enum err posix_sync_all(struct fs *fs, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return last_error();
    enum err err = result_of(syncfs(fd));
    close(fd);
    return err;
}

static enum err posix_lock(struct fs *fs, io_file file)
{
    if (flock(file, LOCK_EX | LOCK_NB) == 0)
        return ERR_OK;
    return errno == EWOULDBLOCK ? ERR_BUSY : last_error();
}

static enum err posix_space(struct fs *fs, const char *path, int64_t *total_bytes, int64_t *free_bytes)
{
    struct statvfs found;
    if (statvfs(path, &found) != 0)
        return last_error();
    *total_bytes = (int64_t)(found.f_blocks * found.f_frsize);
    *free_bytes = (int64_t)(found.f_bavail * found.f_frsize);
    return ERR_OK;
}

static bool entry_is_directory(DIR *directory, const struct dirent *entry)
{
    struct stat found;
    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK)
        return entry->d_type == DT_DIR;
    return fstatat(dirfd(directory), entry->d_name, &found, 0) == 0 && S_ISDIR(found.st_mode);
}

static enum err posix_list(struct fs *fs, const char *path, fs_visit visit, void *context)
{
    DIR *directory = opendir(path);
    if (directory == NULL)
        return last_error();
    enum err err = ERR_OK;
    for (bool more = true; more;) {
        errno = 0;
        struct dirent *entry = readdir(directory);
        if (entry == NULL) {
            err = last_error();
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            more = visit(context, entry->d_name, entry_is_directory(directory, entry));
    }
    closedir(directory);
    return err;
}

const struct fs_backend fs_posix_backend = {
    .open = posix_open,
    .close = posix_close,
    .read = posix_read,
    .write = posix_write,
    .sync = posix_sync,
    .check_written = posix_check_written,
    .truncate = posix_truncate,
    .allocate = posix_allocate,
    .file_info = posix_file_info,
    .info = posix_info,
    .unlink = posix_unlink,
    .rename = posix_rename,
    .make_directory = posix_make_directory,
    .remove_directory = posix_remove_directory,
    .sync_directory = posix_sync_directory,
    .sync_all = posix_sync_all,
    .lock = posix_lock,
    .space = posix_space,
    .list = posix_list,
};
