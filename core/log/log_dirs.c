#include "core/log/log_dirs_internal.h"

#include <stdio.h>

static const char lock_name[] = ".lock", meta_name[] = "meta.properties", clean_name[] = ".kafka_cleanshutdown";
static const char metadata_topic[] = "__cluster_metadata"; /* the quorum's own log, which is not a partition here */
enum { SMALL_FILE_MAX = 64 << 10, CHECKPOINT_FILE_MAX = 256 << 20 };

static bool join(const char *directory, const char *name, char path[FS_PATH_MAX])
{
    int length = snprintf(path, FS_PATH_MAX, "%s/%s", directory, name);
    return length > 0 && length < FS_PATH_MAX;
}

/* ---- what was found ------------------------------------------------------------------------------------------------
 */

struct found_key {
    struct slice topic;
    int32_t partition;
};

static uint64_t found_hash(struct slice topic, int32_t partition)
{
    return hash_bytes(topic.data, topic.length, (uint64_t)partition);
}

static bool found_equal(const void *value, const void *key)
{
    const struct log_dirs_found *found = value;
    const struct found_key *wanted = key;
    return found->partition == wanted->partition &&
           slice_equal(slice_of(found->topic, found->topic_length), wanted->topic);
}

struct log_dirs_found *log_dirs_lookup(const struct log_dirs *dirs, struct slice topic, int32_t partition)
{
    const struct found_key key = {topic, partition};
    return map_find(&dirs->found, found_hash(topic, partition), found_equal, &key);
}

static size_t found_size(size_t topic_length)
{
    return sizeof(struct log_dirs_found) + topic_length;
}

static enum err found_add(struct log_dirs *dirs, int dir, struct slice topic, int32_t partition, struct uuid topic_id,
                          struct log_dirs_found **added)
{
    struct log_dirs_found *found = *added = mem_alloc_zero(dirs->mem, found_size(topic.length));
    if (found == NULL)
        return ERR_NO_MEMORY;
    found->topic_id = topic_id;
    found->dir = dir;
    found->partition = partition;
    found->topic_length = (uint16_t)topic.length;
    memcpy(found->topic, topic.data, topic.length);
    if (map_put(&dirs->found, found_hash(topic, partition), found))
        return ERR_OK;
    mem_free(dirs->mem, found, found_size(topic.length));
    return ERR_NO_MEMORY;
}

/* ---- reading one directory ------------------------------------------------------------------------------------------
 */

/* What a listing shows, kept until it is over: partitions and -delete directories. */
struct listing {
    struct log_dirs *dirs;
    const char *path;
    struct checkpoint_text names; /* NUL-terminated each */
};

static bool ends_with(const char *name, const char *end)
{
    size_t length = strlen(name), tail = strlen(end);
    return length > tail && memcmp(name + length - tail, end, tail) == 0;
}

static bool visit(void *context, const char *name, bool is_directory)
{
    struct listing *listing = context;
    struct slice topic;
    int32_t partition;
    if (!is_directory)
        return true;
    if (ends_with(name, "-delete")) {
        char path[FS_PATH_MAX];
        if (join(listing->path, name, path))
            checkpoint_add(&listing->dirs->deleted, slice_of(path, strlen(path) + 1));
    } else if (checkpoint_split_name(name, &topic, &partition) && !slice_equal_string(topic, metadata_topic)) {
        checkpoint_add(&listing->names, slice_of(name, strlen(name) + 1));
    }
    return !listing->names.failed && !listing->dirs->deleted.failed;
}

/* The id in partition.metadata; zero when the directory was being made as the node died: it is then made again. */
static enum err read_topic_id(struct log_dirs *dirs, struct fs *fs, const char *path, struct uuid *topic_id)
{
    char file[FS_PATH_MAX];
    void *data;
    size_t length;
    *topic_id = UUID_ZERO;
    if (!join(path, "partition.metadata", file))
        return ERR_INVALID;
    enum err err = fs_read_file(fs, dirs->mem, file, SMALL_FILE_MAX, &data, &length);
    if (err == ERR_NOT_FOUND)
        return ERR_OK;
    if (err != ERR_OK)
        return err;
    err = checkpoint_read_topic_id(slice_of(data, length), topic_id);
    mem_free(dirs->mem, data, length + 1);
    return err;
}

