/* Goal: requests get exactly Kafka's codes, and just the records that they should.
 * Method: a small cluster folded from the controller's own records; one table of requests and answers per API. */
#include "core/controller/controller.h"
#include "core/meta/builder.h"
#include "io/base/prng.h"

#include "tests/support/test.h"

enum { TIME_MS = 1000 };

struct cluster {
    struct mem *mem;
    struct arena arena;
    struct image *image;
    struct controller_ids ids;
    struct prng prng;
    struct config_settings settings;
    struct config_problems problems;
};

static struct uuid next_id(struct controller_ids *ids)
{
    struct cluster *cluster = CONTAINER_OF(ids, struct cluster, ids);
    uint64_t high = prng_next(&cluster->prng);
    return uuid_from_random(high, prng_next(&cluster->prng));
}

static struct controller controller_of(struct cluster *cluster)
{
    return (struct controller){.image = cluster->image, .arena = &cluster->arena, .ids = &cluster->ids};
}

static void commit(struct cluster *cluster, const struct meta_records *records)
{
    struct image_builder builder;
    struct image *next;
    image_builder_init(&builder, cluster->mem, cluster->image);
    for (int i = 0; i < records->count; i++)
        assert_int_equal(image_builder_apply(&builder, &records->items[i]), ERR_OK);
    assert_int_equal(image_builder_finish(&builder, cluster->image->offset + records->count, 1, &next), ERR_OK);
    image_builder_fini(&builder);
    image_release(cluster->mem, cluster->image);
    cluster->image = next;
}

static int set_up(void **state)
{
    struct cluster *cluster = calloc(1, sizeof *cluster);
    cluster->mem = test_mem();
    cluster->ids.next = next_id;
    prng_seed(&cluster->prng, 1);
    arena_init(&cluster->arena, cluster->mem, 1 << 26);
    assert_int_equal(config_add_override("num.partitions=3", &cluster->arena, &cluster->settings, &cluster->problems),
                     ERR_OK);
    struct image_node node = {.node_id = 1, .settings = &cluster->settings};
    assert_int_equal(image_first(cluster->mem, &node, &cluster->image), ERR_OK);
    struct controller controller = controller_of(cluster);
    struct image_endpoint endpoint = {"PLAINTEXT", "127.0.0.1", 9092, 0};
    struct uuid dir = {{5}};
    struct controller_feature feature = {"metadata.version", 7, 29, 29};
    struct controller_registration registration = {.endpoints = &endpoint,
                                                   .endpoint_count = 1,
                                                   .log_dirs = &dir,
                                                   .log_dir_count = 1,
                                                   .features = &feature,
                                                   .feature_count = 1};
    assert_int_equal(controller_register_broker(&controller, &registration), ERR_OK);
    commit(cluster, &controller.records);
    *state = cluster;
    return 0;
}

static int tear_down(void **state)
{
    struct cluster *cluster = *state;
    image_release(cluster->mem, cluster->image);
    arena_fini(&cluster->arena);
    assert_int_equal(cluster->mem->used, 0);
    free(cluster);
    return 0;
}

static int16_t create(struct cluster *cluster, struct create_topics_request_creatable_topic topic, bool validate_only,
                      struct slice *message)
{
    struct controller controller = controller_of(cluster);
    struct create_topics_request request = {
        .topics = {&topic, 1}, .validate_only = validate_only, .timeout_ms = TIME_MS};
    struct create_topics_response response;
    assert_int_equal(controller_create_topics(&controller, &request, &response), ERR_OK);
    assert_int_equal(response.topics.count, 1);
    if (message != NULL)
        *message = response.topics.items[0].error_message;
    if (response.topics.items[0].error_code != 0 || validate_only)
        assert_int_equal(controller.records.count, 0);
    commit(cluster, &controller.records);
    return response.topics.items[0].error_code;
}

static const struct image_topic *auto_create(struct cluster *cluster, const char *name)
{
    struct controller controller = controller_of(cluster);
    struct create_topics_response response;
    assert_int_equal(controller_auto_create(&controller, slice_from_string(name), &response), ERR_OK);
    assert_int_equal(response.topics.items[0].error_code, 0);
    commit(cluster, &controller.records);
    return image_topic_by_name(cluster->image, slice_from_string(name));
}

