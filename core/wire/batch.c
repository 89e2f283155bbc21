#include "core/wire/batch.h"

#include "core/wire/crc32c.h"
#include "core/wire/error.h"
#include "core/wire/varint.h"

#include <endian.h>

enum {
    AT_LENGTH = 8,
    AT_LEADER_EPOCH = 12,
    AT_MAGIC = 16,
    AT_CRC = 17,
    AT_ATTRIBUTES = 21,
    AT_LAST_OFFSET_DELTA = 23,
    AT_BASE_TIMESTAMP = 27,
    AT_MAX_TIMESTAMP = 35,
    AT_PRODUCER_ID = 43,
    AT_PRODUCER_EPOCH = 51,
    AT_BASE_SEQUENCE = 53,
    AT_RECORD_COUNT = 57,
};

enum err batch_read_header(const void *data, size_t length, struct batch_header *header)
{
    const uint8_t *at = data;
    if (length < BATCH_HEADER_BYTES)
        return ERR_AGAIN;
    int32_t rest = get_i32(at + AT_LENGTH);
    if (rest < BATCH_HEADER_BYTES - BATCH_PREFIX_BYTES)
        return ERR_CORRUPT;
    *header = (struct batch_header){
        .base_offset = get_i64(at),
        .size = (size_t)rest + BATCH_PREFIX_BYTES,
        .leader_epoch = get_i32(at + AT_LEADER_EPOCH),
        .magic = (int8_t)at[AT_MAGIC],
        .crc = get_u32(at + AT_CRC),
        .attributes = get_i16(at + AT_ATTRIBUTES),
        .last_offset_delta = get_i32(at + AT_LAST_OFFSET_DELTA),
        .base_timestamp = get_i64(at + AT_BASE_TIMESTAMP),
        .max_timestamp = get_i64(at + AT_MAX_TIMESTAMP),
        .producer_id = get_i64(at + AT_PRODUCER_ID),
        .producer_epoch = get_i16(at + AT_PRODUCER_EPOCH),
        .base_sequence = get_i32(at + AT_BASE_SEQUENCE),
        .record_count = get_i32(at + AT_RECORD_COUNT),
    };
    return ERR_OK;
}

bool batch_crc_matches(const void *data, const struct batch_header *header)
{
    return crc32c(0, (const uint8_t *)data + AT_ATTRIBUTES, header->size - AT_ATTRIBUTES) == header->crc;
}

void batch_set_offset(uint8_t *data, int64_t base_offset, int32_t leader_epoch)
{
    put_i64(data, base_offset);
    put_i32(data + AT_LEADER_EPOCH, leader_epoch);
}

void batch_set_max_timestamp(uint8_t *data, size_t length, int64_t max_timestamp)
{
    ASSERT(length >= BATCH_HEADER_BYTES);
    put_i64(data + AT_MAX_TIMESTAMP, max_timestamp);
    put_u32(data + AT_CRC, crc32c(0, data + AT_ATTRIBUTES, length - AT_ATTRIBUTES));
}

void batch_set_codec(uint8_t *data, size_t length, int codec)
{
    ASSERT(length >= BATCH_HEADER_BYTES && length <= INT32_MAX && (codec & ~BATCH_CODEC_MASK) == 0);
    put_i32(data + AT_LENGTH, (int32_t)(length - BATCH_PREFIX_BYTES));
    put_i16(data + AT_ATTRIBUTES, (int16_t)((get_i16(data + AT_ATTRIBUTES) & ~BATCH_CODEC_MASK) | codec));
}

void batch_set_append_time(uint8_t *data, size_t length, int64_t now_ms)
{
    ASSERT(length >= BATCH_HEADER_BYTES);
    put_i16(data + AT_ATTRIBUTES, (int16_t)(get_i16(data + AT_ATTRIBUTES) | BATCH_LOG_APPEND_TIME));
    batch_set_max_timestamp(data, length, now_ms);
}

void batch_set_create_time(uint8_t *data, size_t length, int64_t max_timestamp)
{
    ASSERT(length >= BATCH_HEADER_BYTES);
    put_i16(data + AT_ATTRIBUTES, (int16_t)(get_i16(data + AT_ATTRIBUTES) & ~BATCH_LOG_APPEND_TIME));
    batch_set_max_timestamp(data, length, max_timestamp);
}

