#include "bench/limits/limit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

_Noreturn void limit_fail(const char *what)
{
    fprintf(stderr, "limit: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void warm(int file, int64_t bytes)
{
    char *block = malloc(1 << 20);
    for (int64_t at = 0; at < bytes; at += 1 << 20)
        if (pread(file, block, 1 << 20, at) < 0)
            limit_fail("read");
    free(block);
}

int main(int argc, char **argv)
{
    struct limit_server server = {.segment = -1};
    const char *mode = argc > 1 ? argv[1] : "";
    if (strcmp(mode, "echo") == 0) {
        server.kind = LIMIT_ECHO;
    } else if (strcmp(mode, "append") == 0 && argc == 3) {
        server.kind = LIMIT_APPEND;
        server.directory = argv[2];
    } else if (strcmp(mode, "read") == 0 && argc == 4) {
        struct stat status;
        server.kind = LIMIT_READ;
        server.read_bytes = strtoll(argv[3], NULL, 10);
        server.file = open(argv[2], O_RDONLY | O_CLOEXEC);
        if (server.file < 0 || fstat(server.file, &status) != 0)
            limit_fail(argv[2]);
        server.file_bytes = status.st_size;
        if (server.read_bytes < 1 || server.file_bytes < server.read_bytes)
            limit_fail("the file is smaller than a read");
        warm(server.file, server.file_bytes);
    } else if (strcmp(mode, "sync") == 0 && argc == 6) {
        limit_sync(argv[2], (size_t)strtoull(argv[3], NULL, 10), strtod(argv[4], NULL), strtod(argv[5], NULL));
        return 0;
    } else if (strcmp(mode, "memcpy") == 0) {
        limit_memcpy();
        return 0;
    } else {
        fprintf(stderr, "usage: limit echo | append DIR | read FILE BYTES | sync DIR BYTES RATE SECONDS | memcpy\n");
        return 2;
    }
    limit_serve(&server);
}
