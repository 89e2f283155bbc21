/* Bytes become requests, answers become bytes: cuts at any place, order, budgets, ends. */
#include "tests/unit/net/conn/fixture.h"

#include "net/conn/conn.h"

static uint8_t bytes[4 << 20];

static void requests_are_whole_however_their_bytes_are_cut(void **state)
{
    static const size_t sizes[] = {0, 1, 100, 5000, 32 * 1024, 40000, 100000, 0, 3, 1500000, 7};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        open_server(seed, NULL, 0);
        struct client *client = connect_client(0);
        struct prng prng;
        size_t total = 0;
        prng_seed(&prng, seed);
        sim_network(sim)->dribble_ppm = seed % 2 ? 300000 : 0;
        for (size_t i = 0; i < COUNT_OF(sizes); i++)
            total += make_frame(bytes + total, API_PRODUCE, (int32_t)i, sizes[i]);
        for (size_t at = 0; at < total;) {
            size_t piece = prng_below(&prng, 10) < 7 ? 1 + prng_below(&prng, 20) : 1 + prng_below(&prng, 400000);
            piece = size_min(piece, total - at);
            send_bytes(client, bytes + at, piece);
            at += piece;
        }
        run_ms(1000);
        assert_int_equal(taken_count, COUNT_OF(sizes));
        for (size_t i = 0; i < COUNT_OF(sizes); i++) {
            assert_int_equal(taken[i]->header.correlation_id, i);
            assert_true(body_is_right(taken[i], sizes[i]));
        }
        close_server();
    }
}

static void answers_leave_in_the_order_of_requests_whatever_is_ready_first(void **state)
{
    open_server(1, NULL, 0);
    struct client *client = connect_client(0);
    size_t total = 0;
    for (int i = 0; i < 10; i++)
        total += make_frame(bytes + total, API_PRODUCE, i, 10);
    send_bytes(client, bytes, total);
    run_ms(20);
    assert_int_equal(taken_count, 10); /* produce requests do not wait for each other */
    answer(9);
    answer(4);
    run_ms(20);
    assert_int_equal(answers_of(client), 0);
    answer(0);
    run_ms(20);
    assert_int_equal(answers_of(client), 1);
    while (taken_count > 0)
        answer(taken_count - 1);
    run_ms(20);
    assert_int_equal(answers_of(client), 10);
    for (int i = 0; i < 10; i++)
        assert_int_equal(answer_id(client, i), i);
    close_server();
}

static void other_requests_are_handled_one_after_the_other(void **state)
{
    static const int16_t keys[] = {API_FETCH, API_METADATA, API_PRODUCE, API_PRODUCE, API_FETCH};
    open_server(1, NULL, 0);
    struct client *client = connect_client(0);
    size_t total = 0;
    for (int i = 0; i < 5; i++)
        total += make_frame(bytes + total, keys[i], i, 4);
    send_bytes(client, bytes, total);
    run_ms(20);
    assert_int_equal(taken_count, 1);
    answer(0);
    assert_int_equal(taken[0]->header.correlation_id, 1);
    assert_int_equal(taken_count, 1);
    answer(0);
    assert_int_equal(taken_count, 2); /* both produce requests, not the fetch behind them */
    answer(1);
    assert_int_equal(taken_count, 1);
    answer(0);
    assert_int_equal(taken_count, 1);
    assert_int_equal(taken[0]->header.correlation_id, 4);
    close_server();
}

static void a_request_that_needs_no_answer_leaves_none_and_keeps_the_order(void **state)
{
    open_server(1, NULL, 0);
    struct client *client = connect_client(0);
    size_t total = 0;
    for (int i = 0; i < 3; i++)
        total += make_frame(bytes + total, API_PRODUCE, i, 10);
    send_bytes(client, bytes, total);
    run_ms(20);
    answer(2);
    struct request *middle = taken[1];
    taken_count = 1;
    request_drop(middle);
    answer(0);
    run_ms(20);
    assert_int_equal(answers_of(client), 2);
    assert_int_equal(answer_id(client, 0), 0);
    assert_int_equal(answer_id(client, 1), 2);
    close_server();
}

static void sizes_that_cannot_be_close_their_connection_only(void **state)
{
    static const int32_t sizes[] = {-1, INT32_MIN, 0, 7, INT32_MAX, 104857601};
    open_server(1, NULL, 0);
    struct client *good = connect_client(15);
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct client *client = connect_client((int)i);
        put_i32(bytes, sizes[i]);
        memset(bytes + 4, 0, 100);
        send_bytes(client, bytes, 100);
        run_ms(50);
        assert_true(client->closed);
    }
    assert_int_equal(taken_count, 0);
    send_bytes(good, bytes, make_frame(bytes, API_METADATA, 5, 0));
    run_ms(20);
    assert_int_equal(taken_count, 1);
    close_server();
}

