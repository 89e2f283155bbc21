#include "core/wire/fetch_codec.h"

#include "core/wire/usual.h"

enum {
    LOWEST = 4,
    LOG_START_FROM = 5,
    SESSIONS_FROM = 7,
    LEADER_EPOCH_FROM = 9,
    RACKS_FROM = 11, /* and followers to read from instead */
    FLEXIBLE_FROM = 12,
    TOPIC_IDS_FROM = 13,
    NO_REPLICA_ID_FROM = 15,
    HIGHEST = 18,
};

/* ---- reading ----------------------------------------------------------------------------------------------------- */

typedef struct fetch_request_fetch_partition partition_asked;

enum { MOST_BYTES = 64 << 10 }; /* so that a false late in a request has not taken much of the arena */

/* Without tagged fields every partition is as long as the next. */
static size_t partition_bytes(int16_t version)
{
    return 16 + (version >= LOG_START_FROM ? 8 : 0) + (version >= LEADER_EPOCH_FROM ? 4 : 0) +
           (version >= FLEXIBLE_FROM ? 5 : 0); /* the last epoch, no tags */
}

static void get_partition(const uint8_t *at, int16_t version, partition_asked *partition)
{
    *partition = (partition_asked){
        .current_leader_epoch = -1, .last_fetched_epoch = -1, .log_start_offset = -1, .high_watermark = INT64_MAX};
    partition->partition = get_i32(at);
    at += 4;
    if (version >= LEADER_EPOCH_FROM) {
        partition->current_leader_epoch = get_i32(at);
        at += 4;
    }
    partition->fetch_offset = get_i64(at);
    at += 8;
    if (version >= FLEXIBLE_FROM) {
        partition->last_fetched_epoch = get_i32(at);
        at += 4;
    }
    if (version >= LOG_START_FROM) {
        partition->log_start_offset = get_i64(at);
        at += 8;
    }
    partition->partition_max_bytes = get_i32(at);
}

static void take_topic(struct usual *r, int16_t version, struct arena *arena, struct fetch_request_fetch_topic *topic)
{
    size_t each = partition_bytes(version);
    topic->topic = version < TOPIC_IDS_FROM ? usual_name(r) : SLICE_LITERAL("");
    if (version >= TOPIC_IDS_FROM)
        topic->topic_id = usual_uuid(r);
    int32_t count = usual_count(r, each);
    topic->partitions.count = count;
    if (count > 0)
        topic->partitions.items = ARENA_ARRAY(arena, partition_asked, (size_t)count);
    r->good = r->good && (count == 0 || topic->partitions.items != NULL);
    for (int32_t i = 0; i < count && r->good; i++) {
        const uint8_t *at = usual_take(r, each); /* they are there: counted */
        get_partition(at, version, &topic->partitions.items[i]);
        r->good = !r->flexible || at[each - 1] == 0;
    }
    usual_no_tags(r);
}

static void take_forgotten(struct usual *r, int16_t version, struct arena *arena,
                           struct fetch_request_forgotten_topic *topic)
{
    topic->topic = version < TOPIC_IDS_FROM ? usual_name(r) : SLICE_LITERAL("");
    if (version >= TOPIC_IDS_FROM)
        topic->topic_id = usual_uuid(r);
    int32_t count = usual_count(r, 4);
    topic->partitions.count = count;
    if (count > 0)
        topic->partitions.items = ARENA_ARRAY(arena, int32_t, (size_t)count);
    r->good = r->good && (count == 0 || topic->partitions.items != NULL);
    for (int32_t i = 0; i < count && r->good; i++)
        topic->partitions.items[i] = get_i32(usual_take(r, 4));
    usual_no_tags(r);
}

static void take_head(struct usual *r, int16_t version, struct fetch_request *message)
{
    *message = (struct fetch_request){.cluster_id = SLICE_NULL,
                                      .replica_id = -1,
                                      .replica_state = {.replica_id = -1, .replica_epoch = -1},
                                      .session_epoch = -1,
                                      .rack_id = SLICE_LITERAL("")};
    if (version < NO_REPLICA_ID_FROM)
        message->replica_id = get_i32(usual_take(r, 4));
    const uint8_t *at = usual_take(r, 13);
    message->max_wait_ms = get_i32(at);
    message->min_bytes = get_i32(at + 4);
    message->max_bytes = get_i32(at + 8);
    message->isolation_level = (int8_t)at[12];
    if (version >= SESSIONS_FROM) {
        at = usual_take(r, 8);
        message->session_id = get_i32(at);
        message->session_epoch = get_i32(at + 4);
    }
}

