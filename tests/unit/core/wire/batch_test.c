/* Goal:   batches are read, checked and unpacked as Kafka does it, and no bytes can hurt.
 * Method: known checksums, batches made here with every flaw, codecs there and back, bombs, flipped bits, truncation. */
#include "core/wire/batch.h"
#include "core/wire/compress.h"
#include "core/wire/crc32c.h"
#include "core/wire/varint.h"
#include "io/base/prng.h"

#include "tests/support/test.h"

static void both_checksums_agree_at_every_length_and_alignment(void **state)
{
    static uint8_t bytes[9000];
    struct prng prng;
    prng_seed(&prng, 1);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)prng_next(&prng);
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u); /* the standard's check value */
    assert_int_equal(crc32c_table(0, "123456789", 9), 0xe3069283u);
    for (size_t length = 0; length < 8900; length += length < 900 ? 1 : 37) {
        size_t start = prng_below(&prng, 16), cut = prng_below(&prng, length + 1);
        uint32_t whole = crc32c_table(0, bytes + start, length);
        assert_int_equal(crc32c(0, bytes + start, length), whole);
        assert_int_equal(crc32c(crc32c(0, bytes + start, cut), bytes + start + cut, length - cut), whole);
    }
}

static size_t make_batch(uint8_t *out, int count, bool keys, int64_t timestamp)
{
    size_t at = BATCH_HEADER_SIZE;
    memset(out, 0, at);
    for (int i = 0; i < count; i++) {
        uint8_t body[64];
        size_t n = 0;
        body[n++] = 0;
        n += varint_write(body + n, i % 3); /* timestamp delta */
        n += varint_write(body + n, i);
        n += varint_write(body + n, keys ? 1 : -1);
        if (keys)
            body[n++] = 'k';
        n += varint_write(body + n, 3);
        memcpy(body + n, "val", 3);
        n += 3;
        n += varint_write(body + n, 1);
        n += varint_write(body + n, 1);
        body[n++] = 'h';
        n += varint_write(body + n, -1);
        at += varint_write(out + at, (int64_t)n);
        memcpy(out + at, body, n);
        at += n;
    }
    put_i32(out + BATCH_LENGTH_POS, (int32_t)(at - BATCH_OVERHEAD));
    out[BATCH_MAGIC_POS] = 2;
    put_i32(out + 23, count - 1);
    put_i64(out + 27, timestamp);
    put_i64(out + 43, -1);
    put_i16(out + 51, -1);
    put_i32(out + 53, -1);
    put_i32(out + 57, count);
    batch_set_max_timestamp(out, at, timestamp + (count > 2 ? 2 : count - 1));
    return at;
}

static const struct batch_rules usual = {.produce_version = 9, .max_message_bytes = 1 << 20, .before_max_ms = INT64_MAX,
                                         .after_max_ms = 3600000, .wall_ms = 1700000000000};

static int16_t checked(const struct batch_rules *rules, const uint8_t *data, size_t size)
{
    struct arena arena;
    struct batch_check check;
    arena_init(&arena, test_mem(), 1 << 20);
    bool ok = batch_check(rules, slice_of(data, size), &arena, &check);
    assert_int_equal(ok, check.error == KAFKA_ERROR_NONE);
    if (ok && batch_codec(&check.batch) == 0) { /* what passes can be read to its end */
        struct batch_reader reader;
        struct record record;
        struct slice headers;
        struct record_header header;
        int count = 0;
        batch_reader_init(&reader, &check.batch, batch_payload(&check.batch));
        enum batch_result result;
        while ((result = batch_next(&reader, &record)) == BATCH_OK) {
            headers = record.headers;
            while (record_header_next(&headers, &header))
                MAYBE(header.key.length);
            count++;
        }
        assert_int_equal(result, BATCH_SHORT);
        assert_int_equal(count, check.batch.count);
    }
    arena_fini(&arena);
    return check.error;
}

