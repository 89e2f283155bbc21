/* Who leads, and where replicas lie: leader elections and reassignments. As long as a cluster is one node nothing can
 * move: what is asked for is either so already or impossible, and no records come of it. */
#include "core/controller/internal.h"

enum { ELECT_PREFERRED = 0, ELECT_UNCLEAN = 1 };

static struct verdict elect(const struct image *image, struct arena *arena, struct slice topic_name, int32_t index,
                            const struct elect_leaders_request *request)
{
    int8_t type = request->election_type;
    if (request->timeout_ms <= 0)
        return TOO_LATE;
    const struct image_topic *topic = image_topic_by_name(image, topic_name);
    if (topic == NULL)
        return refuse(arena, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION, "No such topic as %.*s",
                      (int)size_min(topic_name.length, 256), (const char *)topic_name.data);
    const struct image_partition *partition = image_partition_at(topic, index);
    if (partition == NULL)
        return refuse(arena, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION, "No such partition as %s-%d", topic->name, index);
    if (type == ELECT_UNCLEAN ? partition->leader >= 0 : partition->leader == partition->replicas[0])
        return (struct verdict){KAFKA_ERROR_ELECTION_NOT_NEEDED, "Leader election not needed for topic partition."};
    return type == ELECT_UNCLEAN ? (struct verdict){KAFKA_ERROR_ELIGIBLE_LEADERS_NOT_AVAILABLE,
                                                    "Eligible topic partition leaders are not available."}
                                 : (struct verdict){KAFKA_ERROR_PREFERRED_LEADER_NOT_AVAILABLE,
                                                    "The preferred leader was not available."};
}

typedef struct elect_leaders_response_replica_election_result election_result;

/* quiet: partitions that have the leader they should have are left out. */
static bool elect_topic(const struct image *image, struct arena *arena, election_result *result, struct slice name,
                        const int32_t *indexes, int32_t count, const struct elect_leaders_request *request, bool quiet)
{
    result->topic = name;
    result->partition_result.count = 0;
    result->partition_result.items =
        ARENA_ARRAY(arena, struct elect_leaders_response_partition_result, (size_t)count + 1);
    for (int32_t i = 0; result->partition_result.items != NULL && i < count; i++) {
        int32_t index = indexes == NULL ? i : indexes[i];
        struct verdict verdict = elect(image, arena, name, index, request);
        if (quiet && verdict.code == KAFKA_ERROR_ELECTION_NOT_NEEDED)
            continue;
        result->partition_result.items[result->partition_result.count++] =
            (struct elect_leaders_response_partition_result){
                .partition_id = index, .error_code = verdict.code, .error_message = slice_from_string(verdict.message)};
    }
    return result->partition_result.items != NULL;
}

enum err controller_elect_leaders(const struct image *image, struct arena *arena,
                                  const struct elect_leaders_request *request, struct elect_leaders_response *response)
{
    bool all = request->topic_partitions.count < 0;
    bool late = request->timeout_ms <= 0, good = true;
    int32_t count = !all ? request->topic_partitions.count : late ? 0 : image->topic_count;
    WIRE_DEFAULTS(elect_leaders_response_schema, response);
    if (request->election_type != ELECT_PREFERRED && request->election_type != ELECT_UNCLEAN) {
        response->error_code = KAFKA_ERROR_INVALID_REQUEST;
        return ERR_OK;
    }
    response->error_code = late ? TOO_LATE.code : KAFKA_ERROR_NONE;
    response->replica_election_results.items = ARENA_ARRAY(arena, election_result, (size_t)count + 1);
    if (response->replica_election_results.items == NULL)
        return ERR_NO_MEMORY;
    for (int32_t i = 0; good && i < count; i++) {
        election_result *result = &response->replica_election_results.items[i];
        if (all) {
            const struct image_topic *topic = image->topics[i];
            good = elect_topic(image, arena, result, slice_of(topic->name, topic->name_length), NULL,
                               topic->partition_count, request, true);
        } else {
            const struct elect_leaders_request_topic_partitions *asked = &request->topic_partitions.items[i];
            good = elect_topic(image, arena, result, asked->topic, asked->partitions.items, asked->partitions.count,
                               request, false);
        }
    }
    response->replica_election_results.count = count;
    return good && !arena->failed ? ERR_OK : ERR_NO_MEMORY;
}

/* ---- reassignments ------------------------------------------------------------------------------------------------
 */

typedef struct alter_partition_reassignments_request_reassignable_topic asked_topic;
typedef struct alter_partition_reassignments_request_reassignable_partition asked_partition;

static struct verdict reassign(const struct controller *controller, struct slice name, const asked_partition *asked)
{
    struct arena *arena = controller->arena;
    const struct image_topic *topic = image_topic_by_name(controller->image, name);
    if (topic == NULL)
        return refuse(arena, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION, "Unable to find a topic named %.*s.",
                      (int)size_min(name.length, 256), (const char *)name.data);
    if (image_partition_at(topic, asked->partition_index) == NULL)
        return refuse(arena, KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION, "Unable to find partition %s:%d.", topic->name,
                      asked->partition_index);
    if (asked->replicas.count < 0) /* call it off */
        return (struct verdict){KAFKA_ERROR_NO_REASSIGNMENT_IN_PROGRESS, NULL};
    return check_assignment(controller, asked->replicas.items, asked->replicas.count, 0, asked->partition_index);
}

enum err controller_alter_reassignments(struct controller *controller,
                                        const struct alter_partition_reassignments_request *request,
                                        struct alter_partition_reassignments_response *response)
{
    struct arena *arena = controller->arena;
    int32_t count = request->topics.count < 0 ? 0 : request->topics.count;
    WIRE_DEFAULTS(alter_partition_reassignments_response_schema, response);
    bool late = request->timeout_ms <= 0;
    response->error_code = late ? TOO_LATE.code : KAFKA_ERROR_NONE;
    response->error_message = SLICE_NULL;
    response->allow_replication_factor_change = request->allow_replication_factor_change;
    response->responses.items = ARENA_ARRAY(
        arena, struct alter_partition_reassignments_response_reassignable_topic_response, (size_t)count + 1);
    if (response->responses.items == NULL)
        return ERR_NO_MEMORY;
    for (int32_t i = 0; i < count; i++) {
        const asked_topic *asked = &request->topics.items[i];
        struct alter_partition_reassignments_response_reassignable_topic_response *result =
            &response->responses.items[i];
        int32_t partitions = asked->partitions.count < 0 ? 0 : asked->partitions.count;
        result->name = asked->name;
        result->partitions.items =
            ARENA_ARRAY(arena, struct alter_partition_reassignments_response_reassignable_partition_response,
                        (size_t)partitions + 1);
        if (result->partitions.items == NULL)
            return ERR_NO_MEMORY;
        for (int32_t p = 0; p < partitions; p++) {
            struct verdict verdict = late ? TOO_LATE : reassign(controller, asked->name, &asked->partitions.items[p]);
            result->partitions.items[p] =
                (struct alter_partition_reassignments_response_reassignable_partition_response){
                    .partition_index = asked->partitions.items[p].partition_index,
                    .error_code = verdict.code,
                    .error_message = slice_from_string(verdict.message)};
        }
        result->partitions.count = partitions;
    }
    response->responses.count = count;
    return arena->failed ? ERR_NO_MEMORY : ERR_OK;
}
