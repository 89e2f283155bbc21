/* ringmain consume --group: one member of a consumer group (KIP-62, 345, 394, 429). Partitions that it keeps are read
 * on through a rebalance; those that go are committed and given up first, then it joins again. */
#include "core/wire/error.h"
#include "net/cli/assignor.h"
#include "net/cli/consumer.h"
#include "net/cli/group_view.h"

enum { HEARTBEAT_MS = 3000, SESSION_MS = 45000, COMMIT_MS = 1000, RETRY_MS = 300, MEMBER_ID_MAX = 1024 };

struct membership {
    struct consumer *consumer;
    struct group_view view; /* its coordinator */
    const char *id;
    struct slice group, instance;
    char member_id[MEMBER_ID_MAX];
    int32_t generation;
    int64_t heartbeat_ns, commit_ns; /* the last ones */
};

static struct cli *cli_of(struct membership *m)
{
    return m->consumer->cli;
}

static struct slice member_id_of(const struct membership *m)
{
    return slice_from_string(m->member_id);
}

static bool is_interrupted(struct membership *m)
{
    return cli_of(m)->client.interrupts > 0;
}

static int64_t now_ns(struct membership *m)
{
    return io_now_ns(cli_of(m)->client.io);
}

static bool find_coordinator(struct membership *m)
{
    arena_reset(&cli_of(m)->arena);
    if (!group_open(&m->view, cli_of(m), m->id))
        return false;
    m->group = slice_from_string(m->id);
    return true;
}

/* What the coordinator says and what follows from it. ERR_OK: go on; ERR_AGAIN: try the same again. */
static enum err follow(struct membership *m, int16_t error, const char *what)
{
    switch (error) {
    case KAFKA_ERROR_NONE:
        return ERR_OK;
    case KAFKA_ERROR_NOT_COORDINATOR:
    case KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE:
    case KAFKA_ERROR_COORDINATOR_LOAD_IN_PROGRESS:
        client_pause(&cli_of(m)->client, RETRY_MS);
        return find_coordinator(m) ? ERR_AGAIN : ERR_REFUSED;
    case KAFKA_ERROR_UNKNOWN_MEMBER_ID:
        m->member_id[0] = '\0'; /* thrown out: begins anew, and owns nothing any more */
        m->generation = -1;
        m->consumer->position_count = 0;
        return ERR_AGAIN;
    case KAFKA_ERROR_ILLEGAL_GENERATION:
        m->generation = -1;
        m->consumer->position_count = 0;
        return ERR_AGAIN;
    case KAFKA_ERROR_REBALANCE_IN_PROGRESS:
    case KAFKA_ERROR_MEMBER_ID_REQUIRED:
        return ERR_AGAIN;
    default:
        cli_refused(what, m->group, error, SLICE_NULL);
        return ERR_REFUSED;
    }
}

/* False when the command was interrupted or nothing can be done; `why` was said then. */
static bool call(struct membership *m, int16_t api_key, const void *request, void *response)
{
    struct cli *cli = cli_of(m);
    if (client_call(&cli->client, m->view.coordinator, api_key, request, response, &cli->arena) == ERR_OK)
        return true;
    if (!is_interrupted(m))
        fprintf(stderr, "ringmain: %s\n", cli->client.why);
    return false;
}

/* ---- join and sync ------------------------------------------------------------------------------------------------
 */

static bool list_owned(struct membership *m, struct join_group_request_join_group_request_protocol *protocol)
{
    struct arena *arena = &cli_of(m)->arena;
    int32_t *partitions = ARENA_ARRAY(arena, int32_t, (size_t)m->consumer->position_count + 1);
    if (partitions == NULL)
        return false;
    for (int32_t i = 0; i < m->consumer->position_count; i++)
        partitions[i] = m->consumer->positions[i].partition;
    struct assignor_owned owned = {.topic = m->consumer->topic,
                                   .partitions = partitions,
                                   .count = m->consumer->position_count,
                                   .generation = m->generation};
    protocol->name = SLICE_LITERAL(ASSIGNOR_PROTOCOL);
    protocol->metadata = assignor_subscription(&owned, arena);
    return !slice_is_null(protocol->metadata);
}

static bool remember_id(struct membership *m, struct slice id)
{
    if (id.length >= sizeof m->member_id)
        return cli_refused("a member id too long in", m->group, KAFKA_ERROR_UNKNOWN_SERVER_ERROR, SLICE_NULL);
    if (id.length > 0)
        memcpy(m->member_id, id.data, id.length);
    m->member_id[id.length] = '\0';
    return true;
}

