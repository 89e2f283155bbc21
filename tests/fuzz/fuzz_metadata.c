/* Any bytes as a sequence of metadata records (u16 length, value): decoded and folded onto one image. Whatever can be
 * folded is written and folded again, and must give the same. */
#include "core/meta/builder.h"

#include <stdlib.h>

static void *heap_alloc(struct mem *mem, size_t size, size_t align)
{
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void heap_free(struct mem *mem, void *block, size_t size)
{
    free(block);
}

struct copier {
    struct image_writer writer;
    struct image_builder builder;
    struct wire_writer bytes;
    int count;
};

static bool copy_record(struct image_writer *writer, const struct meta_record *record)
{
    struct copier *copier = CONTAINER_OF(writer, struct copier, writer);
    copier->count++;
    enum err err = meta_record_encode(record, &copier->bytes);
    ASSERT(err == ERR_OK);
    err = image_builder_apply(&copier->builder, record);
    ASSERT(err == ERR_OK);
    return true;
}

/* The records of `from` folded onto `first`; *bytes gets them encoded. */
static struct image *copy_image(struct mem *mem, const struct image *first, const struct image *from,
                                struct wire_writer *bytes)
{
    struct arena scratch;
    struct image *copy;
    struct copier copier = {.writer = {&scratch, copy_record}};
    arena_init(&scratch, mem, (size_t)1 << 26);
    wire_writer_init(&copier.bytes, mem);
    image_builder_init(&copier.builder, mem, first);
    ASSERT(image_write(from, &copier.writer));
    enum err err = image_builder_finish(&copier.builder, from->offset, from->epoch, &copy);
    ASSERT(err == ERR_OK);
    image_builder_fini(&copier.builder);
    arena_fini(&scratch);
    *bytes = copier.bytes;
    return copy;
}

static void fold(struct image_builder *builder, struct mem *mem, const uint8_t *data, size_t size, bool *good)
{
    struct arena arena;
    struct meta_record record;
    arena_init(&arena, mem, (size_t)1 << 26);
    for (*good = true; *good && size >= 2;) {
        size_t length = size_min(get_u16(data), size - 2);
        enum err err = meta_record_decode(slice_of(data + 2, length), &arena, &record);
        if (err == ERR_OK)
            *good = image_builder_apply(builder, &record) == ERR_OK;
        data += 2 + length;
        size -= 2 + length;
    }
    arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct config_settings none;
    struct mem mem = {.alloc = heap_alloc, .free = heap_free, .limit = (size_t)1 << 29};
    struct image_node node = {.node_id = 1, .settings = &none};
    struct image *first, *image = NULL;
    struct image_builder builder;
    bool good;
    if (image_first(&mem, &node, &first) != ERR_OK)
        return 0;
    image_builder_init(&builder, &mem, first);
    fold(&builder, &mem, data, size, &good);
    if (good && image_builder_finish(&builder, 7, 1, &image) == ERR_OK) {
        struct wire_writer once, again;
        struct image *copy = copy_image(&mem, first, image, &once);
        struct image *twin = copy_image(&mem, first, copy, &again);
        ASSERT(once.length == again.length && (once.length == 0 || memcmp(once.data, again.data, once.length) == 0));
        wire_writer_fini(&once);
        wire_writer_fini(&again);
        image_release(&mem, copy);
        image_release(&mem, twin);
    }
    image_builder_fini(&builder);
    image_release(&mem, image);
    image_release(&mem, first);
    ASSERT(mem.used == 0);
    return 0;
}
