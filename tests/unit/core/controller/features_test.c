/* UpdateFeatures: what may change, in Kafka's words when not, all or none; and what a level means for settings. */
#include "core/controller/controller.h"
#include "core/meta/builder.h"
#include "tests/support/test.h"

struct cluster {
    struct mem *mem;
    struct arena arena;
    struct image *image;
    struct config_settings settings;
};

static int set_up(void **state)
{
    static const struct controller_feature features[] = {
        {"metadata.version", 7, 29, 29}, {"transaction.version", 0, 2, 2}, {CONTROLLER_ELR_FEATURE, 0, 1, 1}};
    struct cluster *cluster = calloc(1, sizeof *cluster);
    struct image_builder builder;
    struct image *next;
    cluster->mem = test_mem();
    arena_init(&cluster->arena, cluster->mem, 1 << 24);
    struct config_problems problems = {0};
    assert_int_equal(config_add_override("min.insync.replicas=2", &cluster->arena, &cluster->settings, &problems),
                     ERR_OK);
    struct image_node node = {.node_id = 1, .settings = &cluster->settings};
    assert_int_equal(image_first(cluster->mem, &node, &cluster->image), ERR_OK);
    struct controller controller = {.image = cluster->image, .arena = &cluster->arena};
    struct image_endpoint endpoint = {"PLAINTEXT", "127.0.0.1", 9092, 0};
    struct uuid dir = {{5}};
    struct controller_registration registration = {.endpoints = &endpoint,
                                                   .endpoint_count = 1,
                                                   .log_dirs = &dir,
                                                   .log_dir_count = 1,
                                                   .features = features,
                                                   .feature_count = COUNT_OF(features)};
    assert_int_equal(controller_register_broker(&controller, &registration), ERR_OK);
    image_builder_init(&builder, cluster->mem, cluster->image);
    for (int i = 0; i < controller.records.count; i++)
        assert_int_equal(image_builder_apply(&builder, &controller.records.items[i]), ERR_OK);
    for (size_t i = 0; i < COUNT_OF(features); i++) {
        struct meta_records records = {0};
        struct meta_record *record = meta_records_add(&records, &cluster->arena, META_FEATURE_LEVEL);
        record->feature_level.name = slice_from_string(features[i].name);
        record->feature_level.feature_level = i == 0 ? 29 : 1;
        assert_int_equal(image_builder_apply(&builder, record), ERR_OK);
    }
    assert_int_equal(image_builder_finish(&builder, 10, 1, &next), ERR_OK);
    image_builder_fini(&builder);
    image_release(cluster->mem, cluster->image);
    cluster->image = next;
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

struct asked {
    const char *name;
    int16_t level;
    int8_t type;
    const char *why; /* how its refusal ends; NULL: it is done */
};

static int update(struct cluster *cluster, const struct asked *asked, int count, bool validate_only,
                  struct update_features_response *response)
{
    struct update_features_request_feature_update_key items[4];
    struct controller controller = {.image = cluster->image, .arena = &cluster->arena};
    struct update_features_request request = {.feature_updates = {items, count}, .validate_only = validate_only};
    for (int i = 0; i < count; i++)
        items[i] = (struct update_features_request_feature_update_key){.feature = slice_from_string(asked[i].name),
                                                                       .max_version_level = asked[i].level,
                                                                       .upgrade_type = asked[i].type};
    memset(response, 0, sizeof *response);
    assert_int_equal(controller_update_features(&controller, &request, response), ERR_OK);
    return controller.records.count;
}

static void every_change_is_made_or_refused_as_kafka_does(void **state)
{
    static const struct asked table[] = {
        {"transaction.version", 2, 1, NULL},
        {"transaction.version", 1, 1, NULL},
        {"transaction.version", 0, 2, NULL},
        {"transaction.version", 0, 3, NULL},
        {"transaction.version", 0, 1, "safe or unsafe downgrade."},
        {"transaction.version", 2, 2, "Can't downgrade to a newer version."},
        {"transaction.version", 3, 1, "Local controller 1 only supports versions 0-2"},
        {"transaction.version", -1, 2, "A feature version cannot be less than 0."},
        {"transaction.version", 2, 0, "The controller does not support the given upgrade type."},
        {"transaction.version", 2, 4, "The controller does not support the given upgrade type."},
        {"no.such", 1, 1, "Local controller 1 does not support this feature."},
        {"metadata.version", 30, 1, "Local controller 1 only supports versions 7-29"},
        {"metadata.version", 28, 2, "because it might delete metadata information."},
        {CONTROLLER_ELR_FEATURE, 0, 2, NULL},
        {CONTROLLER_ELR_FEATURE, 2, 1, "Local controller 1 only supports versions 0-1"},
        {"metadata.version", 28, 3, "Unsafe metadata downgrade is not supported in this version."},
    };
    struct update_features_response response;
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        int records = update(*state, &table[i], 1, false, &response);
        struct slice said = response.error_message;
        assert_int_equal(records, table[i].why == NULL);
        assert_int_equal(response.error_code, table[i].why == NULL ? 0 : KAFKA_ERROR_INVALID_UPDATE_VERSION);
        if (table[i].why != NULL) {
            size_t length = strlen(table[i].why);
            assert_true(said.length > length);
            assert_memory_equal(said.data + said.length - length, table[i].why, length);
        }
    }
}

