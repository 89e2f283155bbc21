/* LeaveGroup: one member, or several named by an administrator (KIP-345). */
#include "net/handlers/api.h"
#include "net/handlers/group_call.h"

enum { FIRST_WITH_MANY_MEMBERS = 3 };

struct leave_group {
    struct group_request base;
    struct leave_group_request asked;
};

static void answer(struct request *request, struct leave_group_response *response, int16_t error)
{
    if (error == KAFKA_ERROR_NONE && request->header.version < FIRST_WITH_MANY_MEMBERS)
        error = response->members.items[0].error_code;
    response->error_code = error;
    request_answer(request, response);
}

static void answered(struct group_call *call)
{
    answer(group_request_of(call)->request, &call->leave, call->error);
}

static bool name_the_member(struct leave_group_request *asked, struct arena *arena)
{
    struct leave_group_request_member_identity *member = ARENA_NEW(arena, struct leave_group_request_member_identity);
    if (member == NULL)
        return false;
    wire_set_defaults(&leave_group_request_member_identity_struct, member);
    member->member_id = asked->member_id;
    asked->members.items = member;
    asked->members.count = 1;
    return true;
}

void handle_leave_group(struct request *request)
{
    struct leave_group *state = ARENA_NEW(&request->arena, struct leave_group);
    struct group_machine *machine;
    if (!GROUP_REQUEST_BEGIN(state, request, answered))
        return;
    if (request->header.version < FIRST_WITH_MANY_MEMBERS && !name_the_member(&state->asked, &request->arena)) {
        request_close(request);
        return;
    }
    int16_t error = groups_enter(request_groups(request), state->asked.group_id, &machine);
    if (error != KAFKA_ERROR_NONE) {
        struct leave_group_response response;
        WIRE_DEFAULTS(leave_group_response_schema, &response);
        answer(request, &response, error);
        return;
    }
    group_leave(machine, &state->asked, &state->base.call);
    groups_leave(machine);
}
