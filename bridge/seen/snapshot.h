/* The state of a bridge at one moment: gathered from all its parts, and judged.
 *
 * A new value on a page: a member of struct snapshot here, filled by snapshot_take, and shown by
 * metrics_page.c or status_page.c. */
#ifndef ROOMSTREAM_BRIDGE_SEEN_SNAPSHOT_H
#define ROOMSTREAM_BRIDGE_SEEN_SNAPSHOT_H

#include "bridge/in/receiver.h"
#include "bridge/out/forwarder.h"
#include "bridge/settings.h"
#include "counters.h"
#include "http/recent.h"
#include "kafka/dead_letter_topic.h"
#include "mqtt/mqtt.h"
#include "spool/dead_letters.h"
#include "spool/spool.h"
#include "watchdog.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Where a snapshot comes from. receiver may be NULL: the bridge is stopping, and it is gone already. */
struct snapshot_sources {
    const struct bridge_settings *settings;
    struct spool *spool;
    const struct dead_letters *letters;
    const struct dead_letter_topic *announcer; /* or NULL */
    const struct receiver *receiver;
    struct counters *counters;
    const struct watchdog *watchdog;
    int64_t started; /* monotonic ns */
};

/* The counters of now. */
struct recent_sample snapshot_sample(const struct snapshot_sources *sources);

enum kafka_state {
    KAFKA_CONNECTING,  /* nothing is known yet */
    KAFKA_CONNECTED,   /* a broker answers */
    KAFKA_UNREACHABLE, /* none does */
    KAFKA_FAILING,     /* one does, but the last request to it failed */
};

struct snapshot {
    const struct snapshot_sources *sources;
    struct spool_ledger ledger;
    struct spool_stats spool;
    double oldest_age; /* seconds; 0 when nothing is spooled */
    uint64_t dead_letters;
    int64_t dead_letters_bytes;
    struct dead_letter_topic_counts announced;
    bool stopping;
    enum mqtt_state mqtt;
    enum kafka_state kafka;
    char trouble[COUNTERS_TROUBLE_SIZE]; /* on the way to Kafka; "" when it was overcome */
    json_t *statistics;                  /* librdkafka's; NULL: none, or too old */
    uint64_t latency[HISTOGRAM_BUCKETS];
    struct recent_rates recent;
    double uptime;   /* seconds */
    char stuck[128]; /* which thread does not move, "" for none */
};

/* Gathers all. Any thread; snapshot_free afterwards. */
void snapshot_take(const struct snapshot_sources *sources, const struct recent *recent,
                   struct snapshot *snapshot);
void snapshot_free(struct snapshot *snapshot);

/* Healthy: the threads move (watchdog.h), so a restart would not help. A bridge that waits for a full spool
 * or disk, or for a broker that is down, is healthy. */
bool snapshot_is_healthy(const struct snapshot *snapshot);

/* Ready: subscribed at the MQTT broker, and Kafka takes messages. */
bool snapshot_is_ready(const struct snapshot *snapshot);

/* Words for the states. */
const char *snapshot_delivery(const struct snapshot *snapshot);
const char *snapshot_kafka_state(const struct snapshot *snapshot);
const char *snapshot_mqtt_state(const struct snapshot *snapshot);
const char *mqtt_state_word(enum mqtt_state state);

/* What keeps it from being ready and healthy, in sentence fragments, one call each. */
void snapshot_problems(const struct snapshot *snapshot, void (*say)(void *context, const char *problem),
                       void *context);

#endif