void batch_set_refit(uint8_t *data, const struct batch_refit *refit)
{
    ASSERT(refit->length >= BATCH_HEADER_BYTES && refit->length <= INT32_MAX);
    put_i32(data + AT_LENGTH, (int32_t)(refit->length - BATCH_PREFIX_BYTES));
    put_i16(data + AT_ATTRIBUTES, refit->attributes);
    put_i64(data + AT_BASE_TIMESTAMP, refit->base_timestamp);
    put_i32(data + AT_RECORD_COUNT, refit->record_count);
    batch_set_max_timestamp(data, refit->length, refit->max_timestamp);
}

/* ---- checking
 * -------------------------------------------------------------------------------------------------------- */

static bool refuse(struct batch_verdict *verdict, int16_t error, const char *message)
{
    *verdict = (struct batch_verdict){.error = error, .message = message, .is_one = verdict->is_one};
    return false;
}

enum { SMALLEST_RECORD = 14 }; /* of any format, as Kafka's ByteBufferLogInputStream has it */

bool batch_is_garbage(struct slice records)
{
    if (records.length < BATCH_PREFIX_BYTES)
        return false;
    if (get_i32(records.data + AT_LENGTH) < SMALLEST_RECORD)
        return true;
    int8_t magic = records.length > AT_MAGIC ? (int8_t)records.data[AT_MAGIC] : BATCH_MAGIC;
    return magic < 0 || magic > BATCH_MAGIC;
}

/* A batch of any format, of which all is there; not for garbage. */
static bool holds_batch(struct slice records)
{
    return records.length > AT_MAGIC &&
           (size_t)get_i32(records.data + AT_LENGTH) + BATCH_PREFIX_BYTES <= records.length;
}

/* Size, CRC and header, in the order of ProduceRequest.validateRecords, UnifiedLog.analyzeAndValidateRecords and
 * LogValidator.validateBatch. */
static bool check_header(struct slice records, const struct batch_rules *rules, struct batch_header *header,
                         struct batch_verdict *verdict)
{
    if (records.length == 0)
        return refuse(verdict, KAFKA_ERROR_INVALID_RECORD, "Produce requests must contain exactly one record batch.");
    if (records.length <= AT_MAGIC) /* too short to hold a batch: none is there */
        return refuse(verdict, KAFKA_ERROR_INVALID_RECORD, "Produce requests must contain exactly one record batch.");
    if (batch_is_garbage(records))
        return refuse(verdict, KAFKA_ERROR_CORRUPT_MESSAGE, "The record batch has an invalid size or magic.");
    if (!holds_batch(records))
        return refuse(verdict, KAFKA_ERROR_INVALID_RECORD, "The record batch is cut short.");
    if ((int8_t)records.data[AT_MAGIC] != BATCH_MAGIC)
        return refuse(verdict, KAFKA_ERROR_INVALID_RECORD, "Produce requests may only carry batches of magic 2.");
    if (batch_read_header(records.data, records.length, header) != ERR_OK || header->size > records.length)
        return refuse(verdict, KAFKA_ERROR_CORRUPT_MESSAGE, "The record batch is smaller than its header.");
    struct slice rest = slice_of(records.data + header->size, records.length - header->size);
    if (batch_is_garbage(rest))
        return refuse(verdict, KAFKA_ERROR_CORRUPT_MESSAGE, "What follows the record batch cannot be one.");
    if (holds_batch(rest))
        return refuse(verdict, KAFKA_ERROR_INVALID_RECORD, "Produce requests must contain exactly one record batch.");
    verdict->is_one = true;
    if (header->base_offset != 0)
        return refuse(verdict, KAFKA_ERROR_INVALID_RECORD, "The base offset of the record batch must be 0.");
    if (header->size > (size_t)rules->max_bytes)
        return refuse(verdict, KAFKA_ERROR_MESSAGE_TOO_LARGE, "The record batch is larger than max.message.bytes.");
    if (!batch_crc_matches(records.data, header))
        return refuse(verdict, KAFKA_ERROR_CORRUPT_MESSAGE, "The CRC of the record batch does not match.");
    if (header->record_count <= 0 || header->last_offset_delta != header->record_count - 1)
        return refuse(verdict, KAFKA_ERROR_INVALID_RECORD,
                      "The record count and the last offset delta of the batch do not agree.");
    if (header->attributes & BATCH_CONTROL)
        return refuse(verdict, KAFKA_ERROR_INVALID_RECORD, "Clients may not write control records.");
    if (header->producer_id < BATCH_NO_PRODUCER_ID ||
        (header->producer_id != BATCH_NO_PRODUCER_ID && (header->base_sequence < 0 || header->producer_epoch < 0)))
        return refuse(verdict, KAFKA_ERROR_INVALID_RECORD,
                      "A batch with a producer id needs a producer epoch and a sequence number.");
    if ((header->attributes & BATCH_TRANSACTIONAL) && header->producer_id == BATCH_NO_PRODUCER_ID)
        return refuse(verdict, KAFKA_ERROR_INVALID_RECORD, "A transactional batch needs a producer id.");
    if ((header->attributes & BATCH_CODEC_MASK) > 4)
        return refuse(verdict, KAFKA_ERROR_UNSUPPORTED_COMPRESSION_TYPE, "Unknown compression type.");
    return true;
}

