#include "core/controller/internal.h"

#include <stdio.h>
#include <stdlib.h>

/* Alter and incremental alter differ in how the new set of a resource comes about; from then on they are the same. */

static const char least_in_sync[] = "min.insync.replicas";

enum { OP_SET = 0, OP_DELETE = 1, OP_APPEND = 2, OP_SUBTRACT = 3 };

struct alter {
    struct controller *controller;
    int8_t type;
    struct slice name;
    const struct config_setting *before; /* what the resource has now */
    int before_count;
    struct config_setting *after;
    int after_count, after_capacity;
};

static struct verdict no_memory(void)
{
    return (struct verdict){KAFKA_ERROR_UNKNOWN_SERVER_ERROR, "out of memory"};
}

struct verdict check_topic_settings(struct arena *arena, const struct broker_config *broker,
                                    const struct config_setting *settings, int count)
{
    char why[CONFIG_WHY_SIZE];
    struct topic_config resolved;
    for (int i = 0; i < count; i++) {
        const struct config_key *key = config_topic_key(slice_from_string(settings[i].name));
        if (key == NULL)
            return refuse(arena, KAFKA_ERROR_INVALID_CONFIG, "Unknown topic config name: %s", settings[i].name);
        if (!config_check_value(key, slice_from_string(settings[i].value), why))
            return refuse(arena, KAFKA_ERROR_INVALID_CONFIG, "%s", why);
    }
    config_resolve_topic(broker, settings, count, &resolved);
    return config_check_topic(&resolved, why) ? GOOD : refuse(arena, KAFKA_ERROR_INVALID_CONFIG, "%s", why);
}

/* ---- which resource -----------------------------------------------------------------------------------------------
 */

static struct verdict check_broker_name(const struct controller *controller, struct slice name)
{
    char expected[16];
    snprintf(expected, sizeof expected, "%d", controller->image->node_id);
    if (name.length == 0 || slice_equal_string(name, expected))
        return GOOD;
    for (size_t i = 0; i < name.length; i++)
        if (name.data[i] < '0' || name.data[i] > '9' || i > 9)
            return refuse(controller->arena, KAFKA_ERROR_INVALID_REQUEST, "Node id must be an integer, but it is: %.*s",
                          (int)size_min(name.length, 256), (const char *)name.data);
    return refuse(controller->arena, KAFKA_ERROR_INVALID_REQUEST,
                  "Unexpected broker id, expected %s, but received %.*s", expected, SLICE_ARG(name));
}

static struct verdict find_resource(struct alter *alter)
{
    struct arena *arena = alter->controller->arena;
    const struct image *image = alter->controller->image;
    if (alter->type == CONFIG_RESOURCE_BROKER) {
        const struct image_resource *resource = image_resource_of(image, alter->type, alter->name);
        alter->before = resource == NULL ? NULL : resource->settings.items;
        alter->before_count = resource == NULL ? 0 : resource->settings.count;
        return check_broker_name(alter->controller, alter->name);
    }
    if (alter->type != CONFIG_RESOURCE_TOPIC)
        return refuse(arena, KAFKA_ERROR_INVALID_REQUEST, "Unexpected resource type %d.", alter->type);
    if (alter->name.length == 0)
        return refuse(arena, KAFKA_ERROR_INVALID_REQUEST, "Default topic resources are not allowed.");
    const char *problem = controller_topic_name_problem(alter->name, arena);
    if (problem != NULL)
        return (struct verdict){KAFKA_ERROR_INVALID_TOPIC_EXCEPTION, problem};
    const struct image_topic *topic = image_topic_by_name(image, alter->name);
    if (topic == NULL)
        return refuse(arena, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION, "The topic '%.*s' does not exist.",
                      SLICE_ARG(alter->name));
    alter->before = topic->overrides;
    alter->before_count = topic->override_count;
    return GOOD;
}

static const struct config_key *key_of(const struct alter *alter, struct slice name)
{
    return alter->type == CONFIG_RESOURCE_TOPIC ? config_topic_key(name) : config_broker_key(name);
}

