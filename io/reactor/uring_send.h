/* io/reactor/uring_send.h -- inside of the real machine: what the send machine (uring_send.c) and its ways for large
 * file pieces (uring_transport.c) know of each other. Each way sends from the present piece, at most `length` bytes,
 * and says how it went; what it has sent it has told uring_send_advance. */
#ifndef RINGMAIN_IO_REACTOR_URING_SEND_H
#define RINGMAIN_IO_REACTOR_URING_SEND_H

#include "io/reactor/uring.h"

enum uring_step {
    STEP_ON,      /* sent something; look again */
    STEP_BLOCKED, /* the socket takes nothing now */
    STEP_COLD,    /* the next bytes are not in memory */
    STEP_WAITING, /* somebody will call uring_send_run */
    STEP_FAILED,  /* send->err says why */
};

size_t uring_send_left(const struct io_send *send);              /* of the present piece */
bool uring_send_ends(const struct io_send *send, size_t length); /* with so much of the present piece */
void uring_send_advance(struct io_send *send, size_t bytes);
enum uring_step uring_send_failed(struct io_send *send, enum err err);
enum uring_step uring_send_error(struct io_send *send, int error); /* what a socket's errno means */
void uring_send_run(struct uring *uring, struct io_send *send);    /* goes on */
void uring_send_go_on(struct uring *uring, struct io_send *send, enum uring_step step); /* the same after a step */

enum uring_step uring_send_spliced(struct uring *uring, struct io_send *send, size_t length);
/* False: there is no buffer for it. */
bool uring_send_zero_copy(struct uring *uring, struct io_send *send, size_t length, enum uring_step *step);

#endif
