/* Counting, readings over several shards, the text that Prometheus reads, the page of the tables. */
#include "core/metrics/metrics.h"

#include "core/metrics/text.h"
#include "tests/support/test.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

enum { SHARDS = 3, TEXT = 1 << 20 };

static const char *error_name(int16_t code)
{
    return code == 0 ? "NONE" : "NOT_LEADER_OR_FOLLOWER";
}

static void count_something(struct metrics *metrics)
{
    struct metrics_road road = {.received_ns = 1000000,
                                .begun_ns = 1000000,
                                .waits_ns = 1500000,
                                .answered_ns = 3000000,
                                .sending_ns = 3000000,
                                .sent_ns = 3100000};
    metrics_add(metrics, METRIC_BYTES_IN, 100);
    metrics_add(metrics, METRIC_CONNECTIONS, 2);
    metrics_time(metrics, METRIC_TIME_TURN, 40000);
    metrics_request(metrics, 0, 9, &road);
    metrics_request(metrics, 1, 9, &road);
    metrics_error(metrics, 0, 6, 3);
}

static void read_all(struct metrics_reading *reading, struct metrics metrics[SHARDS])
{
    metrics_reading_clear(reading);
    for (int i = 0; i < SHARDS; i++)
        metrics_read(&metrics[i], reading, i);
    for (int i = 0; i < 2; i++) {
        struct metrics_partition *partition = metrics_reading_partition(reading);
        if (partition == NULL)
            continue;
        partition->topic = 0;
        partition->index = i;
        partition->bytes_in = 50;
        partition->end_offset = 7 + i;
    }
}

/* Rounds until nothing is missing, as the exporter makes them. */
static void read_whole(struct metrics_reading *reading, struct metrics metrics[SHARDS])
{
    bool no_memory = false;
    for (int rounds = 0;; rounds++) {
        assert_true(rounds < 2);
        read_all(reading, metrics);
        if (metrics_reading_grow(reading, &no_memory))
            break;
        assert_false(no_memory);
    }
}

static bool name_is_good(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!isalnum((unsigned char)line[i]) && line[i] != '_')
            return false;
    return length > 0;
}

/* The grammar of the exposition format, and its rule that the lines of one family stand together. */
static void check_grammar(char *text)
{
    char families[512][128];
    int count = 0;
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (strncmp(line, "# HELP ", 7) == 0) {
            size_t length = strcspn(line + 7, " ");
            assert_true(count < 512 && length < 128);
            snprintf(families[count], 128, "%.*s", (int)length, line + 7);
            for (int i = 0; i < count; i++)
                assert_string_not_equal(families[i], families[count]);
            count++;
            continue;
        }
        if (line[0] == '#') {
            assert_memory_equal(line, "# TYPE ", 7);
            continue;
        }
        size_t length = strcspn(line, "{ ");
        assert_true(name_is_good(line, length));
        assert_memory_equal(line, families[count - 1], strlen(families[count - 1]));
        char *number = strrchr(line, ' '), *end;
        assert_non_null(number);
        strtod(number + 1, &end);
        assert_int_equal(*end, '\0');
        assert_true(line[length] == ' ' || number[-1] == '}');
    }
    assert_true(count > METRIC_COUNT);
}

