/* Topics that come into being because they are needed (AutoTopicCreationManager). */
#include "core/controller/internal.h"

typedef struct create_topics_request_creatable_topic asked_topic;
typedef struct create_topics_request_creatable_topic_config asked_setting;

enum { SETTINGS_MAX = 5 };

/* Those of one internal topic. */
struct settings {
    asked_setting items[SETTINGS_MAX];
    int32_t count;
};

static void add(struct settings *settings, const char *name, const char *value)
{
    ASSERT(settings->count < SETTINGS_MAX);
    settings->items[settings->count++] =
        (asked_setting){.name = slice_from_string(name), .value = slice_from_string(value)};
}

/* Kafka's default of three copies cannot be had with fewer brokers: then there are as many as there are brokers, but a
 * number that somebody has set is taken at its word. */
static int16_t replicas_for(const struct image *image, const char *key, int16_t configured)
{
    int32_t active = 0;
    for (int32_t i = 0; i < image->broker_count; i++)
        active += !image->brokers[i].fenced && !image->brokers[i].in_controlled_shutdown;
    bool is_set = config_setting(image->layers.node, key) != NULL;
    return is_set || active == 0 || configured < active ? configured : (int16_t)active;
}

static bool set_group_topic(struct controller *controller, asked_topic *topic, struct settings *settings)
{
    const struct broker_config *config = controller->image->config;
    topic->num_partitions = config->offsets_topic_num_partitions;
    topic->replication_factor =
        replicas_for(controller->image, "offsets.topic.replication.factor", config->offsets_topic_replication_factor);
    const char *segment_bytes = arena_printf(controller->arena, "%d", config->offsets_topic_segment_bytes);
    add(settings, "cleanup.policy", "compact");
    add(settings, "compression.type", "producer");
    add(settings, "segment.bytes", segment_bytes);
    return segment_bytes != NULL;
}

static bool set_transaction_topic(struct controller *controller, asked_topic *topic, struct settings *settings)
{
    const struct broker_config *config = controller->image->config;
    topic->num_partitions = config->transaction_state_log_num_partitions;
    topic->replication_factor = replicas_for(controller->image, "transaction.state.log.replication.factor",
                                             config->transaction_state_log_replication_factor);
    int32_t min_isr = config->transaction_state_log_min_isr;
    bool is_set = config_setting(controller->image->layers.node, "transaction.state.log.min.isr") != NULL;
    if (!is_set && min_isr > topic->replication_factor)
        min_isr = topic->replication_factor;
    const char *segment_bytes = arena_printf(controller->arena, "%d", config->transaction_state_log_segment_bytes);
    const char *min_isr_text = arena_printf(controller->arena, "%d", min_isr);
    add(settings, "cleanup.policy", "compact");
    add(settings, "compression.type", "uncompressed");
    add(settings, "min.insync.replicas", min_isr_text);
    add(settings, "segment.bytes", segment_bytes);
    add(settings, "unclean.leader.election.enable", "false");
    return segment_bytes != NULL && min_isr_text != NULL;
}

enum err controller_auto_create(struct controller *controller, struct slice name,
                                struct create_topics_response *response)
{
    asked_topic topic = {.name = name, .num_partitions = -1, .replication_factor = -1};
    struct settings settings = {.count = 0};
    bool made = true;
    if (slice_equal_string(name, CONTROLLER_GROUP_TOPIC))
        made = set_group_topic(controller, &topic, &settings);
    else if (slice_equal_string(name, CONTROLLER_TRANSACTION_TOPIC))
        made = set_transaction_topic(controller, &topic, &settings);
    if (!made)
        return ERR_NO_MEMORY;
    topic.configs.items = settings.items;
    topic.configs.count = settings.count;
    struct create_topics_request request = {.topics = {&topic, 1}, .timeout_ms = INT32_MAX};
    return controller_create_topics(controller, &request, response);
}
