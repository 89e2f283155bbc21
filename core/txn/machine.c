/* Life of the machine: ids, what the log says, what an answered append means, time. */
#include "core/txn/internal.h"

#include <stdio.h>

static const char *const state_names[TXN_STATES] = {"Empty",        "Ongoing",          "PrepareCommit",
                                                    "PrepareAbort", "CompleteCommit",   "CompleteAbort",
                                                    "Dead",         "PrepareEpochFence"};

void txn_init(struct txn_machine *machine, struct mem *mem, struct txn_ids *ids, uint64_t seed)
{
    *machine = (struct txn_machine){.mem = mem, .ids = ids, .seed = seed};
    machine->abort_at_ms = machine->expire_at_ms = machine->retry_at_ms = INT64_MAX;
    list_init(&machine->appends);
    list_init(&machine->answers);
    list_init(&machine->to_mark);
    list_init(&machine->in_order);
    map_init(&machine->by_id, mem);
}

void txn_fini(struct txn_machine *machine)
{
    ASSERT(machine->append_count == 0);
    LIST_EACH(link, &machine->in_order)
    txn_remove(machine, CONTAINER_OF(link, struct txn, in_order));
    map_fini(&machine->by_id);
}

void txn_configure(struct txn_machine *machine, const struct txn_settings *settings)
{
    machine->settings = *settings;
}

void txn_clock(struct txn_machine *machine, int64_t now_ms, int64_t wall_ms)
{
    machine->now_ms = now_ms;
    machine->wall_ms = wall_ms;
}

/* ---- ids --------------------------------------------------------------------------------------------------------- */

static bool has_id(const void *value, const void *key)
{
    const struct txn *txn = value;
    return slice_equal(slice_of(txn->id, txn->id_length), *(const struct slice *)key);
}

struct txn *txn_lookup(const struct txn_machine *machine, struct slice id)
{
    return map_find(&machine->by_id, hash_bytes(id.data, id.length, machine->seed), has_id, &id);
}

struct txn *txn_make(struct txn_machine *machine, struct slice id)
{
    struct txn *txn = MEM_NEW(machine->mem, struct txn);
    if (txn == NULL)
        return NULL;
    txn->id = mem_copy_string(machine->mem, (const char *)id.data, id.length);
    txn->id_length = id.length;
    if (txn->id == NULL || !map_put(&machine->by_id, hash_bytes(id.data, id.length, machine->seed), txn)) {
        if (txn->id != NULL)
            mem_free(machine->mem, txn->id, txn->id_length + 1);
        MEM_DELETE(machine->mem, txn);
        return NULL;
    }
    list_init(&txn->mark_link);
    list_push_back(&machine->in_order, &txn->in_order);
    return txn;
}

void txn_remove(struct txn_machine *machine, struct txn *txn)
{
    struct slice id = slice_of(txn->id, txn->id_length);
    void *removed = map_remove(&machine->by_id, hash_bytes(id.data, id.length, machine->seed), has_id, &id);
    ASSERT(removed == txn && txn->in_flight == NULL);
    list_remove(&txn->in_order);
    list_remove(&txn->mark_link);
    txn_topics_fini(&txn->now.topics, machine->mem);
    txn_topics_fini(&txn->next.topics, machine->mem);
    mem_free(machine->mem, txn->id, txn->id_length + 1); /* an id may hold a NUL */
    MEM_DELETE(machine->mem, txn);
}

void txn_answer(struct txn_machine *machine, struct txn_call *call, int16_t error)
{
    call->error = error;
    list_push_back(&machine->answers, &call->link);
}

/* ---- the log ----------------------------------------------------------------------------------------------------- */

static enum err replay(struct txn_machine *machine, const struct machine_replay *record, struct arena *arena)
{
    struct slice id;
    struct txn_value value;
    bool known;
    enum err err = txn_decode_key(record->key, arena, &id, &known);
    if (err != ERR_OK || !known)
        return err;
    struct txn *txn = txn_lookup(machine, id);
    if (slice_is_null(record->value)) {
        if (txn != NULL)
            txn_remove(machine, txn);
        return ERR_OK;
    }
    err = txn_decode_value(record->value, machine->mem, arena, &value, &known);
    if (err != ERR_OK || !known)
        return err;
    if (txn == NULL)
        txn = txn_make(machine, id);
    if (txn == NULL) {
        txn_topics_fini(&value.topics, machine->mem);
        return ERR_NO_MEMORY;
    }
    txn_topics_fini(&txn->now.topics, machine->mem);
    txn->now = value;
    txn->in_log = true;
    return ERR_OK;
}

