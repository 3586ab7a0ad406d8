#include "translate.h"

#include "core/out_of_memory.h"
#include "mqtt/mqtt.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTHS = 6 };

static void append(struct header_buffer *buffer, const char *name, size_t name_length,
                   const MQTTLenString *value)
{
    size_t value_length = (size_t)value->len, needed = buffer->length + LENGTHS + name_length + value_length;
    if (needed > buffer->size) {
        unsigned char *data = realloc(buffer->data, 2 * needed);
        if (!data)
            out_of_memory(2 * needed);
        buffer->data = data;
        buffer->size = 2 * needed;
    }
    unsigned char *at = buffer->data + buffer->length;
    uint16_t name_field = htole16((uint16_t)name_length);
    uint32_t value_field = htole32((uint32_t)value_length);
    memcpy(at, &name_field, 2);
    memcpy(at + 2, &value_field, 4);
    memcpy(at + LENGTHS, name, name_length);
    if (value_length)
        memcpy(at + LENGTHS + name_length, value->data, value_length);
    buffer->length = needed;
}

static void append_named(struct header_buffer *buffer, const char *name, const MQTTLenString *value)
{
    append(buffer, name, strlen(name), value);
}

/* Paho's shared library leaves a property without its text where it had no memory for a copy. */
static const MQTTLenString *whole(const MQTTLenString *text)
{
    if (text->len > 0 && !text->data)
        out_of_memory((size_t)text->len);
    return text;
}

void headers_encode(struct header_buffer *buffer, const MQTTProperties *properties)
{
    buffer->length = 0;
    for (int i = 0; i < properties->count; i++) {
        const MQTTProperty *property = &properties->array[i];
        if (property->identifier == MQTTPROPERTY_CODE_USER_PROPERTY)
            append(buffer, whole(&property->value.data)->data, (size_t)property->value.data.len,
                   whole(&property->value.value));
        else if (property->identifier == MQTTPROPERTY_CODE_CONTENT_TYPE)
            append_named(buffer, "content-type", whole(&property->value.data));
        else if (property->identifier == MQTTPROPERTY_CODE_RESPONSE_TOPIC)
            append_named(buffer, "mqtt.response-topic", whole(&property->value.data));
        else if (property->identifier == MQTTPROPERTY_CODE_CORRELATION_DATA)
            append_named(buffer, "mqtt.correlation-data", whole(&property->value.data));
    }
}

bool headers_next(struct spool_bytes *rest, struct header *header)
{
    const unsigned char *at = rest->data;
    uint16_t name_field;
    uint32_t value_field;
    if (rest->length < LENGTHS)
        return false;
    memcpy(&name_field, at, 2);
    memcpy(&value_field, at + 2, 4);
    header->name_length = le16toh(name_field);
    header->value_length = le32toh(value_field);
    size_t length = LENGTHS + header->name_length + header->value_length;
    if (rest->length < length)
        return false;
    header->name = (const char *)at + LENGTHS;
    header->value = at + LENGTHS + header->name_length;
    *rest = (struct spool_bytes){at + length, rest->length - length};
    return true;
}
