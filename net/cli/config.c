/* ringmain config describe|alter topic|broker NAME */
#include "core/wire/error.h"
#include "net/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>

enum { RESOURCE_TOPIC = 2, RESOURCE_BROKER = 4, OPERATION_SET = 0, OPERATION_DELETE = 1 };

static const char *source_name(int8_t source)
{
    static const char *const names[] = {"?",       "topic",  "broker", "cluster", "file",
                                        "default", "logger", "client", "group"};
    return source > 0 && source < (int)COUNT_OF(names) ? names[source] : names[0];
}

typedef struct describe_configs_response_describe_configs_resource_result shown_config;

static int by_name(const void *a, const void *b)
{
    const shown_config *left = a, *right = b;
    return cli_order(left->name, right->name);
}

static bool is_shown(const shown_config *config, bool all)
{
    enum { SOURCE_DEFAULT = 5 };
    return all || config->config_source != SOURCE_DEFAULT;
}

static int describe(struct cli *cli, int8_t type, const char *name, bool all)
{
    struct describe_configs_request_describe_configs_resource resource;
    struct describe_configs_request request;
    struct describe_configs_response response;
    wire_set_defaults(&describe_configs_request_describe_configs_resource_struct, &resource);
    WIRE_DEFAULTS(describe_configs_request_schema, &request);
    resource.resource_type = type;
    resource.resource_name = slice_from_string(name);
    resource.configuration_keys.count = -1;
    request.resources.items = &resource;
    request.resources.count = 1;
    if (!cli_call(cli, CLIENT_ANY_BROKER, API_DESCRIBE_CONFIGS, &request, &response) || response.results.count != 1)
        return CLI_FAILED;
    const struct describe_configs_response_describe_configs_result *result = &response.results.items[0];
    if (result->error_code != KAFKA_ERROR_NONE) {
        cli_refused("cannot describe", resource.resource_name, result->error_code, result->error_message);
        return CLI_FAILED;
    }
    json_t *list = json_array();
    size_t name_width = 0, value_width = 0;
    enum { VALUE_WIDTH_MAX = 40 };
    if (result->configs.count > 1)
        qsort(result->configs.items, (size_t)result->configs.count, sizeof *result->configs.items, by_name);
    for (int32_t i = 0; i < result->configs.count; i++)
        if (is_shown(&result->configs.items[i], all)) {
            name_width = size_max(name_width, result->configs.items[i].name.length);
            value_width = size_max(value_width, size_min(result->configs.items[i].value.length, VALUE_WIDTH_MAX));
        }
    for (int32_t i = 0; i < result->configs.count; i++) {
        const shown_config *c = &result->configs.items[i];
        if (!is_shown(c, all))
            continue;
        if (!cli->json)
            printf("%-*.*s  %-*.*s  %s%s\n", (int)name_width, SLICE_ARG(c->name), (int)value_width, SLICE_ARG(c->value),
                   source_name(c->config_source), c->read_only ? ", read-only" : "");
        json_array_append_new(list, json_pack("{s:o,s:o,s:s}", "name", cli_json_text(c->name), "value",
                                              cli_json_text(c->value), "source", source_name(c->config_source)));
    }
    if (cli->json)
        cli_print_json(list);
    else
        json_decref(list);
    return CLI_OK;
}

typedef struct incremental_alter_configs_request_alterable_config alterable;

static int alter(struct cli *cli, int8_t type, const char *name, const char **sets, int set_count, const char **deletes,
                 int delete_count)
{
    struct incremental_alter_configs_request_alter_configs_resource resource;
    struct incremental_alter_configs_request request;
    struct incremental_alter_configs_response response;
    alterable *changes = ARENA_ARRAY(&cli->arena, alterable, (size_t)(set_count + delete_count) + 1);
    if (changes == NULL)
        return CLI_FAILED;
    int count = 0;
    for (int i = 0; i < set_count; i++) {
        const char *equals = strchr(sets[i], '=');
        if (equals == NULL) {
            fprintf(stderr, "ringmain: '%s' is not key=value\n", sets[i]);
            return CLI_USAGE;
        }
        changes[count++] = (alterable){.name = slice_of(sets[i], (size_t)(equals - sets[i])),
                                       .config_operation = OPERATION_SET,
                                       .value = slice_from_string(equals + 1)};
    }
    for (int i = 0; i < delete_count; i++)
        changes[count++] = (alterable){.name = slice_from_string(deletes[i]), .config_operation = OPERATION_DELETE};
    wire_set_defaults(&incremental_alter_configs_request_alter_configs_resource_struct, &resource);
    WIRE_DEFAULTS(incremental_alter_configs_request_schema, &request);
    resource.resource_type = type;
    resource.resource_name = slice_from_string(name);
    resource.configs.items = changes;
    resource.configs.count = count;
    request.resources.items = &resource;
    request.resources.count = 1;
    if (!cli_call(cli, CLIENT_ANY_BROKER, API_INCREMENTAL_ALTER_CONFIGS, &request, &response) ||
        response.responses.count != 1)
        return CLI_FAILED;
    if (response.responses.items[0].error_code != KAFKA_ERROR_NONE) {
        cli_refused("cannot alter", resource.resource_name, response.responses.items[0].error_code,
                    response.responses.items[0].error_message);
        return CLI_FAILED;
    }
    if (cli->json)
        cli_print_json(json_pack("{s:s,s:i}", "name", name, "changed", count));
    else
        printf("changed %d settings of %s\n", count, name);
    return CLI_OK;
}

int config_command(int argc, char **argv)
{
    const char *sets[CLI_REPEAT_MAX], *deletes[CLI_REPEAT_MAX];
    int set_count = 0, delete_count = 0;
    bool all = false;
    const struct cli_option options[] = {
        {"--all", NULL, "defaults too (describe)", .flag = &all},
        {"--set", "KEY=VALUE", "may be repeated (alter)", .texts = sets, .count = &set_count},
        {"--delete", "KEY", "back to the default; may be repeated (alter)", .texts = deletes, .count = &delete_count},
    };
    struct cli cli = {.usage = "ringmain config describe|alter topic|broker NAME [OPTION]...",
                      .examples = "  ringmain config describe topic orders --all\n"
                                  "  ringmain config alter topic orders --set retention.ms=3600000\n"
                                  "  ringmain config alter broker 1 --delete log.retention.ms\n",
                      .options = options,
                      .option_count = COUNT_OF(options)};
    int code = cli_parse(&cli, argc, argv);
    if (code >= 0)
        return code;
    bool is_topic = cli.word_count == 3 && strcmp(cli.words[1], "topic") == 0;
    bool is_broker = cli.word_count == 3 && strcmp(cli.words[1], "broker") == 0;
    bool is_describe = cli.word_count == 3 && strcmp(cli.words[0], "describe") == 0;
    bool is_alter = cli.word_count == 3 && strcmp(cli.words[0], "alter") == 0;
    if ((!is_topic && !is_broker) || (!is_describe && !is_alter) || (is_alter && set_count + delete_count == 0))
        return cli_misused(&cli);
    if (!cli_connect(&cli))
        return CLI_FAILED;
    int8_t type = is_topic ? RESOURCE_TOPIC : RESOURCE_BROKER;
    code = is_describe ? describe(&cli, type, cli.words[2], all)
                       : alter(&cli, type, cli.words[2], sets, set_count, deletes, delete_count);
    cli_disconnect(&cli);
    return code;
}