enum err txn_replay(struct txn_machine *machine, const struct machine_replay *record)
{
    enum { ARENA_LIMIT = 256 << 20 };
    struct arena arena;
    arena_init(&arena, machine->mem, ARENA_LIMIT);
    enum err err = replay(machine, record, &arena);
    arena_fini(&arena);
    return err == ERR_LIMIT ? ERR_CORRUPT : err;
}

/* The time that a transaction has left is counted on a clock that does not jump; what has passed before a restart is
 * known by the wall clock only, and is at least nothing and at most all of it. */
static void set_deadline(struct txn_machine *machine, struct txn *txn)
{
    int64_t passed_ms;
    if (__builtin_sub_overflow(machine->wall_ms, txn->now.start_ms, &passed_ms) || passed_ms < 0)
        passed_ms = 0;
    if (passed_ms > txn->now.timeout_ms)
        passed_ms = txn->now.timeout_ms;
    txn->deadline_ms = machine->now_ms + txn->now.timeout_ms - passed_ms;
}

void txn_loaded(struct txn_machine *machine)
{
    machine->abort_at_ms = machine->now_ms + machine->settings.abort_interval_ms;
    machine->expire_at_ms = machine->now_ms + machine->settings.expire_interval_ms;
    LIST_EACH(link, &machine->in_order)
    {
        struct txn *txn = CONTAINER_OF(link, struct txn, in_order);
        if (txn->now.state == TXN_ONGOING)
            set_deadline(machine, txn);
        if (txn->now.state == TXN_PREPARE_COMMIT || txn->now.state == TXN_PREPARE_ABORT)
            txn_decided(machine, txn);
    }
}

/* It is in the log: what was to be is. */
static void take_step(struct txn_machine *machine, struct txn *txn, enum txn_step step)
{
    bool begins = step == STEP_ADD && txn->now.state != TXN_ONGOING;
    txn_topics_fini(&txn->now.topics, machine->mem);
    txn->now = txn->next;
    txn->next = (struct txn_value){0};
    txn->busy = txn->marking = false;
    txn->in_log = true;
    if (begins)
        set_deadline(machine, txn);
}

static void step_done(struct txn_machine *machine, struct txn *txn, enum txn_step step, struct txn_call *call)
{
    if (step == STEP_EXPIRE) {
        txn_remove(machine, txn);
        return;
    }
    take_step(machine, txn, step);
    bool decided = step == STEP_DECIDE || step == STEP_FENCE;
    if (decided && !machine->resigned)
        txn_decided(machine, txn);
    if (call == NULL)
        return;
    const struct txn_value *value = decided && txn->marking ? &txn->next : &txn->now;
    if (step == STEP_INIT || (step == STEP_DECIDE && txn->now.client_version >= 2)) {
        call->producer_id = value->producer_id;
        call->epoch = value->epoch;
    }
    txn_answer(machine, call, step == STEP_FENCE ? KAFKA_ERROR_CONCURRENT_TRANSACTIONS : KAFKA_ERROR_NONE);
}

/* It is not: everything is as before, but what was decided has to be brought to its end. */
static void step_failed(struct txn_machine *machine, struct txn *txn, enum txn_step step, struct txn_call *call,
                        int16_t error)
{
    if (step == STEP_COMPLETE) {
        machine->retry_at_ms = machine->now_ms + TXN_RETRY_MS;
        return;
    }
    txn_topics_fini(&txn->next.topics, machine->mem);
    txn->next = (struct txn_value){0};
    txn->busy = false;
    if (!txn->in_log)
        txn_remove(machine, txn);
    if (call != NULL)
        txn_answer(machine, call, machine_append_error(error));
}

