/* A simulated consumer: fetches from some partitions, with and without sessions, and checks every byte. Asked for an
 * audit it reads every partition once, from its start to its end. */
#include "tests/sim/world.h"

#include "core/wire/error.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    PLACES = (TOPICS_MAX + 1) * PARTITIONS_MAX,
    FETCH_LOWEST = 4,
    ZSTD_SINCE = 10,
    FETCH_HIGHEST = 18,
    SESSIONS_SINCE = 7,
    BY_ID_SINCE = 13
};
enum { AT_EARLIEST = -2, AUDIT_PATIENCE_MS = 20000 }; /* the network may be slow */

struct place {
    struct model_visit visit;
    struct consumer *consumer;
    struct model_audit audit;
    int topic, partition;
    int64_t position; /* -1: to be asked */
    int64_t told;     /* the position that the session knows; -1: none */
    bool audited;
};

struct consumer {
    struct world *world;
    struct io *io;
    struct link link;
    struct io_timer tick;
    struct place places[PLACES];
    int place_count;
    bool busy, auditing, wants_session;
    int16_t version;
    int32_t session_id, session_epoch;
    int link_cuts;
};

struct fetch_call {
    struct call call;
    struct consumer *consumer;
};

struct offsets_call {
    struct call call;
    struct place *place;
};

static struct topic *topic_of(struct place *place)
{
    return &place->consumer->world->topics[place->topic];
}

static struct part *part_of(struct place *place)
{
    return &topic_of(place)->parts[place->partition];
}

static void forget_session(struct consumer *consumer)
{
    consumer->session_id = consumer->session_epoch = 0;
    for (int i = 0; i < consumer->place_count; i++)
        consumer->places[i].told = -1;
}

/* ---- what is fetched
 * ------------------------------------------------------------------------------------------------- */

static void seen(struct model_visit *visit, int64_t offset, uint64_t id)
{
    struct place *place = CONTAINER_OF(visit, struct place, visit);
    place->consumer->world->read++;
    model_note(place->consumer->world, place->topic, place->partition, offset, id, LEVEL_SEEN);
}

/* What cannot be read is passed, as somebody would do by hand. */
static int64_t step_over(struct place *place)
{
    part_of(place)->unreadable++;
    return place->audit.next = place->position + 1;
}

static void take_records(struct place *place, const struct fetch_response_partition_data *data)
{
    struct consumer *consumer = place->consumer;
    struct world *world = consumer->world;
    struct model_visit *visit = consumer->auditing ? &place->audit.visit : &place->visit;
    if (consumer->auditing)
        model_audit_answer(&place->audit, data);
    int64_t next = model_read(world, place->topic, place->partition, place->position, data->records.data, visit);
    if (next == place->position && data->records.data.length > 0 && part_of(place)->rotten > 0)
        next = step_over(place);
    if (next > data->high_watermark && part_of(place)->rotten > 0) /* compacted: any gap is right */
        next = data->high_watermark;
    if (next > data->high_watermark || data->log_start_offset > data->high_watermark)
        world_fail(world, "K7: %s-%d: read to %" PRId64 ", high watermark %" PRId64 ", start %" PRId64,
                   topic_of(place)->name, place->partition, next, data->high_watermark, data->log_start_offset);
    place->position = next;
    /* A marker that cannot be read any more, or a coordinator that is gone, leaves a transaction open. */
    bool is_end = next == data->high_watermark || (world->rot.on && next == data->last_stable_offset);
    if (consumer->auditing && is_end) {
        model_audit_end(&place->audit);
        place->audited = true;
    }
}

static void take_partition(struct place *place, const struct fetch_response_partition_data *data)
{
    struct consumer *consumer = place->consumer;
    struct world *world = consumer->world;
    switch (data->error_code) {
    case KAFKA_ERROR_NONE:
        take_records(place, data);
        return;
    case KAFKA_ERROR_OFFSET_OUT_OF_RANGE:
        place->position = -1;
        return;
    case KAFKA_ERROR_CORRUPT_MESSAGE:
        if (consumer->auditing && part_of(place)->rotten > 0) {
            place->position = step_over(place);
            return;
        }
        /* fall through */
    default:
        if (!world_bears(world, data->error_code))
            world_fail(world, "fetch of %s-%d at %" PRId64 ": %s", topic_of(place)->name, place->partition,
                       place->position, kafka_error_name(data->error_code));
    }
}

static struct place *find_place(struct consumer *consumer, const struct fetch_response_fetchable_topic_response *topic,
                                int32_t partition)
{
    for (int i = 0; i < consumer->place_count; i++) {
        struct place *place = &consumer->places[i];
        bool same = consumer->version >= BY_ID_SINCE ? uuid_equal(topic_of(place)->id, topic->topic_id)
                                                     : slice_equal_string(topic->topic, topic_of(place)->name);
        if (same && place->partition == partition)
            return place;
    }
    return NULL;
}

