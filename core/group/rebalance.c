/* The rebalance: from the first join that changes something to the moment when everybody knows the new generation. */
#include "core/group/internal.h"

enum { NO_MEMORY_RETRY_MS = 1000 };

bool group_has_all_joined(const struct group *group)
{
    return group->member_count == group->awaiting_join_count && group->pending_count == 0;
}

static int32_t rebalance_timeout_ms(const struct group *group)
{
    int32_t most = 0;
    for (const struct list *link = group->members.next; link != &group->members; link = link->next) {
        int32_t wants = CONTAINER_OF(link, const struct group_member, link)->rebalance_timeout_ms;
        most = wants > most ? wants : most;
    }
    return most;
}

static void start_join_deadline(struct group *group, enum group_deadline_kind kind, int64_t after_ms)
{
    struct group_machine *machine = group->machine;
    group->join_deadline.kind = kind;
    if (kind == DEADLINE_JOIN && after_ms < 1)
        after_ms = 1; /* what clients ask for may be nothing: time has to pass all the same */
    machine_deadline_start(&machine->deadlines, &group->join_deadline.base, machine->now_ms + after_ms);
}

/* ---- the end of the joins ---------------------------------------------------------------------------------------- */

/* Static members that have not come stay: they may come back within their session. */
static void drop_absent(struct group *group)
{
    LIST_EACH(link, &group->members)
    {
        struct group_member *member = CONTAINER_OF(link, struct group_member, link);
        if (member->join == NULL && slice_is_null(member->instance_id))
            group_member_remove(member);
    }
}

/* A leader that has not joined cannot assign. */
static bool elect_leader(struct group *group)
{
    if (group->leader != NULL && group->leader->join != NULL)
        return true;
    LIST_EACH(link, &group->members)
    {
        struct group_member *member = CONTAINER_OF(link, struct group_member, link);
        if (member->join != NULL) {
            group->leader = member;
            return true;
        }
    }
    return false;
}

static struct group_append *store_empty(struct group *group)
{
    struct group_append *append = group_append_new(group->machine, APPEND_EMPTY, group);
    if (append == NULL)
        return NULL;
    if (!group_store(append, group, false)) {
        group_append_free(append);
        return NULL;
    }
    group_append_send(append);
    return append;
}

static struct group_append *become_empty(struct group *group)
{
    group->generation++;
    group_disown(group->machine->mem, &group->protocol_name);
    group_move(group, GROUP_EMPTY);
    group_update_subscribed(group);
    return store_empty(group);
}

enum { SYNC_LEAST_MS = 500 };

/* Everybody is told at once; who does not send a sync within the rebalance time-out loses its place. */
static void begin_generation(struct group *group)
{
    struct group_machine *machine = group->machine;
    group->generation++;
    group_move(group, GROUP_COMPLETING);
    group_update_subscribed(group);
    LIST_EACH(link, &group->members)
    {
        struct group_member *member = CONTAINER_OF(link, struct group_member, link);
        struct group_call *call = member->join;
        group_set_join(member, NULL);
        if (call != NULL)
            group_answer_joined(member, call, group->leader == member, false);
        group_heartbeat_in(member, member->session_timeout_ms);
        member->is_new = false;
        group_set_pending_sync(member, true);
    }
    /* Clients that leave the field out send 0 (kafkajs). Kafka's timer is coarse enough to let their sync in; ours is
     * not, so it waits a moment. */
    int32_t timeout_ms = rebalance_timeout_ms(group);
    machine_deadline_start(&machine->deadlines, &group->sync_deadline.base,
                           machine->now_ms + (timeout_ms > SYNC_LEAST_MS ? timeout_ms : SYNC_LEAST_MS));
}

struct group_append *group_complete_join(struct group *group)
{
    struct mem *mem = group->machine->mem;
    struct slice protocol;
    ASSERT(group->state == GROUP_PREPARING);
    machine_deadline_stop(&group->machine->deadlines, &group->join_deadline.base);
    drop_absent(group);
    if (group->member_count == 0)
        return become_empty(group);
    if (!elect_leader(group)) { /* only static members, none of them here: until their sessions end */
        start_join_deadline(group, DEADLINE_JOIN, rebalance_timeout_ms(group));
        return NULL;
    }
    if (!group_own(mem, group_select_protocol(group), &protocol)) {
        start_join_deadline(group, DEADLINE_JOIN, NO_MEMORY_RETRY_MS);
        return NULL;
    }
    group_disown(mem, &group->protocol_name);
    group->protocol_name = protocol;
    begin_generation(group);
    return NULL;
}

struct group_append *group_maybe_complete_join(struct group *group)
{
    if (group->state != GROUP_PREPARING || group->previous == GROUP_EMPTY || !group_has_all_joined(group))
        return NULL;
    return group_complete_join(group);
}

