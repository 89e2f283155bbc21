/* SyncGroup (KIP-345, 559): the leader brings the assignments, everybody gets its own. */
#include "net/handlers/api.h"
#include "net/handlers/group_call.h"

enum { FIRST_WITH_PROTOCOL = 5 };

struct sync_group {
    struct group_request base;
    struct sync_group_request asked;
};

static void answered(struct group_call *call)
{
    request_answer(group_request_of(call)->request, &call->sync);
}

void handle_sync_group(struct request *request)
{
    struct sync_group *state = ARENA_NEW(&request->arena, struct sync_group);
    struct group_machine *machine;
    if (!GROUP_REQUEST_BEGIN(state, request, answered))
        return;
    bool lacks = request->header.version >= FIRST_WITH_PROTOCOL &&
                 (slice_is_null(state->asked.protocol_type) || slice_is_null(state->asked.protocol_name));
    int16_t error = lacks ? KAFKA_ERROR_INCONSISTENT_GROUP_PROTOCOL
                          : groups_enter(request_groups(request), state->asked.group_id, &machine);
    if (error != KAFKA_ERROR_NONE) {
        struct sync_group_response response;
        WIRE_DEFAULTS(sync_group_response_schema, &response);
        response.error_code = error;
        request_answer(request, &response);
        return;
    }
    group_sync(machine, &state->asked, &state->base.call);
    groups_leave(machine);
}
