#include "internal.h"

#include "connect_options.h"
#include "core/clock.h"
#include "core/event.h"
#include "paho_incoming.h"
#include "tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

/* A connection of this age was a good one. */
#define LASTING (5 * SECOND)

/* The waits before the next try, to connect and to subscribe: they double from the first to the longest. */
static const int64_t first_connect_wait = 500 * MILLISECOND, first_subscribe_wait = SECOND,
                     longest_wait = 30 * SECOND;

/* Bytes of a message that a connection without a callback for messages has in memory at most. */
enum { UNWANTED_MAX = 1 << 20 };

/* ---- states and events ---- */

/* clang-format off */

/* What each state is to the program, what the connector does in it as soon as it is due, and what follows each event; one that is not
 * named is without meaning there. */
static const struct {
    enum mqtt_state shown;
    void (*work)(struct mqtt_connection *connection);
    unsigned char next[CONNECTION_EVENTS];
} table[CONNECTION_STATES] = {
    [WAITING]      = {MQTT_DISCONNECTED, connection_connect, {[DUE] = CONNECTING,
                      [PAUSE] = PAUSED, [FAIL] = FAILED, [CLOSE] = CLOSED}},
    [CONNECTING]   = {MQTT_CONNECTING, NULL, {[ASK] = CONNECTED, [GRANTED] = READY, [LEAVE] = RECONNECTING, [UNREACHABLE] = EXPLAINING,
                      [REFUSED] = WAITING, [PAUSE] = CANCELLED, [FAIL] = FAILED, [CLOSE] = CLOSED}},
    [CANCELLED]    = {MQTT_CONNECTING, NULL, {[ASK] = PAUSING, [GRANTED] = PAUSING, [LEAVE] = PAUSING, [UNREACHABLE] = PAUSED,
                      [REFUSED] = PAUSED, [RESUME] = CONNECTING, [FAIL] = FAILED, [CLOSE] = CLOSED}},
    [EXPLAINING]   = {MQTT_CONNECTING, connection_explain, {[DUE] = EXPLAINING,
                      [REFUSED] = WAITING, [PAUSE] = PAUSED, [FAIL] = FAILED, [CLOSE] = CLOSED}},
    [CONNECTED]    = {MQTT_CONNECTED, connection_subscribe, {[DUE] = SUBSCRIBING,
                      [LOST] = WAITING, [RECONNECT] = RECONNECTING, [PAUSE] = PAUSING, [FAIL] = FAILING, [CLOSE] = CLOSING}},
    [SUBSCRIBING]  = {MQTT_CONNECTED, connection_await_grants, {[DUE] = SUBSCRIBING, [ASK] = CONNECTED, [GRANTED] = READY, [LEAVE] = RECONNECTING,
                      [LOST] = WAITING, [RECONNECT] = RECONNECTING, [PAUSE] = PAUSING, [FAIL] = FAILING, [CLOSE] = CLOSING}},
    [READY]        = {MQTT_SUBSCRIBED, NULL, {
                      [LOST] = WAITING, [RECONNECT] = RECONNECTING, [PAUSE] = PAUSING, [FAIL] = FAILING, [CLOSE] = CLOSING}},
    [RECONNECTING] = {MQTT_DISCONNECTED, connection_leave, {[DUE] = WAITING, [PAUSE] = PAUSING, [FAIL] = FAILING, [CLOSE] = CLOSED}},
    [PAUSING]      = {MQTT_PAUSED, connection_leave, {[DUE] = PAUSED, [RESUME] = RECONNECTING, [FAIL] = FAILING, [CLOSE] = CLOSED}},
    [PAUSED]       = {MQTT_PAUSED, NULL, {[RESUME] = WAITING, [FAIL] = FAILED, [CLOSE] = CLOSED}},
    [FAILING]      = {MQTT_FAILED, connection_leave, {[DUE] = FAILED, [CLOSE] = CLOSED}},
    [FAILED]       = {MQTT_FAILED, NULL, {[CLOSE] = CLOSED}},
    [CLOSING]      = {MQTT_DISCONNECTED, NULL, {[LOST] = CLOSED, [FAIL] = CLOSED}},
    [CLOSED]       = {MQTT_DISCONNECTED, NULL, {STAY}},
};

