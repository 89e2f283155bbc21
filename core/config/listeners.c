#include "core/config/internal.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

struct endpoint {
    char *name;
    char *host;
    uint16_t port;
};

struct load {
    struct broker_config *config;
    struct arena *arena;
    struct config_problems *problems;
    const struct config_settings *node;
    const struct config_layers *layers;
    enum err err;
};

static void complain(struct load *load, const char *key, const char *text, struct slice what)
{
    enum err err =
        config_problem_add(load->problems, load->arena, true, config_line_of(load->node, key), "%s: '%.*s' %s", key,
                           (int)size_min(what.length, 200), (const char *)what.data, text);
    if (load->err == ERR_OK)
        load->err = err;
}

static char *upper_case(struct arena *arena, struct slice text)
{
    char *copy = arena_string(arena, text.data, text.length);
    for (char *c = copy; c != NULL && *c != '\0'; c++)
        *c = (char)toupper((unsigned char)*c);
    return copy;
}

/* NAME://host:port, NAME://[v6]:port, NAME://:port */
static bool parse_endpoint(struct load *load, const char *key, struct slice item, struct endpoint *endpoint)
{
    const uint8_t *at = memmem(item.data, item.length, "://", 3);
    const uint8_t *colon = at == NULL ? NULL : memrchr(at + 3, ':', item.length - (size_t)(at + 3 - item.data));
    if (at == NULL || at == item.data || colon == NULL) {
        complain(load, key, "is not of the form NAME://host:port", item);
        return false;
    }
    uint32_t port = 0;
    const uint8_t *end = item.data + item.length;
    for (const uint8_t *p = colon + 1; p < end; p++)
        port = *p < '0' || *p > '9' || port > 65535 ? 65536 : port * 10 + (*p - '0');
    if (colon + 1 == end || port > 65535) {
        complain(load, key, "has no port between 0 and 65535", item);
        return false;
    }
    struct slice host = slice_of(at + 3, (size_t)(colon - (at + 3)));
    if (host.length >= 2 && host.data[0] == '[' && host.data[host.length - 1] == ']')
        host = slice_of(host.data + 1, host.length - 2);
    endpoint->name = upper_case(load->arena, slice_of(item.data, (size_t)(at - item.data)));
    endpoint->host = arena_string(load->arena, host.data, host.length);
    endpoint->port = (uint16_t)port;
    if (endpoint->name == NULL || endpoint->host == NULL)
        load->err = ERR_NO_MEMORY;
    return load->err == ERR_OK;
}

static int parse_endpoints(struct load *load, const char *key, const char *text, struct endpoint **endpoints)
{
    int count = 0, capacity = 1;
    struct slice item;
    for (const char *c = text; *c != '\0'; c++)
        capacity += *c == ',';
    *endpoints = ARENA_ARRAY(load->arena, struct endpoint, (size_t)capacity);
    if (*endpoints == NULL) {
        load->err = ERR_NO_MEMORY;
        return 0;
    }
    while (config_next_item(&text, &item) && load->err == ERR_OK) {
        if (!parse_endpoint(load, key, item, &(*endpoints)[count]))
            continue;
        for (int i = 0; i < count; i++)
            if (strcmp((*endpoints)[i].name, (*endpoints)[count].name) == 0)
                complain(load, key, "names a listener twice", item);
        count++;
    }
    return count;
}

static bool list_has(const char *list, const char *name)
{
    struct slice item;
    while (config_next_item(&list, &item))
        if (item.length == strlen(name) && strncasecmp((const char *)item.data, name, item.length) == 0)
            return true;
    return false;
}

static bool security_named(struct slice name, enum config_security *security)
{
    static const char *const names[] = {"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (name.length == strlen(names[i]) && strncasecmp((const char *)name.data, names[i], name.length) == 0) {
            *security = (enum config_security)i;
            return true;
        }
    return false;
}

