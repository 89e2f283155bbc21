/* Requests encoded once. Where the changing fields lie is found by encoding a value that occurs nowhere else. */
#include "bench/load/load.h"
#include "core/wire/api.h"
#include "core/wire/batch.h"
#include "core/wire/compress.h"
#include "core/wire/crc32c.h"
#include "core/wire/messages.h"
#include "io/base/prng.h"
#include "io/reactor/mem_real.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* The newest versions that name topics by name: no look-up of ids is needed, and every broker of today has them. */
enum { PRODUCE_VERSION = 12, FETCH_VERSION = 12, PING_VERSION = 3 };
static const int32_t partition_mark = 0x5a5b5c5d;
static const int64_t offset_mark = 0x1122334455667788;

/* Words, so that codecs have something to do; a record differs from the one before. */
static void fill_value(uint8_t *value, int length, struct prng *prng)
{
    static const char *const words[] = {"offset ", "leader ", "epoch ",   "segment ", "append ", "replica ",
                                        "broker ", "commit ", "records ", "batch ",   "group ",  "topic "};
    for (int at = 0; at < length;) {
        uint64_t chance = prng_next(prng);
        char number[24];
        const char *text = words[chance % COUNT_OF(words)];
        if ((chance >> 32) % 4 == 0) {
            snprintf(number, sizeof(number), "%llu ", (unsigned long long)(chance >> 40));
            text = number;
        }
        for (; *text != '\0' && at < length; text++)
            value[at++] = (uint8_t)*text;
    }
}

static struct slice make_batch(const struct load_group *group, struct mem *mem, int32_t *records)
{
    size_t record = (size_t)group->record_bytes + BATCH_RECORD_OVERHEAD;
    size_t capacity = BATCH_HEADER_BYTES +
                      (group->batch_bytes > 0 ? (size_t)group->batch_bytes : record * (size_t)group->records_per_batch);
    uint8_t *data = load_alloc(capacity), *value = load_alloc((size_t)group->record_bytes);
    struct timespec now; /* old records would be taken out by retention */
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    struct prng prng;
    prng_seed(&prng, 20260101);
    struct batch_builder builder;
    batch_builder_init(&builder, data, capacity);
    for (int i = 0; group->batch_bytes > 0 || i < group->records_per_batch; i++) {
        fill_value(value, group->record_bytes, &prng);
        size_t put = builder.length + record;
        if (group->batch_bytes > 0 && i > 0 && put > (size_t)group->batch_bytes)
            break;
        if (!batch_builder_add(&builder, now_ms, SLICE_NULL, slice_of(value, (size_t)group->record_bytes), SLICE_NULL,
                               0))
            break;
    }
    if (builder.count == 0)
        load_fail("a batch of %d bytes has no room for one record of %d", group->batch_bytes, group->record_bytes);
    *records = builder.count;
    struct slice batch = batch_builder_finish(&builder, NULL);
    free(value);
    if (group->codec == COMPRESS_NONE)
        return batch;
    struct compress_buffer packed;
    compress_buffer_init(&packed, mem);
    struct slice body = slice_of(batch.data + BATCH_HEADER_BYTES, batch.length - BATCH_HEADER_BYTES);
    if (compress_pack((enum compress_codec)group->codec, INT32_MIN, body, &packed) != ERR_OK)
        load_fail("the codec failed");
    uint8_t *whole = load_alloc(BATCH_HEADER_BYTES + packed.length);
    memcpy(whole, batch.data, BATCH_HEADER_BYTES);
    memcpy(whole + BATCH_HEADER_BYTES, packed.data, packed.length);
    batch_set_codec(whole, BATCH_HEADER_BYTES + packed.length, group->codec);
    batch = slice_of(whole, BATCH_HEADER_BYTES + packed.length);
    put_u32(whole + 17, crc32c(0, whole + 21, batch.length - 21));
    compress_buffer_fini(&packed);
    free(data);
    return batch;
}

static void encode_produce(const struct load_group *group, struct slice batch, struct wire_writer *writer)
{
    struct produce_request_partition_produce_data partition;
    struct produce_request_topic_produce_data topic;
    struct produce_request request;
    wire_set_defaults(&produce_request_partition_produce_data_struct, &partition);
    wire_set_defaults(&produce_request_topic_produce_data_struct, &topic);
    WIRE_DEFAULTS(produce_request_schema, &request);
    partition.index = partition_mark;
    partition.records.data = batch;
    topic.name = slice_from_string(group->topic);
    topic.partition_data.items = &partition;
    topic.partition_data.count = 1;
    request.acks = group->acks;
    request.timeout_ms = 30000;
    request.topic_data.items = &topic;
    request.topic_data.count = 1;
    if (wire_encode(&produce_request_schema, PRODUCE_VERSION, &request, writer) != ERR_OK)
        load_fail("the produce request cannot be encoded");
}