static void several_changes_are_all_made_or_none(void **state)
{
    struct update_features_response response;
    const struct asked good[] = {{"transaction.version", 2, 1, NULL}, {"metadata.version", 29, 1, NULL}};
    const struct asked bad[] = {{"transaction.version", 2, 1, NULL}, {"metadata.version", 30, 1, NULL}};
    assert_int_equal(update(*state, good, 2, false, &response), 2);
    assert_int_equal(response.results.count, 2);
    assert_int_equal(update(*state, good, 2, true, &response), 0); /* only looked at */
    assert_int_equal(response.error_code, 0);
    assert_int_equal(update(*state, bad, 2, false, &response), 0);
    assert_int_equal(response.error_code, KAFKA_ERROR_INVALID_UPDATE_VERSION);
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

/* min.insync.replicas of a broker, "" for all, set to value or, NULL, deleted; the answer's code. */
static int alter_least(struct cluster *cluster, const char *broker, const char *value)
{
    struct controller controller = {.image = cluster->image, .arena = &cluster->arena};
    struct incremental_alter_configs_request_alterable_config config = {.name = SLICE_LITERAL("min.insync.replicas"),
                                                                        .config_operation =
                                                                            value == NULL, /* SET is 0, DELETE 1 */
                                                                        .value = slice_from_string(value)};
    struct incremental_alter_configs_request_alter_configs_resource resource = {
        .resource_type = CONFIG_RESOURCE_BROKER, .resource_name = slice_from_string(broker), .configs = {&config, 1}};
    struct incremental_alter_configs_request request = {.resources = {&resource, 1}};
    struct incremental_alter_configs_response response;
    assert_int_equal(controller_incremental_alter_configs(&controller, &request, &response), ERR_OK);
    commit(cluster, &controller.records);
    return response.responses.items[0].error_code;
}

/* As above with the old request, which replaces all settings; value NULL: by none. */
static int replace_least(struct cluster *cluster, const char *broker, const char *value)
{
    struct controller controller = {.image = cluster->image, .arena = &cluster->arena};
    struct alter_configs_request_alterable_config config = {.name = SLICE_LITERAL("min.insync.replicas"),
                                                            .value = slice_from_string(value)};
    struct alter_configs_request_alter_configs_resource resource = {.resource_type = CONFIG_RESOURCE_BROKER,
                                                                    .resource_name = slice_from_string(broker),
                                                                    .configs = {&config, value != NULL}};
    struct alter_configs_request request = {.resources = {&resource, 1}};
    struct alter_configs_response response;
    assert_int_equal(controller_alter_configs(&controller, &request, &response), ERR_OK);
    commit(cluster, &controller.records);
    return response.responses.items[0].error_code;
}

static const char *least_of(const struct cluster *cluster, const char *broker)
{
    const struct image_resource *resource =
        image_resource_of(cluster->image, CONFIG_RESOURCE_BROKER, slice_from_string(broker));
    return resource == NULL ? NULL : config_setting(&resource->settings, "min.insync.replicas");
}

static void set_leaders_level(struct cluster *cluster, int16_t level, int8_t type)
{
    struct update_features_request_feature_update_key item = {
        .feature = SLICE_LITERAL(CONTROLLER_ELR_FEATURE), .max_version_level = level, .upgrade_type = type};
    struct update_features_request request = {.feature_updates = {&item, 1}};
    struct update_features_response response = {0};
    struct controller controller = {.image = cluster->image, .arena = &cluster->arena};
    assert_int_equal(controller_update_features(&controller, &request, &response), ERR_OK);
    assert_int_equal(response.error_code, 0);
    commit(cluster, &controller.records);
}

static void the_least_in_sync_is_the_clusters_alone_while_leaders_are_chosen_by_it(void **state)
{
    struct cluster *cluster = *state;
    assert_string_equal(least_of(cluster, ""), "2"); /* the file's, when the cluster began */
    assert_int_equal(alter_least(cluster, "", NULL), KAFKA_ERROR_INVALID_CONFIG);
    assert_int_equal(replace_least(cluster, "", NULL), KAFKA_ERROR_INVALID_CONFIG);
    assert_int_equal(alter_least(cluster, "1", "3"), KAFKA_ERROR_INVALID_CONFIG);
    assert_int_equal(alter_least(cluster, "1", NULL), KAFKA_ERROR_INVALID_CONFIG);
    assert_int_equal(replace_least(cluster, "1", "3"), KAFKA_ERROR_INVALID_CONFIG);
    assert_int_equal(replace_least(cluster, "1", NULL), 0); /* there is nothing to take away */
    assert_int_equal(alter_least(cluster, "", "4"), 0);
    assert_int_equal(replace_least(cluster, "", "5"), 0);
    assert_string_equal(least_of(cluster, ""), "5");
    assert_null(least_of(cluster, "1"));
}

static void raising_the_level_makes_the_least_in_sync_the_clusters(void **state)
{
    struct cluster *cluster = *state;
    set_leaders_level(cluster, 0, 2);
    assert_int_equal(alter_least(cluster, "1", "3"), 0);
    assert_int_equal(alter_least(cluster, "", NULL), 0);
    set_leaders_level(cluster, 1, 1);
    assert_string_equal(least_of(cluster, ""), "2");
    assert_null(least_of(cluster, "1"));
    set_leaders_level(cluster, 0, 2);
    assert_int_equal(alter_least(cluster, "", "7"), 0);
    set_leaders_level(cluster, 1, 1);
    assert_string_equal(least_of(cluster, ""), "7"); /* what is set stays */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_change_is_made_or_refused_as_kafka_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_changes_are_all_made_or_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_least_in_sync_is_the_clusters_alone_while_leaders_are_chosen_by_it, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(raising_the_level_makes_the_least_in_sync_the_clusters, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
