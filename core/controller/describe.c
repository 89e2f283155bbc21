#include "core/controller/internal.h"

#include <stdio.h>

struct describe {
    const struct image *image;
    struct arena *arena;
    bool with_synonyms, with_documentation;
    const struct describe_configs_request_describe_configs_resource *asked;
    struct describe_configs_response_describe_configs_result *result;
};

typedef struct describe_configs_response_describe_configs_resource_result entry;
typedef struct describe_configs_response_describe_configs_synonym synonym;

static bool is_asked_for(const struct describe *describe, const char *name)
{
    int32_t count = describe->asked->configuration_keys.count;
    for (int32_t i = 0; i < count; i++)
        if (slice_equal_string(describe->asked->configuration_keys.items[i], name))
            return true;
    return count <= 0; /* none named: all */
}

const char *topic_value(const struct config_layers *layers, const struct topic_config *defaults, struct arena *arena,
                        const struct config_key *key, const struct config_setting *overrides, int count,
                        enum config_source *source)
{
    for (int i = 0; i < count; i++)
        if (strcmp(overrides[i].name, key->name) == 0) {
            *source = CONFIG_SOURCE_TOPIC;
            return overrides[i].value;
        }
    *source = CONFIG_SOURCE_DEFAULT;
    if (key->twin == NULL)
        return key->fallback;
    const struct config_key *twin = config_broker_key(slice_from_string(key->twin));
    const char *value = config_effective(layers, twin, source);
    if (value != NULL)
        return value;
    /* Comes from a key of another unit (hours, minutes): such keys are all milliseconds in 64 bits. */
    int64_t number;
    ASSERT(key->type == CONFIG_LONG);
    memcpy(&number, (const char *)defaults + key->offset, sizeof number);
    return arena_printf(arena, "%lld", (long long)number);
}

/* ---- synonyms -----------------------------------------------------------------------------------------------------
 */

struct chain {
    synonym *items;
    int count;
};

static void add_synonym(struct chain *chain, const char *name, const char *value, enum config_source source, bool hide)
{
    chain->items[chain->count++] = (synonym){.name = slice_from_string(name),
                                             .value = hide ? SLICE_NULL : slice_from_string(value),
                                             .source = (int8_t)source};
}

/* Kafka's order: source by source, in each the keys that stand in for one another; what comes before the first of the
 * key's own name is left out. */
static void add_broker_chain(const struct config_layers *layers, const struct config_key *key, const char *own_name,
                             struct chain *chain)
{
    const char *names[4] = {own_name}; /* listener.name.x.key goes before key */
    int prefixed = strcmp(own_name, key->name) != 0;
    int count = prefixed + config_broker_synonyms(key->name, names + prefixed);
    bool hide = config_key_sensitive(key);
    struct {
        const struct config_settings *settings;
        enum config_source source;
    } sources[] = {{layers->broker, CONFIG_SOURCE_DYNAMIC_BROKER},
                   {layers->cluster, CONFIG_SOURCE_DYNAMIC_DEFAULT},
                   {layers->node, CONFIG_SOURCE_STATIC},
                   {NULL, CONFIG_SOURCE_DEFAULT}};
    bool begun = false;
    for (size_t s = 0; s < COUNT_OF(sources); s++)
        for (int n = 0; n < count; n++) {
            const struct config_key *other = config_broker_key(slice_from_string(names[n]));
            const char *value = sources[s].source != CONFIG_SOURCE_DEFAULT
                                    ? config_setting(sources[s].settings, names[n])
                                : n < prefixed ? NULL
                                               : other->fallback;
            begun = begun || (value != NULL && strcmp(names[n], own_name) == 0);
            if (value != NULL && begun)
                add_synonym(chain, names[n], value, sources[s].source, hide);
        }
}

enum { CHAIN_MAX = 17 }; /* 4 sources x 4 names, and the topic's own value */

