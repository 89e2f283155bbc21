/* Bits that flip on the device while the broker is off. What lies in whole batches of the logs is served as it was,
 * what does not is refused or caught by its CRC; nothing else is lost, and the broker comes up again or says why not.
 */
#include "tests/sim/world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { FILES_MAX = 4096, HITS_MAX = 6, STARTS_WITHIN_MS = 20000 };

struct rot_files {
    char *paths[FILES_MAX];
    int count;
    struct fs *fs;
    const char *directory;
};

static bool add_file(void *context, const char *name, bool is_directory)
{
    struct rot_files *files = context;
    if (is_directory || files->count == FILES_MAX)
        return true;
    char *path = malloc(FS_PATH_MAX);
    snprintf(path, FS_PATH_MAX, "%s/%s", files->directory, name);
    files->paths[files->count++] = path;
    return true;
}

static bool add_directory(void *context, const char *name, bool is_directory)
{
    struct rot_files *files = context;
    if (!is_directory)
        return true;
    char directory[FS_PATH_MAX];
    snprintf(directory, sizeof directory, "/data0/%s", name);
    struct rot_files within = *files;
    within.directory = directory;
    enum err err = fs_list(files->fs, directory, add_file, &within);
    ASSERT(err == ERR_OK);
    memcpy(files->paths, within.paths, sizeof files->paths);
    files->count = within.count;
    return true;
}

static bool ends_in(const char *path, const char *end)
{
    size_t length = strlen(path), most = strlen(end);
    return length >= most && strcmp(path + length - most, end) == 0;
}

/* What says which offsets the batch has is believed where batches are served without a copy, be there a CRC or not: the
 * damage reaches over the batches behind it. */
static bool says_offsets(struct world *world, const char *path, int64_t pos)
{
    enum { BASE_OFFSET_END = 8, LENGTH_AT = 8, LENGTH_END = 12, LAST_DELTA_AT = 23, LAST_DELTA_END = 27 };
    struct fs *fs = sim_disk_fs(sim_node_disk(world->host.node));
    uint8_t start[LENGTH_END];
    int64_t at = 0;
    io_file file;
    size_t got = LENGTH_END;
    enum err err = fs_open(fs, path, FS_READ, &file);
    ASSERT(err == ERR_OK);
    for (int64_t next = 0; next <= pos && got == LENGTH_END;) {
        at = next;
        err = fs_read(fs, file, start, LENGTH_END, at, &got);
        ASSERT(err == ERR_OK);
        next = at + LENGTH_END + get_u32(start + LENGTH_AT);
    }
    fs_close(fs, file);
    int64_t within = pos - at;
    return within < BASE_OFFSET_END || (within >= LAST_DELTA_AT && within < LAST_DELTA_END);
}

/* What may follow from a hit in this file. */
static void expect(struct world *world, const char *path, int64_t pos)
{
    bool of_metadata = strncmp(path, "/data0/__cluster_metadata-0/", 28) == 0;
    world->rot.may_not_start |= of_metadata || ends_in(path, "/partition.metadata");
    for (int t = 0; t < world->topic_count; t++)
        for (int p = 0; p < world->topics[t].partition_count; p++) {
            char prefix[64];
            int length = snprintf(prefix, sizeof prefix, "/data0/%s-%d/", world->topics[t].name, p);
            if (strncmp(path, prefix, (size_t)length) != 0)
                continue;
            if (ends_in(path, ".log") && !says_offsets(world, path, pos))
                world->topics[t].parts[p].rotten++;
            else if (ends_in(path, ".log"))
                world->topics[t].parts[p].excused = true;
            else if (ends_in(path, "/partition.metadata") || ends_in(path, ".txnindex"))
                world->topics[t].parts[p].excused = true;
            return;
        }
}

static void hit(struct world *world, struct rot_files *files)
{
    const char *path = files->paths[prng_below(world->prng, (uint64_t)files->count)];
    struct fs_info info;
    if (fs_info(files->fs, path, &info) != ERR_OK || info.size == 0)
        return;
    int64_t pos = (int64_t)prng_below(world->prng, (uint64_t)info.size);
    uint8_t mask = (uint8_t)(1 << prng_below(world->prng, 8));
    expect(world, path, pos);
    bool done = sim_disk_rot(sim_node_disk(world->host.node), path, pos, mask);
    ASSERT(done);
    world_say(world, "rot: %s at %" PRId64 " of %" PRId64 ", mask %02x", path, pos, info.size, mask);
}

static void hit_some(struct world *world)
{
    static struct rot_files files;
    files = (struct rot_files){.fs = sim_disk_fs(sim_node_disk(world->host.node)), .directory = "/data0"};
    enum err err = fs_list(files.fs, "/data0", add_directory, &files);
    ASSERT(err == ERR_OK && files.count > 0);
    for (int left = world_between(world, 1, HITS_MAX); left > 0; left--)
        hit(world, &files);
    for (int i = 0; i < files.count; i++)
        free(files.paths[i]);
}

static bool comes_up(struct world *world)
{
    struct host *host = &world->host;
    if (!host_start(host, world->limits.shards))
        return false;
    for (int ms = 0; ms < STARTS_WITHIN_MS && host->state == HOST_STARTING; ms += TICK_MS)
        sim_run_for(world->sim, TICK_MS * MS);
    return host->state == HOST_READY;
}

void world_rot(struct world *world)
{
    struct host *host = &world->host;
    bool clean = false;
    struct sim_leaks leaks;
    host_stop(host);
    while (!host_finish(host, &clean, &leaks))
        sim_run_for(world->sim, TICK_MS * MS);
    world->rot.on = world->silent = true;
    hit_some(world);
    if (comes_up(world))
        world_audit(world);
    else if (!world->rot.may_not_start)
        world_fail(world, "K9: rot keeps the broker from starting: %s", host->why);
}
