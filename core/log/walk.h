/* core/log/walk.h -- inside of core/log: going through the batches of a segment's file, and past what is damaged in it.
 *
 *   walk_next    header, header, header ... ERR_CORRUPT at the first that cannot be
 *   walk_resync  from there to the next batch that can be believed: its CRC is right and another batch, or the end,
 *                follows it. (A batch may hold the bytes of another one as a value: those have a tail behind them.)
 *
 * A batch's base offset is not covered by its CRC. One that leaves offsets out (as compaction does) is believed unless
 * the batch behind it says otherwise, or the known end.
 *
 * Invariants: nothing outside [pos, size) is read; offsets rise; after an error pos is where it was.
 * Core: blocks; any thread, jobs too: touches nothing but itself. Memory: the window is the caller's. Errors:
 * ERR_NOT_FOUND at the end, ERR_CORRUPT for bytes that are no batch, else the device's.
 */
#ifndef RINGMAIN_CORE_LOG_WALK_H
#define RINGMAIN_CORE_LOG_WALK_H

#include "core/wire/batch.h"
#include "io/reactor/fs.h"

enum { WALK_BYTES = 128 << 10, WALK_BYTES_MIN = 4096 };

struct walk {
    struct fs *fs;
    io_file file;
    int64_t size;         /* what of the file is the log's */
    int64_t pos;          /* of the next batch */
    int64_t next_offset;  /* it begins here or behind */
    int64_t below_offset; /* and ends before; 0: wherever it likes */
    int64_t known_end;    /* the last batch ends here, unless it only goes on from there; 0: not known */
    bool crc;             /* verify it */
    uint8_t *bytes;       /* the window */
    size_t capacity;      /* at least WALK_BYTES_MIN */
    int64_t _at;          /* what the window holds */
    size_t _length;
};

enum err walk_next(struct walk *walk, struct batch_header *header, int64_t *pos) MUST_CHECK;
/* The first bytes of the batch that walk_next has just given, at most `most` and what fits the window. */
enum err walk_bytes(struct walk *walk, int64_t pos, size_t most, struct slice *bytes) MUST_CHECK;
/* Moves to the next good batch behind pos with offsets in [next_offset, below_offset); next_offset becomes its first.
 */
enum err walk_resync(struct walk *walk, int64_t below_offset) MUST_CHECK;

#endif