static void the_coordinators_topics_are_made_as_kafka_makes_them(void **state)
{
    struct cluster *cluster = *state;
    const struct image_topic *groups = auto_create(cluster, CONTROLLER_GROUP_TOPIC);
    assert_true(groups->is_internal);
    assert_int_equal(groups->partition_count, 50);
    assert_int_equal(groups->partitions[49].replica_count, 1); /* one broker: the default of 3 cannot be had */
    assert_int_equal(groups->override_count, 3);
    assert_string_equal(groups->overrides[0].name, "cleanup.policy");
    assert_string_equal(groups->overrides[0].value, "compact");
    assert_string_equal(groups->overrides[1].name, "compression.type");
    assert_string_equal(groups->overrides[1].value, "producer");
    assert_string_equal(groups->overrides[2].name, "segment.bytes");
    assert_string_equal(groups->overrides[2].value, "104857600");
    const struct image_topic *transactions = auto_create(cluster, CONTROLLER_TRANSACTION_TOPIC);
    assert_true(transactions->is_internal);
    assert_int_equal(transactions->partition_count, 50);
    assert_int_equal(transactions->override_count, 5);
    assert_string_equal(transactions->overrides[1].value, "uncompressed");
    assert_string_equal(transactions->overrides[2].name, "min.insync.replicas");
    assert_string_equal(transactions->overrides[2].value, "1"); /* not more than there are replicas */
    assert_string_equal(transactions->overrides[4].name, "unclean.leader.election.enable");
    assert_int_equal(auto_create(cluster, "other")->partition_count, 3);
}

#define TOPIC(text, partitions, replicas)                                                                              \
    ((struct create_topics_request_creatable_topic){                                                                   \
        .name = slice_from_string(text), .num_partitions = (partitions), .replication_factor = (replicas)})

static void topics_are_created_or_refused_as_kafka_does(void **state)
{
    struct cluster *cluster = *state;
    static const struct {
        const char *name;
        int32_t partitions;
        int16_t replicas, code;
        const char *message;
    } cases[] = {
        {"good", 5, 1, 0, NULL},
        {"defaults", -1, -1, 0, NULL},
        {"good", 1, 1, 36, "Topic 'good' already exists."},
        {"", 1, 1, 17, "Topic name is invalid: the empty string is not allowed"},
        {"..", 1, 1, 17, "Topic name is invalid: '..' is not allowed"},
        {"a/b", 1, 1, 17,
         "Topic name is invalid: 'a/b' contains one or more characters other than ASCII alphanumerics, '.', '_' and "
         "'-'"},
        {"a.b", 1, 1, 0, NULL},
        {"a_b", 1, 1, 17, "Topic 'a_b' collides with existing topic: a.b"},
        {"none", 0, 1, 37, "Number of partitions was set to an invalid non-positive value."},
        {"many", 10001, 1, 44, "Excessively large number of partitions per request."},
        {"wide", 1, 0, 38, "Replication factor must be larger than 0, or -1 to use the default value."},
        {"wide", 1, 3, 38,
         "Unable to replicate the partition 3 time(s): The target replication factor of 3 cannot be reached because "
         "only "
         "1 broker(s) are registered or some brokers have all their log directories cordoned."},
        {"__cluster_metadata", 1, 1, 42, "Creation of internal topic __cluster_metadata is prohibited."},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct slice message;
        assert_int_equal(create(cluster, TOPIC(cases[i].name, cases[i].partitions, cases[i].replicas), false, &message),
                         cases[i].code);
        if (cases[i].message != NULL && !slice_equal_string(message, cases[i].message))
            fail_msg("%.*s", SLICE_ARG(message));
    }
    assert_int_equal(image_topic_by_name(cluster->image, SLICE_LITERAL("good"))->partition_count, 5);
    assert_int_equal(image_topic_by_name(cluster->image, SLICE_LITERAL("defaults"))->partition_count, 3);
    assert_int_equal(create(cluster, TOPIC("dry", 1, 1), true, NULL), 0);
    assert_null(image_topic_by_name(cluster->image, SLICE_LITERAL("dry")));
}

