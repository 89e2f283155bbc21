/* Produce: one batch a partition, checked here, appended on the shards that own the partitions.
 *
 *   decode -> partition_check (this shard) -> a slice per owning shard --message--> partition_append ... done
 *                   |               ^                 ^------------------message-----------------------------'
 *                   |--produce_convert: records looked at or packed anew by a job;   \ requests behind this
 *                   '--produce_verify: transactional ones, with the coordinator      / one wait
 *   all slices are back -> the answer
 *
 * Frame, arena and everything in it stay this shard's memory; a slice belongs to the owner's shard from its message
 * until it comes back. Rules: kafka-surface 2.2; KIP-98, KIP-467, KIP-516, KIP-951.
 */
#include "core/wire/error.h"
#include "core/wire/messages.h"
#include "core/wire/produce_codec.h"
#include "net/handlers/api.h"
#include "net/handlers/endpoints.h"
#include "net/handlers/produce_verify.h"
#include "net/handlers/shard.h"

typedef struct produce_response_partition_produce_response partition_answer;
typedef struct produce_response_topic_produce_response topic_answer;

enum { VERSION_ZSTD = 7, CODEC_ZSTD = 4 };

struct produce;

struct produce_part {
    struct partition_append append;
    struct produce_slice *slice;
    struct produce_part *next; /* in the slice */
    struct uuid topic_id;
    struct slice topic;
    int32_t index;
    bool admitted, answered;
};

struct produce_slice {
    struct io_msg msg;
    struct io_timer timer; /* the client's timeout, on the owner's shard */
    struct produce *produce;
    struct io *owner; /* while it is there */
    struct produce_part *parts, **last;
    int32_t pending;
};

struct produce {
    struct request *request;
    struct produce_request message;
    struct produce_part *parts;   /* in request order */
    struct produce_slice *slices; /* by shard */
    struct produce_convert convert;
    struct produce_verify verify; /* of the transactional parts */
    int32_t part_count;
    int32_t out_count; /* slices on their way */
};

/* ---- the answer
 * -------------------------------------------------------------------------------------------------------- */

static bool fill_record_errors(struct request *request, const struct partition_append *append, partition_answer *out)
{
    int32_t count = append->record_error_count;
    if (count == 0)
        return true;
    out->record_errors.items =
        ARENA_ARRAY(&request->arena, struct produce_response_batch_index_and_error_message, (size_t)count);
    if (out->record_errors.items == NULL)
        return false;
    out->record_errors.count = count;
    for (int32_t i = 0; i < count; i++) {
        out->record_errors.items[i].batch_index = append->record_errors[i].index;
        out->record_errors.items[i].batch_index_error_message = slice_from_string(append->record_errors[i].message);
    }
    return true;
}

static bool fill_part(struct produce *produce, const struct produce_part *part, partition_answer *out,
                      struct leader_hints *hints)
{
    const struct partition_append *append = &part->append;
    *out = (partition_answer){.index = part->index,
                              .error_code = append->error,
                              .base_offset = append->base_offset,
                              .log_append_time_ms = append->log_append_time_ms,
                              .log_start_offset = append->log_start_offset,
                              .error_message = slice_from_string(append->error_message),
                              .current_leader = {.leader_id = -1, .leader_epoch = -1}};
    if (append->error == KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER &&
        !leader_hint(produce->request, part->topic_id, part->index, hints, &out->current_leader.leader_id,
                     &out->current_leader.leader_epoch))
        return false;
    return fill_record_errors(produce->request, append, out);
}

