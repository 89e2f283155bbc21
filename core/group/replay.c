/* What the records of __consumer_offsets say, one by one. */
#include "core/group/internal.h"

enum { KEY_OFFSET_OLD = 0, KEY_OFFSET = 1, KEY_GROUP = 2 };

/* Version first, then the message. */
static enum err decode(struct group_machine *machine, const struct wire_schema *schema, struct slice bytes,
                       void *message)
{
    size_t consumed;
    if (bytes.length < 2)
        return ERR_CORRUPT;
    int16_t version = get_i16(bytes.data);
    if (version < schema->lowest || version > schema->highest)
        return ERR_CORRUPT;
    enum err err =
        wire_decode(schema, version, slice_of(bytes.data + 2, bytes.length - 2), &machine->scratch, message, &consumed);
    return err == ERR_OK || err == ERR_NO_MEMORY ? err : ERR_CORRUPT;
}

/* The key's version says its kind; its fields are those of version 0. */
static enum err decode_key(struct group_machine *machine, const struct wire_schema *schema, struct slice bytes,
                           void *message)
{
    size_t consumed;
    enum err err =
        wire_decode(schema, 0, slice_of(bytes.data + 2, bytes.length - 2), &machine->scratch, message, &consumed);
    return err == ERR_OK || err == ERR_NO_MEMORY ? err : ERR_CORRUPT;
}

/* ---- offsets ----------------------------------------------------------------------------------------------------- */

static enum err forget_offset(struct group_machine *machine, const struct offset_commit_key *key)
{
    struct group *group = group_find(machine, key->group);
    if (group == NULL)
        return ERR_OK;
    machine->offset_count -= group_topics_remove(&group->topics, machine->mem, key->topic, key->partition);
    group_parts_remove(group, key->topic, key->partition);
    return ERR_OK;
}

static enum err replay_offset(struct group_machine *machine, const struct machine_replay *record)
{
    struct offset_commit_key key;
    struct offset_commit_value value;
    bool fresh = false;
    enum err err = decode_key(machine, &offset_commit_key_schema, record->key, &key);
    if (err != ERR_OK)
        return err;
    if (slice_is_null(record->value))
        return forget_offset(machine, &key);
    err = decode(machine, &offset_commit_value_schema, record->value, &value);
    if (err != ERR_OK)
        return err;
    struct group *group = group_find_or_make(machine, key.group); /* nobody joins a simple consumer's */
    if (group == NULL)
        return ERR_NO_MEMORY;
    struct group_stored_offset offset = {.partition = key.partition,
                                         .leader_epoch = value.leader_epoch,
                                         .topic_id = value.topic_id,
                                         .offset = value.offset,
                                         .commit_timestamp_ms = value.commit_timestamp,
                                         .expire_timestamp_ms = value.expire_timestamp,
                                         .record_offset = record->offset,
                                         .metadata = value.metadata};
    if (record->producer_id >= 0)
        return group_part_put(group, record->producer_id, key.topic, &offset) ? ERR_OK : ERR_NO_MEMORY;
    if (!group_topics_put(&group->topics, machine->mem, key.topic, &offset, &fresh))
        return ERR_NO_MEMORY;
    machine->offset_count += fresh;
    return ERR_OK;
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

typedef struct group_metadata_value_member_metadata stored_member;

static enum err add_member(struct group *group, const struct group_metadata_value *value, const stored_member *from)
{
    struct mem *mem = group->machine->mem;
    group_asked_protocol protocol = {.name = value->protocol, .metadata = from->subscription};
    struct group_new_member as = {.id = from->member_id,
                                  .instance_id = from->group_instance_id,
                                  .client_id = from->client_id,
                                  .client_host = from->client_host,
                                  .session_timeout_ms = from->session_timeout,
                                  .rebalance_timeout_ms =
                                      from->rebalance_timeout == -1 ? from->session_timeout : from->rebalance_timeout,
                                  .protocols = &protocol,
                                  .protocol_count = 1};
    struct slice type, assignment;
    if (group_member_by_id(group, as.id) != NULL ||
        (!slice_is_null(as.instance_id) && group_member_by_instance(group, as.instance_id) != NULL))
        return ERR_CORRUPT;
    if (!group_own(mem, value->protocol_type, &type))
        return ERR_NO_MEMORY;
    struct group_member *member = group_own(mem, from->assignment, &assignment) ? group_member_make(group, &as) : NULL;
    if (member == NULL) {
        group_disown(mem, &type);
        group_disown(mem, &assignment);
        return ERR_NO_MEMORY;
    }
    member->assignment = assignment;
    group_member_add(group, member, type);
    return ERR_OK;
}

static enum err restore(struct group *group, const struct group_metadata_value *value)
{
    struct mem *mem = group->machine->mem;
    enum err worst = ERR_OK;
    group_members_clear(group);
    group_disown(mem, &group->protocol_type);
    group_disown(mem, &group->protocol_name);
    group->generation = value->generation;
    group->state_timestamp_ms = value->current_state_timestamp;
    if (!group_own(mem, value->protocol_type.length == 0 ? SLICE_NULL : value->protocol_type, &group->protocol_type) ||
        !group_own(mem, value->protocol, &group->protocol_name))
        return ERR_NO_MEMORY;
    for (int32_t i = 0; i < value->members.count; i++) {
        enum err err =
            slice_is_null(value->protocol) ? ERR_CORRUPT : add_member(group, value, &value->members.items[i]);
        if (err == ERR_NO_MEMORY)
            return err;
        if (err != ERR_OK)
            worst = err; /* one bad member does not cost the others their places */
    }
    struct group_member *leader = slice_is_null(value->leader) ? NULL : group_member_by_id(group, value->leader);
    if (leader != NULL)
        group->leader = leader;
    group->previous = GROUP_DEAD;
    group->state = group->member_count == 0 ? GROUP_EMPTY : GROUP_STABLE;
    group_update_subscribed(group);
    return worst;
}

static enum err replay_group(struct group_machine *machine, const struct machine_replay *record)
{
    struct group_metadata_key key;
    struct group_metadata_value value;
    enum err err = decode_key(machine, &group_metadata_key_schema, record->key, &key);
    if (err != ERR_OK)
        return err;
    if (slice_is_null(record->value)) {
        struct group *gone = group_find(machine, key.group);
        if (gone != NULL)
            group_remove(gone);
        return ERR_OK;
    }
    err = decode(machine, &group_metadata_value_schema, record->value, &value);
    if (err != ERR_OK)
        return err;
    struct group *group = group_find_or_make(machine, key.group);
    return group == NULL ? ERR_NO_MEMORY : restore(group, &value);
}

enum err group_replay(struct group_machine *machine, const struct machine_replay *record)
{
    if (record->key.length < 2)
        return ERR_CORRUPT;
    arena_reset(&machine->scratch);
    switch (get_i16(record->key.data)) {
    case KEY_OFFSET_OLD:
    case KEY_OFFSET:
        return replay_offset(machine, record);
    case KEY_GROUP:
        return replay_group(machine, record);
    default:
        return ERR_OK; /* groups of the newer protocols: not ours */
    }
}
