/* Goal: membership is Kafka's: who waits, who is let in, who is fenced, when a rebalance begins and ends.
 * Method: clients driven by hand against one machine; after each story a second machine replays the log. */
#include "tests/unit/core/group/world.h"

/* Two members in generation 1, the first leads. */
static void settle_two(struct world *world, struct consumer *a, struct consumer *b)
{
    struct consumer *both[] = {a, b};
    begin_join(world, a);
    begin_join(world, b);
    pass(world, 6000);
    assert_true(a->join->done && b->join->done);
    assert_int_equal(a->join->call.join.members.count, 2);
    assert_int_equal(b->join->call.join.members.count, 0);
    assert_int_equal(end_join(a), KAFKA_ERROR_NONE);
    assert_int_equal(end_join(b), KAFKA_ERROR_NONE);
    begin_sync(world, b, NULL, 0);
    assert_false(b->sync->done);
    begin_sync(world, a, both, 2);
    assert_true(slice_equal_string(b->sync->call.sync.assignment, b->member_id));
    assert_int_equal(end_sync(a), KAFKA_ERROR_NONE);
    assert_int_equal(end_sync(b), KAFKA_ERROR_NONE);
    ASSERT_STATE(world, a->group, "Stable");
}

static void an_empty_group_waits_for_its_first_members(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g"), b = consumer("g");
    begin_join(world, &a);
    ASSERT_STATE(world, "g", "PreparingRebalance");
    pass(world, 2999);
    assert_false(a.join->done);
    begin_join(world, &b); /* prolongs the wait by another delay */
    pass(world, 2);
    assert_false(a.join->done);
    pass(world, 3000);
    assert_true(a.join->done && b.join->done);
    assert_int_equal(a.join->call.join.generation_id, 1);
    assert_true(leads(&a));
    assert_true(slice_equal_string(a.join->call.join.protocol_name, "r"));
    assert_int_equal(end_join(&a), KAFKA_ERROR_NONE);
    assert_int_equal(end_join(&b), KAFKA_ERROR_NONE);
    check_replay(world);
}

static void a_third_member_makes_a_rebalance_that_the_others_hear_of(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g"), b = consumer("g"), c = consumer("g");
    settle_two(world, &a, &b);
    check_replay(world);
    begin_join(world, &c);
    ASSERT_STATE(world, "g", "PreparingRebalance");
    assert_int_equal(heartbeat(world, &a), KAFKA_ERROR_REBALANCE_IN_PROGRESS);
    begin_join(world, &a);
    assert_false(a.join->done);
    begin_join(world, &b);
    assert_true(a.join->done && b.join->done && c.join->done);
    assert_int_equal(a.join->call.join.members.count, 3);
    assert_int_equal(end_join(&a), KAFKA_ERROR_NONE);
    assert_int_equal(end_join(&b), KAFKA_ERROR_NONE);
    assert_int_equal(end_join(&c), KAFKA_ERROR_NONE);
    assert_int_equal(c.generation, 2);
    begin_sync(world, &c, NULL, 0);
    begin_sync(world, &b, NULL, 0);
    struct consumer *all[] = {&a, &c};
    begin_sync(world, &a, all, 2); /* b is not named: it gets nothing */
    assert_int_equal(b.sync->call.sync.assignment.length, 0);
    assert_int_equal(end_sync(&a) | end_sync(&b) | end_sync(&c), KAFKA_ERROR_NONE);
    check_replay(world);
}