static enum err look_at_topic_id(struct log_dirs *dirs, struct fs *fs, const char *path, struct uuid *topic_id,
                                 char why[512])
{
    enum err err = read_topic_id(dirs, fs, path, topic_id);
    if (err == ERR_CORRUPT)
        snprintf(why, 512, "%.400s/partition.metadata is not readable: put it right or move the directory away", path);
    return err;
}

/* The manifest knows the directory: it is as it was, or is looked at as if there were no manifest. */
static enum err confirm(struct log_dirs *dirs, struct fs *fs, const char *path, struct log_dirs_found *found,
                        char why[512])
{
    struct fs_info info;
    enum err err = fs_info(fs, path, &info);
    if (err != ERR_OK)
        return err;
    if (info.modified_ms != found->modified_ms) {
        found->description = slice_of(NULL, 0);
        err = look_at_topic_id(dirs, fs, path, &found->topic_id, why);
    }
    if (err == ERR_OK) {
        found->listed = true;
        log_dirs_note(dirs, found->dir, 1);
    }
    return err;
}

static enum err add_partition(struct log_dirs *dirs, struct fs *fs, int dir, const char *name, char why[512])
{
    struct slice topic;
    int32_t partition;
    struct uuid topic_id;
    char path[FS_PATH_MAX];
    bool is_partition = checkpoint_split_name(name, &topic, &partition);
    ASSERT(is_partition);
    struct log_dirs_found *other = log_dirs_lookup(dirs, topic, partition);
    if (!join(dirs->dirs[dir].path, name, path))
        return ERR_INVALID;
    if (other != NULL && other->dir == dir && !other->listed)
        return confirm(dirs, fs, path, other, why);
    if (other != NULL) {
        snprintf(why, 512, "%s lies in %s and in %s: move one of them away", name, dirs->dirs[other->dir].path,
                 dirs->dirs[dir].path);
        return ERR_EXISTS;
    }
    enum err err = look_at_topic_id(dirs, fs, path, &topic_id, why);
    struct log_dirs_found *found = NULL;
    if (err == ERR_OK)
        err = found_add(dirs, dir, topic, partition, topic_id, &found);
    if (err == ERR_OK) {
        found->listed = true;
        log_dirs_note(dirs, dir, 1);
    }
    return err;
}

/* What the manifest describes, before the listing says what of it is there. */
static enum err take_descriptions(struct log_dirs *dirs, int dir)
{
    struct slice rest = log_dirs_manifest(dirs, dir);
    struct log_dirs_described described;
    while (log_dirs_next_described(&rest, &described)) {
        struct log_dirs_found *found;
        if (log_dirs_lookup(dirs, described.topic, described.partition) != NULL)
            continue; /* in another directory too: the listing will say so */
        enum err err = found_add(dirs, dir, described.topic, described.partition, described.topic_id, &found);
        if (err != ERR_OK)
            return err;
        found->description = described.description;
        found->modified_ms = described.modified_ms;
    }
    return ERR_OK;
}

/* Directories that were taken away while the node was down. */
static void forget_unlisted(struct log_dirs *dirs, int dir)
{
    for (size_t i = 0; i < dirs->found.capacity;) {
        struct log_dirs_found *found = dirs->found.entries[i].value;
        if (found == NULL || found->dir != dir || found->listed) {
            i++;
            continue;
        }
        const struct found_key key = {slice_of(found->topic, found->topic_length), found->partition};
        (void)map_remove(&dirs->found, found_hash(key.topic, key.partition), found_equal, &key);
        mem_free(dirs->mem, found, found_size(found->topic_length)); /* another may have moved to this place */
    }
}

