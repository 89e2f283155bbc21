/* io/base/arena.h -- memory of one request or one decision: taken in order, given back all at once.
 *
 * Memory: blocks come from a `struct mem` and go back in arena_reset (which keeps the first block) or arena_fini.
 * arena_alloc returns zeroed, 16-byte aligned memory, or NULL when the mem is exhausted or `limit` would be
 * passed; the arena then stays usable and remembers it in `failed`, so that a decoder may check once at its end.
 */
#ifndef RINGMAIN_IO_BASE_ARENA_H
#define RINGMAIN_IO_BASE_ARENA_H

#include "io/base/mem.h"

#include <stdbool.h>

struct arena_block;

struct arena {
    struct mem *mem;
    struct arena_block *_blocks; /* newest first */
    size_t _left;                /* bytes free in the newest block */
    uint8_t *_next;
    size_t total; /* bytes held in blocks */
    size_t limit; /* most bytes it may hold */
    bool failed;
};

void arena_init(struct arena *arena, struct mem *mem, size_t limit); /* allocates nothing yet */
void arena_fini(struct arena *arena);
void arena_reset(struct arena *arena);
void *arena_alloc(struct arena *arena, size_t size) MUST_CHECK;
void *arena_alloc_array(struct arena *arena, size_t count, size_t size) MUST_CHECK; /* checks the product */
void *arena_copy(struct arena *arena, const void *bytes, size_t size) MUST_CHECK;
char *arena_string(struct arena *arena, const void *bytes, size_t length) MUST_CHECK; /* adds the NUL */
char *arena_printf(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3);

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_alloc_array((arena), (count), sizeof(type)))

#endif
