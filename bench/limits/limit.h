/* bench/limits/limit.h -- what the machine itself allows, without a broker: the same requests as a broker gets (from
 * `ringmain bench --raw`), answered by a loop that does nothing else.
 *
 *   echo           every byte back: epoll + recv + send
 *   append DIR     recv, CRC-32C of the batch, pwrite into preallocated segments that roll
 *   read FILE N    N bytes of a cached file per request: send(MSG_MORE) + sendfile; below 32 KiB pread + send
 *   sync DIR N R S N-byte writes with O_DIRECT and RWF_DSYNC, R per second, for S seconds: latencies as JSON
 *   memcpy         bytes per second, as JSON
 *
 * The servers run on one thread, after `--threads N` on N, each with a listener (SO_REUSEPORT), a segment and a core of
 * its own; they print their port and serve until they are killed. An answer is its size, the request's correlation id
 * and what was asked for.
 */
#ifndef RINGMAIN_BENCH_LIMITS_LIMIT_H
#define RINGMAIN_BENCH_LIMITS_LIMIT_H

#include "io/base/bytes.h"
#include "io/base/check.h"

enum { LIMIT_FRAME_MAX = 2 << 20, LIMIT_SMALL_READ = 32 * 1024 };
enum limit_kind { LIMIT_ECHO, LIMIT_APPEND, LIMIT_READ };

struct limit_conn {
    int fd;
    bool writable_wanted;
    uint8_t *in, *out; /* LIMIT_FRAME_MAX each; out holds answers that are being sent */
    size_t in_length, out_length, out_sent;
    size_t batch_at; /* of a produce request: where its batch begins; 0: not known yet */
    int64_t read_pos, read_left;
};

struct limit_server {
    enum limit_kind kind;
    int number; /* of its thread, from 0 */
    int poller, listener;
    const char *directory; /* append */
    int segment, segment_count;
    int64_t segment_pos, next_offset;
    int file; /* read */
    int64_t file_bytes, read_bytes, next_read;
};

_Noreturn void limit_fail(const char *what);
uint16_t limit_listen(struct limit_server *server, uint16_t port); /* 0: any; gives the port */
_Noreturn void limit_serve(struct limit_server *server);

/* work.c: what a request of each kind costs. The frame is whole; answers go behind out_length. */
void limit_append(struct limit_server *server, struct limit_conn *conn, const uint8_t *frame, size_t size);
/* False: the socket is full; call again when it is writable. */
bool limit_read_on(struct limit_server *server, struct limit_conn *conn);

/* disk.c */
void limit_sync(const char *directory, size_t bytes, double rate, double seconds);
void limit_memcpy(void);

#endif
