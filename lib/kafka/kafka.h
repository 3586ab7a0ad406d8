/* The Kafka side of every program, on librdkafka (its contract is librdkafka's rdkafka.h and
 * CONFIGURATION.md): configuration from options, log lines, and topics. */
#ifndef ROOMSTREAM_KAFKA_H
#define ROOMSTREAM_KAFKA_H

#include "error.h"
#include "options.h"

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kafka_settings {
    const char *brokers;
    const char *config_file; /* NULL: none; its content is among the properties */
    struct property_list properties;
};

/* --brokers, --kafka-property and --kafka-config. settings outlive the parsing. */
struct option_group kafka_options(struct kafka_settings *settings);

struct kafka_property {
    const char *name, *value;
    const char *why; /* for required ones: what would break, for the message; NULL: the user's value is
                        overridden in silence */
};

/* A configuration: librdkafka's defaults, then `defaults`, the user's properties, then `required`, which the
 * user must not set otherwise. The user's may have the Java client's names; those that mean something to
 * other clients only are left out, which is said the first time. Log lines and errors go to our log. The
 * caller owns it until rd_kafka_new takes it. NULL with *error naming where the property was set, the value
 * and librdkafka's own reason. */
rd_kafka_conf_t *kafka_conf_new(rd_kafka_type_t type, const struct kafka_settings *settings,
                                const struct kafka_property *defaults, size_t default_count,
                                const struct kafka_property *required, size_t required_count,
                                struct error *error);

/* What err means and, for a right that is missing or a record that is refused, what to look at: written into
 * text, which is returned. */
enum { KAFKA_ERROR_SIZE = 320 };
const char *kafka_describe(rd_kafka_resp_err_t err, char text[static KAFKA_ERROR_SIZE]);

/* The same where a right is missing; otherwise own, librdkafka's words for this case, which say more. */
const char *kafka_explain(rd_kafka_resp_err_t err, const char *own, char text[static KAFKA_ERROR_SIZE]);

/* Does this error of a delivery report say that trying again cannot help? A broker that finds one record of a
 * batch at fault fails the whole batch so: only of a record that was alone in its batch is it certain. (One
 * that is refused for its timestamp may be taken with another.) */
bool kafka_error_is_permanent(rd_kafka_resp_err_t err);

/* rd_kafka_new, which takes conf in any case. NULL with *error. */
rd_kafka_t *kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, struct error *error);

/* rd_kafka_destroy, which may never return (librdkafka 2.0.2 waits for a partition of a topic that was
 * deleted): waits some seconds for it. False when it goes on in the background; what the client's callbacks
 * refer to must then stay. */
bool kafka_destroy(rd_kafka_t *rk);

struct kafka_topic_settings {
    const char *name;
    int64_t partitions, replication; /* of a topic that is created; -1: the broker's default */
    struct property_list config;     /* of a topic that is created (Kafka's "Topic Configs") */
};

/* --partitions, --replication and --topic-config, of a topic that is created. settings outlive the parsing.
 */
struct option_group kafka_topic_options(struct kafka_topic_settings *settings);

enum kafka_topic_result {
    KAFKA_TOPIC_READY,  /* it is there, perhaps just created (logged) */
    KAFKA_TOPIC_LATER,  /* Kafka does not answer: try again; *error says why */
    KAFKA_TOPIC_DENIED, /* it is missing or forbidden and cannot be created: *error says what to do; may
                           change, so try again */
};

/* NO_ERROR and the number of partitions, else what Kafka or the library says of the topic. Blocks up to
 * `timeout` ns. */
rd_kafka_resp_err_t kafka_topic_look_up(rd_kafka_t *rk, const char *name, int64_t timeout, int *partitions);

/* Looks the topic up and creates it if it is missing. Blocks up to about three times `timeout` ns. `kafka` is
 * what rk was made of. */
enum kafka_topic_result kafka_topic_ensure(rd_kafka_t *rk, const struct kafka_settings *kafka,
                                           const struct kafka_topic_settings *topic, int64_t timeout,
                                           struct error *error);

/* Does err say that there is no such topic or partition? */
bool kafka_topic_is_missing(rd_kafka_resp_err_t err);

/* A legal topic name (1-249 of a-z A-Z 0-9 . _ -, not "." nor "..")? */
bool kafka_topic_name_valid(const char *name);

#endif
