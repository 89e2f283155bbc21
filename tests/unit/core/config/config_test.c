/* Goal: settings are read as Kafka reads them, and everything wrong in them is said at once.
 * Method: texts with known meaning; every table default; every failing allocation. */
#include "core/config/config.h"

#include "tests/support/test.h"

#include <stdio.h>

struct fixture {
    struct mem *mem;
    struct arena arena;
    struct config_settings settings;
    struct config_problems problems;
    const struct broker_config *config;
};

static struct fixture begin(void)
{
    struct fixture f = {.mem = test_mem()};
    arena_init(&f.arena, f.mem, 1 << 24);
    return f;
}

static enum err load(struct fixture *f, const char *text)
{
    enum err err = config_parse_properties(slice_from_string(text), &f->arena, &f->settings, &f->problems);
    if (err == ERR_NO_MEMORY)
        return err;
    struct config_layers layers = {.node = &f->settings};
    return config_load(&layers, &f->arena, &f->problems, &f->config);
}

static void end(struct fixture *f)
{
    arena_fini(&f->arena);
    assert_int_equal(f->mem->used, 0);
}

static bool has_problem(const struct fixture *f, bool is_error, int line, const char *part)
{
    for (int i = 0; i < f->problems.count; i++)
        if (f->problems.items[i].is_error == is_error && f->problems.items[i].line == line &&
            strstr(f->problems.items[i].text, part) != NULL)
            return true;
    return false;
}

static void no_file_at_all_gives_a_broker_on_loopback(void **state)
{
    struct fixture f = begin();
    f.arena.mem = f.mem;
    assert_int_equal(load(&f, ""), ERR_OK);
    assert_int_equal(f.problems.count, 0);
    assert_int_equal(f.config->listener_count, 1);
    assert_string_equal(f.config->listeners_parsed[0].host, "127.0.0.1");
    assert_int_equal(f.config->listeners_parsed[0].port, 9092);
    assert_string_equal(f.config->log_dirs_parsed[0], "./ringmain-data");
    assert_int_equal(f.config->topic_defaults.retention_ms, 604800000);
    assert_int_equal(f.config->topic_defaults.segment_bytes, 1 << 30);
    assert_int_equal(f.config->topic_defaults.durability, CONFIG_DURABILITY_FLUSHED);
    assert_int_equal(f.config->topic_defaults.compression_type, CONFIG_COMPRESSION_PRODUCER);
    assert_int_equal(f.config->topic_defaults.cleanup_policy, CONFIG_CLEANUP_DELETE);
    end(&f);
}

static void properties_are_read_as_java_reads_them(void **state)
{
    struct fixture f = begin();
    static const char text[] = "# comment\n! another\r\n"
                               "  a=1\nb : 2\r\nc 3\nd\\=x=4\\\n    5\ne=\\u0041\\t\\u00e9\n"
                               "f=x\\\r\n   y\n\ng\na=7\nh=a\\qb\\\\\nk=v = w : z \n";
    assert_int_equal(config_parse_properties(SLICE_LITERAL(text), &f.arena, &f.settings, &f.problems), ERR_OK);
    assert_string_equal(config_setting(&f.settings, "a"), "7");
    assert_string_equal(config_setting(&f.settings, "b"), "2");
    assert_string_equal(config_setting(&f.settings, "c"), "3");
    assert_string_equal(config_setting(&f.settings, "d=x"), "45");
    assert_string_equal(config_setting(&f.settings, "e"), "A\t\xc3\xa9");
    assert_string_equal(config_setting(&f.settings, "f"), "xy");
    assert_string_equal(config_setting(&f.settings, "g"), "");
    assert_string_equal(config_setting(&f.settings, "h"), "aqb\\");
    assert_string_equal(config_setting(&f.settings, "k"), "v = w : z ");
    assert_null(config_setting(&f.settings, "comment"));
    assert_int_equal(f.settings.items[3].line, 6);
    assert_int_equal(config_parse_properties(SLICE_LITERAL("x=1\ny=\\u12"), &f.arena, &f.settings, &f.problems),
                     ERR_INVALID);
    assert_true(has_problem(&f, true, 2, "\\u"));
    end(&f);
}

