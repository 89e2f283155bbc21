#include "core/controller/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct verdict refuse(struct arena *arena, int16_t code, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return (struct verdict){code, arena_string(arena, text, strlen(text))};
}

const char *text_of(struct arena *arena, struct slice text)
{
    return arena_string(arena, text.data, text.length);
}

/* ---- names --------------------------------------------------------------------------------------------------------
 */

enum { TOPIC_NAME_MAX = 249 };

const char *controller_topic_name_problem(struct slice name, struct arena *arena)
{
    const char *problem = NULL;
    if (name.length == 0)
        return "Topic name is invalid: the empty string is not allowed";
    if (slice_equal_string(name, ".") || slice_equal_string(name, ".."))
        problem = arena_printf(arena, "Topic name is invalid: '%.*s' is not allowed", SLICE_ARG(name));
    else if (name.length > TOPIC_NAME_MAX)
        problem =
            arena_printf(arena, "Topic name is invalid: the length of '%.*s' is longer than the max allowed length %d",
                         (int)size_min(name.length, 512), (const char *)name.data, TOPIC_NAME_MAX);
    else {
        size_t i = 0;
        while (i < name.length &&
               ((name.data[i] >= 'a' && name.data[i] <= 'z') || (name.data[i] >= 'A' && name.data[i] <= 'Z') ||
                (name.data[i] >= '0' && name.data[i] <= '9') || name.data[i] == '.' || name.data[i] == '_' ||
                name.data[i] == '-'))
            i++;
        if (i == name.length)
            return NULL;
        problem = arena_printf(arena,
                               "Topic name is invalid: '%.*s' contains one or more characters other than ASCII "
                               "alphanumerics, '.', '_' and '-'",
                               SLICE_ARG(name));
    }
    return problem != NULL ? problem : "Topic name is invalid";
}

/* Metric names cannot tell '.' from '_': two topics that differ only there would collide. */
static bool collides(struct slice a, struct slice b)
{
    bool marked_a = false, marked_b = false;
    if (a.length != b.length || slice_equal(a, b))
        return false;
    for (size_t i = 0; i < a.length; i++) {
        bool mark_a = a.data[i] == '.' || a.data[i] == '_', mark_b = b.data[i] == '.' || b.data[i] == '_';
        if (a.data[i] != b.data[i] && !(mark_a && mark_b))
            return false;
        marked_a = marked_a || mark_a;
        marked_b = marked_b || mark_b;
    }
    return marked_a && marked_b;
}

static struct verdict check_new_name(const struct controller *controller, struct slice name)
{
    const char *problem = controller_topic_name_problem(name, controller->arena);
    if (problem != NULL)
        return (struct verdict){KAFKA_ERROR_INVALID_TOPIC_EXCEPTION, problem};
    if (image_topic_by_name(controller->image, name) != NULL)
        return refuse(controller->arena, KAFKA_ERROR_TOPIC_ALREADY_EXISTS, "Topic '%.*s' already exists.",
                      SLICE_ARG(name));
    if (memchr(name.data, '.', name.length) == NULL && memchr(name.data, '_', name.length) == NULL)
        return GOOD;
    for (int32_t i = 0; i < controller->image->topic_count; i++) {
        const struct image_topic *topic = controller->image->topics[i];
        if (collides(name, slice_of(topic->name, topic->name_length)))
            return refuse(controller->arena, KAFKA_ERROR_INVALID_TOPIC_EXCEPTION,
                          "Topic '%.*s' collides with existing topic: %s", SLICE_ARG(name), topic->name);
    }
    return GOOD;
}

/* ---- replicas -----------------------------------------------------------------------------------------------------
 */

static bool is_active(const struct image *image, int32_t id)
{
    const struct image_broker *broker = image_broker_by_id(image, id);
    return broker != NULL && !broker->fenced && !broker->in_controlled_shutdown;
}

struct verdict check_assignment(const struct controller *controller, const int32_t *ids, int32_t count,
                                int32_t expected, int32_t partition)
{
    struct arena *arena = controller->arena;
    const int16_t code = KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT;
    bool any_active = false;
    if (count <= 0)
        return refuse(arena, code, "The manual partition assignment includes an empty replica list.");
    for (int32_t i = 0; i < count; i++)
        if (image_broker_by_id(controller->image, ids[i]) == NULL)
            return refuse(arena, code,
                          "The manual partition assignment includes broker %d, but no such broker is registered.",
                          ids[i]);
    /* Every id is a registered broker's: a list longer than there are brokers ends at the first repeated one. */
    for (int32_t i = 0; i < count; i++) {
        any_active = any_active || is_active(controller->image, ids[i]);
        for (int32_t k = 0; k < i; k++)
            if (ids[i] == ids[k])
                return refuse(arena, code, "The manual partition assignment includes the broker %d more than once.",
                              ids[i]);
    }
    if (expected > 0 && count != expected)
        return refuse(arena, code,
                      "The manual partition assignment includes a partition with %d replica(s), but this is not "
                      "consistent with previous partitions, which have %d replica(s).",
                      count, expected);
    if (!any_active)
        return refuse(arena, code,
                      "All brokers specified in the manual partition assignment for partition %d are fenced or in "
                      "controlled shutdown.",
                      partition);
    return GOOD;
}

