/* UpdateFeatures (KIP-584, KIP-778). The rules are core/controller's. */
#include "net/handlers/api.h"
#include "net/handlers/control.h"
#include "net/handlers/control_change.h"

struct update_features {
    struct control_change change;
    struct update_features_response response;
};

static void refuse_all(struct control_change *change, int16_t code, struct slice message)
{
    struct update_features *update = CONTAINER_OF(change, struct update_features, change);
    if (update->response.error_code != KAFKA_ERROR_NONE)
        return;
    update->response.error_code = code;
    update->response.error_message = message;
    update->response.results.count = 0;
}

void handle_update_features(struct request *request)
{
    struct update_features_request asked;
    if (!request_decode(request, &asked))
        return;
    struct update_features *update = ARENA_NEW(&request->arena, struct update_features);
    if (update == NULL) {
        request_close(request);
        return;
    }
    struct controller controller = {.image = metadata_latest(request->shard->control->metadata),
                                    .arena = &request->arena};
    WIRE_DEFAULTS(update_features_response_schema, &update->response);
    enum err err = controller_update_features(&controller, &asked, &update->response);
    update->change = (struct control_change){.request = request, .answer = &update->response, .refuse_all = refuse_all};
    control_change_run(&update->change, err, &controller.records);
}
