/* A machine with only the control shard, turned by the test's own thread. */
#ifndef RINGMAIN_TESTS_UNIT_IO_REACTOR_TURNING_H
#define RINGMAIN_TESTS_UNIT_IO_REACTOR_TURNING_H

#include "io/reactor/fs.h"
#include "io/reactor/machine.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* tests/limits/kernel.sh runs these tests with what older kernels and other file systems lack. */
static inline uint32_t turning_without(void)
{
    const char *list = getenv("RINGMAIN_TEST_WITHOUT");
    return machine_features_named(list == NULL ? "" : list);
}

static inline bool turning_lacks(enum machine_feature feature)
{
    return (turning_without() & feature) != 0;
}

static inline struct machine *turning_open_with(enum machine_transport transport)
{
    struct machine *machine;
    char why[512];
    const struct machine_options options = {
        .memory_limit = (size_t)256 << 20, .without = turning_without(), .transport = transport};
    if (machine_open(&options, &machine, why) != ERR_OK)
        fail_msg("%s", why);
    return machine;
}

static inline struct machine *turning_open(void)
{
    return turning_open_with(MACHINE_SENDFILE);
}

/* So many times slower may this machine be (tests/limits/old_kernel.sh runs in an emulated one). */
static inline int64_t turning_patience(void)
{
    const char *times = getenv("RINGMAIN_TEST_PATIENCE");
    int patience = times == NULL ? 1 : atoi(times);
    return patience > 1 ? patience : 1;
}

static inline int64_t turning_limit_ns(void)
{
    return 10000000000 * turning_patience();
}

/* Turns until *flag is true; a watchdog timer fails the test after turning_limit_ns. */
struct turning_watchdog {
    struct io_timer timer;
};

static inline void turning_too_long(struct io_timer *timer)
{
    fail_msg("the machine waited for more than %d s", (int)(turning_limit_ns() / 1000000000));
}

static inline void turning_until(struct machine *machine, const bool *flag)
{
    struct io *io = machine_io(machine, 0);
    struct turning_watchdog watchdog = {.timer = {.fire = turning_too_long}};
    assert_int_equal(io_timer_start(io, &watchdog.timer, io_now_ns(io) + turning_limit_ns()), ERR_OK);
    while (!*flag)
        machine_turn(machine, true);
    io_timer_stop(io, &watchdog.timer);
}

/* A connected pair: `server` came out of a listener on the loopback, `client` out of io_connect. */
struct turning_pair {
    struct io_listener listener;
    struct io_op connect;
    io_socket server, client;
    bool accepted, connected, stopped;
};

static inline void turning_accepted(struct io_listener *listener, io_socket socket, const struct io_address *peer)
{
    struct turning_pair *pair = CONTAINER_OF(listener, struct turning_pair, listener);
    char text[IO_ADDRESS_TEXT_SIZE];
    io_address_format(peer, text);
    assert_string_equal(text, "127.0.0.1");
    pair->server = socket;
    pair->accepted = true;
}

static inline void turning_stopped(struct io_listener *listener)
{
    CONTAINER_OF(listener, struct turning_pair, listener)->stopped = true;
}

static inline void turning_connected(struct io_op *op)
{
    struct turning_pair *pair = CONTAINER_OF(op, struct turning_pair, connect);
    assert_int_equal(op->err, ERR_OK);
    pair->client = (io_socket)op->result;
    pair->connected = true;
}

static inline void turning_connect(struct machine *machine, struct turning_pair *pair)
{
    struct io *io = machine_io(machine, 0);
    struct io_address address;
    const struct io_listen_options options = {.backlog = 16};
    memset(pair, 0, sizeof(*pair));
    pair->listener.accepted = turning_accepted;
    pair->listener.stopped = turning_stopped;
    pair->connect.done = turning_connected;
    assert_true(io_address_parse("127.0.0.1", 0, &address));
    assert_int_equal(io_listen(io, &pair->listener, &address, &options), ERR_OK);
    address.port = pair->listener.port;
    io_connect(io, &pair->connect, &address);
    turning_until(machine, &pair->accepted);
    turning_until(machine, &pair->connected);
    io_listen_stop(io, &pair->listener);
    turning_until(machine, &pair->stopped);
}

#endif
