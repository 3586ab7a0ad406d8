#include "broker.h"

#include "core/log.h"
#include "message.h"
#include "mqtt/mqtt.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Long enough for a broker to come back within, short enough that it forgets a publisher that was killed. */
enum { SESSION_EXPIRY_SECONDS = 3600 };

/* Decimal digits of a uint64_t. */
enum { NUMBER_DIGITS = 20 };

struct broker {
    const struct publish_settings *settings;
    const struct mqtt_settings *mqtt;
    struct mqtt_session session;
    struct mqtt_connection *connection;
    struct outbox *outbox;
    MQTTProperties *properties; /* one a column; NULL with MQTT 3.1.1, which has none */
    atomic_bool connected, failed;
};

/* ---- what all messages of a column have in common ---- */

static bool add_user_property(MQTTProperties *properties, const char *name, size_t name_length,
                              const char *value)
{
    MQTTProperty property = {.identifier = MQTTPROPERTY_CODE_USER_PROPERTY};
    property.value.data = (MQTTLenString){(int)name_length, (char *)name};
    property.value.value = (MQTTLenString){(int)strlen(value), (char *)value};
    return MQTTProperties_add(properties, &property) == 0;
}

static bool make_properties(const struct publish_settings *settings, int64_t node, MQTTProperties *properties)
{
    const char *type = message_content_type((enum message_format)settings->format);
    MQTTProperty content_type = {.identifier = MQTTPROPERTY_CODE_CONTENT_TYPE};
    char key[24];
    content_type.value.data = (MQTTLenString){(int)strlen(type), (char *)type};
    snprintf(key, sizeof key, "%" PRId64, node);
    bool ok =
        MQTTProperties_add(properties, &content_type) == 0 && add_user_property(properties, "key", 3, key);
    for (size_t i = 0; ok && i < settings->properties.count; i++) {
        const char *item = settings->properties.items[i], *equals = strchr(item, '=');
        ok = add_user_property(properties, item, (size_t)(equals - item), equals + 1);
    }
    if (ok && settings->replay.resume) /* see set_number */
        ok = add_user_property(properties, "seq", 3, "18446744073709551615");
    return ok;
}

/* Writes the number into the last property, which make_properties left room for. */
static void set_number(MQTTProperties *properties, uint64_t number)
{
    char text[NUMBER_DIGITS + 1];
    MQTTLenString *value = &properties->array[properties->count - 1].value.value;
    int length = snprintf(text, sizeof text, "%" PRIu64, number);
    memcpy(value->data, text, (size_t)length);
    properties->length += length - value->len;
    value->len = length;
}

static void free_properties(struct broker *broker)
{
    for (size_t i = 0; broker->properties && i < broker->settings->replay.columns.count; i++)
        MQTTProperties_free(&broker->properties[i]);
    free(broker->properties);
    broker->properties = NULL;
}

static bool make_all_properties(struct broker *broker)
{
    const struct columns *columns = &broker->settings->replay.columns;
    broker->properties = calloc(columns->count, sizeof *broker->properties);
    bool ok = broker->properties != NULL;
    for (size_t i = 0; ok && i < columns->count; i++)
        ok = make_properties(broker->settings, columns->items[i].node, &broker->properties[i]);
    return ok;
}

/* ---- what the connection calls ---- */

static void give_up(struct broker *broker)
{
    atomic_store(&broker->failed, true);
    outbox_wake(broker->outbox);
}

static void on_connected(void *context, const struct mqtt_connected *connected)
{
    struct broker *broker = context;
    /* One below what the broker takes: with that many in flight Paho stalls. */
    outbox_set_limit(broker->outbox, connected->receive_maximum > 1 ? connected->receive_maximum - 1u : 1);
    atomic_store(&broker->connected, true);
    outbox_wake(broker->outbox);
}

static void on_disconnected(void *context)
{
    struct broker *broker = context;
    atomic_store(&broker->connected, false);
}

static void on_failed(void *context, const char *message)
{
    (void)message; /* the connection logs it */
    give_up(context);
}

static void on_published(void *context, void *message, bool delivered, int reason_code)
{
    struct broker *broker = context;
    if (delivered) {
        outbox_done(broker->outbox, message);
    } else if (reason_code < 0x80) {
        outbox_returned(broker->outbox, message);
    } else {
        const char *name = MQTTReasonCode_toString((enum MQTTReasonCodes)reason_code);
        /* A message that is too large has been logged already. */
        if (!atomic_load(&broker->failed) && reason_code != MQTTREASONCODE_PACKET_TOO_LARGE)
            log_error_with(
                mqtt_message_refused,
                LOG_FIELDS(LOG_TEXT("topic", broker->settings->topic), LOG_NUMBER("code", reason_code)),
                "the broker refuses a message to the topic '%s': 0x%02X%s%s", broker->settings->topic,
                (unsigned)reason_code, name ? " " : "", name ? name : "");
        give_up(broker);
    }
}

