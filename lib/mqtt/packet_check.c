#include "packet_check.h"

#include <MQTTProperties.h>

/* What is left to read; `incomplete` once something was not there. */
struct reader {
    const uint8_t *at, *end;
    bool incomplete;
};

static void skip(struct reader *r, size_t count)
{
    if (count > (size_t)(r->end - r->at))
        r->incomplete = true;
    else
        r->at += count;
}

static unsigned take(struct reader *r, size_t bytes)
{
    const uint8_t *from = r->at;
    unsigned value = 0;
    skip(r, bytes);
    for (size_t i = 0; i < bytes && !r->incomplete; i++)
        value = value << 8 | from[i];
    return value;
}

/* MQTT 5 section 1.5.5. */
static unsigned take_variable(struct reader *r)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        unsigned byte = take(r, 1);
        value |= (byte & 0x7f) << (7 * i);
        if (!(byte & 0x80))
            return value;
    }
    r->incomplete = true;
    return 0;
}

static void skip_text(struct reader *r)
{
    skip(r, take(r, 2));
}

static MQTTLenString take_text(struct reader *r)
{
    int length = (int)take(r, 2);
    MQTTLenString text = {length, (char *)r->at};
    skip(r, (size_t)length);
    return text;
}

static MQTTProperty take_property(struct reader *r)
{
    MQTTProperty property = {.identifier = (enum MQTTPropertyCodes)take(r, 1)};
    switch (MQTTProperty_getType(property.identifier)) {
    case MQTTPROPERTY_TYPE_BYTE:
        property.value.byte = (unsigned char)take(r, 1);
        break;
    case MQTTPROPERTY_TYPE_TWO_BYTE_INTEGER:
        property.value.integer2 = (unsigned short)take(r, 2);
        break;
    case MQTTPROPERTY_TYPE_FOUR_BYTE_INTEGER:
        property.value.integer4 = take(r, 4);
        break;
    case MQTTPROPERTY_TYPE_VARIABLE_BYTE_INTEGER:
        property.value.integer4 = take_variable(r);
        break;
    case MQTTPROPERTY_TYPE_UTF_8_STRING_PAIR:
        property.value.data = take_text(r);
        property.value.value = take_text(r);
        break;
    default: /* binary data, or text */
        property.value.data = take_text(r);
        break;
    }
    return property;
}

static const char *check_property(struct reader *r)
{
    const MQTTProperty property = take_property(r);
    enum MQTTPropertyCodes code = property.identifier;
    if (MQTTProperty_getType(code) < 0)
        return "with a property that MQTT does not know";
    if (r->incomplete)
        return "whose properties are not whole";
    if ((code == MQTTPROPERTY_CODE_RECEIVE_MAXIMUM && property.value.integer2 == 0) ||
        (code == MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE && property.value.integer4 == 0))
        return "that allows nothing to be sent";
    return NULL;
}

static const char *check_properties(struct reader *r)
{
    size_t length = take_variable(r);
    struct reader properties = {r->at, r->at, false};
    skip(r, length);
    if (r->incomplete)
        return "whose properties are not whole";
    properties.end = r->at;
    const char *wrong = NULL;
    while (!wrong && properties.at < properties.end)
        wrong = check_property(&properties);
    return wrong;
}

static const char *check_publish(bool mqtt5, uint8_t first, struct reader *r)
{
    unsigned qos = first >> 1 & 3;
    skip_text(r);
    if (r->incomplete)
        return "whose topic is not whole";
    if (qos == 3)
        return "of QoS 3";
    if (qos > 0 && (take(r, 2) == 0 || r->incomplete))
        return "without a packet id";
    return mqtt5 ? check_properties(r) : NULL;
}

/* Codes: how many there are at least. */
static const char *check_answer(bool mqtt5, struct reader *r, ptrdiff_t codes)
{
    if (take(r, 2) == 0 || r->incomplete)
        return "without a packet id";
    const char *wrong = mqtt5 ? check_properties(r) : NULL;
    return wrong ? wrong : r->end - r->at < codes ? "without a code" : NULL;
}

