/* Patterns as ListTransactions and friends get them: whole matches, refusals with a reason, bounded work. */
#include "io/base/pattern.h"
#include "tests/support/test.h"

static bool matches(const char *pattern, struct slice text)
{
    struct pattern *compiled;
    char why[PATTERN_ERROR_BYTES];
    assert_int_equal(pattern_compile(test_mem(), slice_from_string(pattern), &compiled, why), ERR_OK);
    bool result = pattern_matches(compiled, text);
    pattern_free(compiled);
    return result;
}

static void a_pattern_matches_the_whole_text(void **state)
{
    assert_true(matches("tx.*", SLICE_LITERAL("tx-17")));
    assert_false(matches("tx", SLICE_LITERAL("tx-17")));
    assert_false(matches("17", SLICE_LITERAL("tx-17")));
    assert_true(matches("a|ab", SLICE_LITERAL("ab"))); /* not the first that matches a part */
    assert_true(matches("", SLICE_LITERAL("")));
    assert_false(matches("", SLICE_LITERAL("x")));
    assert_true(matches("\\w+-\\d{2}", SLICE_LITERAL("tx-17")));
    assert_true(matches("(?i)TX.17", SLICE_LITERAL("tx-17")));
    assert_false(matches("tx.*", SLICE_LITERAL("tx\n17"))); /* as in Java a dot is no end of line */
}

static void what_is_no_pattern_is_refused_with_the_reason(void **state)
{
    static const char *const bad[] = {"(", "[a", "a{2,1}", "*a", "(?<n>a", "\\"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct pattern *compiled;
        char why[PATTERN_ERROR_BYTES] = "";
        assert_int_equal(pattern_compile(test_mem(), slice_from_string(bad[i]), &compiled, why), ERR_INVALID);
        assert_true(why[0] != '\0');
    }
    assert_int_equal(test_mem()->used, 0);
}

static void a_match_that_would_take_forever_is_none(void **state)
{
    char text[5000];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = 'b';
    assert_false(matches("(a+)+c", slice_of(text, sizeof text)));
    assert_false(matches("(a|aa)+$", slice_of(text, sizeof text)));
}

static void any_bytes_are_a_text(void **state)
{
    static const uint8_t bytes[] = {0xff, 0x00, 0xfe, 0xc3};
    matches(".*", slice_of(bytes, sizeof bytes)); /* an answer, whichever */
    assert_false(matches("a", SLICE_NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_matches_the_whole_text),
        cmocka_unit_test(what_is_no_pattern_is_refused_with_the_reason),
        cmocka_unit_test(a_match_that_would_take_forever_is_none),
        cmocka_unit_test(any_bytes_are_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
