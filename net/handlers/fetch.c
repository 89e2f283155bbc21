/* Fetch: reads at once, or waits until there is enough (KIP-74, KIP-227, KIP-320, KIP-516, KIP-595). */
#include "net/handlers/fetch.h"

#include "core/wire/error.h"
#include "core/wire/fetch_codec.h"
#include "net/handlers/api.h"

enum { VERSION_TOPIC_ID = 13, VERSION_REPLICA_STATE = 15 };

/* ---- phases
 * ------------------------------------------------------------------------------------------------------------- */

/* KIP-74: partitions in request order; the first one with bytes gives at least one whole batch, the others only what
 * fits, and nothing rather than a piece of a batch. */
static void share_bytes(struct fetch *fetch, bool *at_once)
{
    int64_t left = fetch->message.max_bytes;
    bool first = true;
    fetch->total_bytes = 0;
    *at_once = fetch->count == 0;
    for (int32_t i = 0; i < fetch->count; i++) {
        struct fetch_part *part = &fetch->parts[i];
        const struct partition_read *read = &part->read;
        part->take = 0;
        *at_once = *at_once || read->error != KAFKA_ERROR_NONE || read->diverging_epoch >= 0;
        if (read->ref == NULL)
            continue;
        int64_t limit = part->position.max_bytes < left ? part->position.max_bytes : left;
        size_t fits = size_min(read->length, limit > 0 ? (size_t)limit : 0);
        if (first)
            fits = size_max(fits, read->first_batch_bytes);
        else if (fits < read->first_batch_bytes)
            fits = 0;
        first = false;
        part->take = fits;
        left -= (int64_t)fits;
        fetch->total_bytes += fits;
    }
}

static void wait_over(struct fetch *fetch);

static void read_again(struct io_timer *timer)
{
    struct fetch *fetch = CONTAINER_OF(timer, struct fetch, timer);
    fetch->timed_out = true;
    fetch_stop_waiting(fetch);
}

/* The connection has gone: the wait ends in the next turn. */
static void abandoned(struct request *request)
{
    struct fetch *fetch = request->handler_state;
    if (io_timer_running(&fetch->timer) && io_timer_start(request->io, &fetch->timer, io_now_ns(request->io)) != ERR_OK)
        UNREACHABLE(); /* moving a timer needs no memory */
}

static void give_up(struct fetch *fetch);

/* Lists of aborted transactions that had no room get it, and are read again. False: no memory. */
static bool make_room(struct fetch *fetch, bool *has_room)
{
    *has_room = true;
    for (int32_t i = 0; i < fetch->count; i++) {
        struct partition_read *read = &fetch->parts[i].read;
        if (read->aborted_count <= read->aborted_capacity)
            continue;
        int capacity = read->aborted_count + read->aborted_count / 4;
        read->aborted = ARENA_ARRAY(&fetch->request->arena, struct log_aborted, (size_t)capacity);
        if (read->aborted == NULL)
            return false;
        read->aborted_capacity = capacity;
        *has_room = false;
    }
    return true;
}

static void read_over(struct fetch *fetch)
{
    struct io *io = fetch->request->io;
    bool at_once, has_room;
    if (!make_room(fetch, &has_room)) {
        give_up(fetch);
        return;
    }
    if (!has_room) {
        fetch_read_all(fetch, read_over);
        return;
    }
    share_bytes(fetch, &at_once);
    uint64_t wanted = fetch->message.min_bytes > 0 ? (uint64_t)fetch->message.min_bytes : 0;
    if (at_once || fetch->timed_out || fetch->total_bytes >= wanted || io_now_ns(io) >= fetch->deadline_ns) {
        fetch_answer(fetch);
        return;
    }
    fetch->timer.fire = read_again;
    fetch->request->handler_state = fetch;
    fetch->request->abandoned = abandoned;
    if (io_timer_start(io, &fetch->timer, fetch->deadline_ns) != ERR_OK) {
        fetch_answer(fetch);
        return;
    }
    fetch->wait_ns = io_now_ns(io);
    if (fetch->request->waits_ns == 0)
        fetch->request->waits_ns = fetch->wait_ns;
    metrics_add(&fetch->request->shard->metrics, METRIC_FETCH_WAITING, 1);
    fetch_wait_all(fetch, wanted - fetch->total_bytes, wait_over);
}

static void wait_over(struct fetch *fetch)
{
    struct metrics *metrics = &fetch->request->shard->metrics;
    metrics_subtract(metrics, METRIC_FETCH_WAITING, 1);
    metrics_time(metrics, METRIC_TIME_FETCH_WAIT, io_now_ns(fetch->request->io) - fetch->wait_ns);
    io_timer_stop(fetch->request->io, &fetch->timer);
    fetch_read_all(fetch, read_over);
}

