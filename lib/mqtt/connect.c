#include "internal.h"

#include "broker_limits.h"
#include "connect_options.h"
#include "core/clock.h"
#include "paho_guard.h"
#include "probe.h"
#include "reason.h"

#include <stdio.h>
#include <string.h>

/* ---- the broker accepts ---- */

/* This connection is of no use: the next one is to be made after the wait. */
static void leave(struct mqtt_connection *c, int64_t wait)
{
    pthread_mutex_lock(&c->mutex);
    connection_event(c, LEAVE, clock_monotonic() + wait);
    pthread_mutex_unlock(&c->mutex);
}

/* Paho ignores the Server Keep Alive (MQTT 5 section 3.2.2.3.14), but the broker goes by it. So a shorter one
 * needs another connection, which asks for that. */
static bool take_keepalive(struct mqtt_connection *c, int64_t keepalive)
{
    pthread_mutex_lock(&c->mutex);
    bool shorter = keepalive > 0 && keepalive < c->keepalive;
    if (shorter)
        c->keepalive = keepalive;
    pthread_mutex_unlock(&c->mutex);
    if (!shorter)
        return false;
    leave(c, c->backoff.first); /* Paho must be done with this one */
    log_info_with(mqtt_keepalive,
                  LOG_FIELDS(LOG_TEXT("broker", c->uri), LOG_NUMBER("seconds", keepalive / SECOND)),
                  "the MQTT broker %s wants a keep alive of %d s at most: connecting again with that", c->uri,
                  (int)(keepalive / SECOND));
    return true;
}

/* The broker cannot do what the session needs. */
static void unsupported(struct mqtt_connection *c, const char *message)
{
    if (connection_was_accepted(c))
        connection_try_later(c, LEAVE, LOG_EVENT(mqtt_unsupported), NO_FIELD, message);
    else
        connection_fail(c, LOG_EVENT(mqtt_unsupported), NO_FIELD, message);
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
            "the MQTT broker %s keeps the session for %u s only, not for the %u s asked for: what comes while this client is away for longer is lost",
            c->uri, expiry, c->session->session_expiry);
}

/* With the lock held: is another connection needed, now that this one is made? */
static bool must_reconnect(const struct mqtt_connection *c)
{
    if (c->receive_maximum != c->connect_receive_maximum)
        return true; /* mqtt_reconnect came while it was made */
    /* With MQTT 3.1.1 a session that is new also ends with its connection. */
    return (c->condition == CLIENT_NEW || c->renew) && c->settings->version == MQTT_VERSION_311;
}

/* The program knows of the connection: subscribes, or is ready. */
static void begin(struct mqtt_connection *c, bool session_present)
{
    pthread_mutex_lock(&c->mutex);
    int64_t now = c->connected_at = clock_monotonic();
    bool reconnect = must_reconnect(c);
    /* A session that was there before this process may stem from other filters. With MQTT 5 subscribing again
     * is harmless (see retain_handling). */
    c->granted &= session_present;
    bool ask = session_subscribes(c->session) && (!c->granted || c->settings->version == MQTT_VERSION_5);
    if (c->accepted == NOTHING_ACCEPTED)
        c->accepted = CONNECT_ACCEPTED;
    if (c->seen == SESSION_NEW)
        c->seen = SESSION_UNSEEN;
    c->renew = false;
    if (c->condition == CLIENT_NEW)
        c->condition = CLIENT_GOOD;
    if (reconnect)
        connection_event(c, LEAVE, now + c->backoff.first); /* Paho must be done with this one */
    else
        connection_event(c, ask ? ASK : GRANTED, 0);
    pthread_mutex_unlock(&c->mutex);
}

