/* The transaction coordinator's machine: every state and every request, what a producer is told, who is fenced, what
 * happens with time, failing appends and failing markers. */
#include "tests/unit/core/txn/world.h"

/* ---- every state x every request --------------------------------------------------------------------------------- */

enum at { AT_NOTHING, AT_NEW, AT_EMPTY, AT_ONGOING, AT_COMMITTING, AT_ABORTING, AT_COMMITTED, AT_ABORTED, AT_ENDS };

/* As a client of that version brings the id there. */
static void go_to(enum at at, int16_t version)
{
    if (at == AT_NOTHING)
        return;
    if (at == AT_NEW) { /* the first record is on its way */
        ask_init(&asked, -1, -1);
        return;
    }
    init();
    if (at == AT_EMPTY)
        return;
    add("orders", 3, version);
    if (at == AT_ONGOING)
        return;
    world.hold_marks = at == AT_COMMITTING || at == AT_ABORTING;
    end(at == AT_COMMITTING || at == AT_COMMITTED, version);
}

enum event {
    INIT_NEW,
    INIT_CURRENT,
    INIT_OLD_EPOCH,
    INIT_OTHER,
    ADD_CURRENT,
    ADD_OLD_EPOCH,
    ADD_NEW_EPOCH,
    ADD_OTHER,
    END_COMMIT_CURRENT,
    END_ABORT_CURRENT,
    END_COMMIT_BEFORE,
    END_ABORT_BEFORE,
    END_NEW_EPOCH,
    END_OTHER,
    EVENTS
};

static int16_t happens(enum event event, int16_t version)
{
    struct asked one;
    const struct txn *txn = the();
    int64_t id = txn == NULL ? 7 : txn->now.producer_id;
    int16_t epoch = txn == NULL ? 0 : txn->now.epoch;
    switch (event) {
    case INIT_NEW:
        ask_init(&one, -1, -1);
        break;
    case INIT_CURRENT:
        ask_init(&one, id, epoch);
        break;
    case INIT_OLD_EPOCH:
        ask_init(&one, id, (int16_t)(epoch - 5));
        break;
    case INIT_OTHER:
        ask_init(&one, id + 77, epoch);
        break;
    case ADD_CURRENT:
        ask_add(&one, id, epoch, "new", 1, version);
        break;
    case ADD_OLD_EPOCH:
        ask_add(&one, id, (int16_t)(epoch - 5), "new", 1, version);
        break;
    case ADD_NEW_EPOCH:
        ask_add(&one, id, (int16_t)(epoch + 5), "new", 1, version);
        break;
    case ADD_OTHER:
        ask_add(&one, id + 77, epoch, "new", 1, version);
        break;
    case END_COMMIT_CURRENT:
        ask_end(&one, id, epoch, true, version);
        break;
    case END_ABORT_CURRENT:
        ask_end(&one, id, epoch, false, version);
        break;
    case END_COMMIT_BEFORE:
        ask_end(&one, id, (int16_t)(epoch - 1), true, version);
        break;
    case END_ABORT_BEFORE:
        ask_end(&one, id, (int16_t)(epoch - 1), false, version);
        break;
    case END_NEW_EPOCH:
        ask_end(&one, id, (int16_t)(epoch + 5), true, version);
        break;
    case END_OTHER:
        ask_end(&one, id + 77, epoch, true, version);
        break;
    case EVENTS:
        break;
    }
    run();
    assert_int_equal(one.answers, 1);
    return one.call.error;
}

/* Kafka 4.3.1's answers. While the first record is on its way and while markers are, the id is busy: but clients before
 * version 2 hear of the wrong producer first. */
