/* Heartbeat: a member is alive, and hears of a rebalance. */
#include "net/handlers/api.h"
#include "net/handlers/group_call.h"

struct heartbeat {
    struct group_request base;
    struct heartbeat_request asked;
};

static void answer(struct request *request, int16_t error)
{
    struct heartbeat_response response;
    WIRE_DEFAULTS(heartbeat_response_schema, &response);
    response.error_code = error;
    request_answer(request, &response);
}

static void answered(struct group_call *call)
{
    answer(group_request_of(call)->request, call->error);
}

void handle_heartbeat(struct request *request)
{
    struct heartbeat *state = ARENA_NEW(&request->arena, struct heartbeat);
    struct group_machine *machine;
    if (!GROUP_REQUEST_BEGIN(state, request, answered))
        return;
    int16_t error = groups_enter(request_groups(request), state->asked.group_id, &machine);
    if (error != KAFKA_ERROR_NONE) {
        /* While groups are being loaded nobody loses its place. */
        answer(request, error == KAFKA_ERROR_COORDINATOR_LOAD_IN_PROGRESS ? KAFKA_ERROR_NONE : error);
        return;
    }
    group_heartbeat(machine, &state->asked, &state->base.call);
    groups_leave(machine);
}
