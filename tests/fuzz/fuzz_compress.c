/* Compressed bytes of any codec (the first byte says which): never more than was allowed, nothing left behind. */
#include "core/wire/compress.h"
#include "tests/fuzz/fuzz.h"

enum { MOST_BYTES = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct mem mem = fuzz_mem((size_t)256 << 20);
    enum compress_codec codec = (enum compress_codec)(data[0] % 5);
    struct compress_buffer unpacked, packed, again;
    compress_buffer_init(&unpacked, &mem);
    compress_buffer_init(&packed, &mem);
    compress_buffer_init(&again, &mem);
    if (compress_unpack(codec, slice_of(data + 1, size - 1), MOST_BYTES, &unpacked) == ERR_OK) {
        ASSERT(unpacked.length <= MOST_BYTES);
        struct slice plain = slice_of(unpacked.data, unpacked.length);
        ASSERT(compress_pack(codec, INT32_MIN, plain, &packed) == ERR_OK);
        ASSERT(compress_unpack(codec, slice_of(packed.data, packed.length), plain.length, &again) == ERR_OK);
        ASSERT(again.length == plain.length &&
               (plain.length == 0 || memcmp(again.data, plain.data, plain.length) == 0));
    }
    compress_buffer_fini(&unpacked);
    compress_buffer_fini(&packed);
    compress_buffer_fini(&again);
    ASSERT(mem.used == 0);
    return 0;
}
