/* tests/support/test.h -- what every unit test includes: cmocka with its required headers, and a memory that counts. */
#ifndef RINGMAIN_TESTS_SUPPORT_TEST_H
#define RINGMAIN_TESTS_SUPPORT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/base/mem.h"

/* A fresh memory on the C heap with a 1 GiB limit. Freed with the process; check `used` for leaks. */
struct mem *test_mem(void);
/* The n-th allocation from now (1 = the next) fails, once; 0 switches it off. */
void test_mem_fail_at(struct mem *mem, long n);

#endif
