/* How a bridge is at one moment: gathered from all its parts, and judged. */
#ifndef ROOMSTREAM_BRIDGE_SEEN_SNAPSHOT_H
#define ROOMSTREAM_BRIDGE_SEEN_SNAPSHOT_H

#include "bridge/in/receiver.h"
#include "bridge/out/forwarder.h"
#include "bridge/settings.h"
#include "counters.h"
#include "mqtt/mqtt.h"
#include "recent.h"
#include "spool/dead_letters.h"
#include "spool/spool.h"

#include <stdbool.h>

/* Where a report comes from. receiver may be NULL: the bridge is stopping, and it is gone already. */
struct snapshot_sources {
    const struct bridge_settings *settings;
    struct spool *spool;
    const struct dead_letters *letters;
    const struct receiver *receiver;
    struct counters *counters;
};

enum kafka_state {
    KAFKA_CONNECTING,  /* nothing is known yet */
    KAFKA_CONNECTED,   /* a broker answers */
    KAFKA_UNREACHABLE, /* none does */
    KAFKA_FAILING,     /* one does, but what it was asked for last failed */
};

enum { SNAPSHOT_STUCK_SIZE = 128 };

struct snapshot {
    const struct snapshot_sources *sources;
    struct spool_ledger ledger;
    struct spool_stats spool;
    double oldest_age; /* seconds; 0 when nothing is spooled */
    uint64_t dead_letters;
    int64_t dead_letters_bytes;
    bool stopping;
    enum mqtt_state mqtt;
    enum kafka_state kafka;
    char trouble[COUNTERS_TROUBLE_SIZE]; /* what went wrong last on the way to Kafka, "" when it was overcome
                                          */
    const json_t *kafka_statistics;      /* NULL: none, or too old */
    uint64_t latency[HISTOGRAM_BUCKETS];
    double uptime; /* seconds */
    /* The caller's to fill in: */
    struct recent_rates recent;
    char stuck[SNAPSHOT_STUCK_SIZE]; /* which thread does not move, "" for none */
};

/* Gathers all but what is the caller's. One thread: it reads the metrics' Kafka statistics, which the report
 * points into. */
void snapshot_take(const struct snapshot_sources *sources, int64_t started, struct snapshot *snapshot);

/* Healthy: the threads move (watchdog.h), so a restart would mend nothing. A spool or disk that is full, or a
 * broker that is away, is waited for, and not unhealthy. */
bool snapshot_is_healthy(const struct snapshot *snapshot);

/* Ready: subscribed at the MQTT broker, and Kafka takes messages. */
bool snapshot_is_ready(const struct snapshot *snapshot);

/* Words for the states, as in /status. */
const char *snapshot_delivery(const struct snapshot *snapshot);
const char *snapshot_mqtt_state(const struct snapshot *snapshot);
const char *snapshot_kafka_state(const struct snapshot *snapshot);

/* What keeps it from being ready and healthy, in sentence fragments, one call each. */
void snapshot_problems(const struct snapshot *snapshot, void (*say)(void *context, const char *problem),
                       void *context);

#endif
