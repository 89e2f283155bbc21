/* ringmain group list|describe|reset-offsets|delete|delete-offsets */
#include "core/wire/error.h"
#include "net/cli/cli.h"
#include "net/cli/group_view.h"

struct group_options {
    const char *states[CLI_REPEAT_MAX], *topics[CLI_REPEAT_MAX];
    int state_count, topic_count;
    const char *partition, *offset, *timestamp, *duration;
    bool earliest, latest, dry_run;
};

enum { AT_END = -1, AT_BEGINNING = -2 };

/* ---- list ---------------------------------------------------------------------------------------------------------
 */

static int by_id(const void *a, const void *b)
{
    const struct list_groups_response_listed_group *left = a, *right = b;
    return cli_order(left->group_id, right->group_id);
}

static bool list_broker(struct cli *cli, int32_t node, const struct list_groups_request *request, json_t *groups)
{
    struct list_groups_response response;
    if (!cli_call(cli, node, API_LIST_GROUPS, request, &response))
        return false;
    if (response.error_code != KAFKA_ERROR_NONE)
        return cli_refused("cannot list groups of", SLICE_LITERAL("a broker"), response.error_code, SLICE_NULL);
    if (response.groups.count > 1)
        qsort(response.groups.items, (size_t)response.groups.count, sizeof *response.groups.items, by_id);
    for (int32_t i = 0; i < response.groups.count; i++) {
        const struct list_groups_response_listed_group *group = &response.groups.items[i];
        if (!cli->json)
            printf("%-40.*s %-20.*s %.*s\n", SLICE_ARG(group->group_id), SLICE_ARG(group->group_state),
                   SLICE_ARG(group->protocol_type));
        json_array_append_new(groups, json_pack("{s:o,s:o,s:o,s:i}", "group", cli_json_text(group->group_id), "state",
                                                cli_json_text(group->group_state), "protocol_type",
                                                cli_json_text(group->protocol_type), "coordinator", node));
    }
    return true;
}

static bool list(struct cli *cli, const struct group_options *options)
{
    struct metadata_response metadata;
    struct list_groups_request request;
    struct slice states[CLI_REPEAT_MAX];
    WIRE_DEFAULTS(list_groups_request_schema, &request);
    for (int i = 0; i < options->state_count; i++)
        states[i] = slice_from_string(options->states[i]);
    request.states_filter.items = states;
    request.states_filter.count = options->state_count;
    if (client_metadata(&cli->client, NULL, 0, false, &metadata, &cli->arena) != ERR_OK) {
        fprintf(stderr, "ringmain: %s\n", cli->client.why);
        return false;
    }
    json_t *groups = json_array();
    bool ok = true;
    for (int32_t i = 0; ok && i < metadata.brokers.count; i++)
        ok = list_broker(cli, metadata.brokers.items[i].node_id, &request, groups);
    if (cli->json && ok)
        cli_print_json(groups);
    else
        json_decref(groups);
    return ok;
}

/* ---- describe -----------------------------------------------------------------------------------------------------
 */

static json_t *known(int64_t value)
{
    return value < 0 ? json_null() : json_integer(value);
}

static void print_number(int64_t value, int width)
{
    if (value < 0)
        printf("  %*s", width, "-");
    else
        printf("  %*lld", width, (long long)value);
}

static json_t *describe_positions(const struct group_view *view)
{
    json_t *list = json_array();
    if (!view->cli->json && view->count > 0)
        printf("  %-30s  %9s  %12s  %12s  %10s  %s\n", "topic", "partition", "committed", "end", "lag", "member");
    for (int32_t i = 0; i < view->count; i++) {
        const struct group_position *p = &view->items[i];
        int64_t lag = p->committed >= 0 && p->end >= 0 ? p->end - p->committed : -1;
        if (!view->cli->json) {
            printf("  %-30.*s  %9d", SLICE_ARG(p->topic), p->partition);
            print_number(p->committed, 12);
            print_number(p->end, 12);
            print_number(lag, 10);
            printf("  %.*s\n", p->member == NULL ? 1 : (int)p->member->member_id.length,
                   p->member == NULL ? "-" : (const char *)p->member->member_id.data);
        }
        json_array_append_new(list, json_pack("{s:o,s:i,s:o,s:o,s:o,s:o}", "topic", cli_json_text(p->topic),
                                              "partition", p->partition, "committed", known(p->committed), "end",
                                              known(p->end), "lag", known(lag), "member",
                                              p->member == NULL ? json_null() : cli_json_text(p->member->member_id)));
    }
    return list;
}

