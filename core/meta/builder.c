#include "core/meta/internal.h"

enum { PARTITIONS_MAX = 1 << 20 }; /* of one topic; bounds what a broken record can make us allocate */

void image_builder_init(struct image_builder *builder, struct mem *mem, const struct image *base)
{
    *builder = (struct image_builder){
        .mem = mem,
        .base = base,
        .settings = base->layers.node,
        ._brokers = base->brokers,
        ._features = base->features,
        ._resources = base->resources,
        ._broker_count = base->broker_count,
        ._feature_count = base->feature_count,
        ._resource_count = base->resource_count,
        ._next_producer_id = base->next_producer_id,
    };
    arena_init(&builder->_arena, mem, (size_t)IMAGE_BUILDER_LIMIT_MIB << 20);
    map_init(&builder->_by_id, mem);
    map_init(&builder->_by_name, mem);
}

void image_builder_fini(struct image_builder *builder)
{
    map_fini(&builder->_by_id);
    map_fini(&builder->_by_name);
    arena_fini(&builder->_arena);
}

/* ---- drafts -------------------------------------------------------------------------------------------------------
 */

bool draft_has_id(const void *draft, const void *id)
{
    return uuid_equal(((const struct draft_topic *)draft)->id, *(const struct uuid *)id);
}

static bool draft_has_name(const void *draft, const void *name)
{
    return slice_equal_string(*(const struct slice *)name, ((const struct draft_topic *)draft)->name);
}

static enum err draft_add(struct image_builder *builder, struct draft_topic *draft)
{
    if (!map_put(&builder->_by_id, topic_id_hash(draft->id), draft) ||
        !map_put(&builder->_by_name, topic_name_hash(slice_from_string(draft->name)), draft))
        return ERR_NO_MEMORY;
    draft->next = builder->_drafts;
    builder->_drafts = draft;
    builder->_draft_count++;
    return ERR_OK;
}

/* A base topic becomes a draft; partitions still point into the base's block, which outlives the builder. */
static enum err draft_from(struct image_builder *builder, const struct image_topic *base, struct draft_topic **result)
{
    struct draft_topic *draft = ARENA_NEW(&builder->_arena, struct draft_topic);
    size_t count = (size_t)base->partition_count;
    if (draft == NULL)
        return ERR_NO_MEMORY;
    draft->base = base;
    draft->name = base->name;
    draft->id = base->id;
    draft->partition_count = draft->partition_capacity = base->partition_count;
    draft->partitions = ARENA_ARRAY(&builder->_arena, struct image_partition, count + 1);
    draft->filled = ARENA_ARRAY(&builder->_arena, bool, count + 1);
    draft->overrides.items = ARENA_ARRAY(&builder->_arena, struct config_setting, (size_t)base->override_count + 1);
    if (draft->partitions == NULL || draft->filled == NULL || draft->overrides.items == NULL)
        return ERR_NO_MEMORY;
    if (count > 0) /* an empty topic has no arrays to copy from */
        memcpy(draft->partitions, base->partitions, count * sizeof *draft->partitions);
    memset(draft->filled, true, count);
    for (int i = 0; i < base->override_count; i++)
        draft->overrides.items[i] = base->overrides[i];
    draft->overrides.count = base->override_count;
    draft->overrides.capacity = base->override_count + 1;
    *result = draft;
    return draft_add(builder, draft);
}

static enum err draft_by_id(struct image_builder *builder, struct uuid id, struct draft_topic **draft)
{
    *draft = map_find(&builder->_by_id, topic_id_hash(id), draft_has_id, &id);
    if (*draft != NULL)
        return (*draft)->removed ? ERR_CORRUPT : ERR_OK;
    const struct image_topic *base = image_topic_by_id(builder->base, id);
    return base == NULL ? ERR_CORRUPT : draft_from(builder, base, draft);
}