/* ---- the new set --------------------------------------------------------------------------------------------------
 */

static struct verdict begin_set(struct alter *alter, int changes, bool keep)
{
    alter->after_count = 0;
    alter->after_capacity = alter->before_count + changes + 1;
    alter->after = ARENA_ARRAY(alter->controller->arena, struct config_setting, (size_t)alter->after_capacity);
    if (alter->after == NULL)
        return no_memory();
    for (int i = 0; keep && i < alter->before_count; i++)
        alter->after[alter->after_count++] = alter->before[i];
    return GOOD;
}

static int find_setting(const struct config_setting *settings, int count, struct slice name)
{
    for (int i = 0; i < count; i++)
        if (slice_equal_string(name, settings[i].name))
            return i;
    return -1;
}

static struct verdict set_one(struct alter *alter, struct slice name, const char *value)
{
    int at = find_setting(alter->after, alter->after_count, name);
    if (value == NULL) {
        if (at >= 0)
            alter->after[at] = alter->after[--alter->after_count];
        return GOOD;
    }
    if (at >= 0) {
        alter->after[at].value = value;
        return GOOD;
    }
    const char *key = text_of(alter->controller->arena, name);
    if (key == NULL || memchr(name.data, '\0', name.length) != NULL)
        return key == NULL ? no_memory()
                           : refuse(alter->controller->arena, KAFKA_ERROR_INVALID_REQUEST, "A name contains a NUL");
    ASSERT(alter->after_count < alter->after_capacity);
    alter->after[alter->after_count++] = (struct config_setting){key, value, 0};
    return GOOD;
}

static bool next_item(const char **rest, struct slice *item)
{
    if (*rest == NULL || **rest == '\0')
        return false;
    const char *comma = strchr(*rest, ',');
    *item = slice_of(*rest, comma == NULL ? strlen(*rest) : (size_t)(comma - *rest));
    *rest = comma == NULL ? NULL : comma + 1;
    return true;
}

static bool list_has(const char *list, struct slice wanted)
{
    struct slice item;
    while (next_item(&list, &item))
        if (slice_equal(item, wanted))
            return true;
    return false;
}

static void add_item(char *out, struct slice item)
{
    size_t length = strlen(out);
    if (length > 0)
        out[length++] = ',';
    memcpy(out + length, item.data, item.length);
    out[length + item.length] = '\0';
}

/* The list after appending what it lacks, or without what is taken out. NULL: no memory. */
static const char *change_list(struct arena *arena, const char *list, const char *items, bool append)
{
    char *out = arena_alloc(arena, strlen(list) + strlen(items) + 2);
    const char *rest = list;
    struct slice item;
    if (out == NULL)
        return NULL;
    while (next_item(&rest, &item))
        if (append || !list_has(items, item))
            add_item(out, item);
    rest = items;
    while (append && next_item(&rest, &item))
        if (!list_has(out, item))
            add_item(out, item);
    return out;
}

/* What a list holds before APPEND and SUBTRACT: the resource's own value, else the one in force. */
static const char *list_before(const struct alter *alter, const struct config_key *key)
{
    const struct image *image = alter->controller->image;
    enum config_source source;
    int at = find_setting(alter->before, alter->before_count, slice_from_string(key->name));
    if (at >= 0)
        return alter->before[at].value;
    const char *value = alter->type == CONFIG_RESOURCE_TOPIC
                            ? topic_value(&image->layers, &image->config->topic_defaults, alter->controller->arena, key,
                                          NULL, 0, &source)
                            : config_effective(&image->layers, key, &source);
    return value == NULL ? "" : value;
}

