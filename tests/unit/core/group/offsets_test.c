/* Goal: committed offsets are kept, found, expired and deleted as Kafka does; those of open transactions wait for their
 * marker. Method: one machine driven by hand; after each story a second machine replays the log. */
#include "core/group/internal.h"
#include "tests/unit/core/group/world.h"

static const int64_t DAY_MS = 24 * 3600 * 1000;

/* One stable member. */
static struct consumer settle_one(struct world *world, const char *group)
{
    struct consumer a = consumer(group), *one[] = {&a};
    begin_join(world, &a);
    pass(world, 3001);
    assert_int_equal(end_join(&a), KAFKA_ERROR_NONE);
    one[0] = &a;
    begin_sync(world, &a, one, 1);
    assert_int_equal(end_sync(&a), KAFKA_ERROR_NONE);
    return a;
}

static int16_t delete_group(struct world *world, const char *group)
{
    struct asked *asked = ask(world, 2);
    group_delete(&world->machine, slice_from_string(group), &asked->call);
    pump(world);
    return error_of(asked);
}

static int16_t delete_offset(struct world *world, const char *group, const char *topic, int32_t partition)
{
    struct asked *asked = ask(world, 0);
    struct offset_delete_request_offset_delete_request_partition which = {.partition_index = partition};
    struct offset_delete_request_offset_delete_request_topic of = {.name = slice_from_string(topic),
                                                                   .partitions = {&which, 1}};
    struct offset_delete_request request = {.group_id = slice_from_string(group), .topics = {&of, 1}};
    group_delete_offsets(&world->machine, &request, &asked->call);
    pump(world);
    int16_t error = asked->call.error;
    if (error == KAFKA_ERROR_NONE)
        error = asked->call.offset_delete.topics.items[0].partitions.items[0].error_code;
    forget(asked);
    return error;
}

static void end_transaction(struct world *world, int64_t producer_id, bool commits)
{
    struct asked *asked = ask(world, 1);
    group_end_transaction(&world->machine, producer_id, 0, commits, 5, 2, &asked->call);
    pump(world);
    assert_int_equal(error_of(asked), KAFKA_ERROR_NONE);
}

static int16_t stable_error(struct world *world, const char *group, int32_t partition)
{
    struct asked *asked = send_fetch(world, group, partition, true);
    int16_t error = asked->call.error != KAFKA_ERROR_NONE ? asked->call.error : asked->call.offsets.items[0].error;
    forget(asked);
    return error;
}

