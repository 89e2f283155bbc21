/* The table of groups, their states, and what concerns all of them. */
#include "core/group/internal.h"

/* ---- owned bytes ------------------------------------------------------------------------------------------------- */

bool group_own(struct mem *mem, struct slice from, struct slice *to)
{
    if (from.length == 0) {
        *to = slice_is_null(from) ? SLICE_NULL : SLICE_LITERAL("");
        return true;
    }
    uint8_t *copy = mem_alloc(mem, from.length);
    *to = SLICE_NULL;
    if (copy == NULL)
        return false;
    memcpy(copy, from.data, from.length);
    *to = slice_of(copy, from.length);
    return true;
}

void group_disown(struct mem *mem, struct slice *bytes)
{
    if (bytes->length > 0)
        mem_free(mem, (void *)(uintptr_t)bytes->data, bytes->length);
    *bytes = SLICE_NULL;
}

struct slice group_copy(struct arena *arena, struct slice from)
{
    if (slice_is_null(from))
        return SLICE_NULL;
    void *copy = from.length == 0 ? NULL : arena_copy(arena, from.data, from.length);
    return copy == NULL ? SLICE_LITERAL("") : slice_of(copy, from.length);
}

bool group_may_grow(struct group_machine *machine)
{
    bool may = machine_may_grow(machine->mem);
    machine->refused_count += !may;
    return may;
}

bool group_slots_take(struct group_machine *machine, uint32_t count)
{
    uint32_t wanted = machine->deadline_slots + count;
    if (machine_deadlines_reserve(&machine->deadlines, wanted - machine->deadlines.count) != ERR_OK)
        return false;
    machine->deadline_slots = wanted;
    return true;
}

void group_slots_give(struct group_machine *machine, uint32_t count)
{
    ASSERT(machine->deadline_slots >= count);
    machine->deadline_slots -= count;
}

/* ---- the machine ------------------------------------------------------------------------------------------------- */

void group_init(struct group_machine *machine, struct mem *mem, uint64_t seed)
{
    *machine = (struct group_machine){.mem = mem, .seed = seed, .expire_at_ms = INT64_MAX};
    list_init(&machine->appends);
    list_init(&machine->answers);
    list_init(&machine->in_order);
    map_init(&machine->groups, mem);
    map_init(&machine->transactions, mem);
    machine_deadlines_init(&machine->deadlines, mem);
    arena_init(&machine->scratch, mem, (size_t)1 << 30);
}

void group_configure(struct group_machine *machine, const struct group_settings *settings)
{
    machine->settings = *settings;
}

void group_clock(struct group_machine *machine, int64_t now_ms, int64_t wall_ms)
{
    machine->now_ms = now_ms;
    machine->wall_ms = wall_ms;
}

