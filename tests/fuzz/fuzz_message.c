/* Requests and responses of every API in every version: byte 0 chooses the table, byte 1 the version and the direction.
 * Nothing is read or taken beyond what is there. */
#include "core/wire/api.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    int count;
    const struct wire_api *api = &wire_apis(&count)[0];
    api += data[0] % count;
    int16_t version = (int16_t)(api->lowest + (data[1] >> 1) % (api->highest - api->lowest + 1));
    const struct wire_schema *schema = data[1] & 1 ? api->response : api->request;
    struct mem mem = fuzz_mem((size_t)64 << 20);
    struct arena arena;
    arena_init(&arena, &mem, (size_t)32 << 20);
    void *message = arena_alloc(&arena, schema->root->size);
    size_t consumed;
    if (message != NULL &&
        wire_decode(schema, version, slice_of(data + 2, size - 2), &arena, message, &consumed) == ERR_OK)
        ASSERT(consumed <= size - 2);
    arena_fini(&arena);
    ASSERT(mem.used == 0);
    return 0;
}
