/* Goal:   the codec of Produce written by hand does what the table's codec does, or says that it does not.
 * Method: random messages of every version there and back on both ways; cut and damaged requests; what is usual must
 *         take the short way. */
#include "core/wire/produce_codec.h"

#include "tests/support/test.h"
#include "tests/support/wire_random.h"

static struct mem *mem;
static struct arena arena;
static struct wire_writer table, hand;

static void set_up(void)
{
    mem = test_mem();
    arena_init(&arena, mem, 64 << 20);
    wire_writer_init(&table, mem);
    wire_writer_init(&hand, mem);
}

static void tear_down(void)
{
    wire_writer_fini(&table);
    wire_writer_fini(&hand);
    arena_fini(&arena);
    assert_int_equal(mem->used, 0);
}

/* True if the short way was taken. */
static bool compare(int16_t version, struct slice bytes)
{
    struct produce_request by_table, by_hand;
    size_t table_consumed, hand_consumed;
    enum err err = wire_decode(&produce_request_schema, version, bytes, &arena, &by_table, &table_consumed);
    if (!produce_codec_decode(version, bytes, &arena, &by_hand, &hand_consumed))
        return false;
    assert_int_equal(err, ERR_OK);
    assert_int_equal(hand_consumed, table_consumed);
    assert_true(wire_random_equal(&produce_request_struct, &by_table, &by_hand));
    return true;
}

static void compare_damaged(int16_t version, struct prng *prng)
{
    for (size_t length = 0; length < table.length && length < 300; length++) {
        uint8_t *exact = malloc(length + 1); /* so that a sanitizer sees a read beyond the end */
        memcpy(exact, table.data, length);
        assert_false(compare(version, slice_of(exact, length)));
        free(exact);
    }
    for (int round = 0; round < 100; round++) {
        uint8_t *at = &table.data[prng_below(prng, table.length)], old = *at;
        *at ^= (uint8_t)(1 << prng_below(prng, 8));
        compare(version, slice_of(table.data, table.length));
        *at = old;
    }
}

static void requests_are_read_as_the_table_reads_them(void **state)
{
    struct prng prng;
    prng_seed(&prng, 3);
    for (int16_t version = 0; version <= produce_request_schema.highest + 1; version++) {
        int taken = 0, rounds = 300;
        for (int round = 0; round < rounds; round++) {
            bool known = version >= produce_request_schema.lowest && version <= produce_request_schema.highest;
            int16_t written = known ? version : produce_request_schema.highest;
            struct produce_request message;
            set_up();
            wire_random_fill(&produce_request_schema, written, &prng, &arena, &message);
            assert_int_equal(wire_encode(&produce_request_schema, written, &message, &table), ERR_OK);
            bool short_way = compare(version, slice_of(table.data, table.length));
            assert_true(known || !short_way);
            taken += short_way;
            if (round < 20)
                compare_damaged(version, &prng);
            tear_down();
        }
        if (version >= produce_request_schema.lowest && version <= produce_request_schema.highest)
            assert_true(taken > 10);
    }
}

static void a_request_of_one_batch_takes_the_short_way_in_every_version(void **state)
{
    static const uint8_t batch[40000];
    for (int16_t version = produce_request_schema.lowest; version <= produce_request_schema.highest; version++) {
        struct produce_request_partition_produce_data partition = {.index = 7,
                                                                   .records.data = slice_of(batch, sizeof(batch))};
        struct produce_request_topic_produce_data topic = {.name = SLICE_LITERAL("orders")};
        struct produce_request request = {.acks = -1, .timeout_ms = 30000, .transactional_id = SLICE_LITERAL("id")};
        set_up();
        topic.partition_data.items = &partition;
        topic.partition_data.count = 1;
        request.topic_data.items = &topic;
        request.topic_data.count = 1;
        assert_int_equal(wire_encode(&produce_request_schema, version, &request, &table), ERR_OK);
        assert_true(compare(version, slice_of(table.data, table.length)));
        tear_down();
    }
}

static void make_usual(struct produce_response *message)
{
    message->node_endpoints.count = 0;
    for (int32_t i = 0; i < message->responses.count; i++)
        for (int32_t k = 0; k < message->responses.items[i].partition_responses.count; k++) {
            struct produce_response_partition_produce_response *answer =
                &message->responses.items[i].partition_responses.items[k];
            answer->record_errors.count = 0;
            answer->error_message = SLICE_NULL;
            answer->current_leader.leader_id = answer->current_leader.leader_epoch = -1;
        }
}

static void answers_are_written_as_the_table_writes_them(void **state)
{
    struct prng prng;
    prng_seed(&prng, 4);
    for (int16_t version = produce_response_schema.lowest; version <= produce_response_schema.highest; version++) {
        int taken = 0;
        for (int round = 0; round < 300; round++) {
            struct produce_response message;
            set_up();
            wire_random_fill(&produce_response_schema, version, &prng, &arena, &message);
            if (round % 2 == 0)
                make_usual(&message);
            wire_put_i32(&table, 4711);
            wire_put_i32(&hand, 4711);
            assert_int_equal(wire_encode(&produce_response_schema, version, &message, &table), ERR_OK);
            if (produce_codec_encode(version, &message, &hand)) {
                taken++;
                assert_int_equal(hand.length, table.length);
                assert_memory_equal(hand.data, table.data, table.length);
            } else {
                assert_int_equal(hand.length, 4);
            }
            tear_down();
        }
        assert_true(taken > 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_read_as_the_table_reads_them),
        cmocka_unit_test(a_request_of_one_batch_takes_the_short_way_in_every_version),
        cmocka_unit_test(answers_are_written_as_the_table_writes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
