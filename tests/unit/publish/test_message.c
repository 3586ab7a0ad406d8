/* Payloads, and the names that go with them. */
#include "core_fixture.h"

#include "core/clock.h"
#include "mqtt/topic.h"
#include "publish/message.h"

static struct column column_items[] = {{(char[]){"S1_Temp"}, 1}, {(char[]){"S2_Temp"}, INT64_MAX}};
static const struct columns columns = {column_items, 2};

static struct number number(const char *text)
{
    struct number number;
    assert_true(number_parse(text, '.', &number));
    return number;
}

/* The message about the second column of a reading. */
static void check_at(int64_t ns, bool utc, enum message_format format, const char *sensor, const char *unit,
                     const char *value, uint64_t seq, const char *wanted)
{
    const struct number values[] = {number("1"), number(value)};
    const struct number occupancy = number("2");
    struct message message = {{0}, values[1], occupancy, 1, seq};
    recorded_time_set(&message.time, ns, utc);
    struct message_writer *writer = message_writer_new(format, sensor, unit, &columns);
    assert_non_null(writer);
    char *out = malloc(message_writer_max(writer));
    assert_non_null(out);
    size_t length = message_write(writer, &message, out);
    assert_true(length <= message_writer_max(writer));
    if (length != strlen(wanted) || memcmp(out, wanted, length) != 0)
        fail_msg("%.*s instead of %s", (int)length, out, wanted);
    free(out);
    message_writer_free(writer);
}

static void check(enum message_format format, const char *sensor, const char *unit, const char *value,
                  uint64_t seq, const char *wanted)
{
    check_at(1513939781 * SECOND, false, format, sensor, unit, value, seq, wanted);
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

static void leaves_out_an_occupancy_that_is_not_known(void **state)
{
    static const char *const wanted[] = {
        "{\"time\":\"2017-12-22T10:49:41\",\"sensor\":\"t\",\"node\":1,\"value\":5,\"seq\":7}",
        "2017/12/22, 10:49:41, 5, 1",
        "[{\"n\":\"t/1\",\"t\":1513939781,\"v\":5}]",
    };
    const struct number value = number("5");
    struct message message = {{0}, value, {.length = 0}, 0, 7};
    (void)state;
    recorded_time_set(&message.time, 1513939781 * SECOND, false);
    for (int format = MESSAGE_JSON; format <= MESSAGE_SENML; format++) {
        struct message_writer *writer = message_writer_new((enum message_format)format, "t", NULL, &columns);
        char out[512];
        assert_true(message_writer_max(writer) <= sizeof out);
        out[message_write(writer, &message, out)] = '\0';
        assert_string_equal(out, wanted[format]);
        message_writer_free(writer);
    }
}

static void keeps_parts_of_a_second(void **state)
{
    int64_t half = 1513939781 * SECOND + SECOND / 2;
    (void)state;
    check_at(half, false, MESSAGE_JSON, "t", NULL, "1", 1,
             "{\"time\":\"2017-12-22T10:49:41.500\",\"sensor\":\"t\",\"node\":" NODE
             ",\"value\":1,\"occupancy\":2,\"seq\":1}");
    check_at(half + 1, true, MESSAGE_JSON, "t", NULL, "1", 1,
             "{\"time\":\"2017-12-22T10:49:41.500000001Z\",\"sensor\":\"t\",\"node\":" NODE
             ",\"value\":1,\"occupancy\":2,\"seq\":1}");
    check_at(half, true, MESSAGE_CSV, "t", NULL, "1", 1, "2017/12/22, 10:49:41.500, 1, " NODE ", 2");
    check_at(half, true, MESSAGE_SENML, "t", NULL, "1", 1,
             "[{\"n\":\"t/" NODE "\",\"t\":1513939781.500,\"v\":1}]");
}

static void knows_how_long_a_message_can_be(void **state)
{
    char longest[NUMBER_MAX + 1];
    const struct number values[] = {
        number("1"), (memset(longest, '9', NUMBER_MAX), longest[NUMBER_MAX] = '\0', number(longest))};
    struct message message = {{0}, values[1], values[1], 1, UINT64_MAX};
    (void)state;
    recorded_time_set(&message.time, INT64_MAX, true);
    for (int format = MESSAGE_JSON; format <= MESSAGE_SENML; format++) {
        struct message_writer *writer =
            message_writer_new((enum message_format)format, "temp", "Cel", &columns);
        assert_non_null(writer);
        char *out = malloc(message_writer_max(writer));
        assert_non_null(out);
        assert_true(message_write(writer, &message, out) <= message_writer_max(writer));
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
    assert_int_equal(message_earliest(MESSAGE_SENML), 268435456 * SECOND);
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
        {"a\xff", "it is not valid UTF-8, or has control characters"},
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
        cmocka_unit_test(writes_json),
        cmocka_unit_test(writes_csv),
        cmocka_unit_test(writes_senml),
        cmocka_unit_test(keeps_parts_of_a_second),
        cmocka_unit_test(leaves_out_an_occupancy_that_is_not_known),
        cmocka_unit_test(knows_how_long_a_message_can_be),
        cmocka_unit_test(knows_senml_names),
        cmocka_unit_test(knows_what_each_format_carries),
        cmocka_unit_test(checks_topics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
