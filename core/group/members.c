/* Members of a group: who they are, and which protocols they have in common. */
#include "core/group/internal.h"

static bool has_id(const void *value, const void *key)
{
    return slice_equal(((const struct group_member *)value)->id, *(const struct slice *)key);
}

static bool has_instance(const void *value, const void *key)
{
    return slice_equal(((const struct group_member *)value)->instance_id, *(const struct slice *)key);
}

static uint64_t hash_of(const struct group *group, struct slice id)
{
    return hash_bytes(id.data, id.length, group->machine->seed);
}

struct group_member *group_member_by_id(const struct group *group, struct slice id)
{
    return map_find(&group->by_id, hash_of(group, id), has_id, &id);
}

struct group_member *group_member_by_instance(const struct group *group, struct slice instance_id)
{
    return map_find(&group->by_instance, hash_of(group, instance_id), has_instance, &instance_id);
}

int16_t group_check_member(const struct group *group, struct slice member_id, struct slice instance_id,
                           struct group_member **member)
{
    if (!slice_is_null(instance_id)) {
        const struct group_member *holder = group_member_by_instance(group, instance_id);
        if (holder == NULL)
            return KAFKA_ERROR_UNKNOWN_MEMBER_ID;
        if (!slice_equal(holder->id, member_id))
            return KAFKA_ERROR_FENCED_INSTANCE_ID;
    }
    *member = group_member_by_id(group, member_id);
    return *member == NULL ? KAFKA_ERROR_UNKNOWN_MEMBER_ID : KAFKA_ERROR_NONE;
}

/* ---- protocols --------------------------------------------------------------------------------------------------- */

static void put_bytes(uint8_t **at, struct slice from, struct slice *to)
{
    if (from.length > 0)
        memcpy(*at, from.data, from.length);
    *to = slice_of(*at, from.length);
    *at += from.length;
}

static bool copy_protocols(struct mem *mem, const group_asked_protocol *from, int32_t count, struct group_protocol **to,
                           size_t *size)
{
    size_t bytes = (size_t)count * sizeof **to + 1; /* one more: an empty list has an address, too */
    for (int32_t i = 0; i < count; i++)
        bytes += from[i].name.length + from[i].metadata.length;
    struct group_protocol *block = mem_alloc(mem, bytes);
    if (block == NULL)
        return false;
    uint8_t *at = (uint8_t *)(block + count);
    for (int32_t i = 0; i < count; i++) {
        put_bytes(&at, from[i].name, &block[i].name);
        put_bytes(&at, from[i].metadata, &block[i].metadata);
    }
    *to = block;
    *size = bytes;
    return true;
}

static struct group_support *support_of(const struct group *group, struct slice name)
{
    for (int32_t i = 0; i < group->support_count; i++)
        if (slice_equal(group->supports[i].name, name))
            return &group->supports[i];
    return NULL;
}

/* Room for `more` new names, so that counting cannot fail. */
static bool reserve_supports(struct group *group, int32_t more)
{
    int32_t wanted = group->support_count + more;
    if (wanted <= group->support_capacity)
        return true;
    struct group_support *supports =
        mem_resize(group->machine->mem, group->supports, (size_t)group->support_capacity * sizeof *supports,
                   (size_t)wanted * sizeof *supports);
    if (supports == NULL)
        return false;
    group->supports = supports;
    group->support_capacity = wanted;
    return true;
}

/* The names are views of some member's protocols that has them: found anew when that member goes. */
static void count_protocols(struct group *group, const struct group_member *member)
{
    for (int32_t i = 0; i < member->protocol_count; i++) {
        struct group_support *support = support_of(group, member->protocols[i].name);
        if (support == NULL) {
            support = &group->supports[group->support_count++];
            *support = (struct group_support){member->protocols[i].name, 0};
        }
        support->count++;
    }
}

static void point_elsewhere(struct group *group, struct group_support *support, const struct group_member *leaving)
{
    LIST_EACH(link, &group->members)
    {
        const struct group_member *member = CONTAINER_OF(link, struct group_member, link);
        for (int32_t i = 0; member != leaving && i < member->protocol_count; i++) {
            if (slice_equal(member->protocols[i].name, support->name)) {
                support->name = member->protocols[i].name;
                return;
            }
        }
    }
    UNREACHABLE(); /* its count says that somebody has it */
}

static void uncount_protocols(struct group *group, const struct group_member *member)
{
    for (int32_t i = 0; i < member->protocol_count; i++) {
        struct group_support *support = support_of(group, member->protocols[i].name);
        ASSERT(support != NULL && support->count > 0);
        if (--support->count == 0)
            *support = group->supports[--group->support_count];
        else if (support->name.data == member->protocols[i].name.data)
            point_elsewhere(group, support, member);
    }
}

