/* JoinGroup (KIP-62, 345, 394, 559, 800, 814). The rules are core/group's; the answer may take a rebalance long. */
#include "net/handlers/api.h"
#include "net/handlers/group_call.h"

enum { FIRST_WITH_REBALANCE_TIMEOUT = 1, FIRST_WITH_NULL_PROTOCOL = 7 };

struct join_group {
    struct group_request base;
    struct join_group_request asked;
};

static void answer(struct request *request, struct join_group_response *response)
{
    if (slice_is_null(response->protocol_name) && request->header.version < FIRST_WITH_NULL_PROTOCOL)
        response->protocol_name = SLICE_LITERAL("");
    request_answer(request, response);
}

static void answered(struct group_call *call)
{
    answer(group_request_of(call)->request, &call->join);
}

void handle_join_group(struct request *request)
{
    struct join_group *state = ARENA_NEW(&request->arena, struct join_group);
    struct group_machine *machine;
    if (!GROUP_REQUEST_BEGIN(state, request, answered))
        return;
    if (request->header.version < FIRST_WITH_REBALANCE_TIMEOUT)
        state->asked.rebalance_timeout_ms = state->asked.session_timeout_ms;
    int16_t error = groups_enter(request_groups(request), state->asked.group_id, &machine);
    if (error != KAFKA_ERROR_NONE) {
        struct join_group_response response;
        WIRE_DEFAULTS(join_group_response_schema, &response);
        response.error_code = error;
        response.protocol_name = SLICE_NULL;
        answer(request, &response);
        return;
    }
    group_join(machine, &state->asked, &state->base.call);
    groups_leave(machine);
}
