/* What a broker does not support, as far as its CONNACK says (MQTT 5 section 3.2.2.3; MQTT 3.1.1 says
 * nothing). Pure functions. */
#ifndef ROOMSTREAM_MQTT_BROKER_LIMITS_H
#define ROOMSTREAM_MQTT_BROKER_LIMITS_H

#include "mqtt.h"

struct mqtt_limits {
    uint8_t maximum_qos;
    uint16_t receive_maximum; /* for QoS 1 and 2 in flight towards it */
    uint32_t maximum_packet;  /* bytes; 0: no bound of its own */
    uint32_t session_expiry;  /* seconds: what it makes of the one that was asked for */
    int64_t keepalive;        /* ns; 0: as asked for */
    bool retain, wildcards, shared, identifiers;
};

/* properties: the CONNACK's; NULL with MQTT 3.1.1. */
struct mqtt_limits mqtt_limits_read(MQTTProperties *properties, const struct mqtt_session *session);

/* False with *error when the session cannot be had within the limits: what was asked for, what there is, and
 * what to do. */
bool mqtt_limits_allow(const struct mqtt_limits *limits, const struct mqtt_session *session,
                       struct error *error);

/* Bytes of the PUBLISH that such a message makes (MQTT 5 section 3.3; properties NULL: MQTT 3.1.1). */
size_t mqtt_publish_size(const char *topic, size_t payload_length, int qos, const MQTTProperties *properties);

#endif
