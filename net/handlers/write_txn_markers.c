/* WriteTxnMarkers: an administrator ends a transaction that hangs on a partition (KIP-664). Markers of
 * __consumer_offsets go through the group's machine, so that pending offsets go with them. */
#include "core/controller/controller.h"
#include "core/wire/marker.h"
#include "net/handlers/api.h"
#include "net/handlers/group_call.h"
#include "net/handlers/on_partitions.h"

typedef struct write_txn_markers_request_writable_txn_marker asked_marker;
typedef struct write_txn_markers_response_writable_txn_marker_partition_result partition_result;
typedef struct write_txn_markers_response_writable_txn_marker_topic_result topic_result;

struct markers;

struct marker_part {
    struct on_partition on;
    struct partition_append append;
    struct group_call call;
    struct markers *markers;
    partition_result *result;
    uint8_t bytes[MARKER_BATCH_BYTES];
};

struct markers {
    struct on_partitions on;
    struct write_txn_markers_request asked;
    struct write_txn_markers_response response;
    int32_t pending; /* groups and the other partitions */
};

static void leave(struct markers *markers)
{
    if (--markers->pending == 0)
        request_answer(markers->on.request, &markers->response);
}

static void appended(struct partition_append *append)
{
    struct marker_part *part = CONTAINER_OF(append, struct marker_part, append);
    part->result->error_code = append->error;
    on_partition_done(&part->on);
}

static void append_here(struct on_partition *on, struct partition *partition)
{
    struct marker_part *part = CONTAINER_OF(on, struct marker_part, on);
    part->result->error_code = partition_check_access(partition, -1);
    if (part->result->error_code != KAFKA_ERROR_NONE)
        on_partition_done(on);
    else
        partition_append(partition, &part->append);
}

static void all_home(struct on_partitions *on)
{
    leave(CONTAINER_OF(on, struct markers, on));
}

static void group_answered(struct group_call *call)
{
    struct marker_part *part = CONTAINER_OF(call, struct marker_part, call);
    int16_t error = call->error;
    if (error == KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE || error == KAFKA_ERROR_COORDINATOR_LOAD_IN_PROGRESS ||
        error == KAFKA_ERROR_NOT_COORDINATOR)
        error = KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER; /* what a transaction coordinator expects */
    part->result->error_code = error;
    leave(part->markers);
}

static void end_in_group(struct marker_part *part, const asked_marker *marker)
{
    struct markers *markers = part->markers;
    struct request *request = markers->on.request;
    struct group_machine *machine;
    markers->pending++;
    part->call = (struct group_call){.answered = group_answered, .arena = &request->arena};
    part->call.error = groups_enter_at(request_groups(request), part->on.index, &machine);
    if (part->call.error != KAFKA_ERROR_NONE) {
        group_answered(&part->call);
        return;
    }
    group_end_transaction(machine, marker->producer_id, marker->producer_epoch, marker->transaction_result,
                          marker->coordinator_epoch, marker->transaction_version, &part->call);
    groups_leave(machine);
}

static void start_part(struct marker_part *part, const asked_marker *asked, struct slice name)
{
    struct request *request = part->markers->on.request;
    const struct image_topic *topic = image_topic_by_name(request->shard->image, name);
    if (topic == NULL || image_partition_at(topic, part->on.index) == NULL) {
        part->result->error_code = KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
        return;
    }
    if (slice_equal_string(name, CONTROLLER_GROUP_TOPIC)) {
        end_in_group(part, asked);
        return;
    }
    struct marker marker = {.coordinator_epoch = asked->coordinator_epoch, .commit = asked->transaction_result};
    struct slice batch =
        marker_build(part->bytes, &marker, asked->producer_id, asked->producer_epoch, io_wall_ms(request->io));
    partition_prepare(&part->append, part->bytes, batch.length);
    part->append.done = appended;
    part->append.acks = -1;
    part->append.by_coordinator = true;
    part->append.transaction_version = asked->transaction_version;
    part->on.topic_id = topic->id;
    on_partitions_add(&part->markers->on, &part->on);
}

static bool start_topic(struct markers *markers, const asked_marker *marker, int32_t index, topic_result *result)
{
    struct arena *arena = &markers->on.request->arena;
    const struct write_txn_markers_request_writable_txn_marker_topic *topic = &marker->topics.items[index];
    int32_t count = topic->partition_indexes.count;
    struct marker_part *parts = ARENA_ARRAY(arena, struct marker_part, (size_t)count + 1);
    result->name = topic->name;
    result->partitions.items = ARENA_ARRAY(arena, partition_result, (size_t)count + 1);
    result->partitions.count = count;
    if (parts == NULL || result->partitions.items == NULL)
        return false;
    for (int32_t i = 0; i < count; i++) {
        parts[i].markers = markers;
        parts[i].result = &result->partitions.items[i];
        parts[i].result->partition_index = parts[i].on.index = topic->partition_indexes.items[i];
        start_part(&parts[i], marker, topic->name);
    }
    return true;
}

static bool start_all(struct markers *markers)
{
    struct arena *arena = &markers->on.request->arena;
    int32_t count = markers->asked.markers.count;
    markers->response.markers.items =
        ARENA_ARRAY(arena, struct write_txn_markers_response_writable_txn_marker_result, (size_t)count + 1);
    if (markers->response.markers.items == NULL)
        return false;
    markers->response.markers.count = count;
    for (int32_t i = 0; i < count; i++) {
        const asked_marker *marker = &markers->asked.markers.items[i];
        struct write_txn_markers_response_writable_txn_marker_result *result = &markers->response.markers.items[i];
        result->producer_id = marker->producer_id;
        result->topics.items = ARENA_ARRAY(arena, topic_result, (size_t)marker->topics.count + 1);
        result->topics.count = marker->topics.count;
        if (result->topics.items == NULL)
            return false;
        for (int32_t k = 0; k < marker->topics.count; k++)
            if (!start_topic(markers, marker, k, &result->topics.items[k]))
                return false;
    }
    return true;
}

void handle_write_txn_markers(struct request *request)
{
    struct markers *markers = ARENA_NEW(&request->arena, struct markers);
    if (markers == NULL) {
        request_close(request);
        return;
    }
    if (!request_decode(request, &markers->asked))
        return;
    WIRE_DEFAULTS(write_txn_markers_response_schema, &markers->response);
    markers->on.run = append_here;
    markers->on.done = all_home;
    if (!on_partitions_init(&markers->on, request)) {
        request_close(request);
        return;
    }
    markers->on.request = request;
    markers->pending = 2; /* ourselves, and the partitions together */
    if (!start_all(markers))
        markers->response.markers.count = 0; /* no memory for the answer: an empty one, the client asks again */
    on_partitions_send(&markers->on);
    leave(markers);
}