static void a_member_that_is_silent_loses_its_place(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g"), b = consumer("g");
    settle_two(world, &a, &b);
    for (int i = 0; i < 3; i++) {
        pass(world, 4000);
        (void)heartbeat(world, &a);
    }
    ASSERT_STATE(world, "g", "PreparingRebalance");
    assert_int_equal(heartbeat(world, &b), KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    begin_join(world, &a);
    assert_int_equal(end_join(&a), KAFKA_ERROR_NONE);
    assert_int_equal(a.generation, 2);
    struct consumer *one[] = {&a};
    begin_sync(world, &a, one, 1);
    assert_int_equal(end_sync(&a), KAFKA_ERROR_NONE);
    check_replay(world);
}

static void what_a_person_wants_to_hear_of_is_told_once_and_bounded(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g \n\"x=1"), b = consumer("g \n\"x=1");
    settle_two(world, &a, &b);
    struct group_machine *machine = &world->machine;
    assert_int_equal(machine->news_count, 2);
    assert_int_equal(machine->news[0].kind, GROUP_NEWS_REBALANCE);
    assert_int_equal(machine->news[1].kind, GROUP_NEWS_STABLE);
    assert_int_equal(machine->news[1].member_count, 2);
    assert_int_equal(machine->news[1].generation, 1);
    assert_string_equal(machine->news[1].group, "g???x?1"); /* nothing that could pass for another key */
    machine->news_count = 0;
    for (int i = 0; i < 3; i++) {
        pass(world, 4000);
        (void)heartbeat(world, &a);
    }
    assert_int_equal(machine->news_count, 2);
    assert_int_equal(machine->news[0].kind, GROUP_NEWS_MEMBER_SILENT);
    assert_int_equal(machine->news[1].kind, GROUP_NEWS_REBALANCE);
    for (int i = 0; i < 20; i++)
        pass(world, 60000);
    assert_true(machine->news_count <= GROUP_NEWS_MAX);
    assert_int_equal(machine->news[3].kind, GROUP_NEWS_EMPTY);
}

static void who_does_not_join_again_in_time_is_left_behind(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g"), b = consumer("g"), c = consumer("g");
    a.rebalance_ms = b.rebalance_ms = c.rebalance_ms = 20000;
    settle_two(world, &a, &b);
    begin_join(world, &c);
    begin_join(world, &b);
    for (int i = 0; i < 4; i++) { /* alive, but busy */
        assert_int_equal(heartbeat(world, &a), KAFKA_ERROR_REBALANCE_IN_PROGRESS);
        pass(world, 5000);
    }
    assert_true(b.join->done && c.join->done);
    assert_true(leads(&b)); /* the old leader has gone */
    assert_int_equal(end_join(&b) | end_join(&c), KAFKA_ERROR_NONE);
    assert_int_equal(heartbeat(world, &a), KAFKA_ERROR_UNKNOWN_MEMBER_ID);
}

static void who_does_not_sync_in_time_is_left_behind(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g"), b = consumer("g");
    a.rebalance_ms = b.rebalance_ms = 8000;
    begin_join(world, &a);
    begin_join(world, &b);
    pass(world, 6000);
    assert_int_equal(end_join(&a) | end_join(&b), KAFKA_ERROR_NONE);
    begin_sync(world, &b, NULL, 0);
    pass(world, 7999);
    assert_false(b.sync->done);
    pass(world, 1); /* the leader has said nothing */
    assert_int_equal(end_sync(&b), KAFKA_ERROR_REBALANCE_IN_PROGRESS);
    begin_join(world, &b);
    assert_true(leads(&b));
    assert_int_equal(end_join(&b), KAFKA_ERROR_NONE);
    assert_int_equal(heartbeat(world, &a), KAFKA_ERROR_UNKNOWN_MEMBER_ID);
}

