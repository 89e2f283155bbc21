#include "core/wire/produce_codec.h"

#include "core/wire/varint.h"

enum { LOWEST = 3, FLEXIBLE_FROM = 9, TOPIC_IDS_FROM = 13, HIGHEST = 13, SHORT_COUNT = 0x7f };

/* ---- reading ----------------------------------------------------------------------------------------------------- */

struct reader {
    const uint8_t *at, *end;
    bool flexible;
    bool usual; /* sticks when it becomes false */
};

static const uint8_t *take(struct reader *r, size_t length)
{
    static const uint8_t nothing[16];
    if (length > (size_t)(r->end - r->at)) {
        r->usual = false;
        return nothing; /* whose length is no larger: only fixed sizes are read from it */
    }
    const uint8_t *at = r->at;
    r->at += length;
    return at;
}

static uint8_t take_byte(struct reader *r)
{
    uint8_t byte = *take(r, 1);
    r->usual = r->usual && byte <= SHORT_COUNT;
    return byte;
}

/* A name: never null. */
static struct slice take_name(struct reader *r)
{
    int32_t length = r->flexible ? take_byte(r) - 1 : get_i16(take(r, 2));
    if (length < 0 || !r->usual)
        r->usual = false;
    else
        return slice_of(take(r, (size_t)length), (size_t)length);
    return SLICE_LITERAL("");
}

static struct slice take_nullable(struct reader *r)
{
    size_t width = r->flexible ? 1 : 2;
    if ((size_t)(r->end - r->at) >= width && (r->flexible ? r->at[0] == 0 : get_i16(r->at) == -1)) {
        r->at += width;
        return SLICE_NULL;
    }
    return take_name(r);
}

/* How many items follow, each of at least `least` bytes; 0 when that is not usual. */
static int32_t take_count(struct reader *r, size_t least)
{
    int32_t count = r->flexible ? take_byte(r) - 1 : get_i32(take(r, 4));
    if (count >= 0 && count <= WIRE_ARRAY_MAX && (size_t)count * least <= (size_t)(r->end - r->at) && r->usual)
        return count;
    r->usual = false;
    return 0;
}

static void take_records(struct reader *r, struct wire_records *records)
{
    uint32_t length = 0;
    if (!r->flexible)
        length = get_u32(take(r, 4));
    else if (varint_read_u32(&r->at, r->end, &length) && length > 0)
        length--;
    else
        r->usual = false;
    *records = (struct wire_records){0};
    if (r->usual && length <= INT32_MAX)
        records->data = slice_of(take(r, length), length);
    else
        r->usual = false;
}

static void take_no_tags(struct reader *r)
{
    if (r->flexible && *take(r, 1) != 0)
        r->usual = false;
}

static void take_topic(struct reader *r, int16_t version, struct arena *arena,
                       struct produce_request_topic_produce_data *topic)
{
    topic->name = SLICE_LITERAL("");
    if (version < TOPIC_IDS_FROM)
        topic->name = take_name(r);
    else
        memcpy(&topic->topic_id, take(r, sizeof(topic->topic_id)), sizeof(topic->topic_id));
    int32_t count = take_count(r, r->flexible ? 6 : 8); /* index, records, tags */
    topic->partition_data.count = count;
    if (count > 0)
        topic->partition_data.items = ARENA_ARRAY(arena, struct produce_request_partition_produce_data, (size_t)count);
    r->usual = r->usual && (count == 0 || topic->partition_data.items != NULL);
    for (int32_t i = 0; i < count && r->usual; i++) {
        topic->partition_data.items[i].index = get_i32(take(r, 4));
        take_records(r, &topic->partition_data.items[i].records);
        take_no_tags(r);
    }
    take_no_tags(r);
}

bool produce_codec_decode(int16_t version, struct slice in, struct arena *arena, struct produce_request *message,
                          size_t *consumed)
{
    struct reader r = {in.data, in.data + in.length, version >= FLEXIBLE_FROM, true};
    if (version < LOWEST || version > HIGHEST || in.length == 0)
        return false;
    *message = (struct produce_request){.transactional_id = take_nullable(&r)};
    message->acks = get_i16(take(&r, 2));
    message->timeout_ms = get_i32(take(&r, 4));
    int32_t count = take_count(&r, version >= TOPIC_IDS_FROM ? 18 : 3); /* name or id, a count, tags */
    message->topic_data.count = count;
    if (count > 0)
        message->topic_data.items = ARENA_ARRAY(arena, struct produce_request_topic_produce_data, (size_t)count);
    r.usual = r.usual && (count == 0 || message->topic_data.items != NULL);
    for (int32_t i = 0; i < count && r.usual; i++)
        take_topic(&r, version, arena, &message->topic_data.items[i]);
    take_no_tags(&r);
    *consumed = (size_t)(r.at - in.data);
    return r.usual;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

typedef struct produce_response_partition_produce_response partition_answer;
typedef struct produce_response_topic_produce_response topic_answer;

enum { FIRST_WITH_LOG_START = 5, FIRST_WITH_RECORD_ERRORS = 8, PARTITION_MOST = 4 + 2 + 8 + 8 + 8 + 4 + 2 };

/* The most bytes that it takes; 0: unusual. */
static size_t most_bytes(const struct produce_response *message)
{
    size_t most = 4 + 4 + 1;
    if (message->node_endpoints.count != 0 || message->responses.count < 0 || message->responses.count >= SHORT_COUNT)
        return 0;
    for (int32_t i = 0; i < message->responses.count; i++) {
        const topic_answer *topic = &message->responses.items[i];
        int32_t count = topic->partition_responses.count;
        if (topic->name.length >= SHORT_COUNT || slice_is_null(topic->name) || count < 0 || count >= SHORT_COUNT)
            return 0;
        for (int32_t k = 0; k < count; k++) {
            const partition_answer *answer = &topic->partition_responses.items[k];
            if (answer->record_errors.count != 0 || !slice_is_null(answer->error_message) ||
                answer->current_leader.leader_id != -1 || answer->current_leader.leader_epoch != -1)
                return 0;
        }
        most += size_max(2 + topic->name.length, 16) + 4 + (size_t)count * PARTITION_MOST + 1;
    }
    return most;
}

static uint8_t *put_count(uint8_t *at, bool flexible, int32_t count)
{
    if (flexible) {
        *at = (uint8_t)(count + 1);
        return at + 1;
    }
    put_i32(at, count);
    return at + 4;
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
    if (version >= TOPIC_IDS_FROM) {
        memcpy(at, &topic->topic_id, sizeof(topic->topic_id));
        at += sizeof(topic->topic_id);
    } else {
        if (flexible) {
            *at++ = (uint8_t)(topic->name.length + 1);
        } else {
            put_i16(at, (int16_t)topic->name.length);
            at += 2;
        }
        memcpy(at, topic->name.data, topic->name.length);
        at += topic->name.length;
    }
    at = put_count(at, flexible, topic->partition_responses.count);
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
    at = put_count(at, flexible, message->responses.count);
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