static enum err list_partitions(struct log_dirs *dirs, struct fs *fs, int dir, char why[512])
{
    struct listing listing = {.dirs = dirs, .path = dirs->dirs[dir].path};
    checkpoint_text_init(&listing.names, dirs->mem);
    enum err err = take_descriptions(dirs, dir);
    if (err == ERR_OK)
        err = fs_list(fs, listing.path, visit, &listing);
    if (err == ERR_OK && (listing.names.failed || dirs->deleted.failed))
        err = ERR_NO_MEMORY;
    for (size_t at = 0; err == ERR_OK && at < listing.names.length; at += strlen(listing.names.data + at) + 1)
        err = add_partition(dirs, fs, dir, listing.names.data + at, why);
    forget_unlisted(dirs, dir);
    checkpoint_text_fini(&listing.names);
    return err;
}

/* Checkpoints only save work or name what is no longer readable: one that is damaged counts as not there. For recovery
 * points that means looking at everything; a lost log start shows records that were deleted, as it does in Kafka. */
static enum err read_checkpoint(struct log_dirs *dirs, struct fs *fs, int dir, enum checkpoint_kind kind)
{
    char path[FS_PATH_MAX];
    void *data;
    size_t length;
    if (!join(dirs->dirs[dir].path, checkpoint_file_name(kind), path))
        return ERR_INVALID;
    enum err err = fs_read_file(fs, dirs->mem, path, CHECKPOINT_FILE_MAX, &data, &length);
    if (err != ERR_OK)
        return err == ERR_NOT_FOUND || err == ERR_LIMIT ? ERR_OK : err;
    struct checkpoint_reader reader;
    struct checkpoint_entry entry;
    for (int pass = 0; pass < 2; pass++) { /* first whether all of it is good, then to use it */
        err = checkpoint_begin(&reader, slice_of(data, length));
        while (err == ERR_OK && (err = checkpoint_next(&reader, &entry)) == ERR_OK) {
            struct log_dirs_found *found = pass == 0 ? NULL : log_dirs_lookup(dirs, entry.topic, entry.partition);
            if (found != NULL && found->dir == dir)
                found->offsets[kind] = entry.offset;
        }
        if (err != ERR_NOT_FOUND)
            break;
    }
    mem_free(dirs->mem, data, length + 1);
    return ERR_OK;
}

static enum err take_marker(struct log_dirs *dirs, struct fs *fs, int dir)
{
    char path[FS_PATH_MAX];
    struct log_dir *of = &dirs->dirs[dir];
    if (!join(of->path, clean_name, path))
        return ERR_INVALID;
    enum err err = fs_unlink(fs, path);
    of->clean = err == ERR_OK;
    if (err == ERR_OK || err == ERR_NOT_FOUND)
        err = log_dirs_remove_manifest(fs, of->path);
    if (err == ERR_OK && !of->clean)
        return ERR_OK;
    return err == ERR_OK ? fs_sync_directory(fs, of->path) : err;
}

/* ---- whose it is ----------------------------------------------------------------------------------------------------
 */

static struct uuid new_id(struct io *io)
{
    uint64_t high = io_random(io);
    return uuid_from_random(high, io_random(io));
}

static enum err check_meta(struct log_dirs *dirs, const struct log_dirs_options *options, int dir,
                           const struct checkpoint_meta *meta, char why[512])
{
    const char *path = dirs->dirs[dir].path;
    if (meta->node_id != options->node_id) {
        snprintf(why, 512, "%.300s/meta.properties is of node.id %d, but this is node %d: correct node.id or log.dirs",
                 path, meta->node_id, options->node_id);
        return ERR_INVALID;
    }
    if (dirs->cluster_id[0] != '\0' && strcmp(dirs->cluster_id, meta->cluster_id) != 0) {
        snprintf(why, 512, "%.250s/meta.properties is of cluster %s, but this is cluster %s: correct log.dirs", path,
                 meta->cluster_id, dirs->cluster_id);
        return ERR_INVALID;
    }
    memcpy(dirs->cluster_id, meta->cluster_id, sizeof(meta->cluster_id));
    for (int i = 0; i < dir; i++)
        if (!uuid_is_zero(meta->directory_id) && uuid_equal(dirs->dirs[i].id, meta->directory_id)) {
            snprintf(why, 512, "%s and %s have the same directory.id: one is a copy of the other", dirs->dirs[i].path,
                     path);
            return ERR_INVALID;
        }
    dirs->dirs[dir].id = meta->directory_id;
    return ERR_OK;
}

