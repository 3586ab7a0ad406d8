#include "internal.h"

#include "core/clock.h"
#include "paho_guard.h"
#include "reason.h"

#include <stdio.h>

/* How long the broker may take to answer. */
#define PATIENCE (20 * SECOND)

enum { UNANSWERED = -1 };

/* Filters as one text for messages. */
static const char *filter_list(const char *const *filters, size_t count, char *text, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; i < count && length < size; i++)
        length += (size_t)snprintf(text + length, size - length, "%s'%s'", i ? ", " : "", filters[i]);
    return text;
}

/* Everything asked for is acknowledged. */
static void done(struct mqtt_connection *c)
{
    pthread_mutex_lock(&c->mutex);
    bool news = connection_event(c, GRANTED, 0);
    if (news) {
        c->granted = true;
        c->accepted = SUBSCRIPTIONS_ACCEPTED;
        backoff_reset(&c->subscribe_backoff);
    }
    pthread_mutex_unlock(&c->mutex);
    if (news && c->callbacks.subscribed)
        c->callbacks.subscribed(c->callbacks.context);
}

/* The connection stays: the session's older subscriptions still bring messages. */
static void refused(struct mqtt_connection *c, const char *log_event, const char *message, bool may_pass)
{
    if (may_pass || connection_was_accepted(c))
        connection_try_later(c, ASK, log_event, NO_FIELD, message);
    else
        connection_fail(c, log_event, NO_FIELD, message);
}

/* Refusals that are about the moment (MQTT 5 section 3.9.3). */
static bool may_pass(int code)
{
    return code == MQTTREASONCODE_IMPLEMENTATION_SPECIFIC_ERROR ||
           code == MQTTREASONCODE_PACKET_IDENTIFIER_IN_USE || code == MQTTREASONCODE_QUOTA_EXCEEDED;
}

/* With the lock held. */
static bool all_answered(const struct mqtt_connection *c)
{
    return c->answers == c->session->filter_count &&
           (!c->unsubscribing || c->given_up_answers == c->session->unsubscribe_count);
}

static void all_granted(struct mqtt_connection *c)
{
    const struct mqtt_session *session = c->session;
    char list[512];
    int lowest = 2;
    for (size_t i = 0; i < session->filter_count; i++)
        lowest = c->subscriptions[i].granted < lowest ? c->subscriptions[i].granted : lowest;
    filter_list(session->filters, session->filter_count, list, sizeof list);
    log_info_with(mqtt_subscribed, LOG_FIELDS(LOG_TEXT("filters", list), LOG_NUMBER("qos", lowest)),
                  "subscribed to %s at QoS %d", list, lowest);
}

/* The broker has answered for one filter: a QoS from 0 to 2, a reason above that, or what no broker may say.
 */
static void answered(struct subscription *s, int code, const MQTTProperties *properties)
{
    struct mqtt_connection *c = s->connection;
    const char *filter = c->session->filters[s - c->subscriptions];
    char reason[MQTT_REASON_SIZE], text[1200];
    pthread_mutex_lock(&c->mutex);
    bool awaited = c->state == SUBSCRIBING;
    c->answers += s->granted == UNANSWERED && code != UNANSWERED;
    s->granted = code;
    bool all = c->answers == c->session->filter_count, last = all_answered(c);
    pthread_mutex_unlock(&c->mutex);
    if (!awaited) /* another filter is refused, and all are asked for again */
        return;
    if (code < 0 || (code > 2 && code < 0x80) || code > 0xFF) {
        snprintf(text, sizeof text,
                 "the broker answers the subscription to '%s' with something else than an answer to it",
                 filter);
        refused(c, LOG_EVENT(mqtt_subscription_refused), text, false);
    } else if (code >= 0x80) {
        snprintf(
            text, sizeof text,
            "the broker refuses the subscription to '%s' (%s): check the filter and the broker's access control",
            filter, mqtt_reason(code, properties, reason));
        refused(c, LOG_EVENT(mqtt_subscription_refused), text, may_pass(code));
    } else if (code < c->session->qos) {
        snprintf(
            text, sizeof text,
            "the broker grants QoS %d for '%s' where QoS %d is needed, and so may lose messages: have it grant more, or ask for less with --qos",
            code, filter, c->session->qos);
        refused(c, LOG_EVENT(mqtt_qos_lowered), text, false);
    } else if (all) {
        all_granted(c);
        if (last)
            done(c);
    }
}

/* With MQTT 3.1.1 Paho does not say how many codes there were: with several, this is part of a pointer. */
static void on_subscribed(void *context, MQTTAsync_successData *data)
{
    answered(context, data->alt.qos, NULL);
}

static void on_subscribed5(void *context, MQTTAsync_successData5 *data)
{
    bool one = data->alt.sub.reasonCodeCount == 1;
    answered(context, one ? (int)data->reasonCode : UNANSWERED, &data->properties);
}

/* Without a reason code the connection went away before the answer: subscribing is done again after the next
 * CONNACK. */
static void on_subscribe_failed(void *context, MQTTAsync_failureData *data)
{
    if (data && data->code == 0x80)
        answered(context, data->code, NULL);
}

static void on_subscribe_failed5(void *context, MQTTAsync_failureData5 *data)
{
    if ((int)data->reasonCode >= 0x80)
        answered(context, (int)data->reasonCode, &data->properties);
}

