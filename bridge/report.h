/* How a bridge is at one moment: gathered from all its parts, judged, and written as Prometheus metrics and
 * as JSON. */
#ifndef ROOMSTREAM_REPORT_H
#define ROOMSTREAM_REPORT_H

#include "forwarder.h"
#include "metrics.h"
#include "receiver.h"
#include "recent.h"
#include "settings.h"
#include "spool/dead_letters.h"
#include "spool/spool.h"

#include <stdbool.h>
#include <stdio.h>

/* Where a report comes from. receiver may be NULL: the bridge is stopping, and it is gone already. */
struct report_sources {
    const struct bridge_settings *settings;
    struct spool *spool;
    const struct dead_letters *letters;
    const struct receiver *receiver;
    struct metrics *metrics;
};

enum report_kafka {
    REPORT_KAFKA_CONNECTING,  /* nothing is known yet */
    REPORT_KAFKA_CONNECTED,   /* a broker answers */
    REPORT_KAFKA_UNREACHABLE, /* none does */
    REPORT_KAFKA_FAILING,     /* one does, but what it was asked for last failed */
};

enum { REPORT_STUCK_SIZE = 128 };

struct report {
    const struct report_sources *sources;
    struct spool_ledger ledger;
    struct spool_stats spool;
    double oldest_age; /* seconds; 0 when nothing is spooled */
    uint64_t dead_letters;
    int64_t dead_letters_bytes;
    bool stopping;
    enum mqtt_state mqtt;
    enum report_kafka kafka;
    char
        trouble[METRICS_TROUBLE_SIZE]; /* what went wrong last on the way to Kafka, "" when it was overcome */
    const json_t *kafka_statistics;    /* NULL: none, or too old */
    uint64_t latency[HISTOGRAM_BUCKETS];
    double uptime; /* seconds */
    /* The caller's to fill in: */
    struct recent_rates recent;
    char stuck[REPORT_STUCK_SIZE]; /* which thread does not move, "" for none */
};

/* Gathers all but what is the caller's. One thread: it reads the metrics' Kafka statistics, which the report
 * points into. */
void report_take(const struct report_sources *sources, int64_t started, struct report *report);

/* Healthy: the threads move (watchdog.h), so a restart would mend nothing. A spool or disk that is full, or a
 * broker that is away, is waited for, and not unhealthy. */
bool report_is_healthy(const struct report *report);

/* Ready: subscribed at the MQTT broker, and Kafka takes messages. */
bool report_is_ready(const struct report *report);

/* Words for the states, as in /status. */
const char *report_delivery(const struct report *report);
const char *report_mqtt_state(const struct report *report);
const char *report_kafka_state(const struct report *report);

/* What keeps it from being ready and healthy, in sentence fragments, one call each. */
void report_problems(const struct report *report, void (*say)(void *context, const char *problem),
                     void *context);

/* Writes /metrics and /status. */
void report_write_metrics(const struct report *report, FILE *out);
void report_write_status(const struct report *report, FILE *out);

#endif
