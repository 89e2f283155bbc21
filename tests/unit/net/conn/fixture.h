/* A shard's connections on a simulated node, with handlers played by the test, and raw sockets on another node. */
#ifndef RINGMAIN_TESTS_UNIT_NET_CONN_FIXTURE_H
#define RINGMAIN_TESTS_UNIT_NET_CONN_FIXTURE_H

#include "io/reactor/sim.h"
#include "net/conn/server.h"
#include "tests/support/test.h"

enum { PORT = 9092, CLIENTS_MAX = 16, TAKEN_MAX = 256, RECEIVED_MAX = 1 << 20, SECOND = 1000000000 };

static struct sim *sim;
static struct sim_node *node, *other;
static struct conn_server server;
static struct conn_gate gate;
static struct arena arena;
static const struct broker_config *config;
static bool stopped;
static size_t memory_before;

/* What the test's handlers have taken and not yet answered, in order. */
static struct request *taken[TAKEN_MAX];
static int taken_count;
static uint64_t taken_total;
static int abandoned_count;

static void on_abandoned(struct request *request)
{
    abandoned_count++;
}

static void take(struct request *request)
{
    assert_true(taken_count < TAKEN_MAX);
    request->abandoned = on_abandoned;
    taken[taken_count++] = request;
    taken_total++;
}

struct client {
    struct io_op connect, receive;
    struct io_send send;
    struct io_piece piece;
    io_socket socket;
    bool connected, closed, sending;
    uint8_t in[RECEIVED_MAX], chunk[65536];
    size_t in_length;
};
static struct client clients[CLIENTS_MAX];

static struct io *own(void)
{
    return sim_node_io(other, 0);
}

static void run_ms(int64_t ms)
{
    sim_node_wake(node);
    sim_node_wake(other);
    sim_run_for(sim, ms * 1000000);
}

static void receive_more(struct client *client)
{
    io_receive_into(own(), &client->receive, client->socket, client->chunk, sizeof client->chunk);
}

static void on_received(struct io_op *op)
{
    struct client *client = CONTAINER_OF(op, struct client, receive);
    if (op->err != ERR_OK || op->result == 0) {
        client->closed = true;
        return;
    }
    assert_true(client->in_length + (size_t)op->result <= RECEIVED_MAX);
    memcpy(client->in + client->in_length, client->chunk, (size_t)op->result);
    client->in_length += (size_t)op->result;
    receive_more(client);
}

static void on_connected(struct io_op *op)
{
    struct client *client = CONTAINER_OF(op, struct client, connect);
    client->connected = op->err == ERR_OK;
    client->closed = !client->connected;
    client->socket = (io_socket)op->result;
    if (client->connected)
        receive_more(client);
}

static void on_sent(struct io_send *send)
{
    CONTAINER_OF(send, struct client, send)->sending = false;
}

static struct client *connect_client_to(int index, uint16_t port)
{
    struct client *client = &clients[index];
    struct io_address address;
    memset(client, 0, offsetof(struct client, in));
    client->in_length = 0;
    client->connect.done = on_connected;
    client->receive.done = on_received;
    sim_node_address(node, port, &address);
    io_connect(own(), &client->connect, &address);
    run_ms(20);
    assert_true(client->connected);
    return client;
}

static struct client *connect_client(int index)
{
    return connect_client_to(index, PORT);
}

static void hang_up(struct client *client)
{
    if (!client->connected)
        return;
    io_shutdown(own(), client->socket);
    run_ms(20);
    io_close_socket(own(), client->socket);
    client->connected = false;
}

/* Sends all of it; runs until it has left, or for a second at most. */
static void send_bytes(struct client *client, const uint8_t *bytes, size_t length)
{
    client->piece = (struct io_piece){.data = bytes, .length = length};
    client->send = (struct io_send){.done = on_sent, .pieces = &client->piece, .count = 1};
    client->sending = true;
    io_send(own(), &client->send, client->socket);
    for (int i = 0; i < 1000 && client->sending; i++)
        run_ms(1);
}

