#include "report.h"

#include "core/clock.h"
#include "mqtt/mqtt.h"

/* Statistics come every second; calls to Kafka that are under way may hold them up for some more. */
static const int64_t statistics_expire = 30 * SECOND;

static enum report_kafka judge_kafka(const struct report *report, int64_t age)
{
    if (!report->kafka_statistics)
        return REPORT_KAFKA_CONNECTING;
    if (age > statistics_expire || !kafka_statistics_is_connected(&report->sources->metrics->kafka))
        return REPORT_KAFKA_UNREACHABLE;
    return *report->trouble ? REPORT_KAFKA_FAILING : REPORT_KAFKA_CONNECTED;
}

static void take_spool(const struct report_sources *sources, struct report *report)
{
    spool_get_stats(sources->spool, &report->spool);
    spool_get_ledger(sources->spool, &report->ledger);
    /* One that is in flight may have been delivered since. */
    if (report->spool.in_flight > report->ledger.spooled)
        report->spool.in_flight = report->ledger.spooled;
    int64_t oldest = report->ledger.spooled > 0 ? report->spool.oldest_time : 0;
    int64_t age = oldest ? clock_realtime() - oldest : 0;
    report->oldest_age = age > 0 ? (double)age / SECOND : 0;
}

void report_take(const struct report_sources *sources, int64_t started, struct report *report)
{
    int64_t age;
    *report = (struct report){
        .sources = sources,
        .dead_letters = dead_letters_count(sources->letters),
        .dead_letters_bytes = dead_letters_bytes(sources->letters),
        .stopping = !sources->receiver,
        .mqtt = sources->receiver ? receiver_state(sources->receiver) : MQTT_DISCONNECTED,
        .uptime = (double)(clock_monotonic() - started) / SECOND,
    };
    take_spool(sources, report);
    metrics_get_trouble(sources->metrics, report->trouble);
    report->kafka_statistics = kafka_statistics_read(&sources->metrics->kafka, &age);
    report->kafka = judge_kafka(report, age);
    if (age > statistics_expire)
        report->kafka_statistics = NULL;
    histogram_read(&sources->metrics->latency, report->latency);
}

bool report_is_healthy(const struct report *report)
{
    return *report->stuck == '\0';
}

bool report_is_ready(const struct report *report)
{
    return report->mqtt == MQTT_SUBSCRIBED && report->kafka == REPORT_KAFKA_CONNECTED &&
           report_is_healthy(report);
}

const char *report_delivery(const struct report *report)
{
    return report->sources->settings->delivery == EXACTLY_ONCE ? "exactly-once" : "at-least-once";
}

const char *report_mqtt_state(const struct report *report)
{
    if (report->stopping)
        return "stopping";
    switch (report->mqtt) {
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

const char *report_kafka_state(const struct report *report)
{
    static const char *const states[] = {
        [REPORT_KAFKA_CONNECTING] = "connecting",
        [REPORT_KAFKA_CONNECTED] = "connected",
        [REPORT_KAFKA_UNREACHABLE] = "unreachable",
        [REPORT_KAFKA_FAILING] = "failing",
    };
    return states[report->kafka];
}

void report_problems(const struct report *report, void (*say)(void *context, const char *problem),
                     void *context)
{
    char text[METRICS_TROUBLE_SIZE + 64];
    if (*report->stuck)
        say(context, report->stuck);
    if (report->stopping)
        say(context, "the bridge is stopping");
    else if (report->mqtt == MQTT_PAUSED)
        say(context, "MQTT: the broker was left while the spool is nearly full");
    else if (report->mqtt != MQTT_SUBSCRIBED) {
        snprintf(text, sizeof text, "MQTT: %s, not subscribed", report_mqtt_state(report));
        say(context, text);
    }
    if (report->kafka != REPORT_KAFKA_CONNECTED) {
        snprintf(text, sizeof text, "Kafka: %s%s%s", report_kafka_state(report), *report->trouble ? ": " : "",
                 report->trouble);
        say(context, text);
    }
}
