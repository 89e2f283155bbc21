#include "core/wire/batch_retain.h"

#include "core/wire/batch_convert.h"

/* What a look at all records has found. */
struct survey {
    struct slice body;
    uint8_t *kept; /* a bit for each record */
    int64_t first_timestamp, max_timestamp;
    bool has_tombstone;
};

static int64_t timestamp_of(const struct batch_header *header, const struct batch_record *record)
{
    return header->attributes & BATCH_LOG_APPEND_TIME
               ? header->max_timestamp
               : (int64_t)((uint64_t)header->base_timestamp + (uint64_t)record->timestamp_delta);
}

static size_t bitmap_bytes(const struct batch_header *header)
{
    return (size_t)header->record_count / 8 + 1;
}

static enum err look(struct batch_retain *retain, const struct batch_header *header, struct survey *survey)
{
    struct batch_records records;
    struct batch_record record;
    enum err err;
    batch_records_init(&records, survey->body, header->record_count);
    for (int32_t i = 0; (err = batch_records_next(&records, &record)) == ERR_OK; i++) {
        if (!retain->keep(retain, header, &record))
            continue;
        int64_t timestamp = timestamp_of(header, &record);
        if (retain->kept_count++ == 0)
            survey->first_timestamp = survey->max_timestamp = timestamp;
        else if (timestamp > survey->max_timestamp)
            survey->max_timestamp = timestamp;
        survey->has_tombstone |= slice_is_null(record.value);
        survey->kept[i / 8] |= (uint8_t)(1 << i % 8);
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum err put_records(const struct batch_header *header, const struct survey *survey, int64_t base_timestamp,
                            struct compress_buffer *out)
{
    struct batch_records records;
    struct batch_record record;
    batch_records_init(&records, survey->body, header->record_count);
    for (int32_t i = 0; batch_records_next(&records, &record) == ERR_OK; i++) {
        if (!(survey->kept[i / 8] & 1 << i % 8))
            continue;
        enum err err = compress_buffer_reserve(out, BATCH_RECORD_OVERHEAD + record.key.length + record.value.length +
                                                        record.headers.length);
        if (err != ERR_OK)
            return err;
        record.timestamp_delta = (int64_t)((uint64_t)timestamp_of(header, &record) - (uint64_t)base_timestamp);
        out->length += batch_put_record(out->data + out->length, &record);
    }
    return ERR_OK;
}

static enum err put_header(struct slice batch, struct compress_buffer *out)
{
    out->length = 0;
    enum err err = compress_buffer_reserve(out, BATCH_HEADER_BYTES);
    if (err == ERR_OK)
        memcpy(out->data, batch.data, BATCH_HEADER_BYTES);
    out->length = err == ERR_OK ? BATCH_HEADER_BYTES : 0;
    return err;
}

static enum err rebuild(const struct batch_retain *retain, struct slice batch, const struct batch_header *header,
                        const struct survey *survey, bool new_horizon, struct compress_buffer *out)
{
    enum compress_codec codec = (enum compress_codec)(header->attributes & BATCH_CODEC_MASK);
    bool has_horizon = (header->attributes & BATCH_DELETE_HORIZON) != 0;
    struct batch_refit refit = {.record_count = retain->kept_count,
                                .attributes = (int16_t)(header->attributes | (new_horizon ? BATCH_DELETE_HORIZON : 0)),
                                .base_timestamp = new_horizon   ? retain->horizon_ms
                                                  : has_horizon ? header->base_timestamp
                                                                : survey->first_timestamp,
                                .max_timestamp = survey->max_timestamp};
    enum err err = put_header(batch, out);
    if (err == ERR_OK && codec == COMPRESS_NONE) {
        err = put_records(header, survey, refit.base_timestamp, out);
    } else if (err == ERR_OK) {
        struct compress_buffer plain;
        compress_buffer_init(&plain, out->mem);
        err = put_records(header, survey, refit.base_timestamp, &plain);
        if (err == ERR_OK)
            err = compress_pack(codec, INT32_MIN, slice_of(plain.data, plain.length), out);
        compress_buffer_fini(&plain);
    }
    if (err == ERR_OK && out->length > INT32_MAX)
        err = ERR_LIMIT;
    if (err != ERR_OK)
        return err;
    refit.length = out->length;
    batch_set_refit(out->data, &refit);
    return ERR_OK;
}

static enum err leave_header(struct slice batch, const struct batch_header *header, struct compress_buffer *out)
{
    enum { STAYS = BATCH_LOG_APPEND_TIME | BATCH_TRANSACTIONAL | BATCH_CONTROL };
    struct batch_refit refit = {.length = BATCH_HEADER_BYTES,
                                .attributes = (int16_t)(header->attributes & STAYS),
                                .base_timestamp = BATCH_NO_TIMESTAMP,
                                .max_timestamp = header->max_timestamp};
    enum err err = put_header(batch, out);
    if (err == ERR_OK)
        batch_set_refit(out->data, &refit);
    return err;
}

static enum err retain_some(struct batch_retain *retain, struct slice batch, const struct batch_header *header,
                            struct survey *survey, struct compress_buffer *out, struct slice *kept)
{
    bool has_horizon = (header->attributes & BATCH_DELETE_HORIZON) != 0;
    enum err err = look(retain, header, survey);
    if (err != ERR_OK)
        return err;
    if (retain->kept_count == 0) {
        if (!retain->keep_empty)
            return ERR_OK;
        err = leave_header(batch, header, out);
    } else {
        bool new_horizon = !has_horizon && (survey->has_tombstone || retain->is_idle_marker);
        if (retain->kept_count == header->record_count && !new_horizon) {
            *kept = batch;
            return ERR_OK;
        }
        err = rebuild(retain, batch, header, survey, new_horizon, out);
    }
    if (err == ERR_OK)
        *kept = slice_of(out->data, out->length);
    return err;
}

enum err batch_retain(struct batch_retain *retain, struct slice batch, const struct batch_header *header,
                      struct compress_buffer *out, struct slice *kept)
{
    ASSERT(batch.length == header->size && batch.length >= BATCH_HEADER_BYTES);
    enum compress_codec codec = (enum compress_codec)(header->attributes & BATCH_CODEC_MASK);
    struct slice packed = slice_of(batch.data + BATCH_HEADER_BYTES, batch.length - BATCH_HEADER_BYTES);
    struct survey survey = {.body = packed};
    struct compress_buffer unpacked;
    *kept = slice_of(NULL, 0);
    retain->kept_count = 0;
    if (header->record_count < 0)
        return ERR_CORRUPT;
    compress_buffer_init(&unpacked, out->mem);
    enum err err = ERR_OK;
    if (codec != COMPRESS_NONE && header->record_count > 0) {
        err = compress_unpack(codec, packed, batch_unpacked_limit(packed.length), &unpacked);
        survey.body = slice_of(unpacked.data, unpacked.length);
    }
    if (err == ERR_OK && (size_t)header->record_count > survey.body.length) /* no record is that short */
        err = ERR_CORRUPT;
    if (err == ERR_OK && (survey.kept = mem_alloc_zero(out->mem, bitmap_bytes(header))) == NULL)
        err = ERR_NO_MEMORY;
    if (err == ERR_OK)
        err = retain_some(retain, batch, header, &survey, out, kept);
    mem_free(out->mem, survey.kept, bitmap_bytes(header));
    compress_buffer_fini(&unpacked);
    return err;
}
