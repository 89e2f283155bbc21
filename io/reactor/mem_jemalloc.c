#include "io/reactor/mem_real.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef RINGMAIN_SANITIZER
#include <jemalloc/jemalloc.h>
#endif

struct mem_real {
    struct mem mem;
    unsigned arena;
    unsigned tcache; /* explicit, since a mem moves from the thread that set it up to the shard's */
};

#ifdef RINGMAIN_SANITIZER

static void *real_alloc(struct mem *mem, size_t size, size_t align)
{
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void real_free(struct mem *mem, void *block, size_t size)
{
    free(block);
}
static bool arena_open(struct mem_real *real)
{
    return true;
}
static void arena_close(struct mem_real *real)
{
}
static void arena_trim(struct mem_real *real)
{
}

#else

static void *real_alloc(struct mem *mem, size_t size, size_t align)
{
    struct mem_real *real = CONTAINER_OF(mem, struct mem_real, mem);
    return mallocx(size, MALLOCX_ALIGN(align) | MALLOCX_ARENA(real->arena) | MALLOCX_TCACHE(real->tcache));
}

static void real_free(struct mem *mem, void *block, size_t size)
{
    struct mem_real *real = CONTAINER_OF(mem, struct mem_real, mem);
    dallocx(block, MALLOCX_TCACHE(real->tcache));
}

static bool arena_open(struct mem_real *real)
{
    size_t size = sizeof(real->arena);
    if (mallctl("arenas.create", &real->arena, &size, NULL, 0) != 0)
        return false;
    size = sizeof(real->tcache);
    return mallctl("tcache.create", &real->tcache, &size, NULL, 0) == 0;
}

static void arena_close(struct mem_real *real)
{
    char name[64];
    mallctl("tcache.destroy", NULL, NULL, &real->tcache, sizeof(real->tcache));
    snprintf(name, sizeof(name), "arena.%u.destroy", real->arena);
    mallctl(name, NULL, NULL, NULL, 0);
}

static void arena_trim(struct mem_real *real)
{
    char name[64];
    mallctl("tcache.flush", NULL, NULL, &real->tcache, sizeof(real->tcache));
    snprintf(name, sizeof(name), "arena.%u.purge", real->arena);
    mallctl(name, NULL, NULL, NULL, 0);
}

#endif

struct mem *mem_real_open(size_t limit)
{
    struct mem_real *real = calloc(1, sizeof(*real));
    if (real == NULL)
        return NULL;
    if (!arena_open(real)) {
        free(real);
        return NULL;
    }
    real->mem = (struct mem){.alloc = real_alloc, .free = real_free, .limit = limit};
    return &real->mem;
}

void mem_real_close(struct mem *mem)
{
    struct mem_real *real = CONTAINER_OF(mem, struct mem_real, mem);
    arena_close(real);
    free(real);
}

void mem_real_trim(struct mem *mem)
{
    arena_trim(CONTAINER_OF(mem, struct mem_real, mem));
}
