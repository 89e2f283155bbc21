/* Messages as one line of text, from the same tables. */
#include "core/wire/wire.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct printer {
    struct wire_writer out;
    int16_t version;
};

static void put_text(struct printer *p, const char *text)
{
    wire_put(&p->out, text, strlen(text));
}

static void PRINTF_LIKE(2, 3) put_format(struct printer *p, const char *format, ...)
{
    char text[64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    put_text(p, text);
}

/* What could end the line or the quotes is shown as a number. */
static void put_string(struct printer *p, struct slice value)
{
    put_text(p, "\"");
    for (size_t i = 0; i < value.length; i++) {
        uint8_t c = value.data[i];
        if (c < ' ' || c == '"' || c == '\\' || c == 0x7f)
            put_format(p, "\\x%02x", c);
        else
            wire_put(&p->out, &c, 1);
    }
    put_text(p, "\"");
}

static void print_struct(struct printer *p, const struct wire_struct *of, const void *in);

static void print_value(struct printer *p, const struct wire_field *field, const void *in)
{
    char id[UUID_TEXT_SIZE];
    const struct slice *bytes = in;
    switch (field->type) {
    case WIRE_TYPE_bool:
        put_text(p, *(const bool *)in ? "true" : "false");
        break;
    case WIRE_TYPE_i8:
        put_format(p, "%d", *(const int8_t *)in);
        break;
    case WIRE_TYPE_i16:
        put_format(p, "%d", *(const int16_t *)in);
        break;
    case WIRE_TYPE_u16:
        put_format(p, "%d", *(const uint16_t *)in);
        break;
    case WIRE_TYPE_i32:
        put_format(p, "%" PRId32, *(const int32_t *)in);
        break;
    case WIRE_TYPE_u32:
        put_format(p, "%" PRIu32, *(const uint32_t *)in);
        break;
    case WIRE_TYPE_i64:
        put_format(p, "%" PRId64, *(const int64_t *)in);
        break;
    case WIRE_TYPE_f64:
        put_format(p, "%.17g", *(const double *)in);
        break;
    case WIRE_TYPE_uuid:
        uuid_format(*(const struct uuid *)in, id);
        put_text(p, id);
        break;
    case WIRE_TYPE_str:
        if (slice_is_null(*bytes))
            put_text(p, "null");
        else
            put_string(p, *bytes);
        break;
    case WIRE_TYPE_struct:
        print_struct(p, field->of, in);
        break;
    default: /* bytes and records, whose data comes first */
        if (slice_is_null(*bytes))
            put_text(p, "null");
        else
            put_format(p, "<%zu bytes>", bytes->length);
    }
}

static size_t value_size(const struct wire_field *field)
{
    static const uint8_t sizes[] = {
        [WIRE_TYPE_bool] = sizeof(wire_bool),   [WIRE_TYPE_i8] = sizeof(wire_i8),
        [WIRE_TYPE_i16] = sizeof(wire_i16),     [WIRE_TYPE_u16] = sizeof(wire_u16),
        [WIRE_TYPE_i32] = sizeof(wire_i32),     [WIRE_TYPE_u32] = sizeof(wire_u32),
        [WIRE_TYPE_i64] = sizeof(wire_i64),     [WIRE_TYPE_f64] = sizeof(wire_f64),
        [WIRE_TYPE_uuid] = sizeof(wire_uuid),   [WIRE_TYPE_str] = sizeof(wire_str),
        [WIRE_TYPE_bytes] = sizeof(wire_bytes), [WIRE_TYPE_records] = sizeof(wire_records),
    };
    return field->type == WIRE_TYPE_struct ? field->of->size : sizes[field->type];
}

static void print_field(struct printer *p, const struct wire_field *field, const void *in)
{
    if (field->shape == WIRE_SHAPE_ONE || (field->shape == WIRE_SHAPE_PART && field->null_since == NEVER)) {
        print_value(p, field, in);
        return;
    }
    if (field->shape == WIRE_SHAPE_PART) {
        const void *part = *(void *const *)in;
        if (part == NULL)
            put_text(p, "null");
        else
            print_value(p, field, part);
        return;
    }
    const struct wire_array *array = in;
    if (array->count < 0) {
        put_text(p, "null");
        return;
    }
    put_text(p, "[");
    for (int32_t i = 0; i < array->count; i++) {
        if (i > 0)
            put_text(p, ",");
        print_value(p, field, (const uint8_t *)array->items + (size_t)i * value_size(field));
    }
    put_text(p, "]");
}

static void print_struct(struct printer *p, const struct wire_struct *of, const void *in)
{
    bool first = true;
    put_text(p, "{");
    for (int i = 0; i < of->field_count; i++) {
        const struct wire_field *field = &of->fields[i];
        if (p->version < field->since || p->version > field->until)
            continue;
        put_text(p, first ? "" : " ");
        put_text(p, field->name);
        put_text(p, "=");
        print_field(p, field, (const uint8_t *)in + field->offset);
        first = false;
    }
    put_text(p, "}");
}

struct slice wire_print(const struct wire_schema *schema, int16_t version, const void *message, struct arena *arena)
{
    struct printer p = {.version = version};
    wire_writer_init(&p.out, arena->mem);
    put_text(&p, schema->name);
    put_format(&p, " v%d ", version);
    print_struct(&p, schema->root, message);
    void *text = p.out.failed ? NULL : arena_copy(arena, p.out.data, p.out.length);
    struct slice line = text == NULL ? SLICE_NULL : slice_of(text, p.out.length);
    wire_writer_fini(&p.out);
    return line;
}
