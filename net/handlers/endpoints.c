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

bool leader_hint(struct request *request, struct uuid topic_id, int32_t index, struct leader_hints *hints,
                 int32_t *leader_id, int32_t *leader_epoch)
{
    const struct image *image = request->shard->image;
    const struct image_topic *topic = image_topic_by_id(image, topic_id);
    const struct image_partition *partition = topic == NULL ? NULL : image_partition_at(topic, index);
    if (partition == NULL || partition->leader < 0)
        return true;
    *leader_id = partition->leader;
    *leader_epoch = partition->leader_epoch;
    for (int32_t i = 0; i < hints->count; i++)
        if (hints->items[i].node_id == partition->leader)
            return true;
    if (hints->items == NULL)
        hints->items = ARENA_ARRAY(&request->arena, struct leader_hint, (size_t)image->broker_count + 1);
    if (hints->items == NULL)
        return false;
    const struct image_broker *broker = image_broker_by_id(image, partition->leader);
    struct leader_hint hint = {.node_id = partition->leader};
    if (broker == NULL || !endpoint_of(request, broker, &hint.host, &hint.port))
        return true;
    hint.rack = slice_from_string(broker->rack);
    hints->items[hints->count++] = hint;
    return true;
}
