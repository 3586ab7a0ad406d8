/* Payloads, and the names that go with them. */
#include "core_fixture.h"

#include "message.h"
#include "mqtt_topic.h"

static struct column column_items[] = {{(char[]){"S1_Temp"}, 1}, {(char[]){"S2_Temp"}, INT64_MAX}};
static const struct columns columns = {column_items, 2};

static struct number number(const char *text)
{
    struct number number;
    assert_true(number_parse(text, &number));
    return number;
}

/* The message about the second column of a reading. */
static void check(enum message_format format, const char *sensor, const char *unit, const char *value,
                  uint64_t seq, const char *wanted)
{
    const struct number values[] = {number("1"), number(value)};
    struct reading reading = {.time = 1513939781, .occupancy = number("2"), .values = values};
    memcpy(reading.date, "2017/12/22", sizeof reading.date);
    memcpy(reading.clock, "10:49:41", sizeof reading.clock);
    struct message_writer *writer = message_writer_new(format, sensor, unit, &columns);
    assert_non_null(writer);
    char *out = malloc(message_writer_max(writer));
    assert_non_null(out);
    size_t length = message_write(writer, &reading, 1, seq, out);
    assert_true(length <= message_writer_max(writer));
    if (length != strlen(wanted) || memcmp(out, wanted, length) != 0)
        fail_msg("%.*s instead of %s", (int)length, out, wanted);
    free(out);
    message_writer_free(writer);
}

#define NODE "9223372036854775807"

static void writes_json(void **state)
{
    (void)state;
    check(MESSAGE_JSON, "temp", "Cel", "24.94", 1,
          "{\"time\":\"2017-12-22T10:49:41\",\"sensor\":\"temp\",\"node\":" NODE
          ",\"value\":24.94,\"unit\":\"Cel\",\"occupancy\":2,\"seq\":1}");
    check(MESSAGE_JSON, "temp", NULL, "1E-18", UINT64_MAX,
          "{\"time\":\"2017-12-22T10:49:41\",\"sensor\":\"temp\",\"node\":" NODE
          ",\"value\":1E-18,\"occupancy\":2,\"seq\":18446744073709551615}");
    check(MESSAGE_JSON, "a\"b\\c\n\x01",
          "\xc2\xb0"
          "C",
          "+3", 10,
          "{\"time\":\"2017-12-22T10:49:41\",\"sensor\":\"a\\\"b\\\\c\\n\\u0001\",\"node\":" NODE
          ",\"value\":3,\"unit\":\"\xc2\xb0"
          "C\",\"occupancy\":2,\"seq\":10}");
}

static void writes_csv(void **state)
{
    (void)state;
    check(MESSAGE_CSV, "temp", "Cel", "24.94", 1, "2017/12/22, 10:49:41, 24.94, " NODE ", 2");
    check(MESSAGE_CSV, "temp", NULL, "25", 7, "2017/12/22, 10:49:41, 25, " NODE ", 2");
}

static void writes_senml(void **state)
{
    (void)state;
    check(MESSAGE_SENML, "temp", "Cel", "24.94", 1,
          "[{\"n\":\"temp/" NODE "\",\"u\":\"Cel\",\"t\":1513939781,\"v\":24.94}]");
    check(MESSAGE_SENML, "temp", NULL, "-5.", 1, "[{\"n\":\"temp/" NODE "\",\"t\":1513939781,\"v\":-5}]");
}

static void knows_how_long_a_message_can_be(void **state)
{
    char longest[NUMBER_MAX + 1];
    const struct number values[] = {
        number("1"), (memset(longest, '9', NUMBER_MAX), longest[NUMBER_MAX] = '\0', number(longest))};
    struct reading reading = {.time = INT64_MAX, .occupancy = values[1], .values = values};
    (void)state;
    memcpy(reading.date, "2017/12/22", sizeof reading.date);
    memcpy(reading.clock, "10:49:41", sizeof reading.clock);
    for (int format = MESSAGE_JSON; format <= MESSAGE_SENML; format++) {
        struct message_writer *writer =
            message_writer_new((enum message_format)format, "temp", "Cel", &columns);
        assert_non_null(writer);
        char *out = malloc(message_writer_max(writer));
        assert_non_null(out);
        assert_true(message_write(writer, &reading, 1, UINT64_MAX, out) <= message_writer_max(writer));
        free(out);
        message_writer_free(writer);
    }
}

static void knows_senml_names(void **state)
{
    (void)state;
    assert_true(message_senml_name("temp"));
    assert_true(message_senml_name("co2_slope"));
    assert_true(message_senml_name("0:a-b.c/D_e"));
    assert_false(message_senml_name(""));
    assert_false(message_senml_name("-a"));
    assert_false(message_senml_name("_a"));
    assert_false(message_senml_name("a b"));
    assert_false(message_senml_name("\xc2\xb0"));
}

static void knows_what_each_format_carries(void **state)
{
    (void)state;
    assert_string_equal(message_content_type(MESSAGE_JSON), "application/json");
    assert_string_equal(message_content_type(MESSAGE_CSV), "text/csv");
    assert_string_equal(message_content_type(MESSAGE_SENML), "application/senml+json");
    assert_true(message_earliest(MESSAGE_JSON) == INT64_MIN && message_earliest(MESSAGE_CSV) == INT64_MIN);
    assert_int_equal(message_earliest(MESSAGE_SENML), 268435456);
}

static void checks_topics(void **state)
{
    static const struct {
        const char *topic, *wanted;
    } samples[] = {
        {"temp", ""},
        {"/", ""},
        {"a b/\xc3\xa4", ""},
        {"", "it is empty"},
        {"a/+/b", "a message cannot be published to a topic with the wildcards + or #"},
        {"a/#", "a message cannot be published to a topic with the wildcards + or #"},
        {"a\xff", "it is not valid UTF-8"},
    };
    static char longest[65537];
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        struct error error = {""};
        assert_int_equal(mqtt_topic_check(samples[i].topic, &error), *samples[i].wanted == '\0');
        assert_string_equal(error.text, samples[i].wanted);
    }
    memset(longest, 'a', 65535);
    assert_true(mqtt_topic_check(longest, NULL));
    longest[65535] = 'a';
    assert_false(mqtt_topic_check(longest, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_json),       cmocka_unit_test(writes_csv),
        cmocka_unit_test(writes_senml),      cmocka_unit_test(knows_how_long_a_message_can_be),
        cmocka_unit_test(knows_senml_names), cmocka_unit_test(knows_what_each_format_carries),
        cmocka_unit_test(checks_topics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
