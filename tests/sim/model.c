/* What the clients have been told, and the checks that follow from it. */
#include "tests/sim/world.h"

#include "core/wire/batch.h"
#include "core/wire/compress.h"
#include "io/base/hash.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void world_say(const struct world *world, const char *format, ...)
{
    va_list args;
    if (!world->verbose)
        return;
    printf("%8" PRId64 " ms: ", sim_now_ns(world->sim) / 1000000);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
}

void world_fail(const struct world *world, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "seed %" PRIu64 " at %" PRId64 " ms%s%s: ", world->seed, sim_now_ns(world->sim) / MS,
            world->where[0] != 0 ? ", " : "", world->where);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    fflush(NULL);
    abort();
}

/* ---- offsets --------------------------------------------------------------------------------------------------------
 */

static struct part *part_of(struct world *world, int topic, int partition)
{
    return &world->topics[topic].parts[partition];
}

void model_note(struct world *world, int topic, int partition, int64_t offset, uint64_t id, enum level level)
{
    struct part *part = part_of(world, topic, partition);
    if (offset < 0)
        world_fail(world, "K2: offset %" PRId64 " for a record", offset);
    if (offset >= part->capacity) {
        int64_t capacity = 2 * offset + 256;
        part->known = realloc(part->known, (size_t)capacity * sizeof *part->known);
        memset(part->known + part->capacity, 0, (size_t)(capacity - part->capacity) * sizeof *part->known);
        part->capacity = capacity;
    }
    struct known *known = &part->known[offset];
    if (known->id != 0 && known->id != id)
        world_fail(world, "K2: %s-%d offset %" PRId64 " was record %" PRIx64 " (level %d), now it is %" PRIx64,
                   world->topics[topic].name, partition, offset, known->id, known->level, id);
    known->id = id;
    if (level > known->level)
        known->level = (uint8_t)level;
    if (offset >= part->count)
        part->count = offset + 1;
    if (level == LEVEL_FLUSHED && offset >= part->durable_end)
        part->durable_end = offset + 1;
}

void model_kill(struct world *world)
{
    world->crashes++;
    for (int t = 0; t < world->topic_count; t++)
        for (int p = 0; p < world->topics[t].partition_count; p++)
            part_of(world, t, p)->start_confirmed = 0; /* the checkpoint of the log start is lazy, as Kafka's */
}

void model_power_cut(struct world *world)
{
    world->cuts++;
    for (int t = 0; t < world->topic_count; t++)
        for (int p = 0; p < world->topics[t].partition_count; p++) {
            struct part *part = part_of(world, t, p);
            for (int64_t offset = part->durable_end; offset < part->count; offset++) {
                compacted_unsure(world, t, p, part->known[offset].id);
                part->known[offset] = (struct known){.lost = true};
            }
            if (part->count > part->durable_end)
                part->count = part->durable_end;
        }
    model_kill(world);
}

/* ---- records
 * ----------------------------------------------------------------------------------------------------------- */

size_t model_value(uint64_t id, int most, uint8_t *value)
{
    struct prng prng;
    prng_seed(&prng, id);
    size_t length = (size_t)prng_below(&prng, (uint64_t)most + 1);
    uint64_t pattern = prng_next(&prng) & 0x0f0f0f0f0f0f0f0f; /* compressible */
    for (size_t i = 0; i < length; i++)
        value[i] = (uint8_t)(pattern >> i % 8 * 8);
    return length;
}

uint64_t model_output_key(int partition, int64_t offset)
{
    return (uint64_t)1 << 63 | (uint64_t)partition << 48 | (uint64_t)offset;
}

/* Of a compacted topic: the key says little, so the id is in a header. */
enum { ID_HEADER_BYTES = 12, ID_HEADER_PREFIX = 4 };
static const uint8_t id_header_prefix[ID_HEADER_PREFIX] = {4, 'i', 'd', 16}; /* lengths are zigzag */

size_t model_batch_capacity(const struct world *world, int count)
{
    return BATCH_HEADER_BYTES +
           (size_t)count * ((size_t)world->limits.value_bytes_max + 8 + ID_HEADER_BYTES + BATCH_RECORD_OVERHEAD);
}

static bool add_record(struct batch_builder *builder, const struct topic *topic, int64_t now_ms, uint64_t id,
                       struct slice value)
{
    uint8_t key[8], header[ID_HEADER_BYTES];
    put_u64(key, topic->keys > 0 ? (uint64_t)compacted_key(topic, id) : id);
    if (topic->keys == 0)
        return batch_builder_add(builder, now_ms, slice_of(key, 8), value, slice_of(NULL, 0), 0);
    memcpy(header, id_header_prefix, ID_HEADER_PREFIX);
    put_u64(header + ID_HEADER_PREFIX, id);
    return batch_builder_add(builder, now_ms, slice_of(key, 8), compacted_is_tombstone(topic, id) ? SLICE_NULL : value,
                             slice_of(header, sizeof header), 1);
}

