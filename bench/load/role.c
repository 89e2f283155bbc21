/* What a connection sends next, and what an answer means: here everything that a broker says is checked. */
#include "bench/load/load.h"
#include "core/wire/api.h"
#include "core/wire/batch.h"
#include "core/wire/crc32c.h"
#include "core/wire/error.h"
#include "core/wire/messages.h"

void role_prepare(struct load_link *link, int64_t intended_ns)
{
    const struct load_group *group = link_group(link);
    const struct load_template *template = link_template(link);
    struct load_flight *flight = &link->flights[(link->flight_first + link->flight_count++) % LOAD_FLIGHT_MAX];
    flight->intended_ns = intended_ns;
    flight->correlation_id = link->correlation_id++;
    flight->partition = link->partition;
    put_i32(link->head + template->correlation_at, flight->correlation_id);
    if (template->partition_at >= 0)
        put_i32(link->head + template->partition_at, link->partition);
    if (template->offset_at >= 0)
        put_i64(link->head + template->offset_at, link->offsets[link->partition / link->step]);
    if (link->own_batch != NULL)
        load_stamp(link->own_batch, template->batch.length, intended_ns);
    link->partition += link->step;
    if (link->partition >= group->partitions)
        link->partition = link->first;
}

static void count(struct load_link *link, const struct load_flight *flight, int64_t now_ns, int64_t records,
                  size_t bytes)
{
    const struct load_group *group = link_group(link);
    struct load *load = link->worker->load;
    if (group->role == ROLE_PRODUCE)
        atomic_fetch_add_explicit(&load->acknowledged, records, memory_order_relaxed);
    if (group->bytes_rate > 0)
        link->next_ns += (int64_t)((double)bytes * (double)group->connections * 1e9 / group->bytes_rate);
    if (atomic_load_explicit(&load->phase, memory_order_relaxed) != PHASE_MEASURE)
        return;
    struct load_counts *counts = &link->worker->counts[link->group];
    counts->requests++;
    counts->records += (uint64_t)records;
    counts->bytes += bytes;
    if (group->role != ROLE_TAIL)
        hdr_add(&counts->latency, now_ns - flight->intended_ns);
}

static void refused(const char *what, int16_t error)
{
    if (error != KAFKA_ERROR_NONE)
        load_fail("%s: %s", what, kafka_error_name(error));
}

/* ---- produce --------------------------------------------------------------------------------------------------------
 */

static int64_t produced_offset(struct load_link *link, struct slice body, int32_t partition)
{
    struct produce_response response;
    size_t consumed;
    if (wire_decode(&produce_response_schema, 12, body, &link->worker->arena, &response, &consumed) != ERR_OK ||
        response.responses.count != 1 || response.responses.items[0].partition_responses.count != 1)
        load_fail("a produce answer that does not fit its request");
    const struct produce_response_partition_produce_response *answer =
        &response.responses.items[0].partition_responses.items[0];
    refused("produce", answer->error_code);
    if (answer->index != partition)
        load_fail("a produce answer for partition %d instead of %d", answer->index, partition);
    return answer->base_offset;
}

static void take_produced(struct load_link *link, struct slice body, const struct load_flight *flight, int64_t now_ns)
{
    const struct load_template *template = link_template(link);
    if (link_group(link)->acks != 0) {
        int64_t offset = link->worker->load->raw ? get_i64(body.data) : produced_offset(link, body, flight->partition);
        int64_t *next = &link->offsets[flight->partition / link->step];
        if (offset < *next)
            load_fail("offset %lld was given out after %lld", (long long)offset, (long long)*next - 1);
        *next = offset + template->records;
    }
    count(link, flight, now_ns, template->records, template->batch.length);
}

/* ---- fetch ----------------------------------------------------------------------------------------------------------
 */

static struct slice fetched_records(struct load_link *link, struct slice body, int32_t partition)
{
    struct fetch_response response;
    size_t consumed;
    if (wire_decode(&fetch_response_schema, 12, body, &link->worker->arena, &response, &consumed) != ERR_OK)
        load_fail("a fetch answer that cannot be decoded");
    refused("fetch", response.error_code);
    if (response.responses.count != 1 || response.responses.items[0].partitions.count != 1)
        load_fail("a fetch answer that does not fit its request");
    const struct fetch_response_partition_data *answer = &response.responses.items[0].partitions.items[0];
    refused("fetch", answer->error_code);
    if (answer->partition_index != partition)
        load_fail("a fetch answer for partition %d instead of %d", answer->partition_index, partition);
    return answer->records.data;
}

