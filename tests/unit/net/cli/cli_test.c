/* The command line's arguments, and how records are printed. */
#include "net/cli/cli.h"
#include "net/cli/format.h"
#include "tests/support/test.h"

struct parsed {
    struct cli cli;
    struct cli_option options[3];
    const char *texts[CLI_REPEAT_MAX], *one;
    int count;
    bool flag;
};

static int parse(struct parsed *parsed, int argc, const char **argv)
{
    *parsed = (struct parsed){.cli = {.usage = "test"}};
    parsed->options[0] = (struct cli_option){"--many", "X", "", .texts = parsed->texts, .count = &parsed->count};
    parsed->options[1] = (struct cli_option){"--one", "X", "", .texts = &parsed->one};
    parsed->options[2] = (struct cli_option){"--flag", NULL, "", .flag = &parsed->flag};
    parsed->cli.options = parsed->options;
    parsed->cli.option_count = COUNT_OF(parsed->options);
    return cli_parse(&parsed->cli, argc, (char **)argv);
}

static void options_and_words_may_stand_in_any_order(void **state)
{
    const char *argv[] = {"x", "a", "--many", "1", "--flag", "--many", "2", "b", "--one", "-3", "--bootstrap", "h:1"};
    struct parsed parsed;
    assert_int_equal(parse(&parsed, COUNT_OF(argv), argv), -1);
    assert_int_equal(parsed.cli.word_count, 2);
    assert_string_equal(parsed.cli.words[1], "b");
    assert_int_equal(parsed.count, 2);
    assert_string_equal(parsed.texts[1], "2");
    assert_string_equal(parsed.one, "-3");
    assert_true(parsed.flag);
    assert_string_equal(parsed.cli.bootstrap, "h:1");
}

static void wrong_arguments_are_refused(void **state)
{
    const char *unknown[] = {"x", "--nonsense"}, *bare[] = {"x", "--one"};
    const char *many[2 * CLI_REPEAT_MAX + 3] = {"x"};
    struct parsed parsed;
    assert_int_equal(parse(&parsed, 2, unknown), CLI_USAGE);
    assert_int_equal(parse(&parsed, 2, bare), CLI_USAGE);
    for (size_t i = 1; i < COUNT_OF(many); i += 2) {
        many[i] = "--many";
        many[i + 1] = "1";
    }
    assert_int_equal(parse(&parsed, COUNT_OF(many) - 2, many), -1);
    assert_int_equal(parse(&parsed, COUNT_OF(many), many), CLI_USAGE);
}

static void numbers_are_whole_or_refused(void **state)
{
    int64_t value = 7;
    assert_true(cli_number("--n", "-12", &value));
    assert_int_equal(value, -12);
    assert_false(cli_number("--n", "12x", &value));
    assert_false(cli_number("--n", "", &value));
    assert_false(cli_number("--n", "99999999999999999999", &value));
    assert_int_equal(value, -12);
}

static void assert_printed(const char *format, const struct batch_record *record, const char *expected)
{
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    struct format_record one = {
        .topic = SLICE_LITERAL("t"), .partition = 3, .offset = 42, .timestamp = 1700, .record = record};
    if (format == NULL)
        assert_true(format_print_json(out, &one));
    else
        format_print(out, format, &one);
    fclose(out);
    assert_string_equal(text, expected);
    free(text);
}

static void every_letter_of_a_format_prints_its_field(void **state)
{
    /* headers as records keep them: zigzag lengths, a=b and c=null */
    struct batch_record record = {.key = SLICE_LITERAL("key"),
                                  .value = SLICE_LITERAL("val"),
                                  .header_count = 2,
                                  .headers = SLICE_LITERAL("\x02"
                                                           "a\x02"
                                                           "b\x02"
                                                           "c\x01")};
    assert_null(format_check("%k %v %s %K %S %t %p %o %T %h %%\\n\\t\\\\"));
    assert_printed("%k %v %s %K %S %t %p %o %T %h %%\\n\\t\\\\", &record, "key val val 3 3 t 3 42 1700 a=b,c= %\n\t\\");
    record.key = SLICE_NULL;
    assert_printed("[%k]%K", &record, "[]-1");
}

static void a_format_with_an_unknown_letter_is_refused(void **state)
{
    assert_non_null(format_check("%x"));
    assert_non_null(format_check("100%"));
    assert_non_null(format_check("\\q"));
    assert_non_null(format_check("end\\"));
}

static void json_tells_text_null_and_other_bytes_apart(void **state)
{
    struct batch_record record = {.key = SLICE_NULL, .value = SLICE_LITERAL("\xff\x01")};
    assert_printed(NULL, &record,
                   "{\"topic\":\"t\",\"partition\":3,\"offset\":42,\"timestamp\":1700,\"key\":null,"
                   "\"value\":[255,1],\"headers\":[]}\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_words_may_stand_in_any_order),
        cmocka_unit_test(wrong_arguments_are_refused),
        cmocka_unit_test(numbers_are_whole_or_refused),
        cmocka_unit_test(every_letter_of_a_format_prints_its_field),
        cmocka_unit_test(a_format_with_an_unknown_letter_is_refused),
        cmocka_unit_test(json_tells_text_null_and_other_bytes_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
