/* io/reactor/mem_real.h -- a shard's memory on the real machine: a jemalloc arena of its own under a budget. Sanitizer
 * builds use the C heap instead, so that every block is watched. A mem is used by one thread at a time; free gives
 * everything of the arena back, blocks that are still handed out included (not in sanitizer builds: those report them).
 */
#ifndef RINGMAIN_IO_REACTOR_MEM_REAL_H
#define RINGMAIN_IO_REACTOR_MEM_REAL_H

#include "io/base/mem.h"

struct mem *mem_real_open(size_t limit) MUST_CHECK; /* NULL: the machine has no memory left */
void mem_real_close(struct mem *mem);
void mem_real_trim(struct mem *mem); /* gives what is free back to the machine, at once */

#endif