static json_t *describe_members(const struct group_view *view, const group_described *described)
{
    json_t *list = json_array();
    if (!view->cli->json && described->members.count > 0)
        printf("  %-60s  %-20s  %-16s  %s\n", "member", "client", "host", "partitions");
    for (int32_t i = 0; i < described->members.count; i++) {
        const group_described_member *member = &described->members.items[i];
        int partitions = 0;
        for (int32_t k = 0; k < view->count; k++)
            partitions += view->items[k].member == member;
        if (!view->cli->json)
            printf("  %-60.*s  %-20.*s  %-16.*s  %d\n", SLICE_ARG(member->member_id), SLICE_ARG(member->client_id),
                   SLICE_ARG(member->client_host), partitions);
        json_array_append_new(list, json_pack("{s:o,s:o,s:o,s:o,s:i}", "id", cli_json_text(member->member_id),
                                              "instance", cli_json_text(member->group_instance_id), "client",
                                              cli_json_text(member->client_id), "host",
                                              cli_json_text(member->client_host), "partitions", partitions));
    }
    return list;
}

static bool describe_one(struct cli *cli, const char *id, json_t *documents)
{
    struct group_view view;
    group_described described;
    if (!group_open(&view, cli, id) || !group_describe_one(&view, &described) || !group_read_offsets(&view) ||
        !group_read_assignments(&view, &described) || !group_ask_offsets(&view, AT_END, false))
        return false;
    if (!cli->json) {
        printf("%s  %.*s, coordinator %d", id, SLICE_ARG(described.group_state), view.coordinator);
        if (described.protocol_data.length > 0)
            printf(", %.*s", SLICE_ARG(described.protocol_data));
        printf(", %d members\n", described.members.count);
    }
    json_t *members = describe_members(&view, &described);
    json_array_append_new(documents, json_pack("{s:s,s:o,s:o,s:o,s:i,s:o,s:o}", "group", id, "state",
                                               cli_json_text(described.group_state), "protocol_type",
                                               cli_json_text(described.protocol_type), "protocol",
                                               cli_json_text(described.protocol_data), "coordinator", view.coordinator,
                                               "members", members, "offsets", describe_positions(&view)));
    return true;
}

static bool describe(struct cli *cli)
{
    json_t *documents = json_array();
    bool ok = true;
    for (int i = 1; i < cli->word_count; i++)
        ok &= describe_one(cli, cli->words[i], documents);
    if (cli->json)
        cli_print_json(documents);
    else
        json_decref(documents);
    return ok;
}

/* ---- reset-offsets ------------------------------------------------------------------------------------------------
 */

/* Kafka's own tool takes an offset out of range to the nearest one that is there. */
static bool clamp_offsets(struct group_view *view, int64_t offset)
{
    if (!group_ask_offsets(view, AT_BEGINNING, true) || !group_ask_offsets(view, AT_END, false))
        return false;
    for (int32_t i = 0; i < view->count; i++) {
        struct group_position *p = &view->items[i];
        p->chosen = offset < p->chosen ? p->chosen : offset > p->end ? p->end : offset;
    }
    return true;
}

static bool choose_by_time(struct group_view *view, int64_t timestamp)
{
    if (!group_ask_offsets(view, timestamp, true) || !group_ask_offsets(view, AT_END, false))
        return false;
    for (int32_t i = 0; i < view->count; i++)
        if (view->items[i].chosen < 0) /* no record is that young */
            view->items[i].chosen = view->items[i].end;
    return true;
}

