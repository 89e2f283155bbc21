/* Offsets that were committed inside a transaction (KIP-98, KIP-447): they wait for its marker, producer by producer.
 */
#include "core/group/internal.h"

static bool has_producer(const void *value, const void *key)
{
    return ((const struct group_transaction *)value)->producer_id == *(const int64_t *)key;
}

static uint64_t hash_of(const struct group_machine *machine, int64_t producer_id)
{
    return hash_u64((uint64_t)producer_id, machine->seed);
}

static struct group_transaction *find(const struct group_machine *machine, int64_t producer_id)
{
    return map_find(&machine->transactions, hash_of(machine, producer_id), has_producer, &producer_id);
}

static struct group_transaction *find_or_make(struct group_machine *machine, int64_t producer_id)
{
    struct group_transaction *transaction = find(machine, producer_id);
    if (transaction != NULL)
        return transaction;
    transaction = MEM_NEW(machine->mem, struct group_transaction);
    if (transaction == NULL)
        return NULL;
    transaction->producer_id = producer_id;
    list_init(&transaction->parts);
    if (!map_put(&machine->transactions, hash_of(machine, producer_id), transaction)) {
        MEM_DELETE(machine->mem, transaction);
        return NULL;
    }
    return transaction;
}

static void drop_if_empty(struct group_machine *machine, struct group_transaction *transaction)
{
    if (!list_empty(&transaction->parts))
        return;
    map_remove(&machine->transactions, hash_of(machine, transaction->producer_id), has_producer,
               &transaction->producer_id);
    MEM_DELETE(machine->mem, transaction);
}

void group_part_free(struct group_part *part)
{
    struct group_machine *machine = part->group->machine;
    struct group_transaction *transaction = part->transaction;
    list_remove(&part->link);
    list_remove(&part->in_group);
    group_topics_fini(&part->topics, machine->mem);
    MEM_DELETE(machine->mem, part);
    drop_if_empty(machine, transaction);
}

static struct group_part *part_of(struct group_transaction *transaction, struct group *group)
{
    struct mem *mem = group->machine->mem;
    LIST_EACH(link, &transaction->parts)
    {
        struct group_part *part = CONTAINER_OF(link, struct group_part, link);
        if (part->group == group)
            return part;
    }
    struct group_part *part = MEM_NEW(mem, struct group_part);
    if (part == NULL)
        return NULL;
    part->group = group;
    part->transaction = transaction;
    group_topics_init(&part->topics, mem);
    list_push_back(&transaction->parts, &part->link);
    list_push_back(&group->parts, &part->in_group);
    return part;
}

bool group_part_put(struct group *group, int64_t producer_id, struct slice topic,
                    const struct group_stored_offset *offset)
{
    struct group_machine *machine = group->machine;
    struct group_transaction *transaction = find_or_make(machine, producer_id);
    struct group_part *part = transaction == NULL ? NULL : part_of(transaction, group);
    bool fresh;
    if (part != NULL && group_topics_put(&part->topics, machine->mem, topic, offset, &fresh))
        return true;
    if (part != NULL && group_topics_empty(&part->topics))
        group_part_free(part);
    else if (transaction != NULL)
        drop_if_empty(machine, transaction);
    return false;
}

/* A tombstone: whatever an open transaction has said of the partition is void. */
void group_parts_remove(struct group *group, struct slice topic, int32_t partition)
{
    LIST_EACH(link, &group->parts)
    {
        struct group_part *part = CONTAINER_OF(link, struct group_part, in_group);
        if (group_topics_remove(&part->topics, group->machine->mem, topic, partition) &&
            group_topics_empty(&part->topics))
            group_part_free(part);
    }
}

bool group_has_pending_offset(const struct group *group, struct slice topic, int32_t partition)
{
    for (const struct list *link = group->parts.next; link != &group->parts; link = link->next) {
        const struct group_part *part = CONTAINER_OF(link, const struct group_part, in_group);
        if (group_topics_get(&part->topics, topic, partition) != NULL)
            return true;
    }
    return false;
}

/* The one whose record came later in the log wins, whichever way it came: compaction keeps just that one. */
static bool commit_part(struct group_part *part)
{
    struct group *group = part->group;
    GROUP_TOPIC_EACH(topic, &part->topics)
    {
        for (int32_t i = 0; i < topic->count; i++) {
            const struct group_stored_offset *pending = topic->items[i];
            const struct group_stored_offset *has = group_topics_get(&group->topics, topic->name, pending->partition);
            bool fresh = false;
            if (has != NULL && has->record_offset >= pending->record_offset)
                continue;
            if (!group_topics_put(&group->topics, group->machine->mem, topic->name, pending, &fresh))
                return false;
            group->machine->offset_count += fresh;
        }
    }
    return true;
}

enum err group_replay_marker(struct group_machine *machine, const struct machine_marker *marker)
{
    struct group_transaction *transaction = find(machine, marker->producer_id);
    if (transaction == NULL)
        return ERR_OK; /* it had no offsets here, or they were deleted */
    for (bool last = false; !last;) {
        struct group_part *part = CONTAINER_OF(transaction->parts.next, struct group_part, link);
        if (marker->commit && !commit_part(part))
            return ERR_NO_MEMORY;
        last = part->link.next == &transaction->parts;
        group_part_free(part); /* the last takes the transaction along */
    }
    return ERR_OK;
}

void group_end_transaction(struct group_machine *machine, int64_t producer_id, int16_t producer_epoch, bool commit,
                           int32_t coordinator_epoch, int16_t transaction_version, struct group_call *call)
{
    struct group_append *append = group_append_new(machine, APPEND_MARKER, NULL);
    if (append == NULL) {
        group_answer(machine, call, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    append->call = call;
    append->base.kind = commit ? MACHINE_APPEND_COMMIT : MACHINE_APPEND_ABORT;
    append->base.producer_id = producer_id;
    append->base.producer_epoch = producer_epoch;
    append->base.coordinator_epoch = coordinator_epoch;
    append->base.transaction_version = transaction_version;
    group_append_send(append);
}
