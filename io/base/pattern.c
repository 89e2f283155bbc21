#include "io/base/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>

enum { STEPS_MAX = 1000000, HEAP_MAX_KIB = 1024 };

struct pattern {
    struct mem *mem;
    pcre2_general_context *general;
    pcre2_match_context *match;
    pcre2_match_data *data;
    pcre2_code *code;
};

/* PCRE2 does not say the size when it frees: it is kept in front. */
enum { SIZE_BYTES = 16 };

static void *take(PCRE2_SIZE size, void *mem)
{
    uint8_t *block = mem_alloc(mem, size + SIZE_BYTES);
    if (block == NULL)
        return NULL;
    memcpy(block, &size, sizeof(size));
    return block + SIZE_BYTES;
}

static void give(void *block, void *mem)
{
    PCRE2_SIZE size;
    if (block == NULL)
        return;
    uint8_t *start = (uint8_t *)block - SIZE_BYTES;
    memcpy(&size, start, sizeof(size));
    mem_free(mem, start, size + SIZE_BYTES);
}

void pattern_free(struct pattern *pattern)
{
    if (pattern == NULL)
        return;
    pcre2_match_data_free(pattern->data);
    pcre2_match_context_free(pattern->match);
    pcre2_code_free(pattern->code);
    pcre2_general_context_free(pattern->general);
    MEM_DELETE(pattern->mem, pattern);
}

enum err pattern_compile(struct mem *mem, struct slice text, struct pattern **made, char why[PATTERN_ERROR_BYTES])
{
    int error = 0;
    PCRE2_SIZE at = 0;
    struct pattern *pattern = MEM_NEW(mem, struct pattern);
    *made = NULL;
    why[0] = '\0';
    if (pattern == NULL)
        return ERR_NO_MEMORY;
    pattern->mem = mem;
    pattern->general = pcre2_general_context_create(take, give, mem);
    if (pattern->general == NULL) {
        pattern_free(pattern);
        return ERR_NO_MEMORY;
    }
    pcre2_compile_context *compile = pcre2_compile_context_create(pattern->general);
    pattern->match = pcre2_match_context_create(pattern->general);
    if (compile != NULL && pattern->match != NULL)
        pattern->code =
            pcre2_compile(text.length == 0 ? (PCRE2_SPTR) "" : text.data, text.length,
                          PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_DOLLAR_ENDONLY, &error, &at, compile);
    pcre2_compile_context_free(compile);
    if (pattern->code != NULL)
        pattern->data = pcre2_match_data_create_from_pattern(pattern->code, pattern->general);
    if (pattern->data == NULL) {
        bool is_wrong = pattern->match != NULL && compile != NULL && pattern->code == NULL &&
                        error != PCRE2_ERROR_NOMEMORY && error != 121; /* 121: no memory while compiling */
        uint8_t message[PATTERN_ERROR_BYTES - 32] = {0};
        if (is_wrong) {
            pcre2_get_error_message(error, message, sizeof(message));
            snprintf(why, PATTERN_ERROR_BYTES, "%s near index %zu", (char *)message, (size_t)at);
        }
        pattern_free(pattern);
        return is_wrong ? ERR_INVALID : ERR_NO_MEMORY;
    }
    pcre2_set_match_limit(pattern->match, STEPS_MAX);
    pcre2_set_heap_limit(pattern->match, HEAP_MAX_KIB);
    *made = pattern;
    return ERR_OK;
}

bool pattern_matches(const struct pattern *pattern, struct slice text)
{
    return pcre2_match(pattern->code, text.length == 0 ? (PCRE2_SPTR) "" : text.data, text.length, 0, 0, pattern->data,
                       pattern->match) >= 0;
}