static bool timestamp_accepted(int64_t timestamp, const struct batch_rules *rules)
{
    if (rules->append_time || timestamp == BATCH_NO_TIMESTAMP)
        return true;
    int64_t age = 0;
    if (__builtin_sub_overflow(rules->now_ms, timestamp, &age))
        return false;
    return age <= rules->before_max_ms && age >= -rules->after_max_ms;
}

bool batch_check(struct slice records, const struct batch_rules *rules, struct arena *arena,
                 struct batch_header *header, struct batch_verdict *verdict)
{
    *verdict = (struct batch_verdict){0};
    if (!check_header(records, rules, header, verdict))
        return false;
    if ((header->attributes & BATCH_CODEC_MASK) == 0) {
        struct slice body = slice_of(records.data + BATCH_HEADER_BYTES, header->size - BATCH_HEADER_BYTES);
        if (!batch_check_records(body, header, rules, arena, verdict))
            return false;
        header->max_timestamp = verdict->max_timestamp;
    } else {
        verdict->look_inside = rules->need_keys || !timestamp_accepted(header->base_timestamp, rules) ||
                               !timestamp_accepted(header->max_timestamp, rules);
    }
    if (header->size > (size_t)rules->segment_bytes)
        return refuse(verdict, KAFKA_ERROR_RECORD_LIST_TOO_LARGE, "The record batch is larger than a segment.");
    return true;
}

static bool add_record_error(struct arena *arena, const struct batch_header *header, struct batch_verdict *verdict,
                             int32_t index, int16_t error, const char *message)
{
    if (verdict->record_errors == NULL) {
        verdict->record_errors = ARENA_ARRAY(arena, struct batch_record_error, (size_t)(header->record_count - index));
        if (verdict->record_errors == NULL)
            return refuse(verdict, KAFKA_ERROR_UNKNOWN_SERVER_ERROR, "No memory to list the records at fault.");
    }
    verdict->error = error;
    verdict->message = error == KAFKA_ERROR_INVALID_TIMESTAMP
                           ? "One or more records have been rejected due to invalid timestamp"
                           : "One or more records have been rejected";
    verdict->record_errors[verdict->record_error_count++] = (struct batch_record_error){index, message};
    return true;
}

/* ---- the usual record, read quickly ---------------------------------------------------------------------------------
 *
 * Nearly all records have small numbers and no headers: varints of up to three bytes each. For those the bounds are
 * looked at twice instead of once per byte. Whatever is not of that shape, good or bad, is left to batch_records_next.
 */

enum { SHORT_VARINT = 3, SHORT_HEAD = 1 + 4 * SHORT_VARINT, SHORT_TAIL = SHORT_VARINT + 1 }; /* bytes */

static inline uint32_t load_32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return le32toh(value); /* the first byte is the lowest */
}

/* The unsigned number of a varint whose bytes are the low ones of `bytes`; *length is 0 for one of more than three. */
static inline uint32_t short_varint(uint32_t bytes, int *length)
{
    if ((bytes & 0x80) == 0) {
        *length = 1;
        return bytes & 0x7f;
    }
    if ((bytes & 0x8000) == 0) {
        *length = 2;
        return (bytes & 0x7f) | (bytes >> 1 & 0x3f80);
    }
    *length = (bytes & 0x800000) == 0 ? 3 : 0;
    return (bytes & 0x7f) | (bytes >> 1 & 0x3f80) | (bytes >> 2 & 0x1fc000);
}

static inline int32_t zigzag(uint32_t raw)
{
    return (int32_t)(raw >> 1) ^ -(int32_t)(raw & 1);
}