/* The protocol of a listener from the map. A controller listener is PLAINTEXT when the map was not touched. */
static bool security_of(struct load *load, const char *name, bool is_controller, enum config_security *security)
{
    static const char key[] = "listener.security.protocol.map";
    const char *rest = load->config->listener_security_protocol_map;
    struct slice item;
    while (config_next_item(&rest, &item)) {
        const uint8_t *colon = memchr(item.data, ':', item.length);
        size_t length = colon == NULL ? 0 : (size_t)(colon - item.data);
        struct slice who = config_trim(slice_of(item.data, length));
        if (colon == NULL || who.length != strlen(name) || strncasecmp((const char *)who.data, name, who.length) != 0)
            continue;
        if (security_named(config_trim(slice_of(colon + 1, item.length - length - 1)), security))
            return true;
        complain(load, key, "does not map to PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL", item);
        return false;
    }
    *security = CONFIG_PLAINTEXT;
    if (is_controller && config_setting(load->node, key) == NULL)
        return true;
    complain(load, "listeners", "has no security protocol in listener.security.protocol.map", slice_from_string(name));
    return false;
}

static void advertise(struct load *load, struct config_listener *listener, const struct endpoint *advertised, int count)
{
    listener->advertised_host = listener->host;
    listener->advertised_port = listener->port;
    for (int i = 0; i < count; i++)
        if (strcmp(advertised[i].name, listener->name) == 0) {
            listener->advertised_host = advertised[i].host;
            listener->advertised_port = advertised[i].port;
            if (strcmp(advertised[i].host, "0.0.0.0") == 0 || strcmp(advertised[i].host, "::") == 0)
                complain(load, "advertised.listeners", "is no address that a client can connect to",
                         slice_from_string(advertised[i].host));
        }
}

static void make_listener(struct load *load, struct config_listener *listener, const struct endpoint *endpoint,
                          const struct endpoint *advertised, int advertised_count)
{
    *listener = (struct config_listener){.name = endpoint->name, .host = endpoint->host, .port = endpoint->port};
    listener->is_controller = list_has(load->config->controller_listener_names, endpoint->name);
    advertise(load, listener, advertised, advertised_count);
    if (!security_of(load, endpoint->name, listener->is_controller, &listener->security) ||
        listener->security == CONFIG_PLAINTEXT)
        return;
    complain(load, "listeners",
             "needs TLS or SASL, which this version cannot serve; only PLAINTEXT listeners can be opened",
             slice_from_string(endpoint->name));
}

/* ---- limits of single listeners ---------------------------------------------------------------------------------- */

