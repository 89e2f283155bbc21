/* What a broker knows of its partitions, as text: equal before a clean stop and after the next start, whatever was
 * rebuilt from which file, and whatever the number of shards. */
#include "tests/sim/world.h"

#include "core/coordinator/groups.h"
#include "core/coordinator/txns.h"
#include "core/partition/shard_data.h"
#include "core/wire/error.h"
#include "net/handlers/control.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct text {
    char *data;
    size_t length, capacity;
};

static void PRINTF_LIKE(2, 3) put(struct text *text, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (text->length + (size_t)length + 1 > text->capacity) {
        text->capacity = 2 * (text->length + (size_t)length + 1);
        text->data = realloc(text->data, text->capacity);
    }
    memcpy(text->data + text->length, line, (size_t)length + 1);
    text->length += (size_t)length;
}

static int by_id(const void *a, const void *b)
{
    int64_t left = (*(const struct producer_entry *const *)a)->id,
            right = (*(const struct producer_entry *const *)b)->id;
    return (left > right) - (left < right);
}

static void put_producers(struct text *text, const struct producer_state *producers)
{
    const struct producer_entry **entries = malloc((producers->entries.count + 1) * sizeof *entries);
    size_t count = 0;
    MAP_EACH(i, &producers->entries)
    {
        entries[count++] = producers->entries.entries[i].value;
    }
    qsort(entries, count, sizeof *entries, by_id);
    for (size_t i = 0; i < count; i++) {
        const struct producer_entry *entry = entries[i];
        put(text, " producer %" PRId64 "/%d", entry->id, entry->epoch);
        if (entry->count == 0)
            continue;
        const struct producer_batch *last = &entry->batches[(entry->_first + entry->count - 1) % PRODUCER_BATCHES];
        put(text, " sequence %d offset %" PRId64, last->last_sequence, last->last_offset);
    }
    free(entries);
}

static int by_name(const void *a, const void *b)
{
    const struct partition *left = *(const struct partition *const *)a, *right = *(const struct partition *const *)b;
    int order = strcmp(left->topic, right->topic);
    return order != 0 ? order : left->index - right->index;
}

static void put_partition(struct text *text, const struct partition *partition)
{
    put(text, "%s-%d", partition->topic, partition->index);
    if (partition->state != PARTITION_ONLINE) {
        put(text, " state %d\n", partition->state);
        return;
    }
    put(text, " start %" PRId64 " end %" PRId64 " epoch %d", partition_log_start(partition),
        partition_log_end(partition), log_last_epoch(partition->log));
    put_producers(text, &partition->producers);
    put(text, "\n");
}

/* Groups and transactions, as their own dumps write them: what the log holds of them. */
static void put_coordinators(struct text *text, const struct host *host)
{
    struct control *control = host->broker->shards[host->broker->data_shards].control;
    struct arena arena;
    arena_init(&arena, host->mem, 16 << 20);
    struct wire_writer out;
    wire_writer_init(&out, host->mem);
    for (int32_t p = 0; p < coordinator_partition_count(groups_coordinator(control->groups)); p++) {
        struct group_machine *machine;
        int16_t error = groups_enter_at(control->groups, p, &machine);
        put(text, "groups %d: %d\n", p, error);
        if (error != KAFKA_ERROR_NONE)
            continue;
        group_check(machine);
        bool dumped = group_dump(machine, machine, &arena, &out);
        ASSERT(dumped);
        groups_leave(machine);
    }
    for (int32_t p = 0; p < coordinator_partition_count(txns_coordinator(control->txns)); p++) {
        struct txn_machine *machine;
        int16_t error = txns_enter_at(control->txns, p, &machine);
        put(text, "transactions %d: %d\n", p, error);
        if (error != KAFKA_ERROR_NONE)
            continue;
        txn_check(machine);
        txn_dump(machine, &out);
        txns_leave(machine);
    }
    for (size_t at = 0; at < out.length; at += 256)
        put(text, "%.*s", (int)size_min(256, out.length - at), (const char *)out.data + at);
    put(text, "\n");
    wire_writer_fini(&out);
    arena_fini(&arena);
}

bool fingerprint_is_whole(const struct host *host)
{
    struct control *control = host->broker->shards[host->broker->data_shards].control;
    struct group_machine *group;
    struct txn_machine *txn;
    for (int32_t p = 0; p < coordinator_partition_count(groups_coordinator(control->groups)); p++) {
        if (groups_enter_at(control->groups, p, &group) != KAFKA_ERROR_NONE)
            return false;
        groups_leave(group);
    }
    for (int32_t p = 0; p < coordinator_partition_count(txns_coordinator(control->txns)); p++) {
        if (txns_enter_at(control->txns, p, &txn) != KAFKA_ERROR_NONE)
            return false;
        txns_leave(txn);
    }
    return true;
}

char *fingerprint(const struct host *host)
{
    const struct partition **all = NULL;
    size_t count = 0;
    struct text text = {0};
    for (int i = 0; i < host->broker->data_shards; i++) {
        struct list *partitions = shard_data_partitions(host->broker->shards[i].data);
        for (struct list *it = partitions->next; it != partitions; it = it->next) {
            all = realloc(all, (count + 1) * sizeof *all);
            if (PARTITION_OF(it)->state != PARTITION_DELETING)
                all[count++] = PARTITION_OF(it);
        }
    }
    put(&text, "%zu partitions\n", count);
    if (count > 0)
        qsort(all, count, sizeof *all, by_name);
    for (size_t i = 0; i < count; i++)
        put_partition(&text, all[i]);
    free(all);
    put_coordinators(&text, host);
    return text.data;
}