static void a_reading_of_all_shards_is_written_as_prometheus_reads_it(void **state)
{
    struct mem *mem = test_mem();
    static struct metrics metrics[SHARDS];
    static struct metrics_view view;
    struct metrics_reading reading;
    struct metrics_topic topics[1] = {{.name = "orders"}};
    for (int i = 0; i < SHARDS; i++) {
        metrics_init(&metrics[i], mem);
        count_something(&metrics[i]);
    }
    assert_true(metrics_reading_init(&reading, mem, SHARDS, 0));
    read_whole(&reading, metrics);
    assert_int_equal(metrics_reading_sum(&reading, METRIC_BYTES_IN), 300);
    view = (struct metrics_view){.now = &reading,
                                 .api_names = {[0] = "Produce", [1] = "Fetch"},
                                 .error_name = error_name,
                                 .topics = topics,
                                 .topic_count = 1,
                                 .version = "1",
                                 .cluster_id = "c",
                                 .node_id = 1};
    static char text[TEXT], again[TEXT];
    size_t length = metrics_text(&view, text, sizeof text - 1);
    assert_true(length < sizeof text);
    text[length] = '\0';
    const char *const expected[] = {
        "ringmain_produced_bytes_total{shard=\"0\"} 100\n",
        "ringmain_connections{shard=\"control\"} 2\n",
        "kafka_server_brokertopicmetrics_bytesin_total 300\n",
        "kafka_server_brokertopicmetrics_bytesin_total{topic=\"orders\"} 100\n",
        "kafka_network_requestmetrics_requests_total{request=\"Produce\",version=\"9\"} 3\n",
        "kafka_network_requestmetrics_errors_total{request=\"Produce\",error=\"NOT_LEADER_OR_FOLLOWER\"} 9\n",
        "kafka_network_requestmetrics_totaltimems{request=\"FetchConsumer\",quantile=\"0.99\"} 2.1",
        "kafka_network_requestmetrics_remotetimems_sum{request=\"Produce\"} 4.500000\n",
        "kafka_network_requestmetrics_requestqueuetimems_count{request=\"Produce\"} 3\n",
        "ringmain_request_seconds_bucket{api=\"Produce\",stage=\"queue\",le=\"1e-05\"} 3\n",
        "kafka_network_requestmetrics_localtimems_count{request=\"Produce\"} 3\n",
        "ringmain_loop_turn_seconds_bucket{shard=\"1\",le=\"2.5e-05\"} 0\n",
        "ringmain_loop_turn_seconds_bucket{shard=\"1\",le=\"5e-05\"} 1\n",
        "ringmain_request_seconds_bucket{api=\"Produce\",stage=\"total\",le=\"+Inf\"} 3\n",
        "kafka_log_log_logendoffset{topic=\"orders\",partition=\"1\"} 8\n",
        "kafka_server_delayedoperationpurgatory_purgatorysize{delayedoperation=\"Fetch\"} 0\n",
    };
    for (size_t i = 0; i < COUNT_OF(expected); i++)
        if (strstr(text, expected[i]) == NULL)
            fail_msg("missing: %s", expected[i]);
    /* The length is known also when there is no room, and what there is of it is the same. */
    assert_int_equal(metrics_text(&view, again, 1000), length);
    assert_memory_equal(again, text, 900);
    check_grammar(text);
    metrics_reading_fini(&reading);
    for (int i = 0; i < SHARDS; i++)
        metrics_fini(&metrics[i]);
    assert_int_equal(mem->used, 0);
}

static void groups_and_listeners_have_labels_of_their_own(void **state)
{
    struct mem *mem = test_mem();
    static struct metrics_view view;
    static char text[TEXT];
    struct metrics_reading reading;
    struct metrics_topic topics[1] = {{.name = "orders"}};
    const char *const listeners[2] = {"PLAINTEXT", "INTERNAL"};
    const struct slice wild = SLICE_LITERAL("a\"b\\c\nd\xff\xc3\xa9\xed\xa0\x80");
    const struct metrics_lag lags[] = {{.group = SLICE_LITERAL("readers"), .partition = 3, .offset = 40, .lag = 2},
                                       {.group = wild, .partition = 1, .offset = 5, .lag = -1},
                                       {.group = wild, .topic = -1, .partition = 1, .offset = 6, .lag = 7}};
    const struct metrics_group groups[] = {{SLICE_LITERAL("readers"), 2}, {wild, 0}};
    assert_true(metrics_reading_init(&reading, mem, SHARDS, 2));
    metrics_reading_clear(&reading);
    reading.listeners[1 * 2 + 1] = (struct metrics_listener){.connections = 4, .accepted = 9, .closed = 5};
    reading.shards[0].values[METRIC_CLEANER_IDLE] = 700;
    reading.shards[1].values[METRIC_CLEANER_IDLE] = 1500;
    view = (struct metrics_view){.now = &reading,
                                 .error_name = error_name,
                                 .topics = topics,
                                 .topic_count = 1,
                                 .listener_names = listeners,
                                 .groups = groups,
                                 .group_count = COUNT_OF(groups),
                                 .lags = lags,
                                 .lag_count = COUNT_OF(lags),
                                 .version = "1",
                                 .cluster_id = "c"};
    text[metrics_text(&view, text, sizeof text - 1)] = '\0';
    const char *const expected[] = {
        "\nkafka_server_socket_server_metrics_connection_count{listener=\"INTERNAL\",networkprocessor=\"1\"} 4\n",
        "\nkafka_server_socket_server_metrics_connection_creation_total{listener=\"INTERNAL\",networkprocessor=\"1\"} "
        "9\n",
        "\nkafka_server_socket_server_metrics_connection_close_total{listener=\"PLAINTEXT\",networkprocessor=\"0\"} "
        "0\n",
        "\nkafka_consumergroup_lag{consumergroup=\"readers\",topic=\"orders\",partition=\"3\"} 2\n",
        "\nringmain_group_lag_records{group=\"readers\",topic=\"orders\",partition=\"3\"} 2\n",
        "\nkafka_consumergroup_current_offset{consumergroup=\"a\\\"b\\\\c\\nd?\xc3\xa9???\",topic=\"orders\",partition="
        "\"1\"} 5\n",
        "\nkafka_consumergroup_members{consumergroup=\"readers\"} 2\n",
        "\nkafka_log_logcleanermanager_time_since_last_run_ms 1500\n",
    };
    for (size_t i = 0; i < COUNT_OF(expected); i++)
        if (strstr(text, expected[i]) == NULL)
            fail_msg("missing: %s", expected[i]);
    /* Of an offset whose partition is not known there is no lag; of a topic that is not, nothing. */
    assert_null(strstr(text, "lag{consumergroup=\"a"));
    assert_null(strstr(text, "} 6\n"));
    metrics_reading_fini(&reading);
    assert_int_equal(mem->used, 0);
}

