#include "net/client/sender.h"

#include "core/wire/batch.h"
#include "core/wire/error.h"
#include "io/base/hash.h"

/* A batch is sent when it has BATCH_BYTES; with what a buffer takes beyond, or one large record alone, it stays below
 * the 1,048,588 bytes that max.message.bytes allows by default. */
enum { BATCH_BYTES = 256 * 1024, BUFFER_BYTES = BATCH_BYTES + 64 * 1024, PAUSE_MS = 200, ARENA_BYTES = 64 << 20 };

enum shipment_state { WAITING, FAILED };

struct shipment { /* a batch, from its first record to its answer */
    struct list link;
    struct batch_builder builder;
    size_t capacity;
    struct compress_buffer packed;
    struct slice batch; /* finished */
    int32_t partition, node;
    enum shipment_state state;
};

struct lane { /* of one partition */
    struct shipment *filling;
    int32_t leader;
    int32_t sequence; /* of the next record */
};

struct sender {
    struct client *client;
    struct sender_options options;
    struct arena arena; /* of one request and its answer */
    struct uuid topic_id;
    struct lane *lanes;
    int32_t lane_count, sticky;
    int64_t producer_id, answered;
    int16_t producer_epoch;
    struct list flying; /* in the order in which they were made */
    struct list spare;
    struct sender_refusal refusal;
};

static enum err refuse(struct sender *sender, int16_t error, struct slice message)
{
    sender->refusal.error = error;
    size_t length = size_min(message.length, sizeof sender->refusal.message - 1);
    if (length > 0)
        memcpy(sender->refusal.message, message.data, length);
    sender->refusal.message[length] = '\0';
    return ERR_INVALID;
}

/* ---- the topic ----------------------------------------------------------------------------------------------------
 */

typedef struct metadata_response_metadata_response_topic topic_answer;

static int16_t topic_error(const topic_answer *topic)
{
    if (topic == NULL)
        return KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    for (int32_t i = 0; topic->error_code == KAFKA_ERROR_NONE && i < topic->partitions.count; i++)
        if (topic->partitions.items[i].leader_id < 0)
            return KAFKA_ERROR_LEADER_NOT_AVAILABLE;
    return topic->error_code;
}

static enum err keep_leaders(struct sender *sender, const topic_answer *topic)
{
    struct mem *mem = sender->client->mem;
    sender->topic_id = topic->topic_id;
    if (sender->lanes == NULL && topic->partitions.count > 0) {
        sender->lanes = mem_alloc_zero(mem, (size_t)topic->partitions.count * sizeof *sender->lanes);
        if (sender->lanes == NULL)
            return ERR_NO_MEMORY;
        sender->lane_count = topic->partitions.count;
    }
    for (int32_t i = 0; i < topic->partitions.count; i++) {
        int32_t partition = topic->partitions.items[i].partition_index;
        if (partition >= 0 && partition < sender->lane_count)
            sender->lanes[partition].leader = topic->partitions.items[i].leader_id;
    }
    return ERR_OK;
}

static int64_t deadline(const struct sender *sender)
{
    return io_now_ns(sender->client->io) + (int64_t)sender->client->timeout_ms * 1000000;
}

/* Asks until the topic is there (it may be made by asking) and every partition has a leader. */
static enum err find_leaders(struct sender *sender, int64_t until_ns)
{
    for (;;) {
        struct metadata_response response;
        arena_reset(&sender->arena);
        enum err err = client_metadata(sender->client, &sender->options.topic, 1, true, &response, &sender->arena);
        const topic_answer *topic = err == ERR_OK && response.topics.count == 1 ? response.topics.items : NULL;
        int16_t error = topic_error(topic);
        if (err == ERR_OK && error == KAFKA_ERROR_NONE)
            return keep_leaders(sender, topic);
        if (err == ERR_OK && !kafka_error_retriable(error))
            return refuse(sender, error, SLICE_NULL);
        if (client_gives_up(sender->client, until_ns))
            return err == ERR_OK ? refuse(sender, error, SLICE_NULL) : err;
        client_pause(sender->client, PAUSE_MS);
    }
}

