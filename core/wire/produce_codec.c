#include "core/wire/produce_codec.h"

#include "core/wire/usual.h"

enum { LOWEST = 3, FLEXIBLE_FROM = 9, TOPIC_IDS_FROM = 13, HIGHEST = 13 };

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static void take_records(struct usual *r, struct wire_records *records)
{
    int64_t length = r->flexible ? usual_compact(r) : get_i32(usual_take(r, 4));
    *records = (struct wire_records){0};
    if (r->good && length >= 0 && length <= INT32_MAX)
        records->data = slice_of(usual_take(r, (size_t)length), (size_t)length);
    else
        r->good = false;
}

static void take_topic(struct usual *r, int16_t version, struct arena *arena,
                       struct produce_request_topic_produce_data *topic)
{
    topic->name = version < TOPIC_IDS_FROM ? usual_name(r) : SLICE_LITERAL("");
    if (version >= TOPIC_IDS_FROM)
        topic->topic_id = usual_uuid(r);
    int32_t count = usual_count(r, r->flexible ? 6 : 8); /* index, records, tags */
    topic->partition_data.count = count;
    if (count > 0)
        topic->partition_data.items = ARENA_ARRAY(arena, struct produce_request_partition_produce_data, (size_t)count);
    r->good = r->good && (count == 0 || topic->partition_data.items != NULL);
    for (int32_t i = 0; i < count && r->good; i++) {
        topic->partition_data.items[i].index = get_i32(usual_take(r, 4));
        take_records(r, &topic->partition_data.items[i].records);
        usual_no_tags(r);
    }
    usual_no_tags(r);
}

bool produce_codec_decode(int16_t version, struct slice in, struct arena *arena, struct produce_request *message,
                          size_t *consumed)
{
    if (version < LOWEST || version > HIGHEST || in.length == 0)
        return false;
    struct usual r = usual_of(in, version >= FLEXIBLE_FROM);
    *message = (struct produce_request){.transactional_id = usual_nullable(&r)};
    message->acks = get_i16(usual_take(&r, 2));
    message->timeout_ms = get_i32(usual_take(&r, 4));
    int32_t count = usual_count(&r, version >= TOPIC_IDS_FROM ? 18 : 3); /* name or id, a count, tags */
    message->topic_data.count = count;
    if (count > 0)
        message->topic_data.items = ARENA_ARRAY(arena, struct produce_request_topic_produce_data, (size_t)count);
    r.good = r.good && (count == 0 || message->topic_data.items != NULL);
    for (int32_t i = 0; i < count && r.good; i++)
        take_topic(&r, version, arena, &message->topic_data.items[i]);
    usual_no_tags(&r);
    *consumed = (size_t)(r.at - in.data);
    return r.good;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

typedef struct produce_response_partition_produce_response partition_answer;
typedef struct produce_response_topic_produce_response topic_answer;

enum { FIRST_WITH_LOG_START = 5, FIRST_WITH_RECORD_ERRORS = 8, PARTITION_MOST = 4 + 2 + 8 + 8 + 8 + 4 + 2 };

/* The most bytes that it takes; 0: unusual. */
static size_t most_bytes(const struct produce_response *message)
{
    size_t most = USUAL_COUNT_MOST + 4 + 1;
    if (message->node_endpoints.count != 0 || message->responses.count < 0)
        return 0;
    for (int32_t i = 0; i < message->responses.count; i++) {
        const topic_answer *topic = &message->responses.items[i];
        int32_t count = topic->partition_responses.count;
        if (slice_is_null(topic->name) || topic->name.length > INT16_MAX || count < 0)
            return 0;
        for (int32_t k = 0; k < count; k++) {
            const partition_answer *answer = &topic->partition_responses.items[k];
            if (answer->record_errors.count != 0 || !slice_is_null(answer->error_message) ||
                answer->current_leader.leader_id != -1 || answer->current_leader.leader_epoch != -1)
                return 0;
        }
        most += usual_name_most(topic->name) + USUAL_COUNT_MOST + (size_t)count * PARTITION_MOST + 1;
    }
    return most;
}

static uint8_t *put_partition(uint8_t *at, int16_t version, const partition_answer *answer)
{
    put_i32(at, answer->index);
    put_i16(at + 4, answer->error_code);
    put_i64(at + 6, answer->base_offset);
    put_i64(at + 14, answer->log_append_time_ms);
    at += 22;
    if (version >= FIRST_WITH_LOG_START) {
        put_i64(at, answer->log_start_offset);
        at += 8;
    }
    if (version >= FLEXIBLE_FROM) {
        memcpy(at, "\1\0\0", 3); /* no record errors, no message, no tags */
        return at + 3;
    }
    if (version >= FIRST_WITH_RECORD_ERRORS) {
        put_i32(at, 0);
        put_i16(at + 4, -1);
        at += 6;
    }
    return at;
}

static uint8_t *put_topic(uint8_t *at, int16_t version, const topic_answer *topic)
{
    bool flexible = version >= FLEXIBLE_FROM;
    if (version >= TOPIC_IDS_FROM)
        at = usual_put_uuid(at, topic->topic_id);
    else
        at = usual_put_name(at, flexible, topic->name);
    at = usual_put_count(at, flexible, topic->partition_responses.count);
    for (int32_t i = 0; i < topic->partition_responses.count; i++)
        at = put_partition(at, version, &topic->partition_responses.items[i]);
    if (flexible)
        *at++ = 0;
    return at;
}

bool produce_codec_encode(int16_t version, const struct produce_response *message, struct wire_writer *writer)
{
    bool flexible = version >= FLEXIBLE_FROM;
    size_t most = most_bytes(message);
    if (version < LOWEST || version > HIGHEST || most == 0)
        return false;
    uint8_t *start = wire_reserve(writer, most), *at = start;
    if (start == NULL)
        return false;
    at = usual_put_count(at, flexible, message->responses.count);
    for (int32_t i = 0; i < message->responses.count; i++)
        at = put_topic(at, version, &message->responses.items[i]);
    put_i32(at, message->throttle_time_ms);
    at += 4;
    if (flexible)
        *at++ = 0;
    ASSERT((size_t)(at - start) <= most);
    writer->length -= most - (size_t)(at - start);
    return true;
}