static void an_api_without_a_table_closes_the_connection(void **state)
{
    open_server(1, NULL, 0);
    struct client *client = connect_client(0);
    send_bytes(client, bytes, make_frame(bytes, 999, 5, 0));
    run_ms(20);
    assert_true(client->closed);
    close_server();
}

static void reading_stops_at_64_unanswered_requests_and_goes_on(void **state)
{
    open_server(1, NULL, 0);
    struct client *client = connect_client(0);
    size_t total = 0;
    for (int i = 0; i < 200; i++)
        total += make_frame(bytes + total, API_PRODUCE, i, 20000);
    client->piece = (struct io_piece){.data = bytes, .length = total};
    client->send = (struct io_send){.done = on_sent, .pieces = &client->piece, .count = 1};
    io_send(own(), &client->send, client->socket);
    run_ms(2000);
    /* what one buffer holds beyond the limit is taken, no more */
    assert_in_range(server.request_count, CONN_PIPELINE_MAX, CONN_PIPELINE_MAX + 8);
    for (int i = 0; i < 200; i++) {
        assert_true(taken_count > 0);
        answer(0);
        run_ms(10);
    }
    assert_int_equal(answers_of(client), 200);
    close_server();
}

static void what_connections_hold_stays_below_the_budget_and_all_are_served(void **state)
{
    enum { FRAME = 300000, COUNT = 12 };
    open_server(1, NULL, 0);
    server.frame_limit = 1000000;
    sim_network(sim)->window_bytes = 16 << 20; /* the network takes what the server does not */
    size_t total = make_frame(bytes, API_PRODUCE, 1, FRAME), half = total / 2;
    for (int i = 0; i < COUNT; i++) {
        connect_client(i);
        send_bytes(&clients[i], bytes, half);
        assert_true(server.frame_used <= server.frame_limit);
    }
    for (int i = 0; i < COUNT; i++) { /* those that got memory first end first; the others follow */
        clients[i].piece = (struct io_piece){.data = bytes + half, .length = total - half};
        clients[i].send = (struct io_send){.done = on_sent, .pieces = &clients[i].piece, .count = 1};
        io_send(own(), &clients[i].send, clients[i].socket);
    }
    for (int i = 0; i < 2000 && taken_total < COUNT; i++) {
        run_ms(10);
        assert_true(server.frame_used <= server.frame_limit);
        while (taken_count > 0) {
            assert_true(body_is_right(taken[0], FRAME));
            answer(0);
        }
    }
    assert_int_equal(taken_total, COUNT);
    close_server();
}

static void half_frames_that_make_no_progress_do_not_hold_the_budget_for_ever(void **state)
{
    open_server(1, NULL, 0);
    server.frame_limit = 400000;
    size_t total = make_frame(bytes, API_PRODUCE, 1, 300000);
    struct client *stuck = connect_client(0), *waiting = connect_client(1);
    send_bytes(stuck, bytes, total / 2);
    waiting->piece = (struct io_piece){.data = bytes, .length = total};
    waiting->send = (struct io_send){.done = on_sent, .pieces = &waiting->piece, .count = 1};
    io_send(own(), &waiting->send, waiting->socket);
    run_ms(CONN_STALL_MS / 2);
    assert_int_equal(taken_count, 0);
    run_ms(3 * CONN_STALL_MS);
    assert_true(stuck->closed);
    assert_false(waiting->closed);
    assert_int_equal(taken_count, 1);
    close_server();
}

static void a_request_that_waits_holds_its_own_bytes_only(void **state)
{
    enum { FRAME = 20000, COUNT = 12 };
    open_server(1, NULL, 0);
    struct client *client = connect_client(0);
    size_t total = 0;
    for (int i = 0; i < COUNT; i++)
        total += make_frame(bytes + total, i == COUNT / 2 ? API_FETCH : API_PRODUCE, i, FRAME);
    send_bytes(client, bytes, total);
    run_ms(20);
    assert_int_equal(taken_count, COUNT / 2); /* the fetch waits for those before it */
    for (int i = 0; i < COUNT / 2; i++)
        answer(0);
    run_ms(20);
    assert_int_equal(taken_count, 1);
    assert_int_equal(taken[0]->header.api_key, API_FETCH);
    assert_true(body_is_right(taken[0], FRAME));
    assert_in_range(taken[0]->_block->capacity, FRAME, FRAME * 5 / 4);
    answer(0);
    run_ms(20);
    while (taken_count > 0) {
        assert_true(body_is_right(taken[0], FRAME));
        answer(0);
    }
    run_ms(20);
    assert_int_equal(answers_of(client), COUNT);
    assert_int_equal(server.frame_used, 0); /* an idle connection holds nothing */
    close_server();
}

