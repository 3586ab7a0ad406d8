#include "connection.h"

#include "broker_limits.h"
#include "connect.h"
#include "core/clock.h"
#include "core/event.h"
#include "paho_guard.h"
#include "paho_incoming.h"
#include "probe.h"
#include "reason.h"
#include "tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* A connection of this age was a good one. */
#define LASTING (5 * SECOND)

/* Bytes of a message that a connection without a callback for messages has in memory at most. */
enum { UNWANTED_MAX = 1 << 20 };

/* Messages that may wait in Paho beside those of the window: at QoS 0, where the caller is not told when it
 * has room again, enough to keep it busy from one try to the next. */
enum { UNREPORTED = 1000 };

void connection_set_state(struct mqtt_connection *c, enum mqtt_state state)
{
    c->state = state;
    pthread_cond_broadcast(&c->changed);
}

void connection_fail(struct mqtt_connection *c, const char *event, const struct log_field *fields,
                     const char *message)
{
    pthread_mutex_lock(&c->mutex);
    c->wanted = false;
    c->disconnect_due |= c->state == MQTT_CONNECTED || c->state == MQTT_SUBSCRIBED;
    c->subscribe_deadline = 0;
    connection_set_state(c, MQTT_FAILED);
    pthread_mutex_unlock(&c->mutex);
    log_write(LOG_LEVEL_ERROR, event, fields, "%s", message);
    if (c->callbacks.failed)
        c->callbacks.failed(c->callbacks.context, message);
}

/* With the lock held: there is no connection, and another is to be tried then. */
static void disconnected_until(struct mqtt_connection *c, int64_t next_try)
{
    c->connected_at = 0;
    c->next_try = next_try;
    c->subscribe_deadline = 0;
    if (c->state != MQTT_FAILED)
        connection_set_state(c, c->wanted || c->closing ? MQTT_DISCONNECTED : MQTT_PAUSED);
}

/* The connection is gone or could not be made: wait and try again. Called without the lock; returns the wait
 * in ns. */
static int64_t schedule_retry(struct mqtt_connection *c)
{
    pthread_mutex_lock(&c->mutex);
    int64_t now = clock_monotonic();
    /* Only one that lasted begins anew: two clients with one id would disconnect each other in a storm. */
    if (c->connected_at && now - c->connected_at >= LASTING) {
        backoff_reset(&c->backoff);
        c->short_lives = 0;
    } else if (c->connected_at) {
        c->short_lives++;
    }
    int64_t wait = backoff_next(&c->backoff);
    disconnected_until(c, now + wait);
    pthread_mutex_unlock(&c->mutex);
    return wait;
}

bool connection_was_accepted(struct mqtt_connection *c)
{
    pthread_mutex_lock(&c->mutex);
    bool accepted = c->session->filter_count ? c->was_subscribed || c->session_present : c->was_connected;
    pthread_mutex_unlock(&c->mutex);
    return accepted;
}

/* What may be the reason where the broker gives none and connections end soon after they began. With the lock
 * held. */
static const char *guess_reason(const struct mqtt_connection *c, bool subscribing)
{
    if (c->short_lives < 3)
        return "";
    if (subscribing)
        return " (it ends when the program subscribes: does the broker allow that, and know such filters?)";
    if (atomic_load(&c->sent) > 0 && atomic_load(&c->settled) == 0)
        return " (it ends when a message is published: does the broker allow that, and take such a QoS, "
               "--retain and size?)";
    return " (does another client use the same client id?)";
}

static void connection_gone(struct mqtt_connection *c, const char *why)
{
    pthread_mutex_lock(&c->mutex);
    bool asked = c->state != MQTT_CONNECTED && c->state != MQTT_SUBSCRIBED;
    int64_t subscribing = c->subscribe_deadline;
    pthread_mutex_unlock(&c->mutex);
    if (asked)
        return; /* told already: Paho reports a DISCONNECT packet and the closed socket separately */
    int64_t wait = schedule_retry(c);
    pthread_mutex_lock(&c->mutex);
    const char *guess = guess_reason(c, subscribing != 0);
    pthread_mutex_unlock(&c->mutex);
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
    connection_gone(context, paho_guard_complaint(complaint) ? complaint : cause ? cause : "");
}

/* A message that is too large would be sent again on each connection. */
static void on_disconnect_packet(void *context, MQTTProperties *properties, enum MQTTReasonCodes code)
{
    struct mqtt_connection *c = context;
    char reason[MQTT_REASON_SIZE], text[MQTT_REASON_SIZE + 300];
    snprintf(text, sizeof text, "the broker closed it, reason %s",
             mqtt_reason((int)code, properties, reason));
    if (code != MQTTREASONCODE_PACKET_TOO_LARGE || c->session->publish_window == 0) {
        connection_gone(c, text);
        return;
    }
    snprintf(text, sizeof text,
             "the MQTT broker %s takes no message of the size that was published (%s): publish smaller ones, "
             "or raise its bound",
             c->uri, reason);
    connection_fail(c, LOG_EVENT(mqtt_refused),
                    LOG_FIELDS(LOG_TEXT("broker", c->uri), LOG_NUMBER("code", code)), text);
}

/* ---- connecting ---- */

