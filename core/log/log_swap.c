/* What a compaction has left when the node died: a segment named .swap takes the place of those it was made from, one
 * named .cleaned was not finished and goes. */
#include "core/log/log_clean_internal.h"
#include "core/log/walk.h"

enum { SWAPS_MAX = 64 }; /* one run makes one at a time; more are found by looking again */

struct leftovers {
    struct log *log;
    struct fs *fs;
    int64_t bases[SWAPS_MAX]; /* with a .log.swap */
    int count;
    bool has_more;
    enum err err;
};

static bool parse_name(const char *name, int64_t *base_offset, const char **rest)
{
    int64_t value = 0;
    for (int i = 0; i < 20; i++)
        if (name[i] < '0' || name[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, name[i] - '0', &value))
            return false;
    *base_offset = value;
    *rest = name + 20;
    return true;
}

static bool ends_with(const char *name, const char *end)
{
    size_t length = strlen(name), tail = strlen(end);
    return length > tail && strcmp(name + length - tail, end) == 0;
}

static bool visit(void *context, const char *name, bool is_directory)
{
    struct leftovers *left = context;
    int64_t base_offset;
    const char *rest;
    if (is_directory || !parse_name(name, &base_offset, &rest) || strcmp(rest, ".log.swap") != 0)
        return true;
    if (left->count == SWAPS_MAX) {
        left->has_more = true;
        return false;
    }
    left->bases[left->count++] = base_offset;
    return true;
}

/* The first offset behind it. */
static enum err end_of_swap(struct log *log, struct fs *fs, const char *path, int64_t base_offset, int64_t *end_offset)
{
    struct fs_info info;
    struct batch_header header;
    int64_t pos;
    struct walk walk = {.fs = fs, .next_offset = base_offset, .capacity = WALK_BYTES};
    enum err err = fs_open(fs, path, FS_READ, &walk.file);
    if (err != ERR_OK)
        return err;
    walk.bytes = mem_alloc(log->mem, WALK_BYTES);
    err = walk.bytes == NULL ? ERR_NO_MEMORY : fs_file_info(fs, walk.file, &info);
    walk.size = err == ERR_OK ? info.size : 0;
    while (err == ERR_OK)
        err = walk_next(&walk, &header, &pos);
    mem_free(log->mem, walk.bytes, WALK_BYTES);
    fs_close(fs, walk.file);
    *end_offset = walk.next_offset;
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

struct stale {
    struct leftovers *left;
    int64_t from_offset, to_offset;
};

static bool remove_stale(void *context, const char *name, bool is_directory)
{
    struct stale *stale = context;
    const char *directory = stale->left->log->directory, *rest;
    int64_t base_offset;
    char path[SEGMENT_PATH_MAX];
    if (is_directory || !parse_name(name, &base_offset, &rest) || base_offset < stale->from_offset ||
        base_offset >= stale->to_offset)
        return true;
    for (int i = 0; i < LOG_SEGMENT_FILES; i++) {
        if (strcmp(rest, log_segment_files[i]) != 0)
            continue;
        enum err err =
            segment_path(directory, base_offset, rest, path) ? fs_unlink(stale->left->fs, path) : ERR_INVALID;
        if (err != ERR_OK && err != ERR_NOT_FOUND)
            stale->left->err = err;
    }
    return stale->left->err == ERR_OK;
}

bool log_is_swap_name(const char *name)
{
    return ends_with(name, ".cleaned") || ends_with(name, ".swap");
}

static bool remove_marked(void *context, const char *name, bool is_directory)
{
    struct leftovers *left = context;
    int64_t base_offset;
    const char *rest;
    char path[SEGMENT_PATH_MAX];
    if (is_directory || !log_is_swap_name(name) || !parse_name(name, &base_offset, &rest))
        return true;
    enum err err =
        segment_path(left->log->directory, base_offset, rest, path) ? fs_unlink(left->fs, path) : ERR_INVALID;
    if (err != ERR_OK && err != ERR_NOT_FOUND)
        left->err = err;
    return left->err == ERR_OK;
}

/* One that is damaged stops the open: it was flushed before it got this name, so a person has to look. */
static enum err finish_one(struct leftovers *left, int64_t base_offset)
{
    struct log *log = left->log;
    struct stale stale = {.left = left, .from_offset = base_offset};
    char path[SEGMENT_PATH_MAX];
    if (!log_marked_path(log->directory, base_offset, ".log", ".swap", path))
        return ERR_INVALID;
    enum err err = end_of_swap(log, left->fs, path, base_offset, &stale.to_offset);
    if (err != ERR_OK)
        return err;
    if (stale.to_offset == base_offset)
        stale.to_offset++;
    for (int round = 0; round < 3 && err == ERR_OK; round++) { /* what a listing shows while names go is not defined */
        err = fs_list(left->fs, log->directory, remove_stale, &stale);
        err = err == ERR_OK ? left->err : err;
    }
    if (err == ERR_OK)
        err = fs_sync_directory(left->fs, log->directory);
    if (err == ERR_OK)
        err = log_rename_files(left->fs, log->directory, base_offset, ".swap", "");
    return err == ERR_OK ? fs_sync_directory(left->fs, log->directory) : err;
}

enum err log_finish_swaps(struct log *log, struct fs *fs)
{
    struct leftovers left = {.log = log, .fs = fs};
    enum err err;
    do {
        left.count = 0;
        left.has_more = false;
        err = fs_list(fs, log->directory, visit, &left);
        for (int i = 0; i < left.count && err == ERR_OK; i++)
            err = finish_one(&left, left.bases[i]);
    } while (err == ERR_OK && left.has_more);
    for (int round = 0; round < 2 && err == ERR_OK; round++) {
        err = fs_list(fs, log->directory, remove_marked, &left);
        err = err == ERR_OK ? left.err : err;
    }
    return err;
}
