/* An MQTT message becomes a record, and the record a Kafka message. */
#include "bridge/translate.h"

#include "core/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static MQTTLenString text(const char *bytes, size_t length)
{
    return (MQTTLenString){(int)length, (char *)bytes};
}

static MQTTProperty property(enum MQTTPropertyCodes code, const char *data, const char *value,
                             size_t value_length)
{
    MQTTProperty made = {.identifier = code};
    made.value.data = text(data, strlen(data));
    made.value.value = text(value, value_length);
    return made;
}

static const MQTTProperties no_properties;
static const struct mqtt_message message = {
    .topic = "a/b",
    .topic_length = 3,
    .payload = "21.5",
    .payload_length = 4,
    .properties = &no_properties,
    .packet_id = 77,
    .qos = 2,
    .retained = true,
};

static struct record_buffer buffer;

static struct spool_record record_of(const struct mqtt_message *from)
{
    return translate_from_mqtt(&buffer, from, 1000);
}

static int free_buffer(void **state)
{
    (void)state;
    free(buffer.headers.data);
    buffer = (struct record_buffer){0};
    return 0;
}

static void assert_bytes(const void *bytes, size_t length, const char *expected)
{
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(bytes, expected, length);
}

static struct kafka_message to_kafka(const struct spool_record *record, enum kafka_key key,
                                     enum timestamp timestamp)
{
    struct kafka_message made;
    const struct message_key chosen = {key, record->topic};
    assert_true(translate_to_kafka(record, &chosen, timestamp, &made));
    return made;
}

/* The header at that place. */
static void expect(const rd_kafka_headers_t *headers, size_t index, const char *name, const char *value,
                   size_t length)
{
    const char *found;
    const void *bytes;
    size_t size;
    assert_int_equal(rd_kafka_header_get_all(headers, index, &found, &bytes, &size), 0);
    assert_string_equal(found, name);
    assert_int_equal(size, length);
    assert_memory_equal(bytes, value, length);
}

/* ---- from MQTT ---- */

static void test_a_record_holds_the_message(void **state)
{
    (void)state;
    int64_t before = clock_realtime();
    const struct spool_record record = record_of(&message);
    assert_int_equal(record.kind, SPOOL_MESSAGE);
    assert_in_range(record.time, before, clock_realtime());
    assert_int_equal(record.packet_id, 77);
    assert_int_equal(record.flags, 2 | MESSAGE_RETAINED);
    assert_bytes(record.topic.data, record.topic.length, "a/b");
    assert_bytes(record.payload.data, record.payload.length, "21.5");
    assert_int_equal(record.properties.length, 0);
    assert_int_equal(record.reason.length, 0);
}

static void test_a_message_that_was_cut_is_to_be_a_dead_letter(void **state)
{
    struct mqtt_message cut = message;
    (void)state;
    cut.cut_from = 5000;
    cut.duplicate = true;
    const struct spool_record record = record_of(&cut);
    assert_int_equal(record.flags, 2 | MESSAGE_RETAINED | MESSAGE_DUPLICATE | MESSAGE_CUT);
    assert_bytes(record.reason.data, record.reason.length,
                 "its MQTT packet has 5000 bytes, more than --message-max allows (1000): only the first 4 "
                 "bytes of its payload are kept");
    assert_int_equal(record_of(&message).reason.length, 0);
}

/* ---- from MQTT to Kafka ---- */

static void test_properties_travel_in_order(void **state)
{
    MQTTProperty list[] = {
        property(MQTTPROPERTY_CODE_USER_PROPERTY, "unit", "Cel", 3),
        property(MQTTPROPERTY_CODE_CONTENT_TYPE, "text/plain", "", 0),
        property(MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR, "", "", 0),
        property(MQTTPROPERTY_CODE_CORRELATION_DATA, "c", "", 0),
        property(MQTTPROPERTY_CODE_RESPONSE_TOPIC, "answers", "", 0),
        property(MQTTPROPERTY_CODE_USER_PROPERTY, "", "", 0),
        property(MQTTPROPERTY_CODE_USER_PROPERTY, "unit", "a\0b", 3),
    };
    const MQTTProperties properties = {.count = 7, .array = list};
    struct mqtt_message with = message;
    (void)state;
    with.properties = &properties;
    const struct spool_record record = record_of(&with);
    struct kafka_message made = to_kafka(&record, KAFKA_KEY_PROPERTY, TIMESTAMP_ARRIVAL);
    assert_int_equal(rd_kafka_header_cnt(made.headers), 9);
    expect(made.headers, 0, "unit", "Cel", 3);
    expect(made.headers, 1, "content-type", "text/plain", 10);
    expect(made.headers, 2, "mqtt.correlation-data", "c", 1);
    expect(made.headers, 3, "mqtt.response-topic", "answers", 7);
    expect(made.headers, 4, "", "", 0);
    expect(made.headers, 5, "unit", "a\0b", 3);
    expect(made.headers, 6, "mqtt.topic", "a/b", 3);
    expect(made.headers, 7, "mqtt.qos", "2", 1);
    expect(made.headers, 8, "mqtt.retain", "1", 1);
    assert_bytes(made.value, made.value_length, "21.5");
    rd_kafka_headers_destroy(made.headers);
}

