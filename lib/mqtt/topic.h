/* MQTT topic names and topic filters: what one can publish and subscribe to (MQTT 5 section 4.7, shared
 * subscriptions 4.8.2). Pure functions.
 *
 * A new rule for names or filters: in mqtt_topic_check or mqtt_filter_check, which all programs call. */
#ifndef ROOMSTREAM_MQTT_TOPIC_H
#define ROOMSTREAM_MQTT_TOPIC_H

#include "core/error.h"

#include <stdbool.h>

/* True for UTF-8 as MQTT 5 section 1.5.4 wants it. Not for control characters and noncharacters either, at
 * which a broker may end the connection, as Mosquitto does. */
bool mqtt_is_utf8(const char *text);

/* Checks a topic name: 1 to 65535 bytes of UTF-8 without wildcards. False with *error (the reason, without
 * the name) otherwise. */
bool mqtt_topic_check(const char *topic, struct error *error);

/* Checks a topic filter: 1 to 65535 bytes of UTF-8, wildcards only where they stand for whole levels; where
 * it begins with $share/, a group and a filter must follow. False with *error (the reason, without the
 * filter) otherwise. */
bool mqtt_filter_check(const char *filter, struct error *error);

/* True for a shared subscription, $share/GROUP/FILTER. */
bool mqtt_filter_is_shared(const char *filter);

/* The filter of $share/GROUP/FILTER; any other filter itself. The filter is valid. */
const char *mqtt_filter_unshared(const char *filter);

/* True when there are topic names that both valid filters (not $share/ ones) match. */
bool mqtt_filters_overlap(const char *one, const char *other);

/* True when a valid filter (not a $share/ one) matches the topic name. A wildcard at its start does not match
 * a topic that begins with $. */
bool mqtt_filter_matches(const char *filter, const char *topic);

#endif