static void every_error_of_a_file_is_reported_at_once_with_its_line(void **state)
{
    struct fixture f = begin();
    assert_int_equal(load(&f, "node.id=x\n"
                              "num.partitions=0\n"
                              "log.cleanup.policy=shred\n"
                              "listeners=SSL://:9093,PLAINTEXT://:9092,oops\n"
                              "compression.type=rar\n"
                              "frobnicate=1\n"
                              "num.io.threads=8\n"
                              "auto.create.topics.enable=maybe\n"),
                     ERR_INVALID);
    assert_null(f.config);
    assert_true(has_problem(&f, true, 1, "Invalid value x for configuration node.id: Not a number of type INT"));
    assert_true(has_problem(&f, true, 2, "Invalid value 0 for configuration num.partitions: Value must be at least 1"));
    assert_true(has_problem(&f, true, 3, "String must be one of: compact, delete"));
    assert_true(has_problem(&f, true, 4, "needs TLS or SASL"));
    assert_true(has_problem(&f, true, 4, "NAME://host:port"));
    assert_true(has_problem(&f, true, 5, "compression.type"));
    assert_true(has_problem(&f, false, 6, "frobnicate: unknown key"));
    assert_true(has_problem(&f, false, 7, "num.io.threads: not supported yet"));
    assert_true(has_problem(&f, true, 8, "Expected value to be either true or false"));
    end(&f);
}

static void the_sample_file_of_kafka_works_as_it_is(void **state)
{
    struct fixture f = begin();
    assert_int_equal(load(&f, "process.roles=broker,controller\nnode.id=1\n"
                              "controller.quorum.bootstrap.servers=localhost:9093\n"
                              "listeners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
                              "inter.broker.listener.name=PLAINTEXT\n"
                              "advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n"
                              "controller.listener.names=CONTROLLER\n"
                              "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL\n"
                              "num.network.threads=3\nlog.dirs=/tmp/kraft-combined-logs\nnum.partitions=1\n"
                              "log.retention.hours=24\nlog.segment.bytes=1073741824\n"),
                     ERR_OK);
    assert_int_equal(f.config->listener_count, 2);
    assert_false(f.config->listeners_parsed[0].is_controller);
    assert_true(f.config->listeners_parsed[1].is_controller);
    assert_string_equal(f.config->listeners_parsed[0].advertised_host, "localhost");
    assert_int_equal(f.config->topic_defaults.retention_ms, 24 * 3600000);
    end(&f);
}

static void an_override_wins_over_the_file_and_dynamic_layers_win_over_both(void **state)
{
    struct fixture f = begin();
    enum config_source source;
    struct config_settings cluster = {0}, broker = {0};
    assert_int_equal(config_parse_properties(SLICE_LITERAL("log.retention.ms=1\nnum.partitions=2\nmax.connections=5"),
                                             &f.arena, &f.settings, &f.problems),
                     ERR_OK);
    assert_int_equal(config_add_override("num.partitions=3", &f.arena, &f.settings, &f.problems), ERR_OK);
    assert_int_equal(config_add_override("nonsense", &f.arena, &f.settings, &f.problems), ERR_INVALID);
    f.problems = (struct config_problems){0};
    assert_int_equal(config_add_override("log.retention.ms=9", &f.arena, &cluster, &f.problems), ERR_OK);
    assert_int_equal(config_add_override("num.partitions=9", &f.arena, &cluster, &f.problems), ERR_OK);
    assert_int_equal(config_add_override("max.connections=broken", &f.arena, &broker, &f.problems), ERR_OK);
    struct config_layers layers = {&f.settings, &cluster, &broker};
    assert_int_equal(config_load(&layers, &f.arena, &f.problems, &f.config), ERR_OK);
    assert_int_equal(f.config->topic_defaults.retention_ms, 9);
    assert_int_equal(f.config->num_partitions, 3); /* read-only: the dynamic value does not count */
    assert_int_equal(f.config->max_connections, 5);
    assert_true(has_problem(&f, false, 0, "max.connections"));
    config_effective(&layers, config_broker_key(SLICE_LITERAL("log.retention.ms")), &source);
    assert_int_equal(source, CONFIG_SOURCE_DYNAMIC_DEFAULT);
    end(&f);
}

