#include "core/meta/internal.h"

#include <stdlib.h>

/* ---- settings -----------------------------------------------------------------------------------------------------
 */

enum err settings_copy(struct config_settings *to, const struct config_settings *from, struct arena *arena)
{
    to->items = ARENA_ARRAY(arena, struct config_setting, (size_t)from->count + 1);
    to->count = from->count;
    to->capacity = from->count + 1;
    if (to->items == NULL)
        return ERR_NO_MEMORY;
    for (int i = 0; i < from->count; i++) {
        const char *name = from->items[i].name, *value = from->items[i].value;
        to->items[i].name = arena_string(arena, name, strlen(name));
        to->items[i].value = arena_string(arena, value, strlen(value));
    }
    return arena->failed ? ERR_NO_MEMORY : ERR_OK;
}

enum err settings_change(struct config_settings *settings, struct arena *arena, struct slice name, struct slice value)
{
    int at = 0;
    while (at < settings->count && slice_compare(slice_from_string(settings->items[at].name), name) < 0)
        at++;
    bool known = at < settings->count && slice_equal_string(name, settings->items[at].name);
    if (!known && slice_is_null(value))
        return ERR_OK;
    if (settings->count >= settings->capacity) {
        int capacity = settings->count * 2 + 4;
        struct config_setting *grown = ARENA_ARRAY(arena, struct config_setting, (size_t)capacity);
        if (grown == NULL)
            return ERR_NO_MEMORY;
        if (settings->count > 0)
            memcpy(grown, settings->items, (size_t)settings->count * sizeof *grown);
        settings->items = grown;
        settings->capacity = capacity;
    }
    struct config_setting *setting = &settings->items[at];
    size_t behind = (size_t)(settings->count - at) * sizeof *setting;
    if (slice_is_null(value)) {
        memmove(setting, setting + 1, behind - sizeof *setting);
        settings->count--;
        return ERR_OK;
    }
    const char *text = arena_string(arena, value.data, value.length);
    const char *key = known ? setting->name : arena_string(arena, name.data, name.length);
    if (text == NULL || key == NULL)
        return ERR_NO_MEMORY;
    if (!known) {
        memmove(setting + 1, setting, behind);
        settings->count++;
    }
    *setting = (struct config_setting){key, text, 0};
    return ERR_OK;
}

/* ---- what images share --------------------------------------------------------------------------------------------
 */

static enum err copy_broker(struct image_broker *to, const struct image_broker *from, struct arena *arena)
{
    *to = *from;
    struct image_endpoint *endpoints = ARENA_ARRAY(arena, struct image_endpoint, (size_t)from->endpoint_count + 1);
    struct image_supported_feature *features =
        ARENA_ARRAY(arena, struct image_supported_feature, (size_t)from->feature_count + 1);
    struct uuid *dirs = ARENA_ARRAY(arena, struct uuid, (size_t)from->log_dir_count + 1);
    if (endpoints == NULL || features == NULL || dirs == NULL)
        return ERR_NO_MEMORY;
    for (int32_t i = 0; i < from->endpoint_count; i++) {
        const struct image_endpoint *e = &from->endpoints[i];
        endpoints[i] = *e;
        endpoints[i].name = arena_string(arena, e->name, strlen(e->name));
        endpoints[i].host = arena_string(arena, e->host, strlen(e->host));
    }
    for (int32_t i = 0; i < from->feature_count; i++) {
        features[i] = from->features[i];
        features[i].name = arena_string(arena, from->features[i].name, strlen(from->features[i].name));
    }
    for (int32_t i = 0; i < from->log_dir_count; i++)
        dirs[i] = from->log_dirs[i];
    to->endpoints = endpoints;
    to->features = features;
    to->log_dirs = dirs;
    to->rack = from->rack == NULL ? NULL : arena_string(arena, from->rack, strlen(from->rack));
    return arena->failed ? ERR_NO_MEMORY : ERR_OK;
}