/* ERR_NOT_FOUND: no topic has the name now. */
static enum err draft_by_name(struct image_builder *builder, struct slice name, struct draft_topic **draft)
{
    *draft = map_find(&builder->_by_name, topic_name_hash(name), draft_has_name, &name);
    if (*draft != NULL)
        return ERR_OK;
    const struct image_topic *base = image_topic_by_name(builder->base, name);
    if (base == NULL || map_find(&builder->_by_id, topic_id_hash(base->id), draft_has_id, &base->id) != NULL)
        return ERR_NOT_FOUND; /* the second: removed here, or it would be in _by_name */
    return draft_from(builder, base, draft);
}

/* ---- topics and partitions ----------------------------------------------------------------------------------------
 */

static enum err apply_topic(struct image_builder *builder, const struct topic_record *record)
{
    struct draft_topic *draft;
    struct slice name = record->name;
    if (name.length == 0 || memchr(name.data, '\0', name.length) != NULL || uuid_is_zero(record->topic_id))
        return ERR_CORRUPT;
    enum err err = draft_by_name(builder, name, &draft);
    if (err != ERR_NOT_FOUND)
        return err == ERR_OK ? ERR_CORRUPT : err;
    if (map_find(&builder->_by_id, topic_id_hash(record->topic_id), draft_has_id, &record->topic_id) != NULL ||
        image_topic_by_id(builder->base, record->topic_id) != NULL)
        return ERR_CORRUPT;
    draft = ARENA_NEW(&builder->_arena, struct draft_topic);
    if (draft == NULL)
        return ERR_NO_MEMORY;
    draft->name = arena_string(&builder->_arena, name.data, name.length);
    draft->id = record->topic_id;
    return draft->name == NULL ? ERR_NO_MEMORY : draft_add(builder, draft);
}

static enum err apply_remove_topic(struct image_builder *builder, const struct remove_topic_record *record)
{
    struct draft_topic *draft;
    enum err err = draft_by_id(builder, record->topic_id, &draft);
    if (err != ERR_OK)
        return err;
    struct slice name = slice_from_string(draft->name);
    map_remove(&builder->_by_name, topic_name_hash(name), draft_has_name, &name);
    draft->removed = true;
    return ERR_OK;
}

/* Makes room for the partition; holes are filled by later records, or finish refuses. */
static enum err draft_reach(struct image_builder *builder, struct draft_topic *draft, int32_t partition)
{
    if (partition < 0 || partition >= PARTITIONS_MAX)
        return ERR_CORRUPT;
    if (partition >= draft->partition_capacity) {
        int32_t capacity = draft->partition_capacity < 4 ? 8 : draft->partition_capacity * 2;
        capacity = capacity > partition ? capacity : partition + 1;
        struct image_partition *grown = ARENA_ARRAY(&builder->_arena, struct image_partition, (size_t)capacity);
        bool *filled = ARENA_ARRAY(&builder->_arena, bool, (size_t)capacity);
        if (grown == NULL || filled == NULL)
            return ERR_NO_MEMORY;
        if (draft->partition_count > 0) {
            memcpy(grown, draft->partitions, (size_t)draft->partition_count * sizeof *grown);
            memcpy(filled, draft->filled, (size_t)draft->partition_count);
        }
        draft->partitions = grown;
        draft->filled = filled;
        draft->partition_capacity = capacity;
    }
    if (partition >= draft->partition_count)
        draft->partition_count = partition + 1;
    return ERR_OK;
}

/* Lists of a record point into the record's own memory: keep a copy. A null list (count -1) changes nothing. */
static bool keep_ids(struct arena *arena, const int32_t *items, int32_t count, const int32_t **to, int32_t *to_count)
{
    if (count < 0)
        return true;
    *to = NULL;
    *to_count = count;
    if (count > 0)
        *to = arena_copy(arena, items, (size_t)count * sizeof *items);
    return count == 0 || *to != NULL;
}