static enum err join(struct membership *m, struct join_group_response *response)
{
    struct join_group_request request;
    struct join_group_request_join_group_request_protocol protocol;
    arena_reset(&cli_of(m)->arena);
    WIRE_DEFAULTS(join_group_request_schema, &request);
    wire_set_defaults(&join_group_request_join_group_request_protocol_struct, &protocol);
    if (!list_owned(m, &protocol))
        return ERR_NO_MEMORY;
    request.group_id = m->group;
    request.session_timeout_ms = SESSION_MS;
    /* The answer may take that long, and has to come before the call gives up. */
    request.rebalance_timeout_ms = cli_of(m)->client.timeout_ms / 2;
    request.member_id = member_id_of(m);
    request.group_instance_id = m->instance;
    request.protocol_type = SLICE_LITERAL("consumer");
    request.protocols.items = &protocol;
    request.protocols.count = 1;
    if (!call(m, API_JOIN_GROUP, &request, response))
        return ERR_REFUSED;
    if ((response->error_code == KAFKA_ERROR_NONE || response->error_code == KAFKA_ERROR_MEMBER_ID_REQUIRED) &&
        !remember_id(m, response->member_id))
        return ERR_REFUSED;
    return follow(m, response->error_code, "cannot join group");
}

static bool count_partitions(struct membership *m, const struct slice *names, int32_t count,
                             struct assignor_topic *topics)
{
    struct metadata_response metadata;
    struct cli *cli = cli_of(m);
    if (client_metadata(&cli->client, names, count, false, &metadata, &cli->arena) != ERR_OK)
        return false;
    for (int32_t i = 0; i < count; i++) {
        topics[i] = (struct assignor_topic){.name = names[i]};
        for (int32_t k = 0; k < metadata.topics.count; k++)
            if (slice_equal(metadata.topics.items[k].name, names[i]))
                topics[i].partition_count = metadata.topics.items[k].partitions.count;
    }
    return true;
}

typedef struct sync_group_request_sync_group_request_assignment assigned;

static bool lead(struct membership *m, const struct join_group_response *joined, struct sync_group_request *request)
{
    struct arena *arena = &cli_of(m)->arena;
    int32_t count = joined->members.count;
    struct assignor_member *members = ARENA_ARRAY(arena, struct assignor_member, (size_t)count + 1);
    request->assignments.items = ARENA_ARRAY(arena, assigned, (size_t)count + 1);
    struct slice *names;
    if (members == NULL || request->assignments.items == NULL)
        return false;
    for (int32_t i = 0; i < count; i++) {
        members[i].id = joined->members.items[i].member_id;
        members[i].subscription = joined->members.items[i].metadata;
    }
    int32_t topic_count = assignor_topics(members, count, &names, arena);
    struct assignor_topic *topics =
        topic_count < 0 ? NULL : ARENA_ARRAY(arena, struct assignor_topic, (size_t)topic_count + 1);
    if (topics == NULL || !count_partitions(m, names, topic_count, topics) ||
        !assignor_assign(members, count, topics, topic_count, arena))
        return false;
    for (int32_t i = 0; i < count; i++)
        request->assignments.items[i] = (assigned){.member_id = members[i].id, .assignment = members[i].assignment};
    request->assignments.count = count;
    return true;
}

static enum err sync(struct membership *m, const struct join_group_response *joined, struct slice *assignment)
{
    struct sync_group_request request;
    struct sync_group_response response;
    WIRE_DEFAULTS(sync_group_request_schema, &request);
    request.group_id = m->group;
    request.generation_id = m->generation;
    request.member_id = member_id_of(m);
    request.group_instance_id = m->instance;
    request.protocol_type = SLICE_LITERAL("consumer");
    request.protocol_name = SLICE_LITERAL(ASSIGNOR_PROTOCOL);
    bool leads = slice_equal(joined->leader, joined->member_id) && !joined->skip_assignment;
    if (leads && !lead(m, joined, &request))
        return ERR_NO_MEMORY;
    if (!call(m, API_SYNC_GROUP, &request, &response))
        return ERR_REFUSED;
    *assignment = response.assignment;
    return follow(m, response.error_code, "cannot get an assignment in group");
}

