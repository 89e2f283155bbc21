/* UpdateFeatures (KIP-584, KIP-778): the feature levels of the cluster, within what this node can do. */
#include "core/controller/internal.h"

enum { ELR_NEEDS_METADATA = 23 }; /* 4.0-IV1: partitions have the fields */
enum { UPGRADE = 1, SAFE_DOWNGRADE = 2, UNSAFE_DOWNGRADE = 3 };

typedef struct update_features_request_feature_update_key asked_update;

static const struct image_supported_feature *supported(const struct image *image, struct slice name)
{
    const struct image_broker *self = image_broker_by_id(image, image->node_id);
    for (int32_t i = 0; self != NULL && i < self->feature_count; i++)
        if (slice_equal_string(name, self->features[i].name))
            return &self->features[i];
    return NULL;
}

static int16_t current_level(const struct image *image, struct slice name)
{
    for (int32_t i = 0; i < image->feature_count; i++)
        if (slice_equal_string(name, image->features[i].name))
            return image->features[i].level;
    return 0;
}

/* Why it cannot be; NULL: it can. */
static const char *problem(struct controller *controller, const asked_update *asked)
{
    const struct image *image = controller->image;
    const struct image_supported_feature *range = supported(image, asked->feature);
    int16_t level = asked->max_version_level, current = current_level(image, asked->feature);
    bool is_metadata = slice_equal_string(asked->feature, "metadata.version");
    if (asked->upgrade_type < UPGRADE || asked->upgrade_type > UNSAFE_DOWNGRADE)
        return "The controller does not support the given upgrade type.";
    if (level < 0)
        return "A feature version cannot be less than 0.";
    if (range == NULL && level > 0)
        return arena_printf(controller->arena, "Local controller %d does not support this feature.", image->node_id);
    if (range != NULL && (level < range->min || level > range->max))
        return arena_printf(controller->arena, "Local controller %d only supports versions %d-%d", image->node_id,
                            range->min, range->max);
    if (level < current && asked->upgrade_type == UPGRADE)
        return "Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe "
               "downgrade.";
    if (level > current && asked->upgrade_type != UPGRADE)
        return "Can't downgrade to a newer version.";
    /* Its records are written in the newest form that this release knows. */
    if (is_metadata && level < current)
        return asked->upgrade_type == UNSAFE_DOWNGRADE
                   ? "Unsafe metadata downgrade is not supported in this version."
                   : "Refusing to perform the requested downgrade because it might delete metadata information.";
    if (level > 0 && slice_equal_string(asked->feature, CONTROLLER_ELR_FEATURE) &&
        current_level(image, SLICE_LITERAL("metadata.version")) < ELR_NEEDS_METADATA)
        return arena_printf(controller->arena,
                            CONTROLLER_ELR_FEATURE
                            " could not be set to %d because it depends on metadata.version level %d",
                            level, ELR_NEEDS_METADATA);
    return NULL;
}

static enum err add_level(struct controller *controller, const asked_update *asked)
{
    struct meta_record *record = meta_records_add(&controller->records, controller->arena, META_FEATURE_LEVEL);
    if (record == NULL)
        return ERR_NO_MEMORY;
    record->feature_level.name = asked->feature;
    record->feature_level.feature_level = asked->max_version_level;
    bool begins = slice_equal_string(asked->feature, CONTROLLER_ELR_FEATURE) && asked->max_version_level > 0 &&
                  current_level(controller->image, asked->feature) == 0;
    return begins ? settle_least_in_sync(controller) : ERR_OK;
}

static enum err refuse_update(struct controller *controller, const asked_update *asked, const char *why,
                              struct update_features_response *response)
{
    const char *text = arena_printf(controller->arena,
                                    "The update failed for all features since the following feature had an error: "
                                    "Invalid update version %d for feature %.*s. %s",
                                    asked->max_version_level, SLICE_ARG(asked->feature), why);
    controller->records.count = 0;
    response->error_code = KAFKA_ERROR_INVALID_UPDATE_VERSION;
    response->error_message = slice_from_string(text);
    return text == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static enum err fill_results(struct controller *controller, const struct update_features_request *request,
                             struct update_features_response *response)
{
    int32_t count = request->feature_updates.count;
    response->results.items =
        ARENA_ARRAY(controller->arena, struct update_features_response_updatable_feature_result, (size_t)count + 1);
    if (response->results.items == NULL)
        return ERR_NO_MEMORY;
    response->results.count = count;
    for (int32_t i = 0; i < count; i++) {
        response->results.items[i].feature = request->feature_updates.items[i].feature;
        response->results.items[i].error_message = SLICE_LITERAL("NONE"); /* Kafka's word */
    }
    return ERR_OK;
}

enum err controller_update_features(struct controller *controller, const struct update_features_request *request,
                                    struct update_features_response *response)
{
    response->error_message = SLICE_NULL;
    for (int32_t i = 0; i < request->feature_updates.count; i++) {
        const asked_update *asked = &request->feature_updates.items[i];
        const char *why = problem(controller, asked);
        if (why != NULL)
            return refuse_update(controller, asked, why, response);
        if (!request->validate_only && add_level(controller, asked) != ERR_OK)
            return ERR_NO_MEMORY;
    }
    return fill_results(controller, request, response);
}