struct slice model_batch_of(struct world *world, const struct topic *topic, const uint64_t *ids, int count,
                            const struct batch_header *producer, uint8_t *buffer, size_t capacity)
{
    struct batch_builder builder;
    uint8_t *value = malloc((size_t)world->limits.value_bytes_max + 1);
    batch_builder_init(&builder, buffer, capacity);
    int64_t now_ms = 1767225600000 + sim_now_ns(world->sim) / MS;
    for (int i = 0; i < count; i++) {
        size_t length = model_value(ids[i], world->limits.value_bytes_max, value);
        bool fits = add_record(&builder, topic, now_ms, ids[i], slice_of(value, length));
        ASSERT(fits);
    }
    free(value);
    return batch_builder_finish(&builder, producer);
}

struct slice model_batch(struct world *world, const struct topic *topic, uint64_t first_id, int count,
                         const struct batch_header *producer, uint8_t *buffer, size_t capacity)
{
    uint64_t *ids = malloc((size_t)count * sizeof *ids);
    for (int i = 0; i < count; i++)
        ids[i] = first_id + (uint64_t)i;
    struct slice batch = model_batch_of(world, topic, ids, count, producer, buffer, capacity);
    free(ids);
    return batch;
}

/* 0: no record of ours has these bytes. */
static uint64_t id_of(const struct topic *topic, const struct batch_record *record)
{
    if (record->key.length != 8)
        return 0;
    if (topic->keys == 0)
        return get_u64(record->key.data);
    if (record->header_count != 1 || record->headers.length != ID_HEADER_BYTES ||
        memcmp(record->headers.data, id_header_prefix, ID_HEADER_PREFIX) != 0)
        return 0;
    uint64_t id = get_u64(record->headers.data + ID_HEADER_PREFIX);
    return get_u64(record->key.data) == (uint64_t)compacted_key(topic, id) ? id : 0;
}

static void check_record(struct world *world, const struct topic *topic, const struct batch_record *record, uint64_t id,
                         uint8_t *expected)
{
    size_t length = model_value(id, world->limits.value_bytes_max, expected);
    bool same = compacted_is_tombstone(topic, id) ? slice_is_null(record->value)
                                                  : slice_equal(record->value, slice_of(expected, length));
    if (!same)
        world_fail(world, "K7: record %" PRIx64 " has another value than it was sent with", id);
}

static void read_records(struct world *world, int topic, int partition, const struct batch_header *header,
                         struct slice body, int64_t position, struct model_visit *visit)
{
    const struct topic *of = &world->topics[topic];
    struct batch_records records;
    struct batch_record record;
    uint8_t *expected = malloc((size_t)world->limits.value_bytes_max + 1);
    int64_t expected_offset = header->base_offset;
    enum err err;
    batch_records_init(&records, body, header->record_count);
    while ((err = batch_records_next(&records, &record)) == ERR_OK) {
        int64_t offset = header->base_offset + record.offset_delta;
        uint64_t id = id_of(of, &record);
        if (offset < expected_offset || (offset > expected_offset && of->keys == 0) ||
            offset > batch_last_offset(header) || id == 0)
            world_fail(world, "K7: %s-%d: a record out of place at %" PRId64, of->name, partition, offset);
        expected_offset = offset + 1;
        check_record(world, of, &record, id, expected);
        if (offset >= position)
            visit->record(visit, offset, id);
    }
    if (err != ERR_NOT_FOUND)
        world_fail(world, "K7: %s-%d: records of the batch at %" PRId64 " do not parse", world->topics[topic].name,
                   partition, header->base_offset);
    free(expected);
}

static void read_batch(struct world *world, int topic, int partition, const struct batch_header *header,
                       const uint8_t *data, int64_t position, struct model_visit *visit)
{
    struct slice body = slice_of(data + BATCH_HEADER_BYTES, header->size - BATCH_HEADER_BYTES);
    int codec = header->attributes & BATCH_CODEC_MASK;
    if ((visit->batch != NULL && !visit->batch(visit, header, data)) || (header->attributes & BATCH_CONTROL))
        return;
    if (codec == COMPRESS_NONE || header->record_count == 0) { /* a compaction leaves headers, for their sequence */
        read_records(world, topic, partition, header, body, position, visit);
        return;
    }
    struct compress_buffer out;
    compress_buffer_init(&out, world->host.mem);
    if (compress_unpack((enum compress_codec)codec, body, 64 << 20, &out) != ERR_OK)
        world_fail(world, "K7: %s-%d: the batch at %" PRId64 " does not unpack", world->topics[topic].name, partition,
                   header->base_offset);
    read_records(world, topic, partition, header, slice_of(out.data, out.length), position, visit);
    compress_buffer_fini(&out);
}