static void topic_overrides_lie_on_top_of_the_brokers_defaults(void **state)
{
    struct fixture f = begin();
    char why[CONFIG_WHY_SIZE];
    struct topic_config topic;
    assert_int_equal(load(&f, "log.roll.hours=2\nlog.flush.scheduler.interval.ms=77\nmessage.max.bytes=5000"), ERR_OK);
    struct config_setting overrides[] = {{"cleanup.policy", "compact,delete", 0},
                                         {"compression.type", "lz4", 0},
                                         {"message.timestamp.type", "LogAppendTime", 0},
                                         {"ringmain.durability", "os", 0},
                                         {"retention.ms", "not a number", 0}};
    config_resolve_topic(f.config, overrides, 5, &topic);
    assert_int_equal(topic.segment_ms, 7200000);
    assert_int_equal(topic.flush_ms, 77);
    assert_int_equal(topic.max_message_bytes, 5000);
    assert_int_equal(topic.cleanup_policy, CONFIG_CLEANUP_COMPACT | CONFIG_CLEANUP_DELETE);
    assert_int_equal(topic.compression_type, CONFIG_COMPRESSION_LZ4);
    assert_int_equal(topic.message_timestamp_type, CONFIG_TIMESTAMP_APPEND);
    assert_int_equal(topic.durability, CONFIG_DURABILITY_OS);
    assert_int_equal(topic.retention_ms, 604800000);
    assert_true(config_check_topic(&topic, why));
    topic.max_compaction_lag_ms = 1;
    topic.min_compaction_lag_ms = 2;
    assert_false(config_check_topic(&topic, why));
    end(&f);
}

static void values_are_refused_in_kafkas_words(void **state)
{
    static const struct {
        const char *key, *value, *why; /* NULL: good */
    } cases[] = {
        {"retention.ms", "abc", "Invalid value abc for configuration retention.ms: Not a number of type LONG"},
        {"retention.ms", "-2", "Invalid value -2 for configuration retention.ms: Value must be at least -1"},
        {"retention.ms", " 5 ", NULL},
        {"retention.ms", "9223372036854775808", "Not a number of type LONG"},
        {"segment.bytes", "2147483648", "Not a number of type INT"},
        {"min.cleanable.dirty.ratio", "1.5", "Value must be no more than 1"},
        {"min.cleanable.dirty.ratio", "nan", "Not a number of type DOUBLE"},
        {"compression.gzip.level", "-1", NULL},
        {"compression.gzip.level", "0", "Value must be between 1 and 9 or equal to -1"},
        {"cleanup.policy", "", NULL},
        {"cleanup.policy", "delete,delete", NULL},
        {"preallocate", "TRUE", NULL},
        {"leader.replication.throttled.replicas", "0:1,1:2", NULL},
        {"leader.replication.throttled.replicas", "*", NULL},
        {"leader.replication.throttled.replicas", "0:1,,", "must be the literal '*'"},
        {"compression.type", "none", "String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer"},
    };
    char why[CONFIG_WHY_SIZE];
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        const struct config_key *key = config_topic_key(slice_from_string(cases[i].key));
        bool good = config_check_value(key, slice_from_string(cases[i].value), why);
        assert_int_equal(good, cases[i].why == NULL);
        if (!good && strstr(why, cases[i].why) == NULL)
            fail_msg("%s", why);
    }
    assert_false(config_check_value(config_topic_key(SLICE_LITERAL("retention.ms")), SLICE_LITERAL("1\0002"), why));
    assert_non_null(config_broker_key(SLICE_LITERAL("listener.name.internal.ssl.keystore.location")));
    assert_null(config_broker_key(SLICE_LITERAL("listener.name.internal.nonsense")));
}