bool fetch_codec_decode(int16_t version, struct slice in, struct arena *arena, struct fetch_request *message,
                        size_t *consumed)
{
    if (version < LOWEST || version > HIGHEST || in.length == 0 || in.length > MOST_BYTES)
        return false;
    struct usual r = usual_of(in, version >= FLEXIBLE_FROM);
    size_t least = version >= TOPIC_IDS_FROM ? 18 : 3; /* name or id, a count, tags */
    take_head(&r, version, message);
    int32_t count = usual_count(&r, least);
    message->topics.count = count;
    if (count > 0)
        message->topics.items = ARENA_ARRAY(arena, struct fetch_request_fetch_topic, (size_t)count);
    r.good = r.good && (count == 0 || message->topics.items != NULL);
    for (int32_t i = 0; i < count && r.good; i++)
        take_topic(&r, version, arena, &message->topics.items[i]);
    count = version >= SESSIONS_FROM ? usual_count(&r, least) : 0;
    message->forgotten_topics_data.count = count;
    if (count > 0)
        message->forgotten_topics_data.items = ARENA_ARRAY(arena, struct fetch_request_forgotten_topic, (size_t)count);
    r.good = r.good && (count == 0 || message->forgotten_topics_data.items != NULL);
    for (int32_t i = 0; i < count && r.good; i++)
        take_forgotten(&r, version, arena, &message->forgotten_topics_data.items[i]);
    if (version >= RACKS_FROM)
        message->rack_id = usual_name(&r);
    usual_no_tags(&r);
    *consumed = (size_t)(r.at - in.data);
    return r.good;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

typedef struct fetch_response_partition_data partition_answer;
typedef struct fetch_response_fetchable_topic_response topic_answer;

/* Index, error, three offsets; aborted transactions, follower, length of records, tags. */
enum { PARTITION_MOST = 4 + 2 + 3 * 8 + 4 + 4 + USUAL_COUNT_MOST + 1 };

static bool is_usual(const partition_answer *answer)
{
    const struct wire_records *records = &answer->records;
    bool one_range = records->range_count == 1 && records->ranges->length <= INT32_MAX;
    bool nothing = records->range_count == 0 && !slice_is_null(records->data);
    return (one_range || nothing) && records->data.length == 0 && answer->aborted_transactions.count <= 0 &&
           answer->diverging_epoch.epoch == -1 && answer->diverging_epoch.end_offset == -1 &&
           answer->current_leader.leader_id == -1 && answer->current_leader.leader_epoch == -1 &&
           answer->snapshot_id.end_offset == -1 && answer->snapshot_id.epoch == -1;
}

/* The most bytes that it takes; 0: unusual. */
static size_t most_bytes(int16_t version, const struct fetch_response *message)
{
    size_t most = 4 + 2 + 4 + USUAL_COUNT_MOST + 1;
    if (message->node_endpoints.count != 0 || message->responses.count < 0)
        return 0;
    for (int32_t i = 0; i < message->responses.count; i++) {
        const topic_answer *topic = &message->responses.items[i];
        int32_t count = topic->partitions.count;
        if (count < 0)
            return 0;
        if (version < TOPIC_IDS_FROM && (slice_is_null(topic->topic) || topic->topic.length > INT16_MAX))
            return 0;
        for (int32_t k = 0; k < count; k++)
            if (!is_usual(&topic->partitions.items[k]))
                return 0;
        most += version < TOPIC_IDS_FROM ? usual_name_most(topic->topic) : sizeof(topic->topic_id);
        most += USUAL_COUNT_MOST + (size_t)count * PARTITION_MOST + 1;
    }
    return most;
}

/* Up to the records' bytes; behind them come `flexible` bytes of tags. */
static uint8_t *put_partition(uint8_t *at, int16_t version, const partition_answer *answer)
{
    bool flexible = version >= FLEXIBLE_FROM;
    put_i32(at, answer->partition_index);
    put_i16(at + 4, answer->error_code);
    put_i64(at + 6, answer->high_watermark);
    put_i64(at + 14, answer->last_stable_offset);
    at += 22;
    if (version >= LOG_START_FROM) {
        put_i64(at, answer->log_start_offset);
        at += 8;
    }
    at = usual_put_count(at, flexible, answer->aborted_transactions.count < 0 ? -1 : 0);
    if (version >= RACKS_FROM) {
        put_i32(at, answer->preferred_read_replica);
        at += 4;
    }
    return usual_put_count(at, flexible,
                           answer->records.range_count == 0 ? 0 : (int32_t)answer->records.ranges->length);
}

/* NULL: no memory. */
static uint8_t *put_topic(uint8_t *at, int16_t version, const topic_answer *topic, struct wire_writer *writer)
{
    bool flexible = version >= FLEXIBLE_FROM;
    if (version >= TOPIC_IDS_FROM)
        at = usual_put_uuid(at, topic->topic_id);
    else
        at = usual_put_name(at, flexible, topic->topic);
    at = usual_put_count(at, flexible, topic->partitions.count);
    for (int32_t i = 0; i < topic->partitions.count; i++) {
        const partition_answer *answer = &topic->partitions.items[i];
        at = put_partition(at, version, answer);
        if (answer->records.range_count > 0 &&
            !wire_add_range(writer, (size_t)(at - writer->data), answer->records.ranges))
            return NULL;
        if (flexible)
            *at++ = 0;
    }
    if (flexible)
        *at++ = 0;
    return at;
}

bool fetch_codec_encode(int16_t version, const struct fetch_response *message, struct wire_writer *writer)
{
    if (version < LOWEST || version > HIGHEST)
        return false;
    bool flexible = version >= FLEXIBLE_FROM;
    size_t length = writer->length, most = most_bytes(version, message);
    int splice_count = writer->splice_count;
    uint8_t *at = most == 0 ? NULL : wire_reserve(writer, most);
    if (at == NULL)
        return false;
    put_i32(at, message->throttle_time_ms);
    at += 4;
    if (version >= SESSIONS_FROM) {
        put_i16(at, message->error_code);
        put_i32(at + 2, message->session_id);
        at += 6;
    }
    at = usual_put_count(at, flexible, message->responses.count);
    for (int32_t i = 0; i < message->responses.count && at != NULL; i++)
        at = put_topic(at, version, &message->responses.items[i], writer);
    if (at == NULL) {
        writer->length = length;
        writer->splice_count = splice_count;
        return false;
    }
    if (flexible)
        *at++ = 0;
    ASSERT((size_t)(at - writer->data) <= length + most);
    writer->length = (size_t)(at - writer->data);
    return true;
}
