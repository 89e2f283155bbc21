/* Records of __consumer_offsets in Kafka's format, and their way to the log and back. */
#include "core/group/internal.h"

enum {
    KEY_OFFSET = 1, /* the version of a key says its kind */
    KEY_GROUP = 2,
    OFFSET_VALUE_VERSION = 4,
    OFFSET_VALUE_WITH_EXPIRY = 1,
    GROUP_VALUE_VERSION = 3, /* Kafka 4.3 reads version 4 and writes 3, and monitors know no other */
    TOMBSTONES_MAX_BYTES = 128 * 1024, /* of one append: below any sensible max.message.bytes */
    TOMBSTONES_MAX = 2000,
};

static const size_t ARENA_LIMIT = (size_t)1 << 30; /* the mem has its own */

/* ---- one append -------------------------------------------------------------------------------------------------- */

struct group_append *group_append_new(struct group_machine *machine, enum group_append_kind kind, struct group *group)
{
    struct group_append *append = MEM_NEW(machine->mem, struct group_append);
    if (append == NULL)
        return NULL;
    append->machine = machine;
    append->kind = kind;
    append->group = group;
    append->base.timestamp_ms = machine->wall_ms;
    arena_init(&append->arena, machine->mem, ARENA_LIMIT);
    wire_writer_init(&append->bytes, machine->mem);
    return append;
}

void group_append_free(struct group_append *append)
{
    struct mem *mem = append->machine->mem;
    for (int32_t i = 0; i < append->assigned_count; i++)
        group_disown(mem, &append->assigned[i]);
    mem_free(mem, append->records, (size_t)append->capacity * sizeof *append->records);
    mem_free(mem, append->positions, (size_t)append->capacity * 2 * sizeof *append->positions);
    wire_writer_fini(&append->bytes);
    arena_fini(&append->arena);
    MEM_DELETE(mem, append);
}

/* The buffer of the bytes stays where it is from now on. */
void group_append_send(struct group_append *append)
{
    for (int32_t i = 0; i < append->base.count; i++) {
        struct machine_record *record = &append->records[i];
        record->key.data = append->bytes.data + append->positions[2 * i];
        if (!slice_is_null(record->value))
            record->value.data = append->bytes.data + append->positions[2 * i + 1];
    }
    append->base.records = append->records;
    append->machine->append_count++;
    if (append->group != NULL)
        append->group->append_count++;
    list_push_back(&append->machine->appends, &append->base.link);
}

static bool make_room(struct group_append *append)
{
    struct mem *mem = append->machine->mem;
    if (append->base.count < append->capacity)
        return true;
    int32_t capacity = append->capacity == 0 ? 8 : append->capacity * 2;
    struct machine_record *records = mem_alloc(mem, (size_t)capacity * sizeof *records);
    size_t *positions = mem_alloc(mem, (size_t)capacity * 2 * sizeof *positions);
    if (records == NULL || positions == NULL) {
        mem_free(mem, records, (size_t)capacity * sizeof *records);
        mem_free(mem, positions, (size_t)capacity * 2 * sizeof *positions);
        return false;
    }
    for (int32_t i = 0; i < append->base.count; i++) {
        records[i] = append->records[i];
        positions[2 * i] = append->positions[2 * i];
        positions[2 * i + 1] = append->positions[2 * i + 1];
    }
    mem_free(mem, append->records, (size_t)append->capacity * sizeof *records);
    mem_free(mem, append->positions, (size_t)append->capacity * 2 * sizeof *positions);
    append->records = records;
    append->positions = positions;
    append->capacity = capacity;
    return true;
}

struct part {
    const struct wire_schema *schema;
    int16_t prefix, version;
    const void *message;
};

static bool put_part(struct group_append *append, const struct part *part)
{
    wire_put_i16(&append->bytes, part->prefix);
    return wire_encode(part->schema, part->version, part->message, &append->bytes) == ERR_OK && !append->bytes.failed;
}

