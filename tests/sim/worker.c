/* A simulated member of a consumer group: joins, takes what its leader gives it, reads the input topic from the
 * committed offsets on, and commits; with a transactional id it writes one record into the output topic for each that
 * it reads, in one transaction with the offsets. Asked by step, answered by step: one request at a time, as a simple
 * program would.
 *
 *   FIND -> (FIND_TXN) -> JOIN -> SYNC -> (BEGIN) -> OFFSETS -> READ -> [(ADD_PARTITIONS -> ADD_OFFSETS) -> WRITE] ->
 * COMMIT -> (END) -> READ ... ^                                                               |
 *                                        +------- whenever it is not sure what has become of it ---------+
 */
#include "tests/sim/worker.h"

#include "core/wire/error.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct worker_call {
    struct call call;
    struct worker *worker;
};

/* ---- steps
 * ------------------------------------------------------------------------------------------------------------ */

void worker_go(struct worker *worker, enum worker_step step)
{
    worker->step = step;
}

/* Membership stands; what was read and not committed is forgotten. */
void worker_start_over(struct worker *worker)
{
    worker->read_count = 0;
    worker_go(worker, worker->group->transactional ? WORKER_BEGIN : WORKER_OFFSETS);
}

static void rejoin(struct worker *worker)
{
    worker->partition_count = 0;
    worker_go(worker, WORKER_JOIN);
}

bool worker_bears(struct worker *worker, const char *what, int16_t error)
{
    if (error != KAFKA_ERROR_NONE) {
        world_say(worker->world, "worker %d: %s: %s", worker->number, what, kafka_error_name(error));
        worker->last_what = what;
        worker->last_error = error;
    }
    switch (error) {
    case KAFKA_ERROR_NONE:
        return true;
    case KAFKA_ERROR_REBALANCE_IN_PROGRESS:
        rejoin(worker);
        return false;
    case KAFKA_ERROR_ILLEGAL_GENERATION:
    case KAFKA_ERROR_UNKNOWN_MEMBER_ID:
        worker->member_id_length = 0;
        rejoin(worker);
        return false;
    case KAFKA_ERROR_INVALID_PRODUCER_EPOCH: /* fenced, or timed out: by itself or by the coordinator */
    case KAFKA_ERROR_PRODUCER_FENCED:
    case KAFKA_ERROR_INVALID_TXN_STATE:
    case KAFKA_ERROR_INVALID_PRODUCER_ID_MAPPING:
    case KAFKA_ERROR_TRANSACTION_ABORTABLE:
    case KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER:
        if (!worker->group->transactional)
            break;
        worker_start_over(worker);
        return false;
    default:
        if (world_bears(worker->world, error)) {
            worker->world->resent++;
            return false;
        }
    }
    world_fail(worker->world, "%s of worker %d: %s", what, worker->number, kafka_error_name(error));
}

/* ---- find, join, sync
 * --------------------------------------------------------------------------------------------------- */

static void send_find(struct worker *worker)
{
    struct find_coordinator_request request;
    bool is_txn = worker->step == WORKER_FIND_TXN;
    struct slice keys[1] = {slice_from_string(is_txn ? worker->transactional_id : worker->group->name)};
    WIRE_DEFAULTS(find_coordinator_request_schema, &request);
    request.key = keys[0];
    request.coordinator_keys.items = keys;
    request.coordinator_keys.count = 1;
    request.key_type = is_txn;
    worker_call(worker, API_FIND_COORDINATOR, (int16_t)world_between(worker->world, 1, 5), &request);
}

static void take_find(struct worker *worker, struct find_coordinator_response *response, int16_t version)
{
    bool many = version >= 4;
    if (many && response->coordinators.count != 1)
        world_fail(worker->world, "FindCoordinator of one key answers %d", response->coordinators.count);
    if (worker_bears(worker, "FindCoordinator",
                     many ? response->coordinators.items[0].error_code : response->error_code))
        worker_go(worker, worker->step == WORKER_FIND && worker->group->transactional ? WORKER_FIND_TXN : WORKER_JOIN);
}

static struct slice member_id(const struct worker *worker)
{
    return slice_of(worker->member_id, worker->member_id_length);
}

static void keep_member_id(struct worker *worker, struct slice id)
{
    ASSERT(id.length <= sizeof worker->member_id);
    memcpy(worker->member_id, id.data, id.length);
    worker->member_id_length = id.length;
}

static void send_join(struct worker *worker)
{
    struct join_group_request_join_group_request_protocol protocol;
    struct join_group_request request;
    wire_set_defaults(&join_group_request_join_group_request_protocol_struct, &protocol);
    WIRE_DEFAULTS(join_group_request_schema, &request);
    protocol.name = SLICE_LITERAL("round");
    protocol.metadata = SLICE_LITERAL("m");
    request.group_id = slice_from_string(worker->group->name);
    request.session_timeout_ms = worker->world->limits.session_ms;
    request.rebalance_timeout_ms = worker->world->limits.session_ms;
    request.member_id = member_id(worker);
    request.protocol_type = SLICE_LITERAL("consumer");
    request.protocols.items = &protocol;
    request.protocols.count = 1;
    worker_call(worker, API_JOIN_GROUP, (int16_t)world_between(worker->world, 0, 9), &request);
}

