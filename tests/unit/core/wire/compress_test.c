/* Goal:   what is packed comes back; hostile bytes cost no more than was allowed.
 * Method: every codec there and back, flipped bits, truncation, bombs. */
#include "core/wire/compress.h"
#include "io/base/prng.h"

#include "tests/support/test.h"

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
        cmocka_unit_test(every_codec_gives_back_what_it_was_given),
        cmocka_unit_test(a_bomb_costs_no_more_than_was_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