static void resign(uint8_t *data, size_t size)
{
    put_u32(data + BATCH_CRC_POS, crc32c(0, data + BATCH_ATTRIBUTES_POS, size - BATCH_ATTRIBUTES_POS));
}

static void each_flaw_has_kafkas_error(void **state)
{
    uint8_t good[1000], bad[2100];
    size_t size = make_batch(good, 5, true, 1700000000000);
    assert_int_equal(checked(&usual, good, size), KAFKA_ERROR_NONE);
    assert_int_equal(checked(&usual, good, 0), KAFKA_ERROR_INVALID_RECORD);
    assert_int_equal(checked(&usual, good, size - 1), KAFKA_ERROR_INVALID_RECORD);
#define WITH(change, expected)                                                                                         \
    do {                                                                                                               \
        memcpy(bad, good, size);                                                                                       \
        change;                                                                                                        \
        assert_int_equal(checked(&usual, bad, size), expected);                                                        \
    } while (0)
    WITH(bad[size - 1] ^= 1, KAFKA_ERROR_CORRUPT_MESSAGE);
    WITH(bad[16] = 1, KAFKA_ERROR_INVALID_RECORD);
    WITH(bad[16] = 3, KAFKA_ERROR_CORRUPT_MESSAGE);
    WITH(bad[7] = 5, KAFKA_ERROR_INVALID_RECORD);
    WITH((bad[22] |= BATCH_CONTROL, resign(bad, size)), KAFKA_ERROR_INVALID_RECORD);
    WITH((bad[22] |= BATCH_APPEND_TIME, resign(bad, size)), KAFKA_ERROR_INVALID_TIMESTAMP);
    WITH((bad[22] |= 7, resign(bad, size)), KAFKA_ERROR_INVALID_RECORD);
    WITH((put_i32(bad + 57, 0), resign(bad, size)), KAFKA_ERROR_INVALID_RECORD);
    WITH((put_i32(bad + 57, 4), put_i32(bad + 23, 3), resign(bad, size)), KAFKA_ERROR_INVALID_RECORD);
    WITH((put_i32(bad + 57, 6), put_i32(bad + 23, 5), resign(bad, size)), KAFKA_ERROR_INVALID_RECORD);
    WITH((put_i64(bad + 27, 1700000000000 + 7200000), resign(bad, size)), KAFKA_ERROR_INVALID_TIMESTAMP);
    WITH((put_i64(bad + 43, 7), resign(bad, size)), KAFKA_ERROR_INVALID_RECORD); /* a producer id without a sequence */
    memcpy(bad, good, size);
    memcpy(bad + size, good, size);
    assert_int_equal(checked(&usual, bad, 2 * size), KAFKA_ERROR_INVALID_RECORD);
    struct batch_rules small = usual, compacted = usual;
    small.max_message_bytes = (int32_t)size - 1;
    assert_int_equal(checked(&small, good, size), KAFKA_ERROR_MESSAGE_TOO_LARGE);
    compacted.needs_keys = true;
    assert_int_equal(checked(&compacted, good, size), KAFKA_ERROR_NONE);
    size = make_batch(good, 3, false, 1700000000000);
    assert_int_equal(checked(&compacted, good, size), KAFKA_ERROR_INVALID_RECORD);
}

static void damaged_batches_are_refused_or_read_within_their_bytes(void **state)
{
    struct prng prng;
    uint8_t good[1000];
    size_t size = make_batch(good, 9, true, 1700000000000);
    prng_seed(&prng, 5);
    for (int round = 0; round < 20000; round++) {
        uint8_t *copy = malloc(size);
        memcpy(copy, good, size);
        for (uint64_t flips = 1 + prng_below(&prng, 3); flips > 0; flips--)
            copy[prng_below(&prng, size)] ^= (uint8_t)(1 << prng_below(&prng, 8));
        if (prng_chance(&prng, 700000))
            resign(copy, size);
        checked(&usual, copy, size);
        free(copy);
    }
}

