/* Goal: whatever clients, time and the log do, the invariants hold, every call is answered once, and the state read
 * from the log is the live one. And: a large log is read fast.
 * Method: random events from a seed on one machine; after every burst a second machine replays the log. */
#include "tests/unit/core/group/world.h"

#include "io/base/prng.h"

#include <stdio.h>
#include <time.h>

enum { GROUPS = 4, CONSUMERS = 12, PARTITIONS = 6, PRODUCERS = 3, EVENTS = 4000, SEEDS = 12, BURST = 40 };

struct run {
    struct world *world;
    struct prng prng;
    struct consumer consumers[CONSUMERS];
    struct asked *open[4096]; /* calls that were not awaited */
    size_t open_count;
};

static const char *const groups[GROUPS] = {"alpha", "beta", "gamma", "delta"};
static const char *const instances[] = {"one", "two", "three"};
static const char *const protocols[] = {"r", "rs", "sr", "s"};

static uint64_t below(struct run *run, uint64_t bound)
{
    return prng_below(&run->prng, bound);
}

static void keep_open(struct run *run, struct asked *asked)
{
    assert_true(run->open_count < COUNT_OF(run->open));
    run->open[run->open_count++] = asked;
}

static void forget_answered(struct run *run)
{
    size_t kept = 0;
    for (size_t i = 0; i < run->open_count; i++) {
        if (run->open[i]->done)
            forget(run->open[i]);
        else
            run->open[kept++] = run->open[i];
    }
    run->open_count = kept;
}

static void be_born(struct run *run, struct consumer *who)
{
    *who = consumer(groups[below(run, GROUPS)]);
    who->protocols = protocols[below(run, COUNT_OF(protocols))];
    who->instance_id = below(run, 3) == 0 ? instances[below(run, COUNT_OF(instances))] : NULL;
    who->version = (int16_t)below(run, 10);
    if (who->version < 5)
        who->instance_id = NULL;
    who->rebalance_ms = (int32_t)below(run, 3) * 5000;
    who->session_ms = 6000 + (int32_t)below(run, 10000);
}

/* A consumer as clients are: it follows the answers, and sometimes does something else. */
static void step(struct run *run, struct consumer *who)
{
    struct world *world = run->world;
    if (who->join != NULL) {
        if (!who->join->done)
            return;
        int16_t error = who->join->call.error;
        if (error == KAFKA_ERROR_MEMBER_ID_REQUIRED || error == KAFKA_ERROR_NONE)
            take_member_id(who, who->join);
        if (error == KAFKA_ERROR_NONE) {
            who->generation = who->join->call.join.generation_id;
            bool leader = slice_equal_string(who->join->call.join.leader, who->member_id);
            struct consumer *self[] = {who};
            forget(who->join);
            who->join = NULL;
            begin_sync(world, who, self, leader ? 1 : 0);
            return;
        }
        forget(who->join);
        who->join = NULL;
        if (error == KAFKA_ERROR_UNKNOWN_MEMBER_ID || error == KAFKA_ERROR_FENCED_INSTANCE_ID)
            be_born(run, who);
        return;
    }
    if (who->sync != NULL) {
        if (who->sync->done)
            (void)end_sync(who);
        return;
    }
    if (who->generation < 0 || below(run, 3) == 0)
        who->join = send_join(world, who);
    else if (heartbeat(world, who) != KAFKA_ERROR_NONE)
        who->join = send_join(world, who);
}

static void vanish(struct run *run, struct consumer *who)
{
    if (who->join != NULL)
        keep_open(run, who->join);
    if (who->sync != NULL)
        keep_open(run, who->sync);
    be_born(run, who);
}