/* Is this the shortest varint of the offset delta `index`? Its length, or 0. */
static inline int match_index(uint32_t bytes, int32_t index)
{
    uint32_t raw = (uint32_t)index << 1;
    if (raw < 1u << 7)
        return (bytes & 0xff) == raw ? 1 : 0;
    if (raw < 1u << 14)
        return (bytes & 0xffff) == ((raw & 0x7f) | 0x80 | raw >> 7 << 8) ? 2 : 0;
    if (raw < 1u << 21)
        return (bytes & 0xffffff) == ((raw & 0x7f) | 0x80 | (raw >> 7 & 0x7f) << 8 | 0x8000 | raw >> 14 << 16) ? 3 : 0;
    return 0;
}

/* What the records of a batch must be, as numbers that a loop can keep in registers. */
struct short_terms {
    int32_t oldest, newest; /* timestamp deltas that are accepted; others may be all the same */
    bool need_keys;
};

static int32_t clamp_delta(int64_t timestamp, int64_t base)
{
    int64_t delta;
    if (__builtin_sub_overflow(timestamp, base, &delta))
        return base > 0 ? INT32_MIN : INT32_MAX;
    return delta < INT32_MIN ? INT32_MIN : delta > INT32_MAX ? INT32_MAX : (int32_t)delta;
}

static struct short_terms short_terms_of(const struct batch_header *header, const struct batch_rules *rules)
{
    struct short_terms terms = {.oldest = INT32_MIN, .newest = INT32_MAX, .need_keys = rules->need_keys};
    int64_t oldest, newest, base = header->base_timestamp;
    if (base < INT64_MIN / 2 || base > INT64_MAX / 2) /* sums could overflow: none is usual */
        return (struct short_terms){.oldest = INT32_MAX, .newest = INT32_MIN};
    if (!rules->append_time && !__builtin_sub_overflow(rules->now_ms, rules->before_max_ms, &oldest))
        terms.oldest = clamp_delta(oldest, base);
    if (!rules->append_time && !__builtin_add_overflow(rules->now_ms, rules->after_max_ms, &newest))
        terms.newest = clamp_delta(newest, base);
    return terms;
}

/* Offset delta and key length of the next record, if they follow on the record before: the usual case in one look. */
struct short_middle {
    uint32_t bytes, mask;
    uint32_t length; /* of both, and of the key */
    int fixed;       /* of both, without the key */
    int32_t left;    /* for so many records, until the offset delta gets a carry; 0: not known */
};

static inline uint64_t low_bytes(int count)
{
    return count < 8 ? (1ull << (8 * count)) - 1 : UINT64_MAX;
}

/* Reads them. False: unusual. */
static inline bool read_middle(const uint8_t *at, bool need_keys, int32_t index, struct short_middle *middle)
{
    int key_bytes, index_bytes = match_index(load_32(at), index);
    uint32_t key = short_varint(load_32(at + index_bytes), &key_bytes);
    if (index_bytes == 0 || key_bytes == 0 || ((key & 1) != 0 && (key != 1 || need_keys)))
        return false;
    int bytes = index_bytes + key_bytes;
    middle->length = (uint32_t)bytes + (key >> 1);
    middle->fixed = bytes;
    middle->left = bytes <= 4 ? 63 - (index & 63) : 0; /* a byte holds seven bits of twice the index */
    middle->bytes = load_32(at) + 2;
    middle->mask = (uint32_t)low_bytes(bytes);
    return true;
}

/* Where the parts of a record that has passed begin and end. */
struct short_shape {
    const uint8_t *begin, *end;
    const uint8_t *value;                                  /* the varint of its length */
    int head_bytes, time_bytes, middle_bytes, value_bytes; /* up to the time; the time; up to the key; of the varint */
};

struct short_run {
    int32_t passed, newest;
};

static inline uint64_t load_64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return le64toh(value);
}

/* Passes records with the sizes of the one before, `count` at most: what stands in front of their keys is eight bytes
 * or less, of which only the timestamp delta (as many bytes as before) and the offset delta (two more, no carry)
 * differ. A function of its own: the loop for records of all sizes needs its registers. */
