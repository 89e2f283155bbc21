#include "core/controller/internal.h"

#include <stdlib.h>

static int by_name_then_place(const void *a, const void *b)
{
    const struct repeat *x = *(struct repeat *const *)a, *y = *(struct repeat *const *)b;
    int order = slice_compare(x->name, y->name);
    return order != 0 ? order : (x > y) - (x < y); /* of one array: the order of the request */
}

bool mark_repeats(struct arena *arena, struct repeat *names, int count)
{
    struct repeat **order = ARENA_ARRAY(arena, struct repeat *, (size_t)count + 1);
    if (order == NULL)
        return false;
    for (int i = 0; i < count; i++) {
        names[i].mark = REPEAT_NONE;
        order[i] = &names[i];
    }
    qsort(order, (size_t)count, sizeof *order, by_name_then_place);
    for (int i = 1; i < count; i++)
        if (slice_compare(order[i - 1]->name, order[i]->name) == 0) {
            order[i]->mark = REPEAT_LATER;
            if (order[i - 1]->mark == REPEAT_NONE)
                order[i - 1]->mark = REPEAT_FIRST;
        }
    return true;
}

/* ---- delete -------------------------------------------------------------------------------------------------------
 */

struct deletion {
    struct controller *controller;
    struct delete_topics_response *response;
    struct slice name; /* null: not given */
    struct uuid id;    /* zero: not given */
    bool is_late;
};

static void answer(const struct deletion *deletion, struct slice name, struct uuid id, int16_t code,
                   const char *message)
{
    struct delete_topics_response *response = deletion->response;
    response->responses.items[response->responses.count++] = (struct delete_topics_response_deletable_topic_result){
        .name = name, .topic_id = id, .error_code = code, .error_message = slice_from_string(message)};
}

static enum err remove_topic(const struct deletion *deletion, const struct image_topic *topic)
{
    struct controller *controller = deletion->controller;
    struct meta_record *record = meta_records_add(&controller->records, controller->arena, META_REMOVE_TOPIC);
    if (record == NULL)
        return ERR_NO_MEMORY;
    record->remove_topic.topic_id = topic->id;
    answer(deletion, slice_of(topic->name, topic->name_length), topic->id, KAFKA_ERROR_NONE, NULL);
    return ERR_OK;
}

/* One topic of the request; marks say whether its name or id is repeated. */
static enum err delete_one(const struct deletion *deletion, enum repeat_mark mark, bool deletion_enabled)
{
    const struct image *image = deletion->controller->image;
    bool has_name = !slice_is_null(deletion->name), has_id = !uuid_is_zero(deletion->id);
    if (!deletion_enabled) {
        answer(deletion, deletion->name, deletion->id, KAFKA_ERROR_TOPIC_DELETION_DISABLED,
               "Topic deletion is disabled.");
    } else if (!has_name && !has_id) {
        answer(deletion, SLICE_NULL, UUID_ZERO, KAFKA_ERROR_INVALID_REQUEST,
               "Neither topic name nor id were specified.");
    } else if (has_name && has_id) {
        answer(deletion, deletion->name, deletion->id, KAFKA_ERROR_INVALID_REQUEST,
               "You may not specify both topic name and topic id.");
    } else if (mark != REPEAT_NONE) {
        answer(deletion, deletion->name, deletion->id, KAFKA_ERROR_INVALID_REQUEST,
               has_name ? "Duplicate topic name." : "Duplicate topic id.");
    } else if (deletion->is_late) {
        answer(deletion, deletion->name, deletion->id, TOO_LATE.code, TOO_LATE.message);
    } else {
        const struct image_topic *topic =
            has_name ? image_topic_by_name(image, deletion->name) : image_topic_by_id(image, deletion->id);
        if (topic != NULL)
            return remove_topic(deletion, topic);
        if (has_name)
            answer(deletion, deletion->name, UUID_ZERO, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION,
                   "This server does not host this topic-partition.");
        else
            answer(deletion, SLICE_NULL, deletion->id, KAFKA_ERROR_UNKNOWN_TOPIC_ID,
                   "This server does not host this topic ID.");
    }
    return ERR_OK;
}

