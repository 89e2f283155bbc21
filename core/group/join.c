/* JoinGroup: who may come in, under which id, and whether that makes a rebalance (KIP-62, 345, 389, 394, 814). */
#include "core/group/internal.h"

#include <stdio.h>

enum { FIRST_WITH_MEMBER_IDS = 4, FIRST_WITH_SKIPPING = 9, ID_TEXT_SIZE = 37 };

struct join {
    struct group_machine *machine;
    struct group *group;
    const struct join_group_request *request;
    struct group_call *call;
};

static void refuse(const struct join *join, int16_t error, struct slice member_id)
{
    group_answer_join(join->machine, join->call, error, member_id);
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

static bool list_members(const struct group *group, struct group_call *call)
{
    struct join_group_response_join_group_response_member *items =
        arena_alloc_array(call->arena, (size_t)group->member_count + 1, sizeof *items);
    int32_t count = 0;
    if (items == NULL)
        return false;
    for (const struct list *link = group->members.next; link != &group->members; link = link->next) {
        const struct group_member *member = CONTAINER_OF(link, const struct group_member, link);
        wire_set_defaults(&join_group_response_join_group_response_member_struct, &items[count]);
        items[count].member_id = group_copy(call->arena, member->id);
        items[count].group_instance_id = group_copy(call->arena, member->instance_id);
        items[count].metadata = group_copy(call->arena, group_member_metadata(member));
        count++;
    }
    call->join.members.items = items;
    call->join.members.count = count;
    return true;
}

static void fill_joined(struct group_call *call, const struct group_member *member, struct slice leader)
{
    const struct group *group = member->group;
    WIRE_DEFAULTS(join_group_response_schema, &call->join);
    call->join.generation_id = group->generation;
    call->join.protocol_type = group_copy(call->arena, group->protocol_type);
    call->join.protocol_name = group_copy(call->arena, group->protocol_name);
    call->join.leader = group_copy(call->arena, leader);
    call->join.member_id = group_copy(call->arena, member->id);
}

static void finish_joined(struct group_member *member, struct group_call *call, bool listed)
{
    struct group_machine *machine = member->group->machine;
    if (listed && !call->arena->failed)
        group_answer(machine, call, KAFKA_ERROR_NONE);
    else
        group_answer_join(machine, call, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE, member->id);
}

void group_answer_joined(struct group_member *member, struct group_call *call, bool all_members, bool skip_assignment)
{
    fill_joined(call, member, member->group->leader->id);
    call->join.skip_assignment = skip_assignment;
    finish_joined(member, call, !all_members || list_members(member->group, call));
}

/* ---- who may come in --------------------------------------------------------------------------------------------- */

static bool has_repeats(const struct join_group_request *request)
{
    for (int32_t i = 1; i < request->protocols.count; i++)
        for (int32_t k = 0; k < i; k++)
            if (slice_equal(request->protocols.items[i].name, request->protocols.items[k].name))
                return true;
    return false;
}

static int16_t check_request(const struct group_machine *machine, const struct join_group_request *request)
{
    if (request->group_id.length == 0)
        return KAFKA_ERROR_INVALID_GROUP_ID;
    if (request->session_timeout_ms < machine->settings.min_session_timeout_ms ||
        request->session_timeout_ms > machine->settings.max_session_timeout_ms)
        return KAFKA_ERROR_INVALID_SESSION_TIMEOUT;
    if (request->protocols.count > GROUP_PROTOCOLS_MAX || has_repeats(request))
        return KAFKA_ERROR_INCONSISTENT_GROUP_PROTOCOL;
    return KAFKA_ERROR_NONE;
}

/* Counted are those who wait while a rebalance runs: a group that is too large since group.max.size became smaller
 * loses those who come last. */
static bool has_place(const struct group *group, struct slice member_id)
{
    const struct group_member *member = group_member_by_id(group, member_id);
    int32_t most = group->machine->settings.max_size;
    switch (group->state) {
    case GROUP_EMPTY:
    case GROUP_DEAD:
        break;
    case GROUP_PREPARING:
        return (member != NULL && member->join != NULL) || group->awaiting_join_count < most;
    case GROUP_COMPLETING:
    case GROUP_STABLE:
        return member != NULL || group->member_count < most;
    }
    return true;
}

static void refuse_place(const struct join *join)
{
    struct group_member *member = group_member_by_id(join->group, join->request->member_id);
    struct group_pending *pending = group_pending_by_id(join->group, join->request->member_id);
    if (member != NULL)
        group_drop_member(member);
    if (pending != NULL)
        group_pending_remove(pending);
    refuse(join, KAFKA_ERROR_GROUP_MAX_SIZE_REACHED, SLICE_LITERAL(""));
}

/* The client's or instance's name, and a random UUID as Java writes it. */
static struct slice new_member_id(const struct join *join)
{
    struct slice prefix =
        slice_is_null(join->request->group_instance_id) ? join->call->client_id : join->request->group_instance_id;
    struct uuid id = uuid_from_random(join->call->random[0], join->call->random[1]);
    char text[ID_TEXT_SIZE + 1];
    int at = 0;
    text[at++] = '-';
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[at++] = '-';
        snprintf(text + at, 3, "%02x", id.bytes[i]);
        at += 2;
    }
    uint8_t *bytes = arena_alloc(join->call->arena, prefix.length + ID_TEXT_SIZE);
    if (bytes == NULL)
        return SLICE_NULL;
    if (prefix.length > 0)
        memcpy(bytes, prefix.data, prefix.length);
    memcpy(bytes + prefix.length, text, ID_TEXT_SIZE);
    return slice_of(bytes, prefix.length + ID_TEXT_SIZE);
}