static void take_answer(struct consumer *consumer, const struct fetch_response *response)
{
    if (response->error_code != KAFKA_ERROR_NONE) {
        bool session = response->error_code == KAFKA_ERROR_FETCH_SESSION_ID_NOT_FOUND ||
                       response->error_code == KAFKA_ERROR_INVALID_FETCH_SESSION_EPOCH;
        if (!session && !world_bears(consumer->world, response->error_code))
            world_fail(consumer->world, "fetch: %s", kafka_error_name(response->error_code));
        forget_session(consumer);
        return;
    }
    if (consumer->wants_session && response->session_id != 0) {
        consumer->session_id = response->session_id;
        consumer->session_epoch++;
    } else {
        forget_session(consumer);
    }
    for (int t = 0; t < response->responses.count; t++) {
        const struct fetch_response_fetchable_topic_response *topic = &response->responses.items[t];
        for (int p = 0; p < topic->partitions.count; p++) {
            struct place *place = find_place(consumer, topic, topic->partitions.items[p].partition_index);
            if (place == NULL)
                world_fail(consumer->world, "fetch answers a partition that was not asked for");
            take_partition(place, &topic->partitions.items[p]);
        }
    }
}

static void fetched(struct call *base, enum err err, struct slice body)
{
    struct fetch_call *call = CONTAINER_OF(base, struct fetch_call, call);
    struct consumer *consumer = call->consumer;
    struct fetch_response response;
    struct arena arena;
    arena_init(&arena, io_mem(consumer->io), 1 << 20);
    consumer->busy = false;
    if (err == ERR_OK && consumer->link_cuts == consumer->world->cuts) {
        if (!link_decode(base, body, &arena, &response))
            world_fail(consumer->world, "a fetch answer that cannot be decoded");
        take_answer(consumer, &response);
    } else {
        forget_session(consumer);
    }
    arena_fini(&arena);
    free(call);
}

/* ---- requests
 * -------------------------------------------------------------------------------------------------------- */

static bool is_asked(const struct place *place)
{
    return place->position >= 0 && !place->audited && place->told != place->position;
}

static void send_fetch(struct consumer *consumer)
{
    struct prng *prng = consumer->world->prng;
    struct fetch_request_fetch_partition partitions[PLACES];
    struct fetch_request_fetch_topic topics[PLACES];
    struct fetch_request request;
    int count = 0;
    if (consumer->session_id == 0)
        forget_session(consumer);
    for (int i = 0; i < consumer->place_count; i++) {
        struct place *place = &consumer->places[i];
        if (!is_asked(place))
            continue;
        wire_set_defaults(&fetch_request_fetch_partition_struct, &partitions[count]);
        wire_set_defaults(&fetch_request_fetch_topic_struct, &topics[count]);
        partitions[count].partition = place->partition;
        partitions[count].fetch_offset = place->told = place->position;
        partitions[count].partition_max_bytes = (int32_t)prng_between(prng, 1, 64 << 10);
        topics[count].topic = slice_from_string(topic_of(place)->name);
        topics[count].topic_id = topic_of(place)->id;
        topics[count].partitions.items = &partitions[count];
        topics[count].partitions.count = 1;
        count++;
    }
    if (count == 0 && consumer->session_id == 0)
        return;
    WIRE_DEFAULTS(fetch_request_schema, &request);
    request.max_wait_ms = (int32_t)prng_between(prng, 0, consumer->auditing ? 10 : 200);
    request.min_bytes = (int32_t)prng_between(prng, 0, 2000);
    request.max_bytes = (int32_t)prng_between(prng, 1, 256 << 10);
    request.isolation_level = consumer->auditing ? 1 : (int8_t)prng_below(prng, 2);
    request.topics.items = topics;
    request.topics.count = count;
    request.session_id = consumer->session_id;
    request.session_epoch = consumer->wants_session ? consumer->session_epoch : -1;
    struct fetch_call *call = malloc(sizeof *call);
    *call = (struct fetch_call){.call.done = fetched, .consumer = consumer};
    consumer->busy = true;
    link_call(&consumer->link, &call->call, API_FETCH, consumer->version, &request);
}

static void offsets_listed(struct call *base, enum err err, struct slice body)
{
    struct offsets_call *call = CONTAINER_OF(base, struct offsets_call, call);
    struct place *place = call->place;
    struct consumer *consumer = place->consumer;
    struct list_offsets_response response;
    struct arena arena;
    arena_init(&arena, io_mem(consumer->io), 1 << 16);
    consumer->busy = false;
    if (err == ERR_OK && consumer->link_cuts == consumer->world->cuts) {
        if (!link_decode(base, body, &arena, &response) || response.topics.count != 1 ||
            response.topics.items[0].partitions.count != 1)
            world_fail(consumer->world, "an answer of ListOffsets that is not one");
        const struct list_offsets_response_list_offsets_partition_response *result =
            &response.topics.items[0].partitions.items[0];
        if (result->error_code == KAFKA_ERROR_NONE) {
            place->position = result->offset;
            if (consumer->auditing)
                model_audit_begin(&place->audit, consumer->world, place->topic, place->partition, result->offset);
        } else if (!world_bears(consumer->world, result->error_code)) {
            world_fail(consumer->world, "ListOffsets: %s", kafka_error_name(result->error_code));
        }
    }
    arena_fini(&arena);
    free(call);
}

