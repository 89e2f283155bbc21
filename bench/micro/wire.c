/* What reading and writing the wire costs: the records of a batch; the heads of Produce and Fetch, and Fetch's answer,
 * by hand, by the table and (the heads) as a mere copy of as many bytes. */
#include "bench/micro/micro.h"

#include "core/wire/batch.h"
#include "core/wire/fetch_codec.h"
#include "core/wire/produce_codec.h"
#include "io/base/prng.h"
#include "io/reactor/mem_real.h"

#include <stdlib.h>

/* ---- records ------------------------------------------------------------------------------------------------------
 */

struct check_state {
    struct mem *mem;
    struct arena arena;
    struct batch_header header;
    struct slice body;
    uint8_t *bytes;
};

/* Of 100 bytes on an average, in 10 ms; alike: each has the same size and time. */
static void *check_open(int64_t records, bool alike)
{
    static const uint8_t value[200];
    struct check_state *state = calloc(1, sizeof(*state));
    struct batch_builder builder;
    struct prng prng;
    size_t capacity = (size_t)records * 256 + 1024;
    ASSERT(state != NULL);
    state->mem = mem_real_open((size_t)1 << 30);
    state->bytes = malloc(capacity);
    ASSERT(state->mem != NULL && state->bytes != NULL);
    arena_init(&state->arena, state->mem, 1 << 20);
    prng_seed(&prng, 3);
    batch_builder_init(&builder, state->bytes, capacity);
    for (int64_t i = 0; i < records; i++) {
        size_t length = alike ? 90 : 40 + prng_below(&prng, 100);
        bool added = batch_builder_add(&builder, 1000 + (alike ? 0 : i * 10 / records), SLICE_NULL,
                                       slice_of(value, length), SLICE_NULL, 0);
        ASSERT(added);
    }
    struct slice batch = batch_builder_finish(&builder, NULL);
    enum err err = batch_read_header(batch.data, batch.length, &state->header);
    ASSERT(err == ERR_OK);
    state->body = slice_of(batch.data + BATCH_HEADER_BYTES, batch.length - BATCH_HEADER_BYTES);
    return state;
}

static void *alike_open(int64_t records)
{
    return check_open(records, true);
}

static void *unlike_open(int64_t records)
{
    return check_open(records, false);
}

static void check_run(void *context, uint64_t rounds)
{
    struct check_state *state = context;
    const struct batch_rules rules = {.now_ms = 2000, .before_max_ms = 100000, .after_max_ms = 100000};
    struct batch_verdict verdict;
    while (rounds-- > 0) {
        bool good = batch_check_records(state->body, &state->header, &rules, &state->arena, &verdict);
        ASSERT(good);
    }
}

static void check_close(void *context)
{
    struct check_state *state = context;
    arena_fini(&state->arena);
    mem_real_close(state->mem);
    free(state->bytes);
    free(state);
}

static const int64_t record_counts[] = {10, 1000, 0};
static const struct micro alike_micro = {"records_alike/count", record_counts, alike_open, check_run,
                                         check_close,           MICRO_ITEMS};
static const struct micro unlike_micro = {
    "records_unlike/count", record_counts, unlike_open, check_run, check_close, MICRO_ITEMS};

/* ---- heads --------------------------------------------------------------------------------------------------------
 */

enum { PRODUCE_VERSION = 13, FETCH_VERSION = 17, BATCH_BYTES = 100 };

struct head_state {
    struct mem *mem;
    struct arena arena;
    struct wire_writer frame;
    uint8_t *copy;
    size_t head_bytes; /* of the frame, without the batches in it */
};

static struct head_state *head_new(const struct wire_schema *schema, int16_t version, const void *request,
                                   size_t batch_bytes)
{
    struct head_state *state = calloc(1, sizeof(*state));
    ASSERT(state != NULL);
    state->mem = mem_real_open((size_t)1 << 30);
    ASSERT(state->mem != NULL);
    arena_init(&state->arena, state->mem, 16 << 20);
    wire_writer_init(&state->frame, state->mem);
    enum err err = wire_encode(schema, version, request, &state->frame);
    ASSERT(err == ERR_OK);
    state->head_bytes = state->frame.length - batch_bytes;
    state->copy = malloc(state->head_bytes);
    ASSERT(state->copy != NULL);
    return state;
}

