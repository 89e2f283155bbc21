/* ringmain-manifest: one file for each data directory, written at a clean stop, that describes every partition in it; a
 * start reads it instead of thousands of small files.
 *
 *   magic u32, version u32, CRC-32C of what follows u32,
 *   CRC-32C of recovery-point-offset-checkpoint u32, partitions i32, then each:
 *     bytes behind this i32, topic length u16, topic, partition i32, topic id, directory's modification time i64, the
 * rest
 *
 * It is believed when the marker of a clean stop is there, its own CRC and that of the checkpoint fit (whoever ran on
 * the directory since has written another one), and for one partition when its directory was not modified since.
 * Whatever it does not describe is looked at as before. It is removed, durably, with the marker before anything may
 * change. */
#include "core/log/log_dirs_internal.h"
#include "core/wire/crc32c.h"

#include <stdio.h>

enum { MAGIC = 0x524d4d46, VERSION = 1, HEADER_BYTES = 20, FILE_MAX = 256 << 20, CRC_FROM = 12 };
static const char manifest_name[] = "ringmain-manifest";

static bool join(const char *directory, const char *name, char path[FS_PATH_MAX])
{
    int length = snprintf(path, FS_PATH_MAX, "%s/%s", directory, name);
    return length > 0 && length < FS_PATH_MAX;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static bool parse_one(struct slice *from, struct log_dirs_described *described)
{
    if (from->length < 4)
        return false;
    int32_t length = get_i32(from->data);
    if (length < 2 || (size_t)length > from->length - 4)
        return false;
    const uint8_t *at = from->data + 4, *end = at + length;
    size_t topic_length = get_u16(at);
    at += 2;
    if (topic_length == 0 || topic_length > CHECKPOINT_TOPIC_MAX || (size_t)(end - at) < topic_length + 4 + 16 + 8)
        return false;
    described->topic = slice_of(at, topic_length);
    at += topic_length;
    described->partition = get_i32(at);
    memcpy(described->topic_id.bytes, at + 4, 16);
    described->modified_ms = get_i64(at + 20);
    described->description = slice_of(at + 28, (size_t)(end - at - 28));
    *from = slice_of(end, from->length - 4 - (size_t)length);
    return true;
}

bool log_dirs_next_described(struct slice *from, struct log_dirs_described *described)
{
    return from->length > 0 && parse_one(from, described);
}

static bool is_believable(struct slice file, struct slice checkpoint)
{
    struct log_dirs_described described;
    if (file.length < HEADER_BYTES || get_u32(file.data) != MAGIC || get_u32(file.data + 4) != VERSION ||
        get_u32(file.data + 8) != crc32c(0, file.data + CRC_FROM, file.length - CRC_FROM) ||
        get_u32(file.data + 12) != crc32c(0, checkpoint.data, checkpoint.length))
        return false;
    int32_t count = get_i32(file.data + 16);
    struct slice rest = slice_of(file.data + HEADER_BYTES, file.length - HEADER_BYTES);
    while (parse_one(&rest, &described))
        count--;
    return count == 0 && rest.length == 0;
}

enum err log_dirs_read_manifest(struct log_dirs *dirs, struct fs *fs, int dir)
{
    struct log_dir *of = &dirs->dirs[dir];
    char path[FS_PATH_MAX];
    void *checkpoint;
    size_t checkpoint_length;
    if (!join(of->path, manifest_name, path))
        return ERR_INVALID;
    enum err err = fs_read_file(fs, dirs->mem, path, FILE_MAX, &of->manifest, &of->manifest_length);
    if (err != ERR_OK) {
        of->manifest = NULL;
        return err == ERR_NOT_FOUND || err == ERR_LIMIT ? ERR_OK : err;
    }
    if (!join(of->path, checkpoint_file_name(CHECKPOINT_RECOVERY_POINT), path))
        return ERR_INVALID;
    err = fs_read_file(fs, dirs->mem, path, FILE_MAX, &checkpoint, &checkpoint_length);
    bool good = err == ERR_OK &&
                is_believable(slice_of(of->manifest, of->manifest_length), slice_of(checkpoint, checkpoint_length));
    if (err == ERR_OK)
        mem_free(dirs->mem, checkpoint, checkpoint_length + 1);
    if (!good)
        log_dirs_drop_manifest(dirs, dir);
    return err == ERR_NOT_FOUND || err == ERR_LIMIT ? ERR_OK : err;
}

struct slice log_dirs_manifest(const struct log_dirs *dirs, int dir)
{
    const struct log_dir *of = &dirs->dirs[dir];
    return of->manifest == NULL
               ? slice_of(NULL, 0)
               : slice_of((const uint8_t *)of->manifest + HEADER_BYTES, of->manifest_length - HEADER_BYTES);
}

void log_dirs_drop_manifest(struct log_dirs *dirs, int dir)
{
    struct log_dir *of = &dirs->dirs[dir];
    if (of->manifest != NULL)
        mem_free(dirs->mem, of->manifest, of->manifest_length + 1);
    of->manifest = NULL;
}

enum err log_dirs_remove_manifest(struct fs *fs, const char *directory)
{
    char path[FS_PATH_MAX];
    enum err err = join(directory, manifest_name, path) ? fs_unlink(fs, path) : ERR_INVALID;
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

void log_dirs_keep_description(struct log_dirs_lines *lines, const struct log_dirs_entry *entry)
{
    uint8_t head[4 + 2 + CHECKPOINT_TOPIC_MAX + 4 + 16 + 8], *at = head + 4;
    ASSERT(entry->topic.length <= CHECKPOINT_TOPIC_MAX);
    put_u16(at, (uint16_t)entry->topic.length);
    memcpy(at + 2, entry->topic.data, entry->topic.length);
    at += 2 + entry->topic.length;
    put_i32(at, entry->partition);
    memcpy(at + 4, entry->topic_id.bytes, 16);
    put_i64(at + 20, entry->modified_ms);
    size_t length = (size_t)(at + 28 - head);
    put_i32(head, (int32_t)(length - 4 + entry->description.length));
    checkpoint_add(&lines->text, slice_of(head, length));
    checkpoint_add(&lines->text, entry->description);
    lines->count++;
}

enum err log_dirs_write_manifest(struct log_dirs *dirs, struct fs *fs, int dir)
{
    const struct log_dir *of = &dirs->dirs[dir];
    char path[FS_PATH_MAX];
    uint8_t head[HEADER_BYTES];
    int32_t count = 0;
    struct checkpoint_text file;
    checkpoint_text_init(&file, dirs->mem);
    checkpoint_add(&file, slice_of(head, sizeof(head)));
    for (int s = 0; s < dirs->shard_count; s++) {
        const struct log_dirs_lines *lines = &dirs->shards[s].described[dir];
        checkpoint_add(&file, slice_of(lines->text.data, lines->text.length));
        file.failed |= lines->text.failed;
        count += lines->count;
    }
    enum err err = file.failed ? ERR_NO_MEMORY : join(of->path, manifest_name, path) ? ERR_OK : ERR_INVALID;
    if (err == ERR_OK && count > 0) {
        uint8_t *to = (uint8_t *)file.data;
        put_u32(to, MAGIC);
        put_u32(to + 4, VERSION);
        put_u32(to + 12, of->recovery_crc);
        put_i32(to + 16, count);
        put_u32(to + 8, crc32c(0, to + CRC_FROM, file.length - CRC_FROM));
        err = fs_write_file(fs, path, file.data, file.length);
    }
    checkpoint_text_fini(&file);
    return err;
}