bool group_member_set_protocols(struct group_member *member, const group_asked_protocol *protocols, int32_t count)
{
    struct group *group = member->group;
    struct mem *mem = group->machine->mem;
    struct group_protocol *copies;
    size_t size;
    if (!reserve_supports(group, count) || !copy_protocols(mem, protocols, count, &copies, &size))
        return false;
    uncount_protocols(group, member);
    mem_free(mem, member->protocols, member->protocols_size);
    member->protocols = copies;
    member->protocols_size = size;
    member->protocol_count = count;
    count_protocols(group, member);
    return true;
}

bool group_member_matches(const struct group_member *member, const group_asked_protocol *protocols, int32_t count)
{
    if (count != member->protocol_count)
        return false;
    for (int32_t i = 0; i < count; i++)
        if (!slice_equal(member->protocols[i].name, protocols[i].name) ||
            slice_compare(member->protocols[i].metadata, protocols[i].metadata) != 0)
            return false;
    return true;
}

struct slice group_member_metadata(const struct group_member *member)
{
    for (int32_t i = 0; i < member->protocol_count; i++)
        if (slice_equal(member->protocols[i].name, member->group->protocol_name))
            return member->protocols[i].metadata;
    return SLICE_LITERAL("");
}

bool group_supports(const struct group *group, struct slice type, const group_asked_protocol *protocols, int32_t count)
{
    if (group->state == GROUP_EMPTY)
        return type.length > 0 && count > 0;
    if (slice_is_null(group->protocol_type) || !slice_equal(group->protocol_type, type))
        return false;
    for (int32_t i = 0; i < count; i++) {
        const struct group_support *support = support_of(group, protocols[i].name);
        if ((support == NULL ? 0 : support->count) == group->member_count)
            return true;
    }
    return false;
}

/* The first of a member's protocols that all have: there is one, since nobody was let in without. */
static struct slice vote_of(const struct group *group, const struct group_member *member)
{
    int32_t first = 0;
    while (support_of(group, member->protocols[first].name)->count != group->member_count) {
        first++;
        ASSERT(first < member->protocol_count);
    }
    return member->protocols[first].name;
}

/* Of protocols with equally many votes wins the one that the eldest member's list names first. */
struct slice group_select_protocol(const struct group *group)
{
    struct slice best = SLICE_NULL;
    int32_t best_votes = 0;
    ASSERT(group->member_count > 0);
    for (int32_t i = 0; i < group->support_count; i++) {
        int32_t votes = 0;
        if (group->supports[i].count != group->member_count)
            continue;
        for (const struct list *link = group->members.next; link != &group->members; link = link->next)
            votes += slice_equal(vote_of(group, CONTAINER_OF(link, const struct group_member, link)),
                                 group->supports[i].name);
        if (votes > best_votes) {
            best_votes = votes;
            best = group->supports[i].name;
        }
    }
    ASSERT(best_votes > 0);
    return best;
}

/* ---- members ----------------------------------------------------------------------------------------------------- */

static void free_member(struct group_member *member)
{
    struct mem *mem = member->group->machine->mem;
    mem_free(mem, member->protocols, member->protocols_size);
    group_disown(mem, &member->id);
    group_disown(mem, &member->instance_id);
    group_disown(mem, &member->client_id);
    group_disown(mem, &member->client_host);
    group_disown(mem, &member->assignment);
    MEM_DELETE(mem, member);
}

struct group_member *group_member_make(struct group *group, const struct group_new_member *from)
{
    struct mem *mem = group->machine->mem;
    struct group_member *member = MEM_NEW(mem, struct group_member);
    if (member == NULL)
        return NULL;
    member->group = group;
    member->session_timeout_ms = from->session_timeout_ms;
    member->rebalance_timeout_ms = from->rebalance_timeout_ms;
    member->heartbeat.kind = DEADLINE_HEARTBEAT;
    list_init(&member->link);
    if (!group_own(mem, from->id, &member->id) || !group_own(mem, from->instance_id, &member->instance_id) ||
        !group_own(mem, from->client_id, &member->client_id) ||
        !group_own(mem, from->client_host, &member->client_host) ||
        !copy_protocols(mem, from->protocols, from->protocol_count, &member->protocols, &member->protocols_size) ||
        !reserve_supports(group, from->protocol_count) || !group_slots_take(group->machine, 1)) {
        free_member(member);
        return NULL;
    }
    if (!map_put(&group->by_id, hash_of(group, from->id), member)) {
        group_slots_give(group->machine, 1);
        free_member(member);
        return NULL;
    }
    if (!slice_is_null(from->instance_id) && !map_put(&group->by_instance, hash_of(group, from->instance_id), member)) {
        map_remove(&group->by_id, hash_of(group, from->id), has_id, &from->id);
        group_slots_give(group->machine, 1);
        free_member(member);
        return NULL;
    }
    member->protocol_count = from->protocol_count;
    return member;
}

