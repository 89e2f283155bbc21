#include "core/wire/api.h"
#include "core/wire/wire.h"

/* Where a decoder stands in a frame. Structs nest at most as deep as the tables do. */
struct reader {
    const uint8_t *next, *end;
    struct arena *arena;
    int16_t version;
    bool flexible;
};

static size_t left(const struct reader *r)
{
    return (size_t)(r->end - r->next);
}

static enum err read_uvarint(struct reader *r, uint32_t *value)
{
    uint64_t sum = 0;
    for (int shift = 0; shift < 35; shift += 7) {
        if (r->next == r->end)
            return ERR_CORRUPT;
        uint8_t byte = *r->next++;
        sum |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            if (sum > UINT32_MAX)
                return ERR_CORRUPT;
            *value = (uint32_t)sum;
            return ERR_OK;
        }
    }
    return ERR_CORRUPT;
}

/* A length or count in front of what it counts; -1 is null, as is any other negative number for Kafka's decoders.
 * `bytes` is its width in old versions. */
static enum err read_length(struct reader *r, int bytes, int64_t *length)
{
    if (r->flexible) {
        uint32_t plus_one = 0;
        enum err err = read_uvarint(r, &plus_one);
        *length = plus_one > (uint32_t)INT32_MAX + 1 ? -1 : (int64_t)plus_one - 1;
        return err;
    }
    if (left(r) < (size_t)bytes)
        return ERR_CORRUPT;
    *length = bytes == 2 ? get_i16(r->next) : get_i32(r->next);
    if (*length < 0)
        *length = -1;
    r->next += bytes;
    return ERR_OK;
}

/* bytes 2: a string, which is never longer than an i16 can say, not even where it is compact. */
static enum err read_slice(struct reader *r, int bytes, bool nullable, struct slice *out)
{
    int64_t length;
    enum err err = read_length(r, bytes, &length);
    if (err != ERR_OK)
        return err;
    if (length < 0) {
        *out = SLICE_NULL;
        return nullable ? ERR_OK : ERR_CORRUPT;
    }
    if ((uint64_t)length > left(r) || (bytes == 2 && length > INT16_MAX))
        return ERR_CORRUPT;
    *out = slice_of(r->next, (size_t)length);
    r->next += length;
    return ERR_OK;
}

static size_t value_size(enum wire_type type)
{
    static const uint8_t sizes[] = {1, 1, 2, 2, 4, 4, 8, 8, 16};
    return type < COUNT_OF(sizes) ? sizes[type] : 0;
}

static size_t member_size(const struct wire_field *field)
{
    static const uint8_t sizes[] = {
        sizeof(bool), 1, 2, 2, 4, 4, 8, 8, 16, sizeof(struct slice), sizeof(struct slice), sizeof(struct wire_records)};
    return field->type == WIRE_TYPE_struct ? field->of->size : sizes[field->type];
}

static void read_number(const uint8_t *p, enum wire_type type, void *out)
{
    switch (type) {
    case WIRE_TYPE_bool:
        *(bool *)out = *p != 0;
        break;
    case WIRE_TYPE_i8:
        *(int8_t *)out = (int8_t)*p;
        break;
    case WIRE_TYPE_i16:
    case WIRE_TYPE_u16:
        *(uint16_t *)out = get_u16(p);
        break;
    case WIRE_TYPE_i32:
    case WIRE_TYPE_u32:
        *(uint32_t *)out = get_u32(p);
        break;
    case WIRE_TYPE_i64:
    case WIRE_TYPE_f64:
        *(uint64_t *)out = get_u64(p);
        break;
    case WIRE_TYPE_uuid:
        memcpy(out, p, 16);
        break;
    default:
        UNREACHABLE();
    }
}

static enum err read_value(struct reader *r, const struct wire_field *field, bool nullable, void *out)
{
    switch (field->type) {
    case WIRE_TYPE_str:
        return read_slice(r, 2, nullable, out);
    case WIRE_TYPE_bytes:
        return read_slice(r, 4, nullable, out);
    case WIRE_TYPE_records:
        *(struct wire_records *)out = (struct wire_records){0};
        return read_slice(r, 4, nullable, &((struct wire_records *)out)->data);
    default:
        if (left(r) < value_size(field->type))
            return ERR_CORRUPT;
        read_number(r->next, field->type, out);
        r->next += value_size(field->type);
        return ERR_OK;
    }
}

