/* A simulated administrator: makes the topics, then deletes records, changes configurations, and makes and deletes
 * topics of its own. */
#include "tests/sim/world.h"

#include "core/wire/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { CONFIGS_MAX = 16, RESOURCE_TOPIC = 2, OPERATION_SET = 0, TEXT = 24 };

struct admin {
    struct world *world;
    struct io *io;
    struct link link;
    struct io_timer tick;
    bool busy;
    int made;  /* topics */
    int extra; /* topics of its own, so far */
    bool extra_exists;
    int link_crashes; /* before the connection was made */
};

struct admin_call {
    struct call call;
    struct admin *admin;
    void (*take)(struct admin_call *call, struct slice body, struct arena *arena);
    int topic, partition;
    int64_t offset;
    bool compact_only;
};

static void answered(struct call *base, enum err err, struct slice body)
{
    struct admin_call *call = CONTAINER_OF(base, struct admin_call, call);
    struct arena arena;
    arena_init(&arena, io_mem(call->admin->io), 1 << 20);
    call->admin->busy = false;
    if (err == ERR_OK)
        call->take(call, body, &arena);
    arena_fini(&arena);
    free(call);
}

static void call(struct admin *admin, struct admin_call what, int16_t api_key, int16_t version, const void *request)
{
    struct admin_call *call = malloc(sizeof *call);
    *call = what;
    call->call.done = answered;
    call->admin = admin;
    admin->busy = true;
    link_call(&admin->link, &call->call, api_key, version, request);
}

static void decode(struct admin_call *call, struct slice body, struct arena *arena, void *response)
{
    if (!link_decode(&call->call, body, arena, response))
        world_fail(call->admin->world, "an answer of api %d that cannot be decoded", call->call.api_key);
}

static void check(struct admin_call *call, const char *what, int16_t error)
{
    if (error != KAFKA_ERROR_NONE && !world_bears(call->admin->world, error))
        world_fail(call->admin->world, "%s: %s", what, kafka_error_name(error));
}

/* ---- the topics of the clients
 * ----------------------------------------------------------------------------------------- */

struct config {
    const char *name;
    char value[TEXT];
};

/* What the model counts on is not drawn anew. */
static int draw_compaction(struct prng *prng, const struct topic *topic, struct config *configs)
{
    int count = 0;
    configs[count].name = "cleanup.policy";
    snprintf(configs[count++].value, TEXT, topic->loses_head ? "compact,delete" : "compact");
    configs[count].name = "delete.retention.ms";
    snprintf(configs[count++].value, TEXT, "%d", topic->delete_retention_ms);
    configs[count].name = "min.cleanable.dirty.ratio";
    snprintf(configs[count++].value, TEXT, "0.%02d", (int)prng_between(prng, 0, 50));
    if (prng_chance(prng, 300000)) {
        configs[count].name = "min.compaction.lag.ms";
        snprintf(configs[count++].value, TEXT, "%d", (int)prng_between(prng, 0, 500));
    }
    if (prng_chance(prng, 300000)) {
        configs[count].name = "max.compaction.lag.ms";
        snprintf(configs[count++].value, TEXT, "%d", (int)prng_between(prng, 500, 3000));
    }
    return count;
}

static int draw_configs(struct world *world, const struct topic *topic, struct config *configs)
{
    static const char *const codecs[] = {"uncompressed", "gzip", "snappy", "lz4", "zstd"};
    struct prng *prng = world->prng;
    int count = 0;
    configs[count++].name = "ringmain.durability";
    snprintf(configs[0].value, TEXT, "%s", topic->flushed ? "flushed" : "os");
    configs[count].name = "retention.ms";
    snprintf(configs[count++].value, TEXT, "%d", topic->loses_head ? (int)prng_between(prng, 1, 3000) : -1);
    configs[count].name = "index.interval.bytes";
    snprintf(configs[count++].value, TEXT, "%d", (int)prng_between(prng, 0, 4096));
    if (prng_chance(prng, 600000)) {
        configs[count].name = "segment.index.bytes";
        snprintf(configs[count++].value, TEXT, "%d", (int)prng_between(prng, 8, 200));
    }
    if (topic->keys > 0 || prng_chance(prng, 400000)) {
        configs[count].name = "segment.ms";
        snprintf(configs[count++].value, TEXT, "%d", (int)prng_between(prng, 10, topic->keys > 0 ? 300 : 2000));
    }
    if (topic->keys > 0)
        count += draw_compaction(prng, topic, configs + count);
    if (topic->loses_head && prng_chance(prng, 500000)) {
        configs[count].name = "retention.bytes";
        snprintf(configs[count++].value, TEXT, "%d", (int)prng_between(prng, 1, 200000));
    }
    if (prng_chance(prng, 500000)) {
        configs[count].name = "file.delete.delay.ms";
        snprintf(configs[count++].value, TEXT, "%d", (int)prng_between(prng, 0, 1000));
    }
    if (topic->codec >= 0) {
        configs[count].name = "compression.type";
        snprintf(configs[count++].value, TEXT, "%s", codecs[topic->codec]);
    }
    if (prng_chance(prng, 200000)) {
        configs[count].name = "preallocate";
        snprintf(configs[count++].value, TEXT, "true");
    }
    if (prng_chance(prng, 300000)) {
        configs[count].name = "message.timestamp.type";
        snprintf(configs[count++].value, TEXT, "LogAppendTime");
    }
    ASSERT(count <= CONFIGS_MAX);
    return count;
}

