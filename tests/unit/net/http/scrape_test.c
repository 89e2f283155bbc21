/* Scrapes of a whole simulated broker: what was done is in the text; who asks at once is served at once; deletions and
 * want of memory meanwhile hurt nobody. */
#include "net/http/scrape.h"

#include "net/client/client.h"
#include "tests/support/sim_broker.h"
#include "tests/support/test.h"

enum { SECOND_MS = 1000, PARTITIONS = 600, ARENA_BYTES = 64 << 20 };

static struct sim_broker host;
static struct client client;
static struct arena arena;
static struct scrape *scrape;

static void turn(struct client *unused)
{
    sim_broker_turn(&host);
}

struct asked {
    struct scrape_request request;
    bool done;
};

static void told(struct scrape_request *request)
{
    CONTAINER_OF(request, struct asked, request)->done = true;
}

struct start {
    struct io_msg msg;
    struct asked *asked;
    int count;
};

static void start_here(struct io_msg *msg, struct io *io)
{
    struct start *start = CONTAINER_OF(msg, struct start, msg);
    for (int i = 0; i < start->count; i++)
        scrape_start(scrape, &start->asked[i].request);
}

/* On the control shard, as the HTTP server does. */
static void ask(struct start *start, struct asked *asked, int count)
{
    struct shard *control = broker_control(host.broker);
    for (int i = 0; i < count; i++)
        asked[i] = (struct asked){.request = {.done = told}};
    *start = (struct start){.msg = {.run = start_here}, .asked = asked, .count = count};
    io_post(control->io, control->index, &start->msg);
    sim_node_wake(host.node);
}

static void wait_for(struct asked *asked)
{
    for (int turns = 0; !asked->done; turns++) {
        assert_true(turns < 1000000);
        turn(NULL);
    }
}

static bool says(const struct asked *asked, const char *line)
{
    return memmem(asked->request.text->data, asked->request.text->length, line, strlen(line)) != NULL;
}

static struct uuid create_topic(const char *name, int32_t partitions)
{
    struct create_topics_request request;
    struct create_topics_response response;
    struct create_topics_request_creatable_topic topic = {
        .name = slice_from_string(name), .num_partitions = partitions, .replication_factor = 1};
    WIRE_DEFAULTS(create_topics_request_schema, &request);
    request.topics.items = &topic;
    request.topics.count = 1;
    request.timeout_ms = 60 * SECOND_MS;
    assert_int_equal(client_call(&client, CLIENT_ANY_BROKER, API_CREATE_TOPICS, &request, &response, &arena), ERR_OK);
    assert_int_equal(response.topics.items[0].error_code, 0);
    return response.topics.items[0].topic_id;
}

static int set_up(void **state)
{
    sim_broker_open(&host, 11, NULL, 0);
    assert_int_equal(client_open_on(&client, sim_broker_other_io(&host), turn, SIM_BROKER_ADDRESS, 120 * SECOND_MS),
                     ERR_OK);
    arena_init(&arena, host.mem, ARENA_BYTES);
    assert_int_equal(scrape_open(broker_control(host.broker)->control, &scrape), ERR_OK);
    return 0;
}

static int tear_down(void **state)
{
    assert_true(scrape_is_idle(scrape));
    scrape_close(scrape);
    client_close(&client);
    arena_fini(&arena);
    sim_broker_close(&host);
    return 0;
}

static void what_the_broker_did_is_in_the_text(void **state)
{
    struct start start;
    struct asked asked;
    create_topic("many", PARTITIONS); /* more than one slice of a shard */
    create_topic("few", 3);
    ask(&start, &asked, 1);
    wait_for(&asked);
    assert_non_null(asked.request.text);
    assert_true(says(&asked, "\nkafka_controller_kafkacontroller_globalpartitioncount 603\n"));
    assert_true(says(&asked, "\nkafka_server_replicamanager_partitioncount 603\n"));
    assert_true(says(&asked, "\nkafka_log_log_logendoffset{topic=\"many\",partition=\"599\"} 0\n"));
    assert_true(
        says(&asked, "\nkafka_network_requestmetrics_requests_total{request=\"CreateTopics\",version=\"7\"} 2\n"));
    assert_true(says(&asked, "\nkafka_network_requestmetrics_errors_total{request=\"ApiVersions\",error=\"NONE\"} "));
    assert_true(says(&asked, "\nkafka_controller_kafkacontroller_activecontrollercount 1\n"));
    scrape_text_release(asked.request.text);
}

static void commit(const char *group, struct uuid topic_id, int32_t partition, int64_t offset)
{
    struct offset_commit_request request;
    struct offset_commit_response response;
    struct offset_commit_request_offset_commit_request_topic of;
    struct offset_commit_request_offset_commit_request_partition item;
    WIRE_DEFAULTS(offset_commit_request_schema, &request);
    wire_set_defaults(&offset_commit_request_offset_commit_request_topic_struct, &of);
    wire_set_defaults(&offset_commit_request_offset_commit_request_partition_struct, &item);
    item.partition_index = partition;
    item.committed_offset = offset;
    of.topic_id = topic_id;
    of.partitions.items = &item;
    request.group_id = slice_from_string(group);
    request.topics.items = &of;
    of.partitions.count = request.topics.count = 1;
    assert_int_equal(client_call(&client, CLIENT_ANY_BROKER, API_OFFSET_COMMIT, &request, &response, &arena), ERR_OK);
    assert_int_equal(response.topics.items[0].partitions.items[0].error_code, 0);
}

