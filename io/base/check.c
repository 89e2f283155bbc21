#include "io/base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *expression, const char *file, int line)
{
    fprintf(stderr, "level=fatal msg=\"broken invariant\" check=\"%s\" at=%s:%d\n", expression, file, line);
    abort();
}