/* A topic given by name and by id is deleted once; the second way is refused. */
static void drop_double_removals(struct controller *controller, struct delete_topics_response *response)
{
    int count = controller->records.count, kept = 0;
    struct repeat *ids = ARENA_ARRAY(controller->arena, struct repeat, (size_t)response->responses.count + 1);
    if (ids == NULL)
        return; /* the fold refuses a double removal */
    for (int i = 0; i < count; i++)
        ids[i].name = slice_of(controller->records.items[i].remove_topic.topic_id.bytes, 16);
    if (!mark_repeats(controller->arena, ids, count))
        return;
    for (int i = 0, r = 0; i < response->responses.count; i++) {
        struct delete_topics_response_deletable_topic_result *result = &response->responses.items[i];
        if (result->error_code != KAFKA_ERROR_NONE)
            continue;
        if (ids[r].mark == REPEAT_LATER) {
            result->error_code = KAFKA_ERROR_INVALID_REQUEST;
            result->error_message = SLICE_LITERAL("The provided topic name maps to an ID that was already supplied.");
        } else {
            controller->records.items[kept++] = controller->records.items[r];
        }
        r++;
    }
    controller->records.count = kept;
}

enum err controller_delete_topics(struct controller *controller, int16_t version,
                                  const struct delete_topics_request *request, struct delete_topics_response *response)
{
    bool by_state = version >= 6;
    int count = by_state ? request->topics.count : request->topic_names.count;
    count = count < 0 ? 0 : count;
    bool enabled = controller->image->config->delete_topic_enable;
    struct deletion deletion = {.controller = controller, .response = response, .is_late = request->timeout_ms <= 0};
    struct repeat *keys = ARENA_ARRAY(controller->arena, struct repeat, (size_t)count + 1);
    WIRE_DEFAULTS(delete_topics_response_schema, response);
    response->responses.items =
        ARENA_ARRAY(controller->arena, struct delete_topics_response_deletable_topic_result, (size_t)count + 1);
    if (keys == NULL || response->responses.items == NULL)
        return ERR_NO_MEMORY;
    for (int i = 0; i < count; i++) { /* names and ids cannot be confused: a valid name of 16 bytes is not an id here */
        if (!by_state)
            keys[i].name = request->topic_names.items[i];
        else if (!slice_is_null(request->topics.items[i].name))
            keys[i].name = request->topics.items[i].name;
        else
            keys[i].name = slice_of(&request->topics.items[i].topic_id, sizeof(struct uuid));
    }
    if (!mark_repeats(controller->arena, keys, count))
        return ERR_NO_MEMORY;
    for (int i = 0; i < count; i++) {
        deletion.name = by_state ? request->topics.items[i].name : request->topic_names.items[i];
        deletion.id = by_state ? request->topics.items[i].topic_id : UUID_ZERO;
        bool contradictory = by_state && slice_is_null(deletion.name) == uuid_is_zero(deletion.id);
        if (keys[i].mark == REPEAT_LATER && enabled && !contradictory)
            continue; /* a repeated one is answered once */
        enum err err = delete_one(&deletion, keys[i].mark, enabled);
        if (err != ERR_OK)
            return err;
    }
    drop_double_removals(controller, response);
    return ERR_OK;
}

/* ---- producer ids, registration -----------------------------------------------------------------------------------
 */

enum err controller_producer_ids(struct controller *controller, int64_t *first)
{
    const struct image *image = controller->image;
    struct meta_record *record = meta_records_add(&controller->records, controller->arena, META_PRODUCER_IDS);
    const struct image_broker *self = image_broker_by_id(image, image->node_id);
    if (record == NULL)
        return ERR_NO_MEMORY;
    if (image->next_producer_id > INT64_MAX - CONTROLLER_PRODUCER_IDS)
        return ERR_LIMIT;
    *first = image->next_producer_id;
    record->producer_ids.broker_id = image->node_id;
    record->producer_ids.broker_epoch = self == NULL ? -1 : self->epoch;
    record->producer_ids.next_producer_id = image->next_producer_id + CONTROLLER_PRODUCER_IDS;
    return ERR_OK;
}

static enum err add_feature_levels(struct controller *controller, const struct controller_registration *registration)
{
    if (controller->image->feature_count > 0)
        return ERR_OK;
    for (int i = 0; i < registration->feature_count; i++) {
        if (registration->features[i].fresh == 0)
            continue;
        struct meta_record *record = meta_records_add(&controller->records, controller->arena, META_FEATURE_LEVEL);
        if (record == NULL)
            return ERR_NO_MEMORY;
        record->feature_level.name = slice_from_string(registration->features[i].name);
        record->feature_level.feature_level = registration->features[i].fresh;
        if (strcmp(registration->features[i].name, CONTROLLER_ELR_FEATURE) == 0) {
            enum err err = settle_least_in_sync(controller);
            if (err != ERR_OK)
                return err;
        }
    }
    return ERR_OK;
}