static void a_member_that_leaves_makes_room_at_once(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g"), b = consumer("g");
    settle_two(world, &a, &b);
    assert_int_equal(leave(world, &a), KAFKA_ERROR_NONE);
    assert_int_equal(leave(world, &a), KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    begin_join(world, &b);
    assert_int_equal(end_join(&b), KAFKA_ERROR_NONE);
    world->hold = true;
    struct leave_group_request_member_identity member = {.member_id = slice_from_string(b.member_id)};
    struct leave_group_request request = {.group_id = SLICE_LITERAL("g"), .members = {&member, 1}};
    struct asked *asked = ask(world, 5);
    group_leave(&world->machine, &request, &asked->call);
    pump(world);
    assert_false(asked->done); /* the last one: told when the log has it */
    release(world);
    assert_int_equal(error_of(asked), KAFKA_ERROR_NONE);
    ASSERT_STATE(world, "g", "Empty");
    check_replay(world);
}

static void a_static_member_comes_back_without_a_rebalance(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g"), b = consumer("g");
    a.instance_id = "one";
    b.instance_id = "two";
    settle_two(world, &a, &b);
    struct consumer again = consumer("g");
    again.instance_id = "one";
    begin_join(world, &again);
    assert_true(again.join->done);
    assert_true(again.join->call.join.skip_assignment);
    assert_int_equal(again.join->call.join.members.count, 2);
    assert_int_equal(end_join(&again), KAFKA_ERROR_NONE);
    assert_int_equal(again.generation, 1);
    begin_sync(world, &again, NULL, 0);
    assert_true(slice_equal_string(again.sync->call.sync.assignment, a.member_id)); /* what the old one had */
    assert_int_equal(end_sync(&again), KAFKA_ERROR_NONE);
    assert_int_equal(heartbeat(world, &a), KAFKA_ERROR_FENCED_INSTANCE_ID);
    assert_int_equal(commit(world, &a, 0, 5), KAFKA_ERROR_FENCED_INSTANCE_ID);
    assert_int_equal(heartbeat(world, &b), KAFKA_ERROR_NONE);
    check_replay(world);
}

static void an_old_static_leader_is_not_told_that_it_leads(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g"), b = consumer("g");
    a.instance_id = "one";
    b.instance_id = "two";
    settle_two(world, &a, &b);
    struct consumer again = consumer("g");
    again.instance_id = "one";
    again.version = 8;
    begin_join(world, &again);
    assert_true(slice_equal_string(again.join->call.join.leader, a.member_id));
    assert_int_equal(again.join->call.join.members.count, 0);
    assert_int_equal(end_join(&again), KAFKA_ERROR_NONE);
}

static void a_static_member_that_cannot_be_written_down_tries_again(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g"), b = consumer("g");
    a.instance_id = "one";
    b.instance_id = "two";
    settle_two(world, &a, &b);
    struct consumer again = consumer("g");
    again.instance_id = "two";
    world->refuse = KAFKA_ERROR_NOT_ENOUGH_REPLICAS;
    begin_join(world, &again);
    assert_int_equal(end_join(&again), KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
    ASSERT_STATE(world, "g", "PreparingRebalance");
    world->refuse = KAFKA_ERROR_NONE;
    begin_join(world, &again);
    begin_join(world, &a);
    assert_int_equal(end_join(&again) | end_join(&a), KAFKA_ERROR_NONE);
}

static void an_administrator_removes_static_members_by_their_instance(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g"), b = consumer("g"), nobody = consumer("g"), named = consumer("g");
    a.instance_id = "one";
    b.instance_id = "two";
    settle_two(world, &a, &b);
    nobody.instance_id = "three";
    named.instance_id = "two";
    assert_int_equal(leave(world, &nobody), KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    assert_int_equal(leave(world, &named), KAFKA_ERROR_NONE);
    assert_int_equal(heartbeat(world, &b), KAFKA_ERROR_UNKNOWN_MEMBER_ID);
}

static void a_static_member_may_miss_a_rebalance(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g"), b = consumer("g"), c = consumer("g");
    a.instance_id = "one";
    a.rebalance_ms = b.rebalance_ms = c.rebalance_ms = 5000;
    settle_two(world, &a, &b);
    begin_join(world, &c);
    begin_join(world, &b);
    pass(world, 5000);
    assert_int_equal(b.join->call.join.members.count, 3); /* its place is kept until its session ends */
    assert_true(leads(&b));
    assert_int_equal(end_join(&b) | end_join(&c), KAFKA_ERROR_NONE);
    struct consumer *all[] = {&a, &b, &c};
    begin_sync(world, &b, all, 3);
    assert_int_equal(end_sync(&b), KAFKA_ERROR_NONE);
    check_replay(world); /* also who leads */
}

static void the_first_wait_goes_on_as_long_as_members_come(void **state)
{
    struct world *world = *state;
    struct consumer members[4];
    for (int i = 0; i < 4; i++) {
        members[i] = consumer("g");
        members[i].rebalance_ms = 8000; /* the longest wait of all */
        begin_join(world, &members[i]);
        pass(world, 2500);
    }
    assert_true(members[0].join->done); /* after 3 + 3 + 2 seconds, whoever else may come */
    assert_int_equal(members[0].join->call.join.members.count, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(end_join(&members[i]), KAFKA_ERROR_NONE);
}

static void a_rebalance_waits_for_ids_that_were_handed_out(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g"), b = consumer("g"), c = consumer("g");
    settle_two(world, &a, &b);
    struct asked *first = send_join(world, &c); /* has its id, and has not joined */
    forget(first);
    begin_join(world, &a); /* the leader: a rebalance */
    begin_join(world, &b);
    assert_false(a.join->done || b.join->done);
    pass(world, 10000); /* its session */
    assert_int_equal(end_join(&a) | end_join(&b), KAFKA_ERROR_NONE);
}

static void a_leader_that_joins_again_makes_a_rebalance(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g"), b = consumer("g");
    settle_two(world, &a, &b);
    begin_join(world, &b); /* a follower with nothing new: told what is */
    assert_int_equal(end_join(&b), KAFKA_ERROR_NONE);
    assert_int_equal(b.generation, 1);
    begin_join(world, &a);
    assert_false(a.join->done);
    ASSERT_STATE(world, "g", "PreparingRebalance");
    begin_join(world, &b);
    assert_int_equal(end_join(&a) | end_join(&b), KAFKA_ERROR_NONE);
    assert_int_equal(a.generation, 2);
}

static void a_new_member_does_not_wait_for_ever(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g"), b = consumer("g"), c = consumer("g");
    a.rebalance_ms = b.rebalance_ms = c.rebalance_ms = 20 * 60000;
    a.session_ms = b.session_ms = c.session_ms = 30 * 60000;
    settle_two(world, &a, &b);
    begin_join(world, &c);
    begin_join(world, &b); /* is known: it may wait as long as it takes */
    pass(world, 5 * 60000 - 1);
    assert_false(c.join->done);
    pass(world, 1);
    assert_int_equal(end_join(&c), KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    assert_false(b.join->done);
    begin_join(world, &a);
    assert_int_equal(end_join(&a) | end_join(&b), KAFKA_ERROR_NONE);
}

static void a_leader_that_repeats_itself_is_heard_once(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g"), *one[] = {&a};
    begin_join(world, &a);
    pass(world, 3001);
    assert_int_equal(end_join(&a), KAFKA_ERROR_NONE);
    world->hold = true;
    begin_sync(world, &a, one, 1);
    struct asked *first = a.sync;
    begin_sync(world, &a, NULL, 0); /* another time, and not the same */
    assert_int_equal(error_of(first), KAFKA_ERROR_REBALANCE_IN_PROGRESS);
    release(world);
    assert_true(slice_equal_string(a.sync->call.sync.assignment, a.member_id));
    assert_int_equal(end_sync(&a), KAFKA_ERROR_NONE);
    check_replay(world);
}

static void the_protocol_is_one_that_all_have_and_most_prefer(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g"), b = consumer("g"), c = consumer("g"), other = consumer("g");
    a.protocols = "xrs";
    b.protocols = "srx";
    c.protocols = "sr";
    begin_join(world, &a);
    begin_join(world, &b);
    begin_join(world, &c);
    other.protocols = "q";
    struct asked *refused = send_join(world, &other);
    assert_int_equal(error_of(refused), KAFKA_ERROR_INCONSISTENT_GROUP_PROTOCOL);
    other.protocols = "ss"; /* twice the same */
    refused = send_join(world, &other);
    assert_int_equal(error_of(refused), KAFKA_ERROR_INCONSISTENT_GROUP_PROTOCOL);
    pass(world, 20000);
    assert_true(slice_equal_string(a.join->call.join.protocol_name, "s"));
    assert_int_equal(end_join(&a) | end_join(&b) | end_join(&c), KAFKA_ERROR_NONE);
}

static void a_full_group_lets_nobody_in(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g"), b = consumer("g"), c = consumer("g");
    world->machine.settings.max_size = 2;
    settle_two(world, &a, &b);
    struct asked *refused = send_join(world, &c);
    assert_int_equal(refused->call.join.member_id.length, 0);
    assert_int_equal(error_of(refused), KAFKA_ERROR_GROUP_MAX_SIZE_REACHED);
    assert_int_equal(heartbeat(world, &a), KAFKA_ERROR_NONE);
}

static void requests_that_make_no_sense_are_refused_as_kafka_does(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g"), b = consumer("g"), bad = consumer("");
    assert_int_equal(error_of(send_join(world, &bad)), KAFKA_ERROR_INVALID_GROUP_ID);
    bad = consumer("g");
    bad.session_ms = 5999;
    assert_int_equal(error_of(send_join(world, &bad)), KAFKA_ERROR_INVALID_SESSION_TIMEOUT);
    bad.session_ms = 1800001;
    assert_int_equal(error_of(send_join(world, &bad)), KAFKA_ERROR_INVALID_SESSION_TIMEOUT);
    bad = consumer("nowhere");
    strcpy(bad.member_id, "somebody");
    assert_int_equal(error_of(send_join(world, &bad)), KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    assert_int_equal(heartbeat(world, &bad), KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    bad.generation = 4;
    assert_int_equal(commit(world, &bad, 0, 1), KAFKA_ERROR_GROUP_ID_NOT_FOUND);
    settle_two(world, &a, &b);
    bad = a;
    bad.generation = 7;
    assert_int_equal(heartbeat(world, &bad), KAFKA_ERROR_ILLEGAL_GENERATION);
    assert_int_equal(commit(world, &bad, 0, 1), KAFKA_ERROR_ILLEGAL_GENERATION);
    begin_sync(world, &bad, NULL, 0);
    assert_int_equal(end_sync(&bad), KAFKA_ERROR_ILLEGAL_GENERATION);
    bad = consumer("g");
    assert_int_equal(commit(world, &bad, 0, 1), KAFKA_ERROR_UNKNOWN_MEMBER_ID);
}

static void an_assignment_that_cannot_be_stored_is_told_to_all(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g"), b = consumer("g");
    begin_join(world, &a);
    begin_join(world, &b);
    pass(world, 6000);
    assert_int_equal(end_join(&a) | end_join(&b), KAFKA_ERROR_NONE);
    begin_sync(world, &b, NULL, 0);
    world->refuse = KAFKA_ERROR_MESSAGE_TOO_LARGE;
    begin_sync(world, &a, NULL, 0);
    assert_int_equal(end_sync(&a), KAFKA_ERROR_UNKNOWN_SERVER_ERROR);
    assert_int_equal(end_sync(&b), KAFKA_ERROR_UNKNOWN_SERVER_ERROR);
    ASSERT_STATE(world, "g", "PreparingRebalance");
    world->refuse = KAFKA_ERROR_NONE;
}

/* Its first record says that a group is there; Kafka fails the joins that wait for it. */
static void a_group_whose_first_record_cannot_be_written_is_none(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g"), b = consumer("g"), dynamic = consumer("h");
    a.instance_id = "one";
    b.instance_id = "two";
    world->hold = true;
    begin_join(world, &a);
    begin_join(world, &b); /* what comes in between waits for the same record */
    struct asked *first = send_join(world, &dynamic);
    assert_int_equal(first->call.error, KAFKA_ERROR_MEMBER_ID_REQUIRED); /* told at once: no record is needed for it */
    take_member_id(&dynamic, first);
    forget(first);
    assert_false(a.join->done || b.join->done);
    world->refuse = KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER;
    release(world);
    assert_int_equal(a.join->call.join.member_id.length, 0);
    assert_int_equal(end_join(&a), KAFKA_ERROR_NOT_COORDINATOR);
    assert_int_equal(end_join(&b), KAFKA_ERROR_NOT_COORDINATOR);
    assert_int_equal(world->machine.groups.count, 0);
    world->refuse = KAFKA_ERROR_NONE;
    begin_join(world, &dynamic);
    assert_int_equal(end_join(&dynamic), KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    settle_two(world, &a, &b);
    check_replay(world);
}

/* A commit that comes in behind the lost record makes the group by itself. */
static void a_commit_behind_a_lost_first_record_counts(void **state)
{
    struct world *world = *state;
    struct consumer dynamic = consumer("g"), simple = consumer("g");
    world->hold = true;
    forget(send_join(world, &dynamic));
    struct asked *committed_7 = send_commit(world, &simple, 0, 7, -1);
    world->refuse = KAFKA_ERROR_NOT_ENOUGH_REPLICAS;
    answer_append(world, CONTAINER_OF(list_pop_front(&world->in_flight), struct machine_append, link));
    world->refuse = KAFKA_ERROR_NONE;
    release(world);
    assert_int_equal(error_of(committed_7), KAFKA_ERROR_NONE);
    assert_int_equal(committed(world, "g", 0), 7);
    check_replay(world);
}

/* By then the leader has sent its assignment, a record that says everything anew. */
static void a_group_that_is_written_down_again_survives_the_loss_of_its_first_record(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g"), *members[] = {&a};
    a.instance_id = "one";
    world->hold = true;
    begin_join(world, &a);
    pass(world, 3001);
    assert_int_equal(end_join(&a), KAFKA_ERROR_NONE);
    begin_sync(world, &a, members, 1);
    world->refuse = KAFKA_ERROR_NOT_ENOUGH_REPLICAS;
    answer_append(world, CONTAINER_OF(list_pop_front(&world->in_flight), struct machine_append, link));
    world->refuse = KAFKA_ERROR_NONE;
    release(world);
    assert_int_equal(end_sync(&a), KAFKA_ERROR_NONE);
    assert_int_equal(heartbeat(world, &a), KAFKA_ERROR_NONE);
    check_replay(world);
}

/* Without an assignment on its way it is lost: a follower that waits for one hears of it. */
static void a_first_generation_without_a_record_is_lost(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g"), b = consumer("g");
    a.instance_id = "one";
    b.instance_id = "two";
    world->hold = true;
    begin_join(world, &a);
    begin_join(world, &b);
    pass(world, 6001);
    assert_int_equal(end_join(&a) | end_join(&b), KAFKA_ERROR_NONE);
    begin_sync(world, &b, NULL, 0);
    world->refuse = KAFKA_ERROR_NOT_ENOUGH_REPLICAS;
    release(world);
    world->refuse = KAFKA_ERROR_NONE;
    assert_int_equal(end_sync(&b), KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(heartbeat(world, &a), KAFKA_ERROR_UNKNOWN_MEMBER_ID);
    check_replay(world);
}

static void a_restart_keeps_members_and_their_sessions(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g"), b = consumer("g");
    settle_two(world, &a, &b);
    restart(world);
    ASSERT_STATE(world, "g", "Stable");
    pass(world, 9000);
    assert_int_equal(heartbeat(world, &a), KAFKA_ERROR_NONE);
    begin_sync(world, &b, NULL, 0);
    assert_true(slice_equal_string(b.sync->call.sync.assignment, b.member_id));
    assert_int_equal(end_sync(&b), KAFKA_ERROR_NONE);
    pass(world, 1001); /* b has only synced: that is no heartbeat */
    ASSERT_STATE(world, "g", "PreparingRebalance");
}

static void whoever_waits_is_sent_elsewhere_when_the_partition_goes(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g"), b = consumer("g"), c = consumer("h");
    begin_join(world, &a);
    begin_join(world, &b);
    pass(world, 6000);
    assert_int_equal(end_join(&a) | end_join(&b), KAFKA_ERROR_NONE);
    begin_sync(world, &b, NULL, 0);
    begin_join(world, &c);
    group_resign(&world->machine);
    collect(world);
    assert_int_equal(end_sync(&b), KAFKA_ERROR_NOT_COORDINATOR);
    assert_int_equal(end_join(&c), KAFKA_ERROR_NOT_COORDINATOR);
}

static void every_allocation_may_fail(void **state)
{
    struct world *world = *state;
    for (long n = 1; n < 60; n++) { /* one member's whole life; each failure costs a request, nothing else */
        struct consumer a = consumer("g");
        test_mem_fail_at(world->mem, n);
        for (int tries = 0; tries < 4 && a.generation < 0; tries++) {
            struct asked *asked = send_join(world, &a);
            if (!asked->done)
                pass(world, 7000);
            int16_t error = asked->call.error;
            if (error == KAFKA_ERROR_MEMBER_ID_REQUIRED || error == KAFKA_ERROR_NONE)
                take_member_id(&a, asked);
            if (error == KAFKA_ERROR_NONE)
                a.generation = asked->call.join.generation_id;
            forget(asked);
        }
        test_mem_fail_at(world->mem, 0);
        assert_true(a.generation > 0);
        assert_int_equal(leave(world, &a), KAFKA_ERROR_NONE);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, world_up, world_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_empty_group_waits_for_its_first_members),
        CASE(a_third_member_makes_a_rebalance_that_the_others_hear_of),
        CASE(a_member_that_is_silent_loses_its_place),
        CASE(what_a_person_wants_to_hear_of_is_told_once_and_bounded),
        CASE(who_does_not_join_again_in_time_is_left_behind),
        CASE(who_does_not_sync_in_time_is_left_behind),
        CASE(a_member_that_leaves_makes_room_at_once),
        CASE(a_static_member_comes_back_without_a_rebalance),
        CASE(an_old_static_leader_is_not_told_that_it_leads),
        CASE(a_static_member_that_cannot_be_written_down_tries_again),
        CASE(an_administrator_removes_static_members_by_their_instance),
        CASE(a_static_member_may_miss_a_rebalance),
        CASE(the_first_wait_goes_on_as_long_as_members_come),
        CASE(a_rebalance_waits_for_ids_that_were_handed_out),
        CASE(a_leader_that_joins_again_makes_a_rebalance),
        CASE(a_new_member_does_not_wait_for_ever),
        CASE(a_leader_that_repeats_itself_is_heard_once),
        CASE(the_protocol_is_one_that_all_have_and_most_prefer),
        CASE(a_full_group_lets_nobody_in),
        CASE(requests_that_make_no_sense_are_refused_as_kafka_does),
        CASE(an_assignment_that_cannot_be_stored_is_told_to_all),
        CASE(a_group_whose_first_record_cannot_be_written_is_none),
        CASE(a_commit_behind_a_lost_first_record_counts),
        CASE(a_group_that_is_written_down_again_survives_the_loss_of_its_first_record),
        CASE(a_first_generation_without_a_record_is_lost),
        CASE(a_restart_keeps_members_and_their_sessions),
        CASE(whoever_waits_is_sent_elsewhere_when_the_partition_goes),
        CASE(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