static void answer(struct produce *produce)
{
    struct request *request = produce->request;
    const struct produce_request *message = &produce->message;
    struct produce_response response = {0};
    struct leader_hints hints = {0};
    response.responses.items = ARENA_ARRAY(&request->arena, topic_answer, (size_t)message->topic_data.count + 1);
    bool filled = response.responses.items != NULL;
    const struct produce_part *part = produce->parts;
    for (int32_t i = 0; filled && i < message->topic_data.count; i++) {
        const struct produce_request_topic_produce_data *topic = &message->topic_data.items[i];
        int32_t count = topic->partition_data.count;
        if (count == 0) /* Kafka's answer leaves it out */
            continue;
        topic_answer *out = &response.responses.items[response.responses.count++];
        *out = (topic_answer){.name = topic->name, .topic_id = topic->topic_id};
        out->partition_responses.items = ARENA_ARRAY(&request->arena, partition_answer, (size_t)count + 1);
        out->partition_responses.count = count;
        filled = out->partition_responses.items != NULL;
        for (int32_t k = 0; filled && k < count; k++, part++)
            filled = fill_part(produce, part, &out->partition_responses.items[k], &hints);
    }
    if (hints.count > 0)
        LEADER_HINTS_INTO(request, &hints, struct produce_response_node_endpoint, &response.node_endpoints);
    if (!filled)
        request_close(request);
    else if (produce_codec_encode(request->header.version, &response, &request->out))
        request_done(request);
    else
        request_answer(request, &response);
}

/* Bytes and batches that were turned away, by what was wrong with them. */
static void count_refused(struct metrics *metrics, const struct partition_append *append)
{
    switch (append->error) {
    case KAFKA_ERROR_MESSAGE_TOO_LARGE:
    case KAFKA_ERROR_RECORD_LIST_TOO_LARGE:
        metrics_add(metrics, METRIC_BYTES_REJECTED, append->length);
        break;
    case KAFKA_ERROR_CORRUPT_MESSAGE:
        metrics_add(metrics, METRIC_BAD_BATCHES, 1);
        break;
    case KAFKA_ERROR_INVALID_RECORD:
        metrics_add(metrics, METRIC_BAD_RECORDS, 1);
        break;
    default:
        break;
    }
    metrics_add(metrics, METRIC_PRODUCE_FAILURES, append->error != KAFKA_ERROR_NONE);
}

static void count_parts(struct produce *produce)
{
    struct request *request = produce->request;
    struct metrics *metrics = &request->shard->metrics;
    metrics_add(metrics, METRIC_PRODUCE_PARTS, (uint64_t)produce->part_count);
    for (int32_t i = 0; i < produce->part_count; i++) {
        const struct partition_append *append = &produce->parts[i].append;
        metrics_error(metrics, API_PRODUCE, append->error, 1);
        count_refused(metrics, append);
        if (append->waits_ns > request->waits_ns)
            request->waits_ns = append->waits_ns;
    }
}

static void finish(struct produce *produce)
{
    bool failed = false;
    count_parts(produce);
    if (produce->message.acks != 0) {
        answer(produce);
        return;
    }
    for (int32_t i = 0; i < produce->part_count; i++)
        failed = failed || produce->parts[i].append.error != KAFKA_ERROR_NONE;
    /* Without an answer a closed connection is the only way to make the client look for the right broker. */
    if (failed)
        request_close(produce->request);
    else
        request_drop(produce->request);
}

/* ---- on the owner's shard
 * ------------------------------------------------------------------------------------------------ */

static void slice_home(struct io_msg *msg, struct io *io)
{
    struct produce *produce = CONTAINER_OF(msg, struct produce_slice, msg)->produce;
    if (--produce->out_count == 0)
        finish(produce);
}

static void slice_leave(struct produce_slice *slice)
{
    if (--slice->pending > 0)
        return;
    struct io *owner = slice->owner;
    io_timer_stop(owner, &slice->timer);
    slice->msg.run = slice_home;
    io_post(owner, io_shard(slice->produce->request->io), &slice->msg);
}

static void slice_part_done(struct produce_slice *slice, struct produce_part *part)
{
    part->answered = true;
    slice_leave(slice);
}

static void append_done(struct partition_append *append)
{
    struct produce_part *part = CONTAINER_OF(append, struct produce_part, append);
    slice_part_done(part->slice, part);
}

static void slice_timeout(struct io_timer *timer)
{
    struct produce_slice *slice = CONTAINER_OF(timer, struct produce_slice, timer);
    slice->pending++; /* so that it does not leave while we walk it */
    for (struct produce_part *part = slice->parts; part != NULL; part = part->next)
        if (!part->answered && partition_cancel_append(&part->append))
            slice_part_done(slice, part);
    slice_leave(slice);
}