/* A broker that does not have it, or does not let us, gets batches without sequences. */
static enum err get_producer_id(struct sender *sender, int64_t until_ns)
{
    while (client_version(sender->client, CLIENT_ANY_BROKER, API_INIT_PRODUCER_ID) >= 0) {
        struct init_producer_id_request request;
        struct init_producer_id_response response;
        WIRE_DEFAULTS(init_producer_id_request_schema, &request);
        request.transactional_id = SLICE_NULL;
        request.transaction_timeout_ms = INT32_MAX;
        arena_reset(&sender->arena);
        enum err err =
            client_call(sender->client, CLIENT_ANY_BROKER, API_INIT_PRODUCER_ID, &request, &response, &sender->arena);
        if (err == ERR_OK && response.error_code == KAFKA_ERROR_NONE) {
            sender->producer_id = response.producer_id;
            sender->producer_epoch = response.producer_epoch;
            return ERR_OK;
        }
        if (err == ERR_OK && response.error_code == KAFKA_ERROR_CLUSTER_AUTHORIZATION_FAILED)
            return ERR_OK;
        bool again = err != ERR_OK || kafka_error_retriable(response.error_code);
        if (!again || client_gives_up(sender->client, until_ns))
            return err == ERR_OK ? refuse(sender, response.error_code, SLICE_NULL) : err;
        client_pause(sender->client, PAUSE_MS);
    }
    return ERR_OK;
}

enum err sender_open(struct client *client, const struct sender_options *options, struct sender **out)
{
    *out = NULL;
    struct sender *sender = MEM_NEW(client->mem, struct sender);
    if (sender == NULL)
        return ERR_NO_MEMORY;
    sender->client = client;
    sender->options = *options;
    sender->producer_id = BATCH_NO_PRODUCER_ID;
    sender->producer_epoch = -1;
    if (options->transaction != NULL) {
        sender->producer_id = options->transaction->producer_id;
        sender->producer_epoch = options->transaction->producer_epoch;
    }
    list_init(&sender->flying);
    list_init(&sender->spare);
    arena_init(&sender->arena, client->mem, ARENA_BYTES);
    *out = sender;
    int64_t until_ns = deadline(sender);
    enum err err = find_leaders(sender, until_ns);
    bool wants_id = options->idempotent && options->acks == -1 && options->transaction == NULL;
    return err == ERR_OK && wants_id ? get_producer_id(sender, until_ns) : err;
}

/* ---- batches ------------------------------------------------------------------------------------------------------
 */

static void free_shipment(struct sender *sender, struct shipment *shipment)
{
    compress_buffer_fini(&shipment->packed);
    mem_free(sender->client->mem, shipment->builder.data, shipment->capacity);
    MEM_DELETE(sender->client->mem, shipment);
}

static void free_list(struct sender *sender, struct list *list)
{
    for (struct list *link; (link = list_pop_front(list)) != NULL;)
        free_shipment(sender, CONTAINER_OF(link, struct shipment, link));
}

void sender_close(struct sender *sender)
{
    if (sender == NULL)
        return;
    struct mem *mem = sender->client->mem;
    free_list(sender, &sender->flying);
    free_list(sender, &sender->spare);
    for (int32_t i = 0; i < sender->lane_count; i++)
        if (sender->lanes[i].filling != NULL)
            free_shipment(sender, sender->lanes[i].filling);
    mem_free(mem, sender->lanes, (size_t)sender->lane_count * sizeof *sender->lanes);
    arena_fini(&sender->arena);
    MEM_DELETE(mem, sender);
}

static struct shipment *new_shipment(struct sender *sender, int32_t partition)
{
    struct mem *mem = sender->client->mem;
    struct list *link = list_pop_front(&sender->spare);
    struct shipment *shipment =
        link == NULL ? MEM_NEW(mem, struct shipment) : CONTAINER_OF(link, struct shipment, link);
    if (shipment == NULL)
        return NULL;
    if (link == NULL) {
        list_init(&shipment->link);
        compress_buffer_init(&shipment->packed, mem);
        shipment->capacity = BUFFER_BYTES;
        shipment->builder.data = mem_alloc(mem, BUFFER_BYTES);
        if (shipment->builder.data == NULL) {
            MEM_DELETE(mem, shipment);
            return NULL;
        }
    }
    batch_builder_init(&shipment->builder, shipment->builder.data, shipment->capacity);
    shipment->packed.length = 0;
    shipment->partition = partition;
    return shipment;
}

/* The buffer of an empty batch made large enough for one record. */
static enum err grow(struct sender *sender, struct shipment *shipment, size_t bytes)
{
    if (bytes <= shipment->capacity)
        return ERR_OK;
    uint8_t *larger = mem_alloc(sender->client->mem, bytes);
    if (larger == NULL)
        return ERR_NO_MEMORY;
    mem_free(sender->client->mem, shipment->builder.data, shipment->capacity);
    shipment->capacity = bytes;
    batch_builder_init(&shipment->builder, larger, bytes);
    return ERR_OK;
}

