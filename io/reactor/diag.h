/* io/reactor/diag.h -- lines of text about what goes wrong, for people and their tools. (A "log" is a partition's.)
 *
 *   ts=2026-11-21T08:30:12.030Z level=warn shard=1 msg="a connection was refused" peer=10.1.2.3 reason=max.connections
 *
 * One line is one event: key=value, no payloads, nothing that a client has chosen but names that were checked. Each
 * call site may say DIAG_BURST lines in DIAG_WINDOW_NS on each shard; the next line after that tells how many were left
 * out, so that a broken client cannot fill a disk or slow a shard.
 *
 * Core: the io's own shard. Memory: none. Errors: a line that cannot be written is lost. The simulated machine drops
 * them all.
 */
#ifndef RINGMAIN_IO_REACTOR_DIAG_H
#define RINGMAIN_IO_REACTOR_DIAG_H

#include "io/reactor/io.h"

enum diag_level { DIAG_DEBUG, DIAG_INFO, DIAG_WARN, DIAG_ERROR };
enum { DIAG_BURST = 10, DIAG_LINE_MAX = 1024 };
#define DIAG_WINDOW_NS ((int64_t)10000000000)

struct diag_site {
    const char *message;
    enum diag_level level;
};

/* DIAG(io, DIAG_WARN, "what happened", "key=%d other=%s", ...), and DIAG_EVENT when there is nothing to add. */
#define DIAG(io, level_, message_, ...)                                                                                \
    do {                                                                                                               \
        static const struct diag_site site_ = {.message = (message_), .level = (level_)};                              \
        diag_say((io), &site_, __VA_ARGS__);                                                                           \
    } while (0)
#define DIAG_EVENT(io, level_, message_) DIAG((io), (level_), (message_), NULL)

void diag_say(struct io *io, const struct diag_site *site, const char *format, ...) PRINTF_LIKE(3, 4); /* or NULL */
/* The least severe level that is printed; info at the start. */
void diag_set_level(struct io *io, enum diag_level level);
bool diag_level_parse(const char *text, enum diag_level *level);
/* The line's text without its end, at most DIAG_LINE_MAX bytes with the NUL; control characters become '?'. */
size_t diag_format(char *line, int64_t wall_ms, int shard, const struct diag_site *site, uint32_t left_out,
                   const char *text);

#endif