static void no_key_stands_in_the_tables_twice(void **state)
{
    for (int i = 0; i < config_broker_key_count; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(config_broker_keys[i].name, config_broker_keys[k].name);
}

static void a_listener_may_have_limits_of_its_own(void **state)
{
    struct fixture f = begin();
    enum err err = load(&f, "listeners=OUT://:9092,IN_SIDE://:9093\n"
                            "listener.security.protocol.map=OUT:PLAINTEXT,IN_SIDE:PLAINTEXT\n"
                            "inter.broker.listener.name=IN_SIDE\nmax.connections=100\n"
                            "listener.name.in_side.max.connections=7\n"
                            "listener.name.in_side.max.connection.creation.rate=20\n"
                            "listener.name.out.ssl.client.auth=none\n"
                            "listener.name.other.max.connections=3");
    assert_int_equal(err, ERR_OK);
    assert_int_equal(f.config->inter_broker_listener, 1);
    assert_int_equal(f.config->listeners_parsed[0].max_connections, 100);
    assert_int_equal(f.config->listeners_parsed[0].max_connection_creation_rate, INT32_MAX);
    assert_int_equal(f.config->listeners_parsed[1].max_connections, 7);
    assert_int_equal(f.config->listeners_parsed[1].max_connection_creation_rate, 20);
    assert_int_equal(f.problems.count, 2); /* a key without effect, a listener that is not there */
    assert_int_equal(f.problems.items[0].line, 7);
    assert_int_equal(f.problems.items[1].line, 8);
    end(&f);
    f = begin();
    assert_int_equal(load(&f, "listener.name.plaintext.max.connections=-1"), ERR_INVALID);
    assert_int_equal(f.problems.items[0].line, 1);
    end(&f);
}

static void every_failing_allocation_is_reported_and_leaks_nothing(void **state)
{
    int failures = 0;
    enum err err = ERR_NO_MEMORY;
    for (size_t limit = 256; err == ERR_NO_MEMORY; limit += 97, failures++) {
        struct fixture f = begin();
        f.arena.limit = limit;
        err = load(&f, "node.id=3\nlisteners=A://h:1,B://[::1]:2\n"
                       "listener.security.protocol.map=A:PLAINTEXT,B:PLAINTEXT\nx=1");
        assert_true(err == ERR_OK || err == ERR_NO_MEMORY);
        assert_true((err == ERR_OK) == (f.config != NULL));
        end(&f);
    }
    assert_true(failures > 10);
}

static void the_documentation_in_the_tree_is_that_of_the_tables(void **state)
{
    struct fixture f = begin();
    const char *made = config_document(&f.arena);
    assert_non_null(made);
    FILE *file = fopen("docs/configuration.md", "r");
    if (getenv("RINGMAIN_WRITE_DOCS") != NULL) {
        if (file != NULL)
            fclose(file);
        file = fopen("docs/configuration.md", "w+");
        assert_non_null(file);
        fputs(made, file);
        rewind(file);
    }
    assert_non_null(file);
    static char text[1 << 18];
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    assert_string_equal(text, made); /* stale: make docs */
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_file_at_all_gives_a_broker_on_loopback),
        cmocka_unit_test(properties_are_read_as_java_reads_them),
        cmocka_unit_test(every_error_of_a_file_is_reported_at_once_with_its_line),
        cmocka_unit_test(the_sample_file_of_kafka_works_as_it_is),
        cmocka_unit_test(an_override_wins_over_the_file_and_dynamic_layers_win_over_both),
        cmocka_unit_test(topic_overrides_lie_on_top_of_the_brokers_defaults),
        cmocka_unit_test(values_are_refused_in_kafkas_words),
        cmocka_unit_test(no_key_stands_in_the_tables_twice),
        cmocka_unit_test(a_listener_may_have_limits_of_its_own),
        cmocka_unit_test(every_failing_allocation_is_reported_and_leaks_nothing),
        cmocka_unit_test(the_documentation_in_the_tree_is_that_of_the_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