/* clang-format on */

bool connection_event(struct mqtt_connection *c, enum connection_event event, int64_t due)
{
    enum connection_state next = table[c->state].next[event];
    if (next == STAY)
        return false;
    c->state = next;
    c->due = due;
    pthread_cond_broadcast(&c->changed);
    return true;
}

bool connection_is_open(const struct mqtt_connection *c)
{
    return c->state == CONNECTED || c->state == SUBSCRIBING || c->state == READY;
}

int64_t connection_next_wait(struct mqtt_connection *c)
{
    /* Only a connection that lasted resets the backoff. Else two clients with one id would disconnect each
     * other as fast as they can. */
    if (c->connected_at && clock_monotonic() - c->connected_at >= LASTING) {
        backoff_reset(&c->backoff);
        c->short_lives = 0;
    } else if (c->connected_at) {
        c->short_lives++;
    }
    c->connected_at = 0;
    return backoff_next(&c->backoff);
}

void connection_try_later(struct mqtt_connection *c, enum connection_event event, const char *log_event,
                          struct log_field field, const char *message)
{
    pthread_mutex_lock(&c->mutex);
    int64_t wait = event == ASK ? backoff_next(&c->subscribe_backoff) : connection_next_wait(c);
    connection_event(c, event, clock_monotonic() + wait);
    pthread_mutex_unlock(&c->mutex);
    log_write(LOG_LEVEL_WARNING, log_event,
              LOG_FIELDS(LOG_TEXT("broker", c->uri), LOG_NUMBER("retry_ms", wait / MILLISECOND), field),
              "%s; trying again in %.1f s", message, (double)wait / SECOND);
}

void connection_fail(struct mqtt_connection *c, const char *log_event, struct log_field field,
                     const char *message)
{
    pthread_mutex_lock(&c->mutex);
    bool news = connection_event(c, FAIL, 0);
    pthread_mutex_unlock(&c->mutex);
    if (!news)
        return;
    log_write(LOG_LEVEL_ERROR, log_event, LOG_FIELDS(LOG_TEXT("broker", c->uri), field), "%s", message);
    if (c->callbacks.failed)
        c->callbacks.failed(c->callbacks.context, message);
}

bool connection_was_accepted(struct mqtt_connection *c)
{
    pthread_mutex_lock(&c->mutex);
    bool accepted = c->session->filter_count
                        ? c->accepted == SUBSCRIPTIONS_ACCEPTED || c->seen == SESSION_PRESENT
                        : c->accepted != NOTHING_ACCEPTED;
    pthread_mutex_unlock(&c->mutex);
    return accepted;
}

/* ---- the connector ---- */

void connection_wait(struct mqtt_connection *c, int64_t deadline)
{
    const struct timespec t = {.tv_sec = deadline / SECOND, .tv_nsec = deadline % SECOND};
    pthread_cond_timedwait(&c->changed, &c->mutex, &t);
}

static int64_t work_due(const struct mqtt_connection *c)
{
    if (!table[c->state].work)
        return INT64_MAX;
    return table[c->state].work == connection_leave ? 0 : c->due;
}

/* Does what is due, without the lock: Paho calls back under its own. */
static void *connector(void *context)
{
    struct mqtt_connection *c = context;
    pthread_setname_np(pthread_self(), "mqtt-connector");
    pthread_mutex_lock(&c->mutex);
    while (c->state != CLOSING && c->state != CLOSED) {
        void (*work)(struct mqtt_connection *) = table[c->state].work;
        if (clock_monotonic() < work_due(c)) {
            connection_wait(c, work_due(c));
            continue;
        }
        connection_event(c, DUE, c->due);
        pthread_mutex_unlock(&c->mutex);
        work(c);
        pthread_mutex_lock(&c->mutex);
    }
    pthread_mutex_unlock(&c->mutex);
    return NULL;
}

