#include "core/wire/batch.h"

#include "core/wire/compress.h"

static bool refuse(struct batch_check *check, enum kafka_error error, const char *message)
{
    check->error = (int16_t)error;
    check->message = message;
    return false;
}

/* ProduceRequest.validateRecords: exactly one batch of format 2, and nothing behind it. */
static bool check_shape(const struct batch_rules *rules, struct slice records, struct batch_check *check)
{
    if (records.length < BATCH_MAGIC_POS + 1)
        return refuse(check, KAFKA_ERROR_INVALID_RECORD,
                      "Produce requests must have at least one record batch per partition");
    int32_t length = get_i32(records.data + BATCH_LENGTH_POS);
    int8_t magic = (int8_t)records.data[BATCH_MAGIC_POS];
    if (length < 14 || magic < 0 || magic > 2) /* 14: the smallest record of any format */
        return refuse(check, KAFKA_ERROR_CORRUPT_MESSAGE, "The record batch has an invalid size or magic");
    if ((uint64_t)length + BATCH_OVERHEAD > records.length)
        return refuse(check, KAFKA_ERROR_INVALID_RECORD,
                      "Produce requests must have at least one record batch per partition");
    if (magic != 2)
        return refuse(check, KAFKA_ERROR_INVALID_RECORD,
                      "Produce requests are only allowed to contain record batches with magic version 2");
    if (batch_read(records, &check->batch) != BATCH_OK)
        return refuse(check, KAFKA_ERROR_CORRUPT_MESSAGE, "The record batch is smaller than its header");
    if (rules->produce_version < 7 && batch_codec(&check->batch) == COMPRESS_ZSTD)
        return refuse(check, KAFKA_ERROR_UNSUPPORTED_COMPRESSION_TYPE,
                      "Produce requests with version below 7 are not allowed to use ZStandard compression");
    if (check->batch.size != records.length)
        return refuse(check, KAFKA_ERROR_INVALID_RECORD,
                      "Produce requests are only allowed to contain exactly one record batch per partition");
    return true;
}

/* UnifiedLog.analyzeAndValidateRecords. */
static bool check_envelope(const struct batch_rules *rules, struct arena *arena, struct batch_check *check)
{
    const struct batch *batch = &check->batch;
    if (batch->base_offset != 0)
        return refuse(check, KAFKA_ERROR_INVALID_RECORD,
                      "The baseOffset of a record batch sent by a producer should be 0");
    if (batch->size > (size_t)rules->max_message_bytes) {
        const char *text = arena_printf(arena, "The record batch size is %zu bytes which exceeds the maximum of %d",
                                        batch->size, rules->max_message_bytes);
        return refuse(check, KAFKA_ERROR_MESSAGE_TOO_LARGE, text);
    }
    if (!batch_crc_matches(batch))
        return refuse(check, KAFKA_ERROR_CORRUPT_MESSAGE, "The record batch failed its checksum");
    return true;
}

/* LogValidator.validateBatch. */
static bool check_header(const struct batch_rules *rules, struct batch_check *check)
{
    const struct batch *batch = &check->batch;
    if (batch_codec(batch) > COMPRESS_ZSTD)
        return refuse(check, KAFKA_ERROR_INVALID_RECORD, "The record batch names an unknown compression codec");
    if (batch->last_offset_delta < 0)
        return refuse(check, KAFKA_ERROR_INVALID_RECORD, "Batch has an invalid offset range");
    if (batch->count <= 0)
        return refuse(check, KAFKA_ERROR_INVALID_RECORD, "Invalid reported count for record batch");
    if (batch->last_offset_delta != batch->count - 1)
        return refuse(check, KAFKA_ERROR_INVALID_RECORD, "Inconsistent batch offset range and count of records");
    if (batch->attributes & BATCH_CONTROL)
        return refuse(check, KAFKA_ERROR_INVALID_RECORD, "Clients are not allowed to write control records");
    if (batch->producer_id >= 0 && (batch->base_sequence < 0 || batch->producer_epoch < 0))
        return refuse(check, KAFKA_ERROR_INVALID_RECORD, "Invalid sequence number in record batch with producerId");
    if ((batch->attributes & BATCH_TRANSACTIONAL) && batch->producer_id < 0)
        return refuse(check, KAFKA_ERROR_INVALID_RECORD, "Transactional record batch without a producerId");
    if ((batch->attributes & BATCH_APPEND_TIME) && !rules->append_time)
        return refuse(check, KAFKA_ERROR_INVALID_TIMESTAMP, "Producer should not set timestamp type to LogAppendTime");
    return true;
}

