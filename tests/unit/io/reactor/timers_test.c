/* Goal: the timer heap fires what a plain array would, and the steps of a turn run what was there when they began.
 * Method: a backend with nothing but a clock that the test sets; ten thousand random steps against the array. */
#include "io/base/prng.h"
#include "io/reactor/backend.h"
#include "tests/support/test.h"

enum { TIMERS = 300 };

struct clock_io {
    struct io io;
    int64_t now_ns;
};

static int64_t test_clock(struct io *io)
{
    return CONTAINER_OF(io, struct clock_io, io)->now_ns;
}
static const struct io_backend clock_backend = {.clock_ns = test_clock};

static void clock_io_init(struct clock_io *clock)
{
    memset(clock, 0, sizeof(*clock));
    io_init(&clock->io, &clock_backend, test_mem(), NULL, 0, 1);
}

struct probe {
    struct io_timer timer;
    struct clock_io *clock;
    bool expected; /* the model's: running */
    int64_t deadline_ns;
    int64_t *last_fired_ns;
};

static void probe_fire(struct io_timer *timer)
{
    struct probe *probe = CONTAINER_OF(timer, struct probe, timer);
    assert_true(probe->expected);
    assert_false(io_timer_running(timer));
    assert_int_equal(probe->deadline_ns, timer->deadline_ns);
    assert_true(probe->deadline_ns <= probe->clock->now_ns);
    assert_true(probe->deadline_ns >= *probe->last_fired_ns); /* in order of deadlines */
    *probe->last_fired_ns = probe->deadline_ns;
    probe->expected = false;
}

static int64_t model_next(const struct probe *probes)
{
    int64_t next = INT64_MAX;
    for (int i = 0; i < TIMERS; i++)
        if (probes[i].expected && probes[i].deadline_ns < next)
            next = probes[i].deadline_ns;
    return next;
}

static void timers_fire_as_a_plain_array_would(void **state)
{
    static struct probe probes[TIMERS];
    struct clock_io clock;
    struct prng prng;
    int64_t last_fired_ns;
    clock_io_init(&clock);
    prng_seed(&prng, 7);
    for (int i = 0; i < TIMERS; i++)
        probes[i] = (struct probe){.timer = {.fire = probe_fire}, .clock = &clock, .last_fired_ns = &last_fired_ns};
    for (int step = 0; step < 20000; step++) {
        struct probe *probe = &probes[prng_below(&prng, TIMERS)];
        uint64_t what = prng_below(&prng, 10);
        if (what < 6) {
            probe->deadline_ns = clock.now_ns + prng_between(&prng, 1, 1000);
            probe->expected = true;
            assert_int_equal(io_timer_start(&clock.io, &probe->timer, probe->deadline_ns), ERR_OK);
        } else if (what < 8) {
            probe->expected = false;
            io_timer_stop(&clock.io, &probe->timer);
        } else {
            clock.now_ns += prng_between(&prng, 0, 100);
            io_turn_begin(&clock.io);
            last_fired_ns = 0;
            io_run_timers(&clock.io);
        }
        assert_int_equal(io_timer_running(&probe->timer), probe->expected);
        assert_int_equal(io_next_deadline(&clock.io), model_next(probes));
        if (what >= 8)
            assert_true(model_next(probes) > clock.now_ns);
    }
    io_fini(&clock.io);
    assert_int_equal(clock.io.mem->used, 0);
}

static void a_timer_without_memory_fails_and_moving_never_does(void **state)
{
    struct clock_io clock;
    int64_t last_fired_ns = 0;
    static struct probe probes[65];
    clock_io_init(&clock);
    for (int i = 0; i < 65; i++)
        probes[i] = (struct probe){.timer = {.fire = probe_fire}, .clock = &clock, .last_fired_ns = &last_fired_ns};
    for (int i = 0; i < 64; i++)
        assert_int_equal(io_timer_start(&clock.io, &probes[i].timer, 100 + i), ERR_OK);
    test_mem_fail_at(clock.io.mem, 1);
    assert_int_equal(io_timer_start(&clock.io, &probes[64].timer, 5), ERR_NO_MEMORY);
    assert_false(io_timer_running(&probes[64].timer));
    test_mem_fail_at(clock.io.mem, 1);
    assert_int_equal(io_timer_start(&clock.io, &probes[10].timer, 5), ERR_OK);
    assert_int_equal(io_next_deadline(&clock.io), 5);
    io_fini(&clock.io);
}