static bool is_present(const struct wire_field *field, int16_t version)
{
    return version >= field->since && version <= field->until;
}

/* The fewest bytes a value of this field can take: what a count is checked against. */
static size_t least_size(const struct wire_field *field, const struct reader *r);

static size_t least_struct_size(const struct wire_struct *of, const struct reader *r)
{
    size_t sum = r->flexible ? 1 : 0;
    for (int i = 0; i < of->field_count; i++)
        if (is_present(&of->fields[i], r->version) && (of->fields[i].tag < 0 || !r->flexible))
            sum += of->fields[i].shape == WIRE_SHAPE_ONE ? least_size(&of->fields[i], r) : 1;
    return size_max(sum, 1);
}

static size_t least_size(const struct wire_field *field, const struct reader *r)
{
    if (field->type == WIRE_TYPE_struct)
        return least_struct_size(field->of, r);
    size_t fixed = value_size(field->type);
    return fixed != 0 ? fixed : r->flexible ? 1 : field->type == WIRE_TYPE_str ? 2 : 4;
}

static enum err read_struct(struct reader *r, const struct wire_struct *of, void *out);

static enum err read_array(struct reader *r, const struct wire_field *field, bool nullable, struct wire_array *out)
{
    int64_t count;
    enum err err = read_length(r, 4, &count);
    if (err != ERR_OK)
        return err;
    *out = (struct wire_array){NULL, (int32_t)count};
    if (count < 0)
        return nullable ? ERR_OK : ERR_CORRUPT;
    if (count > WIRE_ARRAY_MAX)
        return ERR_LIMIT;
    if ((uint64_t)count * least_size(field, r) > left(r))
        return ERR_CORRUPT;
    if (count == 0)
        return ERR_OK;
    size_t size = member_size(field);
    uint8_t *items = arena_alloc_array(r->arena, (size_t)count, size);
    if (items == NULL)
        return ERR_NO_MEMORY;
    out->items = items;
    for (int64_t i = 0; i < count && err == ERR_OK; i++, items += size)
        err = field->type == WIRE_TYPE_struct ? read_struct(r, field->of, items) : read_value(r, field, false, items);
    return err;
}

static enum err read_part(struct reader *r, const struct wire_field *field, bool nullable, void *out)
{
    if (field->null_since == NEVER) /* embedded */
        return read_struct(r, field->of, out);
    void **pointer = out;
    *pointer = NULL;
    if (nullable) {
        if (left(r) < 1)
            return ERR_CORRUPT;
        if ((int8_t)*r->next++ < 0)
            return ERR_OK;
    }
    *pointer = arena_alloc(r->arena, field->of->size);
    return *pointer == NULL ? ERR_NO_MEMORY : read_struct(r, field->of, *pointer);
}

static enum err read_field(struct reader *r, const struct wire_field *field, void *out)
{
    bool nullable = r->version >= field->null_since;
    switch (field->shape) {
    case WIRE_SHAPE_ONE:
        return read_value(r, field, nullable, out);
    case WIRE_SHAPE_PART:
        return read_part(r, field, nullable, out);
    default:
        return read_array(r, field, nullable, out);
    }
}

static enum err read_tag(struct reader *r, const struct wire_struct *of, uint32_t tag, void *out)
{
    const uint8_t *end = r->end;
    uint32_t size;
    enum err err = read_uvarint(r, &size);
    if (err != ERR_OK || size > left(r))
        return ERR_CORRUPT;
    const uint8_t *after = r->next + size;
    for (int i = 0; i < of->field_count; i++) {
        const struct wire_field *field = &of->fields[i];
        if (field->tag < 0 || (uint32_t)field->tag != tag || !is_present(field, r->version))
            continue;
        r->end = after; /* a tagged field cannot reach beyond its own bytes */
        err = read_field(r, field, (uint8_t *)out + field->offset);
        r->end = end;
        if (err == ERR_OK && r->next != after)
            err = ERR_CORRUPT;
        break;
    }
    r->next = after;
    return err;
}