int64_t model_read(struct world *world, int topic, int partition, int64_t position, struct slice records,
                   struct model_visit *visit)
{
    const char *name = world->topics[topic].name;
    int64_t next = position;
    bool rotten = part_of(world, topic, partition)->rotten > 0;
    struct batch_header header;
    for (size_t at = 0; at < records.length;) {
        enum err err = batch_read_header(records.data + at, records.length - at, &header);
        if (err == ERR_AGAIN || (err == ERR_OK && header.size > records.length - at))
            break;
        bool whole = err == ERR_OK && batch_crc_matches(records.data + at, &header);
        if (!whole && rotten)
            break;
        if (!whole)
            world_fail(world, "K7: %s-%d: bytes that are no batch were served at %" PRId64, name, partition, next);
        bool first = at == 0, in_place = first ? header.base_offset <= position : header.base_offset == next;
        in_place |= world->topics[topic].keys > 0 && header.base_offset > next;
        in_place &= batch_last_offset(&header) >= position;
        if (!in_place && rotten) /* no CRC covers the base offset */
            break;
        if (!in_place)
            world_fail(world, "K7: %s-%d: asked for %" PRId64 ", got a batch from %" PRId64 " to %" PRId64, name,
                       partition, next, header.base_offset, batch_last_offset(&header));
        read_batch(world, topic, partition, &header, records.data + at, position, visit);
        next = batch_last_offset(&header) + 1;
        at += header.size;
    }
    return next;
}

/* ---- the audit
 * --------------------------------------------------------------------------------------------------------- */

static void count_output(struct world *world, uint64_t key)
{
    int partition = (int)(key >> 48 & 0x7fff);
    int64_t offset = (int64_t)(key & 0xffffffffffff);
    struct topic *input = &world->topics[world->group.input];
    if (!(key >> 63) || partition >= input->partition_count || offset >= input->parts[partition].capacity)
        world_fail(world, "K6: the output has %" PRIx64 ", which is no record of the input", key);
    input->parts[partition].known[offset].outputs++;
}

void model_begin_outputs(struct world *world)
{
    struct topic *input = &world->topics[world->group.input];
    memcpy(world->group.audited, world->group.committed, sizeof world->group.audited);
    for (int p = 0; p < input->partition_count; p++)
        for (int64_t offset = 0; offset < input->parts[p].capacity; offset++)
            input->parts[p].known[offset].outputs = 0;
}

void model_check_outputs(struct world *world)
{
    struct topic *input = &world->topics[world->group.input], *output = &world->topics[world->group.output];
    for (int p = 0; p < input->partition_count && world->group.transactional; p++)
        for (int64_t offset = 0; offset < input->parts[p].count; offset++) {
            const struct known *known = &input->parts[p].known[offset];
            /* What was committed while the audit went on may be in it or not. */
            int least = offset < world->group.audited[p] && output->keys == 0,
                most = offset < world->group.committed[p];
            if ((known->outputs < least || known->outputs > most) && !known->lost)
                world_fail(world,
                           "K6: record %" PRId64 " of input partition %d is in the output %d times; %" PRId64
                           " is committed",
                           offset, p, known->outputs, world->group.committed[p]);
        }
}

/* ---- aborted transactions, as a consumer leaves them out
 * ----------------------------------------------------------------- */

void model_audit_answer(struct model_audit *audit, const struct fetch_response_partition_data *data)
{
    audit->aborted = data->aborted_transactions.items;
    audit->aborted_count = data->aborted_transactions.count > 0 ? data->aborted_transactions.count : 0;
    audit->open_count = 0;
    audit->opened = -1;
}

static bool ends_in_abort(struct model_audit *audit, const struct batch_header *header, const uint8_t *data)
{
    enum { MARKER_KEY_BYTES = 4, ABORT = 0 };
    struct batch_records records;
    struct batch_record record;
    if (header->record_count == 0 && audit->world->topics[audit->topic].keys > 0)
        return false; /* compacted: its transaction is gone */
    batch_records_init(&records, slice_of(data + BATCH_HEADER_BYTES, header->size - BATCH_HEADER_BYTES), 1);
    if (batch_records_next(&records, &record) != ERR_OK || record.key.length < MARKER_KEY_BYTES)
        world_fail(audit->world, "K7: a control batch without a marker at %" PRId64, header->base_offset);
    return get_i16(record.key.data + 2) == ABORT;
}

