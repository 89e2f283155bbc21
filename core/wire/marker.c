#include "core/wire/marker.h"

enum { KEY_BYTES = 4, VALUE_BYTES = 6, TYPE_ABORT = 0, TYPE_COMMIT = 1 };

struct slice marker_build(uint8_t to[MARKER_BATCH_BYTES], const struct marker *marker, int64_t producer_id,
                          int16_t producer_epoch, int64_t timestamp_ms)
{
    uint8_t key[KEY_BYTES], value[VALUE_BYTES];
    struct batch_builder builder;
    struct batch_header header = {.producer_id = producer_id,
                                  .producer_epoch = producer_epoch,
                                  .base_sequence = -1,
                                  .attributes = BATCH_TRANSACTIONAL | BATCH_CONTROL};
    put_i16(key, 0);
    put_i16(key + 2, marker->commit ? TYPE_COMMIT : TYPE_ABORT);
    put_i16(value, 0);
    put_i32(value + 2, marker->coordinator_epoch);
    batch_builder_init(&builder, to, MARKER_BATCH_BYTES);
    bool fits = batch_builder_add(&builder, timestamp_ms, slice_of(key, sizeof(key)), slice_of(value, sizeof(value)),
                                  SLICE_NULL, 0);
    ASSERT(fits);
    return batch_builder_finish(&builder, &header);
}

enum err marker_read(struct slice batch, const struct batch_header *header, struct marker *marker)
{
    struct batch_records records;
    struct batch_record record;
    if (header->record_count <= 0)
        return ERR_NOT_FOUND;
    if (batch.length < BATCH_HEADER_BYTES || (header->attributes & BATCH_CODEC_MASK) != 0)
        return ERR_CORRUPT;
    batch_records_init(&records, slice_of(batch.data + BATCH_HEADER_BYTES, batch.length - BATCH_HEADER_BYTES), 1);
    if (batch_records_next(&records, &record) != ERR_OK || record.key.length < KEY_BYTES)
        return ERR_CORRUPT;
    int16_t type = get_i16(record.key.data + 2);
    if (type != TYPE_ABORT && type != TYPE_COMMIT)
        return ERR_NOT_FOUND;
    if (record.value.length < VALUE_BYTES)
        return ERR_CORRUPT;
    *marker = (struct marker){.commit = type == TYPE_COMMIT, .coordinator_epoch = get_i32(record.value.data + 2)};
    return ERR_OK;
}
