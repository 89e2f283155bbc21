/* io/base/page.h -- text that grows by printf in a buffer of fixed size: the generated pages of docs/.
 *
 * What does not fit is cut and counted all the same, as snprintf does: the page is whole when length < capacity.
 * Core: any. Memory: the caller's; capacity 0 only counts. */
#ifndef RINGMAIN_IO_BASE_PAGE_H
#define RINGMAIN_IO_BASE_PAGE_H

#include "io/base/check.h"

#include <stddef.h>

struct page {
    char *text;
    size_t length, capacity;
};

void page_add(struct page *page, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
