/* ringmain topic create|list|describe|alter|delete */
#include "core/wire/error.h"
#include "net/cli/cli.h"

#include <stdio.h>
#include <stdlib.h>

struct topic_options {
    const char *partitions, *replication;
    const char *configs[CLI_REPEAT_MAX];
    int config_count;
    bool validate;
};

static bool split_pair(const char *text, struct slice *name, struct slice *value)
{
    const char *equals = strchr(text, '=');
    if (equals == NULL || equals == text) {
        fprintf(stderr, "ringmain: '%s' is not key=value\n", text);
        return false;
    }
    *name = slice_of(text, (size_t)(equals - text));
    *value = slice_from_string(equals + 1);
    return true;
}

static int create(struct cli *cli, const struct topic_options *options)
{
    int64_t partitions = -1, replication = -1;
    if ((options->partitions != NULL && !cli_number("--partitions", options->partitions, &partitions)) ||
        (options->replication != NULL && !cli_number("--replication-factor", options->replication, &replication)))
        return CLI_USAGE;
    int count = cli->word_count - 1;
    struct create_topics_request request;
    struct create_topics_response response;
    WIRE_DEFAULTS(create_topics_request_schema, &request);
    request.timeout_ms = cli->client.timeout_ms;
    request.validate_only = options->validate;
    request.topics.count = count;
    request.topics.items = ARENA_ARRAY(&cli->arena, struct create_topics_request_creatable_topic, (size_t)count);
    struct create_topics_request_creatable_topic_config *configs = ARENA_ARRAY(
        &cli->arena, struct create_topics_request_creatable_topic_config, (size_t)options->config_count + 1);
    if (request.topics.items == NULL || configs == NULL)
        return CLI_FAILED;
    for (int i = 0; i < options->config_count; i++)
        if (!split_pair(options->configs[i], &configs[i].name, &configs[i].value))
            return CLI_USAGE;
    for (int i = 0; i < count; i++) {
        struct create_topics_request_creatable_topic *topic = &request.topics.items[i];
        wire_set_defaults(&create_topics_request_creatable_topic_struct, topic);
        topic->name = slice_from_string(cli->words[i + 1]);
        topic->num_partitions = (int32_t)partitions;
        topic->replication_factor = (int16_t)replication;
        topic->configs.items = configs;
        topic->configs.count = options->config_count;
    }
    if (!cli_call(cli, CLIENT_ANY_BROKER, API_CREATE_TOPICS, &request, &response))
        return CLI_FAILED;
    bool ok = true;
    json_t *list = json_array();
    for (int32_t i = 0; i < response.topics.count; i++) {
        const struct create_topics_response_creatable_topic_result *topic = &response.topics.items[i];
        if (topic->error_code != KAFKA_ERROR_NONE) {
            ok = cli_refused("cannot create topic", topic->name, topic->error_code, topic->error_message);
            continue;
        }
        if (!cli->json)
            printf("%s %.*s, %d partitions\n", options->validate ? "may be created:" : "created",
                   SLICE_ARG(topic->name), topic->num_partitions);
        json_array_append_new(
            list, json_pack("{s:o,s:i}", "name", cli_json_text(topic->name), "partitions", topic->num_partitions));
    }
    if (cli->json)
        cli_print_json(list);
    return ok ? CLI_OK : CLI_FAILED;
}

static bool fetch_metadata(struct cli *cli, struct metadata_response *response)
{
    int count = cli->word_count - 1;
    struct slice *names = ARENA_ARRAY(&cli->arena, struct slice, (size_t)count + 1);
    for (int i = 0; names != NULL && i < count; i++)
        names[i] = slice_from_string(cli->words[i + 1]);
    if (names != NULL &&
        client_metadata(&cli->client, names, count == 0 ? -1 : count, false, response, &cli->arena) == ERR_OK)
        return true;
    fprintf(stderr, "ringmain: %s\n", cli->client.why);
    return false;
}

static int by_name(const void *a, const void *b)
{
    const struct metadata_response_metadata_response_topic *left = a, *right = b;
    return cli_order(left->name, right->name);
}

/* Brokers list topics as they come. */
static int sort_topics(struct metadata_response *response)
{
    size_t width = 0;
    for (int32_t i = 0; i < response->topics.count; i++)
        width = size_max(width, response->topics.items[i].name.length);
    if (response->topics.count > 1)
        qsort(response->topics.items, (size_t)response->topics.count, sizeof *response->topics.items, by_name);
    return (int)width;
}

static int list(struct cli *cli)
{
    struct metadata_response response;
    if (!fetch_metadata(cli, &response))
        return CLI_FAILED;
    int width = sort_topics(&response);
    json_t *names = json_array();
    for (int32_t i = 0; i < response.topics.count; i++) {
        const struct metadata_response_metadata_response_topic *topic = &response.topics.items[i];
        json_array_append_new(names, cli_json_text(topic->name));
        if (!cli->json)
            printf("%-*.*s  %d partition%s\n", width, SLICE_ARG(topic->name), topic->partitions.count,
                   topic->partitions.count == 1 ? "" : "s");
    }
    if (cli->json)
        cli_print_json(names);
    return CLI_OK;
}