static void encode_fetch(const struct load_group *group, struct wire_writer *writer)
{
    struct fetch_request_fetch_partition partition;
    struct fetch_request_fetch_topic topic;
    struct fetch_request request;
    wire_set_defaults(&fetch_request_fetch_partition_struct, &partition);
    wire_set_defaults(&fetch_request_fetch_topic_struct, &topic);
    WIRE_DEFAULTS(fetch_request_schema, &request);
    partition.partition = partition_mark;
    partition.fetch_offset = offset_mark;
    partition.partition_max_bytes = group->read_bytes;
    topic.topic = slice_from_string(group->topic);
    topic.partitions.items = &partition;
    topic.partitions.count = 1;
    request.max_wait_ms = group->role == ROLE_TAIL ? 500 : 0;
    request.min_bytes = 1;
    request.max_bytes = group->read_bytes;
    request.topics.items = &topic;
    request.topics.count = 1;
    if (wire_encode(&fetch_request_schema, FETCH_VERSION, &request, writer) != ERR_OK)
        load_fail("the fetch request cannot be encoded");
}

static void encode_ping(struct wire_writer *writer)
{
    struct api_versions_request request;
    WIRE_DEFAULTS(api_versions_request_schema, &request);
    request.client_software_name = SLICE_LITERAL("ringmain-bench");
    request.client_software_version = SLICE_LITERAL(RINGMAIN_VERSION);
    if (wire_encode(&api_versions_request_schema, PING_VERSION, &request, writer) != ERR_OK)
        load_fail("the ApiVersions request cannot be encoded");
}

static int find(const uint8_t *data, size_t length, const void *mark, size_t width)
{
    const uint8_t *at = memmem(data, length, mark, width);
    return at == NULL ? -1 : (int)(at - data);
}

static void make_template(struct load_template *template, const struct load_group *group, struct mem *mem)
{
    struct wire_writer writer;
    bool produce = group->role == ROLE_PRODUCE, fetch = group->role == ROLE_FETCH || group->role == ROLE_TAIL;
    struct wire_request_header header = {.client_id = SLICE_LITERAL("bench")};
    header.api_key = produce ? API_PRODUCE : fetch ? API_FETCH : API_VERSIONS;
    header.version = produce ? PRODUCE_VERSION : fetch ? FETCH_VERSION : PING_VERSION;
    if (produce)
        template->batch = make_batch(group, mem, &template->records);
    wire_writer_init(&writer, mem);
    wire_put_i32(&writer, 0);
    wire_put_request_header(&writer, &header);
    if (produce)
        encode_produce(group, template->batch, &writer);
    else if (fetch)
        encode_fetch(group, &writer);
    else
        encode_ping(&writer);
    if (writer.failed)
        load_fail("out of memory");
    put_i32(writer.data, (int32_t)(writer.length - 4));
    size_t head = writer.length;
    if (produce) {
        head = (size_t)find(writer.data, writer.length, template->batch.data, template->batch.length);
        template->tail_length = writer.length - head - template->batch.length;
        memcpy(template->tail, writer.data + writer.length - template->tail_length, template->tail_length);
    }
    if (head > sizeof(template->head))
        load_fail("the topic's name is too long");
    uint8_t partition[4], offset[8];
    put_i32(partition, partition_mark);
    put_i64(offset, offset_mark);
    template->head_length = head;
    template->correlation_at = 8;
    template->partition_at = find(writer.data, head, partition, sizeof(partition));
    template->offset_at = find(writer.data, head, offset, sizeof(offset));
    memcpy(template->head, writer.data, head);
    wire_writer_fini(&writer);
}

void load_make_templates(struct load *load)
{
    struct mem *mem = mem_real_open((size_t)1 << 30);
    if (mem == NULL)
        load_fail("out of memory");
    for (int i = 0; i < load->group_count; i++)
        make_template(&load->templates[i], &load->groups[i], mem);
    mem_real_close(mem);
}

/* The value of the first record lies behind the header, four lengths and deltas and the null key. */
static int value_at(const uint8_t *batch, size_t length)
{
    struct batch_records records;
    struct batch_record record;
    batch_records_init(&records, slice_of(batch + BATCH_HEADER_BYTES, length - BATCH_HEADER_BYTES),
                       get_i32(batch + 57));
    if (batch_records_next(&records, &record) != ERR_OK || record.value.length < 8)
        load_fail("a batch without room for its time");
    return (int)(record.value.data - batch);
}

void load_stamp(uint8_t *batch, size_t length, int64_t now_ns)
{
    put_i64(batch + value_at(batch, length), now_ns);
    put_u32(batch + 17, crc32c(0, batch + 21, length - 21));
}

int64_t load_stamp_of(const uint8_t *batch)
{
    return get_i64(batch + value_at(batch, BATCH_PREFIX_BYTES + (size_t)get_i32(batch + 8)));
}