static void take_join(struct worker *worker, struct join_group_response *response)
{
    if (response->error_code == KAFKA_ERROR_MEMBER_ID_REQUIRED) {
        keep_member_id(worker, response->member_id);
        return;
    }
    if (!worker_bears(worker, "JoinGroup", response->error_code))
        return;
    keep_member_id(worker, response->member_id);
    worker->generation = response->generation_id;
    worker->joined_count = 0;
    if (slice_equal(response->leader, response->member_id) && response->members.count == 0)
        world_fail(worker->world, "K5: a leader that is told of no members");
    for (int32_t i = 0; i < response->members.count && i < WORKERS_MAX * 4; i++) {
        struct slice id = response->members.items[i].member_id;
        ASSERT(id.length <= sizeof worker->joined[0]);
        memcpy(worker->joined[i], id.data, id.length);
        worker->joined_length[i] = id.length;
        worker->joined_count++;
    }
    worker_go(worker, WORKER_SYNC);
}

static void send_sync(struct worker *worker)
{
    const struct topic *input = &worker->world->topics[worker->group->input];
    struct sync_group_request_sync_group_request_assignment assignments[WORKERS_MAX * 4];
    uint8_t bytes[WORKERS_MAX * 4][PARTITIONS_MAX];
    struct sync_group_request request;
    WIRE_DEFAULTS(sync_group_request_schema, &request);
    for (int i = 0; i < worker->joined_count; i++) {
        size_t length = 0;
        for (int p = i; p < input->partition_count; p += worker->joined_count)
            bytes[i][length++] = (uint8_t)p;
        wire_set_defaults(&sync_group_request_sync_group_request_assignment_struct, &assignments[i]);
        assignments[i].member_id = slice_of(worker->joined[i], worker->joined_length[i]);
        assignments[i].assignment = slice_of(bytes[i], length);
    }
    request.group_id = slice_from_string(worker->group->name);
    request.generation_id = worker->generation;
    request.member_id = member_id(worker);
    request.protocol_type = SLICE_LITERAL("consumer");
    request.protocol_name = SLICE_LITERAL("round");
    request.assignments.items = assignments;
    request.assignments.count = worker->joined_count;
    worker_call(worker, API_SYNC_GROUP, (int16_t)world_between(worker->world, 0, 5), &request);
}

/* K5: in one generation a partition has one owner. */
static void own(struct worker *worker, int partition)
{
    struct group_model *group = worker->group;
    if (worker->generation > group->generation) {
        group->generation = worker->generation;
        memset(group->owners, 0, sizeof group->owners);
    }
    if (worker->generation < group->generation)
        return;
    if (group->owners[partition] != 0 && group->owners[partition] != worker->number + 1)
        world_fail(worker->world, "K5: workers %d and %d both own partition %d in generation %d",
                   group->owners[partition] - 1, worker->number, partition, worker->generation);
    group->owners[partition] = worker->number + 1;
}

static void take_sync(struct worker *worker, struct sync_group_response *response)
{
    if (!worker_bears(worker, "SyncGroup", response->error_code))
        return;
    worker->partition_count = (int)response->assignment.length;
    for (int i = 0; i < worker->partition_count; i++) {
        worker->partitions[i] = response->assignment.data[i];
        worker->positions[i] = -1;
        own(worker, worker->partitions[i]);
    }
    worker->beat_ns = io_now_ns(worker->io);
    worker_start_over(worker);
}

static void send_heartbeat(struct worker *worker)
{
    struct heartbeat_request request;
    WIRE_DEFAULTS(heartbeat_request_schema, &request);
    request.group_id = slice_from_string(worker->group->name);
    request.generation_id = worker->generation;
    request.member_id = member_id(worker);
    worker_call(worker, API_HEARTBEAT, (int16_t)world_between(worker->world, 0, 4), &request);
}

/* ---- time
 * --------------------------------------------------------------------------------------------------------------- */

static void dispatch(struct worker *worker, struct call *call, struct slice body, struct arena *arena)
{
    union {
        struct find_coordinator_response find;
        struct join_group_response join;
        struct sync_group_response sync;
        struct heartbeat_response heartbeat;
    } response;
    switch (call->api_key) {
    case API_FIND_COORDINATOR:
    case API_JOIN_GROUP:
    case API_SYNC_GROUP:
    case API_HEARTBEAT:
        break;
    default:
        worker_take_work(worker, call, body, arena);
        return;
    }
    if (!link_decode(call, body, arena, &response))
        world_fail(worker->world, "an answer of api %d that cannot be decoded", call->api_key);
    if (call->api_key == API_FIND_COORDINATOR)
        take_find(worker, &response.find, call->version);
    else if (call->api_key == API_JOIN_GROUP)
        take_join(worker, &response.join);
    else if (call->api_key == API_SYNC_GROUP)
        take_sync(worker, &response.sync);
    else
        (void)worker_bears(worker, "Heartbeat", response.heartbeat.error_code);
}