static enum err keep_directories(struct arena *arena, const struct uuid *items, int32_t count,
                                 struct image_partition *partition)
{
    if (count <= 0)
        return ERR_OK;
    if (count != partition->replica_count)
        return ERR_CORRUPT;
    partition->directories = arena_copy(arena, items, (size_t)count * sizeof *items);
    return partition->directories == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static enum err apply_partition(struct image_builder *builder, const struct partition_record *record)
{
    struct draft_topic *draft;
    struct arena *arena = &builder->_arena;
    enum err err = draft_by_id(builder, record->topic_id, &draft);
    if (err == ERR_OK)
        err = draft_reach(builder, draft, record->partition_id);
    if (err != ERR_OK)
        return err;
    if (record->replicas.count <= 0)
        return ERR_CORRUPT;
    struct image_partition p = {
        .leader = record->leader,
        .leader_epoch = record->leader_epoch,
        .partition_epoch = record->partition_epoch,
        .leader_recovery_state = record->leader_recovery_state,
    };
    bool kept =
        keep_ids(arena, record->replicas.items, record->replicas.count, &p.replicas, &p.replica_count) &&
        keep_ids(arena, record->isr.items, record->isr.count, &p.isr, &p.isr_count) &&
        keep_ids(arena, record->adding_replicas.items, record->adding_replicas.count, &p.adding, &p.adding_count) &&
        keep_ids(arena, record->removing_replicas.items, record->removing_replicas.count, &p.removing,
                 &p.removing_count) &&
        keep_ids(arena, record->eligible_leader_replicas.items, record->eligible_leader_replicas.count, &p.elr,
                 &p.elr_count) &&
        keep_ids(arena, record->last_known_elr.items, record->last_known_elr.count, &p.last_known_elr,
                 &p.last_known_elr_count);
    err = kept ? keep_directories(arena, record->directories.items, record->directories.count, &p) : ERR_NO_MEMORY;
    if (err != ERR_OK)
        return err;
    draft->partitions[record->partition_id] = p;
    draft->filled[record->partition_id] = true;
    return ERR_OK;
}

/* KIP-631: a changed leader raises the leader epoch; any change raises the partition epoch. */
static enum err apply_partition_change(struct image_builder *builder, const struct partition_change_record *record)
{
    struct draft_topic *draft;
    struct arena *arena = &builder->_arena;
    enum err err = draft_by_id(builder, record->topic_id, &draft);
    if (err != ERR_OK)
        return err;
    if (record->partition_id < 0 || record->partition_id >= draft->partition_count ||
        !draft->filled[record->partition_id] || record->replicas.count == 0)
        return ERR_CORRUPT;
    struct image_partition p = draft->partitions[record->partition_id];
    if (record->replicas.count > 0 && record->replicas.count != p.replica_count)
        p.directories = NULL; /* the list belongs to the old replicas */
    bool kept =
        keep_ids(arena, record->isr.items, record->isr.count, &p.isr, &p.isr_count) &&
        keep_ids(arena, record->replicas.items, record->replicas.count, &p.replicas, &p.replica_count) &&
        keep_ids(arena, record->removing_replicas.items, record->removing_replicas.count, &p.removing,
                 &p.removing_count) &&
        keep_ids(arena, record->adding_replicas.items, record->adding_replicas.count, &p.adding, &p.adding_count) &&
        keep_ids(arena, record->eligible_leader_replicas.items, record->eligible_leader_replicas.count, &p.elr,
                 &p.elr_count) &&
        keep_ids(arena, record->last_known_elr.items, record->last_known_elr.count, &p.last_known_elr,
                 &p.last_known_elr_count);
    err = kept ? keep_directories(arena, record->directories.items, record->directories.count, &p) : ERR_NO_MEMORY;
    if (err != ERR_OK)
        return err;
    if (record->leader != -2) {
        p.leader = record->leader;
        p.leader_epoch++;
    }
    if (record->leader_recovery_state != -1)
        p.leader_recovery_state = record->leader_recovery_state;
    p.partition_epoch++;
    draft->partitions[record->partition_id] = p;
    return ERR_OK;
}

/* ---- brokers, features, configuration -----------------------------------------------------------------------------
 */

/* An array that still is the base's is copied before it changes; otherwise it doubles when it is full. */
static bool own(struct image_builder *builder, void **items, int32_t count, int32_t *capacity, size_t size)
{
    builder->_shared_changed = true;
    if (count < *capacity)
        return true;
    void *grown = arena_alloc_array(&builder->_arena, (size_t)count * 2 + 4, size);
    if (grown == NULL)
        return false;
    if (count > 0)
        memcpy(grown, *items, (size_t)count * size);
    *items = grown;
    *capacity = count * 2 + 4;
    return true;
}

static bool own_brokers(struct image_builder *builder)
{
    void *items = builder->_brokers;
    bool good = own(builder, &items, builder->_broker_count, &builder->_broker_capacity, sizeof *builder->_brokers);
    builder->_brokers = items;
    return good;
}

static bool own_features(struct image_builder *builder)
{
    void *items = builder->_features;
    bool good = own(builder, &items, builder->_feature_count, &builder->_feature_capacity, sizeof *builder->_features);
    builder->_features = items;
    return good;
}

static bool own_resources(struct image_builder *builder)
{
    void *items = builder->_resources;
    bool good =
        own(builder, &items, builder->_resource_count, &builder->_resource_capacity, sizeof *builder->_resources);
    builder->_resources = items;
    return good;
}

static struct image_broker *draft_broker(struct image_builder *builder, int32_t id)
{
    for (int32_t i = 0; i < builder->_broker_count; i++)
        if (builder->_brokers[i].id == id)
            return &builder->_brokers[i];
    return NULL;
}

static bool keep_broker_lists(struct arena *arena, const struct register_broker_record *record,
                              struct image_broker *broker)
{
    int32_t endpoint_count = record->end_points.count < 0 ? 0 : record->end_points.count;
    int32_t feature_count = record->features.count < 0 ? 0 : record->features.count;
    int32_t dir_count = record->log_dirs.count < 0 ? 0 : record->log_dirs.count;
    struct image_endpoint *endpoints = ARENA_ARRAY(arena, struct image_endpoint, (size_t)endpoint_count + 1);
    struct image_supported_feature *features =
        ARENA_ARRAY(arena, struct image_supported_feature, (size_t)feature_count + 1);
    struct uuid *dirs = ARENA_ARRAY(arena, struct uuid, (size_t)dir_count + 1);
    if (endpoints == NULL || features == NULL || dirs == NULL)
        return false;
    for (int32_t i = 0; i < endpoint_count; i++) {
        const struct register_broker_record_broker_endpoint *from = &record->end_points.items[i];
        endpoints[i] = (struct image_endpoint){arena_string(arena, from->name.data, from->name.length),
                                               arena_string(arena, from->host.data, from->host.length), from->port,
                                               from->security_protocol};
    }
    for (int32_t i = 0; i < feature_count; i++) {
        const struct register_broker_record_broker_feature *from = &record->features.items[i];
        features[i] = (struct image_supported_feature){arena_string(arena, from->name.data, from->name.length),
                                                       from->min_supported_version, from->max_supported_version};
    }
    for (int32_t i = 0; i < dir_count; i++)
        dirs[i] = record->log_dirs.items[i];
    broker->endpoints = endpoints;
    broker->endpoint_count = endpoint_count;
    broker->features = features;
    broker->feature_count = feature_count;
    broker->log_dirs = dirs;
    broker->log_dir_count = dir_count;
    return !arena->failed;
}

static enum err apply_register_broker(struct image_builder *builder, const struct register_broker_record *record)
{
    struct image_broker broker = {
        .id = record->broker_id,
        .epoch = record->broker_epoch,
        .incarnation = record->incarnation_id,
        .fenced = record->fenced,
        .in_controlled_shutdown = record->in_controlled_shutdown,
    };
    if (!slice_is_null(record->rack))
        broker.rack = arena_string(&builder->_arena, record->rack.data, record->rack.length);
    if (!keep_broker_lists(&builder->_arena, record, &broker) || !own_brokers(builder))
        return ERR_NO_MEMORY;
    struct image_broker *known = draft_broker(builder, broker.id);
    if (known != NULL) {
        *known = broker;
        return ERR_OK;
    }
    int32_t at = builder->_broker_count++;
    for (; at > 0 && builder->_brokers[at - 1].id > broker.id; at--)
        builder->_brokers[at] = builder->_brokers[at - 1];
    builder->_brokers[at] = broker;
    return ERR_OK;
}

static enum err apply_unregister_broker(struct image_builder *builder, int32_t id)
{
    if (!own_brokers(builder))
        return ERR_NO_MEMORY;
    struct image_broker *broker = draft_broker(builder, id);
    if (broker == NULL)
        return ERR_CORRUPT;
    int32_t at = (int32_t)(broker - builder->_brokers);
    memmove(broker, broker + 1, (size_t)(builder->_broker_count - at - 1) * sizeof *broker);
    builder->_broker_count--;
    return ERR_OK;
}

/* fenced: -1 lift, 0 leave, 1 fence. */
static enum err change_broker(struct image_builder *builder, int32_t id, int64_t epoch, int fenced, bool shutting_down)
{
    if (!own_brokers(builder))
        return ERR_NO_MEMORY;
    struct image_broker *broker = draft_broker(builder, id);
    if (broker == NULL || broker->epoch != epoch)
        return ERR_CORRUPT;
    broker->fenced = fenced == 0 ? broker->fenced : fenced > 0;
    broker->in_controlled_shutdown = broker->in_controlled_shutdown || shutting_down;
    return ERR_OK;
}

static enum err apply_broker_change(struct image_builder *builder,
                                    const struct broker_registration_change_record *record)
{
    enum err err = change_broker(builder, record->broker_id, record->broker_epoch, record->fenced,
                                 record->in_controlled_shutdown == 1);
    if (err != ERR_OK || record->log_dirs.count <= 0)
        return err;
    struct image_broker *broker = draft_broker(builder, record->broker_id);
    broker->log_dirs = arena_copy(&builder->_arena, record->log_dirs.items,
                                  (size_t)record->log_dirs.count * sizeof *record->log_dirs.items);
    broker->log_dir_count = record->log_dirs.count;
    return broker->log_dirs == NULL ? ERR_NO_MEMORY : ERR_OK;
}

static enum err apply_feature(struct image_builder *builder, const struct feature_level_record *record)
{
    if (!own_features(builder))
        return ERR_NO_MEMORY;
    int32_t at = 0;
    while (at < builder->_feature_count &&
           slice_compare(slice_from_string(builder->_features[at].name), record->name) < 0)
        at++;
    struct image_feature *feature = &builder->_features[at];
    size_t behind = (size_t)(builder->_feature_count - at) * sizeof *feature;
    bool known = at < builder->_feature_count && slice_equal_string(record->name, feature->name);
    if (known && record->feature_level == 0) {
        memmove(feature, feature + 1, behind - sizeof *feature);
        builder->_feature_count--;
        return ERR_OK;
    }
    if (!known && record->feature_level == 0)
        return ERR_OK;
    if (!known) {
        const char *name = arena_string(&builder->_arena, record->name.data, record->name.length);
        if (name == NULL)
            return ERR_NO_MEMORY;
        memmove(feature + 1, feature, behind);
        builder->_feature_count++;
        feature->name = name;
    }
    feature->level = record->feature_level;
    return ERR_OK;
}

static int resource_order(const struct image_resource *resource, int8_t type, struct slice name)
{
    return resource->type != type ? resource->type - type : slice_compare(slice_from_string(resource->name), name);
}

static enum err apply_resource_config(struct image_builder *builder, const struct config_record *record)
{
    if (!own_resources(builder))
        return ERR_NO_MEMORY;
    int32_t at = 0;
    while (at < builder->_resource_count &&
           resource_order(&builder->_resources[at], record->resource_type, record->resource_name) < 0)
        at++;
    struct image_resource *resource = &builder->_resources[at];
    size_t behind = (size_t)(builder->_resource_count - at) * sizeof *resource;
    if (at == builder->_resource_count || resource_order(resource, record->resource_type, record->resource_name) != 0) {
        if (slice_is_null(record->value))
            return ERR_OK;
        const char *name = arena_string(&builder->_arena, record->resource_name.data, record->resource_name.length);
        if (name == NULL)
            return ERR_NO_MEMORY;
        memmove(resource + 1, resource, behind);
        builder->_resource_count++;
        *resource = (struct image_resource){.type = record->resource_type, .name = name};
    }
    resource->settings.capacity = 0; /* may be the base's: copied by the change */
    enum err err = settings_change(&resource->settings, &builder->_arena, record->name, record->value);
    if (err == ERR_OK && resource->settings.count == 0) {
        memmove(resource, resource + 1, (size_t)(builder->_resource_count - at - 1) * sizeof *resource);
        builder->_resource_count--;
    }
    return err;
}

static enum err apply_config(struct image_builder *builder, const struct config_record *record)
{
    struct draft_topic *draft;
    struct slice name = record->name, value = record->value;
    if (name.length == 0 || memchr(name.data, '\0', name.length) != NULL ||
        (value.length > 0 && memchr(value.data, '\0', value.length) != NULL) ||
        (record->resource_name.length > 0 &&
         memchr(record->resource_name.data, '\0', record->resource_name.length) != NULL))
        return ERR_CORRUPT;
    if (record->resource_type != CONFIG_RESOURCE_TOPIC)
        return apply_resource_config(builder, record);
    enum err err = draft_by_name(builder, record->resource_name, &draft);
    if (err != ERR_OK)
        return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
    return settings_change(&draft->overrides, &builder->_arena, name, value);
}

enum err image_builder_apply(struct image_builder *builder, const struct meta_record *record)
{
    switch (record->type) {
    case META_TOPIC:
        return apply_topic(builder, &record->topic);
    case META_PARTITION:
        return apply_partition(builder, &record->partition);
    case META_PARTITION_CHANGE:
        return apply_partition_change(builder, &record->partition_change);
    case META_REMOVE_TOPIC:
        return apply_remove_topic(builder, &record->remove_topic);
    case META_CONFIG:
        return apply_config(builder, &record->config);
    case META_REGISTER_BROKER:
        return apply_register_broker(builder, &record->register_broker);
    case META_UNREGISTER_BROKER:
        return apply_unregister_broker(builder, record->unregister_broker.broker_id);
    case META_FENCE_BROKER:
        return change_broker(builder, record->fence_broker.id, record->fence_broker.epoch, 1, false);
    case META_UNFENCE_BROKER:
        return change_broker(builder, record->unfence_broker.id, record->unfence_broker.epoch, -1, false);
    case META_BROKER_REGISTRATION_CHANGE:
        return apply_broker_change(builder, &record->broker_change);
    case META_FEATURE_LEVEL:
        return apply_feature(builder, &record->feature_level);
    case META_PRODUCER_IDS:
        if (record->producer_ids.next_producer_id < builder->_next_producer_id)
            return ERR_CORRUPT; /* an id would be handed out twice */
        builder->_next_producer_id = record->producer_ids.next_producer_id;
        return ERR_OK;
    case META_NO_OP:
        return ERR_OK;
    }
    return ERR_UNSUPPORTED;
}