static const int16_t answers_v2[AT_ENDS][EVENTS] = {
    [AT_NOTHING] = {N, N, N, N, MAPPING, MAPPING, MAPPING, MAPPING, MAPPING, MAPPING, MAPPING, MAPPING, MAPPING,
                    MAPPING},
    [AT_NEW] = {BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY},
    [AT_EMPTY] = {N, N, FENCED, FENCED, N, FENCED, FENCED, MAPPING, STATE, N, FENCED, FENCED, FENCED, MAPPING},
    [AT_ONGOING] = {BUSY, BUSY, BUSY, FENCED, N, FENCED, FENCED, MAPPING, N, N, FENCED, FENCED, FENCED, MAPPING},
    [AT_COMMITTING] = {BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY},
    [AT_ABORTING] = {BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY},
    [AT_COMMITTED] = {N, N, FENCED, FENCED, N, FENCED, FENCED, MAPPING, STATE, N, N, STATE, FENCED, MAPPING},
    [AT_ABORTED] = {N, N, FENCED, FENCED, N, FENCED, FENCED, MAPPING, STATE, N, STATE, N, FENCED, MAPPING},
};
static const int16_t answers_v0[AT_ENDS][EVENTS] = {
    [AT_NOTHING] = {N, N, N, N, MAPPING, MAPPING, MAPPING, MAPPING, MAPPING, MAPPING, MAPPING, MAPPING, MAPPING,
                    MAPPING},
    [AT_NEW] = {BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, FENCED, FENCED, FENCED, MAPPING},
    [AT_EMPTY] = {N, N, FENCED, FENCED, N, FENCED, FENCED, MAPPING, STATE, STATE, FENCED, FENCED, FENCED, MAPPING},
    [AT_ONGOING] = {BUSY, BUSY, BUSY, FENCED, N, FENCED, FENCED, MAPPING, N, N, FENCED, FENCED, FENCED, MAPPING},
    [AT_COMMITTING] = {BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, FENCED, FENCED, FENCED, MAPPING},
    [AT_ABORTING] = {BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, BUSY, FENCED, FENCED, FENCED, MAPPING},
    [AT_COMMITTED] = {N, N, FENCED, FENCED, N, FENCED, FENCED, MAPPING, N, STATE, FENCED, FENCED, FENCED, MAPPING},
    [AT_ABORTED] = {N, N, FENCED, FENCED, N, FENCED, FENCED, MAPPING, STATE, N, FENCED, FENCED, FENCED, MAPPING},
};

static void every_request_in_every_state_is_answered_as_kafka_does(void **state)
{
    for (int version = 0; version <= 2; version += 2)
        for (int at = 0; at < AT_ENDS; at++)
            for (int event = 0; event < EVENTS; event++) {
                set_up(state);
                go_to((enum at)at, (int16_t)version);
                int16_t error = happens((enum event)event, (int16_t)version);
                int16_t expected = version == 2 ? answers_v2[at][event] : answers_v0[at][event];
                if (error != expected)
                    fail_msg("version %d, state %d, event %d: %d, expected %d", version, at, event, error, expected);
                world.hold_marks = false;
                run();
                tear_down(state);
            }
}

/* Time passes, the log or a partition refuses, the partition moves away: in every state. */
enum trouble { TIMES_OUT, EXPIRES, LOG_REFUSES, MARKERS_FAIL, MOVES_AWAY, TROUBLES };
enum { GONE = -1 };

static const int after_trouble[AT_ENDS][TROUBLES] = {
    /* TIMES_OUT, EXPIRES, LOG_REFUSES an end, MARKERS_FAIL, MOVES_AWAY while an end is on its way */
    [AT_NOTHING] = {GONE, GONE, GONE, GONE, GONE},
    [AT_NEW] = {TXN_EMPTY, GONE, GONE, TXN_EMPTY, GONE},
    [AT_EMPTY] = {TXN_EMPTY, GONE, TXN_EMPTY, TXN_EMPTY, TXN_EMPTY},
    [AT_ONGOING] = {TXN_COMPLETE_ABORT, TXN_COMPLETE_ABORT, TXN_ONGOING, TXN_ONGOING, TXN_ONGOING},
    [AT_COMMITTING] = {TXN_COMPLETE_COMMIT, TXN_COMPLETE_COMMIT, TXN_COMPLETE_COMMIT, TXN_COMPLETE_COMMIT,
                       TXN_COMPLETE_COMMIT},
    [AT_ABORTING] = {TXN_COMPLETE_ABORT, TXN_COMPLETE_ABORT, TXN_COMPLETE_ABORT, TXN_COMPLETE_ABORT,
                     TXN_COMPLETE_ABORT},
    [AT_COMMITTED] = {TXN_COMPLETE_COMMIT, GONE, TXN_COMPLETE_COMMIT, TXN_COMPLETE_COMMIT, TXN_COMPLETE_COMMIT},
    [AT_ABORTED] = {TXN_COMPLETE_ABORT, GONE, TXN_COMPLETE_ABORT, TXN_COMPLETE_ABORT, TXN_COMPLETE_ABORT},
};