static enum err read_meta(struct log_dirs *dirs, struct fs *fs, const struct log_dirs_options *options, int dir,
                          char why[512])
{
    char path[FS_PATH_MAX];
    struct checkpoint_meta meta;
    void *data;
    size_t length;
    if (!join(dirs->dirs[dir].path, meta_name, path))
        return ERR_INVALID;
    enum err err = fs_read_file(fs, dirs->mem, path, SMALL_FILE_MAX, &data, &length);
    if (err == ERR_NOT_FOUND)
        return ERR_OK;
    if (err != ERR_OK)
        return err;
    err = checkpoint_read_meta(slice_of(data, length), &meta);
    mem_free(dirs->mem, data, length + 1);
    if (err != ERR_OK) {
        snprintf(why, 512, "%.400s is not readable as Kafka's meta.properties", path);
        return ERR_INVALID;
    }
    return check_meta(dirs, options, dir, &meta, why);
}

/* For directories that have none yet, or one without directory.id. */
static enum err write_meta(struct log_dirs *dirs, struct fs *fs, int32_t node_id, int dir)
{
    char path[FS_PATH_MAX], text[CHECKPOINT_META_SIZE];
    struct log_dir *of = &dirs->dirs[dir];
    struct checkpoint_meta meta = {.node_id = node_id, .directory_id = new_id(dirs->io)};
    memcpy(meta.cluster_id, dirs->cluster_id, sizeof(meta.cluster_id));
    if (!join(of->path, meta_name, path))
        return ERR_INVALID;
    enum err err = fs_write_file(fs, path, text, (size_t)checkpoint_write_meta(&meta, text));
    if (err == ERR_OK)
        of->id = meta.directory_id;
    return err;
}

static enum err lock(struct log_dirs *dirs, struct fs *fs, int dir, char why[512])
{
    char path[FS_PATH_MAX];
    struct log_dir *of = &dirs->dirs[dir];
    enum err err = fs_make_directories(fs, of->path);
    if (err == ERR_EXISTS) { /* it is there, or something that is no directory is */
        struct fs_info info;
        err = fs_info(fs, of->path, &info);
        if (err == ERR_OK && !info.is_directory)
            err = ERR_EXISTS;
    }
    if (err == ERR_OK && !join(of->path, lock_name, path))
        err = ERR_INVALID;
    if (err == ERR_OK)
        err = fs_open(fs, path, FS_READ | FS_WRITE | FS_CREATE, &of->lock);
    if (err != ERR_OK) {
        of->lock = IO_NONE;
        return err;
    }
    err = fs_lock(fs, of->lock);
    if (err == ERR_BUSY)
        snprintf(why, 512, "%.440s is in use by another process (it holds %s)", of->path, lock_name);
    return err;
}

/* ---- open -----------------------------------------------------------------------------------------------------------
 */

/* Errors about whose a directory is (they have filled `why`) stop the start; the device's put the one offline. */
static enum err settle(struct log_dirs *dirs, int dir, enum err err, const char why[512], char first[512])
{
    if (err == ERR_OK || why[0] != '\0' || err == ERR_NO_MEMORY)
        return err;
    if (first[0] == '\0')
        snprintf(first, 512, "%s: %s", dirs->dirs[dir].path, err_text(err));
    log_dirs_fail(dirs, dir);
    dirs->incomplete = true;
    return ERR_OK;
}

static enum err load(struct log_dirs *dirs, struct fs *fs, const struct log_dirs_options *options, int dir,
                     char why[512])
{
    enum err err = ERR_OK;
    if (uuid_is_zero(dirs->dirs[dir].id))
        err = write_meta(dirs, fs, options->node_id, dir);
    struct fs_info info;
    char marker[FS_PATH_MAX];
    /* Without the marker nothing is as a stop has left it. */
    if (err == ERR_OK && join(dirs->dirs[dir].path, clean_name, marker) && fs_info(fs, marker, &info) == ERR_OK)
        err = log_dirs_read_manifest(dirs, fs, dir);
    if (err == ERR_OK)
        err = list_partitions(dirs, fs, dir, why);
    for (int kind = 0; kind < CHECKPOINT_KINDS && err == ERR_OK; kind++)
        err = read_checkpoint(dirs, fs, dir, (enum checkpoint_kind)kind);
    return err == ERR_OK ? take_marker(dirs, fs, dir) : err;
}

