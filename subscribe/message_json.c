#include "message_json.h"

#include "core/clock.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A message that is being printed. */
struct printing {
    const struct mqtt_message *message;
    json_write *write;
    void *context;
};

/* The properties of a PUBLISH (MQTT 5 section 3.3.2.3), under our names and mosquitto_sub's. */
static const struct property_name {
    enum MQTTPropertyCodes code;
    const char *ours, *theirs;
} property_names[] = {
    {MQTTPROPERTY_CODE_PAYLOAD_FORMAT_INDICATOR, "payload_format_indicator", "payload-format-indicator"},
    {MQTTPROPERTY_CODE_MESSAGE_EXPIRY_INTERVAL, "message_expiry_interval", "message-expiry-interval"},
    {MQTTPROPERTY_CODE_CONTENT_TYPE, "content_type", "content-type"},
    {MQTTPROPERTY_CODE_RESPONSE_TOPIC, "response_topic", "response-topic"},
    {MQTTPROPERTY_CODE_CORRELATION_DATA, "correlation_data", "correlation-data"},
    {MQTTPROPERTY_CODE_TOPIC_ALIAS, "topic_alias", "topic-alias"},
    {MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER, "subscription_identifiers", "subscription-identifiers"},
    {MQTTPROPERTY_CODE_USER_PROPERTY, "user_properties", "user-properties"},
};

static void write_text(const struct printing *p, const char *text)
{
    p->write(p->context, text, strlen(text));
}

static void write_number(const struct printing *p, const char *member, uint64_t number)
{
    char text[JSON_NUMBER_SIZE];
    write_text(p, member);
    p->write(p->context, text, json_number((int64_t)number, text));
}

static void write_bytes(const struct printing *p, const char *name, const MQTTLenString *value)
{
    json_write_bytes(p->write, p->context, name, value->data, (size_t)value->len);
}

/* ---- properties ---- */

static uint32_t property_number(const MQTTProperty *property)
{
    int type = MQTTProperty_getType(property->identifier);
    return type == MQTTPROPERTY_TYPE_BYTE               ? property->value.byte
           : type == MQTTPROPERTY_TYPE_TWO_BYTE_INTEGER ? property->value.integer2
                                                        : property->value.integer4;
}

/* As in mosquitto_sub, with a name for each of them. MQTT allows nothing but UTF-8 there. */
static void write_pair(const struct printing *p, const MQTTProperty *property)
{
    static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
    const MQTTLenString *parts[] = {&property->value.data, &property->value.value};
    for (size_t i = 0; i < 2; i++) {
        size_t length = (size_t)parts[i]->len;
        bool is_text = json_is_text(parts[i]->data, length);
        write_text(p, i ? ":" : "");
        json_write_string(p->write, p->context, is_text ? parts[i]->data : replacement,
                          is_text ? length : strlen(replacement));
    }
}

static void write_named_pair(const struct printing *p, const MQTTProperty *property)
{
    write_text(p, "{");
    write_bytes(p, "name", &property->value.data);
    write_text(p, ",");
    write_bytes(p, "value", &property->value.value);
    write_text(p, "}");
}

/* All properties of that kind, one of those that may come several times. */
static void write_all(const struct printing *p, enum MQTTPropertyCodes code, const char *name, bool ours)
{
    const MQTTProperties *properties = p->message->properties;
    bool pairs = code == MQTTPROPERTY_CODE_USER_PROPERTY, object = pairs && !ours;
    const char *separator = object ? "\":{" : "\":[";
    write_text(p, "\"");
    write_text(p, name);
    for (int i = 0; i < properties->count; i++) {
        const MQTTProperty *property = &properties->array[i];
        if (property->identifier != code)
            continue;
        write_text(p, separator);
        separator = ",";
        if (!pairs)
            write_number(p, "", property_number(property));
        else if (ours)
            write_named_pair(p, property);
        else
            write_pair(p, property);
    }
    write_text(p, object ? "}" : "]");
}

static void write_property(const struct printing *p, const MQTTProperty *property, const char *name,
                           bool ours)
{
    char member[64];
    int type = MQTTProperty_getType(property->identifier);
    if (property->identifier == MQTTPROPERTY_CODE_USER_PROPERTY ||
        property->identifier == MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER) {
        write_all(p, property->identifier, name, ours);
    } else if (type == MQTTPROPERTY_TYPE_UTF_8_ENCODED_STRING || type == MQTTPROPERTY_TYPE_BINARY_DATA) {
        write_bytes(p, name, &property->value.data);
    } else {
        snprintf(member, sizeof member, "\"%s\":", name);
        write_number(p, member, property_number(property));
    }
}

