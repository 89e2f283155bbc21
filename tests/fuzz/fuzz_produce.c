/* Produce requests and answers on both ways, by hand and by the table: byte 0 is the version. What the codec written by
 * hand takes, the table's takes too, with the same result to the byte. */
#include "core/wire/produce_codec.h"
#include "tests/fuzz/fuzz.h"

static void put(const struct wire_schema *schema, int16_t version, const void *message, struct wire_writer *out)
{
    enum err err = wire_encode(schema, version, message, out);
    ASSERT(err == ERR_OK);
}

static void request(int16_t version, struct slice in, struct mem *mem)
{
    struct arena arena;
    struct wire_writer first, second;
    struct produce_request by_table, by_hand;
    size_t table_consumed, hand_consumed;
    arena_init(&arena, mem, (size_t)64 << 20);
    wire_writer_init(&first, mem);
    wire_writer_init(&second, mem);
    if (produce_codec_decode(version, in, &arena, &by_hand, &hand_consumed)) {
        enum err err = wire_decode(&produce_request_schema, version, in, &arena, &by_table, &table_consumed);
        ASSERT(err == ERR_OK && hand_consumed == table_consumed);
        put(&produce_request_schema, version, &by_table, &first);
        put(&produce_request_schema, version, &by_hand, &second);
        ASSERT(slice_equal(slice_of(first.data, first.length), slice_of(second.data, second.length)));
    }
    wire_writer_fini(&first);
    wire_writer_fini(&second);
    arena_fini(&arena);
}

static void answer(int16_t version, struct slice in, struct mem *mem)
{
    struct arena arena;
    struct wire_writer first, second;
    struct produce_response message;
    size_t consumed;
    arena_init(&arena, mem, (size_t)64 << 20);
    wire_writer_init(&first, mem);
    wire_writer_init(&second, mem);
    if (wire_decode(&produce_response_schema, version, in, &arena, &message, &consumed) == ERR_OK &&
        produce_codec_encode(version, &message, &second)) {
        put(&produce_response_schema, version, &message, &first);
        ASSERT(slice_equal(slice_of(first.data, first.length), slice_of(second.data, second.length)));
    }
    wire_writer_fini(&first);
    wire_writer_fini(&second);
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct mem mem = fuzz_mem((size_t)256 << 20);
    int16_t version = (int16_t)(data[0] % 16);
    request(version, slice_of(data + 1, size - 1), &mem);
    answer(version, slice_of(data + 1, size - 1), &mem);
    ASSERT(mem.used == 0);
    return 0;
}