void group_member_add(struct group *group, struct group_member *member, struct slice protocol_type)
{
    if (group->member_count == 0 && !slice_equal(group->protocol_type, protocol_type)) {
        group_disown(group->machine->mem, &group->protocol_type);
        group->protocol_type = protocol_type; /* owned by now */
    } else {
        group_disown(group->machine->mem, &protocol_type);
    }
    list_push_back(&group->members, &member->link);
    group->member_count++;
    count_protocols(group, member);
    if (group->leader == NULL)
        group->leader = member;
}

void group_set_join(struct group_member *member, struct group_call *call)
{
    member->group->awaiting_join_count += (call != NULL) - (member->join != NULL);
    member->join = call;
}

void group_set_pending_sync(struct group_member *member, bool pending)
{
    member->group->pending_sync_count += (int32_t)pending - (int32_t)member->pending_sync;
    member->pending_sync = pending;
}

void group_member_remove(struct group_member *member)
{
    struct group *group = member->group;
    ASSERT(member->join == NULL);
    group_set_pending_sync(member, false);
    machine_deadline_stop(&group->machine->deadlines, &member->heartbeat.base);
    uncount_protocols(group, member);
    map_remove(&group->by_id, hash_of(group, member->id), has_id, &member->id);
    if (!slice_is_null(member->instance_id))
        map_remove(&group->by_instance, hash_of(group, member->instance_id), has_instance, &member->instance_id);
    list_remove(&member->link);
    group->member_count--;
    if (group->leader == member)
        group->leader =
            list_empty(&group->members) ? NULL : CONTAINER_OF(group->members.next, struct group_member, link);
    if (member->sync != NULL) { /* who leaves while it waits for its assignment */
        group_answer_sync(group->machine, member->sync, KAFKA_ERROR_UNKNOWN_MEMBER_ID);
        member->sync = NULL;
    }
    group_slots_give(group->machine, 1);
    free_member(member);
}

void group_members_clear(struct group *group)
{
    LIST_EACH(link, &group->members)
    group_member_remove(CONTAINER_OF(link, struct group_member, link));
}

bool group_member_set_id(struct group_member *member, struct slice id)
{
    struct group *group = member->group;
    struct slice copy;
    if (!group_own(group->machine->mem, id, &copy))
        return false;
    if (!map_put(&group->by_id, hash_of(group, copy), member)) {
        group_disown(group->machine->mem, &copy);
        return false;
    }
    map_remove(&group->by_id, hash_of(group, member->id), has_id, &member->id);
    group_disown(group->machine->mem, &member->id);
    member->id = copy;
    return true;
}

void group_heartbeat_in(struct group_member *member, int64_t after_ms)
{
    struct group_machine *machine = member->group->machine;
    machine_deadline_start(&machine->deadlines, &member->heartbeat.base, machine->now_ms + after_ms);
}

/* ---- ids handed out ---------------------------------------------------------------------------------------------- */

struct group_pending *group_pending_by_id(const struct group *group, struct slice id)
{
    LIST_EACH(link, &group->pending)
    {
        struct group_pending *pending = CONTAINER_OF(link, struct group_pending, link);
        if (slice_equal(pending->id, id))
            return pending;
    }
    return NULL;
}

bool group_pending_add(struct group *group, struct slice id, int64_t at_ms)
{
    struct group_machine *machine = group->machine;
    struct group_pending *pending = MEM_NEW(machine->mem, struct group_pending);
    if (pending == NULL)
        return false;
    if (!group_own(machine->mem, id, &pending->id) || !group_slots_take(machine, 1)) {
        group_disown(machine->mem, &pending->id);
        MEM_DELETE(machine->mem, pending);
        return false;
    }
    pending->group = group;
    pending->deadline.kind = DEADLINE_PENDING;
    machine_deadline_start(&machine->deadlines, &pending->deadline.base, at_ms);
    list_push_back(&group->pending, &pending->link);
    group->pending_count++;
    return true;
}

void group_pending_remove(struct group_pending *pending)
{
    struct group_machine *machine = pending->group->machine;
    machine_deadline_stop(&machine->deadlines, &pending->deadline.base);
    list_remove(&pending->link);
    pending->group->pending_count--;
    group_slots_give(machine, 1);
    group_disown(machine->mem, &pending->id);
    MEM_DELETE(machine->mem, pending);
}
