/* core/wire/batch.h -- record batches of format 2 (KIP-98): header, checks, records, making them.
 *
 *    0 base offset i64          21 attributes i16            43 producer id i64
 *    8 length i32, from 12 on   23 last offset delta i32     51 producer epoch i16
 *   12 leader epoch i32         27 base timestamp i64        53 base sequence i32
 *   16 magic i8                 35 max timestamp i64         57 record count i32
 *   17 crc u32                                               61 records, compressed as a whole if attributes say so
 *
 * The CRC covers 21 to the end: base offset and leader epoch are the broker's to write without touching it.
 *
 * Invariants: nothing here reads beyond the given length, whatever the bytes say.
 * Core: pure, any. Memory: views of the caller's bytes. Errors: Kafka's codes with Kafka's order of checks
 * (LogValidator, DefaultRecordBatch, DefaultRecord); the batch is refused whole, with the records that were at fault
 * (KIP-467).
 */
#ifndef RINGMAIN_CORE_WIRE_BATCH_H
#define RINGMAIN_CORE_WIRE_BATCH_H

#include "io/base/arena.h"
#include "io/base/bytes.h"
#include "io/base/err.h"

enum {
    BATCH_PREFIX_BYTES = 12, /* base offset and length: what must be there to know the size */
    BATCH_HEADER_BYTES = 61,
    BATCH_MAGIC = 2,
    BATCH_RECORD_OVERHEAD = 36, /* at most this around key, value and headers: the room that a builder asks for */
    BATCH_CODEC_MASK = 0x07,
    BATCH_LOG_APPEND_TIME = 0x08,
    BATCH_TRANSACTIONAL = 0x10,
    BATCH_CONTROL = 0x20,
    BATCH_DELETE_HORIZON = 0x40,
};

#define BATCH_NO_PRODUCER_ID ((int64_t)-1)
#define BATCH_NO_TIMESTAMP   ((int64_t)-1)

struct batch_header {
    int64_t base_offset;
    int64_t base_timestamp, max_timestamp;
    int64_t producer_id;
    size_t size; /* of the whole batch, prefix included */
    int32_t leader_epoch;
    uint32_t crc;
    int32_t last_offset_delta;
    int32_t base_sequence;
    int32_t record_count;
    int16_t attributes;
    int16_t producer_epoch;
    int8_t magic;
};

static inline int64_t batch_last_offset(const struct batch_header *header)
{
    return header->base_offset + header->last_offset_delta;
}

/* Sequences go round from 2^31 - 1 to 0. */
static inline int32_t batch_last_sequence(const struct batch_header *header)
{
    return header->base_sequence < 0
               ? -1
               : (int32_t)(((uint32_t)header->base_sequence + (uint32_t)header->last_offset_delta) & INT32_MAX);
}

/* ERR_AGAIN: fewer than BATCH_HEADER_BYTES. ERR_CORRUPT: the length field cannot be. The batch itself may go on beyond
 * `length`; compare header->size. */
enum err batch_read_header(const void *data, size_t length, struct batch_header *header) MUST_CHECK;
bool batch_crc_matches(const void *data, const struct batch_header *header); /* header->size bytes are there */

/* In place, outside the CRC. */
void batch_set_offset(uint8_t *data, int64_t base_offset, int32_t leader_epoch);
/* A client's maximum timestamp that is not that of its records is mended, as Kafka does. */
void batch_set_max_timestamp(uint8_t *data, size_t length, int64_t max_timestamp);
/* Other bytes were put behind the header: their codec and the batch's length. The CRC is not made anew. */
void batch_set_codec(uint8_t *data, size_t length, int codec);
/* LogAppendTime: the bit, the maximum timestamp, and the CRC made anew. */
void batch_set_append_time(uint8_t *data, size_t length, int64_t now_ms);
/* Compaction: other records were put behind the header, packed with the batch's codec. Length, count, timestamps and
 * CRC are made to fit; offsets, producer and sequence stay. horizon: base_timestamp is when tombstones may go
 * (KIP-534). */
