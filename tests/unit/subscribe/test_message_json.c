/* Messages as JSON: what is printed is what jansson reads. */
#include "mqtt/mqtt.h"
#include "subscribe_fixture.h"

#include "subscribe/message_json.h"

#include <jansson.h>
#include <time.h>

/* 2026-11-24T21:00:00.123456789Z */
static const int64_t arrival = INT64_C(1795554000123456789);

static MQTTProperty list[] = {
    {.identifier = MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR, .value.byte = 1},
    {.identifier = MQTTPROPERTY_CODE_CONTENT_TYPE, .value.data = {10, (char *)"text/plain"}},
    USER_PROPERTY("key", "2"),
    {.identifier = MQTTPROPERTY_CODE_CORRELATION_DATA, .value.data = {3, (char *)"a\0\xff"}},
    {.identifier = MQTTPROPERTY_CODE_RESPONSE_TOPIC, .value.data = {7, (char *)"an\"swer"}},
    USER_PROPERTY("key", ""),
    USER_PROPERTY("\xff", "\xc3"),
    {.identifier = MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL, .value.integer4 = 4294967295},
    {.identifier = MQTTPROPERTY_CODE_TOPIC_ALIAS, .value.integer2 = 65535},
    {.identifier = MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER, .value.integer4 = 268435455},
    {.identifier = MQTTPROPERTY_CODE_CONTENT_TYPE, .value.data = {6, (char *)"second"}},
    {.identifier = MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER, .value.integer4 = 1},
};
static const MQTTProperties properties = {.count = sizeof list / sizeof *list, .array = list};

typedef void print_json(const struct mqtt_message *, int64_t, json_write *, void *);

static void assert_prints(print_json *print, const struct mqtt_message *message, const char *expected)
{
    struct text text = {.length = 0};
    print(message, arrival, append, &text);
    if (text.length != strlen(expected) || memcmp(text.data, expected, text.length) != 0)
        fail_msg("it prints %.*s", (int)text.length, text.data);
}

static void our_own_form(void **state)
{
    struct mqtt_message message = make_message("\xff", 1);
    (void)state;
    assert_prints(message_json_print, &message,
                  "{\"time\":\"2026-11-24T21:00:00.123Z\",\"topic\":\"room/temp\",\"qos\":1,\"retain\":true,"
                  "\"dup\":false,\"payload_base64\":\"/w==\"}");
    message = make_message("", 0);
    message.retained = false;
    message.duplicate = true;
    message.topic = "a\0\"";
    message.topic_length = 3;
    message.properties = &properties;
    assert_prints(
        message_json_print, &message,
        "{\"time\":\"2026-11-24T21:00:00.123Z\",\"topic\":\"a\\u0000\\\"\",\"qos\":1,\"retain\":false,"
        "\"dup\":true,\"properties\":{\"payload_format_indicator\":1,\"content_type\":\"text/plain\","
        "\"user_properties\":[{\"name\":\"key\",\"value\":\"2\"},{\"name\":\"key\",\"value\":\"\"},"
        "{\"name_base64\":\"/w==\",\"value_base64\":\"ww==\"}],\"correlation_data_base64\":\"YQD/\","
        "\"response_topic\":\"an\\\"swer\",\"message_expiry_interval\":4294967295,\"topic_alias\":65535,"
        "\"subscription_identifiers\":[268435455,1]},\"payload\":\"\"}");
}

static void the_form_of_mosquitto_sub(void **state)
{
    struct mqtt_message message = make_message("1.50", 4);
    (void)state;
    message.properties = &properties;
    assert_prints(
        message_json_print_quoted, &message,
        "{\"tst\":\"2026-11-25T02:30:00.123456+0530\",\"topic\":\"room/temp\",\"qos\":1,\"retain\":1,"
        "\"payloadlen\":4,\"mid\":7,\"properties\":{\"payload-format-indicator\":1,\"content-type\":"
        "\"text/plain\",\"user-properties\":{\"key\":\"2\",\"key\":\"\",\"\xef\xbf\xbd\":\"\xef\xbf\xbd\"},"
        "\"correlation-data_base64\":\"YQD/\",\"response-topic\":\"an\\\"swer\","
        "\"message-expiry-interval\":4294967295,\"topic-alias\":65535,"
        "\"subscription-identifiers\":[268435455,1]},\"payload\":\"1.50\"}");
    message = make_message(NULL, 0);
    message.qos = 0;
    assert_prints(
        message_json_print_quoted, &message,
        "{\"tst\":\"2026-11-25T02:30:00.123456+0530\",\"topic\":\"room/temp\",\"qos\":0,\"retain\":1,"
        "\"payloadlen\":0,\"payload\":null}");
}

/* What %J makes of the payload; NULL where it takes none. */
static const char *unquoted(const char *payload, size_t length)
{
    static struct text text;
    struct mqtt_message message = make_message(payload, length);
    text.length = 0;
    if (!message_json_print_unquoted(&message, arrival, append, &text)) {
        assert_int_equal(text.length, 0);
        return NULL;
    }
    append(&text, "", 1);
    char *start = strstr(text.data, "\"payload\":");
    assert_non_null(start);
    text.data[text.length - 2] = '\0'; /* the last brace */
    return start + strlen("\"payload\":");
}

static void payloads_that_are_json(void **state)
{
    static const struct {
        const char *payload, *printed;
    } cases[] = {
        {"{}", "{}"},
        {" {\n\t\"a b\" : [ 1.50 , -2e3,\r\n12345678901234567890 ] }\n",
         "{\"a b\":[1.50,-2e3,12345678901234567890]}"},
        {"\"a \\\" b\\\\\"", "\"a \\\" b\\\\\""},
        {"[\"\\\\\", \" \"]", "[\"\\\\\",\" \"]"},
        {"\"\\u0000 \"", "\"\\u0000 \""},
        {" true ", "true"},
        {"{\"a\":1, \"a\":2}", "{\"a\":1,\"a\":2}"},
        {"", "null"},
    };
    static const char *const wrong[] = {"nope", "{", "{}{}", "1 2", "\"\xff\"", "\"\n\"", " ", "01", "'a'"};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *printed = unquoted(cases[i].payload, strlen(cases[i].payload));
        assert_non_null(printed);
        assert_string_equal(printed, cases[i].printed);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (unquoted(wrong[i], strlen(wrong[i])))
            fail_msg("'%s' is taken for JSON", wrong[i]);
    assert_null(unquoted("1\0", 2));
}

static void any_bytes_are_valid_json(void **state)
{
    (void)state;
    srand(2);
    for (int round = 0; round < 2000; round++) {
        char bytes[40];
        size_t length = (size_t)rand() % sizeof bytes;
        for (size_t i = 0; i < length; i++)
            bytes[i] = (char)(rand() % 4 ? rand() % 128 : rand() % 256);
        struct mqtt_message message = make_message(bytes, length);
        message.topic = bytes;
        message.topic_length = length;
        print_json *const forms[] = {message_json_print, message_json_print_quoted};
        for (size_t i = 0; i < 2; i++) {
            struct text text = {.length = 0};
            forms[i](&message, arrival, append, &text);
            json_t *object =
                json_loadb(text.data, text.length, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
            assert_non_null(object);
            json_decref(object);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_own_form),
        cmocka_unit_test(the_form_of_mosquitto_sub),
        cmocka_unit_test(payloads_that_are_json),
        cmocka_unit_test(any_bytes_are_valid_json),
    };
    setenv("TZ", "IST-5:30", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
