/* Lines of diag: their form, and how few of them one call site may write. */
#include "io/reactor/backend.h"
#include "tests/support/test.h"

static char printed[64][DIAG_LINE_MAX + 1];
static int printed_count;
static int64_t wall = 1700000000123;

static int64_t wall_ms(struct io *io)
{
    return wall;
}

static void print(struct io *io, const char *line, size_t length)
{
    assert_true(printed_count < 64 && length <= DIAG_LINE_MAX);
    memcpy(printed[printed_count], line, length);
    printed[printed_count++][length] = '\0';
}

static int64_t clock_ns(struct io *io)
{
    return 1000;
}

static const struct io_backend backend = {.clock_ns = clock_ns, .wall_ms = wall_ms, .print = print};
static struct io io;

static void open_io(void)
{
    io_init(&io, &backend, test_mem(), NULL, 2, 4);
    printed_count = 0;
}

static void a_line_is_time_level_shard_message_and_keys(void **state)
{
    open_io();
    DIAG(&io, DIAG_WARN, "the disk is slow", "path=%s ms=%d", "/d", 7);
    DIAG_EVENT(&io, DIAG_INFO, "ready");
    assert_string_equal(printed[0],
                        "ts=2023-11-14T22:13:20.123Z level=warn shard=2 msg=\"the disk is slow\" path=/d ms=7\n");
    assert_string_equal(printed[1], "ts=2023-11-14T22:13:20.123Z level=info shard=2 msg=\"ready\"\n");
}

static void dates_are_right_at_their_edges(void **state)
{
    static const struct {
        int64_t ms;
        const char *text;
    } dates[] = {{0, "1970-01-01T00:00:00.000Z"},
                 {-1, "1969-12-31T23:59:59.999Z"},
                 {951782400000, "2000-02-29T00:00:00.000Z"},
                 {1709251199999, "2024-02-29T23:59:59.999Z"},
                 {4107542400000, "2100-03-01T00:00:00.000Z"}};
    const struct diag_site site = {.message = "m", .level = DIAG_INFO};
    for (size_t i = 0; i < COUNT_OF(dates); i++) {
        char line[DIAG_LINE_MAX];
        diag_format(line, dates[i].ms, 0, &site, 0, "");
        assert_memory_equal(line + 3, dates[i].text, 24);
    }
}

static void levels_below_the_chosen_one_are_silent(void **state)
{
    open_io();
    enum diag_level level;
    DIAG_EVENT(&io, DIAG_DEBUG, "x");
    assert_int_equal(printed_count, 0);
    assert_true(diag_level_parse("error", &level));
    diag_set_level(&io, level);
    DIAG_EVENT(&io, DIAG_WARN, "x");
    assert_int_equal(printed_count, 0);
    DIAG_EVENT(&io, DIAG_ERROR, "x");
    assert_int_equal(printed_count, 1);
    assert_false(diag_level_parse("loud", &level));
}

static void complain(void)
{
    DIAG_EVENT(&io, DIAG_WARN, "again");
}

static void one_call_site_cannot_flood_and_what_was_left_out_is_counted(void **state)
{
    open_io();
    for (int i = 0; i < 1000; i++)
        complain();
    assert_int_equal(printed_count, DIAG_BURST);
    DIAG_EVENT(&io, DIAG_WARN, "another site");
    assert_int_equal(printed_count, DIAG_BURST + 1);
    io.now_ns += DIAG_WINDOW_NS;
    complain();
    assert_int_equal(printed_count, DIAG_BURST + 2);
    assert_non_null(strstr(printed[printed_count - 1], " left_out=990"));
    complain();
    assert_null(strstr(printed[printed_count - 1], "left_out"));
}

static void no_text_can_make_a_second_line_or_a_longer_one(void **state)
{
    static char text[3000];
    open_io();
    memset(text, 'a', sizeof text - 1);
    DIAG(&io, DIAG_WARN, "m", "name=%s", "evil\nlevel=info\x1b[2J");
    assert_ptr_equal(strchr(printed[0], '\n'), printed[0] + strlen(printed[0]) - 1);
    assert_null(strchr(printed[0], 0x1b));
    DIAG(&io, DIAG_WARN, "m", "name=%s", text);
    assert_in_range(strlen(printed[1]), 900, DIAG_LINE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_time_level_shard_message_and_keys),
        cmocka_unit_test(dates_are_right_at_their_edges),
        cmocka_unit_test(levels_below_the_chosen_one_are_silent),
        cmocka_unit_test(one_call_site_cannot_flood_and_what_was_left_out_is_counted),
        cmocka_unit_test(no_text_can_make_a_second_line_or_a_longer_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