/* KIP-966: how many must be in sync decides who may lead, so it is one value for all brokers, and always there. */
static struct verdict check_least_in_sync(const struct alter *alter, struct slice name, bool removed)
{
    struct arena *arena = alter->controller->arena;
    const struct image_feature *feature = image_feature_named(alter->controller->image, CONTROLLER_ELR_FEATURE);
    if (alter->type != CONFIG_RESOURCE_BROKER || !slice_equal_string(name, least_in_sync) || feature == NULL ||
        feature->level == 0)
        return GOOD;
    if (alter->name.length > 0)
        return refuse(arena, KAFKA_ERROR_INVALID_CONFIG, "Broker-level %s cannot be altered while ELR is enabled.",
                      least_in_sync);
    return !removed ? GOOD
                    : refuse(arena, KAFKA_ERROR_INVALID_CONFIG,
                             "Cluster-level %s cannot be removed while ELR is enabled.", least_in_sync);
}

static bool changes_list(int8_t operation)
{
    return operation == OP_APPEND || operation == OP_SUBTRACT;
}

static struct verdict check_list(const struct alter *alter, struct slice name, int8_t operation)
{
    const struct config_key *key = key_of(alter, name);
    if (key != NULL && key->type == CONFIG_LIST)
        return GOOD;
    bool appends = operation == OP_APPEND;
    int length = (int)size_min(name.length, 256);
    if (alter->type == CONFIG_RESOURCE_BROKER)
        return refuse(alter->controller->arena, KAFKA_ERROR_INVALID_CONFIG,
                      "Config value %s is not allowed for config key: %.*s", appends ? "append" : "subtract", length,
                      (const char *)name.data);
    return refuse(alter->controller->arena, KAFKA_ERROR_INVALID_CONFIG,
                  "Can't %s to key %.*s because its type is not LIST.", appends ? "APPEND" : "SUBTRACT", length,
                  (const char *)name.data);
}

static struct verdict change_one(struct alter *alter, struct slice name, int8_t operation, struct slice value)
{
    struct arena *arena = alter->controller->arena;
    const char *text = slice_is_null(value) ? "" : text_of(arena, value);
    struct verdict verdict = check_least_in_sync(alter, name, operation == OP_DELETE);
    if (text == NULL)
        return no_memory();
    if (is_bad(verdict))
        return verdict;
    if (operation == OP_DELETE)
        return set_one(alter, name, NULL);
    if (operation == OP_SET)
        return set_one(alter, name, text);
    if (!changes_list(operation))
        return refuse(arena, KAFKA_ERROR_INVALID_REQUEST, "Unknown config operation type: %d", operation);
    verdict = check_list(alter, name, operation);
    if (is_bad(verdict))
        return verdict;
    text = change_list(arena, list_before(alter, key_of(alter, name)), text, operation == OP_APPEND);
    return text == NULL ? no_memory() : set_one(alter, name, text);
}

/* ---- the check, and the records -----------------------------------------------------------------------------------
 */

static bool is_changed(const struct alter *alter, const struct config_setting *setting)
{
    int at = find_setting(alter->before, alter->before_count, slice_from_string(setting->name));
    return at < 0 || strcmp(alter->before[at].value, setting->value) != 0;
}

/* Of these Kafka says so (SslConfigs.RECONFIGURABLE_CONFIGS); other keys of SSL and SASL may be set for a broker. */
static bool is_of_a_store(const char *name)
{
    return strncmp(name, "ssl.keystore.", 13) == 0 || strncmp(name, "ssl.truststore.", 15) == 0 ||
           strcmp(name, "ssl.key.password") == 0;
}

