/* Transactions as a partition sees them: opened by the first batch, verified before, ended by a marker.
 * Rules: Kafka 4.3's ProducerAppendInfo, ProducerStateManager, VerificationStateEntry. */
#include "core/log/producer_state.h"
#include "core/wire/error.h"

/* A client's batch is being verified with the coordinator. */
struct verification {
    int64_t id;
    int64_t used_ms;
    uint64_t guard;
    int32_t lowest_sequence; /* seen since: a higher one must not get in before it */
    int16_t epoch;
    bool bumps_epoch;
};

static uint64_t id_hash(int64_t id)
{
    return hash_u64((uint64_t)id, 0);
}

static bool id_equal(const void *value, const void *key)
{
    return ((const struct verification *)value)->id == *(const int64_t *)key;
}

static struct verification *find_verification(const struct producer_state *state, int64_t id)
{
    return map_find(&state->verifications, id_hash(id), id_equal, &id);
}

static void forget_verification(struct producer_state *state, int64_t id)
{
    struct verification *removed = map_remove(&state->verifications, id_hash(id), id_equal, &id);
    if (removed != NULL)
        MEM_DELETE(state->mem, removed);
}

void producer_txn_fini(struct producer_state *state)
{
    MAP_EACH(i, &state->verifications)
    MEM_DELETE(state->mem, (struct verification *)state->verifications.entries[i].value);
    map_fini(&state->verifications);
    mem_free(state->mem, state->decided, (size_t)state->decided_capacity * sizeof(*state->decided));
    state->decided = NULL;
    state->decided_count = state->decided_capacity = 0;
    list_init(&state->open);
}

void producer_txn_expire(struct producer_state *state, int64_t now_ms, int64_t expiration_ms)
{
    for (size_t i = 0; i < state->verifications.capacity;) {
        struct verification *verification = state->verifications.entries[i].value;
        if (verification == NULL || now_ms - verification->used_ms < expiration_ms)
            i++;
        else
            forget_verification(state, verification->id); /* may shift a later one into this place */
    }
}

/* ---- verification ------------------------------------------------------------------------------------------------ */

static bool is_open_in(const struct producer_entry *entry, int16_t epoch)
{
    return entry != NULL && entry->transaction_offset >= 0 && entry->epoch == epoch;
}

int16_t producer_txn_guard(struct producer_state *state, const struct batch_header *header, bool bumps_epoch,
                           int64_t now_ms, uint64_t *guard)
{
    const struct producer_entry *entry = producer_find(state, header->producer_id);
    *guard = 0;
    if (entry != NULL && header->producer_epoch < entry->epoch)
        return KAFKA_ERROR_INVALID_PRODUCER_EPOCH;
    if (is_open_in(entry, header->producer_epoch))
        return KAFKA_ERROR_NONE;
    struct verification *verification = find_verification(state, header->producer_id);
    if (verification == NULL) {
        verification = MEM_NEW(state->mem, struct verification);
        if (verification == NULL)
            return KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
        *verification = (struct verification){.id = header->producer_id,
                                              .used_ms = now_ms,
                                              .guard = ++state->last_guard,
                                              .lowest_sequence = header->base_sequence,
                                              .epoch = header->producer_epoch,
                                              .bumps_epoch = bumps_epoch};
        if (!map_put(&state->verifications, id_hash(header->producer_id), verification)) {
            MEM_DELETE(state->mem, verification);
            return KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
        }
    }
    if (header->producer_epoch > verification->epoch ||
        (header->producer_epoch == verification->epoch && header->base_sequence < verification->lowest_sequence)) {
        verification->epoch = header->producer_epoch;
        verification->lowest_sequence = header->base_sequence;
    }
    *guard = verification->guard;
    return KAFKA_ERROR_NONE;
}

/* ---- checks ------------------------------------------------------------------------------------------------------ */

/* With transaction.version 2 a marker's epoch is above that of the records it ends. The same epoch is a marker that
 * came twice, harmless when no transaction is open (KAFKA-19999), or the last epoch there is. */
static int16_t check_marker(const struct producer_entry *entry, const struct batch_header *header,
                            const struct producer_terms *terms)
{
    int16_t epoch = header->producer_epoch;
    if (entry == NULL)
        return KAFKA_ERROR_NONE;
    bool is_repeated = epoch == entry->epoch && (entry->transaction_offset < 0 || epoch == INT16_MAX);
    if (epoch < entry->epoch || (terms->version >= 2 && epoch == entry->epoch && !is_repeated))
        return KAFKA_ERROR_INVALID_PRODUCER_EPOCH;
    if (terms->is_marker && terms->marker.coordinator_epoch < entry->coordinator_epoch)
        return KAFKA_ERROR_TRANSACTION_COORDINATOR_FENCED;
    return KAFKA_ERROR_NONE;
}

