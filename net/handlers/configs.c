/* DescribeConfigs, AlterConfigs, IncrementalAlterConfigs (KIP-133, KIP-226, KIP-339, KIP-569). What is changed reaches
 * every shard with the next image. The rules are core/controller's. */
#include "net/handlers/api.h"
#include "net/handlers/control.h"
#include "net/handlers/control_change.h"

void handle_describe_configs(struct request *request)
{
    struct describe_configs_request asked;
    struct describe_configs_response response;
    if (!request_decode(request, &asked))
        return;
    if (controller_describe_configs(request->shard->image, &request->arena, &asked, &response) == ERR_OK)
        request_answer(request, &response);
    else
        request_close(request);
}

struct alter_configs {
    struct control_change change;
    struct alter_configs_response response;
};

static void refuse_altering(struct control_change *change, int16_t code, struct slice message)
{
    struct alter_configs *alter = CONTAINER_OF(change, struct alter_configs, change);
    for (int32_t i = 0; i < alter->response.responses.count; i++) {
        struct alter_configs_response_alter_configs_resource_response *resource = &alter->response.responses.items[i];
        if (resource->error_code != KAFKA_ERROR_NONE)
            continue;
        resource->error_code = code;
        resource->error_message = message;
    }
}

void handle_alter_configs(struct request *request)
{
    struct alter_configs_request asked;
    if (!request_decode(request, &asked))
        return;
    struct alter_configs *alter = ARENA_NEW(&request->arena, struct alter_configs);
    if (alter == NULL) {
        request_close(request);
        return;
    }
    struct controller controller = {.image = metadata_latest(request->shard->control->metadata),
                                    .arena = &request->arena};
    enum err err = controller_alter_configs(&controller, &asked, &alter->response);
    alter->change =
        (struct control_change){.request = request, .answer = &alter->response, .refuse_all = refuse_altering};
    control_change_run(&alter->change, err, &controller.records);
}

struct incremental_alter {
    struct control_change change;
    struct incremental_alter_configs_response response;
};

static void refuse_incremental(struct control_change *change, int16_t code, struct slice message)
{
    struct incremental_alter *alter = CONTAINER_OF(change, struct incremental_alter, change);
    for (int32_t i = 0; i < alter->response.responses.count; i++) {
        struct incremental_alter_configs_response_alter_configs_resource_response *resource =
            &alter->response.responses.items[i];
        if (resource->error_code != KAFKA_ERROR_NONE)
            continue;
        resource->error_code = code;
        resource->error_message = message;
    }
}

void handle_incremental_alter_configs(struct request *request)
{
    struct incremental_alter_configs_request asked;
    if (!request_decode(request, &asked))
        return;
    struct incremental_alter *alter = ARENA_NEW(&request->arena, struct incremental_alter);
    if (alter == NULL) {
        request_close(request);
        return;
    }
    struct controller controller = {.image = metadata_latest(request->shard->control->metadata),
                                    .arena = &request->arena};
    enum err err = controller_incremental_alter_configs(&controller, &asked, &alter->response);
    alter->change =
        (struct control_change){.request = request, .answer = &alter->response, .refuse_all = refuse_incremental};
    control_change_run(&alter->change, err, &controller.records);
}