/* Paho does not heed a Server Keep Alive (MQTT 5 section 3.2.2.3.14), which the broker goes by: one that is
 * shorter needs a connection of its own. */
static bool take_keepalive(struct mqtt_connection *c, int64_t keepalive)
{
    pthread_mutex_lock(&c->mutex);
    bool shorter = keepalive > 0 && keepalive < c->keepalive;
    if (shorter) {
        c->keepalive = keepalive;
        c->disconnect_due = !c->closing;
        c->next_try = clock_monotonic() + c->backoff.first; /* Paho must be done with this one */
        if (c->state == MQTT_CONNECTING)
            connection_set_state(c, c->wanted ? MQTT_DISCONNECTED : MQTT_PAUSED);
    }
    pthread_mutex_unlock(&c->mutex);
    if (shorter)
        log_info_with(mqtt_keepalive,
                      LOG_FIELDS(LOG_TEXT("broker", c->uri), LOG_NUMBER("seconds", keepalive / SECOND)),
                      "the MQTT broker %s wants a keep alive of %d s at most: connecting again with that",
                      c->uri, (int)(keepalive / SECOND));
    return shorter;
}

/* The broker cannot do what the session needs: this connection is of no use. */
static void unsupported(struct mqtt_connection *c, const char *message)
{
    if (!connection_was_accepted(c)) {
        connection_fail(c, LOG_EVENT(mqtt_unsupported), LOG_FIELDS(LOG_TEXT("broker", c->uri)), message);
        return;
    }
    int64_t wait = schedule_retry(c);
    pthread_mutex_lock(&c->mutex);
    c->disconnect_due = !c->closing;
    c->disconnect_reason = MQTTREASONCODE_SUCCESS;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->mutex);
    log_warning_with(mqtt_unsupported,
                     LOG_FIELDS(LOG_TEXT("broker", c->uri), LOG_NUMBER("retry_ms", wait / MILLISECOND)),
                     "%s; trying again in %.1f s", message, (double)wait / SECOND);
}

static void log_connected(struct mqtt_connection *c, bool present, bool again)
{
    bool lost = !present && again && !c->session->clean_start && c->session->filter_count;
    const char *session = present ? "present" : lost ? "lost" : "new";
    log_info_with(mqtt_connected,
                  LOG_FIELDS(LOG_TEXT("broker", c->uri), LOG_TEXT("client_id", c->client_id),
                             LOG_TEXT("session", session)),
                  "connected to the MQTT broker %s as '%s'%s", c->uri, c->client_id,
                  present ? ", session present"
                  : lost  ? ": it has lost the session, subscribing again"
                          : "");
}

static void warn_of_expiry(const struct mqtt_connection *c, uint32_t expiry)
{
    if (c->session->filter_count > 0 && expiry < c->session->session_expiry)
        log_warning_with(
            mqtt_session_shortened, LOG_FIELDS(LOG_TEXT("broker", c->uri), LOG_NUMBER("seconds", expiry)),
            "the MQTT broker %s keeps the session for %u s only, not for the %u s asked for: what comes "
            "while this client is away for longer is lost",
            c->uri, expiry, c->session->session_expiry);
}

static void connected(struct mqtt_connection *c, bool session_present, const struct mqtt_limits *limits)
{
    struct error error;
    pthread_mutex_lock(&c->mutex);
    bool again = c->was_connected;
    /* A connection that is given up below may have begun the session that the next one finds. */
    c->session_began |= !session_present;
    session_present = c->session_present = !c->session_began;
    pthread_mutex_unlock(&c->mutex);
    const struct mqtt_connected info = {session_present, limits->receive_maximum};
    if (take_keepalive(c, limits->keepalive))
        return;
    log_connected(c, session_present, again);
    if (!mqtt_limits_allow(limits, c->session, &error)) {
        unsupported(c, error.text);
        return;
    }
    warn_of_expiry(c, limits->session_expiry);
    atomic_store(&c->maximum_packet, limits->maximum_packet);
    atomic_store(&c->sent, 0);
    atomic_store(&c->settled, 0);
    if (c->callbacks.connected)
        c->callbacks.connected(c->callbacks.context, &info);
    pthread_mutex_lock(&c->mutex);
    /* The first time in a process the session may stem from other filters; later one that is present has
     * ours. With MQTT 5 subscribing again is harmless (see retain_handling). */
    c->subscribe_needed |= !again || !session_present || c->settings->version == MQTT_VERSION_5;
    c->was_connected = true;
    c->session_began = false;
    c->connected_at = clock_monotonic();
    c->next_subscribe = 0;
    /* With MQTT 3.1.1 a session that is new also ends with its connection: it takes another one. */
    if (c->start_anew && c->settings->version == MQTT_VERSION_311) {
        c->reconnect_due = true;
        c->next_try = c->connected_at + c->backoff.first; /* Paho must be done with this one */
    }
    c->start_anew = false;
    if ((!c->wanted || c->reconnect_due) && !c->closing)
        c->disconnect_due = true; /* asked for while it was connecting */
    if (c->state == MQTT_CONNECTING && !c->wanted)
        connection_set_state(c, MQTT_PAUSED);
    else if (c->state == MQTT_CONNECTING && c->reconnect_due)
        connection_set_state(c, MQTT_DISCONNECTED);
    else if (c->state == MQTT_CONNECTING)
        connection_set_state(c, !connection_subscribes(c->session) || c->subscribe_needed ? MQTT_CONNECTED
                                                                                          : MQTT_SUBSCRIBED);
    c->reconnect_due = false;
    pthread_mutex_unlock(&c->mutex);
}

