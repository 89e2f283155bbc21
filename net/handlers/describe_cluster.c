/* DescribeCluster (KIP-700, KIP-919, KIP-1073). */
#include "core/wire/error.h"
#include "core/wire/messages.h"
#include "net/handlers/api.h"
#include "net/handlers/endpoints.h"
#include "net/handlers/operations.h"
#include "net/handlers/shard.h"

enum { ENDPOINT_BROKERS = 1, ENDPOINT_CONTROLLERS = 2 };

static bool fill_brokers(struct request *request, bool fenced_too, struct describe_cluster_response *response)
{
    const struct image *image = request->shard->image;
    response->brokers.items = ARENA_ARRAY(&request->arena, struct describe_cluster_response_describe_cluster_broker,
                                          (size_t)image->broker_count);
    if (response->brokers.items == NULL)
        return false;
    int shown = 0;
    for (int i = 0; i < image->broker_count; i++) {
        const struct image_broker *broker = &image->brokers[i];
        struct slice host;
        int32_t port;
        if ((broker->fenced && !fenced_too) || !endpoint_of(request, broker, &host, &port))
            continue;
        response->brokers.items[shown++] =
            (struct describe_cluster_response_describe_cluster_broker){.broker_id = broker->id,
                                                                       .host = host,
                                                                       .port = port,
                                                                       .rack = slice_from_string(broker->rack),
                                                                       .is_fenced = broker->fenced};
    }
    response->brokers.count = shown;
    return true;
}

void handle_describe_cluster(struct request *request)
{
    struct describe_cluster_request asked;
    struct describe_cluster_response response;
    if (!request_decode(request, &asked))
        return;
    const struct broker *broker = request->shard->broker;
    WIRE_DEFAULTS(describe_cluster_response_schema, &response);
    response.cluster_id = slice_from_string(broker->cluster_id_text);
    response.controller_id = broker->node_id;
    if (request->header.version >= 1 && asked.endpoint_type == ENDPOINT_CONTROLLERS) {
        response.error_code = KAFKA_ERROR_MISMATCHED_ENDPOINT_TYPE;
        response.error_message = SLICE_LITERAL("The request was sent to an endpoint of type BROKER, but we wanted an "
                                               "endpoint of type CONTROLLER");
    } else if (request->header.version >= 1 && asked.endpoint_type != ENDPOINT_BROKERS) {
        response.error_code = KAFKA_ERROR_UNSUPPORTED_ENDPOINT_TYPE;
        response.error_message =
            slice_from_string(arena_printf(&request->arena, "Unsupported endpoint type %d", asked.endpoint_type));
    } else if (!fill_brokers(request, asked.include_fenced_brokers, &response)) {
        request_close(request);
        return;
    }
    if (asked.include_cluster_authorized_operations && response.error_code == KAFKA_ERROR_NONE)
        response.cluster_authorized_operations = OPERATIONS_OF_CLUSTER;
    request_answer(request, &response);
}
