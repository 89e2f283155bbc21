/* InitProducerId: an id for an idempotent producer (KIP-98, KIP-360). With a transactional id it is the coordinator's
 * business: transactions.c. */
#include "core/controller/controller.h"
#include "core/wire/error.h"
#include "core/wire/messages.h"
#include "net/handlers/api.h"
#include "net/handlers/control.h"

struct producer_id_waiter {
    struct list link;
    struct request *request;
};

/* On the control shard, with its memory: one block. */
struct grant {
    struct shard *shard; /* that asked */
    struct io *io;
    struct arena arena;
    struct metadata_change change;
    int64_t first;
};

static void answer(struct request *request, int16_t error, int64_t producer_id)
{
    struct init_producer_id_response response;
    WIRE_DEFAULTS(init_producer_id_response_schema, &response);
    response.error_code = error;
    response.producer_id = producer_id;
    response.producer_epoch = producer_id < 0 ? -1 : 0;
    request_answer(request, &response);
}

/* ---- the control shard ------------------------------------------------------------------------------------------ */

static void ids_arrived(struct io_msg *msg, struct io *io);

static void send_back(struct shard *shard, struct io *control, int64_t first)
{
    shard->producer_ids.granted = first;
    shard->producer_ids.msg.run = ids_arrived;
    io_post(control, shard->index, &shard->producer_ids.msg);
}

static void granted(struct metadata_change *change)
{
    struct grant *grant = CONTAINER_OF(change, struct grant, change);
    send_back(grant->shard, grant->io, change->err == ERR_OK ? grant->first : -1);
    arena_fini(&grant->arena);
    MEM_DELETE(io_mem(grant->io), grant);
}

static void ids_wanted(struct io_msg *msg, struct io *io)
{
    enum { ARENA_LIMIT = 1 << 20 };
    struct shard *shard = CONTAINER_OF(msg, struct shard, producer_ids.msg);
    struct control *control = broker_control(shard->broker)->control;
    struct grant *grant = MEM_NEW(io_mem(io), struct grant);
    if (grant == NULL) {
        send_back(shard, io, -1);
        return;
    }
    grant->shard = shard;
    grant->io = io;
    arena_init(&grant->arena, io_mem(io), ARENA_LIMIT);
    struct controller controller = {.image = metadata_latest(control->metadata), .arena = &grant->arena};
    enum err err = controller_producer_ids(&controller, &grant->first);
    if (err == ERR_OK) {
        grant->change = (struct metadata_change){
            .done = granted, .records = controller.records.items, .count = controller.records.count};
        err = metadata_change(control->metadata, &grant->change);
    }
    if (err == ERR_OK)
        return;
    send_back(shard, io, -1);
    arena_fini(&grant->arena);
    MEM_DELETE(io_mem(io), grant);
}

/* ---- the connection's shard ----------------------------------------------------------------------------------------
 */

static void ask(struct shard *shard)
{
    struct producer_ids *ids = &shard->producer_ids;
    if (ids->asking)
        return;
    ids->asking = true;
    ids->msg.run = ids_wanted;
    io_post(shard->io, shard->broker->data_shards, &ids->msg);
}

static void hand_out(struct shard *shard)
{
    struct producer_ids *ids = &shard->producer_ids;
    while (ids->next < ids->end && !list_empty(&ids->waiting)) {
        struct list *link = list_pop_front(&ids->waiting);
        answer(CONTAINER_OF(link, struct producer_id_waiter, link)->request, KAFKA_ERROR_NONE, ids->next++);
    }
    if (!list_empty(&ids->waiting))
        ask(shard);
}

static void ids_arrived(struct io_msg *msg, struct io *io)
{
    struct shard *shard = CONTAINER_OF(msg, struct shard, producer_ids.msg);
    struct producer_ids *ids = &shard->producer_ids;
    ids->asking = false;
    if (ids->granted >= 0) {
        ids->next = ids->granted;
        ids->end = ids->granted + CONTROLLER_PRODUCER_IDS;
        hand_out(shard);
        return;
    }
    /* The log of the cluster cannot be written now: clients try again by themselves. */
    for (struct list *link; (link = list_pop_front(&ids->waiting)) != NULL;)
        answer(CONTAINER_OF(link, struct producer_id_waiter, link)->request, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE, -1);
}

void handle_init_producer_id(struct request *request)
{
    struct init_producer_id_request message;
    if (!request_decode(request, &message))
        return;
    bool is_half = (message.producer_id == -1) != (message.producer_epoch == -1);
    if (is_half || (!slice_is_null(message.transactional_id) && message.transactional_id.length == 0)) {
        answer(request, KAFKA_ERROR_INVALID_REQUEST, -1);
        return;
    }
    if (!slice_is_null(message.transactional_id)) {
        struct broker *broker = request->shard->broker;
        request_move(request, broker_control(broker), broker->data_shards, handle_init_transactional);
        return;
    }
    struct producer_ids *ids = &request->shard->producer_ids;
    if (ids->waiting.next == NULL)
        list_init(&ids->waiting);
    struct producer_id_waiter *waiter = ARENA_NEW(&request->arena, struct producer_id_waiter);
    if (waiter == NULL) {
        request_close(request);
        return;
    }
    waiter->request = request;
    list_push_back(&ids->waiting, &waiter->link);
    hand_out(request->shard);
}
