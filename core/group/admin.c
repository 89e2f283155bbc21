/* What administrators see of groups. */
#include "core/group/internal.h"

typedef struct describe_groups_response_described_group described;
typedef struct describe_groups_response_described_group_member described_member;

enum { FIRST_WITH_GROUP_ID_NOT_FOUND = 6 };

static struct slice copy_or_empty(struct arena *arena, struct slice from)
{
    return slice_is_null(from) ? SLICE_LITERAL("") : group_copy(arena, from);
}

static bool describe_members(const struct group *group, struct arena *arena, described *out)
{
    out->members.items = ARENA_ARRAY(arena, described_member, (size_t)group->member_count + 1);
    if (out->members.items == NULL)
        return false;
    for (const struct list *link = group->members.next; link != &group->members; link = link->next) {
        const struct group_member *member = CONTAINER_OF(link, const struct group_member, link);
        bool settled = group->state == GROUP_STABLE;
        out->members.items[out->members.count++] = (described_member){
            .member_id = group_copy(arena, member->id),
            .group_instance_id = group_copy(arena, member->instance_id),
            .client_id = copy_or_empty(arena, member->client_id),
            .client_host = copy_or_empty(arena, member->client_host),
            .member_metadata = settled ? copy_or_empty(arena, group_member_metadata(member)) : SLICE_LITERAL(""),
            .member_assignment = copy_or_empty(arena, member->assignment)};
    }
    return !arena->failed;
}

bool group_describe(const struct group_machine *machine, struct slice group_id, int16_t version, struct arena *arena,
                    described *out)
{
    const struct group *group = group_find(machine, group_id);
    wire_set_defaults(&describe_groups_response_described_group_struct, out);
    out->group_id = group_id;
    if (group == NULL || group->state == GROUP_DEAD) {
        out->group_state = slice_from_string(group_state_name(GROUP_DEAD));
        if (version < FIRST_WITH_GROUP_ID_NOT_FOUND)
            return true;
        out->error_code = KAFKA_ERROR_GROUP_ID_NOT_FOUND;
        const char *text = arena_printf(arena, "Group %.*s not found.", SLICE_ARG(group_id));
        out->error_message = slice_from_string(text);
        return text != NULL;
    }
    out->group_state = slice_from_string(group_state_name(group->state));
    out->protocol_type = copy_or_empty(arena, group->protocol_type);
    if (group->state == GROUP_STABLE)
        out->protocol_data = copy_or_empty(arena, group->protocol_name);
    return describe_members(group, arena, out);
}

bool group_next_offset(const struct group *group, struct group_offset_cursor *cursor, struct group_offset *offset)
{
    const struct list *topics = &group->topics.in_order;
    if (cursor->topic == NULL)
        *cursor = (struct group_offset_cursor){.topic = topics->next};
    while (cursor->topic != topics) {
        const struct group_topic *topic =
            CONTAINER_OF((struct list *)(uintptr_t)cursor->topic, struct group_topic, link);
        if (cursor->next < topic->count) {
            const struct group_stored_offset *stored = topic->items[cursor->next++];
            *offset = (struct group_offset){.topic = topic->name,
                                            .topic_id = stored->topic_id,
                                            .partition = stored->partition,
                                            .leader_epoch = stored->leader_epoch,
                                            .offset = stored->offset};
            return true;
        }
        *cursor = (struct group_offset_cursor){.topic = cursor->topic->next};
    }
    return false;
}

int32_t group_member_count(const struct group *group)
{
    return group->member_count;
}

struct group *group_list_next(const struct group_machine *machine, struct group *group, struct group_listing *listing)
{
    const struct list *next = group == NULL ? machine->in_order.next : group->link.next;
    if (next == &machine->in_order)
        return NULL;
    struct group *found = CONTAINER_OF((struct list *)(uintptr_t)next, struct group, link);
    listing->id = found->id;
    listing->protocol_type = slice_is_null(found->protocol_type) ? SLICE_LITERAL("") : found->protocol_type;
    listing->state = group_state_name(found->state);
    return found;
}
