/* The sequence number and the node of a message, where its publisher has given it some. */
#ifndef ROOMSTREAM_SUBSCRIBE_NUMBERED_H
#define ROOMSTREAM_SUBSCRIBE_NUMBERED_H

#include "mqtt/mqtt.h"

#include <stdbool.h>
#include <stdint.h>

enum { NODE_SIZE = 64 };

struct numbered {
    uint64_t number;      /* up to INT64_MAX */
    char node[NODE_SIZE]; /* NUL-terminated; empty: none, or one that is longer */
};

/* The number is the user property `seq`, else the member `seq` of a payload that is a JSON object of at most
 * 64 KiB; the node is the user property `key`, else the member `node`. False where there is no number. Any
 * thread. */
bool numbered_read(const struct mqtt_message *message, struct numbered *numbered);

#endif
