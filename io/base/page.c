#include "io/base/page.h"

#include <stdarg.h>
#include <stdio.h>

void page_add(struct page *page, const char *format, ...)
{
    size_t room = page->length < page->capacity ? page->capacity - page->length : 0;
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(room > 0 ? page->text + page->length : NULL, room, format, args);
    va_end(args);
    ASSERT(wanted >= 0);
    page->length += (size_t)wanted;
}
