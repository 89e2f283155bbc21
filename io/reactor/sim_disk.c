/* A simulated disk: a page cache over a device that keeps what was synced, and perhaps some of the rest.
 *
 * A file is its bytes as calls see them (`data`) and as the device has them (`stored`); a bit per 512-byte sector says
 * where they may differ. A directory is likewise its entries now, its entries on the device, and the changes between,
 * in order. sim_file.c puts counting and faults in front of this.
 */
#include "io/reactor/sim_disk.h"

#include <stdlib.h>

enum { SECTOR = 512, HANDLES_STEP = 64, SWEEP_MIN = 256 };

/* ---- inodes ---------------------------------------------------------------------------------------------------------
 */

static struct sim_inode *new_inode(struct sim_disk *disk, bool is_directory)
{
    struct sim_inode *inode = sim_new(sizeof(*inode));
    inode->is_directory = is_directory;
    inode->lock = IO_NONE;
    inode->modified_ms = sim_disk_wall_ms(disk);
    if (disk->inode_count == disk->inode_capacity) {
        disk->inode_capacity = disk->inode_capacity == 0 ? 64 : 2 * disk->inode_capacity;
        disk->inodes = sim_grow(disk->inodes, disk->inode_capacity * sizeof(struct sim_inode *));
    }
    disk->inodes[disk->inode_count++] = inode;
    return inode;
}

static void free_inode(struct sim_inode *inode)
{
    free(inode->data);
    free(inode->stored);
    free(inode->dirty);
    free(inode->now.items);
    free(inode->kept.items);
    free(inode->changes);
    free(inode);
}

/* ---- directories
 * ------------------------------------------------------------------------------------------------------ */

static struct sim_entry *find_entry(const struct sim_entries *entries, const char *name)
{
    for (int i = 0; i < entries->count; i++)
        if (strcmp(entries->items[i].name, name) == 0)
            return &entries->items[i];
    return NULL;
}

/* inode NULL: no such name any more. */
static void set_entry(struct sim_entries *entries, const char *name, struct sim_inode *inode)
{
    struct sim_entry *entry = find_entry(entries, name);
    if (entry != NULL && inode != NULL) {
        entry->inode = inode;
        return;
    }
    if (entry != NULL) {
        memmove(entry, entry + 1, (size_t)(&entries->items[--entries->count] - entry) * sizeof(*entry));
        return;
    }
    if (inode == NULL)
        return;
    if (entries->count == entries->capacity) {
        entries->capacity = entries->capacity == 0 ? 8 : 2 * entries->capacity;
        entries->items = sim_grow(entries->items, (size_t)entries->capacity * sizeof(*entries->items));
    }
    entry = &entries->items[entries->count++];
    entry->inode = inode;
    memcpy(entry->name, name, strlen(name) + 1);
}

static void apply_change(struct sim_entries *entries, const struct sim_change *change)
{
    if (change->from[0] != '\0')
        set_entry(entries, change->from, NULL);
    set_entry(entries, change->to, change->inode);
}

/* `from`: a name that goes in the same step, or "". */
static void change_directory(struct sim_inode *directory, const char *from, const char *to, struct sim_inode *inode)
{
    if (directory->change_count == directory->change_capacity) {
        directory->change_capacity = directory->change_capacity == 0 ? 8 : 2 * directory->change_capacity;
        directory->changes =
            sim_grow(directory->changes, (size_t)directory->change_capacity * sizeof(*directory->changes));
    }
    struct sim_change *change = &directory->changes[directory->change_count++];
    change->inode = inode;
    memcpy(change->from, from, strlen(from) + 1);
    memcpy(change->to, to, strlen(to) + 1);
    apply_change(&directory->now, change);
}

void sim_disk_keep_directory(struct sim_inode *directory)
{
    for (int i = 0; i < directory->change_count; i++)
        apply_change(&directory->kept, &directory->changes[i]);
    directory->change_count = 0;
}

