/* Writing to a topic over a network that breaks: nothing lost, nothing twice, nothing out of order. */
#include "net/client/sender.h"
#include "core/wire/batch.h"
#include "core/wire/error.h"
#include "tests/support/sim_broker.h"
#include "tests/support/test.h"

#include <stdio.h>

enum { VALUE_BYTES = 20000, MAX_RECORDS = 4000 };

static struct sim_broker host;
static struct client client;

static void turn(struct client *one)
{
    sim_broker_turn(&host);
}

static void open_room(uint64_t seed)
{
    const char *const settings[] = {"auto.create.topics.enable=true", "num.partitions=1", "ringmain.durability=os"};
    sim_broker_open(&host, seed, settings, COUNT_OF(settings));
    assert_int_equal(client_open_on(&client, sim_broker_other_io(&host), turn, SIM_BROKER_ADDRESS, 60000), ERR_OK);
}

static void close_room(void)
{
    client_close(&client);
    sim_broker_close(&host);
}

static struct sender *open_sender(bool idempotent, int16_t acks)
{
    struct sender_options options = {.topic = SLICE_LITERAL("t"), .acks = acks, .idempotent = idempotent};
    struct sender *sender;
    assert_int_equal(sender_open(&client, &options, &sender), ERR_OK);
    return sender;
}

static void add_number(struct sender *sender, int number)
{
    char value[VALUE_BYTES] = {0};
    snprintf(value, sizeof value, "%d", number);
    struct sender_record record = {.timestamp_ms = 1, .value = slice_of(value, sizeof value)};
    assert_int_equal(sender_add(sender, 0, &record), ERR_OK);
}

/* The numbers of the batch at `offset` into numbers[]; the offset behind it. */
static int64_t read_from(int64_t offset, int *numbers, int *count, struct arena *arena)
{
    struct metadata_response metadata;
    struct slice name = SLICE_LITERAL("t");
    struct fetch_request request;
    struct fetch_request_fetch_topic topic;
    struct fetch_request_fetch_partition partition;
    struct fetch_response response;
    arena_reset(arena);
    assert_int_equal(client_metadata(&client, &name, 1, false, &metadata, arena), ERR_OK);
    wire_set_defaults(&fetch_request_fetch_topic_struct, &topic);
    wire_set_defaults(&fetch_request_fetch_partition_struct, &partition);
    WIRE_DEFAULTS(fetch_request_schema, &request);
    partition.fetch_offset = offset;
    partition.partition_max_bytes = 1 << 20;
    topic.topic = name;
    topic.topic_id = metadata.topics.items[0].topic_id;
    topic.partitions.items = &partition;
    topic.partitions.count = 1;
    request.max_wait_ms = 100;
    request.topics.items = &topic;
    request.topics.count = 1;
    assert_int_equal(client_call(&client, 1, API_FETCH, &request, &response, arena), ERR_OK);
    struct fetch_response_partition_data *answer = &response.responses.items[0].partitions.items[0];
    assert_int_equal(answer->error_code, KAFKA_ERROR_NONE);
    struct slice bytes = answer->records.data;
    struct batch_header header;
    struct batch_records records;
    struct batch_record record;
    while (batch_read_header(bytes.data, bytes.length, &header) == ERR_OK && header.size <= bytes.length) {
        batch_records_init(&records, slice_of(bytes.data + BATCH_HEADER_BYTES, header.size - BATCH_HEADER_BYTES),
                           header.record_count);
        while (batch_records_next(&records, &record) == ERR_OK) {
            assert_true(*count < MAX_RECORDS);
            numbers[(*count)++] = atoi((const char *)record.value.data);
        }
        offset = batch_last_offset(&header) + 1;
        bytes = slice_of(bytes.data + header.size, bytes.length - header.size);
    }
    return offset;
}

static int read_all(int *numbers)
{
    struct arena arena;
    int count = 0, before;
    int64_t offset = 0;
    arena_init(&arena, client.mem, 64 << 20);
    do {
        before = count;
        offset = read_from(offset, numbers, &count, &arena);
    } while (count > before);
    arena_fini(&arena);
    return count;
}

