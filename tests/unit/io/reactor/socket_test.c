/* Goal: bytes come through a real loopback connection whole and in order in both receive modes, and the modes can be
 * changed or stopped at any byte without losing one. Method: one shard turned by the test, both ends on it; the sender
 * writes a counting pattern, the receiver checks every byte. */
#include "tests/unit/io/reactor/turning.h"

#include "io/base/prng.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

static uint8_t pattern(uint64_t at)
{
    return (uint8_t)(at * 2654435761u >> 11);
}

/* A receiver that changes its mode as a generator says. */
struct reader {
    struct io_receiver receiver;
    struct io_op into;
    struct io *io;
    io_socket socket;
    struct prng prng;
    uint64_t got;
    uint64_t stop_after; /* bytes in the small mode before it is stopped */
    uint8_t buffer[70000];
    bool small, stopping, ended, over;
    enum err err;
};

static void read_small(struct reader *reader);

static void check_bytes(struct reader *reader, const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (data[i] != pattern(reader->got + i))
            fail_msg("byte %llu is not what was sent", (unsigned long long)(reader->got + i));
    reader->got += length;
}

static void into_done(struct io_op *op)
{
    struct reader *reader = CONTAINER_OF(op, struct reader, into);
    reader->err = op->err;
    if (op->err != ERR_OK || op->result == 0) {
        reader->over = true;
        return;
    }
    check_bytes(reader, reader->buffer, (size_t)op->result);
    read_small(reader);
}

static void small_stopped(struct io_receiver *receiver)
{
    struct reader *reader = CONTAINER_OF(receiver, struct reader, receiver);
    assert_true(reader->stopping);
    reader->stopping = false;
    if (reader->ended) {
        reader->over = true;
        return;
    }
    size_t length = (size_t)prng_between(&reader->prng, 1, sizeof(reader->buffer));
    io_receive_into(reader->io, &reader->into, reader->socket, reader->buffer, length);
}

static void small_bytes(struct io_receiver *receiver, const uint8_t *data, size_t length, enum err err)
{
    struct reader *reader = CONTAINER_OF(receiver, struct reader, receiver);
    assert_false(reader->ended);
    reader->err = err;
    if (length == 0 || err != ERR_OK) {
        reader->ended = true;
        if (!reader->stopping) {
            reader->stopping = true; /* also allowed after the ending call */
            io_receive_stop(reader->io, receiver);
        }
        return;
    }
    check_bytes(reader, data, length);
    if (reader->got >= reader->stop_after && !reader->stopping) {
        reader->stopping = true;
        io_receive_stop(reader->io, receiver);
    }
}

static void read_small(struct reader *reader)
{
    reader->stop_after = reader->got + (uint64_t)prng_between(&reader->prng, 0, 20000);
    reader->receiver = (struct io_receiver){.on_bytes = small_bytes, .stopped = small_stopped};
    io_receive_start(reader->io, &reader->receiver, reader->socket);
    if (prng_chance(&reader->prng, 300000)) {
        reader->stopping = true; /* at once, before anything came */
        io_receive_stop(reader->io, &reader->receiver);
    }
}

struct writer {
    struct io_send send;
    struct io_piece piece;
    struct io *io;
    io_socket socket;
    struct prng prng;
    uint64_t sent, total;
    uint8_t buffer[30000];
    bool over;
    enum err err;
};

static void write_next(struct writer *writer);

static void write_done(struct io_send *send)
{
    struct writer *writer = CONTAINER_OF(send, struct writer, send);
    writer->err = send->err;
    if (send->err != ERR_OK) {
        writer->over = true;
        return;
    }
    writer->sent += writer->piece.length;
    write_next(writer);
}