void connection_leave(struct mqtt_connection *c)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer5;
    pthread_mutex_lock(&c->mutex);
    options.reasonCode = (enum MQTTReasonCodes)c->disconnect_reason;
    c->disconnect_reason = MQTTREASONCODE_SUCCESS; /* of the next one */
    pthread_mutex_unlock(&c->mutex);
    /* Where it is not connected there is nothing to do, and no other failure is possible. */
    MQTTAsync_disconnect(c->client, &options);
    if (c->callbacks.disconnected)
        c->callbacks.disconnected(c->callbacks.context);
}

/* ---- what programs call ---- */

/* Passwords, certificates and keys are checked before a broker is asked. */
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

/* Writes a client id that no other client has: `name`, cut if it is too long, and random digits. */
static void make_client_id(const char *name, char id[static MQTT_CLIENT_ID_SIZE])
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
    make_client_id(name, c->client_id);
    return true;
}

void connection_free(struct mqtt_connection *c)
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
    size_t filters = session->filter_count + session->unsubscribe_count;
    struct subscription *subscriptions = calloc(filters + 1, sizeof *subscriptions);
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
    c->given_up = subscriptions + session->filter_count;
    c->state = WAITING;
    c->receive_maximum = session->receive_maximum;
    c->keepalive = settings->keepalive;
    c->backoff = (struct backoff){.first = first_connect_wait, .longest = longest_wait};
    c->subscribe_backoff = (struct backoff){.first = first_subscribe_wait, .longest = longest_wait};
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
    if (session->filter_count > MQTT_FILTERS_MAX) {
        error_set(error, "%zu topic filters are too many: at most %d", session->filter_count,
                  MQTT_FILTERS_MAX);
        return NULL;
    }
    struct mqtt_connection *c = new_connection(settings, session, callbacks, error);
    if (!c)
        return NULL;
    /* A program that takes no messages needs no large ones. */
    paho_bound_messages(callbacks->message ? session->message_max : UNWANTED_MAX,
                        settings->version == MQTT_VERSION_5);
    if (c->cancel < 0)
        error_set(error, "cannot make an event: %s", strerror(errno));
    if (c->cancel < 0 || !name_connection(c, name, error) || !check_credentials(settings, error) ||
        !client_make(c, &c->client, error)) {
        connection_free(c);
        return NULL;
    }
    if (settings->insecure)
        log_warning(mqtt_insecure,
                    "--insecure: it is not checked that the MQTT broker %s is what it says it is", c->uri);
    int rc = pthread_create(&c->connector, NULL, connector, c);
    if (rc != 0) {
        error_set(error, "cannot start a thread: %s", strerror(rc));
        connection_free(c);
        return NULL;
    }
    return c;
}

enum mqtt_state mqtt_state(struct mqtt_connection *c)
{
    pthread_mutex_lock(&c->mutex);
    enum mqtt_state state = table[c->state].shown;
    pthread_mutex_unlock(&c->mutex);
    return state;
}

void mqtt_pause(struct mqtt_connection *c)
{
    pthread_mutex_lock(&c->mutex);
    connection_event(c, PAUSE, 0);
    pthread_mutex_unlock(&c->mutex);
}

void mqtt_resume(struct mqtt_connection *c)
{
    pthread_mutex_lock(&c->mutex);
    connection_event(c, RESUME, clock_monotonic() + backoff_next(&c->backoff));
    pthread_mutex_unlock(&c->mutex);
}

void mqtt_renew(struct mqtt_connection *c)
{
    pthread_mutex_lock(&c->mutex);
    c->renew = true;
    pthread_mutex_unlock(&c->mutex);
}

void mqtt_reconnect(struct mqtt_connection *c, int reason_code, uint16_t receive_maximum)
{
    pthread_mutex_lock(&c->mutex);
    if (receive_maximum)
        c->receive_maximum = receive_maximum;
    /* The broker answers: there is no reason to wait longer each time. */
    if (connection_event(c, RECONNECT, clock_monotonic() + c->backoff.first))
        c->disconnect_reason = reason_code;
    pthread_mutex_unlock(&c->mutex);
}