static bool has_id(const int32_t *ids, int32_t count, int32_t id)
{
    for (int32_t i = 0; i < count; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* Nothing acknowledged may be missing here: it was in sync last (KIP-966), or has the only copy. */
static bool may_lead(const struct image_partition *partition, int32_t node_id)
{
    return has_id(partition->isr, partition->isr_count, node_id) ||
           has_id(partition->elr, partition->elr_count, node_id) ||
           (partition->elr_count == 0 && has_id(partition->last_known_elr, partition->last_known_elr_count, node_id)) ||
           (partition->replica_count == 1 && partition->replicas[0] == node_id);
}

/* Kafka's controlled stop of the last replica leaves partitions without a leader; so does a directory taken over from
 * it. */
static enum err elect_for_leaderless(struct controller *controller)
{
    const struct image *image = controller->image;
    for (int32_t i = 0; i < image->topic_count; i++) {
        const struct image_topic *topic = image->topics[i];
        for (int32_t index = 0; index < topic->partition_count; index++) {
            const struct image_partition *partition = &topic->partitions[index];
            if (partition->leader >= 0 || !may_lead(partition, image->node_id))
                continue;
            struct meta_record *record =
                meta_records_add(&controller->records, controller->arena, META_PARTITION_CHANGE);
            int32_t *isr = arena_copy(controller->arena, &image->node_id, sizeof image->node_id);
            if (record == NULL || isr == NULL)
                return ERR_NO_MEMORY;
            struct partition_change_record *change = &record->partition_change;
            change->topic_id = topic->id;
            change->partition_id = index;
            change->leader = image->node_id;
            change->isr.items = isr;
            change->isr.count = 1;
            change->eligible_leader_replicas.count = change->last_known_elr.count = 0;
        }
    }
    return ERR_OK;
}

enum err controller_register_broker(struct controller *controller, const struct controller_registration *registration)
{
    struct arena *arena = controller->arena;
    enum err err = add_feature_levels(controller, registration);
    struct meta_record *record = meta_records_add(&controller->records, arena, META_REGISTER_BROKER);
    struct register_broker_record_broker_endpoint *endpoints =
        ARENA_ARRAY(arena, struct register_broker_record_broker_endpoint, (size_t)registration->endpoint_count + 1);
    struct register_broker_record_broker_feature *features =
        ARENA_ARRAY(arena, struct register_broker_record_broker_feature, (size_t)registration->feature_count + 1);
    if (err != ERR_OK || record == NULL || endpoints == NULL || features == NULL)
        return ERR_NO_MEMORY;
    for (int i = 0; i < registration->endpoint_count; i++) {
        const struct image_endpoint *from = &registration->endpoints[i];
        endpoints[i].name = slice_from_string(from->name);
        endpoints[i].host = slice_from_string(from->host);
        endpoints[i].port = from->port;
        endpoints[i].security_protocol = from->security;
    }
    for (int i = 0; i < registration->feature_count; i++) {
        features[i].name = slice_from_string(registration->features[i].name);
        features[i].min_supported_version = registration->features[i].min;
        features[i].max_supported_version = registration->features[i].max;
    }
    struct register_broker_record *broker = &record->register_broker;
    broker->broker_id = controller->image->node_id;
    broker->incarnation_id = registration->incarnation;
    broker->broker_epoch = registration->epoch;
    broker->rack = slice_from_string(controller->image->config->broker_rack);
    broker->fenced = false; /* a quorum of one has nobody else to lift the fence */
    broker->end_points.items = endpoints;
    broker->end_points.count = registration->endpoint_count;
    broker->features.items = features;
    broker->features.count = registration->feature_count;
    broker->log_dirs.items =
        arena_copy(arena, registration->log_dirs, (size_t)registration->log_dir_count * sizeof(struct uuid));
    broker->log_dirs.count = registration->log_dir_count;
    return broker->log_dirs.items == NULL ? ERR_NO_MEMORY : elect_for_leaderless(controller);
}