static void ask_start(struct consumer *consumer, struct place *place)
{
    struct list_offsets_request_list_offsets_partition partition;
    struct list_offsets_request_list_offsets_topic topic;
    struct list_offsets_request request;
    wire_set_defaults(&list_offsets_request_list_offsets_partition_struct, &partition);
    wire_set_defaults(&list_offsets_request_list_offsets_topic_struct, &topic);
    WIRE_DEFAULTS(list_offsets_request_schema, &request);
    partition.partition_index = place->partition;
    partition.timestamp = AT_EARLIEST;
    topic.name = slice_from_string(topic_of(place)->name);
    topic.partitions.items = &partition;
    topic.partitions.count = 1;
    request.replica_id = -1;
    request.topics.items = &topic;
    request.topics.count = 1;
    struct offsets_call *call = malloc(sizeof *call);
    *call = (struct offsets_call){.call.done = offsets_listed, .place = place};
    consumer->busy = true;
    link_call(&consumer->link, &call->call, API_LIST_OFFSETS, (int16_t)prng_between(consumer->world->prng, 1, 10),
              &request);
}

static void go_on(struct consumer *consumer)
{
    for (int i = 0; i < consumer->place_count; i++)
        if (consumer->places[i].position < 0) {
            ask_start(consumer, &consumer->places[i]);
            return;
        }
    send_fetch(consumer);
}

/* ---- time
 * ------------------------------------------------------------------------------------------------------------- */

static void link_is_up(struct link *link)
{
    struct consumer *consumer = CONTAINER_OF(link, struct consumer, link);
    struct prng *prng = consumer->world->prng;
    consumer->link_cuts = consumer->world->cuts;
    consumer->version =
        (int16_t)prng_between(prng, consumer->world->has_zstd ? ZSTD_SINCE : FETCH_LOWEST, FETCH_HIGHEST);
    consumer->wants_session = !consumer->auditing && consumer->version >= SESSIONS_SINCE && prng_chance(prng, 500000);
    forget_session(consumer);
}

static void link_is_down(struct link *link)
{
}

static void tick(struct io_timer *timer)
{
    struct consumer *consumer = CONTAINER_OF(timer, struct consumer, tick);
    struct world *world = consumer->world;
    int64_t now_ns = io_now_ns(consumer->io);
    if (world->rot.on && !consumer->auditing) { /* one reader is enough to bear it */
        link_close(&consumer->link);
        return;
    }
    if (world->topics_made && consumer->link.state == LINK_OFF)
        link_open(&consumer->link);
    int64_t patience_ms = consumer->auditing ? AUDIT_PATIENCE_MS : world->limits.client_timeout_ms + 200;
    if (link_is_overdue(&consumer->link, now_ns - patience_ms * MS))
        link_close(&consumer->link);
    if (consumer->link.state == LINK_UP && !consumer->busy)
        go_on(consumer);
    enum err err = io_timer_start(consumer->io, timer, now_ns + world_think_ns(world));
    ASSERT(err == ERR_OK);
}

static void add_place(struct consumer *consumer, int topic, int partition)
{
    struct place *place = &consumer->places[consumer->place_count++];
    *place = (struct place){
        .visit.record = seen, .consumer = consumer, .topic = topic, .partition = partition, .position = -1, .told = -1};
}

void client_consumer_audit(struct consumer *consumer)
{
    struct world *world = consumer->world;
    model_begin_outputs(world);
    link_close(&consumer->link); /* what is under way was asked for before */
    consumer->auditing = true;
    consumer->place_count = 0;
    consumer->link_cuts = -1;
    for (int t = 0; t < world->topic_count; t++)
        for (int p = 0; p < world->topics[t].partition_count; p++)
            if (!world->topics[t].parts[p].excused)
                add_place(consumer, t, p);
}

bool client_consumer_audited(const struct consumer *consumer)
{
    for (int i = 0; i < consumer->place_count; i++)
        if (!consumer->places[i].audited)
            return false;
    return true;
}

struct consumer *client_consumer_open(struct world *world, struct sim_node *node)
{
    struct consumer *consumer = calloc(1, sizeof *consumer);
    struct io_address address;
    consumer->world = world;
    consumer->io = sim_node_io(node, 0);
    for (int t = 0; t < world->topic_count; t++)
        for (int p = 0; p < world->topics[t].partition_count; p++)
            if (prng_chance(world->prng, 700000))
                add_place(consumer, t, p);
    sim_node_address(world->host.node, HOST_PORT, &address);
    link_init(&consumer->link, consumer->io, &address);
    consumer->link.up = link_is_up;
    consumer->link.down = link_is_down;
    consumer->tick.fire = tick;
    enum err err = io_timer_start(consumer->io, &consumer->tick, sim_now_ns(world->sim));
    ASSERT(err == ERR_OK);
    sim_node_wake(node);
    return consumer;
}

void client_consumer_close(struct consumer *consumer)
{
    link_fini(&consumer->link);
    free(consumer);
}