static void topic_found(struct admin_call *call, struct slice body, struct arena *arena)
{
    struct metadata_response response;
    struct topic *topic = &call->admin->world->topics[call->topic];
    decode(call, body, arena, &response);
    if (response.topics.count != 1)
        world_fail(call->admin->world, "Metadata of one topic tells of %d", response.topics.count);
    check(call, "Metadata", response.topics.items[0].error_code);
    if (response.topics.items[0].error_code != KAFKA_ERROR_NONE)
        return;
    if (response.topics.items[0].partitions.count != topic->partition_count)
        world_fail(call->admin->world, "K7: %s has %d partitions, not %d", topic->name,
                   response.topics.items[0].partitions.count, topic->partition_count);
    topic->id = response.topics.items[0].topic_id;
    if (++call->admin->made == call->admin->world->topic_count)
        call->admin->world->topics_made = true;
}

static void find_topic(struct admin *admin)
{
    struct metadata_request_metadata_request_topic topic;
    struct metadata_request request;
    wire_set_defaults(&metadata_request_metadata_request_topic_struct, &topic);
    WIRE_DEFAULTS(metadata_request_schema, &request);
    topic.name = slice_from_string(admin->world->topics[admin->made].name);
    request.topics.items = &topic;
    request.topics.count = 1;
    request.allow_auto_topic_creation = false;
    call(admin, (struct admin_call){.take = topic_found, .topic = admin->made}, API_METADATA,
         (int16_t)prng_between(admin->world->prng, 10, 13), &request);
}

static void topic_created(struct admin_call *call, struct slice body, struct arena *arena)
{
    struct create_topics_response response;
    decode(call, body, arena, &response);
    int16_t error = response.topics.count == 1 ? response.topics.items[0].error_code : KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
    if (error == KAFKA_ERROR_NONE || error == KAFKA_ERROR_TOPIC_ALREADY_EXISTS)
        find_topic(call->admin);
    else
        check(call, "CreateTopics", error);
}

static void create_topic(struct admin *admin)
{
    struct world *world = admin->world;
    const struct topic *topic = &world->topics[admin->made];
    struct config drawn[CONFIGS_MAX];
    struct create_topics_request_creatable_topic_config configs[CONFIGS_MAX];
    struct create_topics_request_creatable_topic wanted;
    struct create_topics_request request;
    int count = draw_configs(world, topic, drawn);
    for (int i = 0; i < count; i++) {
        wire_set_defaults(&create_topics_request_creatable_topic_config_struct, &configs[i]);
        configs[i].name = slice_from_string(drawn[i].name);
        configs[i].value = slice_from_string(drawn[i].value);
    }
    wire_set_defaults(&create_topics_request_creatable_topic_struct, &wanted);
    WIRE_DEFAULTS(create_topics_request_schema, &request);
    wanted.name = slice_from_string(topic->name);
    wanted.num_partitions = topic->partition_count;
    wanted.replication_factor = 1;
    wanted.configs.items = configs;
    wanted.configs.count = count;
    request.topics.items = &wanted;
    request.topics.count = 1;
    call(admin, (struct admin_call){.take = topic_created}, API_CREATE_TOPICS, (int16_t)prng_between(world->prng, 2, 7),
         &request);
}

/* ---- records and configurations
 * ------------------------------------------------------------------------------------------ */

