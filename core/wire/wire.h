/* core/wire/wire.h -- Kafka's messages as tables, and the one codec that reads all of them.
 *
 * A message is a list of fields in core/wire/schema/<api>.h. Each list is expanded twice: into a C struct that holds
 * the message of every version at once, and into rows that say in which versions a field is there, may be null or
 * travels as a tagged field. Versions appear nowhere else: handlers read and fill structs.
 *
 *     ONE (M, type, name, since, until, null, tag, default)      a value
 *     LIST(M, type, name, since, until, null, tag)               an array of values
 *     MANY(M, struct_name, name, since, until, null, tag)        an array of structs
 *     PART(M, struct_name, name, since, until, null, tag)        a struct, or a pointer to one where it may be null
 *
 * Decoding: works inside the frame; strings, bytes and records are slices of it, arrays and nullable structs come from
 * the arena. Every count is checked against the bytes that are left and the arena's limit before anything is allocated.
 * Unknown tagged fields are skipped. A field absent in a version has its default. Errors: ERR_CORRUPT (bytes do not
 * match), ERR_LIMIT (an array above 1,000,000 elements or 10,000 tagged fields, as Kafka 4.4), ERR_NO_MEMORY.
 *
 * Encoding: fields absent in a version are left out without complaint. Null where a version has no null is written as
 * empty (strings, arrays). Errors: writer->failed (memory) or ERR_INVALID (a string too long for its length field).
 *
 * Source: the Kafka protocol guide; KIP-482 (tagged fields and compact types). Pure; any core.
 */
#ifndef RINGMAIN_CORE_WIRE_WIRE_H
#define RINGMAIN_CORE_WIRE_WIRE_H

#include "io/base/arena.h"
#include "io/base/bytes.h"
#include "io/base/err.h"

typedef bool wire_bool;
typedef int8_t wire_i8;
typedef int16_t wire_i16;
typedef uint16_t wire_u16;
typedef int32_t wire_i32;
typedef uint32_t wire_u32;
typedef int64_t wire_i64;
typedef double wire_f64;
typedef struct uuid wire_uuid;
typedef struct slice wire_str;
typedef struct slice wire_bytes;

/* Bytes of a file that an answer carries without copying them. */
struct wire_file_range {
    int32_t file;
    bool hot;
    int64_t pos;
    size_t length;
};

/* Record batches: bytes in memory, or (only when encoding) ranges of files. Null: data.data NULL and no ranges. */
struct wire_records {
    struct slice data;
    const struct wire_file_range *ranges;
    int range_count;
};
typedef struct wire_records wire_records;

/* Arrays of values; count -1 is null. */
struct wire_array {
    void *items;
    int32_t count;
};
#define WIRE_ARRAY_OF(type)                                                                                            \
    struct {                                                                                                           \
        type *items;                                                                                                   \
        int32_t count;                                                                                                 \
    }

enum wire_type {
    WIRE_TYPE_bool,
    WIRE_TYPE_i8,
    WIRE_TYPE_i16,
    WIRE_TYPE_u16,
    WIRE_TYPE_i32,
    WIRE_TYPE_u32,
    WIRE_TYPE_i64,
    WIRE_TYPE_f64,
    WIRE_TYPE_uuid,
    WIRE_TYPE_str,
    WIRE_TYPE_bytes,
    WIRE_TYPE_records,
    WIRE_TYPE_struct,
};

enum wire_shape { WIRE_SHAPE_ONE, WIRE_SHAPE_LIST, WIRE_SHAPE_MANY, WIRE_SHAPE_PART };

/* In tables: no last version; never null; not tagged; the default of a nullable field is null. */
enum { LAST = 32767, NEVER = 32767, UNTAGGED = -1 };
#define DEFAULT_NULL INT64_MIN

struct wire_struct;

struct wire_field {
    const char *name;
    const struct wire_struct *of; /* structs only */
    int64_t otherwise;            /* the default: a number, or DEFAULT_NULL */
    uint32_t offset;
    int16_t since, until, null_since, tag;
    uint8_t type, shape;
};

struct wire_struct {
    const char *name;
    const struct wire_field *fields;
    int field_count;
    uint32_t size;
};