/* Walks to the directory that holds the last name of the path. */
static enum err find_parent(const struct sim_disk *disk, const char *path, struct sim_inode **parent,
                            char name[SIM_NAME_SIZE])
{
    struct sim_inode *at = disk->root;
    if (strlen(path) >= FS_PATH_MAX)
        return ERR_INVALID;
    name[0] = '\0';
    for (;;) {
        path += strspn(path, "/");
        size_t length = strcspn(path, "/");
        if (length == 0) {
            *parent = at;
            return name[0] == '\0' ? ERR_INVALID : ERR_OK;
        }
        if (length >= SIM_NAME_SIZE)
            return ERR_INVALID;
        if (length == 1 && path[0] == '.') {
            path += 1;
            continue;
        }
        if (name[0] != '\0') {
            struct sim_entry *entry = find_entry(&at->now, name);
            if (entry == NULL || !entry->inode->is_directory)
                return ERR_NOT_FOUND;
            at = entry->inode;
        }
        memcpy(name, path, length);
        name[length] = '\0';
        path += length;
    }
}

static bool is_root(const char *path)
{
    return path[strspn(path, "/.")] == '\0';
}

enum err sim_disk_find(const struct sim_disk *disk, const char *path, struct sim_inode **inode)
{
    struct sim_inode *parent;
    char name[SIM_NAME_SIZE];
    *inode = disk->root;
    if (is_root(path))
        return ERR_OK;
    enum err err = find_parent(disk, path, &parent, name);
    if (err != ERR_OK)
        return err;
    struct sim_entry *entry = find_entry(&parent->now, name);
    if (entry == NULL)
        return ERR_NOT_FOUND;
    *inode = entry->inode;
    return ERR_OK;
}

enum err sim_disk_make_directory(struct sim_disk *disk, const char *path)
{
    struct sim_inode *parent;
    char name[SIM_NAME_SIZE];
    if (is_root(path))
        return ERR_EXISTS;
    enum err err = find_parent(disk, path, &parent, name);
    if (err != ERR_OK)
        return err;
    if (find_entry(&parent->now, name) != NULL)
        return ERR_EXISTS;
    change_directory(parent, "", name, new_inode(disk, true));
    return ERR_OK;
}

enum err sim_disk_remove(struct sim_disk *disk, const char *path, bool is_directory)
{
    struct sim_inode *parent;
    char name[SIM_NAME_SIZE];
    enum err err = find_parent(disk, path, &parent, name);
    if (err != ERR_OK)
        return err;
    struct sim_entry *entry = find_entry(&parent->now, name);
    if (entry == NULL)
        return ERR_NOT_FOUND;
    if (entry->inode->is_directory != is_directory)
        return ERR_INVALID;
    if (is_directory && entry->inode->now.count > 0)
        return ERR_EXISTS;
    change_directory(parent, "", name, NULL);
    return ERR_OK;
}

enum err sim_disk_rename(struct sim_disk *disk, const char *from, const char *to)
{
    struct sim_inode *from_parent, *to_parent;
    char from_name[SIM_NAME_SIZE], to_name[SIM_NAME_SIZE];
    enum err err = find_parent(disk, from, &from_parent, from_name);
    if (err == ERR_OK)
        err = find_parent(disk, to, &to_parent, to_name);
    if (err != ERR_OK)
        return err;
    struct sim_entry *entry = find_entry(&from_parent->now, from_name);
    if (entry == NULL)
        return ERR_NOT_FOUND;
    struct sim_inode *inode = entry->inode;
    struct sim_entry *old = find_entry(&to_parent->now, to_name);
    if (old != NULL && old->inode->is_directory && old->inode->now.count > 0)
        return ERR_EXISTS;
    if (from_parent == to_parent) {
        if (strcmp(from_name, to_name) != 0)
            change_directory(from_parent, from_name, to_name, inode);
        return ERR_OK;
    }
    /* Between directories it is one entry of the file system's journal, with what came before it. */
    change_directory(to_parent, "", to_name, inode);
    change_directory(from_parent, "", from_name, NULL);
    sim_disk_keep_directory(to_parent);
    sim_disk_keep_directory(from_parent);
    return ERR_OK;
}

/* ---- sweeping: inodes that nothing can reach any more, now or after a cut
 * ------------------------------------------------ */

static void mark(struct sim_inode *inode)
{
    if (inode == NULL || inode->marked)
        return;
    inode->marked = true;
    for (int i = 0; i < inode->now.count; i++)
        mark(inode->now.items[i].inode);
    for (int i = 0; i < inode->kept.count; i++)
        mark(inode->kept.items[i].inode);
    for (int i = 0; i < inode->change_count; i++)
        mark(inode->changes[i].inode);
}

