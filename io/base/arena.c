#include "io/base/arena.h"

#include <stdarg.h>
#include <stdio.h>

enum { ARENA_BLOCK_MIN = 4096 };

struct arena_block {
    struct arena_block *next;
    size_t size; /* of the whole block, this header included */
};

enum { ARENA_HEADER = (sizeof(struct arena_block) + 15) & ~15 };

void arena_init(struct arena *arena, struct mem *mem, size_t limit)
{
    *arena = (struct arena){.mem = mem, .limit = limit};
}

static void arena_free_until(struct arena *arena, const struct arena_block *keep)
{
    while (arena->_blocks != keep) {
        struct arena_block *block = arena->_blocks;
        arena->_blocks = block->next;
        arena->total -= block->size;
        mem_free(arena->mem, block, block->size);
    }
}

void arena_fini(struct arena *arena)
{
    arena_free_until(arena, NULL);
    arena->_next = NULL;
    arena->_left = 0;
    ASSERT(arena->total == 0);
}

void arena_reset(struct arena *arena)
{
    struct arena_block *first = arena->_blocks;
    while (first != NULL && first->next != NULL)
        first = first->next;
    arena_free_until(arena, first);
    arena->failed = false;
    if (first != NULL) {
        arena->_next = (uint8_t *)first + ARENA_HEADER;
        arena->_left = first->size - ARENA_HEADER;
    }
}

static bool arena_grow(struct arena *arena, size_t size)
{
    size_t want = size + ARENA_HEADER;
    size_t usual = arena->_blocks == NULL ? ARENA_BLOCK_MIN : size_min(arena->_blocks->size * 2, 1 << 20);
    size_t block_size = size_max(want, usual);
    if (block_size > arena->limit - arena->total)
        block_size = want; /* near the limit: exactly what is asked for */
    if (want > arena->limit - arena->total)
        return false;
    struct arena_block *block = mem_alloc(arena->mem, block_size);
    if (block == NULL)
        return false;
    *block = (struct arena_block){.next = arena->_blocks, .size = block_size};
    arena->_blocks = block;
    arena->total += block_size;
    arena->_next = (uint8_t *)block + ARENA_HEADER;
    arena->_left = block_size - ARENA_HEADER;
    return true;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    if (size > arena->limit) {
        arena->failed = true;
        return NULL;
    }
    size = (size_max(size, 1) + 15) & ~(size_t)15;
    if (size > arena->_left && !arena_grow(arena, size)) {
        arena->failed = true;
        return NULL;
    }
    void *memory = arena->_next;
    arena->_next += size;
    arena->_left -= size;
    return memset(memory, 0, size);
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        arena->failed = true;
        return NULL;
    }
    return arena_alloc(arena, bytes);
}

void *arena_copy(struct arena *arena, const void *bytes, size_t size)
{
    void *copy = arena_alloc(arena, size);
    if (copy != NULL && size > 0)
        memcpy(copy, bytes, size);
    return copy;
}

char *arena_string(struct arena *arena, const void *bytes, size_t length)
{
    char *copy = arena_alloc(arena, length + 1);
    if (copy != NULL && length > 0)
        memcpy(copy, bytes, length);
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    ASSERT(length >= 0);
    char *text = arena_alloc(arena, (size_t)length + 1);
    if (text == NULL)
        return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)length + 1, format, args);
    va_end(args);
    return text;
}
