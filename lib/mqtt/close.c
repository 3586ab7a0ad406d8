#include "internal.h"

#include "connect_options.h"
#include "core/clock.h"
#include "core/event.h"
#include "paho_guard.h"

#include <stdlib.h>

/* ---- waiting for Paho ---- */

static void answered(struct mqtt_connection *c, enum answer answer)
{
    pthread_mutex_lock(&c->mutex);
    c->answer = answer;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->mutex);
}

static void on_done(void *context, MQTTAsync_successData *data)
{
    (void)data;
    answered(context, ANSWER_DONE);
}

static void on_done5(void *context, MQTTAsync_successData5 *data)
{
    (void)data;
    answered(context, ANSWER_DONE);
}

static void on_failed(void *context, MQTTAsync_failureData *data)
{
    (void)data;
    answered(context, ANSWER_FAILED);
}

static void on_failed5(void *context, MQTTAsync_failureData5 *data)
{
    (void)data;
    answered(context, ANSWER_FAILED);
}

/* Waits until Paho has done what it was asked, until the deadline at most. */
static enum answer await_answer(struct mqtt_connection *c, int64_t deadline)
{
    pthread_mutex_lock(&c->mutex);
    while (c->answer == NO_ANSWER && clock_monotonic() < deadline)
        connection_wait(c, deadline);
    enum answer answer = c->answer;
    c->answer = NO_ANSWER;
    pthread_mutex_unlock(&c->mutex);
    return answer;
}

/* ---- messages at QoS 0 ---- */

/* Waits until what is queued is written, while there is a connection and until the deadline at most: at a
 * DISCONNECT, Paho would cut short a message that it is writing. */
static void await_queued(struct mqtt_connection *c, int64_t deadline)
{
    pthread_mutex_lock(&c->mutex);
    while (atomic_load(&c->queued) > 0 && c->state == CLOSING && clock_monotonic() < deadline)
        connection_wait(c, deadline);
    pthread_mutex_unlock(&c->mutex);
}

/* QoS 0 allows for losing messages, not for losing them in silence. */
static void warn_of_unsent(struct mqtt_connection *c)
{
    size_t unsent = atomic_load(&c->queued) + atomic_load(&c->dropped);
    if (unsent > 0)
        log_warning_with(
            mqtt_messages_unsent, LOG_FIELDS(LOG_TEXT("broker", c->uri), LOG_NUMBER("messages", unsent)),
            "%zu messages at QoS 0 were not sent: the MQTT broker %s had not taken them when the connection ended. "
            "Look after the broker or the network; at QoS 1 none is lost",
            unsent, c->uri);
}

/* ---- the connection ---- */

/* Sends DISCONNECT and waits until Paho has done so, until the deadline at most. */
static void disconnect(struct mqtt_connection *c, bool end_session, int64_t deadline)
{
    bool v5 = c->settings->version == MQTT_VERSION_5;
    MQTTAsync_disconnectOptions five = MQTTAsync_disconnectOptions_initializer5,
                                three = MQTTAsync_disconnectOptions_initializer;
    MQTTAsync_disconnectOptions options = v5 ? five : three;
    MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, .value.integer4 = 0};
    options.context = c;
    if (v5) {
        options.onSuccess5 = on_done5;
        options.onFailure5 = on_failed5;
        if (end_session)
            MQTTProperties_add(&options.properties, &expiry);
    } else {
        options.onSuccess = on_done;
        options.onFailure = on_failed;
    }
    int rc = MQTTAsync_disconnect(c->client, &options);
    MQTTProperties_free(&options.properties);
    if (rc == MQTTASYNC_SUCCESS)
        await_answer(c, deadline);
}

/* An MQTT 3.1.1 broker keeps a session for ever, unless the client connects once more with a clean one
 * (section 3.1.2.4). */
static void erase_session(struct mqtt_connection *c, int64_t deadline)
{
    struct mqtt_connect connect;
    struct mqtt_secrets secrets;
    bool erased = false;
    if (mqtt_secrets_read(c->settings, &secrets, NULL)) {
        mqtt_connect_prepare(&connect, c->settings, c->session, &secrets, MQTT_START_ERASE, 0);
        connect.options.context = c;
        connect.options.onSuccess = on_done;
        connect.options.onFailure = on_failed;
        paho_guard_connect(false);
        erased = MQTTAsync_connect(c->client, &connect.options) == MQTTASYNC_SUCCESS &&
                 await_answer(c, deadline) == ANSWER_DONE;
        mqtt_connect_release(&connect);
    }
    mqtt_secrets_free(&secrets);
    if (erased)
        disconnect(c, false, deadline);
    else
        log_warning(mqtt_session_kept,
                    "the MQTT broker %s may keep the session '%s' for ever: it could not be ended", c->uri,
                    c->client_id);
}

/* The connection has ended: nothing that Paho reports counts any more. Is there a session to erase? */
static bool end_connection(struct mqtt_connection *c)
{
    pthread_mutex_lock(&c->mutex);
    connection_event(c, LOST, 0);
    bool erasable = c->accepted != NOTHING_ACCEPTED;
    pthread_mutex_unlock(&c->mutex);
    return erasable && c->settings->version == MQTT_VERSION_311 && c->session->session_expiry > 0;
}

/* ---- threads and memory ---- */

static void *destroy_client(void *context)
{
    struct mqtt_connection *c = context;
    MQTTAsync_destroy(&c->client);
    return NULL;
}

/* Joins a thread that may be waiting for Paho's lock, which a callback that blocks holds. */
static bool join_until(pthread_t thread, int64_t deadline)
{
    const struct timespec limit = {.tv_sec = deadline / SECOND, .tv_nsec = deadline % SECOND};
    return pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &limit) == 0;
}

/* False when the library does not end in time. */
static bool end_library(struct mqtt_connection *c, bool end_session, int64_t deadline)
{
    pthread_t destroyer;
    if (!join_until(c->connector, deadline + SECOND) || client_is_spoiled(c))
        return false;
    await_queued(c, deadline);
    disconnect(c, end_session, deadline);
    if (end_session && end_connection(c))
        erase_session(c, deadline);
    return pthread_create(&destroyer, NULL, destroy_client, c) == 0 &&
           join_until(destroyer, deadline + 3 * SECOND);
}

bool mqtt_close(struct mqtt_connection *c, bool end_session, int64_t timeout)
{
    int64_t deadline = clock_monotonic() + timeout;
    pthread_mutex_lock(&c->mutex);
    connection_event(c, CLOSE, 0);
    pthread_mutex_unlock(&c->mutex);
    event_raise(c->cancel);
    bool gone = end_library(c, end_session, deadline);
    warn_of_unsent(c);
    if (gone)
        connection_free(c);
    return gone;
}
