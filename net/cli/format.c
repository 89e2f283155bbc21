#include "net/cli/format.h"

#include <inttypes.h>
#include <jansson.h>

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

const char *format_check(const char *format)
{
    for (const char *at = format; *at != '\0'; at++) {
        if (*at == '%' && (at[1] == '\0' || strchr("kvsKStpoTh%", *++at) == NULL))
            return "after % must come one of k v s K S t p o T h %";
        if (*at == '\\' && at[1] == 'x') {
            if (hex_digit(at[2]) < 0 || hex_digit(at[3]) < 0)
                return "after \\x must come two hexadecimal digits";
            at += 3;
        } else if (*at == '\\' && (at[1] == '\0' || strchr("ntr\\0", *++at) == NULL)) {
            return "after \\ must come one of n t r \\ 0 or xHH";
        }
    }
    return NULL;
}

static void put_slice(FILE *out, struct slice bytes)
{
    for (size_t i = 0; i < bytes.length; i++)
        putc_unlocked(bytes.data[i], out);
}

static void put_headers(FILE *out, const struct batch_record *record)
{
    struct slice left = record->headers, key, value;
    for (int32_t i = 0; i < record->header_count && batch_next_header(&left, &key, &value); i++) {
        if (i > 0)
            putc_unlocked(',', out);
        put_slice(out, key);
        putc_unlocked('=', out);
        put_slice(out, value);
    }
}

static int64_t length_of(struct slice bytes)
{
    return slice_is_null(bytes) ? -1 : (int64_t)bytes.length;
}

static void put_field(FILE *out, char letter, const struct format_record *record)
{
    switch (letter) {
    case 'k':
        put_slice(out, record->record->key);
        break;
    case 'v':
    case 's':
        put_slice(out, record->record->value);
        break;
    case 'K':
        fprintf(out, "%" PRId64, length_of(record->record->key));
        break;
    case 'S':
        fprintf(out, "%" PRId64, length_of(record->record->value));
        break;
    case 't':
        put_slice(out, record->topic);
        break;
    case 'p':
        fprintf(out, "%" PRId32, record->partition);
        break;
    case 'o':
        fprintf(out, "%" PRId64, record->offset);
        break;
    case 'T':
        fprintf(out, "%" PRId64, record->timestamp);
        break;
    case 'h':
        put_headers(out, record->record);
        break;
    default:
        putc_unlocked('%', out);
    }
}

static char escaped(char letter)
{
    switch (letter) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case '0':
        return '\0';
    default:
        return letter;
    }
}

void format_print(FILE *out, const char *format, const struct format_record *record)
{
    for (const char *at = format; *at != '\0'; at++) {
        if (*at == '%')
            put_field(out, *++at, record);
        else if (*at == '\\' && at[1] == 'x') {
            putc_unlocked(hex_digit(at[2]) * 16 + hex_digit(at[3]), out);
            at += 3;
        } else if (*at == '\\')
            putc_unlocked(escaped(*++at), out);
        else
            putc_unlocked(*at, out);
    }
}

/* Text as a string, null as null, other bytes as an array of their numbers. */
static json_t *json_bytes(struct slice bytes)
{
    if (slice_is_null(bytes))
        return json_null();
    json_t *text = json_stringn((const char *)bytes.data, bytes.length);
    if (text != NULL)
        return text;
    json_t *numbers = json_array();
    for (size_t i = 0; i < bytes.length; i++)
        json_array_append_new(numbers, json_integer(bytes.data[i]));
    return numbers;
}

static json_t *json_headers(const struct batch_record *record)
{
    json_t *list = json_array();
    struct slice left = record->headers, key, value;
    for (int32_t i = 0; i < record->header_count && batch_next_header(&left, &key, &value); i++)
        json_array_append_new(list, json_pack("{s:o,s:o}", "key", json_bytes(key), "value", json_bytes(value)));
    return list;
}

bool format_print_json(FILE *out, const struct format_record *record)
{
    json_t *line = json_pack("{s:s%,s:i,s:I,s:I,s:o,s:o,s:o}", "topic", (const char *)record->topic.data,
                             record->topic.length, "partition", record->partition, "offset", (json_int_t)record->offset,
                             "timestamp", (json_int_t)record->timestamp, "key", json_bytes(record->record->key),
                             "value", json_bytes(record->record->value), "headers", json_headers(record->record));
    bool ok = line != NULL && json_dumpf(line, out, JSON_COMPACT | JSON_PRESERVE_ORDER) == 0;
    json_decref(line);
    putc_unlocked('\n', out);
    return ok;
}
