#include "reason.h"

#include "mqtt.h"

#include <MQTTReasonCodes.h>
#include <stdio.h>

/* Appends a text property, if there is one. */
static size_t explain(const MQTTProperties *properties, enum MQTTPropertyCodes which, const char *before,
                      char *text, size_t length)
{
    MQTTProperty *property =
        properties ? MQTTProperties_getProperty((MQTTProperties *)properties, which) : NULL;
    if (!property || property->value.data.len == 0 || length >= MQTT_REASON_SIZE)
        return length;
    return length + (size_t)snprintf(text + length, MQTT_REASON_SIZE - length, "%s'%.*s'", before,
                                     property->value.data.len, property->value.data.data);
}

static const char *describe(int code, const char *name, const MQTTProperties *properties,
                            char text[static MQTT_REASON_SIZE])
{
    size_t length = (size_t)snprintf(text, MQTT_REASON_SIZE, "0x%02X %s", (unsigned)code,
                                     name ? name : "which no version of MQTT knows");
    length = explain(properties, MQTTPROPERTY_CODE_SERVER_REFERENCE, ", the server to use is ", text, length);
    explain(properties, MQTTPROPERTY_CODE_REASON_STRING, ": ", text, length);
    return text;
}

const char *mqtt_reason(int code, const MQTTProperties *properties, char text[static MQTT_REASON_SIZE])
{
    return describe(code, MQTTReasonCode_toString((enum MQTTReasonCodes)code), properties, text);
}

const char *mqtt_connect_reason(int code, const MQTTProperties *properties,
                                char text[static MQTT_REASON_SIZE])
{
    static const char *const names[] = {NULL,
                                        "Unacceptable protocol version",
                                        "Identifier rejected",
                                        "Server unavailable",
                                        "Bad user name or password",
                                        "Not authorized"};
    if (code > 0 && code < (int)(sizeof names / sizeof *names))
        return describe(code, names[code], properties, text);
    return mqtt_reason(code, properties, text);
}

const char *mqtt_connect_advice(int code)
{
    switch (code) {
    case 0x01:
    case 0x84:
        return "try another --mqtt-version";
    case 0x02: /* Mosquitto's answer to MQTT 3.1.1 above its max_keepalive, too */
        return "choose another --id, or a shorter --keepalive";
    case 0x85:
        return "choose another --id";
    case 0x04:
    case 0x86:
        return "check --username and the password";
    case 0x05:
    case 0x87:
        return "check --username, the password and the broker's access control";
    case 0x8A:
        return "ask whoever runs the broker";
    case 0x90:
        return "choose another --will-topic";
    case 0x9A:
        return "leave out --will-retain";
    case 0x9B:
        return "use a lower --will-qos";
    case 0x9D:
        return "give the new address with --host";
    default:
        return NULL;
    }
}
