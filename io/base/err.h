/* io/base/err.h -- the one list of things that can go wrong below the protocol.
 *
 * io/ turns errno into one of these; net/ turns them into a Kafka error code. What a client can be told directly is a
 * Kafka code already (core/wire/error.h) and does not appear here.
 */
#ifndef RINGMAIN_IO_BASE_ERR_H
#define RINGMAIN_IO_BASE_ERR_H

#define ERR_TABLE(E)                                                       \
    E(OK, "ok")                                                            \
    E(AGAIN, "not ready now; try again")                                   \
    E(NO_MEMORY, "out of memory or over its budget")                       \
    E(NO_SPACE, "the disk is full")                                        \
    E(IO, "the device failed")                                             \
    E(NOT_FOUND, "no such file, directory or entry")                       \
    E(EXISTS, "already exists")                                            \
    E(ACCESS, "not permitted")                                             \
    E(BUSY, "in use by another process or operation")                      \
    E(LIMIT, "over a configured or built-in limit")                        \
    E(CORRUPT, "bytes that do not match their format or checksum")         \
    E(INVALID, "an argument or setting is not valid")                      \
    E(UNSUPPORTED, "the kernel or this build does not have it")            \
    E(CLOSED, "the connection or object is closed")                        \
    E(CANCELED, "stopped before it was done")                              \
    E(TIMEOUT, "took too long")                                            \
    E(REFUSED, "the peer refused the connection")                          \
    E(RESET, "the peer broke the connection")                              \
    E(SEALED, "the log directory is offline after a failed write or flush")

enum err {
#define E(name, text) ERR_##name,
    ERR_TABLE(E)
#undef E
        ERR_COUNT
};

const char *err_name(enum err err); /* "NO_SPACE" */
const char *err_text(enum err err); /* "the disk is full" */

#endif
