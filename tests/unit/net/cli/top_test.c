/* What `ringmain top` makes of two readings of a broker's metrics, and of answers that are none. */
#include "net/cli/top_sample.h"
#include "net/client/http.h"
#include "tests/support/test.h"

static const char before[] = "# HELP a text with {braces} and 1\n# TYPE a counter\n"
                             "a_total{shard=\"0\"} 100\n"
                             "a_total{shard=\"1\"} 50\n"
                             "t_bucket{api=\"Produce\",stage=\"total\",le=\"0.001\"} 10\n"
                             "t_bucket{api=\"Produce\",stage=\"total\",le=\"0.0025\"} 10\n"
                             "t_bucket{api=\"Produce\",stage=\"total\",le=\"+Inf\"} 10\n"
                             "t_count{api=\"Produce\",stage=\"total\"} 10\n";
static const char after[] = "a_total{shard=\"0\"} 300\n"
                            "a_total{shard=\"1\"} 20\n"
                            "a_total{shard=\"2\"} 7\n"
                            "t_bucket{api=\"Produce\",stage=\"total\",le=\"0.001\"} 60\n"
                            "t_bucket{api=\"Produce\",stage=\"total\",le=\"0.0025\"} 110\n"
                            "t_bucket{api=\"Produce\",stage=\"total\",le=\"+Inf\"} 110\n"
                            "t_count{api=\"Produce\",stage=\"total\"} 110\n"
                            "b 1.5e3";

static void read_text(struct top_sample *sample, struct mem *mem, const char *text)
{
    assert_int_equal(top_sample_read(sample, mem, slice_from_string(text), 0), ERR_OK);
}

static void rates_are_what_has_grown_between_two_readings(void **state)
{
    struct mem *mem = test_mem();
    struct top_sample first, second;
    read_text(&first, mem, before);
    read_text(&second, mem, after);
    struct top_pair pair = {.before = &first, .now = &second, .seconds = 2};
    assert_true(top_growth(&pair, "a_total{shard=\"%d\"}", 0) == 200);
    assert_true(top_growth(&pair, "a_total{shard=\"1\"}") == 20); /* smaller than before: it began anew */
    assert_true(top_growth(&pair, "a_total{shard=\"2\"}") == 7);  /* was not there before */
    assert_true(top_growth(&pair, "nobody") == 0);
    assert_true(top_value(&second, "b") == 1500);
    struct top_pair alone = {.now = &second};
    assert_true(top_growth(&alone, "a_total{shard=\"0\"}") == 300);
    top_sample_fini(&first);
    top_sample_fini(&second);
    assert_int_equal(mem->used, 0);
}

static void quantiles_lie_within_the_bucket_that_holds_them(void **state)
{
    struct mem *mem = test_mem();
    struct top_sample first, second;
    read_text(&first, mem, before);
    read_text(&second, mem, after);
    struct top_pair pair = {.before = &first, .now = &second, .seconds = 2};
    double half = top_quantile(&pair, "t", "api=\"Produce\",stage=\"total\"", 0.5);
    double most = top_quantile(&pair, "t", "api=\"Produce\",stage=\"total\"", 0.75);
    assert_true(half > 0.0009 && half <= 0.001);
    assert_true(most > 0.00174 && most < 0.00176);
    assert_true(top_quantile(&pair, "t", "api=\"Fetch\",stage=\"total\"", 0.5) == 0);
    top_sample_fini(&first);
    top_sample_fini(&second);
}

static void labels_are_found_by_their_whole_name(void **state)
{
    struct slice key = SLICE_LITERAL("x{subtopic=\"no\",topic=\"yes\",partition=\"3\"}");
    assert_true(slice_equal_string(top_label(key, "topic"), "yes"));
    assert_true(slice_equal_string(top_label(key, "partition"), "3"));
    assert_true(slice_is_null(top_label(key, "opic")));
    assert_true(slice_is_null(top_label(SLICE_LITERAL("x{topic=\"cut"), "topic")));
    assert_true(top_is_named(key, "x") && !top_is_named(SLICE_LITERAL("xy{}"), "x"));
}

static void a_text_that_is_none_is_refused_and_leaks_nothing(void **state)
{
    static const char *const wrong[] = {"", "# only a comment\n", "<html>\n", "a_total{} x1\n", "lonely\n", " 1\n"};
    struct mem *mem = test_mem();
    struct top_sample sample;
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_int_equal(top_sample_read(&sample, mem, slice_from_string(wrong[i]), 0), ERR_CORRUPT);
    for (long n = 1;; n++) {
        test_mem_fail_at(mem, n);
        enum err err = top_sample_read(&sample, mem, slice_from_string(after), 0);
        test_mem_fail_at(mem, 0);
        if (err == ERR_OK)
            break;
        assert_int_equal(err, ERR_NO_MEMORY);
        assert_int_equal(mem->used, 0);
    }
    top_sample_fini(&sample);
    assert_int_equal(mem->used, 0);
}

static void answers_over_http_are_whole_or_refused(void **state)
{
    static const char good[] = "HTTP/1.1 200 OK\r\nDate: x\r\ncontent-length: 5\r\n\r\nhello";
    struct slice body;
    assert_int_equal(http_parse(slice_from_string(good), &body), ERR_OK);
    assert_true(slice_equal_string(body, "hello"));
    for (size_t cut = 0; cut + 1 < sizeof good; cut++)
        assert_int_equal(http_parse(slice_of(good, cut), &body), ERR_CORRUPT);
    assert_int_equal(http_parse(SLICE_LITERAL("HTTP/1.1 404 Not Found\r\n\r\n"), &body), ERR_NOT_FOUND);
    assert_int_equal(http_parse(SLICE_LITERAL("SSH-2.0-OpenSSH\r\n\r\n"), &body), ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_what_has_grown_between_two_readings),
        cmocka_unit_test(quantiles_lie_within_the_bucket_that_holds_them),
        cmocka_unit_test(labels_are_found_by_their_whole_name),
        cmocka_unit_test(a_text_that_is_none_is_refused_and_leaks_nothing),
        cmocka_unit_test(answers_over_http_are_whole_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
