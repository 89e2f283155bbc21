#include "tests/support/wire_random.h"

#include <string.h>

struct filler {
    struct prng *prng;
    struct arena *arena;
    int16_t version;
    bool flexible;
};

static size_t size_of_value(const struct wire_field *field)
{
    static const uint8_t sizes[] = {1, 1, 2, 2, 4, 4, 8, 8, 16, sizeof(struct slice), sizeof(struct slice),
                                    sizeof(struct wire_records)};
    return field->type == WIRE_TYPE_struct ? field->of->size : sizes[field->type];
}

static struct slice random_slice(struct filler *f, bool nullable)
{
    if (nullable && prng_chance(f->prng, 300000))
        return SLICE_NULL;
    size_t length = prng_chance(f->prng, 50000) ? prng_below(f->prng, 3000) : prng_below(f->prng, 12);
    uint8_t *bytes = arena_alloc(f->arena, length + 1);
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)('a' + prng_below(f->prng, 26));
    return slice_of(bytes, length);
}

static void fill_struct(struct filler *f, const struct wire_struct *of, void *out);

static void fill_value(struct filler *f, const struct wire_field *field, bool nullable, void *out)
{
    uint64_t bits = prng_next(f->prng) >> prng_below(f->prng, 64);
    switch (field->type) {
    case WIRE_TYPE_struct:
        fill_struct(f, field->of, out);
        break;
    case WIRE_TYPE_bool:
        *(bool *)out = bits & 1;
        break;
    case WIRE_TYPE_f64:
        *(double *)out = (double)(int64_t)bits;
        break;
    case WIRE_TYPE_uuid:
        *(struct uuid *)out = uuid_from_random(bits, prng_next(f->prng));
        break;
    case WIRE_TYPE_str:
    case WIRE_TYPE_bytes:
        *(struct slice *)out = random_slice(f, nullable);
        break;
    case WIRE_TYPE_records:
        *(struct wire_records *)out = (struct wire_records){.data = random_slice(f, nullable)};
        break;
    default:
        memcpy(out, &bits, size_of_value(field)); /* little-endian: the low bytes */
    }
}

static void fill_field(struct filler *f, const struct wire_field *field, void *out)
{
    bool nullable = f->version >= field->null_since;
    if (field->shape == WIRE_SHAPE_ONE) {
        fill_value(f, field, nullable, out);
    } else if (field->shape == WIRE_SHAPE_PART && field->null_since == NEVER) {
        fill_struct(f, field->of, out);
    } else if (field->shape == WIRE_SHAPE_PART) {
        *(void **)out = NULL;
        if (!nullable || prng_chance(f->prng, 700000)) {
            *(void **)out = arena_alloc(f->arena, field->of->size);
            fill_struct(f, field->of, *(void **)out);
        }
    } else {
        int32_t count = nullable && prng_chance(f->prng, 200000) ? -1 : (int32_t)prng_below(f->prng, 4);
        size_t size = size_of_value(field);
        uint8_t *items = count <= 0 ? NULL : arena_alloc_array(f->arena, (size_t)count, size);
        *(struct wire_array *)out = (struct wire_array){items, count};
        for (int32_t i = 0; i < count; i++)
            fill_value(f, field, false, items + (size_t)i * size);
    }
}

static void fill_struct(struct filler *f, const struct wire_struct *of, void *out)
{
    wire_set_defaults(of, out);
    for (int i = 0; i < of->field_count; i++) {
        const struct wire_field *field = &of->fields[i];
        if (f->version < field->since || f->version > field->until || (field->tag >= 0 && !f->flexible))
            continue;
        if (field->tag < 0 || prng_chance(f->prng, 600000))
            fill_field(f, field, (uint8_t *)out + field->offset);
    }
}

void wire_random_fill(const struct wire_schema *schema, int16_t version, struct prng *prng, struct arena *arena,
                      void *message)
{
    struct filler f = {prng, arena, version, version >= schema->flexible_from};
    fill_struct(&f, schema->root, message);
}

static bool equal_value(const struct wire_field *field, const void *a, const void *b)
{
    switch (field->type) {
    case WIRE_TYPE_struct:
        return wire_random_equal(field->of, a, b);
    case WIRE_TYPE_str:
    case WIRE_TYPE_bytes:
        return slice_equal(*(const struct slice *)a, *(const struct slice *)b);
    case WIRE_TYPE_records:
        return slice_equal(((const struct wire_records *)a)->data, ((const struct wire_records *)b)->data);
    default:
        return memcmp(a, b, size_of_value(field)) == 0;
    }
}

static bool equal_field(const struct wire_field *field, const void *a, const void *b)
{
    if (field->shape == WIRE_SHAPE_PART && field->null_since != NEVER) {
        const void *pa = *(void *const *)a, *pb = *(void *const *)b;
        return (pa == NULL) == (pb == NULL) && (pa == NULL || wire_random_equal(field->of, pa, pb));
    }
    if (field->shape == WIRE_SHAPE_ONE || field->shape == WIRE_SHAPE_PART)
        return equal_value(field, a, b);
    const struct wire_array *la = a, *lb = b;
    if (la->count != lb->count)
        return false;
    for (int32_t i = 0; i < la->count; i++)
        if (!equal_value(field, (uint8_t *)la->items + (size_t)i * size_of_value(field),
                         (uint8_t *)lb->items + (size_t)i * size_of_value(field)))
            return false;
    return true;
}

bool wire_random_equal(const struct wire_struct *of, const void *a, const void *b)
{
    for (int i = 0; i < of->field_count; i++)
        if (!equal_field(&of->fields[i], (const uint8_t *)a + of->fields[i].offset,
                         (const uint8_t *)b + of->fields[i].offset))
            return false;
    return true;
}