static void connected(struct mqtt_connection *c, bool session_present, const struct mqtt_limits *limits)
{
    struct error error;
    pthread_mutex_lock(&c->mutex);
    bool again = c->accepted != NOTHING_ACCEPTED;
    /* A connection that is given up below may have begun the session that the next one finds. */
    if (!session_present)
        c->seen = SESSION_NEW;
    else if (c->seen != SESSION_NEW)
        c->seen = SESSION_PRESENT;
    session_present = c->seen == SESSION_PRESENT;
    pthread_mutex_unlock(&c->mutex);
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
    const struct mqtt_connected info = {session_present, limits->receive_maximum};
    if (c->callbacks.connected)
        c->callbacks.connected(c->callbacks.context, &info);
    begin(c, session_present);
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

/* ---- it refuses, or there is no answer ---- */

static void refused(struct mqtt_connection *c, int code)
{
    const char *advice = mqtt_connect_advice(code);
    char reason[MQTT_REASON_SIZE], text[MQTT_REASON_SIZE + 400];
    MQTTProperties none = MQTTProperties_initializer, properties = none;
    paho_guard_take_connack(&properties);
    pthread_mutex_lock(&c->mutex);
    bool again = c->accepted != NOTHING_ACCEPTED;
    pthread_mutex_unlock(&c->mutex);
    snprintf(text, sizeof text, "the MQTT broker %s refuses the connection (%s)%s%s", c->uri,
             mqtt_connect_reason(code, &properties, reason), advice ? ": " : "", advice ? advice : "");
    MQTTProperties_free(&properties);
    /* A broker that took us before may be wrongly configured for a moment; one that never did needs the user.
     */
    const struct log_field field = LOG_NUMBER("code", code);
    if (advice && !again)
        connection_fail(c, LOG_EVENT(mqtt_refused), field, text);
    else
        connection_try_later(c, REFUSED, LOG_EVENT(mqtt_refused), field, text);
}

/* There is no connection: `code` is Paho's, or that of the CONNACK, above 0. */
static void failed(struct mqtt_connection *c, int code, const char *message)
{
    if (code > 0) {
        refused(c, code);
        return;
    }
    char complaint[PAHO_COMPLAINT_SIZE];
    const char *why = paho_guard_complaint(complaint) ? complaint
                      : message && *message           ? message
                                                      : MQTTAsync_strerror(code);
    pthread_mutex_lock(&c->mutex);
    snprintf(c->failure, sizeof c->failure, "%s", why ? why : "no answer");
    connection_event(c, UNREACHABLE, 0);
    pthread_mutex_unlock(&c->mutex);
}

static void on_failed(void *context, MQTTAsync_failureData *data)
{
    failed(context, data ? data->code : 0, data ? data->message : NULL);
}

static void on_failed5(void *context, MQTTAsync_failureData5 *data)
{
    failed(context, data->reasonCode > 0 ? (int)data->reasonCode : data->code, data->message);
}

/* Tries the broker's next address at once. False when all have been tried; then *where names the last
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
    connection_event(c, REFUSED, 0);
    pthread_mutex_unlock(&c->mutex);
    return true;
}

/* Why Paho could not connect, as far as a probe of the broker shows. True: it was probed. */
static bool find_out(struct mqtt_connection *c, enum mqtt_probe_result *result, struct error *why)
{
    char failure[sizeof c->failure];
    struct mqtt_secrets secrets;
    pthread_mutex_lock(&c->mutex);
    memcpy(failure, c->failure, sizeof failure);
    pthread_mutex_unlock(&c->mutex);
    *result = MQTT_PROBE_MAY_PASS;
    bool probed = mqtt_secrets_read(c->settings, &secrets, why);
    if (probed)
        *result = mqtt_probe(c->settings, secrets.key_password, mqtt_addresses_current(&c->addresses),
                             c->cancel, why);
    mqtt_secrets_free(&secrets);
    if (*result == MQTT_PROBE_REACHED)
        error_set(why, "it takes connections, but does not answer as %.*s:// would (%s): is the port right?",
                  (int)strcspn(c->uri, ":"), c->uri, failure);
    return probed;
}

void connection_explain(struct mqtt_connection *c)
{
    enum mqtt_probe_result result;
    struct error why;
    char text[1400], where[100] = "";
    bool probed = find_out(c, &result, &why);
    pthread_mutex_lock(&c->mutex);
    bool wanted = c->state == EXPLAINING, again = c->accepted != NOTHING_ACCEPTED;
    pthread_mutex_unlock(&c->mutex);
    if (!wanted || (probed && try_next_address(c, why.text, where, sizeof where)))
        return;
    snprintf(text, sizeof text, "cannot connect to the MQTT broker %s: %s%s", c->uri, why.text, where);
    const struct log_field field = LOG_TEXT("reason", why.text);
    if (result == MQTT_PROBE_NEEDS_USER && !again)
        connection_fail(c, LOG_EVENT(mqtt_unreachable), field, text);
    else
        connection_try_later(c, REFUSED, LOG_EVENT(mqtt_unreachable), field, text);
}

/* ---- connecting ---- */

/* With the lock held: which session the next connection is to have. */
static enum mqtt_start next_start(const struct mqtt_connection *c)
{
    if (c->condition == CLIENT_NEW || c->renew)
        return c->settings->version == MQTT_VERSION_5 ? MQTT_START_CLEAN : MQTT_START_ERASE;
    bool first = c->accepted == NOTHING_ACCEPTED;
    return first && c->session->clean_start ? MQTT_START_CLEAN : MQTT_START_RESUME;
}

void connection_connect(struct mqtt_connection *c)
{
    struct mqtt_connect connect;
    struct mqtt_secrets secrets;
    struct error error;
    bool v5 = c->settings->version == MQTT_VERSION_5;
    int rc = MQTTASYNC_FAILURE;
    if (client_is_spoiled(c) && !client_replace(c))
        return;
    pthread_mutex_lock(&c->mutex);
    enum mqtt_start start = next_start(c);
    uint16_t receive_maximum = c->connect_receive_maximum = c->receive_maximum;
    int64_t keepalive = c->keepalive;
    pthread_mutex_unlock(&c->mutex);
    if (mqtt_secrets_read(c->settings, &secrets, &error)) {
        mqtt_connect_prepare(&connect, c->settings, c->session, &secrets, start, receive_maximum);
        connect.options.context = c;
        if (v5) {
            connect.options.onSuccess5 = on_connected5;
            connect.options.onFailure5 = on_failed5;
        } else {
            connect.options.onSuccess = on_connected;
            connect.options.onFailure = on_failed;
        }
        mqtt_addresses_use(&c->addresses, c->settings->address.host);
        connect.options.keepAliveInterval = (int)(keepalive / SECOND);
        paho_guard_connect(v5);
        rc = MQTTAsync_connect(c->client, &connect.options);
        mqtt_connect_release(&connect);
    }
    mqtt_secrets_free(&secrets);
    if (rc != MQTTASYNC_SUCCESS)
        failed(c, rc, NULL);
}
