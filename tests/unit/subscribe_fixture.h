/* What the tests of subscribe share: messages, and text that is printed piece by piece. */
#ifndef ROOMSTREAM_TESTS_UNIT_SUBSCRIBE_FIXTURE_H
#define ROOMSTREAM_TESTS_UNIT_SUBSCRIBE_FIXTURE_H

#include "core_fixture.h"

#include "mqtt/mqtt.h"

struct text {
    char data[8192];
    size_t length;
};

static inline void append(void *context, const void *data, size_t length)
{
    struct text *text = context;
    assert_true(length <= sizeof text->data - text->length);
    memcpy(text->data + text->length, data, length);
    text->length += length;
}

/* A retained message of QoS 1 without properties. */
static inline struct mqtt_message make_message(const void *payload, size_t length)
{
    static const MQTTProperties none = MQTTProperties_initializer;
    return (struct mqtt_message){
        .topic = "room/temp",
        .topic_length = strlen("room/temp"),
        .payload = payload,
        .payload_length = length,
        .properties = &none,
        .packet_id = 7,
        .qos = 1,
        .retained = true,
    };
}

#define USER_PROPERTY(key, text)                                                                             \
    {                                                                                                        \
        .identifier = MQTTPROPERTY_CODE_USER_PROPERTY, .value = {                                            \
            .data = {sizeof(key) - 1, (char *)(key)},                                                        \
            .value = {sizeof(text) - 1, (char *)(text)}                                                      \
        }                                                                                                    \
    }

#endif