static __attribute__((noinline)) struct short_run pass_alike(struct short_shape shape, const uint8_t *limit,
                                                             int32_t count, const struct short_terms *terms)
{
    struct short_run run = {.newest = INT32_MIN};
    const int time_shift = 8 * shape.head_bytes, index_shift = time_shift + 8 * shape.time_bytes;
    const int bytes = shape.head_bytes + shape.time_bytes + shape.middle_bytes;
    const int64_t size = shape.end - shape.begin, value_at = shape.value - shape.begin;
    if (bytes > 8 || shape.time_bytes > 2)
        return run;
    const bool short_time = shape.time_bytes == 1;
    const uint64_t time_bits = (short_time ? 0x7full : 0x7f7full) << time_shift;
    const uint64_t mask = low_bytes(bytes) & ~time_bits, step = 2ull << index_shift;
    const uint32_t value_mask = (uint32_t)low_bytes(shape.value_bytes), value = load_32(shape.value) & value_mask;
    const int32_t least = terms->oldest, most = terms->newest;
    const uint8_t *at = shape.end;
    uint64_t expected = load_64(shape.begin) & mask;
    if (count > (limit - at) / size)
        count = (int32_t)((limit - at) / size);
    for (; run.passed < count; run.passed++, at += size) {
        uint64_t head = load_64(at);
        uint32_t time = (uint32_t)(head >> time_shift);
        int32_t delta = zigzag(short_time ? time & 0x7f : (time & 0x7f) | (time >> 1 & 0x3f80));
        expected += step;
        if ((head & mask) != expected || (load_32(at + value_at) & value_mask) != value || at[size - 1] != 0 ||
            delta < least || delta > most)
            break;
        run.newest = delta > run.newest ? delta : run.newest;
    }
    return run;
}

/* Passes records of the usual shape that are right in every respect, and stops before the first that is not, or looks
 * unusual. The number passed; *newest grows with their timestamp deltas. */
static int32_t pass_short(struct batch_records *records, const struct short_terms *terms, int32_t index,
                          int32_t *newest)
{
    const uint8_t *at = records->_at, *const limit = records->_end;
    const int32_t first = index, until = index + records->_left, least = terms->oldest, most = terms->newest;
    struct short_middle middle = {.left = 0};
    int32_t reached = *newest;
    uint32_t length_before = 0;
    for (; index < until && limit - at >= SHORT_VARINT + SHORT_HEAD + SHORT_TAIL; index++) {
        int bytes;
        const uint8_t *const begin = at;
        uint32_t length = short_varint(load_32(at), &bytes);
        const uint8_t *next = at + bytes, *const end = next + (length >> 1);
        if (bytes == 0 || (length & 1) != 0 || end > limit || end - next < SHORT_HEAD + SHORT_TAIL)
            break;
        const int head_bytes = bytes + 1; /* with the attributes */
        int time_bytes;
        int32_t delta = zigzag(short_varint(load_32(next + 1), &time_bytes));
        if (time_bytes == 0 || delta < least || delta > most)
            break;
        next += 1 + time_bytes;
        if (middle.left == 0 || ((load_32(next) ^ middle.bytes) & middle.mask) != 0) {
            if (!read_middle(next, terms->need_keys, index, &middle))
                break;
        } else {
            middle.bytes += 2; /* an index more */
            middle.left--;
        }
        if (middle.length + SHORT_TAIL > (uint32_t)(end - next))
            break;
        next += middle.length;
        uint32_t value = short_varint(load_32(next), &bytes);
        if (bytes == 0 || ((value & 1) != 0 && value != 1) || next + bytes + (value >> 1) + 1 != end || end[-1] != 0)
            break;
        reached = delta > reached ? delta : reached;
        at = end;
        if (length == length_before && middle.left > 0) {
            int32_t count = until - index - 1 < middle.left ? until - index - 1 : middle.left;
            struct short_shape shape = {.begin = begin,
                                        .end = end,
                                        .value = next,
                                        .head_bytes = head_bytes,
                                        .time_bytes = time_bytes,
                                        .middle_bytes = middle.fixed,
                                        .value_bytes = bytes};
            struct short_run run = pass_alike(shape, limit, count, terms);
            reached = run.newest > reached ? run.newest : reached;
            at += run.passed * (end - begin);
            index += run.passed;
            middle.bytes += 2 * (uint32_t)run.passed;
            middle.left -= run.passed;
        }
        length_before = length;
    }
    records->_at = at;
    records->_left -= index - first;
    *newest = reached;
    return index - first;
}

