/* Goal: assignments are balanced, sticky and cooperative: no partition has two owners, none moves without need.
 * Method: a small group whose members follow what they are told, changed by hand and at random. */
#include "net/cli/assignor.h"

#include "io/base/prng.h"
#include "tests/support/test.h"

enum { MEMBERS_MAX = 9, PARTITIONS_MAX = 40 };

struct group {
    struct arena arena;
    struct assignor_member members[MEMBERS_MAX];
    int32_t owned[MEMBERS_MAX][PARTITIONS_MAX], owned_count[MEMBERS_MAX];
    int32_t count, partition_count;
};

static const struct slice topic = SLICE_LITERAL("orders");

static int set_up(void **state)
{
    struct group *group = test_calloc(1, sizeof *group);
    arena_init(&group->arena, test_mem(), 1 << 26);
    *state = group;
    return 0;
}

static int tear_down(void **state)
{
    struct group *group = *state;
    arena_fini(&group->arena);
    test_free(group);
    return 0;
}

/* One rebalance: everybody says what it owns and is told what it may have. Gives back how many partitions were given
 * up, which makes another round. */
static int32_t rebalance(struct group *group)
{
    struct assignor_topic with = {.name = topic, .partition_count = group->partition_count};
    bool taken[PARTITIONS_MAX] = {false};
    int32_t given_up = 0;
    for (int32_t m = 0; m < group->count; m++) {
        struct assignor_owned owned = {
            .topic = topic, .partitions = group->owned[m], .count = group->owned_count[m], .generation = 1};
        group->members[m].subscription = assignor_subscription(&owned, &group->arena);
    }
    assert_true(assignor_assign(group->members, group->count, &with, 1, &group->arena));
    for (int32_t m = 0; m < group->count; m++) {
        int32_t *now, count;
        assert_true(assignor_read(group->members[m].assignment, topic, &now, &count, &group->arena));
        int32_t kept = 0;
        for (int32_t i = 0; i < count; i++) {
            assert_false(taken[now[i]]);
            taken[now[i]] = true;
            for (int32_t k = 0; k < group->owned_count[m]; k++)
                kept += group->owned[m][k] == now[i];
        }
        given_up += group->owned_count[m] - kept;
        group->owned_count[m] = count;
        memcpy(group->owned[m], now, (size_t)count * sizeof now[0]);
    }
    return given_up;
}

static int32_t settle(struct group *group)
{
    int32_t moved = 0, rounds = 0;
    for (int32_t given_up; (given_up = rebalance(group)) > 0; rounds++)
        moved += given_up;
    assert_true(rounds <= 1); /* what is given up in the first is handed out in the second */
    int32_t least = INT32_MAX, most = 0, total = 0;
    for (int32_t m = 0; m < group->count; m++) {
        least = group->owned_count[m] < least ? group->owned_count[m] : least;
        most = group->owned_count[m] > most ? group->owned_count[m] : most;
        total += group->owned_count[m];
    }
    assert_int_equal(total, group->count == 0 ? 0 : group->partition_count);
    assert_true(group->count == 0 || most - least <= 1);
    return moved;
}

static void join(struct group *group)
{
    static const char *const names = "abcdefghi";
    group->members[group->count].id = slice_of(names + group->count, 1);
    group->owned_count[group->count++] = 0;
}

static void a_new_member_takes_only_its_share(void **state)
{
    struct group *group = *state;
    group->partition_count = 7;
    join(group);
    assert_int_equal(settle(group), 0);
    join(group);
    assert_int_equal(settle(group), 3);
    join(group);
    assert_int_equal(settle(group), 2);
}

static void who_leaves_moves_nothing_of_the_others(void **state)
{
    struct group *group = *state;
    group->partition_count = 12;
    for (int i = 0; i < 4; i++) {
        join(group);
        (void)settle(group);
    }
    group->count = 3; /* the last one goes */
    assert_int_equal(settle(group), 0);
}

static void more_members_than_partitions_leaves_some_idle(void **state)
{
    struct group *group = *state;
    group->partition_count = 2;
    for (int i = 0; i < 5; i++)
        join(group);
    assert_int_equal(settle(group), 0);
}

static void members_come_and_go_at_random(void **state)
{
    struct group *group = *state;
    struct prng prng;
    prng_seed(&prng, 5);
    for (int i = 0; i < 500; i++) {
        if (group->count < MEMBERS_MAX && prng_below(&prng, 2))
            join(group);
        else if (group->count > 0)
            group->count--;
        if (group->partition_count < PARTITIONS_MAX && prng_below(&prng, 10) == 0)
            group->partition_count++;
        (void)settle(group);
        arena_reset(&group->arena);
    }
}

static void what_cannot_be_read_wants_nothing(void **state)
{
    struct group *group = *state;
    struct slice *names;
    struct assignor_topic with = {.name = topic, .partition_count = 4};
    struct assignor_owned owned = {.topic = topic, .generation = -1};
    struct slice good = assignor_subscription(&owned, &group->arena);
    for (size_t cut = 0; cut < 14; cut++) { /* up to the end of the name */
        group->members[0].subscription = slice_of(good.data, cut);
        group->members[1].subscription = good;
        assert_true(assignor_assign(group->members, 2, &with, 1, &group->arena));
        int32_t *partitions, count;
        assert_true(assignor_read(group->members[1].assignment, topic, &partitions, &count, &group->arena));
        assert_int_equal(count, 4);
        for (size_t shorter = 1; shorter < group->members[1].assignment.length - 4; shorter++)
            assert_false(assignor_read(slice_of(group->members[1].assignment.data, shorter), topic, &partitions, &count,
                                       &group->arena));
    }
    assert_int_equal(assignor_topics(group->members, 2, &names, &group->arena), 1);
    assert_true(slice_equal(names[0], topic));
    uint8_t huge[10] = {0, 2, 0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 1, 2};
    group->members[0].subscription = slice_of(huge, sizeof huge);
    assert_true(assignor_assign(group->members, 2, &with, 1, &group->arena));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_new_member_takes_only_its_share),
        CASE(who_leaves_moves_nothing_of_the_others),
        CASE(more_members_than_partitions_leaves_some_idle),
        CASE(members_come_and_go_at_random),
        CASE(what_cannot_be_read_wants_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