/* The properties of a message with a fault, or of one before which readings are missing. To be freed by
 * MQTTProperties_free; false when memory is exhausted. */
static bool mark(const MQTTProperties *usual, const struct outbox_message *message, MQTTProperties *marked)
{
    char missing[24];
    *marked = MQTTProperties_copy(usual);
    snprintf(missing, sizeof missing, "%" PRIu64, message->missing);
    bool ok = marked->length == usual->length;
    if (ok && message->fault != FAULT_NONE)
        ok = add_user_property(marked, "fault", 5, fault_names[message->fault]);
    if (ok && message->missing > 0)
        ok = add_user_property(marked, "missing", 7, missing);
    return ok;
}

static bool send_marked(struct broker *broker, struct outbox_message *message)
{
    const struct publish_settings *settings = broker->settings;
    MQTTProperties properties;
    bool sent = mark(&broker->properties[message->column], message, &properties) &&
                mqtt_publish(broker->connection, settings->topic, message->payload, message->length,
                             (int)settings->qos, settings->retain, &properties, message);
    MQTTProperties_free(&properties);
    return sent;
}

static bool send_message(void *context, struct outbox_message *message)
{
    struct broker *broker = context;
    const struct publish_settings *settings = broker->settings;
    MQTTProperties *properties = broker->properties ? &broker->properties[message->column] : NULL;
    if (properties && settings->replay.resume)
        set_number(properties, message->number);
    if (properties && (message->fault != FAULT_NONE || message->missing > 0))
        return send_marked(broker, message);
    return mqtt_publish(broker->connection, settings->topic, message->payload, message->length,
                        (int)settings->qos, settings->retain, properties, message);
}

/* ---- life ---- */

static bool open_connection(struct broker *broker, const char *program, struct error *error)
{
    const struct publish_settings *settings = broker->settings;
    bool v5 = broker->mqtt->version == MQTT_VERSION_5;
    const struct mqtt_callbacks callbacks = {
        .context = broker,
        .connected = on_connected,
        .disconnected = on_disconnected,
        .published = on_published,
        .failed = on_failed,
    };
    /* With MQTT 3.1.1 a session that outlives its connection stays at the broker if the program is killed;
     * QoS 0 needs none. */
    broker->session = (struct mqtt_session){
        .clean_start = true,
        .session_expiry = v5 || settings->qos > 0 ? SESSION_EXPIRY_SECONDS : 0,
        .publish_window = (size_t)settings->window,
        .publish_qos = (int)settings->qos,
        .publish_retain = settings->retain,
    };
    broker->connection = mqtt_open(program, broker->mqtt, &broker->session, &callbacks, error);
    return broker->connection != NULL;
}

struct broker *broker_open(const char *program, const struct publish_settings *settings,
                           const struct mqtt_settings *mqtt, size_t payload_max, struct error *error)
{
    struct broker *broker = calloc(1, sizeof *broker);
    if (broker) {
        broker->settings = settings;
        broker->mqtt = mqtt;
        broker->outbox = outbox_new((size_t)settings->window, payload_max, send_message, broker);
    }
    if (!broker || !broker->outbox) {
        error_set(error, "out of memory: --window %" PRId64 " may be too large", settings->window);
        free(broker);
        return NULL;
    }
    if (!open_connection(broker, program, error)) {
        outbox_free(broker->outbox);
        free(broker);
        return NULL;
    }
    /* After the client is made: making the first one resets Paho's memory management. */
    if (mqtt->version == MQTT_VERSION_5 && !make_all_properties(broker)) {
        error_set(error, "out of memory");
        broker_close(broker, 0);
        return NULL;
    }
    return broker;
}

struct outbox *broker_outbox(struct broker *broker)
{
    return broker->outbox;
}

bool broker_connected(const struct broker *broker)
{
    return atomic_load(&broker->connected);
}

bool broker_failed(const struct broker *broker)
{
    return atomic_load(&broker->failed);
}

bool broker_close(struct broker *broker, int64_t timeout)
{
    free_properties(broker); /* before the last client is gone: it ends Paho's memory management */
    if (!mqtt_close(broker->connection, true, timeout))
        return false;
    outbox_free(broker->outbox);
    free(broker);
    return true;
}
