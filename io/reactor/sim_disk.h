/* io/reactor/sim_disk.h -- inside of the simulated disk (sim_disk.c, sim_file.c): inodes, entries, handles. */
#ifndef RINGMAIN_IO_REACTOR_SIM_DISK_H
#define RINGMAIN_IO_REACTOR_SIM_DISK_H

#include "io/reactor/sim_inner.h"

enum { SIM_NAME_SIZE = 256 };

struct sim_inode;

struct sim_entry {
    struct sim_inode *inode;
    char name[SIM_NAME_SIZE];
};

struct sim_entries {
    struct sim_entry *items;
    int count, capacity;
};

/* One step of a directory that the device has not yet: `from` goes, `to` is inode (NULL: goes). */
struct sim_change {
    struct sim_inode *inode;
    char from[SIM_NAME_SIZE], to[SIM_NAME_SIZE];
};

struct sim_inode {
    bool is_directory, marked;
    io_file lock; /* the handle that holds it */
    int64_t modified_ms;
    /* file: data and stored have `capacity` bytes each; beyond the size they are zero */
    int64_t size, stored_size, capacity;
    int64_t least_size; /* that it has had since the last sync */
    uint8_t *data, *stored, *dirty;
    /* directory */
    struct sim_entries now, kept;
    struct sim_change *changes;
    int change_count, change_capacity;
};

struct sim_fs {
    struct fs fs; /* first */
    struct sim_disk *disk;
    bool counted;
};

struct sim_disk {
    struct sim *sim; /* NULL: its node is off */
    struct sim_inode *root;
    struct sim_inode **inodes;
    size_t inode_count, inode_capacity, sweep_at;
    struct sim_inode **handles;
    int handle_count;
    int64_t capacity, used;
    struct sim_disk_faults faults;
    struct sim_disk_watch *watch;
    uint64_t operations, fails_at;
    enum err failure;
    bool fails_on;
    struct sim_fs plain, counted;
};

void sim_file_init(struct sim_disk *disk); /* the two file systems */

int64_t sim_disk_wall_ms(const struct sim_disk *disk);
struct sim_inode *sim_disk_handle(const struct sim_disk *disk, io_file file);
enum err sim_disk_find(const struct sim_disk *disk, const char *path, struct sim_inode **inode);
enum err sim_disk_make_directory(struct sim_disk *disk, const char *path);
enum err sim_disk_remove(struct sim_disk *disk, const char *path, bool is_directory);
enum err sim_disk_rename(struct sim_disk *disk, const char *from, const char *to);
void sim_disk_keep_directory(struct sim_inode *directory);
size_t sim_disk_put(struct sim_disk *disk, struct sim_inode *inode, const void *data, size_t length, int64_t pos);
size_t sim_disk_get(const struct sim_inode *inode, void *buffer, size_t length, int64_t pos);
void sim_disk_cut_size(struct sim_disk *disk, struct sim_inode *inode, int64_t size);
void sim_disk_keep(struct sim_inode *inode);
void sim_disk_keep_some(struct sim_inode *inode, struct prng *prng);
/* Of all that is there now; without `whole` chance says what the device has got, and no later sync writes the rest. */
void sim_disk_keep_all(struct sim_disk *disk, bool whole);
void sim_disk_forget(struct sim_inode *inode, struct prng *prng);

#endif
