#include "core/config/internal.h"

#include <stdio.h>

/* Dynamic values count only for keys that may change at run time. */
const char *config_effective(const struct config_layers *layers, const struct config_key *key,
                             enum config_source *source)
{
    const char *value;
    if (key->scope != CONFIG_READ_ONLY && (value = config_setting(layers->broker, key->name)) != NULL) {
        *source = CONFIG_SOURCE_DYNAMIC_BROKER;
        return value;
    }
    if (key->scope == CONFIG_CLUSTER_WIDE && (value = config_setting(layers->cluster, key->name)) != NULL) {
        *source = CONFIG_SOURCE_DYNAMIC_DEFAULT;
        return value;
    }
    value = config_setting(layers->node, key->name);
    *source = value != NULL ? CONFIG_SOURCE_STATIC : CONFIG_SOURCE_DEFAULT;
    return value != NULL ? value : key->fallback;
}

static enum err load_key(const struct config_layers *layers, const struct config_key *key, struct broker_config *config,
                         struct arena *arena, struct config_problems *problems)
{
    char why[CONFIG_WHY_SIZE];
    struct config_layers below = *layers;
    enum config_source source;
    for (;;) {
        const char *text = config_effective(&below, key, &source);
        if (config_store_value(key, text, config, why))
            return ERR_OK;
        enum err err;
        if (source == CONFIG_SOURCE_STATIC || source == CONFIG_SOURCE_DEFAULT) {
            ASSERT(source == CONFIG_SOURCE_STATIC); /* defaults are valid: a test loads them all */
            err = config_problem_add(problems, arena, true, config_line_of(layers->node, key->name), "%s", why);
            if (err == ERR_OK && !config_store_value(key, key->fallback, config, why))
                UNREACHABLE();
            return err;
        }
        err = config_problem_add(problems, arena, false, 0, "dynamic setting skipped: %s", why);
        if (err != ERR_OK)
            return err;
        if (source == CONFIG_SOURCE_DYNAMIC_BROKER)
            below.broker = NULL;
        else
            below.cluster = NULL;
    }
}

