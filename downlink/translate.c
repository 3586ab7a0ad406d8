#include "translate.h"

#include "core/out_of_memory.h"
#include "mqtt/topic.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 65535 }; /* bytes of a string or of binary data (MQTT 5 sections 1.5.4 and 1.5.6) */

static bool is_named(const struct header *header, const char *name)
{
    return header->name_length == strlen(name) && memcmp(header->name, name, header->name_length) == 0;
}

bool translate_is_carried(const struct record *record)
{
    return record_header(record, "mqtt.topic", strlen("mqtt.topic")) != NULL;
}

/* Headers about one passage through MQTT or Kafka are not true of the next. kafka.topic stays: it tells where
 * the message has been. */
static bool is_of_the_way(const struct header *header)
{
    static const char *const names[] = {"mqtt.topic",      "mqtt.qos",     "mqtt.retain",    "mqtt.arrival",
                                        "kafka.partition", "kafka.offset", "kafka.timestamp"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (is_named(header, names[i]))
            return true;
    return false;
}

/* ---- what MQTT allows ---- */

static bool is_string(const void *bytes, size_t length, struct text_buffer *text)
{
    if (length > LONGEST || (length > 0 && memchr(bytes, '\0', length)))
        return false;
    text_buffer_set(text, bytes, length);
    return mqtt_is_utf8(text->data);
}

static MQTTLenString string(const void *bytes, size_t length)
{
    static char empty[1];
    return (MQTTLenString){(int)length, bytes ? (char *)bytes : empty};
}

static void add(MQTTProperties *properties, const MQTTProperty *property)
{
    if (MQTTProperties_add(properties, property) != 0)
        out_of_memory((size_t)property->value.data.len);
}

static bool add_user_property(MQTTProperties *properties, struct text_buffer *text,
                              const struct header *header)
{
    MQTTProperty property = {.identifier = MQTTPROPERTY_CODE_USER_PROPERTY};
    if (!is_string(header->name, header->name_length, text) ||
        !is_string(header->value, header->value_length, text))
        return false;
    property.value.data = string(header->name, header->name_length);
    property.value.value = string(header->value, header->value_length);
    add(properties, &property);
    return true;
}

/* A property that a message has once. False where it is not the header's: then it is a user property. */
static bool add_property(MQTTProperties *properties, struct text_buffer *text, const struct header *header)
{
    struct error error;
    MQTTProperty property = {.value.data = string(header->value, header->value_length)};
    if (is_named(header, "content-type") && is_string(header->value, header->value_length, text))
        property.identifier = MQTTPROPERTY_CODE_CONTENT_TYPE;
    else if (is_named(header, "mqtt.response-topic") &&
             is_string(header->value, header->value_length, text) && mqtt_topic_check(text->data, &error))
        property.identifier = MQTTPROPERTY_CODE_RESPONSE_TOPIC;
    else if (is_named(header, "mqtt.correlation-data") && header->value_length <= LONGEST)
        property.identifier = MQTTPROPERTY_CODE_CORRELATION_DATA;
    else
        return false;
    if (MQTTProperties_hasProperty(properties, property.identifier))
        return false;
    add(properties, &property);
    return true;
}

/* ---- the key ---- */

static bool is_key(const struct record *record, const struct header *header)
{
    return header && record->key.data && header->value_length == record->key.length &&
           (record->key.length == 0 || memcmp(header->value, record->key.data, record->key.length) == 0);
}

/* A bridge makes the MQTT topic the key of a message that has none. */
static bool has_own_key(const struct record *record)
{
    const struct header *topic = record_header(record, "mqtt.topic", strlen("mqtt.topic"));
    return record->key.data && (!is_key(record, topic) || record_header(record, "key", 3));
}

/* ---- all of them ---- */

static void add_place(MQTTProperties *properties, struct text_buffer *text, const char *name,
                      const char *format, ...) __attribute__((format(printf, 4, 5)));
static void add_place(MQTTProperties *properties, struct text_buffer *text, const char *name,
                      const char *format, ...)
{
    char value[256];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    const struct header header = {name, strlen(name), value, (size_t)length};
    add_user_property(properties, text, &header);
}

size_t translate_properties(const struct record *record, struct text_buffer *text, MQTTProperties *properties)
{
    size_t left_out = 0;
    const struct header key = {"key", 3, record->key.data, record->key.length};
    *properties = (MQTTProperties)MQTTProperties_initializer;
    if (has_own_key(record))
        left_out += !add_user_property(properties, text, &key);
    for (size_t i = 0; i < record->header_count; i++) {
        const struct header *header = &record->headers[i];
        if (is_of_the_way(header) || (is_named(header, "key") && is_key(record, header)) ||
            add_property(properties, text, header))
            continue;
        left_out += !add_user_property(properties, text, header);
    }
    add_place(properties, text, "kafka.topic", "%s", record->topic);
    add_place(properties, text, "kafka.partition", "%" PRId32, record->partition);
    add_place(properties, text, "kafka.offset", "%" PRId64, record->offset);
    if (record->timestamp >= 0)
        add_place(properties, text, "kafka.timestamp", "%" PRId64, record->timestamp);
    return left_out;
}