static bool begin_chain(const struct describe *describe, struct chain *chain)
{
    *chain = (struct chain){ARENA_ARRAY(describe->arena, synonym, CHAIN_MAX), 0};
    return chain->items != NULL;
}

static void finish_entry(const struct describe *describe, const struct config_key *key, const char *name,
                         const struct chain *chain, entry *entry_)
{
    entry_->name = slice_from_string(name);
    entry_->is_sensitive = config_key_sensitive(key);
    entry_->config_source = chain->count == 0 ? CONFIG_SOURCE_DEFAULT : chain->items[0].source;
    entry_->config_type = (int8_t)key->type;
    if (entry_->is_sensitive)
        entry_->value = SLICE_NULL;
    if (describe->with_synonyms) {
        entry_->synonyms.items = chain->items;
        entry_->synonyms.count = chain->count;
    }
    if (describe->with_documentation)
        entry_->documentation = slice_from_string(key->doc != NULL ? key->doc : "Known; has no effect yet.");
}

/* ---- resources ----------------------------------------------------------------------------------------------------
 */

static bool begin_entries(struct describe *describe, int count)
{
    describe->result->configs.count = 0;
    describe->result->configs.items = ARENA_ARRAY(describe->arena, entry, (size_t)count + 1);
    return describe->result->configs.items != NULL;
}

static struct verdict describe_topic(struct describe *describe)
{
    const struct image *image = describe->image;
    const char *problem = controller_topic_name_problem(describe->asked->resource_name, describe->arena);
    const struct image_topic *topic = image_topic_by_name(image, describe->asked->resource_name);
    if (problem != NULL)
        return (struct verdict){KAFKA_ERROR_INVALID_TOPIC_EXCEPTION, problem};
    if (topic == NULL)
        return (struct verdict){KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION, ""};
    if (!begin_entries(describe, config_topic_key_count))
        return (struct verdict){KAFKA_ERROR_UNKNOWN_SERVER_ERROR, NULL};
    for (int i = 0; i < config_topic_key_count; i++) {
        const struct config_key *key = &config_topic_keys[i];
        struct chain chain;
        enum config_source source;
        if (!is_asked_for(describe, key->name))
            continue;
        if (!begin_chain(describe, &chain))
            return (struct verdict){KAFKA_ERROR_UNKNOWN_SERVER_ERROR, NULL};
        const char *value = topic_value(&image->layers, &image->config->topic_defaults, describe->arena, key,
                                        topic->overrides, topic->override_count, &source);
        if (key->internal && source != CONFIG_SOURCE_TOPIC)
            continue;
        if (source == CONFIG_SOURCE_TOPIC)
            add_synonym(&chain, key->name, value, source, false);
        if (key->twin != NULL)
            add_broker_chain(&image->layers, config_broker_key(slice_from_string(key->twin)), key->twin, &chain);
        entry *entry_ = &describe->result->configs.items[describe->result->configs.count++];
        entry_->value = slice_from_string(value);
        finish_entry(describe, key, key->name, &chain, entry_);
    }
    return GOOD;
}

/* A key of one listener, or of a plug-in: nobody here knows the latter, and its value may be a secret. */
static bool describe_other(struct describe *describe, const struct config_layers *layers, const char *name,
                           const char *value, enum config_source source)
{
    const struct config_key *key = config_broker_key(slice_from_string(name));
    struct chain chain;
    entry *entry_ = &describe->result->configs.items[describe->result->configs.count];
    if (!begin_chain(describe, &chain))
        return false;
    describe->result->configs.count++;
    *entry_ = (entry){.name = slice_from_string(name),
                      .read_only = true,
                      .config_source = (int8_t)source,
                      .is_sensitive = true,
                      .config_type = CONFIG_UNKNOWN};
    if (key != NULL) {
        entry_->value = slice_from_string(value);
        add_broker_chain(layers, key, name, &chain);
        if (describe->asked->resource_name.length == 0)
            chain.count = 1;
        finish_entry(describe, key, name, &chain, entry_);
    } else {
        add_synonym(&chain, name, NULL, source, true);
        if (describe->with_synonyms) {
            entry_->synonyms.items = chain.items;
            entry_->synonyms.count = chain.count;
        }
    }
    return true;
}

