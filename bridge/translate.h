/* An MQTT message as a record of the spool, and a record as a Kafka message: the one place that knows all
 * three. A thread for each buffer.
 *
 * One more MQTT property as a Kafka header: a line in add_property in translate.c. One more header of our
 * own, such as mqtt.qos: a line in add_origin there. */
#ifndef ROOMSTREAM_BRIDGE_TRANSLATE_H
#define ROOMSTREAM_BRIDGE_TRANSLATE_H

#include "bridge/settings.h"
#include "mqtt/mqtt.h"
#include "spool/message.h"
#include "spool/spool.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a record holds that is not in the MQTT message itself. Zero-initialize it, free(headers.data) at the
 * end. */
struct record_buffer {
    struct header_list headers;
    char reason[300]; /* of a message that was cut */
};

/* The message, which arrives now, as a record with its packet id. Of its properties (MQTT 5 section 3.3.2.3)
 * these travel, as headers: user properties by their names; content type, response topic and correlation data
 * as content-type, mqtt.response-topic and mqtt.correlation-data. The record points into the message and the
 * buffer. Where memory is exhausted the process ends. */
struct spool_record translate_from_mqtt(struct record_buffer *buffer, const struct mqtt_message *message,
                                        int64_t message_max);

/* Has downlink taken the message from that Kafka topic (NULL: any)? It marks what it sends by the user
 * property kafka.topic (MQTT 5), one for each topic that the message has been in. */
bool translate_comes_from(const struct mqtt_message *message, const char *kafka_topic);

/* Which timestamp a Kafka record gets. Kafka refuses one that is too far from its own clock
 * (message.timestamp.before.max.ms and message.timestamp.after.max.ms of the topic). The next is for what it
 * refuses; a record without a timestamp passes any such limit. */
enum timestamp {
    TIMESTAMP_ARRIVAL, /* when the message arrived at the bridge */
    TIMESTAMP_SENDING, /* now; the header mqtt.arrival says when it arrived */
    TIMESTAMP_NONE,    /* -1; the header mqtt.arrival says when it arrived */
};

/* Which key a Kafka message gets. */
struct message_key {
    enum kafka_key kind;
    struct spool_bytes bytes; /* of PROPERTY: where the message has no such property */
};

struct kafka_message {
    const void *key; /* NULL: none */
    size_t key_length;
    const void *value; /* never NULL */
    size_t value_length;
    int64_t timestamp;           /* ms since 1970; -1: none */
    rd_kafka_headers_t *headers; /* the caller's: librdkafka takes it over, or rd_kafka_headers_destroy */
};

/* The record as a Kafka message, which points into it and the key. Headers: the record's, then mqtt.topic,
 * mqtt.qos, mqtt.retain and, unless the timestamp is the arrival, mqtt.arrival (ms since 1970, in decimal).
 * False when memory is exhausted. */
bool translate_to_kafka(const struct spool_record *record, const struct message_key *key,
                        enum timestamp timestamp, struct kafka_message *message);

#endif