/* Whole batches only: the last one may be cut. Gives the number of records at or behind the wanted offset. */
static int64_t check_batches(struct load_link *link, struct slice records, int64_t *next, int64_t now_ns)
{
    int64_t wanted = *next, taken = 0;
    bool tail = link_group(link)->role == ROLE_TAIL;
    bool measured = atomic_load_explicit(&link->worker->load->phase, memory_order_relaxed) == PHASE_MEASURE;
    for (size_t at = 0; at < records.length;) {
        struct batch_header header;
        const uint8_t *batch = records.data + at;
        enum err err = batch_read_header(batch, records.length - at, &header);
        if (err == ERR_AGAIN || (err == ERR_OK && header.size > records.length - at))
            break;
        if (err != ERR_OK || !batch_crc_matches(batch, &header))
            load_fail("a batch read at offset %lld is damaged", (long long)wanted);
        bool fits = at == 0 ? header.base_offset <= wanted && batch_last_offset(&header) >= wanted
                            : header.base_offset == wanted;
        if (!fits)
            load_fail("read offsets %lld to %lld where %lld comes next", (long long)header.base_offset,
                      (long long)batch_last_offset(&header), (long long)wanted);
        taken += batch_last_offset(&header) + 1 - wanted;
        wanted = batch_last_offset(&header) + 1;
        if (tail && measured)
            hdr_add(&link->worker->counts[link->group].latency, now_ns - load_stamp_of(batch));
        at += header.size;
    }
    if (taken == 0 && records.length > 0)
        load_fail("%zu bytes at offset %lld hold no whole batch: the reads are too small", records.length,
                  (long long)wanted);
    *next = wanted;
    return taken;
}

static void take_fetched(struct load_link *link, struct slice body, const struct load_flight *flight, int64_t now_ns)
{
    if (link->worker->load->raw) { /* any piece of the limit's file; the load pays for a check all the same */
        link->offsets[0] ^= crc32c(0, body.data, body.length);
        count(link, flight, now_ns, 0, body.length);
        return;
    }
    struct slice records = fetched_records(link, body, flight->partition);
    int64_t *next = &link->offsets[flight->partition / link->step];
    int64_t taken = check_batches(link, records, next, now_ns);
    if (taken == 0 && link_group(link)->role == ROLE_FETCH)
        *next = 0; /* the end: from the beginning again */
    count(link, flight, now_ns, taken, records.length);
}

/* ---- all ------------------------------------------------------------------------------------------------------------
 */

static void take_ping(struct load_link *link, struct slice body, const struct load_flight *flight, int64_t now_ns)
{
    if (!link->worker->load->raw) {
        if (body.length < 2)
            load_fail("an ApiVersions answer of %zu bytes", body.length);
        refused("ApiVersions", get_i16(body.data));
    }
    count(link, flight, now_ns, 0, 0);
}

void role_take(struct load_link *link, const uint8_t *frame, size_t length, int64_t now_ns)
{
    const struct load_group *group = link_group(link);
    if (link->flight_count == 0)
        load_fail("an answer that nobody asked for");
    const struct load_flight flight = link->flights[link->flight_first];
    link->flight_first = (link->flight_first + 1) % LOAD_FLIGHT_MAX;
    link->flight_count--;
    struct slice body = SLICE_NULL;
    if (frame != NULL) {
        /* Flexible answers have an empty tag section in their header; ApiVersions never does. */
        bool raw = link->worker->load->raw, ping = group->role == ROLE_PING;
        size_t header = raw || ping ? 4 : 5;
        size_t at = raw && ping ? 4 : 0; /* an echo is the request itself */
        if (length < header + at || get_i32(frame + at) != flight.correlation_id)
            load_fail("an answer with the wrong correlation id");
        body = slice_of(frame + header, length - header);
    }
    arena_reset(&link->worker->arena);
    if (group->role == ROLE_PRODUCE)
        take_produced(link, body, &flight, now_ns);
    else if (group->role == ROLE_FETCH || group->role == ROLE_TAIL)
        take_fetched(link, body, &flight, now_ns);
    else
        take_ping(link, body, &flight, now_ns);
}
