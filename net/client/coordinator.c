#include "net/client/coordinator.h"

#include "core/wire/error.h"

enum { PAUSE_MS = 200, FIRST_WITH_MANY_KEYS = 4 };

static enum err ask(struct client *client, enum client_coordinator kind, struct slice key, struct arena *arena,
                    int32_t *node, int16_t *error)
{
    struct find_coordinator_request request;
    struct find_coordinator_response response;
    WIRE_DEFAULTS(find_coordinator_request_schema, &request);
    request.key = key;
    request.key_type = (int8_t)kind;
    request.coordinator_keys.items = &key;
    request.coordinator_keys.count = 1;
    int version = client_version(client, CLIENT_ANY_BROKER, API_FIND_COORDINATOR);
    enum err err = client_call(client, CLIENT_ANY_BROKER, API_FIND_COORDINATOR, &request, &response, arena);
    if (err != ERR_OK)
        return err;
    struct slice host = response.host;
    int32_t port = response.port;
    *error = response.error_code;
    *node = response.node_id;
    if (version >= FIRST_WITH_MANY_KEYS) {
        *error = KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
        if (response.coordinators.count != 1)
            return ERR_OK;
        *error = response.coordinators.items[0].error_code;
        host = response.coordinators.items[0].host;
        port = response.coordinators.items[0].port;
        *node = response.coordinators.items[0].node_id;
    }
    return *error == KAFKA_ERROR_NONE ? client_know(client, *node, host, port) : ERR_OK;
}

enum err client_find_coordinator(struct client *client, enum client_coordinator kind, struct slice key,
                                 struct arena *arena, int32_t *node, int16_t *error)
{
    *node = CLIENT_ANY_BROKER;
    int64_t until_ns = io_now_ns(client->io) + (int64_t)client->timeout_ms * 1000000;
    for (;;) {
        *error = KAFKA_ERROR_NONE;
        enum err err = ask(client, kind, key, arena, node, error);
        if (err != ERR_OK || *error == KAFKA_ERROR_NONE)
            return err;
        if (!kafka_error_retriable(*error) || client_gives_up(client, until_ns))
            return ERR_INVALID;
        client_pause(client, PAUSE_MS);
    }
}
