#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bridge/translate.h"
#include "downlink/record.h"
#include "downlink/translate.h"

#include <MQTTAsync.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char shown[2000];

/* The properties as text: "key=7 colour=red content-type:text/plain". */
static const char *show(const struct record *record, size_t *left_out)
{
    struct text_buffer text = {0};
    MQTTProperties properties;
    *left_out = translate_properties(record, &text, &properties);
    size_t length = 0;
    for (int i = 0; i < properties.count; i++) {
        const MQTTProperty *one = &properties.array[i];
        const MQTTLenString *data = &one->value.data, *value = &one->value.value;
        if (one->identifier == MQTTPROPERTY_CODE_USER_PROPERTY)
            length += (size_t)snprintf(shown + length, sizeof shown - length, "%.*s=%.*s ", data->len,
                                       data->data, value->len, value->data);
        else
            length += (size_t)snprintf(shown + length, sizeof shown - length, "%d:%.*s ",
                                       (int)one->identifier, data->len, data->data);
    }
    MQTTProperties_free(&properties);
    text_buffer_free(&text);
    return shown;
}

static struct header header(const char *name, const char *value)
{
    return (struct header){name, strlen(name), value, strlen(value)};
}

static void test_properties(void **state)
{
    size_t left_out;
    (void)state;
    const struct header headers[] = {header("content-type", "a"),
                                     header("content-type", "b"),
                                     header("mqtt.response-topic", "no/#"),
                                     header("mqtt.topic", "from"),
                                     header("kafka.topic", "before"),
                                     header("kafka.offset", "9"),
                                     header("bin", "\xff"),
                                     header("key", "7")};
    const struct record record = {.topic = "t",
                                  .partition = 1,
                                  .offset = 5,
                                  .timestamp = -1,
                                  .key = {"7", 1},
                                  .headers = headers,
                                  .header_count = sizeof headers / sizeof *headers};
    assert_true(translate_is_carried(&record));
    assert_string_equal(show(&record, &left_out),
                        "key=7 3:a content-type=b mqtt.response-topic=no/# "
                        "kafka.topic=before kafka.topic=t kafka.partition=1 kafka.offset=5 ");
    assert_int_equal(left_out, 1);
}

/* A message that a bridge has brought to Kafka has the same properties when it is an MQTT message again. */
static void test_inverse_of_the_bridge(void **state)
{
    static const char *const user[][2] = {{"key", "k"}, {"colour", "red"}};
    MQTTProperties properties = MQTTProperties_initializer;
    struct record_buffer buffer = {0};
    size_t left_out;
    (void)state;
    MQTTProperty type = {.identifier = MQTTPROPERTY_CODE_CONTENT_TYPE, .value.data = {5, (char *)"a/b/c"}};
    MQTTProperties_add(&properties, &type);
    for (size_t i = 0; i < 2; i++) {
        MQTTProperty one = {.identifier = MQTTPROPERTY_CODE_USER_PROPERTY};
        one.value.data = (MQTTLenString){(int)strlen(user[i][0]), (char *)user[i][0]};
        one.value.value = (MQTTLenString){(int)strlen(user[i][1]), (char *)user[i][1]};
        MQTTProperties_add(&properties, &one);
    }
    const struct mqtt_message in = {.topic = "room", .topic_length = 4, .properties = &properties, .qos = 1};
    struct header headers[16];
    size_t count = 0;
    struct kafka_message out;
    const struct spool_record spooled = translate_from_mqtt(&buffer, &in, 1000);
    const struct message_key key = {.kind = KAFKA_KEY_PROPERTY};
    assert_true(translate_to_kafka(&spooled, &key, TIMESTAMP_ARRIVAL, &out));
    const char *name;
    const void *value;
    size_t length;
    while (rd_kafka_header_get_all(out.headers, count, &name, &value, &length) == RD_KAFKA_RESP_ERR_NO_ERROR)
        headers[count++] = (struct header){name, strlen(name), value, length};
    const struct record record = {.topic = "t",
                                  .key = {out.key, out.key_length},
                                  .timestamp = -1,
                                  .headers = headers,
                                  .header_count = count};
    assert_string_equal(show(&record, &left_out),
                        "key=k 3:a/b/c colour=red kafka.topic=t kafka.partition=0 kafka.offset=0 ");
    assert_int_equal(left_out, 0);
    rd_kafka_headers_destroy(out.headers);
    MQTTProperties_free(&properties);
    free(buffer.headers.data);
}

static void test_letters(void **state)
{
    struct record_space space = {0};
    struct record back;
    (void)state;
    const struct header headers[] = {header("kafka.key", "its own"), header("empty", "")};
    struct record record = {.topic = "t",
                            .partition = 1,
                            .offset = 1234567890123,
                            .timestamp = -1,
                            .key = {"a\0b", 3},
                            .value = {"value", 5},
                            .headers = headers,
                            .header_count = 2};
    struct spool_record letter = record_to_letter(&space, &record, 1, "why");
    uint64_t id = letter.id;
    assert_true(id > 0 && id <= INT64_MAX);
    assert_true(record_from_letter(&space, &letter, &back));
    assert_string_equal(back.topic, "t");
    assert_int_equal(back.partition, 1);
    assert_int_equal(back.offset, 1234567890123);
    assert_int_equal(back.timestamp, -1);
    assert_int_equal(back.key.length, 3);
    assert_memory_equal(back.key.data, "a\0b", 3);
    assert_int_equal(back.header_count, 2);
    assert_memory_equal(back.headers[0].value, "its own", 7);
    record.key = (struct spool_bytes){NULL, 0};
    letter = record_to_letter(&space, &record, 1, "why");
    assert_int_equal(letter.id, id);
    assert_true(record_from_letter(&space, &letter, &back));
    assert_null(back.key.data);
    record.offset++;
    assert_true(record_to_letter(&space, &record, 1, "why").id != id);
    letter.properties.length = 10;
    assert_false(record_from_letter(&space, &letter, &back));
    record_space_free(&space);
}

/* Paho's memory management begins with its first client. */
static int make_client(void **state)
{
    return MQTTAsync_create((MQTTAsync *)state, "tcp://127.0.0.1:1", "test", MQTTCLIENT_PERSISTENCE_NONE,
                            NULL);
}

static int destroy_client(void **state)
{
    MQTTAsync_destroy((MQTTAsync *)state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_properties),
        cmocka_unit_test(test_inverse_of_the_bridge),
        cmocka_unit_test(test_letters),
    };
    return cmocka_run_group_tests(tests, make_client, destroy_client);
}
