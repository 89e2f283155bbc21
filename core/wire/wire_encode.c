#include "core/wire/api.h"
#include "core/wire/wire.h"

struct encoder {
    struct wire_writer *out;
    int16_t version;
    bool flexible;
    enum err err; /* ERR_INVALID sticks */
};

static void put_length(struct encoder *e, int bytes, int64_t length)
{
    if (e->flexible)
        wire_put_uvarint(e->out, (uint64_t)(length + 1));
    else if (bytes == 4)
        wire_put_i32(e->out, (int32_t)length);
    else
        wire_put_i16(e->out, (int16_t)length);
}

static void put_slice(struct encoder *e, int bytes, bool nullable, struct slice value)
{
    if (value.length > (bytes == 2 ? INT16_MAX : INT32_MAX)) {
        e->err = ERR_INVALID;
        return;
    }
    if (slice_is_null(value) && nullable) {
        put_length(e, bytes, -1);
        return;
    }
    put_length(e, bytes, (int64_t)value.length);
    wire_put(e->out, value.data, value.length);
}

static void put_records(struct encoder *e, bool nullable, const struct wire_records *records)
{
    if (records->range_count == 0) {
        put_slice(e, 4, nullable, records->data);
        return;
    }
    size_t total = records->data.length;
    for (int i = 0; i < records->range_count; i++)
        total += records->ranges[i].length;
    if (total > INT32_MAX) {
        e->err = ERR_INVALID;
        return;
    }
    put_length(e, 4, (int64_t)total);
    wire_put(e->out, records->data.data, records->data.length);
    for (int i = 0; i < records->range_count; i++)
        if (!e->out->failed && !wire_add_range(e->out, e->out->length, &records->ranges[i]))
            e->out->failed = true;
}

static void put_value(struct encoder *e, const struct wire_field *field, bool nullable, const void *in)
{
    switch (field->type) {
    case WIRE_TYPE_bool:
        wire_put_i8(e->out, *(const bool *)in ? 1 : 0);
        break;
    case WIRE_TYPE_i8:
        wire_put_i8(e->out, *(const int8_t *)in);
        break;
    case WIRE_TYPE_i16:
    case WIRE_TYPE_u16:
        wire_put_i16(e->out, *(const int16_t *)in);
        break;
    case WIRE_TYPE_i32:
    case WIRE_TYPE_u32:
        wire_put_i32(e->out, *(const int32_t *)in);
        break;
    case WIRE_TYPE_i64:
    case WIRE_TYPE_f64:
        wire_put_i64(e->out, *(const int64_t *)in);
        break;
    case WIRE_TYPE_uuid:
        wire_put(e->out, in, 16);
        break;
    case WIRE_TYPE_str:
        put_slice(e, 2, nullable, *(const struct slice *)in);
        break;
    case WIRE_TYPE_bytes:
        put_slice(e, 4, nullable, *(const struct slice *)in);
        break;
    case WIRE_TYPE_records:
        put_records(e, nullable, in);
        break;
    default:
        UNREACHABLE();
    }
}

static size_t item_size(const struct wire_field *field)
{
    switch (field->type) {
    case WIRE_TYPE_bool:
    case WIRE_TYPE_i8:
        return 1;
    case WIRE_TYPE_i16:
    case WIRE_TYPE_u16:
        return 2;
    case WIRE_TYPE_i32:
    case WIRE_TYPE_u32:
        return 4;
    case WIRE_TYPE_i64:
    case WIRE_TYPE_f64:
        return 8;
    case WIRE_TYPE_uuid:
        return 16;
    case WIRE_TYPE_struct:
        return field->of->size;
    case WIRE_TYPE_records:
        return sizeof(struct wire_records);
    default:
        return sizeof(struct slice);
    }
}

static void put_struct(struct encoder *e, const struct wire_struct *of, const void *in);

static void put_array(struct encoder *e, const struct wire_field *field, bool nullable, const struct wire_array *array)
{
    if (array->count < 0 && nullable) {
        put_length(e, 4, -1);
        return;
    }
    int32_t count = array->count < 0 ? 0 : array->count;
    const uint8_t *item = array->items;
    put_length(e, 4, count);
    for (int32_t i = 0; i < count; i++, item += item_size(field)) {
        if (field->type == WIRE_TYPE_struct)
            put_struct(e, field->of, item);
        else
            put_value(e, field, false, item);
    }
}

static void put_part(struct encoder *e, const struct wire_field *field, bool nullable, const void *in)
{
    if (field->null_since == NEVER) {
        put_struct(e, field->of, in);
        return;
    }
    const void *part = *(void *const *)in;
    if (nullable)
        wire_put_i8(e->out, part == NULL ? -1 : 1);
    if (part != NULL)
        put_struct(e, field->of, part);
    else if (!nullable)
        e->err = ERR_INVALID;
}

