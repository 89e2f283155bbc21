/* What a broker knows of its partitions, as text: equal before a clean stop and after the next start, whatever was
 * rebuilt from which file, and whatever the number of shards. */
#include "tests/sim/world.h"

#include "core/partition/shard_data.h"

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
    return text.data;
}