static void every_codec_gives_back_what_it_was_given(void **state)
{
    struct mem *mem = test_mem();
    struct prng prng;
    prng_seed(&prng, 9);
    static uint8_t data[300000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i % 1000 < 700 ? 'a' + i % 7 : prng_next(&prng));
    static const size_t sizes[] = {0, 1, 100, 32768, 32769, 300000};
    for (int codec = COMPRESS_NONE; codec <= COMPRESS_ZSTD; codec++)
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            struct compress_buffer packed, unpacked;
            compress_buffer_init(&packed, mem);
            compress_buffer_init(&unpacked, mem);
            assert_int_equal(compress_pack(codec, INT32_MIN, slice_of(data, sizes[i]), &packed), ERR_OK);
            struct slice in = slice_of(packed.data, packed.length);
            assert_int_equal(compress_unpack(codec, in, sizes[i], &unpacked), ERR_OK);
            assert_int_equal(unpacked.length, sizes[i]);
            if (sizes[i] > 0) {
                assert_memory_equal(unpacked.data, data, sizes[i]);
                unpacked.length = 0; /* one byte less than needed is refused */
                assert_int_equal(compress_unpack(codec, in, sizes[i] - 1, &unpacked), ERR_LIMIT);
            }
            for (int round = 0; round < 300 && codec != COMPRESS_NONE && packed.length > 0; round++) {
                uint8_t *copy = malloc(packed.length);
                size_t length = prng_chance(&prng, 500000) ? packed.length : prng_below(&prng, packed.length);
                memcpy(copy, packed.data, packed.length);
                if (length == packed.length)
                    copy[prng_below(&prng, length)] ^= (uint8_t)(1 << prng_below(&prng, 8));
                unpacked.length = 0;
                enum err err = compress_unpack(codec, slice_of(copy, length), 400000, &unpacked);
                assert_true(err != ERR_OK || unpacked.length <= 400000);
                free(copy);
            }
            compress_buffer_fini(&packed);
            compress_buffer_fini(&unpacked);
        }
    assert_int_equal(mem->used, 0);
}

static void a_bomb_costs_no_more_than_was_allowed(void **state)
{
    struct mem *mem = test_mem(), *small = test_mem();
    enum { SIZE = 64 << 20 };
    uint8_t *zeros = calloc(1, SIZE);
    small->limit = 8 << 20;
    for (int codec = COMPRESS_GZIP; codec <= COMPRESS_ZSTD; codec++) {
        struct compress_buffer packed, unpacked;
        compress_buffer_init(&packed, mem);
        compress_buffer_init(&unpacked, small);
        assert_int_equal(compress_pack(codec, INT32_MIN, slice_of(zeros, SIZE), &packed), ERR_OK);
        assert_int_equal(compress_unpack(codec, slice_of(packed.data, packed.length), 1 << 20, &unpacked), ERR_LIMIT);
        compress_buffer_fini(&packed);
        compress_buffer_fini(&unpacked);
        assert_int_equal(small->used, 0);
    }
    free(zeros);
    static const uint8_t claim[] = {0xff, 0xff, 0xff, 0xff, 0x0f, 0};
    struct compress_buffer unpacked;
    compress_buffer_init(&unpacked, small);
    assert_int_equal(compress_unpack(COMPRESS_SNAPPY, slice_of(claim, sizeof claim), SIZE_MAX / 2, &unpacked),
                     ERR_CORRUPT);
    assert_int_equal(small->used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_checksums_agree_at_every_length_and_alignment),
        cmocka_unit_test(each_flaw_has_kafkas_error),
        cmocka_unit_test(damaged_batches_are_refused_or_read_within_their_bytes),
        cmocka_unit_test(every_codec_gives_back_what_it_was_given),
        cmocka_unit_test(a_bomb_costs_no_more_than_was_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