static void put_field(struct encoder *e, const struct wire_field *field, const void *in)
{
    bool nullable = e->version >= field->null_since;
    switch (field->shape) {
    case WIRE_SHAPE_ONE:
        put_value(e, field, nullable, in);
        break;
    case WIRE_SHAPE_PART:
        put_part(e, field, nullable, in);
        break;
    default:
        put_array(e, field, nullable, in);
    }
}

static bool is_present(const struct wire_field *field, int16_t version)
{
    return version >= field->since && version <= field->until;
}

/* A tagged field with its default value is not sent. */
static bool is_default(const struct wire_field *field, const void *in)
{
    int64_t otherwise = field->otherwise;
    if (field->shape == WIRE_SHAPE_LIST || field->shape == WIRE_SHAPE_MANY)
        return ((const struct wire_array *)in)->count <= (field->null_since != NEVER ? -1 : 0);
    if (field->shape == WIRE_SHAPE_PART && field->null_since != NEVER)
        return *(void *const *)in == NULL;
    switch (field->type) {
    case WIRE_TYPE_struct:
        for (int i = 0; i < field->of->field_count; i++)
            if (!is_default(&field->of->fields[i], (const uint8_t *)in + field->of->fields[i].offset))
                return false;
        return true;
    case WIRE_TYPE_bool:
        return *(const bool *)in == (otherwise != 0);
    case WIRE_TYPE_i8:
        return *(const int8_t *)in == otherwise;
    case WIRE_TYPE_i16:
        return *(const int16_t *)in == otherwise;
    case WIRE_TYPE_u16:
        return *(const uint16_t *)in == otherwise;
    case WIRE_TYPE_i32:
        return *(const int32_t *)in == otherwise;
    case WIRE_TYPE_u32:
        return *(const uint32_t *)in == otherwise;
    case WIRE_TYPE_i64:
        return *(const int64_t *)in == otherwise;
    case WIRE_TYPE_f64:
        return *(const double *)in == (double)otherwise;
    case WIRE_TYPE_uuid:
        return uuid_is_zero(*(const struct uuid *)in);
    case WIRE_TYPE_records:
        return slice_is_null(((const struct wire_records *)in)->data) &&
               ((const struct wire_records *)in)->range_count == 0;
    default:
        return otherwise == DEFAULT_NULL ? slice_is_null(*(const struct slice *)in)
                                         : ((const struct slice *)in)->length == 0;
    }
}

static bool is_sent_as_tag(struct encoder *e, const struct wire_field *field, const void *in)
{
    return field->tag >= 0 && is_present(field, e->version) && !is_default(field, (const uint8_t *)in + field->offset);
}

/* A tagged field's size stands in front of it: it is written first, then moved back by the width of its size. */
static void put_tag(struct encoder *e, const struct wire_field *field, const void *in)
{
    wire_put_uvarint(e->out, (uint64_t)field->tag);
    size_t start = e->out->length;
    put_field(e, field, in);
    if (e->out->failed)
        return;
    size_t size = e->out->length - start;
    int width = 1;
    for (size_t rest = size; rest >= 0x80; rest >>= 7)
        width++;
    if (wire_reserve(e->out, (size_t)width) == NULL)
        return;
    memmove(e->out->data + start + width, e->out->data + start, size);
    e->out->length = start;
    wire_put_uvarint(e->out, size);
    e->out->length = start + (size_t)width + size;
}

static void put_tags(struct encoder *e, const struct wire_struct *of, const void *in)
{
    uint32_t count = 0;
    int16_t highest = -1;
    for (int i = 0; i < of->field_count; i++) {
        if (is_sent_as_tag(e, &of->fields[i], in))
            count++;
        if (of->fields[i].tag > highest)
            highest = of->fields[i].tag;
    }
    wire_put_uvarint(e->out, count);
    if (count == 0)
        return;
    for (int16_t tag = 0; tag <= highest; tag++)
        for (int i = 0; i < of->field_count; i++)
            if (of->fields[i].tag == tag && is_sent_as_tag(e, &of->fields[i], in))
                put_tag(e, &of->fields[i], (const uint8_t *)in + of->fields[i].offset);
}

static void put_struct(struct encoder *e, const struct wire_struct *of, const void *in)
{
    for (int i = 0; i < of->field_count; i++) {
        const struct wire_field *field = &of->fields[i];
        if (is_present(field, e->version) && (field->tag < 0 || !e->flexible))
            put_field(e, field, (const uint8_t *)in + field->offset);
    }
    if (e->flexible)
        put_tags(e, of, in);
}