/* ---- a new member ------------------------------------------------------------------------------------------------ */

static void add_member(const struct join *join, struct slice member_id)
{
    struct group *group = join->group;
    const struct join_group_request *request = join->request;
    struct group_new_member as = {.id = member_id,
                                  .instance_id = request->group_instance_id,
                                  .client_id = join->call->client_id,
                                  .client_host = join->call->client_host,
                                  .session_timeout_ms = request->session_timeout_ms,
                                  .rebalance_timeout_ms = request->rebalance_timeout_ms,
                                  .protocols = request->protocols.items,
                                  .protocol_count = request->protocols.count};
    struct slice type;
    struct group_member *member =
        group_own(join->machine->mem, request->protocol_type, &type) ? group_member_make(group, &as) : NULL;
    if (member == NULL) {
        group_disown(join->machine->mem, &type);
        refuse(join, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE, SLICE_LITERAL(""));
        return;
    }
    struct group_pending *pending = group_pending_by_id(group, member_id);
    if (pending != NULL)
        group_pending_remove(pending);
    if (group->state == GROUP_PREPARING && group->previous == GROUP_EMPTY)
        group->new_member_added = true; /* the first rebalance may wait longer */
    member->is_new = true;
    group_member_add(group, member, type);
    group_set_join(member, join->call);
    group_heartbeat_in(member, GROUP_NEW_MEMBER_JOIN_TIMEOUT_MS);
    group_rebalance_or_complete(group);
}

/* The id is handed out first: a client that gives up and asks again leaves an id behind, not a member (KIP-394). */
static void hand_out_id(const struct join *join, struct slice member_id)
{
    bool added = group_pending_add(join->group, member_id, join->machine->now_ms + join->request->session_timeout_ms);
    refuse(join, added ? KAFKA_ERROR_MEMBER_ID_REQUIRED : KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE,
           added ? member_id : SLICE_LITERAL(""));
}

/* ---- a static member comes back (KIP-345) ------------------------------------------------------------------------ */

/* Its assignment stays valid: only the new id has to be written down before it is told. */
static void store_static(struct group_member *member, struct slice leader)
{
    struct group *group = member->group;
    struct group_append *append = group_append_new(group->machine, APPEND_STATIC, group);
    if (append != NULL) {
        append->name = group_copy(&append->arena, member->id);
        append->leader = group_copy(&append->arena, leader);
        if (!append->arena.failed && group_store(append, group, false)) {
            group_append_send(append);
            return;
        }
        group_append_free(append);
    }
    group_prepare_rebalance(group); /* then the whole group is written down */
}