static void manual_assignments_and_settings_are_checked(void **state)
{
    struct cluster *cluster = *state;
    int32_t self[] = {1}, unknown[] = {7}, twice[] = {1, 1};
    struct create_topics_request_creatable_replica_assignment a[2] = {{.partition_index = 0, .broker_ids = {self, 1}},
                                                                      {.partition_index = 1, .broker_ids = {self, 1}}};
    struct create_topics_request_creatable_topic topic = TOPIC("manual", -1, -1);
    topic.assignments.items = a;
    topic.assignments.count = 2;
    a[1].partition_index = 0;
    assert_int_equal(create(cluster, topic, false, NULL), 39); /* the same partition twice */
    a[1].partition_index = 2;
    assert_int_equal(create(cluster, topic, false, NULL), 39); /* a hole */
    a[1].partition_index = 1;
    a[1].broker_ids.items = unknown;
    assert_int_equal(create(cluster, topic, false, NULL), 39);
    a[1].broker_ids.items = twice;
    a[1].broker_ids.count = 2;
    assert_int_equal(create(cluster, topic, false, NULL), 39);
    a[1].broker_ids.count = 0;
    assert_int_equal(create(cluster, topic, false, NULL), 39);
    a[1] = (struct create_topics_request_creatable_replica_assignment){.partition_index = 1, .broker_ids = {self, 1}};
    topic.num_partitions = 2;
    assert_int_equal(create(cluster, topic, false, NULL), 42);
    topic.num_partitions = -1;
    assert_int_equal(create(cluster, topic, false, NULL), 0);

    struct create_topics_request_creatable_topic_config config = {.name = SLICE_LITERAL("retention.ms"),
                                                                  .value = SLICE_LITERAL("x")};
    struct slice message;
    topic = TOPIC("configured", 1, 1);
    topic.configs.items = &config;
    topic.configs.count = 1;
    assert_int_equal(create(cluster, topic, false, &message), 40);
    assert_true(
        slice_equal_string(message, "Invalid value x for configuration retention.ms: Not a number of type LONG"));
    config.name = SLICE_LITERAL("no.such.key");
    assert_int_equal(create(cluster, topic, false, &message), 40);
    assert_true(slice_equal_string(message, "Unknown topic config name: no.such.key"));
    config = (struct create_topics_request_creatable_topic_config){.name = SLICE_LITERAL("retention.ms"),
                                                                   .value = SLICE_LITERAL("99")};
    assert_int_equal(create(cluster, topic, false, NULL), 0);
    assert_int_equal(image_topic_by_name(cluster->image, SLICE_LITERAL("configured"))->config.retention_ms, 99);
}

static void a_name_given_twice_is_refused_once_and_others_go_on(void **state)
{
    struct cluster *cluster = *state;
    struct controller controller = controller_of(cluster);
    struct create_topics_request_creatable_topic topics[] = {TOPIC("x", 1, 1), TOPIC("y", 1, 1), TOPIC("x", 1, 1)};
    struct create_topics_request request = {.topics = {topics, 3}, .timeout_ms = TIME_MS};
    struct create_topics_response response;
    assert_int_equal(controller_create_topics(&controller, &request, &response), ERR_OK);
    assert_int_equal(response.topics.count, 2);
    assert_int_equal(response.topics.items[0].error_code, 42);
    assert_int_equal(response.topics.items[1].error_code, 0);
    assert_int_equal(response.topics.items[1].num_partitions, 1);
    assert_int_equal(response.topics.items[1].configs.count, config_topic_key_count - 1); /* all but the internal one */
    commit(cluster, &controller.records);
    assert_int_equal(cluster->image->topic_count, 1);
}