static json_t *json_nodes(const int32_t *items, int32_t count)
{
    json_t *array = json_array();
    for (int32_t i = 0; i < count; i++)
        json_array_append_new(array, json_integer(items[i]));
    return array;
}

static void print_nodes(const int32_t *items, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        printf("%s%d", i == 0 ? "" : ",", items[i]);
}

/* What was set for the topic itself: one line, or nothing. A broker that does not tell is no reason to stop. */
static json_t *describe_settings(struct cli *cli, struct slice name)
{
    enum { RESOURCE_TOPIC = 2, SOURCE_TOPIC = 1 };
    struct describe_configs_request_describe_configs_resource resource;
    struct describe_configs_request request;
    struct describe_configs_response response;
    json_t *settings = json_object();
    wire_set_defaults(&describe_configs_request_describe_configs_resource_struct, &resource);
    WIRE_DEFAULTS(describe_configs_request_schema, &request);
    resource.resource_type = RESOURCE_TOPIC;
    resource.resource_name = name;
    resource.configuration_keys.count = -1;
    request.resources.items = &resource;
    request.resources.count = 1;
    if (!cli_call(cli, CLIENT_ANY_BROKER, API_DESCRIBE_CONFIGS, &request, &response) || response.results.count != 1)
        return settings;
    const struct describe_configs_response_describe_configs_result *result = &response.results.items[0];
    int shown = 0;
    for (int32_t i = 0; i < result->configs.count; i++) {
        const struct describe_configs_response_describe_configs_resource_result *c = &result->configs.items[i];
        if (c->config_source != SOURCE_TOPIC)
            continue;
        if (!cli->json)
            printf("%s%.*s=%.*s", shown++ == 0 ? "  settings   " : " ", SLICE_ARG(c->name), SLICE_ARG(c->value));
        const char *key = arena_string(&cli->arena, c->name.data, c->name.length);
        if (key != NULL)
            json_object_set_new(settings, key, cli_json_text(c->value));
    }
    if (shown > 0)
        printf("\n");
    return settings;
}

static json_t *describe_one(struct cli *cli, const struct metadata_response_metadata_response_topic *topic)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(topic->topic_id, id);
    json_t *partitions = json_array();
    if (!cli->json)
        printf("%.*s  id %s, %d partition%s%s\n", SLICE_ARG(topic->name), id, topic->partitions.count,
               topic->partitions.count == 1 ? "" : "s", topic->is_internal ? ", internal" : "");
    json_t *settings = describe_settings(cli, topic->name);
    if (!cli->json)
        printf("  partition  leader  epoch  replicas  in sync\n");
    for (int32_t i = 0; i < topic->partitions.count; i++) {
        const struct metadata_response_metadata_response_partition *p = &topic->partitions.items[i];
        if (!cli->json) {
            printf("  %9d  %6d  %5d  ", p->partition_index, p->leader_id, p->leader_epoch);
            print_nodes(p->replica_nodes.items, p->replica_nodes.count);
            printf("         ");
            print_nodes(p->isr_nodes.items, p->isr_nodes.count);
            printf("\n");
        }
        json_array_append_new(partitions, json_pack("{s:i,s:i,s:i,s:o,s:o}", "partition", p->partition_index, "leader",
                                                    p->leader_id, "leader_epoch", p->leader_epoch, "replicas",
                                                    json_nodes(p->replica_nodes.items, p->replica_nodes.count), "isr",
                                                    json_nodes(p->isr_nodes.items, p->isr_nodes.count)));
    }
    return json_pack("{s:o,s:s,s:b,s:o,s:o}", "name", cli_json_text(topic->name), "id", id, "internal",
                     topic->is_internal, "settings", settings, "partitions", partitions);
}

static int describe(struct cli *cli)
{
    struct metadata_response response;
    if (!fetch_metadata(cli, &response))
        return CLI_FAILED;
    sort_topics(&response);
    bool ok = true;
    json_t *topics = json_array();
    for (int32_t i = 0; i < response.topics.count; i++) {
        const struct metadata_response_metadata_response_topic *topic = &response.topics.items[i];
        if (topic->error_code != KAFKA_ERROR_NONE)
            ok = cli_refused("topic", topic->name, topic->error_code, SLICE_NULL);
        else
            json_array_append_new(topics, describe_one(cli, topic));
    }
    if (cli->json)
        cli_print_json(topics);
    return ok ? CLI_OK : CLI_FAILED;
}