bool batch_check_records(struct slice body, const struct batch_header *header, const struct batch_rules *rules,
                         struct arena *arena, struct batch_verdict *verdict)
{
    *verdict = (struct batch_verdict){0};
    /* A record takes at least 7 bytes: a larger count is a lie that must not make us reserve memory. */
    if ((size_t)header->record_count > body.length / 7)
        return refuse(verdict, KAFKA_ERROR_INVALID_RECORD, "The batch holds fewer records than it says.");
    struct batch_records records;
    struct batch_record record;
    int64_t max_timestamp = BATCH_NO_TIMESTAMP;
    batch_records_init(&records, body, header->record_count);
    const struct short_terms terms = short_terms_of(header, rules);
    for (int32_t index = 0;; index++) {
        int32_t newest = INT32_MIN;
        int32_t passed = pass_short(&records, &terms, index, &newest);
        index += passed;
        if (passed > 0 && header->base_timestamp + newest > max_timestamp)
            max_timestamp = header->base_timestamp + newest;
        if (index == header->record_count)
            break;
        if (batch_records_next(&records, &record) != ERR_OK)
            return refuse(verdict, KAFKA_ERROR_INVALID_RECORD, "A record of the batch is malformed.");
        int64_t timestamp;
        bool fits = !__builtin_add_overflow(header->base_timestamp, record.timestamp_delta, &timestamp);
        max_timestamp = timestamp > max_timestamp ? timestamp : max_timestamp;
        bool listed = true;
        if (record.offset_delta != index)
            listed = add_record_error(arena, header, verdict, index, KAFKA_ERROR_INVALID_RECORD,
                                      "The offset delta of the record is not its place in the batch.");
        else if (rules->need_keys && slice_is_null(record.key))
            listed = add_record_error(arena, header, verdict, index, KAFKA_ERROR_INVALID_RECORD,
                                      "Compacted topic cannot accept message without key.");
        else if (!fits || !timestamp_accepted(timestamp, rules))
            listed = add_record_error(arena, header, verdict, index, KAFKA_ERROR_INVALID_TIMESTAMP,
                                      "The timestamp of the record is out of the accepted range.");
        if (!listed)
            return false;
    }
    if (verdict->error != KAFKA_ERROR_NONE)
        return false;
    if (batch_records_next(&records, &record) != ERR_NOT_FOUND)
        return refuse(verdict, KAFKA_ERROR_INVALID_RECORD, "There are bytes behind the last record of the batch.");
    verdict->max_timestamp = max_timestamp;
    return true;
}

/* ---- records
 * --------------------------------------------------------------------------------------------------------- */

void batch_records_init(struct batch_records *records, struct slice body, int32_t count)
{
    *records = (struct batch_records){._at = body.data, ._end = body.data + body.length, ._left = count};
}

/* A length of -1 is null. */
static bool read_bytes(const uint8_t **at, const uint8_t *end, struct slice *bytes)
{
    int32_t length;
    if (!varint_read_i32(at, end, &length) || length < -1 || (length > 0 && length > end - *at))
        return false;
    *bytes = length < 0 ? SLICE_NULL : slice_of(*at, (size_t)length);
    *at += length < 0 ? 0 : length;
    return true;
}

bool batch_next_header(struct slice *headers, struct slice *key, struct slice *value)
{
    const uint8_t *at = headers->data, *end = at + headers->length;
    if (!read_bytes(&at, end, key) || slice_is_null(*key) || !read_bytes(&at, end, value))
        return false;
    *headers = slice_of(at, (size_t)(end - at));
    return true;
}

enum err batch_records_next(struct batch_records *records, struct batch_record *record)
{
    if (records->_left == 0)
        return records->_at == records->_end ? ERR_NOT_FOUND : ERR_CORRUPT;
    const uint8_t *at = records->_at;
    int32_t length;
    if (!varint_read_i32(&at, records->_end, &length) || length < 1 || length > records->_end - at)
        return ERR_CORRUPT;
    const uint8_t *end = at + length;
    at++; /* attributes: none are defined */
    if (!varint_read_i64(&at, end, &record->timestamp_delta) || !varint_read_i32(&at, end, &record->offset_delta) ||
        !read_bytes(&at, end, &record->key) || !read_bytes(&at, end, &record->value) ||
        !varint_read_i32(&at, end, &record->header_count) || record->header_count < 0)
        return ERR_CORRUPT;
    record->headers = slice_of(at, (size_t)(end - at));
    struct slice rest = record->headers, key, value;
    for (int32_t i = 0; i < record->header_count; i++)
        if (!batch_next_header(&rest, &key, &value))
            return ERR_CORRUPT;
    if (rest.length != 0)
        return ERR_CORRUPT;
    records->_at = end;
    records->_left--;
    return ERR_OK;
}

