/* What both ways of delivery share: from the spool to the producer, and what to do when that fails. The
 * forwarder's thread alone uses it. A way of delivery (at_least_once.h, exactly_once.h) begins with a struct
 * delivery.
 *
 * Lifecycle:
 *   delivery_open            of the way's own, in at_least_once_open or exactly_once_open
 *   delivery_begin           in each pass of the way, then
 *     delivery_ensure, delivery_ensure_next
 *     delivery_peek, delivery_produce
 *     delivery_recovered     after something went well
 *     delivery_fail, delivery_replace, delivery_note_missing_topic, delivery_rewind after something failed
 *   delivery_await_reports   between passes
 *   delivery_finish          after the last pass
 *   delivery_close */
#ifndef ROOMSTREAM_BRIDGE_OUT_DELIVERY_H
#define ROOMSTREAM_BRIDGE_OUT_DELIVERY_H

#include "bridge/seen/counters.h"
#include "bridge/settings.h"
#include "core/backoff.h"
#include "destinations.h"
#include "kafka/client.h"
#include "producer.h"
#include "router.h"
#include "spool/dead_letters.h"
#include "spool/spool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The result of one pass of a way of delivery. */
struct pass {
    size_t forwarded; /* messages handed to Kafka */
    size_t in_flight; /* messages without delivery report */
    bool more;        /* there is work that must wait for Kafka or for a moment */
    int64_t wait;     /* ns to wait before the next pass, after an error; 0: none */
    bool failed;      /* it cannot continue; the log says why */
};

struct delivery;

/* A way of delivery. */
struct delivery_way {
    /* Does what is due now, blocking for a few seconds at most. */
    struct pass (*pass)(struct delivery *delivery);
    /* Kafka has acknowledged the message: a delivery report without error. */
    void (*acknowledged)(struct delivery *delivery, const struct produced *message);
    /* The producer is about to be closed, and replaced by another one. */
    void (*replacing)(struct delivery *delivery);
};

struct delivery {
    const struct delivery_way *way;
    const struct bridge_settings *settings;
    struct spool *spool;
    struct dead_letters *letters;
    struct counters *counters;
    struct destinations *destinations;
    struct router router;
    struct producer *producer;
    struct error replacement; /* why the producer must be replaced; empty: it need not */
    const struct kafka_property *required;
    size_t required_count;
    struct spool_record record; /* the last one read */
    bool held;                  /* it is not handed over yet */
    struct routed routed;       /* where the held one goes; to is NULL: not known yet */
    bool vanished;    /* a topic or a partition was missing while what is in flight now was in flight */
    uint64_t reports; /* delivery reports served */
    uint64_t reports_seen;
    int64_t quiet_since;      /* monotonic ns: no delivery report since then, or nothing in flight then */
    char *cluster;            /* the id of Kafka's cluster; NULL: not known yet */
    enum timestamp timestamp; /* of the records handed over now */
    int64_t arrivals_again;   /* monotonic ns: when TIMESTAMP_ARRIVAL is tried again */
    bool rewind_due;          /* something failed that may succeed later: start again at the position */
    uint64_t isolate_until;   /* up to this id records go one by one, since one of them made its batch fail */
    bool failing;             /* something failed, and nothing has succeeded since */
    int64_t wait;             /* ns; the wait after a failure in this pass */
    struct backoff backoff;
    struct log_limit failures, replacements, refused_timestamps;
    struct error told;           /* the last failure that was logged */
    struct log_limit set_asides; /* dead letters; `dead-letters list` shows them all */
};

/* Opens the first producer with these properties beside those that every bridge requires. All arguments must
 * outlive the delivery. It is the beginning of memory from malloc, which delivery_close frees, and this
 * function too where it fails. False with *error on a bad configuration. */
bool delivery_open(struct delivery *delivery, const struct delivery_way *way,
                   const struct bridge_settings *settings, struct spool *spool, struct dead_letters *letters,
                   struct counters *counters, const struct kafka_property *required, size_t required_count,
                   struct error *error);
void delivery_close(struct delivery *delivery);

/* The producer must not be used any more: the next pass begins with another one. */
void delivery_replace(struct delivery *delivery, const char *why);

/* Starts a pass: serves delivery reports, and replaces a producer that librdkafka or we have given up, that
 * was made for another cluster, or that holds messages for a partition that has vanished. True when there is
 * a producer. Blocks for up to a second while there are no delivery reports. */
bool delivery_begin(struct delivery *delivery);

/* Makes sure that the Kafka topic exists, or fails. Blocks for some seconds while Kafka does not answer. */
bool delivery_ensure(struct delivery *delivery, struct destination *destination);

/* The same of the topic of the next record, where there is one with a topic. Nothing may be in flight. */
bool delivery_ensure_next(struct delivery *delivery, struct pass *pass);

/* Is there a record to hand over? */
bool delivery_peek(struct delivery *delivery, struct pass *pass);

/* Hands over what is new until there is no more, no more room, or something fails. Where records must go one
 * by one, because Kafka has refused some for good, it waits for each, and returns after about a second. It
 * also ends before a record whose topic is not there, if it has handed over others: the next pass looks for
 * the topic. */
void delivery_produce(struct delivery *delivery, struct pass *pass);

/* Waits up to `ns` for delivery reports and serves them. */
void delivery_await_reports(struct delivery *delivery, int64_t ns);

/* Sends what is in flight without lingering, waits up to `ns` for its delivery reports and saves the
 * position: what Kafka has by then is not handed over again by the next start. */
void delivery_finish(struct delivery *delivery, int64_t ns);

/* Back to the position: what was handed over and not delivered is handed over again. Nothing may be in
 * flight. */
void delivery_rewind(struct delivery *delivery);

/* Something succeeded: what failed before is over. */
void delivery_recovered(struct delivery *delivery);

/* Where err says that a topic is missing, this one or, with NULL, any: it is looked for again. */
void delivery_note_missing_topic(struct delivery *delivery, struct destination *destination,
                                 rd_kafka_resp_err_t err);

/* Something failed that may succeed later: logs it once in a while and sets the wait before the next pass. */
void delivery_fail(struct delivery *delivery, const char *what);

#endif