static int alter(struct cli *cli, const struct topic_options *options)
{
    int64_t partitions;
    if (options->partitions == NULL || cli->word_count != 2) {
        fprintf(stderr, "usage: ringmain topic alter NAME --partitions N (`ringmain config alter` changes settings)\n");
        return CLI_USAGE;
    }
    if (!cli_number("--partitions", options->partitions, &partitions))
        return CLI_USAGE;
    struct create_partitions_request_create_partitions_topic topic;
    struct create_partitions_request request;
    struct create_partitions_response response;
    wire_set_defaults(&create_partitions_request_create_partitions_topic_struct, &topic);
    WIRE_DEFAULTS(create_partitions_request_schema, &request);
    topic.name = slice_from_string(cli->words[1]);
    topic.count = (int32_t)partitions;
    topic.assignments.count = -1;
    request.topics.items = &topic;
    request.topics.count = 1;
    request.timeout_ms = cli->client.timeout_ms;
    request.validate_only = options->validate;
    if (!cli_call(cli, CLIENT_ANY_BROKER, API_CREATE_PARTITIONS, &request, &response) || response.results.count != 1)
        return CLI_FAILED;
    const struct create_partitions_response_create_partitions_topic_result *result = &response.results.items[0];
    if (result->error_code != KAFKA_ERROR_NONE)
        return cli_refused("cannot alter topic", result->name, result->error_code, result->error_message) ? CLI_OK
                                                                                                          : CLI_FAILED;
    if (cli->json)
        cli_print_json(json_pack("{s:s,s:i}", "name", cli->words[1], "partitions", (int)partitions));
    else
        printf("%s %s %d partitions\n", cli->words[1], options->validate ? "may have" : "now has", (int)partitions);
    return CLI_OK;
}

static int delete (struct cli *cli)
{
    int count = cli->word_count - 1;
    struct delete_topics_request request;
    struct delete_topics_response response;
    WIRE_DEFAULTS(delete_topics_request_schema, &request);
    request.timeout_ms = cli->client.timeout_ms;
    request.topics.items = ARENA_ARRAY(&cli->arena, struct delete_topics_request_delete_topic_state, (size_t)count);
    request.topic_names.items = ARENA_ARRAY(&cli->arena, struct slice, (size_t)count);
    if (request.topics.items == NULL || request.topic_names.items == NULL)
        return CLI_FAILED;
    for (int i = 0; i < count; i++)
        request.topics.items[i].name = request.topic_names.items[i] = slice_from_string(cli->words[i + 1]);
    request.topics.count = request.topic_names.count = count;
    if (!cli_call(cli, CLIENT_ANY_BROKER, API_DELETE_TOPICS, &request, &response))
        return CLI_FAILED;
    bool ok = true;
    json_t *deleted = json_array();
    for (int32_t i = 0; i < response.responses.count; i++) {
        const struct delete_topics_response_deletable_topic_result *result = &response.responses.items[i];
        if (result->error_code != KAFKA_ERROR_NONE) {
            ok = cli_refused("cannot delete topic", result->name, result->error_code, result->error_message);
            continue;
        }
        if (!cli->json)
            printf("deleted %.*s\n", SLICE_ARG(result->name));
        json_array_append_new(deleted, cli_json_text(result->name));
    }
    if (cli->json)
        cli_print_json(deleted);
    return ok ? CLI_OK : CLI_FAILED;
}

int topic_command(int argc, char **argv)
{
    struct topic_options options = {0};
    const struct cli_option list_of_options[] = {
        {"--partitions", "N", "how many (create, alter)", .texts = &options.partitions},
        {"--replication-factor", "N", "replicas of each partition (create)", .texts = &options.replication},
        {"--config", "KEY=VALUE", "a setting of the topic; may be repeated (create)", .texts = options.configs,
         .count = &options.config_count},
        {"--validate", NULL, "check only (create, alter)", .flag = &options.validate},
    };
    struct cli cli = {.usage = "ringmain topic create|list|describe|alter|delete [NAME]... [OPTION]...",
                      .examples = "  ringmain topic create orders --partitions 12 --config retention.ms=86400000\n"
                                  "  ringmain topic describe orders --json\n"
                                  "  ringmain topic alter orders --partitions 24\n",
                      .options = list_of_options,
                      .option_count = COUNT_OF(list_of_options)};
    int code = cli_parse(&cli, argc, argv);
    if (code >= 0)
        return code;
    const char *what = cli.word_count > 0 ? cli.words[0] : "";
    bool needs_name = strcmp(what, "create") == 0 || strcmp(what, "alter") == 0 || strcmp(what, "delete") == 0;
    if ((needs_name && cli.word_count < 2) ||
        (!needs_name && strcmp(what, "list") != 0 && strcmp(what, "describe") != 0))
        return cli_misused(&cli);
    if (!cli_connect(&cli))
        return CLI_FAILED;
    if (strcmp(what, "create") == 0)
        code = create(&cli, &options);
    else if (strcmp(what, "list") == 0)
        code = list(&cli);
    else if (strcmp(what, "describe") == 0)
        code = describe(&cli);
    else if (strcmp(what, "alter") == 0)
        code = alter(&cli, &options);
    else
        code = delete (&cli);
    cli_disconnect(&cli);
    return code;
}
