/* Goal: every event in every state of a group is answered as Kafka does, and leads where it leads there. Method: a
 * table; for each of its places a new machine is brought into the state by hand, the event happens, answer and state
 * are compared, and a second machine replays the log. */
#include "tests/unit/core/group/world.h"

#include <stdio.h>

enum at { AT_NOTHING, AT_EMPTY, AT_PREPARING, AT_COMPLETING, AT_STABLE, AT_DEAD, AT_ENDS };

/* Who is in the group: a leads, b follows. In PREPARING c has come and waits for them; in EMPTY and DEAD they have
 * left. */
struct story {
    struct world *world;
    struct consumer a, b, c;
    struct asked *open[16]; /* requests that may not be answered yet */
    int open_count;
};

static struct asked *later(struct story *story, struct asked *asked)
{
    story->open[story->open_count++] = asked;
    return asked;
}

static void go_to(struct story *story, enum at at)
{
    struct world *world = story->world;
    struct consumer *both[] = {&story->a, &story->b};
    story->a = story->b = story->c = consumer("g");
    story->open_count = 0;
    for (int i = 0; at == AT_NOTHING && i < 2; i++) { /* ids as clients keep them whose group is forgotten */
        snprintf(both[i]->member_id, sizeof both[i]->member_id, "old-%d", i);
        both[i]->generation = 1;
    }
    if (at == AT_NOTHING)
        return;
    begin_join(world, &story->a);
    begin_join(world, &story->b);
    pass(world, 6000);
    assert_int_equal(end_join(&story->a), KAFKA_ERROR_NONE);
    assert_int_equal(end_join(&story->b), KAFKA_ERROR_NONE);
    if (at == AT_COMPLETING)
        return;
    begin_sync(world, &story->b, NULL, 0);
    begin_sync(world, &story->a, both, 2);
    assert_int_equal(end_sync(&story->a), KAFKA_ERROR_NONE);
    assert_int_equal(end_sync(&story->b), KAFKA_ERROR_NONE);
    assert_int_equal(commit(world, &story->a, 0, 5), KAFKA_ERROR_NONE);
    if (at == AT_PREPARING) {
        begin_join(world, &story->c);
        later(story, story->c.join);
    }
    if (at == AT_EMPTY || at == AT_DEAD) {
        assert_int_equal(leave(world, &story->a), KAFKA_ERROR_NONE);
        assert_int_equal(leave(world, &story->b), KAFKA_ERROR_NONE);
    }
    if (at == AT_DEAD) { /* its tombstones are on their way */
        world->hold = true;
        group_delete(&world->machine, SLICE_LITERAL("g"), &later(story, ask(world, 2))->call);
        pump(world);
    }
}

enum event {
    JOIN_NEW,          /* without a member id: it is handed out */
    JOIN_NEW_OLD,      /* the same by a client before KIP-394 */
    JOIN_NEW_STATIC,   /* with an instance id that nobody has */
    JOIN_OTHER_TYPE,   /* of another protocol type */
    JOIN_LEADER,       /* a, with what it said before */
    JOIN_FOLLOWER,     /* b, likewise */
    JOIN_CHANGED,      /* b, with other protocols */
    JOIN_UNKNOWN,      /* with an id that nobody has */
    SYNC_LEADER,       /* a, with everybody's assignment */
    SYNC_FOLLOWER,     /* b */
    SYNC_OLD,          /* b, of the generation before */
    SYNC_UNKNOWN,      /* somebody else */
    HEARTBEAT,         /* b */
    HEARTBEAT_OLD,     /* b, of the generation before */
    HEARTBEAT_UNKNOWN, /* somebody else */
    LEAVE,             /* b */
    LEAVE_UNKNOWN,     /* somebody else */
    COMMIT,            /* b */
    COMMIT_OLD,        /* b, of the generation before */
    COMMIT_UNKNOWN,    /* somebody else */
    COMMIT_SIMPLE,     /* without any membership */
    TXN_COMMIT,        /* b, in a transaction */
    TXN_COMMIT_OLD,    /* b, of the generation before, likewise */
    TXN_COMMIT_SIMPLE, /* in a transaction without membership */
    FETCH,
    DELETE_OFFSETS, /* of "t", to which a and b subscribe */
    DELETE_GROUP,
    TOPIC_DELETED,
    SESSION_PASSES,   /* nobody says a word for as long as a session is */
    REBALANCE_PASSES, /* and for as long as a rebalance may take */
    LOG_REFUSES,      /* c wants to come in, but the log takes nothing more */
    RESTARTS,
    EVENTS
};

