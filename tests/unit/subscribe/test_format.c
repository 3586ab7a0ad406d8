/* Format strings. That they mean what they mean to mosquitto_sub is tested in tests/flow/test_subscribe.py.
 */
#include "mqtt/mqtt.h"
#include "subscribe_fixture.h"

#include "subscribe/format.h"

/* 2026-11-24T21:00:00.000000123Z */
static const int64_t arrival = INT64_C(1795554000000000123);

/* What the format makes of the message. */
static struct text print(const char *format_text, const struct mqtt_message *message)
{
    struct text text = {.length = 0};
    struct error error;
    struct format *format = format_parse(format_text, &error);
    if (!format)
        fail_msg("'%s': %s", format_text, error.text);
    format_print(format, message, arrival, append, &text);
    format_free(format);
    return text;
}

static void assert_prints(const char *format, const struct mqtt_message *message, const void *expected,
                          size_t length)
{
    struct text text = print(format, message);
    if (text.length != length || memcmp(text.data, expected, length) != 0)
        fail_msg("'%s' prints '%.*s'", format, (int)text.length, text.data);
}

static void prints_a_message(void **state)
{
    static const struct {
        const char *format, *expected;
    } cases[] = {
        {"", ""},
        {"text", "text"},
        {"%t %p", "room/temp 24.9"},
        {"%x|%X|%l", "32342e39|32342E39|4"},
        {"%q%r%m", "117"},
        {"%A%C%D%E%F%P%R%S", ""},
        {"a%%b@@c\\\\d", "a%b@c\\d"},
        {"\\a\\e\\n\\r\\t\\v", "\a\033\n\r\t\v"},
        {"[%12t]", "[   room/temp]"},
        {"[%-12t]", "[room/temp   ]"},
        {"[%012t]", "[   room/temp]"},
        {"[%3t]", "[room/temp]"},
        {"[%.4t]", "[room]"},
        {"[%6.4t]", "[  room]"},
        {"[%-6.4t]", "[room  ]"},
        {"[%.t]", "[]"},
        {"[%6p]", "[  24.9]"},
        {"[%06p]", "[0024.9]"},
        {"[%-06p]", "[24.9  ]"},
        {"[%2p]", "[24.9]"},
        {"[%.2p]", "[24.9]"},
        {"[%10x]", "[  32342e39]"},
        {"[%010X]", "[0032342E39]"},
        {"[%-10x]", "[32342e39  ]"},
        {"[%4x]", "[32342e39]"},
        {"[%03l%-3l]", "[0044  ]"},
        {"[%05m]", "[00007]"},
        {"[%5q%5r%5%]", "[11%]"},
        {"[%3E%03F%2C%02S]", "[   000  00]"},
        {"%I", "2026-11-25T02:30:00+0530"},
        {"[%26I]", "[  2026-11-25T02:30:00+0530]"},
        {"%.10I", "2026-11-25"},
        {"%U", "1795554000.000000123"},
        {"@Y-@m-@d @H:@M:@S.@N", "2026-11-25 02:30:00.000000123"},
        {"@%%%", "%%"},
    };
    struct mqtt_message message = make_message("24.9", 4);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_prints(cases[i].format, &message, cases[i].expected, strlen(cases[i].expected));
}

static void prints_bytes_unchanged(void **state)
{
    static const char payload[] = "\0\n\xff\xfe\r";
    struct mqtt_message message = make_message(payload, sizeof payload);
    (void)state;
    assert_prints("%p", &message, payload, sizeof payload);
    assert_prints("%x", &message, "000afffe0d00", 12);
    assert_prints("%p\\0%l", &message, "\0\n\xff\xfe\r\0\0006", 8);
    message = make_message(NULL, 0);
    assert_prints("%p%x|%2p", &message, "|  ", 3);
}

static void prints_a_payload_in_pieces(void **state)
{
    static char payload[2500];
    (void)state;
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (char)(i % 251);
    struct mqtt_message message = make_message(payload, sizeof payload);
    struct text text = print("%x", &message);
    assert_int_equal(text.length, 2 * sizeof payload);
    for (size_t i = 0; i < sizeof payload; i++) {
        char digits[8];
        snprintf(digits, sizeof digits, "%02x", (unsigned char)payload[i]);
        assert_memory_equal(text.data + 2 * i, digits, 2);
    }
    text = print("%5000l", &message);
    assert_int_equal(text.length, 5000);
    assert_memory_equal(text.data + 4995, " 2500", 5);
}

