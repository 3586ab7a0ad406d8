/* The spool's position as Kafka keeps it (exactly_once.h). The forwarder's thread. */
#ifndef ROOMSTREAM_BRIDGE_OUT_POSITION_H
#define ROOMSTREAM_BRIDGE_OUT_POSITION_H

#include "core/error.h"
#include "kafka/client.h"

#include <stdbool.h>
#include <stdint.h>

struct kept_position {
    enum {
        POSITION_NONE,    /* Kafka keeps none for the group */
        POSITION_FOREIGN, /* only those of other spools */
        POSITION_OWN,
    } kind;
    uint64_t offset; /* of POSITION_OWN */
    char topic[250]; /* under whose name it is kept */
    char uuid[64];   /* of the other spool; cut where it is longer */
};

/* Asks for all positions of the group, under whatever topic's name: the highest with the spool's uuid counts,
 * since a spool's position only rises. So it is found where the topic was another one before. Waits for an
 * open transaction of an older instance to end (KIP-447). Blocks for some seconds. False with *error. */
bool position_ask(const struct kafka_settings *settings, const char *group, const char *uuid,
                  struct kept_position *position, struct error *error);

#endif