static enum err open_all(struct log_dirs *dirs, struct fs *fs, const struct log_dirs_options *options, char why[512])
{
    char first[512] = "";
    enum err err = ERR_OK;
    for (int i = 0; i < dirs->count && err == ERR_OK; i++) {
        err = lock(dirs, fs, i, why);
        if (err == ERR_OK)
            err = read_meta(dirs, fs, options, i, why);
        err = settle(dirs, i, err, why, first);
    }
    if (err == ERR_OK && dirs->cluster_id[0] == '\0')
        uuid_format(new_id(dirs->io), dirs->cluster_id);
    int online = 0;
    for (int i = 0; i < dirs->count && err == ERR_OK; i++) {
        if (!log_dirs_is_offline(dirs, i))
            err = settle(dirs, i, load(dirs, fs, options, i, why), why, first);
        online += !log_dirs_is_offline(dirs, i);
    }
    if (err == ERR_OK && online == 0) {
        snprintf(why, 512, "no data directory can be used; %.440s", first);
        err = ERR_IO;
    }
    return err;
}

static enum err make_shards(struct log_dirs *dirs)
{
    dirs->shard_count = io_shard_count(dirs->io);
    dirs->shards = mem_alloc_zero(dirs->mem, (size_t)dirs->shard_count * sizeof(*dirs->shards));
    if (dirs->shards == NULL)
        return ERR_NO_MEMORY;
    size_t lines = (size_t)dirs->count * CHECKPOINT_KINDS;
    for (int s = 0; s < dirs->shard_count; s++) {
        dirs->shards[s].lines = mem_alloc_zero(dirs->mem, lines * sizeof(*dirs->shards[s].lines));
        dirs->shards[s].described = mem_alloc_zero(dirs->mem, (size_t)dirs->count * sizeof(*dirs->shards[s].described));
        if (dirs->shards[s].lines == NULL || dirs->shards[s].described == NULL)
            return ERR_NO_MEMORY;
        for (int i = 0; i < dirs->count; i++)
            checkpoint_text_init(&dirs->shards[s].described[i].text, dirs->mem);
        for (size_t i = 0; i < lines; i++)
            checkpoint_text_init(&dirs->shards[s].lines[i].text, dirs->mem);
    }
    return ERR_OK;
}

static enum err copy_options(struct log_dirs *dirs, const struct log_dirs_options *options, char why[512])
{
    for (int i = 0; i < options->count; i++) {
        dirs->dirs[i].path = mem_copy_string(dirs->mem, options->paths[i], strlen(options->paths[i]));
        if (dirs->dirs[i].path == NULL)
            return ERR_NO_MEMORY;
    }
    if (options->cluster_id == NULL)
        return ERR_OK;
    if ((size_t)snprintf(dirs->cluster_id, sizeof(dirs->cluster_id), "%s", options->cluster_id) <
        sizeof(dirs->cluster_id))
        return ERR_OK;
    snprintf(why, 512, "the cluster id is longer than %d characters", CHECKPOINT_CLUSTER_ID_SIZE - 1);
    return ERR_INVALID;
}

