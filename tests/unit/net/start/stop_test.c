/* Goal:   a broker that is told to stop while it starts does so cleanly, and the next one finds everything.
 * Method: a node with a topic starts again and again; it is told to stop after one more event of the simulation each
 *         time, until it was ready before that. */
#include "core/wire/error.h"
#include "net/client/client.h"
#include "tests/support/sim_broker.h"
#include "tests/support/test.h"

static struct sim_broker host;

static void turn(struct client *client)
{
    sim_broker_turn(&host);
}

static void expect_topic(bool create)
{
    struct slice name = SLICE_LITERAL("t");
    struct metadata_response metadata;
    struct client client;
    struct arena arena;
    arena_init(&arena, test_mem(), 64 << 20);
    assert_int_equal(client_open_on(&client, sim_broker_other_io(&host), turn, SIM_BROKER_ADDRESS, 60000), ERR_OK);
    for (int i = 0; i < 100; i++, client_pause(&client, 100)) {
        assert_int_equal(client_metadata(&client, &name, 1, create, &metadata, &arena), ERR_OK);
        if (metadata.topics.items[0].error_code == KAFKA_ERROR_NONE)
            break;
    }
    assert_int_equal(metadata.topics.items[0].error_code, KAFKA_ERROR_NONE);
    assert_int_equal(metadata.topics.items[0].partitions.count, 8);
    client_close(&client);
    arena_fini(&arena);
}

static void test_a_stop_at_every_step_of_a_start(void **state)
{
    const char *const settings[] = {"auto.create.topics.enable=true", "num.partitions=8"};
    sim_broker_open(&host, 1, settings, COUNT_OF(settings));
    expect_topic(true);
    sim_broker_stop(&host);
    int before_ready = 0;
    for (bool was_ready = false; !was_ready; before_ready++) {
        sim_broker_boot(&host);
        for (int i = 0; i < before_ready; i++)
            assert_true(sim_step(host.sim));
        was_ready = host.ready;
        sim_broker_stop(&host);
        assert_true(host.ready == was_ready);
    }
    assert_true(before_ready > 10);
    sim_broker_boot(&host);
    while (!host.ready)
        assert_true(sim_step(host.sim));
    expect_topic(false);
    sim_broker_close(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_stop_at_every_step_of_a_start)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
