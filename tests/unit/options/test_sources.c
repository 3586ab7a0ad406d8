#include "options_fixture.h"

/* A properties file of this content, and the words. */
static enum options_result parse_properties_file(const char *text, const char *word)
{
    struct temporary_file file = temporary_file(text, strlen(text));
    enum options_result result = word ? PARSE("-F", file.path, word) : PARSE("-F", file.path);
    fclose(file.stream);
    return result;
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

static void dotted_keys_without_a_taker(void **state)
{
    (void)state;
    assert_int_equal(parse_without_properties("sasl.password = x\nport = 7\n"), OPTIONS_RUN);
    assert_int_equal(settings.port, 7);
    ASSERT_WRONG(parse_without_properties("[probe-two]\nsasl.password = x\n"),
                 ":2: probe-two has no option 'sasl.password'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(environment),
        TEST(empty_variables_are_not_set),
        TEST(only_its_own_variable),
        TEST(configuration_file),
        TEST(secret_properties_elsewhere),
        TEST(properties_file_yields_to_all_else),
        TEST(a_property_that_is_an_option),
        TEST(properties_know_where_they_were_set),
        TEST(sections_in_order),
        TEST(keys_that_do_not_belong),
        TEST(dotted_keys_without_a_taker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
