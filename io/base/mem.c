#include "io/base/mem.h"

static void *mem_alloc_aligned(struct mem *mem, size_t size, size_t align)
{
    ASSERT(size > 0);
    if (size > mem->limit || mem->used > mem->limit - size)
        return NULL;
    void *block = mem->alloc(mem, size, align);
    if (block != NULL) {
        mem->used += size;
        mem->allocs++;
    }
    return block;
}

void *mem_alloc(struct mem *mem, size_t size)
{
    return mem_alloc_aligned(mem, size, 16);
}

void *mem_alloc_zero(struct mem *mem, size_t size)
{
    void *block = mem_alloc_aligned(mem, size, 16);
    if (block != NULL)
        memset(block, 0, size);
    return block;
}

void *mem_alloc_pages(struct mem *mem, size_t size)
{
    return mem_alloc_aligned(mem, size, 4096);
}

void *mem_resize(struct mem *mem, void *old, size_t old_size, size_t new_size)
{
    ASSERT((old == NULL) == (old_size == 0));
    void *block = mem_alloc(mem, new_size);
    if (block == NULL)
        return NULL;
    if (old != NULL) {
        memcpy(block, old, size_min(old_size, new_size));
        mem_free(mem, old, old_size);
    }
    return block;
}

void mem_free(struct mem *mem, void *block, size_t size)
{
    if (block == NULL)
        return;
    ASSERT(mem->used >= size);
    mem->used -= size;
    mem->free(mem, block, size);
}

char *mem_copy_string(struct mem *mem, const char *text, size_t length)
{
    char *copy = mem_alloc(mem, length + 1);
    if (copy == NULL)
        return NULL;
    if (length > 0)
        memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

void mem_free_string(struct mem *mem, char *text)
{
    if (text != NULL)
        mem_free(mem, text, strlen(text) + 1);
}