static void write_next(struct writer *writer)
{
    size_t length = (size_t)prng_between(&writer->prng, 1, sizeof(writer->buffer));
    length = size_min(length, writer->total - writer->sent);
    if (length == 0) {
        io_shutdown(writer->io, writer->socket);
        writer->over = true;
        return;
    }
    for (size_t i = 0; i < length; i++)
        writer->buffer[i] = pattern(writer->sent + i);
    writer->piece = (struct io_piece){.data = writer->buffer, .length = length};
    writer->send = (struct io_send){.done = write_done, .pieces = &writer->piece, .count = 1};
    io_send(writer->io, &writer->send, writer->socket);
}

static void modes_may_change_at_any_byte(void **state)
{
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct machine *machine = turning_open();
        struct turning_pair pair;
        static struct reader reader;
        static struct writer writer;
        turning_connect(machine, &pair);
        memset(&reader, 0, sizeof(reader));
        memset(&writer, 0, sizeof(writer));
        reader.io = writer.io = machine_io(machine, 0);
        reader.socket = pair.server;
        reader.into.done = into_done;
        writer.socket = pair.client;
        writer.total = 3000000;
        prng_seed(&reader.prng, seed);
        prng_seed(&writer.prng, seed + 1000);
        read_small(&reader);
        write_next(&writer);
        turning_until(machine, &writer.over);
        turning_until(machine, &reader.over);
        assert_int_equal(writer.err, ERR_OK);
        assert_int_equal(reader.err, ERR_OK);
        assert_int_equal(reader.got, writer.total);
        io_close_socket(reader.io, pair.server);
        io_close_socket(reader.io, pair.client);
        machine_close(machine);
    }
}

static void a_flood_larger_than_all_shared_buffers_arrives_whole(void **state)
{
    struct machine *machine = turning_open();
    struct turning_pair pair;
    static struct reader reader;
    turning_connect(machine, &pair);
    memset(&reader, 0, sizeof(reader));
    reader.io = machine_io(machine, 0);
    reader.socket = pair.server;
    reader.stop_after = UINT64_MAX;
    /* 64 KiB pipes of raw sends while the reader does not turn: then far more than 128 * 4 KiB wait in the socket. */
    assert_int_equal(io_socket_buffers(reader.io, pair.client, 4 << 20, -1), ERR_OK);
    assert_int_equal(io_socket_buffers(reader.io, pair.server, -1, 4 << 20), ERR_OK);
    uint64_t sent = 0;
    for (ssize_t n = 1; n > 0;) {
        uint8_t chunk[8192];
        for (size_t i = 0; i < sizeof(chunk); i++)
            chunk[i] = pattern(sent + i);
        n = send(pair.client, chunk, sizeof(chunk), MSG_DONTWAIT);
        sent += n > 0 ? (uint64_t)n : 0;
    }
    assert_true(sent > 600000);
    reader.receiver = (struct io_receiver){.on_bytes = small_bytes, .stopped = small_stopped};
    io_receive_start(reader.io, &reader.receiver, pair.server);
    shutdown(pair.client, SHUT_WR);
    turning_until(machine, &reader.over);
    assert_int_equal(reader.got, sent);
    io_close_socket(reader.io, pair.server);
    io_close_socket(reader.io, pair.client);
    machine_close(machine);
}

static void shutdown_ends_what_is_in_flight(void **state)
{
    struct machine *machine = turning_open();
    struct io *io = machine_io(machine, 0);
    struct turning_pair pair;
    static struct reader small, large;
    turning_connect(machine, &pair);
    memset(&small, 0, sizeof(small));
    memset(&large, 0, sizeof(large));
    small.io = large.io = io;
    small.socket = pair.server;
    small.stop_after = UINT64_MAX;
    small.receiver = (struct io_receiver){.on_bytes = small_bytes, .stopped = small_stopped};
    large.socket = pair.client;
    large.into.done = into_done;
    io_receive_start(io, &small.receiver, pair.server);
    io_receive_into(io, &large.into, pair.client, large.buffer, sizeof(large.buffer));
    io_shutdown(io, pair.server);
    turning_until(machine, &small.over);
    turning_until(machine, &large.over);
    io_close_socket(io, pair.server);
    io_close_socket(io, pair.client);
    machine_close(machine);
}