/* KIP-226. A broker's keys that are not known to us are kept and do nothing, as in Kafka (plug-ins may read them). */
static struct verdict check_broker_settings(const struct alter *alter)
{
    struct arena *arena = alter->controller->arena;
    char why[CONFIG_WHY_SIZE];
    for (int i = 0; i < alter->after_count; i++) {
        const struct config_setting *setting = &alter->after[i];
        const struct config_key *key = config_broker_key(slice_from_string(setting->name));
        if (key == NULL || !is_changed(alter, setting))
            continue;
        if (key->scope == CONFIG_READ_ONLY)
            return refuse(arena, KAFKA_ERROR_INVALID_REQUEST, "Cannot update these configs dynamically: [%s]",
                          setting->name);
        if (is_of_a_store(setting->name))
            return refuse(arena, KAFKA_ERROR_INVALID_REQUEST,
                          "These security configs can be dynamically updated only per-listener using the listener "
                          "prefix: [%s]",
                          setting->name);
        if (key->scope == CONFIG_PER_BROKER && alter->name.length == 0)
            return refuse(arena, KAFKA_ERROR_INVALID_REQUEST,
                          "Cannot update these configs at default cluster level, broker id must be specified: [%s]",
                          setting->name);
        if (key->scope == CONFIG_PER_BROKER && key->doc != NULL) /* sockets are opened at start only */
            return refuse(arena, KAFKA_ERROR_INVALID_REQUEST, "Cannot update these configs dynamically: [%s]",
                          setting->name);
        if (!config_check_value(key, slice_from_string(setting->value), why))
            return refuse(arena, KAFKA_ERROR_INVALID_REQUEST, "%s", why);
        if (strcmp(key->name, "log.retention.ms") == 0 && (atoll(setting->value) == 0 || atoll(setting->value) < -1))
            return refuse(arena, KAFKA_ERROR_INVALID_REQUEST,
                          "requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal to 1");
    }
    return GOOD;
}

static enum err add_config_record(struct controller *controller, int8_t type, struct slice resource, const char *name,
                                  const char *value)
{
    struct meta_record *record = meta_records_add(&controller->records, controller->arena, META_CONFIG);
    if (record == NULL)
        return ERR_NO_MEMORY;
    record->config.resource_type = type;
    record->config.resource_name = resource;
    record->config.name = slice_from_string(name);
    record->config.value = slice_from_string(value);
    return ERR_OK;
}

static enum err add_record(const struct alter *alter, const char *name, const char *value)
{
    return add_config_record(alter->controller, alter->type, alter->name, name, value);
}

static struct verdict finish(const struct alter *alter)
{
    struct verdict verdict = alter->type == CONFIG_RESOURCE_TOPIC
                                 ? check_topic_settings(alter->controller->arena, alter->controller->image->config,
                                                        alter->after, alter->after_count)
                                 : check_broker_settings(alter);
    for (int i = 0; i < alter->before_count && !is_bad(verdict); i++) {
        struct slice name = slice_from_string(alter->before[i].name);
        if (find_setting(alter->after, alter->after_count, name) < 0)
            verdict = check_least_in_sync(alter, name, true);
    }
    if (is_bad(verdict))
        return verdict;
    for (int i = 0; i < alter->before_count; i++)
        if (find_setting(alter->after, alter->after_count, slice_from_string(alter->before[i].name)) < 0 &&
            add_record(alter, alter->before[i].name, NULL) != ERR_OK)
            return no_memory();
    for (int i = 0; i < alter->after_count; i++)
        if (is_changed(alter, &alter->after[i]) &&
            add_record(alter, alter->after[i].name, alter->after[i].value) != ERR_OK)
            return no_memory();
    return GOOD;
}

enum err settle_least_in_sync(struct controller *controller)
{
    static const struct config_settings none;
    const struct image *image = controller->image;
    struct config_layers layers = {.broker = &none, .cluster = &none, .node = image->layers.node};
    enum config_source source;
    enum err err = ERR_OK;
    bool is_set = false;
    for (int32_t i = 0; i < image->resource_count && err == ERR_OK; i++) {
        const struct image_resource *resource = &image->resources[i];
        struct slice name = slice_from_string(resource->name);
        if (resource->type != CONFIG_RESOURCE_BROKER || config_setting(&resource->settings, least_in_sync) == NULL)
            continue;
        is_set = is_set || name.length == 0;
        if (name.length > 0)
            err = add_config_record(controller, resource->type, name, least_in_sync, NULL);
    }
    if (is_set || err != ERR_OK)
        return err;
    const struct config_key *key = config_broker_key(slice_from_string(least_in_sync));
    return add_config_record(controller, CONFIG_RESOURCE_BROKER, SLICE_LITERAL(""), least_in_sync,
                             config_effective(&layers, key, &source));
}

/* ---- the two requests ---------------------------------------------------------------------------------------------
 */

