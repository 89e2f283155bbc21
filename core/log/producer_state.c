#include "core/log/producer_state.h"

#include "core/wire/crc32c.h"
#include "core/wire/error.h"

enum { SNAPSHOT_HEADER_BYTES = 10, SNAPSHOT_ENTRY_BYTES = 46, NO_EPOCH = -1 };
enum { WINDOW_MAGIC = 0x524d5731, WINDOW_MAGIC_BYTES = 4, WINDOW_BATCH_BYTES = 24 };

static uint64_t id_hash(int64_t id)
{
    return hash_u64((uint64_t)id, 0);
}

static bool id_equal(const void *value, const void *key)
{
    return ((const struct producer_entry *)value)->id == *(const int64_t *)key;
}

struct producer_entry *producer_find(const struct producer_state *state, int64_t id)
{
    return map_find(&state->entries, id_hash(id), id_equal, &id);
}

void producer_state_init(struct producer_state *state, struct mem *mem)
{
    *state = (struct producer_state){.mem = mem};
    map_init(&state->entries, mem);
    map_init(&state->verifications, mem);
    list_init(&state->open);
}

void producer_state_fini(struct producer_state *state)
{
    MAP_EACH(i, &state->entries)
    MEM_DELETE(state->mem, (struct producer_entry *)state->entries.entries[i].value);
    map_fini(&state->entries);
    producer_txn_fini(state);
}

/* ---- the rules
 * ------------------------------------------------------------------------------------------------------- */

static const struct producer_batch *batch_at(const struct producer_entry *entry, int index)
{
    return &entry->batches[(entry->_first + index) % PRODUCER_BATCHES];
}

int32_t producer_last_sequence(const struct producer_entry *entry)
{
    return entry->count == 0 ? -1 : batch_at(entry, entry->count - 1)->last_sequence;
}

static int32_t first_sequence(const struct producer_batch *batch)
{
    return (int32_t)(((uint32_t)batch->last_sequence - (uint32_t)batch->offset_delta) & INT32_MAX);
}

const struct producer_batch *producer_find_duplicate(const struct producer_entry *entry,
                                                     const struct batch_header *header)
{
    for (int i = 0; i < entry->count; i++) {
        const struct producer_batch *batch = batch_at(entry, i);
        if (first_sequence(batch) == header->base_sequence && batch->last_sequence == batch_last_sequence(header))
            return batch;
    }
    return NULL;
}

int16_t producer_state_check(const struct producer_state *state, const struct batch_header *header,
                             const struct producer_batch **duplicate)
{
    *duplicate = NULL;
    const struct producer_entry *entry = producer_find(state, header->producer_id);
    if (entry == NULL || entry->epoch == NO_EPOCH)
        return state->lost_beginning && header->base_sequence > 0 ? KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER
                                                                  : KAFKA_ERROR_NONE;
    if (header->producer_epoch < entry->epoch)
        return KAFKA_ERROR_INVALID_PRODUCER_EPOCH;
    if (header->producer_epoch > entry->epoch)
        return header->base_sequence == 0 ? KAFKA_ERROR_NONE : KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER;
    *duplicate = producer_find_duplicate(entry, header);
    if (*duplicate != NULL)
        return KAFKA_ERROR_NONE;
    int32_t last = producer_last_sequence(entry);
    int32_t next = (int32_t)(((uint32_t)last + 1) & INT32_MAX);
    return header->base_sequence == next ? KAFKA_ERROR_NONE : KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER;
}

int producer_needed_offsets(const struct producer_entry *entry, int64_t offsets[PRODUCER_BATCHES_NEEDED])
{
    int count = 0;
    for (; count < entry->count; count++)
        offsets[count] = batch_at(entry, count)->last_offset;
    if (count > 0 && entry->left_offset >= 0)
        offsets[count++] = entry->left_offset;
    return count;
}

/* ---- changes
 * --------------------------------------------------------------------------------------------------------- */

