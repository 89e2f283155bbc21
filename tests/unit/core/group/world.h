/* A group machine, a log that takes its appends when told to, and clients that ask it. */
#ifndef RINGMAIN_TESTS_UNIT_CORE_GROUP_WORLD_H
#define RINGMAIN_TESTS_UNIT_CORE_GROUP_WORLD_H

#include "core/group/group.h"
#include "core/wire/error.h"

#include "tests/support/test.h"

struct logged {
    struct slice key, value;
    int64_t producer_id; /* -1: none */
    bool is_marker, commit;
};

struct world {
    struct mem *mem;
    struct group_machine machine;
    struct logged *log;
    size_t log_count, log_capacity;
    struct list in_flight;
    bool hold;      /* appends stay in flight until release() */
    int16_t refuse; /* the log's answer to the next appends; NONE: written */
    int64_t now_ms;
    uint64_t next_random;
};

/* One question and its answer. */
struct asked {
    struct group_call call;
    struct arena arena;
    struct group_offset *item; /* of a commit */
    bool done;
};

static const int64_t WALL_MS = 1700000000000;

static inline void on_answered(struct group_call *call)
{
    struct asked *asked = CONTAINER_OF(call, struct asked, call);
    assert_false(asked->done);
    asked->done = true;
}

static inline struct asked *ask(struct world *world, int16_t version)
{
    struct asked *asked = test_malloc(sizeof *asked);
    *asked = (struct asked){.call = {.answered = on_answered,
                                     .version = version,
                                     .client_id = SLICE_LITERAL("client"),
                                     .client_host = SLICE_LITERAL("/127.0.0.1"),
                                     .random = {++world->next_random, 0}}};
    arena_init(&asked->arena, world->mem, 1 << 26);
    asked->call.arena = &asked->arena;
    return asked;
}

static inline void forget(struct asked *asked)
{
    assert_true(asked->done);
    arena_fini(&asked->arena);
    test_free(asked);
}

static inline struct slice keep(struct slice from)
{
    if (slice_is_null(from))
        return SLICE_NULL;
    uint8_t *copy = malloc(from.length + 1);
    memcpy(copy, from.data, from.length);
    return slice_of(copy, from.length);
}

static inline void write_down(struct world *world, const struct logged *logged)
{
    if (world->log_count == world->log_capacity) {
        world->log_capacity = world->log_capacity * 2 + 64;
        world->log = realloc(world->log, world->log_capacity * sizeof *world->log);
    }
    world->log[world->log_count++] = *logged;
}

static inline void answer_append(struct world *world, struct machine_append *append)
{
    append->error = world->refuse;
    append->base_offset = world->refuse == KAFKA_ERROR_NONE ? (int64_t)world->log_count : -1;
    bool marker = append->kind >= MACHINE_APPEND_COMMIT;
    int64_t producer_id = append->kind == MACHINE_APPEND_RECORDS ? -1 : append->producer_id;
    if (world->refuse == KAFKA_ERROR_NONE && marker)
        write_down(world, &(struct logged){.producer_id = producer_id,
                                           .is_marker = true,
                                           .commit = append->kind == MACHINE_APPEND_COMMIT});
    for (int32_t i = 0; world->refuse == KAFKA_ERROR_NONE && i < append->count; i++)
        write_down(world, &(struct logged){.key = keep(append->records[i].key),
                                           .value = keep(append->records[i].value),
                                           .producer_id = producer_id});
    group_appended(&world->machine, append);
}

static inline void collect(struct world *world)
{
    for (struct list *link; (link = list_pop_front(&world->machine.answers)) != NULL;) {
        struct group_call *call = CONTAINER_OF(link, struct group_call, link);
        call->answered(call);
    }
    list_splice(&world->in_flight, &world->machine.appends);
}

/* Everything that follows from what has just been asked, up to the log's answers unless they are held. */
static inline void pump(struct world *world)
{
    collect(world);
    while (!world->hold && !list_empty(&world->in_flight)) {
        answer_append(world, CONTAINER_OF(list_pop_front(&world->in_flight), struct machine_append, link));
        collect(world);
    }
    group_check(&world->machine);
}

static inline void release(struct world *world)
{
    world->hold = false;
    pump(world);
}