static void on_connected(void *context, MQTTAsync_successData *data)
{
    struct mqtt_connection *c = context;
    const struct mqtt_limits limits = mqtt_limits_read(NULL, c->session);
    connected(c, data->alt.connect.sessionPresent != 0, &limits);
}

static void on_connected5(void *context, MQTTAsync_successData5 *data)
{
    struct mqtt_connection *c = context;
    const struct mqtt_limits limits = mqtt_limits_read(&data->properties, c->session);
    connected(c, data->alt.connect.sessionPresent != 0, &limits);
}

/* The broker has refused the CONNECT. */
static void connect_refused(struct mqtt_connection *c, int code)
{
    const char *advice = mqtt_connect_advice(code);
    char reason[MQTT_REASON_SIZE], text[MQTT_REASON_SIZE + 400];
    MQTTProperties none = MQTTProperties_initializer, properties = none;
    paho_guard_take_connack(&properties);
    pthread_mutex_lock(&c->mutex);
    bool again = c->was_connected;
    pthread_mutex_unlock(&c->mutex);
    snprintf(text, sizeof text, "the MQTT broker %s refuses the connection (%s)%s%s", c->uri,
             mqtt_connect_reason(code, &properties, reason), advice ? ": " : "", advice ? advice : "");
    MQTTProperties_free(&properties);
    /* A broker that took us before may be wrongly configured for a moment; one that never did needs the user.
     */
    if (advice && !again) {
        connection_fail(c, LOG_EVENT(mqtt_refused),
                        LOG_FIELDS(LOG_TEXT("broker", c->uri), LOG_NUMBER("code", code)), text);
        return;
    }
    int64_t wait = schedule_retry(c);
    log_warning_with(mqtt_refused,
                     LOG_FIELDS(LOG_TEXT("broker", c->uri), LOG_NUMBER("code", code),
                                LOG_NUMBER("retry_ms", wait / MILLISECOND)),
                     "%s; trying again in %.1f s", text, (double)wait / SECOND);
}

/* There is no connection: `code` is Paho's, or that of the CONNACK, above 0. */
static void connect_failed(struct mqtt_connection *c, int code, const char *message)
{
    if (code > 0) {
        connect_refused(c, code);
        return;
    }
    char complaint[PAHO_COMPLAINT_SIZE];
    const char *why = paho_guard_complaint(complaint) ? complaint
                      : message && *message           ? message
                                                      : MQTTAsync_strerror(code);
    pthread_mutex_lock(&c->mutex);
    snprintf(c->failure, sizeof c->failure, "%s", why ? why : "no answer");
    c->failure_due = true;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->mutex);
}

/* Goes on at once with the broker's next address. False when all have been tried; then *where names the last
 * one, if there are several. */
static bool try_next_address(struct mqtt_connection *c, const char *why, char *where, size_t size)
{
    const char *failed = mqtt_addresses_current(&c->addresses);
    *where = '\0';
    if (!mqtt_addresses_next(&c->addresses)) {
        if (failed && c->addresses.count > 1)
            snprintf(where, size, " (at %s, the last of its %zu addresses)", failed, c->addresses.count);
        return false;
    }
    const char *next = mqtt_addresses_current(&c->addresses);
    log_info_with(mqtt_next_address,
                  LOG_FIELDS(LOG_TEXT("broker", c->uri), LOG_TEXT("reason", why), LOG_TEXT("address", next)),
                  "cannot connect to the MQTT broker %s: %s (at %s); trying its next address, %s", c->uri,
                  why, failed, next);
    pthread_mutex_lock(&c->mutex);
    disconnected_until(c, clock_monotonic());
    pthread_mutex_unlock(&c->mutex);
    return true;
}

/* Runs on the connector thread, as it takes a while. */
static void explain_failure(struct mqtt_connection *c, const char *failure)
{
    struct mqtt_secrets secrets;
    struct error why;
    char text[1400], where[100] = "";
    enum mqtt_probe_result result = MQTT_PROBE_MAY_PASS;
    bool probed = mqtt_secrets_read(c->settings, &secrets, &why);
    if (probed)
        result = mqtt_probe(c->settings, secrets.key_password, mqtt_addresses_current(&c->addresses),
                            c->cancel, &why);
    mqtt_secrets_free(&secrets);
    if (result == MQTT_PROBE_REACHED)
        error_set(&why, "it takes connections, but does not answer as %.*s:// would (%s): is the port right?",
                  (int)strcspn(c->uri, ":"), c->uri, failure);
    pthread_mutex_lock(&c->mutex);
    bool closing = c->closing, again = c->was_connected;
    pthread_mutex_unlock(&c->mutex);
    if (closing || (probed && try_next_address(c, why.text, where, sizeof where)))
        return;
    snprintf(text, sizeof text, "cannot connect to the MQTT broker %s: %s%s", c->uri, why.text, where);
    if (result == MQTT_PROBE_NEEDS_USER && !again) {
        connection_fail(c, LOG_EVENT(mqtt_unreachable),
                        LOG_FIELDS(LOG_TEXT("broker", c->uri), LOG_TEXT("reason", why.text)), text);
        return;
    }
    int64_t wait = schedule_retry(c);
    log_warning_with(mqtt_unreachable,
                     LOG_FIELDS(LOG_TEXT("broker", c->uri), LOG_TEXT("reason", why.text),
                                LOG_NUMBER("retry_ms", wait / MILLISECOND)),
                     "%s; trying again in %.1f s", text, (double)wait / SECOND);
}

