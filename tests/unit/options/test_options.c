#include "options_fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(table_defaults),
        TEST(sources_in_order),
        TEST(last_one_of_a_source_counts),
        TEST(lists_replace_and_properties_add_up),
        TEST(configuration_file_from_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
