#include "tests/support/test.h"

struct test_mem {
    struct mem mem;
    long fail_in;
    struct test_mem *next;
};

static struct test_mem *all; /* keeps them reachable: they live as long as the process, which is no leak */

static void *counted_alloc(struct mem *mem, size_t size, size_t align)
{
    struct test_mem *test = CONTAINER_OF(mem, struct test_mem, mem);
    if (test->fail_in > 0 && --test->fail_in == 0)
        return NULL;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void counted_free(struct mem *mem, void *block, size_t size)
{
    free(block);
}

struct mem *test_mem(void)
{
    struct test_mem *test = calloc(1, sizeof *test);
    assert_non_null(test);
    test->mem = (struct mem){.alloc = counted_alloc, .free = counted_free, .limit = (size_t)1 << 30};
    test->next = all;
    all = test;
    return &test->mem;
}

void test_mem_fail_at(struct mem *mem, long n)
{
    CONTAINER_OF(mem, struct test_mem, mem)->fail_in = n;
}
