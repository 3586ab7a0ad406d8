#include "mqtt.h"

#include "backoff.h"
#include "clock.h"
#include "event.h"
#include "log.h"
#include "mqtt_addresses.h"
#include "mqtt_connect.h"
#include "mqtt_probe.h"
#include "mqtt_tls.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

/* A connection of this age was a good one. */
#define LASTING (5 * SECOND)

enum { SUBSCRIBE_TIMEOUT_SECONDS = 20, FILTERS_MAX = 1024 };

/* Messages that may wait in Paho beside those of the window: at QoS 0, where the caller is not told when it
 * has room again, enough to keep it busy from one try to the next. */
enum { UNREPORTED = 1000 };

/* A message handed to Paho at QoS 1 or 2, until its outcome is known. */
struct publication {
    struct mqtt_connection *connection;
    void *message;
    bool out; /* with Paho */
    struct publication *next_free;
};

struct mqtt_connection {
    const struct mqtt_settings *settings;
    const struct mqtt_session *session;
    struct mqtt_callbacks callbacks;
    MQTTAsync client; /* replaced by the connector, with the lock */
    const char *uri;  /* for messages */
    char client_id[MQTT_CLIENT_ID_SIZE];
    int cancel;               /* event: closing, so let a probe of the broker be */
    atomic_bool message_came; /* since the subscription was sent, or since its deadline was moved */
    atomic_size_t queued;     /* messages at QoS 0 that Paho has and has not written */
    atomic_size_t dropped;    /* those that it gave up */

    pthread_mutex_t mutex; /* guards what follows; never held while Paho is called */
    pthread_cond_t changed;
    enum mqtt_state state;
    bool wanted; /* connected is what the program wants: not paused, not failed, not closing */
    bool closing;
    bool answered;       /* of closing: Paho has done what it was asked, or failed to */
    bool erased;         /* the session is gone from the broker */
    bool disconnect_due; /* a pause or reconnect asks the connector to disconnect */
    bool was_connected;  /* at least once in this process */
    bool was_subscribed;
    bool subscribe_needed; /* the filters are not known to be granted in the current session */
    int disconnect_reason;
    uint16_t receive_maximum;
    int64_t next_try, subscribe_deadline; /* monotonic ns; 0: none */
    int64_t connected_at;                 /* monotonic ns of the last CONNACK; 0: none since the last loss */
    int short_lives;                      /* connections in a row that did not last */
    bool reconnect_due;                   /* mqtt_reconnect came while connecting */
    bool spoiled;                         /* the client must not be used again, see replace_client */
    bool start_anew;                      /* the next connection begins with a new session */
    bool failure_due;                     /* connecting has failed: the connector finds out why */
    char failure[200];                    /* what Paho says of it */
    struct backoff backoff;
    struct mqtt_addresses addresses; /* the connector's own */
    struct publication *publications, *free_publications;
    pthread_t connector;
};

static void set_state(struct mqtt_connection *c, enum mqtt_state state)
{
    c->state = state;
    pthread_cond_broadcast(&c->changed);
}