/* value NULL: a tombstone. Addresses are filled in when the append is sent. */
static bool add_record(struct group_append *append, const struct part *key, const struct part *value)
{
    size_t key_pos = append->bytes.length;
    if (!make_room(append) || !put_part(append, key))
        return false;
    size_t value_pos = append->bytes.length;
    if (value != NULL && !put_part(append, value))
        return false;
    int32_t at = append->base.count++;
    append->positions[2 * at] = key_pos;
    append->positions[2 * at + 1] = value_pos;
    append->records[at].key = slice_of(append->bytes.data, value_pos - key_pos);
    append->records[at].value =
        value == NULL ? SLICE_NULL : slice_of(append->bytes.data, append->bytes.length - value_pos);
    return true;
}

bool group_append_is_full(const struct group_append *append)
{
    return append->bytes.length >= TOMBSTONES_MAX_BYTES || append->base.count >= TOMBSTONES_MAX;
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

static struct slice not_null(struct slice text)
{
    return slice_is_null(text) ? SLICE_LITERAL("") : text;
}

static void describe(const struct group_member *member, bool with_next,
                     struct group_metadata_value_member_metadata *out)
{
    *out = (struct group_metadata_value_member_metadata){
        .member_id = member->id,
        .group_instance_id = member->instance_id,
        .client_id = member->client_id,
        .client_host = member->client_host,
        .rebalance_timeout = member->rebalance_timeout_ms,
        .session_timeout = member->session_timeout_ms,
        .subscription = group_member_metadata(member),
        .assignment = not_null(with_next ? member->next_assignment : member->assignment)};
}

bool group_store(struct group_append *append, const struct group *group, bool with_next)
{
    struct group_metadata_key key;
    struct group_metadata_value value;
    WIRE_DEFAULTS(group_metadata_key_schema, &key);
    WIRE_DEFAULTS(group_metadata_value_schema, &value);
    key.group = group->id;
    value.protocol_type = not_null(group->protocol_type);
    value.generation = group->generation;
    value.protocol = group->protocol_name;
    value.leader = group->leader == NULL ? SLICE_NULL : group->leader->id;
    value.current_state_timestamp = group->state_timestamp_ms;
    value.members.items =
        ARENA_ARRAY(&append->arena, struct group_metadata_value_member_metadata, (size_t)group->member_count + 1);
    if (value.members.items == NULL)
        return false;
    for (const struct list *link = group->members.next; link != &group->members; link = link->next)
        describe(CONTAINER_OF(link, const struct group_member, link), with_next,
                 &value.members.items[value.members.count++]);
    struct part key_part = {&group_metadata_key_schema, KEY_GROUP, 0, &key};
    struct part value_part = {&group_metadata_value_schema, GROUP_VALUE_VERSION, GROUP_VALUE_VERSION, &value};
    return add_record(append, &key_part, &value_part);
}

bool group_store_tombstone(struct group_append *append, struct slice group_id)
{
    struct group_metadata_key key;
    WIRE_DEFAULTS(group_metadata_key_schema, &key);
    key.group = group_id;
    struct part part = {&group_metadata_key_schema, KEY_GROUP, 0, &key};
    return add_record(append, &part, NULL);
}

/* ---- offsets ----------------------------------------------------------------------------------------------------- */

static struct offset_commit_key offset_key(struct slice group_id, struct slice topic, int32_t partition)
{
    struct offset_commit_key key;
    WIRE_DEFAULTS(offset_commit_key_schema, &key);
    key.group = group_id;
    key.topic = topic;
    key.partition = partition;
    return key;
}

bool group_store_offset(struct group_append *append, struct slice group_id, const struct group_offset *offset,
                        int64_t commit_timestamp_ms, int64_t expire_timestamp_ms)
{
    struct offset_commit_key key = offset_key(group_id, offset->topic, offset->partition);
    struct offset_commit_value value;
    WIRE_DEFAULTS(offset_commit_value_schema, &value);
    value.offset = offset->offset;
    value.leader_epoch = offset->leader_epoch;
    value.metadata = not_null(offset->metadata);
    value.commit_timestamp = commit_timestamp_ms;
    value.expire_timestamp = expire_timestamp_ms;
    value.topic_id = offset->topic_id;
    /* Only version 1 holds a time to expire at. */
    int16_t version = expire_timestamp_ms >= 0 ? OFFSET_VALUE_WITH_EXPIRY : OFFSET_VALUE_VERSION;
    struct part key_part = {&offset_commit_key_schema, KEY_OFFSET, 0, &key};
    struct part value_part = {&offset_commit_value_schema, version, version, &value};
    return add_record(append, &key_part, &value_part);
}

bool group_store_offset_tombstone(struct group_append *append, struct slice group_id, struct slice topic,
                                  int32_t partition)
{
    struct offset_commit_key key = offset_key(group_id, topic, partition);
    struct part part = {&offset_commit_key_schema, KEY_OFFSET, 0, &key};
    return add_record(append, &part, NULL);
}

/* ---- what has been written --------------------------------------------------------------------------------------- */

static bool apply_records(struct group_append *append)
{
    bool transactional = append->base.kind == MACHINE_APPEND_TRANSACTIONAL;
    for (int32_t i = 0; i < append->base.count; i++) {
        struct machine_replay record = {.key = append->records[i].key,
                                        .value = append->records[i].value,
                                        .offset = append->base.base_offset + i,
                                        .timestamp_ms = append->base.timestamp_ms,
                                        .producer_id = transactional ? append->base.producer_id : -1,
                                        .producer_epoch = append->base.producer_epoch};
        enum err err = group_replay(append->machine, &record);
        ASSERT(err != ERR_CORRUPT); /* we wrote it */
        if (err != ERR_OK)
            return false;
    }
    return true;
}

static bool apply_marker(struct group_append *append)
{
    struct machine_marker marker = {.offset = append->base.base_offset,
                                    .producer_id = append->base.producer_id,
                                    .producer_epoch = append->base.producer_epoch,
                                    .commit = append->base.kind == MACHINE_APPEND_COMMIT};
    return group_replay_marker(append->machine, &marker) == ERR_OK;
}

/* What the log holds now and we cannot: it is read again from the beginning. */
static void apply(struct group_append *append, int16_t *error)
{
    if (*error != KAFKA_ERROR_NONE)
        return;
    if (append->kind == APPEND_MARKER ? apply_marker(append) : apply_records(append))
        return;
    append->machine->broken = true;
    *error = KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE;
}

void group_appended(struct group_machine *machine, struct machine_append *base)
{
    struct group_append *append = CONTAINER_OF(base, struct group_append, base);
    struct group *group = append->group;
    int16_t error = machine_append_error(base->error);
    machine->append_count--;
    switch (append->kind) {
    case APPEND_NEW:
        group_new_stored(append, error);
        break;
    case APPEND_EMPTY:
        break; /* a group that could not be written down as empty is none the less */
    case APPEND_ASSIGNMENT:
        group_assignment_stored(append, error);
        break;
    case APPEND_STATIC:
        group_static_stored(append, error);
        break;
    case APPEND_APPLY:
    case APPEND_MARKER:
        apply(append, &error);
        break;
    case APPEND_DELETE:
        apply(append, &error);
        group_delete_step(group, error);
        break;
    case APPEND_FETCH:
        group_fetch_now(append, &error);
        break;
    case APPEND_TOPIC:
        group_forget_topic(machine, append->name, append->topic_id);
        break;
    }
    if (append->call != NULL)
        group_answer(machine, append->call, error);
    if (group != NULL)
        group_release(group);
    group_append_free(append);
}