/* Time passes in small steps, so that deadlines come in their order. */
static inline void pass(struct world *world, int64_t ms)
{
    int64_t until_ms = world->now_ms + ms;
    while (world->now_ms < until_ms) {
        int64_t next_ms = group_next_deadline(&world->machine);
        world->now_ms = next_ms > world->now_ms && next_ms < until_ms ? next_ms : until_ms;
        group_clock(&world->machine, world->now_ms, WALL_MS + world->now_ms);
        group_tick(&world->machine);
        pump(world);
    }
}

static inline void replay_log(const struct world *world, struct group_machine *machine)
{
    for (size_t i = 0; i < world->log_count; i++) {
        const struct logged *logged = &world->log[i];
        if (logged->is_marker) {
            struct machine_marker marker = {
                .offset = (int64_t)i, .producer_id = logged->producer_id, .commit = logged->commit};
            assert_int_equal(group_replay_marker(machine, &marker), ERR_OK);
            continue;
        }
        struct machine_replay record = {
            .key = logged->key, .value = logged->value, .offset = (int64_t)i, .producer_id = logged->producer_id};
        assert_int_equal(group_replay(machine, &record), ERR_OK);
    }
}

static inline char *dump_of(struct world *world, const struct group_machine *machine, const struct group_machine *other)
{
    struct arena arena;
    struct wire_writer out;
    arena_init(&arena, world->mem, 1 << 28);
    wire_writer_init(&out, world->mem);
    assert_true(group_dump(machine, other, &arena, &out));
    char *text = malloc(out.length + 1);
    if (out.length > 0)
        memcpy(text, out.data, out.length);
    text[out.length] = '\0';
    wire_writer_fini(&out);
    arena_fini(&arena);
    return text;
}

/* A machine that knows nothing but the log is the same as the one that wrote it. */
static inline void check_replay(struct world *world)
{
    struct group_machine fresh;
    group_init(&fresh, world->mem, 77);
    group_clock(&fresh, world->now_ms, WALL_MS + world->now_ms);
    replay_log(world, &fresh);
    group_check(&fresh);
    char *live = dump_of(world, &world->machine, &fresh), *again = dump_of(world, &fresh, &world->machine);
    assert_string_equal(live, again);
    free(live);
    free(again);
    group_fini(&fresh);
}

static inline void world_configure(struct world *world)
{
    struct group_settings settings = {.initial_rebalance_delay_ms = 3000,
                                      .min_session_timeout_ms = 6000,
                                      .max_session_timeout_ms = 1800000,
                                      .max_size = 100000,
                                      .metadata_max_bytes = 4096,
                                      .retention_ms = 7LL * 24 * 3600 * 1000,
                                      .retention_check_interval_ms = 600000};
    group_configure(&world->machine, &settings);
}

static inline int world_up(void **state)
{
    struct world *world = test_calloc(1, sizeof *world);
    world->mem = test_mem();
    world->now_ms = 1000;
    list_init(&world->in_flight);
    group_init(&world->machine, world->mem, 42);
    group_clock(&world->machine, world->now_ms, WALL_MS + world->now_ms);
    world_configure(world);
    group_loaded(&world->machine);
    *state = world;
    return 0;
}

static inline int world_down(void **state)
{
    struct world *world = *state;
    release(world);
    group_resign(&world->machine);
    collect(world);
    group_fini(&world->machine);
    assert_int_equal(world->mem->used, 0);
    for (size_t i = 0; i < world->log_count; i++) {
        free((void *)(uintptr_t)world->log[i].key.data);
        free((void *)(uintptr_t)world->log[i].value.data);
    }
    free(world->log);
    test_free(world);
    return 0;
}

/* The process stops and starts: what was in flight is lost, the log is read. */
static inline void restart(struct world *world)
{
    group_resign(&world->machine);
    world->refuse = KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER;
    release(world);
    world->refuse = KAFKA_ERROR_NONE;
    group_fini(&world->machine);
    group_init(&world->machine, world->mem, 43);
    group_clock(&world->machine, world->now_ms, WALL_MS + world->now_ms);
    world_configure(world);
    replay_log(world, &world->machine);
    group_loaded(&world->machine);
    pump(world);
}

/* ---- clients ----------------------------------------------------------------------------------------------------- */

