#include "bench/limits/limit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { THREADS_MAX = 64 };

_Noreturn void limit_fail(const char *what)
{
    fprintf(stderr, "limit: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int usage(void)
{
    fprintf(stderr, "usage: limit [--threads N] echo | append DIR | read FILE BYTES | sync DIR BYTES RATE SECONDS | "
                    "memcpy\n");
    return 2;
}

static void warm(int file, int64_t bytes)
{
    char *block = malloc(1 << 20);
    for (int64_t at = 0; at < bytes; at += 1 << 20)
        if (pread(file, block, 1 << 20, at) < 0)
            limit_fail("read");
    free(block);
}

/* Threads begin at places of their own. */
static void open_file(struct limit_server *server, const char *path, int64_t read_bytes, int threads)
{
    struct stat status;
    server->file = open(path, O_RDONLY | O_CLOEXEC);
    if (server->file < 0 || fstat(server->file, &status) != 0)
        limit_fail(path);
    server->file_bytes = status.st_size;
    server->read_bytes = read_bytes;
    if (server->read_bytes < 1 || server->file_bytes < server->read_bytes)
        limit_fail("the file is smaller than a read");
    server->next_read = status.st_size / threads * server->number / read_bytes * read_bytes;
    if (server->number == 0)
        warm(server->file, server->file_bytes);
}

/* False: not one of the servers' modes. */
static bool open_server(struct limit_server *server, int argc, char **argv, int threads)
{
    const char *mode = argc > 0 ? argv[0] : "";
    if (strcmp(mode, "echo") == 0 && argc == 1) {
        server->kind = LIMIT_ECHO;
    } else if (strcmp(mode, "append") == 0 && argc == 2) {
        server->kind = LIMIT_APPEND;
        server->directory = argv[1];
    } else if (strcmp(mode, "read") == 0 && argc == 3) {
        server->kind = LIMIT_READ;
        open_file(server, argv[1], strtoll(argv[2], NULL, 10), threads);
    } else {
        return false;
    }
    return true;
}

/* A core for each, as far as there are cores. */
static void pin(int number)
{
    cpu_set_t all, one;
    if (sched_getaffinity(0, sizeof(all), &all) != 0 || number >= CPU_COUNT(&all))
        return;
    int cpu = -1;
    do
        if (CPU_ISSET((size_t)++cpu, &all))
            number--;
    while (number >= 0);
    CPU_ZERO(&one);
    CPU_SET((size_t)cpu, &one);
    if (sched_setaffinity(0, sizeof(one), &one) != 0)
        limit_fail("pin");
}

static void *serve(void *argument)
{
    struct limit_server *server = argument;
    pin(server->number);
    limit_serve(server);
}

/* The port is told when all listen: connections are spread over those that do. */
static int serve_on_all(int threads, int argc, char **argv)
{
    struct limit_server *servers = calloc((size_t)threads, sizeof(*servers));
    uint16_t port = 0;
    pthread_t thread;
    if (servers == NULL)
        limit_fail("memory");
    for (int i = 0; i < threads; i++) {
        servers[i] = (struct limit_server){.number = i, .segment = -1};
        if (!open_server(&servers[i], argc, argv, threads))
            return usage();
        port = limit_listen(&servers[i], port);
    }
    printf("%d\n", port);
    fflush(stdout);
    for (int i = 1; i < threads; i++)
        if ((errno = pthread_create(&thread, NULL, serve, &servers[i])) != 0)
            limit_fail("thread");
    serve(&servers[0]);
    return 0;
}

int main(int argc, char **argv)
{
    int threads = 1, first = 1;
    if (argc > 2 && strcmp(argv[1], "--threads") == 0) {
        threads = atoi(argv[2]);
        first = 3;
    }
    if (threads < 1 || threads > THREADS_MAX)
        return usage();
    const char *mode = argc > first ? argv[first] : "";
    char **rest = argv + first;
    if (strcmp(mode, "sync") == 0 && argc - first == 5)
        limit_sync(rest[1], (size_t)strtoull(rest[2], NULL, 10), strtod(rest[3], NULL), strtod(rest[4], NULL));
    else if (strcmp(mode, "memcpy") == 0 && argc - first == 1)
        limit_memcpy();
    else
        return serve_on_all(threads, argc - first, rest);
    return 0;
}