static void expect_key(const struct spool_record *record, enum kafka_key key, const char *expected)
{
    struct kafka_message made = to_kafka(record, key, TIMESTAMP_ARRIVAL);
    if (expected)
        assert_bytes(made.key, made.key_length, expected);
    else
        assert_null(made.key);
    rd_kafka_headers_destroy(made.headers);
}

static void test_the_key_is_the_first_property_of_that_name_or_the_topic(void **state)
{
    MQTTProperty list[] = {
        property(MQTTPROPERTY_CODE_USER_PROPERTY, "keys", "no", 2),
        property(MQTTPROPERTY_CODE_USER_PROPERTY, "key", "7", 1),
        property(MQTTPROPERTY_CODE_USER_PROPERTY, "key", "8", 1),
    };
    MQTTProperties properties = {.count = 3, .array = list};
    struct mqtt_message with = message;
    (void)state;
    with.properties = &properties;
    struct spool_record record = record_of(&with);
    expect_key(&record, KAFKA_KEY_PROPERTY, "7");
    expect_key(&record, KAFKA_KEY_TOPIC, "a/b");
    expect_key(&record, KAFKA_KEY_NONE, NULL);
    properties.count = 1;
    record = record_of(&with);
    expect_key(&record, KAFKA_KEY_PROPERTY, "a/b");
}

static void test_an_empty_payload_is_no_tombstone(void **state)
{
    struct mqtt_message empty = message;
    (void)state;
    empty.payload = NULL;
    empty.payload_length = 0;
    const struct spool_record record = record_of(&empty);
    struct kafka_message made = to_kafka(&record, KAFKA_KEY_NONE, TIMESTAMP_ARRIVAL);
    assert_non_null(made.value);
    assert_int_equal(made.value_length, 0);
    rd_kafka_headers_destroy(made.headers);
}

static void test_another_timestamp_leaves_the_arrival_in_a_header(void **state)
{
    struct spool_record record = record_of(&message);
    (void)state;
    record.time = 1234567890123 * MILLISECOND;
    struct kafka_message made = to_kafka(&record, KAFKA_KEY_NONE, TIMESTAMP_ARRIVAL);
    assert_int_equal(made.timestamp, 1234567890123);
    assert_int_equal(rd_kafka_header_cnt(made.headers), 3);
    rd_kafka_headers_destroy(made.headers);

    int64_t before = clock_realtime() / MILLISECOND;
    made = to_kafka(&record, KAFKA_KEY_NONE, TIMESTAMP_SENDING);
    assert_in_range(made.timestamp, before, clock_realtime() / MILLISECOND);
    expect(made.headers, 3, "mqtt.arrival", "1234567890123", 13);
    rd_kafka_headers_destroy(made.headers);

    made = to_kafka(&record, KAFKA_KEY_NONE, TIMESTAMP_NONE);
    assert_int_equal(made.timestamp, -1);
    expect(made.headers, 3, "mqtt.arrival", "1234567890123", 13);
    rd_kafka_headers_destroy(made.headers);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, free_buffer)
    const struct CMUnitTest tests[] = {
        TEST(test_a_record_holds_the_message),
        TEST(test_a_message_that_was_cut_is_to_be_a_dead_letter),
        TEST(test_properties_travel_in_order),
        TEST(test_the_key_is_the_first_property_of_that_name_or_the_topic),
        TEST(test_an_empty_payload_is_no_tombstone),
        TEST(test_another_timestamp_leaves_the_arrival_in_a_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