struct dial {
    struct io_op op;
    bool done;
};

static void dial_done(struct io_op *op)
{
    CONTAINER_OF(op, struct dial, op)->done = true;
}

static void connecting_to_nobody_is_refused(void **state)
{
    struct machine *machine = turning_open();
    struct io *io = machine_io(machine, 0);
    struct turning_pair pair;
    turning_connect(machine, &pair); /* its listener is closed again: the port is free */
    struct io_address address;
    assert_true(io_address_parse("127.0.0.1", pair.listener.port, &address));
    struct dial dial = {.op = {.done = dial_done}};
    io_connect(io, &dial.op, &address);
    assert_false(dial.done); /* never inside the call */
    turning_until(machine, &dial.done);
    assert_int_equal(dial.op.err, ERR_REFUSED);
    assert_int_equal(dial.op.result, IO_NONE);
    io_close_socket(io, pair.server);
    io_close_socket(io, pair.client);
    machine_close(machine);
}

static void a_taken_port_is_busy_and_a_shared_one_is_not(void **state)
{
    struct machine *machine = turning_open();
    struct io *io = machine_io(machine, 0);
    struct turning_pair first = {.listener = {.accepted = turning_accepted, .stopped = turning_stopped}};
    struct turning_pair second = first, third = first;
    struct io_address address;
    const struct io_listen_options alone = {.backlog = 4}, shared = {.backlog = 4, .share_port = true};
    assert_true(io_address_parse("127.0.0.1", 0, &address));
    assert_int_equal(io_listen(io, &first.listener, &address, &shared), ERR_OK);
    address.port = first.listener.port;
    assert_int_equal(io_listen(io, &second.listener, &address, &shared), ERR_OK);
    assert_int_equal(second.listener.port, first.listener.port);
    assert_int_equal(io_listen(io, &third.listener, &address, &alone), ERR_BUSY);
    io_listen_stop(io, &first.listener);
    io_listen_stop(io, &second.listener);
    turning_until(machine, &first.stopped);
    turning_until(machine, &second.stopped);
    machine_close(machine);
}

static void addresses_are_read_and_written(void **state)
{
    struct io_address address;
    char text[IO_ADDRESS_TEXT_SIZE];
    assert_true(io_address_parse("", 9092, &address));
    io_address_format(&address, text);
    assert_string_equal(text, "0.0.0.0");
    assert_int_equal(address.port, 9092);
    assert_true(io_address_parse("[2001:db8::7]", 1, &address));
    assert_true(address.is_ipv6);
    io_address_format(&address, text);
    assert_string_equal(text, "2001:db8::7");
    assert_true(io_address_parse("::", 1, &address));
    assert_false(io_address_parse("localhost", 1, &address));
    assert_false(io_address_parse("1.2.3.4.5", 1, &address));
    assert_false(io_address_parse("[::1", 1, &address));
    assert_false(io_address_parse("::111111111111111111111111111111111111111111111111111111111111", 1, &address));
}

/* ---- many at once -------------------------------------------------------------------------------------------------
 */

enum { CROWD = 6000 };

struct crowd_member {
    struct io_receiver receiver;
    struct io_piece piece;
    struct io_send send;
    struct crowd *crowd;
    uint8_t echo[64];
};

struct crowd {
    struct io_listener listener;
    struct io *io;
    struct crowd_member members[CROWD];
    int accepted, answered, ended;
    bool listening_over, all_accepted, all_answered, all_ended;
};

static void crowd_sent(struct io_send *send)
{
    struct crowd_member *member = CONTAINER_OF(send, struct crowd_member, send);
    assert_int_equal(send->err, ERR_OK);
    member->crowd->all_answered = ++member->crowd->answered == CROWD;
}