struct producer_entry *producer_state_prepare(struct producer_state *state, int64_t producer_id)
{
    struct producer_entry *entry = producer_find(state, producer_id);
    if (entry != NULL)
        return entry;
    entry = MEM_NEW(state->mem, struct producer_entry);
    if (entry == NULL) {
        state->lost_beginning = true;
        return NULL;
    }
    *entry = (struct producer_entry){
        .id = producer_id, .left_offset = -1, .transaction_offset = -1, .coordinator_epoch = -1, .epoch = NO_EPOCH};
    list_init(&entry->_open);
    if (!map_put(&state->entries, id_hash(producer_id), entry)) {
        MEM_DELETE(state->mem, entry);
        state->lost_beginning = true;
        return NULL;
    }
    return entry;
}

void producer_entry_update(struct producer_entry *entry, const struct batch_header *header, int64_t base_offset,
                           int64_t timestamp, int64_t now_ms)
{
    ASSERT(entry->id == header->producer_id);
    if (header->producer_epoch != entry->epoch) {
        entry->left_offset = entry->count > 0 ? batch_at(entry, entry->count - 1)->last_offset : -1;
        entry->epoch = header->producer_epoch;
        entry->count = 0;
    }
    if (entry->count == PRODUCER_BATCHES) {
        entry->left_offset = batch_at(entry, 0)->last_offset;
        entry->_first = (uint8_t)((entry->_first + 1) % PRODUCER_BATCHES);
    } else {
        entry->count++;
    }
    entry->batches[(entry->_first + entry->count - 1) % PRODUCER_BATCHES] =
        (struct producer_batch){.last_offset = base_offset + header->last_offset_delta,
                                .timestamp = timestamp,
                                .last_sequence = batch_last_sequence(header),
                                .offset_delta = header->last_offset_delta};
    entry->used_ms = now_ms;
}

static void remove_entry(struct producer_state *state, struct producer_entry *entry)
{
    int64_t id = entry->id;
    void *removed = map_remove(&state->entries, id_hash(id), id_equal, &id);
    ASSERT(removed == entry);
    list_remove(&entry->_open);
    MEM_DELETE(state->mem, entry);
}

void producer_state_undo(struct producer_state *state, const struct producer_entry *before)
{
    struct producer_entry *entry = producer_find(state, before->id);
    ASSERT(entry != NULL);
    /* The batch had ended a transaction: it is open again. */
    for (int32_t i = 0; entry->transaction_offset < 0 && i < state->decided_count; i++)
        if (state->decided[i].first_offset == before->transaction_offset)
            state->decided[i] = state->decided[--state->decided_count];
    list_remove(&entry->_open);
    *entry = *before;
    list_init(&entry->_open);
    if (entry->transaction_offset >= 0)
        producer_open(state, entry, entry->transaction_offset);
    if (entry->epoch == NO_EPOCH) {
        remove_entry(state, entry);
        state->lost_beginning = true;
    }
}

enum err producer_state_replay(struct producer_state *state, const struct batch_header *header, int64_t now_ms)
{
    if (header->producer_id == BATCH_NO_PRODUCER_ID || (header->attributes & BATCH_CONTROL))
        return ERR_OK;
    struct producer_entry *entry = producer_state_prepare(state, header->producer_id);
    if (entry == NULL)
        return ERR_NO_MEMORY;
    int64_t used_ms = header->max_timestamp >= 0 && header->max_timestamp < now_ms ? header->max_timestamp : now_ms;
    producer_entry_update(entry, header, header->base_offset, header->max_timestamp, used_ms);
    return ERR_OK;
}

/* used_ms may come from a snapshot, that is from a client's clock: any number. */
static bool is_idle(const struct producer_entry *entry, int64_t now_ms, int64_t expiration_ms)
{
    int64_t idle_ms;
    if (entry->used_ms > now_ms)
        return false;
    return __builtin_sub_overflow(now_ms, entry->used_ms, &idle_ms) || idle_ms >= expiration_ms;
}

