/* Records of __transaction_state in Kafka's format, and their way to the log and back. */
#include "core/txn/internal.h"

enum { KEY_TYPE = 0, VALUE_VERSION_OLD = 0, VALUE_VERSION = 1 };

/* ---- decoding ---------------------------------------------------------------------------------------------------- */

enum err txn_decode_key(struct slice bytes, struct arena *arena, struct slice *id, bool *known)
{
    struct transaction_log_key key;
    size_t used;
    if (bytes.length < 2)
        return ERR_CORRUPT;
    *known = get_i16(bytes.data) == KEY_TYPE;
    if (!*known)
        return ERR_OK;
    enum err err =
        wire_decode(&transaction_log_key_schema, 0, slice_of(bytes.data + 2, bytes.length - 2), arena, &key, &used);
    *id = key.transactional_id;
    return err;
}

static enum err take_topics(const struct transaction_log_value *from, struct mem *mem, struct txn_topics *topics)
{
    for (int32_t i = 0; i < from->transaction_partitions.count; i++) {
        const struct transaction_log_value_partitions_schema *topic = &from->transaction_partitions.items[i];
        for (int32_t k = 0; k < topic->partition_ids.count; k++)
            if (!txn_topics_add(topics, topic->topic, topic->partition_ids.items[k], mem)) {
                txn_topics_fini(topics, mem);
                return ERR_NO_MEMORY;
            }
    }
    return ERR_OK;
}

enum err txn_decode_value(struct slice bytes, struct mem *mem, struct arena *arena, struct txn_value *value,
                          bool *known)
{
    struct transaction_log_value from;
    size_t used;
    if (bytes.length < 2)
        return ERR_CORRUPT;
    int16_t version = get_i16(bytes.data);
    *known = version >= VALUE_VERSION_OLD && version <= VALUE_VERSION;
    if (!*known)
        return ERR_OK;
    enum err err = wire_decode(&transaction_log_value_schema, version, slice_of(bytes.data + 2, bytes.length - 2),
                               arena, &from, &used);
    if (err != ERR_OK)
        return err;
    /* Neither state is ever written. */
    if (from.transaction_status < 0 || from.transaction_status >= TXN_DEAD)
        return ERR_CORRUPT;
    *value = (struct txn_value){.producer_id = from.producer_id,
                                .previous_producer_id = from.previous_producer_id,
                                .next_producer_id = from.next_producer_id,
                                .start_ms = from.transaction_start_timestamp_ms,
                                .update_ms = from.transaction_last_update_timestamp_ms,
                                .timeout_ms = from.transaction_timeout_ms,
                                .epoch = from.producer_epoch,
                                .last_epoch = TXN_NO_EPOCH,
                                .client_version = from.client_transaction_version,
                                .state = (enum txn_state)from.transaction_status};
    return value->state == TXN_EMPTY ? ERR_OK : take_topics(&from, mem, &value->topics);
}

/* ---- encoding ---------------------------------------------------------------------------------------------------- */

static bool put_value(struct wire_writer *out, const struct txn_value *value, int16_t version, struct arena *arena)
{
    struct transaction_log_value to = {.producer_id = value->producer_id,
                                       .previous_producer_id = value->previous_producer_id,
                                       .next_producer_id = value->next_producer_id,
                                       .producer_epoch = value->epoch,
                                       .next_producer_epoch = TXN_NO_EPOCH,
                                       .transaction_timeout_ms = value->timeout_ms,
                                       .transaction_status = (int8_t)value->state,
                                       .transaction_last_update_timestamp_ms = value->update_ms,
                                       .transaction_start_timestamp_ms = value->start_ms,
                                       .client_transaction_version = value->client_version};
    const struct txn_topics *topics = &value->topics;
    to.transaction_partitions.count = value->state == TXN_EMPTY ? -1 : topics->count;
    to.transaction_partitions.items =
        ARENA_ARRAY(arena, struct transaction_log_value_partitions_schema, (size_t)topics->count + 1);
    if (to.transaction_partitions.items == NULL)
        return false;
    for (int32_t i = 0; i < topics->count; i++) {
        const struct txn_topic *topic = &topics->items[i];
        struct transaction_log_value_partitions_schema *item = &to.transaction_partitions.items[i];
        item->topic = slice_of(topic->name, topic->name_length);
        item->partition_ids.items = ARENA_ARRAY(arena, int32_t, (size_t)topic->count);
        item->partition_ids.count = topic->count;
        if (item->partition_ids.items == NULL)
            return false;
        for (int32_t k = 0; k < topic->count; k++)
            item->partition_ids.items[k] = topic->partitions[k].index;
    }
    wire_put_i16(out, version);
    return wire_encode(&transaction_log_value_schema, version, &to, out) == ERR_OK && !out->failed;
}

/* A tombstone when value is NULL. */
static bool put_record(struct txn_machine *machine, struct txn_append *append, const struct txn_value *value)
{
    enum { ARENA_LIMIT = 256 << 20 };
    struct arena arena;
    struct transaction_log_key key = {.transactional_id = slice_of(append->txn->id, append->txn->id_length)};
    arena_init(&arena, machine->mem, ARENA_LIMIT);
    wire_put_i16(&append->bytes, KEY_TYPE);
    bool made = wire_encode(&transaction_log_key_schema, 0, &key, &append->bytes) == ERR_OK && !append->bytes.failed;
    size_t key_length = append->bytes.length;
    if (made && value != NULL)
        made = put_value(&append->bytes, value, machine->settings.version >= 1 ? VALUE_VERSION : VALUE_VERSION_OLD,
                         &arena);
    arena_fini(&arena);
    append->record.key = slice_of(append->bytes.data, key_length);
    append->record.value =
        value == NULL ? SLICE_NULL : slice_of(append->bytes.data + key_length, append->bytes.length - key_length);
    return made;
}

void txn_append_free(struct txn_machine *machine, struct txn_append *append)
{
    wire_writer_fini(&append->bytes);
    MEM_DELETE(machine->mem, append);
}

bool txn_send(struct txn_machine *machine, struct txn *txn, enum txn_step step, struct txn_call *call)
{
    struct txn_append *append = MEM_NEW(machine->mem, struct txn_append);
    if (append == NULL)
        return false;
    append->txn = txn;
    append->step = step;
    append->call = call;
    wire_writer_init(&append->bytes, machine->mem);
    if (!put_record(machine, append, step == STEP_EXPIRE ? NULL : &txn->next)) {
        txn_append_free(machine, append);
        return false;
    }
    append->base = (struct machine_append){
        .kind = MACHINE_APPEND_RECORDS, .records = &append->record, .count = 1, .timestamp_ms = machine->wall_ms};
    txn->busy = true;
    txn->in_flight = append;
    machine->append_count++;
    list_push_back(&machine->appends, &append->base.link);
    return true;
}
