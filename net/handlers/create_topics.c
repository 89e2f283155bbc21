/* CreateTopics (KIP-4, KIP-464, KIP-525, KIP-516). The rules are core/controller's. */
#include "net/handlers/api.h"
#include "net/handlers/control.h"
#include "net/handlers/control_change.h"
#include "net/handlers/topic_ids.h"

struct create_topics {
    struct control_change change;
    struct create_topics_response response;
};

static void refuse_all(struct control_change *change, int16_t code, struct slice message)
{
    struct create_topics *create = CONTAINER_OF(change, struct create_topics, change);
    for (int32_t i = 0; i < create->response.topics.count; i++) {
        struct create_topics_response_creatable_topic_result *topic = &create->response.topics.items[i];
        if (topic->error_code != KAFKA_ERROR_NONE)
            continue;
        *topic = (struct create_topics_response_creatable_topic_result){.name = topic->name,
                                                                        .error_code = code,
                                                                        .error_message = message,
                                                                        .num_partitions = -1,
                                                                        .replication_factor = -1};
    }
}

void handle_create_topics(struct request *request)
{
    struct create_topics_request asked;
    struct topic_ids ids;
    if (!request_decode(request, &asked))
        return;
    struct create_topics *create = ARENA_NEW(&request->arena, struct create_topics);
    if (create == NULL) {
        request_close(request);
        return;
    }
    struct controller controller = {.image = metadata_latest(request->shard->control->metadata),
                                    .arena = &request->arena,
                                    .ids = topic_ids_init(&ids, request->io)};
    enum err err = controller_create_topics(&controller, &asked, &create->response);
    create->change = (struct control_change){.request = request, .answer = &create->response, .refuse_all = refuse_all};
    control_change_run(&create->change, err, &controller.records);
}