static enum err copy_lists(const struct image_builder *builder, struct arena *arena, struct image *image)
{
    image->broker_count = builder->_broker_count;
    image->feature_count = builder->_feature_count;
    image->resource_count = builder->_resource_count;
    image->brokers = ARENA_ARRAY(arena, struct image_broker, (size_t)image->broker_count + 1);
    image->features = ARENA_ARRAY(arena, struct image_feature, (size_t)image->feature_count + 1);
    image->resources = ARENA_ARRAY(arena, struct image_resource, (size_t)image->resource_count + 1);
    if (image->brokers == NULL || image->features == NULL || image->resources == NULL)
        return ERR_NO_MEMORY;
    enum err err = ERR_OK;
    for (int32_t i = 0; i < image->broker_count && err == ERR_OK; i++)
        err = copy_broker(&image->brokers[i], &builder->_brokers[i], arena);
    for (int32_t i = 0; i < image->feature_count; i++) {
        const struct image_feature *from = &builder->_features[i];
        image->features[i] = (struct image_feature){arena_string(arena, from->name, strlen(from->name)), from->level};
    }
    for (int32_t i = 0; i < image->resource_count && err == ERR_OK; i++) {
        const struct image_resource *from = &builder->_resources[i];
        image->resources[i].type = from->type;
        image->resources[i].name = arena_string(arena, from->name, strlen(from->name));
        err = settings_copy(&image->resources[i].settings, &from->settings, arena);
    }
    return err == ERR_OK && arena->failed ? ERR_NO_MEMORY : err;
}

static void find_layers(struct image *image, const struct config_settings *node)
{
    static const struct config_settings none;
    char id[16];
    int at = (int)sizeof id - 1;
    id[at] = '\0';
    for (int32_t n = image->node_id; at == (int)sizeof id - 1 || n > 0; n /= 10)
        id[--at] = (char)('0' + n % 10);
    const struct image_resource *cluster = image_resource_of(image, CONFIG_RESOURCE_BROKER, SLICE_LITERAL(""));
    const struct image_resource *broker = image_resource_of(image, CONFIG_RESOURCE_BROKER, slice_from_string(id + at));
    image->layers = (struct config_layers){
        .node = node,
        .cluster = cluster == NULL ? &none : &cluster->settings,
        .broker = broker == NULL ? &none : &broker->settings,
    };
}

static enum err make_shared(const struct image_builder *builder, struct image *image)
{
    struct config_problems problems = {0};
    struct image_shared *shared = MEM_NEW(builder->mem, struct image_shared);
    if (shared == NULL)
        return ERR_NO_MEMORY;
    shared->references = 1;
    arena_init(&shared->arena, builder->mem, (size_t)IMAGE_BUILDER_LIMIT_MIB << 20);
    image->_shared = shared;
    enum err err = copy_lists(builder, &shared->arena, image);
    if (err != ERR_OK)
        return err;
    find_layers(image, builder->settings);
    return config_load(&image->layers, &shared->arena, &problems, &image->config);
}

static void share(const struct image *base, struct image *image)
{
    image->brokers = base->brokers;
    image->broker_count = base->broker_count;
    image->features = base->features;
    image->feature_count = base->feature_count;
    image->resources = base->resources;
    image->resource_count = base->resource_count;
    image->config = base->config;
    image->layers = base->layers;
    image->_shared = base->_shared;
    image->_shared->references++;
}

/* ---- topics -------------------------------------------------------------------------------------------------------
 */

static int compare_drafts(const void *a, const void *b)
{
    return strcmp((*(struct draft_topic *const *)a)->name, (*(struct draft_topic *const *)b)->name);
}

/* Drafts that stay, sorted by name; *result NULL when there are none. */
static enum err sort_drafts(struct image_builder *builder, struct draft_topic ***result, int32_t *count)
{
    *result = ARENA_ARRAY(&builder->_arena, struct draft_topic *, (size_t)builder->_draft_count + 1);
    *count = 0;
    if (*result == NULL)
        return ERR_NO_MEMORY;
    for (struct draft_topic *draft = builder->_drafts; draft != NULL; draft = draft->next) {
        if (draft->removed)
            continue;
        for (int32_t i = 0; i < draft->partition_count; i++)
            if (!draft->filled[i])
                return ERR_CORRUPT;
        (*result)[(*count)++] = draft;
    }
    qsort(*result, (size_t)*count, sizeof **result, compare_drafts);
    return ERR_OK;
}