struct again {
    struct io_timer timer;
    struct clock_io *clock;
    int count;
};

static void again_fire(struct io_timer *timer)
{
    struct again *again = CONTAINER_OF(timer, struct again, timer);
    again->count++;
    assert_int_equal(io_timer_start(&again->clock->io, timer, again->clock->now_ns), ERR_OK);
}

static void a_timer_that_is_always_due_does_not_hold_the_turn(void **state)
{
    struct clock_io clock;
    clock_io_init(&clock);
    struct again again = {.timer = {.fire = again_fire}, .clock = &clock};
    assert_int_equal(io_timer_start(&clock.io, &again.timer, 0), ERR_OK);
    io_run_timers(&clock.io);
    assert_int_equal(again.count, 1);
    io_fini(&clock.io);
}

struct hooks {
    struct io_hook first, second;
    struct io *io;
    int order, first_at, second_at;
    bool again;
};

static void first_hook(struct io_hook *hook)
{
    struct hooks *hooks = CONTAINER_OF(hook, struct hooks, first);
    hooks->first_at = ++hooks->order;
    if (hooks->again)
        io_at_turn_end(hooks->io, hook);
}

static void second_hook(struct io_hook *hook)
{
    struct hooks *hooks = CONTAINER_OF(hook, struct hooks, second);
    hooks->second_at = ++hooks->order;
}

static void hooks_run_once_in_order_and_can_be_disarmed(void **state)
{
    struct clock_io clock;
    clock_io_init(&clock);
    struct hooks hooks = {.first = {.run = first_hook}, .second = {.run = second_hook}, .io = &clock.io};
    io_at_turn_end(&clock.io, &hooks.first);
    io_at_turn_end(&clock.io, &hooks.second);
    io_at_turn_end(&clock.io, &hooks.first);
    assert_int_equal(io_next_deadline(&clock.io), 0); /* work waits: no sleep */
    io_run_hooks(&clock.io);
    assert_int_equal(hooks.first_at, 1);
    assert_int_equal(hooks.second_at, 2);
    assert_int_equal(io_next_deadline(&clock.io), INT64_MAX);
    io_at_turn_end(&clock.io, &hooks.first);
    io_at_turn_end(&clock.io, &hooks.second);
    io_hook_stop(&hooks.second);
    hooks.again = true;
    io_run_hooks(&clock.io);
    assert_int_equal(hooks.order, 3); /* once, though it armed itself again */
    assert_int_equal(io_next_deadline(&clock.io), 0);
}

struct deferred {
    struct io_op op;
    struct io *io;
    int count;
};

static void deferred_done(struct io_op *op)
{
    struct deferred *deferred = CONTAINER_OF(op, struct deferred, op);
    assert_int_equal(op->err, ERR_REFUSED);
    assert_int_equal(op->result, 42);
    deferred->count++;
    io_defer(deferred->io, op, ERR_REFUSED, 42);
}

static void a_deferred_completion_runs_in_the_next_step_and_not_twice(void **state)
{
    struct clock_io clock;
    clock_io_init(&clock);
    struct deferred deferred = {.op = {.done = deferred_done}, .io = &clock.io};
    io_defer(&clock.io, &deferred.op, ERR_REFUSED, 42);
    assert_int_equal(deferred.count, 0);
    io_run_ready(&clock.io);
    assert_int_equal(deferred.count, 1);
    io_run_ready(&clock.io);
    assert_int_equal(deferred.count, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_as_a_plain_array_would),
        cmocka_unit_test(a_timer_without_memory_fails_and_moving_never_does),
        cmocka_unit_test(a_timer_that_is_always_due_does_not_hold_the_turn),
        cmocka_unit_test(hooks_run_once_in_order_and_can_be_disarmed),
        cmocka_unit_test(a_deferred_completion_runs_in_the_next_step_and_not_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
