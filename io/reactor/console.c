#include "io/reactor/console.h"

#include <errno.h>
#include <poll.h>
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

size_t console_read(FILE *file, void *buffer, size_t size)
{
    ssize_t got;
    do
        got = read(fileno(file), buffer, size);
    while (got < 0 && errno == EINTR);
    return got < 0 ? 0 : (size_t)got;
}

bool console_has_input(FILE *file, int wait_ms)
{
    struct pollfd poll_fd = {.fd = fileno(file), .events = POLLIN};
    return poll(&poll_fd, 1, wait_ms) != 0;
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
