/* A simulated producer: lanes (one partition, one producer id, batches in order) over one connection, which sends again
 * what was not answered. What it is told goes into the model. */
#include "tests/sim/world.h"

#include "core/wire/batch.h"
#include "core/wire/batch_convert.h"
#include "core/wire/compress.h"
#include "core/wire/crc32c.h"
#include "core/wire/error.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    WINDOW = 5,
    LANES = 8,
    ACKS_ALL = -1,
    PRODUCE_LOWEST = 3,
    PRODUCE_HIGHEST = 13,
    PRODUCE_BY_ID = 13,
    ZSTD_SINCE = 7
};

struct sent_batch {
    uint64_t first_id;
    uint8_t *bytes;
    size_t length;
    int32_t sequence;
    int64_t made_ns;
    int count;
    bool in_flight, resolved;
};

struct lane {
    int number, topic, partition;
    int64_t producer_id; /* -1: none yet */
    int16_t epoch;
    int32_t next_sequence;
    uint64_t next_id;
    struct sent_batch ring[WINDOW];
    int first, count, in_flight;
    bool drain;        /* one was refused: nothing is sent before all others are answered */
    bool forgotten;    /* the broker has lost what it was allowed to lose: a new producer id begins */
    int cuts, crashes; /* before the producer id was given */
};

struct producer {
    struct world *world;
    struct io *io;
    struct link link;
    struct io_timer tick;
    struct lane lanes[LANES];
    int lane_count, index;
    int16_t acks;
    bool idempotent, asking_id;
    int codec;
    int link_cuts; /* power cuts before the connection was made */
};

struct produce_call {
    struct call call;
    struct producer *producer;
    int lane_count;
    struct {
        struct lane *lane;
        struct sent_batch *batch;
    } parts[LANES];
};

struct id_call {
    struct call call;
    struct producer *producer;
    struct lane *lane;
};

static struct topic *topic_of(struct producer *producer, const struct lane *lane)
{
    return &producer->world->topics[lane->topic];
}

static bool is_durable(struct producer *producer, const struct lane *lane)
{
    return producer->acks == ACKS_ALL && topic_of(producer, lane)->flushed;
}

/* ---- lanes
 * ----------------------------------------------------------------------------------------------------------- */

static struct sent_batch *batch_at(struct lane *lane, int i)
{
    return &lane->ring[(lane->first + i) % WINDOW];
}

static void drop_first(struct lane *lane)
{
    free(batch_at(lane, 0)->bytes);
    lane->first = (lane->first + 1) % WINDOW;
    lane->count--;
}

static void drop_resolved(struct lane *lane)
{
    while (lane->count > 0 && batch_at(lane, 0)->resolved)
        drop_first(lane);
}

static void pack(struct producer *producer, struct sent_batch *batch)
{
    struct compress_buffer out;
    compress_buffer_init(&out, producer->world->host.mem);
    struct slice body = slice_of(batch->bytes + BATCH_HEADER_BYTES, batch->length - BATCH_HEADER_BYTES);
    enum err err = compress_pack((enum compress_codec)producer->codec, INT32_MIN, body, &out);
    ASSERT(err == ERR_OK);
    batch->bytes = realloc(batch->bytes, BATCH_HEADER_BYTES + out.length);
    batch->length = BATCH_HEADER_BYTES + out.length;
    memcpy(batch->bytes + BATCH_HEADER_BYTES, out.data, out.length);
    batch_set_codec(batch->bytes, batch->length, producer->codec);
    put_u32(batch->bytes + 17, crc32c(0, batch->bytes + 21, batch->length - 21));
    compress_buffer_fini(&out);
}

static void fate_unknown(struct producer *producer, const struct lane *lane, const struct sent_batch *batch)
{
    for (int i = 0; i < batch->count; i++)
        compacted_unsure(producer->world, lane->topic, lane->partition, batch->first_id + (uint64_t)i);
}