/* ---- what is asked for
 * ------------------------------------------------------------------------------------------------------ */

static void set_read(struct fetch *fetch, struct fetch_part *part)
{
    struct partition_read *read = &part->read;
    int32_t most = fetch->message.max_bytes;
    read->fetch_offset = part->position.fetch_offset;
    read->max_bytes = part->position.max_bytes < most ? part->position.max_bytes : most;
    read->max_bytes = read->max_bytes < 0 ? 0 : read->max_bytes;
    read->current_leader_epoch = part->position.current_leader_epoch;
    read->last_fetched_epoch = part->position.last_fetched_epoch;
    read->replica_id = fetch->replica_id;
    read->isolation = fetch->message.isolation_level == PARTITION_READ_COMMITTED ? PARTITION_READ_COMMITTED
                                                                                 : PARTITION_READ_UNCOMMITTED;
    read->high_watermark = read->last_stable_offset = read->log_start_offset = -1;
    read->diverging_epoch = -1;
    read->diverging_end_offset = -1;
}

static void resolve(struct fetch *fetch, struct fetch_part *part)
{
    const struct image *image = fetch->request->shard->image;
    bool by_id = slice_is_null(part->position.topic);
    const struct image_topic *topic =
        by_id ? image_topic_by_id(image, part->position.topic_id) : image_topic_by_name(image, part->position.topic);
    set_read(fetch, part);
    if (topic == NULL)
        part->read.error = by_id ? KAFKA_ERROR_UNKNOWN_TOPIC_ID : KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    else if (image_partition_at(topic, part->position.partition) == NULL)
        part->read.error = KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION;
    else if (image_partition_at(topic, part->position.partition)->leader != fetch->request->shard->broker->node_id)
        part->read.error = KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER;
    else
        part->topic_id = topic->id;
}

static struct fetch_position position_of(const struct fetch *fetch, const struct fetch_request_fetch_topic *topic,
                                         const struct fetch_request_fetch_partition *partition)
{
    bool by_id = fetch->request->header.version >= VERSION_TOPIC_ID;
    return (struct fetch_position){.topic_id = by_id ? topic->topic_id : UUID_ZERO,
                                   .topic = by_id ? SLICE_NULL : topic->topic,
                                   .partition = partition->partition,
                                   /* Any negative one is none, here and not in ListOffsets: as in Kafka. */
                                   .current_leader_epoch =
                                       partition->current_leader_epoch < 0 ? -1 : partition->current_leader_epoch,
                                   .last_fetched_epoch = partition->last_fetched_epoch,
                                   .max_bytes = partition->partition_max_bytes,
                                   .fetch_offset = partition->fetch_offset,
                                   .log_start_offset = partition->log_start_offset};
}

/* ---- sessions
 * ----------------------------------------------------------------------------------------------------------------- */

static struct fetch_session_cache *sessions_of(struct shard *shard)
{
    enum { MIN_EVICT_MS = 120000 };
    struct fetch_session_cache *cache = &shard->fetch_sessions;
    if (cache->mem == NULL) {
        int32_t slots = shard->image->config->max_incremental_fetch_session_cache_slots;
        int32_t share = (slots + shard->broker->data_shards - 1) / shard->broker->data_shards;
        fetch_session_cache_init(cache, io_mem(shard->io), share, MIN_EVICT_MS);
    }
    return cache;
}

static bool update_session(struct fetch *fetch)
{
    const struct fetch_request *message = &fetch->message;
    bool by_id = fetch->request->header.version >= VERSION_TOPIC_ID;
    for (int32_t i = 0; i < message->topics.count; i++)
        for (int32_t k = 0; k < message->topics.items[i].partitions.count; k++) {
            struct fetch_position position =
                position_of(fetch, &message->topics.items[i], &message->topics.items[i].partitions.items[k]);
            if (fetch_session_put(fetch->session, &position) == NULL)
                return false;
        }
    for (int32_t i = 0; i < message->forgotten_topics_data.count; i++) {
        const struct fetch_request_forgotten_topic *topic = &message->forgotten_topics_data.items[i];
        for (int32_t k = 0; k < topic->partitions.count; k++) {
            struct fetch_position position = {.topic_id = by_id ? topic->topic_id : UUID_ZERO,
                                              .topic = by_id ? SLICE_NULL : topic->topic,
                                              .partition = topic->partitions.items[k]};
            fetch_session_forget(fetch->session, &position);
        }
    }
    return true;
}