static void strike(enum trouble trouble, int16_t version)
{
    struct asked one = {0};
    const struct txn *txn = the();
    int64_t id = txn == NULL ? 7 : txn->now.producer_id;
    int16_t epoch = txn == NULL ? 0 : txn->now.epoch;
    switch (trouble) {
    case TIMES_OUT:
    case EXPIRES:
        run();
        pass(trouble == TIMES_OUT ? 60000 + settings.abort_interval_ms
                                  : settings.id_expiration_ms + settings.expire_interval_ms);
        break;
    case LOG_REFUSES:
        world.fail = KAFKA_ERROR_NOT_ENOUGH_REPLICAS;
        ask_end(&one, id, epoch, true, version);
        while (step())
            ;
        world.fail = N;
        assert_int_equal(one.answers, 1);
        break;
    case MARKERS_FAIL:
        mark_all(KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
        break;
    case MOVES_AWAY:
        ask_end(&one, id, epoch, true, version);
        crash();
        assert_int_equal(one.answers, 1);
        break;
    case TROUBLES:
        break;
    }
}

static void every_trouble_in_every_state_leads_where_it_does_in_kafka(void **state)
{
    for (int version = 0; version <= 2; version += 2)
        for (int at = 0; at < AT_ENDS; at++)
            for (int trouble = 0; trouble < TROUBLES; trouble++) {
                set_up(state);
                go_to((enum at)at, (int16_t)version);
                strike((enum trouble)trouble, (int16_t)version);
                world.hold_marks = false;
                run();
                pass(200); /* markers and last records are tried again */
                run();
                int after = the() == NULL ? GONE : (int)the()->now.state;
                if (after != after_trouble[at][trouble])
                    fail_msg("version %d, state %d, trouble %d: %d, expected %d", version, at, trouble, after,
                             after_trouble[at][trouble]);
                assert_true(the() == NULL || !the()->busy);
                tear_down(state);
            }
}

/* What may be in the log after a crash: an end that was answered stays, one that was not is there or is not. */
static bool is_possible(enum at at, enum event event, bool answered, int16_t error)
{
    const struct txn *txn = the();
    bool ends = (event == END_COMMIT_CURRENT || event == END_ABORT_CURRENT) && at == AT_ONGOING;
    enum txn_state end = event == END_COMMIT_CURRENT ? TXN_COMPLETE_COMMIT : TXN_COMPLETE_ABORT;
    if (at == AT_COMMITTING) /* decided before: nothing changes that */
        return txn != NULL && txn->now.state == TXN_COMPLETE_COMMIT;
    if (at == AT_ABORTING)
        return txn != NULL && txn->now.state == TXN_COMPLETE_ABORT;
    if (!ends)
        return true;
    return txn != NULL && (txn->now.state == end || (!(answered && error == N) && txn->now.state == TXN_ONGOING));
}

/* Crash before and after the log has the record of every step; what a client was told stays true, and what was decided
 * is carried out. */
static void a_crash_before_and_after_every_append_leaves_a_state_that_goes_on(void **state)
{
    for (int version = 0; version <= 2; version += 2)
        for (int at = 0; at < AT_ENDS; at++)
            for (int event = 0; event < EVENTS; event++)
                for (int steps = 0; steps < 4; steps++) {
                    struct asked one;
                    set_up(state);
                    go_to((enum at)at, (int16_t)version);
                    const struct txn *txn = the();
                    int64_t id = txn == NULL ? 7 : txn->now.producer_id;
                    int16_t epoch = txn == NULL ? 0 : txn->now.epoch;
                    if (event == INIT_NEW)
                        ask_init(&one, -1, -1);
                    else if (event == ADD_CURRENT)
                        ask_add(&one, id, epoch, "new", 1, (int16_t)version);
                    else if (event == END_COMMIT_CURRENT || event == END_ABORT_CURRENT)
                        ask_end(&one, id, epoch, event == END_COMMIT_CURRENT, (int16_t)version);
                    else
                        prepare(&one);
                    for (int i = 0; i < steps; i++) {
                        if (!step() && world.mark_count > 0)
                            mark_all(N);
                    }
                    bool answered = one.answers > 0;
                    int16_t answer = one.call.error;
                    crash();
                    world.hold_marks = false;
                    run();
                    pass(200);
                    run();
                    assert_true(is_possible((enum at)at, (enum event)event, answered, answer));
                    txn = the();
                    assert_true(txn == NULL || !txn->busy);
                    assert_true(txn == NULL ||
                                (txn->now.state != TXN_PREPARE_COMMIT && txn->now.state != TXN_PREPARE_ABORT));
                init_again: /* a new producer always gets in */
                    ask_init(&one, -1, -1);
                    run();
                    if (one.call.error == BUSY)
                        goto init_again;
                    assert_int_equal(one.call.error, N);
                    assert_true(one.call.producer_id != id || one.call.epoch > epoch || event == INIT_NEW);
                    tear_down(state);
                }
}

/* ---- producers --------------------------------------------------------------------------------------------------- */

static void with_version_2_every_end_bumps_the_epoch(void **state)
{
    int64_t id = init();
    for (int16_t epoch = 0; epoch < 10; epoch++) {
        add("orders", epoch, 2);
        ask_end(&asked, id, epoch, epoch % 2 == 0, 2);
        run();
        assert_int_equal(asked.call.error, N);
        assert_int_equal(asked.call.producer_id, id);
        assert_int_equal(asked.call.epoch, epoch + 1);
        ask_end(&asked, id, epoch, epoch % 2 == 0, 2); /* the answer was lost: the same again */
        run();
        assert_int_equal(asked.call.error, N);
        assert_int_equal(asked.call.epoch, epoch + 1);
    }
}

static void before_version_2_the_epoch_stays(void **state)
{
    int64_t id = init();
    for (int i = 0; i < 5; i++) {
        add("orders", i, 0);
        ask_end(&asked, id, 0, true, 0);
        run();
        assert_int_equal(asked.call.error, N);
        assert_int_equal(asked.call.producer_id, -1);
        assert_int_equal(the()->now.epoch, 0);
    }
}

static void the_last_epoch_goes_on_with_a_new_producer_id(void **state)
{
    int64_t id = init();
    ((struct txn *)(uintptr_t)the())->now.epoch = INT16_MAX - 1;
    struct txn_producer producer = who(id, INT16_MAX - 1);
    int32_t partition = 0;
    txn_asked_topic topic = {.name = SLICE_LITERAL("orders"), .partitions = {&partition, 1}};
    prepare(&asked);
    txn_add_partitions(&world.machine, &producer, &topic, 1, 2, &asked.call);
    run();
    world.hold_marks = true;
    ask_end(&asked, id, INT16_MAX - 1, true, 2);
    run();
    assert_int_equal(asked.call.error, N);
    assert_int_not_equal(asked.call.producer_id, id);
    assert_int_equal(asked.call.epoch, 0);
    assert_int_equal(the()->now.epoch, INT16_MAX); /* of the marker */
    assert_int_equal(the()->now.producer_id, id);
    world.hold_marks = false;
    run();
    int64_t next = the()->now.producer_id;
    assert_int_equal(next, asked.call.producer_id);
    assert_int_equal(the()->now.previous_producer_id, id);
    ask_end(&asked, id, INT16_MAX - 1, true, 2); /* the answer was lost */
    run();
    assert_int_equal(asked.call.error, N);
    assert_int_equal(asked.call.producer_id, next);
    assert_int_equal(asked.call.epoch, 0);
}

static void a_new_producer_of_a_used_up_id_gets_a_new_one(void **state)
{
    int64_t id = init();
    ((struct txn *)(uintptr_t)the())->now.epoch = INT16_MAX - 1;
    ask_init(&asked, -1, -1);
    run();
    assert_int_equal(asked.call.error, N);
    assert_int_not_equal(asked.call.producer_id, id);
    assert_int_equal(asked.call.epoch, 0);
    int64_t next = asked.call.producer_id;
    ask_init(&asked, id, INT16_MAX - 1); /* KIP-360: the one that used it up asks again */
    run();
    assert_int_equal(asked.call.error, N == asked.call.error ? N : FENCED);
    assert_int_equal(the()->now.producer_id, next);
}

static void a_producer_that_goes_on_after_an_error_is_not_fenced_by_itself(void **state)
{
    int64_t id = init();
    ask_init(&asked, id, 0);
    run();
    assert_int_equal(asked.call.epoch, 1);
    ask_init(&asked, id, 0); /* the answer was lost: the same again */
    run();
    assert_int_equal(asked.call.error, N);
    assert_int_equal(asked.call.epoch, 1);
    ask_init(&asked, -1, -1); /* somebody else */
    run();
    assert_int_equal(asked.call.epoch, 2);
    ask_init(&asked, id, 1);
    run();
    assert_int_equal(asked.call.error, FENCED);
    ask_init(&asked, id, 0);
    run();
    assert_int_equal(asked.call.error, FENCED);
}

static void a_new_producer_aborts_what_the_old_one_left(void **state)
{
    for (int16_t version = 0; version <= 2; version += 2) {
        int64_t id = init();
        int16_t epoch = the()->now.epoch;
        add("orders", 1, version);
        ask_init(&asked, -1, -1);
        run();
        assert_int_equal(asked.call.error, BUSY);
        assert_int_equal(the()->now.state, TXN_COMPLETE_ABORT);
        ask_end(&asked, id, epoch, true, version);
        run();
        assert_int_equal(asked.call.error, version == 2 ? STATE : FENCED);
        ask_init(&asked, -1, -1);
        run();
        assert_int_equal(asked.call.error, N);
        assert_int_equal(asked.call.epoch, epoch + 2);
        ask_add(&asked, id, epoch, "orders", 1, version);
        run();
        assert_int_equal(asked.call.error, FENCED);
    }
}

static void timeouts_and_ids_are_checked(void **state)
{
    struct txn_producer producer = who(-1, -1);
    const int32_t bad[] = {0, -1, INT32_MIN, 900001, INT32_MAX};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        prepare(&asked);
        txn_init_producer_id(&world.machine, &producer, bad[i], &asked.call);
        drain_answers();
        assert_int_equal(asked.call.error, KAFKA_ERROR_INVALID_TRANSACTION_TIMEOUT);
    }
    producer.id = SLICE_LITERAL("");
    prepare(&asked);
    txn_init_producer_id(&world.machine, &producer, 1000, &asked.call);
    drain_answers();
    assert_int_equal(asked.call.error, KAFKA_ERROR_INVALID_REQUEST);
    prepare(&asked);
    txn_end(&world.machine, &producer, true, 2, &asked.call);
    drain_answers();
    assert_int_equal(asked.call.error, KAFKA_ERROR_INVALID_REQUEST);
    assert_null(txn_list_next(&world.machine, NULL));
}