/* ---- offsets ------------------------------------------------------------------------------------------------------
 */

static bool commit(struct membership *m)
{
    struct offset_commit_request request;
    struct offset_commit_request_offset_commit_request_topic topic;
    struct offset_commit_response response;
    struct consumer *consumer = m->consumer;
    m->commit_ns = now_ns(m);
    arena_reset(&cli_of(m)->arena);
    wire_set_defaults(&offset_commit_request_offset_commit_request_topic_struct, &topic);
    WIRE_DEFAULTS(offset_commit_request_schema, &request);
    topic.name = consumer->topic;
    topic.topic_id = consumer->topic_id;
    topic.partitions.items =
        ARENA_ARRAY(&cli_of(m)->arena, struct offset_commit_request_offset_commit_request_partition,
                    (size_t)consumer->position_count + 1);
    if (topic.partitions.items == NULL)
        return false;
    for (int32_t i = 0; i < consumer->position_count; i++) {
        struct offset_commit_request_offset_commit_request_partition *p =
            &topic.partitions.items[topic.partitions.count];
        if (consumer->positions[i].next == consumer->positions[i].committed)
            continue;
        wire_set_defaults(&offset_commit_request_offset_commit_request_partition_struct, p);
        p->partition_index = consumer->positions[i].partition;
        p->committed_offset = consumer->positions[i].next;
        topic.partitions.count++;
    }
    if (topic.partitions.count == 0)
        return true;
    request.group_id = m->group;
    request.generation_id_or_member_epoch = m->generation;
    request.member_id = member_id_of(m);
    request.group_instance_id = m->instance;
    request.topics.items = &topic;
    request.topics.count = 1;
    if (!call(m, API_OFFSET_COMMIT, &request, &response) || response.topics.count != 1)
        return false;
    for (int32_t i = 0; i < response.topics.items[0].partitions.count; i++)
        for (int32_t k = 0; k < consumer->position_count; k++)
            if (consumer->positions[k].partition == response.topics.items[0].partitions.items[i].partition_index &&
                response.topics.items[0].partitions.items[i].error_code == KAFKA_ERROR_NONE)
                consumer->positions[k].committed = consumer->positions[k].next;
    return true; /* what was refused is tried again, or somebody else's by now */
}

/* All of the group's offsets; they stay in the arena until the next call. */
static bool read_committed(struct membership *m)
{
    struct cli *cli = cli_of(m);
    arena_reset(&cli->arena);
    m->view.items = NULL;
    m->view.count = m->view.capacity = 0;
    return client_metadata(&cli->client, &m->consumer->topic, 1, false, &m->view.metadata, &cli->arena) == ERR_OK &&
           group_read_offsets(&m->view);
}

static int64_t committed_in(const struct membership *m, int32_t partition)
{
    for (int32_t i = 0; i < m->view.count; i++)
        if (m->view.items[i].partition == partition && slice_equal(m->view.items[i].topic, m->consumer->topic))
            return m->view.items[i].committed;
    return -1;
}

/* Where the group is in this partition; without an offset where the command says. */
static bool begin_position(struct consumer *consumer, struct position *position)
{
    if (!consumer_ask_offset(consumer, position, FROM_END, &position->stop))
        return false;
    position->next = position->committed;
    return position->committed >= 0 || consumer_ask_offset(consumer, position, consumer->timestamp, &position->next);
}

/* ---- a new assignment ---------------------------------------------------------------------------------------------
 */

static struct position *position_of(struct consumer *consumer, int32_t partition)
{
    for (int32_t i = 0; i < consumer->position_count; i++)
        if (consumer->positions[i].partition == partition)
            return &consumer->positions[i];
    return NULL;
}

/* Keeps what it has, begins what is new. *gave_up: something was ours and is not any more. */
static bool take_partitions(struct membership *m, const int32_t *partitions, int32_t count, bool *gave_up)
{
    struct consumer *consumer = m->consumer;
    struct position *next = ARENA_ARRAY(&consumer->kept, struct position, (size_t)count + 1);
    int32_t kept = 0, filled = 0;
    if (next == NULL)
        return false;
    for (int32_t i = 0; i < count; i++) {
        const struct position *has = position_of(consumer, partitions[i]);
        next[i] = has != NULL ? *has
                              : (struct position){.partition = partitions[i],
                                                  .leader = -1,
                                                  .stop = -1, /* not begun */
                                                  .committed = committed_in(m, partitions[i])};
        kept += has != NULL;
    }
    *gave_up = kept < consumer->position_count;
    consumer->positions = next;
    consumer->position_count = count;
    if (!consumer_find_leaders(consumer))
        return false;
    for (; filled < count; filled++)
        if (next[filled].stop < 0 && !begin_position(consumer, &next[filled]))
            return false;
    return true;
}

