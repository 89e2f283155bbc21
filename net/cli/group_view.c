#include "net/cli/group_view.h"

#include "core/wire/error.h"
#include "net/cli/coordinator.h"

#include <stdlib.h>

enum { PAUSE_MS = 200, FIRST_WITH_MANY_GROUPS = 8 };

static bool no_memory(void)
{
    fprintf(stderr, "ringmain: out of memory\n");
    return false;
}

bool group_open(struct group_view *view, struct cli *cli, const char *id)
{
    *view = (struct group_view){.cli = cli, .id = slice_from_string(id)};
    if (!cli_find_coordinator(cli, CLIENT_COORDINATOR_GROUP, view->id, &view->coordinator))
        return false;
    if (client_metadata(&cli->client, NULL, -1, false, &view->metadata, &cli->arena) == ERR_OK)
        return true;
    fprintf(stderr, "ringmain: %s\n", cli->client.why);
    return false;
}

bool group_describe_one(struct group_view *view, group_described *described)
{
    struct describe_groups_request request;
    struct describe_groups_response response;
    WIRE_DEFAULTS(describe_groups_request_schema, &request);
    request.groups.items = &view->id;
    request.groups.count = 1;
    for (int waited_ms = 0;; waited_ms += PAUSE_MS) {
        if (!cli_call(view->cli, view->coordinator, API_DESCRIBE_GROUPS, &request, &response) ||
            response.groups.count != 1)
            return false;
        *described = response.groups.items[0];
        if (!kafka_error_retriable(described->error_code) || waited_ms > view->cli->client.timeout_ms)
            break;
        client_pause(&view->cli->client, PAUSE_MS); /* it is being loaded */
    }
    if (described->error_code == KAFKA_ERROR_NONE && slice_equal_string(described->group_state, "Dead"))
        described->error_code = KAFKA_ERROR_GROUP_ID_NOT_FOUND; /* as older brokers say it */
    return described->error_code == KAFKA_ERROR_NONE ||
           cli_refused("cannot describe group", view->id, described->error_code, described->error_message);
}

/* ---- partitions ---------------------------------------------------------------------------------------------------
 */

static const struct metadata_response_metadata_response_topic *find_topic(const struct group_view *view,
                                                                          struct slice name, struct uuid id)
{
    for (int32_t i = 0; i < view->metadata.topics.count; i++) {
        const struct metadata_response_metadata_response_topic *topic = &view->metadata.topics.items[i];
        if (name.length > 0 ? slice_equal(topic->name, name) : uuid_equal(topic->topic_id, id))
            return topic;
    }
    return NULL;
}

static struct group_position *find_position(struct group_view *view, struct slice topic, int32_t partition)
{
    for (int32_t i = 0; i < view->count; i++)
        if (view->items[i].partition == partition && slice_equal(view->items[i].topic, topic))
            return &view->items[i];
    return NULL;
}

static struct group_position *add_position(struct group_view *view, struct slice name, struct uuid id,
                                           int32_t partition)
{
    const struct metadata_response_metadata_response_topic *topic = find_topic(view, name, id);
    struct group_position *has = find_position(view, topic == NULL ? name : topic->name, partition);
    if (has != NULL)
        return has;
    if (view->count == view->capacity) {
        int32_t capacity = view->capacity == 0 ? 64 : view->capacity * 2;
        struct group_position *items = ARENA_ARRAY(&view->cli->arena, struct group_position, (size_t)capacity);
        if (items == NULL)
            return NULL;
        for (int32_t i = 0; i < view->count; i++)
            items[i] = view->items[i];
        view->items = items;
        view->capacity = capacity;
    }
    struct group_position *position = &view->items[view->count++];
    *position = (struct group_position){.topic = topic == NULL ? name : topic->name,
                                        .topic_id = topic == NULL ? id : topic->topic_id,
                                        .partition = partition,
                                        .leader = -1,
                                        .leader_epoch = -1,
                                        .committed = -1,
                                        .end = -1,
                                        .chosen = -1};
    for (int32_t i = 0; topic != NULL && i < topic->partitions.count; i++)
        if (topic->partitions.items[i].partition_index == partition)
            position->leader = topic->partitions.items[i].leader_id;
    return position;
}

