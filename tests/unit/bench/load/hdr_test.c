/* The histogram that every latency of the benchmark comes from, against sorted samples. */
#include "bench/load/hdr.h"
#include "io/base/bytes.h"
#include "io/base/prng.h"
#include "tests/support/test.h"

enum { SAMPLES = 20000 };

static struct hdr *new_hdr(void)
{
    struct hdr *hdr = calloc(1, sizeof(*hdr));
    assert_non_null(hdr);
    return hdr;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void assert_within(int64_t found, int64_t wanted)
{
    if (found < wanted || (double)found > (double)wanted * (1 + 1.0 / HDR_SUB) + 1)
        fail_msg("%lld where %lld was counted", (long long)found, (long long)wanted);
}

/* The value at the same rank, for a distribution of each shape that latencies have. */
static void check_shape(int64_t (*draw)(struct prng *))
{
    static const double shares[] = {0.001, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 1};
    int64_t *samples = calloc(SAMPLES, sizeof(*samples));
    struct hdr *hdr = new_hdr();
    struct prng prng;
    prng_seed(&prng, 7);
    for (int i = 0; i < SAMPLES; i++) {
        samples[i] = draw(&prng);
        hdr_add(hdr, samples[i]);
    }
    qsort(samples, SAMPLES, sizeof(*samples), by_value);
    assert_int_equal(hdr->total, SAMPLES);
    assert_int_equal(hdr->max_ns, samples[SAMPLES - 1]);
    for (size_t i = 0; i < COUNT_OF(shares); i++) {
        int rank = (int)(shares[i] * SAMPLES + 0.5);
        assert_within(hdr_quantile(hdr, shares[i]), samples[rank - 1]);
    }
    free(samples);
    free(hdr);
}

static int64_t even(struct prng *prng)
{
    return (int64_t)(prng_next(prng) % 1000000);
}
static int64_t over_all_powers(struct prng *prng)
{
    uint64_t bits = prng_next(prng) % 46;
    return (int64_t)(prng_next(prng) & (((uint64_t)2 << bits) - 1));
}
static int64_t two_humps(struct prng *prng)
{
    return prng_next(prng) % 100 == 0 ? 40000000 + (int64_t)(prng_next(prng) % 1000) : 90000;
}

static void a_quantile_is_the_value_of_that_rank_to_one_part_in_128(void **state)
{
    check_shape(even);
    check_shape(over_all_powers);
    check_shape(two_humps);
}

static void every_value_below_128_ns_has_a_bucket_of_its_own(void **state)
{
    for (int64_t value = 0; value < HDR_SUB; value++) {
        struct hdr *hdr = new_hdr();
        hdr_add(hdr, value);
        hdr_add(hdr, 1000000);
        assert_int_equal(hdr_quantile(hdr, 0.5), value);
        free(hdr);
    }
}

static void no_quantile_is_above_the_largest_value(void **state)
{
    struct hdr *hdr = new_hdr();
    hdr_add(hdr, 1000001); /* inside a bucket that ends above it */
    assert_int_equal(hdr_quantile(hdr, 0.5), 1000001);
    assert_int_equal(hdr_quantile(hdr, 1), 1000001);
    free(hdr);
}

static void values_out_of_range_are_counted_at_its_ends(void **state)
{
    struct hdr *hdr = new_hdr();
    hdr_add(hdr, -5); /* a clock that was set back */
    hdr_add(hdr, INT64_MAX);
    assert_int_equal(hdr->total, 2);
    assert_int_equal(hdr_quantile(hdr, 0.5), 0);
    assert_true(hdr_quantile(hdr, 1) > (int64_t)1 << 46);
    free(hdr);
}

static void nothing_counted_is_zero(void **state)
{
    struct hdr *hdr = new_hdr();
    assert_int_equal(hdr_quantile(hdr, 0.5), 0);
    assert_int_equal(hdr_quantile(hdr, 0.999), 0);
    free(hdr);
}

static void merged_histograms_are_as_one(void **state)
{
    struct hdr *parts[3] = {new_hdr(), new_hdr(), new_hdr()}, *merged = new_hdr();
    struct prng prng;
    prng_seed(&prng, 11);
    for (int i = 0; i < SAMPLES; i++) {
        int64_t value = over_all_powers(&prng);
        hdr_add(parts[2], value);
        hdr_add(parts[i % 2], value);
    }
    hdr_merge(merged, parts[0]);
    hdr_merge(merged, parts[1]);
    assert_memory_equal(merged, parts[2], sizeof(*merged));
    free(merged);
    for (int i = 0; i < 3; i++)
        free(parts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quantile_is_the_value_of_that_rank_to_one_part_in_128),
        cmocka_unit_test(every_value_below_128_ns_has_a_bucket_of_its_own),
        cmocka_unit_test(no_quantile_is_above_the_largest_value),
        cmocka_unit_test(values_out_of_range_are_counted_at_its_ends),
        cmocka_unit_test(nothing_counted_is_zero),
        cmocka_unit_test(merged_histograms_are_as_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
