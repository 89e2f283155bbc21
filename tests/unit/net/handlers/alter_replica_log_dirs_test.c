/* AlterReplicaLogDirs on a whole simulated broker with two log directories: done where the partition lies already,
 * refused everywhere else, each partition answered once. */
#include "core/wire/error.h"
#include "core/wire/messages.h"
#include "net/client/client.h"
#include "tests/support/sim_broker.h"
#include "tests/support/test.h"

enum { NODE = 1 };

static struct sim_broker host;
static struct client client;
static struct arena arena;

static void turn(struct client *one)
{
    sim_broker_turn(&host);
}

static int open_room(void **state)
{
    const char *const settings[] = {"log.dirs=/a,/b", "auto.create.topics.enable=true", "num.partitions=2"};
    struct slice name = SLICE_LITERAL("t");
    struct metadata_response metadata;
    sim_broker_open(&host, 7, settings, COUNT_OF(settings));
    assert_int_equal(client_open_on(&client, sim_broker_other_io(&host), turn, SIM_BROKER_ADDRESS, 60000), ERR_OK);
    arena_init(&arena, client.mem, 16 << 20);
    for (int i = 0; i < 2; i++) /* the request that has it made is told that it is unknown */
        assert_int_equal(client_metadata(&client, &name, 1, true, &metadata, &arena), ERR_OK);
    assert_int_equal(metadata.topics.items[0].error_code, KAFKA_ERROR_NONE);
    return 0;
}

static int close_room(void **state)
{
    arena_fini(&arena);
    client_close(&client);
    sim_broker_close(&host);
    return 0;
}

/* The directory that a partition of "t" lies in. */
static struct slice home_of(int32_t index)
{
    struct describe_log_dirs_request request;
    struct describe_log_dirs_response response;
    WIRE_DEFAULTS(describe_log_dirs_request_schema, &request);
    request.topics.count = -1;
    assert_int_equal(client_call(&client, NODE, API_DESCRIBE_LOG_DIRS, &request, &response, &arena), ERR_OK);
    assert_int_equal(response.results.count, 2);
    for (int32_t d = 0; d < response.results.count; d++)
        for (int32_t t = 0; t < response.results.items[d].topics.count; t++)
            for (int32_t i = 0; i < response.results.items[d].topics.items[t].partitions.count; i++)
                if (slice_equal_string(response.results.items[d].topics.items[t].name, "t") &&
                    response.results.items[d].topics.items[t].partitions.items[i].partition_index == index)
                    return response.results.items[d].log_dir;
    fail_msg("partition %d lies nowhere", index);
    return SLICE_NULL;
}

typedef struct alter_replica_log_dirs_response_alter_replica_log_dir_topic_result answer;

/* Partition 0 and 5 of "t" into each of the directories, one after the other; the answer for "t". */
static answer move(const struct slice *dirs, int count)
{
    int32_t partitions[] = {0, 5};
    struct alter_replica_log_dirs_request_alter_replica_log_dir_topic topic = {.name = SLICE_LITERAL("t"),
                                                                               .partitions = {partitions, 2}};
    struct alter_replica_log_dirs_request_alter_replica_log_dir items[2];
    struct alter_replica_log_dirs_request request = {.dirs = {items, count}};
    struct alter_replica_log_dirs_response response;
    for (int i = 0; i < count; i++)
        items[i] =
            (struct alter_replica_log_dirs_request_alter_replica_log_dir){.path = dirs[i], .topics = {&topic, 1}};
    assert_int_equal(client_call(&client, NODE, API_ALTER_REPLICA_LOG_DIRS, &request, &response, &arena), ERR_OK);
    assert_int_equal(response.results.count, 1);
    assert_true(slice_equal_string(response.results.items[0].topic_name, "t"));
    assert_int_equal(response.results.items[0].partitions.count, 2);
    assert_int_equal(response.results.items[0].partitions.items[0].partition_index, 0);
    assert_int_equal(response.results.items[0].partitions.items[1].partition_index, 5);
    return response.results.items[0];
}

static void a_partition_is_only_where_it_lies(void **state)
{
    struct slice here = home_of(0), nowhere = SLICE_LITERAL("/c"), inside = SLICE_LITERAL("/");
    struct slice there = slice_equal_string(here, "/a") ? SLICE_LITERAL("/b") : SLICE_LITERAL("/a");
    answer got = move(&here, 1);
    assert_int_equal(got.partitions.items[0].error_code, KAFKA_ERROR_NONE);
    assert_int_equal(got.partitions.items[1].error_code, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION);
    got = move(&there, 1);
    assert_int_equal(got.partitions.items[0].error_code, KAFKA_ERROR_UNSUPPORTED_VERSION);
    assert_true(slice_equal(home_of(0), here));
    got = move(&nowhere, 1);
    assert_int_equal(got.partitions.items[0].error_code, KAFKA_ERROR_LOG_DIR_NOT_FOUND);
    assert_int_equal(got.partitions.items[1].error_code, KAFKA_ERROR_LOG_DIR_NOT_FOUND);
    got = move(&inside, 1);
    assert_int_equal(got.partitions.items[0].error_code, KAFKA_ERROR_LOG_DIR_NOT_FOUND);
}

static void the_last_directory_that_is_named_for_a_partition_counts(void **state)
{
    struct slice here = home_of(0), nowhere = SLICE_LITERAL("/c");
    struct slice forth[] = {here, nowhere}, back[] = {nowhere, here};
    assert_int_equal(move(forth, 2).partitions.items[0].error_code, KAFKA_ERROR_LOG_DIR_NOT_FOUND);
    assert_int_equal(move(back, 2).partitions.items[0].error_code, KAFKA_ERROR_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_partition_is_only_where_it_lies, open_room, close_room),
        cmocka_unit_test_setup_teardown(the_last_directory_that_is_named_for_a_partition_counts, open_room, close_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
