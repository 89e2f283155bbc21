/* A producer snapshot file: what is accepted answers batches without surprise, and writing it gives a file that reads.
 * The CRC is mended when the first byte says so. */
#include "core/log/producer_state.h"
#include "core/wire/crc32c.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct mem mem = fuzz_mem((size_t)64 << 20);
    size_t length = size - 1;
    uint8_t *bytes = malloc(length + 1);
    memcpy(bytes, data + 1, length);
    if ((data[0] & 1) && length >= 10) {
        put_i16(bytes, PRODUCER_SNAPSHOT_VERSION);
        put_i32(bytes + 6, (int32_t)((length - 10) / 46));
        put_u32(bytes + 2, crc32c(0, bytes + 6, length - 6));
    }
    struct producer_state state, again;
    producer_state_init(&state, &mem);
    producer_state_init(&again, &mem);
    if (producer_snapshot_read(&state, slice_of(bytes, length)) == ERR_OK && length >= 18) {
        const struct producer_batch *duplicate;
        struct batch_header header = {.producer_id = get_i64(bytes + 10), .producer_epoch = get_i16(bytes + 16)};
        (void)producer_state_check(&state, &header, &duplicate);
        size_t written = producer_snapshot_size(&state);
        uint8_t *copy = malloc(written);
        producer_snapshot_write(&state, copy);
        ASSERT(producer_snapshot_read(&again, slice_of(copy, written)) == ERR_OK);
        ASSERT(again.entries.count == state.entries.count);
        free(copy);
        (void)producer_state_expire(&state, INT64_MAX, 86400000);
    }
    producer_state_fini(&state);
    producer_state_fini(&again);
    ASSERT(mem.used == 0);
    free(bytes);
    return 0;
}
