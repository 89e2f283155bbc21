#include "net/cli/coordinator.h"

#include "core/wire/error.h"

enum { PAUSE_MS = 200, FIRST_WITH_MANY_KEYS = 4 };

static bool ask(struct cli *cli, enum cli_coordinator_kind kind, struct slice key, int32_t *node, int16_t *error)
{
    struct find_coordinator_request request;
    struct find_coordinator_response response;
    WIRE_DEFAULTS(find_coordinator_request_schema, &request);
    request.key = key;
    request.key_type = (int8_t)kind;
    request.coordinator_keys.items = &key;
    request.coordinator_keys.count = 1;
    int version = client_version(&cli->client, CLIENT_ANY_BROKER, API_FIND_COORDINATOR);
    if (!cli_call(cli, CLIENT_ANY_BROKER, API_FIND_COORDINATOR, &request, &response))
        return false;
    struct slice host = response.host;
    int32_t port = response.port;
    *error = response.error_code;
    *node = response.node_id;
    if (version >= FIRST_WITH_MANY_KEYS) {
        if (response.coordinators.count != 1)
            return cli_refused("no coordinator for", key, KAFKA_ERROR_UNKNOWN_SERVER_ERROR, SLICE_NULL);
        *error = response.coordinators.items[0].error_code;
        host = response.coordinators.items[0].host;
        port = response.coordinators.items[0].port;
        *node = response.coordinators.items[0].node_id;
    }
    if (*error != KAFKA_ERROR_NONE || client_know(&cli->client, *node, host, port) == ERR_OK)
        return true;
    fprintf(stderr, "ringmain: out of memory\n");
    return false;
}

bool cli_find_coordinator(struct cli *cli, enum cli_coordinator_kind kind, struct slice key, int32_t *node)
{
    int16_t error = KAFKA_ERROR_NONE;
    for (int waited_ms = 0;; waited_ms += PAUSE_MS) {
        if (!ask(cli, kind, key, node, &error))
            return false;
        if (error == KAFKA_ERROR_NONE)
            return true;
        if (!kafka_error_retriable(error) || waited_ms > cli->client.timeout_ms)
            return cli_refused("no coordinator for", key, error, SLICE_NULL);
        client_pause(&cli->client, PAUSE_MS);
    }
}
