#include "core/config/internal.h"

#include <stdarg.h>
#include <stdio.h>

/* Java's Properties format. One logical line is decoded into a scratch of its own size, since decoding never grows
 * (a \u escape is six bytes and becomes at most three). */
struct reader {
    const uint8_t *at, *end;
    int line;
};

/* Room for one more item; doubles. The old array stays in the arena: settings files are small. */
static void *grow(struct arena *arena, void *items, int count, int *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    int wanted = *capacity == 0 ? 32 : *capacity * 2;
    void *grown = arena_alloc_array(arena, (size_t)wanted, size);
    if (grown == NULL)
        return NULL;
    if (count > 0)
        memcpy(grown, items, (size_t)count * size);
    *capacity = wanted;
    return grown;
}

enum err config_problem_add(struct config_problems *problems, struct arena *arena, bool is_error, int line,
                            const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    char *copy = arena_string(arena, text, strlen(text));
    void *items = grow(arena, problems->items, problems->count, &problems->capacity, sizeof *problems->items);
    if (copy == NULL || items == NULL)
        return ERR_NO_MEMORY;
    problems->items = items;
    problems->items[problems->count++] = (struct config_problem){is_error, line, copy};
    problems->error_count += is_error;
    return ERR_OK;
}

static enum err settings_put(struct config_settings *settings, struct arena *arena, const char *name, const char *value,
                             int line)
{
    for (int i = 0; i < settings->count; i++)
        if (strcmp(settings->items[i].name, name) == 0) {
            settings->items[i].value = value;
            settings->items[i].line = line;
            return ERR_OK;
        }
    void *items = grow(arena, settings->items, settings->count, &settings->capacity, sizeof *settings->items);
    if (items == NULL)
        return ERR_NO_MEMORY;
    settings->items = items;
    settings->items[settings->count++] = (struct config_setting){name, value, line};
    return ERR_OK;
}

const char *config_setting(const struct config_settings *settings, const char *name)
{
    for (int i = 0; settings != NULL && i < settings->count; i++)
        if (strcmp(settings->items[i].name, name) == 0)
            return settings->items[i].value;
    return NULL;
}

int config_line_of(const struct config_settings *settings, const char *name)
{
    for (int i = 0; settings != NULL && i < settings->count; i++)
        if (strcmp(settings->items[i].name, name) == 0)
            return settings->items[i].line;
    return 0;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\f';
}

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->end && is_blank(*reader->at))
        reader->at++;
}

static void skip_line_end(struct reader *reader)
{
    if (reader->at < reader->end && *reader->at == '\r')
        reader->at++;
    if (reader->at < reader->end && *reader->at == '\n')
        reader->at++;
    reader->line++;
}

static bool at_line_end(const struct reader *reader)
{
    return reader->at == reader->end || *reader->at == '\n' || *reader->at == '\r';
}

static size_t put_utf8(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    out[0] = (char)(0xe0 | c >> 12);
    out[1] = (char)(0x80 | (c >> 6 & 0x3f));
    out[2] = (char)(0x80 | (c & 0x3f));
    return 3;
}

/* The four digits behind "\u"; a NUL cannot be kept in text and is refused as well. */
static bool read_hex(struct reader *reader, uint32_t *c)
{
    *c = 0;
    if (reader->end - reader->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        uint8_t d = *reader->at++;
        uint32_t digit = 16;
        if (d >= '0' && d <= '9')
            digit = d - (uint32_t)'0';
        else if ((d | 0x20) >= 'a' && (d | 0x20) <= 'f')
            digit = (d | 0x20) - (uint32_t)'a' + 10;
        if (digit == 16)
            return false;
        *c = *c << 4 | digit;
    }
    return *c != 0;
}

/* What follows a backslash. */
static bool read_escape(struct reader *reader, char *out, size_t *length)
{
    uint32_t c = *reader->at++;
    if (c == 'u') {
        if (!read_hex(reader, &c))
            return false;
    } else {
        c = c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == 'f' ? '\f' : c;
        if (c == 0)
            return false;
        if (c >= 0x80) { /* part of a UTF-8 sequence: as it is */
            out[(*length)++] = (char)c;
            return true;
        }
    }
    *length += put_utf8(out + *length, c);
    return true;
}

/* Reads a key (stops at a separator) or a value (stops at the end of the logical line). */
static bool read_word(struct reader *reader, bool is_key, char *out, size_t *length)
{
    bool good = true;
    *length = 0;
    while (!at_line_end(reader)) {
        uint8_t c = *reader->at;
        if (is_key && (c == '=' || c == ':' || is_blank(c)))
            break;
        reader->at++;
        if (c == '\\') {
            if (reader->at == reader->end)
                break;
            if (at_line_end(reader)) {
                skip_line_end(reader);
                skip_blanks(reader);
            } else {
                good = read_escape(reader, out, length) && good;
            }
        } else {
            good = good && c != 0;
            out[(*length)++] = (char)c;
        }
    }
    return good;
}

enum err config_parse_properties(struct slice text, struct arena *arena, struct config_settings *settings,
                                 struct config_problems *problems)
{
    struct reader reader = {text.data, text.data + text.length, 1};
    char *scratch = arena_alloc(arena, text.length + 4);
    if (scratch == NULL)
        return ERR_NO_MEMORY;
    int errors = problems->error_count;
    for (; reader.at < reader.end; skip_line_end(&reader)) {
        size_t length;
        skip_blanks(&reader);
        if (at_line_end(&reader))
            continue;
        if (*reader.at == '#' || *reader.at == '!') {
            while (!at_line_end(&reader))
                reader.at++;
            continue;
        }
        int line = reader.line;
        bool good = read_word(&reader, true, scratch, &length);
        char *name = arena_string(arena, scratch, length);
        skip_blanks(&reader);
        if (reader.at < reader.end && (*reader.at == '=' || *reader.at == ':')) {
            reader.at++;
            skip_blanks(&reader);
        }
        good = read_word(&reader, false, scratch, &length) && good;
        char *value = arena_string(arena, scratch, length);
        if (name == NULL || value == NULL)
            return ERR_NO_MEMORY;
        enum err err = good
                           ? settings_put(settings, arena, name, value, line)
                           : config_problem_add(problems, arena, true, line, "a \\u escape or a NUL that is not valid");
        if (err != ERR_OK)
            return err;
    }
    return problems->error_count > errors ? ERR_INVALID : ERR_OK;
}

enum err config_add_override(const char *text, struct arena *arena, struct config_settings *settings,
                             struct config_problems *problems)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text) {
        enum err err = config_problem_add(problems, arena, true, 0, "--override %s: expected key=value", text);
        return err != ERR_OK ? err : ERR_INVALID;
    }
    struct slice key = config_trim(slice_of(text, (size_t)(equals - text)));
    char *name = arena_string(arena, key.data, key.length);
    char *value = arena_string(arena, equals + 1, strlen(equals + 1));
    if (name == NULL || value == NULL)
        return ERR_NO_MEMORY;
    return settings_put(settings, arena, name, value, 0);
}