static void an_idempotent_sender_stores_everything_once_and_in_order_over_a_breaking_network(void **state)
{
    static int numbers[MAX_RECORDS];
    int breaks = 0;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        open_room(seed);
        struct sender *sender = open_sender(true, -1);
        assert_true(sender_is_idempotent(sender));
        sim_network(host.sim)->break_ppm = 5000 * (uint32_t)seed;
        for (int i = 0; i < 400; i++)
            add_number(sender, i);
        assert_int_equal(sender_flush(sender), ERR_OK);
        breaks += client.why[0] != '\0';
        assert_int_equal(sender_answered(sender), 400);
        sender_close(sender);
        sim_network(host.sim)->break_ppm = 0;
        assert_int_equal(read_all(numbers), 400);
        for (int i = 0; i < 400; i++)
            assert_int_equal(numbers[i], i);
        close_room();
    }
    assert_true(breaks >= 4); /* or the test would show nothing */
}

static void several_requests_are_on_their_way_at_once(void **state)
{
    open_room(3);
    struct sender *sender = open_sender(true, -1);
    sim_network(host.sim)->delay_min_ns = sim_network(host.sim)->delay_max_ns = 50000000;
    sim_network(host.sim)->window_bytes = 64 << 20;
    int64_t began_ns = sim_now_ns(host.sim);
    for (int i = 0; i < 200; i++) /* 15 batches; one at a time would take 15 round trips of 100 ms */
        add_number(sender, i);
    assert_int_equal(sender_flush(sender), ERR_OK);
    assert_true(sim_now_ns(host.sim) - began_ns < 900000000);
    sender_close(sender);
    close_room();
}

static void a_refused_batch_is_named(void **state)
{
    const char *const settings[] = {"auto.create.topics.enable=true", "message.max.bytes=1000"};
    sim_broker_open(&host, 1, settings, COUNT_OF(settings));
    assert_int_equal(client_open_on(&client, sim_broker_other_io(&host), turn, SIM_BROKER_ADDRESS, 60000), ERR_OK);
    struct sender *sender = open_sender(true, -1);
    add_number(sender, 1);
    assert_int_equal(sender_flush(sender), ERR_INVALID);
    assert_int_equal(sender_refusal(sender)->error, KAFKA_ERROR_MESSAGE_TOO_LARGE);
    sender_close(sender);
    close_room();
}

static void a_topic_that_cannot_be_is_refused_at_once(void **state)
{
    open_room(1);
    struct sender_options options = {.topic = SLICE_LITERAL("no/topic"), .acks = -1};
    struct sender *sender;
    assert_int_equal(sender_open(&client, &options, &sender), ERR_INVALID);
    assert_int_equal(sender_refusal(sender)->error, KAFKA_ERROR_INVALID_TOPIC_EXCEPTION);
    sender_close(sender);
    close_room();
}

static void a_record_over_the_limit_is_refused_and_one_below_it_goes(void **state)
{
    static uint8_t large[SENDER_RECORD_MAX_BYTES + 1];
    static int numbers[MAX_RECORDS];
    open_room(1);
    struct sender *sender = open_sender(false, 1);
    assert_false(sender_is_idempotent(sender));
    large[0] = '7';
    struct sender_record record = {.value = slice_of(large, sizeof large)};
    assert_int_equal(sender_add(sender, 0, &record), ERR_LIMIT);
    record.value.length--;
    assert_int_equal(sender_add(sender, 0, &record), ERR_OK);
    assert_int_equal(sender_flush(sender), ERR_OK);
    sender_close(sender);
    assert_int_equal(read_all(numbers), 1);
    assert_int_equal(numbers[0], 7);
    close_room();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idempotent_sender_stores_everything_once_and_in_order_over_a_breaking_network),
        cmocka_unit_test(several_requests_are_on_their_way_at_once),
        cmocka_unit_test(a_refused_batch_is_named),
        cmocka_unit_test(a_topic_that_cannot_be_is_refused_at_once),
        cmocka_unit_test(a_record_over_the_limit_is_refused_and_one_below_it_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