int producer_state_forget_below(struct producer_state *state, int64_t offset)
{
    int forgotten = 0;
    for (size_t i = 0; i < state->entries.capacity;) {
        struct producer_entry *entry = state->entries.entries[i].value;
        if (entry == NULL || entry->transaction_offset >= 0 || entry->count == 0 ||
            batch_at(entry, entry->count - 1)->last_offset >= offset) {
            i++;
            continue;
        }
        remove_entry(state, entry); /* as below */
        forgotten++;
    }
    return forgotten;
}

int producer_state_expire(struct producer_state *state, int64_t now_ms, int64_t expiration_ms)
{
    int expired = 0;
    state->lost_beginning = false;
    for (size_t i = 0; i < state->entries.capacity;) {
        struct producer_entry *entry = state->entries.entries[i].value;
        if (entry == NULL || entry->transaction_offset >= 0 || !is_idle(entry, now_ms, expiration_ms)) {
            i++;
            continue;
        }
        remove_entry(state, entry); /* may shift a later one into this place: look at it again */
        expired++;
    }
    producer_txn_expire(state, now_ms, expiration_ms);
    return expired;
}

/* ---- the snapshot file
 * ------------------------------------------------------------------------------------------------ */

/* Entry: 0 producer id i64, 8 epoch i16, 10 last sequence i32, 14 last offset i64, 22 offset delta i32, 26 timestamp
 * i64, 34 coordinator epoch i32, 38 first offset of the open transaction i64. */
static int older_count(const struct producer_entry *entry)
{
    return entry->count > 0 ? entry->count - 1 : 0;
}

size_t producer_snapshot_size(const struct producer_state *state)
{
    size_t size = SNAPSHOT_HEADER_BYTES + WINDOW_MAGIC_BYTES;
    MAP_EACH(i, &state->entries)
    size += SNAPSHOT_ENTRY_BYTES + 1 + (size_t)older_count(state->entries.entries[i].value) * WINDOW_BATCH_BYTES;
    return size;
}

/* The batches before the last, by producer in the order of the entries: a count of one byte, then the oldest first. */
static uint8_t *write_windows(const struct producer_state *state, uint8_t *at)
{
    put_u32(at, WINDOW_MAGIC);
    at += WINDOW_MAGIC_BYTES;
    MAP_EACH(i, &state->entries)
    {
        const struct producer_entry *entry = state->entries.entries[i].value;
        *at++ = (uint8_t)older_count(entry);
        for (int k = 0; k < older_count(entry); k++, at += WINDOW_BATCH_BYTES) {
            put_i64(at, batch_at(entry, k)->last_offset);
            put_i64(at + 8, batch_at(entry, k)->timestamp);
            put_i32(at + 16, batch_at(entry, k)->last_sequence);
            put_i32(at + 20, batch_at(entry, k)->offset_delta);
        }
    }
    return at;
}

void producer_snapshot_write(const struct producer_state *state, uint8_t *to)
{
    uint8_t *at = to + SNAPSHOT_HEADER_BYTES;
    MAP_EACH(i, &state->entries)
    {
        const struct producer_entry *entry = state->entries.entries[i].value;
        const struct producer_batch *last = entry->count > 0 ? batch_at(entry, entry->count - 1) : NULL;
        put_i64(at, entry->id);
        put_i16(at + 8, entry->epoch);
        put_i32(at + 10, last == NULL ? -1 : last->last_sequence);
        put_i64(at + 14, last == NULL ? -1 : last->last_offset);
        put_i32(at + 22, last == NULL ? 0 : last->offset_delta);
        put_i64(at + 26, last == NULL ? entry->used_ms : last->timestamp);
        put_i32(at + 34, entry->coordinator_epoch);
        put_i64(at + 38, entry->transaction_offset);
        at += SNAPSHOT_ENTRY_BYTES;
    }
    at = write_windows(state, at);
    put_i16(to, PRODUCER_SNAPSHOT_VERSION);
    put_i32(to + 6, (int32_t)state->entries.count);
    put_u32(to + 2, crc32c(0, to + 6, (size_t)(at - to) - 6));
}

