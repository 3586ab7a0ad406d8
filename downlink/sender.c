#include "sender.h"

#include "core/clock.h"
#include "core/event.h"
#include "core/log.h"
#include "core/out_of_memory.h"
#include "mqtt/mqtt.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* Long enough for a broker's restart, short enough that it soon forgets the session of a killed program. */
enum { SESSION_EXPIRY_SECONDS = 300 };

/* With MQTT 3.1.1 a broker does not say how many it takes, and Mosquitto drops silently what exceeds its
 * bound. */
enum { LIMIT_311 = 20 };

static const int64_t close_time = 5 * SECOND;

struct sender {
    const struct downlink_settings *settings;
    struct mqtt_session session;
    struct mqtt_connection *connection;
    int event;
    atomic_bool connected, failed;
    _Atomic uint64_t connects;
    atomic_size_t limit;
    pthread_mutex_t mutex;           /* guards what follows; never held while the connection is called */
    struct sender_outcome *outcomes; /* a ring with room for the window */
    size_t first, count;
    struct blame blame;
};

/* ---- what the connection calls, on Paho's threads ---- */

static void on_connected(void *context, const struct mqtt_connected *connected)
{
    struct sender *s = context;
    size_t window = (size_t)s->settings->window;
    size_t most = s->settings->mqtt.version == MQTT_VERSION_5 ? connected->receive_maximum : LIMIT_311;
    /* One below the broker's limit: with as many in flight Paho stalls. */
    most = most > 1 ? most - 1 : 1;
    atomic_store(&s->limit, most < window ? most : window);
    pthread_mutex_lock(&s->mutex);
    blame_connected(&s->blame, clock_monotonic());
    pthread_mutex_unlock(&s->mutex);
    atomic_fetch_add(&s->connects, 1);
    atomic_store(&s->connected, true);
    event_raise(s->event);
}

static void on_disconnected(void *context)
{
    struct sender *s = context;
    pthread_mutex_lock(&s->mutex);
    bool before = s->blame.singly > 0, renew = blame_ended(&s->blame, clock_monotonic());
    pthread_mutex_unlock(&s->mutex);
    if (renew)
        mqtt_renew(s->connection);
    if (renew && !before)
        log_warning(
            mqtt_sends_singly,
            "the MQTT broker has ended three connections one after the other without an answer to what was "
            "sent, or soon: messages are sent one by one, to find the one at which it does so");
    atomic_store(&s->connected, false);
    event_raise(s->event);
}

static void on_failed(void *context, const char *message)
{
    struct sender *s = context;
    (void)message; /* the connection logs it */
    atomic_store(&s->failed, true);
    event_raise(s->event);
}

static enum sender_result judge(bool delivered, int code)
{
    if (delivered)
        return SENDER_DONE;
    switch (code) {
    case MQTTREASONCODE_NOT_AUTHORIZED:
    case MQTTREASONCODE_TOPIC_NAME_INVALID:
    case MQTTREASONCODE_PACKET_TOO_LARGE:
    case MQTTREASONCODE_PAYLOAD_FORMAT_INVALID:
        return SENDER_REFUSED;
    default:
        return code < 0x80 ? SENDER_RETURNED : SENDER_LATER;
    }
}

static void on_published(void *context, void *message, bool delivered, int code)
{
    struct sender *s = context;
    struct sender_outcome outcome = {message, judge(delivered, code), code};
    size_t window = s->session.publish_window;
    pthread_mutex_lock(&s->mutex);
    if (blame_settled(&s->blame, outcome.result != SENDER_RETURNED))
        outcome.result = SENDER_ENDS;
    s->outcomes[(s->first + s->count++) % window] = outcome;
    bool first = s->count == 1;
    pthread_mutex_unlock(&s->mutex);
    if (first)
        event_raise(s->event);
}

/* ---- the main thread ---- */

bool sender_outcome(struct sender *s, struct sender_outcome *outcome)
{
    pthread_mutex_lock(&s->mutex);
    bool any = s->count > 0;
    if (any) {
        *outcome = s->outcomes[s->first];
        s->first = (s->first + 1) % s->session.publish_window;
        s->count--;
    }
    pthread_mutex_unlock(&s->mutex);
    return any;
}

const char *sender_reason(int code, char text[static SENDER_REASON_SIZE])
{
    const char *name = MQTTReasonCode_toString((enum MQTTReasonCodes)code);
    snprintf(text, SENDER_REASON_SIZE, "0x%02X%s%s", (unsigned)code, name ? " " : "", name ? name : "");
    return text;
}

bool sender_is_connected(const struct sender *s)
{
    return atomic_load(&s->connected);
}

bool sender_has_failed(const struct sender *s)
{
    return atomic_load(&s->failed);
}

uint64_t sender_connects(const struct sender *s)
{
    return atomic_load(&s->connects);
}

size_t sender_limit(struct sender *s)
{
    pthread_mutex_lock(&s->mutex);
    bool singly = s->blame.singly > 0;
    pthread_mutex_unlock(&s->mutex);
    return singly ? 1 : atomic_load(&s->limit);
}

bool sender_send(struct sender *s, const char *topic, const void *payload, size_t length,
                 const MQTTProperties *properties, void *message, struct blame_id id)
{
    const struct downlink_settings *settings = s->settings;
    pthread_mutex_lock(&s->mutex);
    blame_sent(&s->blame, id, clock_monotonic());
    pthread_mutex_unlock(&s->mutex);
    if (mqtt_publish(s->connection, topic, payload ? payload : "", length, (int)settings->qos,
                     settings->retain, settings->mqtt.version == MQTT_VERSION_5 ? properties : NULL, message))
        return true;
    pthread_mutex_lock(&s->mutex);
    blame_unsent(&s->blame);
    pthread_mutex_unlock(&s->mutex);
    return false;
}

struct sender *sender_open(const struct downlink_settings *settings, int event, struct error *error)
{
    struct sender *s = calloc(1, sizeof *s);
    size_t window = (size_t)settings->window;
    struct sender_outcome *outcomes = s ? calloc(window, sizeof *outcomes) : NULL;
    if (!outcomes)
        out_of_memory(window * sizeof *outcomes);
    const struct mqtt_callbacks callbacks = {
        .context = s,
        .connected = on_connected,
        .disconnected = on_disconnected,
        .published = on_published,
        .failed = on_failed,
    };
    s->settings = settings;
    s->event = event;
    s->outcomes = outcomes;
    s->blame.window = window;
    pthread_mutex_init(&s->mutex, NULL);
    /* With MQTT 3.1.1 a session that outlives its connection stays at the broker for ever if the program is
     * killed. But Paho frees memory twice when a session that ends with its connection does so while a
     * message is written (docs/decisions/0011-paho-after-a-failed-write.md). */
    s->session = (struct mqtt_session){
        .clean_start = true,
        .session_expiry = SESSION_EXPIRY_SECONDS,
        .publish_window = window,
        .publish_qos = (int)settings->qos,
        .publish_retain = settings->retain,
    };
    s->connection = mqtt_open(settings->name, &settings->mqtt, &s->session, &callbacks, error);
    if (s->connection)
        return s;
    pthread_mutex_destroy(&s->mutex);
    free(s->outcomes);
    free(s);
    return NULL;
}

bool sender_close(struct sender *s)
{
    if (!s)
        return true;
    if (!mqtt_close(s->connection, true, close_time))
        return false;
    pthread_mutex_destroy(&s->mutex);
    free(s->outcomes);
    free(s);
    return true;
}
