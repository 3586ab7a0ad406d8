/* What the two halves of a bridge agree on beside the spool's record: its flags, and a message's headers in
 * one flat piece of bytes, made from MQTT properties when it comes in, kept in the spool, and handed to Kafka
 * as record headers. Each header: name length (2 bytes, little-endian), value length (4), name, value. */
#ifndef ROOMSTREAM_BRIDGE_TRANSLATE_H
#define ROOMSTREAM_BRIDGE_TRANSLATE_H

#include "spool/spool.h"

#include <MQTTProperties.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A spooled message's flags: its QoS, the RETAIN and DUP flags of its PUBLISH, and whether only its beginning
 * is there: then its reason says why, and Kafka must never get it. */
enum { RECORD_QOS = 0x03, RECORD_RETAINED = 0x04, RECORD_DUPLICATE = 0x08, RECORD_CUT = 0x10 };

/* A buffer that grows to the largest message's headers and is used again; zero-initialize, free(data) at the
 * end. */
struct header_buffer {
    unsigned char *data;
    size_t length, size;
};

/* Puts what travels of the properties of a PUBLISH (MQTT 5 section 3.3.2.3) into the buffer: user properties
 * by their names, and content type, response topic, correlation data as content-type, mqtt.response-topic,
 * mqtt.correlation-data. Where memory is exhausted the process ends: without all of them the message must not
 * be acknowledged. */
void headers_encode(struct header_buffer *buffer, const MQTTProperties *properties);

struct header {
    const char *name; /* not NUL-terminated */
    size_t name_length;
    const void *value;
    size_t value_length;
};

/* Takes the next header off `rest`. False at the end (or where the bytes are none of headers_encode's). */
bool headers_next(struct spool_bytes *rest, struct header *header);

#endif