static void slice_run(struct produce_slice *slice, struct shard *shard)
{
    slice->owner = shard->io;
    slice->pending++; /* as above */
    for (struct produce_part *part = slice->parts; part != NULL; part = part->next) {
        struct partition *partition = shard_data_find(shard->data, part->topic_id, part->index);
        if (partition != NULL) {
            partition_append(partition, &part->append);
            continue;
        }
        part->append.error = KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER; /* not yet, or not any more */
        slice_part_done(slice, part);
    }
    int64_t timeout_ms = slice->produce->message.timeout_ms;
    if (slice->produce->message.acks == -1 && slice->pending > 1 && timeout_ms >= 0 &&
        io_timer_start(shard->io, &slice->timer, io_now_ns(shard->io) + timeout_ms * 1000000) != ERR_OK)
        slice->timer.deadline_ns = INT64_MAX; /* no memory for a timer: the client waits for the flush */
    slice_leave(slice);
}

static void slice_arrived(struct io_msg *msg, struct io *io)
{
    struct produce_slice *slice = CONTAINER_OF(msg, struct produce_slice, msg);
    slice_run(slice, broker_shard(slice->produce->request->shard->broker, io));
}

/* ---- on the connection's shard
 * -------------------------------------------------------------------------------------------- */

static void refuse(struct produce_part *part, int16_t error, const char *message)
{
    part->append.error = error;
    part->append.error_message = message;
    part->append.record_error_count = 0;
    part->append.base_offset = part->append.log_append_time_ms = part->append.log_start_offset = -1;
}

/* Transactional batches need a transactional id, and are of one producer. Kafka looks for the first of them before it
 * looks at anything else, and fails the whole request where it cannot read on. */
static int16_t check_transaction(const struct produce_request *message)
{
    int64_t producer_id = BATCH_NO_PRODUCER_ID;
    bool found = false;
    for (int32_t i = 0; i < message->topic_data.count; i++)
        for (int32_t k = 0; k < message->topic_data.items[i].partition_data.count; k++) {
            struct slice records = message->topic_data.items[i].partition_data.items[k].records.data;
            struct batch_header header;
            if (!found && batch_is_garbage(records))
                return KAFKA_ERROR_CORRUPT_MESSAGE;
            if (batch_read_header(records.data, records.length, &header) != ERR_OK || header.magic != BATCH_MAGIC ||
                header.size > records.length || !(header.attributes & BATCH_TRANSACTIONAL))
                continue;
            if (slice_is_null(message->transactional_id))
                return KAFKA_ERROR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
            if (found && producer_id != header.producer_id)
                return KAFKA_ERROR_INVALID_PRODUCER_ID_MAPPING;
            producer_id = header.producer_id;
            found = true;
        }
    return KAFKA_ERROR_NONE;
}

/* One batch, right or wrong. */
static bool is_whole(const struct produce_part *part)
{
    return part->append.length > 0 && part->append.header.size == part->append.length;
}