void group_static_stored(struct group_append *append, int16_t error)
{
    struct group *group = append->group;
    struct group_member *member = group_member_by_id(group, append->name);
    if (member == NULL || member->join == NULL || group->state != GROUP_STABLE)
        return; /* gone, replaced again, or part of a rebalance by now */
    struct group_call *call = member->join;
    bool leads = group->leader == member;
    group_set_join(member, NULL);
    if (error != KAFKA_ERROR_NONE) {
        fill_joined(call, member, append->leader);
        call->join.member_id = SLICE_LITERAL("");
        call->join.error_code = error;
        group_answer(group->machine, call, error);
        group_prepare_rebalance(group);
        return;
    }
    group_update_subscribed(group);
    if (call->version >= FIRST_WITH_SKIPPING) {
        group_answer_joined(member, call, leads, leads);
        return;
    }
    fill_joined(call, member, append->leader); /* an old client must not take itself for the leader: it would assign */
    finish_joined(member, call, true);
}

/* What a member says of itself may become larger only while there is room. */
static bool has_room(const struct join *join, const struct group_member *member)
{
    const struct join_group_request *request = join->request;
    size_t bytes = 0;
    for (int32_t i = 0; i < request->protocols.count; i++)
        bytes += request->protocols.items[i].name.length + request->protocols.items[i].metadata.length;
    return bytes <= member->protocols_size || group_may_grow(join->machine);
}

static void replace_static(const struct join *join, struct group_member *member, struct slice member_id)
{
    struct group *group = join->group;
    const struct join_group_request *request = join->request;
    /* Answers need the old leader's id, and the member may be it. */
    struct slice leader = group_copy(join->call->arena, group->leader->id);
    struct slice old_id = group_copy(join->call->arena, member->id);
    if (!has_room(join, member) || join->call->arena->failed || !group_member_set_id(member, member_id)) {
        refuse(join, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE, SLICE_LITERAL(""));
        return;
    }
    if (!group_member_set_protocols(member, request->protocols.items, request->protocols.count)) {
        bool reverted = group_member_set_id(member, old_id);
        MAYBE(reverted); /* without memory the new id stays: nobody knows it, and the instance can come again */
        refuse(join, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE, SLICE_LITERAL(""));
        return;
    }
    group_answer_waiting(member, KAFKA_ERROR_FENCED_INSTANCE_ID, member->id);
    member->session_timeout_ms = request->session_timeout_ms;
    member->rebalance_timeout_ms = request->rebalance_timeout_ms;
    member->is_new = false;
    group_set_join(member, join->call);
    group_heartbeat_in(member, member->session_timeout_ms);
    if (group->state == GROUP_STABLE && slice_equal(group_select_protocol(group), group->protocol_name))
        store_static(member, leader);
    else if (group->state == GROUP_STABLE || group->state == GROUP_COMPLETING)
        group_prepare_rebalance(group); /* the leader may be assigning to the old id just now */
    else
        group_maybe_complete_join(group);
}

/* ---- without and with a member id -------------------------------------------------------------------------------- */

static void join_new(const struct join *join)
{
    struct group *group = join->group;
    const struct join_group_request *request = join->request;
    if (group->state == GROUP_DEAD) {
        refuse(join, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE, SLICE_LITERAL(""));
        return;
    }
    if (!group_supports(group, request->protocol_type, request->protocols.items, request->protocols.count)) {
        refuse(join, KAFKA_ERROR_INCONSISTENT_GROUP_PROTOCOL, SLICE_LITERAL(""));
        return;
    }
    struct slice member_id = new_member_id(join);
    struct group_member *holder =
        slice_is_null(request->group_instance_id) ? NULL : group_member_by_instance(group, request->group_instance_id);
    if (slice_is_null(member_id) || (holder == NULL && !group_may_grow(join->machine)))
        refuse(join, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE, SLICE_LITERAL(""));
    else if (holder != NULL)
        replace_static(join, holder, member_id);
    else if (slice_is_null(request->group_instance_id) && join->call->version >= FIRST_WITH_MEMBER_IDS)
        hand_out_id(join, member_id);
    else
        add_member(join, member_id);
}

static void rejoin(const struct join *join, struct group_member *member)
{
    const struct join_group_request *request = join->request;
    if (!has_room(join, member) ||
        !group_member_set_protocols(member, request->protocols.items, request->protocols.count)) {
        refuse(join, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE, member->id);
        return;
    }
    member->session_timeout_ms = request->session_timeout_ms;
    member->rebalance_timeout_ms = request->rebalance_timeout_ms;
    if (member->join != NULL) /* it has asked again, most likely on another connection */
        group_answer_join(join->machine, member->join, KAFKA_ERROR_REBALANCE_IN_PROGRESS, member->id);
    group_set_join(member, join->call);
    group_rebalance_or_complete(join->group);
}