static void an_id_may_hold_any_bytes(void **state)
{
    static char long_id[32000];
    memset(long_id, 'x', sizeof(long_id));
    const struct slice ids[] = {slice_of("a\0b", 3), slice_of("a\0c", 3), slice_of(long_id, sizeof(long_id))};
    for (size_t i = 0; i < COUNT_OF(ids); i++) {
        struct txn_producer producer = {.id = ids[i], .producer_id = -1, .epoch = -1};
        prepare(&asked);
        txn_init_producer_id(&world.machine, &producer, 1000, &asked.call);
        run();
        assert_int_equal(asked.call.error, N);
        assert_int_equal(asked.call.epoch, 0);
    }
    crash();
    for (size_t i = 0; i < COUNT_OF(ids); i++)
        assert_non_null(txn_find(&world.machine, ids[i]));
}

/* ---- partitions -------------------------------------------------------------------------------------------------- */

static void a_partition_is_verified_only_while_its_transaction_is_open(void **state)
{
    const struct txn *txn;
    int64_t id = init();
    struct txn_producer producer = who(id, 0);
    add("orders", 1, 0);
    assert_int_equal(txn_verify(&world.machine, &producer, &txn), N);
    assert_true(txn_has_partition(txn, SLICE_LITERAL("orders"), 1));
    assert_false(txn_has_partition(txn, SLICE_LITERAL("orders"), 2));
    assert_false(txn_has_partition(txn, SLICE_LITERAL("order"), 1));
    producer.epoch = 1;
    assert_int_equal(txn_verify(&world.machine, &producer, &txn), FENCED);
    producer.epoch = 0;
    world.hold_marks = true;
    end(true, 0);
    assert_int_equal(txn_verify(&world.machine, &producer, &txn), BUSY);
    world.hold_marks = false;
    run();
    assert_int_equal(txn_verify(&world.machine, &producer, &txn), N);
    assert_false(txn_has_partition(txn, SLICE_LITERAL("orders"), 1));
}

