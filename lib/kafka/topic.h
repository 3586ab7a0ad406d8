/* Topics: looked up, and created by the options where they are missing. */
#ifndef ROOMSTREAM_KAFKA_TOPIC_H
#define ROOMSTREAM_KAFKA_TOPIC_H

#include "client.h"

struct kafka_topic_settings {
    const char *name;
    int64_t partitions, replication; /* of a topic that is created; -1: the broker's default */
    struct property_list config;     /* of a topic that is created (Kafka's "Topic Configs") */
};

/* --partitions, --replication and --topic-config, of a topic that is created. settings must outlive the
 * parsing. */
struct option_group kafka_topic_options(struct kafka_topic_settings *settings);

enum kafka_topic_result {
    KAFKA_TOPIC_READY,   /* it exists, perhaps just created (logged) */
    KAFKA_TOPIC_LATER,   /* Kafka does not answer: try again; *error says why */
    KAFKA_TOPIC_DENIED,  /* it is missing or forbidden and cannot be created: *error says what to do; may
                            change, so try again */
    KAFKA_TOPIC_REFUSED, /* the same, but for its name, which Kafka never takes: it has characters that a name
                            cannot have, or only '.' where another topic has '_' */
};

/* NO_ERROR and the number of partitions, else the error of Kafka or of the library. Blocks up to `timeout`
 * ns. */
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

/* Exits by options_wrong where the value of an option, such as --topic, is not a legal topic name. */
void kafka_topic_check(const struct program *program, const char *option, const char *name);

#endif