static void idle_connections_are_closed_and_waiting_ones_are_not(void **state)
{
    const char *const settings[] = {"connections.max.idle.ms=60000"};
    open_server(1, settings, 1);
    struct client *idle = connect_client(0), *busy = connect_client(1);
    send_bytes(busy, bytes, make_frame(bytes, API_FETCH, 1, 0));
    run_ms(50000);
    assert_false(idle->closed);
    run_ms(20000);
    assert_true(idle->closed);
    assert_false(busy->closed);
    answer(0);
    run_ms(100);
    assert_int_equal(answers_of(busy), 1);
    close_server();
}

static void a_connection_that_breaks_tells_its_handlers_and_gives_everything_back(void **state)
{
    open_server(1, NULL, 0);
    struct client *client = connect_client(0);
    size_t total = 0;
    for (int i = 0; i < 5; i++)
        total += make_frame(bytes + total, API_PRODUCE, i, 50000);
    send_bytes(client, bytes, total - 20000); /* four, and a part of the fifth */
    run_ms(20);
    assert_int_equal(taken_count, 4);
    hang_up(client);
    run_ms(20);
    assert_int_equal(abandoned_count, 4);
    assert_int_equal(server.conn_count, 1); /* handlers still hold it */
    while (taken_count > 0)
        answer(0);
    run_ms(20);
    assert_int_equal(server.conn_count, 0);
    assert_int_equal(server.frame_used, 0);
    close_server();
}

static void a_stop_finishes_what_is_in_flight(void **state)
{
    open_server(1, NULL, 0);
    struct client *idle = connect_client(0), *busy = connect_client(1);
    send_bytes(busy, bytes, make_frame(bytes, API_FETCH, 1, 0));
    run_ms(20);
    conn_server_stop(&server, on_stopped);
    run_ms(100);
    assert_true(idle->closed);
    assert_false(busy->closed);
    assert_false(stopped);
    answer(0);
    run_ms(100);
    assert_int_equal(answers_of(busy), 1);
    assert_true(busy->closed);
    assert_true(stopped);
    close_server();
}

/* Frames of any kind from several clients over a network that breaks, while allocations fail: no leak, no confusion. */
static void nothing_is_lost_or_confused_when_memory_and_connections_fail(void **state)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct prng prng;
        prng_seed(&prng, seed);
        open_server(seed, NULL, 0);
        server.frame_limit = 500000;
        sim_network(sim)->break_ppm = 3000;
        for (int round = 0; round < 60; round++) {
            struct client *client = &clients[prng_below(&prng, 4)];
            if (!client->connected || client->closed) {
                hang_up(client);
                memset(client, 0, offsetof(struct client, in));
                client->in_length = 0;
                client->connect.done = on_connected;
                client->receive.done = on_received;
                struct io_address address;
                sim_node_address(node, PORT, &address);
                io_connect(own(), &client->connect, &address);
                run_ms(20);
                continue;
            }
            if (prng_below(&prng, 8) == 0)
                sim_node_fail_allocation(node, 1 + prng_below(&prng, 20), false);
            if (client->sending) { /* it may be starved */
                while (taken_count > 0)
                    answer(0);
                run_ms(100);
                continue;
            }
            size_t length = make_frame(bytes, prng_below(&prng, 2) ? API_PRODUCE : API_FETCH, round,
                                       prng_below(&prng, 2) ? 100 : prng_below(&prng, 300000));
            send_bytes(client, bytes, length);
            while (taken_count > 0 && prng_below(&prng, 3) > 0)
                answer((int)prng_below(&prng, (uint64_t)taken_count));
            run_ms(1 + (int64_t)prng_below(&prng, 50));
        }
        sim_node_fail_allocation(node, 0, false);
        sim_network(sim)->break_ppm = 0;
        close_server();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_whole_however_their_bytes_are_cut),
        cmocka_unit_test(answers_leave_in_the_order_of_requests_whatever_is_ready_first),
        cmocka_unit_test(other_requests_are_handled_one_after_the_other),
        cmocka_unit_test(a_request_that_needs_no_answer_leaves_none_and_keeps_the_order),
        cmocka_unit_test(sizes_that_cannot_be_close_their_connection_only),
        cmocka_unit_test(an_api_without_a_table_closes_the_connection),
        cmocka_unit_test(reading_stops_at_64_unanswered_requests_and_goes_on),
        cmocka_unit_test(what_connections_hold_stays_below_the_budget_and_all_are_served),
        cmocka_unit_test(half_frames_that_make_no_progress_do_not_hold_the_budget_for_ever),
        cmocka_unit_test(a_request_that_waits_holds_its_own_bytes_only),
        cmocka_unit_test(idle_connections_are_closed_and_waiting_ones_are_not),
        cmocka_unit_test(a_connection_that_breaks_tells_its_handlers_and_gives_everything_back),
        cmocka_unit_test(a_stop_finishes_what_is_in_flight),
        cmocka_unit_test(nothing_is_lost_or_confused_when_memory_and_connections_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
