#include "internal.h"

#include "broker_limits.h"
#include "paho_guard.h"

/* ---- at QoS 1 and 2: an outcome for each message ---- */

/* With the lock held. */
static void give_back(struct publication *publication)
{
    struct mqtt_connection *c = publication->connection;
    publication->out = false;
    publication->next_free = c->free_publications;
    c->free_publications = publication;
}

/* write_failed: such a client is spoiled, see client_replace. */
static void published(struct publication *publication, bool delivered, int reason, bool write_failed)
{
    struct mqtt_connection *c = publication->connection;
    void *message = publication->message;
    pthread_mutex_lock(&c->mutex);
    bool out = publication->out;
    if (out)
        give_back(publication);
    if (out && write_failed)
        c->condition = CLIENT_SPOILED;
    pthread_mutex_unlock(&c->mutex);
    if (delivered || reason > 0)
        atomic_fetch_add(&c->settled, 1);
    if (out)
        c->callbacks.published(c->callbacks.context, message, delivered, reason);
}

void publications_return(struct mqtt_connection *c)
{
    for (size_t i = 0; i < c->session->publish_window; i++)
        published(&c->publications[i], false, 0, false);
}

static void on_published(void *context, MQTTAsync_successData *data)
{
    (void)data;
    published(context, true, 0, false);
}

/* Paho reports an acknowledgement with an error code as a failure, any other as success. */
static void on_published5(void *context, MQTTAsync_successData5 *data)
{
    published(context, (int)data->reasonCode < 0x80, (int)data->reasonCode, false);
}

/* Paho's code is that of writing the message. */
static void on_publish_failed(void *context, MQTTAsync_failureData *data)
{
    published(context, false, 0, data->code == MQTTASYNC_FAILURE);
}

/* A PUBCOMP with an error code: the broker had the message and released it before the connection was lost
 * (MQTT 5 section 3.7.2.1). */
static void on_publish_failed5(void *context, MQTTAsync_failureData5 *data)
{
    bool had = data->reasonCode == MQTTREASONCODE_PACKET_IDENTIFIER_NOT_FOUND;
    published(context, had, (int)data->reasonCode, data->code == MQTTASYNC_FAILURE);
}

/* ---- at QoS 0: counted only ---- */

/* A message is no longer with Paho. */
static void unqueued(struct mqtt_connection *c)
{
    if (atomic_fetch_sub(&c->queued, 1) > 1)
        return;
    pthread_mutex_lock(&c->mutex);
    if (c->state == CLOSING) /* waits for this */
        pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->mutex);
}

static void dropped(struct mqtt_connection *c)
{
    atomic_fetch_add(&c->dropped, 1);
    unqueued(c);
}

static void on_written(void *context, MQTTAsync_successData *data)
{
    (void)data;
    unqueued(context);
}

static void on_written5(void *context, MQTTAsync_successData5 *data)
{
    (void)data;
    unqueued(context);
}

static void on_dropped(void *context, MQTTAsync_failureData *data)
{
    (void)data;
    dropped(context);
}

static void on_dropped5(void *context, MQTTAsync_failureData5 *data)
{
    (void)data;
    dropped(context);
}

/* ---- publishing ---- */

/* The callbacks for a message: the publication is NULL at QoS 0. */
static MQTTAsync_responseOptions response_options(struct mqtt_connection *c, struct publication *publication)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    options.context = publication ? (void *)publication : c;
    if (c->settings->version == MQTT_VERSION_5) {
        options.onSuccess5 = publication ? on_published5 : on_written5;
        options.onFailure5 = publication ? on_publish_failed5 : on_dropped5;
    } else {
        options.onSuccess = publication ? on_published : on_written;
        options.onFailure = publication ? on_publish_failed : on_dropped;
    }
    return options;
}

/* The broker would end the connection (MQTT 5 section 3.2.2.3.6). */
static bool fits(struct mqtt_connection *c, const char *topic, size_t size)
{
    uint32_t maximum = atomic_load(&c->maximum_packet);
    if (maximum == 0 || size <= maximum)
        return true;
    log_error_with(
        mqtt_message_too_large,
        LOG_FIELDS(LOG_TEXT("broker", c->uri), LOG_TEXT("topic", topic), LOG_NUMBER("bytes", size)),
        "a message to the topic '%s' is a packet of %zu bytes, and the MQTT broker %s takes %u at most: publish smaller ones, or raise its bound",
        topic, size, c->uri, maximum);
    return false;
}

/* The message has a place among those that are out; at QoS 0 it needs none. Paho's client for it, or NULL. */
static MQTTAsync take(struct mqtt_connection *c, int qos, void *message, struct publication **publication)
{
    MQTTAsync client = NULL;
    *publication = NULL;
    pthread_mutex_lock(&c->mutex);
    if (connection_is_open(c) && c->condition == CLIENT_GOOD && (qos == 0 || c->free_publications))
        client = c->client;
    if (client && qos > 0) {
        *publication = c->free_publications;
        c->free_publications = (*publication)->next_free;
        (*publication)->message = message;
        (*publication)->out = true;
    }
    pthread_mutex_unlock(&c->mutex);
    return client;
}

/* Paho has not taken the message. False too: the caller still has it. */
static bool untake(struct mqtt_connection *c, struct publication *publication)
{
    pthread_mutex_lock(&c->mutex);
    bool out = publication->out;
    if (out)
        give_back(publication);
    pthread_mutex_unlock(&c->mutex);
    return !out; /* given back meanwhile, with the client: the callback has reported it */
}

bool mqtt_publish(struct mqtt_connection *c, const char *topic, const void *payload, size_t length, int qos,
                  bool retain, const MQTTProperties *properties, void *message)
{
    struct publication *publication;
    if (!fits(c, topic, mqtt_publish_size(topic, length, qos, properties))) {
        c->callbacks.published(c->callbacks.context, message, false, MQTTREASONCODE_PACKET_TOO_LARGE);
        return true;
    }
    MQTTAsync client = take(c, qos, message, &publication);
    if (!client)
        return false;
    MQTTAsync_responseOptions options = response_options(c, publication);
    if (properties)
        options.properties = *properties;
    atomic_fetch_add(&c->sent, 1);
    if (qos == 0)
        atomic_fetch_add(&c->queued, 1);
    paho_guard_next_use(qos == 2 ? PAHO_QOS_2 : PAHO_QOS_1);
    int rc = MQTTAsync_send(client, topic, (int)length, payload, qos, retain, &options);
    if (rc != MQTTASYNC_SUCCESS && publication)
        return untake(c, publication);
    if (rc != MQTTASYNC_SUCCESS)
        unqueued(c);
    else if (qos == 0)
        c->callbacks.published(c->callbacks.context, message, true, 0);
    return rc == MQTTASYNC_SUCCESS;
}
