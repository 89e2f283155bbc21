#include "net/cli/top_sample.h"

#include "io/base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static bool same_key(const void *value, const void *key)
{
    return slice_equal(((const struct top_line *)value)->key, *(const struct slice *)key);
}

static const struct top_line *find(const struct top_sample *sample, struct slice key)
{
    return map_find(&sample->by_key, hash_bytes(key.data, key.length, 0), same_key, &key);
}

/* "name{labels} value" */
static bool parse_line(const char *line, size_t length, struct top_line *out)
{
    char number[64], *end;
    size_t at = length;
    while (at > 0 && line[at - 1] != ' ')
        at--;
    if (at < 2 || length - at == 0 || length - at >= sizeof number)
        return false;
    memcpy(number, line + at, length - at);
    number[length - at] = '\0';
    *out = (struct top_line){.key = slice_of(line, at - 1), .value = strtod(number, &end)};
    return *end == '\0';
}

static enum err add_line(struct top_sample *sample, const struct top_line *line)
{
    if (sample->count == sample->capacity) {
        size_t larger = sample->capacity == 0 ? 1024 : sample->capacity * 2;
        void *moved = mem_resize(sample->mem, sample->lines, sample->capacity * sizeof *sample->lines,
                                 larger * sizeof *sample->lines);
        if (moved == NULL)
            return ERR_NO_MEMORY;
        sample->lines = moved;
        sample->capacity = larger;
    }
    sample->lines[sample->count++] = *line;
    return ERR_OK;
}

enum err top_sample_read(struct top_sample *sample, struct mem *mem, struct slice text, int64_t time_ns)
{
    const char *at = (const char *)text.data, *end = at + text.length;
    enum err err = ERR_OK;
    *sample = (struct top_sample){.mem = mem, .time_ns = time_ns};
    map_init(&sample->by_key, mem);
    while (err == ERR_OK && at < end) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((next == NULL ? end : next) - at);
        struct top_line line;
        if (length > 0 && at[0] != '#')
            err = parse_line(at, length, &line) ? add_line(sample, &line) : ERR_CORRUPT;
        at += length + 1;
    }
    for (size_t i = 0; err == ERR_OK && i < sample->count; i++) { /* the lines stay where they are from here on */
        struct slice key = sample->lines[i].key;
        if (find(sample, key) == NULL &&
            !map_put(&sample->by_key, hash_bytes(key.data, key.length, 0), &sample->lines[i]))
            err = ERR_NO_MEMORY;
    }
    if (err == ERR_OK && sample->count == 0)
        err = ERR_CORRUPT;
    if (err != ERR_OK)
        top_sample_fini(sample);
    return err;
}

void top_sample_fini(struct top_sample *sample)
{
    if (sample->mem == NULL)
        return;
    map_fini(&sample->by_key);
    mem_free(sample->mem, sample->lines, sample->capacity * sizeof *sample->lines);
    *sample = (struct top_sample){0};
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static double value_of(const struct top_sample *sample, struct slice key)
{
    const struct top_line *line = find(sample, key);
    return line == NULL ? 0 : line->value;
}

static struct slice key_of(char text[512], const char *format, va_list args)
{
    int length = vsnprintf(text, 512, format, args);
    ASSERT(length >= 0);
    return slice_of(text, size_min((size_t)length, 511));
}

double top_value(const struct top_sample *sample, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    struct slice key = key_of(text, format, args);
    va_end(args);
    return value_of(sample, key);
}

static double growth(const struct top_pair *pair, struct slice key, double now)
{
    double before = pair->before == NULL ? 0 : value_of(pair->before, key);
    return now >= before ? now - before : now;
}

double top_growth(const struct top_pair *pair, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    struct slice key = key_of(text, format, args);
    va_end(args);
    return growth(pair, key, value_of(pair->now, key));
}

double top_line_growth(const struct top_pair *pair, const struct top_line *line)
{
    return growth(pair, line->key, line->value);
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

bool top_is_named(struct slice key, const char *name)
{
    size_t length = strlen(name);
    return key.length >= length && memcmp(key.data, name, length) == 0 &&
           (key.length == length || key.data[length] == '{');
}

struct slice top_label(struct slice key, const char *name)
{
    char wanted[64];
    int length = snprintf(wanted, sizeof wanted, "%s=\"", name);
    ASSERT(length > 0 && (size_t)length < sizeof wanted);
    const uint8_t *end = key.data + key.length;
    for (const uint8_t *at = key.data; at < end;) {
        const uint8_t *found = memmem(at, (size_t)(end - at), wanted, (size_t)length);
        if (found == NULL)
            break;
        if (found > key.data && (found[-1] == '{' || found[-1] == ',')) {
            const uint8_t *value = found + length, *close = memchr(value, '"', (size_t)(end - value));
            return close == NULL ? SLICE_NULL : slice_of(value, (size_t)(close - value));
        }
        at = found + 1;
    }
    return SLICE_NULL;
}

/* ---- quantiles --------------------------------------------------------------------------------------------------- */

static const char *const bounds[] = {"1e-05",  "2.5e-05", "5e-05", "0.0001", "0.00025", "0.0005", "0.001",
                                     "0.0025", "0.005",   "0.01",  "0.025",  "0.05",    "0.1",    "0.25",
                                     "0.5",    "1",       "2.5",   "5",      "10"};

/* Linear within a bucket, as Prometheus does it. */
double top_quantile(const struct top_pair *pair, const char *name, const char *labels, double part)
{
    double total = top_growth(pair, "%s_count{%s}", name, labels), wanted = part * total, below = 0, from = 0;
    if (total <= 0)
        return 0;
    for (size_t i = 0; i < COUNT_OF(bounds); i++) {
        double to = strtod(bounds[i], NULL);
        double upto = top_growth(pair, "%s_bucket{%s,le=\"%s\"}", name, labels, bounds[i]);
        if (upto >= wanted)
            return upto > below ? from + (to - from) * (wanted - below) / (upto - below) : to;
        below = upto;
        from = to;
    }
    return from;
}
