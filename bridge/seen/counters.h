/* What the two halves of a bridge count as they work, for the monitor to read. Each counter is written by one
 * thread, without locks or system calls, and read by any. How many messages there are the spool knows
 * (spool_get_ledger).
 *
 * A new counter: a member of struct counters here, counters_add where it happens, and a line in
 * metrics_page.c that shows it. */
#ifndef ROOMSTREAM_BRIDGE_SEEN_COUNTERS_H
#define ROOMSTREAM_BRIDGE_SEEN_COUNTERS_H

#include "http/histogram.h"
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

enum { COUNTERS_ROUTES = 100 }; /* are told apart */

/* Zero-initialize, then counters_init. These numbers begin with the process; those of the spool do not. */
struct counters {
    /* The receiver's, counted in its `take` and where it drops a message. Bytes are those of topic,
     * properties and payload. */
    _Atomic uint64_t received_bytes;
    _Atomic uint64_t from_downlink; /* messages that came back from Kafka, and were dropped */
    _Atomic uint64_t copies;        /* dropped, see subscriptions.h */
    _Atomic uint64_t mqtt_reconnects[MQTT_RECONNECT_REASONS];

    /* The forwarder's. */
    _Atomic uint64_t delivered_bytes, dead_bytes;
    _Atomic uint64_t keyless; /* messages in whose payload the JSON pointer of --kafka-key found nothing */
    _Atomic uint64_t
        routes[COUNTERS_ROUTES + 1];     /* messages delivered by each of the first routes; by the others */
    _Atomic uint64_t topics;             /* Kafka topics that routes have led to */
    _Atomic uint64_t producers_replaced; /* delivery_begin says when */
    _Atomic uint64_t transactions_aborted;
    struct histogram latency;      /* from arrival at the bridge to Kafka's acknowledgement or commit */
    struct histogram transactions; /* from begin to commit */

    pthread_mutex_t mutex; /* guards: */
    /* What went wrong last on the way to Kafka, until something goes well again; "": nothing. */
    char trouble[COUNTERS_TROUBLE_SIZE];
    char *statistics;           /* librdkafka's memory: the last ones, or NULL */
    int64_t statistics_time;    /* monotonic ns when they came; 0: none came yet */
    int64_t statistics_up_time; /* the same of the last ones with a connection that was up */
};

void counters_init(struct counters *counters);
void counters_free(struct counters *counters);

/* Adds to a counter that this thread alone writes. */
static inline void counters_add(_Atomic uint64_t *counter, uint64_t number)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + number,
                          memory_order_relaxed);
}

/* A message was delivered by the route of that number. */
static inline void counters_add_route(struct counters *counters, size_t route)
{
    counters_add(&counters->routes[route < COUNTERS_ROUTES ? route : COUNTERS_ROUTES], 1);
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

/* Takes over the JSON text in which librdkafka tells about itself (its STATISTICS.md), or NULL for none: a
 * new producer begins. The forwarder's thread, which so never parses. */
void counters_take_statistics(struct counters *counters, char *text);

struct statistics {
    char *text;  /* a copy, to be freed; NULL: none came, or there is no memory */
    int64_t age; /* ns */
    /* A connection to one of the brokers is up, or was some seconds before: brokers close connections that
     * are idle, and librdkafka connects again within a second or two. */
    bool connected;
};

/* Any thread. */
struct statistics counters_get_statistics(struct counters *counters);

#endif
