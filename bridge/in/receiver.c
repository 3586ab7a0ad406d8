#include "receiver.h"

#include "bridge/translate.h"
#include "core/clock.h"
#include "core/event.h"
#include "core/failpoint.h"
#include "flood.h"
#include "mqtt/mqtt.h"
#include "packet_ids.h"
#include "subscriptions.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct receiver {
    const struct bridge_settings *settings;
    struct spool *spool;
    struct counters *counters;
    struct mqtt_connection *_Atomic connection; /* callbacks may run before mqtt_open has returned */
    struct mqtt_session session;
    struct packet_ids packet_ids; /* exactly-once only */
    struct record_buffer buffer;
    struct subscriptions *subscriptions;
    struct flood flood; /* exactly-once only */
    bool was_connected; /* in this process */
    atomic_bool left;   /* the broker was left since it was last connected to: the spool was nearly full */
    struct log_limit append_failures, renumberings;
    int fd;           /* event: receiver_regulate has something to do */
    atomic_bool full; /* a message did not fit into the spool since it was last left for the broker's care */
    atomic_bool waiting; /* a message that does not fit waits to be stored */
    atomic_bool failed;
    _Atomic uint64_t beat; /* steps of storing; odd while a message is being stored */
    bool paused;           /* main thread only */
};

static int64_t high_water(const struct receiver *r)
{
    return r->settings->spool_max / 10 * 9;
}

static int64_t low_water(const struct receiver *r)
{
    return r->settings->spool_max / 3 * 2;
}

/* A short sleep that a request to stop does not end: the callback must not return before the message is
 * stored. */
static void pause_briefly(void)
{
    const struct timespec wait = {.tv_nsec = 100 * MILLISECOND};
    nanosleep(&wait, NULL);
}

/* Stores the message or waits until it can: returning acknowledges it. */
static void store(void *context, const struct spool_record *record)
{
    struct receiver *r = context;
    struct error error;
    enum spool_append_result result;
    atomic_fetch_add_explicit(&r->beat, 1, memory_order_relaxed);
    while ((result = spool_append(r->spool, record, NULL, &error)) != SPOOL_APPENDED) {
        atomic_store(&r->waiting, result == SPOOL_FULL);
        if (result == SPOOL_FULL && !atomic_exchange(&r->full, true))
            event_raise(r->fd);
        else if (result == SPOOL_FAILED)
            log_limited(&r->append_failures, LOG_LEVEL_ERROR, spool_append_failed,
                        LOG_FIELDS(LOG_TEXT("reason", error.text)),
                        "a message cannot be stored and is not acknowledged: %s; trying again", error.text);
        pause_briefly();
        atomic_fetch_add_explicit(&r->beat, 2, memory_order_relaxed);
    }
    atomic_store_explicit(&r->waiting, false, memory_order_relaxed);
    atomic_fetch_add_explicit(&r->beat, 1, memory_order_relaxed);
}

static void on_connected(void *context, const struct mqtt_connected *connected)
{
    struct receiver *r = context;
    if (r->was_connected)
        counters_add(&r->counters->mqtt_reconnects[r->flood.reconnecting   ? MQTT_RECONNECT_FLOOD
                                                   : atomic_load(&r->left) ? MQTT_RECONNECT_SPOOL_FULL
                                                                           : MQTT_RECONNECT_LOST],
                     1);
    r->was_connected = true;
    atomic_store(&r->left, false);
    if (r->settings->delivery != EXACTLY_ONCE)
        return;
    if (!connected->session_present)
        packet_ids_forget(&r->packet_ids);
    flood_connected(&r->flood);
}

/* Then the message is acknowledged and not stored: Kafka has it. */
static bool comes_back(struct receiver *r, const struct mqtt_message *message)
{
    char name[KAFKA_NAME_LONGEST + 1];
    if (r->settings->from_downlink != FROM_DOWNLINK_DROP || !translate_comes_from(message, NULL) ||
        !bridge_kafka_topic(r->settings, (struct spool_bytes){message->topic, message->topic_length}, name))
        return false;
    bool back = translate_comes_from(message, name);
    counters_add(&r->counters->from_downlink, back);
    return back;
}

static void on_subscribed(void *context)
{
    struct receiver *r = context;
    subscriptions_granted(r->subscriptions);
}

/* Then the message is acknowledged and not stored: another copy of it is. */
static bool is_copy(struct receiver *r, const struct mqtt_message *message)
{
    bool copy = subscriptions_is_copy(r->subscriptions, message);
    counters_add(&r->counters->copies, copy);
    return copy;
}

static void take(struct receiver *r, const struct spool_record *record)
{
    FAILPOINT("before-append");
    store(r, record);
    counters_add(&r->counters->received_bytes, counters_size(record));
    FAILPOINT("after-append");
}

static void on_message(void *context, const struct mqtt_message *message)
{
    struct receiver *r = context;
    bool exactly_once = r->settings->delivery == EXACTLY_ONCE && message->qos == 2;
    if (comes_back(r, message) || is_copy(r, message))
        return;
    struct spool_record record = translate_from_mqtt(&r->buffer, message, r->settings->message_max);
    /* Only a QoS 2 id is ever released: at QoS 1 the broker uses it again at once. */
    if (!exactly_once)
        record.packet_id = 0;
    take(r, &record);
    struct mqtt_connection *connection = atomic_load(&r->connection);
    if (exactly_once && connection && flood_check(&r->flood))
        mqtt_reconnect(connection, MQTTREASONCODE_RECEIVE_MAXIMUM_EXCEEDED, 1);
}