static int16_t check_sequence(const struct producer_state *state, const struct producer_entry *entry,
                              const struct batch_header *header, const struct producer_batch **duplicate)
{
    const struct verification *verification = find_verification(state, header->producer_id);
    if (verification != NULL) {
        bool is_empty = entry == NULL || entry->count == 0;
        if ((verification->bumps_epoch && header->base_sequence != 0 && is_empty) ||
            header->base_sequence > verification->lowest_sequence)
            return KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    }
    return producer_state_check(state, header, duplicate);
}

int16_t producer_txn_check(const struct producer_state *state, const struct batch_header *header,
                           const struct producer_terms *terms, const struct producer_batch **duplicate)
{
    const struct producer_entry *entry = producer_find(state, header->producer_id);
    bool is_transactional = (header->attributes & BATCH_TRANSACTIONAL) != 0;
    *duplicate = NULL;
    if (header->attributes & BATCH_CONTROL)
        return check_marker(entry, header, terms);
    if (terms->by_client && entry != NULL && entry->epoch == header->producer_epoch) {
        *duplicate = producer_find_duplicate(entry, header);
        if (*duplicate != NULL)
            return KAFKA_ERROR_NONE;
    }
    if (entry != NULL && header->producer_epoch < entry->epoch)
        return KAFKA_ERROR_INVALID_PRODUCER_EPOCH;
    if (is_transactional && terms->needs_guard && !is_open_in(entry, header->producer_epoch)) {
        const struct verification *verification = find_verification(state, header->producer_id);
        if (verification == NULL || verification->guard != terms->guard)
            return KAFKA_ERROR_INVALID_TXN_STATE;
    }
    int16_t error = terms->by_client ? check_sequence(state, entry, header, duplicate) : KAFKA_ERROR_NONE;
    if (error == KAFKA_ERROR_NONE && entry != NULL && entry->transaction_offset >= 0 && !is_transactional)
        error = KAFKA_ERROR_INVALID_TXN_STATE;
    return error;
}

/* ---- changes ----------------------------------------------------------------------------------------------------- */

static bool reserve_decided(struct producer_state *state)
{
    if (state->decided_count < state->decided_capacity)
        return true;
    int32_t larger = state->decided_capacity == 0 ? 8 : state->decided_capacity * 2;
    void *moved = mem_resize(state->mem, state->decided, (size_t)state->decided_capacity * sizeof(*state->decided),
                             (size_t)larger * sizeof(*state->decided));
    if (moved == NULL)
        return false;
    state->decided = moved;
    state->decided_capacity = larger;
    return true;
}

struct producer_entry *producer_txn_prepare(struct producer_state *state, const struct batch_header *header)
{
    if ((header->attributes & BATCH_CONTROL) && !reserve_decided(state))
        return NULL;
    return producer_state_prepare(state, header->producer_id);
}

/* Transactions open in rising order of offset, but for those that an undone batch or a snapshot brings back. */
void producer_open(struct producer_state *state, struct producer_entry *entry, int64_t first_offset)
{
    struct list *after = state->open.prev;
    while (after != &state->open &&
           CONTAINER_OF(after, struct producer_entry, _open)->transaction_offset > first_offset)
        after = after->prev;
    entry->transaction_offset = first_offset;
    list_insert(after, &entry->_open);
}

/* The first offset of the oldest open transaction of others; without one, behind the marker. */
static int64_t stable_behind(const struct producer_state *state, const struct producer_entry *entry,
                             int64_t marker_offset)
{
    LIST_EACH(link, &state->open)
    {
        const struct producer_entry *open = CONTAINER_OF(link, struct producer_entry, _open);
        if (open != entry)
            return open->transaction_offset;
    }
    return marker_offset + 1;
}

static bool end_transaction(struct producer_state *state, struct producer_entry *entry,
                            const struct batch_header *header, const struct marker *marker, int64_t offset,
                            struct log_aborted *aborted)
{
    bool was_open = entry->transaction_offset >= 0;
    *aborted = (struct log_aborted){.producer_id = entry->id,
                                    .first_offset = entry->transaction_offset,
                                    .last_offset = offset,
                                    .last_stable_offset = stable_behind(state, entry, offset)};
    if (was_open && state->decided_count < state->decided_capacity)
        state->decided[state->decided_count++] =
            (struct producer_decided){.first_offset = entry->transaction_offset, .last_offset = offset};
    if (entry->epoch != header->producer_epoch) {
        entry->epoch = header->producer_epoch;
        entry->count = 0;
    }
    entry->coordinator_epoch = marker->coordinator_epoch;
    entry->transaction_offset = -1;
    list_remove(&entry->_open);
    return was_open && !marker->commit;
}

