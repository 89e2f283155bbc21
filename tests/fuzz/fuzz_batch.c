/* A record batch from a client: checked, looked into, packed anew. The first byte chooses the topic's settings; the CRC
 * is mended, so that what lies behind that check is reached. */
#include "core/wire/batch_convert.h"
#include "core/wire/crc32c.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 + BATCH_HEADER_BYTES)
        return 0;
    struct mem mem = fuzz_mem((size_t)256 << 20);
    size_t length = size - 1;
    uint8_t *bytes = malloc(length);
    memcpy(bytes, data + 1, length);
    if (data[0] & 0x80) {
        put_u32(bytes + 8, (uint32_t)(length - BATCH_PREFIX_BYTES));
        put_u32(bytes + 17, crc32c(0, bytes + 21, length - 21));
    }
    struct batch_rules rules = {.now_ms = 1700000000000,
                                .before_max_ms = INT64_MAX,
                                .after_max_ms = 3600000,
                                .max_bytes = 1048588,
                                .segment_bytes = 1 << 30,
                                .append_time = data[0] & 0x10,
                                .need_keys = data[0] & 0x20};
    struct arena arena;
    struct batch_header header;
    struct batch_verdict verdict;
    struct slice converted;
    arena_init(&arena, &mem, (size_t)64 << 20);
    if (batch_check(slice_of(bytes, length), &rules, &arena, &header, &verdict) &&
        batch_convert(slice_of(bytes, header.size), &rules, (enum compress_codec)(data[0] % 5), INT32_MIN, &arena,
                      &header, &converted, &verdict))
        ASSERT(batch_check(converted, &rules, &arena, &header, &verdict) || verdict.error != 0);
    arena_fini(&arena);
    ASSERT(mem.used == 0);
    free(bytes);
    return 0;
}