static void on_connect_failed(void *context, MQTTAsync_failureData *data)
{
    connect_failed(context, data ? data->code : 0, data ? data->message : NULL);
}

static void on_connect_failed5(void *context, MQTTAsync_failureData5 *data)
{
    connect_failed(context, data->reasonCode > 0 ? (int)data->reasonCode : data->code, data->message);
}

/* Runs on the connector thread. */
static void start_connecting(struct mqtt_connection *c, bool clean, uint16_t receive_maximum)
{
    struct mqtt_connect connect;
    struct mqtt_secrets secrets;
    struct error error;
    int rc = MQTTASYNC_FAILURE;
    enum mqtt_start start = clean ? MQTT_START_CLEAN : MQTT_START_RESUME;
    if (c->start_anew) /* the connector's own, until there is a connection */
        start = c->settings->version == MQTT_VERSION_5 ? MQTT_START_CLEAN : MQTT_START_ERASE;
    if (mqtt_secrets_read(c->settings, &secrets, &error)) {
        mqtt_connect_prepare(&connect, c->settings, c->session, &secrets, start, receive_maximum);
        connect.options.context = c;
        if (c->settings->version == MQTT_VERSION_5) {
            connect.options.onSuccess5 = on_connected5;
            connect.options.onFailure5 = on_connect_failed5;
        } else {
            connect.options.onSuccess = on_connected;
            connect.options.onFailure = on_connect_failed;
        }
        mqtt_addresses_use(&c->addresses, c->settings->address.host);
        connect.options.keepAliveInterval = (int)(c->keepalive / SECOND);
        paho_guard_connect(c->settings->version == MQTT_VERSION_5);
        rc = MQTTAsync_connect(c->client, &connect.options);
        mqtt_connect_release(&connect);
    }
    mqtt_secrets_free(&secrets);
    if (rc != MQTTASYNC_SUCCESS)
        connect_failed(c, rc, NULL);
}

static void start_disconnecting(struct mqtt_connection *c, int reason)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;
    options.reasonCode = (enum MQTTReasonCodes)reason;
    /* Where it is not connected there is nothing to do, and no other failure is possible. */
    MQTTAsync_disconnect(c->client, &options);
}

static void wait_until(struct mqtt_connection *c, int64_t deadline)
{
    struct timespec t = {.tv_sec = deadline / SECOND, .tv_nsec = deadline % SECOND};
    pthread_cond_timedwait(&c->changed, &c->mutex, &t);
}

/* ---- the client ---- */

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

/* With the lock held. */
static void give_back(struct publication *publication)
{
    struct mqtt_connection *c = publication->connection;
    publication->out = false;
    publication->next_free = c->free_publications;
    c->free_publications = publication;
}

static void published(struct publication *publication, bool delivered, int reason)
{
    struct mqtt_connection *c = publication->connection;
    void *message = publication->message;
    pthread_mutex_lock(&c->mutex);
    bool out = publication->out;
    if (out)
        give_back(publication);
    pthread_mutex_unlock(&c->mutex);
    if (delivered || reason > 0)
        atomic_fetch_add(&c->settled, 1);
    if (out)
        c->callbacks.published(c->callbacks.context, message, delivered, reason);
}

