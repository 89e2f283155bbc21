/* Limits of connections: exact for the node, however many shards accept. */
#include "tests/unit/net/conn/fixture.h"

static void one_connection_too_many_waits_until_another_ends(void **state)
{
    const char *const settings[] = {"max.connections=2"};
    static uint8_t bytes[64];
    open_server(1, settings, 1);
    connect_client(0);
    connect_client(1);
    struct client *third = connect_client(2); /* the kernel has accepted it, we have not */
    send_bytes(third, bytes, make_frame(bytes, API_METADATA, 7, 0));
    run_ms(5000);
    assert_int_equal(server.conn_count, 2);
    assert_int_equal(taken_count, 0);
    assert_false(third->closed);
    hang_up(&clients[0]);
    run_ms(100);
    assert_int_equal(server.conn_count, 2);
    assert_int_equal(taken_count, 1);
    close_server();
}

static void one_too_many_from_an_address_is_closed(void **state)
{
    const char *const settings[] = {"max.connections.per.ip=3"};
    open_server(1, settings, 1);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 3; i++)
            connect_client(i);
        struct client *fourth = connect_client(3);
        run_ms(50);
        assert_true(fourth->closed);
        assert_false(clients[2].closed);
        for (int i = 0; i < 4; i++)
            hang_up(&clients[i]);
        run_ms(50);
        assert_int_equal(gate.count, 0);
    }
    assert_int_equal(server.refused_count, 5);
    close_server();
}

static void an_override_is_for_its_address_alone(void **state)
{
    const char *const settings[] = {"max.connections.per.ip=0",
                                    "max.connections.per.ip.overrides=10.0.0.9:5,10.0.0.2:1"};
    open_server(1, settings, 2);
    connect_client(0);
    struct client *second = connect_client(1);
    run_ms(50);
    assert_false(clients[0].closed);
    assert_true(second->closed);
    close_server();
}

static void new_connections_wait_for_their_turn_at_the_rate(void **state)
{
    const char *const settings[] = {"max.connection.creation.rate=2"};
    open_server(1, settings, 1);
    int64_t began_ns = sim_now_ns(sim);
    for (int i = 0; i < 10; i++)
        connect_client(i);
    assert_in_range(server.conn_count, 1, 3); /* a second's worth at once */
    while (server.conn_count < 10)
        run_ms(10);
    assert_in_range((sim_now_ns(sim) - began_ns) / 1000000, 3500, 5000);
    close_server();
}

static void a_limit_that_is_lifted_lets_in_who_waits(void **state)
{
    const char *const settings[] = {"max.connections=0"};
    open_server(1, settings, 1);
    connect_client(0);
    run_ms(1000);
    assert_int_equal(server.conn_count, 0);
    struct config_settings node_settings = {0}, cluster = {0};
    struct config_problems problems = {0};
    const struct broker_config *lifted;
    assert_int_equal(config_add_override(settings[0], &arena, &node_settings, &problems), ERR_OK);
    assert_int_equal(config_add_override("max.connections=5", &arena, &cluster, &problems), ERR_OK);
    struct config_layers layers = {.node = &node_settings, .cluster = &cluster};
    assert_int_equal(config_load(&layers, &arena, &problems, &lifted), ERR_OK);
    conn_gate_configure(&gate, lifted);
    run_ms(50);
    assert_int_equal(server.conn_count, 1);
    gate.config = config;
    close_server();
}

static void everybody_waits_until_the_broker_is_ready(void **state)
{
    static uint8_t bytes[64];
    open_server(1, NULL, 0);
    gate._open = false; /* as at the start */
    struct client *early = connect_client(0);
    send_bytes(early, bytes, make_frame(bytes, API_METADATA, 7, 0));
    run_ms(1000);
    assert_int_equal(server.conn_count, 0);
    assert_false(early->closed);
    conn_gate_open(&gate);
    run_ms(50);
    assert_int_equal(taken_count, 1);
    close_server();
}

static void who_waits_is_refused_when_the_node_stops(void **state)
{
    const char *const settings[] = {"max.connections=1"};
    open_server(1, settings, 1);
    connect_client(0);
    struct client *second = connect_client(1);
    conn_gate_stop(&gate);
    run_ms(50);
    assert_true(second->closed);
    assert_false(clients[0].closed);
    close_server();
}

#define TWO_LISTENERS                                                                                                  \
    "listeners=PLAINTEXT://0.0.0.0:9092,INSIDE://0.0.0.0:9093",                                                        \
        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,INSIDE:PLAINTEXT"

static void a_listener_that_is_full_does_not_stop_the_others(void **state)
{
    const char *const settings[] = {TWO_LISTENERS, "listener.name.inside.max.connections=1"};
    open_server(1, settings, 3);
    connect_client_to(0, PORT + 1);
    connect_client_to(1, PORT + 1); /* waits */
    connect_client(2);
    connect_client(3);
    run_ms(100);
    assert_int_equal(server.conn_count, 3);
    hang_up(&clients[3]); /* of the other listener: nothing for who waits */
    run_ms(100);
    assert_int_equal(server.conn_count, 2);
    hang_up(&clients[0]);
    run_ms(100);
    assert_int_equal(server.conn_count, 2);
    assert_false(clients[1].closed);
    close_server();
}

static void a_listener_has_a_rate_of_its_own_below_the_nodes(void **state)
{
    const char *const settings[] = {TWO_LISTENERS, "listener.name.plaintext.max.connection.creation.rate=2",
                                    "max.connection.creation.rate=1000", "inter.broker.listener.name=INSIDE"};
    open_server(1, settings, 5);
    int64_t began_ns = sim_now_ns(sim);
    for (int i = 0; i < 8; i++)
        connect_client(i);
    for (int i = 8; i < 12; i++)
        connect_client_to(i, PORT + 1);
    run_ms(10);
    assert_in_range(server.conn_count, 5, 8); /* four of INSIDE, what a second and a quarter let in of the other */
    while (server.conn_count < 12)
        run_ms(10);
    assert_in_range((sim_now_ns(sim) - began_ns) / 1000000, 2500, 4000);
    close_server();
}

static void the_listener_between_brokers_minds_its_own_limits_alone(void **state)
{
    const char *const settings[] = {TWO_LISTENERS, "max.connections=1", "inter.broker.listener.name=INSIDE",
                                    "listener.name.inside.max.connections=2"};
    open_server(1, settings, 5);
    connect_client(0);
    connect_client(1); /* waits: the node is full */
    for (int i = 2; i < 5; i++)
        connect_client_to(i, PORT + 1); /* the third is one too many for the listener */
    run_ms(100);
    assert_int_equal(server.conn_count, 3);
    assert_int_equal(gate.count, 3);
    hang_up(&clients[0]); /* two of INSIDE are more than the node's one */
    run_ms(100);
    assert_int_equal(server.conn_count, 2);
    close_server();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_connection_too_many_waits_until_another_ends),
        cmocka_unit_test(one_too_many_from_an_address_is_closed),
        cmocka_unit_test(an_override_is_for_its_address_alone),
        cmocka_unit_test(new_connections_wait_for_their_turn_at_the_rate),
        cmocka_unit_test(a_limit_that_is_lifted_lets_in_who_waits),
        cmocka_unit_test(everybody_waits_until_the_broker_is_ready),
        cmocka_unit_test(who_waits_is_refused_when_the_node_stops),
        cmocka_unit_test(a_listener_that_is_full_does_not_stop_the_others),
        cmocka_unit_test(a_listener_has_a_rate_of_its_own_below_the_nodes),
        cmocka_unit_test(the_listener_between_brokers_minds_its_own_limits_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
