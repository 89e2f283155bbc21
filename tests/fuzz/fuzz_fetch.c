/* Fetch requests and answers on both ways, by hand and by the table: byte 0 is the version, and whether an answer's
 * records become ranges of a file. What the codec written by hand takes, the table's takes too, with the same result to
 * the byte. */
#include "core/wire/fetch_codec.h"
#include "tests/fuzz/fuzz.h"

static void put(const struct wire_schema *schema, int16_t version, const void *message, struct wire_writer *out)
{
    enum err err = wire_encode(schema, version, message, out);
    ASSERT(err == ERR_OK);
}

/* In every version that has fields of its own: those that `version` does not have must have the same defaults. */
static void put_request(int16_t version, const struct fetch_request *message, struct wire_writer *out)
{
    const int16_t versions[] = {version, 4, 12, 14, 18};
    for (size_t i = 0; i < COUNT_OF(versions); i++)
        put(&fetch_request_schema, versions[i], message, out);
}

static void request(int16_t version, struct slice in, struct mem *mem)
{
    struct arena arena;
    struct wire_writer first, second;
    struct fetch_request by_table, by_hand;
    size_t table_consumed, hand_consumed;
    arena_init(&arena, mem, (size_t)64 << 20);
    wire_writer_init(&first, mem);
    wire_writer_init(&second, mem);
    if (fetch_codec_decode(version, in, &arena, &by_hand, &hand_consumed)) {
        enum err err = wire_decode(&fetch_request_schema, version, in, &arena, &by_table, &table_consumed);
        ASSERT(err == ERR_OK && hand_consumed == table_consumed);
        put_request(version, &by_table, &first);
        put_request(version, &by_hand, &second);
        ASSERT(slice_equal(slice_of(first.data, first.length), slice_of(second.data, second.length)));
    }
    wire_writer_fini(&first);
    wire_writer_fini(&second);
    arena_fini(&arena);
}

/* Records as the broker sends them. */
static void make_ranges(struct fetch_response *message, struct arena *arena)
{
    for (int32_t i = 0; i < message->responses.count; i++)
        for (int32_t k = 0; k < message->responses.items[i].partitions.count; k++) {
            struct wire_records *records = &message->responses.items[i].partitions.items[k].records;
            struct wire_file_range *range = records->data.length == 0 ? NULL : ARENA_NEW(arena, struct wire_file_range);
            if (range == NULL)
                continue;
            *range = (struct wire_file_range){
                .file = k, .pos = i, .length = records->data.length << records->data.data[0] % 23};
            *records = (struct wire_records){.data = SLICE_NULL, .ranges = range, .range_count = 1};
        }
}

static void compare_written(const struct wire_writer *first, const struct wire_writer *second)
{
    ASSERT(slice_equal(slice_of(first->data, first->length), slice_of(second->data, second->length)));
    ASSERT(first->splice_count == second->splice_count);
    for (int i = 0; i < first->splice_count; i++) {
        const struct wire_splice *a = &first->splices[i], *b = &second->splices[i];
        ASSERT(a->at == b->at && a->range.file == b->range.file && a->range.pos == b->range.pos);
        ASSERT(a->range.length == b->range.length);
    }
}

static void answer(int16_t version, bool ranges, struct slice in, struct mem *mem)
{
    struct arena arena;
    struct wire_writer first, second;
    struct fetch_response message;
    size_t consumed;
    arena_init(&arena, mem, (size_t)64 << 20);
    wire_writer_init(&first, mem);
    wire_writer_init(&second, mem);
    if (wire_decode(&fetch_response_schema, version, in, &arena, &message, &consumed) == ERR_OK) {
        if (ranges)
            make_ranges(&message, &arena);
        if (fetch_codec_encode(version, &message, &second)) {
            put(&fetch_response_schema, version, &message, &first);
            compare_written(&first, &second);
        } else {
            ASSERT(second.length == 0 && second.splice_count == 0);
        }
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
    int16_t version = (int16_t)(data[0] % 32 % 20);
    request(version, slice_of(data + 1, size - 1), &mem);
    answer(version, data[0] >= 32, slice_of(data + 1, size - 1), &mem);
    ASSERT(mem.used == 0);
    return 0;
}
