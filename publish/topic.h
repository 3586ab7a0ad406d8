/* MQTT topic names: what a message can be published to. */
#ifndef ROOMSTREAM_TOPIC_H
#define ROOMSTREAM_TOPIC_H

#include "error.h"

/* Checks a topic name by MQTT 5 section 4.7: 1 to 65535 bytes of UTF-8 without wildcards. False with *error
 * (the reason, without the name) otherwise. */
bool topic_check(const char *topic, struct error *error);

/* True for UTF-8 as MQTT 5 section 1.5.4 wants it. */
bool topic_is_utf8(const char *text);

#endif