/* Gives up: trying again cannot help. Called without the lock. */
static void fail(struct mqtt_connection *c, const char *event, const struct log_field *fields,
                 const char *message)
{
    pthread_mutex_lock(&c->mutex);
    c->wanted = false;
    c->disconnect_due |= c->state == MQTT_CONNECTED || c->state == MQTT_SUBSCRIBED;
    set_state(c, MQTT_FAILED);
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
        set_state(c, c->wanted || c->closing ? MQTT_DISCONNECTED : MQTT_PAUSED);
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

static void connection_gone(struct mqtt_connection *c, const char *why)
{
    bool asked, short_lived;
    pthread_mutex_lock(&c->mutex);
    asked = c->state != MQTT_CONNECTED && c->state != MQTT_SUBSCRIBED;
    pthread_mutex_unlock(&c->mutex);
    if (asked)
        return; /* told already: Paho reports a DISCONNECT packet and the closed socket separately */
    int64_t wait = schedule_retry(c);
    pthread_mutex_lock(&c->mutex);
    short_lived = c->short_lives >= 3;
    pthread_mutex_unlock(&c->mutex);
    log_warning_with(mqtt_disconnected,
                     LOG_FIELDS(LOG_TEXT("broker", c->uri), LOG_TEXT("reason", why),
                                LOG_NUMBER("retry_ms", wait / MILLISECOND)),
                     "connection to the MQTT broker %s lost%s%s; trying again in %.1f s%s", c->uri,
                     *why ? ": " : "", why, (double)wait / SECOND,
                     short_lived ? " (does another client use the same client id?)" : "");
    if (c->callbacks.disconnected)
        c->callbacks.disconnected(c->callbacks.context);
}

static void on_connection_lost(void *context, char *cause)
{
    connection_gone(context, cause ? cause : "");
}

static void on_disconnect_packet(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason)
{
    char why[128];
    const char *name = MQTTReasonCode_toString(reason);
    (void)properties;
    snprintf(why, sizeof why, "the broker closed it, reason 0x%02X%s%s", (unsigned)reason, name ? " " : "",
             name ? name : "");
    connection_gone(context, why);
}

/* ---- subscribing ---- */

/* Filters as one text for messages. */
static const char *filter_list(const char *const *filters, size_t count, char *text, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; i < count && length < size; i++)
        length += (size_t)snprintf(text + length, size - length, "%s'%s'", i ? ", " : "", filters[i]);
    return text;
}

/* Everything asked for is acknowledged. */
static void subscribing_done(struct mqtt_connection *c)
{
    pthread_mutex_lock(&c->mutex);
    c->subscribe_deadline = 0;
    c->subscribe_needed = false;
    c->was_subscribed = true;
    if (c->state == MQTT_CONNECTED)
        set_state(c, MQTT_SUBSCRIBED);
    pthread_mutex_unlock(&c->mutex);
    if (c->callbacks.subscribed)
        c->callbacks.subscribed(c->callbacks.context);
}

/* What the broker granted before may be granted again, as when its access control is being changed; where it
 * never was, the user must do something. */
static void subscription_refused(struct mqtt_connection *c, const char *message)
{
    pthread_mutex_lock(&c->mutex);
    bool before = c->was_subscribed;
    pthread_mutex_unlock(&c->mutex);
    if (!before) {
        fail(c, LOG_EVENT(mqtt_subscription_refused), LOG_FIELDS(LOG_TEXT("broker", c->uri)), message);
        return;
    }
    int64_t wait = schedule_retry(c);
    pthread_mutex_lock(&c->mutex);
    c->disconnect_due = true;
    c->disconnect_reason = MQTTREASONCODE_SUCCESS;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->mutex);
    log_warning_with(mqtt_subscription_refused,
                     LOG_FIELDS(LOG_TEXT("broker", c->uri), LOG_NUMBER("retry_ms", wait / MILLISECOND)),
                     "%s; trying again in %.1f s", message, (double)wait / SECOND);
}