static void answered(struct call *base, enum err err, struct slice body)
{
    struct worker_call *call = CONTAINER_OF(base, struct worker_call, call);
    struct worker *worker = call->worker;
    struct arena arena;
    arena_init(&arena, io_mem(worker->io), 1 << 20);
    worker->busy = false;
    if (err == ERR_OK && worker->link_cuts == worker->world->cuts)
        dispatch(worker, base, body, &arena);
    else if (worker->step >= WORKER_BEGIN)
        worker_start_over(worker);
    arena_fini(&arena);
    free(call);
}

void worker_call(struct worker *worker, int16_t api_key, int16_t version, const void *request)
{
    struct worker_call *call = malloc(sizeof *call);
    *call = (struct worker_call){.call.done = answered, .worker = worker};
    worker->busy = true;
    link_call(&worker->link, &call->call, api_key, version, request);
}

static void do_step(struct worker *worker)
{
    int64_t beat_ns = (int64_t)worker->world->limits.session_ms * MS / 4;
    bool is_member = worker->step > WORKER_SYNC;
    if (is_member && io_now_ns(worker->io) - worker->beat_ns > beat_ns) {
        worker->beat_ns = io_now_ns(worker->io);
        send_heartbeat(worker);
        return;
    }
    switch (worker->step) {
    case WORKER_FIND:
    case WORKER_FIND_TXN:
        send_find(worker);
        return;
    case WORKER_JOIN:
        send_join(worker);
        return;
    case WORKER_SYNC:
        send_sync(worker);
        return;
    default:
        worker_send_work(worker);
    }
}

static void link_is_up(struct link *link)
{
    struct worker *worker = CONTAINER_OF(link, struct worker, link);
    worker->link_cuts = worker->world->cuts;
}

static void link_is_down(struct link *link)
{
}

static void tick(struct io_timer *timer)
{
    struct worker *worker = CONTAINER_OF(timer, struct worker, tick);
    struct world *world = worker->world;
    int64_t now_ns = io_now_ns(worker->io);
    int64_t patience_ms = world->limits.client_timeout_ms + 3 * world->limits.session_ms;
    if (world->topics_made && !world->silent && worker->link.state == LINK_OFF)
        link_open(&worker->link);
    if (world->silent || link_is_overdue(&worker->link, now_ns - patience_ms * MS))
        link_close(&worker->link);
    if (worker->link.state == LINK_UP && !worker->busy)
        do_step(worker);
    enum err err = io_timer_start(worker->io, timer, now_ns + world_think_ns(world));
    ASSERT(err == ERR_OK);
}

/* Everything that it owns is read and committed. */
bool client_worker_is_idle(const struct worker *worker)
{
    if (worker->step != WORKER_READ || worker->read_count > 0)
        return false;
    for (int i = 0; i < worker->partition_count; i++)
        if (worker->positions[i] < 0 || !worker->at_end[i])
            return false;
    return true;
}

void client_worker_tell(const struct worker *worker)
{
    static const char *const steps[] = {"FIND", "FIND_TXN",       "JOIN",        "SYNC",  "BEGIN",  "OFFSETS",
                                        "READ", "ADD_PARTITIONS", "ADD_OFFSETS", "WRITE", "COMMIT", "END"};
    world_say(worker->world, "worker %d: step %s, generation %d, %d partitions, %d read, last error: %s %s",
              worker->number, steps[worker->step], worker->generation, worker->partition_count, worker->read_count,
              worker->last_what == NULL ? "" : worker->last_what, kafka_error_name(worker->last_error));
}

struct worker *client_worker_open(struct world *world, struct sim_node *node, int number)
{
    struct worker *worker = calloc(1, sizeof *worker);
    struct io_address address;
    worker->world = world;
    worker->group = &world->group;
    worker->number = number;
    worker->io = sim_node_io(node, 0);
    worker->producer_id = -1;
    worker->new_protocol = world_half(world);
    snprintf(worker->transactional_id, sizeof worker->transactional_id, "tx-%d", number);
    sim_node_address(world->host.node, HOST_PORT, &address);
    link_init(&worker->link, worker->io, &address);
    worker->link.up = link_is_up;
    worker->link.down = link_is_down;
    worker->tick.fire = tick;
    enum err err = io_timer_start(worker->io, &worker->tick, sim_now_ns(world->sim));
    ASSERT(err == ERR_OK);
    sim_node_wake(node);
    return worker;
}

void client_worker_close(struct worker *worker)
{
    link_fini(&worker->link);
    free(worker);
}
