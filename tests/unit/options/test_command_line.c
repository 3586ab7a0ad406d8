#include "options_fixture.h"

static void command_line(void **state)
{
    (void)state;
    assert_int_equal(PARSE("-h", "broker", "-p65535", "-v", "-C", "3", "--rate=2.5", "--wait", "250ms",
                           "--size", "2K", "--format", "senml", "-t", "a", "--topic=b c", "-X", "x=1",
                           "--property", "y.z=a=b", "--password-file", "f", "--note", ""),
                     OPTIONS_RUN);
    assert_second_values();
    assert_null(settings.password);
}

static void flags(void **state)
{
    static const char *const yes[] = {"true", "yes", "on", "1", "True"}, *const no[] = {"false", "no", "off",
                                                                                        "0"};
    (void)state;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        setenv("ROOMSTREAM_VERBOSE", yes[i], 1);
        assert_int_equal(PARSE_NOTHING(), OPTIONS_RUN);
        assert_true(settings.verbose);
    }
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        setenv("ROOMSTREAM_VERBOSE", no[i], 1);
        assert_int_equal(PARSE_NOTHING(), OPTIONS_RUN);
        assert_false(settings.verbose);
        assert_true(options_given("verbose"));
        assert_int_equal(PARSE("-v"), OPTIONS_RUN);
        assert_true(settings.verbose);
    }
}

static void many_letters_in_one_word(void **state)
{
    char cluster[200] = "-";
    (void)state;
    memset(cluster + 1, 'v', sizeof cluster - 2);
    assert_int_equal(PARSE(cluster), OPTIONS_RUN);
    assert_true(settings.verbose);
    assert_int_equal(PARSE("-vvp80"), OPTIONS_RUN);
    assert_int_equal(settings.port, 80);
}

static void values_that_look_like_options(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--host", "-v", "-t", "--", "--note=--help", "--"), OPTIONS_RUN);
    assert_string_equal(settings.host, "-v");
    ASSERT_LIST(&settings.topics, "--");
    assert_string_equal(settings.note, "--help");
    assert_false(settings.verbose);
}

static void unknown_words(void **state)
{
    (void)state;
    ASSERT_WRONG(PARSE("-Z"), "unknown option '-Z'");
    ASSERT_WRONG(PARSE("-vZ"), "unknown option '-Z'");
    ASSERT_WRONG(PARSE("-\xc3\xa9"), "unknown option '-?'");
    ASSERT_WRONG(PARSE("--nonsense"), "unknown option '--nonsense'");
    ASSERT_WRONG(PARSE("--nonsense=1"), "unknown option '--nonsense'");
    ASSERT_WRONG(PARSE("--=1"), "unknown option '--'");
    ASSERT_WRONG(PARSE("--verbose=1"), "option '--verbose' takes no value");
    ASSERT_WRONG(PARSE("--host"), "option '--host' needs a value: HOST");
    ASSERT_WRONG(PARSE("-vh"), "option '-h' needs a value: HOST");
    ASSERT_WRONG(PARSE("operand", "-v"), "'operand' is not an option");
    ASSERT_WRONG(PARSE("-v", "-"), "'-' is not an option");
    ASSERT_WRONG(PARSE("--", "-v"), "'-v' is not an option");
    ASSERT_WRONG(PARSE(""), "'' is not an option");
}

static void abbreviations(void **state)
{
    (void)state;
    ASSERT_WRONG(PARSE("--hos", "broker"), "unknown option '--hos'; did you mean '--host'?");
    ASSERT_WRONG(PARSE("--verb"), "unknown option '--verb'; did you mean '--verbose'?");
    ASSERT_WRONG(PARSE("--pr", "x=1"), "unknown option '--pr'; did you mean '--property'?");
    ASSERT_WRONG(PARSE("--vers"), "did you mean '--version'?");
    ASSERT_WRONG(PARSE("--ho"),
                 "option '--host' needs a value"); /* getopt_long's own reading; wrong in any case */
}

static void secrets_stay_off_the_command_line(void **state)
{
    (void)state;
    ASSERT_WRONG(PARSE("--password", "hunter2"), "--password is not taken on the command line");
    assert_contains(error.text, "PROBE_PASSWORD");
    assert_lacks(error.text, "hunter2");
    ASSERT_WRONG(PARSE("--password=hunter2"), "--password is not taken on the command line");
    assert_lacks(error.text, "hunter2");
    ASSERT_WRONG(PARSE("-Phunter2"), "unknown option '-P'");
    assert_lacks(error.text, "hunter2");
    ASSERT_WRONG(PARSE("--passwd=hunter2"), "unknown option '--passwd'");
    assert_lacks(error.text, "hunter2");
    ASSERT_WRONG(PARSE("-X", "sasl.password=hunter2"),
                 "--property: sasl.password is not taken on the command line");
    assert_contains(error.text, "ROOMSTREAM_PROPERTY");
    assert_lacks(error.text, "hunter2");
    assert_int_equal(settings.properties.count, 0);
}

/* Words that are not options, wherever they stand: of a program that takes some. */
static void operands(void **state)
{
    static struct text_list words;
    struct program taking = program;
    char *argv[] = {(char *)"probe-one", (char *)"list", (char *)"-p", (char *)"2", (char *)"-",
                    (char *)"-v",        (char *)"",     (char *)"--", (char *)"-v"};
    (void)state;
    taking.operands = &words;
    assert_int_equal(options_parse(&taking, 9, argv, &error), OPTIONS_RUN);
    ASSERT_LIST(&words, "list", "-", "", "-v");
    assert_int_equal(settings.port, 2);
    assert_true(settings.verbose);
    text_list_free(&words);
    forget_settings();
    ASSERT_WRONG(PARSE("-v", "list"), "'list' is not an option: values follow an option, as in --name VALUE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(command_line),
        TEST(flags),
        TEST(many_letters_in_one_word),
        TEST(values_that_look_like_options),
        TEST(unknown_words),
        TEST(abbreviations),
        TEST(secrets_stay_off_the_command_line),
        TEST(operands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
