/* Spooled messages as Kafka records: a bounded number and size in flight. Both ways of delivery
 * use it. Not thread-safe: the forwarder's thread alone. */
#ifndef ROOMSTREAM_BRIDGE_OUT_PRODUCER_H
#define ROOMSTREAM_BRIDGE_OUT_PRODUCER_H

#include "bridge/seen/counters.h"
#include "bridge/settings.h"
#include "bridge/translate.h"
#include "kafka/client.h"
#include "kafka/topic.h"
#include "kafka/unanswered.h"
#include "router.h"
#include "spool/spool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct producer;

/* A message that was handed over. */
struct produced {
    uint64_t id;
    int64_t time; /* realtime ns of its arrival at the bridge */
    size_t size;  /* bytes, see counters_size */
    struct destination *to;
    size_t route; /* its number */
    enum timestamp timestamp;
};

/* Called from producer_poll for each message whose delivery report came. */
typedef void producer_report(void *context, const struct produced *message, rd_kafka_resp_err_t err);

/* `required` are properties that the way of delivery depends on. producer_poll gives librdkafka's statistics
 * to `statistics`, which is NULL where nobody asks for them. NULL with *error on a bad configuration. */
struct producer *producer_open(const struct bridge_settings *settings, const struct kafka_property *required,
                               size_t required_count, producer_report *report, void *context,
                               struct counters *statistics, struct error *error);

/* Drops what is in flight, without reports, and frees. */
void producer_close(struct producer *producer);

enum producer_result {
    PRODUCER_TAKEN,
    PRODUCER_FULL,     /* as much as allowed is in flight: poll, try again */
    PRODUCER_REFUSED,  /* this record can never be taken: *error says why */
    PRODUCER_NO_TOPIC, /* its topic has vanished, *error says so: see kafka_topic_ensure */
    PRODUCER_LATER,    /* something else is wrong, *error says what: try again after a while */
};

/* Hands the record to librdkafka, which copies it; translate.h says as what. The destination outlives the
 * producer. */
enum producer_result producer_produce(struct producer *producer, const struct spool_record *record,
                                      const struct routed *routed, enum timestamp timestamp,
                                      struct error *error);

/* Serves delivery reports, waiting up to `timeout` ns for the first. */
void producer_poll(struct producer *producer, int64_t timeout);

/* Makes librdkafka send at once, without lingering, and waits up to `timeout` ns for the delivery reports. */
void producer_flush(struct producer *producer, int64_t timeout);

/* Messages without delivery report. */
size_t producer_in_flight(const struct producer *producer);

/* True when librdkafka has given up this instance (rd_kafka_fatal_error): *error says why; close it and open
 * another. */
bool producer_fatal(const struct producer *producer, struct error *error);

/* Is Kafka another cluster than the one whose id is in *known (NULL: none yet)? Then, and the first time, the
 * new id goes into *known, which the caller frees. Does not wait. */
bool producer_cluster_changed(const struct producer *producer, char **known);

/* What it has sent without an answer. Valid until producer_close. */
const struct kafka_unanswered *producer_unanswered(const struct producer *producer);

rd_kafka_t *producer_handle(const struct producer *producer);

#endif