static void topics_are_deleted_by_name_or_id_but_not_by_both(void **state)
{
    struct cluster *cluster = *state;
    assert_int_equal(create(cluster, TOPIC("a", 1, 1), false, NULL), 0);
    assert_int_equal(create(cluster, TOPIC("b", 1, 1), false, NULL), 0);
    struct uuid a = image_topic_by_name(cluster->image, SLICE_LITERAL("a"))->id;
    struct uuid b = image_topic_by_name(cluster->image, SLICE_LITERAL("b"))->id;
    struct delete_topics_request_delete_topic_state topics[] = {
        {.name = SLICE_LITERAL("a")},  {.topic_id = b},     {.name = SLICE_LITERAL("a"), .topic_id = a},
        {.name = SLICE_LITERAL("zz")}, {.topic_id = {{3}}}, {.topic_id = UUID_ZERO}};
    static const int16_t codes[] = {0, 0, 42, 3, 100, 42};
    struct delete_topics_request request = {.topics = {topics, 6}, .timeout_ms = TIME_MS};
    struct delete_topics_response response;
    struct controller controller = controller_of(cluster);
    topics[2].name = SLICE_LITERAL("b");
    assert_int_equal(controller_delete_topics(&controller, 6, &request, &response), ERR_OK);
    assert_int_equal(response.responses.count, 6);
    for (int i = 0; i < 6; i++)
        assert_int_equal(response.responses.items[i].error_code, codes[i]);
    commit(cluster, &controller.records);
    assert_int_equal(cluster->image->topic_count, 0);
}

static void a_topic_named_by_name_and_by_id_in_one_request_goes_once(void **state)
{
    struct cluster *cluster = *state;
    assert_int_equal(create(cluster, TOPIC("a", 1, 1), false, NULL), 0);
    struct uuid a = image_topic_by_name(cluster->image, SLICE_LITERAL("a"))->id;
    struct delete_topics_request_delete_topic_state topics[] = {{.topic_id = a}, {.name = SLICE_LITERAL("a")}};
    struct delete_topics_request request = {.topics = {topics, 2}, .timeout_ms = TIME_MS};
    struct delete_topics_response response;
    struct controller controller = controller_of(cluster);
    assert_int_equal(controller_delete_topics(&controller, 6, &request, &response), ERR_OK);
    assert_int_equal(response.responses.items[0].error_code, 0);
    assert_int_equal(response.responses.items[1].error_code, 42);
    assert_int_equal(controller.records.count, 1);
    commit(cluster, &controller.records);
}

