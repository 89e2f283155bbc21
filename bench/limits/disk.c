/* Limits without a network: durable writes, and copying memory. */
#include "bench/limits/limit.h"
#include "bench/load/hdr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { FILE_BYTES = 256 << 20, COPY_BYTES = 64 << 20, COPY_ROUNDS = 40 };

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint8_t *pages(size_t bytes)
{
    void *block = NULL;
    if (posix_memalign(&block, 4096, bytes) != 0)
        limit_fail("memory");
    memset(block, 0x5a, bytes);
    return block;
}

/* A file that was written once, as a recycled journal or segment is: only data goes to the device. */
static int open_written(const char *directory, const uint8_t *block)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/sync.bin", directory);
    int file = open(path, O_CREAT | O_TRUNC | O_RDWR | O_DIRECT | O_CLOEXEC, 0644);
    if (file < 0)
        limit_fail(path);
    for (int64_t at = 0; at < FILE_BYTES; at += 1 << 20)
        if (pwrite(file, block, 1 << 20, at) != 1 << 20)
            limit_fail("write");
    if (fsync(file) != 0)
        limit_fail("fsync");
    unlink(path);
    return file;
}

void limit_sync(const char *directory, size_t bytes, double rate, double seconds)
{
    if (bytes == 0 || bytes % 4096 != 0 || bytes > 1 << 20 || rate <= 0) {
        errno = EINVAL;
        limit_fail("sync: a multiple of 4096 up to 1 MiB, and a rate");
    }
    uint8_t *block = pages(1 << 20);
    int file = open_written(directory, block);
    struct hdr *hdr = calloc(1, sizeof(*hdr));
    int64_t began = now_ns(), due = began;
    int64_t pos = 0;
    while (due - began < (int64_t)(seconds * 1e9)) {
        struct timespec until = {due / 1000000000, due % 1000000000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        struct iovec part = {block, bytes};
        int64_t start = now_ns();
        if (pwritev2(file, &part, 1, pos, RWF_DSYNC) != (ssize_t)bytes)
            limit_fail("durable write");
        hdr_add(hdr, now_ns() - start); /* of the device alone, also where it cannot keep the rate */
        pos = (pos + (int64_t)bytes) % (FILE_BYTES - (1 << 20));
        due += (int64_t)(1e9 / rate);
    }
    printf("{\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f, \"count\": %llu}\n",
           (double)hdr_quantile(hdr, 0.5) / 1e3, (double)hdr_quantile(hdr, 0.99) / 1e3,
           (double)hdr_quantile(hdr, 0.999) / 1e3, (double)hdr->max_ns / 1e3, (unsigned long long)hdr->total);
    close(file);
    free(block);
    free(hdr);
}

void limit_memcpy(void)
{
    uint8_t *from = pages(COPY_BYTES), *to = pages(COPY_BYTES);
    int64_t began = now_ns();
    for (int i = 0; i < COPY_ROUNDS; i++) {
        memcpy(to, from, COPY_BYTES);
        __asm__ volatile("" : : "r"(to) : "memory");
    }
    printf("{\"bytes_per_s\": %.0f}\n", (double)COPY_BYTES * COPY_ROUNDS * 1e9 / (double)(now_ns() - began));
    free(from);
    free(to);
}
