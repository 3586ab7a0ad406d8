/* The Kafka topics that a bridge delivers to: one, or those to which its routes have led.
 *
 * The latter are listed in the file `topics` in the spool's folder, a line each, so that --topic-max bounds
 * how many there ever are, over restarts too. The forwarder's thread alone, but for opening.
 *
 * Lifecycle: destinations_open -> destinations_fixed, destinations_find -> destinations_leave_producer with
 * each producer -> destinations_close */
#ifndef ROOMSTREAM_BRIDGE_OUT_DESTINATIONS_H
#define ROOMSTREAM_BRIDGE_OUT_DESTINATIONS_H

#include "bridge/settings.h"

#include <librdkafka/rdkafka.h>

struct destination {
    char name[KAFKA_NAME_LONGEST + 1]; /* first: it is searched for as a text */
    rd_kafka_topic_t *topic;           /* of the present producer; NULL: it has none yet */
    bool ready;                        /* the topic exists, as far as is known */
    int partitions;                    /* when that was last checked */
    size_t in_flight;                  /* messages of the present producer without delivery report */
};

struct destinations;

/* Reads the list. NULL with *error. */
struct destinations *destinations_open(const struct bridge_settings *settings, struct error *error);
void destinations_close(struct destinations *destinations);

/* The topic of a bridge without routes, else NULL; the one under whose name Kafka keeps the position. */
struct destination *destinations_fixed(const struct destinations *destinations);
struct destination *destinations_home(const struct destinations *destinations);

/* The destination of that name, which is listed if it is new. NULL with *error: there would be more than
 * --topic-max. Where the file cannot be written, which is logged, it counts in this process alone. */
struct destination *destinations_find(struct destinations *destinations, const char *name,
                                      struct error *error);

/* Those with messages in flight or looked up before, by number; NULL behind the last one. */
struct destination *destinations_at(const struct destinations *destinations, size_t number);

/* How many the routes have led to. */
size_t destinations_count(const struct destinations *destinations);

/* All must be looked up again. */
void destinations_forget(struct destinations *destinations);

/* The producer is about to be closed. */
void destinations_leave_producer(struct destinations *destinations);

#endif