static void records_deleted(struct admin_call *call, struct slice body, struct arena *arena)
{
    struct delete_records_response response;
    struct world *world = call->admin->world;
    decode(call, body, arena, &response);
    if (response.topics.count != 1 || response.topics.items[0].partitions.count != 1)
        world_fail(world, "an answer of DeleteRecords that is not one");
    const struct delete_records_response_delete_records_partition_result *result =
        &response.topics.items[0].partitions.items[0];
    struct part *part = &world->topics[call->topic].parts[call->partition];
    if (result->error_code == KAFKA_ERROR_OFFSET_OUT_OF_RANGE)
        return;
    if (call->compact_only) {
        if (result->error_code != KAFKA_ERROR_POLICY_VIOLATION)
            check(call, "DeleteRecords", result->error_code);
        if (result->error_code == KAFKA_ERROR_NONE)
            world_fail(world, "DeleteRecords of a topic that is only compacted");
        return;
    }
    check(call, "DeleteRecords", result->error_code);
    if (result->error_code != KAFKA_ERROR_NONE || call->admin->link_crashes != world->crashes)
        return;
    if (result->low_watermark < call->offset)
        world_fail(world, "DeleteRecords to %" PRId64 " left the start at %" PRId64, call->offset,
                   result->low_watermark);
    world_say(world, "%s-%d: records below %" PRId64 " deleted", world->topics[call->topic].name, call->partition,
              call->offset);
    if (call->offset > part->start_confirmed)
        part->start_confirmed = call->offset;
}

static void delete_records(struct admin *admin)
{
    struct world *world = admin->world;
    int t = (int)prng_below(world->prng, (uint64_t)world->limits.topics);
    int p = (int)prng_below(world->prng, (uint64_t)world->topics[t].partition_count);
    struct part *part = &world->topics[t].parts[p];
    struct delete_records_request_delete_records_partition partition;
    struct delete_records_request_delete_records_topic topic;
    struct delete_records_request request;
    if (world->limits.workers > 0 && t == world->group.input) /* its members count on what they have not read */
        return;
    if (part->durable_end == 0) /* what is acknowledged on the device stays there after a cut, and so does the start */
        return;
    wire_set_defaults(&delete_records_request_delete_records_partition_struct, &partition);
    wire_set_defaults(&delete_records_request_delete_records_topic_struct, &topic);
    WIRE_DEFAULTS(delete_records_request_schema, &request);
    partition.partition_index = p;
    partition.offset = prng_between(world->prng, 0, part->durable_end);
    bool compact_only = world->topics[t].keys > 0 && !world->topics[t].loses_head;
    if (partition.offset > part->start_max && !compact_only)
        part->start_max = partition.offset;
    topic.name = slice_from_string(world->topics[t].name);
    topic.partitions.items = &partition;
    topic.partitions.count = 1;
    request.topics.items = &topic;
    request.topics.count = 1;
    request.timeout_ms = 1000;
    call(admin,
         (struct admin_call){.take = records_deleted,
                             .topic = t,
                             .partition = p,
                             .offset = partition.offset,
                             .compact_only = compact_only},
         API_DELETE_RECORDS, (int16_t)prng_between(world->prng, 0, 2), &request);
}

static void config_changed(struct admin_call *call, struct slice body, struct arena *arena)
{
    struct incremental_alter_configs_response response;
    decode(call, body, arena, &response);
    if (response.responses.count == 1)
        check(call, "IncrementalAlterConfigs", response.responses.items[0].error_code);
}

static void change_config(struct admin *admin)
{
    struct world *world = admin->world;
    struct topic *topic = &world->topics[prng_below(world->prng, (uint64_t)world->limits.topics)];
    struct incremental_alter_configs_request_alterable_config config;
    struct incremental_alter_configs_request_alter_configs_resource resource;
    struct incremental_alter_configs_request request;
    struct config drawn[CONFIGS_MAX];
    int count = draw_configs(world, topic, drawn);
    int chosen = (int)prng_below(world->prng, (uint64_t)count);
    wire_set_defaults(&incremental_alter_configs_request_alterable_config_struct, &config);
    wire_set_defaults(&incremental_alter_configs_request_alter_configs_resource_struct, &resource);
    WIRE_DEFAULTS(incremental_alter_configs_request_schema, &request);
    config.name = slice_from_string(drawn[chosen].name);
    config.value = slice_from_string(drawn[chosen].value);
    world_say(world, "%s: %s=%s", topic->name, drawn[chosen].name, drawn[chosen].value);
    config.config_operation = OPERATION_SET;
    resource.resource_type = RESOURCE_TOPIC;
    resource.resource_name = slice_from_string(topic->name);
    resource.configs.items = &config;
    resource.configs.count = 1;
    request.resources.items = &resource;
    request.resources.count = 1;
    call(admin, (struct admin_call){.take = config_changed}, API_INCREMENTAL_ALTER_CONFIGS,
         (int16_t)prng_between(world->prng, 0, 1), &request);
}

/* ---- topics of its own
 * ------------------------------------------------------------------------------------------------------ */

