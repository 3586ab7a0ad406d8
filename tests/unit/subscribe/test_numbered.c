/* Where the sequence number and the node of a message come from. */
#include "mqtt/mqtt.h"
#include "subscribe_fixture.h"

#include "subscribe/numbered.h"

#define NODE_63 "123456789012345678901234567890123456789012345678901234567890123"

/* Reads the payload with these properties; the node, or NULL where there is no number. */
static const char *read_with(MQTTProperty *list, int count, const char *payload, uint64_t expected)
{
    static struct numbered numbered;
    const MQTTProperties properties = {.count = count, .array = list};
    struct mqtt_message message = make_message(payload, strlen(payload));
    message.properties = &properties;
    memset(&numbered, 'x', sizeof numbered);
    if (!numbered_read(&message, &numbered))
        return NULL;
    assert_int_equal(numbered.number, expected);
    return numbered.node;
}

static void from_the_payload(void **state)
{
    (void)state;
    assert_string_equal(read_with(NULL, 0, "{\"seq\":7,\"node\":3}", 7), "3");
    assert_string_equal(read_with(NULL, 0, "{\"node\":\"hall\",\"seq\":0}", 0), "hall");
    assert_string_equal(read_with(NULL, 0, "{\"seq\":9223372036854775807}", INT64_MAX), "");
    assert_string_equal(read_with(NULL, 0, "{\"seq\":1,\"node\":\"" NODE_63 "\"}", 1), NODE_63);
    assert_string_equal(read_with(NULL, 0, "{\"seq\":1,\"node\":\"" NODE_63 "4\"}", 1), "");
    assert_string_equal(read_with(NULL, 0, "{\"seq\":1,\"node\":[1]}", 1), "");
}

static void none(void **state)
{
    static const char *const payloads[] = {"",
                                           "{",
                                           "24.9",
                                           "{}",
                                           "[{\"seq\":1}]",
                                           "{\"seq\":-1}",
                                           "{\"seq\":\"1\"}",
                                           "{\"seq\":1.5}",
                                           "{\"seq\":1",
                                           "{\"seq\":9223372036854775808}"};
    (void)state;
    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++)
        if (read_with(NULL, 0, payloads[i], 0))
            fail_msg("%s has a number", payloads[i]);
}

static void properties_come_first(void **state)
{
    MQTTProperty both[] = {USER_PROPERTY("a", "b"), USER_PROPERTY("seq", "12"), USER_PROPERTY("key", "k")};
    MQTTProperty key[] = {USER_PROPERTY("key", "k")}, wrong[] = {USER_PROPERTY("seq", "-1")};
    (void)state;
    assert_string_equal(read_with(both, 3, "{\"seq\":7,\"node\":3}", 12), "k");
    assert_string_equal(read_with(both, 3, "csv", 12), "k");
    assert_string_equal(read_with(both, 2, "{\"seq\":7,\"node\":3}", 12), "3");
    assert_string_equal(read_with(key, 1, "{\"seq\":7,\"node\":3}", 7), "k");
    assert_string_equal(read_with(wrong, 1, "{\"seq\":7,\"node\":3}", 7), "3");
    assert_null(read_with(key, 1, "csv", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_the_payload),
        cmocka_unit_test(none),
        cmocka_unit_test(properties_come_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
