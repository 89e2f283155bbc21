/* ElectLeaders (KIP-460), AlterPartitionReassignments and ListPartitionReassignments (KIP-455): the rules are
 * core/controller's. One node has nothing to move, so nothing is written and the answer is known at once. */
#include "core/controller/controller.h"
#include "net/handlers/api.h"
#include "net/handlers/control.h"
#include "net/handlers/shard.h"

static void finish(struct request *request, enum err err, const void *response)
{
    if (err == ERR_OK)
        request_answer(request, response);
    else
        request_close(request);
}

void handle_elect_leaders(struct request *request)
{
    struct elect_leaders_request asked;
    struct elect_leaders_response response;
    if (!request_decode(request, &asked))
        return;
    const struct image *image = metadata_latest(request->shard->control->metadata);
    finish(request, controller_elect_leaders(image, &request->arena, &asked, &response), &response);
}

void handle_alter_partition_reassignments(struct request *request)
{
    struct alter_partition_reassignments_request asked;
    struct alter_partition_reassignments_response response;
    if (!request_decode(request, &asked))
        return;
    struct controller controller = {.image = metadata_latest(request->shard->control->metadata),
                                    .arena = &request->arena};
    finish(request, controller_alter_reassignments(&controller, &asked, &response), &response);
}

void handle_list_partition_reassignments(struct request *request)
{
    struct list_partition_reassignments_request asked;
    struct list_partition_reassignments_response response;
    if (!request_decode(request, &asked))
        return;
    WIRE_DEFAULTS(list_partition_reassignments_response_schema, &response); /* none is ever going on */
    response.error_message = SLICE_NULL;
    request_answer(request, &response);
}