enum err log_dirs_open(struct io *io, struct fs *fs, const struct log_dirs_options *options, struct log_dirs **opened,
                       char why[512])
{
    ASSERT(options->count >= 1 && options->count <= LOG_DIRS_MAX);
    struct log_dirs *dirs = MEM_NEW(io_mem(io), struct log_dirs);
    why[0] = '\0';
    if (dirs == NULL) {
        snprintf(why, 512, "%s", err_text(ERR_NO_MEMORY));
        return ERR_NO_MEMORY;
    }
    dirs->io = io;
    dirs->mem = io_mem(io);
    dirs->count = options->count;
    map_init(&dirs->found, dirs->mem);
    checkpoint_text_init(&dirs->deleted, dirs->mem);
    checkpoint_text_init(&dirs->strays, dirs->mem);
    list_init(&dirs->round.waiting);
    list_init(&dirs->round.current);
    for (int i = 0; i < dirs->count; i++) {
        dirs->dirs[i].lock = IO_NONE;
        dirs->dirs[i].total_bytes = dirs->dirs[i].free_bytes = -1;
    }
    enum err err = copy_options(dirs, options, why);
    if (err == ERR_OK)
        err = make_shards(dirs);
    if (err == ERR_OK)
        err = open_all(dirs, fs, options, why);
    if (err == ERR_OK) {
        *opened = dirs;
        return ERR_OK;
    }
    if (why[0] == '\0')
        snprintf(why, 512, "%s", err_text(err));
    log_dirs_close(dirs, fs, false);
    return err;
}

static void free_shards(struct log_dirs *dirs)
{
    size_t lines = (size_t)dirs->count * CHECKPOINT_KINDS;
    for (int s = 0; dirs->shards != NULL && s < dirs->shard_count; s++) {
        struct log_dirs_shard *shard = &dirs->shards[s];
        for (size_t i = 0; shard->lines != NULL && i < lines; i++)
            checkpoint_text_fini(&shard->lines[i].text);
        for (int i = 0; shard->described != NULL && i < dirs->count; i++)
            checkpoint_text_fini(&shard->described[i].text);
        mem_free(dirs->mem, shard->lines, lines * sizeof(*shard->lines));
        mem_free(dirs->mem, shard->described, (size_t)dirs->count * sizeof(*shard->described));
    }
    mem_free(dirs->mem, dirs->shards, (size_t)dirs->shard_count * sizeof(*dirs->shards));
}

void log_dirs_close(struct log_dirs *dirs, struct fs *fs, bool clean)
{
    static const char marker[] = "{\"version\":0,\"brokerEpoch\":-1}";
    ASSERT(!dirs->round.running && !dirs->watch.running);
    io_timer_stop(dirs->io, &dirs->watch.timer);
    for (int i = 0; i < dirs->count; i++) {
        struct log_dir *dir = &dirs->dirs[i];
        char path[FS_PATH_MAX];
        /* Without the marker the next start looks at more than it must: no error to report. */
        if (clean && dir->lock != IO_NONE && !log_dirs_is_offline(dirs, i) && join(dir->path, clean_name, path)) {
            enum err ignored = log_dirs_write_manifest(dirs, fs, i);
            MAYBE(ignored == ERR_OK);
            ignored = fs_write_file(fs, path, marker, sizeof(marker) - 1);
            MAYBE(ignored == ERR_OK);
        }
        if (dir->lock != IO_NONE)
            fs_close(fs, dir->lock);
        log_dirs_drop_manifest(dirs, i);
        mem_free_string(dirs->mem, dir->path);
    }
    MAP_EACH(i, &dirs->found)
    {
        struct log_dirs_found *found = dirs->found.entries[i].value;
        mem_free(dirs->mem, found, found_size(found->topic_length));
    }
    map_fini(&dirs->found);
    checkpoint_text_fini(&dirs->deleted);
    checkpoint_text_fini(&dirs->strays);
    free_shards(dirs);
    MEM_DELETE(dirs->mem, dirs);
}

/* ---- what they are
 * --------------------------------------------------------------------------------------------------- */

int log_dirs_count(const struct log_dirs *dirs)
{
    return dirs->count;
}

const char *log_dirs_path(const struct log_dirs *dirs, int dir)
{
    ASSERT(dir >= 0 && dir < dirs->count);
    return dirs->dirs[dir].path;
}

struct uuid log_dirs_id(const struct log_dirs *dirs, int dir)
{
    ASSERT(dir >= 0 && dir < dirs->count);
    return dirs->dirs[dir].id;
}

const char *log_dirs_cluster_id(const struct log_dirs *dirs)
{
    return dirs->cluster_id;
}