struct batch_refit {
    size_t length;
    int32_t record_count;
    int16_t attributes;
    int64_t base_timestamp, max_timestamp;
};
void batch_set_refit(uint8_t *data, const struct batch_refit *refit);
/* The reverse: a client that set the bit on a CreateTime topic is not refused, the bit does not stay (LogValidator). */
void batch_set_create_time(uint8_t *data, size_t length, int64_t max_timestamp);

/* ---- checking what a client sends ---------------------------------------------------------------------------------
 */

struct batch_rules {
    int64_t now_ms;
    int64_t before_max_ms, after_max_ms; /* message.timestamp.{before,after}.max.ms */
    int32_t max_bytes;                   /* max.message.bytes */
    int32_t segment_bytes;
    bool append_time; /* message.timestamp.type=LogAppendTime */
    bool need_keys;   /* cleanup.policy has compact */
};

struct batch_record_error {
    int32_t index;
    const char *message; /* constant */
};

struct batch_verdict {
    int16_t error;                            /* Kafka's code */
    const char *message;                      /* constant; NULL: none */
    struct batch_record_error *record_errors; /* in the arena */
    int32_t record_error_count;
    bool is_one;           /* one batch was there, right or wrong */
    int64_t max_timestamp; /* of the records, when they were looked at */
    bool look_inside;      /* a compressed batch: its records decide (keys, timestamps) */
};

/* What begins there cannot be a batch of any format: its size or its magic are impossible. */
bool batch_is_garbage(struct slice records);

/* records: exactly one batch as a produce request carries it; less than another behind it is left out, as by Kafka
 * (header->size says what counts). True: it may be appended; *header is filled, its max_timestamp with that of the
 * records. The records of a compressed batch are not looked at: where a topic needs that, or the header's timestamps
 * are out of range so that some record's may be, look_inside asks for batch_convert.
 */
bool batch_check(struct slice records, const struct batch_rules *rules, struct arena *arena,
                 struct batch_header *header, struct batch_verdict *verdict) MUST_CHECK;
/* The records alone, uncompressed bytes: offset deltas, timestamps, keys, lengths, nothing behind the last. */
bool batch_check_records(struct slice body, const struct batch_header *header, const struct batch_rules *rules,
                         struct arena *arena, struct batch_verdict *verdict) MUST_CHECK;

/* ---- records --------------------------------------------------------------------------------------------------------
 */

struct batch_record {
    int64_t timestamp_delta;
    int32_t offset_delta;
    struct slice key, value; /* null: no data */
    int32_t header_count;
    struct slice headers; /* the bytes of all of them */
};

struct batch_records {
    const uint8_t *_at, *_end;
    int32_t _left;
};

/* body: the uncompressed bytes behind the header. */
void batch_records_init(struct batch_records *records, struct slice body, int32_t count);
/* ERR_NOT_FOUND: no more (and nothing left over); ERR_CORRUPT. */
enum err batch_records_next(struct batch_records *records, struct batch_record *record) MUST_CHECK;
bool batch_next_header(struct slice *headers, struct slice *key, struct slice *value) MUST_CHECK;

/* ---- making
 * ---------------------------------------------------------------------------------------------------------- */

struct batch_builder {
    uint8_t *data; /* the caller's, capacity bytes */
    size_t capacity, length;
    int64_t base_timestamp, max_timestamp;
    int32_t count;
};

/* One header as a record keeps it: at most 10 bytes more than key and value. The bytes written. */
size_t batch_put_header(uint8_t *at, struct slice key, struct slice value);
/* A whole record: at most BATCH_RECORD_OVERHEAD bytes more than key, value and headers. The bytes written. */
size_t batch_put_record(uint8_t *to, const struct batch_record *record);
void batch_builder_init(struct batch_builder *builder, void *data, size_t capacity);
/* headers: as struct batch_record keeps them. False: no room. */
bool batch_builder_add(struct batch_builder *builder, int64_t timestamp_ms, struct slice key, struct slice value,
                       struct slice headers, int32_t header_count) MUST_CHECK;
/* Fills in the header (offset 0, no producer unless header says so: producer id, epoch, sequence and attributes are
 * taken from it; may be NULL) and the CRC. The batch's bytes. At least one record was added. */
struct slice batch_builder_finish(struct batch_builder *builder, const struct batch_header *header);

#endif
