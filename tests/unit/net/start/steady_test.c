/* Goal:   the usual produce and the usual fetch take no memory from the allocator.
 * Method: a whole broker on a simulated node; after some rounds that fill what is kept, the allocations of its data
 *         shards are counted over many requests. Every allocation of a shard goes through its struct mem, which on the
 *         real machine is jemalloc. */
#include "core/wire/batch.h"
#include "core/wire/error.h"
#include "net/client/client.h"
#include "tests/support/sim_broker.h"
#include "tests/support/test.h"

enum { WARM_UP = 64, ROUNDS = 256 };

static struct sim_broker host;
static struct client client;
static struct arena arena;
static struct uuid topic_id;

static void turn(struct client *one)
{
    sim_broker_turn(&host);
}

static void open_room(void)
{
    const char *const settings[] = {"auto.create.topics.enable=true", "num.partitions=1", "ringmain.durability=os"};
    struct slice name = SLICE_LITERAL("t");
    struct metadata_response metadata;
    sim_broker_open(&host, 1, settings, COUNT_OF(settings));
    assert_int_equal(client_open_on(&client, sim_broker_other_io(&host), turn, SIM_BROKER_ADDRESS, 60000), ERR_OK);
    arena_init(&arena, test_mem(), 64 << 20);
    for (int i = 0; i < 100; i++, client_pause(&client, 100)) {
        assert_int_equal(client_metadata(&client, &name, 1, true, &metadata, &arena), ERR_OK);
        if (metadata.topics.items[0].error_code == KAFKA_ERROR_NONE)
            break;
    }
    assert_int_equal(metadata.topics.items[0].error_code, KAFKA_ERROR_NONE);
    topic_id = metadata.topics.items[0].topic_id;
}

static void close_room(void)
{
    client_close(&client);
    arena_fini(&arena);
    sim_broker_close(&host);
}

static uint64_t allocations(void)
{
    uint64_t sum = 0;
    for (int i = 0; i + 1 < sim_node_shards(host.node); i++)
        sum += io_mem(sim_node_io(host.node, i))->allocs;
    return sum;
}

static void produce(size_t value_bytes)
{
    static uint8_t bytes[40000], value[32000];
    struct batch_builder builder;
    struct produce_request_partition_produce_data partition = {.index = 0};
    struct produce_request_topic_produce_data topic = {.name = SLICE_LITERAL("t"), .topic_id = topic_id};
    struct produce_request request = {.acks = 1, .timeout_ms = 1000, .transactional_id = SLICE_NULL};
    struct produce_response response;
    batch_builder_init(&builder, bytes, sizeof(bytes));
    assert_true(batch_builder_add(&builder, 1, SLICE_NULL, slice_of(value, value_bytes), SLICE_NULL, 0));
    partition.records.data = batch_builder_finish(&builder, NULL);
    topic.partition_data.items = &partition;
    topic.partition_data.count = 1;
    request.topic_data.items = &topic;
    request.topic_data.count = 1;
    arena_reset(&arena);
    assert_int_equal(client_call(&client, 1, API_PRODUCE, &request, &response, &arena), ERR_OK);
    assert_int_equal(response.responses.items[0].partition_responses.items[0].error_code, KAFKA_ERROR_NONE);
}

static void fetch(int64_t offset)
{
    struct fetch_request request;
    struct fetch_request_fetch_topic topic;
    struct fetch_request_fetch_partition partition;
    struct fetch_response response;
    WIRE_DEFAULTS(fetch_request_schema, &request);
    wire_set_defaults(&fetch_request_fetch_topic_struct, &topic);
    wire_set_defaults(&fetch_request_fetch_partition_struct, &partition);
    partition.fetch_offset = offset;
    partition.partition_max_bytes = 1 << 20;
    topic.topic = SLICE_LITERAL("t");
    topic.topic_id = topic_id;
    topic.partitions.items = &partition;
    topic.partitions.count = 1;
    request.topics.items = &topic;
    request.topics.count = 1;
    arena_reset(&arena);
    assert_int_equal(client_call(&client, 1, API_FETCH, &request, &response, &arena), ERR_OK);
    struct fetch_response_partition_data *answer = &response.responses.items[0].partitions.items[0];
    assert_int_equal(answer->error_code, KAFKA_ERROR_NONE);
    assert_true(answer->records.data.length > 0);
}

static void check(size_t value_bytes)
{
    open_room();
    for (int i = 0; i < WARM_UP; i++) {
        produce(value_bytes);
        fetch(i);
    }
    uint64_t before = allocations();
    for (int i = 0; i < ROUNDS; i++)
        produce(value_bytes);
    uint64_t between = allocations();
    for (int i = 0; i < ROUNDS; i++)
        fetch(i);
    uint64_t after = allocations();
    /* The index of the growing segment doubles now and then. */
    assert_in_range(between - before, 0, ROUNDS / 32);
    assert_int_equal(after - between, 0);
    close_room();
}

static void small_requests_allocate_nothing(void **state)
{
    check(100);
}

static void large_requests_allocate_nothing(void **state)
{
    check(30000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_requests_allocate_nothing),
        cmocka_unit_test(large_requests_allocate_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
