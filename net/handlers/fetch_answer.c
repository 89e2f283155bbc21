/* What a fetch answers: each partition with its bytes as a range of a file; in a session only what is new. */
#include "core/wire/error.h"
#include "core/wire/fetch_codec.h"
#include "net/handlers/endpoints.h"
#include "net/handlers/fetch.h"

typedef struct fetch_response_partition_data partition_answer;
typedef struct fetch_response_fetchable_topic_response topic_answer;

enum { VERSION_STORAGE_ERROR = 6, VERSION_TOPIC_ID = 13 };

static bool same_topic(const struct fetch_part *a, const struct fetch_part *b)
{
    return uuid_equal(a->position.topic_id, b->position.topic_id) && slice_equal(a->position.topic, b->position.topic);
}

/* What a reader of committed records has to leave out of the bytes it gets. */
static bool fill_aborted(struct fetch *fetch, const struct fetch_part *part, partition_answer *out)
{
    int count = part->read.aborted_count;
    if (part->take == 0 || count == 0)
        return true;
    out->aborted_transactions.items =
        ARENA_ARRAY(&fetch->request->arena, struct fetch_response_aborted_transaction, (size_t)count);
    if (out->aborted_transactions.items == NULL)
        return false;
    out->aborted_transactions.count = count;
    for (int i = 0; i < count; i++)
        out->aborted_transactions.items[i] = (struct fetch_response_aborted_transaction){
            .producer_id = part->read.aborted[i].producer_id, .first_offset = part->read.aborted[i].first_offset};
    return true;
}

static bool fill_part(struct fetch *fetch, struct fetch_part *part, partition_answer *out)
{
    const struct partition_read *read = &part->read;
    *out = (partition_answer){
        .partition_index = part->position.partition,
        .error_code = read->error,
        .high_watermark = read->high_watermark,
        .last_stable_offset = read->last_stable_offset,
        .log_start_offset = read->log_start_offset,
        .diverging_epoch = {.epoch = read->diverging_epoch, .end_offset = read->diverging_end_offset},
        .current_leader = {.leader_id = -1, .leader_epoch = -1},
        .snapshot_id = {.end_offset = -1, .epoch = -1},
        .preferred_read_replica = -1,
        .records.data = SLICE_LITERAL("")};
    if (read->error == KAFKA_ERROR_KAFKA_STORAGE_ERROR && fetch->request->header.version < VERSION_STORAGE_ERROR)
        out->error_code = KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER;
    bool unknown = read->error == KAFKA_ERROR_UNKNOWN_TOPIC_OR_PARTITION || read->error == KAFKA_ERROR_UNKNOWN_TOPIC_ID;
    bool listed = fetch->message.isolation_level == PARTITION_READ_COMMITTED && read->error == KAFKA_ERROR_NONE;
    if (!listed && !unknown)
        out->aborted_transactions.count = -1; /* for what is not there the list is empty, as Kafka's */
    else if (!fill_aborted(fetch, part, out))
        return false;
    if (part->take > 0) {
        part->range =
            (struct wire_file_range){.file = read->file, .hot = read->hot, .pos = read->pos, .length = part->take};
        out->records = (struct wire_records){.data = SLICE_NULL, .ranges = &part->range, .range_count = 1};
    }
    return true;
}

/* In an incremental answer only what is new; everything is noted in the session. */
static bool is_shown(struct fetch *fetch, struct fetch_part *part)
{
    if (fetch->session == NULL || part->cached == NULL)
        return true;
    struct fetch_session_answer answer = {.error = part->read.error,
                                          .has_bytes = part->take > 0,
                                          .is_diverging = part->read.diverging_epoch >= 0,
                                          .preferred_read_replica = -1,
                                          .high_watermark = part->read.high_watermark,
                                          .log_start_offset = part->read.log_start_offset};
    bool is_new = fetch_session_answer(fetch->session, part->cached, &answer);
    return !fetch->incremental || is_new;
}