enum { WAITS = -2, NONE = KAFKA_ERROR_NONE };
#define UNKNOWN      KAFKA_ERROR_UNKNOWN_MEMBER_ID
#define REQUIRED     KAFKA_ERROR_MEMBER_ID_REQUIRED
#define GENERATION   KAFKA_ERROR_ILLEGAL_GENERATION
#define REBALANCE    KAFKA_ERROR_REBALANCE_IN_PROGRESS
#define INCONSISTENT KAFKA_ERROR_INCONSISTENT_GROUP_PROTOCOL
#define NOT_FOUND    KAFKA_ERROR_GROUP_ID_NOT_FOUND
#define NOT_EMPTY    KAFKA_ERROR_NON_EMPTY_GROUP
#define SUBSCRIBED   KAFKA_ERROR_GROUP_SUBSCRIBED_TO_TOPIC
#define AWAY         KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE

static int16_t answer_of(struct story *story, struct asked *asked)
{
    later(story, asked);
    return asked->done ? asked->call.error : WAITS;
}

static int16_t commits(struct story *story, struct consumer who, int64_t producer_id)
{
    return answer_of(story, send_commit(story->world, &who, 1, 9, producer_id));
}

static struct consumer older(struct consumer who)
{
    who.generation--;
    return who;
}

static struct consumer stranger(void)
{
    struct consumer who = consumer("g");
    snprintf(who.member_id, sizeof who.member_id, "stranger");
    who.generation = 1;
    return who;
}

static int16_t joins(struct story *story, struct consumer who, const char *protocols, int16_t version)
{
    who.protocols = protocols;
    who.version = version;
    return answer_of(story, send_join(story->world, &who));
}

static int16_t syncs(struct story *story, struct consumer who, struct consumer *const *members, int32_t count)
{
    begin_sync(story->world, &who, members, count);
    return answer_of(story, who.sync);
}

static int16_t joins_otherwise(struct story *story, const char *instance_id, struct slice type)
{
    struct world *world = story->world;
    struct asked *asked = ask(world, 9);
    struct join_group_request request;
    struct join_group_request_join_group_request_protocol protocol = {.name = SLICE_LITERAL("r"),
                                                                      .metadata = SUBSCRIPTION};
    WIRE_DEFAULTS(join_group_request_schema, &request);
    request.group_id = SLICE_LITERAL("g");
    request.session_timeout_ms = 10000;
    request.rebalance_timeout_ms = 60000;
    request.group_instance_id = slice_from_string(instance_id);
    request.protocol_type = type;
    request.protocols.items = &protocol;
    request.protocols.count = 1;
    group_join(&world->machine, &request, &asked->call);
    pump(world);
    return answer_of(story, asked);
}

static int16_t deletes_offsets(struct story *story)
{
    struct asked *asked = ask(story->world, 0);
    struct offset_delete_request_offset_delete_request_partition which = {.partition_index = 0};
    struct offset_delete_request_offset_delete_request_topic of = {.name = SLICE_LITERAL("t"),
                                                                   .partitions = {&which, 1}};
    struct offset_delete_request request = {.group_id = SLICE_LITERAL("g"), .topics = {&of, 1}};
    group_delete_offsets(&story->world->machine, &request, &asked->call);
    pump(story->world);
    int16_t error = answer_of(story, asked);
    return error == KAFKA_ERROR_NONE ? asked->call.offset_delete.topics.items[0].partitions.items[0].error_code : error;
}