static bool timestamp_is_allowed(const struct batch_rules *rules, int64_t timestamp)
{
    if (timestamp == -1 || rules->append_time)
        return true;
    int64_t ahead = (int64_t)((uint64_t)timestamp - (uint64_t)rules->wall_ms);
    if (timestamp > rules->wall_ms)
        return ahead >= 0 && ahead <= rules->after_max_ms;
    int64_t behind = (int64_t)((uint64_t)rules->wall_ms - (uint64_t)timestamp);
    return behind >= 0 ? behind <= rules->before_max_ms : rules->before_max_ms == INT64_MAX;
}

static bool add_record_error(struct arena *arena, struct batch_check *check, int32_t index, const char *message)
{
    if (check->record_errors == NULL) {
        check->record_errors = ARENA_ARRAY(arena, struct batch_record_error, (size_t)check->batch.count);
        if (check->record_errors == NULL)
            return false;
    }
    check->record_errors[check->record_error_count++] = (struct batch_record_error){index, message};
    return true;
}

bool batch_check_records(const struct batch_rules *rules, struct slice unpacked, struct arena *arena,
                         struct batch_check *check)
{
    struct batch_reader reader;
    struct record record;
    enum batch_result result;
    int64_t expected = check->batch.base_offset, max_timestamp = -1;
    bool bad_time = false, bad_key = false;
    batch_reader_init(&reader, &check->batch, unpacked);
    for (int32_t index = 0; (result = batch_next(&reader, &record)) == BATCH_OK; index++) {
        if (record.offset != expected++)
            return refuse(check, KAFKA_ERROR_INVALID_RECORD,
                          "The records of the batch do not have consecutive offsets");
        bool no_key = rules->needs_keys && slice_is_null(record.key);
        bool out_of_time = !timestamp_is_allowed(rules, record.timestamp);
        bad_key |= no_key;
        bad_time |= out_of_time;
        if ((no_key || out_of_time) && !add_record_error(arena, check, index,
                                                         no_key ? "Compacted topic cannot accept message without key"
                                                                : "Timestamp of message is out of range"))
            return refuse(check, KAFKA_ERROR_INVALID_RECORD, "too many record errors to list");
        if (record.timestamp > max_timestamp)
            max_timestamp = record.timestamp;
    }
    if (result == BATCH_BROKEN)
        return refuse(check, KAFKA_ERROR_INVALID_RECORD, "The records do not match the size or count of their batch");
    if (bad_key)
        return refuse(check, KAFKA_ERROR_INVALID_RECORD,
                      "One or more records have been rejected due to missing keys in a compacted topic");
    if (bad_time)
        return refuse(check, KAFKA_ERROR_INVALID_TIMESTAMP,
                      "One or more records have been rejected due to invalid timestamp");
    check->true_max_timestamp = max_timestamp;
    check->wrong_max_timestamp = !rules->append_time && max_timestamp != check->batch.max_timestamp;
    return true;
}

bool batch_check(const struct batch_rules *rules, struct slice records, struct arena *arena, struct batch_check *check)
{
    *check = (struct batch_check){.error = KAFKA_ERROR_NONE};
    if (!check_shape(rules, records, check) || !check_envelope(rules, arena, check) || !check_header(rules, check))
        return false;
    if (batch_codec(&check->batch) == COMPRESS_NONE)
        return batch_check_records(rules, batch_payload(&check->batch), arena, check);
    /* The header bounds all timestamps of a compressed batch from above; the records stay packed on the hot path
     * unless a key must be seen (docs/decisions/compressed-batches.md). */
    if (!timestamp_is_allowed(rules, check->batch.max_timestamp))
        return refuse(check, KAFKA_ERROR_INVALID_TIMESTAMP,
                      "One or more records have been rejected due to invalid timestamp");
    check->must_unpack = rules->needs_keys;
    return true;
}
