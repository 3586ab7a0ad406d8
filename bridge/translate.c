#include "translate.h"

#include "core/clock.h"
#include "core/out_of_memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- from MQTT ---- */

static void add_header(struct header_list *list, const char *name, size_t name_length,
                       const MQTTLenString *value)
{
    const struct header header = {name, name_length, value->data, (size_t)value->len};
    /* Paho's shared library leaves a property without its text where it had no memory for a copy. */
    if ((name_length > 0 && !name) || (value->len > 0 && !value->data))
        out_of_memory(name_length + (size_t)value->len);
    header_list_add(list, &header);
}

static void add_property(struct header_list *list, const MQTTProperty *property)
{
    const MQTTLenString *data = &property->value.data;
    if (property->identifier == MQTTPROPERTY_CODE_USER_PROPERTY)
        add_header(list, data->data, (size_t)data->len, &property->value.value);
    else if (property->identifier == MQTTPROPERTY_CODE_CONTENT_TYPE)
        add_header(list, "content-type", strlen("content-type"), data);
    else if (property->identifier == MQTTPROPERTY_CODE_RESPONSE_TOPIC)
        add_header(list, "mqtt.response-topic", strlen("mqtt.response-topic"), data);
    else if (property->identifier == MQTTPROPERTY_CODE_CORRELATION_DATA)
        add_header(list, "mqtt.correlation-data", strlen("mqtt.correlation-data"), data);
}

static struct spool_bytes why_cut(struct record_buffer *buffer, const struct mqtt_message *message,
                                  int64_t message_max)
{
    int length = snprintf(buffer->reason, sizeof buffer->reason,
                          "its MQTT packet has %zu bytes, more than --message-max allows (%" PRId64
                          "): only the first %zu bytes of its payload are kept",
                          message->cut_from, message_max, message->payload_length);
    return (struct spool_bytes){buffer->reason, (size_t)length};
}

struct spool_record translate_from_mqtt(struct record_buffer *buffer, const struct mqtt_message *message,
                                        int64_t message_max)
{
    const MQTTProperties *properties = message->properties;
    struct spool_record record = {
        .kind = SPOOL_MESSAGE,
        .time = clock_realtime(),
        .packet_id = message->packet_id,
        .flags = message->qos,
        .topic = {message->topic, message->topic_length},
        .payload = {message->payload, message->payload_length},
    };
    if (message->retained)
        record.flags |= MESSAGE_RETAINED;
    if (message->duplicate)
        record.flags |= MESSAGE_DUPLICATE;
    if (message->cut_from) {
        record.flags |= MESSAGE_CUT;
        record.reason = why_cut(buffer, message, message_max);
    }
    buffer->headers.length = 0;
    for (int i = 0; i < properties->count; i++)
        add_property(&buffer->headers, &properties->array[i]);
    record.properties = (struct spool_bytes){buffer->headers.data, buffer->headers.length};
    return record;
}

static bool is_text(const MQTTLenString *string, const char *text)
{
    return string->data && (size_t)string->len == strlen(text) &&
           memcmp(string->data, text, strlen(text)) == 0;
}

bool translate_comes_from(const struct mqtt_message *message, const char *kafka_topic)
{
    for (int i = 0; i < message->properties->count; i++) {
        const MQTTProperty *property = &message->properties->array[i];
        if (property->identifier == MQTTPROPERTY_CODE_USER_PROPERTY &&
            is_text(&property->value.data, "kafka.topic") &&
            (!kafka_topic || is_text(&property->value.value, kafka_topic)))
            return true;
    }
    return false;
}

/* ---- to Kafka ---- */

static int64_t choose_timestamp(const struct spool_record *record, enum timestamp timestamp)
{
    if (timestamp == TIMESTAMP_NONE)
        return -1;
    return (timestamp == TIMESTAMP_ARRIVAL ? record->time : clock_realtime()) / MILLISECOND;
}

/* The headers of the record itself, one of which may name the key. False when memory is exhausted. */
static bool take_headers(const struct spool_record *record, bool may_hold_key, struct kafka_message *message)
{
    struct spool_bytes rest = record->properties;
    struct header header;
    while (header_next(&rest, &header)) {
        if (may_hold_key && header.name_length == 3 && memcmp(header.name, "key", 3) == 0) {
            message->key = header.value;
            message->key_length = header.value_length;
            may_hold_key = false; /* the first one counts */
        }
        if (rd_kafka_header_add(message->headers, header.name, (ssize_t)header.name_length, header.value,
                                (ssize_t)header.value_length))
            return false;
    }
    return true;
}

static bool add_text(rd_kafka_headers_t *headers, const char *name, const void *text, size_t length)
{
    return !rd_kafka_header_add(headers, name, -1, text, (ssize_t)length);
}

/* What MQTT says of the message beside its properties. False when memory is exhausted. */
static bool add_origin(const struct spool_record *record, enum timestamp timestamp,
                       rd_kafka_headers_t *headers)
{
    char arrival[24];
    const char qos = (char)('0' + (record->flags & MESSAGE_QOS)),
               retain = record->flags & MESSAGE_RETAINED ? '1' : '0';
    int length = snprintf(arrival, sizeof arrival, "%" PRId64, record->time / MILLISECOND);
    return add_text(headers, "mqtt.topic", record->topic.data, record->topic.length) &&
           add_text(headers, "mqtt.qos", &qos, 1) && add_text(headers, "mqtt.retain", &retain, 1) &&
           (timestamp == TIMESTAMP_ARRIVAL || add_text(headers, "mqtt.arrival", arrival, (size_t)length));
}

bool translate_to_kafka(const struct spool_record *record, const struct message_key *key,
                        enum timestamp timestamp, struct kafka_message *message)
{
    *message = (struct kafka_message){
        /* An empty payload is an empty value, not a tombstone: the pointer must not be NULL. */
        .value = record->payload.length ? record->payload.data : "",
        .value_length = record->payload.length,
        .timestamp = choose_timestamp(record, timestamp),
        .headers = rd_kafka_headers_new(8),
    };
    if (key->kind != KAFKA_KEY_NONE) {
        message->key = key->bytes.data;
        message->key_length = key->bytes.length;
    }
    if (message->headers && take_headers(record, key->kind == KAFKA_KEY_PROPERTY, message) &&
        add_origin(record, timestamp, message->headers))
        return true;
    if (message->headers)
        rd_kafka_headers_destroy(message->headers);
    return false;
}
