/* DeleteTopics, by name and (from version 6) by id (KIP-4, KIP-516). The rules are core/controller's. */
#include "net/handlers/api.h"
#include "net/handlers/control.h"
#include "net/handlers/control_change.h"

struct delete_topics {
    struct control_change change;
    struct delete_topics_response response;
};

static void refuse_all(struct control_change *change, int16_t code, struct slice message)
{
    struct delete_topics *delete = CONTAINER_OF(change, struct delete_topics, change);
    for (int32_t i = 0; i < delete->response.responses.count; i++) {
        struct delete_topics_response_deletable_topic_result *topic = &delete->response.responses.items[i];
        if (topic->error_code != KAFKA_ERROR_NONE)
            continue;
        topic->error_code = code;
        topic->error_message = message;
    }
}

/* The image that names the topics may be gone when the answer is written. */
static bool keep_names(struct arena *arena, struct delete_topics_response *response)
{
    for (int32_t i = 0; i < response->responses.count; i++) {
        struct slice *name = &response->responses.items[i].name;
        if (slice_is_null(*name) || name->length == 0)
            continue;
        name->data = arena_copy(arena, name->data, name->length);
        if (name->data == NULL)
            return false;
    }
    return true;
}

void handle_delete_topics(struct request *request)
{
    struct delete_topics_request asked;
    if (!request_decode(request, &asked))
        return;
    struct delete_topics *delete = ARENA_NEW(&request->arena, struct delete_topics);
    if (delete == NULL) {
        request_close(request);
        return;
    }
    struct controller controller = {.image = metadata_latest(request->shard->control->metadata),
                                    .arena = &request->arena};
    enum err err = controller_delete_topics(&controller, request->header.version, &asked, &delete->response);
    if (err == ERR_OK && !keep_names(&request->arena, &delete->response))
        err = ERR_NO_MEMORY;
    delete->change = (struct control_change){.request = request, .answer = &delete->response, .refuse_all = refuse_all};
    control_change_run(&delete->change, err, &controller.records);
}
