/* io/reactor/fs.h -- blocking file calls, for start, stop, jobs on the slow lane and the command line.
 *
 * Paths are absolute or relative to the process; at most FS_PATH_MAX bytes with the NUL. Every call returns an error of
 * err.h; ERR_IO and ERR_NO_SPACE come from the device. A `struct fs` may be used by one thread at a time.
 * New and renamed files are durable only after fs_sync_directory of their parent.
 */
#ifndef RINGMAIN_IO_REACTOR_FS_H
#define RINGMAIN_IO_REACTOR_FS_H

#include "io/reactor/io.h"

enum { FS_PATH_MAX = 1024 };

enum {
    FS_READ = 1,
    FS_WRITE = 2,
    FS_CREATE = 4,    /* make it if it is not there */
    FS_EXCLUSIVE = 8, /* with FS_CREATE: fail with ERR_EXISTS if it is there */
    FS_TRUNCATE = 16,
    FS_DIRECT = 32, /* O_DIRECT; ERR_UNSUPPORTED where the file system has none */
};

struct fs_info {
    int64_t size;
    int64_t modified_ms;
    int64_t allocated_bytes;
    bool is_directory;
};

enum err fs_open(struct fs *fs, const char *path, int flags, io_file *file) MUST_CHECK;
void fs_close(struct fs *fs, io_file file);
enum err fs_read(struct fs *fs, io_file file, void *buffer, size_t length, int64_t pos, size_t *got) MUST_CHECK;
enum err fs_write(struct fs *fs, io_file file, const void *buffer, size_t length, int64_t pos) MUST_CHECK; /* whole */
enum err fs_sync(struct fs *fs, io_file file) MUST_CHECK; /* fdatasync */
/* Behind fs_sync_all: did all that was written to this file since it was opened reach the device? Flushes nothing, so
 * that thousands of files cost no flush each; fs_sync_all says only that something somewhere failed, and that only once
 * to whoever asks first. */
enum err fs_check_written(struct fs *fs, io_file file) MUST_CHECK;
enum err fs_truncate(struct fs *fs, io_file file, int64_t size) MUST_CHECK;
enum err fs_allocate(struct fs *fs, io_file file, int64_t pos, int64_t length) MUST_CHECK; /* size is kept */
enum err fs_file_info(struct fs *fs, io_file file, struct fs_info *info) MUST_CHECK;
enum err fs_info(struct fs *fs, const char *path, struct fs_info *info) MUST_CHECK;
enum err fs_unlink(struct fs *fs, const char *path) MUST_CHECK;
enum err fs_rename(struct fs *fs, const char *from, const char *to) MUST_CHECK; /* replaces `to` */
enum err fs_make_directory(struct fs *fs, const char *path) MUST_CHECK;
enum err fs_remove_directory(struct fs *fs, const char *path) MUST_CHECK;
enum err fs_sync_directory(struct fs *fs, const char *path) MUST_CHECK;
/* Everything on the file system that holds `path`, names too: one call instead of thousands. What another process has
 * written there is waited for as well. */
enum err fs_sync_all(struct fs *fs, const char *path) MUST_CHECK;
/* An exclusive lock on an open file for as long as it is open; ERR_BUSY if another process has it. */
enum err fs_lock(struct fs *fs, io_file file) MUST_CHECK;
enum err fs_space(struct fs *fs, const char *path, int64_t *total_bytes, int64_t *free_bytes) MUST_CHECK;

/* Calls visit for every entry but "." and ".."; a false stops. Order is not defined on the real machine (sort!). */
typedef bool (*fs_visit)(void *context, const char *name, bool is_directory);
enum err fs_list(struct fs *fs, const char *path, fs_visit visit, void *context) MUST_CHECK;

/* Built from the above, in fs_util.c: */
enum err fs_read_file(struct fs *fs, struct mem *mem, const char *path, size_t limit, void **data,
                      size_t *length) MUST_CHECK; /* length + 1 bytes from mem (a NUL follows); ERR_LIMIT when larger */
enum err fs_write_file(struct fs *fs, const char *path, const void *data, size_t length)
    MUST_CHECK; /* temporary file, fdatasync, rename, directory sync: old or new, never a mixture */
enum err fs_make_directories(struct fs *fs, const char *path) MUST_CHECK;

#endif
