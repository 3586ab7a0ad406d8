/* One route, FILTER=TOPIC[,KEY]: an MQTT topic filter in which {name} stands for a level and # at the end for
 * the {rest}, the Kafka topic that is made of these, and the key of the records. */
#ifndef ROOMSTREAM_BRIDGE_ROUTES_ROUTE_H
#define ROOMSTREAM_BRIDGE_ROUTES_ROUTE_H

#include "core/error.h"
#include "core/json_find.h"
#include "kafka_name.h"
#include "name_template.h"

enum { ROUTE_NAMES = 16, ROUTE_LEVELS = 128 }; /* at most */

/* Where the key of a record comes from. */
enum kafka_key {
    KAFKA_KEY_PROPERTY, /* the MQTT user property 'key', else the MQTT topic */
    KAFKA_KEY_TOPIC,
    KAFKA_KEY_NONE,
    KAFKA_KEY_TEMPLATE,
    KAFKA_KEY_JSON, /* a JSON pointer into the payload; where it finds nothing, the MQTT topic */
};

struct key_rule {
    enum kafka_key kind;
    struct name_template template;
    struct pointer pointer;
};

struct route {
    char *text;   /* as given */
    char *filter; /* of MQTT */
    struct text_list names;
    size_t levels[ROUTE_NAMES]; /* of the names, from 0 */
    size_t rest;                /* the number of the name {rest}, or TEMPLATE_NO_NAME */
    struct name_template topic;
    bool has_key; /* of its own */
    struct key_rule key;
};

/* Parses a route. False with *error, which quotes it. route_free also where it failed. */
bool route_parse(const char *text, struct route *route, struct error *error);
void route_free(struct route *route);

/* Parses a key: property, topic, none, json:POINTER, or a template with some of these names. False with
 * *error, without the key. key_rule_free also where it failed. */
bool key_rule_parse(const char *text, const struct text_list *names, struct key_rule *rule,
                    struct error *error);
void key_rule_free(struct key_rule *rule);

/* The Kafka topic of a message whose MQTT topic the filter matches. False with *error: there is none, and
 * why. */
bool route_name(const struct route *route, struct spool_bytes topic, char name[static KAFKA_NAME_LONGEST + 1],
                struct error *error);

/* The key of a message by a rule; it is empty for NONE, the topic for PROPERTY and where a pointer finds
 * nothing. It points into the buffer or the message. `route` may be NULL where the rule has no names. */
struct spool_bytes key_rule_apply(const struct key_rule *rule, const struct route *route,
                                  struct spool_bytes topic, struct spool_bytes payload,
                                  struct text_buffer *buffer);

#endif
