#include "snapshot.h"

#include "core/clock.h"
#include "mqtt/mqtt.h"

/* Statistics come every second; calls to Kafka that are under way may hold them up for some more. */
static const int64_t statistics_expire = 30 * SECOND;

static enum kafka_state judge_kafka(const struct snapshot *snapshot, int64_t age)
{
    if (!snapshot->kafka_statistics)
        return KAFKA_CONNECTING;
    if (age > statistics_expire || !kafka_statistics_is_connected(&snapshot->sources->counters->kafka))
        return KAFKA_UNREACHABLE;
    return *snapshot->trouble ? KAFKA_FAILING : KAFKA_CONNECTED;
}

static void take_spool(const struct snapshot_sources *sources, struct snapshot *snapshot)
{
    spool_get_stats(sources->spool, &snapshot->spool);
    spool_get_ledger(sources->spool, &snapshot->ledger);
    /* One that is in flight may have been delivered since. */
    if (snapshot->spool.in_flight > snapshot->ledger.spooled)
        snapshot->spool.in_flight = snapshot->ledger.spooled;
    int64_t oldest = snapshot->ledger.spooled > 0 ? snapshot->spool.oldest_time : 0;
    int64_t age = oldest ? clock_realtime() - oldest : 0;
    snapshot->oldest_age = age > 0 ? (double)age / SECOND : 0;
}

void snapshot_take(const struct snapshot_sources *sources, int64_t started, struct snapshot *snapshot)
{
    int64_t age;
    *snapshot = (struct snapshot){
        .sources = sources,
        .dead_letters = dead_letters_count(sources->letters),
        .dead_letters_bytes = dead_letters_bytes(sources->letters),
        .stopping = !sources->receiver,
        .mqtt = sources->receiver ? receiver_state(sources->receiver) : MQTT_DISCONNECTED,
        .uptime = (double)(clock_monotonic() - started) / SECOND,
    };
    take_spool(sources, snapshot);
    counters_get_trouble(sources->counters, snapshot->trouble);
    snapshot->kafka_statistics = kafka_statistics_read(&sources->counters->kafka, &age);
    snapshot->kafka = judge_kafka(snapshot, age);
    if (age > statistics_expire)
        snapshot->kafka_statistics = NULL;
    histogram_read(&sources->counters->latency, snapshot->latency);
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

const char *snapshot_mqtt_state(const struct snapshot *snapshot)
{
    if (snapshot->stopping)
        return "stopping";
    switch (snapshot->mqtt) {
    case MQTT_DISCONNECTED:
        return "disconnected";
    case MQTT_CONNECTING:
        return "connecting";
    case MQTT_CONNECTED:
        return "connected";
    case MQTT_SUBSCRIBED:
        return "subscribed";
    case MQTT_FAILED:
        return "failed";
    case MQTT_PAUSED:
        return "paused";
    }
    return "unknown";
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
        say(context, "MQTT: the broker was left while the spool is nearly full");
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
