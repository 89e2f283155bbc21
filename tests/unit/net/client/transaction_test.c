/* Transactions of a client over a network that breaks, with a whole simulated broker: what was committed is read once
 * and in order, what was aborted is not. */
#include "net/client/transaction.h"
#include "core/wire/batch.h"
#include "core/wire/error.h"
#include "net/client/sender.h"
#include "tests/support/sim_broker.h"
#include "tests/support/test.h"

#include <stdio.h>

enum { MAX_RECORDS = 1000, OF_EACH = 6, TRANSACTIONS = 8, READ_COMMITTED = 1 };

static struct sim_broker host;
static struct client client;
static struct arena arena;

static void turn(struct client *one)
{
    sim_broker_turn(&host);
}

static void open_room(uint64_t seed)
{
    const char *const settings[] = {"auto.create.topics.enable=true", "num.partitions=1", "ringmain.durability=os",
                                    "transaction.state.log.num.partitions=2"};
    sim_broker_open(&host, seed, settings, COUNT_OF(settings));
    assert_int_equal(client_open_on(&client, sim_broker_other_io(&host), turn, SIM_BROKER_ADDRESS, 60000), ERR_OK);
    arena_init(&arena, client.mem, 64 << 20);
}

static void close_room(void)
{
    arena_fini(&arena);
    client_close(&client);
    sim_broker_close(&host);
}

static void write_numbers(const struct transaction *transaction, int first, int count)
{
    struct sender_options options = {.topic = SLICE_LITERAL("t"), .acks = -1, .transaction = transaction};
    struct sender *sender;
    assert_int_equal(sender_open(&client, &options, &sender), ERR_OK);
    for (int i = 0; i < count; i++) {
        char value[16];
        int length = snprintf(value, sizeof value, "%d", first + i);
        struct sender_record record = {.timestamp_ms = 1, .value = slice_of(value, (size_t)length + 1)};
        assert_int_equal(sender_add(sender, 0, &record), ERR_OK);
        if (i % 2 == 1)
            assert_int_equal(sender_flush(sender), ERR_OK);
    }
    assert_int_equal(sender_flush(sender), ERR_OK);
    sender_close(sender);
}

static void fetch(int64_t offset, struct fetch_response *response)
{
    struct metadata_response metadata;
    struct slice name = SLICE_LITERAL("t");
    struct fetch_request request;
    struct fetch_request_fetch_topic topic;
    struct fetch_request_fetch_partition partition;
    assert_int_equal(client_metadata(&client, &name, 1, false, &metadata, &arena), ERR_OK);
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
    request.isolation_level = READ_COMMITTED;
    request.topics.items = &topic;
    request.topics.count = 1;
    assert_int_equal(client_call(&client, 1, API_FETCH, &request, response, &arena), ERR_OK);
}

typedef struct fetch_response_partition_data answer;

/* As a client does it: a transaction is aborted from its first offset in the list to its producer's next marker. */
static bool is_aborted(const answer *got, const struct batch_header *batch, int64_t marker_before)
{
    for (int32_t i = 0; i < got->aborted_transactions.count; i++)
        if (got->aborted_transactions.items[i].producer_id == batch->producer_id &&
            got->aborted_transactions.items[i].first_offset <= batch->base_offset &&
            got->aborted_transactions.items[i].first_offset > marker_before)
            return true;
    return false;
}

/* The committed numbers of one answer behind those that are there; where the next one begins. */
static int64_t take_committed(const answer *got, int64_t *marker, int *numbers, int *count)
{
    struct slice bytes = got->records.data;
    struct batch_header header;
    struct batch_records records;
    struct batch_record record;
    int64_t next = -1;
    while (batch_read_header(bytes.data, bytes.length, &header) == ERR_OK && header.size <= bytes.length) {
        batch_records_init(&records, slice_of(bytes.data + BATCH_HEADER_BYTES, header.size - BATCH_HEADER_BYTES),
                           header.record_count);
        bool is_marker = (header.attributes & BATCH_CONTROL) != 0;
        assert_true((header.attributes & BATCH_TRANSACTIONAL) != 0);
        while (!is_marker && !is_aborted(got, &header, *marker) && batch_records_next(&records, &record) == ERR_OK) {
            assert_true(*count < MAX_RECORDS);
            numbers[(*count)++] = atoi((const char *)record.value.data);
        }
        if (is_marker)
            *marker = header.base_offset;
        next = batch_last_offset(&header) + 1;
        bytes = slice_of(bytes.data + header.size, bytes.length - header.size);
    }
    assert_int_equal(bytes.length, 0);
    return next;
}

/* All of one producer id. The markers' time is far from the records': each of them begins a segment, and each answer
 * ends with one. */
static int read_committed(int *numbers)
{
    int count = 0;
    int64_t marker = -1, next = 0, end;
    do {
        struct fetch_response response;
        arena_reset(&arena);
        fetch(next, &response);
        const answer *got = &response.responses.items[0].partitions.items[0];
        assert_int_equal(got->error_code, KAFKA_ERROR_NONE);
        assert_int_equal(got->last_stable_offset, got->high_watermark);
        end = got->last_stable_offset;
        next = take_committed(got, &marker, numbers, &count);
        assert_true(next > 0);
    } while (next < end);
    return count;
}

