/* The Kafka side of every program, on librdkafka (its contract is librdkafka's rdkafka.h and
 * CONFIGURATION.md): configuration from options, and log lines. Topics are in topic.h, errors in errors.h. */
#ifndef ROOMSTREAM_KAFKA_CLIENT_H
#define ROOMSTREAM_KAFKA_CLIENT_H

#include "core/error.h"
#include "options/option.h"
#include "settings.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --brokers, --kafka-property and --kafka-config. settings must outlive the parsing. */
struct option_group kafka_options(struct kafka_settings *settings);

struct kafka_property {
    const char *name, *value;
    const char *why; /* for required ones: what would break, for the message; NULL: the user's value is
                        silently overridden */
};

/* A configuration: librdkafka's defaults, then `defaults`, the user's properties, then `required`, which the
 * user must not set otherwise. The user's may have the Java client's names; those that only other clients
 * know are left out, which is logged once. Log lines and errors go to our log. The caller owns it until
 * rd_kafka_new takes it. NULL with *error naming where the property was set, the value and librdkafka's own
 * reason. */
rd_kafka_conf_t *kafka_conf_new(rd_kafka_type_t type, const struct kafka_settings *settings,
                                const struct kafka_property *defaults, size_t default_count,
                                const struct kafka_property *required, size_t required_count,
                                struct error *error);

/* A librdkafka that has read ahead as much as it may stops fetching, and looks again a second later. Newer
 * ones have the property fetch.queue.backoff.ms for that; of older ones this is true: they also look when
 * their thread has a request to send, such as the question for a partition's end. */
bool kafka_looks_late(void);

/* rd_kafka_new, which takes conf in any case. NULL with *error. */
rd_kafka_t *kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct error *error);

/* rd_kafka_destroy, which may never return (librdkafka 2.0.2 waits for a partition of a topic that was
 * deleted): waits some seconds for it. False when it continues in the background; then what the client's
 * callbacks refer to must stay. */
bool kafka_destroy(rd_kafka_t *rk);

#endif