/* The message's properties in their order, each name once. */
static void write_properties(const struct printing *p, bool ours)
{
    MQTTProperties *properties = (MQTTProperties *)p->message->properties; /* Paho only reads it */
    const char *separator = "\"properties\":{";
    for (int i = 0; i < properties->count; i++) {
        const MQTTProperty *property = &properties->array[i];
        if (MQTTProperties_getProperty(properties, property->identifier) != property)
            continue; /* one of its kind was before it */
        for (size_t n = 0; n < sizeof property_names / sizeof *property_names; n++)
            if (property_names[n].code == property->identifier) {
                write_text(p, separator);
                separator = ",";
                write_property(p, property, ours ? property_names[n].ours : property_names[n].theirs, ours);
            }
    }
    if (*separator == ',')
        write_text(p, "},");
}

/* ---- our own form ---- */

void message_json_print(const struct mqtt_message *m, int64_t realtime, json_write *write, void *context)
{
    const struct printing p = {m, write, context};
    char time[CLOCK_RFC3339_SIZE];
    clock_rfc3339(realtime, time);
    write_text(&p, "{\"time\":\"");
    write_text(&p, time);
    write_text(&p, "\",");
    json_write_bytes(write, context, "topic", m->topic, m->topic_length);
    write_number(&p, ",\"qos\":", m->qos);
    write_text(&p, m->retained ? ",\"retain\":true" : ",\"retain\":false");
    write_text(&p, m->duplicate ? ",\"dup\":true," : ",\"dup\":false,");
    write_properties(&p, true);
    json_write_bytes(write, context, "payload", m->payload, m->payload_length);
    write_text(&p, "}");
}

/* ---- mosquitto_sub's ---- */

/* Everything before the payload, with a comma at the end. */
static void write_head(const struct printing *p, int64_t realtime)
{
    const struct mqtt_message *m = p->message;
    time_t seconds = realtime / SECOND;
    struct tm local;
    char day[32], zone[16], time[96];
    localtime_r(&seconds, &local);
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &local);
    strftime(zone, sizeof zone, "%z", &local);
    snprintf(time, sizeof time, "{\"tst\":\"%s.%06" PRId64 "%s\",", day, realtime % SECOND / MICROSECOND,
             zone);
    write_text(p, time);
    json_write_bytes(p->write, p->context, "topic", m->topic, m->topic_length);
    write_number(p, ",\"qos\":", m->qos);
    write_number(p, ",\"retain\":", m->retained);
    write_number(p, ",\"payloadlen\":", m->payload_length);
    if (m->qos > 0)
        write_number(p, ",\"mid\":", m->packet_id);
    write_text(p, ",");
    write_properties(p, false);
}

void message_json_print_quoted(const struct mqtt_message *m, int64_t realtime, json_write *write,
                               void *context)
{
    const struct printing p = {m, write, context};
    write_head(&p, realtime);
    if (m->payload_length > 0)
        json_write_bytes(write, context, "payload", m->payload, m->payload_length);
    else
        write_text(&p, "\"payload\":null");
    write_text(&p, "}");
}

/* The end of what begins at `at`: a string with its quotes, a run of blanks, or of neither. */
static const char *end_of_part(const char *at, const char *end)
{
    static const char blanks[] = " \t\n\r";
    bool blank = memchr(blanks, *at, strlen(blanks)) != NULL;
    if (*at != '"') {
        while (at < end && *at != '"' && (memchr(blanks, *at, strlen(blanks)) != NULL) == blank)
            at++;
        return at;
    }
    for (at++; *at != '"'; at++) /* it has an end: the text is valid */
        at += *at == '\\';
    return at + 1;
}

/* Writes valid JSON without the blanks around its parts. */
static void write_compact(const struct printing *p, const char *at, const char *end)
{
    for (const char *next; at < end; at = next) {
        next = end_of_part(at, end);
        if (!strchr(" \t\n\r", *at))
            p->write(p->context, at, (size_t)(next - at));
    }
}

bool message_json_print_unquoted(const struct mqtt_message *m, int64_t realtime, json_write *write,
                                 void *context)
{
    const struct printing p = {m, write, context};
    if (m->payload_length == 0) {
        message_json_print_quoted(m, realtime, write, context);
        return true;
    }
    /* jansson takes a NUL byte for the end. */
    if (memchr(m->payload, '\0', m->payload_length))
        return false;
    json_t *payload = json_loadb(m->payload, m->payload_length,
                                 JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    if (!payload)
        return false;
    json_decref(payload);
    write_head(&p, realtime);
    write_text(&p, "\"payload\":");
    write_compact(&p, m->payload, (const char *)m->payload + m->payload_length);
    write_text(&p, "}");
    return true;
}