static void sweep(struct sim_disk *disk)
{
    mark(disk->root);
    for (int i = 0; i < disk->handle_count; i++)
        mark(disk->handles[i]);
    size_t kept = 0;
    for (size_t i = 0; i < disk->inode_count; i++) {
        struct sim_inode *inode = disk->inodes[i];
        if (inode->marked) {
            inode->marked = false;
            disk->inodes[kept++] = inode;
        } else {
            disk->used -= inode->size;
            free_inode(inode);
        }
    }
    disk->inode_count = kept;
    disk->sweep_at = size_max(SWEEP_MIN, 2 * kept);
}

/* ---- handles
 * ---------------------------------------------------------------------------------------------------------- */

struct sim_inode *sim_disk_handle(const struct sim_disk *disk, io_file file)
{
    ASSERT(file >= 0 && file < disk->handle_count && disk->handles[file] != NULL); /* used after it was closed */
    return disk->handles[file];
}

static io_file new_handle(struct sim_disk *disk, struct sim_inode *inode)
{
    io_file file = 0;
    while (file < disk->handle_count && disk->handles[file] != NULL)
        file++;
    if (file == disk->handle_count) {
        disk->handle_count += HANDLES_STEP;
        disk->handles = sim_grow(disk->handles, (size_t)disk->handle_count * sizeof(struct sim_inode *));
        memset(&disk->handles[file], 0, HANDLES_STEP * sizeof(struct sim_inode *));
    }
    disk->handles[file] = inode;
    return file;
}

enum err sim_disk_open(struct sim_disk *disk, const char *path, int flags, io_file *file)
{
    struct sim_inode *parent, *inode;
    char name[SIM_NAME_SIZE];
    if (disk->inode_count >= disk->sweep_at)
        sweep(disk);
    enum err err = find_parent(disk, path, &parent, name);
    if (err != ERR_OK)
        return err;
    struct sim_entry *entry = find_entry(&parent->now, name);
    if (entry == NULL && (flags & FS_CREATE) == 0)
        return ERR_NOT_FOUND;
    if (entry != NULL && (flags & FS_EXCLUSIVE) != 0)
        return ERR_EXISTS;
    if (entry != NULL && entry->inode->is_directory)
        return ERR_INVALID;
    inode = entry != NULL ? entry->inode : new_inode(disk, false);
    if (entry == NULL)
        change_directory(parent, "", name, inode);
    if ((flags & FS_TRUNCATE) != 0)
        sim_disk_cut_size(disk, inode, 0);
    *file = new_handle(disk, inode);
    return ERR_OK;
}

void sim_disk_close(struct sim_disk *disk, io_file file)
{
    struct sim_inode *inode = sim_disk_handle(disk, file);
    if (inode->lock == file)
        inode->lock = IO_NONE;
    disk->handles[file] = NULL;
}

void sim_disk_close_all(struct sim_disk *disk)
{
    for (int i = 0; i < disk->handle_count; i++)
        if (disk->handles[i] != NULL)
            sim_disk_close(disk, i);
}

int sim_disk_open_files(const struct sim_disk *disk)
{
    int count = 0;
    for (int i = 0; i < disk->handle_count; i++)
        count += disk->handles[i] != NULL;
    return count;
}

/* ---- bytes
 * ------------------------------------------------------------------------------------------------------------ */

static void set_dirty(struct sim_inode *inode, int64_t from, int64_t to)
{
    for (int64_t sector = from / SECTOR; sector * SECTOR < to; sector++)
        inode->dirty[sector / 8] |= (uint8_t)(1 << sector % 8);
}

static bool is_dirty(const struct sim_inode *inode, int64_t sector)
{
    return (inode->dirty[sector / 8] >> sector % 8 & 1) != 0;
}

static void make_room(struct sim_inode *inode, int64_t size)
{
    if (size <= inode->capacity)
        return;
    int64_t capacity = inode->capacity == 0 ? 8 * SECTOR : inode->capacity;
    while (capacity < size)
        capacity *= 2;
    inode->data = sim_grow(inode->data, (size_t)capacity);
    inode->stored = sim_grow(inode->stored, (size_t)capacity);
    inode->dirty = sim_grow(inode->dirty, (size_t)capacity / SECTOR / 8);
    memset(inode->data + inode->capacity, 0, (size_t)(capacity - inode->capacity));
    memset(inode->stored + inode->capacity, 0, (size_t)(capacity - inode->capacity));
    memset(inode->dirty + inode->capacity / SECTOR / 8, 0, (size_t)(capacity - inode->capacity) / SECTOR / 8);
    inode->capacity = capacity;
}

