#include "core/wire/compress.h"

#include <lz4frame.h>
#include <snappy-c.h>
#include <zlib.h>
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

void compress_buffer_init(struct compress_buffer *buffer, struct mem *mem)
{
    *buffer = (struct compress_buffer){.mem = mem};
}

void compress_buffer_fini(struct compress_buffer *buffer)
{
    mem_free(buffer->mem, buffer->data, buffer->capacity);
    *buffer = (struct compress_buffer){.mem = buffer->mem};
}

enum err compress_buffer_reserve(struct compress_buffer *buffer, size_t more)
{
    if (more <= buffer->capacity - buffer->length)
        return ERR_OK;
    size_t capacity = size_max(size_max(buffer->capacity + buffer->capacity / 2, 4096), buffer->length + more);
    uint8_t *data = mem_resize(buffer->mem, buffer->data, buffer->capacity, capacity);
    if (data == NULL)
        return ERR_NO_MEMORY;
    buffer->data = data;
    buffer->capacity = capacity;
    return ERR_OK;
}

static enum err append(struct compress_buffer *out, const void *data, size_t length)
{
    enum err err = compress_buffer_reserve(out, length);
    if (err == ERR_OK && length > 0) {
        memcpy(out->data + out->length, data, length);
        out->length += length;
    }
    return err;
}

/* Room for the next piece of output, never beyond `limit`, the buffer's length at which the cap is reached. One byte
 * above the cap is allowed, so that "exactly the cap" and "more" can be told apart. */
static enum err make_room(struct compress_buffer *out, size_t limit, size_t *room)
{
    if (out->length > limit)
        return ERR_LIMIT;
    size_t want = size_min(size_max(out->length, 16384), limit + 1 - out->length);
    enum err err = compress_buffer_reserve(out, want);
    *room = size_min(out->capacity - out->length, limit + 1 - out->length);
    return err;
}

/* ---- memory hooks: blocks remember their size in front of them ------------------------------------------------------
 */

enum { HOOK_HEADER = 16 };

static void *hook_alloc(void *opaque, size_t size)
{
    uint8_t *block = mem_alloc((struct mem *)opaque, size + HOOK_HEADER);
    if (block == NULL)
        return NULL;
    memcpy(block, &size, sizeof size);
    return block + HOOK_HEADER;
}

static void hook_free(void *opaque, void *address)
{
    if (address == NULL)
        return;
    uint8_t *block = (uint8_t *)address - HOOK_HEADER;
    size_t size;
    memcpy(&size, block, sizeof size);
    mem_free((struct mem *)opaque, block, size + HOOK_HEADER);
}

static void *zlib_alloc(void *opaque, unsigned count, unsigned size)
{
    return hook_alloc(opaque, (size_t)count * size);
}

/* ---- gzip -----------------------------------------------------------------------------------------------------------
 */

enum { GZIP_WINDOW = 15 + 16 }; /* the largest window, with a gzip header */

static enum err gzip_unpack(struct slice in, size_t limit, struct compress_buffer *out)
{
    z_stream z = {.zalloc = zlib_alloc, .zfree = hook_free, .opaque = out->mem};
    z.next_in = (uint8_t *)(uintptr_t)in.data;
    z.avail_in = (unsigned)in.length;
    if (inflateInit2(&z, GZIP_WINDOW) != Z_OK)
        return ERR_NO_MEMORY;
    enum err err = ERR_OK;
    int code = Z_OK;
    while (err == ERR_OK && code != Z_STREAM_END) {
        size_t room;
        err = make_room(out, limit, &room);
        if (err != ERR_OK)
            break;
        z.next_out = out->data + out->length;
        z.avail_out = (unsigned)room;
        code = inflate(&z, Z_NO_FLUSH);
        out->length += room - z.avail_out;
        if (code == Z_MEM_ERROR)
            err = ERR_NO_MEMORY;
        else if ((code != Z_OK && code != Z_STREAM_END) || (code == Z_OK && z.avail_in == 0 && z.avail_out > 0))
            err = ERR_CORRUPT;
    }
    inflateEnd(&z);
    return err;
}