/* What is set and is not a row of the table. */
static bool describe_others(struct describe *describe, const struct config_layers *layers)
{
    const struct {
        const struct config_settings *settings;
        enum config_source source;
    } sources[] = {{layers->broker, CONFIG_SOURCE_DYNAMIC_BROKER},
                   {layers->cluster, CONFIG_SOURCE_DYNAMIC_DEFAULT},
                   {layers->node, CONFIG_SOURCE_STATIC}};
    for (size_t s = 0; s < COUNT_OF(sources); s++)
        for (int i = 0; i < sources[s].settings->count; i++) {
            const char *name = sources[s].settings->items[i].name;
            const struct config_key *key = config_broker_key(slice_from_string(name));
            bool seen = !is_asked_for(describe, name) || (key != NULL && strcmp(key->name, name) == 0);
            for (size_t above = 0; above < s; above++)
                seen = seen || config_setting(sources[above].settings, name) != NULL;
            if (!seen &&
                !describe_other(describe, layers, name, sources[s].settings->items[i].value, sources[s].source))
                return false;
        }
    return true;
}

static bool is_set(const struct config_layers *layers, const char *name)
{
    return config_setting(layers->broker, name) != NULL || config_setting(layers->cluster, name) != NULL ||
           config_setting(layers->node, name) != NULL;
}

static struct verdict describe_broker(struct describe *describe)
{
    const struct image *image = describe->image;
    struct slice name = describe->asked->resource_name;
    char expected[16];
    snprintf(expected, sizeof expected, "%d", image->node_id);
    if (name.length > 0 && !slice_equal_string(name, expected))
        return refuse(describe->arena, KAFKA_ERROR_INVALID_REQUEST,
                      "Unexpected broker id, expected %s or empty string, but received %.*s", expected,
                      (int)size_min(name.length, 256), (const char *)name.data);
    if (!begin_entries(describe, config_broker_key_count + image->layers.cluster->count + image->layers.broker->count +
                                     image->layers.node->count))
        return (struct verdict){KAFKA_ERROR_UNKNOWN_SERVER_ERROR, NULL};
    /* Without a broker: only what was set for the whole cluster. */
    struct config_layers layers = image->layers;
    static const struct config_settings none;
    if (name.length == 0)
        layers.broker = layers.node = &none;
    for (int i = 0; i < config_broker_key_count; i++) {
        const struct config_key *key = &config_broker_keys[i];
        struct chain chain;
        enum config_source source;
        if (!is_asked_for(describe, key->name) ||
            (name.length == 0 && config_setting(layers.cluster, key->name) == NULL) ||
            (key->internal && !is_set(&layers, key->name)))
            continue;
        if (!begin_chain(describe, &chain))
            return (struct verdict){KAFKA_ERROR_UNKNOWN_SERVER_ERROR, NULL};
        const char *value = config_effective(&layers, key, &source);
        add_broker_chain(&layers, key, key->name, &chain);
        if (name.length == 0)
            chain.count = 1; /* the dynamic default alone */
        entry *entry_ = &describe->result->configs.items[describe->result->configs.count++];
        entry_->value = slice_from_string(value);
        entry_->read_only = key->scope == CONFIG_READ_ONLY || key->internal;
        finish_entry(describe, key, key->name, &chain, entry_);
    }
    return describe_others(describe, &layers) ? GOOD : (struct verdict){KAFKA_ERROR_UNKNOWN_SERVER_ERROR, NULL};
}