struct placement {
    const int32_t **replicas; /* per partition */
    int32_t partition_count;
    int32_t replica_count;
};

static struct verdict no_memory(void)
{
    return (struct verdict){KAFKA_ERROR_UNKNOWN_SERVER_ERROR, "out of memory"};
}

/* Leaders go round the active brokers, beginning at one that depends on the topic's id; the other replicas follow. */
static struct verdict place(struct controller *controller, struct uuid topic_id, int32_t first_partition,
                            struct placement *placement)
{
    const struct image *image = controller->image;
    int32_t *usable = ARENA_ARRAY(controller->arena, int32_t, (size_t)image->broker_count + 1);
    placement->replicas = ARENA_ARRAY(controller->arena, const int32_t *, (size_t)placement->partition_count);
    int32_t usable_count = 0, wanted = placement->replica_count;
    if (usable == NULL || placement->replicas == NULL)
        return no_memory();
    for (int32_t i = 0; i < image->broker_count; i++)
        if (is_active(image, image->brokers[i].id))
            usable[usable_count++] = image->brokers[i].id;
    if (usable_count == 0)
        return refuse(controller->arena, KAFKA_ERROR_INVALID_REPLICATION_FACTOR,
                      "Unable to replicate the partition %d time(s): All brokers are currently fenced.", wanted);
    if (wanted > usable_count)
        return refuse(
            controller->arena, KAFKA_ERROR_INVALID_REPLICATION_FACTOR,
            "Unable to replicate the partition %d time(s): The target replication factor of %d cannot be "
            "reached because only %d broker(s) are registered or some brokers have all their log directories cordoned.",
            wanted, wanted, image->broker_count);
    uint32_t start = get_u32(topic_id.bytes) % (uint32_t)usable_count;
    for (int32_t p = 0; p < placement->partition_count; p++) {
        int32_t *replicas = ARENA_ARRAY(controller->arena, int32_t, (size_t)wanted);
        if (replicas == NULL)
            return no_memory();
        for (int32_t r = 0; r < wanted; r++)
            replicas[r] =
                usable[(start + (uint32_t)first_partition + (uint32_t)p + (uint32_t)r) % (uint32_t)usable_count];
        placement->replicas[p] = replicas;
    }
    return GOOD;
}

static struct verdict too_many_partitions(struct arena *arena)
{
    return refuse(arena, KAFKA_ERROR_POLICY_VIOLATION, "Excessively large number of partitions per request.");
}

/* ---- create -------------------------------------------------------------------------------------------------------
 */

static struct verdict place_manually(struct controller *controller,
                                     const struct create_topics_request_creatable_topic *topic,
                                     struct placement *placement)
{
    struct arena *arena = controller->arena;
    int32_t count = topic->assignments.count, expected = 0;
    if (topic->replication_factor != -1)
        return refuse(arena, KAFKA_ERROR_INVALID_REQUEST,
                      "A manual partition assignment was specified, but replication factor was not set to -1.");
    if (topic->num_partitions != -1)
        return refuse(arena, KAFKA_ERROR_INVALID_REQUEST,
                      "A manual partition assignment was specified, but numPartitions was not set to -1.");
    if (count > CONTROLLER_PARTITIONS_MAX)
        return too_many_partitions(arena);
    placement->replicas = ARENA_ARRAY(arena, const int32_t *, (size_t)count);
    if (placement->replicas == NULL)
        return no_memory();
    bool gap = false;
    for (int32_t i = 0; i < count; i++) {
        const struct create_topics_request_creatable_replica_assignment *a = &topic->assignments.items[i];
        bool in_range = a->partition_index >= 0 && a->partition_index < count;
        if (in_range && placement->replicas[a->partition_index] != NULL)
            return refuse(arena, KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT,
                          "Found multiple manual partition assignments for partition %d", a->partition_index);
        struct verdict verdict =
            check_assignment(controller, a->broker_ids.items, a->broker_ids.count, expected, a->partition_index);
        if (is_bad(verdict))
            return verdict;
        expected = a->broker_ids.count;
        if (in_range)
            placement->replicas[a->partition_index] = a->broker_ids.items;
        gap = gap || !in_range;
    }
    if (gap)
        return refuse(arena, KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT,
                      "partitions should be a consecutive 0-based integer sequence");
    placement->partition_count = count;
    placement->replica_count = expected;
    return GOOD;
}

