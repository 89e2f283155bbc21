#include "core/meta/internal.h"

/* The fields of a record are slices and arrays of the image itself: names are not copied. */
#define LIST_OF(record_list, from, from_count)                                                                         \
    do {                                                                                                               \
        (record_list).items = (void *)(uintptr_t)(from);                                                               \
        (record_list).count = (from_count);                                                                            \
    } while (0)

static bool write_features(const struct image *image, struct image_writer *writer)
{
    struct meta_record record;
    for (int32_t i = 0; i < image->feature_count; i++) {
        meta_record_init(&record, META_FEATURE_LEVEL);
        record.feature_level.name = slice_from_string(image->features[i].name);
        record.feature_level.feature_level = image->features[i].level;
        if (!writer->record(writer, &record))
            return false;
    }
    return true;
}

/* Endpoints and features have another layout in records than in images. */
static bool write_broker(const struct image_broker *broker, struct image_writer *writer)
{
    struct meta_record record;
    struct register_broker_record_broker_endpoint *endpoints =
        ARENA_ARRAY(writer->scratch, struct register_broker_record_broker_endpoint, (size_t)broker->endpoint_count + 1);
    struct register_broker_record_broker_feature *features =
        ARENA_ARRAY(writer->scratch, struct register_broker_record_broker_feature, (size_t)broker->feature_count + 1);
    if (endpoints == NULL || features == NULL)
        return false;
    meta_record_init(&record, META_REGISTER_BROKER);
    for (int32_t i = 0; i < broker->endpoint_count; i++) {
        const struct image_endpoint *e = &broker->endpoints[i];
        endpoints[i] = (struct register_broker_record_broker_endpoint){.name = slice_from_string(e->name),
                                                                       .host = slice_from_string(e->host),
                                                                       .port = e->port,
                                                                       .security_protocol = e->security};
    }
    for (int32_t i = 0; i < broker->feature_count; i++) {
        const struct image_supported_feature *f = &broker->features[i];
        features[i] = (struct register_broker_record_broker_feature){
            .name = slice_from_string(f->name), .min_supported_version = f->min, .max_supported_version = f->max};
    }
    record.register_broker.broker_id = broker->id;
    record.register_broker.broker_epoch = broker->epoch;
    record.register_broker.incarnation_id = broker->incarnation;
    record.register_broker.rack = slice_from_string(broker->rack);
    record.register_broker.fenced = broker->fenced;
    record.register_broker.in_controlled_shutdown = broker->in_controlled_shutdown;
    LIST_OF(record.register_broker.end_points, endpoints, broker->endpoint_count);
    LIST_OF(record.register_broker.features, features, broker->feature_count);
    LIST_OF(record.register_broker.log_dirs, broker->log_dirs, broker->log_dir_count);
    return writer->record(writer, &record);
}

static bool write_partition(const struct image_topic *topic, int32_t index, struct image_writer *writer)
{
    const struct image_partition *p = &topic->partitions[index];
    struct meta_record record;
    meta_record_init(&record, META_PARTITION);
    struct partition_record *r = &record.partition;
    r->partition_id = index;
    r->topic_id = topic->id;
    r->leader = p->leader;
    r->leader_epoch = p->leader_epoch;
    r->partition_epoch = p->partition_epoch;
    r->leader_recovery_state = p->leader_recovery_state;
    LIST_OF(r->replicas, p->replicas, p->replica_count);
    LIST_OF(r->isr, p->isr, p->isr_count);
    LIST_OF(r->adding_replicas, p->adding, p->adding_count);
    LIST_OF(r->removing_replicas, p->removing, p->removing_count);
    LIST_OF(r->directories, p->directories, p->directories == NULL ? 0 : p->replica_count);
    LIST_OF(r->eligible_leader_replicas, p->elr, p->elr_count == 0 ? -1 : p->elr_count);
    LIST_OF(r->last_known_elr, p->last_known_elr, p->last_known_elr_count == 0 ? -1 : p->last_known_elr_count);
    return writer->record(writer, &record);
}

static bool write_settings(struct image_writer *writer, int8_t type, const char *resource,
                           const struct config_setting *settings, int count)
{
    struct meta_record record;
    for (int i = 0; i < count; i++) {
        meta_record_init(&record, META_CONFIG);
        record.config.resource_type = type;
        record.config.resource_name = slice_from_string(resource);
        record.config.name = slice_from_string(settings[i].name);
        record.config.value = slice_from_string(settings[i].value);
        if (!writer->record(writer, &record))
            return false;
    }
    return true;
}

static bool write_topic(const struct image_topic *topic, struct image_writer *writer)
{
    struct meta_record record;
    meta_record_init(&record, META_TOPIC);
    record.topic.name = slice_of(topic->name, topic->name_length);
    record.topic.topic_id = topic->id;
    if (!writer->record(writer, &record))
        return false;
    for (int32_t i = 0; i < topic->partition_count; i++)
        if (!write_partition(topic, i, writer))
            return false;
    return write_settings(writer, CONFIG_RESOURCE_TOPIC, topic->name, topic->overrides, topic->override_count);
}

bool image_write(const struct image *image, struct image_writer *writer)
{
    struct meta_record record;
    if (!write_features(image, writer))
        return false;
    for (int32_t i = 0; i < image->broker_count; i++)
        if (!write_broker(&image->brokers[i], writer))
            return false;
    for (int32_t i = 0; i < image->topic_count; i++)
        if (!write_topic(image->topics[i], writer))
            return false;
    for (int32_t i = 0; i < image->resource_count; i++) {
        const struct image_resource *resource = &image->resources[i];
        if (!write_settings(writer, resource->type, resource->name, resource->settings.items, resource->settings.count))
            return false;
    }
    if (image->next_producer_id == 0)
        return true;
    meta_record_init(&record, META_PRODUCER_IDS);
    record.producer_ids.broker_id = image->node_id;
    record.producer_ids.next_producer_id = image->next_producer_id;
    return writer->record(writer, &record);
}