bool log_dirs_is_offline(const struct log_dirs *dirs, int dir)
{
    return atomic_load_explicit(&dirs->dirs[dir].offline, memory_order_relaxed);
}

bool log_dirs_is_full(const struct log_dirs *dirs, int dir)
{
    return atomic_load_explicit(&dirs->dirs[dir].full, memory_order_relaxed);
}

void log_dirs_space(const struct log_dirs *dirs, int dir, int64_t *total_bytes, int64_t *free_bytes)
{
    *total_bytes = atomic_load_explicit(&dirs->dirs[dir].total_bytes, memory_order_relaxed);
    *free_bytes = atomic_load_explicit(&dirs->dirs[dir].free_bytes, memory_order_relaxed);
}

void log_dirs_fail(struct log_dirs *dirs, int dir)
{
    ASSERT(dir >= 0 && dir < dirs->count);
    atomic_store_explicit(&dirs->dirs[dir].offline, true, memory_order_relaxed);
}

void log_dirs_note(struct log_dirs *dirs, int dir, int change)
{
    atomic_fetch_add_explicit(&dirs->dirs[dir].partition_count, change, memory_order_relaxed);
}

/* ---- where a partition lies
 * -------------------------------------------------------------------------------------------- */

/* The online directory with the fewest partitions, one with room before a full one. -1: none. */
static int choose(const struct log_dirs *dirs)
{
    int best = -1;
    int64_t best_rank = 0;
    for (int i = 0; i < dirs->count; i++) {
        int32_t count = atomic_load_explicit(&dirs->dirs[i].partition_count, memory_order_relaxed);
        int64_t rank = count + (log_dirs_is_full(dirs, i) ? (int64_t)1 << 32 : 0);
        if (log_dirs_is_offline(dirs, i) || (best >= 0 && rank >= best_rank))
            continue;
        best = i;
        best_rank = rank;
    }
    return best;
}

void log_dirs_claim(struct log_dirs *dirs, struct slice topic, int32_t partition)
{
    struct log_dirs_found *found = log_dirs_lookup(dirs, topic, partition);
    if (found != NULL)
        atomic_store_explicit(&found->claimed, true, memory_order_relaxed);
}

enum err log_dirs_find(struct log_dirs *dirs, struct slice topic, int32_t partition, struct uuid topic_id, bool is_new,
                       struct log_dirs_place *place)
{
    struct log_dirs_found *found = log_dirs_lookup(dirs, topic, partition);
    if (found != NULL) /* also when it is another topic's: its name is wanted, and it is put aside */
        atomic_store_explicit(&found->claimed, true, memory_order_relaxed);
    *place = (struct log_dirs_place){.dir = -1};
    if (found != NULL && uuid_equal(found->topic_id, topic_id)) {
        place->dir = found->dir;
        place->exists = true;
        if (!is_new && dirs->dirs[found->dir].clean)
            place->description = found->description;
        place->clean = dirs->dirs[found->dir].clean;
        place->recovery_point = found->offsets[CHECKPOINT_RECOVERY_POINT];
        place->start_offset = found->offsets[CHECKPOINT_LOG_START];
        place->high_watermark = found->offsets[CHECKPOINT_HIGH_WATERMARK];
        place->cleaned_offset = found->offsets[CHECKPOINT_CLEANED];
        return log_dirs_is_offline(dirs, place->dir) ? ERR_SEALED : ERR_OK;
    }
    if (dirs->incomplete && !is_new)
        return ERR_SEALED;
    place->dir = found != NULL && !log_dirs_is_offline(dirs, found->dir) ? found->dir : choose(dirs);
    place->occupied = found != NULL && found->dir == place->dir && !uuid_is_zero(found->topic_id);
    return place->dir < 0 ? ERR_SEALED : ERR_OK;
}

bool log_dirs_join(const struct log_dirs *dirs, int dir, struct slice topic, int32_t partition, char path[FS_PATH_MAX])
{
    int length = snprintf(path, FS_PATH_MAX, "%s/%.*s-%d", log_dirs_path(dirs, dir), SLICE_ARG(topic), partition);
    return length > 0 && length < FS_PATH_MAX;
}
