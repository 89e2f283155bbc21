/* Somebody else's descriptor on the loop: told once when it is readable, also when it is a set of descriptors. */
#include "io/reactor/io.h"
#include "tests/unit/io/reactor/turning.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

struct watched {
    struct io_op op;
    int count;
    bool done;
};

static void told(struct io_op *op)
{
    struct watched *watched = CONTAINER_OF(op, struct watched, op);
    watched->count++;
    watched->done = true;
}

static void a_watch_ends_when_the_descriptor_is_readable_and_only_then(void **state)
{
    struct machine *machine = turning_open();
    struct io *io = machine_io(machine, 0);
    struct watched watched = {.op.done = told};
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), set = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event wanted = {.events = EPOLLIN};
    assert_true(event >= 0 && set >= 0);
    assert_int_equal(epoll_ctl(set, EPOLL_CTL_ADD, event, &wanted), 0);
    io_watch(io, &watched.op, set);
    for (int i = 0; i < 10; i++)
        machine_turn(machine, false);
    assert_int_equal(watched.count, 0);
    assert_int_equal(eventfd_write(event, 1), 0);
    turning_until(machine, &watched.done);
    assert_int_equal(watched.op.err, ERR_OK);
    for (int i = 0; i < 10; i++) /* once: who wants to know more asks again */
        machine_turn(machine, false);
    assert_int_equal(watched.count, 1);
    watched.done = false;
    io_watch(io, &watched.op, set); /* still readable */
    turning_until(machine, &watched.done);
    assert_int_equal(watched.count, 2);
    io_watch(io, &watched.op, event); /* what is left when the machine closes is forgotten */
    machine_turn(machine, false);
    machine_close(machine);
    close(set);
    close(event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_watch_ends_when_the_descriptor_is_readable_and_only_then),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
