/* MQTT topic filters: what one can subscribe to (MQTT 5 section 4.7, shared subscriptions 4.8.2). */
#ifndef ROOMSTREAM_FILTER_H
#define ROOMSTREAM_FILTER_H

#include "error.h"

#include <stdbool.h>

/* Checks a topic filter: 1 to 65535 bytes of UTF-8, wildcards only where they stand for whole levels; where
 * it begins with $share/, a group and a filter must follow. False with *error (the reason, without the
 * filter) otherwise. */
bool filter_check(const char *filter, struct error *error);

/* True when a valid filter (not a $share/ one) matches the topic name. A wildcard at its start does not match
 * a topic that begins with $. */
bool filter_matches(const char *filter, const char *topic);

#endif