static bool choose(struct group_view *view, const struct group_options *options)
{
    int64_t number;
    if (options->earliest)
        return group_ask_offsets(view, AT_BEGINNING, true);
    if (options->latest)
        return group_ask_offsets(view, AT_END, true);
    if (options->offset != NULL)
        return cli_number("--to-offset", options->offset, &number) && clamp_offsets(view, number);
    if (options->timestamp != NULL)
        return cli_number("--to-timestamp", options->timestamp, &number) && choose_by_time(view, number);
    return cli_number("--by-duration", options->duration, &number) &&
           choose_by_time(view, io_wall_ms(view->cli->client.io) - number);
}

typedef struct offset_commit_request_offset_commit_request_topic commit_topic;
typedef struct offset_commit_request_offset_commit_request_partition commit_partition;

static bool say_refused_commits(const struct group_view *view, const struct offset_commit_response *response)
{
    bool ok = true;
    for (int32_t t = 0; t < response->topics.count; t++)
        for (int32_t p = 0; p < response->topics.items[t].partitions.count && ok; p++) {
            int16_t error = response->topics.items[t].partitions.items[p].error_code;
            if (error == KAFKA_ERROR_UNKNOWN_MEMBER_ID)
                ok = cli_refused("the members must leave first: cannot reset offsets of", view->id, error, SLICE_NULL);
            else if (error != KAFKA_ERROR_NONE)
                ok = cli_refused("cannot reset offsets of", view->id, error, SLICE_NULL);
        }
    return ok;
}

/* Sorted items: topic by topic. */
static bool commit(struct group_view *view)
{
    struct offset_commit_request request;
    struct offset_commit_response response;
    commit_topic *topics = ARENA_ARRAY(&view->cli->arena, commit_topic, (size_t)view->count + 1);
    commit_partition *partitions = ARENA_ARRAY(&view->cli->arena, commit_partition, (size_t)view->count + 1);
    int32_t count = 0;
    if (topics == NULL || partitions == NULL)
        return false;
    for (int32_t i = 0; i < view->count; i++) {
        const struct group_position *p = &view->items[i];
        if (count == 0 || !slice_equal(topics[count - 1].name, p->topic)) {
            wire_set_defaults(&offset_commit_request_offset_commit_request_topic_struct, &topics[count]);
            topics[count].name = p->topic;
            topics[count].topic_id = p->topic_id;
            topics[count++].partitions.items = partitions + i;
        }
        wire_set_defaults(&offset_commit_request_offset_commit_request_partition_struct, &partitions[i]);
        partitions[i].partition_index = p->partition;
        partitions[i].committed_offset = p->chosen;
        topics[count - 1].partitions.count++;
    }
    WIRE_DEFAULTS(offset_commit_request_schema, &request);
    request.group_id = view->id;
    request.topics.items = topics;
    request.topics.count = count;
    return cli_call(view->cli, view->coordinator, API_OFFSET_COMMIT, &request, &response) &&
           say_refused_commits(view, &response);
}

static json_t *tell_reset(const struct group_view *view)
{
    json_t *list = json_array();
    if (!view->cli->json)
        printf("  %-30s  %9s  %12s  %12s\n", "topic", "partition", "was", "is");
    for (int32_t i = 0; i < view->count; i++) {
        const struct group_position *p = &view->items[i];
        if (!view->cli->json) {
            printf("  %-30.*s  %9d", SLICE_ARG(p->topic), p->partition);
            print_number(p->committed, 12);
            print_number(p->chosen, 12);
            printf("\n");
        }
        json_array_append_new(list, json_pack("{s:o,s:i,s:o,s:o}", "topic", cli_json_text(p->topic), "partition",
                                              p->partition, "was", known(p->committed), "is", known(p->chosen)));
    }
    return list;
}