/* A member that has nothing new is told the current generation; the leader may ask for a new one at any time. */
static void join_known(const struct join *join, struct group_member *member)
{
    struct group *group = join->group;
    const struct join_group_request *request = join->request;
    bool leads = group->leader == member;
    bool same = group_member_matches(member, request->protocols.items, request->protocols.count);
    switch (group->state) {
    case GROUP_PREPARING:
        rejoin(join, member);
        break;
    case GROUP_COMPLETING:
        if (same)
            group_answer_joined(member, join->call, leads, false);
        else
            rejoin(join, member);
        break;
    case GROUP_STABLE:
        if (same && !leads)
            group_answer_joined(member, join->call, false, false);
        else
            rejoin(join, member);
        break;
    case GROUP_EMPTY:
    case GROUP_DEAD:
        UNREACHABLE(); /* they have no members */
    }
}

static void join_existing(const struct join *join)
{
    struct group *group = join->group;
    const struct join_group_request *request = join->request;
    struct slice member_id = request->member_id;
    struct group_member *member = NULL;
    if (group->state == GROUP_DEAD) {
        refuse(join, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE, member_id);
        return;
    }
    if (!group_supports(group, request->protocol_type, request->protocols.items, request->protocols.count)) {
        refuse(join, KAFKA_ERROR_INCONSISTENT_GROUP_PROTOCOL, member_id);
        return;
    }
    if (group_pending_by_id(group, member_id) != NULL) {
        if (slice_is_null(request->group_instance_id))
            add_member(join, member_id);
        else
            refuse(join, KAFKA_ERROR_UNKNOWN_SERVER_ERROR, SLICE_LITERAL("")); /* such an id was for nobody static */
        return;
    }
    int16_t error = group_check_member(group, member_id, request->group_instance_id, &member);
    if (error == KAFKA_ERROR_NONE)
        join_known(join, member);
    else
        refuse(join, error, member_id);
}

/* ---- a new group ------------------------------------------------------------------------------------------------- */

static struct group *make_group(struct group_machine *machine, struct slice id)
{
    struct group *group = group_may_grow(machine) ? group_find_or_make(machine, id) : NULL;
    if (group == NULL)
        return NULL;
    struct group_append *append = group_append_new(machine, APPEND_NEW, group);
    if (append != NULL && group_store(append, group, false)) {
        group_append_send(append);
        return group;
    }
    if (append != NULL)
        group_append_free(append);
    group_remove(group);
    return NULL;
}

/* Whoever waits in a group that could not be written down is told so, and the group is gone (GroupMetadataManager.
 * classicGroupJoinToClassicGroup). One that has got so far that all of it is on its way once more goes on. */
void group_new_stored(struct group_append *append, int16_t error)
{
    struct group *group = append->group;
    bool rewritten = group->generation > 0 && group->append_count > 1;
    if (error == KAFKA_ERROR_NONE || group->state == GROUP_DEAD || rewritten)
        return;
    LIST_EACH(link, &group->members)
    group_answer_waiting(CONTAINER_OF(link, struct group_member, link), error, SLICE_LITERAL(""));
    group_remove(group);
}

void group_join(struct group_machine *machine, const struct join_group_request *request, struct group_call *call)
{
    struct join join = {.machine = machine, .request = request, .call = call};
    bool unknown = request->member_id.length == 0;
    int16_t error = check_request(machine, request);
    if (error != KAFKA_ERROR_NONE) {
        refuse(&join, error, request->member_id);
        return;
    }
    join.group = group_find(machine, request->group_id);
    if (join.group == NULL && !unknown) {
        refuse(&join, KAFKA_ERROR_UNKNOWN_MEMBER_ID, request->member_id);
        return;
    }
    if (join.group == NULL) {
        join.group = make_group(machine, request->group_id);
        if (join.group == NULL) {
            refuse(&join, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE, SLICE_LITERAL(""));
            return;
        }
    }
    if (!has_place(join.group, request->member_id))
        refuse_place(&join);
    else if (unknown)
        join_new(&join);
    else
        join_existing(&join);
}
