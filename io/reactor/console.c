#include "io/reactor/console.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

FILE *console_open(const char *path, const char **why)
{
    FILE *file = fopen(path, "rb");
    *why = file == NULL ? strerror(errno) : NULL;
    return file;
}

void console_close(FILE *file)
{
    fclose(file);
}

bool console_is_terminal(void)
{
    return isatty(STDERR_FILENO) == 1;
}

void console_print(const void *bytes, size_t length)
{
    if (length > 0)
        fwrite(bytes, 1, length, stdout);
}
