#include "core/meta/record.h"

enum { FRAME_VERSION = 1 };

struct kind {
    const struct wire_schema *schema;
    int16_t version;
};

static struct kind kind_of(uint64_t key)
{
    switch (key) {
#define R(key_, name, prefix, member, version_)                                                                        \
    case key_:                                                                                                         \
        return (struct kind){&prefix##_schema, version_};
        META_RECORD_TABLE(R)
#undef R
    default:
        return (struct kind){NULL, 0};
    }
}

void meta_record_init(struct meta_record *record, enum meta_record_type type)
{
    memset(record, 0, sizeof *record);
    record->type = type;
    wire_set_defaults(kind_of(type).schema->root, &record->topic); /* every member of the union starts there */
}

struct meta_record *meta_records_add(struct meta_records *records, struct arena *arena, enum meta_record_type type)
{
    if (records->count == records->capacity) {
        int wanted = records->capacity == 0 ? 16 : records->capacity * 2;
        struct meta_record *grown = ARENA_ARRAY(arena, struct meta_record, (size_t)wanted);
        if (grown == NULL)
            return NULL;
        if (records->count > 0)
            memcpy(grown, records->items, (size_t)records->count * sizeof *grown);
        records->items = grown;
        records->capacity = wanted;
    }
    struct meta_record *record = &records->items[records->count++];
    meta_record_init(record, type);
    return record;
}

enum err meta_record_encode(const struct meta_record *record, struct wire_writer *writer)
{
    struct kind kind = kind_of(record->type);
    ASSERT(kind.schema != NULL);
    wire_put_uvarint(writer, FRAME_VERSION);
    wire_put_uvarint(writer, record->type);
    wire_put_uvarint(writer, (uint64_t)kind.version);
    enum err err = wire_encode(kind.schema, kind.version, &record->topic, writer);
    return writer->failed ? ERR_NO_MEMORY : err;
}

/* At most 32 bits; false when the bytes end before the number does. */
static bool take_uvarint(struct slice *in, uint64_t *number)
{
    *number = 0;
    for (int shift = 0; shift < 35 && in->length > 0; shift += 7) {
        uint8_t byte = *in->data++;
        in->length--;
        *number |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* In a metadata log that Kafka has written: the begin and end of a change in several batches, which are applied as they
 * come (an aborted one, key 25, is refused), and the controllers' own registrations. */
static bool is_of_another_controller(uint64_t key)
{
    enum { BEGIN_TRANSACTION = 23, END_TRANSACTION = 24, REGISTER_CONTROLLER = 27 };
    return key == BEGIN_TRANSACTION || key == END_TRANSACTION || key == REGISTER_CONTROLLER;
}

enum err meta_record_decode(struct slice value, struct arena *arena, struct meta_record *record)
{
    uint64_t frame, key, version;
    size_t consumed;
    if (!take_uvarint(&value, &frame) || !take_uvarint(&value, &key) || !take_uvarint(&value, &version))
        return ERR_CORRUPT;
    if (frame == FRAME_VERSION && is_of_another_controller(key)) {
        meta_record_init(record, META_NO_OP);
        return ERR_OK;
    }
    struct kind kind = kind_of(key);
    if (frame != FRAME_VERSION || kind.schema == NULL || version > (uint64_t)kind.schema->highest)
        return ERR_UNSUPPORTED;
    meta_record_init(record, (enum meta_record_type)key);
    enum err err = wire_decode(kind.schema, (int16_t)version, value, arena, &record->topic, &consumed);
    if (err == ERR_OK && consumed != value.length)
        return ERR_CORRUPT;
    return err;
}

const struct wire_schema *meta_record_schema(const struct meta_record *record, int16_t *version)
{
    struct kind kind = kind_of(record->type);
    *version = kind.version;
    return kind.schema;
}
