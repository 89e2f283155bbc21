/* core/wire/batch.h -- record batches of format 2 (KIP-98), as they travel and as they lie on disk.
 *
 *    0 base offset        i64    21 attributes         i16    43 producer id       i64
 *    8 length of the rest i32    23 last offset delta  i32    51 producer epoch    i16
 *   12 leader epoch       i32    27 base timestamp     i64    53 base sequence     i32
 *   16 magic              i8     35 max timestamp      i64    57 record count      i32
 *   17 crc32c of 21..end  u32                                 61 records, compressed as a whole
 *
 * Base offset and leader epoch lie outside the checksum: a broker stamps them without touching the rest.
 * Pure; any core. Memory: views into the caller's bytes; texts and lists from the arena given.
 * Rules and the order of checks: Kafka's ProduceRequest.validateRecords, UnifiedLog.analyzeAndValidateRecords,
 * LogValidator, DefaultRecordBatch.
 */
#ifndef RINGMAIN_CORE_WIRE_BATCH_H
#define RINGMAIN_CORE_WIRE_BATCH_H

#include "core/wire/error.h"
#include "io/base/arena.h"
#include "io/base/bytes.h"

enum {
    BATCH_OVERHEAD = 12, /* base offset and length: what `length` does not count */
    BATCH_HEADER_SIZE = 61,
    BATCH_LENGTH_POS = 8,
    BATCH_EPOCH_POS = 12,
    BATCH_MAGIC_POS = 16,
    BATCH_CRC_POS = 17,
    BATCH_ATTRIBUTES_POS = 21,
};

enum batch_attributes {
    BATCH_CODEC_MASK = 7,
    BATCH_APPEND_TIME = 8,
    BATCH_TRANSACTIONAL = 16,
    BATCH_CONTROL = 32,
    BATCH_DELETE_HORIZON = 64,
};

struct batch {
    const uint8_t *data;
    size_t size; /* header included */
    int64_t base_offset;
    int32_t leader_epoch;
    int16_t attributes;
    int32_t last_offset_delta;
    int64_t base_timestamp, max_timestamp;
    int64_t producer_id; /* -1: none */
    int16_t producer_epoch;
    int32_t base_sequence;
    int32_t count;
};

static inline int batch_codec(const struct batch *batch)
{
    return batch->attributes & BATCH_CODEC_MASK;
}
static inline int64_t batch_last_offset(const struct batch *batch)
{
    return batch->base_offset + batch->last_offset_delta;
}
/* The last record's sequence number; it wraps from 2^31 - 1 to 0. */
int32_t batch_last_sequence(const struct batch *batch);

enum batch_result {
    BATCH_OK,
    BATCH_SHORT,  /* the bytes end before the batch does: more are needed, or a torn tail */
    BATCH_BROKEN, /* length or magic cannot be right */
};

/* Reads a header whose whole batch lies in `in`; checks lengths and magic 2, not the checksum. */
enum batch_result batch_read(struct slice in, struct batch *batch);
/* The size of the batch that begins here, from its first 12 bytes; 0 when they cannot be right. */
size_t batch_size(const uint8_t *first_bytes);
bool batch_crc_matches(const struct batch *batch);

/* Stamps a batch on its way into the log. */
void batch_set_offset(uint8_t *data, int64_t base_offset, int32_t leader_epoch);
/* LogAppendTime: sets the attribute and the max timestamp, and makes the checksum right again. */
void batch_set_append_time(uint8_t *data, size_t size, int64_t timestamp);
void batch_set_max_timestamp(uint8_t *data, size_t size, int64_t timestamp);

/* ---- checking what a producer sends --------------------------------------------------------------------------------
 */

struct batch_rules {
    int16_t produce_version;
    int32_t max_message_bytes;
    bool needs_keys; /* a compacted topic */
    bool append_time;
    int64_t before_max_ms, after_max_ms; /* message.timestamp.before.max.ms and .after.max.ms */
    int64_t wall_ms;
};

struct batch_record_error {
    int32_t index;
    const char *message;
};

struct batch_check {
    struct batch batch;
    int16_t error;
    const char *message; /* in the arena or constant; NULL: none */
    struct batch_record_error *record_errors;
    int32_t record_error_count;
    bool wrong_max_timestamp; /* of an uncompressed batch: batch_set_max_timestamp with the next before it is stored */
    int64_t true_max_timestamp;
    bool must_unpack; /* compressed, and the rules ask for a look at its records: batch_check_records when unpacked */
};

/* `records` is the partition's whole field. True: fit to be appended, apart from the three things the flags ask for. */
bool batch_check(const struct batch_rules *rules, struct slice records, struct arena *arena, struct batch_check *check);
/* The walk over the records, for compressed batches once their records are unpacked into `unpacked`. */
bool batch_check_records(const struct batch_rules *rules, struct slice unpacked, struct arena *arena,
                         struct batch_check *check);

/* ---- records -------------------------------------------------------------------------------------------------------
 */

struct record {
    int64_t offset, timestamp;
    struct slice key, value; /* may be null */
    struct slice headers;    /* header_count of them, encoded; batch_header_next */
    int32_t header_count;
};

struct record_header {
    struct slice key, value;
};

struct batch_reader {
    const uint8_t *_next, *_end;
    int64_t _base_offset, _base_timestamp, _append_time; /* -1: create time */
    int32_t _left;
};

/* `unpacked`: the records of the batch, decompressed where it has a codec. */
void batch_reader_init(struct batch_reader *reader, const struct batch *batch, struct slice unpacked);
static inline struct slice batch_payload(const struct batch *batch)
{
    return slice_of(batch->data + BATCH_HEADER_SIZE, batch->size - BATCH_HEADER_SIZE);
}
/* BATCH_SHORT: there are no more. BATCH_BROKEN: the bytes do not make a record, or some are left over. */
enum batch_result batch_next(struct batch_reader *reader, struct record *record);
/* False: no more, or broken. */
bool record_header_next(struct slice *headers, struct record_header *header);

#endif