static void extra_created(struct admin_call *call, struct slice body, struct arena *arena)
{
    struct create_topics_response response;
    decode(call, body, arena, &response);
    if (response.topics.count != 1)
        world_fail(call->admin->world, "CreateTopics of one topic answers %d", response.topics.count);
    if (response.topics.items[0].error_code != KAFKA_ERROR_TOPIC_ALREADY_EXISTS)
        check(call, "CreateTopics", response.topics.items[0].error_code);
}

static void extra_deleted(struct admin_call *call, struct slice body, struct arena *arena)
{
    struct delete_topics_response response;
    decode(call, body, arena, &response);
    if (response.responses.count != 1)
        world_fail(call->admin->world, "DeleteTopics of one topic answers %d", response.responses.count);
    if (response.responses.items[0].error_code != KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION)
        check(call, "DeleteTopics", response.responses.items[0].error_code);
}

static void change_extra(struct admin *admin)
{
    struct prng *prng = admin->world->prng;
    char name[TEXT];
    snprintf(name, sizeof name, "extra-%d", admin->extra);
    admin->extra_exists = !admin->extra_exists;
    if (admin->extra_exists) {
        struct create_topics_request_creatable_topic wanted;
        struct create_topics_request request;
        wire_set_defaults(&create_topics_request_creatable_topic_struct, &wanted);
        WIRE_DEFAULTS(create_topics_request_schema, &request);
        wanted.name = slice_from_string(name);
        wanted.num_partitions = (int32_t)prng_between(prng, 1, 8);
        wanted.replication_factor = 1;
        request.topics.items = &wanted;
        request.topics.count = 1;
        call(admin, (struct admin_call){.take = extra_created}, API_CREATE_TOPICS, (int16_t)prng_between(prng, 2, 7),
             &request);
        return;
    }
    struct delete_topics_request_delete_topic_state state;
    struct slice names[1] = {slice_from_string(name)};
    struct delete_topics_request request;
    wire_set_defaults(&delete_topics_request_delete_topic_state_struct, &state);
    WIRE_DEFAULTS(delete_topics_request_schema, &request);
    state.name = names[0];
    request.topics.items = &state;
    request.topics.count = 1;
    request.topic_names.items = names;
    request.topic_names.count = 1;
    request.timeout_ms = 1000;
    admin->extra++;
    call(admin, (struct admin_call){.take = extra_deleted}, API_DELETE_TOPICS, (int16_t)prng_between(prng, 1, 6),
         &request);
}

/* ---- time
 * -------------------------------------------------------------------------------------------------------------------
 */

static void do_something(struct admin *admin)
{
    struct world *world = admin->world;
    if (!world->topics_made) {
        create_topic(admin);
        return;
    }
    if (!world->limits.admin_busy || world->quiet || !prng_chance(world->prng, 50000))
        return;
    switch (prng_below(world->prng, 3)) {
    case 0:
        delete_records(admin);
        return;
    case 1:
        change_config(admin);
        return;
    default:
        change_extra(admin);
    }
}

static void link_is_up(struct link *link)
{
    struct admin *admin = CONTAINER_OF(link, struct admin, link);
    admin->link_crashes = admin->world->crashes;
}

static void link_is_down(struct link *link)
{
}

static void tick(struct io_timer *timer)
{
    struct admin *admin = CONTAINER_OF(timer, struct admin, tick);
    int64_t now_ns = io_now_ns(admin->io);
    if (admin->link.state == LINK_OFF)
        link_open(&admin->link);
    if (link_is_overdue(&admin->link, now_ns - 2000000000))
        link_close(&admin->link);
    if (admin->link.state == LINK_UP && !admin->busy)
        do_something(admin);
    enum err err = io_timer_start(admin->io, timer, now_ns + world_think_ns(admin->world));
    ASSERT(err == ERR_OK);
}

struct admin *client_admin_open(struct world *world, struct sim_node *node)
{
    struct admin *admin = calloc(1, sizeof *admin);
    struct io_address address;
    admin->world = world;
    admin->io = sim_node_io(node, 0);
    sim_node_address(world->host.node, HOST_PORT, &address);
    link_init(&admin->link, admin->io, &address);
    admin->link.up = link_is_up;
    admin->link.down = link_is_down;
    admin->tick.fire = tick;
    enum err err = io_timer_start(admin->io, &admin->tick, sim_now_ns(world->sim));
    ASSERT(err == ERR_OK);
    sim_node_wake(node);
    return admin;
}

void client_admin_close(struct admin *admin)
{
    link_fini(&admin->link);
    free(admin);
}
