/* Waiting fetches: woken once, at the turn's end, never too late and never for nothing. Only the turn's hooks of an io
 * are needed, so the machine is a table with a clock. */
#include "core/partition/wait.h"
#include "io/reactor/backend.h"
#include "tests/support/test.h"

static int64_t fixed_clock(struct io *io)
{
    return 1;
}

static const struct io_backend clock_only = {.clock_ns = fixed_clock};

struct fixture {
    struct io io;
    struct wait_waker waker;
    struct wait_queue queues[3];
};

struct fetch {
    struct wait_group group;
    struct wait_waiter waiters[3];
    int woken;
};

static void fetch_wake(struct wait_group *group)
{
    CONTAINER_OF(group, struct fetch, group)->woken++;
}

static void fetch_init(struct fetch *fetch, int count, uint64_t missing_bytes)
{
    *fetch = (struct fetch){.group = {.wake = fetch_wake}};
    wait_group_init(&fetch->group, fetch->waiters, count, missing_bytes);
}

static void fixture_init(struct fixture *f)
{
    io_init(&f->io, &clock_only, test_mem(), NULL, 0, 1);
    wait_waker_init(&f->waker, &f->io);
    for (int i = 0; i < 3; i++)
        wait_queue_init(&f->queues[i], &f->waker);
}

static void a_waiter_is_woken_at_the_end_of_the_turn_in_which_enough_arrived(void **state)
{
    struct fixture f;
    struct fetch fetch;
    fixture_init(&f);
    fetch_init(&fetch, 1, 100);
    wait_start(&f.queues[0], &fetch.group, 0, wait_queue_seen(&f.queues[0]));
    wait_queue_add(&f.queues[0], 60);
    io_run_hooks(&f.io);
    assert_int_equal(fetch.woken, 0);
    wait_queue_add(&f.queues[0], 40);
    assert_int_equal(fetch.woken, 0);
    wait_queue_add(&f.queues[0], 400);
    io_run_hooks(&f.io);
    assert_int_equal(fetch.woken, 1);
    wait_queue_add(&f.queues[0], 400);
    io_run_hooks(&f.io);
    assert_int_equal(fetch.woken, 1);
}

static void bytes_of_all_partitions_count_together(void **state)
{
    struct fixture f;
    struct fetch fetch;
    fixture_init(&f);
    fetch_init(&fetch, 3, 90);
    for (int i = 0; i < 3; i++)
        wait_start(&f.queues[i], &fetch.group, i, wait_queue_seen(&f.queues[i]));
    for (int i = 0; i < 3; i++) {
        io_run_hooks(&f.io);
        assert_int_equal(fetch.woken, 0);
        wait_queue_add(&f.queues[i], 30);
    }
    io_run_hooks(&f.io);
    assert_int_equal(fetch.woken, 1);
    for (int i = 0; i < 3; i++)
        assert_true(list_empty(&f.queues[i].waiters));
}

static void what_came_between_the_read_and_the_wait_is_not_missed(void **state)
{
    struct fixture f;
    struct fetch bytes, move;
    fixture_init(&f);
    struct wait_seen seen = wait_queue_seen(&f.queues[0]);
    wait_queue_add(&f.queues[0], 10);
    fetch_init(&bytes, 1, 10);
    wait_start(&f.queues[0], &bytes.group, 0, seen);
    wait_queue_move(&f.queues[1]);
    fetch_init(&move, 1, 1000);
    wait_start(&f.queues[1], &move.group, 0, (struct wait_seen){0, 0});
    io_run_hooks(&f.io);
    assert_int_equal(bytes.woken, 1);
    assert_int_equal(move.woken, 1);
}