static int16_t member_asks(struct story *story, enum event event)
{
    struct consumer *both[] = {&story->a, &story->b};
    struct world *world = story->world;
    struct consumer nobody = stranger(), old = older(story->b);
    switch (event) {
    case JOIN_NEW:
        return joins(story, consumer("g"), "r", 9);
    case JOIN_NEW_OLD:
        return joins(story, consumer("g"), "r", 3);
    case JOIN_NEW_STATIC:
        return joins_otherwise(story, "instance", SLICE_LITERAL("consumer"));
    case JOIN_OTHER_TYPE:
        return joins_otherwise(story, NULL, SLICE_LITERAL("connect"));
    case JOIN_LEADER:
        return joins(story, story->a, "r", 9);
    case JOIN_FOLLOWER:
        return joins(story, story->b, "r", 9);
    case JOIN_CHANGED:
        return joins(story, story->b, "rs", 9);
    case JOIN_UNKNOWN:
        return joins(story, nobody, "r", 9);
    case SYNC_LEADER:
        return syncs(story, story->a, both, 2);
    case SYNC_FOLLOWER:
        return syncs(story, story->b, NULL, 0);
    case SYNC_OLD:
        return syncs(story, old, NULL, 0);
    case SYNC_UNKNOWN:
        return syncs(story, nobody, NULL, 0);
    case HEARTBEAT:
        return heartbeat(world, &story->b);
    case HEARTBEAT_OLD:
        return heartbeat(world, &old);
    case HEARTBEAT_UNKNOWN:
        return heartbeat(world, &nobody);
    case LEAVE:
        return leave(world, &story->b);
    case LEAVE_UNKNOWN:
        return leave(world, &nobody);
    default:
        UNREACHABLE();
    }
}

static int16_t happens(struct story *story, enum event event)
{
    struct world *world = story->world;
    struct asked *asked;
    if (event <= LEAVE_UNKNOWN)
        return member_asks(story, event);
    switch (event) {
    case COMMIT:
        return commits(story, story->b, -1);
    case COMMIT_OLD:
        return commits(story, older(story->b), -1);
    case COMMIT_UNKNOWN:
        return commits(story, stranger(), -1);
    case COMMIT_SIMPLE:
        return commits(story, consumer("g"), -1);
    case TXN_COMMIT:
        return commits(story, story->b, 77);
    case TXN_COMMIT_OLD:
        return commits(story, older(story->b), 77);
    case TXN_COMMIT_SIMPLE:
        return commits(story, consumer("g"), 77);
    case FETCH:
        return answer_of(story, send_fetch(world, "g", 0, false));
    case DELETE_OFFSETS:
        return deletes_offsets(story);
    case DELETE_GROUP:
        asked = ask(world, 2);
        group_delete(&world->machine, SLICE_LITERAL("g"), &asked->call);
        pump(world);
        return answer_of(story, asked);
    case TOPIC_DELETED:
        group_topic_deleted(&world->machine, SLICE_LITERAL("t"), (struct uuid){{9}});
        pump(world);
        return KAFKA_ERROR_NONE;
    case SESSION_PASSES:
        pass(world, 10001);
        return KAFKA_ERROR_NONE;
    case REBALANCE_PASSES:
        pass(world, 60001);
        return KAFKA_ERROR_NONE;
    case LOG_REFUSES:
        world->refuse = KAFKA_ERROR_NOT_ENOUGH_REPLICAS;
        return joins_otherwise(story, "instance", SLICE_LITERAL("consumer"));
    case RESTARTS:
        restart(world);
        return KAFKA_ERROR_NONE;
    default:
        UNREACHABLE();
    }
}

static void end(struct story *story)
{
    struct world *world = story->world;
    world->hold = false;
    world->refuse = KAFKA_ERROR_NONE;
    release(world);
    check_replay(world);
    group_check(&world->machine);
    group_resign(&world->machine);
    pump(world);
    for (int i = 0; i < story->open_count; i++) {
        assert_true(story->open[i]->done); /* nobody is forgotten */
        forget(story->open[i]);
    }
}

/* What is answered, and the state's first letter after: Empty, PreparingRebalance, CompletingRebalance, Stable, Dead (a
 * group that is not there is said to be dead). */