/* Returns how many of the bytes fit on the disk. */
size_t sim_disk_put(struct sim_disk *disk, struct sim_inode *inode, const void *data, size_t length, int64_t pos)
{
    int64_t growth = pos + (int64_t)length - inode->size;
    if (growth > 0 && disk->used + growth > disk->capacity) {
        int64_t fits = disk->capacity - disk->used + inode->size - pos;
        length = fits > 0 ? size_min(length, (size_t)fits) : 0;
    }
    if (length == 0)
        return 0;
    int64_t end = pos + (int64_t)length;
    make_room(inode, end);
    memcpy(inode->data + pos, data, length);
    if (pos > inode->size) /* a hole */
        set_dirty(inode, inode->size, pos);
    set_dirty(inode, pos, end);
    if (end > inode->size) {
        disk->used += end - inode->size;
        inode->size = end;
    }
    inode->modified_ms = sim_disk_wall_ms(disk);
    return length;
}

size_t sim_disk_get(const struct sim_inode *inode, void *buffer, size_t length, int64_t pos)
{
    if (pos >= inode->size)
        return 0;
    length = size_min(length, (size_t)(inode->size - pos));
    memcpy(buffer, inode->data + pos, length);
    return length;
}

void sim_disk_cut_size(struct sim_disk *disk, struct sim_inode *inode, int64_t size)
{
    if (size > inode->size)
        make_room(inode, size);
    else if (inode->size > size)
        memset(inode->data + size, 0, (size_t)(inode->size - size));
    if (size < inode->least_size)
        inode->least_size = size;
    if (size < inode->size)
        set_dirty(inode, size, inode->size);
    disk->used += size - inode->size;
    inode->size = size;
    inode->modified_ms = sim_disk_wall_ms(disk);
}

static void keep_sector(struct sim_inode *inode, int64_t sector)
{
    memcpy(inode->stored + sector * SECTOR, inode->data + sector * SECTOR, SECTOR);
    inode->dirty[sector / 8] &= (uint8_t) ~(1 << sector % 8);
}

void sim_disk_keep(struct sim_inode *inode)
{
    for (int64_t sector = 0; sector * SECTOR < inode->capacity; sector++)
        if (is_dirty(inode, sector))
            keep_sector(inode, sector);
    inode->stored_size = inode->least_size = inode->size;
}

/* The kernel takes what has waited long enough; sizes follow with the bytes. */
void sim_disk_keep_some(struct sim_inode *inode, struct prng *prng)
{
    uint32_t share = (uint32_t)prng_below(prng, 1000001);
    for (int64_t sector = 0; sector * SECTOR < inode->size; sector++)
        if (is_dirty(inode, sector) && prng_chance(prng, share)) {
            keep_sector(inode, sector);
            int64_t end = size_min((size_t)(sector + 1) * SECTOR, (size_t)inode->size);
            if (inode->least_size == inode->stored_size && end > inode->stored_size)
                inode->stored_size = inode->least_size = end;
        }
}

/* A sync that failed: the kernel has let go of the pages, so that the next one has nothing to write (fsyncgate). */
void sim_disk_forget(struct sim_inode *inode, struct prng *prng)
{
    sim_disk_keep_some(inode, prng);
    if (inode->dirty != NULL)
        memset(inode->dirty, 0, (size_t)inode->capacity / SECTOR / 8);
}

static void keep_below(struct sim_disk *disk, struct sim_inode *inode, bool whole)
{
    if (!inode->is_directory && whole)
        sim_disk_keep(inode);
    else if (!inode->is_directory && disk->sim != NULL)
        sim_disk_forget(inode, &disk->sim->machine);
    for (int i = 0; inode->is_directory && i < inode->now.count; i++)
        keep_below(disk, inode->now.items[i].inode, whole);
    if (inode->is_directory && whole)
        sim_disk_keep_directory(inode);
}

void sim_disk_keep_all(struct sim_disk *disk, bool whole)
{
    keep_below(disk, disk->root, whole);
}

/* ---- what a cut leaves ---------------------------------------------------------------------------------------- */