static void prints_properties(void **state)
{
    MQTTProperty list[] = {
        {.identifier = MQTTPROPERTY_CODE_CONTENT_TYPE, .value.data = {10, (char *)"text/plain"}},
        {.identifier = MQTTPROPERTY_CODE_USER_PROPERTY,
         .value = {.data = {3, (char *)"key"}, .value = {1, (char *)"2"}}},
        {.identifier = MQTTPROPERTY_CODE_CORRELATION_DATA, .value.data = {3, (char *)"a\0b"}},
        {.identifier = MQTTPROPERTY_CODE_RESPONSE_TOPIC, .value.data = {6, (char *)"answer"}},
        {.identifier = MQTTPROPERTY_CODE_USER_PROPERTY,
         .value = {.data = {0, (char *)""}, .value = {0, (char *)""}}},
        {.identifier = MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL, .value.integer4 = 4294967295},
        {.identifier = MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR, .value.byte = 1},
        {.identifier = MQTTPROPERTY_CODE_TOPIC_ALIAS, .value.integer2 = 65535},
        {.identifier = MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER, .value.integer4 = 268435455},
    };
    const MQTTProperties properties = {.count = sizeof list / sizeof *list, .array = list};
    struct mqtt_message message = make_message("", 0);
    (void)state;
    message.properties = &properties;
    assert_prints("%C|%12C|%.4C", &message, "text/plain|  text/plain|text", 28);
    assert_prints("%P", &message, "key:2 :", 7);
    assert_prints("%D", &message, "a\0b", 3);
    assert_prints("%R %S %A", &message, "answer 268435455 65535", 22);
    assert_prints("%E %F %03F", &message, "4294967295 1 001", 16);
}

static void prints_json(void **state)
{
    static const char head[] =
        "{\"tst\":\"2026-11-25T02:30:00.000000+0530\",\"topic\":\"room/temp\",\"qos\":1,"
        "\"retain\":1,\"payloadlen\":10,\"mid\":7,\"payload\":";
    char expected[512];
    struct mqtt_message message = make_message("[1, \"a b\"]", 10);
    (void)state;
    int length = snprintf(expected, sizeof expected, "<%s\"[1, \\\"a b\\\"]\"}>", head);
    assert_prints("<%j>", &message, expected, (size_t)length);
    length = snprintf(expected, sizeof expected, "<%s[1,\"a b\"]}>", head);
    assert_prints("<%J>", &message, expected, (size_t)length);
    message = make_message("[1, 2", 5);
    assert_prints("<%J>", &message, "<>", 2);
}

static void refuses_what_is_no_format(void **state)
{
    static const struct {
        const char *format, *reason;
    } wrong[] = {
        {"%", "'%' at the end is incomplete"},
        {"a%-05.", "'%-05.' at the end is incomplete"},
        {"@", "'@' at the end is incomplete"},
        {"\\", "'\\' at the end is incomplete"},
        {"%z", "'%z' is unknown"},
        {"%--t", "'%--' is unknown"},
        {"%0-5t", "'%0-' is unknown"},
        {"%+t", "'%+' is unknown"},
        {"\\q", "'\\q' is unknown"},
        {"%1000001t", "greater than 1000000"},
        {"%.99999999999999999999t", "greater than 1000000"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct error error = {""};
        if (format_parse(wrong[i].format, &error))
            fail_msg("'%s' is accepted", wrong[i].format);
        assert_contains(error.text, wrong[i].reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prints_a_message),
        cmocka_unit_test(prints_bytes_unchanged),
        cmocka_unit_test(prints_a_payload_in_pieces),
        cmocka_unit_test(prints_properties),
        cmocka_unit_test(prints_json),
        cmocka_unit_test(refuses_what_is_no_format),
    };
    setenv("TZ", "IST-5:30", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