struct wire_schema {
    const char *name; /* "ProduceRequest" */
    const struct wire_struct *root;
    int16_t api_key; /* -1: a stored record's without one */
    int16_t flexible_from;
    int16_t lowest, highest; /* versions the table describes */
};

/* ---- writing --------------------------------------------------------------------------------------------------- */

struct wire_splice {
    size_t at; /* the file range goes out when this many bytes of data have */
    struct wire_file_range range;
};

/* A growing buffer; `failed` sticks. Memory: data and splices belong to the writer until wire_writer_fini. */
struct wire_writer {
    struct mem *mem;
    uint8_t *data;
    size_t length, capacity;
    struct wire_splice *splices;
    int splice_count, splice_capacity;
    bool failed;
};

void wire_writer_init(struct wire_writer *writer, struct mem *mem);
void wire_writer_fini(struct wire_writer *writer);
void wire_writer_clear(struct wire_writer *writer); /* empty again; keeps its memory */
uint8_t *wire_reserve(struct wire_writer *writer, size_t length); /* counted as written; NULL: failed */
void wire_put(struct wire_writer *writer, const void *data, size_t length);
void wire_put_i8(struct wire_writer *writer, int8_t value);
void wire_put_i16(struct wire_writer *writer, int16_t value);
void wire_put_i32(struct wire_writer *writer, int32_t value);
void wire_put_i64(struct wire_writer *writer, int64_t value);
void wire_put_uvarint(struct wire_writer *writer, uint64_t value);
/* The range goes out when `at` bytes of data have; those of one writer come in rising order. False: no memory. */
bool wire_add_range(struct wire_writer *writer, size_t at, const struct wire_file_range *range) MUST_CHECK;
/* Bytes the whole answer has: data and file ranges. */
size_t wire_writer_total(const struct wire_writer *writer);

enum err wire_encode(const struct wire_schema *schema, int16_t version, const void *message,
                     struct wire_writer *writer) MUST_CHECK;

/* ---- reading ---------------------------------------------------------------------------------------------------- */

enum { WIRE_ARRAY_MAX = 1000000, WIRE_TAGS_MAX = 10000 };

/* *consumed: bytes read; the caller decides what trailing bytes mean. */
enum err wire_decode(const struct wire_schema *schema, int16_t version, struct slice in, struct arena *arena,
                     void *message, size_t *consumed) MUST_CHECK;
/* Gives every field its default (numbers 0 unless the table says otherwise, strings empty, arrays empty). */
void wire_set_defaults(const struct wire_struct *of, void *message);
#define WIRE_DEFAULTS(schema, message) wire_set_defaults((schema).root, (message))

struct wire_request_header {
    int16_t api_key;
    int16_t version;
    int32_t correlation_id;
    struct slice client_id; /* may be null */
};
/* Reads api key and version first; the rest of the layout follows from them. ERR_UNSUPPORTED: an api key without table
 * (the four numbers are valid all the same when the frame has them). */
enum err wire_decode_header(struct slice in, struct wire_request_header *header, size_t *consumed) MUST_CHECK;
/* Response header: correlation id and, in flexible versions other than ApiVersions, an empty tag section. */
void wire_put_response_header(struct wire_writer *writer, int16_t api_key, int16_t version, int32_t correlation_id);
void wire_put_request_header(struct wire_writer *writer, const struct wire_request_header *header);

/* One line of `name=value` text for people and logs of tools, records and bytes as lengths only. In the
 * arena; null: no memory. */
struct slice wire_print(const struct wire_schema *schema, int16_t version, const void *message, struct arena *arena);

/* ---- expansion of the tables --------------------------------------------------------------------------------------
 */

#define WIRE_MEMBER_ONE(M, type, name, since, until, null, tag, otherwise) wire_##type name;
#define WIRE_MEMBER_LIST(M, type, name, since, until, null, tag)           WIRE_ARRAY_OF(wire_##type) name;
#define WIRE_MEMBER_MANY(M, of, name, since, until, null, tag)             WIRE_ARRAY_OF(struct of) name;
#define WIRE_MEMBER_PART(M, of, name, since, until, null, tag)             WIRE_PART_##null(of) name;
/* A struct that is never null is embedded; the others are pointers. */
#define WIRE_PART_NEVER(of) struct of
#define WIRE_PART_0(of)     struct of *
#define WIRE_PART_1(of)     struct of *

