/* From a machine to the log and back: one batch per partition for all that a turn of the loop brought. */
#include "core/coordinator/internal.h"

#include "core/wire/batch.h"

/* A batch on its way to the owner's shard and back. */
struct flight {
    struct io_msg msg;
    struct list link; /* in the partition */
    struct coordinator_partition *partition;
    struct coordinator *coordinator;
    struct uuid topic_id;
    int32_t index;
    struct list appends; /* machine_append that lie in it */
    struct partition_append append;
    uint8_t *data;
    size_t capacity;
    int16_t error;
    bool back;
};

static void flight_free(struct flight *flight)
{
    struct mem *mem = io_mem(flight->coordinator->io);
    mem_free(mem, flight->data, flight->capacity);
    MEM_DELETE(mem, flight);
}

/* ---- back on the control shard ------------------------------------------------------------------------------------
 */

static void answer(struct coordinator_partition *partition, struct machine_append *append, int16_t error,
                   int64_t base_offset)
{
    append->error = error;
    append->base_offset = error == KAFKA_ERROR_NONE ? base_offset : -1;
    list_init(&append->link);
    coordinator_machine_appended(partition->machine, append);
}

static void land(struct coordinator_partition *partition, struct flight *flight)
{
    int64_t offset = flight->append.base_offset;
    for (struct list *link; (link = list_pop_front(&flight->appends)) != NULL;) {
        struct machine_append *append = CONTAINER_OF(link, struct machine_append, link);
        int32_t taken = append->count;
        answer(partition, append, flight->error, offset);
        offset += taken;
    }
}

/* In the order in which they left: what came back early waits for those before it. */
static void land_all(struct coordinator_partition *partition)
{
    while (!list_empty(&partition->flights)) {
        struct flight *flight = CONTAINER_OF(partition->flights.next, struct flight, link);
        if (!flight->back)
            break;
        list_remove(&flight->link);
        land(partition, flight);
        flight_free(flight);
    }
    coordinator_partition_settle(partition);
}

static void flight_is_back(struct io_msg *msg, struct io *io)
{
    struct flight *flight = CONTAINER_OF(msg, struct flight, msg);
    flight->back = true;
    land_all(flight->partition);
}

/* ---- on the owner's shard -----------------------------------------------------------------------------------------
 */

static void go_home(struct flight *flight, struct io *io)
{
    flight->error = flight->append.error;
    flight->msg.run = flight_is_back;
    io_post(io, flight->coordinator->options.data_shards, &flight->msg);
}

static void appended(struct partition_append *append)
{
    struct flight *flight = CONTAINER_OF(append, struct flight, append);
    struct coordinator *coordinator = flight->coordinator;
    int shard = partition_shard(flight->topic_id, flight->index, coordinator->options.data_shards);
    go_home(flight, shard_data_io(coordinator->options.datas[shard]));
}

static void flight_arrives(struct io_msg *msg, struct io *io)
{
    struct flight *flight = CONTAINER_OF(msg, struct flight, msg);
    struct partition *partition =
        shard_data_find(coordinator_data(flight->coordinator, io), flight->topic_id, flight->index);
    int16_t error = partition_check_access(partition, -1);
    if (error == KAFKA_ERROR_NONE) {
        int32_t needed = partition->config->min_insync_replicas;
        needed = needed < partition->replica_count ? needed : partition->replica_count;
        if (partition->isr_count < needed)
            error = KAFKA_ERROR_NOT_ENOUGH_REPLICAS;
    }
    if (error != KAFKA_ERROR_NONE) {
        flight->append.error = error;
        go_home(flight, io);
        return;
    }
    flight->append.done = appended;
    partition_append(partition, &flight->append);
}

/* ---- leaving ------------------------------------------------------------------------------------------------------
 */

static size_t bytes_of(const struct machine_append *append)
{
    size_t bytes = 0;
    for (int32_t i = 0; i < append->count; i++)
        bytes += BATCH_RECORD_OVERHEAD + append->records[i].key.length + append->records[i].value.length;
    return append->kind >= MACHINE_APPEND_COMMIT ? BATCH_RECORD_OVERHEAD + 16 : bytes;
}

static bool may_share(const struct machine_append *append)
{
    return append->kind == MACHINE_APPEND_RECORDS;
}

/* Takes from the queue what fits into one batch. A fence leaves with what is before it. */
static size_t take_batch(struct coordinator_partition *partition, struct list *taken)
{
    size_t most = (size_t)partition->coordinator->config.max_message_bytes;
    size_t bytes = BATCH_HEADER_BYTES;
    bool shared = false;
    while (!list_empty(&partition->queue)) {
        struct machine_append *append = CONTAINER_OF(partition->queue.next, struct machine_append, link);
        size_t more = (size_t)append->_records_bytes;
        bool empty = bytes == BATCH_HEADER_BYTES;
        if (!empty && (bytes + more > most || (more > 0 && !(shared && may_share(append)))))
            break;
        if (more > 0)
            shared = may_share(append);
        bytes += more;
        list_remove(&append->link);
        list_push_back(taken, &append->link);
    }
    return bytes;
}

static bool put_control_record(struct batch_builder *builder, const struct machine_append *append)
{
    uint8_t key[4], value[6];
    put_i16(key, 0); /* version */
    put_i16(key + 2, append->kind == MACHINE_APPEND_COMMIT ? 1 : 0);
    put_i16(value, 0);
    put_i32(value + 2, append->coordinator_epoch);
    return batch_builder_add(builder, append->timestamp_ms, slice_of(key, sizeof key), slice_of(value, sizeof value),
                             SLICE_NULL, 0);
}

