/* What travels of a message's properties: encoded into the spool, read back for Kafka. */
#include "translate.h"

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

static void expect(struct spool_bytes *rest, const char *name, const void *value, size_t length)
{
    struct header header;
    assert_true(headers_next(rest, &header));
    assert_int_equal(header.name_length, strlen(name));
    assert_memory_equal(header.name, name, strlen(name));
    assert_int_equal(header.value_length, length);
    if (length)
        assert_memory_equal(header.value, value, length);
}

static void test_what_travels_comes_back_in_order(void **state)
{
    MQTTProperty list[] = {
        property(MQTTPROPERTY_CODE_USER_PROPERTY, "key", "7", 1),
        property(MQTTPROPERTY_CODE_CONTENT_TYPE, "text/plain", "", 0),
        property(MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR, "", "", 0),
        property(MQTTPROPERTY_CODE_CORRELATION_DATA, "c", "", 0),
        property(MQTTPROPERTY_CODE_RESPONSE_TOPIC, "answers", "", 0),
        property(MQTTPROPERTY_CODE_USER_PROPERTY, "", "", 0),
        property(MQTTPROPERTY_CODE_USER_PROPERTY, "key", "a\0b", 3),
    };
    const MQTTProperties properties = {.count = 7, .array = list};
    struct header_buffer buffer = {0};
    struct header header;
    (void)state;
    for (int turn = 0; turn < 2; turn++) { /* the buffer is used again */
        headers_encode(&buffer, &properties);
        struct spool_bytes rest = {buffer.data, buffer.length};
        expect(&rest, "key", "7", 1);
        expect(&rest, "content-type", "text/plain", 10);
        expect(&rest, "mqtt.correlation-data", "c", 1);
        expect(&rest, "mqtt.response-topic", "answers", 7);
        expect(&rest, "", "", 0);
        expect(&rest, "key", "a\0b", 3);
        assert_false(headers_next(&rest, &header));
    }
    free(buffer.data);
}

static void test_none(void **state)
{
    const MQTTProperties properties = {0};
    struct header_buffer buffer = {0};
    struct spool_bytes rest = {NULL, 0};
    struct header header;
    (void)state;
    headers_encode(&buffer, &properties);
    assert_int_equal(buffer.length, 0);
    assert_false(headers_next(&rest, &header));
    free(buffer.data);
}

/* The spool's checksums keep damage away, but a length is never trusted. */
static void test_cut_bytes_end_the_list(void **state)
{
    MQTTProperty list[] = {property(MQTTPROPERTY_CODE_USER_PROPERTY, "name", "value", 5)};
    const MQTTProperties properties = {.count = 1, .array = list};
    struct header_buffer buffer = {0};
    struct header header;
    (void)state;
    headers_encode(&buffer, &properties);
    for (size_t length = 0; length < buffer.length; length++) {
        unsigned char *copy = malloc(length + 1); /* so that a sanitizer sees reading beyond */
        assert_non_null(copy);
        memcpy(copy, buffer.data, length);
        struct spool_bytes rest = {copy, length};
        assert_false(headers_next(&rest, &header));
        free(copy);
    }
    free(buffer.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_travels_comes_back_in_order),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_cut_bytes_end_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