/* A request without meaning: header and `body` bytes that follow from its correlation id. */
static size_t make_frame(uint8_t *to, int16_t api_key, int32_t correlation_id, size_t body)
{
    put_i32(to, (int32_t)(10 + body));
    put_i16(to + 4, api_key);
    put_i16(to + 6, 3);
    put_i32(to + 8, correlation_id);
    put_i16(to + 12, -1);
    for (size_t i = 0; i < body; i++)
        to[14 + i] = (uint8_t)((size_t)correlation_id * 31 + i);
    return 14 + body;
}

static inline bool body_is_right(const struct request *request, size_t length)
{
    if (request->body.length != length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (request->body.data[i] != (uint8_t)((size_t)request->header.correlation_id * 31 + i))
            return false;
    return true;
}

/* Answers the index-th taken request with nothing but its header. */
static void answer(int index)
{
    struct request *request = taken[index];
    memmove(&taken[index], &taken[index + 1], (size_t)(--taken_count - index) * sizeof taken[0]);
    request_done(request);
    sim_node_wake(node);
}

static inline int answers_of(const struct client *client)
{
    assert_int_equal(client->in_length % 8, 0); /* size 4, correlation id */
    return (int)(client->in_length / 8);
}

static inline int32_t answer_id(const struct client *client, int index)
{
    assert_int_equal(get_i32(client->in + index * 8), 4);
    return get_i32(client->in + index * 8 + 4);
}

static void on_timer(struct io_timer *timer)
{
}

static void open_server(uint64_t seed, const char *const *settings, int count)
{
    struct config_settings all = {0};
    struct config_problems problems = {0};
    uint16_t ports[4] = {PORT, PORT + 1};
    sim = sim_open(&(struct sim_options){.seed = seed});
    node = sim_node_open(sim, &(struct sim_node_options){.memory_bytes = 64 << 20});
    other = sim_node_open(sim, &(struct sim_node_options){0});
    sim_node_start(node, 0);
    sim_node_start(other, 0);
    arena_init(&arena, test_mem(), 4 << 20);
    assert_int_equal(config_add_override("listeners=PLAINTEXT://0.0.0.0:9092", &arena, &all, &problems), ERR_OK);
    for (int i = 0; i < count; i++)
        assert_int_equal(config_add_override(settings[i], &arena, &all, &problems), ERR_OK);
    struct config_layers layers = {.node = &all};
    assert_int_equal(config_load(&layers, &arena, &problems, &config), ERR_OK);
    taken_count = abandoned_count = 0;
    taken_total = 0;
    stopped = false;
    static struct io_timer timer = {.fire = on_timer}; /* the heap of timers grows once and stays */
    assert_int_equal(io_timer_start(sim_node_io(node, 0), &timer, INT64_MAX), ERR_OK);
    io_timer_stop(sim_node_io(node, 0), &timer);
    memory_before = sim_node_memory_used(node);
    assert_int_equal(conn_gate_init(&gate, sim_node_io(node, 0), config), ERR_OK);
    conn_gate_open(&gate);
    conn_server_init(&server, sim_node_io(node, 0), NULL, take, config, &gate);
    assert_int_equal(conn_server_listen(&server, ports), ERR_OK);
    run_ms(1);
}

static void on_stopped(struct conn_server *one)
{
    stopped = true;
}

/* Stops the server; whatever the test has left unanswered is answered. Nothing may stay behind. */
static void close_server(void)
{
    for (int i = 0; i < CLIENTS_MAX; i++)
        hang_up(&clients[i]);
    conn_gate_stop(&gate);
    conn_server_stop(&server, on_stopped);
    while (taken_count > 0)
        answer(0);
    for (int i = 0; i < 1000 && !stopped; i++)
        run_ms(10);
    assert_true(stopped);
    assert_int_equal(server.conn_count, 0);
    assert_int_equal(server.frame_used, 0);
    assert_int_equal(gate.count, 0);
    conn_gate_fini(&gate);
    assert_int_equal(sim_node_memory_used(node), memory_before);
    sim_node_crash(node, SIM_KILL);
    sim_node_crash(other, SIM_KILL);
    sim_close(sim);
    arena_fini(&arena);
}

#endif