static bool is_drafted(const struct image_builder *builder, const struct image_topic *topic)
{
    return map_find(&builder->_by_id, topic_id_hash(topic->id), draft_has_id, &topic->id) != NULL;
}

static enum err add_topic(struct image *image, struct image_topic *topic)
{
    if (topic == NULL)
        return ERR_NO_MEMORY;
    image->topics[image->topic_count++] = topic; /* from here on image_release gives it back */
    image->partition_count += topic->partition_count;
    struct slice name = slice_of(topic->name, topic->name_length);
    return map_put(&image->_by_name, topic_name_hash(name), topic) &&
                   map_put(&image->_by_id, topic_id_hash(topic->id), topic)
               ? ERR_OK
               : ERR_NO_MEMORY;
}

static enum err add_unchanged(const struct image_builder *builder, struct image *image, struct image_topic *topic,
                              bool repack)
{
    if (repack)
        return add_topic(image, topic_repack(builder->mem, topic, image->config));
    topic->_references++;
    return add_topic(image, topic);
}

static enum err merge_topics(struct image_builder *builder, struct image *image)
{
    const struct image *base = builder->base;
    struct draft_topic **drafts;
    int32_t draft_count, d = 0, capacity = 0;
    enum err err = sort_drafts(builder, &drafts, &draft_count);
    if (err != ERR_OK)
        return err;
    for (int32_t b = 0; b < base->topic_count; b++)
        capacity += builder->_draft_count == 0 || !is_drafted(builder, base->topics[b]);
    capacity += draft_count;
    if (capacity == 0)
        return ERR_OK;
    image->topics = mem_alloc(builder->mem, (size_t)capacity * sizeof *image->topics);
    if (image->topics == NULL)
        return ERR_NO_MEMORY;
    image->_topic_capacity = capacity;
    bool repack =
        memcmp(&image->config->topic_defaults, &base->config->topic_defaults, sizeof(struct topic_config)) != 0;
    for (int32_t b = 0; b < base->topic_count && err == ERR_OK; b++) {
        struct image_topic *topic = base->topics[b];
        if (builder->_draft_count > 0 && is_drafted(builder, topic))
            continue;
        while (err == ERR_OK && d < draft_count && strcmp(drafts[d]->name, topic->name) < 0)
            err = add_topic(image, topic_pack(builder->mem, drafts[d++], image->config));
        if (err == ERR_OK)
            err = add_unchanged(builder, image, topic, repack);
    }
    while (err == ERR_OK && d < draft_count)
        err = add_topic(image, topic_pack(builder->mem, drafts[d++], image->config));
    ASSERT(err != ERR_OK || image->topic_count == capacity);
    return err;
}

enum err image_builder_finish(struct image_builder *builder, int64_t offset, int32_t epoch, struct image **result)
{
    *result = NULL;
    struct image *image = MEM_NEW(builder->mem, struct image);
    if (image == NULL)
        return ERR_NO_MEMORY;
    image->_references = 1;
    image->offset = offset;
    image->epoch = epoch;
    image->cluster_id = builder->base->cluster_id;
    image->node_id = builder->base->node_id;
    image->next_producer_id = builder->_next_producer_id;
    map_init(&image->_by_name, builder->mem);
    map_init(&image->_by_id, builder->mem);
    enum err err = ERR_OK;
    if (builder->_shared_changed)
        err = make_shared(builder, image);
    else
        share(builder->base, image);
    if (err == ERR_OK)
        err = merge_topics(builder, image);
    if (err != ERR_OK) {
        image_release(builder->mem, image);
        return err;
    }
    *result = image;
    return ERR_OK;
}

enum err image_first(struct mem *mem, const struct image_node *node, struct image **result)
{
    *result = NULL;
    struct image *image = MEM_NEW(mem, struct image);
    if (image == NULL)
        return ERR_NO_MEMORY;
    image->_references = 1;
    image->offset = -1;
    image->cluster_id = node->cluster_id;
    image->node_id = node->node_id;
    map_init(&image->_by_name, mem);
    map_init(&image->_by_id, mem);
    struct image_builder builder = {.mem = mem, .settings = node->settings};
    enum err err = make_shared(&builder, image);
    if (err != ERR_OK) {
        image_release(mem, image);
        return err;
    }
    *result = image;
    return ERR_OK;
}