/* An incremental request: the session's partitions, as changed by this request. False: no memory. */
static bool parts_of_session(struct fetch *fetch)
{
    struct shard *shard = fetch->request->shard;
    fetch->error = fetch_session_find(sessions_of(shard), fetch->message.session_id, fetch->message.session_epoch,
                                      fetch->request->header.version >= VERSION_TOPIC_ID,
                                      io_now_ns(shard->io) / 1000000, &fetch->session);
    if (fetch->error != KAFKA_ERROR_NONE)
        return true;
    fetch->incremental = true;
    fetch->session_epoch = fetch->session->epoch;
    if (!update_session(fetch)) { /* half changed: the client begins anew */
        fetch_session_drop(fetch->session);
        fetch->error = KAFKA_ERROR_FETCH_SESSION_ID_NOT_FOUND;
        return true;
    }
    size_t count = fetch->session->partitions.count;
    fetch->parts = ARENA_ARRAY(&fetch->request->arena, struct fetch_part, count + 1);
    if (fetch->parts == NULL)
        return false;
    LIST_EACH(link, &fetch->session->order)
    {
        struct fetch_part *part = &fetch->parts[fetch->count++];
        part->cached = FETCH_SESSION_PARTITION(link);
        part->position = part->cached->position;
        /* The session may change while this request waits: the name must not go with it. */
        if (part->position.topic.length > 0) {
            part->position.topic.data =
                arena_copy(&fetch->request->arena, part->position.topic.data, part->position.topic.length);
            if (part->position.topic.data == NULL)
                return false;
        }
        resolve(fetch, part);
    }
    if (count == 0) { /* Kafka: an empty session is closed, and the answer has none */
        fetch_session_drop(fetch->session);
        fetch_session_release(fetch->session);
        fetch->session = NULL;
        fetch->incremental = false;
    }
    return true;
}

static bool parts_of_request(struct fetch *fetch)
{
    const struct fetch_request *message = &fetch->message;
    size_t count = 0;
    for (int32_t i = 0; i < message->topics.count; i++)
        count += (size_t)message->topics.items[i].partitions.count;
    fetch->parts = ARENA_ARRAY(&fetch->request->arena, struct fetch_part, count + 1);
    if (fetch->parts == NULL)
        return false;
    for (int32_t i = 0; i < message->topics.count; i++)
        for (int32_t k = 0; k < message->topics.items[i].partitions.count; k++) {
            struct fetch_part *part = &fetch->parts[fetch->count++];
            part->position =
                position_of(fetch, &message->topics.items[i], &message->topics.items[i].partitions.items[k]);
            resolve(fetch, part);
        }
    return true;
}

static bool make_parts(struct fetch *fetch)
{
    const struct fetch_request *message = &fetch->message;
    if (message->session_epoch != FETCH_SESSION_EPOCH_INITIAL && message->session_epoch != FETCH_SESSION_EPOCH_FINAL)
        return parts_of_session(fetch);
    if (message->session_id != FETCH_SESSION_NONE)
        fetch_session_remove(sessions_of(fetch->request->shard), message->session_id);
    fetch->creates_session = message->session_epoch == FETCH_SESSION_EPOCH_INITIAL;
    if (fetch->creates_session)
        (void)sessions_of(fetch->request->shard);
    return parts_of_request(fetch);
}

static void give_up(struct fetch *fetch)
{
    if (fetch->session != NULL) {
        fetch_session_drop(fetch->session);
        fetch_session_release(fetch->session);
    }
    fetch_release_all(fetch);
    request_close(fetch->request);
}

void handle_fetch(struct request *request)
{
    struct fetch *fetch = ARENA_NEW(&request->arena, struct fetch);
    if (fetch == NULL) {
        request_close(request);
        return;
    }
    fetch->request = request;
    size_t consumed;
    if (!fetch_codec_decode(request->header.version, request->body, &request->arena, &fetch->message, &consumed) &&
        !request_decode(request, &fetch->message))
        return;
    struct fetch_request *message = &fetch->message;
    int32_t most = request->shard->image->config->fetch_max_bytes;
    message->max_bytes = message->max_bytes < most ? message->max_bytes : most;
    message->min_bytes = message->min_bytes < message->max_bytes ? message->min_bytes : message->max_bytes;
    int64_t wait_ms = message->max_wait_ms > 0 ? message->max_wait_ms : 0;
    fetch->deadline_ns = io_now_ns(request->io) + wait_ms * 1000000;
    fetch->replica_id =
        request->header.version >= VERSION_REPLICA_STATE ? message->replica_state.replica_id : message->replica_id;
    if (!make_parts(fetch) || (fetch->error == KAFKA_ERROR_NONE && !fetch_make_slices(fetch))) {
        give_up(fetch);
        return;
    }
    if (fetch->error != KAFKA_ERROR_NONE)
        fetch_answer(fetch);
    else
        fetch_read_all(fetch, read_over);
}