#define WIRE_ROW_ONE(M, t, n, since_, until_, null_, tag_, otherwise_)                                                 \
    {.name = #n,                                                                                                       \
     .type = WIRE_TYPE_##t,                                                                                            \
     .shape = WIRE_SHAPE_ONE,                                                                                          \
     .offset = offsetof(struct M, n),                                                                                  \
     .since = since_,                                                                                                  \
     .until = until_,                                                                                                  \
     .null_since = null_,                                                                                              \
     .tag = tag_,                                                                                                      \
     .otherwise = otherwise_},
#define WIRE_ROW_LIST(M, t, n, since_, until_, null_, tag_)                                                            \
    {.name = #n,                                                                                                       \
     .type = WIRE_TYPE_##t,                                                                                            \
     .shape = WIRE_SHAPE_LIST,                                                                                         \
     .offset = offsetof(struct M, n),                                                                                  \
     .since = since_,                                                                                                  \
     .until = until_,                                                                                                  \
     .null_since = null_,                                                                                              \
     .tag = tag_},
#define WIRE_ROW_MANY(M, of_, n, since_, until_, null_, tag_)                                                          \
    {.name = #n,                                                                                                       \
     .type = WIRE_TYPE_struct,                                                                                         \
     .shape = WIRE_SHAPE_MANY,                                                                                         \
     .offset = offsetof(struct M, n),                                                                                  \
     .since = since_,                                                                                                  \
     .until = until_,                                                                                                  \
     .null_since = null_,                                                                                              \
     .tag = tag_,                                                                                                      \
     .of = &of_##_struct},
#define WIRE_ROW_PART(M, of_, n, since_, until_, null_, tag_)                                                          \
    {.name = #n,                                                                                                       \
     .type = WIRE_TYPE_struct,                                                                                         \
     .shape = WIRE_SHAPE_PART,                                                                                         \
     .offset = offsetof(struct M, n),                                                                                  \
     .since = since_,                                                                                                  \
     .until = until_,                                                                                                  \
     .null_since = null_,                                                                                              \
     .tag = tag_,                                                                                                      \
     .of = &of_##_struct},

#define WIRE_DECLARE_STRUCT(M, FIELDS)                                                                                 \
    struct M {                                                                                                         \
        FIELDS(WIRE_MEMBER_ONE, WIRE_MEMBER_LIST, WIRE_MEMBER_MANY, WIRE_MEMBER_PART, M)                               \
        uint8_t _wire_end;                                                                                             \
    };                                                                                                                 \
    extern const struct wire_struct M##_struct;

#ifdef WIRE_DEFINE_TABLES /* core/wire/messages.c */
#define WIRE_STRUCT(M, FIELDS)                                                                                         \
    WIRE_DECLARE_STRUCT(M, FIELDS)                                                                                     \
    static const struct wire_field M##_fields[] = {                                                                    \
        FIELDS(WIRE_ROW_ONE, WIRE_ROW_LIST, WIRE_ROW_MANY, WIRE_ROW_PART, M){.name = NULL}};                           \
    const struct wire_struct M##_struct = {                                                                            \
        .name = #M, .fields = M##_fields, .field_count = COUNT_OF(M##_fields) - 1, .size = sizeof(struct M)};
#define WIRE_SCHEMA(M, Name, key, lowest_, highest_, flexible)                                                         \
    extern const struct wire_schema M##_schema;                                                                        \
    const struct wire_schema M##_schema = {.name = #Name,                                                              \
                                           .root = &M##_struct,                                                        \
                                           .api_key = key,                                                             \
                                           .lowest = lowest_,                                                          \
                                           .highest = highest_,                                                        \
                                           .flexible_from = flexible};
#else
#define WIRE_STRUCT(M, FIELDS)                                 WIRE_DECLARE_STRUCT(M, FIELDS)
#define WIRE_SCHEMA(M, Name, key, lowest_, highest_, flexible) extern const struct wire_schema M##_schema;
#endif

#endif
