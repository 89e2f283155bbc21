#include "core/wire/batch.h"

#include "core/wire/crc32c.h"
#include "core/wire/varint.h"

int32_t batch_last_sequence(const struct batch *batch)
{
    return (int32_t)(((int64_t)batch->base_sequence + batch->last_offset_delta) & INT32_MAX);
}

size_t batch_size(const uint8_t *first_bytes)
{
    int32_t length = get_i32(first_bytes + BATCH_LENGTH_POS);
    return length < BATCH_HEADER_SIZE - BATCH_OVERHEAD ? 0 : (size_t)length + BATCH_OVERHEAD;
}

enum batch_result batch_read(struct slice in, struct batch *batch)
{
    const uint8_t *p = in.data;
    if (in.length < BATCH_OVERHEAD)
        return BATCH_SHORT;
    size_t size = batch_size(p);
    if (size == 0 || (in.length > BATCH_MAGIC_POS && p[BATCH_MAGIC_POS] != 2))
        return BATCH_BROKEN;
    if (in.length < size)
        return BATCH_SHORT;
    *batch = (struct batch){
        .data = p,
        .size = size,
        .base_offset = get_i64(p),
        .leader_epoch = get_i32(p + BATCH_EPOCH_POS),
        .attributes = get_i16(p + BATCH_ATTRIBUTES_POS),
        .last_offset_delta = get_i32(p + 23),
        .base_timestamp = get_i64(p + 27),
        .max_timestamp = get_i64(p + 35),
        .producer_id = get_i64(p + 43),
        .producer_epoch = get_i16(p + 51),
        .base_sequence = get_i32(p + 53),
        .count = get_i32(p + 57),
    };
    return BATCH_OK;
}

bool batch_crc_matches(const struct batch *batch)
{
    return get_u32(batch->data + BATCH_CRC_POS) ==
           crc32c(0, batch->data + BATCH_ATTRIBUTES_POS, batch->size - BATCH_ATTRIBUTES_POS);
}

void batch_set_offset(uint8_t *data, int64_t base_offset, int32_t leader_epoch)
{
    put_i64(data, base_offset);
    put_i32(data + BATCH_EPOCH_POS, leader_epoch);
}

static void batch_set_crc(uint8_t *data, size_t size)
{
    put_u32(data + BATCH_CRC_POS, crc32c(0, data + BATCH_ATTRIBUTES_POS, size - BATCH_ATTRIBUTES_POS));
}

void batch_set_append_time(uint8_t *data, size_t size, int64_t timestamp)
{
    put_i16(data + BATCH_ATTRIBUTES_POS, (int16_t)(get_i16(data + BATCH_ATTRIBUTES_POS) | BATCH_APPEND_TIME));
    put_i64(data + 35, timestamp);
    batch_set_crc(data, size);
}

void batch_set_max_timestamp(uint8_t *data, size_t size, int64_t timestamp)
{
    put_i64(data + 35, timestamp);
    batch_set_crc(data, size);
}

/* ---- records ------------------------------------------------------------------------------------------------------
 */

void batch_reader_init(struct batch_reader *reader, const struct batch *batch, struct slice unpacked)
{
    *reader = (struct batch_reader){
        ._next = unpacked.data,
        ._end = unpacked.data + unpacked.length,
        ._base_offset = batch->base_offset,
        ._base_timestamp = batch->base_timestamp,
        ._append_time = batch->attributes & BATCH_APPEND_TIME ? batch->max_timestamp : -1,
        ._left = batch->count,
    };
}

static bool read_field(const uint8_t **at, const uint8_t *end, struct slice *out)
{
    int32_t length;
    if (!varint_read32(at, end, &length) || length < -1 || length > end - *at)
        return false;
    *out = length < 0 ? SLICE_NULL : slice_of(*at, (size_t)length);
    *at += length < 0 ? 0 : length;
    return true;
}

bool record_header_next(struct slice *headers, struct record_header *header)
{
    const uint8_t *at = headers->data, *end = at + headers->length;
    if (headers->length == 0 || !read_field(&at, end, &header->key) || slice_is_null(header->key) ||
        !read_field(&at, end, &header->value))
        return false;
    *headers = slice_of(at, (size_t)(end - at));
    return true;
}

static bool headers_are_whole(struct slice headers, int32_t count)
{
    struct record_header header;
    while (count > 0 && record_header_next(&headers, &header))
        count--;
    return count == 0 && headers.length == 0;
}

enum batch_result batch_next(struct batch_reader *reader, struct record *record)
{
    if (reader->_left <= 0)
        return reader->_next == reader->_end ? BATCH_SHORT : BATCH_BROKEN;
    const uint8_t *at = reader->_next;
    int32_t length, offset_delta;
    int64_t timestamp_delta;
    if (!varint_read32(&at, reader->_end, &length) || length < 1 || length > reader->_end - at)
        return BATCH_BROKEN;
    const uint8_t *end = at + length;
    at++; /* attributes: none are defined */
    if (!varint_read64(&at, end, &timestamp_delta) || !varint_read32(&at, end, &offset_delta) ||
        !read_field(&at, end, &record->key) || !read_field(&at, end, &record->value) ||
        !varint_read32(&at, end, &record->header_count) || record->header_count < 0)
        return BATCH_BROKEN;
    record->headers = slice_of(at, (size_t)(end - at));
    if (!headers_are_whole(record->headers, record->header_count))
        return BATCH_BROKEN;
    record->offset = reader->_base_offset + offset_delta;
    record->timestamp = reader->_append_time >= 0
                            ? reader->_append_time
                            : (int64_t)((uint64_t)reader->_base_timestamp + (uint64_t)timestamp_delta);
    reader->_next = end;
    reader->_left--;
    return BATCH_OK;
}