static struct verdict null_value(struct arena *arena, struct slice name)
{
    return refuse(arena, KAFKA_ERROR_INVALID_REQUEST, "Null value not supported for : %.*s",
                  (int)size_min(name.length, 256), (const char *)name.data);
}

/* Changes are compared with each other one by one. */
static struct verdict too_many_settings(struct arena *arena)
{
    return refuse(arena, KAFKA_ERROR_INVALID_REQUEST, "More than %d settings for one resource.",
                  CONTROLLER_SETTINGS_MAX);
}

static struct verdict repeated_key(struct arena *arena)
{
    return refuse(arena, KAFKA_ERROR_INVALID_REQUEST, "Error due to duplicate config keys");
}

static struct verdict alter_resource(struct controller *controller,
                                     const struct alter_configs_request_alter_configs_resource *resource)
{
    struct alter alter = {.controller = controller, .type = resource->resource_type, .name = resource->resource_name};
    int count = resource->configs.count < 0 ? 0 : resource->configs.count;
    struct repeat *names = ARENA_ARRAY(controller->arena, struct repeat, (size_t)count + 1);
    if (count > CONTROLLER_SETTINGS_MAX)
        return too_many_settings(controller->arena);
    for (int i = 0; names != NULL && i < count; i++) {
        if (slice_is_null(resource->configs.items[i].value))
            return null_value(controller->arena, resource->configs.items[i].name);
        names[i].name = resource->configs.items[i].name;
    }
    if (names == NULL || !mark_repeats(controller->arena, names, count))
        return no_memory();
    struct verdict verdict = find_resource(&alter);
    if (!is_bad(verdict))
        verdict = begin_set(&alter, count, false);
    for (int i = 0; i < count && !is_bad(verdict); i++)
        verdict = names[i].mark != REPEAT_NONE
                      ? repeated_key(controller->arena)
                      : change_one(&alter, names[i].name, OP_SET, resource->configs.items[i].value);
    return is_bad(verdict) ? verdict : finish(&alter);
}

/* Of a topic Kafka looks at this before it looks for the topic. */
static struct verdict check_lists(const struct alter *alter,
                                  const struct incremental_alter_configs_request_alter_configs_resource *resource)
{
    struct verdict verdict = GOOD;
    for (int i = 0; i < resource->configs.count && !is_bad(verdict) && alter->type == CONFIG_RESOURCE_TOPIC; i++)
        if (changes_list(resource->configs.items[i].config_operation))
            verdict = check_list(alter, resource->configs.items[i].name, resource->configs.items[i].config_operation);
    return verdict;
}

static struct verdict
alter_incrementally(struct controller *controller,
                    const struct incremental_alter_configs_request_alter_configs_resource *resource)
{
    struct alter alter = {.controller = controller, .type = resource->resource_type, .name = resource->resource_name};
    int count = resource->configs.count < 0 ? 0 : resource->configs.count;
    struct repeat *names = ARENA_ARRAY(controller->arena, struct repeat, (size_t)count + 1);
    if (count > CONTROLLER_SETTINGS_MAX)
        return too_many_settings(controller->arena);
    for (int i = 0; names != NULL && i < count; i++) {
        const struct incremental_alter_configs_request_alterable_config *config = &resource->configs.items[i];
        if (slice_is_null(config->value) && config->config_operation != OP_DELETE)
            return null_value(controller->arena, config->name);
        names[i].name = config->name;
    }
    if (names == NULL || !mark_repeats(controller->arena, names, count))
        return no_memory();
    struct verdict verdict = check_lists(&alter, resource);
    if (!is_bad(verdict))
        verdict = find_resource(&alter);
    if (!is_bad(verdict))
        verdict = begin_set(&alter, count, true);
    for (int i = 0; i < count && !is_bad(verdict); i++) {
        const struct incremental_alter_configs_request_alterable_config *config = &resource->configs.items[i];
        verdict = names[i].mark != REPEAT_NONE
                      ? repeated_key(controller->arena)
                      : change_one(&alter, config->name, config->config_operation, config->value);
    }
    return is_bad(verdict) ? verdict : finish(&alter);
}