/* Without topics: all that the group has offsets of. */
static bool choose_partitions(struct group_view *view, const struct group_options *options)
{
    int64_t partition = -1;
    if (options->partition != NULL && !cli_number("--partition", options->partition, &partition))
        return false;
    struct group_view committed = *view;
    committed.items = NULL;
    committed.count = committed.capacity = 0;
    if (!group_read_offsets(&committed))
        return false;
    if (options->topic_count == 0)
        *view = committed;
    for (int i = 0; i < options->topic_count; i++)
        if (!group_add_topic(view, options->topics[i], (int32_t)partition))
            return false;
    for (int32_t i = 0; i < view->count; i++)
        for (int32_t k = 0; k < committed.count; k++)
            if (committed.items[k].partition == view->items[i].partition &&
                slice_equal(committed.items[k].topic, view->items[i].topic))
                view->items[i].committed = committed.items[k].committed;
    return true;
}

static bool reset_offsets(struct cli *cli, const struct group_options *options)
{
    struct group_view view;
    if (!group_open(&view, cli, cli->words[1]) || !choose_partitions(&view, options) || !choose(&view, options))
        return false;
    if (view.count == 0) {
        fprintf(stderr, "ringmain: group %s has no offsets; name topics with --topic\n", cli->words[1]);
        return false;
    }
    for (int32_t i = 0; i < view.count; i++)
        if (view.items[i].chosen < 0)
            return cli_refused("the brokers do not tell the offset in", view.items[i].topic,
                               KAFKA_ERROR_LEADER_NOT_AVAILABLE, SLICE_NULL);
    if (!options->dry_run && !commit(&view))
        return false;
    json_t *told = tell_reset(&view);
    if (cli->json)
        cli_print_json(told);
    else
        json_decref(told);
    return true;
}

/* ---- delete -------------------------------------------------------------------------------------------------------
 */

static bool delete_one(struct cli *cli, const char *id)
{
    struct group_view view;
    struct delete_groups_request request;
    struct delete_groups_response response;
    if (!group_open(&view, cli, id))
        return false;
    WIRE_DEFAULTS(delete_groups_request_schema, &request);
    request.groups_names.items = &view.id;
    request.groups_names.count = 1;
    if (!cli_call(cli, view.coordinator, API_DELETE_GROUPS, &request, &response) || response.results.count != 1)
        return false;
    int16_t error = response.results.items[0].error_code;
    if (error != KAFKA_ERROR_NONE)
        return cli_refused("cannot delete group", view.id, error, response.results.items[0].error_message);
    if (!cli->json)
        printf("deleted %s\n", id);
    return true;
}

static bool delete_groups(struct cli *cli)
{
    bool ok = true;
    json_t *deleted = json_array();
    for (int i = 1; i < cli->word_count; i++) {
        bool one = delete_one(cli, cli->words[i]);
        if (one)
            json_array_append_new(deleted, json_string(cli->words[i]));
        ok &= one;
    }
    if (cli->json)
        cli_print_json(deleted);
    else
        json_decref(deleted);
    return ok;
}

typedef struct offset_delete_request_offset_delete_request_topic delete_topic;
typedef struct offset_delete_request_offset_delete_request_partition delete_partition;

static bool delete_offsets(struct cli *cli, const struct group_options *options)
{
    struct group_view view;
    struct offset_delete_request request;
    struct offset_delete_response response;
    if (!group_open(&view, cli, cli->words[1]) || !choose_partitions(&view, options))
        return false;
    group_sort(&view);
    delete_topic *topics = ARENA_ARRAY(&cli->arena, delete_topic, (size_t)view.count + 1);
    delete_partition *partitions = ARENA_ARRAY(&cli->arena, delete_partition, (size_t)view.count + 1);
    int32_t count = 0;
    if (topics == NULL || partitions == NULL)
        return false;
    for (int32_t i = 0; i < view.count; i++) {
        if (count == 0 || !slice_equal(topics[count - 1].name, view.items[i].topic)) {
            topics[count] = (delete_topic){.name = view.items[i].topic};
            topics[count++].partitions.items = partitions + i;
        }
        partitions[i].partition_index = view.items[i].partition;
        topics[count - 1].partitions.count++;
    }
    WIRE_DEFAULTS(offset_delete_request_schema, &request);
    request.group_id = view.id;
    request.topics.items = topics;
    request.topics.count = count;
    if (!cli_call(cli, view.coordinator, API_OFFSET_DELETE, &request, &response))
        return false;
    int16_t error = response.error_code;
    for (int32_t t = 0; t < response.topics.count; t++)
        for (int32_t p = 0; p < response.topics.items[t].partitions.count && error == KAFKA_ERROR_NONE; p++)
            error = response.topics.items[t].partitions.items[p].error_code;
    if (error != KAFKA_ERROR_NONE)
        return cli_refused("cannot delete offsets of", view.id, error, SLICE_NULL);
    if (cli->json)
        cli_print_json(json_pack("{s:s,s:i}", "group", cli->words[1], "partitions", view.count));
    else
        printf("deleted offsets of %d partitions\n", view.count);
    return true;
}

