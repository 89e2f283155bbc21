#include "core/wire/batch_convert.h"

#include "core/wire/error.h"

enum {
    UNPACKED_RATIO = 1100,
    UNPACKED_FLOOR_BYTES = 1 << 16,
    UNPACKED_CEILING_BYTES = 64 << 20,
};

size_t batch_unpacked_limit(size_t packed_bytes)
{
    size_t by_ratio = size_min(packed_bytes, UNPACKED_CEILING_BYTES) * UNPACKED_RATIO;
    return size_min(size_max(by_ratio, UNPACKED_FLOOR_BYTES), UNPACKED_CEILING_BYTES);
}

static bool refuse(struct batch_verdict *verdict, int16_t error, const char *message)
{
    *verdict = (struct batch_verdict){.error = error, .message = message};
    return false;
}

static bool refuse_err(struct batch_verdict *verdict, enum err err)
{
    if (err == ERR_NO_MEMORY)
        return refuse(verdict, KAFKA_ERROR_KAFKA_STORAGE_ERROR, "No memory to unpack the record batch.");
    if (err == ERR_LIMIT)
        return refuse(verdict, KAFKA_ERROR_MESSAGE_TOO_LARGE, "The record batch unpacks to more than is accepted.");
    return refuse(verdict, KAFKA_ERROR_CORRUPT_MESSAGE, "The compressed records of the batch cannot be unpacked.");
}

/* The header of `batch` in front of `body` packed with `codec`. */
static enum err pack(struct slice batch, struct slice body, enum compress_codec codec, int level, int64_t max_timestamp,
                     struct compress_buffer *out)
{
    enum err err = compress_buffer_reserve(out, BATCH_HEADER_BYTES);
    if (err != ERR_OK)
        return err;
    memcpy(out->data, batch.data, BATCH_HEADER_BYTES);
    out->length = BATCH_HEADER_BYTES;
    err = compress_pack(codec, level, body, out);
    if (err != ERR_OK)
        return err;
    if (out->length > INT32_MAX)
        return ERR_LIMIT;
    batch_set_codec(out->data, out->length, (int)codec);
    batch_set_max_timestamp(out->data, out->length, max_timestamp);
    return ERR_OK;
}

static bool repack(struct slice batch, struct slice body, const struct batch_rules *rules, enum compress_codec codec,
                   int level, struct arena *arena, struct batch_header *header, struct slice *converted,
                   struct batch_verdict *verdict)
{
    struct compress_buffer out;
    compress_buffer_init(&out, arena->mem);
    enum err err = pack(batch, body, codec, level, verdict->max_timestamp, &out);
    void *kept = err == ERR_OK && out.length <= (size_t)rules->max_bytes && out.length <= (size_t)rules->segment_bytes
                     ? arena_copy(arena, out.data, out.length)
                     : NULL;
    size_t length = out.length;
    compress_buffer_fini(&out);
    if (err != ERR_OK)
        return refuse_err(verdict, err);
    if (length > (size_t)rules->max_bytes)
        return refuse(verdict, KAFKA_ERROR_MESSAGE_TOO_LARGE,
                      "The record batch is larger than max.message.bytes in the topic's compression.type.");
    if (length > (size_t)rules->segment_bytes)
        return refuse(verdict, KAFKA_ERROR_RECORD_LIST_TOO_LARGE, "The record batch is larger than a segment.");
    if (kept == NULL)
        return refuse_err(verdict, ERR_NO_MEMORY);
    *converted = slice_of(kept, length);
    err = batch_read_header(kept, length, header);
    ASSERT(err == ERR_OK && header->size == length);
    return true;
}

bool batch_convert(struct slice batch, const struct batch_rules *rules, enum compress_codec codec, int level,
                   struct arena *arena, struct batch_header *header, struct slice *converted,
                   struct batch_verdict *verdict)
{
    ASSERT(batch.length >= BATCH_HEADER_BYTES && header->size == batch.length);
    enum compress_codec packed_with = (enum compress_codec)(header->attributes & BATCH_CODEC_MASK);
    struct slice packed = slice_of(batch.data + BATCH_HEADER_BYTES, batch.length - BATCH_HEADER_BYTES), body = packed;
    struct compress_buffer unpacked;
    *verdict = (struct batch_verdict){0};
    *converted = batch;
    compress_buffer_init(&unpacked, arena->mem);
    bool accepted = true;
    if (packed_with != COMPRESS_NONE) {
        enum err err = compress_unpack(packed_with, packed, batch_unpacked_limit(packed.length), &unpacked);
        body = slice_of(unpacked.data, unpacked.length);
        accepted = err == ERR_OK || refuse_err(verdict, err);
    }
    accepted = accepted && batch_check_records(body, header, rules, arena, verdict);
    if (accepted && codec != packed_with)
        accepted = repack(batch, body, rules, codec, level, arena, header, converted, verdict);
    else if (accepted)
        header->max_timestamp = verdict->max_timestamp;
    compress_buffer_fini(&unpacked);
    return accepted;
}