/* Each filter has a SUBSCRIBE of its own, so that an answer cannot be one to another. */
static void subscribe(struct mqtt_connection *c)
{
    const struct mqtt_session *session = c->session;
    for (size_t i = 0; i < session->filter_count; i++) {
        MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
        options.context = &c->subscriptions[i];
        MQTTProperty identifier = {.identifier = MQTTPROPERTY_CODE_SUBSCRIPTION_IDENTIFIER};
        if (c->settings->version == MQTT_VERSION_5) {
            identifier.value.integer4 = session->identifiers ? session->identifiers[i] : 0;
            if (identifier.value.integer4)
                MQTTProperties_add(&options.properties, &identifier);
            options.onSuccess5 = on_subscribed5;
            options.onFailure5 = on_subscribe_failed5;
            options.subscribeOptions.retainAsPublished = session->retain_as_published;
            options.subscribeOptions.retainHandling = (unsigned char)session->retain_handling;
        } else {
            options.onSuccess = on_subscribed;
            options.onFailure = on_subscribe_failed;
        }
        paho_guard_next_use(PAHO_SUBSCRIBE);
        int rc = MQTTAsync_subscribe(c->client, session->filters[i], session->qos, &options);
        MQTTProperties_free(&options.properties);
        if (rc != MQTTASYNC_SUCCESS && rc != MQTTASYNC_DISCONNECTED) {
            log_warning(mqtt_request_failed, "subscribing failed: %s", MQTTAsync_strerror(rc));
            return; /* the deadline sees to it */
        }
    }
}

/* The broker has answered for one filter that is given up: one of the codes of MQTT 5 section 3.11.3. */
static void unsubscribed(struct subscription *s, int code, const MQTTProperties *properties)
{
    struct mqtt_connection *c = s->connection;
    const struct mqtt_session *session = c->session;
    const char *filter = session->unsubscribe[s - c->given_up];
    char reason[MQTT_REASON_SIZE], text[1200];
    pthread_mutex_lock(&c->mutex);
    bool awaited = c->state == SUBSCRIBING;
    c->given_up_answers += s->granted == UNANSWERED;
    s->granted = code;
    bool all = c->given_up_answers == session->unsubscribe_count, last = all_answered(c);
    pthread_mutex_unlock(&c->mutex);
    if (!awaited)
        return;
    if (code == MQTTREASONCODE_NO_SUBSCRIPTION_FOUND)
        log_warning(mqtt_not_subscribed, "the broker knows of no subscription to '%s' in this session",
                    filter);
    if (code >= MQTTREASONCODE_UNSPECIFIED_ERROR) {
        snprintf(text, sizeof text, "the broker refuses to unsubscribe from '%s' (%s)", filter,
                 mqtt_reason(code, properties, reason));
        connection_fail(c, LOG_EVENT(mqtt_unsubscription_refused), NO_FIELD, text);
    } else if (all) {
        log_info(mqtt_unsubscribed, "unsubscribed from %s",
                 filter_list(session->unsubscribe, session->unsubscribe_count, text, 512));
        if (last)
            done(c);
    }
}

static void on_unsubscribed(void *context, MQTTAsync_successData *data)
{
    (void)data;
    unsubscribed(context, MQTTREASONCODE_SUCCESS, NULL);
}

/* Paho reports every UNSUBACK as a success. */
static void on_unsubscribed5(void *context, MQTTAsync_successData5 *data)
{
    unsubscribed(context, (int)data->reasonCode, &data->properties);
}

/* As with SUBSCRIBE, a packet for each filter: a broker may bound the size of a packet. */
static void unsubscribe(struct mqtt_connection *c)
{
    const struct mqtt_session *session = c->session;
    for (size_t i = 0; i < session->unsubscribe_count; i++) {
        MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
        options.context = &c->given_up[i];
        if (c->settings->version == MQTT_VERSION_5)
            options.onSuccess5 = on_unsubscribed5;
        else
            options.onSuccess = on_unsubscribed;
        paho_guard_next_use(PAHO_UNSUBSCRIBE);
        int rc = MQTTAsync_unsubscribe(c->client, session->unsubscribe[i], &options);
        if (rc != MQTTASYNC_SUCCESS && rc != MQTTASYNC_DISCONNECTED) {
            log_warning(mqtt_request_failed, "unsubscribing failed: %s", MQTTAsync_strerror(rc));
            return; /* the deadline sees to it */
        }
    }
}

bool session_subscribes(const struct mqtt_session *session)
{
    return session->filter_count + session->unsubscribe_count > 0;
}

void connection_subscribe(struct mqtt_connection *c)
{
    pthread_mutex_lock(&c->mutex);
    bool subscribing = c->state == SUBSCRIBING; /* still: a connection that is gone has another time */
    if (subscribing)
        c->due = clock_monotonic() + PATIENCE;
    for (size_t i = 0; i < c->session->filter_count; i++)
        c->subscriptions[i] = (struct subscription){c, UNANSWERED};
    for (size_t i = 0; i < c->session->unsubscribe_count; i++)
        c->given_up[i] = (struct subscription){c, UNANSWERED};
    c->answers = c->given_up_answers = 0;
    c->unsubscribing = c->session->unsubscribe_count > 0 && !c->granted;
    pthread_mutex_unlock(&c->mutex);
    if (!subscribing)
        return;
    atomic_store(&c->message_came, false);
    subscribe(c);
    if (c->unsubscribing)
        unsubscribe(c);
}

void connection_await_grants(struct mqtt_connection *c)
{
    pthread_mutex_lock(&c->mutex);
    /* The answer may stand in line behind the messages of a resumed session. */
    bool waits = atomic_exchange(&c->message_came, false);
    bool left = !waits && connection_event(c, LEAVE, clock_monotonic() + c->backoff.first);
    if (waits && c->state == SUBSCRIBING)
        c->due = clock_monotonic() + PATIENCE;
    if (left)
        c->disconnect_reason = MQTTREASONCODE_UNSPECIFIED_ERROR;
    pthread_mutex_unlock(&c->mutex);
    if (left)
        log_warning(mqtt_subscription_unanswered, "the MQTT broker %s does not answer the subscription",
                    c->uri);
}