/* What can be said without the partition. False: the part is refused. */
static bool admit(struct produce *produce, const struct image_topic *topic, struct produce_part *part, bool by_id)
{
    struct request *request = produce->request;
    const struct image_partition *partition = topic == NULL ? NULL : image_partition_at(topic, part->index);
    if (partition == NULL) {
        refuse(part, by_id && topic == NULL ? KAFKA_ERROR_UNKNOWN_TOPIC_ID : KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION,
               NULL);
        return false;
    }
    part->topic_id = topic->id;
    part->topic = slice_of(topic->name, topic->name_length);
    if (produce->message.acks < -1 || produce->message.acks > 1) {
        if (partition_check(&topic->config, io_wall_ms(request->io), &request->arena, &part->append) || is_whole(part))
            refuse(part, KAFKA_ERROR_INVALID_REQUIRED_ACKS, "acks must be -1, 0 or 1");
        return false;
    }
    if (topic->is_internal && !slice_equal_string(request->header.client_id, "__admin_client")) {
        refuse(part, KAFKA_ERROR_INVALID_TOPIC_EXCEPTION, NULL);
        return false;
    }
    if (partition->leader != request->shard->broker->node_id) {
        refuse(part, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER, NULL);
        return false;
    }
    int32_t needed = topic->config.min_insync_replicas < partition->replica_count ? topic->config.min_insync_replicas
                                                                                  : partition->replica_count;
    if (produce->message.acks == -1 && partition->isr_count < needed) {
        refuse(part, KAFKA_ERROR_NOT_ENOUGH_REPLICAS, NULL);
        return false;
    }
    if (!partition_check(&topic->config, io_wall_ms(request->io), &request->arena, &part->append))
        return false;
    if ((part->append.header.attributes & BATCH_CODEC_MASK) == CODEC_ZSTD && request->header.version < VERSION_ZSTD) {
        refuse(part, KAFKA_ERROR_UNSUPPORTED_COMPRESSION_TYPE, NULL);
        return false;
    }
    return true;
}

static void add_to_slice(struct produce *produce, struct produce_part *part)
{
    int shard = partition_shard(part->topic_id, part->index, produce->request->shard->broker->data_shards);
    struct produce_slice *slice = &produce->slices[shard];
    if (slice->last == NULL)
        slice->last = &slice->parts;
    part->slice = slice;
    *slice->last = part;
    slice->last = &part->next;
    slice->pending++;
}

static void admit_topic(struct produce *produce, const struct produce_request_topic_produce_data *data, int16_t error,
                        struct produce_part **next)
{
    const struct image *image = produce->request->shard->image;
    bool by_id = produce->request->header.version >= 13;
    const struct image_topic *topic =
        by_id ? image_topic_by_id(image, data->topic_id) : image_topic_by_name(image, data->name);
    for (int32_t i = 0; i < data->partition_data.count; i++) {
        const struct produce_request_partition_produce_data *wanted = &data->partition_data.items[i];
        struct produce_part *part = (*next)++;
        part->index = wanted->index;
        part->append.done = append_done;
        part->append.records = (uint8_t *)(uintptr_t)wanted->records.data.data; /* the frame is ours to write */
        part->append.length = wanted->records.data.length;
        part->append.acks = produce->message.acks;
        if (error != KAFKA_ERROR_NONE)
            refuse(part, error, NULL);
        else
            part->admitted = admit(produce, topic, part, by_id);
        if (part->admitted && part->append.convert != NULL) {
            metrics_add(&produce->request->shard->metrics, METRIC_CONVERSIONS, 1);
            list_push_back(&produce->convert.appends, &part->append._link);
        }
    }
}

/* As Kafka's, the answer to a batch whose records are wrong says where the log begins; that to anything else, or to one
 * that is too large, does not. */
static bool asks_partition(const struct produce_part *part)
{
    const struct partition_append *append = &part->append;
    if (append->error == KAFKA_ERROR_NONE)
        return part->admitted;
    return (append->error == KAFKA_ERROR_INVALID_RECORD || append->error == KAFKA_ERROR_INVALID_TIMESTAMP) &&
           is_whole(part);
}

static void send_slices(struct produce *produce)
{
    struct request *request = produce->request;
    int count = request->shard->broker->data_shards;
    for (int32_t i = 0; i < produce->part_count; i++)
        if (asks_partition(&produce->parts[i]))
            add_to_slice(produce, &produce->parts[i]);
    for (int i = 0; i < count; i++)
        produce->out_count += produce->slices[i].parts != NULL;
    if (produce->out_count == 0) {
        finish(produce);
        return;
    }
    for (int i = 0; i < count; i++) {
        struct produce_slice *slice = &produce->slices[i];
        slice->produce = produce;
        slice->timer.fire = slice_timeout;
        slice->msg.run = slice_arrived;
        if (slice->parts == NULL)
            continue;
        if (i == request->shard->index)
            slice_run(slice, request->shard);
        else
            io_post(request->io, i, &slice->msg);
    }
}