static const struct {
    int16_t answer;
    char after;
} table[EVENTS][AT_ENDS] = {
    /* nothing, EMPTY, PREPARING, COMPLETING, STABLE, DEAD */
    [JOIN_NEW] = {{REQUIRED, 'E'}, {REQUIRED, 'E'}, {REQUIRED, 'P'}, {REQUIRED, 'C'}, {REQUIRED, 'S'}, {AWAY, 'D'}},
    [JOIN_NEW_OLD] = {{WAITS, 'P'}, {WAITS, 'P'}, {WAITS, 'P'}, {WAITS, 'P'}, {WAITS, 'P'}, {AWAY, 'D'}},
    [JOIN_NEW_STATIC] = {{WAITS, 'P'}, {WAITS, 'P'}, {WAITS, 'P'}, {WAITS, 'P'}, {WAITS, 'P'}, {AWAY, 'D'}},
    [JOIN_OTHER_TYPE] =
        {{REQUIRED, 'E'}, {REQUIRED, 'E'}, {INCONSISTENT, 'P'}, {INCONSISTENT, 'C'}, {INCONSISTENT, 'S'}, {AWAY, 'D'}},
    [JOIN_LEADER] = {{UNKNOWN, 'D'}, {UNKNOWN, 'E'}, {WAITS, 'P'}, {NONE, 'C'}, {WAITS, 'P'}, {AWAY, 'D'}},
    [JOIN_FOLLOWER] = {{UNKNOWN, 'D'}, {UNKNOWN, 'E'}, {WAITS, 'P'}, {NONE, 'C'}, {NONE, 'S'}, {AWAY, 'D'}},
    [JOIN_CHANGED] = {{UNKNOWN, 'D'}, {UNKNOWN, 'E'}, {WAITS, 'P'}, {WAITS, 'P'}, {WAITS, 'P'}, {AWAY, 'D'}},
    [JOIN_UNKNOWN] = {{UNKNOWN, 'D'}, {UNKNOWN, 'E'}, {UNKNOWN, 'P'}, {UNKNOWN, 'C'}, {UNKNOWN, 'S'}, {AWAY, 'D'}},
    [SYNC_LEADER] = {{UNKNOWN, 'D'}, {UNKNOWN, 'E'}, {REBALANCE, 'P'}, {NONE, 'S'}, {NONE, 'S'}, {AWAY, 'D'}},
    [SYNC_FOLLOWER] = {{UNKNOWN, 'D'}, {UNKNOWN, 'E'}, {REBALANCE, 'P'}, {WAITS, 'C'}, {NONE, 'S'}, {AWAY, 'D'}},
    [SYNC_OLD] = {{UNKNOWN, 'D'}, {UNKNOWN, 'E'}, {GENERATION, 'P'}, {GENERATION, 'C'}, {GENERATION, 'S'}, {AWAY, 'D'}},
    [SYNC_UNKNOWN] = {{UNKNOWN, 'D'}, {UNKNOWN, 'E'}, {UNKNOWN, 'P'}, {UNKNOWN, 'C'}, {UNKNOWN, 'S'}, {AWAY, 'D'}},
    [HEARTBEAT] = {{UNKNOWN, 'D'}, {UNKNOWN, 'E'}, {REBALANCE, 'P'}, {NONE, 'C'}, {NONE, 'S'}, {AWAY, 'D'}},
    [HEARTBEAT_OLD] =
        {{UNKNOWN, 'D'}, {UNKNOWN, 'E'}, {GENERATION, 'P'}, {GENERATION, 'C'}, {GENERATION, 'S'}, {AWAY, 'D'}},
    [HEARTBEAT_UNKNOWN] = {{UNKNOWN, 'D'}, {UNKNOWN, 'E'}, {UNKNOWN, 'P'}, {UNKNOWN, 'C'}, {UNKNOWN, 'S'}, {AWAY, 'D'}},
    [LEAVE] = {{UNKNOWN, 'D'}, {UNKNOWN, 'E'}, {NONE, 'P'}, {NONE, 'P'}, {NONE, 'P'}, {AWAY, 'D'}},
    [LEAVE_UNKNOWN] = {{UNKNOWN, 'D'}, {UNKNOWN, 'E'}, {UNKNOWN, 'P'}, {UNKNOWN, 'C'}, {UNKNOWN, 'S'}, {AWAY, 'D'}},
    [COMMIT] = {{NOT_FOUND, 'D'}, {UNKNOWN, 'E'}, {NONE, 'P'}, {REBALANCE, 'C'}, {NONE, 'S'}, {AWAY, 'D'}},
    [COMMIT_OLD] =
        {{NOT_FOUND, 'D'}, {UNKNOWN, 'E'}, {GENERATION, 'P'}, {GENERATION, 'C'}, {GENERATION, 'S'}, {AWAY, 'D'}},
    [COMMIT_UNKNOWN] = {{NOT_FOUND, 'D'}, {UNKNOWN, 'E'}, {UNKNOWN, 'P'}, {UNKNOWN, 'C'}, {UNKNOWN, 'S'}, {AWAY, 'D'}},
    [COMMIT_SIMPLE] = {{NONE, 'E'}, {NONE, 'E'}, {UNKNOWN, 'P'}, {UNKNOWN, 'C'}, {UNKNOWN, 'S'}, {AWAY, 'D'}},
    [TXN_COMMIT] = {{GENERATION, 'D'}, {UNKNOWN, 'E'}, {NONE, 'P'}, {NONE, 'C'}, {NONE, 'S'}, {AWAY, 'D'}},
    [TXN_COMMIT_OLD] =
        {{GENERATION, 'D'}, {UNKNOWN, 'E'}, {GENERATION, 'P'}, {GENERATION, 'C'}, {GENERATION, 'S'}, {AWAY, 'D'}},
    [TXN_COMMIT_SIMPLE] = {{NONE, 'E'}, {NONE, 'E'}, {NONE, 'P'}, {NONE, 'C'}, {NONE, 'S'}, {AWAY, 'D'}},
    [FETCH] = {{NONE, 'D'}, {NONE, 'E'}, {NONE, 'P'}, {NONE, 'C'}, {NONE, 'S'}, {NONE, 'D'}},
    [DELETE_OFFSETS] =
        {{NOT_FOUND, 'D'}, {NONE, 'E'}, {SUBSCRIBED, 'P'}, {SUBSCRIBED, 'C'}, {SUBSCRIBED, 'S'}, {NOT_FOUND, 'D'}},
    [DELETE_GROUP] =
        {{NOT_FOUND, 'D'}, {NONE, 'D'}, {NOT_EMPTY, 'P'}, {NOT_EMPTY, 'C'}, {NOT_EMPTY, 'S'}, {NOT_FOUND, 'D'}},
    [TOPIC_DELETED] = {{NONE, 'D'}, {NONE, 'E'}, {NONE, 'P'}, {NONE, 'C'}, {NONE, 'S'}, {NONE, 'D'}},
    [SESSION_PASSES] = {{NONE, 'D'}, {NONE, 'E'}, {NONE, 'C'}, {NONE, 'E'}, {NONE, 'E'}, {NONE, 'D'}},
    [REBALANCE_PASSES] = {{NONE, 'D'}, {NONE, 'E'}, {NONE, 'E'}, {NONE, 'E'}, {NONE, 'E'}, {NONE, 'D'}},
    [LOG_REFUSES] = {{AWAY, 'D'}, {WAITS, 'P'}, {WAITS, 'P'}, {WAITS, 'P'}, {WAITS, 'P'}, {AWAY, 'D'}},
    [RESTARTS] = {{NONE, 'D'}, {NONE, 'E'}, {NONE, 'S'}, {NONE, 'E'}, {NONE, 'S'}, {NONE, 'E'}},
};

static void every_event_in_every_state_is_answered_as_kafka_does(void **unused)
{
    for (int event = 0; event < EVENTS; event++) {
        for (int at = 0; at < AT_ENDS; at++) {
            void *state;
            char after[32];
            world_up(&state);
            struct story story = {.world = state};
            go_to(&story, (enum at)at);
            int16_t answer = happens(&story, (enum event)event);
            state_of(story.world, "g", after);
            if (answer != table[event][at].answer || after[0] != table[event][at].after)
                fail_msg("event %d at %d: %d and %s, expected %d and %c", event, at, answer, after,
                         table[event][at].answer, table[event][at].after);
            end(&story);
            world_down(&state);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_in_every_state_is_answered_as_kafka_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