static struct verdict place_topic(struct controller *controller,
                                  const struct create_topics_request_creatable_topic *topic, struct uuid id,
                                  struct placement *placement)
{
    const struct broker_config *config = controller->image->config;
    if (topic->assignments.count > 0)
        return place_manually(controller, topic, placement);
    if (topic->replication_factor < -1 || topic->replication_factor == 0)
        return refuse(controller->arena, KAFKA_ERROR_INVALID_REPLICATION_FACTOR,
                      "Replication factor must be larger than 0, or -1 to use the default value.");
    if (topic->num_partitions < -1 || topic->num_partitions == 0)
        return refuse(controller->arena, KAFKA_ERROR_INVALID_PARTITIONS,
                      "Number of partitions was set to an invalid non-positive value.");
    placement->partition_count = topic->num_partitions == -1 ? config->num_partitions : topic->num_partitions;
    placement->replica_count =
        topic->replication_factor == -1 ? config->default_replication_factor : topic->replication_factor;
    if (placement->partition_count > CONTROLLER_PARTITIONS_MAX)
        return too_many_partitions(controller->arena);
    return place(controller, id, 0, placement);
}

static enum err add_partitions(struct controller *controller, struct uuid id, const struct placement *placement,
                               int32_t first_partition)
{
    for (int32_t p = 0; p < placement->partition_count; p++) {
        struct meta_record *record = meta_records_add(&controller->records, controller->arena, META_PARTITION);
        int32_t *isr = ARENA_ARRAY(controller->arena, int32_t, (size_t)placement->replica_count);
        if (record == NULL || isr == NULL)
            return ERR_NO_MEMORY;
        struct partition_record *partition = &record->partition;
        partition->partition_id = first_partition + p;
        partition->topic_id = id;
        partition->replicas.items = (int32_t *)placement->replicas[p];
        partition->replicas.count = placement->replica_count;
        partition->isr.items = isr;
        for (int32_t r = 0; r < placement->replica_count; r++)
            if (is_active(controller->image, placement->replicas[p][r]))
                isr[partition->isr.count++] = placement->replicas[p][r];
        partition->leader = isr[0];
        partition->leader_epoch = 0;
        partition->partition_epoch = 0;
    }
    return ERR_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct config_setting *)a)->name, ((const struct config_setting *)b)->name);
}

/* The request's settings, sorted, the last of a repeated name. */
static struct verdict read_settings(struct controller *controller,
                                    const struct create_topics_request_creatable_topic *topic,
                                    struct config_setting **settings, int *count)
{
    int given = topic->configs.count < 0 ? 0 : topic->configs.count;
    *count = 0;
    *settings = ARENA_ARRAY(controller->arena, struct config_setting, (size_t)given + 1);
    if (*settings == NULL)
        return no_memory();
    for (int i = 0; i < given; i++) {
        const struct create_topics_request_creatable_topic_config *config = &topic->configs.items[i];
        if (slice_is_null(config->value))
            return refuse(controller->arena, KAFKA_ERROR_INVALID_CONFIG,
                          "Null value not supported for topic configs: %.*s", (int)size_min(config->name.length, 256),
                          (const char *)config->name.data);
        const struct config_key *key = config_topic_key(config->name);
        if (key == NULL)
            return refuse(controller->arena, KAFKA_ERROR_INVALID_CONFIG, "Unknown topic config name: %.*s",
                          (int)size_min(config->name.length, 256), (const char *)config->name.data);
        const char *value = text_of(controller->arena, config->value);
        if (value == NULL)
            return no_memory();
        int at = 0;
        while (at < *count && strcmp((*settings)[at].name, key->name) != 0)
            at++;
        (*settings)[at] = (struct config_setting){key->name, value, 0};
        *count += at == *count;
    }
    qsort(*settings, (size_t)*count, sizeof **settings, by_name);
    return check_topic_settings(controller->arena, controller->image->config, *settings, *count);
}