static enum err read_tags(struct reader *r, const struct wire_struct *of, void *out)
{
    uint32_t count;
    enum err err = read_uvarint(r, &count);
    if (err == ERR_OK && count > WIRE_TAGS_MAX)
        err = ERR_LIMIT;
    for (uint32_t i = 0; i < count && err == ERR_OK; i++) { /* in any order, the last of one counts: as in Kafka */
        uint32_t tag;
        err = read_uvarint(r, &tag);
        if (err == ERR_OK)
            err = read_tag(r, of, tag, out);
    }
    return err;
}

static void set_default(const struct wire_field *field, void *out);

static enum err read_struct(struct reader *r, const struct wire_struct *of, void *out)
{
    for (int i = 0; i < of->field_count; i++) {
        const struct wire_field *field = &of->fields[i];
        void *value = (uint8_t *)out + field->offset;
        if (!is_present(field, r->version) || (field->tag >= 0 && r->flexible)) {
            set_default(field, value);
            continue;
        }
        enum err err = read_field(r, field, value);
        if (err != ERR_OK)
            return err;
    }
    return r->flexible ? read_tags(r, of, out) : ERR_OK;
}

enum err wire_decode(const struct wire_schema *schema, int16_t version, struct slice in, struct arena *arena,
                     void *message, size_t *consumed)
{
    if (version < schema->lowest || version > schema->highest)
        return ERR_UNSUPPORTED;
    if (slice_is_null(in))
        in = SLICE_LITERAL(""); /* no arithmetic on a null pointer */
    struct reader r = {in.data, in.data + in.length, arena, version, version >= schema->flexible_from};
    enum err err = read_struct(&r, schema->root, message);
    *consumed = (size_t)(r.next - in.data);
    return err;
}

enum err wire_decode_header(struct slice in, struct wire_request_header *header, size_t *consumed)
{
    if (in.length < 8)
        return ERR_CORRUPT;
    *header = (struct wire_request_header){
        .api_key = get_i16(in.data), .version = get_i16(in.data + 2), .correlation_id = get_i32(in.data + 4)};
    struct reader r = {in.data + 8, in.data + in.length, NULL, header->version, false};
    const struct wire_api *api = wire_api_find(header->api_key);
    if (api == NULL)
        return ERR_UNSUPPORTED;
    enum err err = read_slice(&r, 2, true, &header->client_id); /* never compact, not even in flexible versions */
    if (err == ERR_OK && header->version >= api->request->flexible_from) {
        static const struct wire_struct no_fields = {.name = "header"};
        uint8_t nothing;
        r.flexible = true;
        err = read_tags(&r, &no_fields, &nothing);
    }
    *consumed = (size_t)(r.next - in.data);
    return err;
}

static void set_default(const struct wire_field *field, void *out)
{
    switch (field->shape) {
    case WIRE_SHAPE_LIST:
    case WIRE_SHAPE_MANY: /* an optional array that travels as a tag is null when it is not there */
        *(struct wire_array *)out = (struct wire_array){NULL, field->tag >= 0 && field->null_since != NEVER ? -1 : 0};
        return;
    case WIRE_SHAPE_PART:
        if (field->null_since == NEVER)
            wire_set_defaults(field->of, out);
        else
            *(void **)out = NULL;
        return;
    default:
        break;
    }
    if (field->type == WIRE_TYPE_str || field->type == WIRE_TYPE_bytes) {
        *(struct slice *)out = field->otherwise == DEFAULT_NULL ? SLICE_NULL : SLICE_LITERAL("");
    } else if (field->type == WIRE_TYPE_records) {
        *(struct wire_records *)out = (struct wire_records){0};
    } else if (field->type == WIRE_TYPE_f64) {
        *(double *)out = (double)field->otherwise;
    } else if (field->type == WIRE_TYPE_uuid) {
        memset(out, 0, 16);
    } else {
        uint8_t wide[8];
        size_t size = value_size(field->type);
        put_i64(wide, field->otherwise);
        read_number(wide + 8 - size, field->type, out);
    }
}

void wire_set_defaults(const struct wire_struct *of, void *message)
{
    for (int i = 0; i < of->field_count; i++)
        set_default(&of->fields[i], (uint8_t *)message + of->fields[i].offset);
}
