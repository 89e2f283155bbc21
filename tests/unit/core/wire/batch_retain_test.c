/* Goal: a batch that loses records keeps the times of those that stay, and the delete horizon that it was given first
 * (KIP-534). Method: one batch, cleaned twice, plain and packed. */
#include "core/wire/batch_retain.h"
#include "io/reactor/mem_real.h"
#include "tests/support/test.h"

enum { FIRST_MS = 1000, HORIZON_MS = 7000, LATER_MS = 9000 };

/* Every record but one stays. */
struct without {
    struct batch_retain retain;
    char key;
};

static bool is_another(struct batch_retain *retain, const struct batch_header *header,
                       const struct batch_record *record)
{
    return record->key.data[0] != (uint8_t)CONTAINER_OF(retain, struct without, retain)->key;
}

static struct slice take_out(char key, int64_t horizon_ms, struct slice batch, struct compress_buffer *out)
{
    struct without without = {.retain = {.keep = is_another, .horizon_ms = horizon_ms}, .key = key};
    struct batch_header header;
    struct slice kept;
    assert_int_equal(batch_read_header(batch.data, batch.length, &header), ERR_OK);
    assert_int_equal(batch_retain(&without.retain, batch, &header, out, &kept), ERR_OK);
    return kept;
}

/* The keys that are there, each at the time and offset that its place in the alphabet says. */
static void holds(struct slice batch, struct mem *mem, const char *keys)
{
    struct batch_header header;
    struct batch_records records;
    struct batch_record record;
    struct compress_buffer plain;
    compress_buffer_init(&plain, mem);
    assert_int_equal(batch_read_header(batch.data, batch.length, &header), ERR_OK);
    assert_true(batch_crc_matches(batch.data, &header));
    assert_true(header.attributes & BATCH_DELETE_HORIZON);
    assert_int_equal(header.base_timestamp, HORIZON_MS);
    struct slice body = slice_of(batch.data + BATCH_HEADER_BYTES, batch.length - BATCH_HEADER_BYTES);
    if (header.attributes & BATCH_CODEC_MASK) {
        enum compress_codec codec = (enum compress_codec)(header.attributes & BATCH_CODEC_MASK);
        assert_int_equal(compress_unpack(codec, body, 4096, &plain), ERR_OK);
        body = slice_of(plain.data, plain.length);
    }
    batch_records_init(&records, body, header.record_count);
    for (; *keys != '\0'; keys++) {
        assert_int_equal(batch_records_next(&records, &record), ERR_OK);
        assert_int_equal(record.key.data[0], *keys);
        assert_int_equal(record.offset_delta, *keys - 'a');
        assert_int_equal(header.base_timestamp + record.timestamp_delta, FIRST_MS + 100 * (*keys - 'a'));
    }
    assert_int_equal(batch_records_next(&records, &record), ERR_NOT_FOUND);
    compress_buffer_fini(&plain);
}

static struct slice make_batch(enum compress_codec codec, struct compress_buffer *packed, uint8_t *bytes, size_t size)
{
    struct batch_builder builder;
    struct batch_header header;
    batch_builder_init(&builder, bytes, size);
    for (char key = 'a'; key <= 'd'; key++)
        assert_true(batch_builder_add(&builder, FIRST_MS + 100 * (key - 'a'), slice_of((uint8_t *)&key, 1),
                                      key == 'a' ? SLICE_NULL : SLICE_LITERAL("value"), SLICE_NULL, 0));
    struct slice plain = batch_builder_finish(&builder, NULL);
    if (codec == COMPRESS_NONE)
        return plain;
    assert_int_equal(batch_read_header(plain.data, plain.length, &header), ERR_OK);
    assert_int_equal(compress_buffer_reserve(packed, BATCH_HEADER_BYTES), ERR_OK);
    memcpy(packed->data, plain.data, BATCH_HEADER_BYTES);
    packed->length = BATCH_HEADER_BYTES;
    struct slice body = slice_of(plain.data + BATCH_HEADER_BYTES, plain.length - BATCH_HEADER_BYTES);
    assert_int_equal(compress_pack(codec, INT32_MIN, body, packed), ERR_OK);
    struct batch_refit refit = {.length = packed->length,
                                .record_count = header.record_count,
                                .attributes = (int16_t)codec,
                                .base_timestamp = header.base_timestamp,
                                .max_timestamp = header.max_timestamp};
    batch_set_refit(packed->data, &refit);
    return slice_of(packed->data, packed->length);
}

static void a_horizon_stays_and_so_do_the_times(enum compress_codec codec)
{
    uint8_t bytes[512];
    struct mem *mem = mem_real_open(1 << 20);
    struct compress_buffer packed, once, twice;
    compress_buffer_init(&packed, mem);
    compress_buffer_init(&once, mem);
    compress_buffer_init(&twice, mem);
    struct slice batch = make_batch(codec, &packed, bytes, sizeof bytes);
    struct slice first = take_out('b', HORIZON_MS, batch, &once);
    holds(first, mem, "acd");
    holds(take_out('c', LATER_MS, first, &twice), mem, "ad");
    compress_buffer_fini(&twice);
    compress_buffer_fini(&once);
    compress_buffer_fini(&packed);
    mem_real_close(mem);
}

static void a_batch_keeps_its_first_horizon(void **state)
{
    a_horizon_stays_and_so_do_the_times(COMPRESS_NONE);
}

static void a_packed_batch_keeps_its_first_horizon(void **state)
{
    a_horizon_stays_and_so_do_the_times(COMPRESS_LZ4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_keeps_its_first_horizon),
        cmocka_unit_test(a_packed_batch_keeps_its_first_horizon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