/* Header, sequence and codec: from here on the bytes stay the same, however often they are sent. */
static enum err finish(struct sender *sender, struct shipment *shipment)
{
    struct lane *lane = &sender->lanes[shipment->partition];
    bool sequenced = sender->producer_id != BATCH_NO_PRODUCER_ID;
    struct batch_header header = {.attributes = sender->options.transaction == NULL ? 0 : BATCH_TRANSACTIONAL,
                                  .producer_id = sender->producer_id,
                                  .producer_epoch = sender->producer_epoch,
                                  .base_sequence = sequenced ? lane->sequence : -1};
    shipment->batch = batch_builder_finish(&shipment->builder, &header);
    lane->sequence = (int32_t)(((uint32_t)lane->sequence + (uint32_t)shipment->builder.count) & INT32_MAX);
    if (sender->options.codec == COMPRESS_NONE)
        return ERR_OK;
    struct compress_buffer *packed = &shipment->packed;
    struct slice plain = shipment->batch;
    enum err err = compress_buffer_reserve(packed, BATCH_HEADER_BYTES);
    if (err != ERR_OK)
        return err;
    memcpy(packed->data, plain.data, BATCH_HEADER_BYTES);
    packed->length = BATCH_HEADER_BYTES;
    err = compress_pack(sender->options.codec, INT32_MIN,
                        slice_of(plain.data + BATCH_HEADER_BYTES, plain.length - BATCH_HEADER_BYTES), packed);
    if (err != ERR_OK)
        return err;
    batch_set_codec(packed->data, packed->length, (int)sender->options.codec);
    batch_set_max_timestamp(packed->data, packed->length, shipment->builder.max_timestamp); /* and the checksum */
    shipment->batch = slice_of(packed->data, packed->length);
    return ERR_OK;
}

/* ---- requests and answers ---------------------------------------------------------------------------------------- */

static enum err send_one(struct sender *sender, struct shipment *shipment)
{
    struct produce_request_partition_produce_data part = {.index = shipment->partition,
                                                          .records.data = shipment->batch};
    struct produce_request_topic_produce_data topic;
    struct produce_request request;
    wire_set_defaults(&produce_request_topic_produce_data_struct, &topic);
    WIRE_DEFAULTS(produce_request_schema, &request);
    topic.name = sender->options.topic;
    topic.topic_id = sender->topic_id;
    topic.partition_data.items = &part;
    topic.partition_data.count = 1;
    request.transactional_id = sender->options.transaction == NULL ? SLICE_NULL : sender->options.transaction->id;
    request.acks = sender->options.acks;
    request.timeout_ms = sender->client->timeout_ms;
    request.topic_data.items = &topic;
    request.topic_data.count = 1;
    shipment->node = sender->lanes[shipment->partition].leader;
    return client_send(sender->client, shipment->node, API_PRODUCE, &request);
}

/* The broker's verdict on the oldest request of the shipment's node. ERR_OK: it came, *error is set. */
static enum err take_answer(struct sender *sender, const struct shipment *shipment, int16_t *error,
                            struct slice *message)
{
    *error = KAFKA_ERROR_NONE;
    *message = SLICE_NULL;
    if (sender->options.acks == 0)
        return ERR_OK;
    struct produce_response response;
    WIRE_DEFAULTS(produce_response_schema, &response);
    arena_reset(&sender->arena);
    enum err err = client_receive(sender->client, shipment->node, &response, &sender->arena);
    if (err != ERR_OK)
        return err;
    if (response.responses.count != 1 || response.responses.items[0].partition_responses.count != 1) {
        *error = KAFKA_ERROR_UNKNOWN_SERVER_ERROR;
        return ERR_OK;
    }
    *error = response.responses.items[0].partition_responses.items[0].error_code;
    *message = response.responses.items[0].partition_responses.items[0].error_message;
    return ERR_OK;
}

static bool is_taken(int16_t error)
{
    return error == KAFKA_ERROR_NONE || error == KAFKA_ERROR_DUPLICATE_SEQUENCE_NUMBER;
}

static void arrived(struct sender *sender, struct shipment *shipment)
{
    sender->answered += shipment->builder.count;
    list_remove(&shipment->link);
    list_push_back(&sender->spare, &shipment->link);
}

/* Alone, until it is taken or refused for good. */
static enum err insist(struct sender *sender, struct shipment *shipment)
{
    int64_t until_ns = deadline(sender);
    for (;;) {
        int16_t error = KAFKA_ERROR_NONE;
        struct slice message;
        enum err err = send_one(sender, shipment);
        if (err == ERR_OK)
            err = take_answer(sender, shipment, &error, &message);
        if (err == ERR_OK && is_taken(error)) {
            arrived(sender, shipment);
            return ERR_OK;
        }
        bool again = err != ERR_OK || kafka_error_retriable(error);
        if (!again || client_gives_up(sender->client, until_ns))
            return err == ERR_OK ? refuse(sender, error, message) : err;
        client_pause(sender->client, PAUSE_MS);
        err = find_leaders(sender, until_ns);
        if (err != ERR_OK)
            return err;
    }
}