static void a_commit_counts_when_the_log_has_it(void **state)
{
    struct world *world = *state;
    struct consumer a = settle_one(world, "g");
    world->hold = true;
    struct asked *asked = send_commit(world, &a, 0, 17, -1);
    assert_false(asked->done);
    assert_int_equal(committed(world, "g", 0), -1);
    struct asked *stable = send_fetch(world, "g", 0, true); /* waits for what was before it */
    assert_false(stable->done);
    release(world);
    assert_int_equal(error_of(asked), KAFKA_ERROR_NONE);
    assert_int_equal(stable->call.offsets.items[0].offset, 17);
    assert_int_equal(stable->call.offsets.items[0].leader_epoch, 3);
    assert_true(slice_equal_string(stable->call.offsets.items[0].metadata, "note"));
    forget(stable);
    world->refuse = KAFKA_ERROR_NOT_ENOUGH_REPLICAS;
    assert_int_equal(commit(world, &a, 0, 18), KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
    world->refuse = KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER;
    assert_int_equal(commit(world, &a, 0, 19), KAFKA_ERROR_NOT_COORDINATOR);
    world->refuse = KAFKA_ERROR_NONE;
    assert_int_equal(committed(world, "g", 0), 17);
    check_replay(world);
}

static void a_commit_is_as_good_as_a_heartbeat(void **state)
{
    struct world *world = *state;
    struct consumer a = settle_one(world, "g");
    for (int i = 0; i < 5; i++) {
        pass(world, 9000);
        assert_int_equal(commit(world, &a, 0, i), KAFKA_ERROR_NONE);
    }
    ASSERT_STATE(world, "g", "Stable");
}

static void a_simple_consumer_needs_no_membership(void **state)
{
    struct world *world = *state;
    struct consumer simple = consumer("s");
    assert_int_equal(commit(world, &simple, 4, 99), KAFKA_ERROR_NONE);
    assert_int_equal(committed(world, "s", 4), 99);
    assert_int_equal(committed(world, "s", 5), -1);
    assert_int_equal(committed(world, "other", 4), -1);
    ASSERT_STATE(world, "s", "Empty");
    check_replay(world);
    restart(world);
    assert_int_equal(committed(world, "s", 4), 99);
}

static void another_topic_of_the_same_name_has_no_offsets(void **state)
{
    struct world *world = *state;
    struct consumer simple = consumer("s");
    assert_int_equal(commit(world, &simple, 0, 99), KAFKA_ERROR_NONE);
    for (uint8_t id = 8; id <= 9; id++) {
        struct asked *asked = ask(world, 10);
        struct group_offset item = {.topic = SLICE_LITERAL("t"), .topic_id = {{id}}, .partition = 0};
        group_fetch(&world->machine, SLICE_LITERAL("s"), false, &item, 1, &asked->call);
        pump(world);
        assert_int_equal(item.offset, id == 9 ? 99 : -1);
        forget(asked);
    }
}

static void metadata_is_measured_as_java_does(void **state)
{
    struct world *world = *state;
    struct group_offset items[2] = {{.topic = SLICE_LITERAL("t"),
                                     .metadata = SLICE_LITERAL("\xf0\x9f\x98\x80"
                                                               "abc")},
                                    {.topic = SLICE_LITERAL("t"), .partition = 1, .metadata = SLICE_LITERAL("äöüßé")}};
    struct group_commit request = {.group_id = SLICE_LITERAL("s"),
                                   .generation = -1,
                                   .instance_id = SLICE_NULL,
                                   .retention_ms = -1,
                                   .items = items,
                                   .count = 2};
    world->machine.settings.metadata_max_bytes = 4;
    struct asked *asked = ask(world, 8);
    group_commit(&world->machine, &request, &asked->call);
    pump(world);
    assert_int_equal(error_of(asked), KAFKA_ERROR_NONE);
    assert_int_equal(items[0].error, KAFKA_ERROR_OFFSET_METADATA_TOO_LARGE);
    assert_int_equal(items[1].error, KAFKA_ERROR_OFFSET_METADATA_TOO_LARGE);
    world->machine.settings.metadata_max_bytes = 5; /* one character outside the plane counts twice */
    asked = ask(world, 8);
    group_commit(&world->machine, &request, &asked->call);
    pump(world);
    assert_int_equal(error_of(asked), KAFKA_ERROR_NONE);
    assert_int_equal(items[0].error | items[1].error, KAFKA_ERROR_NONE);
    assert_int_equal(world->machine.offset_count, 2);
}

static void offsets_of_an_empty_group_expire_after_the_retention(void **state)
{
    struct world *world = *state;
    struct consumer a = settle_one(world, "g");
    assert_int_equal(commit(world, &a, 0, 17), KAFKA_ERROR_NONE);
    for (int i = 0; i < 8 * 24 * 3600 / 9; i++) { /* older than the retention, but subscribed to */
        world->now_ms += 9000;
        group_clock(&world->machine, world->now_ms, WALL_MS + world->now_ms);
        assert_int_equal(heartbeat(world, &a), KAFKA_ERROR_NONE);
        group_tick(&world->machine);
    }
    pump(world);
    assert_int_equal(committed(world, "g", 0), 17);
    assert_int_equal(leave(world, &a), KAFKA_ERROR_NONE);
    pass(world, 7 * DAY_MS - 1000);
    assert_int_equal(committed(world, "g", 0), 17);
    pass(world, 700000);
    assert_int_equal(committed(world, "g", 0), -1);
    ASSERT_STATE(world, "g", "Dead");
    assert_int_equal(world->machine.groups.count, 0);
    check_replay(world);
}

static void offsets_of_simple_consumers_expire_one_by_one(void **state)
{
    struct world *world = *state;
    struct consumer simple = consumer("s");
    assert_int_equal(commit(world, &simple, 0, 1), KAFKA_ERROR_NONE);
    pass(world, 3 * DAY_MS);
    assert_int_equal(commit(world, &simple, 1, 2), KAFKA_ERROR_NONE);
    pass(world, 4 * DAY_MS + 600001);
    assert_int_equal(committed(world, "s", 0), -1);
    assert_int_equal(committed(world, "s", 1), 2);
    check_replay(world);
    pass(world, 3 * DAY_MS + 600001);
    assert_int_equal(world->machine.groups.count, 0);
    check_replay(world);
}

/* A record that rot, or a program of somebody's, has made: commits before all time are old. */
static void any_stored_commit_time_is_compared(void **state)
{
    struct world *world = *state;
    struct consumer simple = consumer("s");
    assert_int_equal(commit(world, &simple, 0, 1), KAFKA_ERROR_NONE);
    assert_int_equal(commit(world, &simple, 1, 2), KAFKA_ERROR_NONE);
    const struct group *group = group_find(&world->machine, SLICE_LITERAL("s"));
    for (int32_t partition = 0; partition < 2; partition++)
        group_topics_get(&group->topics, SLICE_LITERAL("t"), partition)->commit_timestamp_ms =
            partition == 0 ? INT64_MIN : INT64_MAX;
    pass(world, 601000);
    assert_int_equal(committed(world, "s", 0), -1);
    assert_int_equal(committed(world, "s", 1), 2);
}

static void an_old_commit_brings_its_own_retention(void **state)
{
    struct world *world = *state;
    struct group_offset item = {.topic = SLICE_LITERAL("t"), .offset = 6, .metadata = SLICE_NULL};
    struct group_commit request = {.group_id = SLICE_LITERAL("s"),
                                   .generation = -1,
                                   .instance_id = SLICE_NULL,
                                   .retention_ms = DAY_MS,
                                   .items = &item,
                                   .count = 1};
    struct asked *asked = ask(world, 4);
    group_commit(&world->machine, &request, &asked->call);
    pump(world);
    assert_int_equal(error_of(asked), KAFKA_ERROR_NONE);
    check_replay(world);
    pass(world, DAY_MS - 1000);
    assert_int_equal(committed(world, "s", 0), 6);
    pass(world, 602000);
    assert_int_equal(committed(world, "s", 0), -1);
}

static void a_deleted_topic_takes_its_offsets_along(void **state)
{
    struct world *world = *state;
    struct consumer simple = consumer("s");
    assert_int_equal(commit(world, &simple, 0, 1), KAFKA_ERROR_NONE);
    world->hold = true;
    struct asked *late = send_commit(world, &simple, 1, 2, -1); /* on its way while the topic goes */
    struct asked *open = send_commit(world, &simple, 2, 3, 77);
    group_topic_deleted(&world->machine, SLICE_LITERAL("t"), (struct uuid){{9}});
    pump(world);
    release(world);
    assert_int_equal(error_of(late) | error_of(open), KAFKA_ERROR_NONE);
    for (int32_t partition = 0; partition < 3; partition++)
        assert_int_equal(committed(world, "s", partition), -1);
    end_transaction(world, 77, true); /* nothing is left of it */
    assert_int_equal(committed(world, "s", 2), -1);
    check_replay(world);
    assert_int_equal(commit(world, &simple, 0, 4), KAFKA_ERROR_NONE);
    group_topic_deleted(&world->machine, SLICE_LITERAL("t"), (struct uuid){{8}}); /* another one of that name */
    pump(world);
    assert_int_equal(committed(world, "s", 0), 4);
}

static void a_group_is_deleted_with_all_that_belongs_to_it(void **state)
{
    struct world *world = *state;
    struct consumer simple = consumer("s"), member = settle_one(world, "g");
    assert_int_equal(delete_group(world, "nowhere"), KAFKA_ERROR_GROUP_ID_NOT_FOUND);
    assert_int_equal(delete_group(world, "g"), KAFKA_ERROR_NON_EMPTY_GROUP);
    (void)member;
    for (int32_t partition = 0; partition < 5000; partition++) /* more than one piece of tombstones */
        assert_int_equal(commit(world, &simple, partition, partition), KAFKA_ERROR_NONE);
    assert_int_equal(error_of(send_commit(world, &simple, 7000, 1, 77)), KAFKA_ERROR_NONE);
    world->hold = true;
    struct asked *before = send_commit(world, &simple, 6000, 1, -1);
    struct asked *asked = ask(world, 2);
    group_delete(&world->machine, SLICE_LITERAL("s"), &asked->call);
    pump(world);
    struct asked *after = send_commit(world, &simple, 6001, 1, -1);
    assert_int_equal(error_of(after), KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
    assert_false(asked->done);
    release(world);
    assert_int_equal(error_of(before) | error_of(asked), KAFKA_ERROR_NONE);
    assert_int_equal(world->machine.offset_count, 0);
    assert_int_equal(world->machine.groups.count, 1);
    assert_int_equal(world->machine.transactions.count, 0);
    check_replay(world);
    assert_int_equal(commit(world, &simple, 1, 5), KAFKA_ERROR_NONE); /* begins anew */
    assert_int_equal(committed(world, "s", 6000), -1);
    check_replay(world);
}

static void a_group_that_cannot_be_deleted_lives_on(void **state)
{
    struct world *world = *state;
    struct consumer simple = consumer("s");
    assert_int_equal(commit(world, &simple, 0, 1), KAFKA_ERROR_NONE);
    world->refuse = KAFKA_ERROR_NOT_ENOUGH_REPLICAS;
    assert_int_equal(delete_group(world, "s"), KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
    world->refuse = KAFKA_ERROR_NONE;
    ASSERT_STATE(world, "s", "Empty");
    assert_int_equal(committed(world, "s", 0), 1);
    assert_int_equal(delete_group(world, "s"), KAFKA_ERROR_NONE);
    check_replay(world);
}

static void offsets_are_deleted_unless_somebody_subscribes(void **state)
{
    struct world *world = *state;
    struct consumer a = settle_one(world, "g");
    assert_int_equal(commit(world, &a, 0, 17), KAFKA_ERROR_NONE);
    assert_int_equal(delete_offset(world, "g", "t", 0), KAFKA_ERROR_GROUP_SUBSCRIBED_TO_TOPIC);
    assert_int_equal(delete_offset(world, "g", "other", 0), KAFKA_ERROR_NONE);
    assert_int_equal(delete_offset(world, "nowhere", "t", 0), KAFKA_ERROR_GROUP_ID_NOT_FOUND);
    assert_int_equal(leave(world, &a), KAFKA_ERROR_NONE);
    assert_int_equal(delete_offset(world, "g", "t", 0), KAFKA_ERROR_NONE);
    assert_int_equal(committed(world, "g", 0), -1);
    check_replay(world);
}

static void a_deletion_goes_behind_a_commit_on_its_way(void **state)
{
    struct world *world = *state;
    struct consumer simple = consumer("s");
    world->hold = true;
    struct asked *first = send_commit(world, &simple, 0, 1, -1);
    struct asked *asked = ask(world, 0);
    struct offset_delete_request_offset_delete_request_partition which = {.partition_index = 0};
    struct offset_delete_request_offset_delete_request_topic of = {.name = SLICE_LITERAL("t"),
                                                                   .partitions = {&which, 1}};
    struct offset_delete_request request = {.group_id = SLICE_LITERAL("s"), .topics = {&of, 1}};
    group_delete_offsets(&world->machine, &request, &asked->call);
    release(world);
    assert_int_equal(error_of(first) | error_of(asked), KAFKA_ERROR_NONE);
    assert_int_equal(committed(world, "s", 0), -1);
    check_replay(world);
}

static void a_commit_on_its_way_does_not_expire(void **state)
{
    struct world *world = *state;
    struct consumer simple = consumer("s");
    assert_int_equal(commit(world, &simple, 0, 1), KAFKA_ERROR_NONE);
    assert_int_equal(commit(world, &simple, 1, 1), KAFKA_ERROR_NONE);
    pass(world, 7 * DAY_MS - 5000);
    world->hold = true;
    struct asked *asked = send_commit(world, &simple, 0, 2, -1);
    pass(world, 700000);
    release(world);
    assert_int_equal(error_of(asked), KAFKA_ERROR_NONE);
    assert_int_equal(committed(world, "s", 0), 2);
    check_replay(world);
}

static void offsets_of_a_transaction_wait_for_its_marker(void **state)
{
    struct world *world = *state;
    struct consumer simple = consumer("s");
    assert_int_equal(commit(world, &simple, 0, 10), KAFKA_ERROR_NONE);
    assert_int_equal(error_of(send_commit(world, &simple, 0, 20, 77)), KAFKA_ERROR_NONE);
    assert_int_equal(committed(world, "s", 0), 10);
    assert_int_equal(stable_error(world, "s", 0), KAFKA_ERROR_UNSTABLE_OFFSET_COMMIT);
    assert_int_equal(stable_error(world, "s", 1), KAFKA_ERROR_NONE);
    check_replay(world);
    restart(world);
    assert_int_equal(stable_error(world, "s", 0), KAFKA_ERROR_UNSTABLE_OFFSET_COMMIT);
    end_transaction(world, 77, false);
    assert_int_equal(stable_error(world, "s", 0), KAFKA_ERROR_NONE);
    assert_int_equal(committed(world, "s", 0), 10);
    assert_int_equal(error_of(send_commit(world, &simple, 0, 30, 77)), KAFKA_ERROR_NONE);
    assert_int_equal(error_of(send_commit(world, &simple, 1, 31, 78)), KAFKA_ERROR_NONE);
    end_transaction(world, 77, true);
    assert_int_equal(committed(world, "s", 0), 30);
    assert_int_equal(stable_error(world, "s", 1), KAFKA_ERROR_UNSTABLE_OFFSET_COMMIT);
    end_transaction(world, 99, true); /* of somebody who has none here */
    check_replay(world);
    end_transaction(world, 78, true);
    assert_int_equal(committed(world, "s", 1), 31);
    check_replay(world);
}

static void a_transaction_may_commit_for_several_groups(void **state)
{
    struct world *world = *state;
    struct consumer one = consumer("s"), other = consumer("t");
    assert_int_equal(error_of(send_commit(world, &one, 0, 20, 77)), KAFKA_ERROR_NONE);
    assert_int_equal(error_of(send_commit(world, &other, 0, 40, 77)), KAFKA_ERROR_NONE);
    end_transaction(world, 77, true);
    assert_int_equal(committed(world, "s", 0), 20);
    assert_int_equal(committed(world, "t", 0), 40);
    check_replay(world);
}

static void the_later_record_wins_over_the_later_marker(void **state)
{
    struct world *world = *state;
    struct consumer simple = consumer("s");
    assert_int_equal(error_of(send_commit(world, &simple, 0, 20, 77)), KAFKA_ERROR_NONE);
    assert_int_equal(commit(world, &simple, 0, 30), KAFKA_ERROR_NONE);
    end_transaction(world, 77, true);
    assert_int_equal(committed(world, "s", 0), 30);
    check_replay(world);
}

static void open_transactions_keep_offsets_from_expiring(void **state)
{
    struct world *world = *state;
    struct consumer simple = consumer("s");
    assert_int_equal(commit(world, &simple, 0, 10), KAFKA_ERROR_NONE);
    assert_int_equal(error_of(send_commit(world, &simple, 0, 20, 77)), KAFKA_ERROR_NONE);
    pass(world, 8 * DAY_MS);
    assert_int_equal(committed(world, "s", 0), 10);
    end_transaction(world, 77, false);
    pass(world, 600001);
    assert_int_equal(world->machine.groups.count, 0);
    check_replay(world);
    assert_int_equal(error_of(send_commit(world, &simple, 1, 21, 78)), KAFKA_ERROR_NONE); /* nothing but that */
    pass(world, 8 * DAY_MS);
    end_transaction(world, 78, true);
    assert_int_equal(committed(world, "s", 1), 21);
    check_replay(world);
}

/* Kafka wrote these before version 0.11 and writes others for groups of newer protocols. */
static void records_of_other_kinds_and_versions_are_understood(void **state)
{
    struct world *world = *state;
    const struct slice old_key = SLICE_LITERAL("\0\0\0\1o\0\1t\0\0\0\5");
    const struct slice old_value = SLICE_LITERAL("\0\0\0\0\0\0\0\0\0\7\0\1m\0\0\1\x8b\xcf\xe5\x68\0");
    struct machine_replay record = {.key = old_key, .value = old_value, .offset = 3, .producer_id = -1};
    assert_int_equal(group_replay(&world->machine, &record), ERR_OK);
    assert_int_equal(committed(world, "o", 5), 7);
    group_topic_deleted(&world->machine, SLICE_LITERAL("t"), (struct uuid){{9}}); /* whatever its id was: it is gone */
    pump(world);
    assert_int_equal(committed(world, "o", 5), -1);
    record.key = SLICE_LITERAL("\0\3\0\1c");
    record.value = SLICE_LITERAL("\0\0\0\0\0\1");
    assert_int_equal(group_replay(&world->machine, &record), ERR_OK);
    assert_int_equal(world->machine.groups.count, 1);
    record.key = SLICE_LITERAL("\0");
    assert_int_equal(group_replay(&world->machine, &record), ERR_CORRUPT);
    record.key = SLICE_LITERAL("\0\2\0\x7f"
                               "x"); /* longer than it is */
    assert_int_equal(group_replay(&world->machine, &record), ERR_CORRUPT);
    record.key = SLICE_LITERAL("\0\2\0\1x");
    record.value = SLICE_LITERAL("\0\x63");
    assert_int_equal(group_replay(&world->machine, &record), ERR_CORRUPT);
    group_check(&world->machine);
}

/* Monitors read __consumer_offsets: Burrow knows groups up to version 3 and offsets up to version 4. */
static void records_have_the_versions_that_kafka_writes(void **state)
{
    struct world *world = *state;
    struct consumer a = settle_one(world, "g");
    int counts[2] = {0, 0};
    assert_int_equal(commit(world, &a, 0, 17), KAFKA_ERROR_NONE);
    for (size_t i = 0; i < world->log_count; i++) {
        const struct logged *logged = &world->log[i];
        bool is_group = logged->key.data[1] == 2;
        assert_int_equal(logged->value.data[0], 0);
        assert_int_equal(logged->value.data[1], is_group ? 3 : 4);
        counts[is_group]++;
    }
    assert_true(counts[0] > 0 && counts[1] > 0);
}

static void an_apply_without_memory_asks_for_a_reload(void **state)
{
    struct world *world = *state;
    struct consumer simple = consumer("s");
    world->hold = true;
    struct asked *asked = send_commit(world, &simple, 0, 1, -1);
    struct machine_append *append = CONTAINER_OF(list_pop_front(&world->in_flight), struct machine_append, link);
    test_mem_fail_at(world->mem, 1);
    answer_append(world, append);
    test_mem_fail_at(world->mem, 0);
    collect(world);
    assert_true(world->machine.broken);
    assert_int_equal(error_of(asked), KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
    restart(world);
    assert_int_equal(committed(world, "s", 0), 1); /* the log has it */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, world_up, world_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_commit_counts_when_the_log_has_it),
        CASE(a_commit_is_as_good_as_a_heartbeat),
        CASE(a_simple_consumer_needs_no_membership),
        CASE(another_topic_of_the_same_name_has_no_offsets),
        CASE(metadata_is_measured_as_java_does),
        CASE(offsets_of_an_empty_group_expire_after_the_retention),
        CASE(offsets_of_simple_consumers_expire_one_by_one),
        CASE(any_stored_commit_time_is_compared),
        CASE(an_old_commit_brings_its_own_retention),
        CASE(a_deleted_topic_takes_its_offsets_along),
        CASE(a_group_is_deleted_with_all_that_belongs_to_it),
        CASE(a_group_that_cannot_be_deleted_lives_on),
        CASE(offsets_are_deleted_unless_somebody_subscribes),
        CASE(a_deletion_goes_behind_a_commit_on_its_way),
        CASE(a_commit_on_its_way_does_not_expire),
        CASE(offsets_of_a_transaction_wait_for_its_marker),
        CASE(a_transaction_may_commit_for_several_groups),
        CASE(the_later_record_wins_over_the_later_marker),
        CASE(open_transactions_keep_offsets_from_expiring),
        CASE(records_of_other_kinds_and_versions_are_understood),
        CASE(records_have_the_versions_that_kafka_writes),
        CASE(an_apply_without_memory_asks_for_a_reload),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