bool group_add_topic(struct group_view *view, const char *name, int32_t partition)
{
    const struct metadata_response_metadata_response_topic *topic =
        find_topic(view, slice_from_string(name), UUID_ZERO);
    bool found = false;
    if (topic == NULL)
        return cli_refused("there is no topic", slice_from_string(name), KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION,
                           SLICE_NULL);
    for (int32_t i = 0; i < topic->partitions.count; i++) {
        int32_t index = topic->partitions.items[i].partition_index;
        if (partition >= 0 && index != partition)
            continue;
        found = true;
        if (add_position(view, topic->name, topic->topic_id, index) == NULL)
            return no_memory();
    }
    if (!found)
        fprintf(stderr, "ringmain: topic %s has no partition %d\n", name, partition);
    return found;
}

static int by_place(const void *a, const void *b)
{
    const struct group_position *x = a, *y = b;
    int order = slice_compare(x->topic, y->topic);
    return order != 0 ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

void group_sort(struct group_view *view)
{
    if (view->count > 0)
        qsort(view->items, (size_t)view->count, sizeof *view->items, by_place);
}

/* ---- committed offsets --------------------------------------------------------------------------------------------
 */

static bool take_committed(struct group_view *view, struct slice name, struct uuid id, int32_t partition,
                           int64_t offset, int16_t error)
{
    if (error != KAFKA_ERROR_NONE)
        return cli_refused("cannot read offsets of", view->id, error, SLICE_NULL);
    struct group_position *position = add_position(view, name, id, partition);
    if (position == NULL)
        return no_memory();
    position->committed = offset;
    return true;
}

static bool take_group(struct group_view *view, const struct offset_fetch_response_offset_fetch_response_group *group)
{
    if (group->error_code != KAFKA_ERROR_NONE)
        return cli_refused("cannot read offsets of", view->id, group->error_code, SLICE_NULL);
    for (int32_t t = 0; t < group->topics.count; t++)
        for (int32_t p = 0; p < group->topics.items[t].partitions.count; p++) {
            const struct offset_fetch_response_offset_fetch_response_partitions *from =
                &group->topics.items[t].partitions.items[p];
            if (!take_committed(view, group->topics.items[t].name, group->topics.items[t].topic_id,
                                from->partition_index, from->committed_offset, from->error_code))
                return false;
        }
    return true;
}

static bool take_topics(struct group_view *view, const struct offset_fetch_response *response)
{
    if (response->error_code != KAFKA_ERROR_NONE)
        return cli_refused("cannot read offsets of", view->id, response->error_code, SLICE_NULL);
    for (int32_t t = 0; t < response->topics.count; t++)
        for (int32_t p = 0; p < response->topics.items[t].partitions.count; p++) {
            const struct offset_fetch_response_offset_fetch_response_partition *from =
                &response->topics.items[t].partitions.items[p];
            if (!take_committed(view, response->topics.items[t].name, UUID_ZERO, from->partition_index,
                                from->committed_offset, from->error_code))
                return false;
        }
    return true;
}

bool group_read_offsets(struct group_view *view)
{
    struct offset_fetch_request_offset_fetch_request_group group;
    struct offset_fetch_request request;
    struct offset_fetch_response response;
    wire_set_defaults(&offset_fetch_request_offset_fetch_request_group_struct, &group);
    WIRE_DEFAULTS(offset_fetch_request_schema, &request);
    group.group_id = view->id;
    group.topics.count = -1; /* all */
    request.group_id = view->id;
    request.topics.count = -1;
    request.groups.items = &group;
    request.groups.count = 1;
    int version = client_version(&view->cli->client, view->coordinator, API_OFFSET_FETCH);
    if (!cli_call(view->cli, view->coordinator, API_OFFSET_FETCH, &request, &response))
        return false;
    if (version < FIRST_WITH_MANY_GROUPS)
        return take_topics(view, &response);
    return response.groups.count == 1 && take_group(view, &response.groups.items[0]);
}

/* ---- assignments --------------------------------------------------------------------------------------------------
 */

/* ConsumerProtocolAssignment: version i16, then topics with their partitions; what a member was given may be anything.
 */
static bool take_assignment(struct group_view *view, const group_described_member *member)
{
    struct slice in = member->member_assignment;
    if (in.length < 6)
        return true;
    int32_t topics = get_i32(in.data + 2);
    size_t at = 6;
    for (int32_t t = 0; t < topics; t++) {
        if (in.length - at < 2 || get_i16(in.data + at) < 0 || in.length - at < 6 + (size_t)get_i16(in.data + at))
            return true;
        struct slice name = slice_of(in.data + at + 2, (size_t)get_i16(in.data + at));
        at += 2 + name.length;
        int32_t partitions = get_i32(in.data + at);
        at += 4;
        if (partitions < 0 || (in.length - at) / 4 < (size_t)partitions)
            return true;
        for (int32_t p = 0; p < partitions; p++, at += 4) {
            struct group_position *position = add_position(view, name, UUID_ZERO, get_i32(in.data + at));
            if (position == NULL)
                return no_memory();
            position->member = member;
        }
    }
    return true;
}

bool group_read_assignments(struct group_view *view, const group_described *described)
{
    bool taken = true;
    bool readable = slice_equal_string(described->protocol_type, "consumer");
    for (int32_t i = 0; taken && readable && i < described->members.count; i++)
        taken = take_assignment(view, &described->members.items[i]);
    return taken;
}

/* ---- ends of partitions -------------------------------------------------------------------------------------------
 */

static void take_offsets(struct group_view *view, const struct list_offsets_response *response, bool chosen)
{
    for (int32_t t = 0; t < response->topics.count; t++)
        for (int32_t p = 0; p < response->topics.items[t].partitions.count; p++) {
            const struct list_offsets_response_list_offsets_partition_response *from =
                &response->topics.items[t].partitions.items[p];
            struct group_position *position =
                find_position(view, response->topics.items[t].name, from->partition_index);
            if (position == NULL || from->error_code != KAFKA_ERROR_NONE)
                continue;
            *(chosen ? &position->chosen : &position->end) = from->offset;
        }
}

/* Items are sorted: those of one topic and leader make one topic of the request. */
static bool ask_leader(struct group_view *view, int32_t leader, int64_t timestamp, bool chosen)
{
    typedef struct list_offsets_request_list_offsets_topic asked_topic;
    typedef struct list_offsets_request_list_offsets_partition asked_partition;
    struct list_offsets_request request;
    struct list_offsets_response response;
    asked_topic *topics = ARENA_ARRAY(&view->cli->arena, asked_topic, (size_t)view->count);
    asked_partition *partitions = ARENA_ARRAY(&view->cli->arena, asked_partition, (size_t)view->count);
    int32_t topic_count = 0, filled = 0;
    if (topics == NULL || partitions == NULL)
        return no_memory();
    for (int32_t i = 0; i < view->count; i++) {
        const struct group_position *position = &view->items[i];
        if (position->leader != leader)
            continue;
        if (topic_count == 0 || !slice_equal(topics[topic_count - 1].name, position->topic)) {
            wire_set_defaults(&list_offsets_request_list_offsets_topic_struct, &topics[topic_count]);
            topics[topic_count].name = position->topic;
            topics[topic_count++].partitions.items = partitions + filled;
        }
        wire_set_defaults(&list_offsets_request_list_offsets_partition_struct, &partitions[filled]);
        partitions[filled].partition_index = position->partition;
        partitions[filled++].timestamp = timestamp;
        topics[topic_count - 1].partitions.count++;
    }
    WIRE_DEFAULTS(list_offsets_request_schema, &request);
    request.replica_id = -1;
    request.timeout_ms = view->cli->client.timeout_ms;
    request.topics.items = topics;
    request.topics.count = topic_count;
    if (!cli_call(view->cli, leader, API_LIST_OFFSETS, &request, &response))
        return false;
    take_offsets(view, &response, chosen);
    return true;
}

bool group_ask_offsets(struct group_view *view, int64_t timestamp, bool chosen)
{
    group_sort(view);
    for (int32_t i = 0; i < view->count; i++) {
        bool asked = view->items[i].leader < 0;
        for (int32_t k = 0; k < i && !asked; k++)
            asked = view->items[k].leader == view->items[i].leader;
        if (!asked && !ask_leader(view, view->items[i].leader, timestamp, chosen))
            return false;
    }
    return true;
}