/* One round: joined, told, and in possession. ERR_AGAIN: another round is needed. */
static enum err rebalance(struct membership *m)
{
    struct join_group_response joined;
    struct slice assignment = SLICE_NULL;
    int32_t *partitions, count;
    bool gave_up = false;
    enum err err = join(m, &joined);
    if (err != ERR_OK)
        return err;
    m->generation = joined.generation_id;
    err = sync(m, &joined, &assignment);
    if (err != ERR_OK)
        return err;
    if (!assignor_read(assignment, m->consumer->topic, &partitions, &count, &m->consumer->kept)) {
        fprintf(stderr, "ringmain: the leader's assignment cannot be read\n");
        return ERR_CORRUPT;
    }
    m->heartbeat_ns = now_ns(m);
    if (!commit(m)) /* of what may go now */
        return ERR_REFUSED;
    if (!read_committed(m) || !take_partitions(m, partitions, count, &gave_up))
        return ERR_REFUSED;
    if (cli_is_terminal())
        fprintf(stderr, "group %s, generation %d: %d partitions\n", m->id, m->generation, count);
    return gave_up ? ERR_AGAIN : ERR_OK;
}

static bool settle(struct membership *m)
{
    while (!is_interrupted(m)) {
        enum err err = rebalance(m);
        if (err != ERR_AGAIN)
            return err == ERR_OK || is_interrupted(m);
    }
    return true;
}

/* ---- between two rebalances ---------------------------------------------------------------------------------------
 */

static bool beat(struct membership *m)
{
    struct heartbeat_request request = {.group_id = m->group,
                                        .generation_id = m->generation,
                                        .member_id = member_id_of(m),
                                        .group_instance_id = m->instance};
    struct heartbeat_response response;
    m->heartbeat_ns = now_ns(m);
    arena_reset(&cli_of(m)->arena);
    if (!call(m, API_HEARTBEAT, &request, &response))
        return false;
    enum err err = follow(m, response.error_code, "cannot stay in group");
    return err == ERR_OK || (err == ERR_AGAIN && settle(m));
}

/* A static member keeps its place: it comes back within its session. */
static void leave(struct membership *m)
{
    struct leave_group_request_member_identity member;
    struct leave_group_request request;
    struct leave_group_response response;
    wire_set_defaults(&leave_group_request_member_identity_struct, &member);
    WIRE_DEFAULTS(leave_group_request_schema, &request);
    if (m->member_id[0] == '\0')
        return;
    client_go_on(&cli_of(m)->client);
    (void)commit(m);
    if (!slice_is_null(m->instance))
        return;
    member.member_id = member_id_of(m);
    request.group_id = m->group;
    request.member_id = member.member_id;
    request.members.items = &member;
    request.members.count = 1;
    arena_reset(&cli_of(m)->arena);
    (void)call(m, API_LEAVE_GROUP, &request, &response); /* else the session ends by itself */
}

static bool is_done(struct membership *m)
{
    const struct consumer *consumer = m->consumer;
    return is_interrupted(m) || consumer_finished(consumer) ||
           (consumer->exit_at_end && consumer->position_count > 0 && consumer_at_end(consumer));
}

bool consume_group(struct consumer *consumer, const char *group, const char *instance)
{
    struct membership *m = ARENA_NEW(&consumer->kept, struct membership);
    if (m == NULL)
        return false;
    *m = (struct membership){
        .consumer = consumer, .id = group, .instance = slice_from_string(instance), .generation = -1};
    bool ok = consumer_find_leaders(consumer) && find_coordinator(m) && settle(m);
    while (ok && !is_done(m)) {
        ok = consumer_round(consumer);
        if (ok && now_ns(m) - m->commit_ns >= (int64_t)COMMIT_MS * 1000000)
            ok = commit(m);
        if (ok && now_ns(m) - m->heartbeat_ns >= (int64_t)HEARTBEAT_MS * 1000000)
            ok = beat(m);
    }
    ok = ok || is_interrupted(m);
    leave(m);
    return ok;
}