/* ---- the command --------------------------------------------------------------------------------------------------
 */

static bool is_sensible(const struct cli *cli, const struct group_options *options)
{
    const char *what = cli->word_count > 0 ? cli->words[0] : "";
    int targets = options->earliest + options->latest + (options->offset != NULL) + (options->timestamp != NULL) +
                  (options->duration != NULL);
    if (strcmp(what, "list") == 0)
        return cli->word_count == 1 && targets == 0;
    if (strcmp(what, "describe") == 0 || strcmp(what, "delete") == 0)
        return cli->word_count > 1 && targets == 0;
    if (strcmp(what, "reset-offsets") == 0)
        return cli->word_count == 2 && targets == 1 && (options->partition == NULL || options->topic_count > 0);
    return strcmp(what, "delete-offsets") == 0 && cli->word_count == 2 && targets == 0 && options->topic_count > 0;
}

static bool run(struct cli *cli, const struct group_options *options)
{
    if (strcmp(cli->words[0], "list") == 0)
        return list(cli, options);
    if (strcmp(cli->words[0], "describe") == 0)
        return describe(cli);
    if (strcmp(cli->words[0], "reset-offsets") == 0)
        return reset_offsets(cli, options);
    return strcmp(cli->words[0], "delete") == 0 ? delete_groups(cli) : delete_offsets(cli, options);
}

int group_command(int argc, char **argv)
{
    struct group_options options = {0};
    const struct cli_option list_of[] = {
        {"--state", "STATE", "only groups in this state; may be repeated (list)", options.states, &options.state_count,
         NULL},
        {"--topic", "TOPIC", "may be repeated; else all that the group has offsets of", options.topics,
         &options.topic_count, NULL},
        {"--partition", "N", "only this one of each topic", .texts = &options.partition},
        {"--to-earliest", NULL, "reset to the oldest record", .flag = &options.earliest},
        {"--to-latest", NULL, "reset to the end", .flag = &options.latest},
        {"--to-offset", "N", "reset to this offset, or the nearest there is", .texts = &options.offset},
        {"--to-timestamp", "MS", "reset to the first record this young (milliseconds since 1970)",
         .texts = &options.timestamp},
        {"--by-duration", "MS", "reset to the first record at most this old", .texts = &options.duration},
        {"--dry-run", NULL, "show what reset-offsets would do", .flag = &options.dry_run},
    };
    struct cli cli = {.usage =
                          "ringmain group list|describe|reset-offsets|delete|delete-offsets [GROUP]... [OPTION]...",
                      .examples = "  ringmain group list --state Stable\n"
                                  "  ringmain group describe billing --json\n"
                                  "  ringmain group reset-offsets billing --topic orders --to-earliest --dry-run\n"
                                  "  ringmain group reset-offsets billing --by-duration 3600000\n"
                                  "  ringmain group delete-offsets billing --topic orders --partition 3\n"
                                  "  ringmain group delete billing\n",
                      .options = list_of,
                      .option_count = COUNT_OF(list_of)};
    int code = cli_parse(&cli, argc, argv);
    if (code >= 0)
        return code;
    if (!is_sensible(&cli, &options))
        return cli_misused(&cli);
    if (!cli_connect(&cli))
        return CLI_FAILED;
    bool ok = run(&cli, &options);
    cli_disconnect(&cli);
    return ok ? CLI_OK : CLI_FAILED;
}
