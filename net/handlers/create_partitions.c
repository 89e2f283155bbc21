/* CreatePartitions (KIP-195). The rules are core/controller's. */
#include "net/handlers/api.h"
#include "net/handlers/control.h"
#include "net/handlers/control_change.h"

struct create_partitions {
    struct control_change change;
    struct create_partitions_response response;
};

static void refuse_all(struct control_change *change, int16_t code, struct slice message)
{
    struct create_partitions *create = CONTAINER_OF(change, struct create_partitions, change);
    for (int32_t i = 0; i < create->response.results.count; i++) {
        struct create_partitions_response_create_partitions_topic_result *topic = &create->response.results.items[i];
        if (topic->error_code != KAFKA_ERROR_NONE)
            continue;
        topic->error_code = code;
        topic->error_message = message;
    }
}

void handle_create_partitions(struct request *request)
{
    struct create_partitions_request asked;
    if (!request_decode(request, &asked))
        return;
    struct create_partitions *create = ARENA_NEW(&request->arena, struct create_partitions);
    if (create == NULL) {
        request_close(request);
        return;
    }
    struct controller controller = {.image = metadata_latest(request->shard->control->metadata),
                                    .arena = &request->arena};
    enum err err = controller_create_partitions(&controller, &asked, &create->response);
    create->change = (struct control_change){.request = request, .answer = &create->response, .refuse_all = refuse_all};
    control_change_run(&create->change, err, &controller.records);
}