static void find_coordinator(const char *group)
{
    struct find_coordinator_request request;
    struct find_coordinator_response response;
    struct slice key = slice_from_string(group);
    WIRE_DEFAULTS(find_coordinator_request_schema, &request);
    request.key = key;
    request.coordinator_keys.items = &key;
    request.coordinator_keys.count = 1;
    for (int tries = 0;; tries++) { /* the first makes __consumer_offsets */
        assert_true(tries < 1000);
        assert_int_equal(client_call(&client, CLIENT_ANY_BROKER, API_FIND_COORDINATOR, &request, &response, &arena),
                         ERR_OK);
        if (response.coordinators.items[0].error_code == 0)
            return;
        client_pause(&client, 100);
    }
}

static void what_groups_have_committed_is_compared_with_where_partitions_end(void **state)
{
    struct start start;
    struct asked asked;
    struct uuid few = create_topic("few", 3);
    find_coordinator("readers");
    commit("readers", few, 0, 0);
    commit("readers", few, 2, 5); /* further than the partition goes: a commit may name any offset */
    ask(&start, &asked, 1);
    wait_for(&asked);
    assert_true(says(&asked, "\nkafka_consumergroup_lag{consumergroup=\"readers\",topic=\"few\",partition=\"0\"} 0\n"));
    assert_true(says(
        &asked, "\nkafka_consumergroup_current_offset{consumergroup=\"readers\",topic=\"few\",partition=\"2\"} 5\n"));
    assert_true(says(&asked, "\nringmain_group_lag_records{group=\"readers\",topic=\"few\",partition=\"2\"} 0\n"));
    assert_true(says(&asked, "\nkafka_consumergroup_members{consumergroup=\"readers\"} 0\n"));
    assert_false(says(&asked, "topic=\"few\",partition=\"1\"} 0\nkafka_consumergroup"));
    scrape_text_release(asked.request.text);
}

static void who_asks_at_once_gets_one_text_and_who_asks_later_the_next(void **state)
{
    struct start first, second;
    struct asked early[3], late[2];
    ask(&first, early, 3);
    ask(&second, late, 2);
    wait_for(&early[0]);
    wait_for(&late[1]);
    for (int i = 0; i < 3; i++)
        assert_true(early[i].done);
    assert_true(late[0].done);
    assert_ptr_equal(late[0].request.text, late[1].request.text);
    for (int i = 0; i < 3; i++)
        scrape_text_release(early[i].request.text);
    for (int i = 0; i < 2; i++)
        scrape_text_release(late[i].request.text);
}

static void topics_may_go_while_they_are_looked_at(void **state)
{
    for (int round = 0; round < 8; round++) {
        struct start start;
        struct asked asked;
        struct delete_topics_request request;
        struct delete_topics_response response;
        struct slice name = SLICE_LITERAL("gone");
        create_topic("gone", PARTITIONS);
        WIRE_DEFAULTS(delete_topics_request_schema, &request);
        struct delete_topics_request_delete_topic_state topic = {.name = name};
        request.topics.items = &topic;
        request.topics.count = 1;
        request.timeout_ms = 60 * SECOND_MS;
        ask(&start, &asked, 1);
        for (int i = 0; i < round; i++)
            turn(NULL);
        assert_int_equal(client_call(&client, CLIENT_ANY_BROKER, API_DELETE_TOPICS, &request, &response, &arena),
                         ERR_OK);
        assert_int_equal(response.responses.items[0].error_code, 0);
        wait_for(&asked);
        scrape_text_release(asked.request.text);
        ask(&start, &asked, 1);
        wait_for(&asked);
        assert_false(says(&asked, "topic=\"gone\""));
        assert_true(says(&asked, "\nkafka_server_replicamanager_partitioncount 0\n"));
        scrape_text_release(asked.request.text);
    }
}

static void without_memory_the_answer_says_so_and_the_next_one_comes(void **state)
{
    struct start start;
    struct asked asked;
    struct mem *mem = io_mem(broker_control(host.broker)->io);
    size_t limit = mem->limit;
    mem->limit = mem->used;
    ask(&start, &asked, 1);
    wait_for(&asked);
    assert_null(asked.request.text);
    mem->limit = limit;
    ask(&start, &asked, 1);
    wait_for(&asked);
    assert_non_null(asked.request.text);
    scrape_text_release(asked.request.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_the_broker_did_is_in_the_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_groups_have_committed_is_compared_with_where_partitions_end, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(who_asks_at_once_gets_one_text_and_who_asks_later_the_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(topics_may_go_while_they_are_looked_at, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_memory_the_answer_says_so_and_the_next_one_comes, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
