/* Any bytes as a properties file: parsed, resolved, every problem collected, nothing read out of bounds or leaked. */
#include "core/config/config.h"

#include <stdlib.h>

static void *heap_alloc(struct mem *mem, size_t size, size_t align)
{
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void heap_free(struct mem *mem, void *block, size_t size)
{
    free(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mem mem = {.alloc = heap_alloc, .free = heap_free, .limit = (size_t)1 << 28};
    struct arena arena;
    struct config_settings settings = {0};
    struct config_problems problems = {0};
    const struct broker_config *config;
    char why[CONFIG_WHY_SIZE];
    arena_init(&arena, &mem, (size_t)1 << 26);
    enum err err = config_parse_properties(slice_of(data, size), &arena, &settings, &problems);
    ASSERT((err == ERR_INVALID) == (problems.error_count > 0) || err == ERR_NO_MEMORY);
    for (int i = 0; i < settings.count; i++) { /* the values of any file may be given to a topic */
        struct slice value = slice_from_string(settings.items[i].value);
        const struct config_key *key = config_topic_key(slice_from_string(settings.items[i].name));
        if (key != NULL && config_check_value(key, value, why))
            MAYBE(true);
    }
    struct config_layers layers = {.node = &settings};
    err = config_load(&layers, &arena, &problems, &config);
    ASSERT((err == ERR_OK) == (config != NULL));
    arena_fini(&arena);
    ASSERT(mem.used == 0);
    return 0;
}
