/* A shard's memory in the simulation: every block is known, so that a crash frees a whole node, a clean stop can be
 * asked what it forgot, and the n-th allocation can fail. Fresh and freed blocks hold rubbish. */
#include "io/reactor/sim_inner.h"

#include <stdlib.h>

enum { HEADER_BYTES = 64, FRESH = 0xa5, FREED = 0xd5 };

struct block {
    struct list link;    /* of sim_mem.blocks */
    size_t size, offset; /* offset: of the user's bytes from the start of the allocation */
    struct sim_mem *owner;
};

struct sim_mem {
    struct mem mem;
    struct list blocks;
    struct sim_node *node;
};

_Static_assert(sizeof(struct block) <= HEADER_BYTES, "the header lies before the block");

static struct block *block_of(void *bytes)
{
    return (struct block *)(void *)((uint8_t *)bytes - HEADER_BYTES);
}

static bool shall_fail(struct sim_node *node)
{
    uint64_t n = ++node->allocations;
    if (node->memory_watch != NULL && node->memory_watch->fails(node->memory_watch, node))
        return true;
    if (node->allocation_fails_at == 0)
        return false;
    return node->allocation_fails_on ? n >= node->allocation_fails_at : n == node->allocation_fails_at;
}

static void *sim_alloc(struct mem *mem, size_t size, size_t align)
{
    struct sim_mem *sim = CONTAINER_OF(mem, struct sim_mem, mem);
    if (shall_fail(sim->node))
        return NULL;
    size_t offset = size_max(align, HEADER_BYTES);
    size_t unit = size_max(align, HEADER_BYTES);
    uint8_t *raw = aligned_alloc(unit, (offset + size + unit - 1) / unit * unit);
    ASSERT(raw != NULL);
    memset(raw + offset, FRESH, size);
    struct block *block = block_of(raw + offset);
    *block = (struct block){.size = size, .offset = offset, .owner = sim};
    list_push_back(&sim->blocks, &block->link);
    return raw + offset;
}

static void release(struct block *block)
{
    uint8_t *bytes = (uint8_t *)block + HEADER_BYTES;
    uint8_t *raw = bytes - block->offset;
    list_remove(&block->link);
    block->owner = NULL;
    memset(bytes, FREED, block->size);
    free(raw);
}

static void sim_free(struct mem *mem, void *bytes, size_t size)
{
    struct block *block = block_of(bytes);
    ASSERT(block->owner == CONTAINER_OF(mem, struct sim_mem, mem)); /* freed twice, or to another shard's memory */
    ASSERT(block->size == size);
    release(block);
}

struct mem *sim_mem_open(struct sim_node *node, size_t limit)
{
    struct sim_mem *sim = sim_new(sizeof(*sim));
    sim->mem = (struct mem){.alloc = sim_alloc, .free = sim_free, .limit = limit};
    sim->node = node;
    list_init(&sim->blocks);
    return &sim->mem;
}

size_t sim_mem_close(struct mem *mem)
{
    struct sim_mem *sim = CONTAINER_OF(mem, struct sim_mem, mem);
    size_t left = mem->used;
    while (!list_empty(&sim->blocks))
        release(CONTAINER_OF(sim->blocks.next, struct block, link));
    free(sim);
    return left;
}
