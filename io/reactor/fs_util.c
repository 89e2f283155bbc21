/* Whole-file helpers made of the blocking calls, the same on every machine. */
#include "io/reactor/fs.h"

#include <stdio.h>

static enum err read_all(struct fs *fs, io_file file, uint8_t *data, size_t length)
{
    for (size_t done = 0; done < length;) {
        size_t got;
        enum err err = fs_read(fs, file, data + done, length - done, (int64_t)done, &got);
        if (err != ERR_OK)
            return err;
        if (got == 0)
            return ERR_BUSY; /* it shrank while being read: somebody else writes it */
        done += got;
    }
    data[length] = '\0';
    return ERR_OK;
}

enum err fs_read_file(struct fs *fs, struct mem *mem, const char *path, size_t limit, void **data, size_t *length)
{
    *data = NULL;
    *length = 0;
    io_file file;
    enum err err = fs_open(fs, path, FS_READ, &file);
    if (err != ERR_OK)
        return err;
    struct fs_info info;
    err = fs_file_info(fs, file, &info);
    if (err == ERR_OK && (uint64_t)info.size > limit)
        err = ERR_LIMIT;
    if (err != ERR_OK)
        goto out;
    size_t size = (size_t)info.size;
    uint8_t *bytes = mem_alloc(mem, size + 1);
    if (bytes == NULL) {
        err = ERR_NO_MEMORY;
        goto out;
    }
    err = read_all(fs, file, bytes, size);
    if (err != ERR_OK) {
        mem_free(mem, bytes, size + 1);
        goto out;
    }
    *data = bytes;
    *length = size;
out:
    fs_close(fs, file);
    return err;
}

/* The directory part of path, "." when it has none. */
static void parent_of(const char *path, char parent[FS_PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        snprintf(parent, FS_PATH_MAX, ".");
    else
        snprintf(parent, FS_PATH_MAX, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

enum err fs_write_file(struct fs *fs, const char *path, const void *data, size_t length)
{
    char temporary[FS_PATH_MAX];
    char parent[FS_PATH_MAX];
    if ((size_t)snprintf(temporary, sizeof(temporary), "%s.tmp", path) >= sizeof(temporary))
        return ERR_INVALID;
    parent_of(path, parent);
    io_file file;
    enum err err = fs_open(fs, temporary, FS_WRITE | FS_CREATE | FS_TRUNCATE, &file);
    if (err != ERR_OK)
        return err;
    if (length > 0)
        err = fs_write(fs, file, data, length, 0);
    if (err == ERR_OK)
        err = fs_sync(fs, file);
    fs_close(fs, file);
    if (err == ERR_OK)
        err = fs_rename(fs, temporary, path);
    if (err != ERR_OK) {
        enum err ignored = fs_unlink(fs, temporary); /* the first error is the one to report */
        MAYBE(ignored == ERR_OK);
        return err;
    }
    return fs_sync_directory(fs, parent);
}

/* A new directory is durable once its parent is synced. */
static enum err make_one(struct fs *fs, const char *path)
{
    enum err err = fs_make_directory(fs, path);
    if (err != ERR_OK)
        return err;
    char parent[FS_PATH_MAX];
    parent_of(path, parent);
    return fs_sync_directory(fs, parent);
}

enum err fs_make_directories(struct fs *fs, const char *path)
{
    char part[FS_PATH_MAX];
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/')
        length--;
    if (length == 0 || length >= sizeof(part))
        return ERR_INVALID;
    for (size_t end = 1; end <= length; end++) {
        if (end < length && path[end] != '/')
            continue;
        snprintf(part, sizeof(part), "%.*s", (int)end, path);
        struct fs_info info;
        enum err err = fs_info(fs, part, &info);
        if (err == ERR_NOT_FOUND)
            err = make_one(fs, part);
        else if (err == ERR_OK && !info.is_directory)
            err = ERR_EXISTS;
        if (err != ERR_OK && !(err == ERR_EXISTS && end < length))
            return err;
    }
    return ERR_OK;
}