/* ---- making
 * ---------------------------------------------------------------------------------------------------------- */

void batch_builder_init(struct batch_builder *builder, void *data, size_t capacity)
{
    ASSERT(capacity >= BATCH_HEADER_BYTES);
    *builder = (struct batch_builder){.data = data, .capacity = capacity, .length = BATCH_HEADER_BYTES};
}

static size_t put_bytes(uint8_t *to, struct slice bytes)
{
    size_t length = varint_write_i64(to, slice_is_null(bytes) ? -1 : (int64_t)bytes.length);
    if (bytes.length > 0)
        memcpy(to + length, bytes.data, bytes.length);
    return length + bytes.length;
}

size_t batch_put_header(uint8_t *at, struct slice key, struct slice value)
{
    size_t length = put_bytes(at, key);
    return length + put_bytes(at + length, value);
}

size_t batch_put_record(uint8_t *start, const struct batch_record *record)
{
    _Static_assert(BATCH_RECORD_OVERHEAD == 1 + VARLONG_MAX_SIZE + 5 * VARINT_MAX_SIZE, "length, attributes, deltas");
    /* The length comes first and is a varint itself: write the rest behind the longest one, then move it. */
    uint8_t *body = start + VARINT_MAX_SIZE, *at = body;
    *at++ = 0;
    at += varint_write_i64(at, record->timestamp_delta);
    at += varint_write_i64(at, record->offset_delta);
    at += put_bytes(at, record->key);
    at += put_bytes(at, record->value);
    at += varint_write_i64(at, record->header_count);
    if (record->headers.length > 0)
        memcpy(at, record->headers.data, record->headers.length);
    size_t length = (size_t)(at - body) + record->headers.length;
    size_t prefix = varint_write_i64(start, (int64_t)length);
    memmove(start + prefix, body, length);
    return prefix + length;
}

bool batch_builder_add(struct batch_builder *builder, int64_t timestamp_ms, struct slice key, struct slice value,
                       struct slice headers, int32_t header_count)
{
    size_t most = BATCH_RECORD_OVERHEAD + key.length + value.length + headers.length;
    if (most > INT32_MAX || builder->capacity - builder->length < most)
        return false;
    if (builder->count == 0)
        builder->base_timestamp = builder->max_timestamp = timestamp_ms;
    struct batch_record record = {.timestamp_delta = timestamp_ms - builder->base_timestamp,
                                  .offset_delta = builder->count,
                                  .key = key,
                                  .value = value,
                                  .header_count = header_count,
                                  .headers = headers};
    builder->length += batch_put_record(builder->data + builder->length, &record);
    builder->count++;
    builder->max_timestamp = timestamp_ms > builder->max_timestamp ? timestamp_ms : builder->max_timestamp;
    return true;
}

struct slice batch_builder_finish(struct batch_builder *builder, const struct batch_header *header)
{
    ASSERT(builder->count > 0);
    uint8_t *at = builder->data;
    batch_set_offset(at, 0, -1);
    put_i32(at + AT_LENGTH, (int32_t)(builder->length - BATCH_PREFIX_BYTES));
    at[AT_MAGIC] = BATCH_MAGIC;
    put_i16(at + AT_ATTRIBUTES, header == NULL ? 0 : header->attributes);
    put_i32(at + AT_LAST_OFFSET_DELTA, builder->count - 1);
    put_i64(at + AT_BASE_TIMESTAMP, builder->base_timestamp);
    put_i64(at + AT_MAX_TIMESTAMP, builder->max_timestamp);
    put_i64(at + AT_PRODUCER_ID, header == NULL ? BATCH_NO_PRODUCER_ID : header->producer_id);
    put_i16(at + AT_PRODUCER_EPOCH, header == NULL ? -1 : header->producer_epoch);
    put_i32(at + AT_BASE_SEQUENCE, header == NULL ? -1 : header->base_sequence);
    put_i32(at + AT_RECORD_COUNT, builder->count);
    put_u32(at + AT_CRC, crc32c(0, at + AT_ATTRIBUTES, builder->length - AT_ATTRIBUTES));
    return slice_of(at, builder->length);
}
