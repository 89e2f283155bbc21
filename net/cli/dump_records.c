#include "net/cli/dump_records.h"

#include "core/wire/compress.h"
#include "core/wire/messages.h"

#include <stdio.h>

enum { UNPACKED_MAX_BYTES = 512 << 20, SHOWN_MAX = 200 };

/* A kind of record of a coordinator's topic: the key's version says which. */
struct kind {
    const char *topic;
    int16_t key_version;
    const struct wire_schema *key, *value;
};

static const struct kind kinds[] = {
    {"__consumer_offsets-", 0, &offset_commit_key_schema, &offset_commit_value_schema},
    {"__consumer_offsets-", 1, &offset_commit_key_schema, &offset_commit_value_schema},
    {"__consumer_offsets-", 2, &group_metadata_key_schema, &group_metadata_value_schema},
    {"__transaction_state-", 0, &transaction_log_key_schema, &transaction_log_value_schema},
};

static const struct kind *kind_of(const char *path, struct slice key)
{
    for (size_t i = 0; key.length >= 2 && i < COUNT_OF(kinds); i++)
        if (strstr(path, kinds[i].topic) != NULL && get_i16(key.data) == kinds[i].key_version)
            return &kinds[i];
    return NULL;
}

/* Text as it is, other bytes as \xx; what is long is cut. */
static void print_bytes(const char *name, struct slice bytes)
{
    printf(" %s=", name);
    if (slice_is_null(bytes)) {
        printf("null");
        return;
    }
    for (size_t i = 0; i < bytes.length && i < SHOWN_MAX; i++) {
        if (bytes.data[i] >= ' ' && bytes.data[i] < 0x7f && bytes.data[i] != '\\')
            putchar(bytes.data[i]);
        else
            printf("\\%02x", bytes.data[i]);
    }
    if (bytes.length > SHOWN_MAX)
        printf("... (%zu bytes)", bytes.length);
}

/* version -1: it stands before the message. False: it does not decode. */
static bool print_message(const char *name, const struct wire_schema *schema, int16_t version, struct slice bytes,
                          struct arena *arena)
{
    size_t consumed;
    if (version < 0)
        version = bytes.length < 2 ? -1 : get_i16(bytes.data);
    void *message = arena_alloc(arena, schema->root->size);
    if (message == NULL || version < schema->lowest || version > schema->highest || bytes.length < 2)
        return false;
    struct slice body = slice_of(bytes.data + 2, bytes.length - 2);
    if (wire_decode(schema, version, body, arena, message, &consumed) != ERR_OK)
        return false;
    struct slice text = wire_print(schema, version, message, arena);
    printf(" %s={%.*s}", name, SLICE_ARG(text));
    return true;
}

static void print_record(const char *path, const struct batch_header *header, const struct batch_record *record,
                         struct arena *arena)
{
    const struct kind *kind = header->attributes & BATCH_CONTROL ? NULL : kind_of(path, record->key);
    printf("  offset %lld time %lld", (long long)(header->base_offset + record->offset_delta),
           (long long)(header->base_timestamp + record->timestamp_delta));
    if (header->attributes & BATCH_CONTROL && record->key.length >= 4) {
        int16_t type = get_i16(record->key.data + 2);
        printf(" %s\n", type == 0 ? "ABORT" : type == 1 ? "COMMIT" : "control");
        return;
    }
    if (kind == NULL || !print_message("key", kind->key, 0, record->key, arena))
        print_bytes("key", record->key);
    if (kind == NULL || slice_is_null(record->value) || !print_message("value", kind->value, -1, record->value, arena))
        print_bytes("value", record->value);
    printf("\n");
}

static enum err print_all(const char *path, const struct batch_header *header, struct slice body, struct arena *arena)
{
    struct batch_records records;
    struct batch_record record;
    enum err err;
    batch_records_init(&records, body, header->record_count);
    while ((err = batch_records_next(&records, &record)) == ERR_OK) {
        print_record(path, header, &record, arena);
        arena_reset(arena);
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

enum err dump_records(const char *path, const struct batch_header *header, const uint8_t *batch, struct arena *arena)
{
    struct slice body = slice_of(batch + BATCH_HEADER_BYTES, header->size - BATCH_HEADER_BYTES);
    enum compress_codec codec = (enum compress_codec)(header->attributes & BATCH_CODEC_MASK);
    if (codec == COMPRESS_NONE)
        return print_all(path, header, body, arena);
    struct compress_buffer plain;
    compress_buffer_init(&plain, arena->mem);
    enum err err = codec > COMPRESS_ZSTD ? ERR_CORRUPT : compress_unpack(codec, body, UNPACKED_MAX_BYTES, &plain);
    if (err == ERR_OK)
        err = print_all(path, header, slice_of(plain.data, plain.length), arena);
    compress_buffer_fini(&plain);
    return err;
}