/* What comes behind a batch that was not taken for want of memory must not be taken either: a partition that does not
 * know its producer yet would let it begin in the middle. So the connection ends, and the client sends all of it again.
 */
static void go_on(struct request *request)
{
    struct produce *produce = request->handler_state;
    for (int32_t i = 0; i < produce->part_count; i++)
        if (produce->parts[i].append.error == KAFKA_ERROR_KAFKA_STORAGE_ERROR) {
            request_close(request);
            return;
        }
    send_slices(produce);
}

static void verify_done(struct produce_verify *verify)
{
    request_go_on(CONTAINER_OF(verify, struct produce, verify)->request, go_on);
}

static bool is_transactional(const struct produce_part *part)
{
    return part->admitted && part->append.error == KAFKA_ERROR_NONE &&
           (part->append.header.attributes & BATCH_TRANSACTIONAL) != 0;
}

static bool must_verify(const struct produce *produce)
{
    if (!produce_verify_is_on(produce->request))
        return false;
    for (int32_t i = 0; i < produce->part_count; i++)
        if (is_transactional(&produce->parts[i]))
            return true;
    return false;
}

/* The topic's name is of the image: the request may outlive it. */
static bool start_verify(struct produce *produce)
{
    struct request *request = produce->request;
    struct produce_verify *verify = &produce->verify;
    verify->parts = ARENA_ARRAY(&request->arena, struct produce_verify_part, (size_t)produce->part_count);
    if (verify->parts == NULL)
        return false;
    for (int32_t i = 0; i < produce->part_count; i++) {
        struct produce_part *part = &produce->parts[i];
        if (!is_transactional(part))
            continue;
        struct produce_verify_part *to = &verify->parts[verify->count++];
        uint8_t *name = arena_copy(&request->arena, part->topic.data, part->topic.length);
        if (name == NULL)
            return false;
        to->on.topic_id = part->topic_id;
        to->on.index = part->index;
        to->append = &part->append;
        to->topic = slice_of(name, part->topic.length);
    }
    verify->done = verify_done;
    verify->request = request;
    verify->transactional_id = produce->message.transactional_id;
    return produce_verify_start(verify);
}

static void convert_done(struct produce_convert *convert)
{
    struct produce *produce = CONTAINER_OF(convert, struct produce, convert);
    if (!must_verify(produce))
        request_go_on(produce->request, go_on);
    else if (!start_verify(produce))
        request_go_on(produce->request, request_close);
}

void handle_produce(struct request *request)
{
    struct produce *produce = ARENA_NEW(&request->arena, struct produce);
    if (produce == NULL) {
        request_close(request);
        return;
    }
    produce->request = request;
    request->handler_state = produce;
    list_init(&produce->convert.appends);
    size_t consumed;
    if (!produce_codec_decode(request->header.version, request->body, &request->arena, &produce->message, &consumed) &&
        !request_decode(request, &produce->message))
        return;
    for (int32_t i = 0; i < produce->message.topic_data.count; i++)
        produce->part_count += produce->message.topic_data.items[i].partition_data.count;
    produce->parts = ARENA_ARRAY(&request->arena, struct produce_part, (size_t)produce->part_count + 1);
    produce->slices = ARENA_ARRAY(&request->arena, struct produce_slice, (size_t)request->shard->broker->data_shards);
    if (produce->parts == NULL || produce->slices == NULL) {
        request_close(request);
        return;
    }
    int16_t error = check_transaction(&produce->message);
    struct produce_part *next = produce->parts;
    for (int32_t i = 0; i < produce->message.topic_data.count; i++)
        admit_topic(produce, &produce->message.topic_data.items[i], error, &next);
    if (list_empty(&produce->convert.appends)) {
        if (!must_verify(produce))
            send_slices(produce);
        else if (start_verify(produce))
            request_hold_back(request);
        else
            request_close(request);
        return;
    }
    produce->convert.done = convert_done;
    produce->convert.arena = &request->arena;
    request_hold_back(request);
    produce_convert_start(&request->shard->convert_lane, request->io, &produce->convert);
}
