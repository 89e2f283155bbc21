/* Topics that a Metadata request names and that are not there, from a whole simulated broker. */
#include "core/wire/error.h"
#include "net/client/client.h"
#include "tests/support/sim_broker.h"
#include "tests/support/test.h"

static struct sim_broker host;
static struct client client;
static struct arena arena;

static void turn(struct client *one)
{
    sim_broker_turn(&host);
}

static void open_room(const char *auto_create)
{
    const char *const settings[] = {auto_create, "num.partitions=3", "ringmain.durability=os"};
    sim_broker_open(&host, 1, settings, COUNT_OF(settings));
    assert_int_equal(client_open_on(&client, sim_broker_other_io(&host), turn, SIM_BROKER_ADDRESS, 60000), ERR_OK);
    arena_init(&arena, test_mem(), 1 << 20);
}

static void close_room(void)
{
    client_close(&client);
    arena_fini(&arena);
    sim_broker_close(&host);
}

static void ask(const struct slice *names, int count, struct metadata_response *response)
{
    arena_reset(&arena);
    assert_int_equal(client_metadata(&client, names, count, true, response, &arena), ERR_OK);
    assert_int_equal(response->topics.count, count);
    for (int i = 0; i < count; i++)
        assert_true(slice_equal(response->topics.items[i].name, names[i]));
}

static void check(const struct metadata_response *response, int topic, int16_t error, int partitions)
{
    assert_int_equal(response->topics.items[topic].error_code, error);
    assert_int_equal(response->topics.items[topic].partitions.count, partitions);
    assert_int_equal(uuid_is_zero(response->topics.items[topic].topic_id), partitions == 0);
}

static void a_topic_is_unknown_to_the_request_that_makes_it_and_there_for_the_next(void **state)
{
    const struct slice first[] = {SLICE_LITERAL("b")};
    const struct slice names[] = {SLICE_LITERAL("a"), SLICE_LITERAL("b"), SLICE_LITERAL("no name"), SLICE_LITERAL("c")};
    struct metadata_response response;
    open_room("auto.create.topics.enable=true");
    ask(first, 1, &response);
    check(&response, 0, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION, 0);
    ask(names, 4, &response);
    check(&response, 0, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION, 0);
    check(&response, 1, KAFKA_ERROR_NONE, 3);
    check(&response, 2, KAFKA_ERROR_INVALID_TOPIC_EXCEPTION, 0);
    check(&response, 3, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION, 0);
    ask(names, 4, &response);
    check(&response, 0, KAFKA_ERROR_NONE, 3);
    check(&response, 1, KAFKA_ERROR_NONE, 3);
    check(&response, 2, KAFKA_ERROR_INVALID_TOPIC_EXCEPTION, 0);
    check(&response, 3, KAFKA_ERROR_NONE, 3);
    close_room();
}

static void no_topic_is_made_where_that_is_switched_off(void **state)
{
    const struct slice name = SLICE_LITERAL("a");
    struct metadata_response response;
    open_room("auto.create.topics.enable=false");
    for (int i = 0; i < 2; i++) {
        ask(&name, 1, &response);
        check(&response, 0, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION, 0);
    }
    close_room();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_topic_is_unknown_to_the_request_that_makes_it_and_there_for_the_next),
        cmocka_unit_test(no_topic_is_made_where_that_is_switched_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
