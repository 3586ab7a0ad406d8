#include "headers.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTHS = 6 };

static bool append(struct header_buffer *buffer, const char *name, size_t name_length,
                   const MQTTLenString *value)
{
    size_t value_length = (size_t)value->len, needed = buffer->length + LENGTHS + name_length + value_length;
    if (needed > buffer->size) {
        unsigned char *data = realloc(buffer->data, 2 * needed);
        if (!data)
            return false;
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
    return true;
}

static bool append_named(struct header_buffer *buffer, const char *name, const MQTTLenString *value)
{
    return append(buffer, name, strlen(name), value);
}

bool headers_encode(struct header_buffer *buffer, const MQTTProperties *properties)
{
    bool ok = true;
    buffer->length = 0;
    for (int i = 0; ok && i < properties->count; i++) {
        const MQTTProperty *property = &properties->array[i];
        if (property->identifier == MQTTPROPERTY_CODE_USER_PROPERTY)
            ok = append(buffer, property->value.data.data, (size_t)property->value.data.len,
                        &property->value.value);
        else if (property->identifier == MQTTPROPERTY_CODE_CONTENT_TYPE)
            ok = append_named(buffer, "content-type", &property->value.data);
        else if (property->identifier == MQTTPROPERTY_CODE_RESPONSE_TOPIC)
            ok = append_named(buffer, "mqtt.response-topic", &property->value.data);
        else if (property->identifier == MQTTPROPERTY_CODE_CORRELATION_DATA)
            ok = append_named(buffer, "mqtt.correlation-data", &property->value.data);
    }
    return ok;
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