enum err wire_encode(const struct wire_schema *schema, int16_t version, const void *message, struct wire_writer *writer)
{
    if (version < schema->lowest || version > schema->highest)
        return ERR_UNSUPPORTED;
    struct encoder e = {writer, version, version >= schema->flexible_from, ERR_OK};
    put_struct(&e, schema->root, message);
    return writer->failed ? ERR_NO_MEMORY : e.err;
}

/* ---- the writer ------------------------------------------------------------------------------------------------- */

void wire_writer_init(struct wire_writer *writer, struct mem *mem)
{
    *writer = (struct wire_writer){.mem = mem};
}

void wire_writer_fini(struct wire_writer *writer)
{
    mem_free(writer->mem, writer->data, writer->capacity);
    mem_free(writer->mem, writer->splices, (size_t)writer->splice_capacity * sizeof *writer->splices);
    *writer = (struct wire_writer){.mem = writer->mem};
}

void wire_writer_clear(struct wire_writer *writer)
{
    writer->length = 0;
    writer->splice_count = 0;
    writer->failed = false;
}

uint8_t *wire_reserve(struct wire_writer *writer, size_t length)
{
    if (writer->failed)
        return NULL;
    if (length > writer->capacity - writer->length) {
        size_t capacity = size_max(size_max(writer->capacity * 2, 256), writer->length + length);
        uint8_t *data = mem_resize(writer->mem, writer->data, writer->capacity, capacity);
        if (data == NULL) {
            writer->failed = true;
            return NULL;
        }
        writer->data = data;
        writer->capacity = capacity;
    }
    uint8_t *at = writer->data + writer->length;
    writer->length += length;
    return at;
}

void wire_put(struct wire_writer *writer, const void *data, size_t length)
{
    uint8_t *at = length == 0 ? NULL : wire_reserve(writer, length);
    if (at != NULL)
        memcpy(at, data, length);
}

void wire_put_i8(struct wire_writer *writer, int8_t value)
{
    wire_put(writer, &value, 1);
}

void wire_put_i16(struct wire_writer *writer, int16_t value)
{
    uint8_t *at = wire_reserve(writer, 2);
    if (at != NULL)
        put_i16(at, value);
}

void wire_put_i32(struct wire_writer *writer, int32_t value)
{
    uint8_t *at = wire_reserve(writer, 4);
    if (at != NULL)
        put_i32(at, value);
}

void wire_put_i64(struct wire_writer *writer, int64_t value)
{
    uint8_t *at = wire_reserve(writer, 8);
    if (at != NULL)
        put_i64(at, value);
}

void wire_put_uvarint(struct wire_writer *writer, uint64_t value)
{
    uint8_t bytes[10];
    size_t length = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[length++] = (uint8_t)(value | 0x80);
    bytes[length++] = (uint8_t)value;
    wire_put(writer, bytes, length);
}

bool wire_add_range(struct wire_writer *writer, size_t at, const struct wire_file_range *range)
{
    if (writer->splice_count == writer->splice_capacity) {
        int capacity = writer->splice_capacity == 0 ? 8 : writer->splice_capacity * 2;
        struct wire_splice *splices =
            mem_resize(writer->mem, writer->splices, (size_t)writer->splice_capacity * sizeof *splices,
                       (size_t)capacity * sizeof *splices);
        if (splices == NULL)
            return false;
        writer->splices = splices;
        writer->splice_capacity = capacity;
    }
    writer->splices[writer->splice_count++] = (struct wire_splice){at, *range};
    return true;
}

size_t wire_writer_total(const struct wire_writer *writer)
{
    size_t total = writer->length;
    for (int i = 0; i < writer->splice_count; i++)
        total += writer->splices[i].range.length;
    return total;
}

void wire_put_response_header(struct wire_writer *writer, int16_t api_key, int16_t version, int32_t correlation_id)
{
    const struct wire_api *api = wire_api_find(api_key);
    wire_put_i32(writer, correlation_id);
    /* KIP-511: ApiVersions is answered before versions are agreed on, so its header never has tags. */
    if (api != NULL && api_key != API_VERSIONS && version >= api->response->flexible_from)
        wire_put_uvarint(writer, 0);
}

void wire_put_request_header(struct wire_writer *writer, const struct wire_request_header *header)
{
    const struct wire_api *api = wire_api_find(header->api_key);
    wire_put_i16(writer, header->api_key);
    wire_put_i16(writer, header->version);
    wire_put_i32(writer, header->correlation_id);
    wire_put_i16(writer, slice_is_null(header->client_id) ? -1 : (int16_t)header->client_id.length);
    wire_put(writer, header->client_id.data, header->client_id.length);
    if (api != NULL && header->version >= api->request->flexible_from)
        wire_put_uvarint(writer, 0);
}