static bool make_client(struct mqtt_connection *c, MQTTAsync *client, struct error *error)
{
    MQTTAsync_createOptions five = MQTTAsync_createOptions_initializer5,
                            three = MQTTAsync_createOptions_initializer;
    MQTTAsync_createOptions options = c->settings->version == MQTT_VERSION_5 ? five : three;
    MQTTClient_persistence *store = c->session->persistence;
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

/* When the connection breaks while a message at QoS 1 or 2 is written for the first time, Paho 1.3.12 frees
 * the message (MQTTAsync_processCommand) and yet keeps it to be sent again: whatever stands in that memory by
 * then would be published, and freed once more with the session. So the client is left as it is, for ever,
 * and another takes its place, in a new session since it knows none of the packet ids: what was on its way is
 * published again. False when there is no other client. */
static bool replace_client(struct mqtt_connection *c)
{
    struct error error;
    MQTTAsync client;
    if (c->session->persistence) {
        connection_fail(
            c, LOG_EVENT(mqtt_message_lost), LOG_FIELDS(LOG_TEXT("broker", c->uri)),
            "the MQTT library has lost a message when the connection broke: start the program again, which "
            "takes up the session");
        return false;
    }
    if (!make_client(c, &client, &error)) {
        int64_t wait = schedule_retry(c);
        log_warning(mqtt_client_failed, "%s; trying again in %.1f s", error.text, (double)wait / SECOND);
        return false;
    }
    pthread_mutex_lock(&c->mutex);
    c->client = client;
    c->spoiled = false;
    c->start_anew = true;
    pthread_mutex_unlock(&c->mutex);
    log_warning(mqtt_session_anew,
                "the connection broke while a message was written: the session begins anew, and what was on "
                "its way to %s is published again, also where it had arrived",
                c->uri);
    for (size_t i = 0; i < c->session->publish_window; i++)
        published(&c->publications[i], false, 0);
    return true;
}

/* ---- the connector ---- */

/* It wakes up so often with nothing to do: who watches the process sees it live. */
static const int64_t sign_of_life = 10 * SECOND;

/* When something is to be done, told or not (monotonic ns); 0: never. */
static int64_t next_due(const struct mqtt_connection *c)
{
    if (c->state == MQTT_DISCONNECTED && c->wanted)
        return c->next_try;
    if (c->state != MQTT_CONNECTED || !connection_subscribes(c->session))
        return 0;
    return c->subscribe_deadline ? c->subscribe_deadline : c->next_subscribe;
}

/* The connector thread: does what is due, outside the lock since Paho calls back under its own. */
static void *connector(void *context)
{
    struct mqtt_connection *c = context;
    pthread_setname_np(pthread_self(), "mqtt-connector");
    pthread_mutex_lock(&c->mutex);
    while (!c->closing) {
        int64_t now = clock_monotonic();
        if (c->disconnect_due) {
            int reason = c->disconnect_reason;
            c->disconnect_due = false;
            pthread_mutex_unlock(&c->mutex);
            start_disconnecting(c, reason);
            if (c->callbacks.disconnected)
                c->callbacks.disconnected(c->callbacks.context);
            pthread_mutex_lock(&c->mutex);
        } else if (c->wanted && c->state == MQTT_DISCONNECTED && now >= c->next_try) {
            uint16_t receive_maximum = c->receive_maximum;
            bool clean = !c->was_connected && c->session->clean_start, spoiled = c->spoiled;
            connection_set_state(c, MQTT_CONNECTING);
            pthread_mutex_unlock(&c->mutex);
            if (!spoiled || replace_client(c))
                start_connecting(c, clean, receive_maximum);
            pthread_mutex_lock(&c->mutex);
        } else if (c->failure_due) {
            char failure[sizeof c->failure];
            memcpy(failure, c->failure, sizeof failure);
            c->failure_due = false;
            pthread_mutex_unlock(&c->mutex);
            explain_failure(c, failure);
            pthread_mutex_lock(&c->mutex);
        } else if (c->state == MQTT_CONNECTED && connection_subscribes(c->session) &&
                   c->subscribe_deadline == 0 && now >= c->next_subscribe) {
            pthread_mutex_unlock(&c->mutex);
            connection_subscribe(c);
            pthread_mutex_lock(&c->mutex);
        } else if (c->state == MQTT_CONNECTED && c->subscribe_deadline && now >= c->subscribe_deadline &&
                   atomic_exchange(&c->message_came, false)) {
            /* The answer may stand in line behind the messages of a resumed session. */
            c->subscribe_deadline = now + MQTT_SUBSCRIBE_TIMEOUT_SECONDS * SECOND;
        } else if (c->state == MQTT_CONNECTED && c->subscribe_deadline && now >= c->subscribe_deadline) {
            pthread_mutex_unlock(&c->mutex);
            log_warning(mqtt_subscription_unanswered, "the MQTT broker %s does not answer the subscription",
                        c->uri);
            mqtt_reconnect(c, MQTTREASONCODE_UNSPECIFIED_ERROR, 0);
            pthread_mutex_lock(&c->mutex);
        } else {
            int64_t due = next_due(c), sign = now + sign_of_life;
            wait_until(c, due && due < sign ? due : sign);
        }
    }
    pthread_mutex_unlock(&c->mutex);
    return NULL;
}

/* ---- publishing ---- */

static void on_published(void *context, MQTTAsync_successData *data)
{
    (void)data;
    published(context, true, 0);
}

/* Paho reports an acknowledgement with an error code as a failure, any other as success. */
static void on_published5(void *context, MQTTAsync_successData5 *data)
{
    published(context, (int)data->reasonCode < 0x80, (int)data->reasonCode);
}

/* Paho's code is that of writing the message. */
static void check_spoiled(struct publication *publication, int code)
{
    struct mqtt_connection *c = publication->connection;
    pthread_mutex_lock(&c->mutex);
    c->spoiled |= code == MQTTASYNC_FAILURE;
    pthread_mutex_unlock(&c->mutex);
}

static void on_publish_failed(void *context, MQTTAsync_failureData *data)
{
    check_spoiled(context, data->code);
    published(context, false, 0);
}

/* A PUBCOMP with an error code: the broker had the message and released it before the connection was lost
 * (MQTT 5 section 3.7.2.1). */
static void on_publish_failed5(void *context, MQTTAsync_failureData5 *data)
{
    check_spoiled(context, data->code);
    published(context, data->reasonCode == MQTTREASONCODE_PACKET_IDENTIFIER_NOT_FOUND, (int)data->reasonCode);
}

/* At QoS 0: a message is no longer with Paho. */
static void unqueued(struct mqtt_connection *c)
{
    if (atomic_fetch_sub(&c->queued, 1) > 1)
        return;
    pthread_mutex_lock(&c->mutex);
    if (c->closing)
        pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->mutex);
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

static void dropped(struct mqtt_connection *c)
{
    atomic_fetch_add(&c->dropped, 1);
    unqueued(c);
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
        "a message to the topic '%s' is a packet of %zu bytes, and the MQTT broker %s takes %u at most: "
        "publish smaller ones, or raise its bound",
        topic, size, c->uri, maximum);
    return false;
}