static void do_something(struct run *run)
{
    struct world *world = run->world;
    struct consumer *who = &run->consumers[below(run, CONSUMERS)];
    struct consumer simple = consumer(who->group);
    struct asked *asked;
    switch (below(run, 14)) {
    case 0:
    case 1:
    case 2:
    case 3:
        step(run, who);
        break;
    case 4:
        pass(world, (int64_t)below(run, 5000));
        break;
    case 5:
        keep_open(run, send_commit(world, below(run, 2) ? who : &simple, (int32_t)below(run, PARTITIONS),
                                   (int64_t)below(run, 1000), -1));
        break;
    case 6:
        keep_open(run, send_commit(world, &simple, (int32_t)below(run, PARTITIONS), (int64_t)below(run, 1000),
                                   (int64_t)below(run, PRODUCERS)));
        break;
    case 7:
        asked = ask(world, 1);
        group_end_transaction(&world->machine, (int64_t)below(run, PRODUCERS), 0, below(run, 2), 1, 2, &asked->call);
        pump(world);
        keep_open(run, asked);
        break;
    case 8:
        keep_open(run, send_fetch(world, who->group, (int32_t)below(run, PARTITIONS), below(run, 2)));
        break;
    case 9:
        if (who->member_id[0] != '\0')
            (void)(world->hold ? 0 : leave(world, who));
        break;
    case 10:
        if (below(run, 4) == 0)
            vanish(run, who);
        break;
    case 11:
        asked = ask(world, 1);
        group_delete(&world->machine, slice_from_string(who->group), &asked->call);
        pump(world);
        keep_open(run, asked);
        break;
    case 12:
        if (below(run, 20) == 0)
            pass(world, 8LL * 24 * 3600 * 1000);
        break;
    case 13:
        world->hold = below(run, 3) == 0;
        pump(world);
        break;
    }
}

static void run_seed(struct world *world, uint64_t seed)
{
    struct run *run = test_calloc(1, sizeof *run);
    run->world = world;
    prng_seed(&run->prng, seed);
    for (int i = 0; i < CONSUMERS; i++)
        be_born(run, &run->consumers[i]);
    for (int i = 0; i < EVENTS; i++) {
        do_something(run);
        forget_answered(run);
        if (i % BURST == 0)
            check_replay(world);
    }
    release(world);
    check_replay(world);
    for (int i = 0; i < CONSUMERS; i++)
        vanish(run, &run->consumers[i]);
    group_resign(&world->machine);
    collect(world);
    forget_answered(run);
    assert_int_equal(run->open_count, 0); /* everybody was answered */
    test_free(run);
}

static void the_state_read_from_the_log_is_the_live_one(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        void *world;
        world_up(&world);
        run_seed(world, seed);
        world_down(&world);
    }
}

/* Issue line: 100,000 committed offsets are loaded in less than a second. */
static void a_large_log_is_read_fast(void **state)
{
    struct world *world = *state;
    enum { OFFSETS = 100000, PER_COMMIT = 1000 };
    struct group_offset *items = test_calloc(PER_COMMIT, sizeof *items);
    for (int32_t first = 0; first < OFFSETS; first += PER_COMMIT) {
        struct consumer simple = consumer(groups[first / PER_COMMIT % GROUPS]);
        for (int32_t i = 0; i < PER_COMMIT; i++)
            items[i] = (struct group_offset){.topic = SLICE_LITERAL("a-topic-with-a-usual-name"),
                                             .partition = first + i,
                                             .offset = i,
                                             .metadata = SLICE_LITERAL("")};
        struct group_commit request = {.group_id = slice_from_string(simple.group),
                                       .generation = -1,
                                       .instance_id = SLICE_NULL,
                                       .retention_ms = -1,
                                       .items = items,
                                       .count = PER_COMMIT};
        struct asked *asked = ask(world, 8);
        group_commit(&world->machine, &request, &asked->call);
        pump(world);
        assert_int_equal(error_of(asked), KAFKA_ERROR_NONE);
    }
    test_free(items);
    struct group_machine fresh;
    struct timespec begin, end;
    group_init(&fresh, world->mem, 7);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    replay_log(world, &fresh);
    clock_gettime(CLOCK_MONOTONIC, &end);
    double seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    assert_int_equal(fresh.offset_count, OFFSETS);
    printf("%d offsets in %.3f s\n", OFFSETS, seconds);
    assert_true(seconds < 5); /* a second on an idle machine; sanitizers and neighbours are not idle */
    group_fini(&fresh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_read_from_the_log_is_the_live_one),
        cmocka_unit_test_setup_teardown(a_large_log_is_read_fast, world_up, world_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
