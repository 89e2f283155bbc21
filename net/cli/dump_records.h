/* net/cli/dump_records.h -- the records of a batch as lines of text; those of the coordinators' topics by their fields.
 *
 * Core: the command line's one thread. Memory: the arena, for one batch at a time. */
#ifndef RINGMAIN_NET_CLI_DUMP_RECORDS_H
#define RINGMAIN_NET_CLI_DUMP_RECORDS_H

#include "core/wire/batch.h"
#include "io/base/arena.h"

/* path: of the segment; its directory names the topic. ERR_CORRUPT: the batch's records cannot be read. */
enum err dump_records(const char *path, const struct batch_header *header, const uint8_t *batch, struct arena *arena);

#endif
