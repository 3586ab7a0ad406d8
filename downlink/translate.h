/* A Kafka message as an MQTT message: the inverse of bridge/translate.h. */
#ifndef ROOMSTREAM_DOWNLINK_TRANSLATE_H
#define ROOMSTREAM_DOWNLINK_TRANSLATE_H

#include "record.h"
#include "template.h"

#include <MQTTProperties.h>

/* Has a bridge brought the message in from MQTT? Every bridge writes the header mqtt.topic. */
bool translate_is_carried(const struct record *record);

/* The properties (MQTT 5 section 3.3.2.3) of the message: content type, response topic and correlation data
 * are those of the headers content-type, mqtt.response-topic and mqtt.correlation-data. The user properties
 * are first `key`, where there is a key, then the other headers, but for those that a bridge writes of a
 * message's way through MQTT, and last kafka.topic, kafka.partition, kafka.offset and kafka.timestamp (ms
 * since 1970): by the first of these a bridge knows what it would carry back. Returns how many headers, the
 * key among them, had to be left out, since MQTT has no place for them: what is not UTF-8 (the correlation
 * data may be), has a NUL or more than 65,535 bytes. `text` is for its own use. *properties is the caller's
 * to MQTTProperties_free. */
size_t translate_properties(const struct record *record, struct text_buffer *text,
                            MQTTProperties *properties);

#endif
