/* Goal:   the codec of Fetch written by hand does what the table's codec does, or says that it does not.
 * Method: random messages of every version there and back on both ways; cut and damaged requests; memory that runs out
 *         at every step; what is usual must take the short way. */
#include "core/wire/fetch_codec.h"

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

/* ---- requests ---------------------------------------------------------------------------------------------------- */

/* True if the short way was taken. */
static bool compare(int16_t version, struct slice bytes)
{
    struct fetch_request by_table, by_hand;
    size_t table_consumed, hand_consumed;
    enum err err = wire_decode(&fetch_request_schema, version, bytes, &arena, &by_table, &table_consumed);
    memset(&by_hand, 0x5a, sizeof(by_hand)); /* every field is set, also those that the version does not have */
    if (!fetch_codec_decode(version, bytes, &arena, &by_hand, &hand_consumed))
        return false;
    assert_int_equal(err, ERR_OK);
    assert_int_equal(hand_consumed, table_consumed);
    assert_true(wire_random_equal(&fetch_request_struct, &by_table, &by_hand));
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

/* No tagged fields. */
static void make_request_usual(struct fetch_request *message)
{
    message->cluster_id = SLICE_NULL;
    message->replica_state = (struct fetch_request_replica_state){.replica_id = -1, .replica_epoch = -1};
    for (int32_t i = 0; i < message->topics.count; i++)
        for (int32_t k = 0; k < message->topics.items[i].partitions.count; k++) {
            message->topics.items[i].partitions.items[k].replica_directory_id = UUID_ZERO;
            message->topics.items[i].partitions.items[k].high_watermark = INT64_MAX;
        }
}

static void requests_are_read_as_the_table_reads_them(void **state)
{
    struct prng prng;
    prng_seed(&prng, 5);
    for (int16_t version = 0; version <= fetch_request_schema.highest + 1; version++) {
        bool known = version >= fetch_request_schema.lowest && version <= fetch_request_schema.highest;
        int16_t written = known ? version : fetch_request_schema.highest;
        for (int round = 0; round < 300; round++) {
            struct fetch_request message;
            set_up();
            wire_random_fill(&fetch_request_schema, written, &prng, &arena, &message);
            if (round % 2 == 0)
                make_request_usual(&message);
            assert_int_equal(wire_encode(&fetch_request_schema, written, &message, &table), ERR_OK);
            bool short_way = compare(version, slice_of(table.data, table.length));
            assert_true(known ? short_way || round % 2 == 1 : !short_way);
            if (round < 20)
                compare_damaged(version, &prng);
            tear_down();
        }
    }
}

/* Topics of `partitions` each and as many forgotten, in the arena. */
static void make_request(int32_t topics, int32_t partitions, struct fetch_request *message)
{
    WIRE_DEFAULTS(fetch_request_schema, message);
    message->rack_id = SLICE_LITERAL("rack-1");
    message->topics.items = ARENA_ARRAY(&arena, struct fetch_request_fetch_topic, (size_t)topics);
    message->forgotten_topics_data.items = ARENA_ARRAY(&arena, struct fetch_request_forgotten_topic, (size_t)topics);
    message->topics.count = message->forgotten_topics_data.count = topics;
    for (int32_t i = 0; i < topics; i++) {
        struct fetch_request_fetch_topic *topic = &message->topics.items[i];
        struct fetch_request_forgotten_topic *forgotten = &message->forgotten_topics_data.items[i];
        topic->topic = forgotten->topic = SLICE_LITERAL("orders");
        topic->topic_id.bytes[0] = forgotten->topic_id.bytes[15] = (uint8_t)i;
        topic->partitions.items = ARENA_ARRAY(&arena, struct fetch_request_fetch_partition, (size_t)partitions);
        forgotten->partitions.items = ARENA_ARRAY(&arena, int32_t, (size_t)partitions);
        topic->partitions.count = forgotten->partitions.count = partitions;
        for (int32_t k = 0; k < partitions; k++) {
            wire_set_defaults(&fetch_request_fetch_partition_struct, &topic->partitions.items[k]);
            topic->partitions.items[k].partition = forgotten->partitions.items[k] = k;
            topic->partitions.items[k].fetch_offset = 1000000007LL * k;
        }
    }
}

static void many_partitions_take_the_short_way_up_to_64_kib(void **state)
{
    for (int16_t version = fetch_request_schema.lowest; version <= fetch_request_schema.highest; version++)
        for (int32_t partitions = 1; partitions <= 65536; partitions *= 4) {
            struct fetch_request message;
            set_up();
            make_request(2, partitions, &message);
            assert_int_equal(wire_encode(&fetch_request_schema, version, &message, &table), ERR_OK);
            bool short_way = compare(version, slice_of(table.data, table.length));
            assert_int_equal(short_way, table.length <= 65536);
            tear_down();
        }
}

static void what_is_behind_a_request_is_left_alone(void **state)
{
    struct fetch_request message;
    set_up();
    make_request(1, 1, &message);
    assert_int_equal(wire_encode(&fetch_request_schema, 17, &message, &table), ERR_OK);
    wire_put_i64(&table, -1);
    assert_true(compare(17, slice_of(table.data, table.length)));
    tear_down();
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

/* What a broker answers that has nothing special to say: every second partition has records. */
static void make_answer_usual(struct fetch_response *message, struct prng *prng)
{
    message->node_endpoints.count = 0;
    for (int32_t i = 0; i < message->responses.count; i++)
        for (int32_t k = 0; k < message->responses.items[i].partitions.count; k++) {
            struct fetch_response_partition_data *answer = &message->responses.items[i].partitions.items[k];
            struct wire_file_range *range = ARENA_NEW(&arena, struct wire_file_range);
            *range = (struct wire_file_range){.file = (int32_t)prng_below(prng, 9),
                                              .hot = prng_below(prng, 2) == 1,
                                              .pos = (int64_t)(prng_next(prng) >> 1),
                                              .length = prng_next(prng) >> (33 + prng_below(prng, 31))};
            answer->aborted_transactions.count = -(int32_t)prng_below(prng, 2);
            answer->diverging_epoch.epoch = answer->current_leader.leader_id = answer->snapshot_id.epoch = -1;
            answer->diverging_epoch.end_offset = answer->snapshot_id.end_offset = -1;
            answer->current_leader.leader_epoch = -1;
            answer->records = (struct wire_records){.data = SLICE_LITERAL("")};
            if (prng_below(prng, 2) == 1)
                answer->records = (struct wire_records){.data = SLICE_NULL, .ranges = range, .range_count = 1};
        }
}

static void assert_same_written(void)
{
    assert_int_equal(hand.length, table.length);
    assert_memory_equal(hand.data, table.data, table.length);
    assert_int_equal(hand.splice_count, table.splice_count);
    for (int i = 0; i < table.splice_count; i++) {
        const struct wire_splice *a = &hand.splices[i], *b = &table.splices[i];
        assert_int_equal(a->at, b->at);
        assert_int_equal(a->range.file, b->range.file);
        assert_int_equal(a->range.hot, b->range.hot);
        assert_int_equal(a->range.pos, b->range.pos);
        assert_int_equal(a->range.length, b->range.length);
    }
}

static void answers_are_written_as_the_table_writes_them(void **state)
{
    struct prng prng;
    prng_seed(&prng, 6);
    for (int16_t version = fetch_response_schema.lowest; version <= fetch_response_schema.highest; version++)
        for (int round = 0; round < 300; round++) {
            struct fetch_response message;
            set_up();
            wire_random_fill(&fetch_response_schema, version, &prng, &arena, &message);
            if (round % 2 == 0)
                make_answer_usual(&message, &prng);
            wire_put_i32(&table, 4711);
            wire_put_i32(&hand, 4711);
            assert_int_equal(wire_encode(&fetch_response_schema, version, &message, &table), ERR_OK);
            if (fetch_codec_encode(version, &message, &hand)) {
                assert_same_written();
            } else {
                assert_int_equal(round % 2, 1);
                assert_int_equal(hand.length, 4);
                assert_int_equal(hand.splice_count, 0);
            }
            tear_down();
        }
}

/* One answer of one partition with records, and the same with one thing unusual in it. */
static struct fetch_response_partition_data usual_partition(const struct wire_file_range *range)
{
    struct fetch_response_partition_data answer;
    wire_set_defaults(&fetch_response_partition_data_struct, &answer);
    answer.records = (struct wire_records){.data = SLICE_NULL, .ranges = range, .range_count = 1};
    return answer;
}

static void unusual_answers_are_left_to_the_table(void **state)
{
    static struct fetch_response_aborted_transaction aborted = {.producer_id = 7, .first_offset = 8};
    static struct fetch_response_node_endpoint endpoint = {.host = {(const uint8_t *)"h", 1}};
    const struct wire_file_range ranges[2] = {{.length = 100}, {.length = 100}};
    const struct wire_file_range large = {.length = (size_t)INT32_MAX + 1};
    for (int what = 0; what < 15; what++) {
        struct fetch_response_partition_data answer = usual_partition(ranges);
        struct fetch_response_fetchable_topic_response topic = {.topic = SLICE_LITERAL("orders")};
        struct fetch_response message = {.responses = {&topic, 1}};
        topic.partitions.items = &answer;
        topic.partitions.count = 1;
        switch (what) {
        case 1:
            answer.diverging_epoch.epoch = 0;
            break;
        case 2:
            answer.diverging_epoch.end_offset = 0;
            break;
        case 3:
            answer.current_leader.leader_id = 1;
            break;
        case 4:
            answer.current_leader.leader_epoch = 1;
            break;
        case 5:
            answer.snapshot_id.epoch = 0;
            break;
        case 6:
            answer.snapshot_id.end_offset = 0;
            break;
        case 7:
            answer.aborted_transactions.items = &aborted, answer.aborted_transactions.count = 1;
            break;
        case 8:
            answer.records.data = SLICE_LITERAL("in memory");
            break;
        case 9:
            answer.records.range_count = 2;
            break;
        case 10:
            answer.records = (struct wire_records){.data = SLICE_NULL};
            break;
        case 11:
            answer.records.ranges = &large;
            break;
        case 12:
            message.node_endpoints.items = &endpoint, message.node_endpoints.count = 1;
            break;
        case 13:
            topic.partitions.count = -1;
            break;
        case 14:
            message.responses.count = -1;
            break;
        }
        set_up();
        assert_int_equal(fetch_codec_encode(16, &message, &hand), what == 0);
        assert_int_equal(fetch_codec_encode(3, &message, &hand), false);
        assert_int_equal(fetch_codec_encode(19, &message, &hand), false);
        tear_down();
    }
}

static void without_memory_an_answer_is_as_if_never_begun(void **state)
{
    const struct wire_file_range range = {.length = 100};
    struct fetch_response_partition_data answers[20];
    struct fetch_response_fetchable_topic_response topic = {.topic = SLICE_LITERAL("orders")};
    struct fetch_response message = {.responses = {&topic, 1}};
    for (int i = 0; i < 20; i++)
        answers[i] = usual_partition(&range);
    topic.partitions.items = answers;
    topic.partitions.count = 20;
    bool done = false;
    for (int step = 1; !done; step++) {
        set_up();
        wire_put_i32(&hand, 4711);
        test_mem_fail_at(mem, step);
        done = fetch_codec_encode(16, &message, &hand);
        test_mem_fail_at(mem, 0);
        assert_true(done || step < 10);
        assert_true(done || (hand.length == 4 && hand.splice_count == 0));
        assert_int_equal(hand.splice_count, done ? 20 : 0);
        tear_down();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_read_as_the_table_reads_them),
        cmocka_unit_test(many_partitions_take_the_short_way_up_to_64_kib),
        cmocka_unit_test(what_is_behind_a_request_is_left_alone),
        cmocka_unit_test(answers_are_written_as_the_table_writes_them),
        cmocka_unit_test(unusual_answers_are_left_to_the_table),
        cmocka_unit_test(without_memory_an_answer_is_as_if_never_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
