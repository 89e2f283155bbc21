/* Markers: from a transaction's decision to the partitions it touched, and their answers back. */
#include "core/controller/controller.h"
#include "core/coordinator/groups.h"
#include "core/coordinator/txns_internal.h"
#include "core/wire/marker.h"

/* One marker of one partition. */
struct mark {
    struct list link; /* in the flight */
    struct txns_host *host;
    struct txn_marking marking;
    struct mark_flight *flight;
    struct uuid topic_id;
    int32_t index;
    struct partition_append append;
    struct group_call call; /* of __consumer_offsets instead */
    struct arena arena;
    uint8_t bytes[MARKER_BATCH_BYTES];
};

/* All markers of a turn for the partitions of one shard. */
struct mark_flight {
    struct io_msg msg;
    struct txns *txns;
    struct list marks;
    int32_t pending; /* on the owner's shard */
    int shard;
};

/* ---- back on the control shard ----------------------------------------------------------------------------------- */

static void mark_is_back(struct mark *mark, int16_t error)
{
    struct txns_host *host = mark->host;
    struct txn_marking marking = mark->marking;
    host->txns->marks_out--;
    host->marks_out--;
    MEM_DELETE(io_mem(host->txns->io), mark);
    if (!host->closed) {
        struct io *io = host->txns->io;
        txn_clock(&host->machine, io_now_ns(io) / 1000000, io_wall_ms(io));
        txn_marked(&host->machine, &marking, error);
        coordinator_leave(&host->base);
    } else if (host->marks_out == 0) {
        txns_host_free(host);
    }
}

static void flight_is_back(struct io_msg *msg, struct io *io)
{
    struct mark_flight *flight = CONTAINER_OF(msg, struct mark_flight, msg);
    for (struct list *link; (link = list_pop_front(&flight->marks)) != NULL;) {
        struct mark *mark = CONTAINER_OF(link, struct mark, link);
        mark_is_back(mark, mark->append.error);
    }
    MEM_DELETE(io_mem(io), flight);
}

static void group_has_answered(struct group_call *call)
{
    struct mark *mark = CONTAINER_OF(call, struct mark, call);
    arena_fini(&mark->arena);
    mark_is_back(mark, call->error);
}

/* ---- on the owner's shard ---------------------------------------------------------------------------------------- */

static void leave(struct mark_flight *flight)
{
    if (--flight->pending > 0)
        return;
    struct io *owner = shard_data_io(flight->txns->options.datas[flight->shard]);
    flight->msg.run = flight_is_back;
    io_post(owner, flight->txns->options.data_shards, &flight->msg);
}

static void marker_appended(struct partition_append *append)
{
    leave(CONTAINER_OF(append, struct mark, append)->flight);
}

static int16_t check(const struct partition *partition)
{
    int16_t error = partition_check_access(partition, -1);
    if (error != KAFKA_ERROR_NONE)
        return error;
    int32_t needed = partition->config->min_insync_replicas;
    needed = needed < partition->replica_count ? needed : partition->replica_count;
    return partition->isr_count < needed ? KAFKA_ERROR_NOT_ENOUGH_REPLICAS : KAFKA_ERROR_NONE;
}

static void flight_arrives(struct io_msg *msg, struct io *io)
{
    struct mark_flight *flight = CONTAINER_OF(msg, struct mark_flight, msg);
    struct shard_data *data = flight->txns->options.datas[flight->shard];
    flight->pending = 1; /* until all have been looked at */
    LIST_EACH(link, &flight->marks)
    {
        struct mark *mark = CONTAINER_OF(link, struct mark, link);
        struct partition *partition = shard_data_find(data, mark->topic_id, mark->index);
        mark->append.error = check(partition);
        if (mark->append.error != KAFKA_ERROR_NONE)
            continue;
        flight->pending++;
        partition_append(partition, &mark->append);
    }
    leave(flight);
}

/* ---- leaving ----------------------------------------------------------------------------------------------------- */

static struct mark_flight *flight_to(struct txns *txns, int shard)
{
    struct mark_flight *flight = txns->flights[shard];
    if (flight != NULL)
        return flight;
    flight = MEM_NEW(io_mem(txns->io), struct mark_flight);
    if (flight == NULL)
        return NULL;
    *flight = (struct mark_flight){.msg = {.run = flight_arrives}, .txns = txns, .shard = shard};
    list_init(&flight->marks);
    txns->flights[shard] = flight;
    return flight;
}

