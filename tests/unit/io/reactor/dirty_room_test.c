/* How much may be dirty before a writer has to wait: the kernel's rule, and that this machine says something. */
#include "io/reactor/dirty_room.h"
#include "tests/support/test.h"

enum { MIB = 1 << 20 };

static void the_room_lies_half_way_between_the_two_limits(void **state)
{
    struct dirty_terms ratios = {.memory = 1000 * MIB, .background_ratio = 10, .limit_ratio = 20};
    assert_in_range(dirty_room_of(&ratios), 149 * MIB, 150 * MIB);
    struct dirty_terms bytes = {.memory = 1000 * MIB,
                                .background_ratio = 10,
                                .limit_ratio = 20,
                                .background_bytes = 30 * MIB,
                                .limit_bytes = 50 * MIB};
    assert_int_equal(dirty_room_of(&bytes), 40 * MIB);
    /* A background limit that is not below the other one counts as half of it. */
    struct dirty_terms above = {.memory = 1000 * MIB, .background_ratio = 30, .limit_bytes = 100 * MIB};
    assert_int_equal(dirty_room_of(&above), 75 * MIB);
}

static void this_machine_has_some(void **state)
{
    assert_true(dirty_room() > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_room_lies_half_way_between_the_two_limits),
        cmocka_unit_test(this_machine_has_some),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