/* Packed, when there is memory for it and it becomes smaller. */
static struct slice pack(struct flight *flight, struct slice plain)
{
    struct compress_buffer out;
    enum compress_codec codec = flight->coordinator->options.codec;
    struct batch_header header;
    compress_buffer_init(&out, io_mem(flight->coordinator->io));
    enum err err = batch_read_header(plain.data, plain.length, &header);
    ASSERT(err == ERR_OK);
    if (codec == COMPRESS_NONE || (header.attributes & BATCH_CONTROL))
        return plain;
    struct slice body = slice_of(plain.data + BATCH_HEADER_BYTES, plain.length - BATCH_HEADER_BYTES);
    err = compress_pack(codec, INT32_MIN, body, &out);
    if (err == ERR_OK && out.length < body.length) {
        memcpy(flight->data + BATCH_HEADER_BYTES, out.data, out.length);
        plain.length = BATCH_HEADER_BYTES + out.length;
        batch_set_codec(flight->data, plain.length, (int)codec);
        batch_set_max_timestamp(flight->data, plain.length, header.max_timestamp); /* and the CRC */
    }
    compress_buffer_fini(&out);
    return plain;
}

/* The bytes of the batch. The room was counted: adding cannot fail. */
static void build(struct flight *flight)
{
    struct batch_builder builder;
    struct batch_header header = {.producer_id = BATCH_NO_PRODUCER_ID, .producer_epoch = -1, .base_sequence = -1};
    batch_builder_init(&builder, flight->data, flight->capacity);
    LIST_EACH(link, &flight->appends)
    {
        struct machine_append *append = CONTAINER_OF(link, struct machine_append, link);
        bool fits = true;
        for (int32_t i = 0; i < append->count; i++)
            fits &= batch_builder_add(&builder, append->timestamp_ms, append->records[i].key, append->records[i].value,
                                      SLICE_NULL, 0);
        if (append->kind != MACHINE_APPEND_RECORDS) {
            header.producer_id = append->producer_id;
            header.producer_epoch = append->producer_epoch;
            header.attributes = BATCH_TRANSACTIONAL;
        }
        if (append->kind >= MACHINE_APPEND_COMMIT) {
            flight->append.transaction_version = append->transaction_version;
            header.attributes |= BATCH_CONTROL;
            fits &= put_control_record(&builder, append);
        }
        ASSERT(fits);
    }
    struct slice made = pack(flight, batch_builder_finish(&builder, &header));
    partition_prepare(&flight->append, flight->data, made.length);
    flight->append.by_coordinator = true;
    flight->append.acks = -1;
}

static void depart(struct coordinator_partition *partition, struct list *appends, size_t bytes)
{
    struct coordinator *coordinator = partition->coordinator;
    struct mem *mem = io_mem(coordinator->io);
    struct flight *flight = MEM_NEW(mem, struct flight);
    uint8_t *data = flight == NULL || bytes == BATCH_HEADER_BYTES ? NULL : mem_alloc(mem, bytes);
    bool fence = bytes == BATCH_HEADER_BYTES;
    if (flight == NULL || (data == NULL && !fence)) {
        if (flight != NULL)
            MEM_DELETE(mem, flight);
        for (struct list *link; (link = list_pop_front(appends)) != NULL;)
            answer(partition, CONTAINER_OF(link, struct machine_append, link), KAFKA_ERROR_KAFKA_STORAGE_ERROR, -1);
        return;
    }
    *flight = (struct flight){.partition = partition,
                              .coordinator = coordinator,
                              .topic_id = partition->topic_id,
                              .index = partition->index,
                              .data = data,
                              .capacity = fence ? 0 : bytes};
    list_init(&flight->appends);
    list_splice(&flight->appends, appends);
    list_push_back(&partition->flights, &flight->link);
    if (fence) {
        flight->append.base_offset = -1;
        flight->back = true;
        return;
    }
    build(flight);
    flight->msg.run = flight_arrives;
    io_post(coordinator->io, partition_shard(flight->topic_id, flight->index, coordinator->options.data_shards),
            &flight->msg);
}

static void send_queue(struct coordinator_partition *partition)
{
    while (!list_empty(&partition->queue)) {
        struct list taken;
        list_init(&taken);
        size_t bytes = take_batch(partition, &taken);
        if (bytes > (size_t)partition->coordinator->config.max_message_bytes) {
            struct list *link = list_pop_front(&taken); /* one alone that no batch can hold */
            answer(partition, CONTAINER_OF(link, struct machine_append, link), KAFKA_ERROR_MESSAGE_TOO_LARGE, -1);
            list_splice(&taken, &partition->queue);
            list_splice(&partition->queue, &taken);
            continue;
        }
        depart(partition, &taken, bytes);
    }
    land_all(partition); /* fences that nothing is before */
}

void coordinator_append_turn(struct io_hook *hook)
{
    struct coordinator *coordinator = CONTAINER_OF(hook, struct coordinator, hook);
    for (struct list *link; (link = list_pop_front(&coordinator->queued)) != NULL;)
        send_queue(CONTAINER_OF(link, struct coordinator_partition, queue_link));
}

void coordinator_append(struct coordinator_machine *machine, struct machine_append *append)
{
    struct coordinator_partition *partition = machine->_partition;
    struct coordinator *coordinator = partition->coordinator;
    ASSERT(partition->phase == PHASE_ACTIVE || partition->phase == PHASE_CLOSING);
    append->_records_bytes = (int64_t)bytes_of(append);
    list_push_back(&partition->queue, &append->link);
    if (list_empty(&partition->queue_link))
        list_push_back(&coordinator->queued, &partition->queue_link);
    io_at_turn_end(coordinator->io, &coordinator->hook);
}