bool producer_txn_update(struct producer_state *state, struct producer_entry *entry, const struct batch_header *header,
                         const struct producer_terms *terms, int64_t base_offset, int64_t now_ms,
                         struct log_aborted *aborted)
{
    const struct verification *verification = find_verification(state, entry->id);
    bool is_control = (header->attributes & BATCH_CONTROL) != 0, is_aborted = false;
    if (is_control && terms->is_marker) {
        is_aborted = end_transaction(state, entry, header, &terms->marker, base_offset, aborted);
        entry->used_ms = now_ms;
    } else if (!is_control) {
        producer_entry_update(entry, header, base_offset, header->max_timestamp, now_ms);
        if ((header->attributes & BATCH_TRANSACTIONAL) && entry->transaction_offset < 0)
            producer_open(state, entry, base_offset);
    }
    /* A marker voids what was verified before it; but with version 2 one of this epoch belongs to the transaction
     * before, and what is being verified to the next. */
    bool is_of_next = verification != NULL && verification->bumps_epoch && is_control &&
                      header->producer_epoch == verification->epoch;
    if (verification != NULL && (header->attributes & BATCH_TRANSACTIONAL) && !is_of_next)
        forget_verification(state, entry->id);
    return is_aborted;
}

static int64_t replayed_ms(const struct batch_header *header, int64_t now_ms)
{
    return header->max_timestamp >= 0 && header->max_timestamp < now_ms ? header->max_timestamp : now_ms;
}

/* Compaction has left it for its epoch, which it may have raised (KIP-890). Of what it ended nothing is there any more;
 * a snapshot may still call that open. */
static enum err replay_empty_marker(struct producer_state *state, const struct batch_header *header, int64_t now_ms)
{
    struct producer_entry *entry = producer_state_prepare(state, header->producer_id);
    if (entry == NULL)
        return ERR_NO_MEMORY;
    if (header->producer_epoch > entry->epoch) {
        entry->epoch = header->producer_epoch;
        entry->count = 0;
    }
    entry->transaction_offset = -1;
    list_remove(&entry->_open);
    entry->used_ms = replayed_ms(header, now_ms);
    return ERR_OK;
}

enum err producer_txn_replay(struct producer_state *state, const struct batch_header *header, struct slice bytes,
                             int64_t now_ms, bool *is_aborted, struct log_aborted *aborted)
{
    *is_aborted = false;
    if (header->producer_id == BATCH_NO_PRODUCER_ID)
        return ERR_OK;
    if (!(header->attributes & BATCH_CONTROL)) {
        enum err err = producer_state_replay(state, header, now_ms);
        if (err != ERR_OK || !(header->attributes & BATCH_TRANSACTIONAL))
            return err;
        struct producer_entry *entry = producer_find(state, header->producer_id);
        if (entry->transaction_offset < 0)
            producer_open(state, entry, header->base_offset);
        return ERR_OK;
    }
    if (header->record_count == 0)
        return replay_empty_marker(state, header, now_ms);
    struct marker marker;
    if (marker_read(bytes, header, &marker) != ERR_OK)
        return ERR_OK; /* a control batch that ends nothing */
    struct producer_entry *entry = producer_state_prepare(state, header->producer_id);
    if (entry == NULL)
        return ERR_NO_MEMORY;
    *is_aborted = end_transaction(state, entry, header, &marker, header->base_offset, aborted);
    entry->used_ms = replayed_ms(header, now_ms);
    return ERR_OK;
}

/* ---- what is stable ---------------------------------------------------------------------------------------------- */

int64_t producer_first_unstable(const struct producer_state *state)
{
    int64_t first = INT64_MAX;
    if (!list_empty(&state->open))
        first = CONTAINER_OF(state->open.next, struct producer_entry, _open)->transaction_offset;
    for (int32_t i = 0; i < state->decided_count; i++)
        if (state->decided[i].first_offset < first)
            first = state->decided[i].first_offset;
    return first;
}

void producer_state_replicated(struct producer_state *state, int64_t high_watermark)
{
    for (int32_t i = 0; i < state->decided_count;)
        if (state->decided[i].last_offset < high_watermark)
            state->decided[i] = state->decided[--state->decided_count];
        else
            i++;
}