static void make_batch(struct producer *producer, struct lane *lane)
{
    struct world *world = producer->world;
    struct sent_batch *batch = batch_at(lane, lane->count++);
    int count = 1 + (int)prng_below(world->prng, (uint64_t)world->limits.batch_records_max);
    size_t capacity = model_batch_capacity(world, count);
    *batch = (struct sent_batch){.first_id = lane->next_id,
                                 .count = count,
                                 .sequence = lane->next_sequence,
                                 .bytes = malloc(capacity),
                                 .made_ns = sim_now_ns(world->sim)};
    struct batch_header header = {
        .producer_id = lane->producer_id, .producer_epoch = lane->epoch, .base_sequence = batch->sequence};
    batch->length = model_batch(world, topic_of(producer, lane), batch->first_id, count,
                                producer->idempotent ? &header : NULL, batch->bytes, capacity)
                        .length;
    if (!producer->idempotent) /* sent again it may be there twice */
        fate_unknown(producer, lane, batch);
    if (producer->codec != COMPRESS_NONE)
        pack(producer, batch);
    lane->next_id += (uint64_t)count;
    lane->next_sequence += count;
}

/* The batch to send next; NULL: none may go now. */
static struct sent_batch *next_batch(struct producer *producer, struct lane *lane)
{
    if (lane->drain && lane->in_flight > 0)
        return NULL;
    lane->drain = false;
    drop_resolved(lane);
    if (lane->forgotten || (producer->idempotent && lane->producer_id < 0))
        return NULL;
    if (!producer->idempotent && lane->in_flight > 0)
        return NULL;
    for (int i = 0; i < lane->count; i++)
        if (!batch_at(lane, i)->in_flight && !batch_at(lane, i)->resolved)
            return batch_at(lane, i);
    if (producer->world->quiet || lane->count == WINDOW)
        return NULL;
    make_batch(producer, lane);
    return batch_at(lane, lane->count - 1);
}

/* ---- answers
 * --------------------------------------------------------------------------------------------------------- */

static void acknowledged(struct produce_call *call, struct lane *lane, struct sent_batch *batch, int64_t base_offset)
{
    struct producer *producer = call->producer;
    struct world *world = producer->world;
    batch->resolved = true;
    world->acked += (uint64_t)batch->count;
    bool durable = is_durable(producer, lane);
    if (!durable && producer->link_cuts != world->cuts) {
        fate_unknown(producer, lane, batch); /* said before the power went: no longer a promise */
        return;
    }
    for (int i = 0; i < batch->count; i++) {
        model_note(world, lane->topic, lane->partition, base_offset + i, batch->first_id + (uint64_t)i,
                   durable ? LEVEL_FLUSHED : LEVEL_CACHED);
        compacted_sent(world, lane->topic, lane->partition, base_offset + i, batch->made_ns);
    }
}

static void out_of_order(struct producer *producer, struct lane *lane, const struct sent_batch *batch)
{
    struct world *world = producer->world;
    lane->drain = true;
    if (batch != batch_at(lane, 0))
        return; /* one before it was refused */
    bool lost = !is_durable(producer, lane) && lane->cuts != world->cuts;
    /* Retention may delete what was not acknowledged yet; a crash then forgets that it was there. */
    bool deleted = topic_of(producer, lane)->loses_head && lane->crashes != world->crashes;
    if (!lost && !deleted)
        world_fail(world, "K4: %s-%d: the batch with record %" PRIx64 " (sequence %d) is out of order",
                   topic_of(producer, lane)->name, lane->partition, batch->first_id, batch->sequence);
    lane->forgotten = true;
}