static void subscription_granted(struct mqtt_connection *c, const int *granted, size_t count)
{
    const struct mqtt_session *session = c->session;
    char text[700], list[512];
    for (size_t i = 0; i < count; i++) {
        const char *filter = session->filters[i];
        if (granted[i] >= 0x80) {
            const char *name = MQTTReasonCode_toString((enum MQTTReasonCodes)granted[i]);
            snprintf(
                text, sizeof text,
                "the broker refuses the subscription to '%s' (0x%02X%s%s): check the filter and the broker's "
                "access control",
                filter, (unsigned)granted[i], name ? " " : "", name ? name : "");
            subscription_refused(c, text);
            return;
        }
        if (granted[i] < session->qos && session->require_qos) {
            snprintf(
                text, sizeof text,
                "the broker grants QoS %d for '%s' where QoS %d is needed: it cannot keep what was promised",
                granted[i], filter, session->qos);
            fail(c, LOG_EVENT(mqtt_qos_lowered), LOG_FIELDS(LOG_TEXT("broker", c->uri)), text);
            return;
        }
        if (granted[i] < session->qos)
            log_warning_with(mqtt_qos_lowered, LOG_FIELDS(LOG_TEXT("broker", c->uri)),
                             "the broker grants QoS %d for '%s', less than the QoS %d asked for", granted[i],
                             filter, session->qos);
    }
    filter_list(session->filters, count, list, sizeof list);
    log_info_with(mqtt_subscribed, LOG_FIELDS(LOG_TEXT("filters", list), LOG_NUMBER("qos", session->qos)),
                  "subscribed to %s at QoS %d", list, session->qos);
    if (session->unsubscribe_count == 0)
        subscribing_done(c);
}

static void on_subscribed(void *context, MQTTAsync_successData *data)
{
    struct mqtt_connection *c = context;
    size_t count = c->session->filter_count;
    subscription_granted(c, count == 1 ? &data->alt.qos : data->alt.qosList, count);
}

static void on_subscribed5(void *context, MQTTAsync_successData5 *data)
{
    struct mqtt_connection *c = context;
    size_t count = c->session->filter_count;
    int granted[FILTERS_MAX] = {(int)data->reasonCode};
    /* A broker that answers for fewer filters than were asked for has not granted the others. Paho gives a
     * list of codes only where there are several. */
    size_t answers = data->alt.sub.reasonCodeCount > 1 ? (size_t)data->alt.sub.reasonCodeCount : 1;
    for (size_t i = 1; i < count; i++)
        granted[i] = i < answers ? (int)data->alt.sub.reasonCodes[i] : 0x80;
    subscription_granted(c, granted, count);
}

/* Without a reason code the connection went away before the answer: subscribing is done again after the next
 * CONNACK. */
static void on_subscribe_failed(void *context, MQTTAsync_failureData *data)
{
    int refused = 0x80;
    if (data && data->code == 0x80)
        subscription_granted(context, &refused, 1);
}

static void on_subscribe_failed5(void *context, MQTTAsync_failureData5 *data)
{
    int refused = (int)data->reasonCode;
    if (refused >= 0x80)
        subscription_granted(context, &refused, 1);
}

/* Runs on the connector thread. */
static void subscribe(struct mqtt_connection *c)
{
    const struct mqtt_session *session = c->session;
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    MQTTSubscribe_options each[FILTERS_MAX];
    char *filters[FILTERS_MAX];
    int qos[FILTERS_MAX];
    for (size_t i = 0; i < session->filter_count; i++) {
        each[i] = (MQTTSubscribe_options)MQTTSubscribe_options_initializer;
        each[i].retainAsPublished = session->retain_as_published;
        each[i].retainHandling = (unsigned char)session->retain_handling;
        filters[i] = (char *)session->filters[i];
        qos[i] = session->qos;
    }
    options.context = c;
    if (c->settings->version == MQTT_VERSION_5) {
        options.onSuccess5 = on_subscribed5;
        options.onFailure5 = on_subscribe_failed5;
        options.subscribeOptions = each[0];
        options.subscribeOptionsList = session->filter_count > 1 ? each : NULL;
        options.subscribeOptionsCount = session->filter_count > 1 ? (int)session->filter_count : 0;
    } else {
        options.onSuccess = on_subscribed;
        options.onFailure = on_subscribe_failed;
    }
    int rc = MQTTAsync_subscribeMany(c->client, (int)session->filter_count, filters, qos, &options);
    if (rc != MQTTASYNC_SUCCESS && rc != MQTTASYNC_DISCONNECTED)
        log_warning(mqtt_request_failed, "subscribing failed: %s", MQTTAsync_strerror(rc));
}

