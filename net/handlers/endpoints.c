#include "net/handlers/endpoints.h"

#include "net/handlers/shard.h"

bool endpoint_of(const struct request *request, const struct image_broker *broker, struct slice *host, int32_t *port)
{
    const struct broker_config *config = request->shard->image->config;
    const char *name = config->listeners_parsed[request->listener].name;
    for (int i = 0; i < broker->endpoint_count; i++) {
        const struct image_endpoint *endpoint = &broker->endpoints[i];
        if (strcmp(endpoint->name, name) == 0) {
            *host = slice_from_string(endpoint->host);
            *port = endpoint->port;
            return true;
        }
    }
    return false;
}