static enum err read_entries(struct producer_state *state, const uint8_t *at, int32_t count)
{
    for (; count > 0; count--, at += SNAPSHOT_ENTRY_BYTES) {
        struct producer_entry *entry = producer_state_prepare(state, get_i64(at));
        if (entry == NULL)
            return ERR_NO_MEMORY;
        struct producer_batch last = {.last_offset = get_i64(at + 14),
                                      .timestamp = get_i64(at + 26),
                                      .last_sequence = get_i32(at + 10),
                                      .offset_delta = get_i32(at + 22)};
        entry->epoch = get_i16(at + 8);
        entry->coordinator_epoch = get_i32(at + 34);
        entry->used_ms = last.timestamp;
        entry->count = last.last_offset >= 0; /* a coordinator's batches have no sequence */
        entry->_first = 0;
        entry->batches[0] = last;
        list_remove(&entry->_open); /* when a file names one twice */
        entry->transaction_offset = -1;
        if (get_i64(at + 38) >= 0)
            producer_open(state, entry, get_i64(at + 38));
    }
    return ERR_OK;
}

static bool read_window(struct producer_entry *entry, const uint8_t **at, const uint8_t *end)
{
    if (*at == end)
        return false;
    int count = *(*at)++;
    if (count > PRODUCER_BATCHES - 1 || (size_t)(end - *at) < (size_t)count * WINDOW_BATCH_BYTES)
        return false;
    for (int k = 0; k < count; k++, *at += WINDOW_BATCH_BYTES)
        entry->batches[k] = (struct producer_batch){.last_offset = get_i64(*at),
                                                    .timestamp = get_i64(*at + 8),
                                                    .last_sequence = get_i32(*at + 16),
                                                    .offset_delta = get_i32(*at + 20)};
    return true;
}

static bool read_windows(struct producer_state *state, const uint8_t *entries, int32_t count, struct slice windows)
{
    const uint8_t *at = windows.data + WINDOW_MAGIC_BYTES, *end = windows.data + windows.length;
    for (; count > 0; count--, entries += SNAPSHOT_ENTRY_BYTES) {
        struct producer_entry *entry = producer_find(state, get_i64(entries));
        struct producer_batch last = entry->batches[0];
        const uint8_t *from = at;
        if (!read_window(entry, &at, end) || (*from > 0 && entry->count != 1))
            return false;
        entry->batches[*from] = last;
        entry->count = (uint8_t)(entry->count + *from);
    }
    return at == end;
}

enum err producer_snapshot_read(struct producer_state *state, struct slice bytes)
{
    if (bytes.length < SNAPSHOT_HEADER_BYTES || get_i16(bytes.data) != PRODUCER_SNAPSHOT_VERSION)
        return ERR_CORRUPT;
    int32_t count = get_i32(bytes.data + 6);
    if (count < 0 || bytes.length < SNAPSHOT_HEADER_BYTES + (size_t)count * SNAPSHOT_ENTRY_BYTES ||
        get_u32(bytes.data + 2) != crc32c(0, bytes.data + 6, bytes.length - 6))
        return ERR_CORRUPT;
    const uint8_t *entries = bytes.data + SNAPSHOT_HEADER_BYTES;
    struct slice windows = slice_of(entries + (size_t)count * SNAPSHOT_ENTRY_BYTES,
                                    bytes.length - SNAPSHOT_HEADER_BYTES - (size_t)count * SNAPSHOT_ENTRY_BYTES);
    enum err err = read_entries(state, entries, count);
    if (err == ERR_OK && windows.length >= WINDOW_MAGIC_BYTES && get_u32(windows.data) == WINDOW_MAGIC &&
        !read_windows(state, entries, count, windows))
        err = ERR_CORRUPT;
    if (err != ERR_OK) {
        struct mem *mem = state->mem;
        producer_state_fini(state);
        producer_state_init(state, mem);
    }
    return err;
}