static void take_result(struct produce_call *call, struct lane *lane, struct sent_batch *batch,
                        const struct produce_response_partition_produce_response *result)
{
    struct world *world = call->producer->world;
    switch (result->error_code) {
    case KAFKA_ERROR_NONE:
        if (result->base_offset < 0)
            world_fail(world, "K2: an accepted batch without an offset");
        acknowledged(call, lane, batch, result->base_offset);
        return;
    case KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER:
    case KAFKA_ERROR_UNKNOWN_PRODUCER_ID:
        out_of_order(call->producer, lane, batch);
        return;
    default:
        if (!world_bears(world, result->error_code))
            world_fail(world, "%s-%d refuses the batch with record %" PRIx64 ": %s",
                       topic_of(call->producer, lane)->name, lane->partition, batch->first_id,
                       kafka_error_name(result->error_code));
        lane->drain = true;
        world->resent++;
    }
}

static const struct produce_response_partition_produce_response *find_result(struct producer *producer,
                                                                             const struct lane *lane, int16_t version,
                                                                             const struct produce_response *response)
{
    const struct topic *topic = topic_of(producer, lane);
    for (int t = 0; t < response->responses.count; t++) {
        const struct produce_response_topic_produce_response *of = &response->responses.items[t];
        if (version >= PRODUCE_BY_ID ? !uuid_equal(of->topic_id, topic->id)
                                     : !slice_equal_string(of->name, topic->name))
            continue;
        for (int p = 0; p < of->partition_responses.count; p++)
            if (of->partition_responses.items[p].index == lane->partition)
                return &of->partition_responses.items[p];
    }
    return NULL;
}

static void take_answer(struct produce_call *call, struct slice body)
{
    struct producer *producer = call->producer;
    struct produce_response response;
    struct arena arena;
    arena_init(&arena, io_mem(producer->io), 1 << 20);
    if (!link_decode(&call->call, body, &arena, &response))
        world_fail(producer->world, "a produce answer that cannot be decoded");
    for (int i = 0; i < call->lane_count; i++) {
        struct lane *lane = call->parts[i].lane;
        const struct produce_response_partition_produce_response *result =
            find_result(producer, lane, call->call.version, &response);
        if (result == NULL)
            world_fail(producer->world, "a produce answer without %s-%d", topic_of(producer, lane)->name,
                       lane->partition);
        take_result(call, lane, call->parts[i].batch, result);
    }
    arena_fini(&arena);
}

static void produced(struct call *base, enum err err, struct slice body)
{
    struct produce_call *call = CONTAINER_OF(base, struct produce_call, call);
    for (int i = 0; i < call->lane_count; i++) {
        call->parts[i].batch->in_flight = false;
        call->parts[i].lane->in_flight--;
        call->parts[i].lane->drain |= err != ERR_OK;
    }
    if (err == ERR_OK)
        take_answer(call, body);
    else
        call->producer->world->resent++;
    free(call);
}

/* ---- requests
 * -------------------------------------------------------------------------------------------------------- */

static void send_request(struct producer *producer, struct produce_call *call, int16_t version)
{
    struct world *world = producer->world;
    struct produce_request_partition_produce_data data[LANES];
    struct produce_request_topic_produce_data topics[LANES];
    struct produce_request request;
    WIRE_DEFAULTS(produce_request_schema, &request);
    for (int i = 0; i < call->lane_count; i++) { /* a topic entry each: allowed, and what a sloppy client does */
        const struct topic *topic = topic_of(producer, call->parts[i].lane);
        wire_set_defaults(&produce_request_partition_produce_data_struct, &data[i]);
        wire_set_defaults(&produce_request_topic_produce_data_struct, &topics[i]);
        data[i].index = call->parts[i].lane->partition;
        data[i].records.data = slice_of(call->parts[i].batch->bytes, call->parts[i].batch->length);
        topics[i].name = slice_from_string(topic->name);
        topics[i].topic_id = topic->id;
        topics[i].partition_data.items = &data[i];
        topics[i].partition_data.count = 1;
    }
    request.acks = producer->acks;
    request.timeout_ms = (int32_t)prng_between(world->prng, 5, 2 * world->limits.client_timeout_ms);
    request.topic_data.items = topics;
    request.topic_data.count = call->lane_count;
    link_call(&producer->link, producer->acks == 0 ? NULL : &call->call, API_PRODUCE, version, &request);
}

