/* Is a packet that a broker sent one that can be read safely? Paho trusts the lengths within a packet
 * (MQTT 5 section 2, MQTT 3.1.1 section 2). Pure functions. */
#ifndef ROOMSTREAM_MQTT_PACKET_CHECK_H
#define ROOMSTREAM_MQTT_PACKET_CHECK_H

#include <MQTTProperties.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* MQTT 5 section 2.1.2. */
enum packet_type {
    PACKET_CONNACK = 2,
    PACKET_PUBLISH,
    PACKET_PUBACK,
    PACKET_PUBREC,
    PACKET_PUBREL,
    PACKET_PUBCOMP,
    PACKET_SUBACK = 9,
    PACKET_UNSUBACK = 11,
    PACKET_PINGRESP = 13,
    PACKET_DISCONNECT,
};

/* What is wrong with the packet, as the end of a sentence, or NULL. `first` is its first byte, `body` what
 * follows its length. Properties that come twice, and text that is not UTF-8, are not wrong: nothing breaks
 * on them, and a careless broker may hand on what a publisher sent. */
const char *packet_check(bool mqtt5, uint8_t first, const uint8_t *body, size_t length);

struct packet_publish {
    const char *topic; /* not NUL-terminated */
    const void *payload;
    size_t topic_length, payload_length;
    uint16_t packet_id; /* 0 at QoS 0 */
    MQTTProperties properties;
};

/* Reads a PUBLISH of MQTT 5. topic and payload point into body; free the properties by MQTTProperties_free.
 * False when it is wrong, or memory is exhausted: then there is nothing to free. */
bool packet_read_publish(uint8_t first, const uint8_t *body, size_t length, struct packet_publish *publish);

/* The properties of a CONNACK of MQTT 5, to be freed by MQTTProperties_free. False when it has none, is
 * wrong, or memory is exhausted: then there is nothing to free. */
bool packet_read_connack(const uint8_t *body, size_t length, MQTTProperties *properties);

/* The packet id of a packet that was found right and has one; else 0. */
uint16_t packet_id(uint8_t first, const uint8_t *body, size_t length);

/* The reason code of a PUBACK, PUBREC or PUBCOMP that was found right. */
uint8_t packet_reason(bool mqtt5, const uint8_t *body, size_t length);

#endif
