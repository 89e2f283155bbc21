#include "bench/limits/limit.h"
#include "core/wire/batch.h"
#include "core/wire/crc32c.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SEGMENT_BYTES = 1 << 30, REQUEST_TAIL = 3, ANSWER = 16 };

/* ---- append ---------------------------------------------------------------------------------------------------------
 */

static void roll(struct limit_server *server)
{
    char path[4096];
    if (server->segment >= 0)
        close(server->segment);
    if (server->number == 0)
        snprintf(path, sizeof(path), "%s/%d.log", server->directory, server->segment_count++);
    else
        snprintf(path, sizeof(path), "%s/%d-%d.log", server->directory, server->number, server->segment_count++);
    server->segment = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
    if (server->segment < 0)
        limit_fail(path);
    /* A file system that cannot preallocate grows the file instead. */
    (void)fallocate(server->segment, FALLOC_FL_KEEP_SIZE, 0, SEGMENT_BYTES);
    server->segment_pos = 0;
}

/* The batch ends three empty tag sections before the frame does. */
static size_t find_batch(const uint8_t *frame, size_t size)
{
    for (size_t at = 12; at + BATCH_HEADER_BYTES + REQUEST_TAIL < size && at < 512; at++)
        if (get_i64(frame + at) == 0 && frame[at + 16] == BATCH_MAGIC &&
            at + BATCH_PREFIX_BYTES + get_u32(frame + at + 8) + REQUEST_TAIL == size)
            return at;
    errno = EPROTO;
    limit_fail("not a produce request of ringmain bench");
}

void limit_append(struct limit_server *server, struct limit_conn *conn, const uint8_t *frame, size_t size)
{
    if (conn->batch_at == 0)
        conn->batch_at = find_batch(frame, size);
    const uint8_t *batch = frame + conn->batch_at;
    size_t length = size - conn->batch_at - REQUEST_TAIL;
    if (crc32c(0, batch + 21, length - 21) != get_u32(batch + 17)) {
        errno = EBADMSG;
        limit_fail("CRC");
    }
    if (server->segment < 0 || server->segment_pos + (int64_t)length > SEGMENT_BYTES)
        roll(server);
    if (pwrite(server->segment, batch, length, server->segment_pos) != (ssize_t)length)
        limit_fail("write");
    server->segment_pos += (int64_t)length;
    uint8_t *answer = conn->out + conn->out_length;
    put_i32(answer, ANSWER - 4);
    memcpy(answer + 4, frame + 8, 4);
    put_i64(answer + 8, server->next_offset);
    server->next_offset += get_i32(batch + 57);
    conn->out_length += ANSWER;
}

/* ---- read -----------------------------------------------------------------------------------------------------------
 */

/* conn->out: the first bytes of the request, from which the answer's head is made. */
static bool begin_read(struct limit_server *server, struct limit_conn *conn)
{
    size_t length = 8;
    memcpy(conn->out + 4, conn->out + 8, 4);
    put_i32(conn->out, (int32_t)(server->read_bytes + 4));
    if (server->next_read + server->read_bytes > server->file_bytes)
        server->next_read = 0;
    conn->read_pos = server->next_read;
    server->next_read += server->read_bytes;
    if (server->read_bytes < LIMIT_SMALL_READ) {
        if (pread(server->file, conn->out + 8, (size_t)server->read_bytes, conn->read_pos) != server->read_bytes)
            limit_fail("read");
        length += (size_t)server->read_bytes;
        conn->read_left = 0;
    }
    if (send(conn->fd, conn->out, length, MSG_NOSIGNAL | (conn->read_left > 0 ? MSG_MORE : 0)) != (ssize_t)length)
        limit_fail("send of a head into an empty socket");
    return conn->read_left > 0;
}

bool limit_read_on(struct limit_server *server, struct limit_conn *conn)
{
    if (conn->read_left == server->read_bytes && !begin_read(server, conn))
        return true;
    while (conn->read_left > 0) {
        off_t pos = conn->read_pos;
        ssize_t n = sendfile(conn->fd, server->file, &pos, (size_t)conn->read_left);
        if (n < 0 && errno == EAGAIN)
            return false;
        if (n <= 0)
            limit_fail("sendfile");
        conn->read_pos += n;
        conn->read_left -= n;
    }
    return true;
}
