#include "options_fixture.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bounds),
        TEST(wrong_values),
        TEST(empty_values),
        TEST(long_values_leave_room_for_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
