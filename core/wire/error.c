#include "core/wire/error.h"

#include <stddef.h>

static const struct error_row {
    int16_t code;
    bool retriable;
    const char *name;
    const char *text;
} rows[] = {
#define E(code, name, retry, text) {code, retry, #name, text},
    KAFKA_ERROR_TABLE(E)
#undef E
};

/* The table is in order of code and without holes, beginning with -1. */
static const struct error_row *row_of(int16_t code)
{
    int index = code + 1;
    return index >= 0 && index < (int)(sizeof(rows) / sizeof(rows[0])) ? &rows[index] : NULL;
}

const char *kafka_error_name(int16_t code)
{
    const struct error_row *row = row_of(code);
    return row == NULL ? NULL : row->name;
}

const char *kafka_error_text(int16_t code)
{
    const struct error_row *row = row_of(code);
    return row == NULL ? "an error code that this version does not know" : row->text;
}

bool kafka_error_retriable(int16_t code)
{
    const struct error_row *row = row_of(code);
    return row != NULL && row->retriable;
}