/* Something failed: all answers that still come are taken, then what is left is sent again in its order. */
static enum err recover(struct sender *sender)
{
    LIST_EACH(link, &sender->flying)
    {
        struct shipment *shipment = CONTAINER_OF(link, struct shipment, link);
        int16_t error;
        struct slice message;
        if (shipment->state == FAILED)
            continue;
        if (take_answer(sender, shipment, &error, &message) == ERR_OK && is_taken(error))
            arrived(sender, shipment);
    }
    while (!list_empty(&sender->flying)) {
        enum err err = insist(sender, CONTAINER_OF(sender->flying.next, struct shipment, link));
        if (err != ERR_OK)
            return err;
    }
    return ERR_OK;
}

static enum err await_oldest(struct sender *sender)
{
    struct shipment *shipment = CONTAINER_OF(sender->flying.next, struct shipment, link);
    int16_t error;
    struct slice message;
    enum err err = take_answer(sender, shipment, &error, &message);
    if (err == ERR_OK && is_taken(error)) {
        arrived(sender, shipment);
        return ERR_OK;
    }
    if (err == ERR_OK && !kafka_error_retriable(error) && error != KAFKA_ERROR_OUT_OF_ORDER_SEQUENCE_NUMBER)
        return refuse(sender, error, message);
    shipment->state = FAILED;
    return recover(sender);
}

static int in_flight(const struct sender *sender, int32_t node)
{
    int count = 0;
    LIST_EACH(link, &sender->flying)
    count += CONTAINER_OF(link, struct shipment, link)->node == node;
    return count;
}

static enum err ship(struct sender *sender, int32_t partition)
{
    struct lane *lane = &sender->lanes[partition];
    struct shipment *shipment = lane->filling;
    enum err err = finish(sender, shipment);
    while (err == ERR_OK && in_flight(sender, lane->leader) >= SENDER_IN_FLIGHT)
        err = await_oldest(sender);
    if (err != ERR_OK)
        return err;
    lane->filling = NULL;
    list_push_back(&sender->flying, &shipment->link);
    shipment->state = WAITING;
    if (send_one(sender, shipment) != ERR_OK) {
        shipment->state = FAILED;
        return recover(sender);
    }
    if (sender->options.acks == 0)
        arrived(sender, shipment);
    return ERR_OK;
}

enum err sender_flush(struct sender *sender)
{
    enum err err = ERR_OK;
    for (int32_t i = 0; err == ERR_OK && i < sender->lane_count; i++)
        if (sender->lanes[i].filling != NULL)
            err = ship(sender, i);
    while (err == ERR_OK && !list_empty(&sender->flying))
        err = await_oldest(sender);
    return err;
}

/* ---- records ------------------------------------------------------------------------------------------------------
 */

int32_t sender_partitions(const struct sender *sender)
{
    return sender->lane_count;
}

int32_t sender_choose(const struct sender *sender, struct slice key)
{
    if (slice_is_null(key))
        return sender->sticky;
    return (int32_t)((hash_murmur2(key.data, key.length) & INT32_MAX) % (uint32_t)sender->lane_count);
}

static bool put(struct shipment *shipment, const struct sender_record *record)
{
    return batch_builder_add(&shipment->builder, record->timestamp_ms, record->key, record->value, record->headers,
                             record->header_count);
}

enum err sender_add(struct sender *sender, int32_t partition, const struct sender_record *record)
{
    ASSERT(partition >= 0 && partition < sender->lane_count);
    struct lane *lane = &sender->lanes[partition];
    size_t bytes = record->key.length + record->value.length + record->headers.length;
    if (bytes > SENDER_RECORD_MAX_BYTES)
        return ERR_LIMIT;
    bytes += BATCH_HEADER_BYTES + BATCH_RECORD_OVERHEAD;
    enum err err = ERR_OK;
    if (lane->filling != NULL && lane->filling->builder.length + bytes > lane->filling->capacity)
        err = ship(sender, partition);
    if (err == ERR_OK && lane->filling == NULL) {
        lane->filling = new_shipment(sender, partition);
        err = lane->filling == NULL ? ERR_NO_MEMORY : grow(sender, lane->filling, bytes);
    }
    if (err == ERR_OK && !put(lane->filling, record))
        err = ERR_LIMIT;
    if (err != ERR_OK || lane->filling->builder.length < BATCH_BYTES)
        return err;
    sender->sticky = (sender->sticky + 1) % sender->lane_count;
    return ship(sender, partition);
}

const struct sender_refusal *sender_refusal(const struct sender *sender)
{
    return &sender->refusal;
}

int64_t sender_answered(const struct sender *sender)
{
    return sender->answered;
}

bool sender_is_idempotent(const struct sender *sender)
{
    return sender->producer_id != BATCH_NO_PRODUCER_ID;
}
