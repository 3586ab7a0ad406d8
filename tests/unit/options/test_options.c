#include "options_fixture.h"

/* Parses with this configuration file, then the words. */
static enum options_result parse_file(const char *text, const char *word)
{
    struct temporary_file file = temporary_file(text, strlen(text));
    enum options_result result = word ? PARSE("--config", file.path, word) : PARSE("--config", file.path);
    fclose(file.stream);
    return result;
}

#define ASSERT_WRONG(result, message)                                                                        \
    do {                                                                                                     \
        assert_int_equal(result, OPTIONS_WRONG);                                                             \
        assert_contains(error.text, message);                                                                \
    } while (0)

static void assert_real(double value, double wanted)
{
    assert_false(value < wanted || value > wanted);
}

/* ---- right values ---- */

static void table_defaults(void **state)
{
    (void)state;
    assert_int_equal(PARSE_NOTHING(), OPTIONS_RUN);
    assert_string_equal(settings.host, "localhost");
    assert_int_equal(settings.port, 1883);
    assert_false(settings.verbose);
    assert_int_equal(settings.count, 0);
    assert_real(settings.rate, 0.1);
    assert_int_equal(settings.wait, 10 * SECOND);
    assert_int_equal(settings.size, 16 << 20);
    assert_int_equal(settings.format, 0);
    assert_int_equal(settings.topics.count, 0);
    assert_int_equal(settings.properties.count, 0);
    assert_null(settings.password);
    assert_null(settings.password_file);
    assert_string_equal(settings.note, "of probe-one"); /* the program's own */
    assert_false(options_given("host"));
    assert_false(options_given("note"));
    assert_false(options_given("no-such-option"));
}

static void assert_second_values(void)
{
    assert_string_equal(settings.host, "broker");
    assert_int_equal(settings.port, 65535);
    assert_true(settings.verbose);
    assert_int_equal(settings.count, 3);
    assert_real(settings.rate, 2.5);
    assert_int_equal(settings.wait, 250 * MILLISECOND);
    assert_int_equal(settings.size, 2 << 10);
    assert_int_equal(settings.format, 2);
    ASSERT_LIST(&settings.topics, "a", "b c");
    ASSERT_PROPERTIES("x=1", "y.z=a=b");
    assert_string_equal(settings.password_file, "f");
    assert_string_equal(settings.note, "");
    static const char *const given[] = {"host", "port",   "verbose", "count",    "rate",          "wait",
                                        "size", "format", "topic",   "property", "password-file", "note"};
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        assert_true(options_given(given[i]));
}

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

static void environment(void **state)
{
    static const char *const variables[][2] = {
        {"PROBE_HOST", "broker"},         {"ROOMSTREAM_PORT", "65535"},
        {"ROOMSTREAM_VERBOSE", "yes"},    {"ROOMSTREAM_COUNT", "3"},
        {"ROOMSTREAM_RATE", "2.5"},       {"ROOMSTREAM_WAIT", "250ms"},
        {"ROOMSTREAM_SIZE", "2K"},        {"ROOMSTREAM_FORMAT", "senml"},
        {"ROOMSTREAM_TOPIC", "a\nb c\n"}, {"ROOMSTREAM_PROPERTY", "x=1\ny.z=a=b"},
        {"PROBE_PASSWORD", "hunter2"},    {"ROOMSTREAM_PASSWORD_FILE", "f"},
        {"ROOMSTREAM_NOTE", "n"}};
    (void)state;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        setenv(variables[i][0], variables[i][1], 1);
    assert_int_equal(PARSE("--note="), OPTIONS_RUN);
    assert_second_values();
    assert_string_equal(settings.password, "hunter2");
    assert_true(options_given("password"));
}

