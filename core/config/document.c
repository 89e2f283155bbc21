#include "core/config/internal.h"
#include "io/base/page.h"

static const char *const type_names[] = {"",     "boolean", "string", "int",   "short",
                                         "long", "double",  "list",   "class", "password"};
static const char *const scope_names[] = {"at start only", "per broker", "cluster"};

static void add_range(struct page *page, const struct config_key *key)
{
    if (key->check == CONFIG_RANGE && key->or_minus_one)
        page_add(page, "%.15g to %.15g, or -1", key->min, key->max);
    else if (key->check == CONFIG_RANGE && key->max >= 1e299)
        page_add(page, "at least %.15g", key->min);
    else if (key->check == CONFIG_RANGE)
        page_add(page, "%.15g to %.15g", key->min, key->max);
    else if (key->check == CONFIG_SET)
        page_add(page, "%s", key->set);
}

static void add_row(struct page *page, const struct config_key *key, bool is_topic)
{
    const char *fallback = key->fallback == NULL ? "not set" : key->fallback[0] == '\0' ? "empty" : key->fallback;
    page_add(page, "| `%s` | %s | %s | ", key->name, type_names[key->type], fallback);
    add_range(page, key);
    if (is_topic && key->twin != NULL)
        page_add(page, " | `%s`", key->twin);
    else
        page_add(page, " | %s", is_topic ? "" : scope_names[key->scope]);
    page_add(page, " | %s |\n", key->doc);
}

const char *config_document(struct arena *arena)
{
    struct page page = {.capacity = 128 * 1024};
    page.text = arena_alloc(arena, page.capacity);
    if (page.text == NULL)
        return NULL;
    page_add(
        &page,
        "# Configuration\n\n"
        "Made from core/config/*.def; `make docs` writes this file again and a test fails when it is stale.\n\n"
        "`ringmain start [FILE] [--override key=value]...` takes Kafka's `server.properties`. Every error in it is\n"
        "reported at once with its line and the broker does not start; keys that are unknown or have no effect yet\n"
        "are named in one warning each.\n\n"
        "## Node\n\n\"Changes\" says what a key's value may be changed for while the broker runs.\n\n"
        "| key | type | default | values | changes | meaning |\n|---|---|---|---|---|---|\n");
    for (int i = 0; i < config_broker_key_count; i++)
        if (config_broker_keys[i].doc != NULL)
            add_row(&page, &config_broker_keys[i], false);
    page_add(&page,
             "\n## Topics\n\nAll of them take effect without a restart. A topic that does not set a key uses the\n"
             "node's key named beside it.\n\n"
             "| key | type | default | values | node key | meaning |\n|---|---|---|---|---|---|\n");
    for (int i = 0; i < config_topic_key_count; i++)
        add_row(&page, &config_topic_keys[i], true);
    page_add(&page,
             "\n## Known, without effect yet\n\nThese keys of Kafka are checked, kept and shown, and named once at "
             "start.\n\n");
    for (int i = 0; i < config_broker_key_count; i++)
        if (config_broker_keys[i].doc == NULL)
            page_add(&page, "- `%s`\n", config_broker_keys[i].name);
    ASSERT(page.length < page.capacity); /* sized for the tables, which are ours */
    return page.text;
}