static void a_request_without_time_changes_nothing(void **state)
{
    struct cluster *cluster = *state;
    struct controller controller = controller_of(cluster);
    struct create_topics_request_creatable_topic topics[] = {TOPIC("x", 1, 1), TOPIC("x y", 1, 1)};
    struct create_topics_request create = {.topics = {topics, 2}};
    struct create_topics_response created;
    assert_int_equal(controller_create_topics(&controller, &create, &created), ERR_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(created.topics.items[i].error_code, KAFKA_ERROR_REQUEST_TIMED_OUT);
    struct create_partitions_request_create_partitions_topic more = {.name = SLICE_LITERAL("x"), .count = 2};
    struct create_partitions_request grow = {.topics = {&more, 1}, .timeout_ms = -1};
    struct create_partitions_response grown;
    assert_int_equal(controller_create_partitions(&controller, &grow, &grown), ERR_OK);
    assert_int_equal(grown.results.items[0].error_code, KAFKA_ERROR_REQUEST_TIMED_OUT);
    struct delete_topics_request_delete_topic_state gone = {.name = SLICE_LITERAL("x")};
    struct delete_topics_request delete = {.topics = {&gone, 1}};
    struct delete_topics_response deleted;
    assert_int_equal(controller_delete_topics(&controller, 6, &delete, &deleted), ERR_OK);
    assert_int_equal(deleted.responses.items[0].error_code, KAFKA_ERROR_REQUEST_TIMED_OUT);
    assert_int_equal(controller.records.count, 0);
}

static int16_t grow(struct cluster *cluster, const char *name, int32_t count, int32_t assignments)
{
    int32_t self[] = {1};
    struct create_partitions_request_create_partitions_assignment assignment = {.broker_ids = {self, 1}};
    struct create_partitions_request_create_partitions_topic topic = {
        .name = slice_from_string(name), .count = count, .assignments = {&assignment, assignments}};
    struct create_partitions_request request = {.topics = {&topic, 1}, .timeout_ms = TIME_MS};
    struct create_partitions_response response;
    struct controller controller = controller_of(cluster);
    assert_int_equal(controller_create_partitions(&controller, &request, &response), ERR_OK);
    commit(cluster, &controller.records);
    return response.results.items[0].error_code;
}

static void partitions_only_grow(void **state)
{
    struct cluster *cluster = *state;
    assert_int_equal(create(cluster, TOPIC("a", 2, 1), false, NULL), 0);
    assert_int_equal(grow(cluster, "nope", 3, -1), 3);
    assert_int_equal(grow(cluster, "a", 2, -1), 37);
    assert_int_equal(grow(cluster, "a", 1, -1), 37);
    assert_int_equal(grow(cluster, "a", 4, 1), 39);
    assert_int_equal(grow(cluster, "a", 3, 1), 0);
    assert_int_equal(grow(cluster, "a", 5, -1), 0);
    assert_int_equal(image_topic_by_name(cluster->image, SLICE_LITERAL("a"))->partition_count, 5);
}

static int16_t alter(struct cluster *cluster, int8_t type, const char *resource, const char *key, int8_t operation,
                     const char *value)
{
    struct incremental_alter_configs_request_alterable_config config = {
        .name = slice_from_string(key), .config_operation = operation, .value = slice_from_string(value)};
    struct incremental_alter_configs_request_alter_configs_resource item = {
        .resource_type = type, .resource_name = slice_from_string(resource), .configs = {&config, 1}};
    struct incremental_alter_configs_request request = {.resources = {&item, 1}};
    struct incremental_alter_configs_response response;
    struct controller controller = controller_of(cluster);
    assert_int_equal(controller_incremental_alter_configs(&controller, &request, &response), ERR_OK);
    commit(cluster, &controller.records);
    return response.responses.items[0].error_code;
}

static void settings_change_with_kafkas_rules(void **state)
{
    struct cluster *cluster = *state;
    enum { SET, DELETE, APPEND, SUBTRACT, TOPIC_ = 2, BROKER = 4 };
    assert_int_equal(create(cluster, TOPIC("a", 1, 1), false, NULL), 0);
    static const struct {
        int8_t type;
        const char *resource, *key;
        int8_t operation;
        const char *value;
        int16_t code;
    } cases[] = {
        {TOPIC_, "a", "retention.ms", SET, "5", 0},
        {TOPIC_, "a", "retention.ms", SET, NULL, 42},
        {TOPIC_, "a", "retention.ms", APPEND, "5", 40},
        {TOPIC_, "a", "retention.ms", 9, "5", 42},
        {TOPIC_, "a", "cleanup.policy", APPEND, "compact", 0},
        {TOPIC_, "a", "cleanup.policy", SUBTRACT, "delete", 0},
        {TOPIC_, "a", "min.compaction.lag.ms", SET, "9", 0},
        {TOPIC_, "a", "max.compaction.lag.ms", SET, "8", 40},
        {TOPIC_, "a", "remote.storage.enable", SET, "true", 40},
        {TOPIC_, "a", "segment.bytes", SET, "200", 40},
        {TOPIC_, "a", "internal.segment.bytes", SET, "200", 0},
        {TOPIC_, "zz", "retention.ms", SET, "5", 3},
        {TOPIC_, "a b", "retention.ms", SET, "5", 17},
        {TOPIC_, "", "retention.ms", SET, "5", 42},
        {BROKER, "1", "log.retention.ms", SET, "77", 0},
        {BROKER, "", "message.max.bytes", SET, "2000", 0},
        {BROKER, "2", "log.retention.ms", SET, "77", 42},
        {BROKER, "x", "log.retention.ms", SET, "77", 42},
        {BROKER, "1", "num.partitions", SET, "7", 42},
        {BROKER, "1", "sasl.kerberos.min.time.before.relogin", SET, "58000", 0},
        {BROKER, "", "sasl.kerberos.min.time.before.relogin", SET, "58000", 42},
        {BROKER, "1", "ssl.keystore.type", SET, "PEM", 42},
        {BROKER, "1", "log.retention.ms", SET, "abc", 42},
        {3, "1", "log.retention.ms", SET, "77", 42},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        if (alter(cluster, cases[i].type, cases[i].resource, cases[i].key, cases[i].operation, cases[i].value) !=
            cases[i].code)
            fail_msg("case %d", (int)i);
    const struct topic_config *config = &image_topic_by_name(cluster->image, SLICE_LITERAL("a"))->config;
    assert_int_equal(config->retention_ms, 5);
    assert_int_equal(config->cleanup_policy, CONFIG_CLEANUP_COMPACT);
    assert_int_equal(config->max_message_bytes, 2000);
    assert_int_equal(config->segment_bytes, 200);
    assert_int_equal(cluster->image->config->log_retention_ms, 77);
    assert_int_equal(alter(cluster, TOPIC_, "a", "retention.ms", DELETE, NULL), 0);
    assert_int_equal(image_topic_by_name(cluster->image, SLICE_LITERAL("a"))->config.retention_ms, 77);
}

static void a_described_setting_tells_its_source_and_its_chain(void **state)
{
    struct cluster *cluster = *state;
    assert_int_equal(create(cluster, TOPIC("a", 1, 1), false, NULL), 0);
    assert_int_equal(alter(cluster, 4, "1", "message.max.bytes", 0, "3000"), 0);
    assert_int_equal(alter(cluster, 4, "", "message.max.bytes", 0, "2000"), 0);
    assert_int_equal(alter(cluster, 2, "a", "max.message.bytes", 0, "4000"), 0);
    struct slice keys[] = {SLICE_LITERAL("max.message.bytes"), SLICE_LITERAL("retention.ms")};
    struct describe_configs_request_describe_configs_resource resources[] = {
        {.resource_type = 2, .resource_name = SLICE_LITERAL("a"), .configuration_keys = {keys, 2}},
        {.resource_type = 4, .resource_name = SLICE_LITERAL(""), .configuration_keys = {NULL, -1}},
        {.resource_type = 2, .resource_name = SLICE_LITERAL("nope"), .configuration_keys = {NULL, -1}},
        {.resource_type = 4, .resource_name = SLICE_LITERAL("9"), .configuration_keys = {NULL, -1}}};
    struct describe_configs_request request = {
        .resources = {resources, 4}, .include_synonyms = true, .include_documentation = true};
    struct describe_configs_response response;
    assert_int_equal(controller_describe_configs(cluster->image, &cluster->arena, &request, &response), ERR_OK);
    const struct describe_configs_response_describe_configs_resource_result *entry =
        response.results.items[0].configs.items;
    static const int8_t sources[] = {1, 2, 3, 5};
    assert_int_equal(response.results.items[0].configs.count, 2);
    assert_true(slice_equal_string(entry->value, "4000"));
    assert_int_equal(entry->config_source, CONFIG_SOURCE_TOPIC);
    assert_int_equal(entry->config_type, CONFIG_INT);
    assert_int_equal(entry->synonyms.count, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(entry->synonyms.items[i].source, sources[i]);
    assert_true(slice_equal_string(entry->synonyms.items[3].value, "1048588"));
    assert_true(slice_equal_string(entry[1].value, "604800000")); /* from log.retention.hours: no chain, as in Kafka */
    assert_int_equal(entry[1].synonyms.count, 0);
    assert_int_equal(response.results.items[1].configs.count, 1);
    assert_int_equal(response.results.items[1].configs.items[0].config_source, CONFIG_SOURCE_DYNAMIC_DEFAULT);
    assert_int_equal(response.results.items[2].error_code, 3);
    assert_int_equal(response.results.items[3].error_code, 42);
}

static void an_internal_key_is_described_only_where_it_was_set(void **state)
{
    struct cluster *cluster = *state;
    struct slice keys[] = {SLICE_LITERAL("producer.id.expiration.check.interval.ms"),
                           SLICE_LITERAL("leader.replication.throttled.rate")};
    struct describe_configs_request_describe_configs_resource resource = {
        .resource_type = 4, .resource_name = SLICE_LITERAL("1"), .configuration_keys = {keys, 2}};
    struct describe_configs_request request = {.resources = {&resource, 1}};
    struct describe_configs_response response;
    assert_int_equal(controller_describe_configs(cluster->image, &cluster->arena, &request, &response), ERR_OK);
    assert_int_equal(response.results.items[0].configs.count, 0);
    assert_int_equal(config_add_override("producer.id.expiration.check.interval.ms=500", &cluster->arena,
                                         &cluster->settings, &cluster->problems),
                     ERR_OK);
    assert_int_equal(controller_describe_configs(cluster->image, &cluster->arena, &request, &response), ERR_OK);
    assert_int_equal(response.results.items[0].configs.count, 1);
    assert_true(slice_equal_string(response.results.items[0].configs.items[0].value, "500"));
    assert_int_equal(alter(cluster, 4, "1", "leader.replication.throttled.rate", 0, "-1"), 42);
    assert_int_equal(alter(cluster, 4, "1", "leader.replication.throttled.rate", 0, "3000"), 0);
    assert_int_equal(controller_describe_configs(cluster->image, &cluster->arena, &request, &response), ERR_OK);
    assert_int_equal(response.results.items[0].configs.count, 2);
    assert_false(response.results.items[0].configs.items[1].is_sensitive);
}

static void producer_id_blocks_never_overlap(void **state)
{
    struct cluster *cluster = *state;
    for (int64_t expected = 0; expected < 5000; expected += CONTROLLER_PRODUCER_IDS) {
        int64_t first;
        struct controller controller = controller_of(cluster);
        assert_int_equal(controller_producer_ids(&controller, &first), ERR_OK);
        assert_int_equal(first, expected);
        commit(cluster, &controller.records);
    }
}

static void a_leaderless_partition_gets_its_last_replica_in_sync_as_leader_at_registration(void **state)
{
    struct cluster *cluster = *state;
    assert_int_equal(create(cluster,
                            (struct create_topics_request_creatable_topic){
                                .name = SLICE_LITERAL("left"), .num_partitions = 3, .replication_factor = 1},
                            false, NULL),
                     0);
    struct controller controller = controller_of(cluster);
    const struct image_topic *topic = image_topic_by_name(cluster->image, SLICE_LITERAL("left"));
    struct uuid id = topic->id;
    static int32_t others[] = {1, 2};
    for (int i = 0; i < 2; i++) { /* as Kafka's controlled stop leaves them; the second one has a replica elsewhere */
        struct meta_record *record = meta_records_add(&controller.records, &cluster->arena, META_PARTITION_CHANGE);
        record->partition_change.topic_id = id;
        record->partition_change.partition_id = i;
        record->partition_change.leader = -1;
        record->partition_change.isr.count = 0;
        if (i == 1) {
            record->partition_change.replicas.items = others;
            record->partition_change.replicas.count = 2;
            record->partition_change.eligible_leader_replicas.items = others + 1;
            record->partition_change.eligible_leader_replicas.count = 1;
        }
    }
    commit(cluster, &controller.records);
    topic = image_topic_by_id(cluster->image, id);
    int32_t epoch = topic->partitions[0].leader_epoch;
    assert_int_equal(topic->partitions[0].leader, -1);
    controller = controller_of(cluster);
    struct image_endpoint endpoint = {"PLAINTEXT", "127.0.0.1", 9092, 0};
    struct uuid dir = {{5}};
    struct controller_registration registration = {
        .endpoints = &endpoint, .endpoint_count = 1, .log_dirs = &dir, .log_dir_count = 1, .epoch = 7};
    assert_int_equal(controller_register_broker(&controller, &registration), ERR_OK);
    commit(cluster, &controller.records);
    topic = image_topic_by_id(cluster->image, id);
    assert_int_equal(topic->partitions[0].leader, 1);
    assert_int_equal(topic->partitions[0].leader_epoch, epoch + 1);
    assert_int_equal(topic->partitions[0].isr_count, 1);
    assert_int_equal(topic->partitions[1].leader, -1); /* node 2 has what was acknowledged */
    assert_int_equal(topic->partitions[2].leader, 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(topics_are_created_or_refused_as_kafka_does),
        CASE(a_leaderless_partition_gets_its_last_replica_in_sync_as_leader_at_registration),
        CASE(the_coordinators_topics_are_made_as_kafka_makes_them),
        CASE(manual_assignments_and_settings_are_checked),
        CASE(a_name_given_twice_is_refused_once_and_others_go_on),
        CASE(topics_are_deleted_by_name_or_id_but_not_by_both),
        CASE(a_topic_named_by_name_and_by_id_in_one_request_goes_once),
        CASE(a_request_without_time_changes_nothing),
        CASE(partitions_only_grow),
        CASE(settings_change_with_kafkas_rules),
        CASE(a_described_setting_tells_its_source_and_its_chain),
        CASE(an_internal_key_is_described_only_where_it_was_set),
        CASE(producer_id_blocks_never_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
