/* ringmain cluster describe */
#include "core/wire/error.h"
#include "net/cli/cli.h"

#include <stdio.h>

static int describe(struct cli *cli)
{
    struct describe_cluster_request request;
    struct describe_cluster_response response;
    WIRE_DEFAULTS(describe_cluster_request_schema, &request);
    if (!cli_call(cli, CLIENT_ANY_BROKER, API_DESCRIBE_CLUSTER, &request, &response))
        return CLI_FAILED;
    if (response.error_code != KAFKA_ERROR_NONE) {
        cli_refused("cannot describe", SLICE_LITERAL("cluster"), response.error_code, response.error_message);
        return CLI_FAILED;
    }
    json_t *brokers = json_array();
    if (!cli->json)
        printf("cluster %.*s, controller %d\n  broker  address\n", SLICE_ARG(response.cluster_id),
               response.controller_id);
    for (int32_t i = 0; i < response.brokers.count; i++) {
        const struct describe_cluster_response_describe_cluster_broker *b = &response.brokers.items[i];
        if (!cli->json)
            printf("  %6d  %.*s:%d%s\n", b->broker_id, SLICE_ARG(b->host), b->port, b->is_fenced ? "  fenced" : "");
        json_array_append_new(
            brokers, json_pack("{s:i,s:o,s:i}", "id", b->broker_id, "host", cli_json_text(b->host), "port", b->port));
    }
    json_t *document = json_pack("{s:o,s:i,s:o}", "cluster_id", cli_json_text(response.cluster_id), "controller",
                                 response.controller_id, "brokers", brokers);
    if (cli->json)
        cli_print_json(document);
    else
        json_decref(document);
    return CLI_OK;
}

int cluster_command(int argc, char **argv)
{
    struct cli cli = {.usage = "ringmain cluster describe [OPTION]...",
                      .examples = "  ringmain cluster describe --bootstrap broker1:9092 --json\n"};
    int code = cli_parse(&cli, argc, argv);
    if (code >= 0)
        return code;
    if (cli.word_count != 1 || strcmp(cli.words[0], "describe") != 0)
        return cli_misused(&cli);
    if (!cli_connect(&cli))
        return CLI_FAILED;
    code = describe(&cli);
    cli_disconnect(&cli);
    return code;
}
