#include "snapshot.h"

#include "core/clock.h"
#include "core/log.h"

#include "mqtt/mqtt.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Statistics come every second; current calls to Kafka may delay them for some more. */
static const int64_t statistics_expire = 30 * SECOND;

struct recent_sample snapshot_sample(const struct snapshot_sources *sources)
{
    struct recent_sample sample = {.time = clock_monotonic()};
    struct spool_ledger ledger;
    spool_get_ledger(sources->spool, &ledger);
    sample.received = ledger.received;
    sample.delivered = ledger.delivered;
    histogram_read(&sources->counters->latency, sample.latency);
    return sample;
}

static void take_spool(struct snapshot *s)
{
    struct spool *spool = s->sources->spool;
    spool_get_stats(spool, &s->spool);
    spool_get_ledger(spool, &s->ledger);
    /* One that is in flight may have been delivered since. */
    if (s->spool.in_flight > s->ledger.spooled)
        s->spool.in_flight = s->ledger.spooled;
    int64_t oldest = s->ledger.spooled > 0 ? s->spool.oldest_time : 0;
    int64_t age = oldest ? clock_realtime() - oldest : 0;
    s->oldest_age = age > 0 ? (double)age / SECOND : 0;
}

static void take_kafka(struct snapshot *s)
{
    json_error_t reason;
    struct statistics statistics = counters_get_statistics(s->sources->counters);
    counters_get_trouble(s->sources->counters, s->trouble);
    if (statistics.text && !(s->statistics = json_loads(statistics.text, 0, &reason)))
        log_debug(kafka_statistics_unreadable, "librdkafka's statistics are not understood: %s", reason.text);
    free(statistics.text);
    if (!s->statistics)
        s->kafka = KAFKA_CONNECTING;
    else if (statistics.age > statistics_expire || !statistics.connected)
        s->kafka = KAFKA_UNREACHABLE;
    else
        s->kafka = *s->trouble ? KAFKA_FAILING : KAFKA_CONNECTED;
    if (statistics.age > statistics_expire) {
        json_decref(s->statistics);
        s->statistics = NULL;
    }
}

/* A bridge that is stopping ends by itself. */
static void find_stuck(struct snapshot *s)
{
    int64_t still;
    const char *thread =
        s->stopping ? NULL : watchdog_find_stuck(s->sources->watchdog, watchdog_longest_step, &still);
    if (thread)
        snprintf(s->stuck, sizeof s->stuck, "the %s has not moved for %.0f s", thread,
                 (double)still / SECOND);
}

void snapshot_take(const struct snapshot_sources *sources, const struct recent *recent, struct snapshot *s)
{
    const struct recent_sample now = snapshot_sample(sources);
    *s = (struct snapshot){
        .sources = sources,
        .dead_letters = dead_letters_count(sources->letters),
        .dead_letters_bytes = dead_letters_bytes(sources->letters),
        .announced = dead_letter_topic_counts(sources->announcer),
        .stopping = !sources->receiver,
        .mqtt = sources->receiver ? receiver_state(sources->receiver) : MQTT_DISCONNECTED,
        .recent = recent_rates(recent, &now),
        .uptime = (double)(now.time - sources->started) / SECOND,
    };
    memcpy(s->latency, now.latency, sizeof s->latency);
    take_spool(s);
    take_kafka(s);
    find_stuck(s);
}

void snapshot_free(struct snapshot *s)
{
    json_decref(s->statistics);
}

bool snapshot_is_healthy(const struct snapshot *snapshot)
{
    return *snapshot->stuck == '\0';
}

bool snapshot_is_ready(const struct snapshot *snapshot)
{
    return snapshot->mqtt == MQTT_SUBSCRIBED && snapshot->kafka == KAFKA_CONNECTED &&
           snapshot_is_healthy(snapshot);
}

const char *snapshot_delivery(const struct snapshot *snapshot)
{
    return snapshot->sources->settings->delivery == EXACTLY_ONCE ? "exactly-once" : "at-least-once";
}

const char *mqtt_state_word(enum mqtt_state state)
{
    static const char *const words[] = {
        [MQTT_DISCONNECTED] = "disconnected",
        [MQTT_CONNECTING] = "connecting",
        [MQTT_CONNECTED] = "connected",
        [MQTT_SUBSCRIBED] = "subscribed",
        [MQTT_FAILED] = "failed",
        [MQTT_PAUSED] = "paused",
    };
    return words[state];
}

const char *snapshot_mqtt_state(const struct snapshot *snapshot)
{
    return snapshot->stopping ? "stopping" : mqtt_state_word(snapshot->mqtt);
}

const char *snapshot_kafka_state(const struct snapshot *snapshot)
{
    static const char *const states[] = {
        [KAFKA_CONNECTING] = "connecting",
        [KAFKA_CONNECTED] = "connected",
        [KAFKA_UNREACHABLE] = "unreachable",
        [KAFKA_FAILING] = "failing",
    };
    return states[snapshot->kafka];
}

void snapshot_problems(const struct snapshot *snapshot, void (*say)(void *context, const char *problem),
                       void *context)
{
    char text[COUNTERS_TROUBLE_SIZE + 64];
    if (*snapshot->stuck)
        say(context, snapshot->stuck);
    if (snapshot->stopping)
        say(context, "the bridge is stopping");
    else if (snapshot->mqtt == MQTT_PAUSED)
        say(context, "MQTT: disconnected while the spool is nearly full");
    else if (snapshot->mqtt != MQTT_SUBSCRIBED) {
        snprintf(text, sizeof text, "MQTT: %s, not subscribed", snapshot_mqtt_state(snapshot));
        say(context, text);
    }
    if (snapshot->kafka != KAFKA_CONNECTED) {
        snprintf(text, sizeof text, "Kafka: %s%s%s", snapshot_kafka_state(snapshot),
                 *snapshot->trouble ? ": " : "", snapshot->trouble);
        say(context, text);
    }
}
