/* What the user says to a bridge: one struct, one table of options. */
#ifndef ROOMSTREAM_BRIDGE_SETTINGS_H
#define ROOMSTREAM_BRIDGE_SETTINGS_H

#include "bridge/routes/routes.h"
#include "core/log.h"
#include "http/settings.h"
#include "kafka/client.h"
#include "kafka/topic.h"
#include "mqtt/settings.h"
#include "options/options.h"
#include "spool/spool.h"

enum delivery_mode { AT_LEAST_ONCE, EXACTLY_ONCE };
enum { BRIDGE_CARRIED_SIZE = 65536 };
enum { BRIDGE_NAME_SIZE = 264 }; /* room for "bridge-" and a Kafka topic */
enum from_downlink { FROM_DOWNLINK_DROP, FROM_DOWNLINK_CARRY };

/* Where Kafka keeps the position of a bridge with routes. */
#define BRIDGE_POSITION_TOPIC "roomstream.positions"

struct bridge_settings {
    char name[BRIDGE_NAME_SIZE]; /* once completed: what identifies this bridge */
    struct mqtt_settings mqtt;
    struct kafka_settings kafka;
    struct log_settings log;

    char carried[BRIDGE_CARRIED_SIZE]; /* once the spool is open: see carried.h */
    /* Either a filter and a Kafka topic or routes. Once completed, with routes these two are their list, for
     * people. */
    const char *filter; /* MQTT topic filter */
    const char *kafka_topic;
    struct text_list route_texts;
    struct routes *routes;        /* once completed; NULL: one topic */
    struct route_filters filters; /* once completed: what is subscribed to, but for $share/GROUP/ */

    const char *share;       /* group that shares it; NULL: none */
    int64_t qos;             /* of the subscription; -1 until completed: what the delivery needs */
    int64_t session_expiry;  /* ns */
    int64_t receive_maximum; /* 0 until completed: what suits the delivery */
    int64_t message_max;     /* bytes; 0 until completed: what suits the spool */

    const char *key;                       /* of the Kafka records */
    struct key_rule key_rule;              /* once completed, without routes */
    int64_t topic_max;                     /* most Kafka topics that routes may lead to */
    int from_downlink;                     /* enum from_downlink */
    struct kafka_topic_settings new_topic; /* but for its name: how a missing one is created */

    int delivery;                 /* enum delivery_mode */
    int64_t transaction_interval; /* ns */
    int64_t window;               /* most messages in flight to Kafka */
    int64_t window_bytes;         /* the same in bytes; a single larger message still goes */
    int64_t drain_timeout;
    const char *position_topic; /* exactly-once: the topic under which Kafka keeps the position */

    const char *spool_directory;
    int64_t spool_max, segment_bytes, sync_interval;
    int sync; /* enum spool_sync */
    bool spool_repair;
    const char *dead_letter_topic; /* where dead letters are announced; NULL: nowhere */
    bool forget, discard;          /* see forget.h */
    bool print_routes;             /* see routes/print.h, for these topics: */
    struct text_list topics;

    struct http_settings http;
};

/* The groups of the table, for struct program; those of routes last, and only if asked for. Returns their
 * number. settings outlive the parsing. */
#define BRIDGE_GROUPS_MAX 8
size_t bridge_options(struct bridge_settings *settings, bool routes,
                      struct option_group groups[BRIDGE_GROUPS_MAX]);

/* Checks across options, and fills in what depends on others (topics, the name, the spool's folder).
 * program is its name. False with *error when the program is used wrongly. */
bool bridge_settings_complete(struct bridge_settings *settings, const char *name, struct error *error);

/* Writes the Kafka topic of a message of that MQTT topic. False when routes lead it nowhere. Any thread. */
bool bridge_kafka_topic(const struct bridge_settings *settings, struct spool_bytes topic,
                        char name[static KAFKA_NAME_LONGEST + 1]);

/* What the spool wants to know of it. Points into settings. */
struct spool_settings bridge_spool_settings(const struct bridge_settings *settings);

#endif