void group_fini(struct group_machine *machine)
{
    LIST_EACH(link, &machine->in_order)
    {
        struct group *group = CONTAINER_OF(link, struct group, link);
        ASSERT(group->append_count == 0);
        group_remove(group);
    }
    ASSERT(machine->transactions.count == 0 && machine->deadline_slots == 0);
    arena_fini(&machine->scratch);
    map_fini(&machine->transactions);
    map_fini(&machine->groups);
    machine_deadlines_fini(&machine->deadlines);
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

enum { GROUP_SLOTS = 2 }; /* join_deadline, sync_deadline */

static bool has_id(const void *value, const void *key)
{
    return slice_equal(((const struct group *)value)->id, *(const struct slice *)key);
}

static uint64_t hash_id(const struct group_machine *machine, struct slice id)
{
    return hash_bytes(id.data, id.length, machine->seed);
}

struct group *group_find(const struct group_machine *machine, struct slice id)
{
    return map_find(&machine->groups, hash_id(machine, id), has_id, &id);
}

struct group *group_find_or_make(struct group_machine *machine, struct slice id)
{
    struct group *group = group_find(machine, id);
    if (group != NULL)
        return group;
    group = MEM_NEW(machine->mem, struct group);
    if (group == NULL)
        return NULL;
    group->machine = machine;
    group->state = GROUP_EMPTY;
    group->previous = GROUP_DEAD;
    group->state_timestamp_ms = machine->wall_ms;
    group->assigning_generation = -1;
    group->join_deadline.kind = DEADLINE_JOIN;
    group->sync_deadline.kind = DEADLINE_SYNC;
    list_init(&group->members);
    list_init(&group->pending);
    list_init(&group->parts);
    map_init(&group->by_id, machine->mem);
    map_init(&group->by_instance, machine->mem);
    group_topics_init(&group->topics, machine->mem);
    if (!group_own(machine->mem, id, &group->id) || !group_slots_take(machine, GROUP_SLOTS)) {
        group_disown(machine->mem, &group->id);
        MEM_DELETE(machine->mem, group);
        return NULL;
    }
    if (!map_put(&machine->groups, hash_id(machine, id), group)) {
        group_slots_give(machine, GROUP_SLOTS);
        group_disown(machine->mem, &group->id);
        MEM_DELETE(machine->mem, group);
        return NULL;
    }
    list_push_back(&machine->in_order, &group->link);
    return group;
}

static void free_group(struct group *group)
{
    struct mem *mem = group->machine->mem;
    mem_free(mem, group->supports, (size_t)group->support_capacity * sizeof *group->supports);
    group_forget_subscribed(group);
    group_topics_fini(&group->topics, mem);
    map_fini(&group->by_id);
    map_fini(&group->by_instance);
    group_disown(mem, &group->protocol_type);
    group_disown(mem, &group->protocol_name);
    group_disown(mem, &group->id);
    MEM_DELETE(mem, group);
}

void group_remove(struct group *group)
{
    struct group_machine *machine = group->machine;
    ASSERT(!group->removed);
    LIST_EACH(link, &group->members)
    group_drop_member(CONTAINER_OF(link, struct group_member, link));
    LIST_EACH(link, &group->pending)
    group_pending_remove(CONTAINER_OF(link, struct group_pending, link));
    LIST_EACH(link, &group->parts)
    group_part_free(CONTAINER_OF(link, struct group_part, in_group));
    machine_deadline_stop(&machine->deadlines, &group->join_deadline.base);
    machine_deadline_stop(&machine->deadlines, &group->sync_deadline.base);
    group_slots_give(machine, GROUP_SLOTS);
    GROUP_TOPIC_EACH(topic, &group->topics)
    machine->offset_count -= topic->count;
    struct group *found = map_remove(&machine->groups, hash_id(machine, group->id), has_id, &group->id);
    ASSERT(found == group);
    list_remove(&group->link);
    group->state = GROUP_DEAD;
    group->removed = true;
    if (group->append_count == 0)
        free_group(group);
}

void group_release(struct group *group)
{
    ASSERT(group->append_count > 0);
    group->append_count--;
    if (group->removed && group->append_count == 0)
        free_group(group);
}

void group_tell(struct group *group, enum group_news_kind kind)
{
    struct group_machine *machine = group->machine;
    if (machine->news_count >= GROUP_NEWS_MAX)
        return;
    struct group_news *news = &machine->news[machine->news_count++];
    size_t length = size_min(group->id.length, sizeof news->group - 1);
    *news = (struct group_news){.kind = kind, .generation = group->generation, .member_count = group->member_count};
    for (size_t i = 0; i < length; i++) {
        char c = (char)group->id.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("._-", c);
        news->group[i] = plain && c != '\0' ? c : '?';
    }
}

/* Which state may follow which (ClassicGroupState). DEAD goes back to EMPTY when its tombstone could not be written. */
void group_move(struct group *group, enum group_state state)
{
    enum group_state from = group->state;
    switch (state) {
    case GROUP_EMPTY:
        ASSERT(from == GROUP_PREPARING || from == GROUP_DEAD);
        break;
    case GROUP_PREPARING:
        ASSERT(from == GROUP_EMPTY || from == GROUP_COMPLETING || from == GROUP_STABLE);
        break;
    case GROUP_COMPLETING:
        ASSERT(from == GROUP_PREPARING);
        break;
    case GROUP_STABLE:
        ASSERT(from == GROUP_COMPLETING);
        break;
    case GROUP_DEAD:
        break;
    }
    group->previous = from;
    group->state = state;
    if (from != GROUP_DEAD && state != GROUP_DEAD)
        group->state_timestamp_ms = group->machine->wall_ms;
    if (state == GROUP_PREPARING)
        group_tell(group, GROUP_NEWS_REBALANCE);
    else if (state == GROUP_STABLE)
        group_tell(group, GROUP_NEWS_STABLE);
    else if (state == GROUP_EMPTY && from != GROUP_DEAD)
        group_tell(group, GROUP_NEWS_EMPTY);
}

const char *group_state_name(enum group_state state)
{
    static const char *const names[] = {[GROUP_EMPTY] = "Empty",
                                        [GROUP_PREPARING] = "PreparingRebalance",
                                        [GROUP_COMPLETING] = "CompletingRebalance",
                                        [GROUP_STABLE] = "Stable",
                                        [GROUP_DEAD] = "Dead"};
    return names[state];
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

void group_answer(struct group_machine *machine, struct group_call *call, int16_t error)
{
    call->error = error;
    list_push_back(&machine->answers, &call->link);
}

void group_answer_join(struct group_machine *machine, struct group_call *call, int16_t error, struct slice member_id)
{
    WIRE_DEFAULTS(join_group_response_schema, &call->join);
    call->join.error_code = error;
    call->join.protocol_name = SLICE_NULL;
    call->join.member_id = group_copy(call->arena, member_id);
    group_answer(machine, call, error);
}

void group_answer_sync(struct group_machine *machine, struct group_call *call, int16_t error)
{
    WIRE_DEFAULTS(sync_group_response_schema, &call->sync);
    call->sync.error_code = error;
    group_answer(machine, call, error);
}

void group_answer_waiting(struct group_member *member, int16_t error, struct slice member_id)
{
    struct group_machine *machine = member->group->machine;
    struct group_call *join = member->join, *sync = member->sync;
    group_set_join(member, NULL);
    member->sync = NULL;
    if (join != NULL)
        group_answer_join(machine, join, error, member_id);
    if (sync != NULL)
        group_answer_sync(machine, sync, error);
}

/* ---- time, load, end --------------------------------------------------------------------------------------------- */

int64_t group_next_deadline(const struct group_machine *machine)
{
    int64_t next = machine_deadlines_next(&machine->deadlines);
    return next < machine->expire_at_ms ? next : machine->expire_at_ms;
}

static void on_pending_expired(struct group_pending *pending)
{
    struct group *group = pending->group;
    group_pending_remove(pending);
    if (group->state == GROUP_PREPARING && group_has_all_joined(group))
        group_complete_join(group);
}

static void on_deadline(struct group_deadline *deadline)
{
    switch (deadline->kind) {
    case DEADLINE_HEARTBEAT:
        group_on_heartbeat_missed(CONTAINER_OF(deadline, struct group_member, heartbeat));
        break;
    case DEADLINE_PENDING:
        on_pending_expired(CONTAINER_OF(deadline, struct group_pending, deadline));
        break;
    case DEADLINE_INITIAL:
        group_on_initial_delay(CONTAINER_OF(deadline, struct group, join_deadline));
        break;
    case DEADLINE_JOIN:
        group_complete_join(CONTAINER_OF(deadline, struct group, join_deadline));
        break;
    case DEADLINE_SYNC:
        group_on_pending_sync(CONTAINER_OF(deadline, struct group, sync_deadline));
        break;
    }
}

void group_tick(struct group_machine *machine)
{
    if (machine->resigned)
        return;
    for (struct machine_deadline *due; (due = machine_deadlines_take(&machine->deadlines, machine->now_ms)) != NULL;)
        on_deadline(CONTAINER_OF(due, struct group_deadline, base));
    if (machine->now_ms >= machine->expire_at_ms) {
        machine->expire_at_ms = machine->now_ms + machine->settings.retention_check_interval_ms;
        group_expire(machine);
    }
}

void group_loaded(struct group_machine *machine)
{
    machine->expire_at_ms = machine->now_ms + machine->settings.retention_check_interval_ms;
    LIST_EACH(link, &machine->in_order)
    {
        struct group *group = CONTAINER_OF(link, struct group, link);
        LIST_EACH(at, &group->members)
        {
            struct group_member *member = CONTAINER_OF(at, struct group_member, link);
            group_heartbeat_in(member, member->session_timeout_ms);
        }
        if (group->member_count > machine->settings.max_size && group->state == GROUP_STABLE)
            group_prepare_rebalance(group); /* group.max.size became smaller */
    }
}

void group_resign(struct group_machine *machine)
{
    machine->resigned = true;
    LIST_EACH(link, &machine->in_order)
    {
        struct group *group = CONTAINER_OF(link, struct group, link);
        LIST_EACH(at, &group->members)
        {
            struct group_member *member = CONTAINER_OF(at, struct group_member, link);
            group_answer_waiting(member, KAFKA_ERROR_NOT_COORDINATOR, member->id);
        }
    }
}
