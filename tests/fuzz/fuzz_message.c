/* Requests and responses of every API in every version: byte 0 is the api key, byte 1 the version and the direction.
 * Nothing is read or taken beyond what is there; what decodes encodes, and what that gives decodes to the same bytes
 * again. */
#include "core/wire/api.h"
#include "tests/fuzz/fuzz.h"

static void encode(const struct wire_schema *schema, int16_t version, const void *message, struct wire_writer *out)
{
    enum err err = wire_encode(schema, version, message, out);
    ASSERT(err == ERR_OK);
}

/* Null where a version has no null is written as empty, longer numbers than needed as short ones: so the bytes are
 * compared from the second time on. */
static void again(const struct wire_schema *schema, int16_t version, void *message, struct mem *mem)
{
    struct arena arena;
    struct wire_writer first, second;
    size_t consumed;
    arena_init(&arena, mem, (size_t)64 << 20);
    wire_writer_init(&first, mem);
    wire_writer_init(&second, mem);
    encode(schema, version, message, &first);
    struct slice bytes = slice_of(first.data, first.length);
    ASSERT(wire_decode(schema, version, bytes, &arena, message, &consumed) == ERR_OK && consumed == bytes.length);
    encode(schema, version, message, &second);
    ASSERT(slice_equal(bytes, slice_of(second.data, second.length)));
    wire_writer_fini(&first);
    wire_writer_fini(&second);
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    int count;
    const struct wire_api *apis = wire_apis(&count), *api = wire_api_find(data[0]);
    if (api == NULL)
        api = &apis[data[0] % count];
    const struct wire_schema *schema = data[1] & 1 ? api->response : api->request;
    int16_t version = (int16_t)(schema->lowest + (data[1] >> 1) % (schema->highest - schema->lowest + 1));
    if (schema->lowest <= data[1] >> 1 && data[1] >> 1 <= schema->highest)
        version = data[1] >> 1;
    struct mem mem = fuzz_mem((size_t)256 << 20);
    struct arena arena;
    arena_init(&arena, &mem, (size_t)32 << 20);
    void *message = arena_alloc(&arena, schema->root->size);
    size_t consumed;
    if (message != NULL &&
        wire_decode(schema, version, slice_of(data + 2, size - 2), &arena, message, &consumed) == ERR_OK) {
        ASSERT(consumed <= size - 2);
        again(schema, version, message, &mem);
    }
    arena_fini(&arena);
    ASSERT(mem.used == 0);
    return 0;
}
