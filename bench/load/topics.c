#include "bench/load/topics.h"

#include "bench/load/load.h"
#include "core/wire/error.h"

#include <stdlib.h>

enum { LEADER_TRIES = 600, LEADER_PAUSE_MS = 50, TOPIC_WAIT_MS = 60000 };

static void call(struct cli *cli, int16_t api_key, const void *request, void *response)
{
    if (client_call(&cli->client, CLIENT_ANY_BROKER, api_key, request, response, &cli->arena) != ERR_OK)
        load_fail("%s", cli->client.why);
}

/* Whether the topic has this many partitions, all led. */
static bool is_led(struct cli *cli, const char *name, int partitions)
{
    struct metadata_response response;
    struct slice wanted = slice_from_string(name);
    if (client_metadata(&cli->client, &wanted, 1, false, &response, &cli->arena) != ERR_OK)
        load_fail("%s", cli->client.why);
    if (response.topics.count != 1 || response.topics.items[0].error_code != KAFKA_ERROR_NONE)
        return false;
    if (response.topics.items[0].partitions.count != partitions)
        load_fail("topic %s has %d partitions, not %d", name, response.topics.items[0].partitions.count, partitions);
    for (int i = 0; i < partitions; i++)
        if (response.topics.items[0].partitions.items[i].leader_id < 0)
            return false;
    return true;
}

void topics_create(struct cli *cli, const char *name, int partitions, const char *const *configs, int config_count)
{
    struct create_topics_request_creatable_topic_config items[CLI_REPEAT_MAX];
    struct create_topics_request_creatable_topic topic;
    struct create_topics_request request;
    struct create_topics_response response;
    wire_set_defaults(&create_topics_request_creatable_topic_struct, &topic);
    WIRE_DEFAULTS(create_topics_request_schema, &request);
    for (int i = 0; i < config_count; i++) {
        const char *equals = strchr(configs[i], '=');
        if (equals == NULL)
            load_fail("--config '%s' is not KEY=VALUE", configs[i]);
        wire_set_defaults(&create_topics_request_creatable_topic_config_struct, &items[i]);
        items[i].name = slice_of(configs[i], (size_t)(equals - configs[i]));
        items[i].value = slice_from_string(equals + 1);
    }
    topic.name = slice_from_string(name);
    topic.num_partitions = partitions;
    topic.replication_factor = 1;
    topic.configs.items = items;
    topic.configs.count = config_count;
    request.topics.items = &topic;
    request.topics.count = 1;
    request.timeout_ms = TOPIC_WAIT_MS;
    call(cli, API_CREATE_TOPICS, &request, &response);
    int16_t error = response.topics.count == 1 ? response.topics.items[0].error_code : KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
    if (error != KAFKA_ERROR_NONE && error != KAFKA_ERROR_TOPIC_ALREADY_EXISTS)
        load_fail("topic %s: %s", name, kafka_error_name(error));
    for (int i = 0; !is_led(cli, name, partitions); i++) {
        if (i == LEADER_TRIES)
            load_fail("topic %s has partitions without a leader", name);
        client_pause(&cli->client, LEADER_PAUSE_MS);
        arena_reset(&cli->arena);
    }
}

void topics_delete(struct cli *cli, const char *name)
{
    struct delete_topics_request_delete_topic_state topic;
    struct slice names[1] = {slice_from_string(name)};
    struct delete_topics_request request;
    struct delete_topics_response response;
    wire_set_defaults(&delete_topics_request_delete_topic_state_struct, &topic);
    WIRE_DEFAULTS(delete_topics_request_schema, &request);
    topic.name = names[0];
    request.topics.items = &topic;
    request.topics.count = 1;
    request.topic_names.items = names;
    request.topic_names.count = 1;
    request.timeout_ms = TOPIC_WAIT_MS;
    call(cli, API_DELETE_TOPICS, &request, &response);
}

/* False: a partition's leader is not ready yet, although the metadata names it. */
static bool take_ends(const struct list_offsets_response *response, int partitions, int64_t *ends)
{
    if (response->topics.count != 1 || response->topics.items[0].partitions.count != partitions)
        load_fail("a ListOffsets answer that does not fit its request");
    for (int i = 0; i < partitions; i++) {
        const struct list_offsets_response_list_offsets_partition_response *answer =
            &response->topics.items[0].partitions.items[i];
        if (answer->error_code == KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER ||
            answer->error_code == KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION ||
            answer->error_code == KAFKA_ERROR_LEADER_NOT_AVAILABLE)
            return false;
        if (answer->error_code != KAFKA_ERROR_NONE || answer->partition_index < 0 ||
            answer->partition_index >= partitions)
            load_fail("ListOffsets: %s", kafka_error_name(answer->error_code));
        ends[answer->partition_index] = answer->offset;
    }
    return true;
}

void topics_ends(struct cli *cli, const char *name, int partitions, int64_t *ends)
{
    struct list_offsets_request_list_offsets_topic topic;
    struct list_offsets_request request;
    struct list_offsets_response response;
    wire_set_defaults(&list_offsets_request_list_offsets_topic_struct, &topic);
    WIRE_DEFAULTS(list_offsets_request_schema, &request);
    topic.name = slice_from_string(name);
    topic.partitions.items = load_alloc(sizeof(*topic.partitions.items) * (size_t)partitions);
    topic.partitions.count = partitions;
    for (int i = 0; i < partitions; i++) {
        wire_set_defaults(&list_offsets_request_list_offsets_partition_struct, &topic.partitions.items[i]);
        topic.partitions.items[i].partition_index = i;
        topic.partitions.items[i].timestamp = -1;
    }
    request.replica_id = -1;
    request.topics.items = &topic;
    request.topics.count = 1;
    for (int i = 0;; i++) {
        call(cli, API_LIST_OFFSETS, &request, &response);
        if (take_ends(&response, partitions, ends))
            break;
        if (i == LEADER_TRIES)
            load_fail("topic %s has partitions that nobody answers for", name);
        client_pause(&cli->client, LEADER_PAUSE_MS);
        arena_reset(&cli->arena);
    }
    free(topic.partitions.items);
}