static void crowd_bytes(struct io_receiver *receiver, const uint8_t *data, size_t length, enum err err)
{
    struct crowd_member *member = CONTAINER_OF(receiver, struct crowd_member, receiver);
    if (length == 0) {
        io_close_socket(member->crowd->io, receiver->_socket);
        member->crowd->all_ended = ++member->crowd->ended == CROWD;
        return;
    }
    assert_int_equal(length, sizeof(member->echo));
    memcpy(member->echo, data, length);
    member->piece = (struct io_piece){.data = member->echo, .length = length};
    member->send = (struct io_send){.done = crowd_sent, .pieces = &member->piece, .count = 1};
    io_send(member->crowd->io, &member->send, receiver->_socket);
}

static void crowd_stopped(struct io_receiver *receiver)
{
    fail_msg("nobody asked");
}

static void crowd_accepted(struct io_listener *listener, io_socket socket, const struct io_address *peer)
{
    struct crowd *crowd = CONTAINER_OF(listener, struct crowd, listener);
    struct crowd_member *member = &crowd->members[crowd->accepted++];
    member->crowd = crowd;
    member->receiver = (struct io_receiver){.on_bytes = crowd_bytes, .stopped = crowd_stopped};
    io_receive_start(crowd->io, &member->receiver, socket);
    crowd->all_accepted = crowd->accepted == CROWD;
}

static void crowd_over(struct io_listener *listener)
{
    CONTAINER_OF(listener, struct crowd, listener)->listening_over = true;
}

/* More than the completion queue and far more than the shared buffers hold; all of them speak before the shard looks.
 */
static void six_thousand_connections_may_speak_at_once(void **state)
{
    struct machine *machine = turning_open(); /* raises the limit of descriptors */
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < 2 * CROWD + 100) {
        machine_close(machine);
        skip();
    }
    struct crowd *crowd = calloc(1, sizeof(*crowd));
    int *clients = calloc(CROWD, sizeof(int));
    struct io_address address;
    const struct io_listen_options options = {.backlog = 128};
    crowd->io = machine_io(machine, 0);
    crowd->listener = (struct io_listener){.accepted = crowd_accepted, .stopped = crowd_over};
    assert_true(io_address_parse("127.0.0.1", 0, &address));
    assert_int_equal(io_listen(crowd->io, &crowd->listener, &address, &options), ERR_OK);
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons(crowd->listener.port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    for (int i = 0; i < CROWD; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(clients[i], (struct sockaddr *)&name, sizeof(name)), 0);
        if (i % 64 == 0)
            machine_turn(machine, false);
    }
    turning_until(machine, &crowd->all_accepted);
    uint8_t bytes[64] = {0};
    for (int i = 0; i < CROWD; i++) {
        memcpy(bytes, &i, sizeof(i));
        assert_int_equal(send(clients[i], bytes, sizeof(bytes), 0), sizeof(bytes));
    }
    turning_until(machine, &crowd->all_answered);
    for (int i = 0; i < CROWD; i++) {
        int back = -1;
        assert_int_equal(recv(clients[i], bytes, sizeof(bytes), 0), sizeof(bytes));
        memcpy(&back, bytes, sizeof(back));
        assert_int_equal(back, i);
        close(clients[i]);
    }
    turning_until(machine, &crowd->all_ended);
    io_listen_stop(crowd->io, &crowd->listener);
    turning_until(machine, &crowd->listening_over);
    free(clients);
    free(crowd);
    machine_close(machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modes_may_change_at_any_byte),
        cmocka_unit_test(a_flood_larger_than_all_shared_buffers_arrives_whole),
        cmocka_unit_test(shutdown_ends_what_is_in_flight),
        cmocka_unit_test(connecting_to_nobody_is_refused),
        cmocka_unit_test(a_taken_port_is_busy_and_a_shared_one_is_not),
        cmocka_unit_test(six_thousand_connections_may_speak_at_once),
        cmocka_unit_test(addresses_are_read_and_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
