/* DescribeQuorum (KIP-595, KIP-836, KIP-853): the metadata log of a quorum of one, as its leader sees it. */
#include "core/wire/error.h"
#include "core/wire/messages.h"
#include "net/handlers/api.h"
#include "net/handlers/control.h"
#include "net/handlers/shard.h"

static bool asks_for_metadata(const struct describe_quorum_request *asked)
{
    if (asked->topics.count != 1)
        return false;
    const struct describe_quorum_request_topic_data *topic = &asked->topics.items[0];
    return slice_equal_string(topic->topic_name, "__cluster_metadata") && topic->partitions.count == 1 &&
           topic->partitions.items[0].partition_index == 0;
}

/* Every partition asked for, unknown. */
static bool refuse(struct request *request, const struct describe_quorum_request *asked,
                   struct describe_quorum_response *response)
{
    int32_t count = asked->topics.count < 0 ? 0 : asked->topics.count;
    response->topics.items =
        ARENA_ARRAY(&request->arena, struct describe_quorum_response_topic_data, (size_t)count + 1);
    if (response->topics.items == NULL)
        return false;
    for (int32_t i = 0; i < count; i++) {
        const struct describe_quorum_request_topic_data *from = &asked->topics.items[i];
        struct describe_quorum_response_topic_data *to = &response->topics.items[i];
        int32_t partitions = from->partitions.count < 0 ? 0 : from->partitions.count;
        *to = (struct describe_quorum_response_topic_data){.topic_name = from->topic_name};
        to->partitions.items =
            ARENA_ARRAY(&request->arena, struct describe_quorum_response_partition_data, (size_t)partitions + 1);
        if (to->partitions.items == NULL)
            return false;
        for (int32_t p = 0; p < partitions; p++)
            to->partitions.items[p] = (struct describe_quorum_response_partition_data){
                .partition_index = from->partitions.items[p].partition_index,
                .error_code = KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION,
                .error_message = SLICE_LITERAL("This server does not host this topic-partition.")};
        to->partitions.count = partitions;
    }
    response->topics.count = count;
    return true;
}

static bool describe(struct request *request, struct describe_quorum_response *response)
{
    const struct shard *shard = request->shard;
    const struct quorum *quorum = metadata_quorum(shard->control->metadata);
    struct describe_quorum_response_topic_data *topic =
        ARENA_NEW(&request->arena, struct describe_quorum_response_topic_data);
    struct describe_quorum_response_partition_data *partition =
        ARENA_NEW(&request->arena, struct describe_quorum_response_partition_data);
    struct describe_quorum_response_replica_state *voter =
        ARENA_NEW(&request->arena, struct describe_quorum_response_replica_state);
    struct describe_quorum_response_node *node = ARENA_NEW(&request->arena, struct describe_quorum_response_node);
    if (topic == NULL || partition == NULL || voter == NULL || node == NULL)
        return false;
    int64_t now_ms = io_wall_ms(shard->io);
    *voter = (struct describe_quorum_response_replica_state){.replica_id = shard->broker->node_id,
                                                             .log_end_offset = quorum_end_offset(quorum),
                                                             .last_fetch_timestamp = now_ms,
                                                             .last_caught_up_timestamp = now_ms};
    *partition = (struct describe_quorum_response_partition_data){.leader_id = quorum_leader(quorum),
                                                                  .leader_epoch = quorum_epoch(quorum),
                                                                  .high_watermark = quorum_committed_offset(quorum) + 1,
                                                                  .error_message = SLICE_NULL,
                                                                  .current_voters = {voter, 1}};
    *topic = (struct describe_quorum_response_topic_data){.topic_name = SLICE_LITERAL("__cluster_metadata"),
                                                          .partitions = {partition, 1}};
    /* Its voter has no listener of its own: there is nobody to talk to. */
    *node = (struct describe_quorum_response_node){.node_id = shard->broker->node_id};
    response->topics.items = topic;
    response->topics.count = 1;
    response->nodes.items = node;
    response->nodes.count = 1;
    return true;
}

void handle_describe_quorum(struct request *request)
{
    struct describe_quorum_request asked;
    struct describe_quorum_response response;
    if (!request_decode(request, &asked))
        return;
    WIRE_DEFAULTS(describe_quorum_response_schema, &response);
    if (asks_for_metadata(&asked) ? describe(request, &response) : refuse(request, &asked, &response))
        request_answer(request, &response);
    else
        request_close(request);
}