static void head_close(void *context)
{
    struct head_state *state = context;
    free(state->copy);
    wire_writer_fini(&state->frame);
    arena_fini(&state->arena);
    mem_real_close(state->mem);
    free(state);
}

static void head_copied(void *context, uint64_t rounds)
{
    struct head_state *state = context;
    while (rounds-- > 0) {
        memcpy(state->copy, state->frame.data, state->head_bytes);
        __asm__ volatile("" : : "r"(state->copy) : "memory");
    }
}

static void by_table(struct head_state *state, const struct wire_schema *schema, int16_t version, void *message,
                     uint64_t rounds)
{
    struct slice frame = slice_of(state->frame.data, state->frame.length);
    while (rounds-- > 0) {
        size_t consumed;
        arena_reset(&state->arena);
        enum err err = wire_decode(schema, version, frame, &state->arena, message, &consumed);
        ASSERT(err == ERR_OK && consumed == frame.length);
    }
}

static void *produce_open(int64_t partitions)
{
    static const uint8_t batch[BATCH_BYTES];
    struct produce_request_topic_produce_data topic = {.topic_id = {{1, 2, 3}}};
    struct produce_request request = {.acks = -1, .timeout_ms = 30000, .transactional_id = SLICE_NULL};
    topic.partition_data.items = calloc((size_t)partitions, sizeof(*topic.partition_data.items));
    topic.partition_data.count = (int32_t)partitions;
    for (int32_t i = 0; i < partitions; i++) {
        topic.partition_data.items[i].index = i;
        topic.partition_data.items[i].records.data = slice_of(batch, sizeof(batch));
    }
    request.topic_data.items = &topic;
    request.topic_data.count = 1;
    void *state = head_new(&produce_request_schema, PRODUCE_VERSION, &request, BATCH_BYTES * (size_t)partitions);
    free(topic.partition_data.items);
    return state;
}

static void produce_by_hand(void *context, uint64_t rounds)
{
    struct head_state *state = context;
    struct slice frame = slice_of(state->frame.data, state->frame.length);
    while (rounds-- > 0) {
        struct produce_request request;
        size_t consumed;
        arena_reset(&state->arena);
        bool good = produce_codec_decode(PRODUCE_VERSION, frame, &state->arena, &request, &consumed);
        ASSERT(good && consumed == frame.length);
    }
}

static void produce_by_table(void *context, uint64_t rounds)
{
    struct produce_request request;
    by_table(context, &produce_request_schema, PRODUCE_VERSION, &request, rounds);
}

static void *fetch_open(int64_t partitions)
{
    struct fetch_request request;
    struct fetch_request_fetch_topic topic;
    WIRE_DEFAULTS(fetch_request_schema, &request);
    wire_set_defaults(&fetch_request_fetch_topic_struct, &topic);
    topic.partitions.items = calloc((size_t)partitions, sizeof(*topic.partitions.items));
    topic.partitions.count = (int32_t)partitions;
    for (int32_t i = 0; i < partitions; i++) {
        wire_set_defaults(&fetch_request_fetch_partition_struct, &topic.partitions.items[i]);
        topic.partitions.items[i].partition = i;
        topic.partitions.items[i].partition_max_bytes = 1 << 20;
    }
    request.topics.items = &topic;
    request.topics.count = 1;
    void *state = head_new(&fetch_request_schema, FETCH_VERSION, &request, 0);
    free(topic.partitions.items);
    return state;
}

static void fetch_by_hand(void *context, uint64_t rounds)
{
    struct head_state *state = context;
    struct slice frame = slice_of(state->frame.data, state->frame.length);
    while (rounds-- > 0) {
        struct fetch_request request;
        size_t consumed;
        arena_reset(&state->arena);
        bool good = fetch_codec_decode(FETCH_VERSION, frame, &state->arena, &request, &consumed);
        ASSERT(good && consumed == frame.length);
    }
}