/* Type and name of a resource as one string, to find those that stand in a request twice. */
static struct slice resource_key(struct arena *arena, int8_t type, struct slice name)
{
    uint8_t *key = arena_alloc(arena, name.length + 1);
    if (key == NULL)
        return SLICE_NULL;
    key[0] = (uint8_t)type;
    if (name.length > 0)
        memcpy(key + 1, name.data, name.length);
    return slice_of(key, name.length + 1);
}

static struct verdict repeated_resource(struct arena *arena)
{
    return refuse(arena, KAFKA_ERROR_INVALID_REQUEST, "Each resource must appear at most once.");
}

enum err controller_alter_configs(struct controller *controller, const struct alter_configs_request *request,
                                  struct alter_configs_response *response)
{
    struct arena *arena = controller->arena;
    int count = request->resources.count < 0 ? 0 : request->resources.count;
    struct repeat *keys = ARENA_ARRAY(arena, struct repeat, (size_t)count + 1);
    WIRE_DEFAULTS(alter_configs_response_schema, response);
    response->responses.items =
        ARENA_ARRAY(arena, struct alter_configs_response_alter_configs_resource_response, (size_t)count + 1);
    for (int i = 0; keys != NULL && i < count; i++)
        keys[i].name =
            resource_key(arena, request->resources.items[i].resource_type, request->resources.items[i].resource_name);
    if (keys == NULL || response->responses.items == NULL || !mark_repeats(arena, keys, count))
        return ERR_NO_MEMORY;
    for (int i = 0; i < count; i++) {
        const struct alter_configs_request_alter_configs_resource *resource = &request->resources.items[i];
        int kept = controller->records.count;
        struct verdict verdict =
            keys[i].mark != REPEAT_NONE ? repeated_resource(arena) : alter_resource(controller, resource);
        if (is_bad(verdict))
            controller->records.count = kept;
        response->responses.items[response->responses.count++] =
            (struct alter_configs_response_alter_configs_resource_response){.error_code = verdict.code,
                                                                            .error_message =
                                                                                slice_from_string(verdict.message),
                                                                            .resource_type = resource->resource_type,
                                                                            .resource_name = resource->resource_name};
    }
    if (request->validate_only)
        controller->records.count = 0;
    return arena->failed ? ERR_NO_MEMORY : ERR_OK;
}

enum err controller_incremental_alter_configs(struct controller *controller,
                                              const struct incremental_alter_configs_request *request,
                                              struct incremental_alter_configs_response *response)
{
    struct arena *arena = controller->arena;
    int count = request->resources.count < 0 ? 0 : request->resources.count;
    struct repeat *keys = ARENA_ARRAY(arena, struct repeat, (size_t)count + 1);
    WIRE_DEFAULTS(incremental_alter_configs_response_schema, response);
    response->responses.items = ARENA_ARRAY(
        arena, struct incremental_alter_configs_response_alter_configs_resource_response, (size_t)count + 1);
    for (int i = 0; keys != NULL && i < count; i++)
        keys[i].name =
            resource_key(arena, request->resources.items[i].resource_type, request->resources.items[i].resource_name);
    if (keys == NULL || response->responses.items == NULL || !mark_repeats(arena, keys, count))
        return ERR_NO_MEMORY;
    for (int i = 0; i < count; i++) {
        const struct incremental_alter_configs_request_alter_configs_resource *resource = &request->resources.items[i];
        int kept = controller->records.count;
        struct verdict verdict =
            keys[i].mark != REPEAT_NONE ? repeated_resource(arena) : alter_incrementally(controller, resource);
        if (is_bad(verdict))
            controller->records.count = kept;
        response->responses.items[response->responses.count++] =
            (struct incremental_alter_configs_response_alter_configs_resource_response){
                .error_code = verdict.code,
                .error_message = slice_from_string(verdict.message),
                .resource_type = resource->resource_type,
                .resource_name = resource->resource_name};
    }
    if (request->validate_only)
        controller->records.count = 0;
    return arena->failed ? ERR_NO_MEMORY : ERR_OK;
}