/* Brokers that restart their packet ids when a session is resumed send another message under a held id. */
static void on_repeated(void *context, const struct mqtt_message *message)
{
    struct receiver *r = context;
    if (comes_back(r, message) || is_copy(r, message))
        return;
    const struct spool_record record = translate_from_mqtt(&r->buffer, message, r->settings->message_max);
    if (spool_holds_message(r->spool, &record))
        return;
    take(r, &record);
    log_limited(
        &r->renumberings, LOG_LEVEL_WARNING, mqtt_id_reused,
        LOG_FIELDS(LOG_NUMBER("packet_id", message->packet_id)),
        "the MQTT broker sends another message under the packet id %d, which is not released: it is taken. The broker has restarted its packet ids, so that some messages may be doubled",
        message->packet_id);
}

static void on_failed(void *context, const char *message)
{
    struct receiver *r = context;
    (void)message;
    atomic_store(&r->failed, true);
    event_raise(r->fd);
}

void receiver_regulate(struct receiver *r)
{
    struct spool_stats stats;
    char size[TEXT_SIZE_SIZE];
    event_clear(r->fd);
    spool_get_stats(r->spool, &stats);
    text_from_size(stats.bytes, size);
    if (!r->paused && (stats.bytes > high_water(r) || atomic_load(&r->full))) {
        log_warning_with(
            spool_full, LOG_FIELDS(LOG_NUMBER("bytes", stats.bytes)),
            "the spool holds %s, near its limit: disconnecting from the MQTT broker until Kafka has taken some",
            size);
        atomic_store(&r->left, true);
        mqtt_pause(atomic_load(&r->connection));
        r->paused = true;
    }
    if (r->paused && stats.bytes <= low_water(r) && !atomic_load(&r->waiting)) {
        log_info_with(spool_has_room, LOG_FIELDS(LOG_NUMBER("bytes", stats.bytes)),
                      "the spool is down to %s: reconnecting to the MQTT broker", size);
        atomic_store(&r->full, false);
        mqtt_resume(atomic_load(&r->connection));
        r->paused = false;
    }
    if (r->paused)
        spool_notify_below(r->spool, low_water(r), r->fd);
}

int receiver_fd(const struct receiver *r)
{
    return r->fd;
}

enum mqtt_state receiver_state(const struct receiver *r)
{
    return mqtt_state(atomic_load(&r->connection));
}

uint64_t receiver_beat(const struct receiver *r)
{
    return atomic_load_explicit(&r->beat, memory_order_relaxed);
}

bool receiver_is_idle(const struct receiver *r)
{
    return receiver_beat(r) % 2 == 0;
}

bool receiver_failed(const struct receiver *r)
{
    return atomic_load(&r->failed);
}

/* Packet ids whose release was not recorded must not be held for ever: a later message with such an id would
 * count as stored. At-least-once records no releases, and a power loss may have taken the latest. Releasing
 * all may double a message in flight, but loses none. */
static bool forget_stale_ids(struct receiver *r, struct error *error)
{
    const struct spool_record forget = {.kind = SPOOL_FORGET, .time = clock_realtime()};
    bool complete = r->settings->delivery == EXACTLY_ONCE &&
                    (!spool_lost_power(r->spool) || r->settings->sync == SPOOL_SYNC_ALWAYS);
    return complete || spool_unreleased_count(r->spool) == 0 ||
           spool_append(r->spool, &forget, NULL, error) == SPOOL_APPENDED;
}

struct receiver *receiver_open(const struct bridge_settings *settings, const char *name, struct spool *spool,
                               struct counters *counters, struct error *error)
{
    struct receiver *r = calloc(1, sizeof *r);
    int fd = event_open();
    if (!r || fd < 0) {
        error_set(error, "cannot make a receiver: %s", strerror(errno));
        goto failed;
    }
    r->settings = settings;
    r->spool = spool;
    r->counters = counters;
    r->fd = fd;
    r->append_failures.interval = r->renumberings.interval = 30 * SECOND;
    r->session = (struct mqtt_session){
        .qos = (int)settings->qos,
        .retain_as_published = true,
        .retain_handling = 1,
        .session_expiry = (uint32_t)(settings->session_expiry / SECOND),
        .receive_maximum = (uint16_t)settings->receive_maximum,
        .message_max = (size_t)settings->message_max,
    };
    const struct mqtt_callbacks callbacks = {.context = r,
                                             .connected = on_connected,
                                             .subscribed = on_subscribed,
                                             .message = on_message,
                                             .failed = on_failed};
    r->subscriptions = subscriptions_open(settings, error);
    if (!r->subscriptions || !forget_stale_ids(r, error))
        goto failed;
    subscriptions_set(r->subscriptions, &r->session);
    if (settings->delivery == EXACTLY_ONCE) {
        packet_ids_init(&r->packet_ids, spool, store, on_repeated, r);
        r->session.persistence = &r->packet_ids.store;
        flood_init(&r->flood, settings, spool);
        if (r->flood.known)
            r->session.receive_maximum = 1;
    }
    struct mqtt_connection *connection = mqtt_open(name, &settings->mqtt, &r->session, &callbacks, error);
    if (!connection)
        goto failed;
    atomic_store(&r->connection, connection);
    return r;
failed:
    if (r && r->subscriptions)
        subscriptions_close(r->subscriptions);
    free(r);
    if (fd >= 0)
        close(fd);
    return NULL;
}

bool receiver_close(struct receiver *r)
{
    spool_notify_below(r->spool, 0, -1);
    if (!mqtt_close(atomic_load(&r->connection), false, 2 * SECOND))
        return false;
    close(r->fd);
    free(r->buffer.headers.data);
    subscriptions_close(r->subscriptions);
    free(r);
    return true;
}