/* A reason code and properties, both of which may be left out. */
static const char *check_reason(bool mqtt5, struct reader *r)
{
    if (!mqtt5 || r->at == r->end)
        return NULL;
    skip(r, 1);
    return r->at == r->end ? NULL : check_properties(r);
}

static const char *check_acknowledgement(bool mqtt5, struct reader *r)
{
    return take(r, 2) == 0 || r->incomplete ? "without a packet id" : check_reason(mqtt5, r);
}

static const char *check_connack(bool mqtt5, struct reader *r)
{
    skip(r, 2);
    if (r->incomplete)
        return "that is too short";
    return mqtt5 && r->at < r->end ? check_properties(r) : NULL; /* one of MQTT 3.1.1 that refuses has none */
}

const char *packet_check(bool mqtt5, uint8_t first, const uint8_t *body, size_t length)
{
    struct reader r = {body, body + length, false};
    switch (first >> 4) {
    case PACKET_CONNACK:
        return check_connack(mqtt5, &r);
    case PACKET_PUBLISH:
        return check_publish(mqtt5, first, &r);
    case PACKET_PUBACK:
    case PACKET_PUBREC:
    case PACKET_PUBREL:
    case PACKET_PUBCOMP:
        return check_acknowledgement(mqtt5, &r);
    case PACKET_SUBACK:
        return check_answer(mqtt5, &r, 1);
    case PACKET_UNSUBACK:
        return check_answer(mqtt5, &r, mqtt5 ? 1 : 0);
    case PACKET_PINGRESP:
        return NULL;
    case PACKET_DISCONNECT:
        return mqtt5 ? check_reason(mqtt5, &r) : "that only a client sends";
    default:
        return "that only a client sends";
    }
}

/* Takes properties that are whole. False, and nothing is to be freed, when memory is exhausted. */
static bool take_properties(struct reader *r, MQTTProperties *properties)
{
    const MQTTProperties none = MQTTProperties_initializer;
    size_t length = take_variable(r);
    const uint8_t *end = r->at + length;
    *properties = none;
    while (r->at < end) {
        const MQTTProperty property = take_property(r);
        if (MQTTProperties_add(properties, &property) != 0) {
            MQTTProperties_free(properties);
            return false;
        }
    }
    return true;
}

bool packet_read_connack(const uint8_t *body, size_t length, MQTTProperties *properties)
{
    struct reader r = {body, body + length, false};
    if (length <= 2 || packet_check(true, PACKET_CONNACK << 4, body, length))
        return false;
    skip(&r, 2);
    return take_properties(&r, properties);
}

bool packet_read_publish(uint8_t first, const uint8_t *body, size_t length, struct packet_publish *publish)
{
    struct reader r = {body, body + length, false};
    if (packet_check(true, first, body, length))
        return false;
    publish->topic_length = take(&r, 2);
    publish->topic = (const char *)r.at;
    skip(&r, publish->topic_length);
    publish->packet_id = first & 6 ? (uint16_t)take(&r, 2) : 0;
    if (!take_properties(&r, &publish->properties))
        return false;
    publish->payload = r.at;
    publish->payload_length = (size_t)(r.end - r.at);
    return true;
}

uint16_t packet_id(uint8_t first, const uint8_t *body, size_t length)
{
    unsigned type = first >> 4;
    bool has_one =
        (type >= PACKET_PUBACK && type <= PACKET_PUBCOMP) || type == PACKET_SUBACK || type == PACKET_UNSUBACK;
    return has_one && length >= 2 ? (uint16_t)((unsigned)body[0] << 8 | body[1]) : 0;
}

uint8_t packet_reason(bool mqtt5, const uint8_t *body, size_t length)
{
    return mqtt5 && length > 2 ? body[2] : 0;
}