/* listener.name.<listener, lower case>.<key>: dynamic ones first, else what the broker has. */
static int32_t listener_limit(struct load *load, const char *listener, const char *key_name, int32_t of_broker)
{
    const struct config_key *key = config_broker_key(slice_from_string(key_name));
    const struct config_settings *layers[] = {load->layers->broker, load->layers->cluster, load->layers->node};
    char why[CONFIG_WHY_SIZE];
    char *name = arena_printf(load->arena, "listener.name.%s.%s", listener, key_name);
    for (char *c = name; c != NULL && *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    if (name == NULL) {
        load->err = ERR_NO_MEMORY;
        return of_broker;
    }
    for (size_t i = 0; i < COUNT_OF(layers); i++) {
        const char *text = config_setting(layers[i], name);
        bool is_static = layers[i] == load->node;
        if (text == NULL)
            continue;
        if (config_store_value(key, text, NULL, why))
            return (int32_t)strtol(text, NULL, 10);
        enum err err =
            config_problem_add(load->problems, load->arena, is_static, is_static ? config_line_of(load->node, name) : 0,
                               "%s%s: %s", is_static ? "" : "dynamic setting skipped: ", name, why);
        if (err != ERR_OK)
            load->err = err;
    }
    return of_broker;
}

/* Kafka protects the listener between brokers from the limits of all listeners together, when there are others. */
static int find_inter_broker(const struct broker_config *config)
{
    const char *name = config->inter_broker_listener_name != NULL ? config->inter_broker_listener_name
                                                                  : config->security_inter_broker_protocol;
    int open = 0, found = -1;
    for (int i = 0; i < config->listener_count; i++) {
        const struct config_listener *listener = &config->listeners_parsed[i];
        open += !listener->is_controller;
        if (!listener->is_controller && strcasecmp(listener->name, name) == 0)
            found = i;
    }
    return open > 1 ? found : -1;
}

static void set_limits(struct load *load, struct config_listener *listener)
{
    listener->max_connections = listener_limit(load, listener->name, "max.connections", load->config->max_connections);
    listener->max_connection_creation_rate = listener_limit(load, listener->name, "max.connection.creation.rate",
                                                            load->config->max_connection_creation_rate);
}

bool config_is_listener_limit(const struct config_key *key)
{
    return strcmp(key->name, "max.connections") == 0 || strcmp(key->name, "max.connection.creation.rate") == 0;
}

static bool has_listener(const struct broker_config *config, const char *name_and_key)
{
    for (int i = 0; i < config->listener_count; i++) {
        const char *name = config->listeners_parsed[i].name;
        size_t length = strlen(name);
        if (strncasecmp(name_and_key, name, length) == 0 && name_and_key[length] == '.')
            return true;
    }
    return false;
}

/* Limits of a listener that is not there do nothing: said once each. */
static void name_strangers(struct load *load)
{
    static const char prefix[] = "listener.name.";
    for (int i = 0; i < load->node->count && load->err == ERR_OK; i++) {
        const struct config_setting *setting = &load->node->items[i];
        const struct config_key *key = config_broker_key(slice_from_string(setting->name));
        if (key == NULL || strcmp(key->name, setting->name) == 0 || !config_is_listener_limit(key) ||
            has_listener(load->config, setting->name + sizeof prefix - 1))
            continue;
        load->err = config_problem_add(load->problems, load->arena, false, setting->line,
                                       "%s: there is no such listener, has no effect", setting->name);
    }
}

enum err config_load_listeners(struct broker_config *config, struct arena *arena, struct config_problems *problems,
                               const struct config_layers *layers)
{
    struct load load = {config, arena, problems, layers->node, layers, ERR_OK};
    struct endpoint *bound = NULL, *advertised = NULL;
    int advertised_count = 0, open = 0;
    int count = parse_endpoints(&load, "listeners", config->listeners, &bound);
    if (config->advertised_listeners != NULL)
        advertised_count = parse_endpoints(&load, "advertised.listeners", config->advertised_listeners, &advertised);
    struct config_listener *listeners = ARENA_ARRAY(arena, struct config_listener, (size_t)count + 1);
    if (listeners == NULL || load.err != ERR_OK)
        return ERR_NO_MEMORY;
    for (int i = 0; i < count; i++) {
        make_listener(&load, &listeners[i], &bound[i], advertised, advertised_count);
        set_limits(&load, &listeners[i]);
        open += !listeners[i].is_controller;
        for (int k = 0; k < i; k++)
            if (bound[i].port != 0 && bound[i].port == bound[k].port && strcmp(bound[i].host, bound[k].host) == 0)
                complain(&load, "listeners", "uses the address of another listener", slice_from_string(bound[i].name));
    }
    for (int i = 0; i < advertised_count; i++) {
        bool known = false;
        for (int k = 0; k < count; k++)
            known = known || strcmp(bound[k].name, advertised[i].name) == 0;
        if (!known)
            complain(&load, "advertised.listeners", "is not among the listeners",
                     slice_from_string(advertised[i].name));
    }
    if (open == 0 && problems->error_count == 0)
        complain(&load, "listeners", "leaves no listener for clients", slice_from_string(config->listeners));
    if (config->inter_broker_listener_name != NULL) {
        bool known = false;
        for (int k = 0; k < count; k++)
            known = known || strcasecmp(bound[k].name, config->inter_broker_listener_name) == 0;
        if (!known)
            complain(&load, "inter.broker.listener.name", "is not among the listeners",
                     slice_from_string(config->inter_broker_listener_name));
    }
    config->listeners_parsed = listeners;
    config->listener_count = count;
    config->inter_broker_listener = find_inter_broker(config);
    name_strangers(&load);
    return load.err;
}