/* Version 5 tells every effective setting of the new topic. */
static enum err tell_settings(struct controller *controller, const struct config_setting *settings, int count,
                              struct create_topics_response_creatable_topic_result *result)
{
    result->configs.items = ARENA_ARRAY(controller->arena, struct create_topics_response_creatable_topic_configs,
                                        (size_t)config_topic_key_count);
    if (result->configs.items == NULL)
        return ERR_NO_MEMORY;
    result->configs.count = 0;
    for (int i = 0; i < config_topic_key_count; i++) {
        enum config_source source;
        const struct config_key *key = &config_topic_keys[i];
        const char *value = topic_value(&controller->image->layers, &controller->image->config->topic_defaults,
                                        controller->arena, key, settings, count, &source);
        if (key->internal && source != CONFIG_SOURCE_TOPIC)
            continue;
        if (value != NULL) /* may be the image's, which need not live until the answer is sent */
            value = text_of(controller->arena, slice_from_string(value));
        result->configs.items[result->configs.count++] = (struct create_topics_response_creatable_topic_configs){
            .name = slice_from_string(key->name), .value = slice_from_string(value), .config_source = (int8_t)source};
    }
    return ERR_OK;
}

static enum err add_settings(struct controller *controller, struct slice topic, const struct config_setting *settings,
                             int count)
{
    for (int i = 0; i < count; i++) {
        struct meta_record *record = meta_records_add(&controller->records, controller->arena, META_CONFIG);
        if (record == NULL)
            return ERR_NO_MEMORY;
        record->config.resource_type = CONFIG_RESOURCE_TOPIC;
        record->config.resource_name = topic;
        record->config.name = slice_from_string(settings[i].name);
        record->config.value = slice_from_string(settings[i].value);
    }
    return ERR_OK;
}

static struct verdict create_one(struct controller *controller,
                                 const struct create_topics_request_creatable_topic *topic, int32_t *partitions_left,
                                 struct create_topics_response_creatable_topic_result *result)
{
    struct placement placement = {0};
    struct config_setting *settings;
    int setting_count;
    struct verdict verdict = check_new_name(controller, topic->name);
    if (!is_bad(verdict))
        verdict = read_settings(controller, topic, &settings, &setting_count);
    if (is_bad(verdict))
        return verdict;
    struct uuid id = controller->ids->next(controller->ids);
    verdict = place_topic(controller, topic, id, &placement);
    if (is_bad(verdict))
        return verdict;
    if (placement.partition_count > *partitions_left)
        return too_many_partitions(controller->arena);
    *partitions_left -= placement.partition_count;
    struct meta_record *record = meta_records_add(&controller->records, controller->arena, META_TOPIC);
    if (record == NULL)
        return no_memory();
    record->topic.name = topic->name;
    record->topic.topic_id = id;
    if (add_settings(controller, topic->name, settings, setting_count) != ERR_OK ||
        add_partitions(controller, id, &placement, 0) != ERR_OK ||
        tell_settings(controller, settings, setting_count, result) != ERR_OK)
        return no_memory();
    result->topic_id = id;
    result->num_partitions = placement.partition_count;
    result->replication_factor = (int16_t)placement.replica_count;
    return GOOD;
}

enum err controller_create_topics(struct controller *controller, const struct create_topics_request *request,
                                  struct create_topics_response *response)
{
    int count = request->topics.count < 0 ? 0 : request->topics.count;
    int32_t partitions_left = CONTROLLER_PARTITIONS_MAX;
    struct repeat *names = ARENA_ARRAY(controller->arena, struct repeat, (size_t)count + 1);
    WIRE_DEFAULTS(create_topics_response_schema, response);
    response->topics.items =
        ARENA_ARRAY(controller->arena, struct create_topics_response_creatable_topic_result, (size_t)count + 1);
    if (names == NULL || response->topics.items == NULL)
        return ERR_NO_MEMORY;
    for (int i = 0; i < count; i++)
        names[i].name = request->topics.items[i].name;
    if (!mark_repeats(controller->arena, names, count))
        return ERR_NO_MEMORY;
    for (int i = 0; i < count; i++) {
        const struct create_topics_request_creatable_topic *topic = &request->topics.items[i];
        if (names[i].mark == REPEAT_LATER)
            continue; /* a repeated name is answered once */
        struct create_topics_response_creatable_topic_result *result =
            &response->topics.items[response->topics.count++];
        *result = (struct create_topics_response_creatable_topic_result){
            .name = topic->name, .num_partitions = -1, .replication_factor = -1};
        int kept = controller->records.count;
        struct verdict verdict;
        if (names[i].mark == REPEAT_FIRST)
            verdict = refuse(controller->arena, KAFKA_ERROR_INVALID_REQUEST, "Duplicate topic name.");
        else if (slice_equal_string(topic->name, "__cluster_metadata"))
            verdict = refuse(controller->arena, KAFKA_ERROR_INVALID_REQUEST,
                             "Creation of internal topic __cluster_metadata is prohibited.");
        else if (request->timeout_ms <= 0)
            verdict = TOO_LATE;
        else
            verdict = create_one(controller, topic, &partitions_left, result);
        result->error_code = verdict.code;
        result->error_message = slice_from_string(verdict.message);
        if (is_bad(verdict))
            controller->records.count = kept;
    }
    if (request->validate_only)
        controller->records.count = 0;
    return ERR_OK;
}

