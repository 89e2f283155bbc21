/* core/wire/compress.h -- the codecs of record batches, in the framings that Kafka's clients use.
 *
 * gzip: RFC 1952. snappy: xerial blocks as Java writes them, or one raw block as others do; written as xerial.
 * lz4: the frame format. zstd: frames. Unpacking stops with ERR_LIMIT at `most` bytes: a small batch that claims to be
 * gigabytes costs what was allowed and no more. Slow: belongs into a job, not on a data shard's loop.
 * Memory: the result is a buffer of `mem`, freed with mem_free(mem, data, capacity). zlib and zstd take their working
 * memory from `mem`; lz4's and snappy's C interfaces have no hook for it (fixed, at most a few hundred KiB a call).
 * Errors: ERR_CORRUPT, ERR_LIMIT, ERR_NO_MEMORY.
 */
#ifndef RINGMAIN_CORE_WIRE_COMPRESS_H
#define RINGMAIN_CORE_WIRE_COMPRESS_H

#include "io/base/bytes.h"
#include "io/base/err.h"
#include "io/base/mem.h"

enum compress_codec { COMPRESS_NONE, COMPRESS_GZIP, COMPRESS_SNAPPY, COMPRESS_LZ4, COMPRESS_ZSTD };

struct compress_buffer {
    struct mem *mem;
    uint8_t *data;
    size_t length, capacity;
};

void compress_buffer_init(struct compress_buffer *buffer, struct mem *mem);
void compress_buffer_fini(struct compress_buffer *buffer);
/* Room for `more` further bytes, growing the buffer. */
enum err compress_buffer_reserve(struct compress_buffer *buffer, size_t more) MUST_CHECK;

/* Appends to out. level: the codec's own; INT32_MIN asks for its usual one. */
enum err compress_pack(enum compress_codec codec, int level, struct slice in, struct compress_buffer *out) MUST_CHECK;
enum err compress_unpack(enum compress_codec codec, struct slice in, size_t most,
                         struct compress_buffer *out) MUST_CHECK;

#endif