void txn_appended(struct txn_machine *machine, struct machine_append *base)
{
    struct txn_append *append = CONTAINER_OF(base, struct txn_append, base);
    struct txn *txn = append->txn;
    struct txn_call *call = append->call;
    enum txn_step step = append->step;
    ASSERT(txn->in_flight == append && txn->busy);
    txn->in_flight = NULL;
    machine->append_count--;
    if (base->error == KAFKA_ERROR_NONE)
        step_done(machine, txn, step, call);
    else
        step_failed(machine, txn, step, call, base->error);
    txn_append_free(machine, append);
}

void txn_resign(struct txn_machine *machine)
{
    machine->resigned = true;
    machine->abort_at_ms = machine->expire_at_ms = machine->retry_at_ms = INT64_MAX;
    LIST_EACH(link, &machine->in_order)
    {
        struct txn *txn = CONTAINER_OF(link, struct txn, in_order);
        list_remove(&txn->mark_link);
        if (txn->in_flight == NULL || txn->in_flight->call == NULL)
            continue;
        txn_answer(machine, txn->in_flight->call, KAFKA_ERROR_NOT_COORDINATOR);
        txn->in_flight->call = NULL;
    }
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

int64_t txn_next_deadline(const struct txn_machine *machine)
{
    int64_t at_ms = machine->abort_at_ms < machine->expire_at_ms ? machine->abort_at_ms : machine->expire_at_ms;
    return at_ms < machine->retry_at_ms ? at_ms : machine->retry_at_ms;
}

static void abort_late(struct txn_machine *machine)
{
    machine->abort_at_ms = machine->now_ms + machine->settings.abort_interval_ms;
    LIST_EACH(link, &machine->in_order)
    {
        struct txn *txn = CONTAINER_OF(link, struct txn, in_order);
        if (txn->now.state != TXN_ONGOING || txn->busy || txn->deadline_ms >= machine->now_ms)
            continue;
        if (machine->ids->next == machine->ids->end) /* its epochs may be used up: when there are ids again */
            return;
        txn_fence(machine, txn, NULL);
    }
}

static bool is_expired(const struct txn_machine *machine, const struct txn *txn)
{
    int64_t idle_ms;
    bool may_go =
        txn->now.state == TXN_EMPTY || txn->now.state == TXN_COMPLETE_COMMIT || txn->now.state == TXN_COMPLETE_ABORT;
    if (!may_go || txn->busy || txn->now.update_ms > machine->wall_ms)
        return false;
    return __builtin_sub_overflow(machine->wall_ms, txn->now.update_ms, &idle_ms) ||
           idle_ms >= machine->settings.id_expiration_ms;
}

static void expire_idle(struct txn_machine *machine)
{
    enum { AT_ONCE = 1000, AGAIN_MS = 100 };
    int sent = 0;
    machine->expire_at_ms = machine->now_ms + machine->settings.expire_interval_ms;
    LIST_EACH(link, &machine->in_order)
    {
        struct txn *txn = CONTAINER_OF(link, struct txn, in_order);
        if (!is_expired(machine, txn))
            continue;
        if (sent == AT_ONCE || !txn_send(machine, txn, STEP_EXPIRE, NULL)) {
            machine->expire_at_ms = machine->now_ms + AGAIN_MS;
            return;
        }
        sent++;
    }
}

/* Markers that could not be written are wanted again. False: all of them are written. */
static bool want_failed(struct txn *txn)
{
    bool is_wanted = false;
    for (int32_t i = 0; i < txn->now.topics.count; i++)
        for (int32_t k = 0; k < txn->now.topics.items[i].count; k++) {
            struct txn_partition *partition = &txn->now.topics.items[i].partitions[k];
            if (partition->mark == TXN_MARK_FAILED)
                partition->mark = TXN_MARK_WANTED;
            is_wanted = is_wanted || partition->mark == TXN_MARK_WANTED;
        }
    return is_wanted;
}

static void retry(struct txn_machine *machine)
{
    machine->retry_at_ms = INT64_MAX;
    LIST_EACH(link, &machine->in_order)
    {
        struct txn *txn = CONTAINER_OF(link, struct txn, in_order);
        if (!txn->marking || txn->in_flight != NULL || txn->marks_out > 0)
            continue;
        if (!want_failed(txn))
            txn_finish(machine, txn);
        else if (list_empty(&txn->mark_link))
            list_push_back(&machine->to_mark, &txn->mark_link);
    }
}

void txn_tick(struct txn_machine *machine)
{
    if (machine->now_ms >= machine->retry_at_ms)
        retry(machine);
    if (machine->now_ms >= machine->abort_at_ms)
        abort_late(machine);
    if (machine->now_ms >= machine->expire_at_ms)
        expire_idle(machine);
}

/* ---- administration ---------------------------------------------------------------------------------------------- */

const struct txn *txn_find(const struct txn_machine *machine, struct slice id)
{
    return txn_lookup(machine, id);
}

const struct txn *txn_list_next(const struct txn_machine *machine, const struct txn *txn)
{
    const struct list *link = txn == NULL ? machine->in_order.next : txn->in_order.next;
    return link == &machine->in_order ? NULL : CONTAINER_OF(link, const struct txn, in_order);
}

const char *txn_state_name(enum txn_state state)
{
    return state_names[state];
}

bool txn_state_of(struct slice name, enum txn_state *state)
{
    for (int i = 0; i < TXN_STATES; i++)
        if (slice_equal_string(name, state_names[i])) {
            *state = (enum txn_state)i;
            return true;
        }
    return false;
}

static void dump_one(const struct txn *txn, struct wire_writer *out)
{
    char line[400];
    const struct txn_value *now = &txn->now;
    int length = snprintf(line, sizeof(line),
                          " %s producer=%lld previous=%lld next=%lld epoch=%d timeout=%d start=%lld "
                          "update=%lld version=%d",
                          txn_state_name(now->state), (long long)now->producer_id, (long long)now->previous_producer_id,
                          (long long)now->next_producer_id, now->epoch, now->timeout_ms, (long long)now->start_ms,
                          (long long)now->update_ms, now->client_version);
    wire_put(out, txn->id, txn->id_length);
    wire_put(out, line, (size_t)length);
    for (int32_t i = 0; i < now->topics.count; i++)
        for (int32_t k = 0; k < now->topics.items[i].count; k++) {
            wire_put(out, " ", 1);
            wire_put(out, now->topics.items[i].name, now->topics.items[i].name_length);
            length = snprintf(line, sizeof(line), "-%d", now->topics.items[i].partitions[k].index);
            wire_put(out, line, (size_t)length);
        }
    wire_put(out, "\n", 1);
}

/* In order of id. */
static const struct txn *next_by_id(const struct txn_machine *machine, const struct txn *above)
{
    const struct txn *best = NULL;
    for (const struct txn *txn = NULL; (txn = txn_list_next(machine, txn)) != NULL;) {
        struct slice id = slice_of(txn->id, txn->id_length);
        if (above != NULL && slice_compare(id, slice_of(above->id, above->id_length)) <= 0)
            continue;
        if (best == NULL || slice_compare(id, slice_of(best->id, best->id_length)) < 0)
            best = txn;
    }
    return best;
}

void txn_dump(const struct txn_machine *machine, struct wire_writer *out)
{
    for (const struct txn *txn = NULL; (txn = next_by_id(machine, txn)) != NULL;)
        if (txn->in_log)
            dump_one(txn, out);
}

void txn_check(const struct txn_machine *machine)
{
    for (const struct txn *txn = NULL; (txn = txn_list_next(machine, txn)) != NULL;) {
        bool is_prepared = txn->now.state == TXN_PREPARE_COMMIT || txn->now.state == TXN_PREPARE_ABORT;
        ASSERT(txn->in_log || txn->busy);
        ASSERT(txn->now.state != TXN_DEAD && txn->now.state != TXN_PREPARE_EPOCH_FENCE);
        ASSERT(txn->marking == is_prepared || machine->resigned);
        ASSERT(!txn->marking || txn->busy);
        ASSERT(txn->in_flight == NULL || txn->busy);
        ASSERT(txn->now.state != TXN_EMPTY || txn->now.topics.count == 0);
        ASSERT(txn->now.state != TXN_ONGOING || txn->now.start_ms >= 0);
        ASSERT(txn->busy || txn->next.topics.count == 0);
        ASSERT(txn->marks_out >= 0 && (txn->marks_out == 0 || txn->marking));
    }
}