static void send_batches(struct producer *producer)
{
    int lowest = producer->codec == COMPRESS_ZSTD ? ZSTD_SINCE : PRODUCE_LOWEST;
    struct world *world = producer->world;
    struct produce_call *call = malloc(sizeof *call);
    *call = (struct produce_call){.call.done = produced, .producer = producer};
    int first = (int)prng_below(world->prng, (uint64_t)producer->lane_count);
    int most = 1 + (int)prng_below(world->prng, (uint64_t)producer->lane_count);
    for (int i = 0; i < most; i++) {
        struct lane *lane = &producer->lanes[(first + i) % producer->lane_count];
        struct sent_batch *batch = next_batch(producer, lane);
        if (batch == NULL)
            continue;
        batch->in_flight = true;
        lane->in_flight++;
        call->parts[call->lane_count].lane = lane;
        call->parts[call->lane_count++].batch = batch;
    }
    if (call->lane_count == 0) {
        free(call);
        return;
    }
    send_request(producer, call, (int16_t)prng_between(world->prng, lowest, PRODUCE_HIGHEST));
    if (producer->acks != 0)
        return;
    for (int i = 0; i < call->lane_count; i++) { /* nobody will say */
        call->parts[i].batch->in_flight = false;
        call->parts[i].batch->resolved = true;
        call->parts[i].lane->in_flight--;
    }
    free(call);
}

static void id_given(struct call *base, enum err err, struct slice body)
{
    struct id_call *call = CONTAINER_OF(base, struct id_call, call);
    struct producer *producer = call->producer;
    struct init_producer_id_response response;
    struct arena arena;
    arena_init(&arena, io_mem(producer->io), 1 << 16);
    producer->asking_id = false;
    if (err == ERR_OK) {
        if (!link_decode(base, body, &arena, &response))
            world_fail(producer->world, "a producer id that cannot be decoded");
        if (response.error_code == KAFKA_ERROR_NONE) {
            world_new_producer_id(producer->world, response.producer_id);
            call->lane->producer_id = response.producer_id;
            call->lane->epoch = response.producer_epoch;
            call->lane->cuts = producer->world->cuts;
            call->lane->crashes = producer->world->crashes;
        } else if (!world_bears(producer->world, response.error_code)) {
            world_fail(producer->world, "no producer id: %s", kafka_error_name(response.error_code));
        }
    }
    arena_fini(&arena);
    free(call);
}

static void ask_id(struct producer *producer, struct lane *lane)
{
    struct id_call *call = malloc(sizeof *call);
    struct init_producer_id_request request;
    *call = (struct id_call){.call.done = id_given, .producer = producer, .lane = lane};
    WIRE_DEFAULTS(init_producer_id_request_schema, &request);
    request.transactional_id = SLICE_NULL;
    request.transaction_timeout_ms = 60000;
    producer->asking_id = true;
    link_call(&producer->link, &call->call, API_INIT_PRODUCER_ID, (int16_t)prng_between(producer->world->prng, 0, 5),
              &request);
}

/* A lane whose producer the broker was allowed to forget gives up what it does not know the fate of. */
static void begin_anew(struct producer *producer, struct lane *lane)
{
    world_say(producer->world, "producer %d gives up %d batches of %s-%d", producer->index, lane->count,
              topic_of(producer, lane)->name, lane->partition);
    while (lane->count > 0) {
        fate_unknown(producer, lane, batch_at(lane, 0));
        drop_first(lane);
    }
    lane->producer_id = -1;
    lane->next_sequence = 0;
    lane->forgotten = lane->drain = false;
}