bool mqtt_publish(struct mqtt_connection *c, const char *topic, const void *payload, size_t length, int qos,
                  bool retain, const MQTTProperties *properties, void *message)
{
    struct publication *publication = NULL;
    if (!fits(c, topic, mqtt_publish_size(topic, length, qos, properties))) {
        c->callbacks.published(c->callbacks.context, message, false, MQTTREASONCODE_PACKET_TOO_LARGE);
        return true;
    }
    pthread_mutex_lock(&c->mutex);
    bool ready = (c->state == MQTT_CONNECTED || c->state == MQTT_SUBSCRIBED) && !c->spoiled;
    MQTTAsync client = c->client;
    if (ready && qos > 0 && (publication = c->free_publications)) {
        c->free_publications = publication->next_free;
        publication->message = message;
        publication->out = true;
    }
    pthread_mutex_unlock(&c->mutex);
    if (!ready || (qos > 0 && !publication))
        return false;
    MQTTAsync_responseOptions options = response_options(c, publication);
    if (properties)
        options.properties = *properties;
    atomic_fetch_add(&c->sent, 1);
    if (qos == 0)
        atomic_fetch_add(&c->queued, 1);
    paho_guard_next_use(qos == 2 ? PAHO_QOS_2 : PAHO_QOS_1);
    int rc = MQTTAsync_send(client, topic, (int)length, payload, qos, retain, &options);
    if (rc == MQTTASYNC_SUCCESS) {
        if (qos == 0)
            c->callbacks.published(c->callbacks.context, message, true, 0);
        return true;
    }
    if (qos == 0) {
        unqueued(c);
        return false;
    }
    bool taken = false;
    pthread_mutex_lock(&c->mutex);
    if (publication->out)
        give_back(publication);
    else
        taken = true; /* given back meanwhile, with the client: the callback has told */
    pthread_mutex_unlock(&c->mutex);
    return taken;
}

/* ---- life ---- */

/* What can be known to be wrong before there is a broker. */
static bool check_credentials(const struct mqtt_settings *settings, struct error *error)
{
    struct mqtt_secrets secrets;
    SSL_CTX *context = NULL;
    bool ok = mqtt_secrets_read(settings, &secrets, error) &&
              (!settings->address.tls || (context = mqtt_tls_context(settings, secrets.key_password, error)));
    SSL_CTX_free(context);
    mqtt_secrets_free(&secrets);
    return ok;
}

void mqtt_make_client_id(const char *name, char id[static MQTT_CLIENT_ID_SIZE])
{
    uint32_t random[2] = {(uint32_t)clock_realtime(), (uint32_t)clock_monotonic()};
    if (getrandom(random, sizeof random, GRND_NONBLOCK) < 0)
        log_debug(random_numbers_missing, "no random numbers yet: the client id comes from the clock");
    snprintf(id, MQTT_CLIENT_ID_SIZE, "roomstream-%s-%08x%08x", name, random[0], random[1]);
}

/* False with *error when the client id is too long to be one. */
static bool name_connection(struct mqtt_connection *c, const char *name, struct error *error)
{
    const struct mqtt_settings *settings = c->settings;
    if (settings->client_id) {
        int length = snprintf(c->client_id, sizeof c->client_id, "%s", settings->client_id);
        return length < (int)sizeof c->client_id ||
               error_set(error, "the client id is too long: %d characters, at most %zu", length,
                         sizeof c->client_id - 1);
    }
    mqtt_make_client_id(name, c->client_id);
    return true;
}

static void free_connection(struct mqtt_connection *c)
{
    if (c->client)
        MQTTAsync_destroy(&c->client);
    if (c->cancel >= 0)
        close(c->cancel);
    free(c->subscriptions);
    free(c->publications);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->mutex);
    free(c);
}

static void on_trace(enum MQTTASYNC_TRACE_LEVELS level, char *message)
{
    (void)level;
    log_debug(paho, "Paho: %s", message);
}

static void init_lock(struct mqtt_connection *c)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&c->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&c->mutex, NULL);
}