static void what_was_added_already_needs_no_record(void **state)
{
    init();
    add("orders", 1, 2);
    int before = world.log_count;
    add("orders", 1, 2);
    assert_int_equal(world.log_count, before);
    add("orders", 2, 2);
    assert_int_equal(world.log_count, before + 1);
}

static void every_partition_gets_its_marker_before_the_last_record(void **state)
{
    int64_t id = init();
    for (int32_t i = 0; i < 12; i++)
        add(i % 2 == 0 ? "b" : "a", i, 2);
    world.hold_marks = true;
    ask_end(&asked, id, 0, false, 2);
    run();
    assert_int_equal(asked.call.error, N); /* answered before the markers are written */
    assert_int_equal(world.mark_count, 12);
    assert_int_equal(the()->now.state, TXN_PREPARE_ABORT);
    for (int i = 0; i < 12; i++) {
        assert_int_equal(the()->now.state, TXN_PREPARE_ABORT);
        txn_marked(&world.machine, &world.marks[i], N);
        world.hold_marks = true;
        if (i == 11)
            world.mark_count = 0;
        run();
    }
    assert_int_equal(the()->now.state, TXN_COMPLETE_ABORT);
    assert_int_equal(the()->now.topics.count, 0);
}

static void a_marker_that_could_not_be_written_is_tried_again(void **state)
{
    init();
    add("orders", 1, 2);
    add("orders", 2, 2);
    world.hold_marks = true;
    end(true, 2);
    assert_int_equal(world.mark_count, 2);
    world.mark_count = 0;
    txn_marked(&world.machine, &world.marks[0], N);
    txn_marked(&world.machine, &world.marks[1], KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
    run();
    assert_int_equal(world.mark_count, 0);
    assert_true(txn_next_deadline(&world.machine) <= world.now_ms + 100);
    pass(100);
    take_marks();
    assert_int_equal(world.mark_count, 1);
    mark_all(N);
    run();
    assert_int_equal(the()->now.state, TXN_COMPLETE_COMMIT);
}

static void a_marker_that_failed_is_tried_again_although_another_was_out_when_its_time_came(void **state)
{
    init();
    add("orders", 1, 2);
    add("orders", 2, 2);
    world.hold_marks = true;
    end(true, 2);
    assert_int_equal(world.mark_count, 2);
    txn_marked(&world.machine, &world.marks[1], KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
    pass(1000); /* nothing can be done: the first is still on its way */
    struct txn_marking slow = world.marks[0];
    world.mark_count = 0;
    txn_marked(&world.machine, &slow, N);
    assert_true(txn_next_deadline(&world.machine) <= world.now_ms + 100);
    pass(100);
    take_marks();
    assert_int_equal(world.mark_count, 1);
    mark_all(N);
    run();
    assert_int_equal(the()->now.state, TXN_COMPLETE_COMMIT);
}

static void a_marker_that_is_refused_at_once_does_not_keep_its_sender_busy(void **state)
{
    struct txn_marking marking;
    init();
    add("orders", 1, 2);
    add("orders", 2, 2);
    world.hold_marks = true;
    end(true, 2);
    mark_all(KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
    struct txn *txn = (struct txn *)(uintptr_t)the();
    assert_false(txn_take_marking(txn, &marking)); /* not before its time */
    pass(100);
    int taken = 0;
    while (taken < 100 && txn_take_marking(txn, &marking)) {
        txn_marked(&world.machine, &marking, KAFKA_ERROR_NOT_LEADER_OR_FOLLOWER);
        taken++;
    }
    assert_int_equal(taken, 2);
    pass(100);
    take_marks();
    mark_all(N);
    run();
    assert_int_equal(the()->now.state, TXN_COMPLETE_COMMIT);
}

/* ---- failing appends --------------------------------------------------------------------------------------------- */

static void a_step_that_did_not_get_into_the_log_did_not_happen(void **state)
{
    ask_init(&asked, -1, -1);
    world.fail = KAFKA_ERROR_NOT_ENOUGH_REPLICAS;
    run();
    assert_int_equal(asked.call.error, KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
    assert_null(the());
    world.fail = N;
    int64_t id = init();
    world.fail = KAFKA_ERROR_KAFKA_STORAGE_ERROR;
    ask_add(&asked, id, 0, "orders", 1, 2);
    run();
    assert_int_equal(asked.call.error, KAFKA_ERROR_NOT_COORDINATOR);
    assert_int_equal(the()->now.state, TXN_EMPTY);
    world.fail = N;
    add("orders", 1, 2);
    world.fail = KAFKA_ERROR_MESSAGE_TOO_LARGE;
    ask_end(&asked, id, 0, true, 2);
    run();
    assert_int_equal(asked.call.error, KAFKA_ERROR_UNKNOWN_SERVER_ERROR);
    assert_int_equal(the()->now.state, TXN_ONGOING);
    assert_int_equal(the()->now.epoch, 0);
    world.fail = N;
    end(true, 2);
}

static void the_last_record_is_tried_until_it_is_written(void **state)
{
    init();
    add("orders", 1, 2);
    world.hold_marks = true;
    end(true, 2);
    world.fail = KAFKA_ERROR_KAFKA_STORAGE_ERROR;
    mark_all(N);
    run();
    assert_int_equal(the()->now.state, TXN_PREPARE_COMMIT);
    for (int i = 0; i < 3; i++) {
        pass(100);
        run();
        assert_int_equal(the()->now.state, TXN_PREPARE_COMMIT);
    }
    world.fail = N;
    pass(100);
    run();
    assert_int_equal(the()->now.state, TXN_COMPLETE_COMMIT);
}

static void who_waits_is_told_when_the_partition_moves_away(void **state)
{
    int64_t id = init();
    ask_add(&asked, id, 0, "orders", 1, 2);
    assert_int_equal(asked.answers, 0);
    txn_resign(&world.machine);
    drain_answers();
    assert_int_equal(asked.answers, 1);
    assert_int_equal(asked.call.error, KAFKA_ERROR_NOT_COORDINATOR);
    step();
    assert_int_equal(asked.answers, 1);
}

static void without_memory_nothing_changes(void **state)
{
    int64_t id = init();
    add("orders", 1, 2);
    size_t limit = world.mem->limit;
    for (size_t room = 0; room < 1 << 20; room += 64) {
        world.mem->limit = world.mem->used + room;
        ask_add(&asked, id, 0, "a-topic-with-a-long-name", 77, 2);
        world.mem->limit = limit;
        run();
        assert_int_equal(asked.answers, 1);
        assert_true(asked.call.error == N || asked.call.error == KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
        if (asked.call.error == N)
            break;
        assert_int_equal(the()->now.topics.count, 1);
    }
    assert_int_equal(asked.call.error, N);
}

/* ---- time -------------------------------------------------------------------------------------------------------- */

static void a_transaction_that_takes_too_long_is_aborted_and_its_producer_fenced(void **state)
{
    for (int16_t version = 0; version <= 2; version += 2) {
        int64_t id = init();
        int16_t epoch = the()->now.epoch;
        add("orders", 1, version);
        pass(59000);
        run();
        assert_int_equal(the()->now.state, TXN_ONGOING);
        pass(12000);
        run();
        assert_int_equal(the()->now.state, TXN_COMPLETE_ABORT);
        ask_add(&asked, id, epoch, "orders", 1, version);
        run();
        assert_int_equal(asked.call.error, FENCED);
        ask_init(&asked, id, epoch);
        run();
        assert_int_equal(asked.call.error, N); /* the one that was fenced by time alone may go on */
        pass(10000);
    }
}

static void a_clock_that_jumps_ends_no_transaction_early_or_late(void **state)
{
    init();
    add("orders", 1, 2);
    world.wall_ms += 10LL * 365 * 86400000;
    pass(11000);
    run();
    assert_int_equal(the()->now.state, TXN_ONGOING);
    world.wall_ms -= 20LL * 365 * 86400000;
    crash(); /* what has passed is not known: it gets its whole time again */
    pass(50000);
    run();
    assert_int_equal(the()->now.state, TXN_ONGOING);
    pass(20000);
    run();
    assert_int_equal(the()->now.state, TXN_COMPLETE_ABORT);
}

static void after_a_restart_a_transaction_has_the_time_that_was_left(void **state)
{
    init();
    add("orders", 1, 2);
    world.now_ms += 55000;
    world.wall_ms += 55000;
    crash();
    pass(11000);
    run();
    assert_int_equal(the()->now.state, TXN_COMPLETE_ABORT);
}

static void an_id_that_nobody_uses_goes_and_one_with_a_transaction_stays(void **state)
{
    init();
    struct txn_producer other = {.id = SLICE_LITERAL("other"), .producer_id = -1, .epoch = -1};
    prepare(&asked);
    txn_init_producer_id(&world.machine, &other, 900000, &asked.call);
    run();
    world.hold_marks = true;
    ask_end(&asked, the()->now.producer_id, 0, false, 2);
    run();
    pass(604800000 - 3600000);
    run();
    assert_non_null(txn_find(&world.machine, SLICE_LITERAL("other")));
    pass(3600000);
    run();
    assert_null(txn_find(&world.machine, SLICE_LITERAL("other")));
    assert_null(the());
    assert_null(world.log[world.log_count - 1].value);
    crash();
    assert_null(the());
}

static void an_id_that_is_used_while_it_expires_is_busy(void **state)
{
    init();
    pass(604800000 + 3600000);
    assert_false(list_empty(&world.machine.appends));
    ask_init(&asked, -1, -1);
    assert_int_equal(asked.call.error, BUSY);
    run();
    assert_null(the());
    init();
}

/* ---- what the log may hold --------------------------------------------------------------------------------------- */

static void records_that_are_not_understood_are_said_to_be_so(void **state)
{
    static const uint8_t key[] = {0, 0, 0, 1, 't'}, other_key[] = {0, 9, 1}, short_key[] = {0};
    static const uint8_t bad_value[] = {0, 1, 2, 3}, new_value[] = {0, 7, 0};
    struct machine_replay record = {.key = slice_of(key, sizeof(key)), .value = slice_of(bad_value, sizeof(bad_value))};
    assert_int_equal(txn_replay(&world.machine, &record), ERR_CORRUPT);
    record.value = slice_of(new_value, sizeof(new_value));
    assert_int_equal(txn_replay(&world.machine, &record), ERR_OK);
    record.key = slice_of(other_key, sizeof(other_key));
    assert_int_equal(txn_replay(&world.machine, &record), ERR_OK);
    record.key = slice_of(short_key, sizeof(short_key));
    assert_int_equal(txn_replay(&world.machine, &record), ERR_CORRUPT);
    assert_null(the());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_in_every_state_is_answered_as_kafka_does),
        cmocka_unit_test(every_trouble_in_every_state_leads_where_it_does_in_kafka),
        cmocka_unit_test(a_crash_before_and_after_every_append_leaves_a_state_that_goes_on),
        CLEAN(with_version_2_every_end_bumps_the_epoch),
        CLEAN(before_version_2_the_epoch_stays),
        CLEAN(the_last_epoch_goes_on_with_a_new_producer_id),
        CLEAN(a_new_producer_of_a_used_up_id_gets_a_new_one),
        CLEAN(a_producer_that_goes_on_after_an_error_is_not_fenced_by_itself),
        CLEAN(a_new_producer_aborts_what_the_old_one_left),
        CLEAN(timeouts_and_ids_are_checked),
        CLEAN(an_id_may_hold_any_bytes),
        CLEAN(a_partition_is_verified_only_while_its_transaction_is_open),
        CLEAN(what_was_added_already_needs_no_record),
        CLEAN(every_partition_gets_its_marker_before_the_last_record),
        CLEAN(a_marker_that_could_not_be_written_is_tried_again),
        CLEAN(a_marker_that_failed_is_tried_again_although_another_was_out_when_its_time_came),
        CLEAN(a_marker_that_is_refused_at_once_does_not_keep_its_sender_busy),
        CLEAN(a_step_that_did_not_get_into_the_log_did_not_happen),
        CLEAN(the_last_record_is_tried_until_it_is_written),
        CLEAN(who_waits_is_told_when_the_partition_moves_away),
        CLEAN(without_memory_nothing_changes),
        CLEAN(a_transaction_that_takes_too_long_is_aborted_and_its_producer_fenced),
        CLEAN(a_clock_that_jumps_ends_no_transaction_early_or_late),
        CLEAN(after_a_restart_a_transaction_has_the_time_that_was_left),
        CLEAN(an_id_that_nobody_uses_goes_and_one_with_a_transaction_stays),
        CLEAN(an_id_that_is_used_while_it_expires_is_busy),
        CLEAN(records_that_are_not_understood_are_said_to_be_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
