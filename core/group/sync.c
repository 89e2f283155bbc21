/* SyncGroup, Heartbeat and LeaveGroup: the life of a member between two joins. */
#include "core/group/internal.h"

enum { SMALL_ASSIGNMENT_BYTES = 1024 };

/* ---- sync -------------------------------------------------------------------------------------------------------- */

void group_answer_assigned(struct group_member *member, struct group_call *call)
{
    const struct group *group = member->group;
    WIRE_DEFAULTS(sync_group_response_schema, &call->sync);
    call->sync.protocol_type = group_copy(call->arena, group->protocol_type);
    call->sync.protocol_name = group_copy(call->arena, group->protocol_name);
    call->sync.assignment =
        slice_is_null(member->assignment) ? SLICE_LITERAL("") : group_copy(call->arena, member->assignment);
    if (call->arena->failed)
        group_answer_sync(group->machine, call, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
    else
        group_answer(group->machine, call, KAFKA_ERROR_NONE);
}

static bool differs(struct slice asked, struct slice has)
{
    return !slice_is_null(asked) && !slice_is_null(has) && !slice_equal(asked, has);
}

static int16_t check_sync(const struct group *group, const struct sync_group_request *request,
                          struct group_member **member)
{
    if (group->state == GROUP_DEAD)
        return KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
    int16_t error = group_check_member(group, request->member_id, request->group_instance_id, member);
    if (error != KAFKA_ERROR_NONE)
        return error;
    if (request->generation_id != group->generation)
        return KAFKA_ERROR_ILLEGAL_GENERATION;
    if (differs(request->protocol_type, group->protocol_type) || differs(request->protocol_name, group->protocol_name))
        return KAFKA_ERROR_INCONSISTENT_GROUP_PROTOCOL;
    return KAFKA_ERROR_NONE;
}

static void stop_pending_sync(struct group_member *member)
{
    struct group *group = member->group;
    group_set_pending_sync(member, false);
    if (group->pending_sync_count == 0)
        machine_deadline_stop(&group->machine->deadlines, &group->sync_deadline.base);
}

/* Who is not named gets nothing to do. */
static void take_assignments(struct group *group, const struct sync_group_request *request)
{
    LIST_EACH(link, &group->members)
    CONTAINER_OF(link, struct group_member, link)->next_assignment = SLICE_LITERAL("");
    for (int32_t i = 0; i < request->assignments.count; i++) {
        struct group_member *member = group_member_by_id(group, request->assignments.items[i].member_id);
        if (member != NULL)
            member->next_assignment = request->assignments.items[i].assignment;
    }
}

/* Without room assignments may become as large as they are, or as small ones are. */
static bool has_room(const struct group *group)
{
    size_t now = 0, next = 0;
    for (const struct list *link = group->members.next; link != &group->members; link = link->next) {
        const struct group_member *member = CONTAINER_OF(link, const struct group_member, link);
        now += member->assignment.length;
        next += member->next_assignment.length;
    }
    return next <= now || next <= (size_t)group->member_count * SMALL_ASSIGNMENT_BYTES ||
           group_may_grow(group->machine);
}

/* Copies for every member beforehand: once the log has them nothing may fail any more. */
static bool own_assignments(struct group_append *append, const struct group *group)
{
    append->assigned = ARENA_ARRAY(&append->arena, struct slice, (size_t)group->member_count);
    if (append->assigned == NULL)
        return false;
    for (const struct list *link = group->members.next; link != &group->members; link = link->next) {
        const struct group_member *member = CONTAINER_OF(link, const struct group_member, link);
        if (!group_own(append->machine->mem, member->next_assignment, &append->assigned[append->assigned_count]))
            return false;
        append->assigned_count++;
    }
    return true;
}

static bool store_assignments(struct group *group, const struct sync_group_request *request)
{
    struct group_append *append = group_append_new(group->machine, APPEND_ASSIGNMENT, group);
    if (append == NULL)
        return false;
    take_assignments(group, request);
    append->generation = group->generation;
    bool stored = has_room(group) && own_assignments(append, group) && group_store(append, group, true);
    LIST_EACH(link, &group->members)
    CONTAINER_OF(link, struct group_member, link)->next_assignment = SLICE_NULL;
    if (!stored) {
        group_append_free(append);
        return false;
    }
    group->assigning_generation = group->generation;
    group_append_send(append);
    return true;
}

void group_assignment_stored(struct group_append *append, int16_t error)
{
    struct group *group = append->group;
    int32_t at = 0;
    if (group->assigning_generation == append->generation)
        group->assigning_generation = -1;
    if (group->state != GROUP_COMPLETING || group->generation != append->generation)
        return; /* somebody has joined or left meanwhile */
    if (error != KAFKA_ERROR_NONE) {
        group_propagate(group, error);
        group_prepare_rebalance(group);
        return;
    }
    LIST_EACH(link, &group->members) /* the same as then: a change of members ends the generation */
    {
        struct group_member *member = CONTAINER_OF(link, struct group_member, link);
        ASSERT(at < append->assigned_count);
        group_disown(group->machine->mem, &member->assignment);
        member->assignment = append->assigned[at];
        append->assigned[at++] = SLICE_NULL;
    }
    group_move(group, GROUP_STABLE);
    group_propagate(group, KAFKA_ERROR_NONE);
}

static void sync_completing(struct group_member *member, const struct sync_group_request *request,
                            struct group_call *call)
{
    struct group *group = member->group;
    if (member->sync != NULL) /* it has asked again, most likely on another connection */
        group_answer_sync(group->machine, member->sync, KAFKA_ERROR_REBALANCE_IN_PROGRESS);
    member->sync = call;
    stop_pending_sync(member);
    if (group->leader != member || group->assigning_generation == group->generation)
        return;
    if (!store_assignments(group, request)) {
        member->sync = NULL;
        group_answer_sync(group->machine, call, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
    }
}

void group_sync(struct group_machine *machine, const struct sync_group_request *request, struct group_call *call)
{
    struct group *group = group_find(machine, request->group_id);
    struct group_member *member = NULL;
    int16_t error = KAFKA_ERROR_NONE;
    if (request->group_id.length == 0)
        error = KAFKA_ERROR_INVALID_GROUP_ID;
    else if (group == NULL || group->state == GROUP_EMPTY)
        error = KAFKA_ERROR_UNKNOWN_MEMBER_ID;
    else
        error = check_sync(group, request, &member);
    if (error == KAFKA_ERROR_NONE && group->state == GROUP_PREPARING)
        error = KAFKA_ERROR_REBALANCE_IN_PROGRESS;
    if (error != KAFKA_ERROR_NONE) {
        group_answer_sync(machine, call, error);
    } else if (group->state == GROUP_COMPLETING) {
        sync_completing(member, request, call);
    } else {
        stop_pending_sync(member);
        group_answer_assigned(member, call);
    }
}

/* ---- heartbeat --------------------------------------------------------------------------------------------------- */

static int16_t check_heartbeat(const struct group *group, const struct heartbeat_request *request,
                               struct group_member **member)
{
    if (request->group_id.length == 0)
        return KAFKA_ERROR_INVALID_GROUP_ID;
    if (group == NULL)
        return KAFKA_ERROR_UNKNOWN_MEMBER_ID;
    if (group->state == GROUP_DEAD)
        return KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
    int16_t error = group_check_member(group, request->member_id, request->group_instance_id, member);
    if (error == KAFKA_ERROR_NONE && request->generation_id != group->generation)
        error = KAFKA_ERROR_ILLEGAL_GENERATION;
    return error;
}

void group_heartbeat(struct group_machine *machine, const struct heartbeat_request *request, struct group_call *call)
{
    struct group *group = group_find(machine, request->group_id);
    struct group_member *member = NULL;
    int16_t error = check_heartbeat(group, request, &member);
    if (error == KAFKA_ERROR_NONE) {
        group_heartbeat_in(member, member->session_timeout_ms);
        if (group->state == GROUP_PREPARING)
            error = KAFKA_ERROR_REBALANCE_IN_PROGRESS;
    }
    group_answer(machine, call, error);
}

/* ---- leave ------------------------------------------------------------------------------------------------------- */

typedef struct leave_group_request_member_identity leaving;

static int16_t leave_one(struct group *group, const leaving *who)
{
    struct group_member *member = NULL;
    if (who->member_id.length == 0) { /* an administrator names the instance only */
        if (!slice_is_null(who->group_instance_id))
            member = group_member_by_instance(group, who->group_instance_id);
        if (member == NULL)
            return KAFKA_ERROR_UNKNOWN_MEMBER_ID;
        group_drop_member(member);
        return KAFKA_ERROR_NONE;
    }
    struct group_pending *pending = group_pending_by_id(group, who->member_id);
    if (pending != NULL) {
        group_pending_remove(pending);
        return KAFKA_ERROR_NONE;
    }
    int16_t error = group_check_member(group, who->member_id, who->group_instance_id, &member);
    if (error == KAFKA_ERROR_NONE)
        group_drop_member(member);
    return error;
}

static int32_t leave_all(struct group *group, const struct leave_group_request *request,
                         struct leave_group_response *response)
{
    int32_t left = 0;
    for (int32_t i = 0; i < request->members.count; i++) {
        const leaving *who = &request->members.items[i];
        int16_t error = group == NULL ? KAFKA_ERROR_UNKNOWN_MEMBER_ID : leave_one(group, who);
        response->members.items[i] = (struct leave_group_response_member_response){
            .member_id = who->member_id, .group_instance_id = who->group_instance_id, .error_code = error};
        response->members.count++;
        left += error == KAFKA_ERROR_NONE;
    }
    return left;
}

void group_leave(struct group_machine *machine, const struct leave_group_request *request, struct group_call *call)
{
    struct group *group = group_find(machine, request->group_id);
    int16_t error = KAFKA_ERROR_NONE;
    WIRE_DEFAULTS(leave_group_response_schema, &call->leave);
    call->leave.members.items =
        ARENA_ARRAY(call->arena, struct leave_group_response_member_response, (size_t)request->members.count + 1);
    if (request->group_id.length == 0)
        error = KAFKA_ERROR_INVALID_GROUP_ID;
    else if (call->leave.members.items == NULL || (group != NULL && group->state == GROUP_DEAD))
        error = KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
    if (error != KAFKA_ERROR_NONE) {
        group_answer(machine, call, error);
        return;
    }
    struct group_append *emptied = NULL;
    if (leave_all(group, request, &call->leave) > 0 && group->state != GROUP_EMPTY)
        emptied = group_rebalance_or_complete(group);
    if (emptied != NULL)
        emptied->call = call; /* the last one has gone when that is written down */
    else
        group_answer(machine, call, KAFKA_ERROR_NONE);
}