static void fetch_by_table(void *context, uint64_t rounds)
{
    struct fetch_request request;
    by_table(context, &fetch_request_schema, FETCH_VERSION, &request, rounds);
}

/* ---- Fetch's answer -----------------------------------------------------------------------------------------------
 */

struct answer_state {
    struct mem *mem;
    struct wire_writer out;
    struct fetch_response response;
    struct fetch_response_fetchable_topic_response topic;
    struct wire_file_range range;
};

static void *answer_open(int64_t partitions)
{
    struct answer_state *state = calloc(1, sizeof(*state));
    ASSERT(state != NULL);
    state->mem = mem_real_open((size_t)1 << 30);
    ASSERT(state->mem != NULL);
    wire_writer_init(&state->out, state->mem);
    state->range = (struct wire_file_range){.file = 7, .length = 4096};
    state->topic.topic_id = (struct uuid){{1, 2, 3}};
    state->topic.partitions.items = calloc((size_t)partitions, sizeof(*state->topic.partitions.items));
    state->topic.partitions.count = (int32_t)partitions;
    for (int32_t i = 0; i < partitions; i++) {
        struct fetch_response_partition_data *answer = &state->topic.partitions.items[i];
        wire_set_defaults(&fetch_response_partition_data_struct, answer);
        answer->aborted_transactions.count = -1;
        answer->records = (struct wire_records){.ranges = &state->range, .range_count = 1};
    }
    state->response.responses.items = &state->topic;
    state->response.responses.count = 1;
    return state;
}

static void answer_by_hand(void *context, uint64_t rounds)
{
    struct answer_state *state = context;
    while (rounds-- > 0) {
        wire_writer_clear(&state->out);
        bool good = fetch_codec_encode(FETCH_VERSION, &state->response, &state->out);
        ASSERT(good);
    }
}

static void answer_by_table(void *context, uint64_t rounds)
{
    struct answer_state *state = context;
    while (rounds-- > 0) {
        wire_writer_clear(&state->out);
        enum err err = wire_encode(&fetch_response_schema, FETCH_VERSION, &state->response, &state->out);
        ASSERT(err == ERR_OK);
    }
}

static void answer_close(void *context)
{
    struct answer_state *state = context;
    wire_writer_fini(&state->out);
    mem_real_close(state->mem);
    free(state->topic.partitions.items);
    free(state);
}

static const int64_t partitions[] = {1, 100, 0};
static const struct micro produce_by_hand_micro = {
    "produce_head_by_hand/partitions", partitions, produce_open, produce_by_hand, head_close, MICRO_ITEMS};
static const struct micro produce_by_table_micro = {
    "produce_head_by_table/partitions", partitions, produce_open, produce_by_table, head_close, MICRO_ITEMS};
static const struct micro produce_copied_micro = {
    "produce_head_copied/partitions", partitions, produce_open, head_copied, head_close, MICRO_ITEMS};
static const struct micro fetch_by_hand_micro = {
    "fetch_head_by_hand/partitions", partitions, fetch_open, fetch_by_hand, head_close, MICRO_ITEMS};
static const struct micro fetch_by_table_micro = {
    "fetch_head_by_table/partitions", partitions, fetch_open, fetch_by_table, head_close, MICRO_ITEMS};
static const struct micro fetch_copied_micro = {
    "fetch_head_copied/partitions", partitions, fetch_open, head_copied, head_close, MICRO_ITEMS};
static const struct micro answer_by_hand_micro = {
    "fetch_answer_by_hand/partitions", partitions, answer_open, answer_by_hand, answer_close, MICRO_ITEMS};
static const struct micro answer_by_table_micro = {
    "fetch_answer_by_table/partitions", partitions, answer_open, answer_by_table, answer_close, MICRO_ITEMS};

const struct micro *const wire_micros[] = {
    &alike_micro,
    &unlike_micro,
    &produce_by_hand_micro,
    &produce_by_table_micro,
    &produce_copied_micro,
    &fetch_by_hand_micro,
    &fetch_by_table_micro,
    &fetch_copied_micro,
    &answer_by_hand_micro,
    &answer_by_table_micro,
    NULL,
};