void txns_send_marks(struct txns *txns)
{
    for (int i = 0; i < txns->options.data_shards; i++) {
        struct mark_flight *flight = txns->flights[i];
        txns->flights[i] = NULL;
        if (flight != NULL)
            io_post(txns->io, i, &flight->msg);
    }
}

static void send_to_partition(struct txns *txns, struct mark_flight *flight, struct mark *mark)
{
    const struct txn_value *now = &mark->marking.txn->now;
    struct marker marker = {.coordinator_epoch = mark->host->base.epoch, .commit = txn_commits(mark->marking.txn)};
    struct slice bytes = marker_build(mark->bytes, &marker, now->producer_id, now->epoch, io_wall_ms(txns->io));
    partition_prepare(&mark->append, mark->bytes, bytes.length);
    mark->append.done = marker_appended;
    mark->append.acks = -1;
    mark->append.by_coordinator = true;
    mark->append.transaction_version = now->client_version;
    mark->flight = flight;
    list_push_back(&flight->marks, &mark->link);
}

static void send_to_group(struct txns *txns, struct mark *mark)
{
    enum { ARENA_LIMIT = 1 << 20 };
    const struct txn *txn = mark->marking.txn;
    struct group_machine *machine;
    int16_t error = groups_enter_at(txns->options.groups, mark->index, &machine);
    if (error != KAFKA_ERROR_NONE) {
        mark_is_back(mark, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER); /* not ready yet */
        return;
    }
    arena_init(&mark->arena, io_mem(txns->io), ARENA_LIMIT);
    mark->call = (struct group_call){.answered = group_has_answered, .arena = &mark->arena};
    group_end_transaction(machine, txn->now.producer_id, txn->now.epoch, txn_commits(txn), mark->host->base.epoch,
                          txn->now.client_version, &mark->call);
    groups_leave(machine);
}

/* A topic or partition that is no more needs no marker. */
static bool find_place(struct txns *txns, const struct txn_marking *marking, struct uuid *topic_id, int32_t *index)
{
    const struct txn_topic *topic = &marking->txn->now.topics.items[marking->topic];
    const struct image_topic *found = image_topic_by_name(txns->image, slice_of(topic->name, topic->name_length));
    *index = topic->partitions[marking->partition].index;
    if (found == NULL || image_partition_at(found, *index) == NULL)
        return false;
    *topic_id = found->id;
    return true;
}

static bool is_of_group(const struct txn_marking *marking)
{
    const struct txn_topic *topic = &marking->txn->now.topics.items[marking->topic];
    return slice_equal_string(slice_of(topic->name, topic->name_length), CONTROLLER_GROUP_TOPIC);
}

void txns_mark(struct txns_host *host, struct txn *txn)
{
    struct txns *txns = host->txns;
    struct txn_marking marking;
    while (txn_take_marking(txn, &marking)) {
        struct uuid topic_id;
        int32_t index;
        if (!find_place(txns, &marking, &topic_id, &index)) {
            txn_marked(&host->machine, &marking, KAFKA_ERROR_NONE);
            continue;
        }
        bool to_group = is_of_group(&marking);
        struct mark *mark = MEM_NEW(io_mem(txns->io), struct mark);
        struct mark_flight *flight = mark == NULL || to_group
                                         ? NULL
                                         : flight_to(txns, partition_shard(topic_id, index, txns->options.data_shards));
        if (mark == NULL || (flight == NULL && !to_group)) {
            if (mark != NULL)
                MEM_DELETE(io_mem(txns->io), mark);
            txn_marked(&host->machine, &marking, KAFKA_ERROR_KAFKA_STORAGE_ERROR); /* it comes again */
            return;
        }
        mark->host = host;
        mark->marking = marking;
        mark->topic_id = topic_id;
        mark->index = index;
        host->marks_out++;
        txns->marks_out++;
        if (to_group)
            send_to_group(txns, mark);
        else
            send_to_partition(txns, flight, mark);
    }
}
