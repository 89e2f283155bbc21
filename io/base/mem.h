/* io/base/mem.h -- memory as a shard sees it: an allocator with an owner, a budget and a way to fail on purpose.
 *
 * Every allocation above io/ goes through a `struct mem`. The real one is a jemalloc arena per shard
 * (io/reactor/mem_jemalloc.c); the simulated one tracks every block so that a crash frees a whole node and so that the
 * n-th allocation can be made to fail.
 *
 * Invariants: used <= limit; a block is freed to the mem it came from, with the size it was asked for, on the shard
 * that owns the mem. Allocation returns NULL when the budget, the machine or a fault says so: that is an environment
 * error (ERR_NO_MEMORY), never a crash. Blocks are aligned to 16 bytes; mem_alloc_pages to 4096.
 */
#ifndef RINGMAIN_IO_BASE_MEM_H
#define RINGMAIN_IO_BASE_MEM_H

#include "io/base/check.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct mem {
    void *(*alloc)(struct mem *mem, size_t size, size_t align); /* NULL when it cannot */
    void (*free)(struct mem *mem, void *block, size_t size);
    size_t used;     /* bytes handed out, as asked for */
    size_t limit;    /* budget in bytes */
    uint64_t allocs; /* calls that took something, ever: a request of the usual kind makes none */
};

void *mem_alloc(struct mem *mem, size_t size) MUST_CHECK;
void *mem_alloc_zero(struct mem *mem, size_t size) MUST_CHECK;
void *mem_alloc_pages(struct mem *mem, size_t size) MUST_CHECK;
/* Grows or shrinks by copy; on NULL the old block is untouched. old may be NULL with old_size 0. */
void *mem_resize(struct mem *mem, void *old, size_t old_size, size_t new_size) MUST_CHECK;
void mem_free(struct mem *mem, void *block, size_t size); /* block may be NULL */
/* A NUL-terminated copy; free with strlen + 1. */
char *mem_copy_string(struct mem *mem, const char *text, size_t length) MUST_CHECK;
void mem_free_string(struct mem *mem, char *text);

#define MEM_NEW(mem, type)       ((type *)mem_alloc_zero((mem), sizeof(type)))
#define MEM_DELETE(mem, pointer) mem_free((mem), (pointer), sizeof *(pointer))

#endif