/* ---- the beginning ----------------------------------------------------------------------------------------------- */

static void forget_assignments(struct group *group)
{
    LIST_EACH(link, &group->members)
    group_disown(group->machine->mem, &CONTAINER_OF(link, struct group_member, link)->assignment);
}

static void stop_waiting_for_syncs(struct group *group)
{
    LIST_EACH(link, &group->members)
    group_set_pending_sync(CONTAINER_OF(link, struct group_member, link), false);
    machine_deadline_stop(&group->machine->deadlines, &group->sync_deadline.base);
}

struct group_append *group_prepare_rebalance(struct group *group)
{
    const struct group_settings *settings = &group->machine->settings;
    bool initial = group->state == GROUP_EMPTY;
    if (group->state == GROUP_COMPLETING) {
        forget_assignments(group);
        group_propagate(group, KAFKA_ERROR_REBALANCE_IN_PROGRESS);
    }
    stop_waiting_for_syncs(group);
    group_move(group, GROUP_PREPARING);
    if (initial) {
        int64_t rest = (int64_t)rebalance_timeout_ms(group) - settings->initial_rebalance_delay_ms;
        group->new_member_added = false;
        group->initial_delay_ms = settings->initial_rebalance_delay_ms;
        group->initial_remaining_ms = rest > 0 ? (int32_t)rest : 0;
        start_join_deadline(group, DEADLINE_INITIAL, group->initial_delay_ms);
        return NULL;
    }
    if (group_has_all_joined(group))
        return group_complete_join(group);
    start_join_deadline(group, DEADLINE_JOIN, rebalance_timeout_ms(group));
    return NULL;
}

struct group_append *group_rebalance_or_complete(struct group *group)
{
    switch (group->state) {
    case GROUP_EMPTY:
    case GROUP_COMPLETING:
    case GROUP_STABLE:
        return group_prepare_rebalance(group);
    case GROUP_PREPARING:
        return group_maybe_complete_join(group);
    case GROUP_DEAD:
        break;
    }
    return NULL;
}

/* ---- time-outs --------------------------------------------------------------------------------------------------- */

/* Members that come while an empty group waits for its first ones prolong the wait, up to the rebalance time-out
 * (KIP-134). */
void group_on_initial_delay(struct group *group)
{
    if (!group->new_member_added || group->initial_remaining_ms == 0) {
        group_complete_join(group);
        return;
    }
    int32_t initial = group->machine->settings.initial_rebalance_delay_ms;
    int32_t passed = group->initial_delay_ms, rest = group->initial_remaining_ms;
    group->new_member_added = false;
    group->initial_delay_ms = initial < rest ? initial : rest;
    group->initial_remaining_ms = rest > passed ? rest - passed : 0;
    start_join_deadline(group, DEADLINE_INITIAL, group->initial_delay_ms);
}

void group_on_pending_sync(struct group *group)
{
    if ((group->state != GROUP_COMPLETING && group->state != GROUP_STABLE) || group->pending_sync_count == 0)
        return;
    LIST_EACH(link, &group->members)
    {
        struct group_member *member = CONTAINER_OF(link, struct group_member, link);
        if (member->pending_sync)
            group_drop_member(member);
    }
    group_prepare_rebalance(group);
}

void group_drop_member(struct group_member *member)
{
    struct group *group = member->group;
    struct group_call *join = member->join;
    group_set_join(member, NULL);
    if (join != NULL)
        group_answer_join(group->machine, join, KAFKA_ERROR_UNKNOWN_MEMBER_ID, SLICE_LITERAL(""));
    group_member_remove(member);
}

/* Who waits for the others needs no heartbeat, unless it is new: it cannot send any, and may have gone long ago. */
void group_on_heartbeat_missed(struct group_member *member)
{
    struct group *group = member->group;
    if (!member->is_new && (member->join != NULL || member->sync != NULL))
        return;
    group_tell(group, GROUP_NEWS_MEMBER_SILENT);
    group_drop_member(member);
    if (group->state == GROUP_STABLE || group->state == GROUP_COMPLETING)
        group_rebalance_or_complete(group);
    else if (group->state == GROUP_PREPARING && group_has_all_joined(group))
        group_complete_join(group);
}

/* ---- assignments ------------------------------------------------------------------------------------------------- */

void group_propagate(struct group *group, int16_t error)
{
    LIST_EACH(link, &group->members)
    {
        struct group_member *member = CONTAINER_OF(link, struct group_member, link);
        struct group_call *call = member->sync;
        if (call == NULL)
            continue;
        member->sync = NULL;
        if (error == KAFKA_ERROR_NONE)
            group_answer_assigned(member, call);
        else
            group_answer_sync(group->machine, call, error);
        group_heartbeat_in(member, member->session_timeout_ms);
    }
}
