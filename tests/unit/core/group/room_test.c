/* Goal: what the log holds fits into memory again. Method: the memory's limit is lowered until it counts as half full:
 * whoever would make the state larger is refused, everybody else is served; then there is room again. */
#include "tests/unit/core/group/world.h"

static void *ballast; /* so that one request is little beside what is used */
enum { BALLAST_BYTES = 1 << 20 };

static void fill_to(struct world *world, size_t per_mille)
{
    if (ballast == NULL)
        ballast = mem_alloc(world->mem, BALLAST_BYTES);
    assert_non_null(ballast);
    world->mem->limit = world->mem->used * 1000 / per_mille;
}

static void make_room(struct world *world)
{
    world->mem->limit = (size_t)1 << 30;
    mem_free(world->mem, ballast, BALLAST_BYTES);
    ballast = NULL;
}

static int16_t item_error(struct world *world, const char *group, int32_t partition, int64_t producer_id)
{
    struct consumer simple = consumer(group);
    struct asked *asked = send_commit(world, &simple, partition, 7, producer_id);
    assert_true(asked->done);
    int16_t error = asked->call.error != KAFKA_ERROR_NONE ? asked->call.error : asked->item->error;
    forget(asked);
    return error;
}

static void offsets_are_replaced_but_none_is_added(void **state)
{
    struct world *world = *state;
    assert_int_equal(item_error(world, "g", 0, -1), KAFKA_ERROR_NONE);
    fill_to(world, 510);
    int64_t refused = world->machine.refused_count;
    assert_int_equal(item_error(world, "g", 1, -1), KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(item_error(world, "h", 0, -1), KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(world->machine.refused_count, refused + 2);
    assert_int_equal(item_error(world, "g", 0, -1), KAFKA_ERROR_NONE);
    assert_int_equal(committed(world, "g", 1), -1);
    make_room(world);
    assert_int_equal(item_error(world, "g", 1, -1), KAFKA_ERROR_NONE);
    assert_int_equal(item_error(world, "h", 0, -1), KAFKA_ERROR_NONE);
}

static void longer_metadata_needs_room(void **state)
{
    struct world *world = *state;
    struct consumer simple = consumer("g");
    struct group_offset item = {.topic = SLICE_LITERAL("t"), .offset = 5, .metadata = SLICE_LITERAL("abc")};
    struct group_commit commit = {.group_id = slice_from_string(simple.group),
                                  .instance_id = SLICE_NULL,
                                  .generation = -1,
                                  .retention_ms = -1,
                                  .items = &item,
                                  .count = 1};
    static const struct {
        const char *metadata;
        int16_t error;
    } cases[] = {{"abcd", KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE}, {"xyz", KAFKA_ERROR_NONE}, {"", KAFKA_ERROR_NONE}};
    for (size_t i = 0; i <= COUNT_OF(cases); i++) {
        struct asked *asked = ask(world, 9);
        if (i > 0)
            item.metadata = slice_from_string(cases[i - 1].metadata);
        group_commit(&world->machine, &commit, &asked->call);
        pump(world);
        assert_int_equal(item.error, i > 0 ? cases[i - 1].error : KAFKA_ERROR_NONE);
        forget(asked);
        if (i == 0)
            fill_to(world, 510);
    }
    make_room(world);
}

static void offsets_of_transactions_may_borrow(void **state)
{
    struct world *world = *state;
    assert_int_equal(item_error(world, "g", 0, -1), KAFKA_ERROR_NONE);
    fill_to(world, 510);
    assert_int_equal(item_error(world, "g", 0, 77), KAFKA_ERROR_NONE);
    assert_int_equal(item_error(world, "g", 1, 77), KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
    fill_to(world, 635);
    assert_int_equal(item_error(world, "g", 0, 77), KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(item_error(world, "g", 0, -1), KAFKA_ERROR_NONE);
    make_room(world);
}

static void a_group_goes_on_but_nobody_joins_it_anew(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g"), *both[] = {&a}, b = consumer("g"), c = consumer("h");
    begin_join(world, &a);
    pass(world, 3001);
    assert_int_equal(end_join(&a), KAFKA_ERROR_NONE);
    begin_sync(world, &a, both, 1);
    assert_int_equal(end_sync(&a), KAFKA_ERROR_NONE);
    fill_to(world, 510);
    struct asked *refused = send_join(world, &b);
    assert_int_equal(error_of(refused), KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
    refused = send_join(world, &c);
    assert_int_equal(error_of(refused), KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(heartbeat(world, &a), KAFKA_ERROR_NONE);
    begin_join(world, &a); /* the leader may ask for a rebalance */
    assert_int_equal(end_join(&a), KAFKA_ERROR_NONE);
    begin_sync(world, &a, both, 1);
    assert_int_equal(end_sync(&a), KAFKA_ERROR_NONE);
    a.protocols = "rsuvw"; /* more than it said before */
    refused = send_join(world, &a);
    assert_int_equal(error_of(refused), KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
    a.protocols = "r";
    assert_int_equal(leave(world, &a), KAFKA_ERROR_NONE);
    make_room(world);
}

static int16_t sync_with(struct world *world, const struct consumer *who, size_t bytes)
{
    static uint8_t assignment[64 * 1024];
    struct asked *asked = ask(world, 5);
    struct sync_group_request_sync_group_request_assignment item = {.member_id = slice_from_string(who->member_id),
                                                                    .assignment = slice_of(assignment, bytes)};
    struct sync_group_request request;
    WIRE_DEFAULTS(sync_group_request_schema, &request);
    request.group_id = slice_from_string(who->group);
    request.generation_id = who->generation;
    request.member_id = item.member_id;
    request.group_instance_id = SLICE_NULL;
    request.assignments.items = &item;
    request.assignments.count = 1;
    group_sync(&world->machine, &request, &asked->call);
    pump(world);
    assert_true(asked->done);
    return error_of(asked);
}

static void assignments_stay_as_large_as_they_are(void **state)
{
    struct world *world = *state;
    struct consumer a = consumer("g");
    begin_join(world, &a);
    pass(world, 3001);
    assert_int_equal(end_join(&a), KAFKA_ERROR_NONE);
    assert_int_equal(sync_with(world, &a, 5000), KAFKA_ERROR_NONE);
    begin_join(world, &a);
    assert_int_equal(end_join(&a), KAFKA_ERROR_NONE);
    fill_to(world, 510);
    assert_int_equal(sync_with(world, &a, 5001), KAFKA_ERROR_COORDINATOR_NOT_AVAILABLE);
    assert_int_equal(sync_with(world, &a, 5000), KAFKA_ERROR_NONE);
    make_room(world);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, world_up, world_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(offsets_are_replaced_but_none_is_added), CASE(longer_metadata_needs_room),
        CASE(offsets_of_transactions_may_borrow),     CASE(a_group_goes_on_but_nobody_joins_it_anew),
        CASE(assignments_stay_as_large_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