/* One warning for each key that is not known or has no effect. */
static enum err name_idle_keys(const struct config_settings *node, struct arena *arena,
                               struct config_problems *problems)
{
    for (int i = 0; i < node->count; i++) {
        const struct config_setting *setting = &node->items[i];
        const struct config_key *key = config_broker_key(slice_from_string(setting->name));
        enum err err = ERR_OK;
        if (key == NULL)
            err = config_problem_add(problems, arena, false, setting->line, "%s: unknown key, ignored", setting->name);
        else if (key->doc == NULL || (strcmp(key->name, setting->name) != 0 && !config_is_listener_limit(key)))
            err = config_problem_add(problems, arena, false, setting->line, "%s: not supported yet, has no effect",
                                     setting->name);
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static enum err load_directories(struct broker_config *config, struct arena *arena, struct config_problems *problems,
                                 const struct config_settings *node)
{
    const char *text = config->log_dirs != NULL ? config->log_dirs : config->log_dir;
    const char *key = config->log_dirs != NULL ? "log.dirs" : "log.dir";
    int capacity = 1, count = 0;
    for (const char *c = text; *c != '\0'; c++)
        capacity += *c == ',';
    const char **dirs = ARENA_ARRAY(arena, const char *, (size_t)capacity);
    struct slice item;
    if (dirs == NULL)
        return ERR_NO_MEMORY;
    while (config_next_item(&text, &item)) {
        while (item.length > 1 && item.data[item.length - 1] == '/') /* one spelling, so that doubles are seen */
            item.length--;
        char *dir = item.length == 0 ? NULL : arena_string(arena, item.data, item.length);
        if (item.length > 0 && dir == NULL)
            return ERR_NO_MEMORY;
        bool twice = false;
        for (int i = 0; dir != NULL && i < count; i++)
            twice = twice || strcmp(dirs[i], dir) == 0;
        if (dir == NULL || twice) {
            enum err err = config_problem_add(problems, arena, true, config_line_of(node, key),
                                              dir == NULL ? "%s: an empty directory name%s" : "%s: '%s' is named twice",
                                              key, dir == NULL ? "" : dir);
            if (err != ERR_OK)
                return err;
            continue;
        }
        dirs[count++] = dir;
    }
    if (count == 0 && problems->error_count == 0)
        return config_problem_add(problems, arena, true, config_line_of(node, key), "%s: names no directory", key);
    config->log_dirs_parsed = dirs;
    config->log_dir_count = count;
    config->metadata_dir = config->metadata_log_dir != NULL ? config->metadata_log_dir : dirs[0];
    return ERR_OK;
}

/* Rules between keys, as KafkaConfig.validateValues has them. */
static enum err check_together(struct broker_config *config, struct arena *arena, struct config_problems *problems,
                               const struct config_settings *node)
{
    const struct {
        bool bad;
        const char *key, *text;
    } rules[] = {
        {config->node_id < 0, "node.id", "node.id must not be negative"},
        {config_setting(node, "node.id") != NULL && config->broker_id >= 0 && config->broker_id != config->node_id,
         "broker.id", "node.id and broker.id are both set and differ"},
        {config->log_retention_ms == 0 ||
             (config->log_retention_ms != CONFIG_UNSET_LONG && config->log_retention_ms < -1),
         "log.retention.ms", "log.retention.ms must be unlimited (-1) or, equal or greater than 1"},
        {config->log_retention_minutes == 0 ||
             (config->log_retention_minutes != CONFIG_UNSET_INT && config->log_retention_minutes < -1),
         "log.retention.minutes", "log.retention.minutes must be unlimited (-1) or, equal or greater than 1"},
        {config->log_retention_hours == 0 || config->log_retention_hours < -1, "log.retention.hours",
         "log.retention.hours must be unlimited (-1) or, equal or greater than 1"},
        {config->socket_send_buffer_bytes < -1 || config->socket_send_buffer_bytes == 0, "socket.send.buffer.bytes",
         "socket.send.buffer.bytes must be -1 or greater than 0"},
        {config->socket_receive_buffer_bytes < -1 || config->socket_receive_buffer_bytes == 0,
         "socket.receive.buffer.bytes", "socket.receive.buffer.bytes must be -1 or greater than 0"},
        {config->queued_max_request_bytes != -1 && config->queued_max_request_bytes < config->socket_request_max_bytes,
         "queued.max.request.bytes", "queued.max.request.bytes must be -1 or at least socket.request.max.bytes"},
        {strstr(config->process_roles, "broker") == NULL, "process.roles",
         "process.roles must contain broker: a node without that role cannot be run yet"},
        {config->default_replication_factor < 1, "default.replication.factor",
         "default.replication.factor must be at least 1"},
    };
    for (size_t i = 0; i < COUNT_OF(rules); i++)
        if (rules[i].bad) {
            enum err err =
                config_problem_add(problems, arena, true, config_line_of(node, rules[i].key), "%s", rules[i].text);
            if (err != ERR_OK)
                return err;
        }
    config->node =
        config_setting(node, "node.id") == NULL && config->broker_id >= 0 ? config->broker_id : config->node_id;
    return ERR_OK;
}

static int64_t minutes(int64_t count, int64_t ms_each)
{
    return count < 0 ? -1 : count * ms_each;
}

static void load_topic_defaults(const struct config_layers *layers, struct broker_config *config)
{
    char why[CONFIG_WHY_SIZE];
    struct topic_config *topic = &config->topic_defaults;
    for (int i = 0; i < config_topic_key_count; i++) {
        const struct config_key *key = &config_topic_keys[i];
        enum config_source source;
        const char *text = key->fallback;
        if (key->twin != NULL) {
            const struct config_key *twin = config_broker_key(slice_from_string(key->twin));
            const char *set = config_effective(layers, twin, &source);
            text = set != NULL && config_store_value(key, set, NULL, why) ? set : text;
        }
        if (!config_store_value(key, text, topic, why))
            UNREACHABLE(); /* the table's own default, or checked above */
    }
    if (config->log_retention_ms == CONFIG_UNSET_LONG)
        topic->retention_ms = config->log_retention_minutes != CONFIG_UNSET_INT
                                  ? minutes(config->log_retention_minutes, 60000)
                                  : minutes(config->log_retention_hours, 3600000);
    if (config->log_roll_ms == CONFIG_UNSET_LONG)
        topic->segment_ms = (int64_t)config->log_roll_hours * 3600000;
    if (config->log_roll_jitter_ms == CONFIG_UNSET_LONG)
        topic->segment_jitter_ms = (int64_t)config->log_roll_jitter_hours * 3600000;
    if (config->log_flush_interval_ms == CONFIG_UNSET_LONG)
        topic->flush_ms = config->log_flush_scheduler_interval_ms;
}

enum err config_load(const struct config_layers *layers, struct arena *arena, struct config_problems *problems,
                     const struct broker_config **result)
{
    struct broker_config *config = ARENA_NEW(arena, struct broker_config);
    *result = NULL;
    if (config == NULL)
        return ERR_NO_MEMORY;
    for (int i = 0; i < config_broker_key_count; i++) {
        enum err err = load_key(layers, &config_broker_keys[i], config, arena, problems);
        if (err != ERR_OK)
            return err;
    }
    enum err err = name_idle_keys(layers->node, arena, problems);
    if (err == ERR_OK)
        err = check_together(config, arena, problems, layers->node);
    if (err == ERR_OK)
        err = load_directories(config, arena, problems, layers->node);
    if (err == ERR_OK)
        err = config_load_listeners(config, arena, problems, layers);
    if (err != ERR_OK)
        return err;
    if (problems->error_count > 0)
        return ERR_INVALID;
    load_topic_defaults(layers, config);
    *result = config;
    return ERR_OK;
}

void config_resolve_topic(const struct broker_config *broker, const struct config_setting *overrides, int count,
                          struct topic_config *config)
{
    char why[CONFIG_WHY_SIZE];
    *config = broker->topic_defaults;
    for (int i = 0; i < count; i++) {
        const struct config_key *key = config_topic_key(slice_from_string(overrides[i].name));
        if (key != NULL && !config_store_value(key, overrides[i].value, config, why))
            MAYBE(false); /* written by another version: the default stands */
    }
    if (config->internal_segment_bytes != CONFIG_UNSET_INT)
        config->segment_bytes = config->internal_segment_bytes;
}

bool config_check_topic(const struct topic_config *config, char why[CONFIG_WHY_SIZE])
{
    if (config->min_compaction_lag_ms > config->max_compaction_lag_ms) {
        snprintf(why, CONFIG_WHY_SIZE,
                 "conflict topic config setting min.compaction.lag.ms (%lld) > max.compaction.lag.ms (%lld)",
                 (long long)config->min_compaction_lag_ms, (long long)config->max_compaction_lag_ms);
        return false;
    }
    if (config->remote_storage_enable) {
        snprintf(why, CONFIG_WHY_SIZE,
                 "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log "
                 "storage.");
        return false;
    }
    return true;
}