static void empty_variables_are_not_set(void **state)
{
    (void)state;
    setenv("PROBE_HOST", "", 1);
    setenv("ROOMSTREAM_PORT", "", 1);
    setenv("ROOMSTREAM_TOPIC", "", 1);
    setenv("ROOMSTREAM_CONFIG", "", 1);
    assert_int_equal(PARSE_NOTHING(), OPTIONS_RUN);
    assert_string_equal(settings.host, "localhost");
    assert_int_equal(settings.port, 1883);
    assert_int_equal(settings.topics.count, 0);
    assert_false(options_given("host"));
}

/* An option with a variable of its own does not listen to another. */
static void only_its_own_variable(void **state)
{
    (void)state;
    setenv("ROOMSTREAM_HOST", "elsewhere", 1);
    assert_int_equal(PARSE_NOTHING(), OPTIONS_RUN);
    assert_string_equal(settings.host, "localhost");
    unsetenv("ROOMSTREAM_HOST");
}

static void configuration_file(void **state)
{
    (void)state;
    assert_int_equal(parse_file("host = broker\n"
                                "port=65535\r\n"
                                "verbose = TRUE\n"
                                "count = 3\n"
                                "rate = 2.5\n"
                                "wait = 250ms\n"
                                "size = 2K\n"
                                "format = senml\n"
                                "topic = a\n"
                                "topic = b c\n"
                                "property = x=1\n"
                                "y.z = a=b\n"
                                "password = hunter 2 # ;\n"
                                "password-file = f\n"
                                "note =\n",
                                NULL),
                     OPTIONS_RUN);
    assert_second_values();
    assert_string_equal(settings.password, "hunter 2 # ;");
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

static void bounds(void **state)
{
    (void)state;
    assert_int_equal(PARSE("-p", "1", "-C", "1", "--rate", "0", "--wait", "1ms", "--size", "1024"),
                     OPTIONS_RUN);
    assert_int_equal(PARSE("-p", "65535", "-C", "9223372036854775807", "--rate", "1e9", "--wait", "1d"),
                     OPTIONS_RUN);
    ASSERT_WRONG(PARSE("-p", "0"), "--port: '0' is not a whole number from 1 to 65535");
    ASSERT_WRONG(PARSE("-p", "-1"), "--port: '-1' is not");
    ASSERT_WRONG(PARSE("-p", "65536"), "'65536' is not");
    ASSERT_WRONG(PARSE("-C", "0"), "--count: '0' is not a whole number of at least 1");
    ASSERT_WRONG(PARSE("--rate", "-0.1"), "--rate: '-0.1' is not a number from 0 to 1000000000");
    ASSERT_WRONG(PARSE("--rate", "1.1e9"), "is not a number from");
    ASSERT_WRONG(PARSE("--wait", "1us"),
                 "'1us' is not a duration such as 500ms, 10s or 2h from 0.001 to 86400 seconds");
    ASSERT_WRONG(PARSE("--wait", "25h"), "'25h' is not");
    ASSERT_WRONG(PARSE("--size", "1023"),
                 "'1023' is not a size such as 64K, 16M or 1G from 1024 to 1000000000000000 bytes");
}

/* ---- wrong values and words ---- */

static void wrong_values(void **state)
{
    static const struct {
        const char *option, *variable, *value, *message;
    } table[] = {
        {"port", "ROOMSTREAM_PORT", "http", "'http' is not a whole number"},
        {"count", "ROOMSTREAM_COUNT", "1.5", "'1.5' is not a whole number"},
        {"rate", "ROOMSTREAM_RATE", "nan", "'nan' is not a number"},
        {"wait", "ROOMSTREAM_WAIT", "soon", "'soon' is not a duration such as 500ms, 10s or 2h"},
        {"size", "ROOMSTREAM_SIZE", "big", "'big' is not a size such as 64K, 16M or 1G"},
        {"format", "ROOMSTREAM_FORMAT", "JSON", "'JSON' is not one of json, csv, senml"},
        {"property", "ROOMSTREAM_PROPERTY", "word", "'word' is not NAME=VALUE"},
        {"property", "ROOMSTREAM_PROPERTY", "=value", "'=value' is not NAME=VALUE"},
        {"verbose", "ROOMSTREAM_VERBOSE", "maybe", "'maybe' is not true or false"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char word[64], wanted[160];
        start_afresh(NULL);
        if (strcmp(table[i].option, "verbose") != 0) {
            snprintf(word, sizeof word, "--%s=%s", table[i].option, table[i].value);
            snprintf(wanted, sizeof wanted, "--%s: %s", table[i].option, table[i].message);
            ASSERT_WRONG(PARSE(word), wanted);
        }
        snprintf(word, sizeof word, "# comment\n%s = %s", table[i].option, table[i].value);
        snprintf(wanted, sizeof wanted, ":2: %s: %s", table[i].option, table[i].message);
        ASSERT_WRONG(parse_file(word, NULL), wanted);
        setenv(table[i].variable, table[i].value, 1);
        snprintf(wanted, sizeof wanted, "environment variable %s: %s", table[i].variable, table[i].message);
        ASSERT_WRONG(PARSE_NOTHING(), wanted);
    }
}

static void empty_values(void **state)
{
    static const char *const numbers[] = {
        "--port=", "--count=", "--rate=", "--wait=", "--size=", "--format="};
    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        ASSERT_WRONG(PARSE(numbers[i]), ": '' is not");
    assert_int_equal(PARSE("--host="), OPTIONS_RUN);
    assert_string_equal(settings.host, "");
    assert_int_equal(PARSE("--topic", ""), OPTIONS_RUN);
    ASSERT_LIST(&settings.topics, "");
    ASSERT_WRONG(PARSE("--config="), "cannot read the configuration file ''");
}

static void long_values_leave_room_for_the_reason(void **state)
{
    char value[3000] = "";
    (void)state;
    memset(value, '7', sizeof value - 1);
    ASSERT_WRONG(PARSE("--port", value), "777...' is not a whole number from 1 to 65535");
    ASSERT_WRONG(PARSE("--format", value), "777...' is not one of json, csv, senml");
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

/* ---- secrets ---- */

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

static void secret_properties_elsewhere(void **state)
{
    (void)state;
    setenv("ROOMSTREAM_PROPERTY", "sasl.password=from environment", 1);
    assert_int_equal(parse_file("sasl.password = from file\n", NULL), OPTIONS_RUN);
    ASSERT_PROPERTIES("sasl.password=from file", "sasl.password=from environment");
    setenv("ROOMSTREAM_PROPERTY", "sasl.password:hunter2", 1);
    ASSERT_WRONG(PARSE_NOTHING(), "ROOMSTREAM_PROPERTY: not NAME=VALUE");
    assert_lacks(error.text, "hunter2");
}

/* ---- precedence ---- */

static void sources_in_order(void **state)
{
    static const char file[] = "port = 1\nrate = 1\nnote = file\n";
    (void)state;
    setenv("ROOMSTREAM_PORT", "2", 1);
    setenv("ROOMSTREAM_RATE", "2", 1);
    assert_int_equal(parse_file(file, "--port=3"), OPTIONS_RUN);
    assert_int_equal(settings.port, 3);
    assert_real(settings.rate, 2);
    assert_string_equal(settings.note, "file");
    assert_string_equal(settings.host, "localhost");
}

static void last_one_of_a_source_counts(void **state)
{
    (void)state;
    assert_int_equal(PARSE("-p", "1", "--port", "2", "-p3"), OPTIONS_RUN);
    assert_int_equal(settings.port, 3);
    assert_int_equal(parse_file("port = 1\nport = 2\n", NULL), OPTIONS_RUN);
    assert_int_equal(settings.port, 2);
}

static void lists_replace_and_properties_add_up(void **state)
{
    static const char file[] = "[probe-one]\ntopic = own1\ntopic = own2\nproperty = a=own\nb.c = own\n"
                               "[default]\ntopic = common\nproperty = a=common\n";
    (void)state;
    assert_int_equal(parse_file(file, NULL), OPTIONS_RUN);
    ASSERT_LIST(&settings.topics, "own1", "own2");
    ASSERT_PROPERTIES("a=common", "a=own", "b.c=own");
    setenv("ROOMSTREAM_TOPIC", "environment", 1);
    setenv("ROOMSTREAM_PROPERTY", "a=environment", 1);
    assert_int_equal(parse_file(file, "-Xa=word"), OPTIONS_RUN);
    ASSERT_LIST(&settings.topics, "environment");
    ASSERT_PROPERTIES("a=common", "a=own", "b.c=own", "a=environment", "a=word");
    assert_int_equal(parse_file(file, "-tword"), OPTIONS_RUN);
    ASSERT_LIST(&settings.topics, "word");
}

static void sections_in_order(void **state)
{
    static const char *const sections[] = {"[probe-one]\nport = 4\n", "[probe]\nport = 3\n",
                                           "[basics]\nport = 2\n", "[default]\nport = 1\n"};
    (void)state;
    /* The most specific first in the file: the order of precedence does not come from there. */
    for (size_t first = 0; first < 4; first++) {
        char text[200] = "";
        for (size_t i = first; i < 4; i++)
            strcat(text, sections[i]);
        assert_int_equal(parse_file(text, NULL), OPTIONS_RUN);
        assert_int_equal(settings.port, 4 - (int)first);
    }
    assert_int_equal(
        parse_file("port = 5\n[probe-two]\nport = 6\nno-option = 7\nx.y = z\n[general]\nport = 8\n", NULL),
        OPTIONS_RUN);
    assert_int_equal(settings.port, 5);
    assert_int_equal(settings.properties.count, 0);
}

static void keys_that_do_not_belong(void **state)
{
    (void)state;
    ASSERT_WRONG(parse_file("hots = x\n", NULL), ":1: probe-one has no option 'hots': options that not all");
    ASSERT_WRONG(parse_file("[probe]\n\nhots = x\n", NULL), ":3: probe-one has no option 'hots'");
    ASSERT_WRONG(parse_file("[extra]\nhost = x\n", NULL),
                 ":2: 'host' does not belong under [extra] but under [basics]");
    ASSERT_WRONG(parse_file("[basics]\na.b = x\n", NULL),
                 "'a.b' does not belong under [basics] but under [extra]");
    ASSERT_WRONG(parse_file("help = true\n", NULL), "'help' makes sense on the command line only");
    ASSERT_WRONG(parse_file("config = other\n", NULL), "'config' makes sense on the command line only");
    ASSERT_WRONG(parse_file("no entry\n", NULL), ":1: expected 'key = value'");
}

/* A properties file of this content, and the words. */
static enum options_result parse_properties_file(const char *text, const char *word)
{
    struct temporary_file file = temporary_file(text, strlen(text));
    enum options_result result = word ? PARSE("-F", file.path, word) : PARSE("-F", file.path);
    fclose(file.stream);
    return result;
}

static void properties_file_yields_to_all_else(void **state)
{
    static const char text[] = "a = 1\nb.c = x y\n[other]\nd = 2\n[default]\nprobe.host = filed\n";
    (void)state;
    assert_int_equal(parse_properties_file(text, NULL), OPTIONS_RUN);
    ASSERT_PROPERTIES("a=1", "b.c=x y", "d=2");
    assert_string_equal(settings.properties.items[0].section, "");
    assert_string_equal(settings.properties.items[2].section, "other");
    assert_contains(settings.properties.items[1].origin, ":2");
    assert_string_equal(settings.host, "filed");
    setenv("ROOMSTREAM_PROPERTY", "a=2", 1);
    setenv("PROBE_HOST", "environment", 1);
    assert_int_equal(parse_properties_file(text, "-Xa=3"), OPTIONS_RUN);
    ASSERT_PROPERTIES("a=1", "b.c=x y", "d=2", "a=2", "a=3");
    assert_null(settings.properties.items[4].section);
    assert_string_equal(settings.host, "environment");
    ASSERT_WRONG(PARSE("-F", "/nonexistent"), "/nonexistent");
}

static void a_property_that_is_an_option(void **state)
{
    (void)state;
    assert_int_equal(PARSE("-X", "probe.host=one"), OPTIONS_RUN);
    assert_string_equal(settings.host, "one");
    assert_true(options_given("host"));
    assert_int_equal(settings.properties.count, 0);
    setenv("ROOMSTREAM_PROPERTY", "probe.host=two", 1);
    assert_int_equal(parse_file("probe.host = three\n", NULL), OPTIONS_RUN);
    assert_string_equal(settings.host, "two");
    assert_int_equal(PARSE("--host", "four"), OPTIONS_RUN);
    assert_string_equal(settings.host, "four");
}

static void properties_know_where_they_were_set(void **state)
{
    (void)state;
    setenv("ROOMSTREAM_PROPERTY", "c=3", 1);
    assert_int_equal(parse_file("\nproperty = a=1\nb.b=2\n", "-Xd=4"), OPTIONS_RUN);
    ASSERT_PROPERTIES("a=1", "b.b=2", "c=3", "d=4");
    const char *const wanted[] = {":2", ":3", "environment variable ROOMSTREAM_PROPERTY", "--property"};
    for (size_t i = 0; i < 4; i++)
        assert_contains(settings.properties.items[i].origin, wanted[i]);
}

/* Kafka properties in a file that is shared with a program that does not speak Kafka. */
static enum options_result parse_without_properties(const char *text)
{
    const struct program other = {
        .name = "probe-two", .usage = "", .summary = "", .groups = groups, .group_count = 1};
    struct temporary_file file = temporary_file(text, strlen(text));
    char *argv[] = {(char *)"probe-two", (char *)"--config", file.path, NULL};
    forget_settings();
    enum options_result result = options_parse(&other, 3, argv, &error);
    fclose(file.stream);
    return result;
}

static void dotted_keys_without_a_taker(void **state)
{
    (void)state;
    assert_int_equal(parse_without_properties("sasl.password = x\nport = 7\n"), OPTIONS_RUN);
    assert_int_equal(settings.port, 7);
    ASSERT_WRONG(parse_without_properties("[probe-two]\nsasl.password = x\n"),
                 ":2: probe-two has no option 'sasl.password'");
}

static void configuration_file_from_the_environment(void **state)
{
    struct temporary_file one = temporary_file("port = 1\n", 9), two = temporary_file("port = 2\n", 9);
    (void)state;
    setenv("ROOMSTREAM_CONFIG", one.path, 1);
    assert_int_equal(PARSE_NOTHING(), OPTIONS_RUN);
    assert_int_equal(settings.port, 1);
    assert_int_equal(PARSE("--config", two.path), OPTIONS_RUN);
    assert_int_equal(settings.port, 2);
    fclose(one.stream);
    fclose(two.stream);
    ASSERT_WRONG(PARSE("--config", "/nonexistent"), "cannot read the configuration file '/nonexistent'");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start_afresh, start_afresh)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(table_defaults),
        TEST(command_line),
        TEST(environment),
        TEST(empty_variables_are_not_set),
        TEST(only_its_own_variable),
        TEST(configuration_file),
        TEST(flags),
        TEST(many_letters_in_one_word),
        TEST(values_that_look_like_options),
        TEST(bounds),
        TEST(wrong_values),
        TEST(empty_values),
        TEST(long_values_leave_room_for_the_reason),
        TEST(unknown_words),
        TEST(abbreviations),
        TEST(secrets_stay_off_the_command_line),
        TEST(secret_properties_elsewhere),
        TEST(sources_in_order),
        TEST(last_one_of_a_source_counts),
        TEST(lists_replace_and_properties_add_up),
        TEST(properties_file_yields_to_all_else),
        TEST(a_property_that_is_an_option),
        TEST(properties_know_where_they_were_set),
        TEST(sections_in_order),
        TEST(keys_that_do_not_belong),
        TEST(dotted_keys_without_a_taker),
        TEST(configuration_file_from_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
