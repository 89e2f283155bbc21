#include "core/log/clean_txns.h"

#include "io/base/hash.h"

enum { CAPACITY_MIN = 64 };
enum { CONTROL_ABORT = 0, CONTROL_COMMIT = 1, CONTROL_OTHER = -1 };

bool clean_txns_init(struct clean_txns *txns, struct mem *mem, struct clean_aborted *aborted, int32_t count)
{
    *txns = (struct clean_txns){
        .aborted = aborted, .aborted_count = count, .first_kept = -1, .last_kept = -1, .capacity = CAPACITY_MIN};
    txns->table = mem_alloc_zero(mem, txns->capacity * sizeof(*txns->table));
    return txns->table != NULL;
}

void clean_txns_fini(struct clean_txns *txns, struct mem *mem)
{
    mem_free(mem, txns->table, txns->capacity * sizeof(*txns->table));
    txns->table = NULL;
}

void clean_txns_rewind(struct clean_txns *txns)
{
    memset(txns->table, 0, txns->capacity * sizeof(*txns->table));
    txns->count = 0;
    txns->next = 0;
    clean_txns_forget_kept(txns);
}

void clean_txns_forget_kept(struct clean_txns *txns)
{
    txns->first_kept = txns->last_kept = -1;
}

static void note_kept(struct clean_txns *txns, int32_t index)
{
    if (txns->last_kept < 0)
        txns->first_kept = index;
    else
        txns->aborted[txns->last_kept].next_kept = index;
    txns->last_kept = index;
    txns->aborted[index].next_kept = -1;
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

static uint32_t home_of(const struct clean_txns *txns, int64_t producer_id)
{
    return (uint32_t)hash_u64((uint64_t)producer_id, 0) & (txns->capacity - 1);
}

static struct clean_open *find(struct clean_txns *txns, int64_t producer_id)
{
    uint32_t at = home_of(txns, producer_id);
    while (txns->table[at].is_used && txns->table[at].producer_id != producer_id)
        at = (at + 1) & (txns->capacity - 1);
    return &txns->table[at];
}

static struct clean_open *find_or_add(struct clean_txns *txns, int64_t producer_id)
{
    struct clean_open *open = find(txns, producer_id);
    if (!open->is_used) {
        ASSERT(txns->count + 1 < txns->capacity);
        *open = (struct clean_open){.producer_id = producer_id, .aborted = -1, .is_used = true};
        txns->count++;
    }
    return open;
}

/* What stands behind it in its run is moved up, so that a search never meets a hole. */
static void remove_if_done(struct clean_txns *txns, struct clean_open *open)
{
    if (open->is_committed || open->aborted >= 0)
        return;
    uint32_t hole = (uint32_t)(open - txns->table), mask = txns->capacity - 1;
    for (uint32_t at = (hole + 1) & mask; txns->table[at].is_used; at = (at + 1) & mask) {
        uint32_t home = home_of(txns, txns->table[at].producer_id);
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            txns->table[hole] = txns->table[at];
            hole = at;
        }
    }
    txns->table[hole].is_used = false;
    txns->count--;
}

bool clean_txns_grow(struct clean_txns *txns, struct mem *mem)
{
    struct clean_txns larger = *txns;
    larger.capacity = txns->capacity * 2;
    larger.count = 0;
    larger.table = mem_alloc_zero(mem, larger.capacity * sizeof(*larger.table));
    if (larger.table == NULL)
        return false;
    for (uint32_t i = 0; i < txns->capacity; i++)
        if (txns->table[i].is_used)
            *find_or_add(&larger, txns->table[i].producer_id) = txns->table[i];
    clean_txns_fini(txns, mem);
    *txns = larger;
    return true;
}

/* ---- going through a log ----------------------------------------------------------------------------------------- */

bool clean_txns_has_room(const struct clean_txns *txns, const struct batch_header *header)
{
    uint32_t more = 1;
    for (int32_t i = txns->next; i < txns->aborted_count; i++, more++)
        if (txns->aborted[i].line.first_offset > batch_last_offset(header))
            break;
    return txns->count + more < txns->capacity / 4 * 3;
}

/* Aborted transactions that begin at or in front of the batch. */
static void begin_aborted(struct clean_txns *txns, const struct batch_header *header)
{
    int64_t last_offset = batch_last_offset(header);
    while (txns->next < txns->aborted_count && txns->aborted[txns->next].line.first_offset <= last_offset) {
        const struct log_aborted *line = &txns->aborted[txns->next].line;
        int32_t index = txns->next++;
        if (line->last_offset < header->base_offset) /* over before this pass began */
            continue;
        struct clean_open *open = find_or_add(txns, line->producer_id);
        if (open->aborted < 0 || txns->aborted[open->aborted].line.last_offset < header->base_offset) {
            open->aborted = index;
            open->was_met = false;
        }
    }
}

bool clean_txns_on_batch(struct clean_txns *txns, const struct batch_header *header)
{
    begin_aborted(txns, header);
    if (!(header->attributes & BATCH_TRANSACTIONAL))
        return false;
    struct clean_open *open = find_or_add(txns, header->producer_id);
    if (open->aborted < 0) {
        open->is_committed = true;
        return false;
    }
    open->was_met = true;
    return true;
}

static int control_type(const struct batch_header *header, struct slice body)
{
    struct batch_records records;
    struct batch_record record;
    batch_records_init(&records, body, header->record_count);
    if (batch_records_next(&records, &record) != ERR_OK || record.key.length < 4)
        return CONTROL_OTHER;
    int16_t type = get_i16(record.key.data + 2);
    return type == CONTROL_ABORT || type == CONTROL_COMMIT ? type : CONTROL_OTHER;
}

bool clean_txns_on_control(struct clean_txns *txns, const struct batch_header *header, struct slice body)
{
    begin_aborted(txns, header);
    if (header->record_count == 0) /* cleaned before: only its header was needed */
        return true;
    int type = control_type(header, body);
    if (type == CONTROL_OTHER)
        return false;
    struct clean_open *open = find(txns, header->producer_id);
    if (!open->is_used)
        return true;
    bool is_needed;
    if (type == CONTROL_ABORT) {
        is_needed = open->aborted >= 0 && open->was_met;
        if (is_needed)
            note_kept(txns, open->aborted);
        open->aborted = -1;
        open->was_met = false;
    } else {
        is_needed = open->is_committed;
        open->is_committed = false;
    }
    remove_if_done(txns, open);
    return !is_needed;
}