enum err controller_describe_configs(const struct image *image, struct arena *arena,
                                     const struct describe_configs_request *request,
                                     struct describe_configs_response *response)
{
    int count = request->resources.count < 0 ? 0 : request->resources.count;
    WIRE_DEFAULTS(describe_configs_response_schema, response);
    response->results.items =
        ARENA_ARRAY(arena, struct describe_configs_response_describe_configs_result, (size_t)count + 1);
    if (response->results.items == NULL)
        return ERR_NO_MEMORY;
    for (int i = 0; i < count; i++) {
        struct describe describe = {.image = image,
                                    .arena = arena,
                                    .with_synonyms = request->include_synonyms,
                                    .with_documentation = request->include_documentation,
                                    .asked = &request->resources.items[i],
                                    .result = &response->results.items[i]};
        struct verdict verdict;
        *describe.result = (struct describe_configs_response_describe_configs_result){
            .resource_type = describe.asked->resource_type, .resource_name = describe.asked->resource_name};
        if (describe.asked->resource_type == CONFIG_RESOURCE_TOPIC)
            verdict = describe_topic(&describe);
        else if (describe.asked->resource_type == CONFIG_RESOURCE_BROKER)
            verdict = describe_broker(&describe);
        else
            verdict = refuse(arena, KAFKA_ERROR_INVALID_REQUEST, "Unsupported resource type: %d",
                             describe.asked->resource_type);
        if (arena->failed)
            return ERR_NO_MEMORY;
        describe.result->error_code = verdict.code;
        describe.result->error_message = slice_from_string(verdict.message == NULL ? "" : verdict.message);
    }
    response->results.count = count;
    return ERR_OK;
}

/* ---- what can be configured ---------------------------------------------------------------------------------------
 */

static bool wants_type(const struct list_config_resources_request *request, int8_t type)
{
    for (int32_t i = 0; i < request->resource_types.count; i++)
        if (request->resource_types.items[i] == type)
            return true;
    return request->resource_types.count <= 0;
}

static void add_resource(struct list_config_resources_response *response, struct slice name, int8_t type)
{
    response->config_resources.items[response->config_resources.count++] =
        (struct list_config_resources_response_config_resource){.resource_name = name, .resource_type = type};
}

/* KIP-1142. Version 0 asks for client metrics only, of which there are none. */
enum err controller_list_config_resources(const struct image *image, struct arena *arena, int16_t version,
                                          const struct list_config_resources_request *request,
                                          struct list_config_resources_response *response)
{
    static const int8_t known[] = {CONFIG_RESOURCE_TOPIC, CONFIG_RESOURCE_BROKER, CONFIG_RESOURCE_BROKER_LOGGER,
                                   CONFIG_RESOURCE_CLIENT_METRICS, CONFIG_RESOURCE_GROUP};
    size_t most = (size_t)image->topic_count + 2 * (size_t)image->broker_count + 1;
    WIRE_DEFAULTS(list_config_resources_response_schema, response);
    response->config_resources.items = ARENA_ARRAY(arena, struct list_config_resources_response_config_resource, most);
    if (response->config_resources.items == NULL)
        return ERR_NO_MEMORY;
    if (version == 0)
        return ERR_OK;
    for (int32_t i = 0; i < request->resource_types.count; i++)
        if (memchr(known, request->resource_types.items[i], sizeof known) == NULL) {
            response->error_code = KAFKA_ERROR_UNSUPPORTED_VERSION;
            return ERR_OK;
        }
    for (int32_t i = 0; i < image->topic_count && wants_type(request, CONFIG_RESOURCE_TOPIC); i++)
        add_resource(response, slice_of(image->topics[i]->name, image->topics[i]->name_length), CONFIG_RESOURCE_TOPIC);
    for (int32_t i = 0; i < image->broker_count; i++) {
        char *id = arena_printf(arena, "%d", image->brokers[i].id);
        if (id == NULL)
            return ERR_NO_MEMORY;
        if (wants_type(request, CONFIG_RESOURCE_BROKER))
            add_resource(response, slice_from_string(id), CONFIG_RESOURCE_BROKER);
        if (wants_type(request, CONFIG_RESOURCE_BROKER_LOGGER))
            add_resource(response, slice_from_string(id), CONFIG_RESOURCE_BROKER_LOGGER);
    }
    return ERR_OK;
}