/* ConsumerProtocolSubscription of one topic "t": version, topics, no user data. */
#define SUBSCRIPTION SLICE_LITERAL("\0\0\0\0\0\1\0\1t\xff\xff\xff\xff")

struct consumer {
    const char *group;
    char member_id[64];
    const char *instance_id; /* NULL: dynamic */
    const char *protocols;   /* names of one letter each */
    int32_t generation, session_ms, rebalance_ms;
    int16_t version;
    struct asked *join, *sync;
};

static inline struct consumer consumer(const char *group)
{
    return (struct consumer){
        .group = group, .protocols = "r", .generation = -1, .session_ms = 10000, .rebalance_ms = 60000, .version = 9};
}

static inline struct asked *send_join(struct world *world, struct consumer *who)
{
    struct asked *asked = ask(world, who->version);
    struct join_group_request request;
    struct join_group_request_join_group_request_protocol protocols[8];
    WIRE_DEFAULTS(join_group_request_schema, &request);
    request.group_id = slice_from_string(who->group);
    request.session_timeout_ms = who->session_ms;
    request.rebalance_timeout_ms = who->rebalance_ms;
    request.member_id = slice_from_string(who->member_id);
    request.group_instance_id = slice_from_string(who->instance_id);
    request.protocol_type = SLICE_LITERAL("consumer");
    for (size_t i = 0; i < strlen(who->protocols); i++)
        protocols[i] = (struct join_group_request_join_group_request_protocol){.name = slice_of(who->protocols + i, 1),
                                                                               .metadata = SUBSCRIPTION};
    request.protocols.items = protocols;
    request.protocols.count = (int32_t)strlen(who->protocols);
    group_join(&world->machine, &request, &asked->call);
    pump(world);
    return asked;
}

static inline void take_member_id(struct consumer *who, const struct asked *join)
{
    struct slice id = join->call.join.member_id;
    assert_true(id.length < sizeof who->member_id);
    memcpy(who->member_id, id.data, id.length);
    who->member_id[id.length] = '\0';
}

/* Both steps of KIP-394; the second join waits in who->join. */
static inline void begin_join(struct world *world, struct consumer *who)
{
    if (who->member_id[0] == '\0' && who->instance_id == NULL) {
        struct asked *first = send_join(world, who);
        assert_true(first->done);
        assert_int_equal(first->call.error, KAFKA_ERROR_MEMBER_ID_REQUIRED);
        take_member_id(who, first);
        forget(first);
    }
    who->join = send_join(world, who);
}

static inline int16_t end_join(struct consumer *who)
{
    assert_true(who->join->done);
    int16_t error = who->join->call.error;
    if (error == KAFKA_ERROR_NONE) {
        who->generation = who->join->call.join.generation_id;
        take_member_id(who, who->join);
    }
    forget(who->join);
    who->join = NULL;
    return error;
}

static inline bool leads(const struct consumer *who)
{
    return slice_equal_string(who->join->call.join.leader, who->member_id);
}

/* members: whom a leader assigns something (its member id's text); count 0: a follower. */
static inline void begin_sync(struct world *world, struct consumer *who, struct consumer *const *members, int32_t count)
{
    struct sync_group_request request;
    struct sync_group_request_sync_group_request_assignment assignments[16];
    who->sync = ask(world, 5);
    WIRE_DEFAULTS(sync_group_request_schema, &request);
    request.group_id = slice_from_string(who->group);
    request.generation_id = who->generation;
    request.member_id = slice_from_string(who->member_id);
    request.group_instance_id = slice_from_string(who->instance_id);
    request.protocol_type = SLICE_LITERAL("consumer");
    request.protocol_name = SLICE_NULL;
    for (int32_t i = 0; i < count; i++)
        assignments[i] = (struct sync_group_request_sync_group_request_assignment){
            .member_id = slice_from_string(members[i]->member_id),
            .assignment = slice_from_string(members[i]->member_id)};
    request.assignments.items = assignments;
    request.assignments.count = count;
    group_sync(&world->machine, &request, &who->sync->call);
    pump(world);
}

static inline int16_t end_sync(struct consumer *who)
{
    assert_true(who->sync->done);
    int16_t error = who->sync->call.error;
    forget(who->sync);
    who->sync = NULL;
    return error;
}