static void without_memory_a_reading_shows_what_there_is_room_for(void **state)
{
    struct mem *mem = test_mem();
    static struct metrics metrics[SHARDS];
    struct metrics_reading reading;
    bool no_memory;
    for (int i = 0; i < SHARDS; i++) {
        metrics_init(&metrics[i], mem);
        count_something(&metrics[i]);
    }
    assert_true(metrics_reading_init(&reading, mem, SHARDS, 0));
    read_all(&reading, metrics);
    assert_int_equal(reading.partitions_missing, 2);
    size_t limit = mem->limit;
    mem->limit = mem->used;
    assert_false(metrics_reading_grow(&reading, &no_memory));
    assert_true(no_memory);
    assert_int_equal(reading.partition_count, 0);
    assert_int_equal(metrics_reading_sum(&reading, METRIC_CONNECTIONS), 6);
    /* Nor can a shard's own numbers of a new API be made: the request is not counted, nothing else happens. */
    metrics_error(&metrics[0], 3, 0, 1);
    assert_null(metrics[0].apis[3]);
    mem->limit = limit;
    metrics_error(&metrics[0], 3, 0, 1);
    assert_non_null(metrics[0].apis[3]);
    metrics_reading_fini(&reading);
    for (int i = 0; i < SHARDS; i++)
        metrics_fini(&metrics[i]);
    assert_int_equal(mem->used, 0);
}

static void nobody_has_to_count(void **state)
{
    metrics_add(NULL, METRIC_BYTES_IN, 1);
    metrics_time(NULL, METRIC_TIME_TURN, 1);
    metrics_error(NULL, 0, 0, 1);
    assert_null(metrics_api(NULL, 0));
}

static void the_page_in_the_tree_is_that_of_the_tables(void **state)
{
    static char made[1 << 18], text[1 << 18];
    size_t length = metrics_document(made, sizeof made);
    assert_true(length < sizeof made);
    FILE *file = fopen("docs/metrics.md", "r");
    if (getenv("RINGMAIN_WRITE_DOCS") != NULL) {
        if (file != NULL)
            fclose(file);
        file = fopen("docs/metrics.md", "w+");
        assert_non_null(file);
        fputs(made, file);
        rewind(file);
    }
    assert_non_null(file);
    size_t got = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[got] = '\0';
    assert_string_equal(text, made); /* stale: make docs */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reading_of_all_shards_is_written_as_prometheus_reads_it),
        cmocka_unit_test(groups_and_listeners_have_labels_of_their_own),
        cmocka_unit_test(without_memory_a_reading_shows_what_there_is_room_for),
        cmocka_unit_test(nobody_has_to_count),
        cmocka_unit_test(the_page_in_the_tree_is_that_of_the_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
