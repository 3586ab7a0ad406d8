/* What the two halves of a bridge count as they work, for the monitor to read. Each counter is written by one
 * thread, without locks or system calls, and read by any. How many messages there are the spool knows
 * (spool_get_ledger). */
#ifndef ROOMSTREAM_BRIDGE_SEEN_COUNTERS_H
#define ROOMSTREAM_BRIDGE_SEEN_COUNTERS_H

#include "histogram.h"
#include "kafka_statistics.h"
#include "spool/spool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Why the bridge connected to the MQTT broker again. */
enum mqtt_reconnect {
    MQTT_RECONNECT_LOST,       /* the connection was lost, or the broker closed it */
    MQTT_RECONNECT_SPOOL_FULL, /* the bridge had left it while the spool was nearly full */
    MQTT_RECONNECT_FLOOD,      /* the broker had exceeded the Receive Maximum */
    MQTT_RECONNECT_REASONS,
};

enum { COUNTERS_TROUBLE_SIZE = 640 }; /* a longer text is cut */

/* Zero-initialized is how it begins, but for counters_init. All but the spool's numbers begin with the
 * process. */
struct counters {
    /* The receiver's. Bytes are those of topic, properties and payload. */
    _Atomic uint64_t received_bytes;
    _Atomic uint64_t mqtt_reconnects[MQTT_RECONNECT_REASONS];

    /* The forwarder's. */
    _Atomic uint64_t delivered_bytes, dead_bytes;
    _Atomic uint64_t producers_replaced; /* delivery_begin says when */
    _Atomic uint64_t transactions_aborted;
    struct histogram latency;      /* from arrival at the bridge to Kafka's acknowledgement or commit */
    struct histogram transactions; /* from begin to commit */
    struct kafka_statistics kafka;

    /* What went wrong last on the way to Kafka, until something goes well again. */
    pthread_mutex_t mutex;
    char trouble[COUNTERS_TROUBLE_SIZE]; /* "": nothing */
};

void counters_init(struct counters *counters);
void counters_free(struct counters *counters);

/* Adds to a counter that this thread alone writes. */
static inline void counters_add(_Atomic uint64_t *counter, uint64_t number)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + number,
                          memory_order_relaxed);
}

/* Bytes of a record that count. */
static inline uint64_t counters_size(const struct spool_record *record)
{
    return record->topic.length + record->properties.length + record->payload.length;
}

/* Sets the trouble, or "" when there is none any more. */
void counters_set_trouble(struct counters *counters, const char *text);

/* Copies the trouble. Any thread. */
void counters_get_trouble(struct counters *counters, char text[static COUNTERS_TROUBLE_SIZE]);

#endif
