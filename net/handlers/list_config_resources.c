/* ListConfigResources (KIP-1142). */
#include "core/controller/controller.h"
#include "net/handlers/api.h"
#include "net/handlers/shard.h"

void handle_list_config_resources(struct request *request)
{
    struct list_config_resources_request asked;
    struct list_config_resources_response response;
    if (!request_decode(request, &asked))
        return;
    if (controller_list_config_resources(request->shard->image, &request->arena, request->header.version, &asked,
                                         &response) == ERR_OK)
        request_answer(request, &response);
    else
        request_close(request);
}
