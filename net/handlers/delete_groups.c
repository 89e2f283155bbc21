/* DeleteGroups (KIP-229): each group by its own machine, answered when the last one has gone. */
#include "net/handlers/api.h"
#include "net/handlers/group_call.h"

typedef struct delete_groups_response_deletable_group_result result;

struct delete_groups;

struct one_group {
    struct group_request base;
    struct delete_groups *all;
    result *result;
};

struct delete_groups {
    struct request *request;
    struct delete_groups_request asked;
    struct delete_groups_response response;
    struct one_group *groups;
    int32_t waiting_count;
};

static void one_is_done(struct delete_groups *state)
{
    if (--state->waiting_count == 0)
        request_answer(state->request, &state->response);
}

static void answered(struct group_call *call)
{
    struct one_group *group = CONTAINER_OF(call, struct one_group, base.call);
    group->result->error_code = call->error;
    one_is_done(group->all);
}

static void delete_one(struct one_group *group, struct slice group_id)
{
    struct request *request = group->all->request;
    struct group_machine *machine;
    group_request_init(&group->base, request, answered);
    group->result->group_id = group_id;
    group->result->error_code = groups_enter(request_groups(request), group_id, &machine);
    if (group->result->error_code != KAFKA_ERROR_NONE) {
        one_is_done(group->all);
        return;
    }
    group_delete(machine, group_id, &group->base.call);
    groups_leave(machine);
}

static bool is_repeated(const struct delete_groups_request *asked, int32_t at)
{
    for (int32_t i = 0; i < at; i++)
        if (slice_equal(asked->groups_names.items[i], asked->groups_names.items[at]))
            return true;
    return false;
}

void handle_delete_groups(struct request *request)
{
    struct delete_groups *state = ARENA_NEW(&request->arena, struct delete_groups);
    if (state == NULL) {
        request_close(request);
        return;
    }
    if (!request_decode(request, &state->asked))
        return;
    WIRE_DEFAULTS(delete_groups_response_schema, &state->response);
    size_t count = (size_t)state->asked.groups_names.count;
    state->request = request;
    state->groups = ARENA_ARRAY(&request->arena, struct one_group, count + 1);
    state->response.results.items = ARENA_ARRAY(&request->arena, result, count + 1);
    if (state->groups == NULL || state->response.results.items == NULL) {
        request_close(request);
        return;
    }
    state->waiting_count = 1; /* ourselves, until all have been asked */
    for (size_t i = 0; i < count; i++) {
        if (is_repeated(&state->asked, (int32_t)i))
            continue;
        state->waiting_count++;
        state->groups[i].all = state;
        state->groups[i].result = &state->response.results.items[state->response.results.count++];
        delete_one(&state->groups[i], state->asked.groups_names.items[i]);
    }
    one_is_done(state);
}