static void unsubscribed(struct mqtt_connection *c)
{
    const struct mqtt_session *session = c->session;
    char list[512];
    log_info(mqtt_unsubscribed, "unsubscribed from %s",
             filter_list(session->unsubscribe, session->unsubscribe_count, list, sizeof list));
    subscribing_done(c);
}

static void on_unsubscribed(void *context, MQTTAsync_successData *data)
{
    (void)data;
    unsubscribed(context);
}

/* Paho reports every UNSUBACK as a success; the codes are those of MQTT 5 section 3.11.3. */
static void on_unsubscribed5(void *context, MQTTAsync_successData5 *data)
{
    struct mqtt_connection *c = context;
    size_t count = c->session->unsubscribe_count, answers = (size_t)data->alt.unsub.reasonCodeCount;
    for (size_t i = 0; i < count && i < answers; i++) {
        enum MQTTReasonCodes code = answers == 1 ? data->reasonCode : data->alt.unsub.reasonCodes[i];
        const char *filter = c->session->unsubscribe[i], *name = MQTTReasonCode_toString(code);
        char text[600];
        if (code == MQTTREASONCODE_NO_SUBSCRIPTION_FOUND)
            log_warning(mqtt_not_subscribed, "the broker knows of no subscription to '%s' in this session",
                        filter);
        if (code < MQTTREASONCODE_UNSPECIFIED_ERROR)
            continue;
        snprintf(text, sizeof text, "the broker refuses to unsubscribe from '%s' (0x%02X%s%s)", filter,
                 (unsigned)code, name ? " " : "", name ? name : "");
        fail(c, LOG_EVENT(mqtt_unsubscription_refused), LOG_FIELDS(LOG_TEXT("broker", c->uri)), text);
        return;
    }
    unsubscribed(c);
}

/* Runs on the connector thread. An answer that does not come is noticed by the deadline of subscribing. */
static void unsubscribe(struct mqtt_connection *c)
{
    const struct mqtt_session *session = c->session;
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
    options.context = c;
    if (c->settings->version == MQTT_VERSION_5)
        options.onSuccess5 = on_unsubscribed5;
    else
        options.onSuccess = on_unsubscribed;
    int rc = MQTTAsync_unsubscribeMany(c->client, (int)session->unsubscribe_count,
                                       (char *const *)session->unsubscribe, &options);
    if (rc != MQTTASYNC_SUCCESS && rc != MQTTASYNC_DISCONNECTED)
        log_warning(mqtt_request_failed, "unsubscribing failed: %s", MQTTAsync_strerror(rc));
}

/* Has a subscription to make or to give up. */
static bool subscribes(const struct mqtt_session *session)
{
    return session->filter_count + session->unsubscribe_count > 0;
}

/* ---- connecting ---- */

static void connected(struct mqtt_connection *c, struct mqtt_connected *connected)
{
    bool again;
    pthread_mutex_lock(&c->mutex);
    again = c->was_connected;
    pthread_mutex_unlock(&c->mutex);
    bool lost = !connected->session_present && again && !c->session->clean_start && c->session->filter_count;
    const char *session = connected->session_present ? "present" : lost ? "lost" : "new";
    log_info_with(mqtt_connected,
                  LOG_FIELDS(LOG_TEXT("broker", c->uri), LOG_TEXT("client_id", c->client_id),
                             LOG_TEXT("session", session)),
                  "connected to the MQTT broker %s as '%s'%s", c->uri, c->client_id,
                  connected->session_present ? ", session present"
                  : lost                     ? ": it has lost the session, subscribing again"
                                             : "");
    if (c->callbacks.connected)
        c->callbacks.connected(c->callbacks.context, connected);
    pthread_mutex_lock(&c->mutex);
    /* The first time in a process the session may stem from other filters; later one that is present has
     * ours. With MQTT 5 subscribing again is harmless (see retain_handling). */
    c->subscribe_needed |= !again || !connected->session_present || c->settings->version == MQTT_VERSION_5;
    c->was_connected = true;
    c->connected_at = clock_monotonic();
    /* With MQTT 3.1.1 a session that is new also ends with its connection: it takes another one. */
    if (c->start_anew && c->settings->version == MQTT_VERSION_311) {
        c->reconnect_due = true;
        c->next_try = c->connected_at + c->backoff.first; /* Paho must be done with this one */
    }
    c->start_anew = false;
    if ((!c->wanted || c->reconnect_due) && !c->closing)
        c->disconnect_due = true; /* asked for while it was connecting */
    if (c->state == MQTT_CONNECTING && !c->wanted)
        set_state(c, MQTT_PAUSED);
    else if (c->state == MQTT_CONNECTING && c->reconnect_due)
        set_state(c, MQTT_DISCONNECTED);
    else if (c->state == MQTT_CONNECTING)
        set_state(c, !subscribes(c->session) || c->subscribe_needed ? MQTT_CONNECTED : MQTT_SUBSCRIBED);
    c->reconnect_due = false;
    pthread_mutex_unlock(&c->mutex);
}

