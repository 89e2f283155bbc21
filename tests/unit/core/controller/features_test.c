/* UpdateFeatures: what may change, in Kafka's words when not, all or none. */
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
    static const struct controller_feature features[] = {{"metadata.version", 7, 29, 29},
                                                         {"transaction.version", 0, 2, 2}};
    struct cluster *cluster = calloc(1, sizeof *cluster);
    struct image_builder builder;
    struct image *next;
    cluster->mem = test_mem();
    arena_init(&cluster->arena, cluster->mem, 1 << 24);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_change_is_made_or_refused_as_kafka_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(several_changes_are_all_made_or_none, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