static void see_to_ids(struct producer *producer)
{
    for (int i = 0; i < producer->lane_count && !producer->asking_id; i++) {
        struct lane *lane = &producer->lanes[i];
        if (lane->forgotten && lane->in_flight == 0)
            begin_anew(producer, lane);
        if (lane->producer_id < 0 && !(producer->world->quiet && lane->count == 0))
            ask_id(producer, lane);
    }
}

/* ---- time
 * ------------------------------------------------------------------------------------------------------------- */

static void link_is_up(struct link *link)
{
    struct producer *producer = CONTAINER_OF(link, struct producer, link);
    producer->link_cuts = producer->world->cuts;
}

static void link_is_down(struct link *link)
{
}

static void tick(struct io_timer *timer)
{
    struct producer *producer = CONTAINER_OF(timer, struct producer, tick);
    struct world *world = producer->world;
    int64_t now_ns = io_now_ns(producer->io);
    if (world->topics_made && producer->link.state == LINK_OFF)
        link_open(&producer->link);
    if (link_is_overdue(&producer->link, now_ns - (int64_t)world->limits.client_timeout_ms * 1000000))
        link_close(&producer->link);
    if (producer->link.state == LINK_UP && producer->idempotent)
        see_to_ids(producer);
    if (producer->link.state == LINK_UP)
        send_batches(producer);
    enum err err = io_timer_start(producer->io, timer, now_ns + world_think_ns(world));
    ASSERT(err == ERR_OK);
}

bool client_producer_is_idle(const struct producer *producer)
{
    for (int i = 0; i < producer->lane_count; i++)
        for (int k = 0; k < producer->lanes[i].count; k++)
            if (!batch_at((struct lane *)&producer->lanes[i], k)->resolved)
                return false;
    return true;
}

struct producer *client_producer_open(struct world *world, struct sim_node *node, int index)
{
    struct producer *producer = calloc(1, sizeof *producer);
    struct io_address address;
    producer->world = world;
    producer->io = sim_node_io(node, 0);
    producer->index = index;
    producer->idempotent = prng_chance(world->prng, 700000);
    producer->acks = producer->idempotent ? ACKS_ALL : (int16_t)prng_between(world->prng, -1, 1);
    producer->codec = prng_chance(world->prng, 300000) ? (int)prng_between(world->prng, 1, COMPRESS_ZSTD) : 0;
    world->has_zstd |= producer->codec == COMPRESS_ZSTD;
    producer->lane_count = 1 + (int)prng_below(world->prng, LANES);
    for (int i = 0; i < producer->lane_count && world->lane_count < LANES_MAX; i++) {
        struct lane *lane = &producer->lanes[i];
        lane->number = world->lane_count++;
        lane->topic = (int)prng_below(world->prng, (uint64_t)world->limits.topics);
        lane->partition = (int)prng_below(world->prng, (uint64_t)world->topics[lane->topic].partition_count);
        lane->producer_id = -1;
        lane->next_id = ((uint64_t)lane->number + 1) << 40 | 1;
        world->lane_exact[lane->number] = producer->idempotent;
        for (int k = 0; k < i; k++) /* one batch a partition in a request */
            if (producer->lanes[k].topic == lane->topic && producer->lanes[k].partition == lane->partition)
                producer->lane_count = i;
    }
    sim_node_address(world->host.node, HOST_PORT, &address);
    link_init(&producer->link, producer->io, &address);
    producer->link.up = link_is_up;
    producer->link.down = link_is_down;
    producer->tick.fire = tick;
    enum err err = io_timer_start(producer->io, &producer->tick, sim_now_ns(world->sim));
    ASSERT(err == ERR_OK);
    sim_node_wake(node);
    return producer;
}

void client_producer_close(struct producer *producer)
{
    link_fini(&producer->link);
    for (int i = 0; i < producer->lane_count; i++)
        while (producer->lanes[i].count > 0)
            drop_first(&producer->lanes[i]);
    free(producer);
}