static void a_move_wakes_everybody_who_waits_there(void **state)
{
    struct fixture f;
    struct fetch a, b, elsewhere;
    fixture_init(&f);
    fetch_init(&a, 1, 1000);
    fetch_init(&b, 2, 1000);
    fetch_init(&elsewhere, 1, 1000);
    wait_start(&f.queues[0], &a.group, 0, wait_queue_seen(&f.queues[0]));
    wait_start(&f.queues[0], &b.group, 0, wait_queue_seen(&f.queues[0]));
    wait_start(&f.queues[1], &b.group, 1, wait_queue_seen(&f.queues[1]));
    wait_start(&f.queues[1], &elsewhere.group, 0, wait_queue_seen(&f.queues[1]));
    wait_queue_move(&f.queues[0]);
    io_run_hooks(&f.io);
    assert_int_equal(a.woken, 1);
    assert_int_equal(b.woken, 1);
    assert_int_equal(elsewhere.woken, 0);
    assert_false(list_empty(&f.queues[1].waiters));
    wait_group_stop(&elsewhere.group);
    assert_true(list_empty(&f.queues[1].waiters));
}

static void a_stopped_group_is_never_called_even_when_it_was_about_to_be(void **state)
{
    struct fixture f;
    struct fetch fetch;
    fixture_init(&f);
    fetch_init(&fetch, 1, 1);
    wait_start(&f.queues[0], &fetch.group, 0, wait_queue_seen(&f.queues[0]));
    wait_queue_add(&f.queues[0], 1);
    wait_group_stop(&fetch.group);
    io_run_hooks(&f.io);
    assert_int_equal(fetch.woken, 0);
    wait_group_stop(&fetch.group);
    wait_waker_fini(&f.waker);
}

static void many_waiters_on_one_partition_are_each_counted_once(void **state)
{
    struct fixture f;
    static struct fetch fetches[50];
    fixture_init(&f);
    for (int i = 0; i < 50; i++) {
        fetch_init(&fetches[i], 1, (uint64_t)(i + 1));
        wait_start(&f.queues[0], &fetches[i].group, 0, wait_queue_seen(&f.queues[0]));
    }
    for (int n = 1; n <= 50; n++) {
        wait_queue_add(&f.queues[0], 1);
        io_run_hooks(&f.io);
        for (int i = 0; i < 50; i++)
            assert_int_equal(fetches[i].woken, i + 1 <= n);
    }
}

struct repeat {
    struct wait_group group;
    struct wait_waiter waiter;
    struct wait_queue *queue;
    int woken;
};

static void repeat_wake(struct wait_group *group)
{
    struct repeat *repeat = CONTAINER_OF(group, struct repeat, group);
    repeat->woken++;
    wait_group_init(group, &repeat->waiter, 1, 1);
    wait_start(repeat->queue, group, 0, (struct wait_seen){repeat->queue->bytes - 1, 0});
}

static void a_wait_begun_inside_a_wake_is_woken_in_a_later_turn(void **state)
{
    struct fixture f;
    fixture_init(&f);
    struct repeat repeat = {.group = {.wake = repeat_wake}, .queue = &f.queues[0]};
    wait_group_init(&repeat.group, &repeat.waiter, 1, 1);
    wait_start(repeat.queue, &repeat.group, 0, wait_queue_seen(repeat.queue));
    wait_queue_add(repeat.queue, 1);
    for (int turn = 1; turn <= 3; turn++) {
        io_run_hooks(&f.io);
        assert_int_equal(repeat.woken, turn);
    }
    wait_group_stop(&repeat.group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_waiter_is_woken_at_the_end_of_the_turn_in_which_enough_arrived),
        cmocka_unit_test(bytes_of_all_partitions_count_together),
        cmocka_unit_test(what_came_between_the_read_and_the_wait_is_not_missed),
        cmocka_unit_test(a_move_wakes_everybody_who_waits_there),
        cmocka_unit_test(a_stopped_group_is_never_called_even_when_it_was_about_to_be),
        cmocka_unit_test(many_waiters_on_one_partition_are_each_counted_once),
        cmocka_unit_test(a_wait_begun_inside_a_wake_is_woken_in_a_later_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
