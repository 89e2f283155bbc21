#include "net/handlers/document.h"

#include "core/wire/error.h"
#include "io/base/page.h"
#include "net/handlers/api.h"

#include <stdio.h>

static void add_api(struct page *page, const struct wire_api *api, bool on_control)
{
    char flexible[16] = "none";
    if (api->request->flexible_from <= api->highest)
        snprintf(flexible, sizeof flexible, "%d", api->request->flexible_from);
    page_add(page, "| %d | %s | %d-%d | %d-%d | %s | %s |\n", api->key, api->name, api->listed, api->highest,
             api->lowest, api->highest, flexible, on_control ? "control" : "the connection's");
}

static void add_errors(struct page *page)
{
    page_add(page, "\n## Error codes\n\n| code | name | retriable | meaning |\n|---|---|---|---|\n");
#define E(code, name, retriable, text)                                                                                 \
    page_add(page, "| %d | %s | %s | %s |\n", code, #name, retriable ? "yes" : "no", text);
    KAFKA_ERROR_TABLE(E)
#undef E
}

const char *protocol_document(struct arena *arena)
{
    struct page page = {.capacity = 64 * 1024};
    int count;
    const struct handler *served = handlers(&count);
    page.text = arena_alloc(arena, page.capacity);
    if (page.text == NULL)
        return NULL;
    page_add(
        &page,
        "# Protocol\n\n"
        "Made from core/wire/api.h, core/wire/error.h and net/handlers/table.c; `make docs` writes this file\n"
        "again and a test fails when it is stale.\n\n"
        "## APIs\n\n"
        "\"Listed\" is what ApiVersions shows. Produce is listed from version 0 because older librdkafka needs to\n"
        "see it, and served from 3, as in Kafka 4. What is not in this table is not advertised, and asking for\n"
        "it closes the connection.\n\n"
        "| key | name | listed | served | flexible from | shard |\n|---|---|---|---|---|---|\n");
    for (int i = 0; i < count; i++) {
        const struct wire_api *api = wire_api_find(served[i].api_key);
        ASSERT(api != NULL);
        add_api(&page, api, served[i].on_control);
    }
    add_errors(&page);
    ASSERT(page.length < page.capacity); /* sized for the tables, which are ours */
    return page.text;
}