/* NULL with *error when memory is exhausted. */
static struct mqtt_connection *new_connection(const struct mqtt_settings *settings,
                                              const struct mqtt_session *session,
                                              const struct mqtt_callbacks *callbacks, struct error *error)
{
    struct mqtt_connection *c = calloc(1, sizeof *c);
    struct publication *publications = calloc(session->publish_window + 1, sizeof *publications);
    struct subscription *subscriptions = calloc(session->filter_count + 1, sizeof *subscriptions);
    if (!c || !publications || !subscriptions) {
        free(c);
        free(publications);
        free(subscriptions);
        error_set(error, "out of memory");
        return NULL;
    }
    c->settings = settings;
    c->uri = settings->address.uri;
    c->cancel = event_open();
    c->session = session;
    c->callbacks = *callbacks;
    c->publications = publications;
    c->subscriptions = subscriptions;
    c->state = MQTT_DISCONNECTED;
    c->wanted = true;
    c->receive_maximum = session->receive_maximum;
    c->keepalive = settings->keepalive;
    c->backoff = (struct backoff){.first = 500 * MILLISECOND, .longest = 30 * SECOND};
    c->subscribe_backoff = (struct backoff){.first = SECOND, .longest = 30 * SECOND};
    for (size_t i = 0; i < session->publish_window; i++) {
        publications[i].connection = c;
        publications[i].next_free = c->free_publications;
        c->free_publications = &publications[i];
    }
    init_lock(c);
    return c;
}

struct mqtt_connection *mqtt_open(const char *name, const struct mqtt_settings *settings,
                                  const struct mqtt_session *session, const struct mqtt_callbacks *callbacks,
                                  struct error *error)
{
    /* Paho's tracing costs half of its speed even when nobody listens. */
    MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
    MQTTAsync_setTraceCallback(on_trace);
    if (session->filter_count > MQTT_FILTERS_MAX) {
        error_set(error, "%zu topic filters are too many: at most %d", session->filter_count,
                  MQTT_FILTERS_MAX);
        return NULL;
    }
    struct mqtt_connection *c = new_connection(settings, session, callbacks, error);
    if (!c)
        return NULL;
    /* Who takes no messages has no use for large ones. */
    paho_bound_messages(callbacks->message ? session->message_max : UNWANTED_MAX,
                        settings->version == MQTT_VERSION_5);
    if (c->cancel < 0)
        error_set(error, "cannot make an event: %s", strerror(errno));
    if (c->cancel < 0 || !name_connection(c, name, error) || !check_credentials(settings, error) ||
        !make_client(c, &c->client, error)) {
        free_connection(c);
        return NULL;
    }
    if (settings->insecure)
        log_warning(mqtt_insecure,
                    "--insecure: it is not checked that the MQTT broker %s is what it says it is", c->uri);
    int rc = pthread_create(&c->connector, NULL, connector, c);
    if (rc != 0) {
        error_set(error, "cannot start a thread: %s", strerror(rc));
        free_connection(c);
        return NULL;
    }
    return c;
}

enum mqtt_state mqtt_state(struct mqtt_connection *c)
{
    pthread_mutex_lock(&c->mutex);
    enum mqtt_state state = c->state;
    pthread_mutex_unlock(&c->mutex);
    return state;
}

/* With the lock held: has the connector close the connection if there is one. */
static void ask_to_disconnect(struct mqtt_connection *c, int reason, enum mqtt_state after)
{
    if (c->state == MQTT_FAILED)
        return;
    c->disconnect_due |= c->state == MQTT_CONNECTED || c->state == MQTT_SUBSCRIBED;
    c->disconnect_reason = reason;
    c->subscribe_deadline = 0;
    if (c->state != MQTT_CONNECTING)
        connection_set_state(c, after);
}

void mqtt_pause(struct mqtt_connection *c)
{
    pthread_mutex_lock(&c->mutex);
    c->wanted = false;
    ask_to_disconnect(c, MQTTREASONCODE_SUCCESS, MQTT_PAUSED);
    pthread_mutex_unlock(&c->mutex);
}

void mqtt_resume(struct mqtt_connection *c)
{
    pthread_mutex_lock(&c->mutex);
    if (c->state != MQTT_FAILED)
        c->wanted = true;
    if (c->state == MQTT_PAUSED) {
        c->next_try = clock_monotonic() + backoff_next(&c->backoff);
        connection_set_state(c, MQTT_DISCONNECTED);
    }
    pthread_mutex_unlock(&c->mutex);
}

void mqtt_reconnect(struct mqtt_connection *c, int reason_code, uint16_t receive_maximum)
{
    pthread_mutex_lock(&c->mutex);
    if (receive_maximum)
        c->receive_maximum = receive_maximum;
    /* The broker answers: there is no reason to wait longer each time. */
    c->next_try = clock_monotonic() + c->backoff.first;
    c->reconnect_due = c->state == MQTT_CONNECTING;
    ask_to_disconnect(c, reason_code, MQTT_DISCONNECTED);
    pthread_mutex_unlock(&c->mutex);
}

static void answered(struct mqtt_connection *c, bool erased)
{
    pthread_mutex_lock(&c->mutex);
    c->answered = true;
    c->erased = erased;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->mutex);
}

static void on_closed(void *context, MQTTAsync_successData *data)
{
    (void)data;
    answered(context, false);
}

static void on_closed5(void *context, MQTTAsync_successData5 *data)
{
    (void)data;
    answered(context, false);
}

static void on_close_failed(void *context, MQTTAsync_failureData *data)
{
    (void)data;
    answered(context, false);
}

static void on_close_failed5(void *context, MQTTAsync_failureData5 *data)
{
    (void)data;
    answered(context, false);
}