/* ---- more partitions ----------------------------------------------------------------------------------------------
 */

static struct verdict grow_one(struct controller *controller,
                               const struct create_partitions_request_create_partitions_topic *asked,
                               int32_t *partitions_left)
{
    struct arena *arena = controller->arena;
    const struct image_topic *topic = image_topic_by_name(controller->image, asked->name);
    if (topic == NULL || topic->partition_count == 0)
        return (struct verdict){KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION, NULL};
    int32_t has = topic->partition_count;
    if (asked->count == has)
        return refuse(arena, KAFKA_ERROR_INVALID_PARTITIONS, "Topic already has %d partition(s).", has);
    if (asked->count < has)
        return refuse(arena, KAFKA_ERROR_INVALID_PARTITIONS,
                      "The topic %s currently has %d partition(s); %d would not be an increase.", topic->name, has,
                      asked->count);
    struct placement placement = {.partition_count = asked->count - has,
                                  .replica_count = topic->partitions[0].replica_count};
    if (placement.partition_count > *partitions_left)
        return too_many_partitions(arena);
    struct verdict verdict = GOOD;
    if (asked->assignments.count < 0) {
        verdict = place(controller, topic->id, has, &placement);
    } else if (asked->assignments.count != placement.partition_count) {
        return refuse(arena, KAFKA_ERROR_INVALID_REPLICA_ASSIGNMENT,
                      "Attempted to add %d additional partition(s), but only %d assignment(s) were specified.",
                      placement.partition_count, asked->assignments.count);
    } else {
        placement.replicas = ARENA_ARRAY(arena, const int32_t *, (size_t)placement.partition_count);
        if (placement.replicas == NULL)
            return no_memory();
        for (int32_t i = 0; i < placement.partition_count && !is_bad(verdict); i++) {
            placement.replicas[i] = asked->assignments.items[i].broker_ids.items;
            verdict = check_assignment(controller, placement.replicas[i], asked->assignments.items[i].broker_ids.count,
                                       placement.replica_count, has + i);
        }
    }
    if (is_bad(verdict))
        return verdict;
    *partitions_left -= placement.partition_count;
    return add_partitions(controller, topic->id, &placement, has) == ERR_OK ? GOOD : no_memory();
}

enum err controller_create_partitions(struct controller *controller, const struct create_partitions_request *request,
                                      struct create_partitions_response *response)
{
    int count = request->topics.count < 0 ? 0 : request->topics.count;
    int32_t partitions_left = CONTROLLER_PARTITIONS_MAX;
    struct repeat *names = ARENA_ARRAY(controller->arena, struct repeat, (size_t)count + 1);
    WIRE_DEFAULTS(create_partitions_response_schema, response);
    response->results.items = ARENA_ARRAY(
        controller->arena, struct create_partitions_response_create_partitions_topic_result, (size_t)count + 1);
    if (names == NULL || response->results.items == NULL)
        return ERR_NO_MEMORY;
    for (int i = 0; i < count; i++)
        names[i].name = request->topics.items[i].name;
    if (!mark_repeats(controller->arena, names, count))
        return ERR_NO_MEMORY;
    for (int i = 0; i < count; i++) {
        const struct create_partitions_request_create_partitions_topic *topic = &request->topics.items[i];
        if (names[i].mark == REPEAT_LATER)
            continue;
        int kept = controller->records.count;
        struct verdict verdict = names[i].mark == REPEAT_FIRST
                                     ? refuse(controller->arena, KAFKA_ERROR_INVALID_REQUEST, "Duplicate topic name.")
                                 : request->timeout_ms <= 0 ? TOO_LATE
                                                            : grow_one(controller, topic, &partitions_left);
        if (is_bad(verdict))
            controller->records.count = kept;
        response->results.items[response->results.count++] =
            (struct create_partitions_response_create_partitions_topic_result){
                .name = topic->name, .error_code = verdict.code, .error_message = slice_from_string(verdict.message)};
    }
    if (request->validate_only)
        controller->records.count = 0;
    return ERR_OK;
}
