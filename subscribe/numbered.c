#include "numbered.h"

#include "core/text.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST_PAYLOAD = 64 * 1024 };

/* Copies the value of the first user property of that name; false where there is none or it does not fit. */
static bool user_property(const struct mqtt_message *m, const char *name, char value[static NODE_SIZE])
{
    for (int i = 0; i < m->properties->count; i++) {
        const MQTTProperty *property = &m->properties->array[i];
        const MQTTLenString *key = &property->value.data, *text = &property->value.value;
        if (property->identifier != MQTTPROPERTY_CODE_USER_PROPERTY || (size_t)key->len != strlen(name) ||
            memcmp(key->data, name, strlen(name)) != 0)
            continue;
        if (text->len >= NODE_SIZE)
            return false;
        memcpy(value, text->data, (size_t)text->len);
        value[text->len] = '\0';
        return true;
    }
    return false;
}

static bool whole_number(const char *text, uint64_t *number)
{
    int64_t value;
    if (!text_to_integer(text, &value) || value < 0)
        return false;
    *number = (uint64_t)value;
    return true;
}

/* Fills in what the properties do not say. */
static bool read_payload(const struct mqtt_message *m, struct numbered *numbered, bool has_number)
{
    const char *payload = m->payload;
    if (m->payload_length == 0 || m->payload_length > LONGEST_PAYLOAD || *payload != '{')
        return has_number;
    json_t *object = json_loadb(payload, m->payload_length, JSON_ALLOW_NUL, NULL);
    const json_t *seq = json_object_get(object, "seq"), *node = json_object_get(object, "node");
    if (!has_number && json_is_integer(seq) && json_integer_value(seq) >= 0) {
        numbered->number = (uint64_t)json_integer_value(seq);
        has_number = true;
    }
    if (!*numbered->node && json_is_integer(node))
        snprintf(numbered->node, NODE_SIZE, "%" JSON_INTEGER_FORMAT, json_integer_value(node));
    else if (!*numbered->node && json_is_string(node) && json_string_length(node) < NODE_SIZE)
        snprintf(numbered->node, NODE_SIZE, "%s", json_string_value(node));
    json_decref(object);
    return has_number;
}

bool numbered_read(const struct mqtt_message *message, struct numbered *numbered)
{
    char number[NODE_SIZE];
    if (!user_property(message, "key", numbered->node))
        *numbered->node = '\0';
    bool has_number = user_property(message, "seq", number) && whole_number(number, &numbered->number);
    if (has_number && *numbered->node)
        return true;
    return read_payload(message, numbered, has_number);
}