static void on_erased(void *context, MQTTAsync_successData *data)
{
    (void)data;
    answered(context, true);
}

/* Waits until Paho has done what it was asked, until the deadline at most. */
static void wait_for_answer(struct mqtt_connection *c, int64_t deadline)
{
    pthread_mutex_lock(&c->mutex);
    while (!c->answered && clock_monotonic() < deadline)
        wait_until(c, deadline);
    c->answered = false;
    pthread_mutex_unlock(&c->mutex);
}

/* Waits until what is queued at QoS 0 is written, while there is a connection and until the deadline at most:
 * at a DISCONNECT, Paho would cut short a message that it is writing. */
static void wait_for_queued(struct mqtt_connection *c, int64_t deadline)
{
    pthread_mutex_lock(&c->mutex);
    while (atomic_load(&c->queued) > 0 && (c->state == MQTT_CONNECTED || c->state == MQTT_SUBSCRIBED) &&
           clock_monotonic() < deadline)
        wait_until(c, deadline);
    pthread_mutex_unlock(&c->mutex);
}

/* QoS 0 allows for losing messages, not for losing them in silence. */
static void warn_of_unsent(struct mqtt_connection *c)
{
    size_t unsent = atomic_load(&c->queued) + atomic_load(&c->dropped);
    if (unsent > 0)
        log_warning_with(
            mqtt_messages_unsent, LOG_FIELDS(LOG_TEXT("broker", c->uri), LOG_NUMBER("messages", unsent)),
            "%zu messages at QoS 0 were not sent: the MQTT broker %s had not taken them when the "
            "connection ended. Look after the broker or the network; at QoS 1 none is lost",
            unsent, c->uri);
}

/* Sends DISCONNECT and waits until Paho has done so, until the deadline at most. */
static void disconnect_and_wait(struct mqtt_connection *c, bool end_session, int64_t deadline)
{
    bool v5 = c->settings->version == MQTT_VERSION_5;
    MQTTAsync_disconnectOptions five = MQTTAsync_disconnectOptions_initializer5,
                                three = MQTTAsync_disconnectOptions_initializer;
    MQTTAsync_disconnectOptions options = v5 ? five : three;
    MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, .value.integer4 = 0};
    options.context = c;
    if (v5) {
        options.onSuccess5 = on_closed5;
        options.onFailure5 = on_close_failed5;
        if (end_session)
            MQTTProperties_add(&options.properties, &expiry);
    } else {
        options.onSuccess = on_closed;
        options.onFailure = on_close_failed;
    }
    int rc = MQTTAsync_disconnect(c->client, &options);
    MQTTProperties_free(&options.properties);
    if (rc == MQTTASYNC_SUCCESS)
        wait_for_answer(c, deadline);
}

/* An MQTT 3.1.1 broker keeps a session for ever, unless the client connects once more with a clean one
 * (section 3.1.2.4). */
static void erase_session(struct mqtt_connection *c, int64_t deadline)
{
    struct mqtt_connect connect;
    struct mqtt_secrets secrets;
    if (c->settings->version == MQTT_VERSION_5 || c->session->session_expiry == 0)
        return;
    pthread_mutex_lock(&c->mutex);
    bool was_connected = c->was_connected;
    if (was_connected)
        connection_set_state(c, MQTT_PAUSED); /* what becomes of this connection is nobody else's affair */
    pthread_mutex_unlock(&c->mutex);
    if (!was_connected)
        return;
    if (mqtt_secrets_read(c->settings, &secrets, NULL)) {
        mqtt_connect_prepare(&connect, c->settings, c->session, &secrets, MQTT_START_ERASE, 0);
        connect.options.context = c;
        connect.options.onSuccess = on_erased;
        connect.options.onFailure = on_close_failed;
        paho_guard_connect(false);
        if (MQTTAsync_connect(c->client, &connect.options) == MQTTASYNC_SUCCESS)
            wait_for_answer(c, deadline);
        mqtt_connect_release(&connect);
    }
    mqtt_secrets_free(&secrets);
    if (c->erased)
        disconnect_and_wait(c, false, deadline);
    else
        log_warning(mqtt_session_kept,
                    "the MQTT broker %s may keep the session '%s' for ever: it could not be ended", c->uri,
                    c->client_id);
}

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

/* False when the library does not let go in time. */
static bool let_go(struct mqtt_connection *c, bool end_session, int64_t deadline)
{
    pthread_t destroyer;
    if (!join_until(c->connector, deadline + SECOND) || c->spoiled)
        return false;
    wait_for_queued(c, deadline);
    disconnect_and_wait(c, end_session, deadline);
    if (end_session)
        erase_session(c, deadline);
    return pthread_create(&destroyer, NULL, destroy_client, c) == 0 &&
           join_until(destroyer, deadline + 3 * SECOND);
}

bool mqtt_close(struct mqtt_connection *c, bool end_session, int64_t timeout)
{
    int64_t deadline = clock_monotonic() + timeout;
    pthread_mutex_lock(&c->mutex);
    c->closing = true;
    c->wanted = false;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->mutex);
    event_raise(c->cancel);
    bool gone = let_go(c, end_session, deadline);
    warn_of_unsent(c);
    if (gone)
        free_connection(c);
    return gone;
}