static int64_t size_after_cut(const struct sim_inode *inode, struct prng *prng)
{
    if (prng_chance(prng, 300000))
        return inode->stored_size;
    if (prng_chance(prng, 300000))
        return inode->size;
    int64_t low = inode->least_size < inode->stored_size ? inode->least_size : inode->stored_size;
    return prng_between(prng, low < inode->size ? low : inode->size, inode->size);
}

static struct sim_inode *file_after_cut(struct sim_disk *disk, const struct sim_inode *from, struct prng *prng,
                                        uint32_t share)
{
    struct sim_inode *to = new_inode(disk, false);
    int64_t size = size_after_cut(from, prng);
    to->modified_ms = from->modified_ms;
    make_room(to, size_max((size_t)size, 1));
    int64_t had = from->stored_size < size ? from->stored_size : size;
    if (had > 0)
        memcpy(to->stored, from->stored, (size_t)had);
    for (int64_t sector = 0; sector * SECTOR < size && sector * SECTOR < from->capacity; sector++)
        if (is_dirty(from, sector) && prng_chance(prng, share))
            memcpy(to->stored + sector * SECTOR, from->data + sector * SECTOR, SECTOR);
    memset(to->stored + size, 0, (size_t)(to->capacity - size));
    memcpy(to->data, to->stored, (size_t)to->capacity);
    to->size = to->stored_size = to->least_size = size;
    disk->used += size;
    return to;
}

static struct sim_inode *inode_after_cut(struct sim_disk *disk, struct sim_inode *from, struct prng *prng,
                                         uint32_t share)
{
    if (!from->is_directory)
        return file_after_cut(disk, from, prng, share);
    struct sim_inode *to = new_inode(disk, true);
    to->modified_ms = from->modified_ms;
    struct sim_entries entries = {0};
    for (int i = 0; i < from->kept.count; i++)
        set_entry(&entries, from->kept.items[i].name, from->kept.items[i].inode);
    int changes = (int)prng_below(prng, (uint64_t)from->change_count + 1);
    for (int i = 0; i < changes; i++)
        apply_change(&entries, &from->changes[i]);
    for (int i = 0; i < entries.count; i++) {
        struct sim_inode *copy = inode_after_cut(disk, entries.items[i].inode, prng, share);
        set_entry(&to->now, entries.items[i].name, copy);
        set_entry(&to->kept, entries.items[i].name, copy);
    }
    free(entries.items);
    return to;
}

struct sim_disk *sim_disk_after_cut(const struct sim_disk *disk, struct prng *prng)
{
    static const uint32_t shares[] = {0, 100000, 500000, 900000, 1000000};
    uint32_t share = shares[prng_below(prng, COUNT_OF(shares))];
    struct sim_disk *after = sim_disk_new(disk->capacity);
    free_inode(after->root);
    after->inode_count = 0;
    after->faults = disk->faults;
    after->root = inode_after_cut(after, disk->root, prng, share);
    return after;
}

bool sim_disk_rot(struct sim_disk *disk, const char *path, int64_t pos, uint8_t mask)
{
    struct sim_inode *inode;
    if (sim_disk_find(disk, path, &inode) != ERR_OK || inode->is_directory || pos < 0 || pos >= inode->size)
        return false;
    inode->data[pos] ^= mask;
    inode->stored[pos] ^= mask;
    return true;
}

/* ---- open and free
 * --------------------------------------------------------------------------------------------------------- */

struct sim_disk *sim_disk_new(int64_t capacity)
{
    struct sim_disk *disk = sim_new(sizeof(*disk));
    disk->capacity = capacity;
    disk->sweep_at = SWEEP_MIN;
    disk->root = new_inode(disk, true);
    sim_file_init(disk);
    return disk;
}

void sim_disk_free(struct sim_disk *disk)
{
    for (size_t i = 0; i < disk->inode_count; i++)
        free_inode(disk->inodes[i]);
    free(disk->inodes);
    free(disk->handles);
    free(disk);
}

void sim_disk_attach(struct sim_disk *disk, struct sim *sim)
{
    disk->sim = sim;
}

int64_t sim_disk_wall_ms(const struct sim_disk *disk)
{
    return disk->sim == NULL ? 0 : disk->sim->wall_ms + disk->sim->now_ns / 1000000;
}
