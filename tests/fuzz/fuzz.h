/* tests/fuzz/fuzz.h -- what every libFuzzer target shares: a memory on the C heap under a budget, so that a sanitizer
 * sees each block and input that asks for too much is refused rather than served. */
#ifndef RINGMAIN_TESTS_FUZZ_FUZZ_H
#define RINGMAIN_TESTS_FUZZ_FUZZ_H

#include <stdlib.h>

#include "io/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *fuzz_alloc(struct mem *mem, size_t size, size_t align)
{
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void fuzz_free(struct mem *mem, void *block, size_t size)
{
    free(block);
}

static inline struct mem fuzz_mem(size_t limit)
{
    return (struct mem){.alloc = fuzz_alloc, .free = fuzz_free, .limit = limit};
}

#endif