static enum err gzip_pack(int level, struct slice in, struct compress_buffer *out)
{
    z_stream z = {.zalloc = zlib_alloc, .zfree = hook_free, .opaque = out->mem};
    if (deflateInit2(&z, level == INT32_MIN ? Z_DEFAULT_COMPRESSION : level, Z_DEFLATED, GZIP_WINDOW, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return ERR_NO_MEMORY;
    size_t bound = deflateBound(&z, in.length);
    enum err err = compress_buffer_reserve(out, bound);
    if (err == ERR_OK) {
        z.next_in = (uint8_t *)(uintptr_t)in.data;
        z.avail_in = (unsigned)in.length;
        z.next_out = out->data + out->length;
        z.avail_out = (unsigned)bound;
        ASSERT(deflate(&z, Z_FINISH) == Z_STREAM_END); /* deflateBound is enough for one call */
        out->length += bound - z.avail_out;
    }
    deflateEnd(&z);
    return err;
}

/* ---- snappy
 * ---------------------------------------------------------------------------------------------------------- */

/* snappy-java's stream: this magic, two versions, then blocks of a big-endian length and a raw snappy block. */
static const uint8_t xerial_header[16] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1};
enum { XERIAL_BLOCK = 32768 };

static enum err snappy_block(const uint8_t *data, size_t length, size_t limit, struct compress_buffer *out)
{
    size_t size;
    if (snappy_uncompressed_length((const char *)data, length, &size) != SNAPPY_OK)
        return ERR_CORRUPT;
    /* A snappy block expands at most 64 bytes for 3; a larger claim is a lie and gets no memory. */
    if (size > length * 32 + 64)
        return ERR_CORRUPT;
    if (size > limit - size_min(limit, out->length))
        return ERR_LIMIT;
    enum err err = compress_buffer_reserve(out, size_max(size, 1));
    if (err != ERR_OK)
        return err;
    if (snappy_uncompress((const char *)data, length, (char *)out->data + out->length, &size) != SNAPPY_OK)
        return ERR_CORRUPT;
    out->length += size;
    return ERR_OK;
}

static enum err snappy_unpack(struct slice in, size_t limit, struct compress_buffer *out)
{
    if (in.length < sizeof xerial_header || memcmp(in.data, xerial_header, 8) != 0)
        return snappy_block(in.data, in.length, limit, out);
    enum err err = ERR_OK;
    for (size_t at = sizeof xerial_header; err == ERR_OK && at < in.length;) {
        if (in.length - at < 4)
            return ERR_CORRUPT;
        uint32_t length = get_u32(in.data + at);
        at += 4;
        if (length > in.length - at)
            return ERR_CORRUPT;
        err = snappy_block(in.data + at, length, limit, out);
        at += length;
    }
    return err;
}

static enum err snappy_pack(struct slice in, struct compress_buffer *out)
{
    enum err err = append(out, xerial_header, sizeof xerial_header);
    for (size_t at = 0; err == ERR_OK && at < in.length;) {
        size_t piece = size_min(in.length - at, XERIAL_BLOCK), size = snappy_max_compressed_length(piece);
        err = compress_buffer_reserve(out, size + 4);
        if (err != ERR_OK)
            break;
        uint8_t *block = out->data + out->length;
        ASSERT(snappy_compress((const char *)in.data + at, piece, (char *)block + 4, &size) == SNAPPY_OK);
        put_u32(block, (uint32_t)size);
        out->length += size + 4;
        at += piece;
    }
    return err;
}

/* ---- lz4
 * --------------------------------------------------------------------------------------------------------------- */

static enum err lz4_unpack(struct slice in, size_t limit, struct compress_buffer *out)
{
    LZ4F_dctx *context;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)))
        return ERR_NO_MEMORY;
    enum err err = ERR_OK;
    size_t at = 0, hint = 1;
    while (err == ERR_OK && hint != 0) {
        size_t room, taken = in.length - at;
        err = make_room(out, limit, &room);
        if (err != ERR_OK)
            break;
        hint = LZ4F_decompress(context, out->data + out->length, &room, in.data + at, &taken, NULL);
        if (LZ4F_isError(hint)) {
            err = ERR_CORRUPT;
            break;
        }
        out->length += room;
        at += taken;
        if (hint != 0 && taken == 0 && room == 0)
            err = ERR_CORRUPT; /* the frame wants more than there is */
    }
    LZ4F_freeDecompressionContext(context);
    return err;
}

