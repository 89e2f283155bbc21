/* What a line more or less in the machine would change without anybody noticing at once: what records say, what a
 * repeated request may look like, when markers are complete. Found by tests/mutation. */
#include "core/wire/messages.h"
#include "tests/unit/core/txn/world.h"

enum { RETRY_MS = 1000 }; /* at least the time after which a marker is tried again */

static void the_timeout_is_that_of_the_last_producer(void **state)
{
    init();
    struct txn_producer producer = who(-1, -1);
    prepare(&asked);
    txn_init_producer_id(&world.machine, &producer, 7000, &asked.call);
    run();
    assert_int_equal(asked.call.error, N);
    assert_int_equal(the()->now.timeout_ms, 7000);
    add("orders", 3, 2);
    pass(10001); /* the interval at which they are looked for */
    run();
    assert_int_equal(the()->now.state, TXN_COMPLETE_ABORT);
}

static void adding_nothing_begins_a_transaction_too(void **state)
{
    struct txn_producer producer = who(init(), 0);
    int records = world.log_count;
    prepare(&asked);
    txn_add_partitions(&world.machine, &producer, NULL, 0, 2, &asked.call);
    run();
    assert_int_equal(asked.call.error, N);
    assert_int_equal(the()->now.state, TXN_ONGOING);
    assert_int_equal(world.log_count, records + 1);
}

static void a_transaction_is_as_old_as_its_first_partition(void **state)
{
    init();
    add("orders", 3, 2);
    int64_t began_ms = the()->now.start_ms;
    assert_int_equal(began_ms, world.wall_ms);
    pass(5000);
    add("orders", 4, 2);
    assert_int_equal(the()->now.start_ms, began_ms);
    assert_int_equal(the()->now.update_ms, world.wall_ms);
    end(true, 2);
    pass(5000);
    add("orders", 4, 2);
    assert_int_equal(the()->now.start_ms, world.wall_ms);
}

static void the_clients_version_is_kept(void **state)
{
    init();
    add("orders", 3, 2);
    assert_int_equal(the()->now.client_version, 2);
    end(true, 2);
    add("orders", 3, 0);
    assert_int_equal(the()->now.client_version, 0);
    end(true, 0);
    assert_int_equal(the()->now.client_version, 0);
}

static void use_version(int16_t version)
{
    struct txn_settings old = settings;
    old.version = version;
    world.lossy = true;
    txn_configure(&world.machine, &old);
}

static void without_version_2_a_timeout_fences_by_an_epoch_of_its_own(void **state)
{
    use_version(0);
    int64_t id = init();
    int16_t epoch = the()->now.epoch;
    add("orders", 3, 0);
    pass(100000);
    run();
    assert_int_equal(the()->now.state, TXN_COMPLETE_ABORT);
    assert_int_equal(the()->now.epoch, epoch + 1);
    ask_end(&asked, id, epoch, true, 0);
    run();
    assert_int_equal(asked.call.error, FENCED);
}

/* Kafka below transaction.version 1 writes values that are read by brokers from before tagged fields. */
static void the_finalized_version_chooses_the_records(void **state)
{
    use_version(0);
    init();
    assert_int_equal(get_i16(world.log[world.log_count - 1].value), 0);
    use_version(1);
    add("orders", 3, 0);
    assert_int_equal(get_i16(world.log[world.log_count - 1].value), 1);
}

static void only_the_epoch_before_is_a_repetition(void **state)
{
    int64_t id = init();
    for (int i = 0; i < 3; i++) {
        add("orders", 3, 2);
        end(true, 2);
    }
    int16_t epoch = the()->now.epoch;
    ask_end(&asked, id, (int16_t)(epoch - 1), true, 2);
    run();
    assert_int_equal(asked.call.error, N);
    assert_int_equal(asked.call.epoch, epoch);
    ask_end(&asked, id, (int16_t)(epoch - 2), true, 2);
    run();
    assert_int_equal(asked.call.error, FENCED);
    ask_end(&asked, id, (int16_t)(epoch + 1), true, 2);
    run();
    assert_int_equal(asked.call.error, FENCED);
}

/* A new producer id with epoch 0 came from the last epoch of the one before, and only from that. */
static void only_the_last_epoch_of_the_id_before_is_a_repetition(void **state)
{
    struct txn *txn;
    int64_t id = init();
    add("orders", 3, 2);
    txn = (struct txn *)the();
    txn->now.epoch = INT16_MAX - 1;
    ask_end(&asked, id, INT16_MAX - 1, true, 2);
    while (!list_empty(&world.machine.appends)) { /* no comparison with a replay: the epoch above is in no record */
        struct machine_append *append =
            CONTAINER_OF(list_pop_front(&world.machine.appends), struct machine_append, link);
        store(append);
        txn_appended(&world.machine, append);
        drain_answers();
        take_marks();
        mark_all(N);
    }
    assert_int_equal(the()->now.epoch, 0);
    assert_int_not_equal(the()->now.producer_id, id);
    ask_end(&asked, id, INT16_MAX - 1, true, 2);
    assert_int_equal(asked.call.error, N);
    assert_int_equal(asked.call.producer_id, the()->now.producer_id);
    ask_end(&asked, id, 17, true, 2);
    assert_int_equal(asked.call.error, MAPPING);
}

