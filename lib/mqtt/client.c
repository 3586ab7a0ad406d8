#include "internal.h"

#include "core/clock.h"
#include "paho_guard.h"
#include "paho_incoming.h"
#include "reason.h"

#include <stdio.h>
#include <string.h>

/* Messages that may wait in Paho beside those of the window: at QoS 0, where the caller does not learn when
 * there is room again: enough to keep Paho busy from one try to the next. */
enum { UNREPORTED = 1000 };

/* ---- what Paho reports at any time ---- */

/* What may be the reason where the broker gives none and connections end soon after they began. With the lock
 * held. */
static const char *guess_reason(const struct mqtt_connection *c)
{
    if (c->short_lives < 3)
        return "";
    if (c->state == SUBSCRIBING)
        return " (it ends when the program subscribes: does the broker allow that, and know such filters?)";
    if (atomic_load(&c->sent) > 0 && atomic_load(&c->settled) == 0)
        return " (it ends when a message is published: does the broker allow that, and take such a QoS, --retain and size?)";
    return " (does another client use the same client id?)";
}

static void lost(struct mqtt_connection *c, const char *why)
{
    pthread_mutex_lock(&c->mutex);
    /* Paho reports a DISCONNECT packet and the closed socket separately. */
    bool news = connection_is_open(c);
    int64_t wait = news ? connection_next_wait(c) : 0;
    const char *guess = guess_reason(c);
    connection_event(c, LOST, clock_monotonic() + wait);
    pthread_mutex_unlock(&c->mutex);
    if (!news)
        return;
    log_warning_with(mqtt_disconnected,
                     LOG_FIELDS(LOG_TEXT("broker", c->uri), LOG_TEXT("reason", why),
                                LOG_NUMBER("retry_ms", wait / MILLISECOND)),
                     "connection to the MQTT broker %s lost%s%s; trying again in %.1f s%s", c->uri,
                     *why ? ": " : "", why, (double)wait / SECOND, guess);
    if (c->callbacks.disconnected)
        c->callbacks.disconnected(c->callbacks.context);
}

static void on_connection_lost(void *context, char *cause)
{
    char complaint[PAHO_COMPLAINT_SIZE];
    lost(context, paho_guard_complaint(complaint) ? complaint : cause ? cause : "");
}

/* A message that is too large would be sent again on each connection. */
static void on_disconnect_packet(void *context, MQTTProperties *properties, enum MQTTReasonCodes code)
{
    struct mqtt_connection *c = context;
    char reason[MQTT_REASON_SIZE], text[MQTT_REASON_SIZE + 300];
    mqtt_reason((int)code, properties, reason);
    if (code != MQTTREASONCODE_PACKET_TOO_LARGE || c->session->publish_window == 0) {
        snprintf(text, sizeof text, "the broker closed it, reason %s", reason);
        lost(c, text);
        return;
    }
    snprintf(
        text, sizeof text,
        "the MQTT broker %s takes no message of the size that was published (%s): publish smaller ones, or raise its bound",
        c->uri, reason);
    const struct log_field field = LOG_NUMBER("code", code);
    connection_fail(c, LOG_EVENT(mqtt_refused), field, text);
}

static int on_message(void *context, char *topic, int topic_length, MQTTAsync_message *m)
{
    struct mqtt_connection *c = context;
    struct mqtt_message message = {
        .topic = topic,
        .topic_length = topic_length > 0 ? (size_t)topic_length : strlen(topic),
        .payload = m->payload,
        .payload_length = (size_t)m->payloadlen,
        .properties = &m->properties,
        .packet_id = m->qos > 0 ? (uint16_t)m->msgid : 0,
        .qos = (uint8_t)m->qos,
        .retained = m->retained != 0,
        .duplicate = m->dup != 0,
    };
    struct paho_cut cut;
    if (paho_message_is_cut(m->payload, (size_t)m->payloadlen, &cut)) {
        message.payload = cut.payload;
        message.payload_length = cut.payload_length;
        message.cut_from = cut.packet_size;
    }
    if (c->callbacks.message) {
        c->callbacks.message(c->callbacks.context, &message);
        atomic_store_explicit(&c->message_came, true, memory_order_relaxed);
    }
    MQTTAsync_freeMessage(&m);
    MQTTAsync_free(topic);
    return 1; /* anything else makes Paho keep the message in memory although it is acknowledged */
}

static void on_trace(enum MQTTASYNC_TRACE_LEVELS level, char *message)
{
    (void)level;
    log_debug(paho, "Paho: %s", message);
}

/* ---- its life ---- */

bool client_make(struct mqtt_connection *c, MQTTAsync *client, struct error *error)
{
    MQTTAsync_createOptions five = MQTTAsync_createOptions_initializer5,
                            three = MQTTAsync_createOptions_initializer;
    MQTTAsync_createOptions options = c->settings->version == MQTT_VERSION_5 ? five : three;
    MQTTClient_persistence *store = c->session->persistence;
    /* Paho's tracing costs half of its speed even when nobody listens. */
    MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
    MQTTAsync_setTraceCallback(on_trace);
    options.maxBufferedMessages = (int)c->session->publish_window + UNREPORTED;
    int rc = MQTTAsync_createWithOptions(client, c->settings->address.paho_uri, c->client_id,
                                         store ? MQTTCLIENT_PERSISTENCE_USER : MQTTCLIENT_PERSISTENCE_NONE,
                                         store, &options);
    if (rc != MQTTASYNC_SUCCESS)
        return error_set(error, "cannot make an MQTT client for %s as '%s': %s", c->uri, c->client_id,
                         MQTTAsync_strerror(rc) ? MQTTAsync_strerror(rc) : "unknown reason");
    MQTTAsync_setCallbacks(*client, c, on_connection_lost, on_message, NULL);
    MQTTAsync_setDisconnected(*client, c, on_disconnect_packet);
    return true;
}

bool client_is_spoiled(struct mqtt_connection *c)
{
    pthread_mutex_lock(&c->mutex);
    bool spoiled = c->condition == CLIENT_SPOILED;
    pthread_mutex_unlock(&c->mutex);
    return spoiled;
}

/* When the connection breaks while a message at QoS 1 or 2 is written for the first time, Paho 1.3.12 frees
 * the message (MQTTAsync_processCommand) and yet keeps it to be sent again: it would publish
 * whatever is in that memory by then, and free it a second time with the session. So this client is never
 * used again nor freed. Another takes its place, in a new session as it knows none of the packet ids: what
 * was on its way is published again. */
bool client_replace(struct mqtt_connection *c)
{
    struct error error;
    MQTTAsync client;
    if (!client_make(c, &client, &error)) {
        connection_try_later(c, REFUSED, LOG_EVENT(mqtt_client_failed), NO_FIELD, error.text);
        return false;
    }
    pthread_mutex_lock(&c->mutex);
    c->client = client;
    c->condition = CLIENT_NEW;
    pthread_mutex_unlock(&c->mutex);
    log_warning(mqtt_session_replaced,
                "the connection broke while a message was written: a new session begins, "
                "and what was on its way to %s is published again, also where it had arrived",
                c->uri);
    publications_return(c);
    return true;
}