static void on_connected(void *context, MQTTAsync_successData *data)
{
    struct mqtt_connected info = {data->alt.connect.sessionPresent != 0, UINT16_MAX, 2, true};
    connected(context, &info);
}

static void on_connected5(void *context, MQTTAsync_successData5 *data)
{
    struct mqtt_connected info = {data->alt.connect.sessionPresent != 0, UINT16_MAX, 2, true};
    if (MQTTProperties_hasProperty(&data->properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM))
        info.receive_maximum =
            (uint16_t)MQTTProperties_getNumericValue(&data->properties, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM);
    if (MQTTProperties_hasProperty(&data->properties, MQTTPROPERTY_CODE_MAXIMUM_QOS))
        info.maximum_qos =
            (uint8_t)MQTTProperties_getNumericValue(&data->properties, MQTTPROPERTY_CODE_MAXIMUM_QOS);
    if (MQTTProperties_hasProperty(&data->properties, MQTTPROPERTY_CODE_RETAIN_AVAILABLE))
        info.retain_available =
            MQTTProperties_getNumericValue(&data->properties, MQTTPROPERTY_CODE_RETAIN_AVAILABLE) != 0;
    connected(context, &info);
}

/* What the user can do about a refused CONNECT, or NULL when it may pass by itself. Codes: MQTT 3.1.1
 * table 3.1 and MQTT 5 section 3.2.2.2. */
static const char *refusal_advice(int code)
{
    switch (code) {
    case 0x01:
    case 0x84:
        return "it does not speak this protocol version: try another --mqtt-version";
    case 0x02:
    case 0x85:
        return "it does not accept the client id: choose another with --id";
    case 0x04:
    case 0x86:
        return "the user name or password is wrong: check --username and the password";
    case 0x05:
    case 0x87:
        return "not authorized: check --username, the password and the broker's access control";
    case 0x8A:
        return "this client is banned";
    case 0x90:
        return "it does not accept the topic of the will: choose another --will-topic";
    case 0x9A:
        return "it keeps no retained messages: leave out --will-retain";
    case 0x9B:
        return "it does not support the quality of service of the will: use a lower --will-qos";
    default:
        return NULL;
    }
}