static void begin_end_of_two(void)
{
    init();
    add("orders", 1, 2);
    add("orders", 2, 2);
    world.hold_marks = true;
    ask_end(&asked, the()->now.producer_id, the()->now.epoch, true, 2);
    run();
    assert_int_equal(world.mark_count, 2);
}

static void a_marker_that_failed_is_missing_also_when_the_others_are_written(void **state)
{
    begin_end_of_two();
    txn_marked(&world.machine, &world.marks[0], KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
    txn_marked(&world.machine, &world.marks[1], N);
    world.mark_count = 0;
    run();
    assert_int_equal(the()->now.state, TXN_PREPARE_COMMIT);
    pass(RETRY_MS);
    run();
    assert_int_equal(world.mark_count, 1);
    txn_marked(&world.machine, &world.marks[0], N);
    world.mark_count = 0;
    run();
    assert_int_equal(the()->now.state, TXN_COMPLETE_COMMIT);
}

static void a_partition_with_a_later_epoch_needs_no_marker(void **state)
{
    begin_end_of_two();
    mark_all(KAFKA_ERROR_INVALID_PRODUCER_EPOCH);
    run();
    assert_int_equal(the()->now.state, TXN_COMPLETE_COMMIT);
}

static void markers_on_their_way_are_not_touched_when_others_are_tried_again(void **state)
{
    begin_end_of_two();
    struct txn_marking out[2] = {world.marks[0], world.marks[1]};
    struct asked other;
    int16_t epoch = -1;
    world.mark_count = 0;
    prepare(&other);
    struct txn_producer producer = {.id = SLICE_LITERAL("u"), .producer_id = -1, .epoch = -1};
    txn_init_producer_id(&world.machine, &producer, 60000, &other.call);
    run();
    producer.producer_id = other.call.producer_id;
    producer.epoch = epoch = other.call.epoch;
    int32_t partition = 9;
    txn_asked_topic topics = {.name = SLICE_LITERAL("orders"), .partitions = {&partition, 1}};
    txn_add_partitions(&world.machine, &producer, &topics, 1, 2, &other.call);
    run();
    txn_end(&world.machine, &producer, true, 2, &other.call);
    run();
    assert_int_equal(world.mark_count, 1);
    mark_all(KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
    pass(RETRY_MS); /* the other's; ours are out */
    run();
    assert_int_equal(world.mark_count, 1);
    assert_int_equal(the()->now.state, TXN_PREPARE_COMMIT);
    txn_marked(&world.machine, &out[0], N);
    txn_marked(&world.machine, &out[1], N);
    mark_all(N);
    run();
    assert_int_equal(the()->now.state, TXN_COMPLETE_COMMIT);
}

static void without_room_no_id_is_new(void **state)
{
    init();
    enum { BALLAST_BYTES = 1 << 20 };
    void *ballast = mem_alloc(world.mem, BALLAST_BYTES);
    world.mem->limit = world.mem->used * 1000 / 510; /* more than half full */
    struct txn_producer other = {.id = SLICE_LITERAL("u"), .producer_id = -1, .epoch = -1};
    prepare(&asked);
    txn_init_producer_id(&world.machine, &other, 60000, &asked.call);
    drain_answers();
    assert_int_equal(asked.call.error, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(world.machine.refused_count, 1);
    init(); /* who is known goes on */
    add("a", 0, 2);
    end(true, 2);
    world.mem->limit = world.mem->used * 1000 / 635;
    ask_add(&asked, the()->now.producer_id, the()->now.epoch, "a", 0, 2);
    run();
    assert_int_equal(asked.call.error, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
    world.mem->limit = (size_t)1 << 30;
    mem_free(world.mem, ballast, BALLAST_BYTES);
    add("a", 0, 2);
    end(true, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLEAN(the_timeout_is_that_of_the_last_producer),
        CLEAN(adding_nothing_begins_a_transaction_too),
        CLEAN(a_transaction_is_as_old_as_its_first_partition),
        CLEAN(the_clients_version_is_kept),
        CLEAN(without_version_2_a_timeout_fences_by_an_epoch_of_its_own),
        CLEAN(the_finalized_version_chooses_the_records),
        CLEAN(only_the_epoch_before_is_a_repetition),
        CLEAN(only_the_last_epoch_of_the_id_before_is_a_repetition),
        CLEAN(a_marker_that_failed_is_missing_also_when_the_others_are_written),
        CLEAN(a_partition_with_a_later_epoch_needs_no_marker),
        CLEAN(markers_on_their_way_are_not_touched_when_others_are_tried_again),
        CLEAN(without_room_no_id_is_new),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
