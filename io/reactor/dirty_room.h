/* io/reactor/dirty_room.h -- how many bytes writers may have in the page cache, and on no device yet, before the kernel
 * makes one of them wait: half-way between vm.dirty_background_* and vm.dirty_* (balance_dirty_pages), of the memory
 * that is free or holds file pages, the machine's or the control group's.
 *
 * Blocking: reads /proc and /sys/fs/cgroup. Any thread; before the shards run.
 */
#ifndef RINGMAIN_IO_REACTOR_DIRTY_ROOM_H
#define RINGMAIN_IO_REACTOR_DIRTY_ROOM_H

#include <stdint.h>

struct dirty_terms {
    int64_t memory;                        /* bytes that could hold file pages */
    int64_t background_bytes, limit_bytes; /* 0: by the percentages */
    int64_t background_ratio, limit_ratio;
};

int64_t dirty_room_of(const struct dirty_terms *terms); /* bytes */
int64_t dirty_room(void);                               /* of this machine; 0: it does not say */

#endif