/* The broker has refused the CONNECT. */
static void connect_refused(struct mqtt_connection *c, int code)
{
    const char *advice = refusal_advice(code), *name = MQTTReasonCode_toString((enum MQTTReasonCodes)code);
    char text[600];
    pthread_mutex_lock(&c->mutex);
    bool again = c->was_connected;
    pthread_mutex_unlock(&c->mutex);
    snprintf(text, sizeof text, "the MQTT broker %s refuses the connection (0x%02X): %s", c->uri,
             (unsigned)code,
             advice ? advice
             : name ? name
                    : "unknown reason");
    /* A broker that took us before may be wrongly configured for a moment; one that never did needs the user.
     */
    if (advice && !again) {
        fail(c, LOG_EVENT(mqtt_refused), LOG_FIELDS(LOG_TEXT("broker", c->uri), LOG_NUMBER("code", code)),
             text);
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
    const char *why = message && *message ? message : MQTTAsync_strerror(code);
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
        fail(c, LOG_EVENT(mqtt_unreachable),
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
        fail(c, LOG_EVENT(mqtt_message_lost), LOG_FIELDS(LOG_TEXT("broker", c->uri)),
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
    return c->state == MQTT_CONNECTED ? c->subscribe_deadline : 0;
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
            set_state(c, MQTT_CONNECTING);
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
        } else if (c->state == MQTT_CONNECTED && subscribes(c->session) && c->subscribe_deadline == 0) {
            c->subscribe_deadline = now + SUBSCRIBE_TIMEOUT_SECONDS * SECOND;
            atomic_store(&c->message_came, false);
            pthread_mutex_unlock(&c->mutex);
            if (c->session->filter_count)
                subscribe(c);
            if (c->session->unsubscribe_count)
                unsubscribe(c);
            pthread_mutex_lock(&c->mutex);
        } else if (c->state == MQTT_CONNECTED && c->subscribe_deadline && now >= c->subscribe_deadline &&
                   atomic_exchange(&c->message_came, false)) {
            /* The answer may stand in line behind the messages of a resumed session. */
            c->subscribe_deadline = now + SUBSCRIBE_TIMEOUT_SECONDS * SECOND;
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

bool mqtt_publish(struct mqtt_connection *c, const char *topic, const void *payload, size_t length, int qos,
                  bool retain, const MQTTProperties *properties, void *message)
{
    struct publication *publication = NULL;
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
    if (qos == 0)
        atomic_fetch_add(&c->queued, 1);
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

struct mqtt_connection *mqtt_open(const char *name, const struct mqtt_settings *settings,
                                  const struct mqtt_session *session, const struct mqtt_callbacks *callbacks,
                                  struct error *error)
{
    /* Paho's tracing costs half of its speed even when nobody listens. */
    MQTTAsync_setTraceLevel(MQTTASYNC_TRACE_ERROR);
    MQTTAsync_setTraceCallback(on_trace);
    if (session->filter_count > FILTERS_MAX) {
        error_set(error, "%zu topic filters are too many: at most %d", session->filter_count, FILTERS_MAX);
        return NULL;
    }
    struct mqtt_connection *c = calloc(1, sizeof *c);
    struct publication *publications = calloc(session->publish_window + 1, sizeof *publications);
    if (!c || !publications) {
        free(c);
        free(publications);
        error_set(error, "out of memory");
        return NULL;
    }
    c->settings = settings;
    c->uri = settings->address.uri;
    c->cancel = event_open();
    c->session = session;
    c->callbacks = *callbacks;
    c->publications = publications;
    c->state = MQTT_DISCONNECTED;
    c->wanted = true;
    c->receive_maximum = session->receive_maximum;
    c->backoff = (struct backoff){.first = 500 * MILLISECOND, .longest = 30 * SECOND};
    for (size_t i = 0; i < session->publish_window; i++) {
        publications[i].connection = c;
        publications[i].next_free = c->free_publications;
        c->free_publications = &publications[i];
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&c->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&c->mutex, NULL);
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
        set_state(c, after);
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
        set_state(c, MQTT_DISCONNECTED);
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
        set_state(c, MQTT_PAUSED); /* what becomes of this connection is nobody else's affair */
    pthread_mutex_unlock(&c->mutex);
    if (!was_connected)
        return;
    if (mqtt_secrets_read(c->settings, &secrets, NULL)) {
        mqtt_connect_prepare(&connect, c->settings, c->session, &secrets, MQTT_START_ERASE, 0);
        connect.options.context = c;
        connect.options.onSuccess = on_erased;
        connect.options.onFailure = on_close_failed;
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