static enum err lz4_pack(int level, struct slice in, struct compress_buffer *out)
{
    LZ4F_preferences_t preferences = {.compressionLevel = level == INT32_MIN ? 0 : level};
    preferences.frameInfo.blockMode = LZ4F_blockIndependent; /* Kafka's readers know only these */
    size_t bound = LZ4F_compressFrameBound(in.length, &preferences);
    enum err err = compress_buffer_reserve(out, bound);
    if (err != ERR_OK)
        return err;
    size_t size = LZ4F_compressFrame(out->data + out->length, bound, in.data, in.length, &preferences);
    if (LZ4F_isError(size))
        return ERR_NO_MEMORY; /* its one failure with enough room */
    out->length += size;
    return ERR_OK;
}

/* ---- zstd
 * -------------------------------------------------------------------------------------------------------------- */

enum { ZSTD_WINDOW_MAX = 27 }; /* 128 MiB, the format's usual ceiling; memory is bounded by the mem besides */

static enum err zstd_unpack(struct slice in, size_t limit, struct compress_buffer *out)
{
    ZSTD_DCtx *context = ZSTD_createDCtx_advanced((ZSTD_customMem){hook_alloc, hook_free, out->mem});
    if (context == NULL)
        return ERR_NO_MEMORY;
    ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, ZSTD_WINDOW_MAX);
    ZSTD_inBuffer input = {in.data, in.length, 0};
    enum err err = ERR_OK;
    size_t hint = 1;
    while (err == ERR_OK && (hint != 0 || input.pos < input.size)) {
        size_t room, before = input.pos;
        err = make_room(out, limit, &room);
        if (err != ERR_OK)
            break;
        ZSTD_outBuffer output = {out->data + out->length, room, 0};
        hint = ZSTD_decompressStream(context, &output, &input);
        if (ZSTD_isError(hint))
            err = ZSTD_getErrorCode(hint) == ZSTD_error_memory_allocation ? ERR_NO_MEMORY : ERR_CORRUPT;
        else if (output.pos == 0 && input.pos == before)
            err = ERR_CORRUPT; /* the frame wants more than there is */
        out->length += ZSTD_isError(hint) ? 0 : output.pos;
    }
    ZSTD_freeDCtx(context);
    return err;
}

static enum err zstd_pack(int level, struct slice in, struct compress_buffer *out)
{
    ZSTD_CCtx *context = ZSTD_createCCtx_advanced((ZSTD_customMem){hook_alloc, hook_free, out->mem});
    if (context == NULL)
        return ERR_NO_MEMORY;
    size_t bound = ZSTD_compressBound(in.length);
    enum err err = compress_buffer_reserve(out, bound);
    if (err == ERR_OK) {
        size_t size = ZSTD_compressCCtx(context, out->data + out->length, bound, in.data, in.length,
                                        level == INT32_MIN ? ZSTD_CLEVEL_DEFAULT : level);
        if (ZSTD_isError(size))
            err = ERR_NO_MEMORY;
        else
            out->length += size;
    }
    ZSTD_freeCCtx(context);
    return err;
}

/* ---- the two doors
 * ------------------------------------------------------------------------------------------------------ */

enum err compress_pack(enum compress_codec codec, int level, struct slice in, struct compress_buffer *out)
{
    switch (codec) {
    case COMPRESS_NONE:
        return append(out, in.data, in.length);
    case COMPRESS_GZIP:
        return gzip_pack(level, in, out);
    case COMPRESS_SNAPPY:
        return snappy_pack(in, out);
    case COMPRESS_LZ4:
        return lz4_pack(level, in, out);
    case COMPRESS_ZSTD:
        return zstd_pack(level, in, out);
    }
    return ERR_INVALID;
}

enum err compress_unpack(enum compress_codec codec, struct slice in, size_t most, struct compress_buffer *out)
{
    size_t limit = out->length + most;
    enum err err = ERR_CORRUPT;
    if (in.length > INT32_MAX)
        return ERR_LIMIT;
    switch (codec) {
    case COMPRESS_NONE:
        return in.length > most ? ERR_LIMIT : append(out, in.data, in.length);
    case COMPRESS_GZIP:
        err = gzip_unpack(in, limit, out);
        break;
    case COMPRESS_SNAPPY:
        err = snappy_unpack(in, limit, out);
        break;
    case COMPRESS_LZ4:
        err = lz4_unpack(in, limit, out);
        break;
    case COMPRESS_ZSTD:
        err = zstd_unpack(in, limit, out);
        break;
    }
    return err == ERR_OK && out->length > limit ? ERR_LIMIT : err;
}