static bool audit_batch(struct model_visit *visit, const struct batch_header *header, const uint8_t *data)
{
    struct model_audit *audit = CONTAINER_OF(visit, struct model_audit, visit);
    for (int i = 0; i < audit->aborted_count; i++) { /* the list is in order of the markers */
        if (audit->aborted[i].first_offset > batch_last_offset(header) ||
            audit->aborted[i].first_offset < audit->opened)
            continue;
        ASSERT(audit->open_count < (int)COUNT_OF(audit->open));
        audit->open[audit->open_count++] = audit->aborted[i].producer_id;
    }
    audit->opened = batch_last_offset(header) + 1;
    for (int i = 0; i < audit->open_count; i++) {
        if (audit->open[i] != header->producer_id)
            continue;
        if (!(header->attributes & BATCH_CONTROL))
            return !(header->attributes & BATCH_TRANSACTIONAL);
        if (ends_in_abort(audit, header, data))
            audit->open[i--] = audit->open[--audit->open_count];
    }
    return true;
}

static void audit_record(struct model_visit *visit, int64_t offset, uint64_t id)
{
    struct model_audit *audit = CONTAINER_OF(visit, struct model_audit, visit);
    struct world *world = audit->world;
    int lane = (int)(id >> 40) - 1;
    const char *name = world->topics[audit->topic].name;
    audit->next = offset + 1;
    model_note(world, audit->topic, audit->partition, offset, id, LEVEL_SEEN);
    if (world->topics[audit->topic].keys > 0)
        compacted_see(audit, offset, id);
    if (world->group.transactional && audit->topic == world->group.output) {
        count_output(world, id);
        return;
    }
    if (lane < 0 || lane >= world->lane_count)
        world_fail(world, "K7: %s-%d has record %" PRIx64 ", which nobody sent", name, audit->partition, id);
    if (world->lane_exact[lane] && id <= audit->last[lane])
        world_fail(world, "K4: %s-%d offset %" PRId64 ": record %" PRIx64 " comes after %" PRIx64, name,
                   audit->partition, offset, id, audit->last[lane]);
    audit->last[lane] = id;
}

void model_audit_begin(struct model_audit *audit, struct world *world, int topic, int partition, int64_t start)
{
    const struct topic *of = &world->topics[topic];
    const struct part *part = &of->parts[partition];
    *audit = (struct model_audit){.visit = {.record = audit_record, .batch = audit_batch},
                                  .world = world,
                                  .topic = topic,
                                  .partition = partition,
                                  .start = start};
    audit->next = start;
    audit->began_ns = sim_now_ns(world->sim);
    audit->number = ++world->audits;
    if (start > part->start_max && !of->loses_head)
        world_fail(world, "K1: %s-%d begins at %" PRId64 ", only %" PRId64 " was asked to be deleted", of->name,
                   partition, start, part->start_max);
    if (start < part->start_confirmed)
        world_fail(world, "K7: %s-%d begins at %" PRId64 " after records below %" PRId64 " were deleted", of->name,
                   partition, start, part->start_confirmed);
}

void model_audit_end(struct model_audit *audit)
{
    struct world *world = audit->world;
    const struct part *part = &world->topics[audit->topic].parts[audit->partition];
    if (world->topics[audit->topic].keys > 0 && part->rotten > 0)
        return;
    if (world->topics[audit->topic].keys > 0) {
        compacted_audit_end(audit);
        return;
    }
    for (int64_t offset = audit->next; offset < part->count; offset++)
        if (part->known[offset].level >= LEVEL_CACHED)
            world_fail(world, "K1: %s-%d ends at %" PRId64 ", but record %" PRIx64 " was acknowledged at %" PRId64,
                       world->topics[audit->topic].name, audit->partition, audit->next, part->known[offset].id, offset);
    int64_t most = (int64_t)part->rotten * 2 * world->limits.batch_records_max; /* a wrong length hides the next one */
    bool is_output = world->group.transactional && audit->topic == world->group.output; /* its batches are larger */
    if (part->unreadable > most && !is_output)
        world_fail(world,
                   "K1: %s-%d: %d flipped bits cost %" PRId64 " records, at most %" PRId64 " are of their batches",
                   world->topics[audit->topic].name, audit->partition, part->rotten, part->unreadable, most);
}