static inline int16_t heartbeat(struct world *world, const struct consumer *who)
{
    struct asked *asked = ask(world, 4);
    struct heartbeat_request request = {.group_id = slice_from_string(who->group),
                                        .generation_id = who->generation,
                                        .member_id = slice_from_string(who->member_id),
                                        .group_instance_id = slice_from_string(who->instance_id)};
    group_heartbeat(&world->machine, &request, &asked->call);
    pump(world);
    int16_t error = asked->call.error;
    forget(asked);
    return error;
}

static inline int16_t leave(struct world *world, const struct consumer *who)
{
    struct asked *asked = ask(world, 5);
    struct leave_group_request_member_identity member = {.member_id = slice_from_string(who->member_id),
                                                         .group_instance_id = slice_from_string(who->instance_id)};
    struct leave_group_request request = {.group_id = slice_from_string(who->group), .members = {&member, 1}};
    group_leave(&world->machine, &request, &asked->call);
    pump(world);
    int16_t error =
        asked->call.error != KAFKA_ERROR_NONE ? asked->call.error : asked->call.leave.members.items[0].error_code;
    forget(asked);
    return error;
}

static inline struct asked *send_commit(struct world *world, const struct consumer *who, int32_t partition,
                                        int64_t offset, int64_t producer_id)
{
    struct asked *asked = ask(world, 9);
    struct group_offset *item = ARENA_NEW(&asked->arena, struct group_offset);
    struct group_commit *commit = ARENA_NEW(&asked->arena, struct group_commit);
    asked->item = item;
    *item = (struct group_offset){.topic = SLICE_LITERAL("t"),
                                  .topic_id = {{9}},
                                  .partition = partition,
                                  .leader_epoch = 3,
                                  .offset = offset,
                                  .metadata = SLICE_LITERAL("note")};
    *commit = (struct group_commit){.group_id = slice_from_string(who->group),
                                    .member_id = slice_from_string(who->member_id),
                                    .instance_id = slice_from_string(who->instance_id),
                                    .generation = who->generation,
                                    .retention_ms = -1,
                                    .transactional = producer_id >= 0,
                                    .producer_id = producer_id,
                                    .items = item,
                                    .count = 1};
    group_commit(&world->machine, commit, &asked->call);
    pump(world);
    return asked;
}

static inline int16_t error_of(struct asked *asked)
{
    int16_t error = asked->call.error;
    forget(asked);
    return error;
}

static inline int16_t commit(struct world *world, const struct consumer *who, int32_t partition, int64_t offset)
{
    return error_of(send_commit(world, who, partition, offset, -1));
}

static inline struct asked *send_fetch(struct world *world, const char *group, int32_t partition, bool stable)
{
    struct asked *asked = ask(world, 9);
    struct group_offset *item = ARENA_NEW(&asked->arena, struct group_offset);
    *item = (struct group_offset){.topic = SLICE_LITERAL("t"), .partition = partition};
    group_fetch(&world->machine, slice_from_string(group), stable, item, 1, &asked->call);
    pump(world);
    return asked;
}

/* The offset, or minus the error code below -1. */
static inline int64_t committed(struct world *world, const char *group, int32_t partition)
{
    struct asked *asked = send_fetch(world, group, partition, false);
    assert_true(asked->done && asked->call.error == KAFKA_ERROR_NONE);
    int64_t offset = asked->call.offsets.items[0].offset;
    forget(asked);
    return offset;
}

static inline const char *state_of(struct world *world, const char *group, char text[32])
{
    struct arena arena;
    struct describe_groups_response_described_group described;
    arena_init(&arena, world->mem, 1 << 24);
    assert_true(group_describe(&world->machine, slice_from_string(group), 5, &arena, &described));
    assert_true(described.group_state.length < 32);
    memcpy(text, described.group_state.data, described.group_state.length);
    text[described.group_state.length] = '\0';
    arena_fini(&arena);
    return text;
}

#define ASSERT_STATE(world, group, expected)                                                                           \
    do {                                                                                                               \
        char _text[32];                                                                                                \
        assert_string_equal(state_of(world, group, _text), expected);                                                  \
    } while (0)

#endif