static void what_is_committed_over_a_breaking_network_is_read_once_and_in_order(void **state)
{
    int breaks = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        int numbers[MAX_RECORDS], wanted = 0;
        open_room(seed);
        sim_network(host.sim)->break_ppm = 3000 * (uint32_t)seed;
        for (int i = 0; i < TRANSACTIONS; i++) {
            struct transaction transaction;
            assert_int_equal(transaction_open(&transaction, &client, &arena, SLICE_LITERAL("id"), 60000), ERR_OK);
            write_numbers(&transaction, i * OF_EACH, OF_EACH);
            assert_int_equal(transaction_end(&transaction, &client, &arena, i % 3 != 1), ERR_OK);
        }
        breaks += client.why[0] != '\0';
        sim_network(host.sim)->break_ppm = 0;
        struct transaction last; /* waits until the markers are there */
        assert_int_equal(transaction_open(&last, &client, &arena, SLICE_LITERAL("id"), 60000), ERR_OK);
        int count = read_committed(numbers);
        for (int i = 0; i < TRANSACTIONS * OF_EACH; i++)
            if (i / OF_EACH % 3 != 1) {
                assert_true(wanted < count);
                assert_int_equal(numbers[wanted++], i);
            }
        assert_int_equal(count, wanted);
        close_room();
    }
    assert_true(breaks >= 6); /* or the test would show nothing */
}

static void a_successor_fences_and_aborts_what_was_open(void **state)
{
    int numbers[MAX_RECORDS];
    struct transaction first, second;
    open_room(5);
    assert_int_equal(transaction_open(&first, &client, &arena, SLICE_LITERAL("id"), 60000), ERR_OK);
    write_numbers(&first, 0, 4);
    assert_int_equal(transaction_open(&second, &client, &arena, SLICE_LITERAL("id"), 60000), ERR_OK);
    assert_true(second.producer_epoch > first.producer_epoch);
    assert_int_equal(transaction_end(&first, &client, &arena, true), ERR_INVALID);
    assert_int_equal(first.error, KAFKA_ERROR_PRODUCER_FENCED);
    write_numbers(&second, 10, 2);
    assert_int_equal(transaction_end(&second, &client, &arena, true), ERR_OK);
    assert_int_equal(transaction_open(&second, &client, &arena, SLICE_LITERAL("id"), 60000), ERR_OK);
    assert_int_equal(read_committed(numbers), 2);
    assert_int_equal(numbers[0], 10);
    close_room();
}

static void a_transaction_that_is_left_open_is_aborted_in_time(void **state)
{
    int numbers[MAX_RECORDS];
    struct transaction left;
    open_room(6);
    assert_int_equal(transaction_open(&left, &client, &arena, SLICE_LITERAL("id"), 2000), ERR_OK);
    write_numbers(&left, 0, 4);
    client_pause(&client, 15000); /* transaction.abort.timed.out.transaction.cleanup.interval.ms is 10 s */
    assert_int_equal(read_committed(numbers), 0);
    assert_int_equal(transaction_end(&left, &client, &arena, true), ERR_INVALID);
    close_room();
}

/* Its partitions need no marker; the id is free for the next. */
static void a_transaction_over_a_deleted_topic_ends(void **state)
{
    struct transaction first, second;
    struct delete_topics_request_delete_topic_state topic;
    struct delete_topics_request request;
    struct delete_topics_response response;
    struct slice name = SLICE_LITERAL("t");
    open_room(8);
    assert_int_equal(transaction_open(&first, &client, &arena, SLICE_LITERAL("id"), 60000), ERR_OK);
    write_numbers(&first, 0, 4);
    wire_set_defaults(&delete_topics_request_delete_topic_state_struct, &topic);
    WIRE_DEFAULTS(delete_topics_request_schema, &request);
    topic.name = name;
    request.topics.items = &topic;
    request.topics.count = 1;
    request.topic_names.items = &name;
    request.topic_names.count = 1;
    request.timeout_ms = 10000;
    assert_int_equal(client_call(&client, 1, API_DELETE_TOPICS, &request, &response, &arena), ERR_OK);
    assert_int_equal(response.responses.items[0].error_code, KAFKA_ERROR_NONE);
    assert_int_equal(transaction_end(&first, &client, &arena, true), ERR_OK);
    assert_int_equal(transaction_open(&second, &client, &arena, SLICE_LITERAL("id"), 60000), ERR_OK);
    close_room();
}

static void a_refusal_says_why(void **state)
{
    struct transaction transaction;
    open_room(7);
    assert_int_equal(transaction_open(&transaction, &client, &arena, SLICE_LITERAL("id"), INT32_MAX), ERR_INVALID);
    assert_int_equal(transaction.error, KAFKA_ERROR_INVALID_TRANSACTION_TIMEOUT);
    assert_int_equal(transaction_open(&transaction, &client, &arena, SLICE_LITERAL(""), 1000), ERR_INVALID);
    assert_int_equal(transaction.error, KAFKA_ERROR_INVALID_REQUEST);
    close_room();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_committed_over_a_breaking_network_is_read_once_and_in_order),
        cmocka_unit_test(a_successor_fences_and_aborts_what_was_open),
        cmocka_unit_test(a_transaction_that_is_left_open_is_aborted_in_time),
        cmocka_unit_test(a_transaction_over_a_deleted_topic_ends),
        cmocka_unit_test(a_refusal_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