static bool fill_topics(struct fetch *fetch, struct fetch_response *response)
{
    struct arena *arena = &fetch->request->arena;
    topic_answer *topics = ARENA_ARRAY(arena, topic_answer, (size_t)fetch->count + 1);
    partition_answer *parts = ARENA_ARRAY(arena, partition_answer, (size_t)fetch->count + 1);
    if (topics == NULL || parts == NULL)
        return false;
    response->responses.items = topics;
    const struct fetch_part *before = NULL;
    struct leader_hints hints = {0};
    for (int32_t i = 0; i < fetch->count; i++) {
        struct fetch_part *part = &fetch->parts[i];
        if (!is_shown(fetch, part))
            continue;
        if (before == NULL || !same_topic(before, part)) {
            topic_answer *topic = &topics[response->responses.count++];
            *topic = (topic_answer){.topic = part->position.topic, .topic_id = part->position.topic_id};
            topic->partitions.items = parts;
        }
        before = part;
        topics[response->responses.count - 1].partitions.count++;
        if (!fill_part(fetch, part, parts))
            return false;
        if ((part->read.error == KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER ||
             part->read.error == KAFKA_ERROR_FENCED_LEADER_EPOCH) &&
            !leader_hint(fetch->request, part->topic_id, part->position.partition, &hints,
                         &parts->current_leader.leader_id, &parts->current_leader.leader_epoch))
            return false;
        parts++;
    }
    if (hints.count > 0)
        LEADER_HINTS_INTO(fetch->request, &hints, struct fetch_response_node_endpoint, &response->node_endpoints);
    return true;
}

/* A full request that asked for a session gets one if there is room; its partitions are kept in it. */
static void create_session(struct fetch *fetch)
{
    struct shard *shard = fetch->request->shard;
    fetch->session = fetch_session_create(&shard->fetch_sessions, fetch->replica_id >= 0,
                                          fetch->request->header.version >= VERSION_TOPIC_ID, fetch->count,
                                          io_now_ns(shard->io) / 1000000, io_random(shard->io));
    for (int32_t i = 0; fetch->session != NULL && i < fetch->count; i++) {
        fetch->parts[i].cached = fetch_session_put(fetch->session, &fetch->parts[i].position);
        if (fetch->parts[i].cached == NULL) {
            fetch_session_drop(fetch->session);
            fetch_session_release(fetch->session);
            fetch->session = NULL;
        }
    }
}

static void fetch_sent(struct request *request)
{
    fetch_release_all(request->handler_state);
}

static void count_parts(const struct fetch *fetch)
{
    struct metrics *metrics = &fetch->request->shard->metrics;
    metrics_add(metrics, METRIC_FETCH_PARTS, (uint64_t)fetch->count);
    metrics_add(metrics, METRIC_BYTES_OUT, fetch->error == KAFKA_ERROR_NONE ? fetch->total_bytes : 0);
    for (int32_t i = 0; i < fetch->count; i++) {
        int16_t error = fetch->parts[i].read.error;
        metrics_error(metrics, API_FETCH, error, 1);
        metrics_add(metrics, METRIC_FETCH_FAILURES, error != KAFKA_ERROR_NONE);
    }
    io_measure_ns(fetch->request->io);
}

void fetch_answer(struct fetch *fetch)
{
    struct request *request = fetch->request;
    struct fetch_response response = {.error_code = fetch->error};
    if (fetch->error == KAFKA_ERROR_NONE && fetch->creates_session)
        create_session(fetch);
    /* Somebody used the session while this request waited: its picture of what was sent is not ours any more. */
    if (fetch->incremental && fetch->session != NULL && fetch->session->epoch != fetch->session_epoch)
        response.error_code = fetch->error = KAFKA_ERROR_INVALID_FETCH_SESSION_EPOCH;
    bool filled = fetch->error != KAFKA_ERROR_NONE || fill_topics(fetch, &response);
    if (fetch->session != NULL) {
        response.session_id = fetch->session->id;
        fetch_session_release(fetch->session);
        fetch->session = NULL;
    }
    count_parts(fetch);
    request->handler_state = fetch;
    request->abandoned = NULL;
    request->released = fetch_sent;
    if (!filled)
        request_close(request);
    else if (fetch_codec_encode(request->header.version, &response, &request->out))
        request_answer_written(request, response.error_code);
    else
        request_answer(request, &response);
}
