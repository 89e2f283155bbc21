/* Histograms against a sorted list of the same values. */
#include "io/base/histogram.h"

#include "io/base/prng.h"
#include "tests/support/test.h"

#include <stdlib.h>

static void every_value_lies_in_its_bucket_and_is_known_to_a_sixteenth(void **state)
{
    int64_t before_end = -1;
    for (int i = 0; i < HISTOGRAM_BUCKETS; i++) {
        int64_t end = histogram_bucket_end_ns(i);
        assert_true(end > before_end);
        assert_int_equal(histogram_bucket(before_end + 1), i);
        assert_int_equal(histogram_bucket(end), i);
        int64_t width = end - before_end, unit = 1 << HISTOGRAM_UNIT_BITS;
        assert_true(width == unit || width * HISTOGRAM_SUB <= end + 1);
        before_end = end;
    }
    assert_int_equal(before_end, HISTOGRAM_MAX_NS);
}

static void what_is_out_of_range_counts_as_the_end_of_the_range(void **state)
{
    static struct histogram histogram;
    histogram_add(&histogram, -5);
    histogram_add(&histogram, INT64_MAX);
    assert_int_equal(histogram.count, 2);
    assert_int_equal(histogram.buckets[0], 1);
    assert_int_equal(histogram.buckets[HISTOGRAM_BUCKETS - 1], 1);
    assert_int_equal(histogram.max_ns, HISTOGRAM_MAX_NS);
    assert_int_equal(histogram_quantile_ns(&histogram, 1), HISTOGRAM_MAX_NS);
}

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void quantiles_are_those_of_the_sorted_values(void **state)
{
    enum { COUNT = 20000 };
    static struct histogram histogram;
    static int64_t values[COUNT];
    struct prng prng;
    prng_seed(&prng, 7);
    for (int i = 0; i < COUNT; i++) {
        values[i] = (int64_t)(prng_next(&prng) >> (24 + prng_next(&prng) % 30));
        histogram_add(&histogram, values[i]);
    }
    qsort(values, COUNT, sizeof values[0], compare);
    const double parts[] = {0, 0.001, 0.25, 0.5, 0.75, 0.95, 0.99, 0.999, 1};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        int place = (int)(parts[i] * COUNT + 0.999999) - 1;
        int64_t exact = values[place < 0 ? 0 : place], said = histogram_quantile_ns(&histogram, parts[i]);
        assert_true(said >= exact || said == histogram.max_ns);
        assert_true(said <= exact + exact / HISTOGRAM_SUB + (1 << HISTOGRAM_UNIT_BITS));
    }
}

static void the_difference_of_two_readings_is_what_came_between_them(void **state)
{
    static struct histogram before, after, between;
    histogram_add(&before, 9000000);
    after = before;
    for (int i = 0; i < 10; i++)
        histogram_add(&after, 1000);
    histogram_between(&before, &after, &between);
    assert_int_equal(between.count, 10);
    assert_int_equal(between.sum_ns, 10000);
    assert_true(histogram_quantile_ns(&between, 0.999) < 1100);
    histogram_merge(&between, &before);
    assert_memory_equal(between.buckets, after.buckets, sizeof after.buckets);
    assert_int_equal(histogram_count_to(&after, 1100), 10);
    assert_int_equal(histogram_count_to(&after, HISTOGRAM_MAX_NS), 11);
}

static void an_empty_histogram_has_no_quantiles(void **state)
{
    static struct histogram nothing;
    assert_int_equal(histogram_quantile_ns(&nothing, 0.5), 0);
    assert_int_equal(histogram_count_to(&nothing, HISTOGRAM_MAX_NS), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_lies_in_its_bucket_and_is_known_to_a_sixteenth),
        cmocka_unit_test(what_is_out_of_range_counts_as_the_end_of_the_range),
        cmocka_unit_test(quantiles_are_those_of_the_sorted_values),
        cmocka_unit_test(the_difference_of_two_readings_is_what_came_between_them),
        cmocka_unit_test(an_empty_histogram_has_no_quantiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
